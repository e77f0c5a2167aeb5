"""What changed in generated classes, read from the old and the new text of their modules: what user code
could trip over.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, TypeAlias

from .moves import Move, Place, homes_of, moved

Effect: TypeAlias = Literal[
    "removed", "renamed", "retyped", "nullable", "not nullable", "required", "symbol added", "gone", "joined"
]  # fmt: skip

_SOURCE = re.compile(r"(\S+) v(\d+) \(id \d+\)")
_HALVES = ("key", "value", "topic")  # the names of a topic's module that are about its messages
_DEPTH = 8  # of aliases in aliases


@dataclass(frozen=True)
class Affected:
    """A generated name that user code may use and that is not what it was.

    `owner` is the class, or empty where `name` is the module's own; `module` is dotted. `effect` is `gone`
    for a class or alias that is no more.
    """

    module: str
    owner: str
    name: str
    effect: Effect
    before: str = ""
    after: str = ""
    since: str = ""  # `in v4`
    was: str = ""  # what the owner was called, if it has another name now

    def __str__(self) -> str:
        owner = self.was or self.owner
        if not owner and self.effect == "retyped" and self.name in _HALVES:
            owner = self.module.rpartition(".")[2]
        title = f"{owner}.{self.name}" if owner else self.name
        return f"{title}{_WORDS[self.effect].format(self.before, self.after)} {self.since}".rstrip()


_WORDS: Mapping[Effect, str] = {
    "removed": " removed",
    "gone": " removed",
    "renamed": " renamed to {1}",
    "retyped": ": {0} -> {1}",
    "nullable": " may be None",
    "not nullable": " may not be None any more",
    "required": " is required",
    "symbol added": " added",
    "joined": " may be {1}, too,",
}


@dataclass(frozen=True)
class _Field:
    types: tuple[str, ...]  # the members of its union, sorted
    shown: str
    required: bool
    wire: str


@dataclass(frozen=True)
class _Class:
    fields: Mapping[str, _Field]
    symbols: Mapping[str, str]  # name -> wire symbol
    is_enum: bool


@dataclass(frozen=True)
class Half:
    """The key or the value of a topic: what its type may be, and how it is read."""

    types: tuple[str, ...]
    shown: str  # its type as it is written; of the topic itself its name
    serde: str  # `rt.BytesSerde`
    schemas: str = ""  # their subject, if the module says it


@dataclass(frozen=True)
class _Module:
    sources: Mapping[str, int]  # subject -> version
    classes: Mapping[str, _Class]
    aliases: Mapping[str, str]
    names: frozenset[str]
    full_names: Mapping[str, str]  # full name -> class
    value: frozenset[str]  # what the topic's value may be
    halves: Mapping[str, Half]  # of its topic: key, value, and as `topic` its name


def generated_changes(
    old: Mapping[str, str], new: Mapping[str, str], renames: Mapping[str, str] | None = None
) -> tuple[Affected, ...]:
    """What changed between two sets of generated modules, `{relative path: text}`.

    `renames` are those that only the schema knows, by aliases: `{"shop.Order.discount": "rebate"}` for a
    field, `{"shop.Line": "shop.Item"}` for a type.
    """
    known = renames or {}
    trees = [{_dotted(path): ast.parse(text) for path, text in side.items()} for side in (old, new)]
    before, after = ({_dotted(path): _read(text) for path, text in side.items()} for side in (old, new))
    moves, homes = moved(*trees), homes_of(trees[1])
    everywhere = _FullNames({**_full_names(before), **_full_names(after)})
    found: list[Affected] = []
    for name, module in before.items():
        now = _with_imported(name, module, after, homes)
        found += _module_changes(name, module, now, known, everywhere)
        found += _moves(name, module, after.get(name), moves.get(name, {}))
        if name not in after:
            package, _, last = name.rpartition(".")
            found.append(Affected(package, "", last, "gone"))
    return tuple(found)


def _with_imported(
    name: str, old: _Module, after: Mapping[str, _Module], homes: Mapping[Place, Place]
) -> _Module | None:
    """A module as it is now, with the classes that it defined before and imports since."""
    new = after.get(name)
    if new is None:
        return None
    moved_away = {c: homes[name, c] for c in old.classes if c not in new.classes and (name, c) in homes}
    classes = {c: after[module].classes[home] for c, (module, home) in moved_away.items()}
    return replace(new, classes={**new.classes, **classes})


def _moves(name: str, old: _Module, new: _Module | None, moves: Mapping[str, Move]) -> Iterator[Affected]:
    """Names and fields whose class has another home now, while it kept its name."""
    since = _since(old, new)
    for local, move in sorted(moves.items()):
        yield Affected(name, "", local, "retyped", move.before, move.after, since)
        for class_name, class_ in old.classes.items():
            now = new.classes.get(class_name) if new else None
            for field, is_ in class_.fields.items():
                same = now and field in now.fields and now.fields[field].types == is_.types
                if same and any(local in re.findall(r"\w+", type_) for type_ in is_.types):
                    yield Affected(name, class_name, field, "retyped", move.before, move.after, since)


def topic_halves(texts: Mapping[str, str]) -> dict[str, Mapping[str, Half]]:
    """The topics of generated modules: path -> `key`, `value` and `topic`."""
    found = {path: _read(text).halves for path, text in texts.items()}
    return {path: halves for path, halves in found.items() if "topic" in halves}


def _dotted(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


@dataclass(frozen=True)
class _FullNames:
    """What classes are called in schemas, in all modules."""

    classes: Mapping[str, str]  # full name -> class

    def of(self, class_name: str) -> Sequence[str]:
        """The full names that a class has."""
        return self._by_class.get(class_name, [])

    @cached_property
    def _by_class(self) -> Mapping[str, list[str]]:
        found: dict[str, list[str]] = {}
        for full, name in self.classes.items():
            found.setdefault(name, []).append(full)
        return found


def _full_names(modules: Mapping[str, _Module]) -> dict[str, str]:
    return {full: name for module in modules.values() for full, name in module.full_names.items()}


def _module_changes(
    name: str, old: _Module, new: _Module | None, renames: Mapping[str, str], full_names: _FullNames
) -> Iterator[Affected]:
    since = _since(old, new)
    for alias, text in old.aliases.items():
        if new and alias in new.aliases and new.aliases[alias] != text:
            yield Affected(name, "", alias, "retyped", text, new.aliases[alias], since)
    later = {gone: _renamed(gone, old, renames, full_names) for gone in sorted(old.names)}
    for gone in sorted(old.names - (new.names if new else frozenset())):
        yield Affected(name, "", gone, "renamed" if later[gone] else "gone", gone, later[gone], since)
    if new:
        yield from _half_changes(name, old, new, later, since)
        for joined in sorted(new.value - old.value - {"None", *later.values()}):
            yield Affected(name, "", "value", "joined", "", joined, since)
        for class_name in old.classes:
            yield from _same_class(name, class_name, later[class_name], old, new, renames, full_names, since)


def _half_changes(
    name: str, old: _Module, new: _Module, later: Mapping[str, str], since: str
) -> Iterator[Affected]:
    """Another type or framing of key or value, another topic under the same name. What joins a value, and
    what changes inside of classes, is named by itself.
    """
    for half in sorted(old.halves.keys() & new.halves.keys()):
        was, now = old.halves[half], new.halves[half]
        before = {later.get(t) or t for t in was.types}
        changed = before ^ set(now.types)
        if half == "value":
            changed -= {*old.names, *new.names}
        if changed or was.serde != now.serde or (half == "topic" and was != now):
            yield Affected(name, "", half, "retyped", was.shown, now.shown, since)


def _renamed(gone: str, old: _Module, renames: Mapping[str, str], full_names: _FullNames) -> str:
    """What a class is called now; empty where it is no more."""
    full = _full_name(gone, old.full_names) or next(iter(full_names.of(gone)), "")
    return full_names.classes.get(renames.get(full, ""), "")


def _same_class(
    module: str,
    name: str,
    later: str,
    old: _Module,
    new: _Module,
    renames: Mapping[str, str],
    full_names: _FullNames,
    since: str,
) -> Iterator[Affected]:
    """What changed in a class. Merged code has its new name, other code the old one."""
    now = name if name in new.classes else later
    if now in new.classes:
        full = {_full_name(name, old.full_names), _full_name(now, new.full_names)} - {""}
        known = full_names.of(name)  # a module without a topic names none itself
        full = full or {*(known if len(known) == 1 else ())}
        own = {k.rpartition(".")[2]: v for k, v in renames.items() if k.rpartition(".")[0] in full}
        for change in _class_changes(module, name, old.classes[name], new.classes[now], own, since):
            yield change
            if now != name:
                yield replace(change, owner=now, was=name)
    elif name in old.value and name not in new.names:
        # Merged code says what the value is now: the class is not named there any more, its fields are used.
        for field, is_ in old.classes[name].fields.items():
            yield Affected(module, name, field, "removed", is_.shown, "", since)


def _full_name(class_name: str, full_names: Mapping[str, str]) -> str:
    return next((full for full, name in full_names.items() if name == class_name), "")


def _since(old: _Module, new: _Module | None) -> str:
    later = {s: v for s, v in new.sources.items() if old.sources.get(s) != v} if new else {}
    if len(later) == 1:
        return f"in v{next(iter(later.values()))}"
    return "in " + ", ".join(f"{s} v{v}" for s, v in later.items()) if later else ""


def _class_changes(
    module: str, owner: str, old: _Class, new: _Class, renames: Mapping[str, str], since: str
) -> Iterator[Affected]:
    by_wire = {field.wire: name for name, field in new.fields.items()}
    for name, field in old.fields.items():
        later = by_wire.get(renames.get(field.wire, field.wire), "")
        if later not in ("", name):  # also where another field has the name now
            yield Affected(module, owner, name, "renamed", name, later, since)
        elif name in new.fields:
            yield from _field_changes(module, owner, name, field, new.fields[name], since)
        else:
            yield Affected(module, owner, name, "removed", field.shown, "", since)
    taken = {by_wire.get(renames.get(f.wire, f.wire)) for f in old.fields.values()}
    for name, field in new.fields.items():
        if field.required and name not in taken and name not in old.fields:
            yield Affected(module, owner, name, "required", "", field.shown, since)
    yield from _symbol_changes(module, owner, old, new, since)


def _field_changes(
    module: str, owner: str, name: str, old: _Field, new: _Field, since: str
) -> Iterator[Affected]:
    if set(old.types) != set(new.types):
        effect: Effect = "retyped"
        if set(old.types) ^ set(new.types) == {"None"}:
            effect = "nullable" if "None" in new.types else "not nullable"
        shown = (old.shown, new.shown)
        if old.shown == new.shown:  # an alias that changed
            shown = (" | ".join(old.types), " | ".join(new.types))
        yield Affected(module, owner, name, effect, *shown, since)
    if new.required and not old.required:
        yield Affected(module, owner, name, "required", "", new.shown, since)


def _symbol_changes(module: str, owner: str, old: _Class, new: _Class, since: str) -> Iterator[Affected]:
    for name, wire in old.symbols.items():
        if name not in new.symbols:
            yield Affected(module, owner, name, "removed", wire, "", since)
    for name, wire in new.symbols.items():
        if name not in old.symbols and new.is_enum and old.is_enum:
            yield Affected(module, owner, name, "symbol added", "", wire, since)


# ---------------------------------------------------------------------- reading


def _read(text: str) -> _Module:
    tree = ast.parse(text)
    aliases = dict(_aliases(tree))
    classes = {n.name: _class(n, aliases) for n in tree.body if isinstance(n, ast.ClassDef)}
    sources = {subject: int(version) for subject, version in _SOURCE.findall(text.partition("\n")[0])}
    shown = {name: ast.unparse(node) for name, node in aliases.items() if not name.startswith("_")}
    value = frozenset(_value(tree, aliases))
    names, mapped = frozenset(_public(tree)), dict(_mapped(tree))
    return _Module(sources, classes, shown, names, mapped, value, dict(_halves(tree, aliases)))


def _halves(tree: ast.Module, aliases: Mapping[str, ast.expr]) -> Iterator[tuple[str, Half]]:
    for node in tree.body:
        value = node.value if isinstance(node, (ast.Assign, ast.AnnAssign)) else None
        if not isinstance(value, ast.Call):
            continue
        if isinstance(node, ast.AnnAssign) and isinstance(node.annotation, ast.Subscript):
            types = tuple(sorted(set(_members(node.annotation.slice, aliases, _DEPTH))))
            shown = ast.unparse(node.annotation.slice)
            texts = (n for a in value.args[:1] for n in ast.walk(a) if isinstance(n, ast.Constant))
            schemas = next((n.value for n in texts if isinstance(n.value, str)), "")
            yield ast.unparse(node.target), Half(types, shown, ast.unparse(value.func), schemas)
        elif isinstance(node, ast.Assign) and ast.unparse(value.func) == "rt.Topic" and value.args:
            yield "topic", Half((), str(ast.literal_eval(value.args[0])), "rt.Topic")


def _value(tree: ast.Module, aliases: Mapping[str, ast.expr]) -> Iterator[str]:
    """The members of the value's type."""
    for node in tree.body:
        declared = isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "value" and node.annotation
        if isinstance(declared, ast.Subscript):
            yield from _members(declared.slice, aliases, _DEPTH)


def _public(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            yield node.targets[0].id
        elif isinstance(node, ast.ImportFrom) and node.level:
            yield from (alias.asname or alias.name for alias in node.names if alias.name != "_schemas")


def _aliases(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    """Type aliases, and other names for classes."""
    for node in tree.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
            if ast.unparse(node.annotation) == "TypeAlias":
                yield node.target.id, node.value
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Name):
            yield ast.unparse(node.targets[0]), node.value


def _mapped(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Full names and classes, as the serdes have them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "rt.AvroSerde" and len(node.args) > 1:
            classes = node.args[1]
            if isinstance(classes, ast.Dict):
                for key, value in zip(classes.keys, classes.values):
                    if isinstance(key, ast.Constant) and isinstance(value, ast.Name):
                        yield str(key.value), value.id


def _class(node: ast.ClassDef, aliases: Mapping[str, ast.expr]) -> _Class:
    is_enum = any(ast.unparse(base) == "Enum" for base in node.bases)
    fields, symbols = {}, {}
    for item in node.body:
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
            fields[item.target.id] = _field(item.target.id, item, aliases)
        elif is_enum and isinstance(item, ast.Assign) and isinstance(item.targets[0], ast.Name):
            symbols[item.targets[0].id] = str(ast.literal_eval(item.value))
    return _Class(fields, symbols, is_enum)


def _field(name: str, node: ast.AnnAssign, aliases: Mapping[str, ast.expr]) -> _Field:
    types = tuple(sorted(set(_members(node.annotation, aliases, _DEPTH))))
    keywords = node.value.keywords if isinstance(node.value, ast.Call) else []
    given = {k.arg: k.value for k in keywords}
    is_field = isinstance(node.value, ast.Call) and ast.unparse(node.value.func) == "field"
    required = node.value is None or (is_field and not given.keys() & {"default", "default_factory"})
    metadata = ast.literal_eval(given["metadata"]) if is_field and "metadata" in given else {}
    return _Field(types, ast.unparse(node.annotation), required, str(metadata.get("avro", name)))


def _members(node: ast.expr, aliases: Mapping[str, ast.expr], depth: int) -> Iterator[str]:
    """The members of a union, aliases opened."""
    if isinstance(node, ast.BinOp):
        yield from _members(node.left, aliases, depth)
        yield from _members(node.right, aliases, depth)
    elif isinstance(node, ast.Name) and node.id in aliases and depth:
        yield from _members(aliases[node.id], aliases, depth - 1)
    elif isinstance(node, ast.Subscript) and depth:
        inner = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        parts = (" | ".join(sorted(set(_members(i, aliases, depth - 1)))) for i in inner)
        yield f"{ast.unparse(node.value)}[{', '.join(parts)}]"
    else:
        yield ast.unparse(node)

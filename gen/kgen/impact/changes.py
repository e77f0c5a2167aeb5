"""What changed between two sets of generated modules: what user code could trip over."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, TypeAlias

from .moves import Move, defined_in, moved
from .outlines import ClassOutline, FieldOutline, ModuleOutline, Outlines, Place

Effect: TypeAlias = Literal[
    "removed", "renamed", "retyped", "nullable", "not nullable", "required", "symbol added", "gone", "joined"
]  # fmt: skip

_HALVES = ("key", "value", "topic")  # the names of a topic's module that are about its messages


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


def generated_changes(
    old: Outlines, new: Outlines, renames: Mapping[str, str] | None = None
) -> tuple[Affected, ...]:
    """What changed between two sets of generated modules.

    `renames` are those that only the schema knows, by aliases: `{"shop.Order.discount": "rebate"}` for a
    field, `{"shop.Line": "shop.Item"}` for a type.
    """
    known = renames or {}
    before, after = ({_dotted(path): outline for path, outline in side.items()} for side in (old, new))
    moves, places = moved(before, after), defined_in(after)
    everywhere = _FullNames({**_full_names(before), **_full_names(after)})
    found: list[Affected] = []
    for name, module in before.items():
        now = _with_imported(name, module, after, places)
        found += _module_changes(name, module, now, known, everywhere)
        found += _moves(name, module, after.get(name), moves.get(name, {}))
        if name not in after:
            package, _, last = name.rpartition(".")
            found.append(Affected(package, "", last, "gone"))
    return tuple(found)


def _with_imported(
    name: str, old: ModuleOutline, after: Outlines, places: Mapping[Place, Place]
) -> ModuleOutline | None:
    """A module as it is now, with the classes that it defined before and imports since."""
    new = after.get(name)
    if new is None:
        return None
    moved_away = {c: places[name, c] for c in old.classes if c not in new.classes and (name, c) in places}
    classes = {c: after[module].classes[its] for c, (module, its) in moved_away.items()}
    return replace(new, classes={**new.classes, **classes})


def _moves(
    name: str, old: ModuleOutline, new: ModuleOutline | None, moves: Mapping[str, Move]
) -> Iterator[Affected]:
    """Names and fields whose class is defined elsewhere now, while it kept its name."""
    since = _since(old, new)
    for local, move in sorted(moves.items()):
        yield Affected(name, "", local, "retyped", move.before, move.after, since)
        for class_name, class_ in old.classes.items():
            now = new.classes.get(class_name) if new else None
            for field, is_ in class_.fields.items():
                same = now and field in now.fields and now.fields[field].types == is_.types
                if same and any(local in re.findall(r"\w+", type_) for type_ in is_.types):
                    yield Affected(name, class_name, field, "retyped", move.before, move.after, since)


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


def _full_names(modules: Outlines) -> dict[str, str]:
    return {
        full: name for module in modules.values() for name, full in reversed([*module.full_names.items()])
    }


def _module_changes(
    name: str,
    old: ModuleOutline,
    new: ModuleOutline | None,
    renames: Mapping[str, str],
    full_names: _FullNames,
) -> Iterator[Affected]:
    since = _since(old, new)
    for alias, text in old.aliases.items():
        if new and alias in new.aliases and new.aliases[alias] != text:
            yield Affected(name, "", alias, "retyped", text, new.aliases[alias], since)
    later = {gone: _renamed(gone, old, new, renames, full_names) for gone in sorted(old.names)}
    for gone in sorted(old.names - (new.names if new else frozenset())):
        yield Affected(name, "", gone, "renamed" if later[gone] else "gone", gone, later[gone], since)
    if new:
        yield from _half_changes(name, old, new, later, since)
        for joined in sorted(new.value - old.value - {"None", *later.values()}):
            yield Affected(name, "", "value", "joined", "", joined, since)
        for class_name in old.classes:
            yield from _same_class(name, class_name, later[class_name], old, new, renames, full_names, since)


def _half_changes(
    name: str, old: ModuleOutline, new: ModuleOutline, later: Mapping[str, str], since: str
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


def _renamed(
    gone: str,
    old: ModuleOutline,
    new: ModuleOutline | None,
    renames: Mapping[str, str],
    full_names: _FullNames,
) -> str:
    """What a class is called now, in its module or else in any; empty where it is no more."""
    full = old.full_names.get(gone) or next(iter(full_names.of(gone)), "")
    later = renames.get(full, "")
    return (new.class_of(later) if new else "") or full_names.classes.get(later, "")


def _same_class(
    module: str,
    name: str,
    later: str,
    old: ModuleOutline,
    new: ModuleOutline,
    renames: Mapping[str, str],
    full_names: _FullNames,
    since: str,
) -> Iterator[Affected]:
    """What changed in a class. Merged code has its new name, other code the old one."""
    now = name if name in new.classes else later
    if now in new.classes:
        full = {old.full_names.get(name, ""), new.full_names.get(now, "")} - {""}
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


def _since(old: ModuleOutline, new: ModuleOutline | None) -> str:
    later = {s: v for s, v in new.sources.items() if old.sources.get(s) != v} if new else {}
    if len(later) == 1:
        return f"in v{next(iter(later.values()))}"
    return "in " + ", ".join(f"{s} v{v}" for s, v in later.items()) if later else ""


def _class_changes(
    module: str, owner: str, old: ClassOutline, new: ClassOutline, renames: Mapping[str, str], since: str
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
    yield from _symbol_changes(module, owner, old, new, renames, since)


def _field_changes(
    module: str, owner: str, name: str, old: FieldOutline, new: FieldOutline, since: str
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


def _symbol_changes(
    module: str, owner: str, old: ClassOutline, new: ClassOutline, renames: Mapping[str, str], since: str
) -> Iterator[Affected]:
    by_wire = {wire: name for name, wire in new.symbols.items()}
    later = {name: by_wire.get(renames.get(wire, wire), "") for name, wire in old.symbols.items()}
    for name, wire in old.symbols.items():
        if name not in new.symbols and later[name]:
            yield Affected(module, owner, name, "renamed", name, later[name], since)
        elif name not in new.symbols:
            yield Affected(module, owner, name, "removed", wire, "", since)
    for name, wire in new.symbols.items():
        if name not in old.symbols and name not in later.values() and new.is_enum and old.is_enum:
            yield Affected(module, owner, name, "symbol added", "", wire, since)

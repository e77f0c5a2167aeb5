"""Names that the user changed, found by what carries them and changed alike in the old and the new render
before the merge; and names that the new render changed in what the user wrote on.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from .hints import quoted_names
from .match import Matches, match
from .match_cases import stays_own
from .parsed_source import ParsedSource
from .units import DEFS, Block, Unit, body_block, module_block

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
Renames = dict[str, str]
Thing: TypeAlias = tuple[int, str | None, str]  # what is imported: dots, module, name


def carry(base: ParsedSource, ours: ParsedSource, theirs: ParsedSource) -> tuple[ParsedSource, ParsedSource]:
    """The old render and the user's file with the names that the new render gives to imported modules: every
    use follows, those that the user added too.
    """
    before, after = (_from_imports(s) for s in (base, theirs))
    for thing, new in _renamed_imports(before, after).items():
        old, sources = before[thing], (base, ours)
        if not any(new in _other_names(s, thing) or _rebound(s, old) for s in sources):
            base, ours = (_imported_as(s, thing, old, new) for s in sources)
    return base, ours


def _other_names(source: ParsedSource, thing: Thing) -> set[str]:
    """The names in a file, less those of what comes from the place that a thing comes from."""
    own = {name for other, name in _from_imports(source).items() if other[:2] == thing[:2]}
    return _names(source.tree) - own


def _from_imports(source: ParsedSource) -> dict[Thing, str]:
    """What a file imports from packages, with the names that stand for it."""
    found = dict(pair for unit in module_block(source).units for pair in _imported(unit))
    return {thing: name for thing, name in found.items() if name == thing[2]}


def _renamed_imports(before: Mapping[Thing, str], after: Mapping[Thing, str]) -> dict[Thing, str]:
    """The one thing of a package that is imported no more, if one other thing of it is now."""
    gone, new = ([t for t in some if t not in other] for some, other in ((before, after), (after, before)))
    return {
        thing: after[later[0]]
        for thing in gone
        if thing[0]  # of this project
        and len(later := [t for t in new if t[:2] == thing[:2]]) == 1
        and len([t for t in gone if t[:2] == thing[:2]]) == 1
    }


def _rebound(source: ParsedSource, name: str) -> bool:
    """Whether a name stands for something else, too."""
    return any(
        _name(node) == name and not isinstance(getattr(node, "ctx", None), ast.Load)
        for node in ast.walk(source.tree)
    )


def _imported_as(source: ParsedSource, thing: Thing, old: str, new: str) -> ParsedSource:
    """The text with another name for what it imports: if it is imported and, without an `as`, used."""
    edits: dict[int, tuple[int, str]] = {}
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.ImportFrom) or (node.level, node.module) != thing[:2]:
            continue
        for alias in (a for a in node.names if a.name == old):
            edits[source.span(alias)[0]] = len(old), new
            if not alias.asname:
                _rename(source, source.tree, {old: new}, edits)
                edits |= {n: (len(old), new) for n in quoted_names(source.tree, old, source)}
    return _applied(source, edits)


def follow(base: ParsedSource, ours: ParsedSource, theirs: ParsedSource) -> tuple[ParsedSource, ParsedSource]:
    """The old and the new render with the names that the user gave."""
    edits: tuple[dict[int, tuple[int, str]], ...] = ({}, {})
    blocks = [module_block(s) for s in (base, ours, theirs)]
    for b, t, renames in _scopes(*blocks):
        for source, node, found in ((base, b, edits[0]), (theirs, t, edits[1])):
            _rename(source, node, renames, found)
    return _applied(base, edits[0]), _applied(theirs, edits[1])


def keep(
    rendered: ParsedSource, base: ParsedSource, ours: ParsedSource, theirs: ParsedSource
) -> ParsedSource:
    """The new render with the names that the old one had, in functions that the user changed: what the user
    wrote there uses them. `base` is the old render, `rendered`, with the user's names.
    """
    edits: dict[int, tuple[int, str]] = {}
    b, o, t = (module_block(s) for s in (base, ours, theirs))
    to_ours, to_theirs = match(b.units, o.units, inside=True), match(b.units, t.units)
    for before, unit in zip(module_block(rendered).units, b.units):
        own, new = to_ours.get(unit), to_theirs.get(unit)
        if (
            own
            and new
            and (before.meaning != own.meaning or stays_own(unit, own, new))
            and isinstance(unit.node, DEFS)
            and isinstance(new.node, DEFS)
        ):
            pairs = {v: k for k, v in _function_pairs(unit, new).items()}
            _rename(theirs, new.node, _free(pairs, [unit.node, own.node], [new.node]), edits)
    return _applied(theirs, edits)


def _scopes(b: Block, o: Block, t: Block) -> Iterator[tuple[ast.AST, ast.AST, Renames]]:
    """The file and its functions, each with what was renamed in it."""
    to_ours, to_theirs = match(b.units, o.units, inside=True), match(b.units, t.units)
    trees = b.source.tree, o.source.tree, t.source.tree
    imported = _free(dict(_import_pairs(b, o)), [], [trees[0], trees[2]])
    yield trees[0], trees[2], {**_valid(dict(_named_pairs(to_ours)), *trees), **imported}
    for unit, own in to_ours.items():
        new = to_theirs.get(unit)
        if new and isinstance(unit.node, DEFS) and isinstance(own.node, DEFS):
            yield unit.node, new.node, _valid(_function_pairs(unit, own), unit.node, own.node, new.node)


def _function_pairs(unit: Unit, other: Unit) -> Renames:
    """The names that a function has in one version and in another."""
    return {**dict(_parameters(unit.node, other.node)), **dict(_body_pairs(unit, other))}


def _body_pairs(unit: Unit, own: Unit) -> Iterator[tuple[str, str]]:
    old, new = body_block(unit), body_block(own)
    if old and new:
        yield from _named_pairs(match(old.units, new.units, inside=True))


def _named_pairs(matches: Matches) -> Iterator[tuple[str, str]]:
    for unit, own in matches.items():
        yield from zip(_targets(unit.node), _targets(own.node))


def _import_pairs(b: Block, o: Block) -> Iterator[tuple[str, str]]:
    """What the user imports under another name: the statement itself is merged as an import."""
    own = [pair for unit in o.units for pair in _imported(unit)]
    names = dict(own)
    for unit in b.units:
        for thing, name in _imported(unit):
            if thing in names and (thing, name) not in own:
                yield name, names[thing]


def _imported(unit: Unit) -> Iterator[tuple[Thing, str]]:
    """What a statement imports, and the name that stands for it."""
    node = unit.node
    if isinstance(node, ast.ImportFrom):
        yield from (((node.level, node.module, a.name), a.asname or a.name) for a in node.names)
    elif isinstance(node, ast.Import):  # of `import a.b`, the name stands for `a`
        yield from (
            ((0, None, a.name), a.asname or a.name) for a in node.names if a.asname or "." not in a.name
        )


def _targets(node: ast.stmt) -> Sequence[str]:
    if isinstance(node, DEFS):
        return (node.name,)
    if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
        return (node.targets[0].id,)
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return (node.target.id,)
    return ()


def _parameters(old: ast.stmt, new: ast.stmt) -> Iterator[tuple[str, str]]:
    """By their places; if the user added some, those of one type are one."""
    if not (isinstance(old, _FUNCTIONS) and isinstance(new, _FUNCTIONS)):
        return
    before = [*old.args.posonlyargs, *old.args.args]
    after = [a for a in (*new.args.posonlyargs, *new.args.args) if a.arg not in ("self", "cls")]
    if len(before) == len(after):
        yield from zip((a.arg for a in before), (a.arg for a in after))
        return
    known = {a.arg for a in before} & {a.arg for a in after}
    types = {ast.dump(a.annotation): a.arg for a in after if a.annotation and a.arg not in known}
    for parameter in (a for a in before if a.annotation and a.arg not in known):
        if name := types.pop(ast.dump(parameter.annotation), None):  # type: ignore[arg-type]
            yield parameter.arg, name


def _valid(pairs: Mapping[str, str], b: ast.AST, o: ast.AST, t: ast.AST) -> Renames:
    """A name counts as renamed where the user has it nowhere any more and the new one is not another thing's.
    The new render may have come to the user's name by itself.
    """
    found = _free(pairs, [o], [b])
    taken = _names(t) if found else set()
    return {old: new for old, new in found.items() if new not in taken or old not in taken}


def _free(
    pairs: Mapping[str, str], without_old: Sequence[ast.AST], without_new: Sequence[ast.AST]
) -> Renames:
    changed = {old: new for old, new in pairs.items() if old != new}
    if not changed:
        return {}
    own, others = ({n for tree in trees for n in _names(tree)} for trees in (without_old, without_new))
    return {old: new for old, new in changed.items() if old not in own and new not in others}


def _names(node: ast.AST) -> set[str]:
    return {name for child in ast.walk(node) for name in (_name(child), _import_name(child)) if name}


def _name(node: ast.AST) -> str | None:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.arg):
        return node.arg
    return node.name if isinstance(node, DEFS) else None


def _import_name(node: ast.AST) -> str | None:
    return (node.asname or node.name) if isinstance(node, ast.alias) else None


def _rename(
    source: ParsedSource, scope: ast.AST, renames: Renames, found: dict[int, tuple[int, str]]
) -> None:
    for node in ast.walk(scope) if renames else ():
        if (name := _name(node)) in renames and node is not scope:
            place = _place(source, node, name or "")
            if place is not None:
                found.setdefault(place, (len(name or ""), renames[name or ""]))


def _place(source: ParsedSource, node: ast.AST, name: str) -> int | None:
    """Where the name of a node stands; None inside f-strings of Pythons that do not say."""
    start, end = source.span(node)
    if isinstance(node, DEFS):
        tokens = source.tokens_between(start, end)
        return next((t.start for t in tokens if t.string == name), None)
    return start if source.text.startswith(name, start) else None


def _applied(source: ParsedSource, edits: Mapping[int, tuple[int, str]]) -> ParsedSource:
    if not edits:
        return source
    text = source.text
    for place in sorted(edits, reverse=True):
        length, name = edits[place]
        text = text[:place] + name + text[place + length :]
    return ParsedSource(text)

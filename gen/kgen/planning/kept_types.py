"""What becomes of kept objects of the types that a pull changes, as the runner will see them at start."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from kgen_runtime.codec.avro.schema.tree import Fixed, Ref, Schema
from kgen_runtime.codec.json.schema.json_tree import JsonSchema

from ..compat.change_kinds import Change
from ..compat.levels import unreadable
from ..compat.subject_diff import SchemaChange
from ..model.json_places import JsonNames
from ..model.pairing import short, type_pairs
from ..model.trees import AnySchema

# A default that changes is not among them: what was kept has the value it was written or first read with.
_MATTER = frozenset(
    {
        *("type removed", "type renamed", "type moved", "type replaced", "size", "logical type", "root"),
        *("field added", "field removed", "field renamed", "field retyped", "field nullable"),
        *("field not nullable", "symbol added", "symbol removed", "symbol renamed"),
        *("field number", "symbol number", "oneof", "oneof added", "oneof removed", "enum openness"),
    }
)
_READ = "changes: it is read as old messages are"
_PLAIN = "changes: what was kept of it stays as it is"
_BY_NAME = "changes: what was kept of it has what is still there, and defaults for the rest"
_AS_IT_WAS = "changes: what was kept of it is loaded as it was, without what came since"
_NOT_FOUND = "is gone: the run ends at one that was kept"
_GONE = "is gone: the flow will not start with one that was kept by itself"


def fates(
    change: SchemaChange, present: Collection[str], *, pydantic: bool = False
) -> Iterator[tuple[str, str]]:
    """Each type that is read otherwise now, by the short name that its class has in most schemas, and what
    becomes of what was kept of it. `present` are the full names of all types that have classes now.
    """
    if change.schemas is None:
        return
    old, new = change.schemas
    if not isinstance(old, Schema) or not isinstance(new, Schema):
        yield from _plain_fates(change, old, new, pydantic=pydantic and isinstance(new, JsonSchema))
        return
    back = {after: before for before, after in type_pairs(old, new).items()}
    near = {short(name) for name in new.names}  # in another subject a short name says nothing
    for name in sorted({c.owner for c in change.changes if c.kind in _MATTER}):
        if not name:
            yield "the value", _PLAIN
        elif name in back:
            yield short(name), _fate(Schema(Ref(back[name]), old.names), Schema(Ref(name), new.names))
        elif not isinstance(old.names.get(name), Fixed):  # whose values are bytes
            yield short(name), _READ if name in present or short(name) in near else _GONE


def _plain_fates(
    change: SchemaChange, old: AnySchema, new: AnySchema, *, pydantic: bool
) -> Iterator[tuple[str, str]]:
    """Of types of JSON Schemas, and of a subject whose schemas changed their language."""
    names = [JsonNames(it, "the value") if isinstance(it, JsonSchema) else None for it in (new, old)]
    for place in sorted({c.owner for c in change.changes if c.kind in _MATTER}):
        known = (it.natural(place) for it in names if it is not None and place in it.schema.names)
        fate = _BY_NAME if place else _PLAIN
        if place and pydantic:
            fate = _AS_IT_WAS if place in new.names else _NOT_FOUND
        yield next(known, "the value"), fate


def matter(changes: Iterable[Change]) -> bool:
    """Whether any type is read otherwise now."""
    return any(change.kind in _MATTER for change in changes)


def _fate(old: Schema, new: Schema) -> str:
    found = unreadable(old, new)
    if not found:
        return _READ
    worst = next((problem for problem in found if problem.always), found[0])
    why = f"{worst.path}: {worst.message}" if worst.path else worst.message
    if worst.always:
        return f"changes: what was kept cannot be read, and the flow will not start with it ({why})"
    return f"changes: what was kept may not be readable, and the flow will not start with that ({why})"

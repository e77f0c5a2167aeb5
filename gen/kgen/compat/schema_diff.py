"""What changed in meaning between two versions of a schema, down to docs and order.

Types and fields are followed through renames by their aliases; types also through a change of namespace.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from kgen_runtime.codec.avro.resolution.resolve import field_sources
from kgen_runtime.codec.avro.schema.tree import (
    NO_DEFAULT,
    Array,
    Enum,
    Field,
    Fixed,
    Logical,
    Map,
    Named,
    Node,
    Primitive,
    Record,
    Ref,
    Schema,
    Union,
)
from kgen_runtime.codec.json.schema.json_tree import JsonSchema

from ..model.pairing import avro_type_pairs, short
from ..model.trees import AnySchema, language
from ..protobuf.proto_model import ProtoModel
from .change_kinds import Change, Kind, described
from .json_diff import JsonDiff
from .proto_diff import ProtoDiff


def schema_diff(old: AnySchema, new: AnySchema) -> tuple[Change, ...]:
    """What changed, in the order of the new schema; what is gone comes last, of a type and of all."""
    if isinstance(old, JsonSchema) and isinstance(new, JsonSchema):
        return tuple(map(described, JsonDiff(old, new).changes()))
    if isinstance(old, Schema) and isinstance(new, Schema):
        return tuple(map(described, _Diff(old, new).changes()))
    if isinstance(old, ProtoModel) and isinstance(new, ProtoModel):
        return tuple(map(described, ProtoDiff(old, new).changes()))
    return (described(Change("root", "", language(old), language(new))),)


class _Diff:
    def __init__(self, old: Schema, new: Schema) -> None:
        self.old, self.new = old, new
        self.pairs = avro_type_pairs(old, new)  # old full name -> new full name

    def changes(self) -> Iterator[Change]:
        back = {new: old for old, new in self.pairs.items()}
        if self._text(self.old.root, old=True) != self._text(self.new.root):
            yield Change("root", "", type_text(self.old.root), type_text(self.new.root))
        for name, type_ in self.new.names.items():
            if name in back:
                found = self._type(self.old.names[back[name]], type_)
                yield from (replace(change, owner=name) for change in found)
            else:
                yield Change("type added", name, None, _sort(type_), owner=name)
        for name, gone in self.old.names.items():
            if name not in self.pairs:
                yield Change("type removed", name, _sort(gone), owner=name)

    def _type(self, old: Named, new: Named) -> Iterator[Change]:
        if old.name != new.name:
            moved = short(old.name) == short(new.name)
            yield Change("type moved" if moved else "type renamed", new.name, old.name, new.name)
        if type(old) is not type(new):
            yield Change("type replaced", new.name, _sort(old), _sort(new))
            return
        yield from _attributes(new.name, old, new)
        if isinstance(old, Record) and isinstance(new, Record):
            yield from self._fields(old, new)
        elif isinstance(old, Enum) and isinstance(new, Enum):
            yield from _symbols(old, new)
        elif isinstance(old, Fixed) and isinstance(new, Fixed):
            yield from _fixed(old, new)

    def _fields(self, old: Record, new: Record) -> Iterator[Change]:
        pairs = dict(_field_pairs(old, new))
        back = {after: before for before, after in pairs.items()}
        before = {f.name: f for f in old.fields}
        for field in new.fields:
            path = f"{new.name}.{field.name}"
            if field.name in back:
                yield from self._field(path, before[back[field.name]], field)
            else:
                yield Change("field added", path, None, _declared(field))
        for field in old.fields:
            if field.name not in pairs:
                yield Change("field removed", f"{new.name}.{field.name}", type_text(field.type))
        kept = [pairs[f.name] for f in old.fields if f.name in pairs]
        now = [f.name for f in new.fields if f.name in back]
        if kept != now:
            yield Change("fields reordered", new.name, kept, now)

    def _field(self, path: str, old: Field, new: Field) -> Iterator[Change]:
        if isinstance(old.type, Primitive) and old.default is NO_DEFAULT and old == new:
            return  # most fields of most versions
        if old.name != new.name:
            yield Change("field renamed", path, old.name, new.name)
        if self._text(old.type, old=True) != self._text(new.type):
            yield Change(self._retyped(old.type, new.type), path, type_text(old.type), type_text(new.type))
        if _json(old.default) != _json(new.default):
            yield Change("default", path, _json(old.default), _json(new.default))
        yield from _attributes(path, old, new)
        if old.order != new.order:
            yield Change("sort order", path, old.order, new.order)

    def _retyped(self, old: Node, new: Node) -> Kind:
        before, after = self._text(old, old=True), self._text(new)
        if _with_null(old) != _with_null(new) and self._rest(old, old=True) == self._rest(new):
            return "field nullable" if _with_null(new) else "field not nullable"
        if self._text(_bare(old), old=True) == self._text(_bare(new)) and before != after:
            return "logical type"
        return "field retyped"

    def _rest(self, node: Node, *, old: bool = False) -> list[str]:
        branches = node.branches if isinstance(node, Union) else (node,)
        return sorted(self._text(b, old=old) for b in branches if b != Primitive("null"))

    def _text(self, node: Node, *, old: bool = False) -> str:
        """A type as text, with the names that types have now."""
        return type_text(node, self.pairs if old else {})


def type_text(node: Node, names: Mapping[str, str] | None = None) -> str:
    """A type on one line: `null | array<shop.Line>`, `bytes (decimal 12, 2)`."""
    if isinstance(node, Union):
        return " | ".join(type_text(b, names) for b in node.branches) or "(empty union)"
    if isinstance(node, Array):
        return f"array<{type_text(node.items, names)}>"
    if isinstance(node, Map):
        return f"map<{type_text(node.values, names)}>"
    if isinstance(node, Ref):
        return (names or {}).get(node.name, node.name)
    return node.type + (f" ({_logical(node.logical)})" if node.logical else "")


def _field_pairs(old: Record, new: Record) -> Iterator[tuple[str, str]]:
    """Fields as the new version reads those of the old one; then by the old one's aliases."""
    sources = field_sources(old, new)
    yield from ((source, f.name) for source, f in zip(sources, new.fields) if source is not None)
    left = [f for f in old.fields if f.name not in sources]
    for field in (f for source, f in zip(sources, new.fields) if source is None):
        if before := next((f for f in left if field.name in f.aliases), None):
            left.remove(before)
            yield before.name, field.name


def _attributes(path: str, old: Named | Field, new: Named | Field) -> Iterator[Change]:
    if old.doc != new.doc:
        yield Change("doc", path, old.doc, new.doc)
    if sorted(old.aliases) != sorted(new.aliases):
        yield Change("aliases", path, sorted(old.aliases), sorted(new.aliases))


def _symbols(old: Enum, new: Enum) -> Iterator[Change]:
    for symbol in new.symbols:
        if symbol not in old.symbols:
            yield Change("symbol added", f"{new.name}.{symbol}", None, symbol)
    for symbol in old.symbols:
        if symbol not in new.symbols:
            yield Change("symbol removed", f"{new.name}.{symbol}", symbol)
    kept, now = ([s for s in a.symbols if s in b.symbols] for a, b in ((old, new), (new, old)))
    if kept != now:
        yield Change("symbols reordered", new.name, kept, now)
    if old.default != new.default:
        yield Change("default", new.name, old.default, new.default)


def _fixed(old: Fixed, new: Fixed) -> Iterator[Change]:
    if old.size != new.size:
        yield Change("size", new.name, old.size, new.size)
    if old.logical != new.logical:
        before, after = (_logical(f.logical) if f.logical else None for f in (old, new))
        yield Change("logical type", new.name, before, after)


def _json(default: Any) -> str | None:
    """A default as JSON text; None where there is none, which a default of null is not."""
    return None if default is NO_DEFAULT else json.dumps(default, sort_keys=True, ensure_ascii=False)


def _declared(field: Field) -> str:
    default = _json(field.default)
    return type_text(field.type) + ("" if default is None else f" = {default}")


def _sort(type_: Named) -> str:
    return type(type_).__name__.lower()


def _logical(logical: Logical) -> str:
    digits = f" {logical.precision}, {logical.scale}" if logical.precision else ""
    return logical.name + digits


def _with_null(node: Node) -> bool:
    return isinstance(node, Union) and Primitive("null") in node.branches


def _bare(node: Node) -> Node:
    """A type without its logical types."""
    if isinstance(node, Primitive):
        return replace(node, logical=None)
    if isinstance(node, Array):
        return Array(_bare(node.items))
    if isinstance(node, Map):
        return Map(_bare(node.values))
    return Union(tuple(map(_bare, node.branches))) if isinstance(node, Union) else node

"""Protobuf messages as columns of Arrow: the types of a message's fields, and what values become in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from ..codec.avro.json_encoding import dumps
from ..codec.protobuf.proto_json import ProtoJson
from ..codec.protobuf.schema.proto_tree import (
    DATE,
    DECIMAL,
    DURATION,
    TIMESTAMP,
    WELL_KNOWN,
    WRAPPERS,
    EnumRef,
    ProtoField,
    ProtoMap,
    ProtoMessage,
    ProtoScalar,
    ProtoSchema,
    ProtoType,
)

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped,import-not-found,unused-ignore]

_Made: TypeAlias = "Callable[[Any], Any]"
"""What Arrow takes for a value as a reader without classes gives it, None for None."""

_DEEPEST: Final = 32


class ProtoColumn(NamedTuple):
    """The type of a column, and what values become in it."""

    type: pa.DataType
    made: _Made


def proto_column(schema: ProtoSchema, root: str, fields: Sequence[str] | None = None) -> ProtoColumn:
    """Of the messages of a topic: a struct, with the fields by their names in the .proto file; only those
    fields, where they are given.
    """
    return _ProtoColumns(schema).message(root, (), fields)


class _ProtoColumns:
    def __init__(self, schema: ProtoSchema) -> None:
        import pyarrow as pa

        self._pa = pa
        self._schema = schema

    def message(self, name: str, around: tuple[str, ...], fields: Sequence[str] | None = None) -> ProtoColumn:
        """Of a message that stands in others."""
        if name in WELL_KNOWN:
            return self._well_known(name)
        named = self._schema.names[name]
        assert isinstance(named, ProtoMessage)  # the parser has seen to it
        members = {each.name: each for each in named.fields}
        if name in around or len(around) >= _DEEPEST or not members:
            return self._text(name)
        chosen = members if fields is None else {each: members[each] for each in fields}
        columns = {each: self._field(member, (*around, name)) for each, member in chosen.items()}
        made = {each: column.made for each, column in columns.items()}
        kind = self._pa.struct([(each, column.type) for each, column in columns.items()])
        return ProtoColumn(kind, _struct(made))

    def _field(self, member: ProtoField, around: tuple[str, ...]) -> ProtoColumn:
        pa = self._pa
        if isinstance(member.type, ProtoMap):
            keys, values = self._of(member.type.keys, around), self._of(member.type.values, around)
            return ProtoColumn(pa.map_(keys.type, values.type), _entries(keys.made, values.made))
        column = self._of(member.type, around)
        if member.presence in ("repeated", "packed"):
            return ProtoColumn(pa.list_(column.type), _each(column.made))
        return column

    def _of(self, type_: ProtoType, around: tuple[str, ...]) -> ProtoColumn:
        pa = self._pa
        if isinstance(type_, ProtoScalar):
            return self._scalar(type_.kind)
        if isinstance(type_, EnumRef):
            return ProtoColumn(pa.string(), lambda value: None if value is None else str(value))
        assert not isinstance(type_, ProtoMap)  # it is not inside of anything
        return self.message(type_.name, around)

    def _scalar(self, kind: str) -> ProtoColumn:
        pa = self._pa
        if kind == "string":
            return ProtoColumn(pa.string(), _text)
        of: dict[str, Any] = {
            "bool": pa.bool_(),
            "bytes": pa.binary(),
            "double": pa.float64(),
            "float": pa.float32(),
            "uint32": pa.uint32(),
            "fixed32": pa.uint32(),
            "uint64": pa.uint64(),
            "fixed64": pa.uint64(),
        }
        return ProtoColumn(of.get(kind) or (pa.int32() if kind.endswith("32") else pa.int64()), _same)

    def _well_known(self, name: str) -> ProtoColumn:
        pa = self._pa
        if name in WRAPPERS:
            return self._scalar(WRAPPERS[name])
        of: dict[str, ProtoColumn] = {
            TIMESTAMP: ProtoColumn(pa.timestamp("us", "UTC"), _same),
            DURATION: ProtoColumn(pa.duration("us"), _same),
            DATE: ProtoColumn(pa.date32(), _same),
            DECIMAL: ProtoColumn(pa.string(), _plain_text),
        }
        return of.get(name) or self._text(name)

    def _text(self, name: str) -> ProtoColumn:
        """The value as JSON text: what has no type of its own in Arrow."""
        of_value = ProtoJson(self._schema, name).of_value
        return ProtoColumn(self._pa.string(), lambda value: None if value is None else dumps(of_value(value)))


def _same(value: Any) -> Any:
    return value


def _text(value: str | None) -> str | None:
    """With U+FFFD for bytes that are not UTF-8, which proto2 allows."""
    if value is None or value.isascii():
        return value
    return value.encode(errors="surrogateescape").decode(errors="replace")


def _plain_text(value: Decimal | None) -> str | None:
    return None if value is None else format(value, "f")


def _each(made: _Made) -> _Made:
    return lambda values: None if values is None else [made(value) for value in values]


def _entries(key: _Made, made: _Made) -> _Made:
    return lambda values: None if values is None else [(key(k), made(item)) for k, item in values.items()]


def _struct(made: Mapping[str, _Made]) -> _Made:
    def struct(value: Mapping[str, Any] | None) -> dict[str, Any] | None:
        return None if value is None else {name: each(value.get(name)) for name, each in made.items()}

    return struct

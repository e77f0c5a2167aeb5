"""JSON values as columns of Arrow: the types of a JSON Schema, and what values become in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import time
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias
from uuid import UUID

from ..codec import make_json_writer
from ..codec.json.schema.json_tree import (
    Constant,
    JsonArray,
    JsonMap,
    JsonObject,
    JsonRef,
    JsonScalar,
    JsonSchema,
    JsonUnion,
    Node,
    StringEnum,
)
from ..codec.values import Duration
from ..errors import DecodeError
from .arrow_arrays import DURATION

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped,import-not-found,unused-ignore]

Made: TypeAlias = "Callable[[Any], Any]"
"""What Arrow takes for a value as the codec gives it, None for None."""

_DEEPEST: Final = 32
_INT64: Final = range(-(1 << 63), 1 << 63)


class JsonColumn(NamedTuple):
    """The type of a column, and what values become in it. `made` raises `DecodeError` for one that does not
    fit.
    """

    type: pa.DataType
    made: Made


def json_column(schema: JsonSchema, fields: Sequence[str] | None = None) -> JsonColumn:
    """Of the messages of a topic: of an object a struct, with its properties by their names on the wire; only
    those fields, where they are given.
    """
    column = _Columns(schema).of(schema.root, "", ())
    return column if fields is None else _chosen(column, fields)


def _chosen(column: JsonColumn, fields: Sequence[str]) -> JsonColumn:
    import pyarrow as pa

    made = column.made
    kind = pa.struct([column.type.field(name) for name in fields])

    def chosen(value: Any) -> Any:
        found = made(value)
        return None if found is None else {name: found[name] for name in fields}

    return JsonColumn(kind, chosen)


class _Columns:
    def __init__(self, schema: JsonSchema) -> None:
        import pyarrow as pa

        self._pa = pa
        self._schema = schema
        self._names = schema.names

    def of(self, node: Node, path: str, around: tuple[str, ...]) -> JsonColumn:
        """The column of a value at a place; `around` are the objects that it is in."""
        pa = self._pa
        match node:
            case JsonScalar():
                return self._scalar(node, path)
            case JsonRef(place):
                named = self._names[place]
                if isinstance(named, StringEnum):
                    return JsonColumn(pa.string(), _same)
                if place in around or len(around) >= _DEEPEST or not self._has_columns(named):
                    return self._text(node)
                return self._object(named, path, (*around, place))
            case JsonArray(items):
                inner = self.of(items, f"{path}[]", around)
                return JsonColumn(pa.list_(inner.type), _each(inner.made))
            case JsonMap(values):
                inner = self.of(values, f"{path}.*", around)
                return JsonColumn(pa.map_(pa.string(), inner.type), _entries(_string(path), inner.made))
            case JsonUnion(branches):
                others = [each for each in branches if each != JsonScalar("null")]
                return self.of(others[0], path, around) if len(others) == 1 else self._text(node)
            case Constant(values) if all(isinstance(each, str | None) for each in values):
                return JsonColumn(pa.string(), _same)
        return self._text(node)

    def _has_columns(self, named: JsonObject) -> bool:
        return bool(named.fields) or named.extra is not None

    def _text(self, node: Node) -> JsonColumn:
        """The value as it would be written: what has no type of its own in Arrow."""
        return JsonColumn(self._pa.string(), self._written(node))

    def _written(self, node: Node) -> Made:
        encode = make_json_writer(replace(self._schema, root=node)).encode
        return lambda value: None if value is None else encode(value, b"").decode()

    def _object(self, record: JsonObject, path: str, around: tuple[str, ...]) -> JsonColumn:
        columns = {
            each.name: self.of(each.type, f"{path}.{each.name}".lstrip("."), around) for each in record.fields
        }
        others = "_others"
        while others in columns:
            others = f"_{others}"
        made = {name: column.made for name, column in columns.items()}
        fields = [(name, column.type) for name, column in columns.items()]
        if record.extra is None:
            return JsonColumn(self._pa.struct(fields), _struct(made))
        fields.append((others, self._pa.string()))
        written = self._written(JsonMap(record.extra))
        return JsonColumn(self._pa.struct(fields), _struct_and(made, others, written))

    def _scalar(self, node: JsonScalar, path: str) -> JsonColumn:
        pa = self._pa
        if node.format is None:
            plain: dict[str, JsonColumn] = {
                "null": JsonColumn(pa.null(), _same),
                "boolean": JsonColumn(pa.bool_(), _same),
                "integer": JsonColumn(pa.int64(), _whole(path)),
                "number": JsonColumn(pa.float64(), _number),
                "string": JsonColumn(pa.string(), _string(path)),
            }
            return plain[node.type]
        duration = pa.struct([(name, pa.uint32()) for name in DURATION])
        formatted: dict[str, JsonColumn] = {
            "date": JsonColumn(pa.date32(), _same),
            "date-days": JsonColumn(pa.date32(), _same),
            "time": JsonColumn(pa.string(), _isoformat),
            "time-millis": JsonColumn(pa.time32("ms"), _same),
            "date-time": JsonColumn(pa.timestamp("us", "UTC"), _same),
            "timestamp-millis": JsonColumn(pa.timestamp("ms", "UTC"), _same),
            "duration": JsonColumn(duration, _duration),
            "uuid": JsonColumn(pa.binary(16), _uuid_bytes),
            "base64": JsonColumn(pa.binary(), _same),
            "decimal": JsonColumn(pa.string(), _plain_text),
            "float": JsonColumn(pa.float32(), _number),
        }
        return formatted[node.format]


def _same(value: Any) -> Any:
    return value


def _string(path: str) -> Made:
    def made(value: str | None) -> str | None:
        if value is not None and not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError:
                raise DecodeError("the text has half of a surrogate pair", path=path) from None
        return value

    return made


def _plain_text(value: Decimal | None) -> str | None:
    return None if value is None else format(value, "f")


def _isoformat(value: time | None) -> str | None:
    return None if value is None else value.isoformat()


def _uuid_bytes(value: UUID | None) -> bytes | None:
    return None if value is None else value.bytes


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _duration(value: Duration | None) -> dict[str, int] | None:
    return None if value is None else {name: getattr(value, name) for name in DURATION}


def _whole(path: str) -> Made:
    def made(value: int | None) -> int | None:
        if value is not None and value not in _INT64:
            raise DecodeError("the number does not fit the 64 bits of its column", path=path)
        return value

    return made


def _each(made: Made) -> Made:
    return lambda values: None if values is None else [made(value) for value in values]


def _entries(name: Made, made: Made) -> Made:
    return lambda values: (
        None if values is None else [(name(key), made(item)) for key, item in values.items()]
    )


def _struct(made: Mapping[str, Made]) -> Made:
    def struct(value: Mapping[str, Any] | None) -> dict[str, Any] | None:
        if value is None:
            return None
        return {name: each(value.get(name)) for name, each in made.items()}

    return struct


def _struct_and(made: Mapping[str, Made], others: str, written: Made) -> Made:
    known = _struct(made)

    def struct(value: Mapping[str, Any] | None) -> dict[str, Any] | None:
        found: dict[str, Any] | None = known(value)
        if found is not None and value is not None:
            left = {name: each for name, each in value.items() if name not in made}
            found[others] = written(left) if left else None
        return found

    return struct

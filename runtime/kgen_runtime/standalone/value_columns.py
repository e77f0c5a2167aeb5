"""Keys or values of a topic as arrays of Arrow, by what reads them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from ..codec.avro.column_layout import Layout
from ..errors import DecodeError, EncodeError, KgenError
from ..messages import Headers
from ..serde.avro_columns import AvroColumns
from ..serde.avro_serde import AvroSerde
from ..serde.base import Role, Serde
from ..serde.json_serde import JsonSerde
from ..serde.primitive import BytesSerde, DoubleSerde, IntSerde, LongSerde, NoneSerde, StringSerde
from ..serde.protobuf_serde import ProtobufSerde
from ..serde.pydantic_serde import PydanticSerde
from ..serde.schema_store import SchemaStore
from .arrow_arrays import arrow_array, arrow_type
from .json_columns import json_column
from .plain_values import to_json
from .proto_columns import proto_column

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped,import-not-found,unused-ignore]


class ValueColumns(Protocol):
    """Keys or values on their way into arrays."""

    @property
    def names(self) -> Sequence[str] | None:
        """The fields, of records; None of other values."""

    @property
    def type(self) -> pa.DataType:
        """The type of the arrays: of records a struct."""

    def append(
        self, payloads: list[bytes | None], headers: Sequence[Headers], begin: int, end: int, room: int
    ) -> tuple[int, int, dict[int, KgenError]]:
        """As `AvroColumns.append`."""

    def take(self) -> pa.Array:
        """The rows so far."""


def value_columns(
    serde: Serde[Any], store: SchemaStore, role: Role, fields: Sequence[str] | None = None
) -> ValueColumns:
    """For what a serde reads; of records only those fields, where they are given."""
    if isinstance(serde, AvroSerde):
        return _OfAvro(AvroColumns(serde, store, role, fields))
    if isinstance(serde, JsonSerde):
        return _OfJson(serde, store, role, fields)
    if isinstance(serde, ProtobufSerde):
        # By way of dicts, whatever the classes of the topic are.
        plain: ProtobufSerde[Any] = ProtobufSerde(serde.schemas, serde.message, {}, framing=serde.framing)
        column = proto_column(serde.schemas.messages, serde.message, fields)
        return _OfPlain(plain, store, role, column.type, column.made, names=_field_names(column.type))
    kind = _plain_type(serde)
    if kind is None:
        return _OfPlain(serde, store, role, arrow_type(Layout("json")), _json_text(serde))
    return _OfPlain(serde, store, role, kind)


def _json_text(serde: Serde[Any]) -> Callable[[Any], Any]:
    of = serde if hasattr(serde, "schemas") else None
    return lambda value: None if value is None else to_json(value, serde=of)


def _plain_type(serde: Serde[Any]) -> pa.DataType | None:
    """Of what a serde without a schema reads; None of other serdes."""
    import pyarrow as pa

    types = {
        StringSerde: pa.string(),
        BytesSerde: pa.binary(),
        IntSerde: pa.int32(),
        LongSerde: pa.int64(),
        DoubleSerde: pa.float64(),
        NoneSerde: pa.null(),
    }
    return next((made for known, made in types.items() if isinstance(serde, known)), None)


def _field_names(kind: pa.DataType) -> list[str] | None:
    """Of a struct; None of another type."""
    import pyarrow as pa

    return [field.name for field in kind] if pa.types.is_struct(kind) else None


class _OfAvro:
    """What Avro's bytes become without an object each."""

    def __init__(self, columns: AvroColumns) -> None:
        self._columns = columns
        self.append = columns.append
        self.type = arrow_type(columns.layout)
        self.names = columns.layout.names if columns.layout.shape == "record" else None

    def take(self) -> pa.Array:
        return arrow_array(self._columns.layout, self._columns.take())


class _OfJson:
    """What JSON becomes by way of dicts: as the codec reads it, whatever the classes of the topic are."""

    def __init__(
        self, serde: JsonSerde[Any], store: SchemaStore, role: Role, fields: Sequence[str] | None
    ) -> None:
        plain: JsonSerde[Any] = JsonSerde(
            serde.schemas, {}, framing=serde.framing, null=serde.null, validate=serde.validate
        )
        self._decoder = plain.decoder(store, role)
        self._model = serde.decoder(store, role) if isinstance(serde, PydanticSerde) else None

        column = json_column(serde.schemas.latest.parse_json(), fields)
        self.type = column.type
        self._made = column.made
        self.names = _field_names(column.type)
        self._values: list[Any] = []

    def append(
        self, payloads: list[bytes | None], headers: Sequence[Headers], begin: int, end: int, room: int
    ) -> tuple[int, int, dict[int, KgenError]]:
        part, heads = payloads[begin:end], headers[begin:end]
        values, _, found = self._decoder.decode_many(part, heads)
        errors = dict(found)
        if self._model is not None:  # what the model refuses, a validator of the user's perhaps
            errors.update(self._model.decode_many(part, heads).errors)
        for at, value in enumerate(values):
            if at not in errors:
                try:
                    self._values.append(self._made(value))
                except (DecodeError, EncodeError) as error:
                    errors[at] = error
        used = sum(len(payload) for payload in part if payload is not None)
        return end, used, {begin + at: error for at, error in errors.items()}

    def take(self) -> pa.Array:
        import pyarrow as pa

        values, self._values = self._values, []
        return pa.array(values, self.type)


class _OfPlain:
    """What a serde makes objects of: numbers and texts as they are, all else as `made` has it."""

    def __init__(
        self,
        serde: Serde[Any],
        store: SchemaStore,
        role: Role,
        kind: pa.DataType,
        made: Callable[[Any], Any] | None = None,
        *,
        names: list[str] | None = None,
    ) -> None:
        self.names = names
        self._made = made
        self._decoder = serde.decoder(store, role)
        self._values: list[Any] = []
        self.type = kind

    def append(
        self, payloads: list[bytes | None], headers: Sequence[Headers], begin: int, end: int, room: int
    ) -> tuple[int, int, dict[int, KgenError]]:
        part = payloads[begin:end]
        values, _, errors = self._decoder.decode_many(part, headers[begin:end])
        self._values += [value for at, value in enumerate(values) if at not in errors]
        used = sum(len(payload) for payload in part if payload is not None)
        return end, used, {begin + at: error for at, error in errors.items()}

    def take(self) -> pa.Array:
        import pyarrow as pa

        values, self._values = self._values, []
        return pa.array(values if self._made is None else map(self._made, values), self.type)

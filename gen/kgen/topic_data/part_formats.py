"""How the keys or the values of a topic are read: as texts of JSON, and as values of Python.

Of one that cannot be read both have its error, by index, and None in its place. None stays None.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, Literal, NamedTuple

from kgen_runtime.codec import Reader, ValueWriter, make_reader, make_writer, payload_functions
from kgen_runtime.codec.avro.json_encoding import AvroJsonTexts, dumps
from kgen_runtime.codec.avro.schema.tree import Record, Ref, Schema
from kgen_runtime.codec.decoded import NO_ERRORS
from kgen_runtime.codec.protobuf.proto_json import ProtoJson
from kgen_runtime.errors import DecodeError, FramingError, KgenError, RegistryUnavailable, UnknownSchema
from kgen_runtime.messages import Headers
from kgen_runtime.serde import (
    AvroSerde,
    BytesSerde,
    DecodedBatch,
    DoubleSerde,
    EitherSerde,
    IntSerde,
    JsonSerde,
    LongSerde,
    NoneSerde,
    ProtobufSerde,
    Role,
    Schemas,
    SchemaStore,
    Serde,
    StringSerde,
    TypesSerde,
)
from kgen_runtime.serde.frames import by_schema, only_id, tagged
from kgen_runtime.serde.framing import GUID_SIZE, HEADERS, ID_SIZE, SchemaKey
from kgen_runtime.serde.type_routes import TypeRoutes

from ..errors import ConfigError
from .cells import CellLayout, SchemaCells, csv_cells
from .proto_files import PROTO_FILE, ProtoFile
from .record_fields import VALUE, quoted

Payloads = Sequence["bytes | None"]

_NOT_FOUND: Final = 404
_TEXTS: Final = payload_functions().texts
_NOT_TEXT: Final = frozenset("\0\1{[")
"""What a payload begins with that is a frame or JSON, or may be."""

PLAIN: Final[Mapping[str, Callable[[], Serde[Any]]]] = {
    "string": StringSerde,
    "bytes": BytesSerde,
    "int": IntSerde,
    "long": LongSerde,
    "double": DoubleSerde,
    "none": NoneSerde,
}
JSON: Final = "json"
SCHEMA: Final = "schema"
FORMATS: Final = (*PLAIN, JSON, SCHEMA)
"""What `--key-format` and `--value-format` take."""


class PartTexts(NamedTuple):
    """For each payload its text, `null` for None and None for one that cannot be read; the ids of the schemas
    that wrote them, if they have one; and the errors by index.
    """

    texts: list[str | None]
    ids: list[int | None]
    errors: Mapping[int, KgenError]


class PartFormat(ABC):
    """One way to read keys or values."""

    schema: Schema | None = None
    """What all values are of, if they are of one Avro schema."""

    @abstractmethod
    def texts(self, payloads: Payloads, headers: Sequence[Headers]) -> PartTexts:
        """As JSON. Raises `RegistryUnavailable`."""

    @abstractmethod
    def values(self, payloads: Payloads, headers: Sequence[Headers]) -> DecodedBatch:
        """As the flows of the project get them; without its code objects are `AttributeFields`. Raises
        `RegistryUnavailable`.
        """

    @abstractmethod
    def records(self, payloads: Payloads, headers: Sequence[Headers]) -> DecodedBatch:
        """With dicts for records and strings for enums, whatever the project's classes are. Raises
        `RegistryUnavailable`.
        """

    def cells(
        self, payloads: Payloads, headers: Sequence[Headers], layout: CellLayout
    ) -> Sequence[str | None]:
        """The cells of each, joined; None for each that is to be made of its record, also if it cannot be
        read, or is None. Raises `RegistryUnavailable`.
        """
        return [None] * len(payloads)


class AttributeFields(dict[str, Any]):
    """An object of which no class is known: its fields are attributes as well as items."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"no field {name!r}; there are {', '.join(list(self)[:10])}") from None


def with_attributes(value: Any) -> Any:
    """The value with `AttributeFields` for dicts."""
    if isinstance(value, dict):
        return AttributeFields({name: with_attributes(item) for name, item in value.items()})
    if isinstance(value, list):
        return [with_attributes(item) for item in value]
    return value


class PlainFormat(PartFormat):
    """A format without a schema. Bytes are text, `{"hex": "00ff"}` if they are not UTF-8."""

    def __init__(self, serde: Serde[Any], store: SchemaStore, role: Role) -> None:
        self._decoder = serde.decoder(store, role)

    def texts(self, payloads: Payloads, headers: Sequence[Headers]) -> PartTexts:
        """See the base."""
        found = self._decoder.decode_many(payloads, headers)
        texts: list[str | None] = [
            quoted(value) if type(value) is str else plain_text(value) for value in found.values
        ]
        return PartTexts(texts, found.schema_ids, found.errors)

    def values(self, payloads: Payloads, headers: Sequence[Headers]) -> DecodedBatch:
        """See the base."""
        return self._decoder.decode_many(payloads, headers)

    def records(self, payloads: Payloads, headers: Sequence[Headers]) -> DecodedBatch:
        """See the base."""
        found = self.values(payloads, headers)
        return found._replace(values=[_text_of(value) for value in found.values])

    def cells(
        self, payloads: Payloads, headers: Sequence[Headers], layout: CellLayout
    ) -> Sequence[str | None]:
        """See the base."""
        if layout.widths is not None or layout.columns not in (None, (VALUE,)):
            return [None] * len(payloads)
        found = self.records(payloads, headers)
        cells: list[str | None] = [*csv_cells(found.values)]
        for index in found.errors:
            cells[index] = None
        return cells if None not in payloads else _of_nulls(payloads, cells)


def _of_nulls(payloads: Sequence[object], cells: list[str | None]) -> list[str | None]:
    """The cells, without those of what is None."""
    return [None if payload is None else cell for payload, cell in zip(payloads, cells)]


def _text_of(value: Any) -> Any:
    """Bytes as text, if they are; all else as it is."""
    if not isinstance(value, bytes):
        return value
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value


def plain_text(value: Any) -> str:
    """A value without a schema as JSON."""
    if type(value) is str:
        return str(quoted(value))
    if value is None:
        return "null"
    if isinstance(value, bytes):
        text = _text_of(value)
        return quoted(text) if isinstance(text, str) else f'{{"hex": "{value.hex()}"}}'
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return {"nan": '"NaN"', "inf": '"Infinity"'}.get(str(value), '"-Infinity"')
    return json.dumps(value)


class JsonFormat(PartFormat):
    """JSON text, of which no schema is known."""

    def texts(self, payloads: Payloads, headers: Sequence[Headers]) -> PartTexts:
        """See the base."""
        errors: dict[int, KgenError] = {}
        made = [self._text(index, each, errors) for index, each in enumerate(payloads)]
        return PartTexts(made, [None] * len(made), errors)

    def values(self, payloads: Payloads, headers: Sequence[Headers]) -> DecodedBatch:
        """See the base."""
        found = self.records(payloads, headers)
        return found._replace(values=[with_attributes(value) for value in found.values])

    def records(self, payloads: Payloads, headers: Sequence[Headers]) -> DecodedBatch:
        """See the base."""
        errors: dict[int, KgenError] = {}
        made = [self._value(index, each, errors) for index, each in enumerate(payloads)]
        return DecodedBatch(made, [None] * len(made), errors)

    def _text(self, index: int, payload: bytes | None, errors: dict[int, KgenError]) -> str | None:
        if payload is None:
            return "null"
        try:
            return json_line(payload)
        except DecodeError as error:
            errors[index] = error
            return None

    def _value(self, index: int, payload: bytes | None, errors: dict[int, KgenError]) -> Any:
        if payload is None:
            return None
        try:
            return json_value(payload)
        except DecodeError as error:
            errors[index] = error
            return None


def json_value(payload: bytes, offset: int = 0) -> Any:
    """The value of JSON text; its fractions are `Decimal`s. Raises `DecodeError`."""
    try:
        return json.loads(payload[offset:].decode(), parse_float=Decimal, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise DecodeError(f"not JSON: {error.msg}", position=offset + error.pos) from None
    except (ValueError, RecursionError) as error:
        raise DecodeError(f"not JSON: {error}", position=offset) from None


def json_line(payload: bytes, offset: int = 0) -> str:
    """JSON text as one line of ASCII, its numbers as they are written there. Raises `DecodeError`."""
    value = json_value(payload, offset)
    body = payload[offset:]
    if body.isascii() and b"\n" not in body and b"\r" not in body and b"\x7f" not in body:
        return body.strip().decode()
    return dumps(value)


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is not a JSON value")


class SerdeFormat(PartFormat):
    """With a serde of JSON Schema: the texts are the payloads."""

    def __init__(self, serde: JsonSerde[Any], store: SchemaStore, role: Role) -> None:
        self._decoder = serde.decoder(store, role)
        self._framed = serde.framing != "none"
        self._role = role

    def texts(self, payloads: Payloads, headers: Sequence[Headers]) -> PartTexts:
        """See the base."""
        found = self._decoder.decode_many(payloads, headers)
        errors = dict(found.errors)
        made: list[str | None] = []
        for index, payload in enumerate(payloads):
            text = None
            if payload is None:
                text = "null"
            elif index not in errors:
                try:
                    text = json_line(payload, self._offset(payload, headers[index]))
                except DecodeError as error:
                    errors[index] = error
            made.append(text)
        return PartTexts(made, found.schema_ids, errors)

    def values(self, payloads: Payloads, headers: Sequence[Headers]) -> DecodedBatch:
        """See the base."""
        return self._decoder.decode_many(payloads, headers)

    def records(self, payloads: Payloads, headers: Sequence[Headers]) -> DecodedBatch:
        """See the base."""
        found = self.texts(payloads, headers)
        made = [None if text is None else json.loads(text, parse_float=Decimal) for text in found.texts]
        return DecodedBatch(made, found.ids, found.errors)

    def _offset(self, payload: bytes, headers: Headers) -> int:
        if not self._framed or any(name == HEADERS[self._role] for name, _ in headers):
            return 0
        return GUID_SIZE if payload[0] else ID_SIZE


class ProtobufFormat(PartFormat):
    """With a serde of Protobuf: the texts are Protobuf's JSON mapping, as `rt.to_json` has it."""

    def __init__(self, serde: ProtobufSerde[Any], store: SchemaStore, role: Role) -> None:
        self._decoder = serde.decoder(store, role)
        # What Python has no value for has a text all the same.
        plain = ProtobufSerde[Any](
            serde.schemas, serde.message, {}, framing=serde.framing, out_of_range="raw"
        )
        self._plain = plain.decoder(store, role)
        self._of_value = ProtoJson(serde.schemas.messages, serde.message).of_value

    def texts(self, payloads: Payloads, headers: Sequence[Headers]) -> PartTexts:
        """See the base."""
        found = self.records(payloads, headers)
        texts: list[str | None] = [
            None
            if i in found.errors
            else "null"
            if payload is None
            else dumps(self._of_value(found.values[i]))
            for i, payload in enumerate(payloads)
        ]
        return PartTexts(texts, found.schema_ids, found.errors)

    def values(self, payloads: Payloads, headers: Sequence[Headers]) -> DecodedBatch:
        """See the base."""
        return self._decoder.decode_many(payloads, headers)

    def records(self, payloads: Payloads, headers: Sequence[Headers]) -> DecodedBatch:
        """See the base."""
        return self._plain.decode_many(payloads, headers)


class TypesFormat(PartFormat):
    """With a `TypesSerde`: each payload with the format of its type, its text under the type's name."""

    def __init__(self, serde: TypesSerde[Any], store: SchemaStore, role: Role) -> None:
        self._routes = TypeRoutes(serde.serdes, store, role)
        self._header = HEADERS[role]
        self._formats = [of_serde(each, store, role) for each in serde.serdes.values()]
        self._names = [quoted(name) for name in serde.serdes]

    def texts(self, payloads: Payloads, headers: Sequence[Headers]) -> PartTexts:
        """See the base."""
        texts: list[str | None] = ["null" if payload is None else None for payload in payloads]
        ids: list[int | None] = [None] * len(payloads)
        errors: dict[int, KgenError] = {}
        for choice, at in self._split(payloads, headers, ids, errors):
            some, given = [payloads[i] for i in at], [headers[i] for i in at]
            found = self._formats[choice].texts(some, given)
            for i, text, id_ in zip(at, found.texts, found.ids):
                texts[i] = None if text is None else f"{{{self._names[choice]}: {text}}}"
                ids[i] = id_
            errors.update((at[i], error) for i, error in found.errors.items())
        return PartTexts(texts, ids, errors)

    def values(self, payloads: Payloads, headers: Sequence[Headers]) -> DecodedBatch:
        """See the base."""
        return self._decoded(payloads, headers, "values")

    def records(self, payloads: Payloads, headers: Sequence[Headers]) -> DecodedBatch:
        """See the base."""
        return self._decoded(payloads, headers, "records")

    def _split(
        self,
        payloads: Payloads,
        headers: Sequence[Headers],
        ids: list[int | None],
        errors: dict[int, KgenError],
    ) -> Iterator[tuple[int, list[int]]]:
        self._routes.forget_old()
        split = self._routes.split(payloads, tagged(headers, self._header), ids, errors)
        return ((choice, at) for choice, _, at in split)

    def _decoded(
        self, payloads: Payloads, headers: Sequence[Headers], how: Literal["values", "records"]
    ) -> DecodedBatch:
        values: list[Any] = [None] * len(payloads)
        ids: list[int | None] = [None] * len(payloads)
        errors: dict[int, KgenError] = {}
        for choice, at in self._split(payloads, headers, ids, errors):
            some, given = [payloads[i] for i in at], [headers[i] for i in at]
            found = getattr(self._formats[choice], how)(some, given)
            for i, value, id_ in zip(at, found.values, found.schema_ids):
                values[i], ids[i] = value, id_
            errors.update((at[i], error) for i, error in found.errors.items())
        return DecodedBatch(values, ids, errors)


class AvroFormat(PartFormat):
    """With an Avro serde of the project: all values as the latest version of the subject has them."""

    def __init__(self, serde: AvroSerde[Any], store: SchemaStore, role: Role) -> None:
        self._serde = serde
        self._store = store
        self._role = role
        self._decoder = serde.decoder(store, role)
        # What Python has no value for has a text all the same.
        self._plain, self._older = (
            AvroSerde[Any](
                serde.schemas, classes, trailing=serde.trailing, null=serde.null, out_of_range="raw"
            ).decoder(store, role)
            for classes in ({}, serde.classes)
        )
        self._texts = AvroJsonTexts(serde.schemas.latest.parse())
        self._writer: ValueWriter | None = None
        self._direct: dict[SchemaKey, bool] = {}
        self._cells = SchemaCells()
        self.schema: Schema = serde.schemas.latest.parse()

    def texts(self, payloads: Payloads, headers: Sequence[Headers]) -> PartTexts:
        """See the base."""
        if not tagged(headers, HEADERS[self._role]):
            id_ = only_id(payloads)
            if id_ is not None and self._is_latest(id_):
                texts, errors = self._texts.texts(payloads, ID_SIZE)  # type: ignore[arg-type]  # none is None
                if not errors:
                    return PartTexts(texts, [id_] * len(texts), errors)
        return self._slowly(payloads, headers)

    def _is_latest(self, key: SchemaKey) -> bool:
        """Whether the schema is the one that the values are to be read as, in all that it says."""
        known = self._direct.get(key)
        if known is not None:
            return known
        try:
            if isinstance(key, int):
                written = self._store.writer(self._serde.schemas, key)
            else:
                written = self._store.writer_by_guid(self._serde.schemas, key)
        except RegistryUnavailable:
            raise
        except KgenError:
            return False  # the decoder says it
        if written.until is None:
            self._direct[key] = written.schema == self.schema
        return bool(written.schema == self.schema)

    def _slowly(self, payloads: Payloads, headers: Sequence[Headers]) -> PartTexts:
        texts: list[str | None] = ["null" if payload is None else None for payload in payloads]
        ids: list[int | None] = [None] * len(payloads)
        errors: dict[int, KgenError] = {}
        for (key, offset), where in by_schema(
            payloads, tagged(headers, HEADERS[self._role]), self._role, errors
        ):
            some = [payloads[i] or b"" for i in where]
            if self._is_latest(key):
                found, wrong = self._texts.texts(some, offset)
                errors.update((where[i], error) for i, error in wrong.items())
            else:
                found = self._of_older(some, [headers[i] for i in where], where, errors)
            for i, text in zip(where, found):
                texts[i], ids[i] = text, key if isinstance(key, int) else None
        return PartTexts(texts, ids, errors)

    def _of_older(
        self, some: Payloads, headers: Sequence[Headers], where: Sequence[int], errors: dict[int, KgenError]
    ) -> list[str | None]:
        """What another version wrote, as the latest one would write it."""
        if self._writer is None:
            self._writer = make_writer(self._serde.schemas.latest.parse(), self._serde.classes)
        decoded = self._older.decode_many(some, headers)
        errors.update((where[i], error) for i, error in decoded.errors.items())
        texts: list[str | None] = [None] * len(some)
        for i, value in enumerate(decoded.values):
            if i in decoded.errors:
                continue
            try:
                [texts[i]], _ = self._texts.texts([b"" if value is None else self._writer.encode(value)])
            except KgenError as error:
                errors[where[i]] = error
            if value is None:  # an encoded null, read as a tombstone
                texts[i] = "null"
        return texts

    def values(self, payloads: Payloads, headers: Sequence[Headers]) -> DecodedBatch:
        """See the base."""
        return self._decoder.decode_many(payloads, headers)

    def records(self, payloads: Payloads, headers: Sequence[Headers]) -> DecodedBatch:
        """See the base."""
        return self._plain.decode_many(payloads, headers)

    def cells(
        self, payloads: Payloads, headers: Sequence[Headers], layout: CellLayout
    ) -> Sequence[str | None]:
        """See the base."""
        carried = tagged(headers, HEADERS[self._role])
        id_ = None if carried else only_id(payloads)
        if id_ is not None and self._is_latest(id_):
            return self._cells.of(id_, self.schema, layout).texts(payloads, ID_SIZE)
        found: list[str | None] = [None] * len(payloads)
        for (key, offset), where in by_schema(payloads, carried, self._role, {}):
            if self._is_latest(key):
                made = self._cells.of(key, self.schema, layout)
                for i, text in zip(where, made.texts([payloads[i] for i in where], offset)):
                    found[i] = text
        return found


class _Written(NamedTuple):
    """How to read what one schema wrote: `texts` and `reader` are there for Avro, `file` for Protobuf."""

    texts: AvroJsonTexts | None = None
    reader: Reader | None = None
    schema: Schema | None = None
    file: ProtoFile | None = None

    def text(self, payload: bytes, offset: int, headers: Headers, role: Role) -> str:
        """Of another than Avro, as JSON. Raises `DecodeError`, `FramingError`."""
        if self.file is None:
            return json_line(payload, offset)
        return dumps(self.file.json(*self.file.read(payload, headers, role)))

    def record(self, payload: bytes, offset: int, headers: Headers, role: Role) -> Any:
        """With dicts for records. Raises `DecodeError`, `FramingError`."""
        if self.file is not None:
            return self.file.read(payload, headers, role)[1]
        return json_value(payload, offset) if self.reader is None else self.reader.decode(payload, offset)


class AsWrittenFormat(PartFormat):
    """Each payload with the schema that it names, as the registry has it; without a frame as an object or a
    list of JSON, else as text, else as bytes. With `framed` what names no schema is an error.
    """

    def __init__(self, store: SchemaStore, role: Role, topic: str, *, framed: bool = False) -> None:
        self._store = store
        self._role: Role = role
        self._framed = framed
        self._subject = Schemas(f"{topic}-{role}", ())
        self._known: dict[SchemaKey, _Written | KgenError] = {}
        self._cells = SchemaCells()

    def texts(self, payloads: Payloads, headers: Sequence[Headers]) -> PartTexts:
        """See the base."""
        if tagged(headers, HEADERS[self._role]):
            return self._texts(payloads, headers)
        return self._of_one_kind(payloads) or self._texts(payloads, headers)

    def _of_one_kind(self, payloads: Payloads) -> PartTexts | None:
        """What `texts` gives, if one schema wrote all of them or all are text; else None. Fast."""
        id_ = only_id(payloads)
        if id_ is not None:
            written = self._written(id_)
            if isinstance(written, KgenError) or written.texts is None:
                return None
            found, errors = written.texts.texts(payloads, ID_SIZE)  # type: ignore[arg-type]  # none is None
            return PartTexts(found, [id_] * len(found), errors)
        try:
            texts = _TEXTS(payloads)
        except UnicodeDecodeError:
            return None
        if self._framed or not _NOT_TEXT.isdisjoint({text[:1] for text in texts if text}):
            return None
        made: list[str | None] = ["null" if text is None else quoted(text) for text in texts]
        return PartTexts(made, [None] * len(made), NO_ERRORS)

    def _texts(self, payloads: Payloads, headers: Sequence[Headers]) -> PartTexts:
        texts: list[str | None] = [None] * len(payloads)
        ids: list[int | None] = [None] * len(payloads)
        errors: dict[int, KgenError] = {}
        for (key, offset), where in self._groups(payloads, headers, errors):
            written = self._written(key)
            some = [payloads[i] or b"" for i in where]
            if isinstance(written, KgenError):
                errors.update(dict.fromkeys(where, written))
            elif written.texts is None:
                for i, payload in zip(where, some):
                    try:
                        texts[i] = written.text(payload, offset, headers[i], self._role)
                    except (DecodeError, FramingError) as error:
                        errors[i] = error.with_traceback(None)
            else:
                found, wrong = written.texts.texts(some, offset)
                for i, text in zip(where, found):
                    texts[i] = text
                errors.update((where[i], error) for i, error in wrong.items())
            for i in where:
                ids[i] = key if isinstance(key, int) else None
        for index in self._bare(payloads, headers, errors):
            texts[index] = _bare_text(payloads[index])
        return PartTexts(texts, ids, errors)

    def records(self, payloads: Payloads, headers: Sequence[Headers]) -> DecodedBatch:
        """See the base."""
        values: list[Any] = [None] * len(payloads)
        ids: list[int | None] = [None] * len(payloads)
        errors: dict[int, KgenError] = {}
        for (key, offset), where in self._groups(payloads, headers, errors):
            written = self._written(key)
            for i in where:
                ids[i] = key if isinstance(key, int) else None
                if isinstance(written, KgenError):
                    errors[i] = written
                    continue
                try:
                    values[i] = written.record(payloads[i] or b"", offset, headers[i], self._role)
                    self.schema = self.schema or written.schema
                except (DecodeError, FramingError) as error:
                    errors[i] = error.with_traceback(None)
        for index in self._bare(payloads, headers, errors):
            values[index] = _bare_value(payloads[index])
        return DecodedBatch(values, ids, errors)

    def values(self, payloads: Payloads, headers: Sequence[Headers]) -> DecodedBatch:
        """See the base."""
        found = self.records(payloads, headers)
        return found._replace(values=[with_attributes(value) for value in found.values])

    def cells(
        self, payloads: Payloads, headers: Sequence[Headers], layout: CellLayout
    ) -> Sequence[str | None]:
        """See the base."""
        if not tagged(headers, HEADERS[self._role]):
            found = self._cells_of_one_kind(payloads, layout)
            if found is not None:
                return found
        made: list[str | None] = [None] * len(payloads)
        for (key, offset), where in self._groups(payloads, headers, {}):
            written = self._written(key)
            if not isinstance(written, KgenError) and written.schema is not None:
                cells = self._cells.of(key, written.schema, layout)
                for i, text in zip(where, cells.texts([payloads[i] for i in where], offset)):
                    made[i] = text
        return made

    def _cells_of_one_kind(self, payloads: Payloads, layout: CellLayout) -> Sequence[str | None] | None:
        """As `_of_one_kind`; of text also if some are None."""
        id_ = only_id(payloads)
        if id_ is not None:
            written = self._written(id_)
            if isinstance(written, KgenError) or written.schema is None:
                return None
            return self._cells.of(id_, written.schema, layout).texts(payloads, ID_SIZE)
        if self._framed or layout.widths is not None or layout.columns not in (None, (VALUE,)):
            return None
        try:
            texts = _TEXTS(payloads)
        except UnicodeDecodeError:
            return None
        if not _NOT_TEXT.isdisjoint({text[:1] for text in texts if text}):
            return None
        cells: list[str | None] = [*csv_cells(texts)]
        return cells if None not in texts else _of_nulls(texts, cells)

    def _groups(
        self, payloads: Payloads, headers: Sequence[Headers], errors: dict[int, KgenError]
    ) -> Iterable[tuple[tuple[SchemaKey, int], list[int]]]:
        some = (
            payloads
            if self._framed
            else [each if self._is_framed(each, headers[i]) else None for i, each in enumerate(payloads)]
        )
        return by_schema(some, tagged(headers, HEADERS[self._role]), self._role, errors, indexed=True)

    def _bare(
        self, payloads: Payloads, headers: Sequence[Headers], errors: Mapping[int, KgenError]
    ) -> list[int]:
        return [
            i
            for i, each in enumerate(payloads)
            if each is None or not (self._framed or i in errors or self._is_framed(each, headers[i]))
        ]

    def _is_framed(self, payload: bytes | None, headers: Headers) -> bool:
        if any(name == HEADERS[self._role] for name, _ in headers):
            return True
        if payload is None or len(payload) < ID_SIZE:
            return False
        return payload[0] == 0 or (payload[0] == 1 and len(payload) >= GUID_SIZE)

    def _written(self, key: SchemaKey) -> _Written | KgenError:
        found = self._known.get(key)
        if found is None:
            try:
                found = self._look_up(key)
            except RegistryUnavailable:
                raise
            except KgenError as error:
                found = error.with_traceback(None)
                if isinstance(error, UnknownSchema) and error.status == _NOT_FOUND:
                    error.what = f"unknown schema {'id' if isinstance(key, int) else 'GUID'} {key}"
                if isinstance(error, UnknownSchema) and not self._framed:
                    format_ = f"--{self._role}-format"
                    error.where = None
                    error.hint = (
                        f"Is it in another registry (--registry URL)? If it is a plain number or bytes: "
                        f"{format_} long, int or bytes."
                    )
            self._known[key] = found
        return found

    def _look_up(self, key: SchemaKey) -> _Written:
        if self._store.registry is None:
            raise UnknownSchema(
                f"schema {key} is not known, and no registry is set", hint="--registry http://localhost:8081"
            )
        language = self._store.schema_type(self._subject, key)
        if language == "JSON":
            return _Written()
        if language == "PROTOBUF":
            return _Written(file=self._store.written(self._subject, key, PROTO_FILE).schema)
        if isinstance(key, int):
            schema = self._store.writer(self._subject, key).schema
        else:
            schema = self._store.writer_by_guid(self._subject, key).schema
        return _Written(AvroJsonTexts(schema), make_reader(schema, out_of_range="raw"), schema)


def _bare_value(payload: bytes | None) -> Any:
    if payload is None:
        return None
    if payload[:1] in (b"{", b"["):
        try:
            return json_value(payload)
        except DecodeError:
            pass
    try:
        return payload.decode()
    except UnicodeDecodeError:
        return payload


def _bare_text(payload: bytes | None) -> str:
    if payload is not None and payload[:1] in (b"{", b"["):
        try:
            return json_line(payload)
        except DecodeError:
            pass
    return plain_text(_bare_value(payload))


class EitherFormat(PartFormat):
    """With an `EitherSerde`: each payload with the part of it that reads it."""

    def __init__(self, serde: EitherSerde[Any], store: SchemaStore, role: Role) -> None:
        self._decoder = serde.decoder(store, role)
        self._first = of_serde(serde.framed, store, role)
        self._second = of_serde(serde.plain, store, role)

    def texts(self, payloads: Payloads, headers: Sequence[Headers]) -> PartTexts:
        """See the base."""
        one, other = self._first.texts(payloads, headers), self._second.texts(payloads, headers)
        errors = self._decoder.decode_many(payloads, headers).errors
        return PartTexts(
            [None if i in errors else _either(one.texts[i], other.texts[i]) for i in range(len(payloads))],
            one.ids,
            errors,
        )

    def values(self, payloads: Payloads, headers: Sequence[Headers]) -> DecodedBatch:
        """See the base."""
        return self._decoder.decode_many(payloads, headers)

    def records(self, payloads: Payloads, headers: Sequence[Headers]) -> DecodedBatch:
        """See the base."""
        one, other = self._first.records(payloads, headers), self._second.records(payloads, headers)
        errors = self._decoder.decode_many(payloads, headers).errors
        values = [other.values[i] if i in one.errors else one.values[i] for i in range(len(payloads))]
        return DecodedBatch(values, one.schema_ids, errors)


def _either(one: str | None, other: str | None) -> str | None:
    return other if one is None else one


def of_serde(serde: Serde[Any], store: SchemaStore, role: Role) -> PartFormat:
    """The format of a serde of the project."""
    if isinstance(serde, EitherSerde):
        return EitherFormat(serde, store, role)
    if isinstance(serde, AvroSerde):
        return AvroFormat(serde, store, role)
    if isinstance(serde, JsonSerde):
        return SerdeFormat(serde, store, role)
    if isinstance(serde, ProtobufSerde):
        return ProtobufFormat(serde, store, role)
    if isinstance(serde, TypesSerde):
        return TypesFormat(serde, store, role)
    return PlainFormat(serde, store, role)


def of_name(name: str, store: SchemaStore, role: Role, topic: str) -> PartFormat:
    """The format that `--key-format` or `--value-format` names. Raises `ConfigError`."""
    if name == JSON:
        return JsonFormat()
    if name == SCHEMA:
        return AsWrittenFormat(store, role, topic, framed=True)
    if name not in PLAIN:
        raise ConfigError(
            f"not a format: {name[:80]!r}", where=f"--{role}-format", hint=f"One of {', '.join(FORMATS)}."
        )
    return PlainFormat(PLAIN[name](), store, role)


def root_record(schema: Schema) -> Record | None:
    """The record that a schema's values are of, if they are."""
    named = schema.names[schema.root.name] if isinstance(schema.root, Ref) else None
    return named if isinstance(named, Record) else None

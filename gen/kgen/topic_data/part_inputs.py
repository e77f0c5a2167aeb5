"""How keys or values are made of JSON, as `kgen cat` prints it: checked against their schema, and framed."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from decimal import Decimal
from typing import Any, Final
from urllib.parse import quote

from kgen_runtime.codec import make_json_reader, make_proto_writer
from kgen_runtime.codec.avro.json_encoding import dumps
from kgen_runtime.codec.avro.json_input import AvroJsonWriter
from kgen_runtime.codec.decimals import double
from kgen_runtime.codec.json.schema.json_parser import parse_json_schema
from kgen_runtime.codec.protobuf.proto_json import ProtoJson
from kgen_runtime.errors import EncodeError, KgenError, RegistryError, ValidationError
from kgen_runtime.serde import (
    AvroSerde,
    BytesSerde,
    EitherSerde,
    JsonSerde,
    NoneSerde,
    ProtobufSerde,
    Role,
    Schemas,
    SchemaStore,
    Serde,
    TypesSerde,
    remote,
    rules,
)
from kgen_runtime.serde.framing import id_prefix
from kgen_runtime.serde.json_validation import json_validator, require_validation
from kgen_runtime.serde.message_indexes import written_indexes
from kgen_runtime.serde.schemas import WriterSchema
from kgen_runtime.serde.writer_kinds import AVRO

from ..errors import ConfigError, UnknownSchema
from .part_formats import JSON, PLAIN, SCHEMA
from .proto_files import PROTO_FILE, ProtoFile
from .typed_value import typed_value

_NOT_FOUND: Final = 404


class PartInput(ABC):
    """One way to write keys or values."""

    @abstractmethod
    def encode(self, value: Any) -> bytes | None:
        """The payload of a value of JSON (fractions are `Decimal`s); None for null. Raises `EncodeError`,
        whose `path` is a JSON pointer.
        """


class AvroInput(PartInput):
    """Avro, written with a schema that is registered under `id_`."""

    def __init__(self, writer: AvroJsonWriter, id_: int) -> None:
        self._writer = writer
        self._prefix = id_prefix(id_)

    def encode(self, value: Any) -> bytes | None:
        """See the base."""
        return None if value is None else self._prefix + self._writer.encode(value)


class JsonInput(PartInput):
    """JSON text behind `prefix`, if `check` finds nothing wrong with it."""

    def __init__(self, prefix: bytes, check: Any = None) -> None:
        self._prefix = prefix
        self._check = check

    def encode(self, value: Any) -> bytes | None:
        """See the base."""
        if value is None:
            return None
        payload = self._prefix + dumps(value).encode()
        error = None if self._check is None else self._check(payload)
        if isinstance(error, ValidationError) and error.problems:
            first = error.problems[0]
            raise EncodeError(first.what, path=first.path, hint=error.hint)
        if error is not None:
            raise EncodeError(error.what, path=getattr(error, "path", ""), hint=error.hint)
        return payload


class PlainInput(PartInput):
    """A format without a schema."""

    def __init__(self, serde: Serde[Any], store: SchemaStore, role: Role) -> None:
        self._encoder = serde.encoder(store, role)
        self._bytes = isinstance(serde, BytesSerde)
        self._none = isinstance(serde, NoneSerde)

    def encode(self, value: Any) -> bytes | None:
        """See the base."""
        if value is None:
            return None
        if self._none:
            raise EncodeError("the topic has none: expected null")
        if self._bytes:
            return _raw(value)
        try:
            return self._encoder.encode(double(value) if isinstance(value, Decimal) else value)
        except OverflowError:
            raise EncodeError(f"{value:.3g} is too large a number") from None


def _raw(value: Any) -> bytes:
    if isinstance(value, str):
        try:
            return value.encode()
        except UnicodeEncodeError:
            raise EncodeError("the text has half of a surrogate pair") from None
    if isinstance(value, dict) and value.keys() == {"hex"} and isinstance(value["hex"], str):
        try:
            return bytes.fromhex(value["hex"])
        except ValueError:
            raise EncodeError("not hexadecimal digits", path="/hex") from None
    raise EncodeError("expected bytes", hint='Bytes are written as text, or as {"hex": "00ff"}.')


class GuessedInput(PartInput):
    """A key of which nothing is known: text, or bytes."""

    def encode(self, value: Any) -> bytes | None:
        """See the base."""
        if value is None:
            return None
        if isinstance(value, str) or (isinstance(value, dict) and value.keys() == {"hex"}):
            return _raw(value)
        raise EncodeError(
            "nothing says how such a key is written: it is not text, and there is no schema for it",
            hint="--key-format long, int, double or json",
        )


class EitherInput(PartInput):
    """Of an `EitherSerde`: text or numbers plain, all else with the schema."""

    def __init__(self, serde: EitherSerde[Any], store: SchemaStore, role: Role) -> None:
        self._framed = input_of_serde(serde.framed, store, role)
        self._plain = None if serde.languages else input_of_serde(serde.plain, store, role)
        self._type = str if serde.is_text else int

    def encode(self, value: Any) -> bytes | None:
        """See the base."""
        if self._plain is not None and isinstance(value, self._type) and not isinstance(value, bool):
            return self._plain.encode(value)
        return self._framed.encode(value)


class ProtobufInput(PartInput):
    """Of Protobuf, of its JSON mapping: as `kgen cat` prints it, or `google.protobuf`."""

    def __init__(self, serde: ProtobufSerde[Any], prefix: bytes) -> None:
        self._to_value = ProtoJson(serde.schemas.messages, serde.message).to_value
        self._encode = make_proto_writer(serde.schemas.messages, serde.message).encode
        self._prefix = prefix

    def encode(self, value: Any) -> bytes | None:
        """See the base."""
        return None if value is None else self._encode(self._to_value(value), self._prefix)


class ProtoFileInput(PartInput):
    """Of a .proto file of the registry, as `kgen cat` prints what no generated code reads."""

    def __init__(self, file: ProtoFile, prefix: bytes) -> None:
        self._file = file
        self._prefix = prefix

    def encode(self, value: Any) -> bytes | None:
        """See the base."""
        return None if value is None else self._file.write(value, self._prefix)


class TypesInput(PartInput):
    """Of a topic of several types: an object with the one name of the value's type."""

    def __init__(self, serde: TypesSerde[Any], store: SchemaStore, role: Role) -> None:
        self._inputs = {name: input_of_serde(each, store, role) for name, each in serde.serdes.items()}

    def encode(self, value: Any) -> bytes | None:
        """See the base."""
        if value is None:
            return None
        name, inner = typed_value(value, self._inputs, self._inputs)
        return self._inputs[name].encode(inner)


def input_of_serde(serde: Serde[Any], store: SchemaStore, role: Role) -> PartInput:
    """How a serde of the project writes. Raises `UnknownSchema` if its schema is not registered, `RulesError`
    if the schema has rules in force, and `RegistryError`.
    """
    if isinstance(serde, EitherSerde):
        return EitherInput(serde, store, role)
    if isinstance(serde, AvroSerde):
        return AvroInput(AvroJsonWriter(serde.schemas.latest.parse()), _registered(serde.schemas, store))
    if isinstance(serde, JsonSerde):
        prefix = b"" if serde.framing == "none" else id_prefix(_registered(serde.schemas, store))
        decode = serde.decoder(SchemaStore(None), role).decode_many
        return JsonInput(prefix, lambda payload: decode((payload,)).errors.get(0))
    if isinstance(serde, ProtobufSerde):
        prefix = b""
        if serde.framing != "none":
            prefix = id_prefix(_registered(serde.schemas, store)) + written_indexes(serde.indexes())
        return ProtobufInput(serde, prefix)
    if isinstance(serde, TypesSerde):
        return TypesInput(serde, store, role)
    return PlainInput(serde, store, role)


def _registered(schemas: Schemas, store: SchemaStore) -> int:
    try:
        return store.id_to_write(schemas)[0]
    except UnknownSchema as error:
        error.hint = "Register it: kgen push; or pull what is registered there: kgen pull."
        raise


def input_of_name(name: str, store: SchemaStore, role: Role, topic: str) -> PartInput:
    """How the format that `--key-format` or `--value-format` names is written. Raises `ConfigError`, and as
    `input_of_registry`.
    """
    if name == JSON:
        return JsonInput(b"")
    if name == SCHEMA:
        return input_of_registry(store, role, topic)
    if name not in PLAIN:
        formats = ", ".join((*PLAIN, JSON, SCHEMA))
        raise ConfigError(f"not a format: {name[:80]!r}", where=f"--{role}-format", hint=f"One of {formats}.")
    return PlainInput(PLAIN[name](), store, role)


def input_of_registry(store: SchemaStore, role: Role, topic: str) -> PartInput:
    """How the latest schema of the topic's subject is written. Raises `UnknownSchema` if there is none,
    `RulesError` if it has rules in force, and `RegistryError`.
    """
    subject = f"{topic}-{role}"
    if store.registry is None:
        raise ConfigError(
            f"no registry is set, so the schema of {subject} is not known",
            where=f"--{role}-format",
            hint=f"--registry URL; or, without a schema, --{role}-format string or json.",
        )
    try:
        answer = store.registry.get(f"/subjects/{quote(subject, safe='')}/versions/latest")
    except RegistryError as error:
        if error.status != _NOT_FOUND:
            raise
        raise UnknownSchema(
            f"{subject} is not registered at {store.registry.url}",
            where=f"topic {topic}",
            hint=f"Register it: kgen push. Without a schema: --{role}-format string or json.",
            status=error.status,
        ) from None
    rules.check(answer, subject, "refuse")
    id_ = answer.get("id") if isinstance(answer, dict) else None
    if not isinstance(id_, int):
        raise RegistryError(f"{subject}: the answer is not in the form of a schema registry's")
    schemas = Schemas(subject, ())
    if answer.get("schemaType") == "PROTOBUF":
        return ProtoFileInput(remote.by_id(store.registry, id_, schemas, PROTO_FILE), id_prefix(id_))
    if answer.get("schemaType", "AVRO") != "JSON":
        return AvroInput(AvroJsonWriter(remote.by_id(store.registry, id_, schemas, AVRO)), id_)
    if answer.get("references"):
        raise ConfigError(
            f"{subject} refers to other schemas", hint="Make a project of it: kgen pull --subject " + subject
        )
    return JsonInput(id_prefix(id_), _json_check(answer, id_, subject))


def _json_check(answer: Any, id_: int, subject: str) -> Any:
    text = str(answer.get("schema"))
    reader = make_json_reader(parse_json_schema(text, {}))
    try:
        require_validation()
        version = WriterSchema(int(answer.get("version", 1)), id_, text, type="JSON")
        validator = json_validator(version, subject)
    except KgenError:
        validator = None

    def check(payload: bytes) -> KgenError | None:
        found = reader.decode_many((payload,), len(id_prefix(id_))).errors.get(0)
        if found is None and validator is not None:
            return validator.check(payload[len(id_prefix(id_)) :])
        return found

    return check


def parse_line(text: str) -> Any:
    """A line of JSON; its fractions are `Decimal`s. Raises `ValueError`, `RecursionError`."""

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(found)
        if len(made) < len(found):
            raise ValueError("a name stands twice in one object")
        return made

    def constant(word: str) -> Any:
        raise ValueError(f"{word} is not a JSON value")

    return json.loads(text, parse_float=Decimal, parse_constant=constant, object_pairs_hook=pairs)

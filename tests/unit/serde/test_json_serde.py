"""JSON messages: every framing, poison, ids that nobody knows, the registry at writing, the stock clients;
and topics that have Avro as well.
"""

from __future__ import annotations

import base64
import json
import uuid
import zlib
from dataclasses import dataclass, field
from typing import Any

import pytest
from confluent_kafka.serialization import MessageField, SerializationContext

import kgen_runtime as rt
from kgen_runtime.errors import (
    ConfigError,
    DecodeError,
    EncodeError,
    FramingError,
    RegistryUnavailable,
    ResolutionError,
    RulesError,
    UnknownSchema,
)
from kgen_runtime.serde import (
    AvroSerde,
    EitherSerde,
    JsonSerde,
    RegistryClient,
    Schemas,
    SchemaStore,
    VendoredSchemas,
    VendoredSubject,
    VendoredVersion,
    WriterSchema,
)
from kgen_runtime.serde.framing import id_prefix

V1 = json.dumps(
    {"title": "Order", "type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]}
)
V2 = json.dumps(
    {
        "title": "Order",
        "type": "object",
        "properties": {"id": {"type": "integer"}, "class": {"type": "string"}, "at": {"$ref": "place.json"}},
        "required": ["id"],
    }
)
PLACE = json.dumps({"title": "Place", "type": "object", "properties": {"zip": {"type": "string"}}})
GUID = uuid.UUID("12345678-9abc-def0-1234-56789abcdef0")
SCHEMAS = Schemas(
    "orders-value",
    (
        WriterSchema(1, 3, V1, type="JSON"),
        WriterSchema(2, 7, V2, (PLACE,), str(GUID), "JSON", ("place.json",)),
    ),
)


@dataclass(slots=True, kw_only=True)
class Place:
    zip: str | None = None


@dataclass(slots=True, kw_only=True)
class Order:
    id: int
    class_: str | None = field(default=None, metadata={"json": "class"})
    at: Place | None = None


CLASSES: dict[str, type[Any]] = {"#": Order, "place.json#": Place}
SERDE: JsonSerde[Order] = JsonSerde(SCHEMAS, CLASSES)
BARE: JsonSerde[Order] = JsonSerde(SCHEMAS, CLASSES, framing="none")
TEXT = b'{"id":1,"class":"a","at":{"zip":"8000"}}'
ORDER = Order(id=1, class_="a", at=Place(zip="8000"))


def decode(serde: Any, payloads: Any, headers: Any = None, store: SchemaStore | None = None) -> Any:
    return serde.decoder(store or SchemaStore(None), "value").decode_many(payloads, headers)


def test_messages_of_any_version_are_objects_of_the_latest() -> None:
    found = decode(SERDE, [id_prefix(7) + TEXT, None, id_prefix(3) + b'{"id": 2}'])
    assert found == ([ORDER, None, Order(id=2)], [7, None, 3], {})
    assert decode(SERDE, [id_prefix(7) + TEXT] * 3) == ([ORDER] * 3, [7] * 3, {})
    assert decode(SERDE, []) == ([], [], {})


def test_a_new_writer_stops_nothing() -> None:
    """Not even the registry is asked: this one does not answer."""
    store = SchemaStore(RegistryClient("http://127.0.0.1:9"))
    found = decode(SERDE, [id_prefix(99) + b'{"id": 1, "new": []}', b"\x01" + b"g" * 16 + TEXT], store=store)
    assert found == ([Order(id=1), ORDER], [99, None], {})


@pytest.mark.parametrize("prefix", [id_prefix(7), b"\x01" + GUID.bytes])
def test_the_schema_may_be_named_in_front_or_in_a_header(prefix: bytes) -> None:
    header = (("other", b"x"), ("__value_schema_id", prefix))
    found = decode(SERDE, [prefix + TEXT, TEXT, None], [(), header, header])
    assert found == ([ORDER, ORDER, None], [7, 7, None], {})


def test_bad_messages_have_their_errors_and_spare_the_others() -> None:
    bad = id_prefix(7) + b'{"id": "x"}'
    values, ids, errors = decode(
        SERDE, [bad, id_prefix(7) + TEXT, b"", TEXT, b"\x00\x00", id_prefix(3) + b"{"]
    )
    assert values == [None, ORDER, None, None, None, None]
    assert ids == [7, 7, None, None, None, 3]
    assert {i: type(error) for i, error in errors.items()} == {
        0: DecodeError,
        2: FramingError,
        3: FramingError,
        4: FramingError,
        5: DecodeError,
    }
    assert errors[0].position == len(id_prefix(7)) + len(b'{"id": ')
    assert errors[0].path == "/id"
    assert 'framing="none"' in str(errors[3])


def test_json_without_a_frame() -> None:
    found = decode(BARE, [TEXT, None, b' {"id": 2}\n', b"\x00\x00\x00\x00\x07{}"])
    assert found.values == [ORDER, None, Order(id=2), None]
    assert found.schema_ids == [None] * 4
    assert list(found.errors) == [3]
    encoder = BARE.encoder(SchemaStore(RegistryClient("http://127.0.0.1:9")), "value")
    assert encoder.encode(ORDER) == TEXT
    assert encoder.encode(None) is None
    BARE.check_writable(SchemaStore(RegistryClient("http://127.0.0.1:9")))


def test_an_encoded_null_is_not_a_tombstone() -> None:
    schemas = Schemas("s", (WriterSchema(1, 1, '{"type": ["string", "null"]}', type="JSON"),))
    payloads = [id_prefix(1) + b"null", id_prefix(1) + b'"a"', None]
    values, _, errors = decode(JsonSerde(schemas, {}), payloads)
    assert values == [None, "a", None]
    assert list(errors) == [0]
    assert "JsonSerde" in str(errors[0])
    assert decode(JsonSerde(schemas, {}, null="tombstone"), payloads) == ([None, "a", None], [1, 1, None], {})


@pytest.mark.parametrize("wrong", [{"null": "keep"}, {"framing": "avro"}])
def test_words_that_are_unknown_are_refused(wrong: Any) -> None:
    with pytest.raises(ConfigError):
        JsonSerde(SCHEMAS, CLASSES, **wrong)


def test_values_are_written_with_the_registered_id(registry: Any) -> None:
    registry.add("place", 4, 5, PLACE, schemaType="JSON")
    registry.add("orders-value", 2, 70, V1, schemaType="JSON")
    names = [{"name": "place.json", "subject": "place", "version": 4}]
    registry.add("orders-value", 3, 71, V2, schemaType="JSON", references=names)
    store = SchemaStore(RegistryClient(registry.server.url))
    SERDE.check_writable(store)
    encoder = SERDE.encoder(store, "value")
    assert encoder.encode(ORDER) == id_prefix(71) + TEXT
    assert encoder.encode(None) is None
    with pytest.raises(EncodeError):
        encoder.encode(Order(id="x"))  # type: ignore[arg-type]


def test_a_text_is_looked_up_as_json(registry: Any) -> None:
    registry.add("orders-value", 2, 70, V1, schemaType="JSON")
    schemas = Schemas("orders-value", (WriterSchema(1, 3, V1, type="JSON"),))
    store = SchemaStore(RegistryClient(registry.server.url))
    assert (
        JsonSerde[Any](schemas, {}).encoder(store, "value").encode({"id": 1}) == id_prefix(70) + b'{"id":1}'
    )
    posted = [request.body for request in registry.server.requests if request.method == "POST"]
    assert posted == [{"schema": V1, "schemaType": "JSON"}]


def test_what_refers_to_other_texts_is_another_schema(registry: Any) -> None:
    other = json.dumps({**json.loads(PLACE), "maxProperties": 1})
    registry.add("place", 1, 5, other, schemaType="JSON")
    names = [{"name": "place.json", "subject": "place", "version": 1}]
    registry.add("orders-value", 3, 71, V2, schemaType="JSON", references=names)
    with pytest.raises(UnknownSchema, match="not registered"):
        SERDE.check_writable(SchemaStore(RegistryClient(registry.server.url)))


def test_rules_of_the_schema_are_refused_at_writing(registry: Any) -> None:
    rules = {"domainRules": [{"name": "card", "type": "ENCRYPT"}]}
    registry.add("orders-value", 1, 3, V1, schemaType="JSON", ruleSet=rules)
    schemas = Schemas("orders-value", (WriterSchema(1, 3, V1, type="JSON"),))
    store = SchemaStore(RegistryClient(registry.server.url))
    with pytest.raises(RulesError, match="ENCRYPT card"):
        JsonSerde[Any](schemas, {}).encoder(store, "value").encode({"id": 1})
    ignored = Schemas("orders-value", schemas.versions, "ignore")
    assert JsonSerde[Any](ignored, {}).encoder(store, "value").encode({"id": 1}) == id_prefix(3) + b'{"id":1}'


def test_confluents_clients_take_it() -> None:
    context = SerializationContext("orders", MessageField.VALUE)
    store = SchemaStore(None)
    payload = SERDE.serializer_with(store)(ORDER, context)
    assert payload == id_prefix(7) + TEXT
    assert SERDE.deserializer_with(store)(payload, context) == ORDER
    with pytest.raises(DecodeError):
        SERDE.deserializer_with(store)(id_prefix(7) + b"{}", context)
    tagged = SerializationContext("orders", MessageField.VALUE, [("__value_schema_id", id_prefix(7))])
    assert SERDE.deserializer_with(store)(TEXT, tagged) == ORDER


def test_it_has_a_name_in_the_runtime() -> None:
    assert rt.JsonSerde is JsonSerde
    assert repr(SERDE) == "JsonSerde('orders-value', version=2, id=7)"


# A subject that changed its type.

AVRO = json.dumps({"type": "record", "name": "Old", "fields": [{"name": "id", "type": "long"}]})


@dataclass(slots=True, kw_only=True)
class Old:
    id: int


OLD: AvroSerde[Old] = AvroSerde(
    Schemas("orders-value", (WriterSchema(1, 2, AVRO, guid=str(uuid.UUID(int=2))),)), {"Old": Old}
)
MIXED: EitherSerde[Order | Old] = EitherSerde(SERDE, OLD)
OLD_PAYLOAD = id_prefix(2) + b"\x02"


def test_messages_of_both_languages_are_read() -> None:
    header = (("__value_schema_id", id_prefix(7)),)
    payloads = [
        OLD_PAYLOAD,
        id_prefix(7) + TEXT,
        None,
        b"\x01" + uuid.UUID(int=2).bytes + b"\x02",
        TEXT,
        b"x",
    ]
    found = decode(MIXED, payloads, [(), (), (), (), header, ()])
    assert found.values == [Old(id=1), ORDER, None, Old(id=1), ORDER, None]
    assert found.schema_ids == [2, 7, None, 2, 7, None]
    assert list(found.errors) == [5]
    assert decode(EitherSerde(OLD, SERDE), [OLD_PAYLOAD, id_prefix(3) + b'{"id": 1}']).values == [
        Old(id=1),
        Order(id=1),
    ]


def test_the_registry_says_what_is_new(registry: Any) -> None:
    registry.add("orders-value", 1, 2, AVRO)
    registry.add("orders-value", 8, 80, V1, schemaType="JSON")
    registry.add("orders-value", 9, 90, AVRO, guid=str(GUID))
    registry.add("orders-value", 10, 100, "message A {}", schemaType="PROTOBUF")
    store = SchemaStore(RegistryClient(registry.server.url))
    payloads = [
        id_prefix(80) + b'{"id": 1}',
        id_prefix(90) + b"\x02",
        id_prefix(100) + b"\x02",
        id_prefix(5) + b"\x02",
    ]
    values, _, errors = decode(MIXED, payloads, store=store)
    assert values == [Order(id=1), Old(id=1), None, None]
    assert {i: type(error) for i, error in errors.items()} == {2: ResolutionError, 3: UnknownSchema}
    assert "PROTOBUF" in str(errors[2])


def test_without_a_registry_what_is_new_has_no_language() -> None:
    _, _, errors = decode(MIXED, [id_prefix(80) + TEXT])
    assert isinstance(errors[0], UnknownSchema)
    with pytest.raises(RegistryUnavailable):
        decode(
            MIXED, [id_prefix(80) + TEXT], store=SchemaStore(RegistryClient("http://127.0.0.1:9").hurried())
        )


def test_objects_are_written_in_their_own_language() -> None:
    encoder = MIXED.encoder(SchemaStore(None), "value")
    assert encoder.encode(ORDER) == id_prefix(7) + TEXT
    assert encoder.encode(Old(id=1)) == OLD_PAYLOAD
    assert encoder.encode(None) is None


@pytest.mark.parametrize(("first", "second"), [(SERDE, SERDE), (OLD, BARE), (OLD, OLD), (BARE, OLD)])
def test_two_that_cannot_be_distinguished_are_refused(first: Any, second: Any) -> None:
    with pytest.raises(ConfigError, match="distinguished"):
        EitherSerde(first, second)


def test_each_language_has_its_own_versions() -> None:
    versions = (VendoredVersion(1, 2), VendoredVersion(2, 3, type="JSON"), VendoredVersion(3, 4, type="JSON"))
    packed = base64.b64encode(zlib.compress("\0".join((AVRO, V1, V1)).encode())).decode()
    schemas = VendoredSchemas(VendoredSubject("s", versions, packed))
    assert [each.version for each in schemas.subject("s").versions] == [1, 2, 3]
    assert [each.version for each in schemas.subject("s", "AVRO").versions] == [1]
    assert [each.version for each in schemas.subject("s", "JSON").versions] == [2, 3]
    with pytest.raises(ResolutionError):
        schemas.subject("s").latest.parse()
    with pytest.raises(ResolutionError):
        schemas.subject("s", "AVRO").latest.parse_json()

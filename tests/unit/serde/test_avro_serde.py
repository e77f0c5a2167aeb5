"""Avro messages: batches with poison of every kind, schema evolution, both roles, and the stock Kafka
clients.
"""

from __future__ import annotations

import enum
import io
import json
import struct
import threading
import uuid
from dataclasses import dataclass, field
from typing import Any

import fastavro
import pytest
from confluent_kafka.serialization import MessageField, SerializationContext

from kgen_runtime.codec.avro.schema.parser import parse
from kgen_runtime.errors import (
    DecodeError,
    EncodeError,
    FramingError,
    RegistryUnavailable,
    ResolutionError,
    SchemaError,
    UnknownSchema,
)
from kgen_runtime.flow.topic import Topic
from kgen_runtime.serde import AvroSerde, BytesSerde, Schemas, SchemaStore, WriterSchema
from kgen_runtime.serde.framing import id_prefix

FIELDS = [{"name": "id", "type": "long"}, {"name": "class", "type": "string"}]
STATUS = {"type": "enum", "name": "Status", "symbols": ["NEW", "PAID"], "default": "NEW"}
V1 = json.dumps({"type": "record", "name": "shop.Order", "fields": FIELDS})
V2 = json.dumps(
    {
        "type": "record",
        "name": "shop.Order",
        "fields": [*FIELDS, {"name": "status", "type": STATUS, "default": "NEW"}],
    }
)
GUID = uuid.UUID("12345678-9abc-def0-1234-56789abcdef0")
SCHEMAS = Schemas("orders-value", (WriterSchema(1, 3, V1), WriterSchema(2, 7, V2, guid=str(GUID))))


class Status(enum.Enum):
    NEW = "NEW"
    PAID = "PAID"


@dataclass(kw_only=True)
class Order:
    id: int
    class_: str = field(metadata={"avro": "class"})
    status: Status = Status.NEW


SERDE: AvroSerde[Order] = AvroSerde(SCHEMAS, {"shop.Order": Order, "shop.Status": Status})
KEYS: AvroSerde[str] = AvroSerde(Schemas("orders-key", (WriterSchema(1, 2, '"string"'),)), {})


def body(schema: str, value: Any) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(json.loads(schema)), value)
    return out.getvalue()


OLD = id_prefix(3) + body(V1, {"id": 1, "class": "a"})
NEW = id_prefix(7) + body(V2, {"id": 2, "class": "b", "status": "PAID"})
OLD_ORDER, NEW_ORDER = Order(id=1, class_="a"), Order(id=2, class_="b", status=Status.PAID)


@pytest.fixture
def decoder():
    return SERDE.decoder(SchemaStore(None), "value")


@pytest.fixture
def store(registry, client, clock):
    registry.add("orders-value", 1, 3, V1)
    registry.add("orders-value", 2, 7, V2)
    return SchemaStore(client(registry.server.url, retries=0), clock=clock)


def test_one_schema(decoder):
    assert decoder.decode_many([NEW] * 3) == ([NEW_ORDER] * 3, [7] * 3, {})
    assert decoder.decode_many([OLD], [()]) == ([OLD_ORDER], [3], {})
    assert decoder.decode_many([]) == ([], [], {})


def test_versions_and_tombstones_mixed(decoder):
    values, ids, _ = decoder.decode_many([NEW, None, OLD, NEW, None], [()] * 5)
    assert values == [NEW_ORDER, None, OLD_ORDER, NEW_ORDER, None]
    assert ids == [7, None, 3, 7, None]
    assert decoder.decode_many([None, None]) == ([None, None], [None, None], {})


def test_poison_has_its_error_and_the_rest_decodes(decoder):
    poison = [
        (b"", FramingError, None),
        (b"\x00\x00", FramingError, None),
        (b'{"id": 1}', FramingError, None),
        (id_prefix(99) + b"x", UnknownSchema, 99),
        (NEW[:-2], DecodeError, 7),
        (NEW + b"!", DecodeError, 7),
        (id_prefix(7), DecodeError, 7),
        (id_prefix(7) + b"\xff" * 12, DecodeError, 7),
    ]
    payloads = [NEW]
    for payload, _, _ in poison:
        payloads += [payload, OLD]
    values, ids, errors = decoder.decode_many(payloads)
    assert values[0] == NEW_ORDER
    assert values[2::2] == [OLD_ORDER] * len(poison)
    assert values[1::2] == [None] * len(poison)
    assert [type(errors[i]) for i in sorted(errors)] == [kind for _, kind, _ in poison]
    assert sorted(errors) == [*range(1, len(payloads), 2)]
    assert ids[1::2] == [id_ for _, _, id_ in poison]


def test_bytes_after_the_value_are_damage_unless_ignored(decoder):
    assert isinstance(decoder.decode_many([NEW + b"x"]).errors[0], DecodeError)
    lenient = AvroSerde(SERDE.schemas, SERDE.classes, trailing="ignore").decoder(SchemaStore(None), "value")
    assert lenient.decode_many([NEW + b"x", OLD]) == ([NEW_ORDER, OLD_ORDER], [7, 3], {})


def test_a_batch_of_poison_alone(decoder):
    for payload, kind in [(b"", FramingError), (b"\x00", FramingError), (b"x" * 9, FramingError)]:
        values, ids, errors = decoder.decode_many([payload] * 3)
        assert [type(errors[i]) for i in range(3)] == [kind] * 3
        assert values == ids == [None] * 3
    values, ids, errors = decoder.decode_many([id_prefix(99)] * 3)
    assert [type(errors[i]) for i in range(3)] == [UnknownSchema] * 3
    assert values == [None] * 3
    assert ids == [99] * 3
    assert isinstance(decoder.decode_many([b"\x00\xff\xff\xff\xff!"]).errors[0], FramingError)


def test_errors_hold_no_frames(decoder):
    errors = decoder.decode_many([b"", id_prefix(99), NEW[:-1], NEW]).errors
    assert [errors[i].__traceback__ for i in range(3)] == [None] * 3
    assert [errors[i].__context__ for i in range(2)] == [None] * 2


def test_decode_errors_have_the_position_in_the_whole_payload(decoder):
    error = decoder.decode_many([NEW[:6]]).errors[0]
    assert isinstance(error, DecodeError)
    assert error.position >= 5


def test_ids_and_guids_in_headers(decoder):
    def header(value):
        return (("trace", b"1"), ("__value_schema_id", value))

    payloads = [NEW[5:], OLD[5:], b"\x01" + GUID.bytes + NEW[5:], NEW, NEW[5:], None]
    headers = [header(b"\x01" + GUID.bytes), header(id_prefix(3)), (), (), header(b"?"), header(id_prefix(3))]
    values, ids, errors = decoder.decode_many(payloads, headers)
    assert values[:4] == [NEW_ORDER, OLD_ORDER, NEW_ORDER, NEW_ORDER]
    assert ids[:4] == [7, 3, 7, 7]
    assert values[4:] == [None, None]
    assert list(errors) == [4]
    assert isinstance(errors[4], FramingError)


def test_an_unknown_guid(decoder):
    _, ids, errors = decoder.decode_many([b"\x01" + bytes(16) + NEW[5:]])
    assert isinstance(errors[0], UnknownSchema)
    assert ids == [None]


def test_newer_schemas_come_from_the_registry(store, registry):
    v3 = V2.replace('"fields": [', '"fields": [{"name": "extra", "type": "int"}, ')
    registry.add("orders-value", 3, 11, v3)
    decoder = SERDE.decoder(store, "value")
    payload = id_prefix(11) + body(v3, {"extra": 5, "id": 2, "class": "b", "status": "PAID"})
    for _ in range(3):
        assert decoder.decode_many([payload, payload]) == ([NEW_ORDER] * 2, [11] * 2, {})
    assert registry.server.paths() == ["GET /schemas/ids/11"]


def test_an_unknown_id_is_asked_for_once(store, registry):
    decoder = SERDE.decoder(store, "value")
    for _ in range(5):
        values, _, errors = decoder.decode_many([id_prefix(99) + b"x"] * 10 + [NEW])
        assert isinstance(errors[9], UnknownSchema)
        assert values[10] == NEW_ORDER
    assert registry.server.paths().count("GET /schemas/ids/99") == 1


def test_a_writer_schema_that_cannot_be_read(store, registry):
    other = '{"type":"record","name":"shop.Order","fields":[{"name":"id","type":"string"}]}'
    registry.add("orders-value", 3, 11, other)
    registry.add("orders-value", 4, 12, "message X {}", schemaType="PROTOBUF")
    decoder = SERDE.decoder(store, "value")
    values, ids, errors = decoder.decode_many([id_prefix(11) + b"\x02a", NEW, id_prefix(12) + b"x"])
    assert values == [None, NEW_ORDER, None]
    assert [type(errors[i]) for i in (0, 2)] == [ResolutionError, ResolutionError]
    assert "schema id 11 wrote cannot be read as orders-value version 2" in str(errors[0])
    assert errors[0].hint
    assert ids == [11, 7, 12]


def test_unavailable_is_raised_and_nothing_is_lost(store, registry):
    v3 = V2.replace('"fields": [', '"fields": [{"name": "extra", "type": "int"}, ')
    registry.add("orders-value", 3, 11, v3)
    decoder = SERDE.decoder(store, "value")
    payload = id_prefix(11) + body(v3, {"extra": 5, "id": 2, "class": "b", "status": "PAID"})
    registry.down = True
    with pytest.raises(RegistryUnavailable):
        decoder.decode_many([NEW, payload])
    registry.down = False
    assert decoder.decode_many([NEW, payload])[0] == [NEW_ORDER, NEW_ORDER]


def test_unchecked_schemas_are_checked_when_the_registry_is_back(store, registry, clock):
    swapped = V1.replace('"id"', '"x"').replace('"class"', '"id"').replace('"x"', '"class"')
    swapped = swapped.replace('"long"', '"T"').replace('"string"', '"long"').replace('"T"', '"string"')
    registry.add("orders-value", 1, 3, swapped)
    registry.down = True
    decoder = SERDE.decoder(store, "value")
    payload = id_prefix(3) + body(swapped, {"class": "a", "id": 1})
    assert decoder.decode_many([OLD])[0] == [OLD_ORDER]
    registry.down = False
    clock.now += 61
    assert decoder.decode_many([payload])[0] == [OLD_ORDER]


def test_encode(store, registry):
    encoder = SERDE.encoder(store, "value")
    assert registry.server.requests == []
    assert encoder.encode(NEW_ORDER) == NEW
    assert encoder.encode(None) is None
    assert encoder.encode({"id": 2, "class": "b", "status": "PAID"}) == NEW  # type: ignore[arg-type]
    assert registry.server.paths() == [
        "POST /subjects/orders-value",
        "GET /subjects/orders-value/versions/latest",
    ]
    with pytest.raises(EncodeError):
        encoder.encode(Order(id="no", class_="b"))  # type: ignore[arg-type]


def test_encode_with_the_registry_away_then_back_with_another_id(store, registry, clock):
    registry.add("orders-value", 2, 70, V2)
    registry.down = True
    encoder = SERDE.encoder(store, "value")
    assert encoder.encode(NEW_ORDER) == NEW
    registry.down = False
    assert encoder.encode(NEW_ORDER) == NEW
    clock.now += 61
    assert encoder.encode(NEW_ORDER) == id_prefix(70) + NEW[5:]


def test_encode_what_is_not_registered(store, registry):
    del registry.subjects["orders-value"]
    encoder = SERDE.encoder(store, "value")
    for _ in range(3):
        with pytest.raises(UnknownSchema, match="not registered under orders-value"):
            encoder.encode(NEW_ORDER)
    assert len(registry.server.requests) == 1


def test_a_broken_generated_schema_is_an_error_at_once():
    broken: AvroSerde[Any] = AvroSerde(Schemas("x", (WriterSchema(1, 1, "{"),)), {})
    with pytest.raises(SchemaError):
        broken.decoder(SchemaStore(None), "value")


def test_the_stock_operator():
    pytest.importorskip("bytewax", reason="Bytewax has no build for this Python")
    import bytewax.operators as op
    from bytewax.connectors.kafka import KafkaSourceMessage
    from bytewax.connectors.kafka import operators as kop
    from bytewax.dataflow import Dataflow
    from bytewax.testing import TestingSink, TestingSource, run_main

    serialized = [
        KafkaSourceMessage(key=id_prefix(2) + b"\x04k1", value=NEW, topic="orders"),
        KafkaSourceMessage(key=None, value=None, topic="orders"),
        KafkaSourceMessage(key=id_prefix(2) + b"\x04k2", value=b"poison", topic="orders"),
        KafkaSourceMessage(key=b"poison", value=OLD, topic="orders"),
    ]
    oks: list[Any] = []
    errs: list[Any] = []
    flow = Dataflow("stock")
    read = op.input("in", flow, TestingSource(serialized))
    out = kop.deserialize("de", read, key_deserializer=KEYS.deserializer, val_deserializer=SERDE.deserializer)  # type: ignore[arg-type]
    op.output("oks", out.oks, TestingSink(oks))
    op.output("errs", out.errs, TestingSink(errs))
    written: list[Any] = []
    some = op.filter("some", out.oks, lambda m: m.value is not None)
    back = kop.serialize("ser", some, key_serializer=KEYS.serializer, val_serializer=SERDE.serializer)
    op.output("back", back, TestingSink(written))
    run_main(flow)
    assert [(m.key, m.value) for m in oks] == [("k1", NEW_ORDER), (None, None)]
    assert [(m.key, m.value) for m in written] == [(serialized[0].key, NEW)]  # type: ignore[attr-defined]
    assert [error.msg for error in errs] == serialized[2:]
    assert "begins with 70 6f 69 73 6f 6e" in str(errs[0].err)


def test_stock_clients_with_headers_and_roles(store):
    deserialize = SERDE.deserializer_with(store)
    headers = [("__value_schema_id", id_prefix(7))]
    assert deserialize(NEW[5:], SerializationContext("orders", MessageField.VALUE, headers)) == NEW_ORDER  # type: ignore[arg-type]
    assert (
        deserialize(NEW[5:], SerializationContext("orders", MessageField.VALUE, dict(headers))) == NEW_ORDER
    )
    with pytest.raises(FramingError, match="the key begins"):
        deserialize(NEW[5:], SerializationContext("orders", MessageField.KEY, headers))  # type: ignore[arg-type]
    assert deserialize(None) is None
    assert SERDE.serializer_with(store)(NEW_ORDER) == struct.pack(">bI", 0, 7) + NEW[5:]


def test_a_deserializer_asks_the_registry_of_the_environment(registry, monkeypatch):
    registry.add("orders-value", 2, 7, V2)
    deserialize = SERDE.deserializer
    monkeypatch.setenv("KGEN_REGISTRY_URL", registry.server.url)
    assert deserialize(NEW) == NEW_ORDER
    assert registry.server.paths() == ["GET /schemas/ids/7"]
    deserialize._coders._store().registry.close()


def test_a_deserializer_is_shared_by_threads(store, registry):
    deserialize = SERDE.deserializer_with(store)
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(deserialize(NEW))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [NEW_ORDER] * 8
    assert registry.server.paths() == ["GET /schemas/ids/7"]


def test_topics_and_reprs():
    topic: Topic[bytes, Order] = Topic("orders", key=BytesSerde(), value=SERDE)
    assert repr(topic.value) == "AvroSerde('orders-value', version=2, id=7)"
    assert repr(topic.key) == "BytesSerde()"
    assert parse(V2) == SCHEMAS.latest.parse()

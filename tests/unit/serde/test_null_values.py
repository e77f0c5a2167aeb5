"""An encoded null of a schema such as `["null", "string"]` does not turn into a tombstone unseen."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

import kgen_runtime as rt
from kgen_runtime.errors import ConfigError, DecodeError
from kgen_runtime.serde import AvroSerde, Schemas, WriterSchema
from kgen_runtime.serde.framing import id_prefix

if TYPE_CHECKING:
    from bytewax.dataflow import Dataflow

    from kgen_runtime import testing

NULLABLE = Schemas("cards-value", (WriterSchema(1, 1, '"string"'), WriterSchema(2, 2, '["null", "string"]')))
NULL, CARD, OLD = id_prefix(2) + b"\x00", id_prefix(2) + b"\x02\x02x", id_prefix(1) + b"\x02y"


def bytewaxs(module: str) -> Any:
    return pytest.importorskip(module, reason="Bytewax has no build for this Python", exc_type=ImportError)


def topic_of(serde: rt.Serde[Any]) -> rt.Topic[Any, Any]:
    return rt.Topic("cards", key=rt.StringSerde(), value=serde)


def copying(serde: rt.Serde[Any], kafka: testing.Memory) -> Dataflow:
    topic = topic_of(serde)
    flow = bytewaxs("bytewax.dataflow").Dataflow("flow")
    read = rt.source("read", flow, topic, kafka)
    mapped = rt.map_value("map", read.oks, str.upper)
    errs = rt.sink("write", mapped.oks, replace(topic, name="copies"), kafka)
    rt.route("errs", read.errs, mapped.errs, errs, policy=rt.DeadLetter("cards.dlq", kafka))
    return flow


def copied(serde: rt.Serde[Any]) -> testing.Memory:
    payloads = (NULL, CARD, OLD, None)
    testing = bytewaxs("kgen_runtime.testing")
    kafka = testing.Memory(
        {topic_of(serde): [rt.RawMessage(topic="cards", key=b"k", value=payload) for payload in payloads]}
    )
    testing.run(copying(serde, kafka))
    return kafka


def test_an_encoded_null_is_a_dead_letter_and_a_tombstone_is_written_as_one() -> None:
    kafka = copied(AvroSerde(NULLABLE, {}))
    written = [message.value for message in kafka.produced["copies"]]
    assert written == [CARD[:-1] + b"X", id_prefix(2) + b"\x02\x02Y", None]
    (letter,) = kafka.dead_letters
    assert letter.value == NULL


def test_an_encoded_null_is_taken_for_a_tombstone_where_that_is_said() -> None:
    kafka = copied(AvroSerde(NULLABLE, {}, null="tombstone"))
    assert [message.value for message in kafka.produced["copies"]].count(None) == 2
    assert not kafka.dead_letters


@pytest.mark.parametrize("payloads", [[NULL], [NULL, NULL], [NULL, CARD, None, OLD]])
@pytest.mark.parametrize("role", ["key", "value"])
def test_the_error_says_what_it_is_and_what_to_do(client: Any, payloads: list[Any], role: Any) -> None:
    kafka = rt.Kafka("nowhere:1", registry="http://nowhere:1")
    values, _, errors = AvroSerde(NULLABLE, {}).decoder(kafka.store, role).decode_many(payloads)
    assert isinstance(errors[0], DecodeError)
    assert "encoded null, which is not a tombstone" in str(errors[0])
    assert 'null="tombstone"' in str(errors[0])
    assert [*errors] == [i for i, payload in enumerate(payloads) if payload == NULL]
    assert [value is None for value in values] == [payload in (NULL, None) for payload in payloads]


def test_a_payload_that_does_not_decode_is_not_taken_for_an_encoded_null() -> None:
    decoder = AvroSerde(NULLABLE, {}).decoder(rt.SchemaStore(None), "value")
    errors = decoder.decode_many([CARD[:-1], NULL, CARD]).errors
    assert sorted(errors) == [0, 1]
    assert "ends too early" in str(errors[0])
    assert "encoded null" in str(errors[1])


def test_samples_of_such_a_topic_are_messages_that_are_read() -> None:
    topic = topic_of(AvroSerde(NULLABLE, {}))
    testing = bytewaxs("kgen_runtime.testing")
    kafka = testing.Memory({topic: testing.samples(topic, 50)})
    testing.run(copying(topic.value, kafka))
    assert not kafka.dead_letters
    assert len(kafka.values(rt.Topic("copies", key=topic.key, value=topic.value))) == 50


def test_another_word_for_null_is_refused() -> None:
    with pytest.raises(ConfigError, match="invalid null='drop'"):
        AvroSerde(NULLABLE, {}, null="drop")  # type: ignore[arg-type]

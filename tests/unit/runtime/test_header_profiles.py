"""Dead letters in the forms of other systems, read by readers written after their documentation.

Kafka Connect: KIP-298, and its DeadLetterQueueReporter. Kafka Streams: KIP-1034, and its
ExceptionHandlerUtils. Spring Kafka: the reference's table of dead-letter headers, KafkaHeaders, and
DeadLetterPublishingRecoverer.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import bytewax.operators as op
import pytest
from bytewax.dataflow import Dataflow, Stream
from bytewax.testing import TestingSource

import kgen_runtime as rt
from kgen_runtime import testing
from kgen_runtime.flow.failures import failure

from .conftest import raw

ORIGINAL = raw(b"\xffv", b"\xfek", partition=3, offset=1 << 40, timestamp=1_700_000_000_123)
MADE_IN_THE_FLOW = rt.RawMessage(key=None, value=b"v", topic="", partition=None, offset=None)


def failed(original: rt.RawMessage = ORIGINAL, **more: Any) -> rt.Failure:
    try:
        try:
            raise KeyError("sku")
        except KeyError as error:
            raise ValueError("no price \N{EURO SIGN}") from error
    except ValueError as error:
        return failure(error, original, **{"step": "flow.handle", "stage": rt.Stage.PROCESS, **more})


def undecodable(part: str) -> rt.Failure:
    error = rt.DecodeError("not UTF-8", position=3, path="name")
    return failure(error, ORIGINAL, step="flow.read", part=part, schema_id=7)


def written(profile: Any, made: rt.Failure) -> dict[str, bytes | None]:
    """The headers of the letter, each of which is there once."""
    kafka = testing.Memory()
    flow = Dataflow("flow")
    up: Stream[rt.Failure] = op.input("in", flow, TestingSource([made]))
    rt.route("errs", up, policy=rt.DeadLetter("dlq", kafka, headers=profile))
    testing.run(flow)
    (letter,) = kafka.produced["dlq"]
    assert (letter.key, letter.value, letter.timestamp) == (
        made.original.key,
        made.original.value,
        made.original.timestamp,
    )
    assert len(dict(letter.headers)) == len(letter.headers)
    return dict(letter.headers)


def text(headers: dict[str, bytes | None], name: str) -> str:
    """`new String(header.value(), UTF_8)`."""
    value = headers[name]
    assert value is not None
    return value.decode("utf-8")


def java_int(headers: dict[str, bytes | None], name: str) -> int:
    """`ByteBuffer.wrap(header.value()).getInt()`, of an array of four bytes."""
    value = headers[name]
    assert value is not None
    assert len(value) == 4
    return int.from_bytes(value, "big", signed=True)


def java_long(headers: dict[str, bytes | None], name: str) -> int:
    """`ByteBuffer.wrap(header.value()).getLong()`, of an array of eight bytes."""
    value = headers[name]
    assert value is not None
    assert len(value) == 8
    return int.from_bytes(value, "big", signed=True)


CONNECT_STAGES = {
    *("TASK_POLL", "TASK_PUT", "TRANSFORMATION", "KEY_CONVERTER", "VALUE_CONVERTER", "HEADER_CONVERTER"),
    *("KAFKA_PRODUCE", "KAFKA_CONSUME"),
}
"""The enum Stage of org.apache.kafka.connect.runtime.errors."""


def test_connects_headers_are_text() -> None:
    headers = written("connect", failed())
    prefix = "__connect.errors."
    assert text(headers, prefix + "topic") == "orders"
    assert int(text(headers, prefix + "partition")) == 3
    assert int(text(headers, prefix + "offset")) == 1 << 40
    assert text(headers, prefix + "connector.name") == "flow"
    assert int(text(headers, prefix + "task.id")) == 0
    assert text(headers, prefix + "stage") == "TRANSFORMATION"
    assert text(headers, prefix + "class.name") == "flow.handle"
    assert text(headers, prefix + "exception.class.name") == "ValueError"
    assert text(headers, prefix + "exception.message").startswith("no price \N{EURO SIGN}")
    assert "KeyError: 'sku'" in text(headers, prefix + "exception.stacktrace")
    assert len(headers) == 10


@pytest.mark.parametrize("stage", rt.Stage)
@pytest.mark.parametrize("part", ["key", "value", None])
def test_connects_stages_are_those_of_its_enum(stage: rt.Stage, part: str | None) -> None:
    headers = written("connect", failed(stage=stage, part=part))
    assert text(headers, "__connect.errors.stage") in CONNECT_STAGES


def test_connect_knows_which_converter_failed() -> None:
    assert text(written("connect", undecodable("key")), "__connect.errors.stage") == "KEY_CONVERTER"
    assert text(written("connect", undecodable("value")), "__connect.errors.stage") == "VALUE_CONVERTER"


def test_connect_writes_minus_one_for_what_it_does_not_know() -> None:
    headers = written("connect", failed(MADE_IN_THE_FLOW))
    assert text(headers, "__connect.errors.topic") == ""
    assert int(text(headers, "__connect.errors.partition")) == -1
    assert int(text(headers, "__connect.errors.offset")) == -1


def test_streams_headers_are_text() -> None:
    headers = written("streams", failed())
    prefix = "__streams.errors."
    assert text(headers, prefix + "exception") == "ValueError"
    assert text(headers, prefix + "message").startswith("no price \N{EURO SIGN}")
    assert "KeyError: 'sku'" in text(headers, prefix + "stacktrace")
    assert text(headers, prefix + "topic") == "orders"
    assert int(text(headers, prefix + "partition")) == 3
    assert int(text(headers, prefix + "offset")) == 1 << 40
    assert len(headers) == 6


def test_streams_topic_is_null_for_what_was_made_in_the_flow() -> None:
    headers = written("streams", failed(MADE_IN_THE_FLOW))
    assert headers["__streams.errors.topic"] is None
    assert int(text(headers, "__streams.errors.partition")) == -1


def test_springs_headers_are_texts_and_binary_numbers() -> None:
    headers = written("spring", failed())
    prefix = "kafka_dlt-"
    assert text(headers, prefix + "original-topic") == "orders"
    assert java_int(headers, prefix + "original-partition") == 3
    assert java_long(headers, prefix + "original-offset") == 1 << 40
    assert java_long(headers, prefix + "original-timestamp") == 1_700_000_000_123
    assert text(headers, prefix + "original-timestamp-type") == "CreateTime"
    assert text(headers, prefix + "original-consumer-group") == "flow"
    assert text(headers, prefix + "exception-fqcn") == "ValueError"
    assert text(headers, prefix + "exception-cause-fqcn") == "KeyError"
    assert text(headers, prefix + "exception-message").startswith("no price \N{EURO SIGN}")
    assert "KeyError: 'sku'" in text(headers, prefix + "exception-stacktrace")
    assert len(headers) == 10


def test_spring_has_other_headers_for_a_key_that_cannot_be_deserialized() -> None:
    """But one for the class of the cause."""
    headers = written("spring", undecodable("key"))
    decode_error = "kgen_runtime.errors.DecodeError"
    assert text(headers, "kafka_dlt-key-exception-fqcn") == decode_error
    assert text(headers, "kafka_dlt-key-exception-message").startswith("not UTF-8")
    assert text(headers, "kafka_dlt-key-exception-stacktrace").startswith(f"{decode_error}: not UTF-8")
    assert text(headers, "kafka_dlt-exception-cause-fqcn") == decode_error
    assert "kafka_dlt-exception-fqcn" not in headers
    processed = written("spring", failed(part="key"))
    assert "kafka_dlt-exception-fqcn" in processed


def test_springs_timestamp_is_minus_one_for_a_record_without() -> None:
    headers = written("spring", failed(replace(ORIGINAL, timestamp=None)))
    assert java_long(headers, "kafka_dlt-original-timestamp") == -1
    assert text(headers, "kafka_dlt-original-timestamp-type") == "NoTimestampType"


def test_spring_knows_nothing_of_the_original_of_what_was_made_in_the_flow() -> None:
    headers = written("spring", failed(MADE_IN_THE_FLOW))
    assert {name.removeprefix("kafka_dlt-") for name in headers} == {
        "exception-fqcn",
        "exception-cause-fqcn",
        "exception-message",
        "exception-stacktrace",
    }


@pytest.mark.parametrize("profile", ["connect", "streams", "spring"])
def test_every_text_is_utf_8(profile: str) -> None:
    """Also where Python's text has lone surrogates, which come with JSON."""
    made = failed()
    made.message = made.traceback = "no \ud800"
    for name, value in written(profile, made).items():
        if "original-" not in name and value is not None:
            value.decode("utf-8")

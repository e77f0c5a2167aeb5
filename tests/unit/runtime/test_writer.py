"""`rt.Writer` on topics in memory: what is written, what it refuses."""

from __future__ import annotations

import gc
import logging
import os
import threading
from datetime import datetime, timezone
from typing import Any

import pytest
from confluent_kafka import KafkaError

import kgen_runtime as rt
from kgen_runtime import testing
from kgen_runtime.messages import RawMessage
from kgen_runtime.testing.memory_clients import MemoryProducer

TEXTS = rt.Topic("texts", key=rt.StringSerde(), value=rt.StringSerde())
NOON = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)


def written(kafka: testing.Memory) -> list[RawMessage]:
    return kafka.produced.get("texts", [])


def test_a_message_is_written_with_all_its_parts() -> None:
    kafka = testing.Memory()
    with rt.Writer(TEXTS, kafka) as writer:
        writer.send("a", key="k", headers={"h": b"1", "t": "2", "n": None}, timestamp=NOON, partition=3)
        writer.send("b", headers=[("h", b"1"), ("h", b"2")], timestamp=5)
        writer.send(None, key="k")
    first, second, third = written(kafka)
    assert (first.key, first.value, first.partition) == (b"k", b"a", 3)
    assert first.timestamp == int(NOON.timestamp() * 1000)
    assert [name for name, _ in first.headers] == ["h", "t", "n"]
    assert (second.key, second.timestamp, len(second.headers)) == (None, 5, 2)
    assert (third.key, third.value) == (b"k", None)


def test_a_header_of_the_schema_that_was_read_is_not_written_beside_other_bytes() -> None:
    kafka = testing.Memory()
    with rt.Writer(TEXTS, kafka) as writer:
        writer.send("a", headers={"__value_schema_id": b"\1" * 17, "kept": b"1"})
    assert [name for name, _ in written(kafka)[0].headers] == ["kept"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"value": 5}, "expected str, got int\n  at topic texts, value"),
        ({"value": "a", "key": b"k"}, "expected str, got bytes\n  at topic texts, key"),
        ({"value": "a", "partition": -1}, "partition is -1"),
        ({"value": "a", "partition": 1 << 40}, "partition 1099511627776"),
        ({"value": "a", "timestamp": "now"}, "timestamp is 'now'"),
        ({"value": "a", "timestamp": datetime(2026, 3, 1)}, "no time zone"),
        ({"value": "a", "headers": {"h": 5}}, "the value of the header 'h' is of type int"),
        ({"value": "a", "headers": {5: b""}}, "a header's name is of type int"),
        ({"value": "a", "headers": ["h"]}, "headers has 'h'"),
        ({"value": "\ud800"}, "at topic texts, value"),
    ],
)
def test_what_does_not_fit_is_refused_and_the_writer_goes_on(arguments: Any, says: str) -> None:
    kafka = testing.Memory()
    with rt.Writer(TEXTS, kafka) as writer:
        with pytest.raises(rt.EncodeError) as raised:
            writer.send(**arguments)
        writer.send("good")
    assert says in str(raised.value)
    assert [message.value for message in written(kafka)] == [b"good"]


def test_a_closed_writer_takes_nothing() -> None:
    writer = rt.Writer(TEXTS, testing.Memory())
    writer.close()
    writer.close()
    writer.flush()
    with pytest.raises(rt.FlowError, match="is closed"):
        writer.send("a")


class Refusing(MemoryProducer):
    """Refuses messages with the value `bad`, when it is flushed."""

    def __init__(self, produced: dict[str, list[RawMessage]], code: int) -> None:
        super().__init__(produced)
        self.error = KafkaError(code)
        self.reports: list[tuple[Any, Any]] = []

    def produce(self, topic: str, value: Any, key: Any, partition: int, callback: Any, *rest: Any) -> None:
        if value == b"bad":
            self.reports.append((callback, FailedMessage(topic, value, key, partition)))
        else:
            super().produce(topic, value, key, partition, callback, *rest)

    def flush(self, timeout: float) -> int:
        reports, self.reports = self.reports, []
        for callback, message in reports:
            callback(self.error, message)
        return 0

    def __len__(self) -> int:
        return len(self.reports)


class FailedMessage:
    """As much of `confluent_kafka.Message` as a report has."""

    def __init__(self, topic: str, value: bytes, key: bytes | None, partition: int) -> None:
        self._parts = topic, value, key, partition

    def topic(self) -> str:
        return self._parts[0]

    def value(self) -> bytes:
        return self._parts[1]

    def key(self) -> bytes | None:
        return self._parts[2]

    def partition(self) -> int:
        return self._parts[3]


class RefusingBroker(testing.Memory):
    """Its topics take no message `bad`."""

    code = KafkaError.TOPIC_AUTHORIZATION_FAILED

    def producer(self, defaults: Any) -> Any:
        return Refusing(self.produced, self.code)


def test_what_was_not_delivered_is_named_and_the_rest_arrives() -> None:
    kafka = RefusingBroker()
    writer = rt.Writer(TEXTS, kafka)
    writer.send("bad", key="k1", partition=0)
    writer.send("good", key="k2", partition=0)
    with pytest.raises(rt.DeliveryError) as raised:
        writer.flush()
    assert "1 message(s) were not delivered: the message with key b'k1', partition 0, 3 bytes" in str(
        raised.value
    )
    (lost,) = raised.value.undelivered
    assert (lost.topic, lost.key, lost.value) == ("texts", b"k1", b"bad")
    writer.send("better")
    writer.close()
    assert [message.value for message in written(kafka)] == [b"good", b"better"]


def test_the_next_send_raises_what_became_of_earlier_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Refusing, "poll", Refusing.flush)
    kafka = RefusingBroker()
    writer = rt.Writer(TEXTS, kafka)
    writer.send("bad")
    with pytest.raises(rt.DeliveryError, match="not delivered: the message with no key"):
        writer.send("next")
    writer.send("last")
    writer.close()
    assert [message.value for message in written(kafka)] == [b"last"]


def test_many_that_were_not_delivered_are_counted() -> None:
    writer = rt.Writer(TEXTS, RefusingBroker())
    for number in range(10):
        writer.send("bad", key=str(number))
    with pytest.raises(rt.DeliveryError, match=r"10 message.*; and 7 more") as raised:
        writer.close()
    assert [message.key for message in raised.value.undelivered] == [b"%d" % n for n in range(10)]


def test_the_error_of_the_block_goes_before_that_of_the_deliveries(caplog: pytest.LogCaptureFixture) -> None:
    def block() -> None:
        with rt.Writer(TEXTS, RefusingBroker()) as writer:
            writer.send("bad", key="k")
            raise KeyError

    with pytest.raises(KeyError):
        block()
    assert "were not delivered" in caplog.text


def test_a_writer_that_was_forgotten_says_so_and_delivers(caplog: pytest.LogCaptureFixture) -> None:
    writer = rt.Writer(TEXTS, RefusingBroker())
    writer.send("bad", key="k")
    with caplog.at_level(logging.WARNING):
        del writer
        gc.collect()
    assert "rt.Writer of topic texts was not closed" in caplog.text
    assert "the message with key b'k'" in caplog.text


def test_threads_share_a_writer() -> None:
    kafka = testing.Memory()
    with rt.Writer(TEXTS, kafka) as writer:
        threads = [
            threading.Thread(target=lambda: [writer.send(str(n)) for n in range(200)]) for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(written(kafka)) == 800


def test_a_forked_process_needs_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    writer = rt.Writer(TEXTS, testing.Memory())
    with monkeypatch.context() as patch:
        patch.setattr(os, "getpid", lambda: -1)
        with pytest.raises(rt.FlowError, match=r"rt\.Writer was called in another process"):
            writer.send("a")
    writer.close()


def test_wrong_arguments_name_the_line() -> None:
    with pytest.raises(rt.FlowError, match="topic is 'texts', not a Topic") as raised:
        rt.Writer("texts", testing.Memory())  # type: ignore[arg-type]
    assert "test_writer.py:" in str(raised.value.where)

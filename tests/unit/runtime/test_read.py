"""`rt.read` on topics in memory: what it gives, what it refuses."""

from __future__ import annotations

import os
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

import kgen_runtime as rt
from kgen_runtime import testing
from kgen_runtime.testing.memory_clients import MemoryConsumer

TEXTS = rt.Topic("texts", key=rt.StringSerde(), value=rt.StringSerde())
INTS = rt.Topic("texts", key=rt.StringSerde(), value=rt.IntSerde())
FOUR = (7).to_bytes(4, "big")


def raw(value: bytes | None, partition: int = 0, offset: int | None = None, time: int = 0) -> rt.RawMessage:
    return rt.RawMessage(
        key=b"k", value=value, topic="texts", partition=partition, offset=offset, timestamp=time or None
    )


def memory(*messages: rt.RawMessage) -> testing.Memory:
    return testing.Memory({TEXTS: messages})


def values(kafka: rt.Kafka, **arguments: Any) -> list[str | None]:
    return [message.value for message in rt.read(TEXTS, kafka, **arguments)]


THREE = tuple(raw(b"%d" % n, n % 3, time=1_700_000_000_000 + n) for n in range(30))


def test_all_messages_are_given_with_their_places() -> None:
    found = list(rt.read(TEXTS, memory(*THREE)))
    assert sorted(int(m.value or "") for m in found) == list(range(30))
    assert {(m.partition, m.offset) for m in found} == {(p, o) for p in range(3) for o in range(10)}
    for partition in range(3):
        assert [m.offset for m in found if m.partition == partition] == list(range(10))
    assert found[0].key == "k"
    assert found[0].raw() is not None


def test_a_tombstone_is_a_message_without_a_value() -> None:
    assert values(memory(raw(b"a"), raw(None))) == ["a", None]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"start": {1: 8}, "partitions": [1]}, ["25", "28"]),
        ({"start": {0: 9, 1: 10, 2: 9}}, ["27", "29"]),
        ({"stop": {0: 1, 1: 0, 2: 2}}, ["0", "2", "5"]),
        ({"start": 1_700_000_000_028}, ["28", "29"]),
        ({"stop": datetime.fromtimestamp(1_700_000_000.002, timezone.utc)}, ["0", "1"]),
        ({"start": "latest"}, []),
        ({"partitions": []}, []),
        ({"limit": 0}, []),
        ({"partitions": iter([2]), "limit": 2, "batch_size": 1}, ["2", "5"]),
        ({"stop": None, "partitions": [0], "limit": 1}, ["0"]),
    ],
)
def test_what_is_asked_for_is_read(arguments: dict[str, Any], expected: list[str]) -> None:
    assert sorted(filter(None, values(memory(*THREE), **arguments))) == expected


def test_an_end_without_a_message_there_is_reached() -> None:
    assert values(memory(raw(b"a", offset=3), raw(b"b", offset=7)), stop={0: 7}) == ["a"]
    assert values(memory(raw(b"a", offset=3), raw(b"b", offset=7)), stop={0: 6}) == ["a"]


def test_an_empty_topic_ends_at_once() -> None:
    assert values(memory()) == []


def test_a_message_that_cannot_be_read_is_raised_after_those_before_it() -> None:
    reading = rt.read(INTS, memory(raw(FOUR), raw(FOUR), raw(b"x"), raw(FOUR)))
    given = [next(reading), next(reading)]
    assert [message.value for message in given] == [7, 7]
    with pytest.raises(rt.DecodeError) as raised:
        next(reading)
    assert raised.value.where == "topic texts, partition 0, offset 2, value, byte 1"
    assert list(reading) == []


def test_a_message_beyond_the_limit_is_not_looked_at() -> None:
    assert [m.value for m in rt.read(INTS, memory(raw(FOUR), raw(b"x")), limit=1)] == [7]


def test_failures_are_handed_over_in_their_place() -> None:
    seen: list[Any] = []
    kafka = memory(raw(FOUR), raw(b"x"), raw(FOUR), raw(b""))
    for message in rt.read(INTS, kafka, on_failure=lambda each: seen.append(each.original.offset), limit=2):
        seen.append(message.value)
    assert seen == [7, 1, 7]
    seen.clear()
    assert len(list(rt.read(INTS, kafka, on_failure=seen.append))) == 2
    assert [(f.stage, f.part, f.original.value) for f in seen] == [
        (rt.Stage.DECODE, "value", b"x"),
        (rt.Stage.DECODE, "value", b""),
    ]


def test_what_on_failure_raises_ends_the_reading() -> None:
    def refuse(failure: rt.Failure) -> None:
        raise KeyError(failure.original.offset)

    with pytest.raises(KeyError, match="0"):
        list(rt.read(INTS, memory(raw(b"x")), on_failure=refuse))


def test_leaving_early_closes_the_consumer(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[object] = []
    kafka = memory(*THREE)
    monkeypatch.setattr(
        "kgen_runtime.testing.memory_clients.MemoryConsumer.close", lambda it: closed.append(it)
    )
    for _ in rt.read(TEXTS, kafka):
        break
    assert len(closed) == 1
    reading = rt.read(TEXTS, kafka)
    next(reading)
    reading.close()
    reading.close()
    assert len(closed) == 2
    assert list(reading) == []
    rt.read(TEXTS, kafka).close()
    assert len(closed) == 3


def test_two_readings_do_not_disturb_each_other() -> None:
    kafka = memory(*THREE)
    pairs = list(zip(rt.read(TEXTS, kafka), rt.read(TEXTS, kafka)))
    assert len(pairs) == 30
    assert all(left == right for left, right in pairs)


def test_a_broker_that_gives_nothing_is_waited_for_only_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kgen_runtime.standalone.topic_rows._PATIENCE", 0.01)
    monkeypatch.setattr(MemoryConsumer, "consume", lambda *_: [])
    with pytest.raises(
        rt.SourceError, match=r"no message came for 0\.01 s, and offset 0 is to follow"
    ) as raised:
        values(memory(*THREE))
    assert raised.value.where == "topic texts, partition 0"


def test_a_stop_that_does_not_come_is_waited_for_no_longer_than_the_timeout() -> None:
    reading = rt.read(TEXTS, memory(raw(b"a")), stop={0: 5}, timeout=timedelta(milliseconds=1))
    assert next(reading).value == "a"
    with pytest.raises(rt.SourceError) as raised:
        next(reading)
    assert str(raised.value) == (
        "no message came within the timeout of 0.001 s, and stop={0: 5} is not reached\n"
        "  at topic texts, partition 0, offset 1\n"
        "  hint: The topic ends ahead of offset 1. stop='end' reads what is there."
    )
    assert list(reading) == []


def test_the_timeout_counts_for_a_broker_that_gives_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MemoryConsumer, "consume", lambda *_: [])
    with pytest.raises(rt.SourceError, match=r"within the timeout of 0\.001 s") as raised:
        values(memory(*THREE), timeout=timedelta(milliseconds=1))
    assert raised.value.hint == "Are the brokers up? Else pass a longer timeout=."


def test_a_timeout_does_not_disturb_what_is_there() -> None:
    assert len(values(memory(*THREE), timeout=timedelta(days=999_999))) == 30


@pytest.mark.parametrize("timeout", [30, -1.5, "30s", timedelta(0), timedelta(seconds=-1), True])
def test_a_timeout_is_a_duration(timeout: Any) -> None:
    with pytest.raises(rt.FlowError, match="invalid timeout=") as raised:
        values(memory(*THREE), timeout=timeout)
    assert "test_read.py:" in (raised.value.where or "")


def test_what_is_waited_for_is_logged_and_a_ctrl_c_ends_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def sleep(seconds: float) -> None:
        if "waiting" in caplog.text:
            raise KeyboardInterrupt

    monkeypatch.setattr("kgen_runtime.standalone.topic_rows._LONG", 0.0)
    monkeypatch.setattr("kgen_runtime.standalone.topic_rows.time.sleep", sleep)
    reading = rt.read(TEXTS, memory(raw(b"a")), stop={0: 5})
    assert next(reading).value == "a"
    with pytest.raises(KeyboardInterrupt):
        next(reading)
    assert "topic texts, partition 0: waiting at the end of the topic for offset 1" in caplog.text
    assert list(reading) == []


def test_the_first_message_may_be_gone_before_it_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    kafka = memory(raw(b"a", offset=3), raw(b"b", offset=4))
    found = MemoryConsumer.get_watermark_offsets
    answers = iter([(0, 5)])
    monkeypatch.setattr(
        MemoryConsumer, "get_watermark_offsets", lambda *args, **more: next(answers, found(*args, **more))
    )
    assert values(kafka) == ["a", "b"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_reading_does_not_go_on_in_a_forked_process(monkeypatch: pytest.MonkeyPatch) -> None:
    reading = rt.read(TEXTS, memory(*THREE))
    monkeypatch.setattr(os, "getpid", lambda: -1)
    with pytest.raises(rt.FlowError, match=r"rt\.read was called in another process"):
        next(reading)


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"start": "stored"}, rt.FlowError, "no consumer group"),
        ({"start": "beginning"}, rt.FlowError, "invalid start='beginning'"),
        ({"start": 5}, rt.FlowError, "{0: 5} is offset 5"),
        ({"stop": "never ever"}, rt.FlowError, "invalid stop="),
        ({"limit": -1}, rt.FlowError, "invalid limit=-1"),
        ({"limit": True}, rt.FlowError, "invalid limit=True"),
        ({"limit": 1, "batch_size": 0}, rt.FlowError, "batch_size=0"),
        ({"partitions": [3]}, rt.FlowError, "partition 3 is not on the broker"),
        ({"partitions": "0"}, rt.FlowError, "invalid partitions='0'"),
        ({"partitions": ["0"]}, rt.FlowError, "'0', which is not the number"),
        ({"on_failure": "print"}, rt.FlowError, "on_failure is 'print'"),
        ({"start": {0: 1}}, rt.SourceError, "names no offset"),
        ({"stop": {0: 1}}, rt.SourceError, "names no offset"),
        ({"start": {0: 99}, "partitions": [0]}, rt.SourceError, "offset 99, is not on the broker"),
    ],
)
def test_wrong_arguments_say_what_is_wrong(arguments: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error) as raised:
        values(memory(*THREE), **arguments)
    assert says in str(raised.value)


def test_errors_of_arguments_are_raised_by_the_call_and_name_its_line() -> None:
    with pytest.raises(rt.FlowError) as raised:
        rt.read("texts", memory())  # type: ignore[arg-type]
    assert "test_read.py:" in str(raised.value.where)
    assert "rt.BytesSerde()" in str(raised.value.hint)
    with pytest.raises(rt.FlowError, match="kafka is 'localhost:9092', not a Kafka"):
        rt.read(TEXTS, "localhost:9092")  # type: ignore[arg-type]


def test_a_topic_that_is_not_there_names_similar_ones() -> None:
    with pytest.raises(rt.SourceError, match="the topic is not on the broker") as raised:
        rt.read(rt.Topic("text", key=rt.StringSerde(), value=rt.StringSerde()), memory())
    assert raised.value.hint == "There are topics of a similar name: texts."

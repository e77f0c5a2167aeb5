"""What a consumer fetches, by a queue of its own and by confluent-kafka's messages: the same, and as safe."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError, Producer, TopicPartition
from tests.kafka.clients import QUIET, Record, numbered, send, send_unnamed
from tests.kafka.fixtures import AnyBroker, NewTopic
from tests.kafka.processes import wait_for

import kgen_runtime as rt
from kgen_runtime.codec import has_native
from kgen_runtime.consumer import partition_reader
from kgen_runtime.consumer.consumer_options import message_queue, open_consumer
from kgen_runtime.consumer.partition_reader import PartitionReader

pytestmark = [pytest.mark.kafka, pytest.mark.skipif(not has_native(), reason="not compiled")]

ROOT = Path(__file__).parents[2]
Opener = Callable[..., PartitionReader]


@pytest.fixture
def opened(kafka: AnyBroker, monkeypatch: pytest.MonkeyPatch) -> Iterator[Opener]:
    """Opens readers of a topic, with the queue or without, and closes them."""
    readers: list[PartitionReader] = []

    def open_(topic: str, queue: bool = True, batch_size: int = 7) -> PartitionReader:
        with monkeypatch.context() as here:
            if not queue:
                here.setattr(partition_reader, "message_queue", lambda _: None)
            readers.append(PartitionReader(rt.Kafka(kafka.bootstrap), topic, None, batch_size))
        assert (readers[-1]._queue is not None) == queue
        return readers[-1]

    yield open_
    for reader in readers:
        reader.close()


def taken(reader: PartitionReader, *partitions: int) -> dict[int, list[tuple[Any, ...]]]:
    """All parts of the messages of partitions up to their ends, in the order in which they come."""
    found: dict[int, list[tuple[Any, ...]]] = {each: [] for each in partitions}

    def ended() -> bool:
        for partition in partitions:
            while (rows := reader.take(partition)) is not None:
                why = [
                    str(rows.unreadable[i].error) if i in rows.unreadable else None for i in range(len(rows))
                ]
                parts = (
                    rows.keys,
                    rows.values,
                    rows.headers,
                    rows.timestamps,
                    rows.offsets,
                    rows.origins,
                    why,
                )
                found[partition].extend(zip(*parts))
        return all(reader.at_end(partition) for partition in partitions)

    wait_for(ended, f"the ends of {partitions}")
    return found


def offsets(reader: PartitionReader, partition: int) -> list[int]:
    return [row[4] for row in taken(reader, partition)[partition]]


def test_both_ways_give_the_same(kafka: AnyBroker, new_topic: NewTopic, opened: Opener) -> None:
    topic = new_topic("in", 2)
    records = [
        Record(b"v", b"k", 0, 5),
        Record(None, b"k", 0, 5),
        Record(b"", b"", 0, 7),
        Record(b"v", None, 1, 1),
        Record(b"x" * 100_000, b"k", 1),
    ]
    send(kafka.bootstrap, topic, records)
    producer = Producer({"bootstrap.servers": kafka.bootstrap, **QUIET})
    headers: list[tuple[str, str | bytes | None]] = [("a", b"1"), ("a", None), ("\u00e9", b"")]
    producer.produce(topic, b"h", b"k", 0, headers=headers)
    assert producer.flush(180) == 0
    send_unnamed(kafka.bootstrap, topic, Record(b"u", b"k", 0), b"\xff")
    send(kafka.bootstrap, topic, numbered(range(500), 2))
    seen = []
    for queue in (True, False):
        reader = opened(topic, queue)
        for partition in (0, 1):
            reader.assign(partition, 0)
        seen.append(taken(reader, 0, 1))
    assert seen[0] == seen[1]
    assert [len(each) for each in seen[0].values()] == [255, 252]


@pytest.mark.parametrize("queue", [True, False])
def test_a_partition_that_is_assigned_again_begins_where_it_is_to(
    kafka: AnyBroker, new_topic: NewTopic, opened: Opener, queue: bool
) -> None:
    """Before anything was asked for, while it is fetched, and at its end."""
    topic = new_topic("in")
    send(kafka.bootstrap, topic, numbered(range(300), 1))
    reader = opened(topic, queue)
    reader.assign(0, 250)
    for begin in (0, 17, 299, 3):
        reader.assign(0, begin)
        wait_for(lambda: reader.take(0) is not None, "the first messages")
        reader.assign(0, begin)
        assert offsets(reader, 0) == list(range(begin, 300))
    send(kafka.bootstrap, topic, numbered(range(5), 1))
    late: list[int] = []
    wait_for(lambda: len(late.extend(offsets(reader, 0)) or late) == 5, "those that were sent late")  # type: ignore[func-returns-value]
    assert late == list(range(300, 305))


@pytest.mark.needs("retention")
@pytest.mark.parametrize("queue", [True, False])
def test_a_position_that_is_not_there_is_reported(
    kafka: AnyBroker, new_topic: NewTopic, opened: Opener, queue: bool
) -> None:
    topic = new_topic("in")
    send(kafka.bootstrap, topic, numbered(range(3), 1))
    reader = opened(topic, queue)
    reader.assign(0, 100)
    wait_for(lambda: reader.take(0) or reader.lost(0), "the answer")
    error = reader.lost(0)
    assert error is not None
    assert error.code() == KafkaError._AUTO_OFFSET_RESET
    assert "out of range" in error.str()
    reader.assign(0, 0)
    assert offsets(reader, 0) == [0, 1, 2]


def test_a_paused_partition_gives_nothing_and_then_all(
    kafka: AnyBroker, new_topic: NewTopic, opened: Opener
) -> None:
    topic = new_topic("in", 2)
    send(kafka.bootstrap, topic, numbered(range(4_000), 2))
    reader = opened(topic, batch_size=50)
    for partition in (0, 1):
        reader.assign(partition, 0)
    first = reader.take(0)
    while first is None:
        first = reader.take(0)
    reader.hold(0, True)
    assert offsets(reader, 1) == list(range(2_000))
    reader.hold(0, False)
    assert [*first.offsets, *offsets(reader, 0)] == list(range(2_000))


def test_what_is_here_is_taken_in_pieces_of_a_batch(kafka: AnyBroker, new_topic: NewTopic) -> None:
    topic = new_topic("in", 2)
    send(kafka.bootstrap, topic, numbered(range(200), 2))
    consumer = open_consumer(rt.Kafka(kafka.bootstrap), None)
    queue = message_queue(consumer)
    assert queue is not None
    for partition in (0, 1):
        queue.forward(topic, partition)
    consumer.assign([TopicPartition(topic, partition, 0) for partition in (0, 1)])
    found: list[tuple[int, list[int]]] = []
    ended: set[int] = set()

    def fetched() -> bool:
        runs = queue.fetch(30, 7)
        assert sum(1 if at < 0 else len(parts[4]) for at, parts in runs) <= 30
        found.extend((at, parts[4]) for at, parts in runs if at >= 0)
        ended.update(parts[2] for at, parts in runs if at < 0)
        return len(ended) == 2

    wait_for(fetched, "both ends")
    assert max(len(each) for _, each in found) == 7
    for partition in (0, 1):
        assert [offset for at, each in found if at == partition for offset in each] == list(range(100))
    queue.close()
    consumer.close()


@pytest.mark.parametrize("size", [100, 100_000])
def test_no_more_is_taken_at_once_than_may_wait(
    kafka: AnyBroker, new_topic: NewTopic, opened: Opener, size: int
) -> None:
    """So no partition is paused, which would make the client drop what it has fetched."""
    topic = new_topic("in")
    send(kafka.bootstrap, topic, (Record(b"x" * size, b"k", 0) for _ in range(1_500)))
    reader = opened(topic, batch_size=100)
    reader.assign(0, 0)
    most = 0

    def ended() -> bool:
        nonlocal most
        while (rows := reader.take(0)) is not None:
            most = max(most, len(reader._inboxes[0]) + len(rows))
            assert not reader._inboxes[0].full
        return reader.at_end(0)

    wait_for(ended, "the end")
    assert most <= (800 if size == 100 else 335)


def test_what_is_taken_is_held_by_the_columns_alone(kafka: AnyBroker, new_topic: NewTopic) -> None:
    topic = new_topic("in")
    send(kafka.bootstrap, topic, numbered(range(1_000, 1_050), 1))
    consumer = open_consumer(rt.Kafka(kafka.bootstrap), None)
    queue = message_queue(consumer)
    assert queue is not None
    queue.forward(topic, 0)
    consumer.assign([TopicPartition(topic, 0, 0)])
    runs: list[Any] = []
    wait_for(lambda: runs.extend(queue.fetch(100, 100)) or runs, "messages")  # type: ignore[func-returns-value]
    keys, values = runs[0][1][:2]
    held = {sys.getrefcount(part[i]) for part in (keys, values) for i in range(len(keys))}
    assert held == {3}  # by the list, by the origin, and by the call
    assert not any(gc.is_tracked(origin) for origin in runs[0][1][5])
    queue.close()
    for call in (lambda: queue.fetch(1, 1), lambda: queue.forward(topic, 0)):
        with pytest.raises(ValueError, match="closed"):
            call()
    queue.close()
    consumer.close()


def test_the_first_message_ends_a_wait(kafka: AnyBroker, new_topic: NewTopic) -> None:
    topic = new_topic("in")
    consumer = open_consumer(rt.Kafka(kafka.bootstrap), None)
    queue = message_queue(consumer)
    assert queue is not None
    queue.forward(topic, 0)
    consumer.assign([TopicPartition(topic, 0, 0)])
    wait_for(lambda: queue.fetch(9, 9), "the end of the topic, which is an event")
    begun = threading.Event()

    def wait() -> list[tuple[int, Any]]:
        begun.set()
        return queue.fetch(9, 9, seconds=60)

    with ThreadPoolExecutor(1) as apart:
        waiting = apart.submit(wait)
        begun.wait()
        send(kafka.bootstrap, topic, numbered(range(1), 1))
        assert [parts[4] for _, parts in waiting.result(timeout=30)] == [[0]]  # though it may take nine
    queue.close()
    consumer.close()


def test_a_queue_is_closed_after_a_wait_of_another_thread(kafka: AnyBroker, new_topic: NewTopic) -> None:
    consumer = open_consumer(rt.Kafka(kafka.bootstrap), None)
    queue = message_queue(consumer)
    assert queue is not None
    begun = threading.Event()

    def wait() -> None:
        begun.set()
        with suppress(ValueError):  # it was closed before that
            assert queue.fetch(9, 9, seconds=0.5) == []

    with ThreadPoolExecutor(1) as apart:
        waiting = apart.submit(wait)
        begun.wait()
        queue.close()
        consumer.close()
        waiting.result()


LEFT_BEHIND = """
import gc, sys, time
from confluent_kafka import TopicPartition
import kgen_runtime as rt
from kgen_runtime.consumer.consumer_options import message_queue, open_consumer

def use(way):
    consumer = open_consumer(rt.Kafka(sys.argv[1]), None)
    queue = message_queue(consumer)
    queue.forward(sys.argv[2], 0)
    consumer.assign([TopicPartition(sys.argv[2], 0, 0)])
    until = time.monotonic() + 120
    while not queue.fetch(3, 2) and time.monotonic() < until:
        time.sleep(0.01)
    if way == "cycle":
        holder = [queue]
        holder.append(holder)
    elif way == "closed":
        queue.close()
        consumer.close()
    elif way == "consumer first":
        del consumer

for way in ("closed", "cycle", "consumer first", "both"):
    use(way)
    gc.collect()
kept = open_consumer(rt.Kafka(sys.argv[1]), None)
queue = message_queue(kept)
queue.forward(sys.argv[2], 0)
print("ended")
"""


def test_a_queue_that_nobody_closes_ends_before_its_client(kafka: AnyBroker, new_topic: NewTopic) -> None:
    """Dropped with messages in it, by a cycle, or when Python ends."""
    topic = new_topic("in")
    send(kafka.bootstrap, topic, numbered(range(5_000), 1))
    command = [sys.executable, "-X", "faulthandler", "-c", LEFT_BEHIND, kafka.bootstrap, topic]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=ROOT)
    assert (ended.stdout, ended.returncode) == ("ended\n", 0), ended.stderr

"""The one consumer of a worker: what it fetches goes to the right partition, and nobody waits for nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

import kgen_runtime as rt
from kgen_runtime import testing
from kgen_runtime.consumer import alignment, broker_answers
from kgen_runtime.consumer import partition_reader as reader
from kgen_runtime.consumer.kafka_partition import KafkaPartition
from kgen_runtime.consumer.kafka_source import KafkaSource
from kgen_runtime.consumer.partition_reader import PartitionReader
from kgen_runtime.errors import SourceError
from kgen_runtime.testing.memory_clients import MemoryMessage

from .conftest import raw, texts

Orders = rt.Topic[str, str]


def offsets(rows: Any) -> list[tuple[int, int]]:
    return [] if rows is None else [(rows.partitions, offset) for offset in rows.offsets]


@pytest.fixture
def two(orders: Orders) -> testing.Memory:
    """Twelve messages in a row of one partition, then three of another."""
    return testing.Memory({orders: [*texts(12, partition=0), *texts(3, partition=1)]})


def test_messages_go_to_their_partitions_in_order(two: testing.Memory) -> None:
    reader = PartitionReader(two, "orders", None, 5)
    for partition in (0, 1):
        reader.assign(partition, 0)
    taken: dict[int, list[Any]] = {0: [], 1: []}
    while not all(reader.at_end(partition) for partition in taken):
        for partition, messages in taken.items():
            messages += offsets(reader.take(partition))
    assert taken[0] == [(0, offset) for offset in range(12)]
    assert taken[1] == [(1, offset) for offset in range(3)]


def test_what_was_fetched_of_a_released_partition_is_dropped(two: testing.Memory) -> None:
    reader = PartitionReader(two, "orders", None, 20)
    for partition in (0, 1):
        reader.assign(partition, 0)
    reader._inboxes.pop(0)  # released between the fetch and its delivery
    assert offsets(reader.take(1)) == [(1, offset) for offset in range(3)]


def test_a_partition_that_others_wait_for_is_asked_again_soon(
    orders: Orders, two: testing.Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = KafkaSource("flow.read", orders, two, "earliest", "never", 3, "fail", "fail", None)
    first, second = (source.build_part("flow.read.kafka", key, None) for key in source.list_parts())
    consumer = first._reader.consumer
    consumer.pause([TopicPartition("orders", 1)])  # its messages are on their way
    assert len(first.next_batch()[0].oks) == 3
    for _ in range(10):
        for part in (first, second):
            assert part.next_batch() == []
            assert part._wait <= 0.001
    consumer.resume([TopicPartition("orders", 1)])
    given = [len(batch.oks) for _ in range(12) for part in (second, first) for batch in part.next_batch()]
    assert sum(given) == 12
    monkeypatch.setattr(reader, "_BLOCKED", 0)
    for _ in range(30):
        assert second.next_batch() == []
    assert second._wait == 0.05


def test_one_that_a_look_has_put_ahead_of_others_is_asked_again_at_once(
    orders: Orders, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What its look brings has to wait for others: it slept meanwhile, and they soon waited for it.
    kafka = testing.Memory({orders: [*texts(300, partition=0), *texts(300, partition=1)]})
    source = KafkaSource("flow.read", orders, kafka, "earliest", "never", 3, "fail", "fail", None)
    parts = [source.build_part("flow.read.kafka", key, None) for key in source.list_parts()]
    there = kafka._topics["orders"]
    pieces = [there[partition][at : at + 3] for partition in (1, 0) for at in range(0, 300, 3)]
    consumer = parts[0]._reader.consumer
    monkeypatch.setattr(consumer, "consume", lambda *_: pieces.pop(0) if pieces else [])
    given = 0
    for _ in range(1_000):
        asked = {part: [len(batch.oks) for batch in part.next_batch()] for part in parts}
        given += sum(map(sum, asked.values()))
        if given > 590:
            return
        awake = [part.next_awake() for part, batches in asked.items() if not batches]
        assert all(at is None or at.year == 1970 for at in awake), given
    raise AssertionError(given)


@pytest.mark.parametrize("stop", ["never", "end"])
@pytest.mark.parametrize(("partitions", "wait"), [(2, 0.0005), (40, 0.01), (400, 0.05)])
def test_a_partition_at_its_end_takes_no_turns_from_a_busy_one(
    orders: Orders, partitions: int, wait: float, stop: str
) -> None:
    """The more there are, the more seldom each is asked: together they take little time from the busy one.
    And it ends though the other one gives whole batches.
    """
    kafka = testing.Memory({orders: texts(9_000, partition=0)})
    kafka._topics["orders"].update({partition: [] for partition in range(1, partitions)})
    source = KafkaSource("flow.read", orders, kafka, "earliest", stop, 1000, "fail", "fail", None)  # type: ignore[arg-type]
    busy, *others = (source.build_part("flow.read.kafka", key, None) for key in sorted(source.list_parts()))
    at_end = others[0]
    busy._reader._inboxes[at_end._partition].end = 0
    for _ in range(5):
        assert len(busy.next_batch()) == 1
        busy._reader._found = True  # the last look found messages
        if stop == "end":
            with pytest.raises(StopIteration):
                at_end.next_batch()
            return
        assert at_end.next_batch() == []
        assert at_end._wait == pytest.approx(wait)


class StubQueue:
    """Librdkafka's queue, of which a message wakes who waits for it."""

    def __init__(self) -> None:
        self.coming: list[tuple[int, Any]] = []
        self.waits: list[float] = []

    def forward(self, topic: str, partition: int) -> None:
        """Nothing is fetched."""

    def fetch(self, most: int, together: int, seconds: float = 0) -> list[tuple[int, Any]]:
        if seconds:
            self.waits.append(seconds)
        found, self.coming = self.coming, []
        return found

    def bring(self, partition: int, offset: int) -> None:
        parts = [b"k"], [b"v"], [()], [0], [offset], [(b"k", b"v", (), 0)], 2, []
        self.coming.append((partition, parts))


def idle_parts(
    orders: Orders, count: int, monkeypatch: pytest.MonkeyPatch
) -> tuple[StubQueue, dict[int, KafkaPartition[str, str]]]:
    """Partitions without messages, and the queue that theirs come from."""
    queue = StubQueue()
    monkeypatch.setattr(reader, "message_queue", lambda _: queue)
    kafka = testing.Memory({orders: []})
    kafka._topics["orders"].update({partition: [] for partition in range(count)})
    source = KafkaSource("flow.read", orders, kafka, "earliest", "never", 3, "fail", "fail", None)
    parts = {at: source.build_part("flow.read.kafka", str(at), None) for at in range(count)}
    for part in parts.values():
        monkeypatch.setattr(part._reader.consumer, "consume", lambda *_: [])
        assert part.next_batch() == []
        part._reader._empty, queue.waits = 0, []
    return queue, parts


def at_once(part: KafkaPartition[str, str]) -> bool:
    awake = part.next_awake()
    return awake is None or awake.year == 1970


@pytest.mark.parametrize("count", [1, 3])
def test_a_round_of_looks_waits_for_a_message_before_anybody_sleeps(
    orders: Orders, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue, parts = idle_parts(orders, count, monkeypatch)
    for number in range(1, 6):
        for part in parts.values():
            assert part.next_batch() == []
            assert at_once(part) == (number < 5 or part is not parts[count - 1])
        assert queue.waits == [0.001] * number  # once a round, not once a partition
    for _ in range(60):
        for part in parts.values():
            assert part.next_batch() == []
    assert all(part._wait == 0.05 for part in parts.values())
    queue.bring(0, 0)
    assert [len(batch.oks) for batch in parts[0].next_batch()] == [1]
    for part in parts.values():
        assert part.next_batch() == []
        assert at_once(part)


def test_nobody_waits_while_messages_of_others_are_here(
    orders: Orders, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue, parts = idle_parts(orders, 2, monkeypatch)
    queue.bring(1, 0)
    for _ in range(4):  # they are of the other one, which was not asked yet
        assert parts[0].next_batch() == []
        assert parts[0]._wait == pytest.approx(0.0005)
    assert queue.waits == []
    assert [len(batch.oks) for batch in parts[1].next_batch()] == [1]


def test_a_wait_ends_for_messages_of_others(orders: Orders, monkeypatch: pytest.MonkeyPatch) -> None:
    queue, parts = idle_parts(orders, 2, monkeypatch)
    fetch = queue.fetch

    def comes(most: int, together: int, seconds: float = 0) -> list[tuple[int, Any]]:
        if seconds:
            queue.bring(0, 0)
        return fetch(most, together, seconds)

    monkeypatch.setattr(queue, "fetch", comes)
    assert [part.next_batch() for part in parts.values()] == [[], []]
    assert all(at_once(part) for part in parts.values())
    assert [len(batch.oks) for batch in parts[0].next_batch()] == [1]


def test_many_partitions_do_not_wait(orders: Orders, monkeypatch: pytest.MonkeyPatch) -> None:
    # A look at each of them for every message would take the processor.
    queue, parts = idle_parts(orders, 9, monkeypatch)
    for _ in range(3):
        for part in parts.values():
            assert part.next_batch() == []
            assert not at_once(part)
    assert queue.waits == []


def test_all_partitions_are_assigned_together(two: testing.Memory) -> None:
    """So the first answer of the broker is about each of them."""
    reader = PartitionReader(two, "orders", None, 5)
    calls: list[list[tuple[int, int]]] = []
    assign = reader.consumer.incremental_assign

    def assigned(at: list[TopicPartition]) -> None:
        calls.append([(each.partition, each.offset) for each in at])
        assign(at)

    reader.consumer.incremental_assign = assigned  # type: ignore[method-assign,assignment]
    reader.assign(0, 4)
    reader.assign(1, 1)
    assert calls == []
    assert offsets(reader.take(0)) == [(0, offset) for offset in range(4, 9)]
    assert calls == [[(0, 4), (1, 1)]]
    reader.assign(1, 2)  # once more, from elsewhere
    assert [at for _ in range(9) for at in offsets(reader.take(1))] == [(1, 2)]
    assert calls[1:] == [[(1, 2)]]


def test_a_partition_is_released_before_anything_was_asked_for(two: testing.Memory) -> None:
    reader = PartitionReader(two, "orders", None, 5)
    for partition in (0, 1):
        reader.assign(partition, 0)
    reader.release(0)
    assert reader.high(1) == 3
    assert offsets(reader.take(1)) == [(1, offset) for offset in range(3)]


def test_the_end_counts_when_all_before_it_was_taken(orders: Orders) -> None:
    """It comes among the messages, and others may come after it."""
    kafka = testing.Memory({orders: texts(3)})
    one = PartitionReader(kafka, "orders", None, 1)
    one.assign(0, 0)
    first, second, third = kafka._topics["orders"][0]
    nothing = rt.RawMessage(key=None, value=None, topic="orders")
    end = MemoryMessage(nothing, 0, 9, KafkaError(KafkaError._PARTITION_EOF))
    fetches = [[first, second, end], [third], []]
    one.consumer.consume = lambda *_: fetches.pop(0)  # type: ignore[assignment, method-assign]
    ends = []
    for _ in range(4):
        one.take(0)
        ends.append(one.end(0))
    assert ends == [-1, 9, -1, -1]


def test_messages_do_not_pile_up_for_a_partition_whose_turn_is_late(
    orders: Orders, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They stay on the broker: it is paused. The others are reached all the same."""
    monkeypatch.setattr(reader, "_ROOM", 20)
    monkeypatch.setattr(reader, "_LEAST_ROOM", 10)
    kafka = testing.Memory({orders: [*texts(100, partition=0), *texts(3, partition=1)]})
    one = PartitionReader(kafka, "orders", None, 2)
    for partition in (0, 1):
        one.assign(partition, 0)
    assert offsets(one.take(1)) == [(1, 0), (1, 1)]
    assert len(one._inboxes[0]) == 10
    taken = [at for _ in range(200) for at in offsets(one.take(0)) + offsets(one.take(1))]
    assert [at for at in taken if at[0] == 0] == [(0, offset) for offset in range(100)]


def test_few_large_messages_wait_for_their_turn(orders: Orders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "_ROOM_BYTES", 10_000)
    large = [rt.RawMessage(key=None, value=b"x" * 1000, topic="orders", partition=0) for _ in range(100)]
    one = PartitionReader(testing.Memory({orders: [*large, *texts(1, partition=1)]}), "orders", None, 1)
    for partition in (0, 1):
        one.assign(partition, 0)
    assert offsets(one.take(1)) == [(1, 0)]
    assert len(one._inboxes[0]) == 4


def test_a_partition_that_is_held_keeps_its_place(orders: Orders) -> None:
    kafka = testing.Memory({orders: [*texts(10, partition=0), *texts(3, partition=1)]})
    one = PartitionReader(kafka, "orders", None, 2)
    for partition in (0, 1):
        one.assign(partition, 0)
    assert offsets(one.take(0)) == [(0, 0), (0, 1)]
    one.hold(0, True)  # it may be long: the others go on meanwhile
    assert [at for _ in range(5) for at in offsets(one.take(1))] == [(1, offset) for offset in range(3)]
    one.hold(0, False)
    assert [at for _ in range(50) for at in offsets(one.take(0))] == [(0, offset) for offset in range(2, 10)]


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, {"fetch.queue.backoff.ms": 50, "fetch.wait.max.ms": 100}),
        ({"fetch.queue.backoff.ms": 7}, {"fetch.queue.backoff.ms": 7, "fetch.wait.max.ms": 100}),
    ],
    ids=["default", "the user's"],
)
def test_fetching_goes_on_soon(config: dict[str, Any], expected: dict[str, int]) -> None:
    class Kafka(rt.Kafka):
        def consumer(self, overrides: Mapping[str, Any]) -> Consumer:
            given.update(overrides)
            return super().consumer(overrides)

    given: dict[str, Any] = {}
    PartitionReader(Kafka("127.0.0.1:1", config=config), "orders", None, 3).close()
    assert given.items() >= expected.items()


@pytest.mark.parametrize("group", [None, "g"])
def test_reading_needs_no_group(orders: Orders, group: str | None, caplog: pytest.LogCaptureFixture) -> None:
    """librdkafka asks for the coordinator of the group, whether or not anything is ever committed."""
    kafka = testing.Memory({orders: texts(3)})
    one = PartitionReader(kafka, "orders", group, 5)
    one.assign(0, 0)
    nothing = rt.RawMessage(key=None, value=None, topic="orders")
    refused = KafkaError(KafkaError.GROUP_AUTHORIZATION_FAILED)
    messages = kafka._topics["orders"][0]
    event = MemoryMessage(nothing, 0, 0, refused)
    one.consumer.consume = lambda *_: [*messages[:2], event, messages[2]]  # type: ignore[method-assign]
    assert offsets(one.take(0)) == [(0, 0), (0, 1), (0, 2)]
    one.commit(0, 3)
    assert kafka.committed == {}
    assert ("READ on the group" in caplog.text) == (group is not None)


class Answers:
    """A broker that answers with each of these in turn."""

    def __init__(self, *answers: object) -> None:
        self.left = list(answers)

    def __call__(self, seconds: float) -> object:
        answer = self.left.pop(0)
        if isinstance(answer, int):
            raise KafkaException(KafkaError(answer))
        return answer


def test_a_lost_connection_at_the_start_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker_answers, "_PAUSE", 0.001)
    lost = (KafkaError._TRANSPORT, KafkaError._UNKNOWN_PARTITION, KafkaError._DESTROY_BROKER)
    assert broker_answers.asked(Answers(*lost, "answer"), "orders", 3) == "answer"


def test_a_refusal_is_reported_at_once() -> None:
    refusing = Answers(KafkaError.TOPIC_AUTHORIZATION_FAILED, "never asked")
    with pytest.raises(SourceError, match="refuses") as caught:
        broker_answers.asked(refusing, "orders")
    assert "READ on the topic" in str(caught.value)
    assert refusing.left == ["never asked"]


def rounds_of(kafka: testing.Memory, partitions: int, size: int) -> list[int]:
    """How many messages each round of asking brings, as Bytewax asks, until all have come."""
    one = PartitionReader(kafka, "orders", None, size)
    for partition in range(partitions):
        one.assign(partition, 0)
    given = []
    total = sum(map(len, kafka._topics["orders"].values()))
    for _ in range(total):
        asked = (one.take(each) for each in sorted(range(partitions), key=str) if not one.later(each))
        given.append(sum(len(rows) for rows in asked if rows is not None))
        if sum(given) == total:
            return given
    raise AssertionError(given)


def test_many_partitions_are_not_asked_again_for_each_batch(orders: Orders) -> None:
    """To ask one costs as much as some messages do."""
    kafka = testing.Memory({orders: [one for each in range(160) for one in texts(20, partition=each)]})
    given = rounds_of(kafka, 160, 10)
    assert max(given) < 10 * 10 + 10  # 160 are asked, 16 for each batch; the last one passes the limit
    assert len(given) <= 64


def test_large_messages_of_many_partitions_come_by_few(
    orders: Orders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alignment, "_ROUND_BYTES", 25_000)
    large = (raw(b"x" * 1_000, partition=each) for each in range(160) for _ in range(20))
    given = rounds_of(testing.Memory({orders: list(large)}), 160, 10)
    assert max(given) < 25 + 10

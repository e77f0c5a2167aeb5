"""The states of a source partition, and of the watch over its topic."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from confluent_kafka import KafkaError

import kgen_runtime as rt
from kgen_runtime import testing
from kgen_runtime.consumer import topic_watch
from kgen_runtime.consumer.kafka_source import KafkaSource
from kgen_runtime.consumer.partition_state import PartitionState
from kgen_runtime.consumer.topic_watch import TopicWatch, WatchState
from kgen_runtime.errors import RegistryUnavailable
from kgen_runtime.states import StateError
from kgen_runtime.stop import STOP

from .conftest import RecordedActions, texts

Orders = rt.Topic[str, str]


class Recorded:
    """A partition of three messages in batches of one, and the states that it goes through."""

    def __init__(self, orders: Orders, **options: Any) -> None:
        given: dict[str, Any] = {"start": "earliest", "stop": "never", "batch_size": 1, "on_gap": "fail"}
        given |= {"on_new_partitions": "fail", "group_id": None, **options}
        source = KafkaSource("flow.read", orders, testing.Memory({orders: texts(3)}), **given)
        source.list_parts()
        self.part: Any = source.build_part("flow.read.kafka", "orders/0", None)
        self.states = [self.part._state]
        move = self.part._move

        def record(to: PartitionState) -> None:
            move(to)
            self.states.append(to)

        self.part._move = record  # type: ignore[method-assign]

    def read(self, times: int) -> None:
        for _ in range(times):
            self.part.next_batch()


def through(*names: str) -> list[PartitionState]:
    return [PartitionState[name] for name in names]


def test_a_partition_is_assigned_until_its_first_batch_and_read_until_its_end(orders: Orders) -> None:
    one = Recorded(orders, stop="end")
    with pytest.raises(StopIteration):
        one.read(10)
    one.part.close()
    assert one.states == through("ASSIGNED", "READING", "ENDED", "CLOSED")


def test_a_partition_is_held_once_however_often_the_registry_is_asked(orders: Orders) -> None:
    one = Recorded(orders)
    decode, answers = one.part._worker.decoder.decode, iter([False, False, True])

    def decoded(rows: Any) -> Any:
        if not next(answers, True):
            raise RegistryUnavailable("no answer")
        return decode(rows)

    one.part._worker.decoder.decode = decoded
    for _ in range(3):
        one.part._try_at = 0.0
        one.read(1)
    one.read(2)
    assert one.states == through("ASSIGNED", "HELD", "READING")


@pytest.mark.parametrize("held", [False, True])
def test_a_partition_that_is_drained_reports_it_once(
    orders: Orders, runner: RecordedActions, held: bool
) -> None:
    one = Recorded(orders)
    if held:
        one.part._worker.decoder.decode = unavailable
    one.read(1)
    STOP.request()
    one.read(2)
    one.part.snapshot()
    one.read(3)
    one.part.close()
    before = "HELD" if held else "READING"
    assert one.states == through("ASSIGNED", before, "QUIET", "DRAINED", "CLOSED")
    assert runner.reports == ["drained"]


def unavailable(_: Any) -> Any:
    raise RegistryUnavailable("no answer")


@pytest.mark.parametrize("on_gap", ["fail", "earliest"])
def test_a_partition_that_was_lost_is_assigned_again_or_fails_the_flow(orders: Orders, on_gap: Any) -> None:
    one = Recorded(orders, on_gap=on_gap)
    one.read(1)
    one.part._next = 99
    one.part._reader.range = lambda _: (0, 3)
    one.part._reader._inboxes[0]._messages = []
    one.part._reader._inboxes[0]._begin = 0
    one.part._reader._inboxes[0].lost = KafkaError(KafkaError._AUTO_OFFSET_RESET)
    one.part._reader.consumer.consume = lambda *_: []
    if on_gap == "fail":
        with pytest.raises(rt.SourceError, match="offset 99, is not on the broker"):
            one.read(1)
        assert one.states == through("ASSIGNED", "READING", "LOST")
    else:
        one.read(1)
        assert one.states == through("ASSIGNED", "READING", "LOST", "ASSIGNED")


def test_a_partition_that_was_closed_is_not_closed_again(orders: Orders) -> None:
    one = Recorded(orders)
    one.part.close()
    with pytest.raises(StateError, match="PartitionState: CLOSED does not follow CLOSED"):
        one.part.close()


class Asked(testing.Memory):
    """Answers how many partitions there are when it may, and notes how often it was asked."""

    def __init__(self, orders: Orders) -> None:
        super().__init__({orders: texts(1)})
        self.may, self.asked = threading.Event(), 0

    def consumer(self, overrides: Any) -> Any:
        self.asked += 1
        assert self.may.wait(20)
        return super().consumer(overrides)


def look_done() -> None:
    for thread in threading.enumerate():
        if thread.name.startswith("kgen-watch-"):
            thread.join(20)


def test_a_topic_is_looked_at_by_one_thread_at_a_time(orders: Orders) -> None:
    kafka = Asked(orders)
    watch = TopicWatch(kafka, "orders", 1, None, 0)
    assert [watch.check() for _ in range(3)] == [None] * 3
    assert watch._state is WatchState.LOOKING
    kafka.may.set()
    look_done()
    assert (kafka.asked, watch._state) == (1, WatchState.WATCHING)


def test_a_topic_of_which_the_number_of_partitions_has_changed_is_not_looked_at_again(orders: Orders) -> None:
    kafka = Asked(orders)
    kafka.may.set()
    watch = TopicWatch(kafka, "orders", 5, None, 0)
    watch.check()
    look_done()
    assert [watch.check() for _ in range(3)] == [1] * 3
    assert kafka.asked == 1


def test_a_look_that_ends_in_an_unforeseen_error_is_not_the_last_one(
    orders: Orders, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    watch = TopicWatch(Asked(orders), "orders", 1, None, 0)
    monkeypatch.setattr(topic_watch, "open_consumer", lambda *_: [][0])
    watch.check()
    look_done()
    assert "topic orders: could not look for its partitions: IndexError" in caplog.text
    assert watch._state is WatchState.WATCHING

"""Partitions of which many messages wait advance together, and late messages are not lost."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta, timezone
from typing import Any

import bytewax.operators as op
import pytest
from bytewax.dataflow import Dataflow
from bytewax.operators import windowing
from bytewax.testing import TestingSink, TestingSource, cluster_main
from confluent_kafka import TopicPartition

import kgen_runtime as rt
from kgen_runtime import testing
from kgen_runtime.consumer import alignment
from kgen_runtime.consumer.alignment import Workers
from kgen_runtime.consumer.partition_reader import PartitionReader
from kgen_runtime.testing.memory_clients import MemoryMessage

from .conftest import raw

Orders = rt.Topic[str, str]
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def message(partition: int, timestamp: int) -> rt.RawMessage:
    return raw(b"%d" % timestamp, partition=partition, timestamp=timestamp)


def dealt(partitions: int, count: int, step: int) -> list[rt.RawMessage]:
    """One each `step` ms, the partitions in turn."""
    return [message(n % partitions, 1000 + n * step) for n in range(count)]


def read(kafka: rt.Kafka, topic: Orders, **options: Any) -> list[rt.Message[str, str]]:
    oks: list[rt.Message[str, str]] = []
    flow = Dataflow("flow")
    split = rt.source("read", flow, topic, kafka, **options)
    rt.route("errs", split.errs, policy=rt.Crash())
    op.output("oks", split.oks, TestingSink(oks))
    testing.run(flow)
    return oks


def largest_step_back(messages: list[rt.Message[str, str]]) -> int:
    times = [each.timestamp or 0 for each in messages]
    return max(most - each for most, each in zip(itertools.accumulate(times, max), times))


def too_late(kafka: rt.Kafka, topic: Orders, wait: timedelta, **options: Any) -> tuple[int, int]:
    """How many messages came too late for windows of a minute, and how many there were."""
    late: list[Any] = []
    counts: list[Any] = []
    flow = Dataflow("flow")
    split = rt.source("read", flow, topic, kafka, **options)
    keyed = op.key_on("key", split.oks, lambda _: "all")
    clock: Any = windowing.EventClock(lambda m: EPOCH + timedelta(milliseconds=m.timestamp), wait)
    windower = windowing.TumblingWindower(timedelta(minutes=1), EPOCH)
    windows = windowing.count_window("windows", split.oks, clock, windower, lambda _: "all")
    op.output("late", windows.late, TestingSink(late))
    op.output("counts", windows.down, TestingSink(counts))
    rt.route("errs", split.errs, policy=rt.Crash())
    op.inspect("seen", keyed, lambda *_: None)
    testing.run(rt.check(flow))
    return len(late), len(late) + sum(count for _, (_, count) in counts)


@pytest.mark.parametrize(("partitions", "align"), [(1, "messages"), (4, "messages"), (16, "timestamp")])
def test_a_backlog_in_order_within_its_partitions_is_not_late(
    orders: Orders, partitions: int, align: rt.Align
) -> None:
    kafka = testing.Memory({orders: dealt(partitions, 20_000, step=10)})
    assert too_late(kafka, orders, timedelta(seconds=10), align=align) == (0, 20_000)


def test_no_partition_is_more_than_a_batch_ahead(orders: Orders) -> None:
    counts = dict.fromkeys(range(4), 0)
    for each in read(testing.Memory({orders: dealt(4, 2_000, step=1)}), orders, batch_size=7):
        assert each.partition is not None
        counts[each.partition] += 1
        assert max(counts.values()) - min(counts.values()) <= 7
    assert set(counts.values()) == {500}


def test_a_partition_that_has_ended_does_not_hold_the_others_up(orders: Orders) -> None:
    inputs = [*dealt(4, 400, step=1), *(message(2, 10_000 + n) for n in range(400))]
    oks = read(testing.Memory({orders: inputs}), orders, batch_size=10)
    assert len(oks) == 800
    assert [each.timestamp for each in oks if each.partition == 2][100:] == list(range(10_000, 10_400))


@pytest.mark.parametrize("lead", [0, 500, 3_000])
def test_by_timestamps_none_is_further_ahead_than_it_may_be(orders: Orders, lead: int) -> None:
    """One partition has a hundred times as many messages as another, and one has a hole."""
    inputs = [message(0, 1000 + 10 * n) for n in range(3_000)]
    inputs += [message(1, 1000 + 1000 * n) for n in range(30)]
    inputs += [message(2, 1000 + 100 * n) for n in range(300) if not 100 < n < 200]
    align = rt.TimestampOrder(lead=timedelta(milliseconds=lead))
    oks = read(testing.Memory({orders: inputs}), orders, align=align)
    assert len(oks) == len(inputs)
    assert largest_step_back(oks) <= lead
    assert largest_step_back(read(testing.Memory({orders: inputs}), orders)) > 3_000


def test_messages_without_timestamps_are_read(orders: Orders) -> None:
    inputs = [raw(b"v%d" % n, partition=n % 2, timestamp=None if n % 3 else n) for n in range(300)]
    oks = read(testing.Memory({orders: inputs}), orders, align="timestamp")
    assert sorted(each.value or "" for each in oks) == sorted(f"v{n}" for n in range(300))


class Clock:
    """Stands where it is set to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(alignment.time, "monotonic", lambda: self.now)  # type: ignore[attr-defined]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def reader(kafka: rt.Kafka, *partitions: int, align: rt.Align = "messages", **more: Any) -> PartitionReader:
    made = PartitionReader(kafka, "orders", None, 10, align, **more)
    for partition in partitions:
        made.assign(partition, 0)
    return made


def took(reader: PartitionReader, partition: int) -> list[int | None]:
    rows = reader.take(partition)
    return [] if rows is None else rows.timestamps


def test_messages_that_are_on_the_broker_are_waited_for_but_not_for_ever(
    orders: Orders, clock: Clock
) -> None:
    one = reader(testing.Memory({orders: dealt(2, 100, step=1)}), 0, 1)
    one.consumer.pause([TopicPartition("orders", 1)])  # as if its leader did not answer
    assert len(took(one, 0)) == 10
    assert took(one, 0) == []
    clock.now += 4.9
    assert took(one, 0) == []
    clock.now += 0.2
    assert [len(took(one, 0)) for _ in range(4)] == [10] * 4
    one.consumer.resume([TopicPartition("orders", 1)])
    assert len(took(one, 1)) == 10


def test_by_timestamps_a_partition_at_its_end_is_waited_for_as_long_as_said(
    orders: Orders, clock: Clock
) -> None:
    inputs = [message(1, 1000), *(message(0, 1000 * n) for n in range(1, 9))]
    kafka = testing.Memory({orders: inputs})
    align = rt.TimestampOrder(lead=timedelta(seconds=2), wait=timedelta(seconds=30))
    one = reader(kafka, 0, 1, align=align)
    assert took(one, 1) == [1000]
    assert took(one, 0) == [1000, 2000, 3000]
    clock.now += 29
    assert took(one, 0) == []
    kafka._topics["orders"][1].append(MemoryMessage(message(1, 3000), 1, 1))
    assert took(one, 0) == [4000, 5000]
    assert took(one, 1) == [3000]
    assert took(one, 0) == []  # from now on
    clock.now += 29
    assert took(one, 0) == []
    clock.now += 2
    assert took(one, 0) == [6000, 7000, 8000]


def test_workers_of_one_process_are_aligned_with_each_other(orders: Orders, clock: Clock) -> None:
    workers = Workers(2, wait=1)
    inputs = [message(p, 1000 * n) for n in range(1, 9) for p in (0, 1)]
    align, kafka = rt.TimestampOrder(lead=timedelta(seconds=1)), testing.Memory({orders: inputs})
    one, other = (reader(kafka, p, align=align, workers=workers) for p in (0, 1))
    workers.joined()
    assert took(one, 0) == []  # the other has not begun
    workers.joined()
    assert took(one, 0) == []
    seen: dict[int, list[Any]] = {0: [], 1: []}
    for each, partition in [(other, 1), (one, 0), (one, 0)] * 9:
        seen[partition] += took(each, partition)
        assert len(seen[1 - partition]) + 2 >= len(seen[partition])
    assert seen[0] == seen[1] == [1000 * n for n in range(1, 9)]


def test_a_worker_that_hangs_is_not_waited_for_for_ever(orders: Orders, clock: Clock) -> None:
    workers = Workers(0, wait=1)
    inputs = [message(p, 1000 * n) for n in range(1, 9) for p in (0, 1)]
    align, kafka = rt.TimestampOrder(lead=timedelta(seconds=1)), testing.Memory({orders: inputs})
    one, _ = (reader(kafka, p, align=align, workers=workers) for p in (0, 1))
    assert took(one, 0) == []
    clock.now += 6
    assert took(one, 0) == [1000, 2000]


def test_a_flow_of_two_workers_reads_all(orders: Orders) -> None:
    oks: list[rt.Message[str, str]] = []
    flow = Dataflow("flow")
    split = rt.source(
        "read", flow, orders, testing.Memory({orders: dealt(4, 4_000, step=10)}), align="timestamp"
    )
    rt.route("errs", split.errs, policy=rt.Crash())
    op.output("oks", split.oks, TestingSink(oks))
    cluster_main(flow, [], 0, worker_count_per_proc=2)
    assert sorted(each.timestamp or 0 for each in oks) == [1000 + 10 * n for n in range(4_000)]


def merged(small: Orders, large: Orders, runs: int, *aligns: rt.Align) -> list[list[rt.Message[str, str]]]:
    """What a flow reads of two topics of the same hour, one with ten times as many messages as the other."""
    hours = {small: dealt(2, 400, step=9_000), large: dealt(3, 4_000, step=900)}
    found: list[rt.Message[str, str]] = []
    flow = Dataflow("flow")
    splits = [
        rt.source(topic.name, flow, topic, testing.Memory({topic: hours[topic]}), align=align)
        for topic, align in zip((small, large), aligns)
    ]
    rt.route("errs", *(split.errs for split in splits), policy=rt.Crash())
    op.output("oks", op.merge("all", *(split.oks for split in splits)), TestingSink(found))
    lists = []
    for _ in range(runs):
        testing.run(flow)
        lists.append(found.copy())
        found.clear()
    return lists


def test_sources_with_the_same_object_are_aligned_with_each_other_in_each_run(orders: Orders) -> None:
    other = rt.Topic("others", key=orders.key, value=orders.value)
    together = rt.TimestampOrder(lead=timedelta(seconds=60))
    for read_ in merged(other, orders, 2, together, together):
        assert len(read_) == 4_400
        assert largest_step_back(read_) <= 2 * 60_000


def test_sources_with_equal_objects_are_not(orders: Orders) -> None:
    other = rt.Topic("others", key=orders.key, value=orders.value)
    lead = timedelta(seconds=60)
    (read_,) = merged(other, orders, 1, rt.TimestampOrder(lead), rt.TimestampOrder(lead))
    assert largest_step_back(read_) > 5 * 60_000


def test_two_workers_read_all_of_two_topics_that_are_aligned(orders: Orders) -> None:
    other = rt.Topic("others", key=orders.key, value=orders.value)
    together, oks = rt.TimestampOrder(lead=timedelta(seconds=60)), []
    kafka = testing.Memory({orders: dealt(4, 2_000, step=900), other: dealt(2, 200, step=9_000)})
    flow = Dataflow("flow")
    for topic in (orders, other):
        split = rt.source(topic.name, flow, topic, kafka, align=together)
        rt.route(f"{topic.name}_errs", split.errs, policy=rt.Crash())
        op.output(f"{topic.name}_oks", split.oks, TestingSink(oks))
    cluster_main(flow, [], 0, worker_count_per_proc=2)
    assert len(oks) == 2_200


@pytest.mark.parametrize("align", ["offset", None, timedelta(1)])
def test_an_order_that_is_not_known_is_refused(orders: Orders, align: Any) -> None:
    with pytest.raises(rt.FlowError, match="invalid align="):
        rt.source("read", Dataflow("flow"), orders, testing.Memory(), align=align)


@pytest.mark.parametrize("name", ["lead", "wait"])
@pytest.mark.parametrize("given", [timedelta(-1), 5])
def test_a_timestamp_order_takes_times_alone(name: str, given: Any) -> None:
    with pytest.raises(rt.FlowError, match=f"invalid {name}="):
        rt.TimestampOrder(**{name: given})


def windows(flow: Dataflow, up: Any, clock: Any) -> Any:
    windower = windowing.TumblingWindower(timedelta(seconds=10), EPOCH)
    keyed = op.key_on("key", up, lambda m: m.key)
    return windowing.collect_window("windows", keyed, clock, windower)


def test_late_streams_have_to_be_read(orders: Orders) -> None:
    kafka = testing.Memory({orders: [message(0, 60_000), message(0, 1000)]})
    flow = Dataflow("flow")
    split = rt.source("read", flow, orders, kafka)
    clock: Any = windowing.EventClock(lambda m: EPOCH + timedelta(milliseconds=m.timestamp), timedelta(0))
    windowed = windows(flow, split.oks, clock)
    op.inspect("show", windowed.down, lambda *_: None)
    op.inspect("errs", split.errs, lambda *_: None)
    with pytest.raises(rt.FlowError, match=r"too late for flow\.windows\n") as caught:
        rt.check(flow)
    assert "rt.late" in str(caught.value)
    late = rt.late("too_late", windowed.late)
    with pytest.raises(rt.FlowError, match=r"failures of flow\.too_late \("):
        rt.check(flow)
    rt.route("late", late, policy=rt.DeadLetter("dlq", kafka))
    testing.run(rt.check(flow))
    (letter,) = kafka.dead_letters
    assert (letter.value, letter.timestamp) == (b"1000", 1000)
    assert dict(letter.headers)["__kgen.error.stage"] == b"late"


def test_windows_of_system_time_have_no_late_ones_to_read(orders: Orders) -> None:
    flow = Dataflow("flow")
    split = rt.source("read", flow, orders, testing.Memory())
    windowed = windows(flow, split.oks, windowing.SystemClock())
    op.inspect("show", windowed.down)
    op.inspect("errs", split.errs)
    assert rt.check(flow) is flow


def test_what_is_late_need_not_be_a_message(orders: Orders) -> None:
    failures: list[rt.Failure] = []
    flow = Dataflow("flow")
    up = op.input("in", flow, TestingSource([("k", (3, 17.5))]))
    op.output("out", rt.late("late", up), TestingSink(failures))
    testing.run(flow)
    (failure,) = failures
    assert (failure.stage, failure.original.key, failure.original.value) == (rt.Stage.LATE, b"'k'", b"17.5")
    assert failure.attributes == {"key": "k", "window": 3}

"""Reading: exact offsets, bounds, gaps, events, and what cannot be decoded."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bytewax.operators as op
import pytest
from bytewax.dataflow import Dataflow
from bytewax.inputs import AbortExecution
from bytewax.recovery import RecoveryConfig
from bytewax.testing import TestingSink, cluster_main
from confluent_kafka import KafkaError, KafkaException

import kgen_runtime as rt
from kgen_runtime import testing
from kgen_runtime.consumer import topic_watch
from kgen_runtime.consumer.kafka_source import KafkaSource
from kgen_runtime.recovery.folder import stored_positions
from kgen_runtime.routing.policy import consume
from kgen_runtime.serde import DecodedBatch
from kgen_runtime.state.current_folder import kept_in, recovery_folder
from kgen_runtime.stop import STOP
from kgen_runtime.testing.memory_clients import MemoryMessage

from .conftest import RecordedActions, ThreadStates, raw, texts

Orders = rt.Topic[str, str]


def read(
    kafka: rt.Kafka, topic: Orders, **options: Any
) -> tuple[list[rt.Message[str, str]], list[rt.Failure]]:
    oks: list[rt.Message[str, str]] = []
    errs: list[rt.Failure] = []
    run(kafka, topic, oks, errs, **options)
    return oks, errs


def run(
    kafka: rt.Kafka,
    topic: Orders,
    oks: list[rt.Message[str, str]],
    errs: list[rt.Failure],
    recovery: rt.Recovery | None = None,
    **options: Any,
) -> None:
    flow = Dataflow("flow")
    split = rt.source("read", flow, topic, kafka, **options)
    op.output("oks", split.oks, TestingSink(oks))
    op.output("errs", split.errs, TestingSink(errs))
    testing.run(flow, recovery=recovery, epoch_interval=timedelta(0))


def partition(kafka: rt.Kafka, topic: Orders, state: int | None = None, **options: Any) -> Any:
    """A partition as Bytewax makes it, without a flow."""
    return listed(kafka, topic, **options).build_part("flow.read.kafka", "orders/0", state)


def listed(kafka: rt.Kafka, topic: Orders, **options: Any) -> KafkaSource[str, str]:
    given: dict[str, Any] = {"start": "earliest", "stop": "never", "batch_size": 3, "on_gap": "fail"}
    given |= {"on_new_partitions": "fail", "group_id": None, **options}
    source = KafkaSource("flow.read", topic, kafka, **given)
    source.list_parts()
    return source


def test_each_worker_of_a_flow_that_reads_keeps_the_python_state_of_its_thread(orders: Orders) -> None:
    states, flow = ThreadStates(), Dataflow("flow")
    split = rt.source("read", flow, orders, testing.Memory({orders: texts(500)}))  # one partition: one reads
    dealt = op.stateful_map(
        "deal", op.key_on("key", split.oks, lambda each: str(each.key)), lambda _, x: (None, x)
    )
    op.output("out", op.map("states", dealt, states), TestingSink([]))
    cluster_main(flow, [], 0, worker_count_per_proc=2)
    assert list(states.counts.values()) == [1, 1]


def drain(part: Any, given: list[str | None] | None = None) -> None:
    for _ in range(100):
        for batch in part.next_batch():
            if given is not None:
                given += values(batch.oks)


def values(messages: Sequence[rt.Message[str, str]]) -> list[str | None]:
    return [message.value for message in messages]


def test_messages_keep_all_that_the_broker_gave(orders: Orders) -> None:
    headers = (("a", b"1"), ("b", None))
    kafka = testing.Memory({orders: [raw(b"v", b"k", partition=2, offset=17, timestamp=5, headers=headers)]})
    (message,), errs = read(kafka, orders)
    assert not errs
    assert message == rt.Message(
        "k", "v", topic="orders", partition=2, offset=17, timestamp=5, headers=headers
    )
    assert message.raw() == raw(b"v", b"k", partition=2, offset=17, timestamp=5, headers=headers)


def test_null_keys_tombstones_and_missing_timestamps_are_read(orders: Orders) -> None:
    oks, errs = read(testing.Memory({orders: [raw(None, None)]}), orders)
    assert (oks[0].key, oks[0].value, oks[0].timestamp) == (None, None, None)
    assert not errs


def test_what_cannot_be_decoded_goes_to_errs_byte_for_byte(orders: Orders) -> None:
    bad = raw(b"\xff\xfe", b"key", partition=0, offset=1, timestamp=9, headers=(("h", b"\x00"),))
    kafka = testing.Memory({orders: [raw(b"ok"), bad, raw(b"ok", b"\xff")]})
    oks, errs = read(kafka, orders)
    assert values(oks) == ["ok"]
    assert errs[0].original == bad
    assert (errs[0].stage, errs[0].part, errs[0].step, errs[0].transient) == (
        rt.Stage.DECODE,
        "value",
        "flow.read",
        False,
    )
    assert errs[0].error_class == "kgen_runtime.errors.DecodeError"
    assert errs[1].part == "key"


def test_partitions_are_read_each_in_order(orders: Orders) -> None:
    inputs = texts(50, partition=0) + texts(30, partition=1) + texts(1, partition=2)
    oks, _ = read(testing.Memory({orders: inputs}), orders, batch_size=7)
    for number, count in ((0, 50), (1, 30), (2, 1)):
        assert [m.offset for m in oks if m.partition == number] == list(range(count))


def test_a_restart_goes_on_after_the_last_message(orders: Orders, tmp_path: Path) -> None:
    recovery = rt.Recovery(tmp_path)
    first, second = read_twice(orders, recovery, 5, 8)
    assert first == [f"v{i}" for i in range(5)]
    assert second == ["v5", "v6", "v7"]


def read_twice(orders: Orders, recovery: rt.Recovery, before: int, after: int, **options: Any) -> Any:
    found = []
    for count in (before, after):
        oks: list[rt.Message[str, str]] = []
        run(testing.Memory({orders: texts(count)}), orders, oks, [], recovery, **options)
        found.append(values(oks))
    return found


def test_latest_is_pinned_at_the_first_start(orders: Orders, tmp_path: Path) -> None:
    first, second = read_twice(orders, rt.Recovery(tmp_path), 5, 8, start="latest")
    assert first == []
    assert second == ["v5", "v6", "v7"]  # written while the flow was down


def first_offsets(kafka: rt.Kafka, topic: Orders, folder: Path, *numbers: int, **options: Any) -> list[Any]:
    """Where a process begins that builds these partitions, none of which has a stored offset."""
    with kept_in(folder, stored_positions(folder)):
        source = listed(kafka, topic, **{"start": "latest", **options})
        built = [source.build_part("flow.read.kafka", f"orders/{n}", None) for n in numbers]
        return [part.snapshot() for part in built]


def two(orders: Orders, count: int) -> testing.Memory:
    return testing.Memory({orders: texts(count) + texts(count, partition=1)})


def test_latest_is_pinned_before_any_epoch_is_committed(orders: Orders, tmp_path: Path) -> None:
    assert first_offsets(two(orders, 5), orders, tmp_path, 0, 1) == [5, 5]
    for _ in range(2):  # each the start after a crash
        assert first_offsets(two(orders, 8), orders, tmp_path, 0, 1) == [5, 5]
    assert first_offsets(two(orders, 8), orders, tmp_path / "..", 0, 1) == [8, 8]


def test_latest_without_a_recovery_folder_is_warned_of(
    orders: Orders, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with kept_in(tmp_path):
        listed(two(orders, 5), orders, start="latest")
    assert caplog.text == ""
    listed(two(orders, 5), orders, start="latest").list_parts()  # each worker asks
    assert caplog.text.count("without a recovery folder") == 1


def test_a_time_is_pinned_where_no_message_is_that_late(orders: Orders, tmp_path: Path) -> None:
    at = datetime.fromtimestamp(99.0, timezone.utc)
    assert first_offsets(two(orders, 5), orders, tmp_path, 0, start=at) == [5]
    assert first_offsets(two(orders, 8), orders, tmp_path, 0, start=99_000) == [5]
    assert first_offsets(two(orders, 8), orders, tmp_path, 0, start=99_001) == [8]  # told to begin elsewhere


def test_processes_that_start_together_pin_the_same(orders: Orders, tmp_path: Path) -> None:
    assert first_offsets(two(orders, 5), orders, tmp_path, 1) == [5]
    assert first_offsets(two(orders, 6), orders, tmp_path, 0) == [5]  # as of the first of them


def test_a_process_that_builds_but_a_new_partition_reads_it_whole(orders: Orders, tmp_path: Path) -> None:
    assert first_offsets(testing.Memory({orders: texts(5)}), orders, tmp_path, 0) == [5]
    assert first_offsets(two(orders, 8), orders, tmp_path, 1) == [0]


def test_what_is_new_is_reported_from_positions_where_no_first_offsets_are_kept(
    orders: Orders, tmp_path: Path
) -> None:
    """The first run had another `start`, or was an older kgen's."""
    run(testing.Memory({orders: texts(5)}), orders, [], [], rt.Recovery(tmp_path))
    assert first_offsets(two(orders, 8), orders, tmp_path, 1) == [0]


def test_a_recovery_folder_recreated_begins_again(orders: Orders, tmp_path: Path) -> None:
    rt.Recovery(tmp_path).prepare()
    assert first_offsets(two(orders, 5), orders, tmp_path, 0) == [5]
    for file in (*tmp_path.glob("part-*"), tmp_path / "kgen.json"):
        file.unlink()
    rt.Recovery(tmp_path).prepare()
    assert first_offsets(two(orders, 8), orders, tmp_path, 0) == [8]


def test_first_offsets_of_a_topic_recreated_are_not_used(orders: Orders, tmp_path: Path) -> None:
    class Known(testing.Memory):
        def topic_id(self, topic: str) -> str | None:
            return self.id  # type: ignore[attr-defined]

    old, new = Known({orders: texts(5)}), Known({orders: texts(8)})
    old.id, new.id = "old", "new"  # type: ignore[attr-defined]
    assert first_offsets(old, orders, tmp_path, 0) == [(5, "old")]
    with pytest.raises(rt.SourceError, match="recreated"):
        first_offsets(new, orders, tmp_path, 0)
    assert first_offsets(new, orders, tmp_path, 0, on_gap="earliest") == [(0, "new")]


def test_a_recovery_folder_that_cannot_keep_first_offsets_is_reported(orders: Orders, tmp_path: Path) -> None:
    with pytest.raises(rt.RecoveryError, match="cannot be kept") as caught:
        first_offsets(two(orders, 5), orders, tmp_path / "absent", 0)
    assert str(tmp_path / "absent") in str(caught.value)


def test_the_folder_of_bytewaxs_own_runner_is_known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As its script leaves it; `test_sigkill.py` runs it."""
    assert recovery_folder() is None
    main = SimpleNamespace(__spec__=SimpleNamespace(name="bytewax.run"), kwargs={"recovery_config": None})
    monkeypatch.setitem(sys.modules, "__main__", main)
    assert recovery_folder() is None
    main.kwargs["recovery_config"] = RecoveryConfig(tmp_path)
    assert recovery_folder() == tmp_path


def test_positions_in_another_topic_are_reported(orders: Orders, out: Orders, tmp_path: Path) -> None:
    run(testing.Memory({orders: texts(3)}), orders, [], [], rt.Recovery(tmp_path))
    said = "positions in topic orders, and the step now reads out"
    kept = kept_in(tmp_path, stored_positions(tmp_path))
    with kept, pytest.raises(rt.RecoveryError, match=said) as caught:
        listed(testing.Memory({out: texts(3)}), out)
    assert "step flow.read.kafka" in str(caught.value)
    assert "a recovery folder of its own" in str(caught.value)


def test_positions_in_partitions_that_are_gone_are_reported(orders: Orders, tmp_path: Path) -> None:
    both = testing.Memory({orders: texts(3) + texts(3, partition=1)})
    run(both, orders, [], [], rt.Recovery(tmp_path))
    with kept_in(tmp_path, stored_positions(tmp_path)):
        listed(both, orders)
        with pytest.raises(rt.RecoveryError, match="partitions that are gone: orders/1") as caught:
            listed(testing.Memory({orders: texts(3)}), orders)
    assert "recreated with fewer partitions" in str(caught.value)


def test_a_partition_that_is_new_since_the_last_run_is_read_whole(orders: Orders, tmp_path: Path) -> None:
    recovery = rt.Recovery(tmp_path)
    run(testing.Memory({orders: texts(2)}), orders, [], [], recovery, start="latest")
    oks: list[rt.Message[str, str]] = []
    grown = testing.Memory({orders: texts(2) + texts(3, partition=1)})
    run(grown, orders, oks, [], recovery, start="latest")
    assert [(m.partition, m.offset) for m in oks] == [(1, 0), (1, 1), (1, 2)]


def test_the_snapshot_is_the_next_offset_whatever_the_errors(orders: Orders) -> None:
    events = [KafkaError._TRANSPORT, KafkaError._TIMED_OUT]  # at offset 41
    part = partition(Eventful(orders, texts(4), events), orders)
    for expected in (0, 0, 3, 4, 4):
        part.next_batch()
        assert part.snapshot() == expected


def test_the_snapshot_is_the_next_offset_at_the_end_too(orders: Orders) -> None:
    part = partition(testing.Memory({orders: texts(4)}), orders)
    assert part.snapshot() == 0
    assert len(part.next_batch()[0].oks) == 3
    assert part.snapshot() == 3
    part.next_batch()
    for _ in range(3):
        assert part.next_batch() == []  # ends of the partition
    assert part.snapshot() == 4


class Marked(testing.Memory):
    """Its last offsets, up to `end`, are the markers of transactions."""

    ends = False

    def __init__(self, topic: Orders, inputs: list[rt.RawMessage], end: int) -> None:
        super().__init__({topic: inputs})
        self.end = end

    def consumer(self, overrides: Any) -> Any:
        consumer: Any = super().consumer(overrides)
        consume_messages = consumer.consume

        def consume(count: int, timeout: float) -> list[Any]:
            return [self._at_end(message) for message in consume_messages(count, timeout)]

        consumer.consume = consume
        consumer.get_watermark_offsets = lambda *_, **__: (0, self.end)
        return consumer

    def _at_end(self, message: Any) -> Any:
        if message.error() is None:
            return message
        return MemoryMessage(raw(None), 0, max(self.end, message.offset()), message.error())


def test_the_end_moves_the_snapshot_past_what_is_not_a_message(orders: Orders) -> None:
    kafka = Marked(orders, texts(4), 6)
    part = partition(kafka, orders, group_id="g")
    assert [part.snapshot() for _ in range(2) if part.next_batch()] == [3, 4]
    drain(part)
    assert part.snapshot() == 6
    part.next_batch()
    assert kafka.committed == {("orders", 0): 6}


def test_the_end_moves_nothing_past_messages_after_the_stop(orders: Orders) -> None:
    inputs = [raw(b"a", offset=0, timestamp=1), raw(b"b", offset=5, timestamp=9)]
    for stop in ({0: 3}, 5):
        part = partition(Marked(orders, inputs, 8), orders, stop=stop, batch_size=100)
        with pytest.raises(StopIteration):
            drain(part)
        assert part.snapshot() == 1


def test_a_stop_may_be_among_the_last_markers(orders: Orders) -> None:
    for stop in ({0: 6}, {0: 5}, "end", 10_000):
        part = partition(Marked(orders, texts(4), 6), orders, stop=stop, batch_size=100)
        with pytest.raises(StopIteration):
            drain(part)
        assert part.snapshot() == 6
    part = partition(Marked(orders, texts(4), 6), orders, stop={0: 7})
    drain(part)  # waits for the rest
    assert part.snapshot() == 6


class Open(Marked):
    """Behind an open transaction at `end` there are more messages, which cannot be read before it ends."""

    def __init__(self, topic: Orders, inputs: list[rt.RawMessage], end: int, high: int) -> None:
        super().__init__(topic, inputs, end)
        self.high = high

    def consumer(self, overrides: Any) -> Any:
        consumer: Any = super().consumer(overrides)
        consumer.get_watermark_offsets = lambda *_, **__: (0, self.high)
        return consumer

    def commit(self, *messages: rt.RawMessage) -> None:
        there = self._topics["orders"][0]
        there += [MemoryMessage(message, 0, message.offset or 0) for message in messages]
        self.end = self.high


@pytest.mark.parametrize("stop", [{0: 8}, 1_500], ids=["offset", "time"])
@pytest.mark.parametrize("aborted", [True, False])
def test_a_stop_after_an_open_transaction_is_waited_for(orders: Orders, stop: Any, aborted: bool) -> None:
    kafka = Open(orders, texts(5), 5, 11)
    part = partition(kafka, orders, stop=stop, batch_size=100)
    assert len(part.next_batch()[0].oks) == 5
    drain(part)  # does not end
    assert part.snapshot() == 5
    late = [raw(b"%d" % i, offset=i, timestamp=1_494 + i) for i in range(5 + aborted, 10)]  # 5 is in it
    kafka.commit(*late)
    given: list[str | None] = []
    with pytest.raises(StopIteration):
        drain(part, given)
    limit = 8 if isinstance(stop, dict) else 6
    assert given == [str(i) for i in range(5 + aborted, limit)]


def test_the_end_is_where_the_first_open_transaction_begins(orders: Orders) -> None:
    part = partition(Open(orders, texts(5), 5, 11), orders, stop="end", batch_size=100)
    with pytest.raises(StopIteration):
        drain(part)
    assert part.snapshot() == 5


def test_a_time_as_the_stop_waits_for_no_later_transactions(orders: Orders) -> None:
    """They may follow each other for ever."""
    kafka = Open(orders, texts(5), 5, 8)
    part = partition(kafka, orders, stop=1_500, batch_size=100)
    drain(part)
    kafka.commit(raw(b"5", offset=5, timestamp=1))
    kafka.high = 20
    with pytest.raises(StopIteration):
        drain(part)
    assert part.snapshot() == 8


def test_the_end_moves_nothing_while_the_registry_is_unavailable(orders: Orders) -> None:
    part = partition(Marked(orders, texts(2), 6), orders, batch_size=100)
    part._worker.decoder._value = Registry()
    for _ in range(2):
        assert part.next_batch() == []
        assert part.snapshot() == 0
        part._try_at = 0.0
    drain(part)
    assert part.snapshot() == 6


RECENT = 1_767_225_600_000


def recent(count: int) -> list[rt.RawMessage]:
    return [replace(text, timestamp=RECENT + i) for i, text in enumerate(texts(count))]


def test_the_start_may_be_a_time(orders: Orders) -> None:
    at = datetime.fromtimestamp(1.003, timezone.utc)
    oks, _ = read(testing.Memory({orders: texts(6)}), orders, start=at)
    assert values(oks) == ["v3", "v4", "v5"]
    oks, _ = read(testing.Memory({orders: recent(6)}), orders, start=RECENT + 3)
    assert values(oks) == ["v3", "v4", "v5"]
    late = read(testing.Memory({orders: recent(6)}), orders, start=RECENT + 9999)
    assert late == ([], [])


def test_the_start_may_be_an_offset_of_each_partition(orders: Orders) -> None:
    assert values(read(testing.Memory({orders: texts(6)}), orders, start={0: 4})[0]) == ["v4", "v5"]
    assert values(read(testing.Memory({orders: texts(2)}), orders, start={0: 0})[0]) == ["v0", "v1"]
    with pytest.raises(rt.SourceError, match="start= names no offset for a partition") as caught:
        partition(testing.Memory({orders: []}), orders, start={1: 5})
    assert "Add {0: <offset>}" in str(caught.value)


def test_the_start_may_be_what_the_group_has_committed(orders: Orders) -> None:
    kafka = testing.Memory({orders: texts(6)})
    assert len(read(kafka, orders, start="stored", group_id="g")[0]) == 6
    kafka.committed["orders", 0] = 4
    assert values(read(kafka, orders, start="stored", group_id="g")[0]) == ["v4", "v5"]


def test_the_stop_may_be_an_offset_or_a_time(orders: Orders) -> None:
    assert values(read(testing.Memory({orders: texts(6)}), orders, stop={0: 2})[0]) == ["v0", "v1"]
    assert read(testing.Memory({orders: texts(6)}), orders, stop={0: 0})[0] == []
    for until in (
        datetime.fromtimestamp(RECENT / 1000, timezone.utc) + timedelta(milliseconds=4),
        RECENT + 4,
    ):
        for size in (1, 2, 100):
            oks, _ = read(testing.Memory({orders: recent(6)}), orders, stop=until, batch_size=size)
            assert values(oks) == ["v0", "v1", "v2", "v3"]


def test_a_stop_offset_that_is_not_a_message_is_passed(orders: Orders) -> None:
    """Offsets that compaction or transaction markers took are never read."""
    inputs = [raw(b"a", offset=0), raw(b"b", offset=5)]
    assert values(read(testing.Memory({orders: inputs}), orders, stop={0: 3})[0]) == ["a"]
    assert values(read(testing.Memory({orders: inputs}), orders, stop={0: 6})[0]) == ["a", "b"]


@pytest.mark.parametrize(("policy", "given"), [("earliest", ["v"]), ("latest", [])])
def test_a_gap_is_passed_as_set(orders: Orders, policy: Any, given: list[str], caplog: Any) -> None:
    part = partition(testing.Memory({orders: [raw(b"v", offset=7)]}), orders, state=99, on_gap=policy)
    while (batch := part.next_batch()) == [] and part.snapshot() == 99:
        pass
    batch = batch or part.next_batch()
    assert [m.value for b in batch for m in b.oks] == given
    assert part.snapshot() == 8
    assert "offset 99 is gone" in caplog.text


def test_a_gap_fails_with_the_numbers(orders: Orders) -> None:
    part = partition(testing.Memory({orders: [raw(b"v", offset=7)]}), orders, state=99)
    with pytest.raises(rt.SourceError, match=r"offset 99, is not on the broker: it has 7 to 7") as caught:
        drain(part)
    assert "partition 0" in str(caught.value)
    assert "on_gap" in str(caught.value)


def test_a_lost_position_reported_by_the_broker_is_a_gap(orders: Orders) -> None:
    kafka = Eventful(orders, [raw(b"v", offset=7)], [KafkaError._AUTO_OFFSET_RESET])
    part = partition(kafka, orders, state=3)
    with pytest.raises(rt.SourceError, match="offset 3"):
        part.next_batch()


def test_passing_events_are_logged_once_and_change_nothing(orders: Orders, caplog: Any) -> None:
    kafka = Eventful(
        orders, texts(2), [KafkaError._TRANSPORT, KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN]
    )
    part = partition(kafka, orders)
    taken = [m.value for _ in range(5) for batch in part.next_batch() for m in batch.oks]
    assert taken == ["v0", "v1"]
    assert part.snapshot() == 2
    assert len(caplog.records) == 2


def test_a_deleted_topic_fails(orders: Orders) -> None:
    part = partition(Eventful(orders, texts(2), [KafkaError.UNKNOWN_TOPIC_OR_PART]), orders)
    with pytest.raises(rt.SourceError, match="not on the broker"):
        part.next_batch()


class Eventful(testing.Memory):
    """Gives events before its messages."""

    ends = False

    def __init__(self, topic: Orders, inputs: list[rt.RawMessage], events: list[int]) -> None:
        super().__init__({topic: inputs})
        self._events = events

    def consumer(self, overrides: Any) -> Any:
        consumer: Any = super().consumer(overrides)
        consume_messages = consumer.consume

        def consume(count: int, timeout: float) -> list[Any]:
            if self._events:
                nothing = raw(None)
                return [MemoryMessage(nothing, 0, 41, KafkaError(self._events.pop(0)))]
            given: list[Any] = consume_messages(count, timeout)
            return given

        consumer.consume = consume
        return consumer


def test_an_absent_topic_and_an_absent_broker_are_reported(orders: Orders) -> None:
    with pytest.raises(rt.SourceError, match="not on the broker") as caught:
        partition(testing.Memory(), orders)
    assert "topic orders" in str(caught.value)

    class Away(testing.Memory):
        def consumer(self, overrides: Any) -> Any:
            consumer: Any = super().consumer(overrides)

            def list_topics(topic: str, timeout: float) -> None:
                assert timeout > 0
                raise KafkaException(KafkaError(KafkaError._TRANSPORT))

            consumer.list_topics = list_topics
            return consumer

    with pytest.raises(rt.SourceError, match="no Kafka broker answers") as caught:
        partition(Away(), orders)
    assert "KGEN_BROKERS" in str(caught.value)


def test_an_idle_partition_is_looked_at_less_and_less_often(orders: Orders) -> None:
    part = partition(testing.Memory({orders: []}), orders)
    waits = []
    for _ in range(30):
        assert part.next_batch() == []
        waits.append(part._wait)
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (0.001, 0.05)
    # A message that comes now waits for a fifth of the time since the last one, or for the first wait.
    assert all(wait <= max(0.001, sum(waits[:at])) / 5 + 0.001 for at, wait in enumerate(waits))


def test_offsets_are_committed_to_the_group_once_they_are_durable(orders: Orders) -> None:
    kafka = testing.Memory({orders: texts(6)})
    part = partition(kafka, orders, group_id="g")
    part.next_batch()
    part.snapshot()
    assert kafka.committed == {}  # the epoch may still fail
    part.next_batch()
    assert kafka.committed == {("orders", 0): 3}


def test_without_a_group_nothing_is_committed(orders: Orders) -> None:
    kafka = testing.Memory({orders: texts(6)})
    part = partition(kafka, orders)
    part.next_batch()
    part.snapshot()
    part.next_batch()
    assert kafka.committed == {}


class Registry:
    """A decoder whose registry is away for a while."""

    def __init__(self) -> None:
        self.tries = 0

    def decode_many(self, payloads: Any, headers: Any = None) -> Any:
        self.tries += 1
        if self.tries <= 2:
            raise rt.RegistryUnavailable("the registry is away")
        return DecodedBatch([payload and payload.decode() for payload in payloads], [7] * len(payloads))


def test_while_the_registry_is_unavailable_messages_are_held(orders: Orders) -> None:
    part = partition(testing.Memory({orders: texts(4)}), orders)
    part._worker.decoder._value = registry = Registry()
    assert part.next_batch() == part.next_batch() == []
    assert registry.tries == 1  # it is not the time for another one; only a stop would be noticed
    assert part.next_awake() > datetime.now(timezone.utc) + timedelta(milliseconds=300)
    part._try_at = 0.0
    assert part.next_batch() == []
    assert part.snapshot() == 0
    part._try_at = 0.0
    (batch,) = part.next_batch()
    assert values(batch.oks) == ["v0", "v1", "v2"]
    assert batch.oks[0].value_schema_id == 7
    assert registry.tries == 3
    assert values(part.next_batch()[0].oks) == ["v3"]


class Holed(MemoryMessage):
    """As of confluent-kafka where a header's name is not UTF-8, in every third message."""

    def __init__(self, raw: rt.RawMessage, partition: int, offset: int) -> None:
        super().__init__(raw, partition, offset)
        self.asked = 0

    def headers(self) -> list[tuple[str, bytes | None]] | None:
        self.asked += 1
        if self.offset() % 3 == 0:
            assert self.asked == 1  # what it would give now takes the process down
            b"\xff".decode()
        return super().headers()


class Damaged(testing.Memory):
    """The headers of every third message cannot be read."""

    def __init__(self, topic: Orders, inputs: list[rt.RawMessage]) -> None:
        super().__init__({topic: inputs})
        there = self._topics["orders"][0]
        there[:] = [Holed(message._raw, 0, message.offset()) for message in there]


def test_headers_that_cannot_be_read_are_a_failure_of_their_message_alone(orders: Orders) -> None:
    inputs = [*texts(3), raw(b"\xff", b"\xff", timestamp=1003), *texts(1)]
    oks, errs = read(Damaged(orders, inputs), orders)
    assert values(oks) == ["v1", "v2", "v0"]
    assert [failure.original.offset for failure in errs] == [0, 3]
    for failure, message in zip(errs, inputs[::3]):
        assert (failure.stage, failure.part, failure.transient) == (rt.Stage.FRAMING, None, False)
        assert failure.message == "a header's name is not UTF-8; all its headers are left out"
        original = failure.original
        assert (original.key, original.value, original.timestamp) == (
            message.key,
            message.value,
            message.timestamp,
        )
        assert original.headers == ()


def test_headers_that_cannot_be_read_are_asked_for_once_though_the_registry_is_unavailable(
    orders: Orders,
) -> None:
    part = partition(Damaged(orders, texts(4)), orders)
    part._worker.decoder._value = registry = Registry()
    batches = []
    for _ in range(4):
        batches += part.next_batch()
        part._try_at = 0.0
    assert [values(batch.oks) for batch in batches] == [["v1", "v2"], []]
    assert [failure.original.offset for batch in batches for failure in batch.errs] == [0, 3]
    assert registry.tries == 4


@pytest.mark.parametrize("delivery", ["at-least-once", "exactly-once"])
def test_a_message_without_readable_headers_makes_a_dead_letter(orders: Orders, delivery: Any) -> None:
    kafka = Damaged(orders, texts(2))
    flow = Dataflow("flow")
    split = rt.source("read", flow, orders, kafka)
    op.output("oks", split.oks, TestingSink([]))
    rt.route("errs", split.errs, policy=rt.DeadLetter("dlq", kafka, delivery=delivery))
    testing.run(flow)
    (letter,) = kafka.dead_letters
    assert (letter.key, letter.value) == (b"k0", b"v0")
    assert dict(letter.headers)["__kgen.error.stage"] == b"framing"


class Growing(testing.Memory):
    """A topic whose partitions change while it is read."""

    ends = False

    def __init__(self, topic: Orders) -> None:
        super().__init__({topic: texts(900)})
        self.config_ = {"topic.metadata.refresh.interval.ms": 0}

    @property
    def config(self) -> dict[str, Any]:
        return self.config_

    def become(self, count: int) -> None:
        there = {p: [] for p in range(count)} if count else None
        error = None if count else KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART)
        self.listed = SimpleNamespace(topics={"orders": SimpleNamespace(error=error, partitions=there)})

    def consumer(self, overrides: Any) -> Any:
        consumer: Any = super().consumer(overrides)
        if hasattr(self, "listed"):
            consumer.list_topics = lambda topic=None, timeout=-1: self.listed
        return consumer


def until_raised(part: Any) -> None:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        part.next_batch()
        time.sleep(0.001)


def test_new_partitions_fail(orders: Orders) -> None:
    kafka = Growing(orders)
    part = partition(kafka, orders, batch_size=1)
    part.next_batch()
    kafka.become(2)
    with pytest.raises(rt.SourceError, match="now has 2 partitions, this run reads 1"):
        until_raised(part)


def test_new_partitions_stop_for_a_restart(orders: Orders) -> None:
    kafka = Growing(orders)
    part = partition(kafka, orders, batch_size=1, on_new_partitions="stop")
    part.next_batch()
    kafka.become(2)
    with pytest.raises(StopIteration):
        until_raised(part)
    assert STOP.restart


def test_a_stop_ends_with_its_run(orders: Orders) -> None:
    """Nothing but the source hears of a run that `run_main` begins."""
    STOP.request(restart=True)
    oks, _ = read(testing.Memory({orders: texts(3)}), orders)
    assert values(oks) == ["v0", "v1", "v2"]


@pytest.mark.parametrize("turned_off", [-1, "-1"])
def test_the_source_looks_for_partitions_though_librdkafka_does_not(orders: Orders, turned_off: Any) -> None:
    """Once a minute, not without pause."""
    kafka = Growing(orders)
    kafka.config_ = {"topic.metadata.refresh.interval.ms": turned_off}
    assert partition(kafka, orders)._worker._watch._every == 60


def test_a_topic_that_is_gone_fails_after_a_second_look(
    orders: Orders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(topic_watch, "_CONFIRM_AFTER", 0.01)
    kafka = Growing(orders)
    part = partition(kafka, orders, batch_size=1)
    part.next_batch()
    kafka.become(0)
    with pytest.raises(rt.SourceError, match="not on the broker"):
        until_raised(part)


def test_draining_goes_quiet_and_waits_for_a_durable_snapshot(
    orders: Orders, runner: RecordedActions
) -> None:
    part = partition(testing.Memory({orders: texts(9)}), orders)
    part.next_batch()
    STOP.request()
    assert part.next_batch() == []
    assert runner.reports == []
    assert part.snapshot() == 3
    assert part.next_batch() == []  # asked for more: the snapshot is durable
    assert runner.reports == ["drained"]


def test_an_abort_of_the_flow_loses_nothing(orders: Orders, tmp_path: Path) -> None:
    seen: list[str | None] = []

    def flow(crash_at: str | None) -> Dataflow:
        built = Dataflow("flow")
        split = rt.source("read", built, orders, testing.Memory({orders: texts(40)}), batch_size=4)

        def act(messages: list[rt.Message[str, str]]) -> None:
            if crash_at in values(messages):
                raise AbortExecution
            seen.extend(values(messages))

        consume("act", split.oks, act)
        rt.route("errs", split.errs, policy=rt.Crash())
        return built

    recovery = rt.Recovery(tmp_path)
    with pytest.raises(RuntimeError):
        testing.run(flow("v21"), recovery=recovery, epoch_interval=timedelta(0))
    testing.run(flow(None), recovery=recovery, epoch_interval=timedelta(0))
    assert set(seen) == {f"v{i}" for i in range(40)}


@pytest.mark.parametrize(
    "options",
    [
        {"start": "begin"},
        {"start": datetime(2026, 1, 1)},
        {"start": "stored"},
        {"start": None},
        {"start": -7},
        {"start": True},
        {"start": 1.5},
        {"start": b"latest"},
        {"start": datetime(1969, 1, 1, tzinfo=timezone.utc)},
        {"start": datetime.now(timezone.utc) + timedelta(days=300)},  # of when tests are collected
        {"stop": None},
        {"stop": -7},
        {"stop": True},
        {"stop": 1.5},
        {"stop": [5]},
        {"stop": {0: "5"}},
        {"stop": {"0": 5}},
        {"stop": {0: -5}},
        {"group_id": ""},
        {"group_id": 5},
        {"batch_size": "10"},
        {"batch_size": True},
        {"batch_size": 1.5},
        {"stop": "now"},
        {"stop": datetime(2026, 1, 1)},
        {"on_gap": "ignore"},
        {"on_new_partitions": "ignore"},
        {"batch_size": 0},
        {"batch_size": 1_000_001},
    ],
)
def test_invalid_arguments_are_refused_when_the_flow_is_built(orders: Orders, options: Any) -> None:
    with pytest.raises(rt.FlowError) as caught:
        rt.source("read", Dataflow("flow"), orders, testing.Memory(), **options)
    assert caught.value.hint


def test_a_stop_that_forgets_a_partition_is_reported(orders: Orders) -> None:
    with pytest.raises(rt.SourceError, match="names no offset"):
        partition(testing.Memory({orders: []}), orders, stop={1: 5})

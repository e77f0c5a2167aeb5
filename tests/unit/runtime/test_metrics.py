"""What is counted, and that Bytewax's endpoint shows it."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import bytewax.operators as op
import pytest
from bytewax.dataflow import Dataflow
from bytewax.operators import windowing
from bytewax.operators.windowing import EventClock, SystemClock, TumblingWindower
from bytewax.testing import TestingSink, TestingSource
from prometheus_client import REGISTRY
from tests.kafka.processes import free_port

import kgen_runtime as rt
from kgen_runtime import metrics, testing
from kgen_runtime.consumer.kafka_source import KafkaSource
from kgen_runtime.flow.retry import retry_until_available
from kgen_runtime.recovery.folder import Recovery
from kgen_runtime.runner import local_cluster
from kgen_runtime.runner.late_counts import count_late
from kgen_runtime.serde import DecodedBatch

from .conftest import Broker, raw, texts

Topic = rt.Topic[str, str]
Counted = Callable[..., float]


@pytest.fixture
def counted() -> Counted:
    """By how much a sample has grown in this test. The registry outlives it."""
    before = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in REGISTRY.collect()
        for sample in family.samples
    }

    def since(name: str, **labels: str) -> float:
        now = REGISTRY.get_sample_value(name, labels)
        assert now is not None, (name, labels)
        return now - before.get((name, *sorted(labels.items())), 0)

    return since


def avro(name: str) -> rt.Topic[str, str]:
    versions = tuple(rt.WriterSchema(version=v, id=v * 10, text='"string"') for v in (1, 2))
    value: rt.Serde[str] = rt.AvroSerde(rt.Schemas(f"{name}-value", versions), {})
    return rt.Topic(name, key=rt.StringSerde(), value=value)


def test_what_a_step_leaves_out_is_counted(orders: Topic, counted: Counted) -> None:
    kafka, flow = testing.Memory({orders: [*texts(5), raw(None)]}), Dataflow("leaving-out")
    read = rt.source("in", flow, orders, kafka)
    kept = rt.map_value("even", read.oks, lambda value: None if int(value[1:]) % 2 else value)
    refused = rt.sink("out", kept.oks, orders, kafka)
    rt.route("errs", read.errs, kept.errs, refused, policy=rt.Crash())
    testing.run(rt.check(flow))
    assert counted("kgen_filtered_messages_total", step="leaving-out.even") == 2


def copy(kafka: rt.Kafka, topic: Topic, out: Topic, delivery: Any = "at-least-once") -> None:
    flow = Dataflow("flow")
    read = rt.source("in", flow, topic, kafka)
    refused = rt.sink("out", read.oks, out, kafka, delivery=delivery)
    rt.route("errs", read.errs, refused, policy=[rt.DeadLetter("dlq", kafka), rt.Drop()])
    testing.run(rt.check(flow))


def partition(topic: Topic, kafka: rt.Kafka, state: int | None = None, on_gap: Any = "fail") -> Any:
    source = KafkaSource("flow.read", topic, kafka, "earliest", "never", 3, on_gap, "fail", None)
    return source.build_part("flow.read.kafka", source.list_parts()[0], state)


def size(messages: list[rt.RawMessage]) -> int:
    return sum(len(message.key or b"") + len(message.value or b"") for message in messages)


def test_what_is_read_is_counted_by_topic_and_schema(out: Topic, counted: Counted) -> None:
    topic = avro("by-schema")
    messages = testing.samples(topic, 7)  # in turn of one version and the other
    copy(testing.Memory({topic: [*messages, raw(None)]}), topic, out)
    for schema, part in (("10", messages[::2]), ("20", messages[1::2])):
        labels = {"topic": topic.name, "schema_id": schema}
        assert counted("kgen_read_messages_total", **labels) == len(part)
        assert counted("kgen_read_bytes_total", **labels) == size(part)
    assert counted("kgen_read_messages_total", topic=topic.name, schema_id="") == 1  # the tombstone


def test_what_cannot_be_decoded_is_a_failure_and_not_read(out: Topic, counted: Counted) -> None:
    topic = avro("poison")
    good = testing.samples(topic, 1)
    unknown = rt.RawMessage(key=b"k", value=b"\0\0\0\0\x63", topic=topic.name)
    copy(
        testing.Memory({topic: [*good, rt.RawMessage(key=b"k", value=b"text", topic=topic.name), unknown]}),
        topic,
        out,
    )
    assert counted("kgen_read_messages_total", topic=topic.name, schema_id="10") == 1
    assert counted("kgen_read_bytes_total", topic=topic.name, schema_id="10") == size(good)
    failures = {"topic": topic.name, "stage": "unknown-schema", "schema_id": "99"}
    assert counted("kgen_failures_total", **failures) == 1
    assert counted("kgen_failures_total", topic=topic.name, stage="framing", schema_id="") == 1
    for policy in ("dead_letter", "drop"):
        assert counted("kgen_handled_failures_total", policy=policy, stage="framing") == 1
    assert counted("kgen_produced_messages_total", topic="dlq") == 2


def test_a_message_of_which_both_parts_fail_is_one_failure(out: Topic, counted: Counted) -> None:
    topic = rt.Topic("both-parts", key=rt.StringSerde(), value=rt.StringSerde())
    copy(testing.Memory({topic: [rt.RawMessage(key=b"\xff", value=b"\xff", topic=topic.name)]}), topic, out)
    assert counted("kgen_failures_total", topic=topic.name, stage="decode", schema_id="") == 1
    assert counted("kgen_produced_messages_total", topic="dlq") == 1


def test_policies_count_what_they_are_given(counted: Counted) -> None:
    failure = rt.Failure(
        stage=rt.Stage.DECODE,
        transient=False,
        error_class="E",
        message="",
        fingerprint="",
        original=raw(b"v"),
        traceback="",
        step="s",
        part=None,
        schema_id=None,
        attributes={},
    )
    for policy in (rt.Log(), rt.Crash()):
        flow = Dataflow("flow")
        rt.route("errs", op.input("in", flow, TestingSource([failure] * 3, batch_size=3)), policy=policy)
        try:
            testing.run(flow)
        except RuntimeError:
            assert isinstance(policy, rt.Crash)
        assert counted("kgen_handled_failures_total", policy=policy.name, stage="decode") == 3


@pytest.mark.parametrize("delivery", ["at-least-once", "exactly-once"])
def test_what_is_produced_is_counted(orders: Topic, out: Topic, counted: Counted, delivery: str) -> None:
    messages = texts(30)
    copy(testing.Memory({orders: messages}), orders, out, delivery)
    assert counted("kgen_produced_messages_total", topic="out") == 30
    assert counted("kgen_produced_bytes_total", topic="out") == size(messages)
    assert counted("kgen_delivery_wait_seconds_count", topic="out") >= 1
    assert counted("kgen_epochs_total", topic="orders", partition="0") >= 1


def test_what_an_earlier_run_has_written_is_not_produced(orders: Topic, out: Topic, counted: Counted) -> None:
    kafka = testing.Memory({orders: texts(5)})
    for _ in range(2):
        copy(kafka, orders, out, "exactly-once")
    assert counted("kgen_produced_messages_total", topic="out") == 5


def test_waiting_for_room_in_the_queue_is_counted(orders: Topic, counted: Counted) -> None:
    kafka = Broker({orders: texts(20)})
    kafka.room = 3
    copy(kafka, orders, rt.Topic("full", key=orders.key, value=orders.value))
    assert counted("kgen_queue_full_seconds_total", topic="full") > 0


def test_a_gap_that_is_passed_over_is_counted(orders: Topic, counted: Counted) -> None:
    kafka = testing.Memory({orders: [raw(b"v", offset=7)]})
    part = partition(orders, kafka, state=99, on_gap="earliest")
    while part.snapshot() == 99:
        part.next_batch()
    assert counted("kgen_gaps_total", topic="orders") == 1


def test_the_lag_is_reported_while_a_partition_is_read(
    orders: Topic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "_LAG_EVERY", 0.0)
    topic = rt.Topic("lagging", key=orders.key, value=orders.value)
    labels = {"topic": "lagging", "partition": "0"}

    def lag() -> float | None:
        return REGISTRY.get_sample_value("kgen_lag_messages", labels)

    part = partition(topic, testing.Memory({topic: texts(5)}))
    assert lag() is None
    told = []
    for _ in range(3):
        part.next_batch()
        told.append(lag())
    assert told == [5, 2, 0]
    part.close()
    assert lag() is None


def test_the_lag_is_reported_while_one_of_two_sources_reads(
    orders: Topic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "_LAG_EVERY", 0.0)
    topic = rt.Topic("read-twice", key=orders.key, value=orders.value)
    kafka = testing.Memory({topic: texts(9)})
    slow, quick = (partition(topic, kafka) for _ in range(2))

    def lag() -> float | None:
        return REGISTRY.get_sample_value("kgen_lag_messages", {"topic": "read-twice", "partition": "0"})

    for part in (slow, quick, quick, quick):
        part.next_batch()
    assert lag() == 9  # of the one that is behind
    quick.close()
    assert lag() == 9
    for expected in (6, 3):
        slow.next_batch()
        assert lag() == expected
    slow.close()
    assert lag() is None


def test_the_lag_is_not_reported_before_the_end_is_known() -> None:
    counts = metrics.PartitionCounts("unknown", 0, metrics.EpochClock("flow.in"))
    counts.lag(-1001, 0)
    assert REGISTRY.get_sample_value("kgen_lag_messages", {"topic": "unknown", "partition": "0"}) is None
    counts.close()


def sample(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, labels)


def step(of: str) -> dict[str, str]:
    return {"flow": of.partition(".")[0], "step": of}


def of_step(counted: Counted, of: str, *kinds: str) -> list[float]:
    return [counted(f"kgen_step_{kind}_items_total", **step(of)) for kind in kinds]


@pytest.mark.parametrize("delivery", ["at-least-once", "exactly-once"])
def test_steps_count_what_they_take_give_and_fail(orders: Topic, counted: Counted, delivery: Any) -> None:
    kafka = testing.Memory({orders: [*texts(10), rt.RawMessage(key=b"k", value=b"\xff", topic="orders")]})
    flow = Dataflow(f"steps-{delivery}")

    def handle(value: str) -> str | None:
        number = int(value[1:])
        if number < 2:
            raise ValueError("too low")
        return None if number == 2 else value

    read = rt.source("in", flow, orders, kafka)
    handled = rt.map_value("handle", read.oks, handle)
    refused = rt.sink("out", handled.oks, orders, kafka, delivery=delivery)
    rt.route("errs", read.errs, handled.errs, refused, policy=rt.Drop())
    testing.run(rt.check(flow))
    assert of_step(counted, f"{flow.flow_id}.in", "taken", "given", "failed") == [11, 10, 1]
    assert of_step(counted, f"{flow.flow_id}.handle", "taken", "given", "failed") == [10, 7, 2]
    assert of_step(counted, f"{flow.flow_id}.out", "taken", "given") == [7, 7]


def test_steps_of_state_and_windows_count_items_and_what_they_keep(counted: Counted) -> None:
    kept: list[float | None] = []
    flow = Dataflow("keeping")
    items = [("a", 1), ("b", 1), ("a", 2), ("b", 0), ("c", 3)]

    def mapper(state: int | None, value: int) -> tuple[int | None, int]:
        if value == 3:
            kept.append(sample("kgen_state_entries", **step("keeping.sum")))
            raise ValueError("three")
        return (state or 0) + value if value else None, value

    up = op.input("in", flow, TestingSource(items))
    summed = rt.stateful_map("sum", up, mapper)
    clock = SystemClock()
    windower = TumblingWindower(length=timedelta(hours=1), align_to=datetime(2024, 1, 1, tzinfo=timezone.utc))
    windows = rt.windowing.collect_window("window", summed.oks, clock, windower)
    rt.route("errs", summed.errs, windows.errs, policy=rt.Drop())
    op.output("out", windows.down, TestingSink([]))
    testing.run(flow)
    assert kept == [2]  # a, and c, which is new; b was forgotten
    assert of_step(counted, "keeping.sum", "taken", "given", "failed") == [5, 4, 1]
    assert of_step(counted, "keeping.window", "taken", "given") == [4, 2]
    gc.collect()  # the traceback of what failed holds what it failed in
    assert sample("kgen_state_entries", **step("keeping.window")) == 0  # the run is over
    assert sample("kgen_state_entries", **step("keeping.sum")) == 0


def test_a_window_of_event_time_counts_what_fails_once(counted: Counted) -> None:
    flow = Dataflow("timed")
    start = datetime(2024, 1, 1, tzinfo=timezone.utc)

    def at(value: int) -> datetime:
        if not value:
            raise ValueError("no time")
        return start + timedelta(minutes=value)

    up = op.input("in", flow, TestingSource([("a", 1), ("a", 0), ("a", 2), ("b", 3)]))
    clock = EventClock(ts_getter=at, wait_for_system_duration=timedelta(0))
    windower = TumblingWindower(length=timedelta(hours=1), align_to=start)
    windows = rt.windowing.collect_window("window", up, clock, windower)
    joined = rt.windowing.join_window("join", clock, windower, up, up)
    late = (rt.late("late", windows.late), rt.late("late-sides", joined.late))
    rt.route("errs", windows.errs, joined.errs, *late, policy=rt.Drop())
    op.output("out", windows.down, TestingSink([]))
    op.output("rows", joined.down, TestingSink([]))
    testing.run(flow)
    assert of_step(counted, "timed.window", "taken", "given", "failed") == [4, 2, 1]
    assert of_step(counted, "timed.join", "taken", "given", "failed") == [8, 2, 2]


def test_the_age_of_what_was_read_last_grows_until_nothing_is_left(
    orders: Topic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "_LAG_EVERY", 0.0)
    topic = rt.Topic("aging", key=orders.key, value=orders.value)
    sent = [rt.RawMessage(key=b"k", value=b"v", topic="aging", timestamp=1_000 * n) for n in range(1, 6)]
    labels = {"topic": "aging", "partition": "0"}
    part = partition(topic, testing.Memory({topic: sent}))
    part.next_batch()
    part._counts.lag(5, 3)
    assert sample("kgen_read_timestamp_seconds", **labels) == 3
    monkeypatch.setattr(time, "time", lambda: 103.0)
    assert sample("kgen_lag_seconds", **labels) == 100
    monkeypatch.setattr(time, "time", lambda: 110.0)
    assert sample("kgen_lag_seconds", **labels) == 107  # the flow need not do anything for it
    monkeypatch.undo()
    part.next_batch()
    part._counts.lag(5, 5)
    assert sample("kgen_lag_seconds", **labels) == 0
    part.close()
    assert sample("kgen_lag_seconds", **labels) is None
    assert sample("kgen_read_timestamp_seconds", **labels) is None


def test_the_age_is_not_reported_while_it_is_not_known() -> None:
    counts = metrics.PartitionCounts("unknown-age", 0, metrics.EpochClock("flow.in"))
    labels = {"topic": "unknown-age", "partition": "0"}
    counts.lag(5, 0)
    assert (sample("kgen_lag_messages", **labels), sample("kgen_lag_seconds", **labels)) == (5, None)
    counts.read(None)
    assert sample("kgen_lag_seconds", **labels) is None
    counts.close()


def test_epochs_are_timed_once_for_all_partitions_of_a_worker(
    counted: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = metrics.EpochClock("timing.in")
    first, second = (metrics.PartitionCounts("timing", number, clock) for number in (0, 1))
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    for now[0] in (100.0, 110.0, 125.0):
        first.epoch()
        second.epoch()
    first.close()
    for now[0] in (200.0, 203.0):  # the time without a partition that counts is nobody's epoch
        second.epoch()
    second.close()
    assert counted("kgen_epoch_seconds_count", **step("timing.in")) == 3
    assert counted("kgen_epoch_seconds_sum", **step("timing.in")) == 28


def test_the_size_of_the_recovery_folder_is_found_out_when_asked(tmp_path: Path) -> None:
    recovery = Recovery(tmp_path, partitions=2)
    assert recovery.size() is None
    recovery.config()
    size = sum(file.stat().st_size for file in tmp_path.glob("part-*"))
    assert sample("kgen_recovery_bytes") == size > 0
    with (tmp_path / "part-0.sqlite3-wal").open("wb") as log:
        log.write(b"x" * 1000)
    assert sample("kgen_recovery_bytes") == size + 1000


def waiting(step: str) -> float | None:
    return REGISTRY.get_sample_value("kgen_waiting_for_registry_messages", {"step": step})


class Away:
    """A decoder whose registry is away."""

    away = True

    def decode_many(self, payloads: Any, headers: Any = None) -> Any:
        if self.away:
            raise rt.RegistryUnavailable("the registry is away")
        return DecodedBatch(list(payloads), [1] * len(payloads))


@pytest.mark.parametrize("end", ["answered", "closed"])
def test_messages_held_for_the_registry_are_reported(orders: Topic, end: str) -> None:
    part = partition(orders, testing.Memory({orders: texts(3)}))
    part._worker.decoder._value = registry = Away()
    for _ in range(2):
        part.next_batch()
        assert waiting("flow.read") == 3
    if end == "answered":
        registry.away = False
        part.next_batch()
    part.close()
    assert waiting("flow.read") == 0


def test_a_step_that_waits_for_the_registry_is_reported() -> None:
    told: list[float | None] = []

    def call() -> str:
        if not told:
            raise rt.RegistryUnavailable("the registry is away")
        return "answer"

    assert (
        retry_until_available("flow.step", call, lambda _: told.append(waiting("flow.step")), messages=5)
        == "answer"
    )
    assert (told, waiting("flow.step")) == ([5], 0)


def test_ids_that_anyone_may_write_make_few_labels(counted: Counted) -> None:
    ids = range(metrics.MOST_IDS + 10)
    counts = metrics.ReadCounts("many")
    counts.add(list(ids), [b"k"] * len(ids), [None] * len(ids))
    counts.add([*ids], [None] * len(ids), [b"vv"] * len(ids))
    for id_ in ids:
        metrics.failed("many", "decode", id_, "flow.in")
    assert counted("kgen_read_messages_total", topic="many", schema_id="0") == 2
    assert counted("kgen_read_messages_total", topic="many", schema_id="other") == 20
    assert counted("kgen_read_bytes_total", topic="many", schema_id="other") == 30
    assert counted("kgen_failures_total", topic="many", stage="decode", schema_id="0") == 1
    assert counted("kgen_failures_total", topic="many", stage="decode", schema_id="other") == 10
    metrics.failed("another", "decode", 1, "flow.in")  # has labels of its own
    assert counted("kgen_failures_total", topic="another", stage="decode", schema_id="1") == 1


def test_workers_lose_nothing_of_each_others_counts(counted: Counted) -> None:
    def work() -> None:
        counts = metrics.ReadCounts("shared")
        for _ in range(2000):
            counts.add([1, 1], [b"k", b"k"], [b"v", None])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counted("kgen_read_messages_total", topic="shared", schema_id="1") == 16_000
    assert counted("kgen_read_bytes_total", topic="shared", schema_id="1") == 24_000


def test_an_empty_batch_counts_nothing() -> None:
    metrics.ReadCounts("empty").add([], [], [])
    assert REGISTRY.get_sample_value("kgen_read_messages_total", {"topic": "empty", "schema_id": ""}) is None


FLOW = """
import os, time, urllib.error, urllib.request
from pathlib import Path
from bytewax.dataflow import Dataflow
import kgen_runtime as rt
from kgen_runtime import testing

URL = f"http://127.0.0.1:{os.environ['BYTEWAX_DATAFLOW_API_PORT']}/metrics"
orders = rt.Topic("orders", key=rt.StringSerde(), value=rt.StringSerde())
raws = [rt.RawMessage(key=b"k", value=b"v", topic="orders", partition=p) for p in (0, 1) for _ in "abc"]

def scrape(value):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            text = urllib.request.urlopen(URL, timeout=10).read().decode()
        except urllib.error.URLError:
            time.sleep(0.05)  # it is being started beside the flow
        else:
            Path(f"scraped.{os.environ['BYTEWAX_DATAFLOW_API_PORT']}").write_text(text)
            return value

flow = Dataflow("flow")
read = rt.source("read", flow, orders, testing.Memory({orders: raws}))
seen = rt.map_value("scrape", read.oks, scrape)
rt.route("errs", read.errs, seen.errs, policy=rt.Crash())
import bytewax.operators as op
from bytewax.testing import TestingSink
op.output("out", seen.oks, TestingSink([]))
"""


def test_every_process_serves_its_metrics(tmp_path: Path) -> None:
    """Bytewax's own endpoint, of two processes on this machine: each has the port after the one before."""
    (tmp_path / "scraping.py").write_text(FLOW)
    port = free_port(in_a_row=2)
    env = {
        **os.environ,
        "BYTEWAX_DATAFLOW_API_ENABLED": "1",
        "BYTEWAX_DATAFLOW_API_PORT": str(port),
        "BYTEWAX_DATAFLOW_API_CACHE_PATH": str(tmp_path),
    }
    command = [sys.executable, "-m", "kgen_runtime.run", "scraping:flow", "--processes", "2"]
    run = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    for each in (port, port + 1):
        text = (tmp_path / f"scraped.{each}").read_text()
        assert 'kgen_read_messages_total{schema_id="",topic="orders"} 3.0' in text
        assert "bytewax_item_inp_count" in text


def test_ports_of_processes_follow_the_one_that_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BYTEWAX_DATAFLOW_API_PORT", raising=False)
    assert local_cluster._environment(1)["BYTEWAX_DATAFLOW_API_PORT"] == "3031"
    monkeypatch.setenv("BYTEWAX_DATAFLOW_API_PORT", "9000")
    assert local_cluster._environment(2)["BYTEWAX_DATAFLOW_API_PORT"] == "9002"


@pytest.mark.parametrize("kind", ["kgen", "bytewax"])
def test_what_comes_late_is_counted_by_the_window_step(counted: Counted, kind: str) -> None:
    flow = Dataflow(f"late-{kind}")
    start = datetime(2024, 1, 1, tzinfo=timezone.utc)
    clock: EventClock[int] = EventClock(
        ts_getter=lambda value: start + timedelta(hours=value), wait_for_system_duration=timedelta(0)
    )
    windower = TumblingWindower(length=timedelta(minutes=10), align_to=start)
    up = op.input("in", flow, TestingSource([("a", 5), ("a", 1), ("b", 9), ("a", 2)]))
    module: Any = rt.windowing if kind == "kgen" else windowing
    windows = module.collect_window("window", up, clock, windower)
    op.output("late", windows.late, TestingSink([]))
    op.output("out", windows.down, TestingSink([]))
    if kind == "kgen":
        rt.route("errs", windows.errs, policy=rt.Drop())
    for _ in range(2):
        count_late(flow)
    testing.run(flow)
    assert counted("kgen_late_items_total", **step(f"{flow.flow_id}.window")) == 2

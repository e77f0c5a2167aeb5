"""Writing: every message delivered before its epoch counts, and what cannot be delivered."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bytewax.operators as op
import pytest
from bytewax.dataflow import Dataflow
from bytewax.testing import TestingSink, TestingSource
from confluent_kafka import KafkaError

import kgen_runtime as rt
from kgen_runtime import testing
from kgen_runtime.kafka.connection import BrokerTopicSettings
from kgen_runtime.producer import delivery, sender
from kgen_runtime.producer.eligibility import deliveries

from .conftest import Broker, ThreadStates, delivery_step_of

Out = rt.Topic[str, str]


def write(
    kafka: rt.Kafka, topic: Out, messages: list[Any], batch: int = 2, recovery: rt.Recovery | None = None
) -> list[rt.Failure]:
    errs: list[rt.Failure] = []
    flow = Dataflow("flow")
    up: Any = op.input("in", flow, TestingSource(messages, batch))
    op.output("errs", rt.sink("out", up, topic, kafka), TestingSink(errs))
    testing.run(flow, recovery=recovery)
    return errs


def written(kafka: testing.Memory, topic: str = "out") -> list[bytes | None]:
    return [message.value for message in kafka.produced.get(topic, [])]


def test_the_thread_of_a_worker_that_writes_keeps_its_python_state(out: Out) -> None:
    states, flow = ThreadStates(), Dataflow("flow")
    messages: Any = op.input("in", flow, TestingSource([rt.Message("k", "v")] * 100))
    refused = rt.sink("out", op.map("states", messages, states), out, testing.Memory())
    op.output("errs", refused, TestingSink([]))
    testing.run(flow)
    assert 1 <= states.counts.total() <= 10  # until the sink has its first batch: Bytewax may queue some


def test_all_of_a_message_is_written(out: Out) -> None:
    kafka = Broker()
    headers = (("a", b"1"), ("__value_schema_id", b"x"), ("n", None))
    read_from: dict[str, Any] = {"topic": "orders", "partition": 4, "offset": 17}
    write(kafka, out, [rt.Message("k", "v", timestamp=12, headers=headers, **read_from)])
    (message,) = kafka.produced["out"]
    assert (message.key, message.value, message.timestamp) == (b"k", b"v", 12)
    assert message.headers == (("a", b"1"), ("n", None))


@pytest.mark.parametrize("through", ["sink", "serialize"])
@pytest.mark.parametrize(
    ("value", "kept"), [(b"bare", {"__key_schema_id", "__value_schema_id"}), (b"other", {"__key_schema_id"})]
)
def test_a_header_that_names_a_schema_stays_with_its_bytes(
    through: str, value: bytes, kept: set[str]
) -> None:
    ids = (("__key_schema_id", b"\0\0\0\0\7"), ("__value_schema_id", b"\0\0\0\0\x08"))
    of_bytes = rt.Topic("out", key=rt.BytesSerde(), value=rt.BytesSerde())
    read = rt.RawMessage(key=b"k", value=b"bare", topic="out", headers=ids)
    kafka = testing.Memory({of_bytes: [read]})
    flow = Dataflow("flow")
    source = rt.source("in", flow, of_bytes, kafka)
    changed = rt.map_value("change", source.oks, lambda _: value)
    headers: list[Any] = []
    if through == "sink":
        errs = rt.sink("out", changed.oks, of_bytes, kafka)
    else:
        written, errs = (split := rt.serialize("out", changed.oks, of_bytes, kafka)).oks, split.errs
        op.output("taken", written, TestingSink(headers))
    rt.route("errs", source.errs, changed.errs, errs, policy=rt.Crash())
    testing.run(rt.check(flow))
    (message,) = headers or kafka.produced["out"]
    assert {name for name, _ in message.headers} == kept


def test_bytes_made_in_the_flow_keep_the_header_that_was_given_to_them() -> None:
    kafka, header = Broker(), ("__value_schema_id", b"\0\0\0\0\7")
    of_bytes = rt.Topic("out", key=rt.BytesSerde(), value=rt.BytesSerde())
    write(kafka, of_bytes, [rt.Message(b"k", b"bare", headers=(header,))])  # type: ignore[arg-type]
    assert kafka.produced["out"][0].headers == (header,)


def test_null_keys_and_tombstones_are_written(out: Out) -> None:
    kafka = Broker()
    write(kafka, out, [rt.Message(None, None)])
    (message,) = kafka.produced["out"]
    assert (message.key, message.value) == (None, None)


def test_a_message_may_say_where_it_goes(out: Out) -> None:
    kafka = Broker()
    write(kafka, out, [rt.Message("k", "v", target_topic="other", target_partition=3)])
    (message,) = kafka.produced["other"]
    assert message.partition == 3


def test_the_producer_is_idempotent(out: Out) -> None:
    kafka = Broker()
    write(kafka, out, [rt.Message("k", "v")])
    assert kafka.options["enable.idempotence"] is True
    assert kafka.options["delivery.report.only.error"] is True


def test_a_full_queue_makes_the_flow_wait(out: Out) -> None:
    kafka = Broker()
    kafka.room = 3
    assert write(kafka, out, [rt.Message("k", f"v{i}") for i in range(50)], batch=10) == []
    assert written(kafka) == [f"v{i}".encode() for i in range(50)]
    assert kafka.buffer_errors > 0


def test_what_is_refused_while_the_queue_is_full_goes_to_errs(out: Out) -> None:
    """librdkafka looks for room before it looks for the partition."""
    kafka = Broker()
    kafka.room = 3
    kafka.refused_at_once = {b"v6": KafkaError._UNKNOWN_PARTITION}
    messages = [rt.Message("k", f"v{i}", target_partition=5 if i == 6 else None) for i in range(20)]
    (failure,) = write(kafka, out, messages, batch=10)
    assert (failure.stage, failure.original.value) == (rt.Stage.PRODUCE, b"'v6'")
    assert len(written(kafka)) == 19


@pytest.mark.parametrize(
    ("header", "told"),
    [
        (("a\udcff", b"x"), "name has a lone surrogate"),
        (("a", "\udcff"), "the value"),
        (("a", 1), "type int"),
    ],
    ids=["name", "value", "number"],
)
def test_what_is_not_a_header_goes_to_errs(out: Out, header: Any, told: str) -> None:
    """Of a lone surrogate in a name confluent-kafka dies."""
    kafka = Broker()
    bad: Any = rt.Message("k", "b", headers=(header,))
    (failure,) = write(kafka, out, [rt.Message("k", "a", headers=(("é", b"x"), ("s", "t"))), bad])  # type: ignore[arg-type]
    assert failure.stage == rt.Stage.SERIALIZE
    assert told in failure.message
    assert written(kafka) == [b"a"]


def test_what_cannot_be_encoded_goes_to_errs_and_the_rest_is_written(out: Out) -> None:
    kafka = Broker()
    origin = (b"key", b"value", (("h", b"1"),), 5)
    bad: Any = rt.Message("k", 17, topic="orders", partition=1, offset=2, origin=origin)
    (failure,) = write(kafka, out, [rt.Message("k", "a"), bad, rt.Message("k", "b")], batch=3)
    assert written(kafka) == [b"a", b"b"]
    assert (failure.stage, failure.part, failure.step) == (rt.Stage.SERIALIZE, "value", "flow.out")
    assert failure.original.value == b"value"
    assert failure.original.offset == 2


def test_a_message_made_in_the_flow_fails_with_its_repr(out: Out) -> None:
    bad: Any = rt.Message("k", 17)
    (failure,) = write(Broker(), out, [bad])
    assert failure.original.value == b"17"
    assert failure.original.key == b"'k'"


def test_what_is_over_the_topics_limit_is_found_before_it_is_sent(out: Out) -> None:
    """A broker refuses all that shares a batch with it."""
    kafka = Broker()
    kafka.settings["out"] = BrokerTopicSettings(batch_limit=1_000)
    (failure,) = write(kafka, out, [rt.Message("k", text) for text in ("a", "x" * 1_000, "b")], batch=3)
    assert (failure.stage, written(kafka)) == (rt.Stage.OVERSIZE, [b"a", b"b"])
    assert failure.message == (
        "the message takes 1,071 bytes, as a batch of its own; topic out takes 1,000 (max.message.bytes)"
    )


def test_the_broker_decides_on_what_is_compressed(out: Out) -> None:
    kafka = Broker()
    kafka.settings["out"] = BrokerTopicSettings(batch_limit=1_000)
    kafka._config = {"compression.type": "zstd"}
    assert write(kafka, out, [rt.Message("k", "x" * 1_000)]) == []


@pytest.mark.parametrize(
    ("limit", "config", "expected"),
    [
        (1_048_588, {}, 1_048_588),
        (5_000_000, {}, 5_000_000),
        (100_000_001, {}, 100_000_000),
        (2_000_000_000, {}, 100_000_000),
        (1_000, {}, 1_048_588),
        (None, {}, 1_048_588),
        (None, {"message.max.bytes": "2000000"}, None),
    ],
)
def test_the_producer_takes_what_the_topic_takes(
    out: Out, limit: int | None, config: dict[str, str], expected: int | None
) -> None:
    kafka = Broker()
    kafka._config = dict(config)
    kafka.settings["out"] = BrokerTopicSettings(batch_limit=limit)
    write(kafka, out, [rt.Message("k", "v")])
    assert kafka.options.get("message.max.bytes") == expected


@pytest.mark.parametrize(
    ("limit", "config", "size", "told"),
    [
        (2_000_000, {}, 1_999_970, "takes 2,000,000 (message.max.bytes, as topic out takes)"),
        (
            None,
            {},
            1_048_588,
            "takes 1,048,588 (message.max.bytes, the usual limit of topics: the broker does not report "
            "the limit of topic out)",
        ),
        (
            2_000_000_000,
            {},
            100_000_000,
            "takes 100,000,000 (message.max.bytes, as far as a topic's limit is followed; topic out takes "
            "2,000,000,000)",
        ),
        (9_000_000, {"message.max.bytes": "3000"}, 3_000, "takes 3,000 (message.max.bytes, as configured)"),
        (
            9_000_000,
            {"queue.buffering.max.kbytes": "2"},
            2_048,
            "takes 2,048 (queue.buffering.max.kbytes, as configured)",
        ),
    ],
    ids=["topic", "unknown", "most", "user", "queue"],
)
def test_whose_limit_it_was_is_said(
    out: Out, limit: int | None, config: dict[str, str], size: int, told: str
) -> None:
    kafka = Broker()
    kafka._config = dict(config)
    kafka.settings["out"] = BrokerTopicSettings(batch_limit=limit)
    (failure,) = write(kafka, out, [rt.Message("k", "x" * size, target_topic="other")])
    assert failure.stage == rt.Stage.OVERSIZE
    assert told in failure.message


def test_the_limit_that_was_passed_is_named(out: Out) -> None:
    kafka = Broker(verdict=lambda value: KafkaError.MSG_SIZE_TOO_LARGE if value == b"broker's" else None)
    kafka.refused_at_once = {b"producer's": KafkaError.MSG_SIZE_TOO_LARGE}
    first, second = write(kafka, out, [rt.Message("k", "producer's"), rt.Message("k", "broker's")])
    assert "the producer takes 1,048,588 (message.max.bytes" in first.message
    assert "the broker refuses 77 bytes for topic out" in second.message
    assert (first.stage, second.stage) == (rt.Stage.OVERSIZE, rt.Stage.OVERSIZE)


def test_messages_without_a_key_are_put_aside_from_a_compacted_topic(out: Out) -> None:
    kafka = Broker()
    kafka.settings["out"] = BrokerTopicSettings(compacted=True)
    messages = [rt.Message("k", "a"), rt.Message(None, "b"), rt.Message("", "c")]
    (failure,) = write(kafka, out, messages, batch=3)
    assert "cleanup.policy" in failure.message
    assert written(kafka) == [b"a", b"c"]


def test_an_oversize_message_goes_to_errs(out: Out) -> None:
    kafka = Broker()
    kafka.refused_at_once = {b"big": KafkaError.MSG_SIZE_TOO_LARGE}
    (failure,) = write(kafka, out, [rt.Message("k", "big"), rt.Message("k", "v")])
    assert failure.stage == rt.Stage.OVERSIZE
    assert not failure.transient
    assert written(kafka) == [b"v"]


@pytest.mark.parametrize("largest", [1_000_000, 60_000_000])
def test_the_queue_has_room_for_the_largest_message(out: Out, largest: int) -> None:
    kafka = Broker()
    kafka._config["message.max.bytes"] = str(largest)
    write(kafka, out, [rt.Message("k", "v")])
    assert kafka.options["queue.buffering.max.kbytes"] * 1024 > largest


def test_a_timeout_that_is_not_a_number_is_reported(out: Out) -> None:
    kafka = Broker()
    kafka._config["delivery.timeout.ms"] = "soon"
    with pytest.raises(RuntimeError) as caught:
        write(kafka, out, [rt.Message("k", "v")])
    assert "delivery.timeout.ms is not a number" in str(cause(caught.value, rt.ConfigError))


def test_it_cannot_be_set_otherwise() -> None:
    with pytest.raises(rt.ConfigError, match="idempotence"):
        rt.Kafka("broker:1", config={"enable.idempotence": "false"})
    rt.Kafka("broker:1", config={"enable.idempotence": "true"})


class Strict(Broker):
    """Refuses every batch that may hold more than one message, and the message `big` always."""

    def producer(self, defaults: Any) -> Any:
        alone = self.config.get("batch.num.messages") == 1
        self.verdict = lambda value: None if alone and value != b"big" else KafkaError.MSG_SIZE_TOO_LARGE
        return super().producer(defaults)


def test_small_messages_in_a_batch_that_is_too_large_are_sent_alone(out: Out) -> None:
    kafka = Strict()
    values = ["a", "big", "b", "c"]
    (failure,) = write(kafka, out, [rt.Message("k", value) for value in values], batch=4)
    assert written(kafka) == [b"a", b"b", b"c"]
    assert (failure.stage, failure.original.value) == (rt.Stage.OVERSIZE, b"'big'")


@pytest.mark.parametrize("batch", [1, 10])
def test_what_the_broker_refuses_for_good_goes_to_errs_even_at_the_very_end(out: Out, batch: int) -> None:
    kafka = Broker(verdict=lambda value: KafkaError.INVALID_RECORD if value in (b"v3", b"v9") else None)
    failures = write(kafka, out, [rt.Message(f"k{i}", f"v{i}") for i in range(10)], batch=batch)
    assert [failure.original.value for failure in failures] == [b"'v3'", b"'v9'"]
    assert {failure.stage for failure in failures} == {rt.Stage.PRODUCE}
    assert len(written(kafka)) == 8


def test_messages_beside_one_that_the_broker_refuses_are_written(out: Out) -> None:
    """Kafka refuses the batch; only the one at fault is put aside."""
    kafka = Broker(verdict=lambda value: KafkaError.INVALID_TIMESTAMP if value == b"v3" else None)
    failures = write(kafka, out, [rt.Message("k", f"v{i}") for i in range(10)], batch=10)
    assert [failure.original.value for failure in failures] == [b"'v3'"]
    assert sorted(written(kafka)) == [f"v{i}".encode() for i in range(10) if i != 3]  # type: ignore[type-var]


def test_of_equal_messages_that_go_elsewhere_the_right_one_is_reported(out: Out) -> None:
    """They differ in their partition alone; the report tells which one it means."""

    class Four(Broker):
        def judge(self, value: Any, partition: int, headers: Any) -> int | None:
            return KafkaError._UNKNOWN_PARTITION if partition > 3 else None

    kafka = Four()
    failures = write(kafka, out, [_alike(0, 2), _alike(1, 7), _alike(2, 3)], batch=3)
    assert [failure.original.offset for failure in failures] == [1]
    assert [message.partition for message in kafka.produced["out"]] == [2, 3]


def test_equal_messages_that_cannot_be_distinguished_are_each_sent_alone(out: Out) -> None:
    """Two of them fit, the one with large headers does not. The report tells no headers."""

    class Strict(Broker):
        def judge(self, value: Any, partition: int, headers: Any) -> int | None:
            return KafkaError.MSG_SIZE_TOO_LARGE if len(headers[0][1]) > 10 else None

    kafka = Strict()
    messages = [_alike(offset, None, b"x" * size) for offset, size in ((0, 1), (1, 50), (2, 2))]
    failures = write(kafka, out, messages, batch=3)
    assert [failure.original.offset for failure in failures] == [1]
    assert {message.headers for message in kafka.produced["out"]} == {(("h", b"x"),), (("h", b"xx"),)}


def _alike(offset: int, partition: int | None, header: bytes | None = None) -> Any:
    headers = () if header is None else (("h", header),)
    origin = (b"k", b"v", headers, 1)
    here: dict[str, Any] = {"topic": "orders", "partition": 0, "offset": offset, "origin": origin}
    return rt.Message("k", "v", headers=headers, target_partition=partition, **here)


def test_equal_messages_that_are_refused_are_each_reported(out: Out) -> None:
    kafka = Broker(verdict=lambda value: KafkaError.INVALID_RECORD)
    messages: list[Any] = [
        rt.Message("k", "v", topic="orders", offset=i, timestamp=1, origin=(b"k", b"v", (), 1))
        for i in range(3)
    ]
    failures = write(kafka, out, messages, batch=3)
    assert sorted(failure.original.offset or 0 for failure in failures) == [0, 1, 2]


def test_an_unknown_topic_is_the_messages_fault_only_where_it_named_it(out: Out) -> None:
    kafka = Broker(verdict=lambda value: KafkaError.UNKNOWN_TOPIC_OR_PART)
    (failure,) = write(kafka, out, [rt.Message("k", "v", target_topic="nowhere")])
    assert failure.stage == rt.Stage.PRODUCE
    with pytest.raises(RuntimeError) as caught:
        write(kafka, out, [rt.Message("k", "v")])
    error = cause(caught.value, rt.DeliveryError)
    assert "Create the topic" in str(error)


def test_a_lost_delivery_fails_the_flow(out: Out) -> None:
    kafka = Broker(verdict=lambda value: KafkaError._MSG_TIMED_OUT if value == b"v5" else None)
    with pytest.raises(RuntimeError) as caught:
        write(kafka, out, [rt.Message("k", f"v{i}") for i in range(10)])
    error = cause(caught.value, rt.DeliveryError)
    assert "step flow.out" in str(error)
    assert kafka.purged == 1


def test_a_broker_that_never_answers_fails_the_flow(out: Out, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender, "delivery_seconds", lambda kafka: 0.1 - 5)
    kafka = Broker()
    kafka.away = True
    with pytest.raises(RuntimeError) as caught:
        write(kafka, out, [rt.Message("k", "v")])
    assert "1 message(s) wait, and none was delivered" in str(cause(caught.value, rt.DeliveryError))


def test_a_slow_broker_is_waited_for_as_long_as_it_takes_some(
    out: Out, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each look takes most of the bound, and finds one message delivered."""

    class Slow(Broker):
        def producer(self, defaults: Any) -> Any:
            producer = super().producer(defaults)
            take, producer.poll = producer.poll, lambda seconds: 0

            def flush(seconds: float) -> int:
                clock[0] += 4
                later, producer._waiting = producer._waiting[1:], producer._waiting[:1]
                take(0)
                producer._waiting = later
                return len(later)

            producer.flush = flush
            return producer

    clock = [0.0]
    monkeypatch.setattr(sender, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    monkeypatch.setattr(sender, "delivery_seconds", lambda kafka: 0.0)
    kafka = Slow()
    assert write(kafka, out, [rt.Message("k", f"v{i}") for i in range(10)], batch=10) == []
    assert written(kafka) == [f"v{i}".encode() for i in range(10)]
    assert kafka.options["delivery.timeout.ms"] == 0
    assert kafka.options["queue.buffering.max.kbytes"] <= 64 * 1024


def test_with_recovery_a_lost_delivery_comes_again(out: Out, tmp_path: Path) -> None:
    messages = [rt.Message("k", f"v{i}") for i in range(10)]
    kafka = Broker(verdict=lambda value: KafkaError._MSG_TIMED_OUT if value == b"v5" else None)
    recovery = rt.Recovery(tmp_path)
    with pytest.raises(RuntimeError):
        write(kafka, out, messages, recovery=recovery)
    kafka.verdict = lambda value: None
    write(kafka, out, messages, recovery=recovery)
    assert set(written(kafka)) == {f"v{i}".encode() for i in range(10)}


def test_a_flow_may_run_again_in_the_same_thread(out: Out) -> None:
    kafka = Broker()
    flow = Dataflow("flow")
    up: Any = op.input("in", flow, TestingSource([rt.Message("k", "v")]))
    rt.route("errs", rt.sink("out", up, out, kafka), policy=rt.Crash())
    testing.run(flow)
    testing.run(flow)
    assert len(written(kafka)) == 2


def test_refused_messages_found_when_the_epoch_closes_are_durable(out: Out) -> None:
    """They cannot be sent on from `snapshot`: they are its state, and the next run sends them on."""
    kafka = Broker(verdict=lambda value: KafkaError.INVALID_RECORD)
    step = delivery_step_of(out, kafka)
    step.produce([rt.Message("k", "early")])  # wakes all gates: none is known yet
    gate = step.gate(None)
    gate.on_batch([delivery.BatchReceipt("007", [])])
    kafka.away = True  # not answered yet
    ((key, receipt),) = step.produce([rt.Message("k", "v")])
    assert (key, receipt.key, receipt.failures, receipt.number) == ("007", "007", [], 2)
    kafka.away = False
    key, kept = gate.snapshot()
    assert [failure.stage for failure in kept] == [rt.Stage.PRODUCE]
    resumed = delivery_step_of(out, kafka).gate((key, kept))
    assert resumed.notify_at() is not None
    sent, _ = resumed.on_notify()
    assert sent == kept
    assert resumed.snapshot() == (key, [])


def test_a_gate_that_the_worker_does_not_need_goes(out: Out) -> None:
    step = delivery_step_of(out, Broker())
    first, second = step.gate(None), step.gate(None)
    assert first.on_batch([delivery.BatchReceipt("001", [])]) == ([], False)
    assert second.on_batch([delivery.BatchReceipt("002", [])]) == ([], True)


def test_a_registry_at_fault_fails_the_flow(out: Out) -> None:
    def encode() -> Any:
        def fail(item: Any) -> Any:
            raise rt.UnknownSchema("not registered")

        return fail

    step: Any = delivery.DeliveryStep(
        "flow.out",
        delivery.DeliverySpec(Broker(), encode, lambda item, error: None),  # type: ignore[attr-defined]
        Dataflow("f"),
    )
    with pytest.raises(rt.UnknownSchema):
        step.produce(["x"])


def cause(error: BaseException | None, kind: type[Exception]) -> BaseException:
    while error is not None and not isinstance(error, kind):
        error = error.__cause__
    assert error is not None
    return error


@pytest.mark.parametrize(("users", "most"), [("3000", 100_000_000), ("200000000", 200_000_000)])
def test_dead_letters_have_room_and_a_larger_limit_of_the_users_counts(
    out: Out, users: str, most: int
) -> None:
    """What is over a limit says to raise it: that must help."""
    kafka = Broker()
    kafka._config = {"message.max.bytes": users}
    flow = Dataflow("flow")
    read = rt.source("in", flow, out, kafka)
    rt.route("errs", read.errs, policy=rt.DeadLetter("dlq", kafka))
    (letters,) = deliveries(flow)
    assert letters.spec.kafka.config["message.max.bytes"] == most

"""Wrong arguments of kgen's functions: three lines, the user's line among them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from types import ModuleType
from typing import Any

import bytewax.operators as op
import pytest
from bytewax.dataflow import Dataflow
from bytewax.errors import BytewaxRuntimeError
from bytewax.testing import TestingSource

import kgen_runtime as rt
from kgen_runtime import testing
from kgen_runtime.errors import causes

TOPIC = rt.Topic("orders", key=rt.StringSerde(), value=rt.StringSerde())
KAFKA = testing.Memory({TOPIC: [rt.RawMessage(key=b"k", value=b"v", topic="orders")]})
MODULE: Any = ModuleType("streams._generated.orders")
MODULE.topic = TOPIC
NOTHING: Any = None
WRONG: Any = rt
"""For arguments that type checkers refuse."""


def flow() -> Dataflow:
    return Dataflow("flow")


def read() -> rt.Split[rt.Message[str, str]]:
    return rt.source("in", flow(), TOPIC, KAFKA)


def twice() -> None:
    rt.map_value("in", read().oks, str)


async def awaited(value: str) -> str:
    return value


def route(policy: Any) -> None:
    rt.route("errs", read().errs, policy=policy)


@pytest.mark.parametrize(
    ("call", "what", "hint"),
    [
        (
            lambda: rt.source("in", flow(), MODULE, KAFKA),
            "topic is the module streams._generated.orders",
            "orders.topic.",
        ),
        (lambda: rt.source("in", flow(), NOTHING, KAFKA), "topic is None", "orders.topic"),
        (lambda: rt.source("in", flow(), "orders", KAFKA), "topic is 'orders'", "orders.topic"),  # type: ignore[arg-type]
        (lambda: rt.source("in", flow(), TOPIC, "host:9092"), "kafka is 'host:9092'", "rt.Kafka.from_env()"),  # type: ignore[arg-type]
        (lambda: rt.source("in", flow(), TOPIC, rt.Kafka), "kafka is the class Kafka", "rt.Kafka.from_env()"),  # type: ignore[arg-type]
        (lambda: rt.source("in", TOPIC, flow(), KAFKA), "flow is a Topic", "Dataflow("),  # type: ignore[arg-type]
        (lambda: rt.source(1, flow(), TOPIC, KAFKA), "the step id is 1", "names the step"),  # type: ignore[arg-type]
        (lambda: rt.source("", flow(), TOPIC, KAFKA), "the step id is empty", "a name of"),
        (
            lambda: rt.map_value(" ", read().oks, str),
            "rt.map_value: the step id is empty",
            "a name of its own",
        ),
        (lambda: rt.sink("a\0b", read().oks, TOPIC, KAFKA), r"the step id 'a\x00b' has", "a name of its own"),
        (lambda: rt.source("in.put", flow(), TOPIC, KAFKA), "can't contain any periods", "without periods"),
        (lambda: twice(), "already exists", "a name of its own"),
        (lambda: rt.map_value("map", read().oks, awaited), "f is async", "without async"),
        (lambda: rt.DeadLetter("", KAFKA), "name is empty", "Name a topic"),
        (
            lambda: rt.source("in", flow(), TOPIC),  # type: ignore[call-arg]
            "missing a required argument: 'kafka'",
            "rt.source(step_id, ",
        ),
        (lambda: rt.source("in", flow(), TOPIC, KAFKA, stop=10), "stop=10 would be a time", "stop={0: 10}"),
        (lambda: rt.source("in", flow(), TOPIC, KAFKA, start=1_767_225_600), "1970-01-21", "datetime"),
        (
            lambda: rt.source("in", flow(), TOPIC, KAFKA, start={0: -5}),
            "invalid start={0: -5}",
            "{partition: offset}",
        ),
        (
            lambda: rt.source("in", flow(), TOPIC, KAFKA, stop={"0": 5}),  # type: ignore[dict-item]
            "invalid stop=",
            "{partition: offset}",
        ),
        (lambda: rt.sink("out", read().oks, MODULE, KAFKA), "topic is the module", "orders.topic."),
        (lambda: rt.sink("out", read(), TOPIC, KAFKA), "up is a Split", "pass .oks of it"),  # type: ignore[arg-type]
        (lambda: rt.sink("out", read().oks, TOPIC, "host:9092"), "kafka is 'host:9092'", "rt.Kafka"),  # type: ignore[arg-type]
        (lambda: rt.map_value("map", read(), str), "up is a Split", "pass .oks of it"),  # type: ignore[call-overload]
        (lambda: rt.map_value("map", read().oks, "handle"), "f is 'handle', not a function", "function"),  # type: ignore[call-overload]
        (lambda: rt.serialize("ser", read().oks, "orders"), "topic is 'orders'", "orders.topic"),  # type: ignore[arg-type]
        (lambda: rt.deserialize("de", read().oks, TOPIC, "host"), "kafka is 'host'", "rt.Kafka"),  # type: ignore[arg-type]
        (lambda: route(rt.Crash), "policy=the class Crash is not a policy", "rt.Crash(...)"),
        (lambda: route("drop"), "policy='drop' is not a policy", "rt.Drop()"),
        (lambda: route([WRONG.Log(), rt.Drop]), "policy=the class Drop is not a policy", "rt.Drop(...)"),
        (lambda: route(None), "policy=None is not a policy", "rt.Drop()"),
        (lambda: route([]), "policy", "rt.Drop()"),
        (lambda: rt.route("errs", read(), policy=rt.Crash()), "errs is a Split", "pass .errs of it"),  # type: ignore[arg-type]
        (lambda: rt.route("errs", policy=rt.Crash()), "needs an errs stream", "<step>.errs"),
        (lambda: rt.DeadLetter(MODULE, KAFKA), "topic is the module", "orders.topic."),
        (lambda: rt.DeadLetter("orders.dlq", "host:9092"), "kafka is 'host:9092'", "rt.Kafka"),  # type: ignore[arg-type]
        (lambda: rt.DeadLetter("orders.dlq", KAFKA, headers="x"), "headers='x'", "spring"),  # type: ignore[arg-type]
        (lambda: rt.check(read()), "flow is a Split", "Dataflow("),  # type: ignore[arg-type]
        (
            lambda: rt.Topic("orders", key=WRONG.StringSerde, value=rt.StringSerde()),
            "key is the class StringSerde",
            "rt.StringSerde()",
        ),
        (lambda: rt.Topic("a\0b", key=rt.StringSerde(), value=rt.StringSerde()), r"name='a\x00b'", "str"),
        (lambda: WRONG.Topic(5, key=WRONG.StringSerde(), value=rt.StringSerde()), "name=5", "str"),
    ],
)
def test_a_wrong_argument_is_reported_at_the_users_line(
    call: Callable[[], object], what: str, hint: str
) -> None:
    with pytest.raises(rt.FlowError) as caught:
        call()
    error = caught.value
    assert what in error.what
    assert hint in (error.hint or "")
    assert re.match(r"tests/unit/runtime/test_arguments\.py:\d+", error.where or "")
    assert len(str(error).split("\n")) == 3


@pytest.mark.parametrize(
    ("call", "what"),
    [
        (lambda: WRONG.Kafka(9092), "the brokers are of type int"),
        (lambda: WRONG.Kafka(["h:1", 2]), "the brokers are of type list"),
        (lambda: WRONG.Kafka("h:1", config="sasl.password=s3cret"), "config is of type str"),
        (lambda: WRONG.Kafka("h:1", registry=8081), "the registry is of type int"),
    ],
)
def test_settings_of_another_type_are_reported_at_the_users_line(
    call: Callable[[], object], what: str
) -> None:
    with pytest.raises(rt.ConfigError, match=what) as caught:
        call()
    assert re.match(r"tests/unit/runtime/test_arguments\.py:\d+, rt.Kafka", caught.value.where or "")
    assert caught.value.hint
    assert "s3cret" not in str(caught.value)


def test_the_line_is_the_one_of_the_call() -> None:
    with pytest.raises(rt.FlowError) as caught:
        rt.sink("out", NOTHING, TOPIC, KAFKA)
    line = next(entry for entry in caught.traceback if "test_arguments" in str(entry.path)).lineno + 1
    assert (caught.value.where or "").endswith(f":{line}")


def test_a_failure_stream_that_nothing_reads_is_reported_at_the_users_line() -> None:
    built = flow()
    rt.source("in", built, TOPIC, KAFKA)
    with pytest.raises(rt.FlowError, match="nothing reads the failures") as caught:
        rt.check(built)
    assert "test_arguments.py:" in (caught.value.where or "")
    assert "flow flow" in (caught.value.where or "")


def run_with(items: list[Any], step: Callable[[Any], Any]) -> rt.FlowError:
    """The error that a run ends with when a step is given these items."""
    built = flow()
    step(op.input("items", built, TestingSource(items)))
    with pytest.raises((rt.FlowError, BytewaxRuntimeError)) as caught:
        testing.run(built)
    return next(error for error in causes(caught.value) if isinstance(error, rt.FlowError))


def to_sink(up: Any) -> None:
    rt.route("errs", rt.sink("out", up, TOPIC, KAFKA), policy=rt.Crash())


def to_map(up: Any) -> None:
    rt.route("errs", rt.map_value("map", up, str).errs, policy=rt.Crash())


def to_serialize(up: Any) -> None:
    rt.route("errs", rt.serialize("ser", up, TOPIC, KAFKA).errs, policy=rt.Crash())


def to_deserialize(up: Any) -> None:
    rt.route("errs", rt.deserialize("de", up, TOPIC, KAFKA).errs, policy=rt.Crash())


def to_dead_letters(up: Any) -> None:
    rt.route("errs", up, policy=rt.DeadLetter("orders.dlq", KAFKA))


def to_drop(up: Any) -> None:
    rt.route("errs", up, policy=rt.Drop())


@pytest.mark.parametrize("item", ["value", ("k", "v"), rt.RawMessage(key=None, value=b"v", topic="t")])
@pytest.mark.parametrize("step", [to_sink, to_map, to_serialize, to_dead_letters, to_drop])
def test_a_step_that_is_given_the_wrong_items_names_its_line(step: Callable[[Any], Any], item: Any) -> None:
    error = run_with([item], step)
    assert "the step was given" in error.what
    _, first = inspect.getsourcelines(step)
    assert (error.where or "").startswith(f"tests/unit/runtime/test_arguments.py:{first + 1}, step flow.")
    assert error.hint


def test_deserialize_that_is_given_typed_messages_names_its_line() -> None:
    error = run_with([("k", "v")], to_deserialize)
    assert "a tuple, not an rt.RawMessage or KafkaSourceMessage" in error.what
    assert "test_arguments.py:" in (error.where or "")


def test_an_exactly_once_sink_that_is_given_tuples_names_its_line() -> None:
    built = flow()
    pairs = op.map("pair", rt.source("in", built, TOPIC, KAFKA).oks, lambda m: (m.key, m.value))
    errs = rt.sink("out", pairs, TOPIC, KAFKA, delivery="exactly-once")  # type: ignore[arg-type]
    rt.route("errs", errs, policy=rt.Crash())
    with pytest.raises((rt.FlowError, BytewaxRuntimeError)) as caught:
        testing.run(built)
    (error,) = [each for each in causes(caught.value) if isinstance(each, rt.FlowError)]
    assert "the step was given a tuple, not an rt.Message" in error.what


def test_start_and_stop_are_exported() -> None:
    start: rt.Start = {0: 5}
    stop: rt.Stop = "end"
    assert (start, stop) == ({0: 5}, "end")
    assert {"Start", "Stop"} <= set(rt.__all__)

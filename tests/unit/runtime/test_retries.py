"""Another attempt: order of a key, other keys and partitions, delivery, stops and crashes."""

from __future__ import annotations

import itertools
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import bytewax.operators as op
import pytest
from bytewax.dataflow import Dataflow
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.examples import examples

import kgen_runtime as rt
from kgen_runtime import testing
from kgen_runtime.flow import retry
from kgen_runtime.flow.input_hold import INPUT
from kgen_runtime.routing import retry_gate
from kgen_runtime.routing.key_queues import KeptItem, KeyQueues, RetryRule
from kgen_runtime.stop import STOP

NONE = timedelta(0)
QUICK = timedelta(milliseconds=1)
ORDERS: rt.Topic[str, str] = rt.Topic("orders", key=rt.StringSerde(), value=rt.StringSerde())
OUT: rt.Topic[str, str] = rt.Topic("out", key=rt.StringSerde(), value=rt.StringSerde())


class Service:
    """What a step asks. It is down for the first `fails[value]` questions about a value."""

    def __init__(self, fails: dict[str, int] | None = None, error: type[Exception] = TimeoutError) -> None:
        self.fails = Counter(fails)
        self.asked: list[str] = []
        self._error = error

    def __call__(self, value: str) -> str:
        self.asked.append(value)
        if self.fails[value] > 0:
            self.fails[value] -= 1
            raise self._error(f"no answer for {value}")
        return value


def inputs(count: int, keys: int = 5, partitions: int = 2) -> list[rt.RawMessage]:
    return [
        rt.RawMessage(
            key=b"k%d" % (i % keys), value=b"%d" % i, topic="orders", partition=i % keys % partitions
        )
        for i in range(count)
    ]


def build(
    kafka: testing.Memory,
    ask: Callable[[str], str],
    retry: Callable[[rt.Policy], Any] = lambda then: rt.Retry(3, QUICK, then=then),
    delivery: Any = "at-least-once",
    step: Any = rt.map_value,
) -> Dataflow:
    flow = Dataflow("flow")
    read = rt.source("in", flow, ORDERS, kafka, batch_size=10)
    asked = step("ask", read.oks, ask)
    errs = rt.sink("out", asked.oks, OUT, kafka, delivery=delivery)
    rt.route("errs", read.errs, asked.errs, errs, policy=retry(rt.DeadLetter("dlq", kafka)))
    return rt.check(flow)


def values(kafka: testing.Memory, topic: str) -> list[str]:
    return [(message.value or b"").decode() for message in kafka.produced.get(topic, [])]


def by_key(kafka: testing.Memory, *topics: str) -> dict[bytes | None, list[int]]:
    found: dict[bytes | None, list[int]] = defaultdict(list)
    for topic in topics:
        for message in kafka.produced.get(topic, []):
            found[message.key].append(int(message.value or b""))
    return found


DELIVERIES = pytest.mark.parametrize("delivery", ["at-least-once", "exactly-once"])


@DELIVERIES
@settings(deadline=None, max_examples=examples(30))
@given(seed=st.integers(0, 10_000))
def test_in_is_out_and_dead_letters_and_each_key_keeps_its_order(delivery: str, seed: int) -> None:
    rng = random.Random(seed)
    count = 60
    fails = {str(i): rng.randrange(5) for i in range(count) if rng.random() < 0.3}
    kafka = testing.Memory({ORDERS: inputs(count)})
    service = Service(fails)
    testing.run(
        build(kafka, service, lambda then: rt.Retry(3, NONE, then=then), delivery),
        epoch_interval=rng.choice([timedelta(0), timedelta(seconds=10)]),
    )
    dead = {value for value, times in fails.items() if times >= 3}
    assert sorted(values(kafka, "out"), key=int) == [str(i) for i in range(count) if str(i) not in dead]
    assert set(values(kafka, "dlq")) == dead
    assert len(values(kafka, "dlq")) == len(dead)
    for topic in ("out", "dlq"):
        assert all(found == sorted(found) for found in by_key(kafka, topic).values())
    assert Counter(service.asked) == {str(i): min(fails.get(str(i), 0) + 1, 3) for i in range(count)}
    for letter in kafka.produced.get("dlq", []):
        assert dict(letter.headers)["__kgen.error.attempts"] == b"3"


class Until:
    """Fails for one value until it has seen others."""

    def __init__(self, value: str, others: Iterable[str]) -> None:
        self.value, self.missing = value, set(others)
        self.order: list[str] = []

    def __call__(self, value: str) -> str:
        self.missing.discard(value)
        if value == self.value and self.missing:
            raise TimeoutError
        self.order.append(value)
        return value


def test_other_keys_and_other_partitions_go_on_while_one_waits() -> None:
    """Message 0 passes only when all messages of the other keys have: were they held, it would never."""
    kafka = testing.Memory({ORDERS: inputs(200)})
    service = Until("0", (str(i) for i in range(200) if i % 5))
    testing.run(
        build(kafka, service, lambda then: rt.Retry(1_000, QUICK, QUICK, then=then)),
        epoch_interval=timedelta(0),
    )
    assert values(kafka, "dlq") == []
    assert [int(value) for value in service.order[-40:]] == list(range(0, 200, 5))
    assert sorted(map(int, values(kafka, "out"))) == list(range(200))


def test_messages_without_a_key_wait_alone() -> None:
    raw = [rt.RawMessage(key=None, value=b"%d" % i, topic="orders", partition=0) for i in range(30)]
    kafka = testing.Memory({ORDERS: raw})
    service = Until("3", (str(i) for i in range(30) if i != 3))
    testing.run(build(kafka, service, lambda then: rt.Retry(1_000, QUICK, QUICK, then=then)))
    assert service.order[-1] == "3"
    assert sorted(map(int, values(kafka, "out"))) == list(range(30))


def test_what_on_does_not_name_goes_to_then_at_once() -> None:
    kafka = testing.Memory({ORDERS: inputs(20)})
    service = Service({"3": 1, "7": 1}, KeyError)
    testing.run(build(kafka, service))
    assert sorted(values(kafka, "dlq")) == ["3", "7"]
    assert Counter(service.asked).most_common(1)[0][1] == 1


@pytest.mark.parametrize("error", [rt.RegistryUnavailable, rt.DeliveryError])
def test_what_is_unavailable_is_asked_for_as_long_as_it_lasts(error: type[Exception]) -> None:
    kafka = testing.Memory({ORDERS: inputs(20)})
    testing.run(build(kafka, Service({"3": 50}, error), lambda then: rt.Retry(2, NONE, then=then)))
    assert values(kafka, "dlq") == []
    assert sorted(map(int, values(kafka, "out"))) == list(range(20))


@pytest.mark.parametrize("kills", [1, 4])
def test_what_waits_is_durable_with_its_epoch(tmp_path: Path, kills: int) -> None:
    """The flow crashes while messages wait whose epochs are long committed."""
    recovery = rt.Recovery(tmp_path / "recovery")
    kafka = testing.Memory({ORDERS: inputs(100)})
    passed: list[str] = []

    def run(crash_at: int | None) -> None:
        seen = 0

        def ask(value: str) -> str:
            nonlocal seen
            seen += 1
            if value in {"0", "1", "13"} and crash_at is not None and seen < 300:
                raise rt.RegistryUnavailable("out")  # as long as there is a crash to come
            if crash_at is not None and seen >= crash_at:
                raise AssertionError("crash")
            passed.append(value)
            return value

        def retry(then: rt.Policy) -> rt.Policy:
            return rt.Retry(1_000, timedelta(milliseconds=2), timedelta(milliseconds=2), then=rt.Crash())

        flow = build(kafka, ask, retry)
        testing.run(flow, recovery=recovery, epoch_interval=timedelta(0))

    for number in range(kills):
        with pytest.raises(RuntimeError):
            run(25 + number)
    run(None)
    found = by_key(kafka, "out")
    assert {value for each in found.values() for value in each} == set(range(100))
    for each in found.values():  # again from some point on after a crash, in order from there
        firsts = list(dict.fromkeys(each))
        assert firsts == sorted(firsts)


@DELIVERIES
def test_attempts_that_are_left_are_made_at_once_where_the_input_ends_with_a_stop(delivery: str) -> None:
    kafka, service = testing.Memory({ORDERS: inputs(1)}), Service({"0": 2})

    def ask(value: str) -> str:
        STOP.request()
        return service(value)

    testing.run(build(kafka, ask, lambda then: rt.Retry(3, timedelta(hours=1), then=then), delivery))
    assert (values(kafka, "out"), values(kafka, "dlq")) == (["0"], [])


def test_attempts_go_on_counting_in_the_next_run() -> None:
    queues = KeyQueues(RetryRule(3, 1.0, 30.0, 0.0, (TimeoutError,)), clock=lambda: 100.0)
    queues.failed("k", KeptItem("a"), 1)
    queues.put("k", KeptItem("b"))
    kept = list(queues.kept())
    assert kept == [KeptItem("a", 1, 101.0, 100_000), KeptItem("b")]
    resumed = KeyQueues(queues.rule, clock=lambda: 101.0)
    resumed.put("k", KeptItem("c"))  # read before the state was there
    resumed.put_first([("k", each) for each in kept])
    assert list(resumed.kept()) == [*kept, KeptItem("c")]
    assert resumed.count == 3


@DELIVERIES
def test_a_service_that_is_down_for_all_holds_the_input(
    delivery: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Were the input not held, all 2,000 would be asked for before the service is back."""
    monkeypatch.setattr(retry_gate, "MOST_KEPT", 100)
    kafka = testing.Memory({ORDERS: inputs(2_000, keys=2_000)})
    asked: Counter[str] = Counter()
    most = 0

    def ask(value: str) -> str:
        nonlocal most
        asked[value] += 1
        if max(asked.values()) < 20:
            most = max(most, len(asked))
            raise TimeoutError
        return value

    testing.run(
        build(kafka, ask, lambda then: rt.Retry(1_000, QUICK, QUICK, then=then), delivery),
        epoch_interval=timedelta(0),
    )
    assert most < 400
    assert not INPUT.held
    assert values(kafka, "dlq") == []
    assert sorted(map(int, values(kafka, "out"))) == list(range(2_000))


@pytest.mark.parametrize("step", [rt.map_value, "map", "flat_map", "filter", "stateful_map"])
@DELIVERIES
def test_every_step_that_runs_code_of_the_user_can_try_again(step: Any, delivery: str) -> None:
    if step == "stateful_map" and delivery == "exactly-once":
        pytest.skip("a step with state cannot deliver exactly once")
    service = Service({"3": 2, "8": 9})

    def steps(name: str, up: Any, ask: Callable[[str], str]) -> Any:
        if step == "map":
            return rt.map(name, up, lambda message: message.with_value(ask(message.value)))
        if step == "flat_map":
            return rt.flat_map(name, up, lambda message: [message.with_value(ask(message.value))])
        if step == "filter":
            return rt.filter(name, up, lambda message: bool(ask(message.value)))
        keyed = rt.key_on("key", up, lambda message: str(message.key))
        rt.route("key_errs", keyed.errs, policy=rt.Crash())
        kept = rt.stateful_map(
            name, keyed.oks, lambda state, message: (state, message.with_value(ask(message.value)))
        )
        return rt.Split(op.map("unkey", kept.oks, lambda pair: pair[1]), kept.errs)

    kafka = testing.Memory({ORDERS: inputs(20)})
    testing.run(build(kafka, service, delivery=delivery, step=step if callable(step) else steps))
    assert values(kafka, "dlq") == ["8"]
    assert sorted(map(int, values(kafka, "out"))) == [i for i in range(20) if i != 8]
    assert dict(kafka.produced["dlq"][0].headers)["__kgen.error.attempts"] == b"3"


def test_nothing_that_can_be_tried_again_is_an_error() -> None:
    kafka = testing.Memory({ORDERS: []})
    flow = Dataflow("flow")
    read = rt.source("in", flow, ORDERS, kafka)
    with pytest.raises(rt.FlowError, match="no step that feeds the route can be tried again"):
        rt.route("errs", read.errs, policy=rt.Retry(then=rt.Crash()))


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"attempts": 0}, "attempts=0"),
        ({"backoff": 1}, "backoff=1"),
        ({"most": timedelta(days=1)}, "most="),
        ({"jitter": 2}, "jitter=2"),
        ({"on": ()}, "on="),
        ({"on": ("TimeoutError",)}, "on="),
        ({"then": None}, "then=None is not a policy"),
        ({"then": rt.Retry(then=rt.Drop())}, None),
    ],
)
def test_invalid_arguments_are_refused(given: dict[str, Any], named: str | None) -> None:
    with pytest.raises(rt.FlowError, match=named):
        build(testing.Memory({ORDERS: []}), str, lambda then: rt.Retry(**{"then": then, **given}))


def test_two_of_them_for_one_step_are_refused() -> None:
    with pytest.raises(rt.FlowError, match=r"two rt\.Retry"):
        build(testing.Memory({ORDERS: []}), str, lambda then: (rt.Retry(then=then), rt.Retry(then=rt.Log())))
    with pytest.raises(rt.FlowError, match="what fails in decode cannot be tried again"):
        build(
            testing.Memory({ORDERS: []}),
            str,
            lambda then: rt.ByStage({"decode": rt.Retry(then=then), "*": rt.Drop()}),
        )


# The queues alone, with a clock of the test's.


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_pauses_double_up_to_the_longest_less_a_random_part() -> None:
    rule = RetryRule(10, 1.0, 5.0, 0.5, (TimeoutError,))
    assert [rule.pause(n, lambda: 0.0) for n in (1, 2, 3, 4, 500)] == [1, 2, 4, 5, 5]
    assert [rule.pause(n, lambda: 1.0) for n in (1, 2, 3)] == [0.5, 1, 2]


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4)), max_size=30))
def test_queues_give_each_key_in_order_and_nothing_before_it_is_due(items: list[tuple[int, int]]) -> None:
    clock = Clock()
    rule = RetryRule(100, 1.0, 30.0, 0.0, (TimeoutError,))
    queues = KeyQueues(rule, clock)
    left = {number: fails for number, (_, fails) in enumerate(items)}
    tried: dict[int, list[float]] = defaultdict(list)
    done: dict[int, list[int]] = defaultdict(list)

    def attempt(kept: KeptItem) -> Exception | None:
        key, number = kept.item
        tried[number].append(clock.now)
        if left[number] > 0:
            left[number] -= 1
            return TimeoutError()
        done[key].append(number)
        return None

    for number, (key, _) in enumerate(items):
        if queues.holds(key):
            queues.put(key, KeptItem((key, number)))
        elif attempt(KeptItem((key, number))) is not None:
            queues.failed(key, KeptItem((key, number)), 1)
        clock.now += 0.25
    while (due := queues.due) is not None:
        clock.now = max(clock.now, due)
        queues.run(attempt)
    assert queues.count == 0
    for key, found in done.items():
        assert found == [number for number, (each, _) in enumerate(items) if each == key]
    for number, times in tried.items():
        gaps = [after - before for before, after in itertools.pairwise(times)]
        assert all(gap >= rule.pause(n + 1) for n, gap in enumerate(gaps)), (number, gaps)


@pytest.mark.parametrize("error", [rt.RegistryUnavailable("out"), rt.DeliveryError("out")])
def test_a_step_with_state_waits_for_what_is_unavailable(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "_LEAST", 0)
    answers = [error] * 3
    kafka = testing.Memory({ORDERS: inputs(10)})
    flow = Dataflow("flow")
    read = rt.source("in", flow, ORDERS, kafka)
    keyed = op.key_on("key", read.oks, lambda message: str(message.key))

    def count(state: int | None, message: rt.Message[str, str]) -> Any:
        if message.value == "7" and answers:
            raise answers.pop()
        return (state or 0) + 1, message.with_value(str((state or 0) + 1))

    kept = rt.stateful_map("count", keyed, count)
    errs = rt.sink("out", op.map("unkey", kept.oks, lambda pair: pair[1]), OUT, kafka)
    rt.route("errs", read.errs, kept.errs, errs, policy=rt.DeadLetter("dlq", kafka))
    testing.run(rt.check(flow))
    assert sorted(values(kafka, "out")) == ["1"] * 5 + ["2"] * 5
    assert values(kafka, "dlq") == []

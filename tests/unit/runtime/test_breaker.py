"""A breaker stops the flow when too much fails: cleanly under kgen's runner, with an error under others."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import kgen_runtime as rt
from kgen_runtime import run, testing
from kgen_runtime.errors import causes
from kgen_runtime.flow.failures import failure
from kgen_runtime.routing import breaker
from kgen_runtime.stop import STOP

from .conftest import raw

FLOW = """
    from bytewax.dataflow import Dataflow
    import kgen_runtime as rt
    from kgen_runtime import testing

    ORDERS = rt.Topic("orders", key=rt.StringSerde(), value=rt.StringSerde())
    OUT = rt.Topic("out", key=rt.StringSerde(), value=rt.StringSerde())
    COUNT = 2_000

    def check(value):
        if int(value) % 5 == 3:
            raise ValueError(f"no {value}")
        return value

    def items(partitions):
        return [
            rt.RawMessage(key=b"k", value=b"%d" % i, topic="orders", partition=i % partitions)
            for i in range(COUNT)
        ]

    memory = testing.Memory({ORDERS: items(3)})

    def build(ratio=0.1):
        flow = Dataflow("flow")
        read = rt.source("in", flow, ORDERS, memory)
        checked = rt.map_value("check", read.oks, check)
        errs = rt.sink("out", checked.oks, OUT, memory)
        policy = rt.Breaker(ratio, 100, then=rt.DeadLetter("dlq", memory))
        rt.route("errs", read.errs, checked.errs, errs, policy=policy)
        return rt.check(flow)

    def patient():
        return build(0.9)

    def late():
        # All was read, in one batch, before the first failure: the last epoch is under way.
        global memory
        memory = testing.Memory({ORDERS: items(1)[:60]})
        return build()
"""

RECOVERY = ("--recovery", "recovery", "--epoch-interval", "0.05")


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    name = f"flow_of_{request.node.name.partition('[')[0]}"
    (tmp_path / f"{name}.py").write_text(textwrap.dedent(FLOW))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return name


def numbers(kafka: testing.Memory, topic: str) -> list[int]:
    return sorted(int(message.value or b"") for message in kafka.produced.get(topic, []))


def test_it_stops_cleanly_and_the_next_runs_go_on_behind_it(
    module: str, capfd: pytest.CaptureFixture[str]
) -> None:
    args = [f"{module}:build", *RECOVERY]
    codes = [run.main(args)]
    loaded: Any = __import__(module)
    stopped_at = len(loaded.memory.produced["out"])
    assert 0 < stopped_at < 1600
    text = capfd.readouterr().err
    assert "messages failed within 100, more than 0.1 of them:" in text
    assert "(process, ValueError: no " in text
    assert "hint: Find out what changed" in text
    assert "Traceback" not in text
    while len(loaded.memory.produced["dlq"]) < 400 and len(codes) < 100:
        codes.append(run.main(args))
    assert set(codes[:-1]) == {65}
    assert numbers(loaded.memory, "dlq") == [i for i in range(2000) if i % 5 == 3]
    assert numbers(loaded.memory, "out") == [i for i in range(2000) if i % 5 != 3]


def test_without_recovery_it_flushes_what_was_read_and_leaves_with_65(module: str) -> None:
    assert run.main([f"{module}:build"]) == 65
    loaded: Any = __import__(module)
    done = numbers(loaded.memory, "out") + numbers(loaded.memory, "dlq")
    assert 0 < len(done) == len(set(done)) < 2000


def test_what_stays_below_the_ratio_ends_with_0(module: str) -> None:
    assert run.main([f"{module}:patient"]) == 0
    loaded: Any = __import__(module)
    assert len(loaded.memory.produced["dlq"]) == 400


def test_a_break_when_all_was_read_lets_the_last_epoch_end(module: str) -> None:
    assert run.main([f"{module}:late", *RECOVERY]) == 65
    loaded: Any = __import__(module)
    assert len(loaded.memory.produced["dlq"]) == 12
    assert len(loaded.memory.produced["out"]) == 48


def test_a_process_of_a_cluster_that_breaks_off_stops_all(
    module: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run.main([f"{module}:build", "--processes", "2", *RECOVERY]) == 65
    assert "messages failed within 100" in capfd.readouterr().err


def test_without_kgens_runner_it_raises(module: str) -> None:
    loaded: Any = __import__(module)
    with pytest.raises(RuntimeError) as caught:
        testing.run(loaded.build())
    (error,) = [each for each in causes(caught.value) if isinstance(each, rt.ProcessingError)]
    assert "messages failed within 100" in error.what
    assert not STOP.requested


# The window.


class Reading:
    """How many messages were read."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> int:
        return self.count


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Callable[[float, int], tuple[Any, Reading]]:
    reading = Reading()
    monkeypatch.setattr(breaker, "messages_read", reading)
    return lambda ratio, window: (rt.Breaker(ratio, window, then=rt.Drop()), reading)


ONE = failure(ValueError("no good"), raw(b"v"), step="flow.handle")


def breaks(policy: Any, failures: int, kind: str = "") -> bool:
    some = [replace(ONE, fingerprint=kind or ONE.fingerprint)] * failures
    try:
        assert policy._watch(some) == some
    except rt.ProcessingError:
        return True
    return False


@given(
    ratio=st.sampled_from([0, 0.01, 0.05, 0.29, 0.5, 0.9]),
    window=st.integers(1, 100),
    seen=st.lists(st.tuples(st.integers(0, 20), st.integers(0, 5)), max_size=60),
)
def test_the_first_window_with_too_many_failures_breaks_it(
    ratio: float, window: int, seen: list[tuple[int, int]]
) -> None:
    reading = Reading()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(breaker, "messages_read", reading)
        policy = rt.Breaker(ratio, window, then=rt.Drop())
        at: list[int] = []  # the position of each failure
        for messages, failures in seen:
            reading.count += messages
            at += [reading.count] * failures
            expected = sum(reading.count - window < each for each in at) > round(ratio * window, 9)
            assert breaks(policy, failures) == expected
            if expected:
                break


def test_ten_to_the_fifth_kinds_are_bounded_and_counted(made: Callable[..., Any]) -> None:
    policy, reading = made(0.5, 200_000)
    for number in range(100_000):
        reading.count += 1
        assert not breaks(policy, 1, f"{number:016x}")
    assert len(policy._samples) == 1_000
    with pytest.raises(rt.ProcessingError) as caught:
        policy._watch([ONE] * 3)
    assert caught.value.what.startswith("100003 messages failed within 200000, more than 0.5 of them: 3 of ")
    assert caught.value.what.endswith("; and 99996 more kinds")
    assert len(caught.value.what) < 1_000


@pytest.mark.parametrize(
    ("ratio", "window", "named"),
    [(1, 10, "ratio=1"), (-0.1, 10, "ratio"), ("5%", 10, "'5%'"), (True, 10, "ratio"), (0.5, 0, "window=0")],
)
def test_invalid_arguments_are_refused(ratio: Any, window: Any, named: str) -> None:
    with pytest.raises(rt.FlowError, match=named):
        rt.Breaker(ratio, window, then=rt.Drop())


def test_a_flow_that_counts_nothing_is_refused() -> None:
    from .test_policies import build

    with pytest.raises(rt.FlowError, match="nothing in the flow counts"):
        build(rt.Breaker(0.1, then=rt.Drop()), [])

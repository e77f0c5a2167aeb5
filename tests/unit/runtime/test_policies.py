"""Policies: what each does with failures, and how they go together."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import bytewax.operators as op
import pytest
from bytewax.dataflow import Dataflow, Operator, Stream
from bytewax.testing import TestingSource

import kgen_runtime as rt
from kgen_runtime import testing
from kgen_runtime._bytewax import core_steps
from kgen_runtime.errors import causes
from kgen_runtime.flow.failures import failure
from kgen_runtime.messages import Stage
from kgen_runtime.routing import failure_log

from .conftest import raw

ALL = tuple(Stage)


def failed(stage: Stage = Stage.PROCESS, number: int = 0, kind: str = "") -> rt.Failure:
    made = failure(
        ValueError("no good"), raw(b"v%d" % number, offset=number), step="flow.handle", stage=stage
    )
    return replace(made, fingerprint=kind or made.fingerprint)


def build(policy: Any, failures: Sequence[Any], batch: int = 10) -> Dataflow:
    flow = Dataflow("flow")
    up: Stream[rt.Failure] = op.input("in", flow, TestingSource(failures, batch))
    rt.route("errs", up, policy=policy)
    return flow


def routed(policy: Any, failures: Sequence[Any], batch: int = 10) -> None:
    testing.run(build(policy, failures, batch))


class Kept(rt.Policy):
    """As a user would write one."""

    name = "kept"

    def __init__(self) -> None:
        self.failures: list[rt.Failure] = []

    def handle(self, failures: list[rt.Failure]) -> None:
        self.failures += failures

    @property
    def stages(self) -> set[Stage]:
        return {each.stage for each in self.failures}


# Policies of users.


def test_a_policy_of_the_user_gets_every_failure_once_in_their_order() -> None:
    kept = Kept()
    routed(kept, [failed(number=i) for i in range(95)])
    assert [each.original.offset for each in kept.failures] == list(range(95))


def test_what_a_policy_raises_names_it_the_line_and_the_step() -> None:
    class Bad(Kept):
        def handle(self, failures: list[rt.Failure]) -> None:
            raise AttributeError("no such thing")

    with pytest.raises(RuntimeError) as caught:
        routed(Bad(), [failed()])
    (error,) = [each for each in causes(caught.value) if isinstance(each, rt.ProcessingError)]
    assert error.what == "a policy raised AttributeError: no such thing"
    assert "test_policies.py:" in (error.where or "")
    assert "step flow.errs.kept" in (error.where or "")
    assert "no such thing" in error.traceback


def test_a_policy_that_raises_a_kgen_error_ends_the_run_with_it() -> None:
    class Strict(Kept):
        def handle(self, failures: list[rt.Failure]) -> None:
            raise rt.ProcessingError("enough")

    with pytest.raises(RuntimeError) as caught:
        routed(Strict(), [failed()])
    assert [each.what for each in causes(caught.value) if isinstance(each, rt.KgenError)] == ["enough"]


def test_a_policy_that_does_nothing_is_refused() -> None:
    class Idle(rt.Policy):
        pass

    with pytest.raises(rt.FlowError, match="policy Idle does nothing"):
        build(Idle(), [])


# Log.


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "kgen_runtime.errs"]


def test_log_has_a_line_for_each_kind_and_one_when_its_count_has_doubled(
    caplog: pytest.LogCaptureFixture,
) -> None:
    routed(rt.Log(logging.WARNING), [failed(kind="ab"[i % 10 == 0]) for i in range(1000)], 1)
    found = lines(caplog)
    assert {record.levelno for record in caplog.records} == {logging.WARNING}
    assert [line.rpartition("(")[2] for line in found if " of b so far" in line] == [
        f"{count} of b so far)" for count in (2, 4, 8, 16, 32, 64)
    ]
    assert 2 < len(found) < 20


def test_ten_to_the_fifth_kinds_take_few_lines_and_little_memory(caplog: pytest.LogCaptureFixture) -> None:
    policy = rt.Log()
    one = failed()
    for start in range(0, 100_000, 100):
        policy.handle([replace(one, fingerprint=f"{i:016x}") for i in range(start, start + 100)])
    assert len(lines(caplog)) < failure_log.MOST_KINDS + 20
    assert "further kinds so far" in lines(caplog)[-1]
    assert len(policy._counts) == len(policy._logged) == failure_log.MOST_KINDS + 1


# Drop.


def test_drop_counts_by_stage_and_class_within_bounds(caplog: pytest.LogCaptureFixture) -> None:
    policy = rt.Drop()
    one = failed()
    policy.handle([replace(one, error_class=f"C{i}") for i in range(100_000)])
    assert len(policy.dropped) == 1001
    assert policy.dropped.total() == 100_000
    assert policy.dropped["others", "others"] == 99_000
    assert "100000 message(s) dropped so far" in lines(caplog)[-1]


# ByStage.


@pytest.mark.parametrize("stage", ALL)
def test_by_stage_gives_a_failure_to_the_policy_of_its_stage_alone(stage: Stage) -> None:
    one, rest = Kept(), Kept()
    routed(rt.ByStage({stage.value: one, "*": rest}), [failed(each) for each in ALL])
    assert one.stages == {stage}
    assert rest.stages == set(ALL) - {stage}


def test_by_stage_composes_sequences_and_one_policy_for_several_stages() -> None:
    kafka = testing.Memory()
    shared, other = Kept(), Kept()
    policy = rt.ByStage(
        {
            "decode": shared,
            Stage.FRAMING: shared,
            "process": (other, rt.DeadLetter("dlq", kafka)),
            "*": rt.ByStage({"late": rt.Drop(), "*": rt.Log()}),
        }
    )
    routed(policy, [failed(stage, number) for number, stage in enumerate(ALL * 3)])
    assert len(shared.failures) == 6
    assert shared.stages == {Stage.DECODE, Stage.FRAMING}
    assert other.stages == {Stage.PROCESS}
    assert [each.value for each in kafka.produced["dlq"]] == [each.original.value for each in other.failures]


def test_the_rest_needs_a_policy() -> None:
    with pytest.raises(
        rt.FlowError, match="no policy for what fails in framing, unknown-schema, unexpected-type, validate"
    ) as e:
        rt.ByStage({stage.value: rt.Drop() for stage in (Stage.DECODE, Stage.PROCESS, Stage.LATE)})
    assert '"*"' in (e.value.hint or "")
    rt.ByStage({stage: rt.Drop() for stage in ALL})  # all are named


@pytest.mark.parametrize("policies", [{"decoding": rt.Drop(), "*": rt.Crash()}, {3: rt.Drop()}, [rt.Drop()]])
def test_by_stage_refuses_what_is_not_a_stage(policies: Any) -> None:
    with pytest.raises(rt.FlowError, match="is not a"):
        rt.ByStage(policies)


@pytest.mark.parametrize("policy", [None, [], rt.Drop, "drop"])
def test_by_stage_refuses_what_is_not_a_policy(policy: Any) -> None:
    with pytest.raises(rt.FlowError, match=r"rt\.ByStage: \*=.*polic"):
        rt.ByStage({"*": policy})


def test_wrapping_a_policy_changes_nothing_of_what_the_recovery_store_is_keyed_by() -> None:
    def gates(policy: Any) -> set[str]:
        steps: list[Operator] = list(core_steps(build(policy, [])))
        return {step.step_id for step in steps if step.step_id.endswith((".gate", ".end"))}

    kafka = testing.Memory()
    letters = rt.DeadLetter("a", kafka), rt.DeadLetter("b", kafka)
    wrapped = rt.ByStage({"decode": letters[0], "*": rt.ByStage({"*": letters[1]})})
    assert gates(wrapped) == gates(letters)


class Awaited(rt.Policy):
    async def handle(self, failures: list[rt.Failure]) -> None:  # type: ignore[override]
        raise AssertionError("nothing awaits it")


def test_a_policy_that_nothing_would_await_is_refused() -> None:
    with pytest.raises(rt.FlowError, match="policy Awaited: handle is async"):
        build(Awaited(), [])


@pytest.mark.parametrize("level", ["info", None, True, 1.5])
def test_a_level_that_logging_does_not_take_is_refused_at_once(level: Any) -> None:
    with pytest.raises(rt.FlowError, match=r"rt\.Log: invalid level=") as caught:
        rt.Log(level)
    assert caught.value.hint
    assert "test_policies.py" in str(caught.value.where)


def test_a_message_of_others_cannot_pass_for_lines_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    forged = "\x1b[2J\nERROR forged\r\x9b31m"
    made = replace(failed(), message=forged, traceback=f'Traceback\n  File "x", line 1\nValueError: {forged}')
    routed(rt.Log(), [made])
    (line, *below) = caplog.messages[0].split("\n")
    assert r"ValueError: \x1b[2J\nERROR forged\r\x9b31m" in line
    assert below[:2] == ["Traceback", '  File "x", line 1']
    assert all(each.isprintable() for each in [line, *below])


def test_the_form_of_a_policy_is_as_it_is_called() -> None:
    with pytest.raises(rt.FlowError, match="missing a required argument: 'then'") as caught:
        rt.Retry(2)  # type: ignore[call-arg]
    assert str(caught.value.hint).startswith("It is rt.Retry(attempts=5, ")

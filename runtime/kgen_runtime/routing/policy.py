"""What a policy is: what `rt.route` does with failures."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Callable, TypeVar  # noqa: UP035 - on Python 3.10 Bytewax takes the other for a class

import bytewax.operators as op
from bytewax.dataflow import Stream, operator
from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from ..flow.argument_checks import check_failure, explaining
from ..flow.failures import shown_class
from ..messages import Failure
from ..metrics import handled
from ..recovery.folder import hold_for_bytewaxs_runner
from ..reporting.progress import PROGRESS

X = TypeVar("X")


class Policy(ABC):
    """What `route` does with failures."""

    name: str
    """The id of its step inside `route`: in recovery stores, never to change."""

    @abstractmethod
    def build(self, step_id: str, up: Stream[Failure]) -> None:
        """Add the steps to the flow. Called inside the scope of the `route` step."""


def count(policy: Policy, failures: Sequence[Failure], target: str = "") -> None:
    """For metrics and the runner's report: a policy has seen these."""
    handled(policy.name, (failure.stage.value for failure in failures))
    PROGRESS.handled(policy.name, failures, target)


def described(failure: Failure) -> str:
    """One line on a failure, and its traceback where there is one."""
    raw = failure.original
    at = f"{raw.topic or 'made in the flow'}" + (
        f"/{raw.partition} offset {raw.offset}" if raw.offset is not None else ""
    )
    text = f"{failure.step} {failure.stage.value} {at}: {shown_class(failure.error_class)}: {failure.message}"
    return f"{text}\n{failure.traceback}" if failure.traceback else text


class _Nothing(StatefulSinkPartition[Any, None]):
    def write_batch(self, values: list[Any]) -> None:
        """There is nothing to write."""

    def snapshot(self) -> None:
        """There is no state."""


class _End(FixedPartitionedSink[Any, None]):
    """Gets nothing. Being stateful, it makes Bytewax's recovery wait for the steps before it: a plain
    branch may lag behind the commit of its epoch, and what it had yet to do would be lost in a crash.
    """

    def list_parts(self) -> list[str]:
        hold_for_bytewaxs_runner()  # a flow may have no source of kgen's
        return ["end"]

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> _Nothing:
        return _Nothing()


@operator
def consume(step_id: str, up: Stream[X], act: Callable[[list[X]], None]) -> None:
    """Act on every batch, before its epoch is committed."""

    def acted(items: list[X]) -> list[Any]:
        act(items)
        return []

    explained = explaining(step_id, acted, check_failure)
    nothing: Stream[tuple[str, Any]] = op.flat_map_batch("act", up, explained)
    op.output("end", nothing, _End())

"""What failed in a step with state, until its key is known and it becomes a `Failure`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import bytewax.operators as op
from bytewax.dataflow import Stream, operator
from bytewax.inputs import AbortExecution

from ..flow.guards import Guard
from ..flow.split import Split
from ..messages import Failure
from .state_copies import KeptStateError

PASSES: Final = (AbortExecution, KeptStateError)
"""What is not the failure of a single message."""


@dataclass(slots=True)
class FailedValue:
    """A value for which `function`, which the user gave, raised `error`. It leaves its step and the next one
    takes it out: both are in one process.
    """

    value: Any
    error: Exception
    function: object


def failed_or_later(
    guard: Guard, act: Callable[[Any], Any], value: Any, error: Exception, function: object
) -> Any:
    """What comes of a value for which `act` raised: the `FailedValue`, or what `Guard.later` gives of it."""
    made, own = guard.later(act, value, error, PASSES)
    return made if own is None else FailedValue(value, own, function)


@dataclass(slots=True)
class KeyBatch:
    """What came of the values of one key in a batch."""

    oks: list[Any]
    failed: list[FailedValue]


@operator
def parted(step_id: str, up: Stream[tuple[str, KeyBatch]], guard: Guard) -> Split[tuple[str, Any]]:
    """Values with their keys, and the failures of those that failed."""

    def values(items: list[tuple[str, KeyBatch]]) -> list[tuple[str, Any]]:
        given = [(key, value) for key, batch in items for value in batch.oks]
        guard.counts.get().given.value += len(given)
        return given

    def failures(items: list[tuple[str, KeyBatch]]) -> list[Failure]:
        return [
            guard.failure((key, each.value), each.error, each.function)
            for key, batch in items
            for each in batch.failed
        ]

    return Split(op.flat_map_batch("oks", up, values), op.flat_map_batch("errs", up, failures))


@operator
def parted_by_window(
    step_id: str, up: Stream[tuple[str, tuple[int, Any]]], guard: Guard
) -> Split[tuple[str, tuple[int, Any]]]:
    """As `parted`, of windows. The number of the window is an attribute of the failure, as is the key."""

    def values(items: list[tuple[str, tuple[int, Any]]]) -> list[tuple[str, tuple[int, Any]]]:
        given = [each for each in items if type(each[1][1]) is not FailedValue]
        guard.counts.get().given.value += len(given)
        return given

    def failures(items: list[tuple[str, tuple[int, Any]]]) -> list[Failure]:
        return [
            guard.failure(
                (key, each.value), each.error, each.function, attributes={"key": key, "window": window}
            )
            for key, (window, each) in items
            if type(each) is FailedValue
        ]

    return Split(op.flat_map_batch("oks", up, values), op.flat_map_batch("errs", up, failures))

"""Counting what comes too late for a window: Bytewax gives a stream of it, and no number."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

from bytewax.dataflow import Dataflow, Operator

from ..reporting.progress import PROGRESS

_STEP: Final = ".unwrap_late"
"""The step inside each of Bytewax's window operators that picks out what was late."""

Mapper = Callable[[list[Any]], Iterable[Any]]


class Counting:
    """Does what a core step does, and counts what it gives."""

    def __init__(self, mapper: Mapper) -> None:
        self._mapper = mapper

    def __call__(self, items: list[Any]) -> list[Any]:
        """By batch."""
        late = list(self._mapper(items))
        if late:
            PROGRESS.came_late(len(late))
        return late


def count_late(flow: Dataflow) -> None:
    """Have the windows of a flow count; done before, nothing changes."""
    for step in _core_steps(flow.substeps):
        mapper = getattr(step, "mapper", None)
        if _STEP in step.step_id and callable(mapper) and not isinstance(mapper, Counting):
            object.__setattr__(step, "mapper", Counting(mapper))  # the step is frozen


def _core_steps(steps: Sequence[Operator]) -> Iterator[Operator]:
    for step in steps:
        if step.substeps:
            yield from _core_steps(step.substeps)
        else:
            yield step

"""Counting what comes too late for a window: Bytewax gives a stream of it, and no number."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from bytewax.dataflow import Dataflow

from .._bytewax import late_steps, replace_mapper, window_of
from ..metrics import late
from ..reporting.progress import PROGRESS

Mapper = Callable[[list[Any]], Iterable[Any]]


class Counting:
    """Does what a core step does, and counts what it gives."""

    def __init__(self, mapper: Mapper, step: str) -> None:
        self._mapper = mapper
        self._step = step

    def __call__(self, items: list[Any]) -> list[Any]:
        """By batch."""
        late_items = list(self._mapper(items))
        if late_items:
            PROGRESS.came_late(len(late_items))
            late(self._step, len(late_items))
        return late_items


def count_late(flow: Dataflow) -> None:
    """Have the windows of a flow count; done before, nothing changes."""
    for step in late_steps(flow):
        mapper = getattr(step, "mapper")  # noqa: B009
        if not isinstance(mapper, Counting):
            replace_mapper(step, Counting(mapper, window_of(flow, step)))

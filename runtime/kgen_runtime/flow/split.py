"""What an operator gives back: what went well, and what failed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

import bytewax.operators as op
from bytewax.dataflow import Stream, operator

from ..messages import Failure
from ..metrics import StepCounts
from .batch import Batch
from .per_thread import PerThread

X = TypeVar("X")


@dataclass(frozen=True)
class Split(Generic[X]):
    """Two streams: `oks`, and `errs` with what failed and why. Something has to read `errs`: see `rt.route`
    and `rt.check`.
    """

    oks: Stream[X]
    errs: Stream[Failure]


@operator
def split(step_id: str, up: Stream[Batch[X]], counted: bool = True) -> Split[X]:
    """Take batches apart. With `counted`, as the last step inside of one of kgen's: what goes on is what that
    one gives.
    """
    owner = step_id.rpartition(".")[0]
    counts = PerThread(lambda: StepCounts(owner))

    def oks(batches: list[Batch[X]]) -> list[X]:
        items = _joined([batch.oks for batch in batches])
        if counted:
            counts.get().given.value += len(items)
        return items

    return Split(
        op.flat_map_batch("oks", up, oks),
        op.flat_map_batch("errs", up, lambda batches: _joined([batch.errs for batch in batches])),
    )


def _joined(lists: list[list[X]]) -> list[X]:
    return lists[0] if len(lists) == 1 else [item for items in lists for item in items]

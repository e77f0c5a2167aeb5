"""What an operator gives back: what went well, and what failed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

import bytewax.operators as op
from bytewax.dataflow import Stream, operator

from ..messages import Failure
from .batch import Batch

X = TypeVar("X")


@dataclass(frozen=True)
class Split(Generic[X]):
    """Two streams: `oks`, and `errs` with what failed and why. Something has to read `errs`: see `rt.route`
    and `rt.check`.
    """

    oks: Stream[X]
    errs: Stream[Failure]


@operator
def split(step_id: str, up: Stream[Batch[X]]) -> Split[X]:
    """Take batches apart."""
    return Split(
        op.flat_map_batch("oks", up, lambda batches: _joined([batch.oks for batch in batches])),
        op.flat_map_batch("errs", up, lambda batches: _joined([batch.errs for batch in batches])),
    )


def _joined(lists: list[list[X]]) -> list[X]:
    return lists[0] if len(lists) == 1 else [item for items in lists for item in items]

"""What passes between the steps of a flow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from ..messages import Failure

X = TypeVar("X")


@dataclass(slots=True)
class Batch(Generic[X]):
    """The results of one batch. One object per batch passes between steps, because Bytewax's cost is per
    item.
    """

    oks: list[X]
    errs: list[Failure]

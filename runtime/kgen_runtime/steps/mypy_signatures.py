"""The signatures of `rt.map`, `rt.filter_map` and `rt.map_value` as mypy needs them. Nothing imports
this module at run time.

If a signature takes None off what a function returns, mypy makes `object` of a function's `A | B`: it joins
types there, where pyright unites them. So its first signature is one that takes nothing off, for functions
that never return None. With None beside several types (`A | B | None`) mypy needs an annotation still:
`handled: rt.Split[rt.Message[str, A | B]] = rt.map_value(…)`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar, overload

from bytewax.dataflow import Stream

from ..flow.split import Split
from ..messages import Message, Tombstone

X = TypeVar("X")
Y = TypeVar("Y")
K = TypeVar("K")
V = TypeVar("V")
W = TypeVar("W")


class NeitherNoneNorTombstone(Protocol):
    """Anything else: to mypy, None has no such method, and that of a tombstone has another type."""

    def __sizeof__(self) -> int:
        """As every object has it."""


class NotNone(Protocol):
    """Anything else."""

    def __repr__(self) -> str:
        """As every object has it."""


G = TypeVar("G", bound=NeitherNoneNorTombstone)
N = TypeVar("N", bound=NotNone)


@overload
def map(step_id: str, up: Stream[X], mapper: Callable[[X], N]) -> Split[N]: ...  # noqa: A001 - as Bytewax's
@overload
def map(step_id: str, up: Stream[X], mapper: Callable[[X], Y | None]) -> Split[Y]: ...  # noqa: A001
def map(step_id: str, up: Stream[X], mapper: Callable[[X], object]) -> object:  # noqa: A001
    """`steps.item_steps.map`."""


@overload
def filter_map(step_id: str, up: Stream[X], mapper: Callable[[X], N]) -> Split[N]: ...
@overload
def filter_map(step_id: str, up: Stream[X], mapper: Callable[[X], Y | None]) -> Split[Y]: ...
def filter_map(step_id: str, up: Stream[X], mapper: Callable[[X], object]) -> object:
    """`steps.item_steps.filter_map`."""


@overload
def map_value(step_id: str, up: Stream[Message[K, V]], f: Callable[[V], G]) -> Split[Message[K, G]]: ...
@overload
def map_value(
    step_id: str, up: Stream[Message[K, V]], f: Callable[[V], W | Tombstone | None]
) -> Split[Message[K, W]]: ...
def map_value(step_id: str, up: Stream[Message[K, V]], f: Callable[[V], object]) -> object:
    """`steps.value_steps.map_value`."""

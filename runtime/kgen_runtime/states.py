"""Which states may follow which.

A class that has states names them in an `Enum`, has a table of the moves that are allowed, and one method
that moves, by `moved`. The table is drawn in its module's docstring.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import TypeAlias, TypeVar

S = TypeVar("S", bound=Enum)

Moves: TypeAlias = "Mapping[S, frozenset[S]]"
"""For each state those that may follow it."""


class StateError(Exception):
    """A move that the table does not allow: a fault of kgen, not of the user."""


def moved(moves: Moves[S], now: S, to: S) -> S:
    """`to`, if it may follow `now`. Raises `StateError`."""
    if to not in moves[now]:
        raise StateError(f"{type(now).__name__}: {to.name} does not follow {now.name}")
    return to

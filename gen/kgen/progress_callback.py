"""How far a long work is."""

from __future__ import annotations

from typing import Protocol


class ProgressCallback(Protocol):
    """Is called in the main thread after each piece of a work, with how many are done of how many. What it
    raises ends the work.
    """

    def __call__(self, done: int, total: int, what: str = "subjects read", /) -> None:
        """Note it."""


def silent(done: int, total: int, what: str = "", /) -> None:
    """Note nothing."""

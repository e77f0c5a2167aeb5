"""Pieces of the messages of errors: names in a row, and values of which nothing is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from ..errors import named_text

T = TypeVar("T")

_LISTED = 10
_MOST_SHOWN = 200


def listed(items: Sequence[T], name: Callable[[T], str] = str) -> str:
    """The names of items in a message: `a, b`, `a, b and 7 more`."""
    shown = ", ".join(name(item)[:_MOST_SHOWN] for item in items[:_LISTED])
    return shown if len(items) <= _LISTED else f"{shown} and {len(items) - _LISTED} more"


def refusal_text(error: Exception) -> str:
    """What the code of a value or a class raised, in a message."""
    return f"the value was refused: {named_text(type(error).__name__, shown(error))}"


def shown(value: object) -> str:
    """A value's text, or its type where its own code fails to make one."""
    try:
        return str(value)[:200]
    except Exception:  # noqa: BLE001 - it is anyone's code
        return f"<{type(value).__name__}>"

"""What a window keeps, and what becomes of values for which the user's function raises."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from bytewax.operators.windowing import WindowLogic

from ..flow.guards import Guard
from .failed_values import PASSES, FailedValue, failed_or_later
from .kept_state import KeptState, ReplacedState


class Unset(Enum):
    """The type of `UNSET`."""

    UNSET = "unset"


UNSET: Final = Unset.UNSET
"""The state of a window that has no value yet: it is stored as None, as Bytewax does."""


@dataclass(frozen=True)
class WindowFold:
    """How values are combined in a window. State is `UNSET` before the first value."""

    fold: Callable[[Any, Any], Any]
    """State and value to the next state."""
    merge: Callable[[Any, Any], Any]
    """The states of two windows to that of the window that they become; neither is `UNSET`."""
    folder: object
    """What of `fold` the user gave."""
    merger: object
    replaces: bool = False
    """Whether `fold` cannot fail with a state that it has changed."""
    result: Callable[[Any], Any] | None = None
    """State to what goes on when the window closes; the state itself by default."""


class GuardedWindowLogic(WindowLogic[Any, Any, Any]):
    """One window of one key. It gives a `FailedValue` for a value that could not be folded in, and what it
    has kept when it closes; without a value that was folded in, nothing.
    """

    def __init__(self, guard: Guard, how: WindowFold, state: Any, value_of: Callable[[Any], Any]) -> None:
        def change(state: Any, value: Any) -> tuple[Any, None]:
            return how.fold(state, value), None

        self._guard = guard
        self._how = how
        self._state = (ReplacedState if how.replaces else KeptState)(
            UNSET if state is None else state, change
        )
        self._apply = guard.run(self._state.apply)
        self._value_of = value_of
        self._entries = guard.entries.get()
        self._entries.value += 1

    def __del__(self) -> None:
        """The window has closed or become another's, or the run has ended."""
        self._entries.value -= 1

    def on_value(self, value: Any) -> tuple[Any, ...]:
        """Of a value of Bytewax's window step."""
        item = self._value_of(value)
        try:
            self._apply(item)
        except PASSES:
            raise
        except Exception as error:  # noqa: BLE001 - whatever the user's code raises
            made = failed_or_later(self._guard, self._apply, item, error, self._how.folder)
            return (made,) if isinstance(made, FailedValue) else ()
        return ()

    def on_merge(self, original: Any) -> tuple[Any, ...]:
        """Take over what another window kept. If that fails, that goes to the failures, and stays out."""
        other = original._state
        if other.value is UNSET:
            return ()
        if self._state.value is UNSET:
            self._state.restart(other.value)
            return ()
        before = self._state.copy()
        try:
            self._state.restart(self._how.merge(self._state.value, other.value))
        except PASSES:
            raise
        except Exception as error:  # noqa: BLE001 - whatever the user's code raises
            self._state.restart(before)
            return (FailedValue(other.value, error, self._how.merger),)
        return ()

    def on_close(self) -> tuple[Any, ...]:
        """The end of the window."""
        state = self._state.value
        if state is UNSET:
            return ()
        return (state if self._how.result is None else self._how.result(state),)

    def snapshot(self) -> Any:
        """A copy of the state."""
        state = self._state.copy()
        return None if state is UNSET else state

"""State that goes back to what it was before a message for which the user's function raised.

The function may change the state in place, and fail half way. So there has to be something to go back to:

- State that cannot change (numbers, text, tuples of them) is kept as it is.
- Small state is copied before each message (`state_copies`).
- Large state is copied every now and then, and the messages since then are kept. After a failure the function
  is called again for these, on the copy. As a copy is made after a number of messages that grows with the
  state, a message costs the same whatever the state's size. The function has to give the same state for the
  same messages, which recovery asks of it anyway.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar

from .state_copies import FIXED, KeptStateError, StateCopy

S = TypeVar("S")
V = TypeVar("V")
W = TypeVar("W")

LARGE: Final = 250
"""Values in a state from which on it is not copied for each message: a copy takes as long as some calls."""
_SHARE: Final = 8
"""A large state of n values is copied every n/8 messages."""


class KeptState(Generic[S, V, W]):
    """A state, and `change`: the user's function, which is given the state and a message, and gives the next
    state and what is made of the message.
    """

    __slots__ = ("_backup", "_change", "_most", "_since", "value")

    def __init__(self, value: S, change: Callable[[S, V], tuple[S, W]]) -> None:
        self.value = value
        self._change = change
        self._backup: S | None = None
        self._since: list[V] = []
        """The messages since `_backup` was made."""
        self._most = 0
        """How many these may become; 0 if the state is copied for each message."""

    def apply(self, message: V) -> W:
        """Change the state by a message. Raises what the function raises, and the state is as before."""
        if type(self.value) in FIXED:
            if self._most:
                self._forget()
            self.value, made = self._change(self.value, message)
            return made
        if self._most:
            return self._apply_to_large(message)
        copied = StateCopy(self.value)
        if copied.size >= LARGE:
            self._backup, self._most = copied.made, copied.size // _SHARE
            return self._apply_to_large(message)
        try:
            self.value, made = self._change(self.value, message)
        except BaseException:
            self.value = copied.made
            raise
        return made

    def copy(self) -> S:
        """What can be stored: later messages do not change it."""
        made: S = StateCopy(self.value).made
        return made

    def restart(self, value: S) -> None:
        """Go on with another state."""
        self.value = value
        self._forget()

    def _apply_to_large(self, message: V) -> W:
        try:
            self.value, made = self._change(self.value, message)
        except BaseException:
            self._go_back()
            raise
        self._since.append(message)
        if len(self._since) >= self._most:
            self._forget()
        return made

    def _go_back(self) -> None:
        """Raises `KeptStateError` if the function fails for a message for which it did not fail before."""
        value: Any = self._backup
        since = self._since
        self._forget()
        try:
            for message in since:
                value, _ = self._change(value, message)
        except Exception as error:
            raise KeptStateError(
                f"a function of state failed for a message that it had taken: {type(error).__name__}",
                hint="It has to give the same for the same state and message.",
            ) from error
        self.value = value

    def _forget(self) -> None:
        """The next message copies the state."""
        self._since, self._most = [], 0
        self._backup = None


class ReplacedState(Generic[S, V]):
    """A state that `change` cannot leave half changed: nothing is copied to go back to."""

    __slots__ = ("_change", "value")

    def __init__(self, value: S, change: Callable[[S, V], tuple[S, None]]) -> None:
        self.value = value
        self._change = change

    def apply(self, message: V) -> None:
        """As of a `KeptState`."""
        self.value, _ = self._change(self.value, message)

    def restart(self, value: S) -> None:
        """As of a `KeptState`."""
        self.value = value

    def copy(self) -> S:
        """As of a `KeptState`."""
        made: S = StateCopy(self.value).made
        return made

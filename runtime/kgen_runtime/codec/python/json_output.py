"""What the JSON writer in plain Python has written so far."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..json import json_forms
from ..json.json_refusals import TOO_DEEP, TOO_LONG, JsonRefusedError, no_name
from ..json.json_texts import UnfitTextError
from ..limits import ITEMS, ITEMS_PER_BYTE, MAX_DEPTH


class JsonOut:
    """What was written so far, how much deeper it may go, and what may still be taken back."""

    def __init__(self, prefix: bytes) -> None:
        self.data = bytearray(prefix)
        self.depth = MAX_DEPTH
        self.longest = 0
        self.taken_back = 0

    def enter(self) -> None:
        """Go one object or array deeper."""
        if self.depth <= 0:
            raise JsonRefusedError(TOO_DEEP, misfit=False)
        self.depth -= 1

    def close(self, bracket: bytes) -> None:
        """End an object or array."""
        self.data += bracket
        self.depth += 1

    def key(self, name: Any) -> None:
        """Add the name of a property, and what stands before and after it."""
        if not isinstance(name, str):
            raise no_name(name)
        if self.data[-1:] != b"{":
            self.data += b","
        self.add(json_forms.text_of_string, name)
        self.data += b":"

    def add(self, make: Callable[[Any], bytes], value: Any, quoted: bool = False) -> None:
        """Add the text that `make` gives of a value."""
        try:
            text = make(value)
        except UnfitTextError as error:
            raise JsonRefusedError(error.why) from None
        self.data += b'"%b"' % text if quoted else text

    def take_back(self, start: int, depth: int) -> None:
        """Forget what was written from `start` on, for a branch of a union that did not take the value."""
        self.longest = max(self.longest, len(self.data))
        self.taken_back += len(self.data) - start + 1
        del self.data[start:]
        self.depth = depth
        if self.taken_back > ITEMS + ITEMS_PER_BYTE * self.longest:
            raise JsonRefusedError(TOO_LONG, misfit=False)


def list_items(value: list[Any] | tuple[Any, ...]) -> tuple[Any, ...]:
    """What a list or tuple holds; methods of a subclass are not asked."""
    return tuple(list.__iter__(value) if isinstance(value, list) else tuple.__iter__(value))


def dict_entries(value: dict[Any, Any]) -> dict[Any, Any]:
    """What a dict holds; methods of a subclass are not asked."""
    return dict.copy(value) if type(value) is dict else dict(dict.items(value))

"""`Rows` in plain Python, if no C compiler was."""

from __future__ import annotations

from itertools import repeat
from typing import Any


class RowMaker:
    """Calls the class for each row."""

    def __init__(self, cls: type[Any]) -> None:
        self._cls = cls

    def make(self, count: int, columns: tuple[Any, ...]) -> list[Any]:
        """See `codec.Rows.make`."""
        return list(map(self._cls, *(c if type(c) is list else repeat(c, count) for c in columns)))

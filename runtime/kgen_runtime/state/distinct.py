"""Loading pickles so that two keys of a dict that become one are refused.

Keys that differed when they were written can be equal now: two members of an enum of which one reads as the
default, objects that are hashed by a field that is gone. A dict keeps the later value then, and the other is
lost without a word. Pickle in C offers no place to look, so this is the one in Python.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, ClassVar, Final

from ..errors import RecoveryError

_SHOWN: Final = 3
_HINT: Final = (
    "Run it with the code that wrote it, restore what made the keys differ (an enum's symbol, a field), or "
    "begin with an empty recovery folder."
)


_COMMANDS: Final[dict[int, Any]] = {**pickle._Unpickler.dispatch}
_SET_ITEM, _SET_ITEMS, _DICT, _REDUCE = (
    _COMMANDS[code[0]] for code in (pickle.SETITEM, pickle.SETITEMS, pickle.DICT, pickle.REDUCE)
)


class DistinctUnpickler(pickle._Unpickler):
    """Raises `RecoveryError` if a dict would lose a value."""

    stack: list[Any]
    metastack: list[list[Any]]

    def __init__(self, file: Any) -> None:
        super().__init__(file)
        self._keys: dict[int, tuple[Any, set[Any]]] = {}

    def _set_item(self) -> None:
        self._add(self.stack[-3], self.stack[-2:-1])
        _SET_ITEM(self)

    def _set_items(self) -> None:
        self._add(self.metastack[-1][-1], self.stack[::2])
        _SET_ITEMS(self)

    def _dict(self) -> None:
        keys = self.stack[::2]
        _DICT(self)
        self._add(self.stack[-1], keys)

    def _reduce(self) -> None:
        """A class of the user may take its items as a list of pairs."""
        args = self.stack[-1]
        _REDUCE(self)
        made, keys = self.stack[-1], _keys_of_pairs(args)
        if keys and isinstance(made, Mapping) and len(made) < len(keys):
            self._add(made, keys)

    def _add(self, target: Any, keys: Sequence[Any]) -> None:
        """Keys that a dict gets: large ones come in parts."""
        _, known = self._keys.setdefault(id(target), (target, set()))
        try:
            for key in keys:
                if key in known:
                    raise _become_one(target, key)
                known.add(key)
        except TypeError:  # a mapping of the user's, with keys that no dict takes
            return

    dispatch: ClassVar[dict[int, Any]] = {
        **_COMMANDS,
        pickle.SETITEM[0]: _set_item,
        pickle.SETITEMS[0]: _set_items,
        pickle.DICT[0]: _dict,
        pickle.REDUCE[0]: _reduce,
    }


def _keys_of_pairs(args: Any) -> list[Any]:
    pairs = args[0] if type(args) is tuple and args else ()
    if type(pairs) is not list or any(type(each) is not tuple or len(each) != 2 for each in pairs):
        return []
    return [key for key, _ in pairs]


def _become_one(target: Any, key: Any) -> RecoveryError:
    what = f"two keys of a kept {type(target).__name__} become one ({_named(key)}), and a value would be lost"
    return RecoveryError(what, hint=_HINT)


def _named(key: Any) -> str:
    """A key without what the user's data has in it."""
    if isinstance(key, Enum):
        return f"{type(key).__name__}.{key.name}"
    if type(key) is tuple:
        return f"({', '.join(map(_named, key[:_SHOWN]))}{', ...' if len(key) > _SHOWN else ''})"
    return type(key).__name__

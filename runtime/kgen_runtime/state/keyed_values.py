"""Several values of one key on their way to another process, by column: what they have in common goes once.

Messages are columns of their fields, tuples are columns of their parts, and objects of generated classes are
one mark and the Avro binary of each, as they are kept (`restore`). Where that is the end of the original, as
it was read, it does not go a second time. What reads it is a process of the same run: this form is in no
store.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import repeat
from operator import attrgetter, itemgetter
from typing import Any, Final

from ..codec import make_rows
from ..messages import Message
from .homes import ready
from .hooks import packers
from .restoring import restore

_DEPTH: Final = 4
"""Levels of tuples whose parts become columns: a value with its time in a join has two."""

_NAMES: Final = Message.__slots__
_FIELDS: Final = attrgetter(*_NAMES)
_VALUE, _ORIGIN = _NAMES.index("value"), _NAMES.index("origin")
_TUPLES: Final = frozenset((tuple,))
_WHOLE: Final = frozenset((4,))
_BYTES: Final = frozenset((bytes,))
_ALIKE: Final = frozenset((str, bytes, int, type(None)))
"""Kinds of which equal values are the same."""

_HOOKS: Final = f"{__package__}.hooks"

Column = tuple[str, Any]
"""How a column is written, and what."""


class KeyedValues:
    """Values in their order. It is pickled by column; within a process it is only a list."""

    __slots__ = ("values",)

    def __init__(self, values: list[Any]) -> None:
        self.values = values

    def __reduce__(self) -> tuple[Any, ...]:
        """See the module."""
        return _made, (len(self.values), *_column(self.values, _DEPTH))


def _made(count: int, how: str, what: Any) -> KeyedValues:
    found = _read(count, how, what)
    return KeyedValues(found if type(found) is list else list(found))


def _column(values: Sequence[Any], depth: int) -> Column:
    first, kinds = values[0], set(map(type, values))
    kind = type(first)
    if len(kinds) > 1:
        return "each", values
    if kind in _ALIKE:  # the values of others are not compared: == is theirs, and may raise
        return ("same", first) if values.count(first) == len(values) else ("each", values)
    if kind is Message:
        return "messages", _message_columns(values, depth)
    if kind is tuple:
        if not first and not any(values):
            return "same", ()
        if depth and len(set(map(len, values))) == 1:
            return "tuples", [_column(part, depth - 1) for part in zip(*values)]
    return _records(values) or ("each", values)


def _records(values: Sequence[Any]) -> Column | None:
    """Objects of a generated class, if each can be bytes."""
    kind = type(values[0])
    if kind not in packers:
        if getattr(kind.__reduce_ex__, "__module__", None) == _HOOKS:
            values[0].__reduce_ex__(4)  # the first object of its class
        if kind not in packers:
            return None
    mark, pack = packers[kind]
    payloads = list(map(pack, values))
    return None if None in payloads else ("records", (mark, payloads))


def _message_columns(messages: Sequence[Any], depth: int) -> list[Column]:
    fields: list[Any] = list(zip(*map(_FIELDS, messages)))
    columns = [_column(each, depth) for each in fields[:_ORIGIN]]
    how, what = columns[_VALUE]
    if how == "records":
        mark, payloads = what
        prefix = _before_value(payloads, fields[_ORIGIN])
        if prefix is not None:
            columns[_VALUE] = "originals", (mark, prefix)
    return [*columns, _column(fields[_ORIGIN], 1)]


def _before_value(payloads: list[bytes], origins: Sequence[Any]) -> int | None:
    """How many bytes of each original come before its value; None if they do not hold these."""
    if set(map(type, origins)) != _TUPLES or set(map(len, origins)) != _WHOLE:
        return None  # a message without one, or with one that is not as messages are read
    originals = list(map(_VALUE_READ, origins))
    if set(map(type, originals)) != _BYTES:
        return None
    prefix = len(originals[0]) - len(payloads[0])
    return prefix if prefix >= 0 and [each[prefix:] for each in originals] == payloads else None


_VALUE_READ: Final = itemgetter(1)


def _read(count: int, how: str, what: Any) -> Any:
    """The values of a column, to be gone through once."""
    if how == "same":
        return repeat(what, count)
    if how == "tuples":
        return zip(*(_read(count, *part) for part in what))
    if how == "records":
        return _restored(*what)
    return _messages(count, what) if how == "messages" else what


def _restored(mark: str, payloads: list[bytes]) -> list[Any]:
    made = [restore(mark, payloads[0])]
    read = ready.get(mark)
    return made + (
        [restore(mark, data) for data in payloads[1:]] if read is None else list(map(read, payloads[1:]))
    )


def _messages(count: int, columns: list[Column]) -> list[Any]:
    origins = list(_read(count, *columns[_ORIGIN]))
    made: list[Any] = []
    for how, what in columns[:_ORIGIN]:
        if how == "same":
            made.append(what)
        elif how == "originals":
            mark, prefix = what
            made.append(_restored(mark, [origin[1][prefix:] for origin in origins]))
        else:
            made.append(list(_read(count, how, what)))
    messages: list[Any] = _rows().make(count, (*made, origins))
    return messages


@cache
def _rows() -> Any:
    """What makes messages of columns."""
    return make_rows(Message)

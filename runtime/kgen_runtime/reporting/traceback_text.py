"""A traceback as Python prints it, for errors that come by the thousand: what is printed of a place in the
code is kept, because most errors of a flow come from few places.
"""

from __future__ import annotations

import builtins
import traceback as tb
from types import CodeType, TracebackType
from typing import Any, Final

from ..errors import causes

_MOST_PLACES: Final = 1_000
_HEAD: Final = "Traceback (most recent call last):\n"
_CAUSE: Final = "\nThe above exception was the direct cause of the following exception:\n\n"
_CONTEXT: Final = "\nDuring handling of the above exception, another exception occurred:\n\n"
_GROUPS: Final[Any] = getattr(builtins, "BaseExceptionGroup", ())  # not on Python 3.10
_WITH_ADVICE: Final = (AttributeError, NameError, ImportError, SyntaxError)
"""Python shows more of these than their text."""

_places: dict[tuple[int, int], tuple[str, CodeType]] = {}
"""By the id of the code, which is held: to hash code takes as long as all of it is."""


def traceback_text(error: BaseException, traceback: TracebackType | None) -> str:
    """The text of an error with this traceback, and of those that led to it, as `traceback.format_exception`
    gives it, though without its short form for recursion.
    """
    if error.__cause__ is None and error.__context__ is None and not isinstance(error, _GROUPS):
        return _own_text(error, traceback)
    chain = list(causes(error))
    if any(isinstance(each, _GROUPS) for each in chain):
        return "".join(tb.format_exception(type(error), error, traceback))
    parts: list[str] = []
    for above, each in zip([None, *chain], chain):
        if above is not None:
            parts.append(_CAUSE if above.__cause__ is each else _CONTEXT)
        parts.append(_own_text(each, traceback if each is error else each.__traceback__))
    return "".join(reversed(parts))


def _own_text(error: BaseException, traceback: TracebackType | None) -> str:
    frames = []
    at = traceback
    while at is not None:
        frames.append(_place(at))
        at = at.tb_next
    head = _HEAD if traceback is not None else ""
    return f"{head}{''.join(frames)}{_last_line(error)}"


def _place(at: TracebackType) -> str:
    code = at.tb_frame.f_code
    key = (id(code), at.tb_lasti)
    known = _places.get(key)
    if known is None:
        if len(_places) >= _MOST_PLACES:  # code that is made while the flow runs
            _places.clear()
        known = _places[key] = ("".join(tb.extract_tb(at, limit=1).format()), code)
    return known[0]


def _last_line(error: BaseException) -> str:
    try:
        if isinstance(error, _WITH_ADVICE) or hasattr(error, "__notes__"):
            of_it = tb.TracebackException(type(error), error, error.__traceback__, lookup_lines=False)
            return "".join(of_it.format_exception_only())
    except Exception:  # noqa: BLE001, S110 - the user's own __getattr__
        pass
    kind = type(error)
    name = (
        kind.__qualname__
        if kind.__module__ in ("builtins", "__main__")
        else f"{kind.__module__}.{kind.__qualname__}"
    )
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - the user's own __str__
        text = "<exception str() failed>"  # as Python says it
    return f"{name}: {text}\n" if text else f"{name}\n"

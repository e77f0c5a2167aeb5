"""Where an error of the user's code was raised. Found once for each way to such a place: the errors of a flow
come by the thousand, and from few places.
"""

from __future__ import annotations

from types import CodeType, TracebackType
from typing import Final, NamedTuple

from ..reporting.call_site import raised_line

_MOST_WAYS: Final = 1_000


class RaisedAt(NamedTuple):
    """`place` is for the fingerprint: `module.function+2` is two lines below its `def`, wherever that stands
    in the file. `line` is the user's line (`flows/orders.py:12`), relative to the folder that the process was
    in when the first such error came.
    """

    place: str
    line: str
    codes: tuple[CodeType, ...]
    """What the way leads through: as long as they are held, nothing else has their ids."""


_ways: dict[tuple[int, ...], RaisedAt] = {}


def raised_at(traceback: TracebackType | None, function: object) -> RaisedAt:
    """Where an error with this traceback was raised, in `function` or what it called."""
    code = getattr(function, "__code__", None)
    key = [id(code)]
    at = traceback
    while at is not None:
        key += (id(at.tb_frame.f_code), at.tb_lasti)
        at = at.tb_next
    way = tuple(key)
    known = _ways.get(way)
    if known is None:
        if len(_ways) >= _MOST_WAYS:  # recursion, or code that is made while the flow runs
            _ways.clear()
        known = _ways[way] = _looked_up(traceback, code)
    return known


def _looked_up(traceback: TracebackType | None, code: CodeType | None) -> RaisedAt:
    codes = [] if code is None else [code]
    own = last = None
    at = traceback
    while at is not None:
        last = at
        codes.append(at.tb_frame.f_code)
        if code is not None and at.tb_frame.f_code.co_filename == code.co_filename:
            own = at
        at = at.tb_next
    found = own or last
    place = ""
    if found is not None:
        frame = found.tb_frame
        name = getattr(frame.f_code, "co_qualname", frame.f_code.co_name)
        line = found.tb_lineno - frame.f_code.co_firstlineno
        place = f"{frame.f_globals.get('__name__', '')}.{name}+{line}"
    return RaisedAt(place, raised_line(traceback), tuple(codes))

"""Which line of the user's code something is about: where a step was called, where a message failed."""

from __future__ import annotations

import importlib.util
import os
import re
import sys
import sysconfig
from functools import lru_cache
from pathlib import Path
from types import FrameType, TracebackType
from typing import Final

from ..errors import FlowError

_HERE: Final = str(Path(__file__).parents[1])
_BYTEWAX: Final = importlib.util.find_spec("bytewax")
_COMPILED: Final = os.path.join("runtime", "kgen_runtime")  # noqa: PTH118 - a prefix of texts
"""Where Cython, in its frames, says that the native codec is: below the folder that it was built in."""
_CALLED_BY_USERS: Final = tuple(
    f"{folder}{os.sep}"
    for folder in (_HERE, _COMPILED, *((_BYTEWAX and _BYTEWAX.submodule_search_locations) or ()))
)
_LIBRARIES: Final = (
    *_CALLED_BY_USERS,
    *(f"{sysconfig.get_path(name)}{os.sep}" for name in ("stdlib", "platstdlib", "purelib", "platlib")),
)
_FRAME: Final = re.compile(r'^  File "(.+)", line (\d+), in ', re.MULTILINE)

_steps: dict[str, str] = {}


def users_line() -> str | None:
    """`flows/orders.py:12`: the line outside kgen's runtime and Bytewax that leads here."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and _is_of(frame.f_code.co_filename, _CALLED_BY_USERS):
        frame = frame.f_back
    return None if frame is None else shown_line(frame.f_code.co_filename, frame.f_lineno)


def note_step(step_id: str) -> None:
    """Remember which line makes this step; the last one counts."""
    line = users_line()
    if line is not None:
        _steps[step_id] = line


def step_line(step_id: str) -> str:
    """The line that made a step, or the step that it is inside of; empty where none was noted."""
    while step_id and step_id not in _steps:
        step_id = step_id.rpartition(".")[0]
    return _steps.get(step_id, "")


def failed_line(traceback: str) -> str:
    """The innermost line of the user's own code in a traceback's text; empty where it has none."""
    frames = _FRAME.findall(traceback)
    for folders in (_LIBRARIES, _CALLED_BY_USERS):  # a flow may be installed where libraries are
        own = [frame for frame in frames if not _is_of(frame[0], folders)]
        if own:
            return shown_line(*own[-1])
    return ""


def raised_line(traceback: TracebackType | None) -> str:
    """As `failed_line`, of the traceback itself."""
    for folders in (_LIBRARIES, _CALLED_BY_USERS):
        found, at = None, traceback
        while at is not None:
            if not _is_of(at.tb_frame.f_code.co_filename, folders):
                found = at
            at = at.tb_next
        if found is not None:
            return shown_line(found.tb_frame.f_code.co_filename, found.tb_lineno)
    return ""


def wrong_argument(what: str, hint: str) -> FlowError:
    """The error of an argument, at the user's line."""
    return FlowError(what, where=users_line(), hint=hint)


@lru_cache(maxsize=1_000)
def _is_of(file: str, folders: tuple[str, ...]) -> bool:
    return file.startswith(folders) or file.startswith("<")


def shown_line(file: str, line: int | str) -> str:
    """`flows/orders.py:12`: relative, if it is below the folder that we are in."""
    try:
        folder = os.getcwd()  # noqa: PTH109 - of the thousands of failures; Path.cwd takes ten times as long
    except FileNotFoundError:  # it was deleted
        return f"{file}:{line}"
    return f"{file.removeprefix(folder + os.sep)}:{line}"

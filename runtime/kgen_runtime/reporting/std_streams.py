"""Standard streams that are closed or full: they stop no program, and lost output is reported."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from typing import TypeVar


class StdoutError(OSError):
    """stdout is full, or its reader went away."""

    def __str__(self) -> str:
        return f"stdout cannot be written: {self.strerror}"


class _StrictWriter(io.TextIOWrapper):
    """stdout whose errors can be distinguished from those of other files, and are kept: `argparse` ignores
    them.
    """

    lost: StdoutError | None = None

    def write(self, text: str, /) -> int:
        try:
            return super().write(text)
        except OSError as error:
            raise self._kept(error) from None

    def flush(self) -> None:
        try:
            super().flush()
        except OSError as error:
            raise self._kept(error) from None

    def _kept(self, error: OSError) -> StdoutError:
        self.lost = StdoutError(error.errno, error.strerror)
        return self.lost


class _TolerantWriter(io.TextIOWrapper):
    """stderr that may be full or gone: there is nowhere to report that, and the work goes on. What was not
    written is tried again with the next text, as far as the buffer holds it.
    """

    def write(self, text: str, /) -> int:
        try:
            return super().write(text)
        except OSError:
            return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            super().flush()


def prepare() -> None:
    """Have the null device where a stream is closed, so that no file or socket takes its number; a stdout
    that raises `StdoutError`, and a stderr that raises nothing. For programs, at their start; processes that
    they start inherit the null device.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            _open_null(number)
    sys.stdin = sys.stdin or open(0, closefd=False)  # noqa: SIM115 - the process's own
    if sys.stdout is None or type(sys.stdout) is io.TextIOWrapper:  # a test's own stays
        sys.stdout = _wrapped(sys.stdout, _StrictWriter, 1)
    if sys.stderr is None or type(sys.stderr) is io.TextIOWrapper:
        sys.stderr = _wrapped(sys.stderr, _TolerantWriter, 2)


def _open_null(number: int) -> None:
    null = os.open(os.devnull, os.O_RDWR)
    if null == number:
        os.set_inheritable(null, True)
    else:
        os.dup2(null, number)
        os.close(null)


_Writer = TypeVar("_Writer", _StrictWriter, _TolerantWriter)


def _wrapped(old: io.TextIOWrapper | None, kind: type[_Writer], number: int) -> _Writer:
    if old is None:
        return kind(open(number, "wb", closefd=False))
    return kind(
        old.buffer,
        encoding=old.encoding,
        errors=old.errors,
        line_buffering=old.line_buffering,
        write_through=old.write_through,
    )


def lost_output() -> OSError | None:
    """Write out what stdout holds back. Why something could not be written, if so; the rest is dropped then:
    Python would complain at its end.
    """
    lost: OSError | None = sys.stdout.lost if isinstance(sys.stdout, _StrictWriter) else None
    try:
        sys.stdout.flush()
    except OSError as error:
        lost = lost or error
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)
    except ValueError:  # closed by the program itself
        pass
    return lost

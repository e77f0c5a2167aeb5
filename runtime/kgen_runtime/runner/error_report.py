"""Reporting why a run failed, also where Bytewax hides it.

In one process of several an error is lost: the threads of the network panic after the worker did, and Bytewax
raises their panic instead. So there the errors that Bytewax makes around what was raised are noted when they
are made.
"""

from __future__ import annotations

import hashlib
import logging
import os
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NoReturn

from bytewax.errors import BytewaxRuntimeError
from bytewax.recovery import InconsistentPartitionsError, MissingPartitionsError, NoPartitionsError

from .._bytewax import is_panic, network_problem, noting, step_named
from ..errors import KgenError, ProcessingError, causes, named_text
from ..flow.failures import class_name
from ..recovery.folder import explained
from ..reporting.call_site import failed_line
from ..reporting.printable import escaped
from ..reporting.progress import PROGRESS
from ..reporting.std_streams import StdoutError
from .control_channel import ProcessEnd, ProcessReport
from .log_format import error_text, write_line
from .shutdown import FAILED

_MADE: Final = (
    BytewaxRuntimeError,
    InconsistentPartitionsError,
    MissingPartitionsError,
    NoPartitionsError,
)
_PATIENCE: Final = 2.0
"""Seconds for Bytewax to end the process after an error; it waits for workers that are busy."""


class CutOffError(KgenError):
    """The cluster broke off, and this process recorded no cause."""

    def __init__(self) -> None:
        super().__init__(
            "the cluster failed and no process reported a cause",
            hint="Bytewax does not report some of its own errors when several processes run; with "
            "--processes 1 it does. Most often the disk of the recovery folder is full, or a stateful "
            "step was given an item that is not a (key, value).",
        )


class NetworkError(KgenError):
    """Bytewax could not connect the processes, as something else came to one of its ports."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"Bytewax could not connect the processes of the cluster: {escaped(why)}",
            hint="Something else than these processes has connected to one of their ports, or listens "
            "there: let nothing else reach them. Started again, all go on after the last epoch that was "
            "committed.",
        )


def report_error(error: BaseException, control: ProcessEnd | None = None) -> None:
    """What, where and a hint; a traceback for errors that are not kgen's.

    A process of a local cluster leaves that to the one that started it, which shows once what all report.
    """
    known = _known(error)
    if known is not None:
        _write(known, control)
        return
    chain = list(causes(error))
    root = chain[-1]
    found = "".join(traceback.format_exception(type(root), root, root.__traceback__))
    step = next((f"step {named}" for cause in chain if (named := step_named(cause))), None)
    _write(
        KgenError(named_text(class_name(root), root), where=step or failed_line(found) or None),
        control,
        found,
    )


def headline(error: BaseException) -> str:
    """What is reported of it, without where and hint: for the other processes of the cluster."""
    known = _known(error)
    root = list(causes(error))[-1]
    return named_text(class_name(root), root) if known is None else known.what


def _known(error: BaseException) -> KgenError | None:
    """Of what it was raised from, what says most."""
    for cause in reversed(list(causes(error))):
        known = cause if isinstance(cause, KgenError) else explained(cause) or _lost_output(cause)
        if known is not None:
            return known
    return None


def _lost_output(cause: BaseException) -> KgenError | None:
    """Of a step that prints, as `op.inspect` does; None if it is something else."""
    return KgenError(str(cause)) if isinstance(cause, StdoutError) else None


def _write(error: KgenError, control: ProcessEnd | None, found: str = "") -> None:
    found = found or (error.traceback if isinstance(error, ProcessingError) else "")
    text = f"{found.rstrip()}\nerror: {error}" if found else f"error: {error}"
    text = "\n".join(map(escaped, text.split("\n")))
    parts = {"what": error.what, "where": error.where, "hint": error.hint}
    shown = error_text(text, **parts, **({"traceback": found} if found else {}))
    # In JSON the same error is another text in each process.
    key = hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()
    if control is None or not control.send(ProcessReport.ERROR, f"{key}\n{shown}"):
        write_line(shown)


@contextmanager
def reraise_hidden_error(control: ProcessEnd | None) -> Iterator[None]:
    """For Bytewax's run in one process of several: raises the error that is behind a panic, `CutOffError` if
    it is another process's, or `NetworkError`.
    """
    noted = RecordedErrors(control)
    with noted.taken():
        try:
            yield
        except BaseException as error:
            if not is_panic(error):
                if why := network_problem(error):
                    raise NetworkError(why) from None
                raise
            first = noted.first()
            if first is None:
                raise CutOffError from None
            raise first from first.__cause__


class RecordedErrors:
    """The errors that Bytewax made, in their order."""

    def __init__(self, control: ProcessEnd | None) -> None:
        self._control = control
        self._errors: list[BaseException] = []
        self._timer = threading.Timer(_PATIENCE, self._end)
        self._timer.daemon = True

    @contextmanager
    def taken(self) -> Iterator[None]:
        """While entered, they are noted. If Bytewax then does not come to an end, the first is reported and
        the process left.
        """

        def note(error: BaseException) -> None:
            self._errors.append(error)
            if len(self._errors) == 1:
                self._timer.start()

        try:
            with noting(_MADE, note):
                yield
        finally:
            self._timer.cancel()

    def first(self) -> BaseException | None:
        """The first error, as the cause of all that was made around it."""
        return next((error for error in reversed(self._errors) if self._is_behind(error)), None)

    def _is_behind(self, error: BaseException) -> bool:
        return any(cause is self._errors[0] for cause in causes(error))

    def _end(self) -> None:
        first = self.first()
        if first is not None:
            report_error(first, self._control)
        leave(FAILED)


def leave(code: int) -> NoReturn:
    """End this process at once: threads of Bytewax's network that still run would abort it."""
    PROGRESS.finish()
    logging.shutdown()
    sys.stderr.flush()
    os._exit(code)

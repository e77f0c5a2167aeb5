"""The form of what the runner writes to stderr: text, or a JSON object on each line."""

from __future__ import annotations

import json
import logging
import sys
import threading
import traceback
from contextlib import suppress
from datetime import datetime, timezone
from typing import Any, Final, Literal, TextIO, TypeAlias, get_args

from ..errors import named_text

log = logging.getLogger("kgen_runtime.run")

LogFormat: TypeAlias = Literal["text", "json"]
FORMATS: Final = get_args(LogFormat)

REPORTED: Final = "kgen_reported"
"""The attribute of a record that has its event and fields. A name of its own: other libraries' records have
attributes too.
"""

_TEXT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class _Form:
    json = False
    process: int | None = None
    flow: str | None = None


def configure(form: str, level: str, process: int | None, flow: str | None = None) -> None:
    """Have everything that is logged in this process written so. Of a cluster, every line says of which
    `process` it is; in JSON also of which `flow`.
    """
    _Form.json, _Form.process, _Form.flow = form == "json", process, flow
    handler: logging.StreamHandler[TextIO] = _JsonHandler() if _Form.json else logging.StreamHandler()
    handler.setFormatter(_Json() if _Form.json else _Text(_TEXT))
    logging.basicConfig(level=level, handlers=[handler])
    if _Form.json:
        logging.captureWarnings(True)
        threading.excepthook = _on_thread_error
        sys.unraisablehook = _on_unraisable


def error_text(text: str, **fields: object) -> str:
    """The error that ends the run: `text`, or in JSON its parts. It ends the whole cluster, so in text no
    process is named.
    """
    if _Form.json:
        text = _line("ERROR", "kgen_runtime.run", "error", text.rstrip(), fields)
    return text.rstrip("\n")


def write_error(text: str, **fields: object) -> None:
    """As `error_text` makes it."""
    write_line(error_text(text, **fields))


def write_line(line: str) -> None:
    """What `error_text` made, here or in a process of the cluster."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return _prefixed(super().format(record))


class _JsonHandler(logging.StreamHandler):  # type: ignore[type-arg] # not in Python 3.10
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Of a record that cannot be written, as its arguments do not fit its text: that is a line too."""
        error = sys.exc_info()[1]
        if error is None or not logging.raiseExceptions or isinstance(error, (OSError, RecursionError)):
            return
        at = f"{record.pathname}:{record.lineno}"
        text = record.msg if isinstance(record.msg, str) else type(record.msg).__name__
        said = f"{text} (not all of it: {named_text(type(error).__name__, error)}, at {at})"
        fields = {"traceback": "".join(traceback.format_exception(error))}
        with suppress(OSError, ValueError):
            write_line(_line(record.levelname, record.name, "log", said, fields, record.created))


def _on_thread_error(given: threading.ExceptHookArgs) -> None:
    if given.exc_type is not SystemExit and given.exc_value is not None:
        name = None if given.thread is None else given.thread.name
        log.error("an error in thread %s", name, exc_info=given.exc_value)


def _on_unraisable(given: sys.UnraisableHookArgs) -> None:
    said = given.err_msg or "an error that nobody could be given, in"
    log.error("%s %s", said, type(given.object).__qualname__, exc_info=given.exc_value)


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        event, fields = getattr(record, REPORTED, ("log", {}))
        fields = dict(fields)
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        if record.stack_info:
            fields["stack"] = record.stack_info
        return _line(record.levelname, record.name, event, record.getMessage(), fields, record.created)


def _line(
    level: str, name: str, event: str, message: str, fields: dict[str, Any], created: float | None = None
) -> str:
    now = datetime.now(timezone.utc) if created is None else datetime.fromtimestamp(created, timezone.utc)
    head = {"version": 1, "time": now.isoformat(timespec="milliseconds"), "level": level.lower()}
    flow = {} if _Form.flow is None else {"flow": _Form.flow}
    process = {} if _Form.process is None else {"process": _Form.process}
    return json.dumps(
        {**head, **flow, **process, "logger": name, "event": event, "message": message, **fields}, default=str
    )


def _prefixed(text: str) -> str:
    if _Form.process is None or _Form.json:
        return text
    return "\n".join(f"[{_Form.process}] {line}" for line in text.split("\n"))

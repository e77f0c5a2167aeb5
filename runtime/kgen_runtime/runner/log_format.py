"""The form of what the runner writes to stderr: text, or a JSON object on each line."""

from __future__ import annotations

import json
import logging
import sys
from datetime import datetime, timezone
from typing import Any, Final, Literal, TextIO, TypeAlias, get_args

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
    handler: logging.StreamHandler[TextIO] = logging.StreamHandler()
    handler.setFormatter(_Json() if _Form.json else _Text(_TEXT))
    logging.basicConfig(level=level, handlers=[handler])
    if _Form.json:
        logging.captureWarnings(True)


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


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        event, fields = getattr(record, REPORTED, ("log", {}))
        fields = dict(fields)
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
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

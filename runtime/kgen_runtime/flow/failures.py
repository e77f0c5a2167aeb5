"""Making a `Failure` of an exception: its stage, whether it may pass, and a fingerprint to group by."""

from __future__ import annotations

import hashlib
import re
import time
from functools import lru_cache
from types import TracebackType
from typing import Any, Final

from ..errors import (
    DecodeError,
    DeliveryError,
    EncodeError,
    FramingError,
    KgenError,
    RegistryUnavailable,
    ResolutionError,
    RulesError,
    UnexpectedTypeError,
    UnknownSchema,
    ValidationError,
    causes,
    named_text,
)
from ..messages import Failure, Message, RawMessage, Stage
from ..metrics import failed
from ..reporting.call_site import raised_line, step_line
from ..reporting.printable import bounded
from ..reporting.traceback_text import traceback_text

MAX_MESSAGE: Final = 1_000
MAX_PROBLEMS: Final = 4_000
"""Characters of a message that has several problems in it."""
MAX_TRACEBACK: Final = 4_000
MAX_PATH: Final = 300

_TRANSIENT: Final = (RegistryUnavailable, DeliveryError)

_STAGES: Final[tuple[tuple[type[Exception], Stage], ...]] = (
    (FramingError, Stage.FRAMING),
    (UnknownSchema, Stage.UNKNOWN_SCHEMA),
    (UnexpectedTypeError, Stage.UNEXPECTED_TYPE),
    (DecodeError, Stage.DECODE),
    (ResolutionError, Stage.DECODE),
    (RulesError, Stage.DECODE),
    (ValidationError, Stage.VALIDATE),
    (EncodeError, Stage.SERIALIZE),
)


def failure(
    error: BaseException,
    original: RawMessage,
    *,
    step: str,
    stage: Stage | None = None,
    part: str | None = None,
    schema_id: int | None = None,
    key_schema_id: int | None = None,
    value_schema_id: int | None = None,
    place: str | None = None,
    line: str | None = None,
    attributes: dict[str, Any] | None = None,
) -> Failure:
    """What became of `original`, counted. `stage`, `place` (of the code, for the fingerprint) and `line` (of
    the user's that raised) are found from the error where they are not given.
    """
    stage = stage or stage_of(error)
    failed(original.topic, stage.value, schema_id, step)
    name, cause = class_name(error), root_cause(error)
    cause_name = name if cause is error else class_name(cause)
    path, position = "", None
    if isinstance(error, KgenError):
        path = _path(error)
        position = error.position if isinstance(error, DecodeError) else None
    return Failure(
        stage=stage,
        transient=is_transient(error),
        error_class=name,
        message=_message(error, cause),
        fingerprint=fingerprint(stage, name, schema_id, _place(path) if place is None else place),
        original=original,
        traceback=_traceback(error),
        step=step,
        part=part,
        schema_id=schema_id,
        attributes=attributes or {},
        path=bounded(path, MAX_PATH),
        position=position if position is not None and position >= 0 else None,
        key_schema_id=key_schema_id,
        value_schema_id=value_schema_id,
        place=(raised_line(error.__traceback__) if line is None else line) or step_line(step),
        cause_class=cause_name,
        first_seen=time.time_ns() // 1_000_000,
    )


def is_transient(error: BaseException) -> bool:
    """Whether it may pass, and is not the message's fault; also where it is the cause of another error."""
    if isinstance(error, _TRANSIENT):
        return True
    return error.__cause__ is not None and isinstance(root_cause(error), _TRANSIENT)


def root_cause(error: BaseException) -> BaseException:
    """The error that the first `raise ... from ...` was given, or the error itself. kgen's own errors say all
    themselves, and an error that was merely being handled is not a cause: neither is looked behind.
    """
    root = error
    if error.__cause__ is None:  # most errors: those of a flow come by the thousand
        return root
    for cause in causes(error):
        if cause is not error and cause is not root.__cause__:
            break
        root = cause
        if isinstance(root, KgenError):
            break
    return root


def stage_of(error: BaseException) -> Stage:
    """The stage an error speaks of."""
    return next((stage for kind, stage in _STAGES if isinstance(error, kind)), Stage.PROCESS)


def class_name(error: BaseException) -> str:
    """`ValueError`, `kgen_runtime.errors.DecodeError`, `shop.flows.NoStock`."""
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def shown_class(name: str) -> str:
    """A class as people read it: without the module where the class is kgen's own (`DecodeError`)."""
    return name.removeprefix(f"{KgenError.__module__}.")


@lru_cache(maxsize=1_000)
def fingerprint(stage: Stage, error_class: str, schema_id: int | None, place: str) -> str:
    """16 hex digits that are the same for failures of the same kind at the same place."""
    text = "\0".join((stage.value, error_class, str(schema_id), place))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def original_of(message: Message[Any, Any]) -> RawMessage:
    """The message as it was read; for one made in the flow, what can be said of it: bytes as they are,
    anything else as its `repr`.
    """
    raw = message.raw()
    if raw is not None:
        return raw
    return RawMessage(
        key=_as_bytes(message.key),
        value=_as_bytes(message.value),
        topic=message.topic or "",
        timestamp=message.timestamp,
        headers=tuple((_as_text(name), _as_bytes(value)) for name, value in message.headers),
    )


def _as_bytes(value: object) -> bytes | None:
    if value is None or isinstance(value, bytes):
        return value
    try:
        return repr(value).encode(errors="backslashreplace")
    except Exception:  # noqa: BLE001 - of a class of the user's
        return f"<{type(value).__qualname__}, whose repr fails>".encode()


def _as_text(name: object) -> str:
    """With lone surrogates, which cannot be written, in escapes."""
    return str(name).encode(errors="backslashreplace").decode()


def _message(error: BaseException, cause: BaseException) -> str:
    several = isinstance(error, KgenError) and bool(getattr(error, "problems", None))
    text = bounded(_text(error), MAX_PROBLEMS if several else MAX_MESSAGE)
    if cause is error:
        return text
    below = f" (caused by {named_text(class_name(cause), _text(cause))})"
    return bounded(text, MAX_MESSAGE // 2) + bounded(below, MAX_MESSAGE // 2)


def _text(error: BaseException) -> str:
    try:
        if not isinstance(error, KgenError):
            return str(error) or type(error).__name__
        text = str(error.what) or Exception.__str__(error) or type(error).__name__
        if error.where:
            text = f"{text} (at {error.where})"
        # A setting may take such messages, and the reader of a dead letter needs its name.
        return f"{text}. {error.hint}" if isinstance(error, DecodeError) and error.hint else text
    except Exception:  # noqa: BLE001 - the user's own __str__
        return f"{type(error).__name__}, whose __str__ raises"


def _path(error: BaseException) -> str:
    """Of the field at fault; of several problems the first one's."""
    if isinstance(error, ValidationError):
        return error.problems[0].path if error.problems else ""
    return error.path if isinstance(error, (DecodeError, EncodeError)) else ""


def _place(path: str) -> str:
    # Which item of an array or key of a map it was is chance: orders[17].price and orders[3].price are one
    # kind of failure, and so are /orders/17/price and /orders/3/price.
    if not path:
        return ""
    return re.sub(r"/[0-9]+(?=/|$)", "/0", path) if path[:1] == "/" else re.sub(r"\[[^]]*\]", "[]", path)


def _traceback(error: BaseException) -> str:
    # kgen's own errors say all in their text; the frames inside the runtime would only make the message
    # larger.
    if isinstance(error, KgenError) or error.__traceback__ is None:
        return ""
    return bounded(traceback_text(error, _outside(error.__traceback__)), MAX_TRACEBACK)


def _outside(traceback: TracebackType) -> TracebackType:
    """Without the frame of the operator that caught it."""
    return traceback.tb_next or traceback

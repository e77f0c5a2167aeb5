"""The expression of `--where`: the user's own code, on each message."""

from __future__ import annotations

import re
from types import CodeType
from typing import Any, Final

from kgen_runtime.errors import KgenError
from kgen_runtime.messages import Headers
from kgen_runtime.reporting.printable import printable

from ..errors import ConfigError

NAMES: Final = ("value", "key", "partition", "offset", "timestamp", "headers")


class MessageFilter:
    """What an expression says of messages. It may use `NAMES`, Python's builtins, and nothing else.

    `raised` is of how many messages it raised, `first` what it raised on the first of them. Raises
    `ConfigError` if it is not an expression.
    """

    def __init__(self, expression: str) -> None:
        self.raised = 0
        self.first = ""
        self.where = ""
        self._expression = expression
        try:
            self._code: CodeType = compile(expression.strip(), "--where", "eval")
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            hint = f"An expression of Python with {', '.join(NAMES)}: --where 'value.amount > 100'"
            if re.search(r"[^=!<>:]=[^=]", expression):
                hint += "; == compares"
            raise ConfigError(f"not an expression: {error}", where="--where", hint=hint) from None

    def fits(
        self, key: Any, value: Any, partition: int, offset: int, timestamp: int | None, headers: Headers
    ) -> bool:
        """Whether it is true of a message. If it raises, that is counted, and False."""
        names = {
            "value": value,
            "key": key,
            "partition": partition,
            "offset": offset,
            "timestamp": timestamp,
            "headers": dict(headers),
        }
        try:
            # It comes from the command line of the user who runs this process, as all that a shell runs does.
            return bool(eval(self._code, names))  # noqa: S307
        except Exception as error:  # noqa: BLE001 - whatever the user's code raises
            self.note_raised(error, f"partition {partition}, offset {offset}", value)
            return False

    def note_raised(self, error: Exception, where: str, value: Any = None) -> None:
        """Count a message on which it raised, or would have."""
        self.raised += 1
        if not self.first:
            what = error.what if isinstance(error, KgenError) else str(error)
            self.first = printable(f"{type(error).__name__}: {what}")
            self.where = where
            self._hint = _hint(error, value)

    @property
    def hint(self) -> str:
        """What may help against the first one."""
        return self._hint

    _hint = ""


def _hint(error: Exception, value: Any) -> str:
    if value is None and isinstance(error, (AttributeError, TypeError)):
        return "The value is null there (a tombstone): value is not None and …"
    if isinstance(error, NameError):
        return f"The names are {', '.join(NAMES)}; fields are those of value: value.amount"
    if isinstance(error, TypeError) and "NoneType" in str(error):
        return "A field is null there: … is not None and …"
    if isinstance(error, AttributeError):
        return "`kgen cat TOPIC -n 1` shows which fields there are; names are those of the classes"
    return "Only messages on which it is true are shown; these are not among them."

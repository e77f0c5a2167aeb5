"""Lines of JSON as messages: the form of `kgen cat`, or values alone."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from kgen_runtime.errors import EncodeError
from kgen_runtime.serde.framing import HEADERS

from ..errors import ConfigError
from .part_inputs import PartInput, parse_line

Shape: TypeAlias = Literal["auto", "message", "value"]
_OF_MESSAGE: Final = frozenset(
    {"key", "value", "headers", "timestamp", "partition", "offset", "topic", "schema_id"}
)
_MOST_MILLIS: Final = 1 << 62
LONGEST_LINE: Final = 100 << 20
"""Characters of a line: no message is as long."""


@dataclass(frozen=True, slots=True)
class LineMessage:
    """A message that a line asks for, encoded."""

    line: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    timestamp: int | None

    def place(self, source: str) -> str:
        """Where it stands, for errors."""
        return f"{source}, line {self.line:,}"


@dataclass(frozen=True)
class LineReader:
    """Makes messages of lines. With `key_field` the key is that field of the value. `shape` says what lines
    are; `auto`: an object with `value` and no names but those of a message is one, all else is a value.
    """

    key: PartInput
    value: PartInput
    key_field: str | None = None
    shape: Shape = "auto"

    def messages(self, lines: Iterable[str], source: str) -> Iterator[LineMessage]:
        """The messages of all lines but the empty ones. Raises `ConfigError` with the line and the pointer of
        what does not fit.
        """
        for number, text in enumerate(lines, 1):
            if text.strip():
                yield self._message(number, text, f"{source}, line {number:,}")

    def _message(self, number: int, text: str, where: str) -> LineMessage:
        if len(text) > LONGEST_LINE:
            raise ConfigError(f"the line has more than {LONGEST_LINE >> 20} MB", where=where)
        try:
            given = parse_line(text)
        except json.JSONDecodeError as error:
            hint = "Each line is one JSON value." if error.pos >= len(text.rstrip()) else None
            raise ConfigError(
                f"not JSON: {error.msg}", where=f"{where}, column {error.colno}", hint=hint
            ) from None
        except (ValueError, RecursionError) as error:
            raise ConfigError(f"not JSON: {error}", where=where) from None
        is_message = self._is_message(given, where)
        fields = given if is_message else {"value": given}
        value = fields["value"]
        pointer = "/value" if is_message else ""
        payload = self._encoded(self.value, value, where, pointer, "value")
        key = self._key(fields, where, pointer)
        return LineMessage(
            number, key, payload, _headers(fields.get("headers"), where), _timestamp(fields, where)
        )

    def _is_message(self, given: Any, where: str) -> bool:
        if self.shape == "value":
            return False
        is_object = isinstance(given, dict)
        if is_object and "error" in given and given.keys() & {"raw_value", "raw_key"}:
            raise ConfigError(
                "this is a message that `kgen cat` could not read, so there is no value to write",
                where=where,
                hint="Leave such lines out: jq -c 'select(.error | not)'",
            )
        fits = is_object and "value" in given and given.keys() <= _OF_MESSAGE
        if self.shape == "message" and not fits:
            raise ConfigError(
                "not a message: expected an object with value, and with key, headers, timestamp if wanted",
                where=where,
                hint="--lines value takes each line for a value.",
            )
        return fits

    def _key(self, fields: Any, where: str, pointer: str) -> bytes | None:
        if self.key_field is None:
            return self._encoded(self.key, fields.get("key"), where, "/key", "key")
        value = fields["value"]
        if fields.get("key") is not None:
            raise ConfigError("the line has a key, and --key-field is given", where=f"{where}, /key")
        if not isinstance(value, dict) or self.key_field not in value:
            raise ConfigError(
                f"the value has no field {self.key_field[:80]}",
                where=f"{where}, {pointer or '/'}",
                hint="--key-field names a field of the value.",
            )
        return self._encoded(
            self.key, value[self.key_field], where, f"{pointer}/{self.key_field[:80]}", "key"
        )

    def _encoded(self, part: PartInput, value: Any, where: str, pointer: str, role: str) -> bytes | None:
        try:
            return part.encode(value)
        except EncodeError as error:
            what = f"the {role} does not fit: {error.what}"
            within = (
                error.path if error.path.startswith("/") else ""
            )  # of Protobuf and of writers a path with dots
            field = f", field {error.path[:200]}" if error.path and not within else ""
            raise ConfigError(
                what, where=f"{where}, {pointer}{within or '/' * (not pointer)}{field}", hint=error.hint
            ) from None


def _headers(given: Any, where: str) -> tuple[tuple[str, bytes | None], ...]:
    if given is None:
        return ()
    hint = 'As `kgen cat` prints them: "headers": [{"name": "trace", "value": "1"}]; or {"trace": "1"}.'
    pairs: list[tuple[Any, Any]] = []
    if isinstance(given, dict):
        pairs = list(given.items())
    elif isinstance(given, list) and all(
        isinstance(e, dict) and e.keys() == {"name", "value"} for e in given
    ):
        pairs = [(each["name"], each["value"]) for each in given]
    else:
        raise ConfigError(
            "the headers are not a list of names and values", where=f"{where}, /headers", hint=hint
        )
    # What is written is framed: a header with the schema of the message that was read would contradict that.
    kept = [(name, value) for name, value in pairs if name not in HEADERS.values()]
    return tuple((_name(name, where), _header(value, where, hint)) for name, value in kept)


def _name(name: Any, where: str) -> str:
    if not isinstance(name, str) or "\0" in name:
        raise ConfigError("a header's name is not a string", where=f"{where}, /headers")
    return name.encode(errors="replace").decode()


def _header(value: Any, where: str, hint: str) -> bytes | None:
    if value is None or isinstance(value, str):
        return None if value is None else value.encode(errors="replace")
    if isinstance(value, dict) and value.keys() == {"hex"} and isinstance(value["hex"], str):
        try:
            return bytes.fromhex(value["hex"])
        except ValueError:
            pass
    raise ConfigError(
        'a header\'s value is not text, {"hex": "00ff"} or null', where=f"{where}, /headers", hint=hint
    )


def _timestamp(fields: Any, where: str) -> int | None:
    given = fields.get("timestamp")
    if given is None:
        return None
    if type(given) is not int or not 0 <= given < _MOST_MILLIS:
        raise ConfigError(
            "the timestamp is not a number of milliseconds since 1970", where=f"{where}, /timestamp"
        )
    return given

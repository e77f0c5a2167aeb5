"""The bytes of a JSON message, and the grammar of RFC 8259 on them: what the nodes of the reader stand on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from json.decoder import c_scanstring  # type: ignore[attr-defined]  # None if the module is in plain Python
from typing import Final

from .. import reasons
from ..json import json_reasons
from ..limits import ITEMS, ITEMS_PER_BYTE, NUMBER_DIGITS

_SPACE: Final = re.compile(rb"[ \t\n\r]*")
_PLAIN: Final = re.compile(rb'[^"\\\x00-\x1f]*')
_ESCAPED: Final = re.compile(rb'(?:\\.[^"\\\x00-\x1f]*){1,1000}', re.DOTALL)
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_NUMBER: Final = re.compile(rb"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_ESCAPE: Final = re.compile(
    r"\\(?:u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|(.))", re.DOTALL
)
_ESCAPES: Final = {
    '"': '"',
    "\\": "\\",
    "/": "/",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
}
_REMEMBERED: Final = 1024
_QUOTE, _COMMA, _COLON, _BACKSLASH = b'",:\\'
_OPEN_ARRAY, _CLOSE_ARRAY, _OPEN_OBJECT, _CLOSE_OBJECT = b"[]{}"
_KIND_OF: Final = {
    **dict.fromkeys(b"-0123456789", json_reasons.NUMBER),
    **dict.fromkeys(b"tf", json_reasons.BOOLEAN),
    ord("n"): json_reasons.NULL,
    _QUOTE: json_reasons.STRING,
    _OPEN_ARRAY: json_reasons.ARRAY,
    _OPEN_OBJECT: json_reasons.OBJECT,
}


class JsonDamagedError(Exception):
    """The message is wrong at byte `at`; `parts` is the JSON pointer of the value, innermost first.

    `misfit`: a value is not of the type wanted; else a fault of the message, which no type could read.
    """

    def __init__(self, what: str, at: int, misfit: bool = False, hint: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.at = at
        self.misfit = misfit
        self.hint = hint
        self.parts: list[str | int] = []


class JsonCursor:
    """Where reading stands in the message, and what it may still spend.

    `data` is valid UTF-8 (from `at` on) with a NUL after its `end`, which no token takes: so the byte at
    the cursor may be looked at without asking whether there is one. `ends` has where long values end that
    were skipped: unions inside of unions skip what they hold again and again.
    """

    __slots__ = ("at", "data", "depth", "end", "ends", "items")

    def __init__(self, payload: bytes, at: int, depth: int) -> None:
        self.data = payload + b"\0"
        self.at = at
        self.end = len(payload)
        self.depth = depth
        self.ends: dict[int, int] = {}
        self.items = ITEMS + ITEMS_PER_BYTE * (self.end - at)

    def unexpected(self, what: str) -> JsonDamagedError:
        """The fault that `what` was expected at the cursor."""
        if self.at >= self.end:
            return JsonDamagedError(reasons.ENDS, self.end)
        return JsonDamagedError(what, self.at)

    def space(self) -> None:
        """Move past whitespace."""
        if self.data[self.at] <= 32:
            self.at = _SPACE.match(self.data, self.at).end()  # type: ignore[union-attr]  # it takes nothing too

    def kind(self) -> int:
        """What the value at the cursor is: an index into `json_reasons.KINDS`."""
        found = _KIND_OF.get(self.data[self.at])
        if found is not None:
            return found
        finite = self.data[self.at] not in b"NI"
        raise self.unexpected(json_reasons.EXPECTED_VALUE if finite else json_reasons.NOT_FINITE)

    def expect(self, kind: int, wanted: str) -> int:
        """Where the value at the cursor begins, if it is of this kind."""
        found = self.kind()
        if found != kind:
            raise JsonDamagedError(json_reasons.wrong_kind(wanted, found), self.at, misfit=True)
        return self.at

    def literal(self) -> bool | None:
        """true, false or null, by the byte at the cursor."""
        for text, value in ((b"true", True), (b"false", False), (b"null", None)):
            if self.data.startswith(text, self.at):
                self.at += len(text)
                return value
        raise JsonDamagedError(json_reasons.EXPECTED_VALUE, self.at)

    def number(self) -> tuple[str, bool]:
        """The text of the number at the cursor, and whether it has neither a fraction nor an exponent."""
        start = self.at
        match = _NUMBER.match(self.data, start)
        if match is None:
            self.at += 1
            infinite = self.data[self.at] == ord("I")
            raise self.unexpected(json_reasons.NOT_FINITE if infinite else json_reasons.EXPECTED_DIGIT)
        whole, fraction, exponent = match.groups()
        self.at = match.end()
        after = self.data[self.at]
        if exponent is None and (after in b"eE" or (after == ord(".") and fraction is None)):
            self.at += 2 if after != ord(".") and self.data[self.at + 1] in b"+-" else 1
            raise self.unexpected(json_reasons.EXPECTED_DIGIT)
        if len(whole) + len(fraction or b".") - 1 > NUMBER_DIGITS:
            raise JsonDamagedError(json_reasons.LONG_NUMBER, start)
        return match.group().decode("ascii"), fraction is None and exponent is None

    def string(self) -> str:
        """The text of the string at the cursor."""
        data, start = self.data, self.at + 1
        at = _PLAIN.match(data, start).end()  # type: ignore[union-attr]
        escaped = data[at] == _BACKSLASH
        while data[at] == _BACKSLASH and at + 1 < self.end:
            at = _ESCAPED.match(data, at, self.end).end()  # type: ignore[union-attr]
        if data[at] != _QUOTE:
            self.at = self.end if data[at] == _BACKSLASH else at
            raise self.unexpected(json_reasons.CONTROL)
        self.at = at + 1
        text = data[start:at].decode("utf-8")
        return _unescaped(text, start) if escaped else text

    def names(self) -> Iterator[tuple[str, int]]:
        """The names of the object at the cursor and where each begins, with the cursor behind it.

        The caller moves past the colon and the value (`colon` and a read) before it takes the next.
        """
        self.enter()
        self.at += 1
        self.space()
        data = self.data
        if data[self.at] == _CLOSE_OBJECT:
            self.at += 1
            self.depth += 1
            return
        while True:
            start = self.at
            if data[start] != _QUOTE:
                raise self.unexpected(json_reasons.EXPECTED_NAME)
            yield self.string(), start
            if not self._goes_on(_CLOSE_OBJECT, json_reasons.EXPECTED_NEXT_PROPERTY):
                self.depth += 1
                return

    def colon(self) -> None:
        """Move from behind a name to its value."""
        self.space()
        if self.data[self.at] != _COLON:
            raise self.unexpected(json_reasons.EXPECTED_COLON)
        self.at += 1
        self.space()

    def indexes(self) -> Iterator[int]:
        """The index of each item of the array at the cursor, which the caller then reads."""
        self.enter()
        self.at += 1
        self.space()
        index = 0
        if self.data[self.at] == _CLOSE_ARRAY:
            self.at += 1
        else:
            yield index
            while self._goes_on(_CLOSE_ARRAY, json_reasons.EXPECTED_NEXT_ITEM):
                index += 1
                yield index
        self.depth += 1

    def _goes_on(self, close: int, what: str) -> bool:
        """Move past a comma, or past the bracket that closes."""
        self.space()
        byte = self.data[self.at]
        if byte == _COMMA:
            self.at += 1
            self.space()
            return True
        if byte != close:
            raise self.unexpected(what)
        self.at += 1
        return False

    def enter(self) -> None:
        """Go one object or array deeper."""
        if self.depth <= 0:
            raise JsonDamagedError(reasons.TOO_DEEP, self.at)
        self.depth -= 1

    def charge(self, cost: int, at: int) -> None:
        """Take `cost` from the items that the message may still make; `at`: the value that has it."""
        if self.items < cost:
            raise JsonDamagedError(reasons.TOO_EMPTY, at)
        self.items -= cost

    def skip(self) -> None:
        """Move past the value at the cursor, of which only the grammar and the depth are checked."""
        kind, start = self.kind(), self.at
        if kind == json_reasons.STRING:
            self.string()
        elif kind == json_reasons.NUMBER:
            self.number()
        elif kind in (json_reasons.NULL, json_reasons.BOOLEAN):
            self.literal()
        elif start in self.ends:
            self.at = self.ends[start]
        else:
            self._skip_container(kind)
            if self.at - start >= _REMEMBERED:
                self.ends[start] = self.at

    def _skip_container(self, kind: int) -> None:
        if kind == json_reasons.OBJECT:
            for name, _ in self.names():
                self.skip_property(name)
            return
        for index in self.indexes():
            try:
                self.skip()
            except JsonDamagedError as error:
                error.parts.append(index)
                raise

    def skip_property(self, name: str) -> None:
        """Move past the colon and the value of this name."""
        try:
            self.colon()
            self.skip()
        except JsonDamagedError as error:
            error.parts.append(name)
            raise


def _unescaped(text: str, start: int) -> str:
    """What stands between the quotes of a string, without its escapes; `start`: where it begins."""
    if c_scanstring is not None:
        try:
            found: str = c_scanstring(text + '"', 0, True)[0]
        except ValueError:
            found = "\ud800"
        if not _SURROGATE.search(found):
            return found
    return _ESCAPE.sub(lambda match: _unescape(match, start), text)


def _unescape(match: re.Match[str], start: int) -> str:
    """What an escape stands for; `start`: where the string's text begins in the message."""
    high, low, unit, other = match.groups()
    if high:
        return chr(0x10000 + ((int(high, 16) & 0x3FF) << 10) + (int(low, 16) & 0x3FF))
    if unit and not 0xD800 <= int(unit, 16) <= 0xDFFF:
        return chr(int(unit, 16))
    if other in _ESCAPES:
        return _ESCAPES[other]
    at = start + len(match.string[: match.start()].encode("utf-8"))
    raise JsonDamagedError(json_reasons.LONE_SURROGATE if unit else json_reasons.BAD_ESCAPE, at)

"""Which messages a Protobuf file defines, and in which order: message indexes refer to that.

The text is scanned, not parsed: no protoc, no imports. It is what a registry gives as the schema of a writer,
so it is bounded, and what does not look like a file is a `SchemaError`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from ..errors import SchemaError
from .file_descriptors import described_order
from .message_scopes import MAX_NESTED, MessageOrder, MessageScope, OrderBuilder, checked_name

MAX_TEXT: Final = 16 << 20
"""Characters of a file."""

_HEAD: Final = 6  # tokens that say what a block is: `optional group Name = 1`
_WORDS: Final = r"""[ \t\r\n\f\v\ufeff]+ | //[^\n]* | /\*.*?\*/
    | (?P<word> [A-Za-z0-9_.]+ | "(?:[^"\\\n]|\\.)*" | '(?:[^'\\\n]|\\.)*' | [{}\[\];<>=,:()+-] )
    | (?P<other> . )"""
_ALL: Final = re.compile(_WORDS, re.DOTALL | re.VERBOSE)
# Most of a file are plain fields, which are passed over at once.
_FIELD: Final = r"(?<=[;{}]) \s* [\w.]+ \s+ (?:[\w.]+\s+)? \w+ \s*=\s* \d+ \s*; |"
_BUT_FIELDS: Final = re.compile(_FIELD + _WORDS, re.DOTALL | re.VERBOSE)
_BASE64: Final = re.compile(r"[A-Za-z0-9+/\s]+={0,2}\s*")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def message_order(text: str) -> MessageOrder:
    """The messages of a .proto text, or of a file's descriptor as base64, which some clients register.

    Raises `SchemaError` if it has no end, or too much of anything.
    """
    if len(text) > MAX_TEXT:
        raise SchemaError(f"a Protobuf file of {len(text)} characters: the most is {MAX_TEXT}")
    if _BASE64.fullmatch(text):
        return described_order(text)
    file = MessageScope("")
    open_: list[MessageScope] = [file]
    order = OrderBuilder()
    for head, end in _statements(text):
        if end == "{":
            if len(open_) > MAX_NESTED:
                raise SchemaError(f"blocks are nested more than {MAX_NESTED} levels deep")
            open_.append(_opened(head, open_[-1], order))
        elif end == "}":
            open_.pop()
            if not open_:
                raise SchemaError("a } too many")
        elif head[:1] == ["package"] and len(open_) == 1:
            file.name = checked_name("".join(head[1:]))
        elif head[:1] == ["map"] and head[1:2] == ["<"]:
            open_[-1].take_entry()
    if len(open_) > 1:
        raise SchemaError("a block without its }")
    return order.made(file.name)


def _opened(head: list[str], scope: MessageScope, order: OrderBuilder) -> MessageScope:
    """The scope of a block: that of a message if it defines one, else the one that it stands in."""
    if head[:1] in (["export"], ["local"]):  # of edition 2024
        head = head[1:]
    if head[:1] == ["message"] and len(head) == 2 and _NAME.fullmatch(head[1]):
        return order.add(scope, head[1])
    if head[:1] in (["optional"], ["required"], ["repeated"]):
        head = head[1:]
    if head[:1] == ["group"] and head[2:3] == ["="] and _NAME.fullmatch(head[1]):
        return order.add(scope, head[1], is_written=False)
    return scope


def _statements(text: str) -> Iterator[tuple[list[str], str]]:
    """The first tokens of each statement, and what ends it: `;`, or a brace that opens or closes a block.

    What stands in brackets, and the braces of an option's value, belong to the statement.
    """
    head: list[str] = []
    inside = 0
    for word in _tokens(text, _BUT_FIELDS):
        is_value = head[:1] == ["option"]
        if word == "[" or (word == "{" and (is_value or inside)):
            inside += 1
        elif inside and word in "]}":
            inside -= 1
        elif not inside and word in ";{}":
            yield head, word
            head = []
        elif not inside and (len(head) < _HEAD or head[0] == "package"):
            head.append(word)
    if head or inside:
        raise SchemaError("the text ends inside a statement")


def _tokens(text: str, pattern: re.Pattern[str]) -> Iterator[str]:
    """Without comments. What has no end ends it all: no search for an end begins twice."""
    for match in pattern.finditer(text):
        kind = match.lastgroup
        if kind == "other" and (match[0] in "\"'" or text.startswith("/*", match.start())):
            line = text.count("\n", 0, match.start()) + 1
            raise SchemaError("a text or a comment without an end", where=f"line {line}")
        if kind is not None:
            yield match[0]


def words_of(text: str) -> list[str]:
    """A .proto text without its comments and space. Raises `SchemaError`."""
    return list(_tokens(text, _ALL))

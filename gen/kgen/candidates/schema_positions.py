"""The line and column of a place in a schema's text."""

from __future__ import annotations

import json
import re

from ..errors import SchemaError

_SPACE = re.compile(r"[ \t\n\r]*")
_OF_PROTOC = re.compile(r"line ([0-9]+), column ([0-9]+)")
_DECODER = json.JSONDecoder()


def check_json(text: str, shown: str) -> None:
    """Raises `SchemaError` with line and column if a text is not JSON. Other faults are those of the parser
    of the language.
    """
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        what = "the file is empty" if not text.strip() else f"the schema is not JSON: {error.msg}"
        raise SchemaError(what, where=f"{shown}:{error.lineno}:{error.colno}") from None
    except RecursionError:
        raise SchemaError("the schema is nested too deeply", where=shown) from None


def placed(text: str, pointer: str | None) -> str:
    """`12:9`, the line and column of a JSON pointer in a text, or what protoc says of them; `1:1` if it does
    not lead anywhere.

    Of a place that is not there, as a missing key, it is that of what should have it.
    """
    found = _OF_PROTOC.fullmatch(pointer or "")
    if found:
        return f"{found[1]}:{found[2]}"
    try:
        at = _offset(text, (pointer or "").removesuffix("/"))
    except (ValueError, IndexError, RecursionError):
        at = 0
    return f"{text.count(chr(10), 0, at) + 1}:{at - (text.rfind(chr(10), 0, at) + 1) + 1}"


def _offset(text: str, pointer: str) -> int:
    at = _skip(text, 0)
    if not pointer.startswith("/"):
        return at
    for step in pointer[1:].split("/"):
        found = _inside(text, at, step.replace("~1", "/").replace("~0", "~"))
        if found is None:
            return at
        at = found
    return at


def _inside(text: str, at: int, step: str) -> int | None:
    """Where the value of a key, or the item of an index, begins in the object or list at `at`."""
    if text[at] not in "{[":
        return None
    is_object, found, number = text[at] == "{", None, 0
    at = _skip(text, at + 1)
    while text[at] not in "}]":
        key = str(number)
        if is_object:
            key, at = _DECODER.raw_decode(text, at)
            at = _skip(text, _skip(text, at) + 1)
        if key == step:
            found = at  # of equal keys the last one counts
        _, at = _DECODER.raw_decode(text, at)
        at = _skip(text, at)
        at = _skip(text, at + 1) if text[at] == "," else at
        number += 1
    return found


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at

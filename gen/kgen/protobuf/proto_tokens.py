"""The tokens of a .proto file's text, without protoc: what it imports, and whether two texts are the same."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_TOKEN: Final = re.compile(
    r"""
    (?P<space>\s+)
    | (?P<comment>//[^\n]*|/\*.*?(?:\*/|\Z))
    | (?P<text>"(?:[^"\\\n]|\\.)*"?|'(?:[^'\\\n]|\\.)*'?)
    | (?P<word>[\w.+-]+)
    | (?P<mark>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_DEEPEST: Final = 30  # levels that are indented
_SPACED: Final = re.compile(r"[\w\"'.+-]")


def tokens(text: str, *, comments: bool = False) -> Iterator[str]:
    """The words, texts in quotes and marks, with `comments` those too; of what is no .proto file anything."""
    for found in _TOKEN.finditer(text):
        if found.lastgroup != "space" and (comments or found.lastgroup != "comment"):
            yield found[0]


def imports(text: str) -> tuple[str, ...]:
    """The names of the files that it imports, in order."""
    found: dict[str, None] = {}
    depth, before = 0, ""
    for word in tokens(text):
        depth += {"{": 1, "}": -1}.get(word, 0)
        if before == "import" and word in ("public", "weak", "option"):
            continue
        if before == "import" and depth == 0 and word[0] in "\"'":
            found[word[1:-1]] = None
        before = word
    return tuple(found)


def is_proto2(text: str) -> bool:
    """Whether it is a file of proto2, which need not say so."""
    first = [word.strip("\"'") for word, _ in zip(tokens(text), range(3))]
    return first[:2] != ["edition", "="] and first[:3] != ["syntax", "=", "proto3"]


def laid_out(text: str) -> str:
    """The same file without its comments, in one layout."""
    lines: list[str] = []
    line, depth, brackets = "", 0, 0
    for word in tokens(text):
        brackets += {"[": 1, "]": -1}.get(word, 0)
        if word == "}" and not brackets:
            depth = max(depth - 1, 0)
        beside = line and _SPACED.match(line[-1]) and _SPACED.match(word[0])
        line += (" " if beside or word in ("{", "=", "[") or line[-1:] in ("=", ",", ">") else "") + word
        if word in ("{", "}", ";") and not brackets:
            lines.append("  " * min(depth, _DEEPEST) + line.strip())
            line = ""
            depth += word == "{"
    return "\n".join([*lines, *([line] if line else [])]) + "\n"

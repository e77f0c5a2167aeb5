"""Texts that a regular expression matches, made from its parts: the pattern itself is never executed."""

from __future__ import annotations

import importlib
import random
import re
import string
import sys
import warnings
from collections.abc import Iterable
from typing import Any, Final

_LONGEST_PATTERN: Final = 2_000
_LONGEST_TEXT: Final = 4_000
_WIDEST: Final = 500
"""Characters of a range that are taken: its first."""
_CHARACTERS: Final = string.ascii_letters + string.digits
_OTHERS: Final = _CHARACTERS + string.punctuation + " "
_CATEGORIES: Final = {
    "CATEGORY_DIGIT": string.digits,
    "CATEGORY_NOT_DIGIT": string.ascii_letters,
    "CATEGORY_WORD": _CHARACTERS + "_",
    "CATEGORY_NOT_WORD": "-. ",
    "CATEGORY_SPACE": " ",
    "CATEGORY_NOT_SPACE": _CHARACTERS,
}
_NAMED_GROUP: Final = re.compile(r"\(\?<(?![=!])")


def text_for_pattern(pattern: str, rng: random.Random, more: int = 4) -> str | None:
    """A text for a pattern in the dialect of JSON Schema, whole from its first character to its last.

    `more`: how many more of what is repeated there may be than there must be.
    What looks ahead or behind is not minded: the caller finds out whether the text matches. None for one
    that Python's parser, of which this knows the private parts, does not take, and for one with long texts.
    """
    if len(pattern) > _LONGEST_PATTERN:
        return None
    try:
        parser = importlib.import_module("re._parser" if sys.version_info >= (3, 11) else "sre_parse")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what later versions may read in another way
            parsed = parser.parse(_NAMED_GROUP.sub("(?P<", pattern))
        text = _TextMaker(rng, more).sequence(parsed)
        text.encode()  # there may be half a pair of surrogates
    except (re.error, ImportError, AttributeError, _NoText, OverflowError, RecursionError, ValueError):
        return None
    return text


class _NoText(Exception):  # noqa: N818 - it stays in here
    pass


class _TextMaker:
    def __init__(self, rng: random.Random, more: int) -> None:
        self._rng = rng
        self._more = more
        self._left = _LONGEST_TEXT
        self._groups: dict[Any, str] = {}

    def sequence(self, parts: Iterable[tuple[Any, Any]]) -> str:
        """A text of all the parts, one after the other."""
        return "".join([self._part(str(kind), what) for kind, what in parts])

    def _part(self, kind: str, what: Any) -> str:
        self._left -= 1
        if self._left < 0:
            raise _NoText
        match kind:
            case "LITERAL":
                return chr(what)
            case "ANY" | "NOT_LITERAL":
                return self._rng.choice([each for each in _CHARACTERS if what != ord(each)])
            case "IN":
                return self._one_of(what)
            case "BRANCH":
                return self.sequence(self._rng.choice(what[1]))
            case "SUBPATTERN":
                self._groups[what[0]] = self.sequence(what[3])
                return self._groups[what[0]]
            case "ATOMIC_GROUP":
                return self.sequence(what)
            case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
                least, most, inner = what
                most = min(int(most), least + self._more)
                times = self._rng.choice((most, self._rng.randint(least, most)))
                if times > _LONGEST_TEXT:
                    raise _NoText
                return "".join([self.sequence(inner) for _ in range(times)])
            case "GROUPREF":
                return self._groups.get(what, "")
            case "AT" | "ASSERT" | "ASSERT_NOT":
                return ""
        raise _NoText

    def _one_of(self, members: list[tuple[Any, Any]]) -> str:
        negated = str(members[0][0]) == "NEGATE"
        sets = [_characters(str(kind), what) for kind, what in members[negated:]]
        if not negated:
            return self._rng.choice(self._rng.choice(sets))
        others = [each for each in _OTHERS if not any(each in one for one in sets)]
        if not others:
            raise _NoText
        return self._rng.choice(others)


def _characters(kind: str, what: Any) -> str:
    if kind == "LITERAL":
        return chr(what)
    if kind == "RANGE":
        return "".join(map(chr, range(what[0], min(what[1], what[0] + _WIDEST) + 1)))
    if kind == "CATEGORY" and str(what) in _CATEGORIES:
        return _CATEGORIES[str(what)]
    raise _NoText

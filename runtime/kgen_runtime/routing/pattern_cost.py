"""How long a regular expression may take, found from the expression: `re` has no time limit, holds Python's
lock while it searches, and what it searches here comes with messages that anyone may have sent.

`re` tries every way to match, one after the other. A repetition multiplies what comes after it by the places
where it may stop, unless what it repeats and what follows share no character: then one place alone fits.
Counted are the steps from one start, at worst; a search may begin at every character.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from typing import Any, Final, TypeAlias

if sys.version_info >= (3, 11):
    from re import _constants as ops  # type: ignore[attr-defined]
    from re import _parser as parser  # type: ignore[attr-defined]
else:
    import sre_constants as ops
    import sre_parse as parser

_Item: TypeAlias = "tuple[Any, Any]"
_Chars: TypeAlias = "frozenset[int]"

MAX_STEPS: Final = 5
"""Times the length of the text, from one start."""
_NOTHING: Final[_Chars] = frozenset()
_CATEGORIES: Final = {
    ops.CATEGORY_DIGIT: (r"\d", True),
    ops.CATEGORY_NOT_DIGIT: (r"\d", False),
    ops.CATEGORY_SPACE: (r"\s", True),
    ops.CATEGORY_NOT_SPACE: (r"\s", False),
    ops.CATEGORY_WORD: (r"\w", True),
    ops.CATEGORY_NOT_WORD: (r"\w", False),
}
_REPEATS: Final = frozenset(
    op for name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT") if (op := getattr(ops, name, None))
)
_ONE_CHARACTER: Final = frozenset({ops.LITERAL, ops.NOT_LITERAL, ops.ANY, ops.IN})
_LOOKS: Final = frozenset({ops.ASSERT, ops.ASSERT_NOT})
_ATOMIC: Final = getattr(ops, "ATOMIC_GROUP", None)


class Unbounded(Exception):  # noqa: N818 - not an error that leaves the runtime
    """A pattern takes too long, or is of a kind of which that is not known; the text says why."""


def check_cost(pattern: re.Pattern[str], length: int) -> None:
    """Raises `Unbounded` for a pattern that may take more than `MAX_STEPS` times `length` steps from one
    start in a text of that length.
    """
    tree: Any = parser.parse(pattern.pattern, pattern.flags & ~re.DEBUG)
    steps = _Steps(list(tree), length, bool(pattern.flags & re.IGNORECASE)).total
    if steps > MAX_STEPS * length:
        raise Unbounded(f"it may take {steps:,} steps at each of {length:,} characters")


class _Steps:
    """Of a parsed pattern."""

    def __init__(self, tree: list[_Item], length: int, any_case: bool) -> None:
        self._length = length
        self._any_case = any_case
        seen = {ord(each) for each in "\u20ac\u4e2d\u3042\U0001f600"} | set(_numbers(tree))
        self._alphabet = frozenset(range(0x250)) | {
            number for number in seen if 0 <= number <= sys.maxunicode
        }
        self._words = {
            text: frozenset(number for number in self._alphabet if re.match(text, chr(number)))
            for text, _ in _CATEGORIES.values()
        }
        self.total = self._sequence(tree, _NOTHING, 0)

    def _sequence(self, items: Sequence[_Item], follow: _Chars, rest: int) -> int:
        """The steps of these items and then `rest`, where one of the characters of `follow` comes next;
        nothing follows where the whole pattern has matched.
        """
        for item in reversed(items):
            rest = self._one(item, follow, rest)
            follow = self._first(item, follow)
        return rest

    def _one(self, item: _Item, follow: _Chars, rest: int) -> int:
        op, about = item
        if op in _ONE_CHARACTER or op is ops.AT:
            return 1 + rest
        if op is ops.BRANCH:
            return sum(self._sequence(list(each), follow, rest) for each in about[1])
        if op in _REPEATS:
            return self._repeat(about, follow, rest)
        if op in _LOOKS:
            return self._sequence(list(about[1]), _NOTHING, 0) + rest
        return self._sequence(_inside(item), follow, rest)

    def _repeat(self, about: Any, follow: _Chars, rest: int) -> int:
        low, high, body = int(about[0]), min(int(about[1]), self._length), list(about[2])
        head = self._firsts(body, _NOTHING)
        once = self._sequence(body, head | follow, 0)
        # No pass looks at the characters of another one.
        passes = min(high * once, 2 * self._length + once)
        if not self._is_one_way(body, head | follow):
            if high > 1:
                raise Unbounded("it repeats what can match one text in several ways")
            return self._sequence(body, follow, rest) + rest
        stops = 1 if head.isdisjoint(follow) else high - low + 1
        return passes + stops * (1 + rest)

    def _is_one_way(self, items: Sequence[_Item], follow: _Chars) -> bool:
        """No text is matched by these in two ways."""
        for item in reversed(items):
            op, about = item
            if op in _REPEATS:
                body = list(about[2])
                head = self._firsts(body, _NOTHING)
                varies = int(about[0]) != int(about[1])
                if (varies and not head.isdisjoint(follow)) or not self._is_one_way(body, head | follow):
                    return False
                if int(about[1]) > 1 and _may_be_empty(body):
                    return False
            elif op is ops.BRANCH:
                heads = [self._firsts(list(each), follow) for each in about[1]]
                if sum(map(len, heads)) != len(frozenset().union(*heads)):
                    return False
                if not all(self._is_one_way(list(each), follow) for each in about[1]):
                    return False
            elif not (op in _ONE_CHARACTER or op is ops.AT or op in _LOOKS) and not self._is_one_way(
                _inside(item), follow
            ):
                return False
            follow = self._first(item, follow)
        return True

    def _firsts(self, items: Sequence[_Item], follow: _Chars) -> _Chars:
        for item in reversed(items):
            follow = self._first(item, follow)
        return follow

    def _first(self, item: _Item, follow: _Chars) -> _Chars:
        """The characters that may come first where this item and then one of `follow` does."""
        op, about = item
        if op in _ONE_CHARACTER:
            return self._characters(item)
        if op is ops.AT or op in _LOOKS:
            return follow
        if op is ops.BRANCH:
            return frozenset().union(*(self._firsts(list(each), follow) for each in about[1]))
        if op in _REPEATS:
            body = list(about[2])
            return self._firsts(body, follow) | (follow if about[0] == 0 else _NOTHING)
        return self._firsts(_inside(item), follow)

    def _characters(self, item: _Item) -> _Chars:
        op, about = item
        if op is ops.ANY:
            return self._alphabet
        if op is ops.LITERAL:
            return self._cased({about})
        if op is ops.NOT_LITERAL:
            return self._alphabet - self._cased({about})
        found: set[int] = set()
        for kind, value in about:
            if kind is ops.LITERAL:
                found.add(value)
            elif kind is ops.RANGE:
                found.update(number for number in self._alphabet if value[0] <= number <= value[1])
            elif kind is ops.CATEGORY:
                text, there = _CATEGORIES[value]
                found |= self._words[text] if there else self._alphabet - self._words[text]
        negated = bool(about) and about[0][0] is ops.NEGATE
        return self._alphabet - self._cased(found) if negated else self._cased(found)

    def _cased(self, numbers: set[int]) -> _Chars:
        if not self._any_case:
            return frozenset(numbers)
        texts = {form for number in numbers for form in (chr(number).lower(), chr(number).upper())}
        return frozenset(numbers) | {ord(text) for text in texts if len(text) == 1}


def _inside(item: _Item) -> list[_Item]:
    op, about = item
    if op is ops.SUBPATTERN:
        return list(about[3])
    if op is _ATOMIC:
        return list(about)
    raise Unbounded("it refers to what a group has matched")


def _may_be_empty(items: Sequence[_Item]) -> bool:
    for op, about in items:
        if op in _ONE_CHARACTER:
            return False
        if op is ops.BRANCH:
            if not any(_may_be_empty(list(each)) for each in about[1]):
                return False
        elif op in _REPEATS:
            if about[0] > 0 and not _may_be_empty(list(about[2])):
                return False
        elif op is not ops.AT and op not in _LOOKS and not _may_be_empty(_inside((op, about))):
            return False
    return True


def _numbers(tree: Any) -> Iterator[int]:
    """All numbers of a parsed pattern: characters and the ends of ranges among them."""
    for each in tree:
        if isinstance(each, int) and not isinstance(each, bool):
            yield int(each)
        elif isinstance(each, (tuple, list, parser.SubPattern)):
            yield from _numbers(each)

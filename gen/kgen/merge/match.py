"""Which statement of one version is which of another: by step id, by name, and else by likeness."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from difflib import SequenceMatcher
from itertools import takewhile

from .units import Unit, nested_units

_WORD = re.compile(r"\w+")
_DISTINCTIVE = {"def", "step", "name"}
LIKE = 0.6  # from here on two statements without a common name are one that was edited
REWRITTEN = 0.4  # below this a docstring has nothing to do with the old one
LIKE_IN_PLACE = 0.3  # the same where both stand between the same neighbours
LIKE_INSIDE = 0.4  # the same for a statement of the same name that moved into another one's body

Matches = dict[Unit, Unit]


def match(
    old: Sequence[Unit], new: Sequence[Unit], *, inside: bool = False, apart: Iterable[Unit] = ()
) -> Matches:
    """Pairs of units; with `inside`, also those that were moved into the body of a new unit.

    Those of `new` that are `apart` are known by name to be others: likeness does not count for them.
    """
    found: Matches = {}
    _equal(_without_imports(old), _without_imports(new), found)
    _named(old, new, found)
    if inside:
        left = [u for u in new if u not in found.values()]
        _moved_inside(old, list(nested_units(left)), found)
    like = [u for u in new if u not in set(apart)]
    _alike(old, like, found)
    _in_place(old, like, found)
    return found


def match_named(old: Sequence[Unit], new: Sequence[Unit]) -> Matches:
    """Pairs of units that mean the same or have the same distinctive name; likeness does not count."""
    found: Matches = {}
    _equal(_without_imports(old), _without_imports(new), found)
    _named([u for u in old if u.keys and u.keys[0][0] in _DISTINCTIVE], new, found)
    return found


def likeness(a: Unit, b: Unit) -> float:
    """How much of two texts is the same, by words: 0 to 1."""
    return SequenceMatcher(
        None, _WORD.findall(a.body_text), _WORD.findall(b.body_text), autojunk=False
    ).ratio()


def _without_imports(units: Iterable[Unit]) -> list[Unit]:
    return [u for u in units if not u.is_import]


def _rest(units: Sequence[Unit], taken: Iterable[Unit]) -> list[Unit]:
    taken = set(taken)
    return [u for u in units if u not in taken and not u.is_import]


def _equal(old: Sequence[Unit], new: Sequence[Unit], found: Matches) -> None:
    by_meaning: dict[object, list[Unit]] = {}
    for unit in new:
        by_meaning.setdefault((unit.keys, unit.meaning), []).append(unit)
    for unit in old:
        if same := by_meaning.get((unit.keys, unit.meaning)):
            found[unit] = same.pop(0)


def _named(old: Sequence[Unit], new: Sequence[Unit], found: Matches) -> None:
    """First the most distinctive key of each, then any."""
    for first_only in (True, False):
        candidates = _rest(new, found.values())
        for unit in _rest(old, found):
            keys = set(unit.keys[:1] if first_only else unit.keys)
            for other in candidates:
                if keys & set(other.keys[:1] if first_only else other.keys):
                    found[unit] = other
                    candidates.remove(other)
                    break


def _moved_inside(old: Sequence[Unit], nested: Sequence[Unit], found: Matches) -> None:
    inner: Matches = {}
    _equal(_rest(old, found), nested, inner)
    _named(
        [u for u in _rest(old, found) if u not in inner and u.keys and u.keys[0][0] in _DISTINCTIVE],
        nested,
        inner,
    )
    found.update({u: v for u, v in inner.items() if likeness(u, v) >= LIKE_INSIDE})


def _alike(old: Sequence[Unit], new: Sequence[Unit], found: Matches) -> None:
    """The likest pairs first."""
    left, right = _rest(old, found), _rest(new, found.values())
    pairs = [
        (likeness(a, b), -i, -j, a, b)
        for i, a in enumerate(left)
        for j, b in enumerate(right)
        if _kind(a) is _kind(b) and len(a.nodes) == len(b.nodes) and ("doc",) not in (*a.keys, *b.keys)
    ]
    for ratio, _, _, a, b in sorted(pairs, key=lambda p: p[:3], reverse=True):
        if ratio >= LIKE and a not in found and b not in found.values():
            found[a] = b


def _in_place(old: Sequence[Unit], new: Sequence[Unit], found: Matches) -> None:
    """A nameless statement between neighbours that stayed, where one of its kind is between them now."""
    back = {v: k for k, v in found.items()}
    for before, after in list(_gaps(old, new, found, back)):
        alone = len(before) == len(after) == 1 and _kind(before[0]) is _kind(after[0])
        nameless = alone and not (before[0].keys or after[0].keys)
        if nameless and likeness(before[0], after[0]) >= LIKE_IN_PLACE:
            found[before[0]] = after[0]


def _gaps(
    old: Sequence[Unit], new: Sequence[Unit], found: Matches, back: Matches
) -> Iterator[tuple[list[Unit], list[Unit]]]:
    """What is unmatched between one matched unit and the next, on both sides."""
    for start in [None, *(u for u in old if u in found)]:
        if start is None or found[start] in new:
            first, second = (old.index(start) + 1, new.index(found[start]) + 1) if start else (0, 0)
            yield (
                list(takewhile(lambda u: u not in found, old[first:])),
                list(takewhile(lambda u: u not in back, new[second:])),
            )


def _kind(unit: Unit) -> type[ast.AST]:
    return ast.Assign if isinstance(unit.node, ast.AnnAssign) else type(unit.node)

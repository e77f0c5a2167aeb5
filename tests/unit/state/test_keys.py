"""Keys of kept dicts that differed when they were written, and are equal for the code of today."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
from tests.unit.state.projects import module, project, record

import kgen_runtime as rt
from kgen_runtime.state.loading import load

STATUS = {"type": "enum", "name": "Status", "symbols": ["NEW", "PAID", "GONE"]}
LESS = {**STATUS, "symbols": ["NEW", "PAID"], "default": "NEW"}
NOTED = ("note", ["null", "string"], None)
ORDER = record("shop.Order", ("id", "string"), ("status", STATUS), NOTED)
LESS_ORDER = record("shop.Order", ("id", "string"), ("status", LESS))

MINE = """
import enum
from collections import Counter, OrderedDict, UserDict, defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field

import kgen_runtime as rt
from shopstate._generated import orders


@dataclass
class Totals:
    by_status: dict = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Key:
    status: orders.Status
    day: int


class Pairs(dict):
    def __reduce__(self):
        return Pairs, (list(self.items()),)


class Many(Mapping):
    '''Equal keys are items of their own.'''

    def __init__(self, items):
        self.items_ = items

    def __reduce__(self):
        return Many, (self.items_,)

    def __getitem__(self, key):
        return next(value for each, value in self.items_ if each == key)

    def __iter__(self):
        return (key for key, _ in self.items_)

    def __len__(self):
        return len(self.items_)


class Told(orders.Order):
    '''Told apart by all that is in it.'''

    def __eq__(self, other):
        return repr(self) == repr(other)

    def __hash__(self):
        return hash(repr(self))


class Hashed(rt.Message):
    def __hash__(self):
        return hash(repr(self))


def order(status, note=None):
    return Told(id="1", status=status, note=note)


def message(status):
    return Hashed("k", orders.Order(id="1", status=status))
"""

KEPT: dict[str, Any] = {
    "dict": lambda mine, a, b: {a: 1, b: 2},
    "with equal values": lambda mine, a, b: {a: 1, b: 1},
    "Counter": lambda mine, a, b: mine.Counter({a: 1, b: 2}),
    "defaultdict": lambda mine, a, b: mine.defaultdict(list, {a: [1], b: [2]}),
    "OrderedDict": lambda mine, a, b: mine.OrderedDict({a: 1, b: 2}),
    "UserDict": lambda mine, a, b: mine.UserDict({a: 1, b: 2}),
    "a class of the user": lambda mine, a, b: mine.Totals({a: 1, b: 2}),
    "deep": lambda mine, a, b: mine.deque([(mine.Totals([{"x": {a: 1, b: 2}}]),)]),
    "tuples": lambda mine, a, b: {(a, 1): 1, (b, 1): 2},
    "frozensets": lambda mine, a, b: {frozenset({a}): 1, frozenset({b}): 2},
    "dataclasses": lambda mine, a, b: {mine.Key(a, 1): 1, mine.Key(b, 1): 2},
    "models": lambda mine, a, b: {mine.order(a): 1, mine.order(b): 2},
    "messages": lambda mine, a, b: {mine.message(a): 1, mine.message(b): 2},
    "a field that is gone": lambda mine, a, b: {mine.order(b, "x"): 1, mine.order(b, "y"): 2},
    "far apart in a large one": lambda mine, a, b: {a: 1, **dict.fromkeys(range(5000)), b: 2},
    "__reduce__": lambda mine, a, b: mine.Pairs({a: 1, b: 2}),
}


def written(folder: Path, make: Any, protocol: int | None = None) -> bytes:
    with project(folder, {"orders-value": [ORDER]}, mine=MINE):
        import mine  # type: ignore[import-not-found]

        status = module("orders").Status
        return pickle.dumps(make(mine, status.GONE, status.NEW), protocol)


@pytest.mark.parametrize("kind", KEPT)
def test_two_keys_that_become_one_are_refused(tmp_path: Path, kind: str) -> None:
    kept = written(tmp_path, KEPT[kind])
    with project(tmp_path, {"orders-value": [ORDER, LESS_ORDER]}, mine=MINE):
        with pytest.raises(rt.RecoveryError, match=r"become one .*a value would be lost") as caught:
            load(kept)
        assert caught.value.hint


@pytest.mark.parametrize("protocol", range(6))
def test_keys_are_distinguished_in_every_form_of_pickle(tmp_path: Path, protocol: int) -> None:
    one = written(tmp_path, lambda mine, a, b: {a: 1}, protocol)
    both = written(tmp_path, lambda mine, a, b: {a: 1, b: 2}, protocol)
    with project(tmp_path, {"orders-value": [ORDER, LESS_ORDER]}, mine=MINE):
        assert load(one)[0] == {module("orders").Status.NEW: 1}
        with pytest.raises(rt.RecoveryError, match=r"kept dict become one \(Status.NEW\)"):
            load(both)


def test_keys_of_the_first_release_are_looked_at_too(tmp_path: Path) -> None:
    """Members by the path of their class and their value."""
    member = b"cshopstate._generated.orders\nStatus\n(V%s\ntRI1\n"
    kept = b"(" + member % b"GONE" + member % b"NEW" + b"d."
    refused = pytest.raises(rt.RecoveryError, match=r"kept dict become one \(Status.NEW\)")
    with project(tmp_path, {"orders-value": [ORDER, LESS_ORDER]}), refused:
        load(kept)


@pytest.mark.parametrize(
    "make",
    [
        lambda mine, a, b: mine.Many([(a, 1), (b, 2)]),
        lambda mine, a, b: [(a, 1), (b, 2)],
        lambda mine, a, b: [{a: 1}, {b: 1}, {("x", a): {b: 1}}],
        lambda mine, a, b: {mine.order(a, "x"): 1, "x": mine.order(b, "x")},
    ],
)
def test_what_loses_nothing_is_not_refused(tmp_path: Path, make: Any) -> None:
    kept = written(tmp_path, make)
    with project(tmp_path, {"orders-value": [ORDER, LESS_ORDER]}, mine=MINE):
        value, outdated = load(kept)
        assert outdated
        assert len(value) == len(pickle.loads(kept))


def test_a_set_has_what_it_would_have_had_of_messages_that_are_read_today(tmp_path: Path) -> None:
    kept = written(tmp_path, lambda mine, a, b: [{a, b}, frozenset({(a, 1), (b, 1)})])
    with project(tmp_path, {"orders-value": [ORDER, LESS_ORDER]}, mine=MINE):
        new = module("orders").Status.NEW
        assert load(kept)[0] == [{new}, frozenset({(new, 1)})]


def test_a_key_is_named_without_the_data_in_it(tmp_path: Path) -> None:
    kept = written(tmp_path, lambda mine, a, b: {(a, "secret", 1, 2): 1, (b, "secret", 1, 2): 2})
    refused = pytest.raises(rt.RecoveryError, match=r"one \(\(Status.NEW, str, int, \.\.\.\)\)")
    with project(tmp_path, {"orders-value": [ORDER, LESS_ORDER]}, mine=MINE), refused:
        load(kept)

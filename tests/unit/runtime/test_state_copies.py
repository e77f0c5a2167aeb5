"""Copies of kept state, with `copy.deepcopy` as the judge."""

from __future__ import annotations

import copy
import threading
from collections import Counter, OrderedDict, defaultdict, deque
from dataclasses import dataclass, field
from datetime import datetime, timezone
from enum import Enum
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kgen_runtime as rt
from kgen_runtime.steps.state_copies import KeptStateError, StateCopy


class Color(Enum):
    RED = 1


@dataclass
class Open:
    a: Any = None
    b: Any = field(default_factory=list)


@dataclass(slots=True)
class Slotted:
    a: Any
    b: Any = None
    __c: Any = None


@dataclass(slots=True)
class Derived(Slotted):
    d: Any = None


class Loose(Derived):
    """It has a `__dict__` too."""


@dataclass(frozen=True, slots=True)
class Frozen:
    a: Any


@dataclass(frozen=True)
class Unsafe:
    a: Any

    def __deepcopy__(self, memo: Any) -> Unsafe:
        return Unsafe("its own way")


@dataclass
class Mapping(dict[str, Any]):
    a: Any = None


class Pair(NamedTuple):
    one: Any
    two: Any


class Plain:
    def __init__(self, a: Any) -> None:
        self.a = a


FIXED = st.none() | st.integers() | st.text(max_size=3) | st.just(Color.RED) | st.floats(allow_nan=False)


def containers(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    keys = st.text(max_size=2) | st.tuples(st.integers(), st.booleans())
    lists = st.lists(inner, max_size=4)
    return (
        lists
        | st.dictionaries(keys, inner, max_size=4)
        | lists.map(tuple)
        | lists.map(deque)
        | st.builds(Open, inner, inner)
        | st.builds(Slotted, inner, inner)
        | st.builds(Derived, inner, inner)
        | st.builds(Frozen, inner)
        | st.builds(Pair, inner, inner)
        | lists.map(lambda given: defaultdict(list, enumerate(given)))
        | lists.map(lambda given: OrderedDict(enumerate(given)))
        | st.sets(st.integers() | st.tuples(st.integers()), max_size=4)
        | st.frozensets(st.integers(), max_size=4)
        | inner.map(lambda given: [given, given, {"again": given}])
    )


VALUES = st.recursive(FIXED, containers, max_leaves=12)


def parts(value: Any, found: list[Any]) -> list[Any]:
    """All objects of a value that could be changed, in order, each as often as it is there."""
    if isinstance(value, (list, dict, set, deque, Open, Slotted, Plain)):
        found.append(value)
    inside: Any = ()
    if isinstance(value, dict):
        inside = value.values()
    elif isinstance(value, (list, tuple, deque)):
        inside = value
    elif isinstance(value, (Open, Slotted, Frozen)):
        inside = [getattr(value, name) for name in ("a", "b", "d") if hasattr(value, name)]
    for each in inside:
        parts(each, found)
    return found


def shape(found: list[Any]) -> list[int]:
    """Which of the objects are one and the same."""
    first: dict[int, int] = {}
    return [first.setdefault(id(each), n) for n, each in enumerate(found)]


@settings(deadline=None)
@given(VALUES)
def test_a_copy_is_equal_and_shares_nothing_that_can_be_changed(value: Any) -> None:
    made, judge = StateCopy(value).made, copy.deepcopy(value)
    assert made == judge
    assert type(made) is type(judge)
    ours, theirs = parts(made, []), parts(value, [])
    assert not {id(each) for each in ours} & {id(each) for each in theirs}
    assert shape(ours) == shape(theirs)


def test_a_circle_stays_one() -> None:
    value: list[Any] = [1]
    value.append((value, {"back": value}))
    made = StateCopy(value).made
    assert made is not value
    assert made[1][0] is made
    assert made[1][1]["back"] is made


def test_messages_are_not_copied() -> None:
    message = rt.Message("k", [1])
    (made,) = StateCopy([message]).made
    assert made is message


def test_attributes_that_are_not_fields_and_such_as_were_never_set() -> None:
    loose: Any = Loose([1])
    loose.more = [2]
    del loose.b
    made = StateCopy(loose).made
    assert type(loose) is type(made)
    assert made.more == [2]
    assert made.more is not loose.more
    assert made._Slotted__c is None
    assert not hasattr(made, "b")


@pytest.mark.parametrize(
    "value",
    [
        Counter("abca"),
        deque([[1]], maxlen=2),
        defaultdict(list, a=[1]),
        bytearray(b"ab"),
        datetime(2026, 1, 1, tzinfo=timezone.utc),
        {1: {2, (3, 4)}, (5,): frozenset({(6,)})},
    ],
)
def test_what_the_containers_are_stays(value: Any) -> None:
    made = StateCopy(value).made
    assert (type(made), made) == (type(value), value)
    for attribute in ("maxlen", "default_factory"):
        assert getattr(made, attribute, None) == getattr(value, attribute, None)


def test_classes_with_ways_of_their_own_are_copied_in_these() -> None:
    assert StateCopy(Unsafe("a")).made == Unsafe("its own way")
    mapping = Mapping([1])
    mapping["k"] = [2]
    made = StateCopy(mapping).made
    assert (made.a, made["k"]) == ([1], [2])
    assert made["k"] is not mapping["k"]
    plain = Plain([3])
    assert StateCopy(plain).made.a == [3]
    assert StateCopy(plain).made.a is not plain.a


def test_the_size_counts_values_at_every_depth() -> None:
    assert StateCopy(1).size == 1
    assert StateCopy([0] * 100).size == 101
    assert StateCopy({"a": [0] * 100, "b": Open(1, [0] * 100)}).size > 200


def test_what_cannot_be_copied_is_not_the_messages_fault() -> None:
    with pytest.raises(KeptStateError, match="kept state cannot be copied: TypeError"):
        StateCopy([threading.Lock()])

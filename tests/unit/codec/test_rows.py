"""Objects made from columns are those that calling the class makes."""

from __future__ import annotations

import gc
import sys
from dataclasses import dataclass, fields
from typing import Any

import pytest

from kgen_runtime.codec import make_rows
from kgen_runtime.messages import Message


@dataclass(slots=True)
class Point:
    x: int
    name: str = "origin"


def test_a_list_has_a_value_for_each_and_anything_else_is_the_same_in_all(engine: Any) -> None:
    made = make_rows(Point, engine=engine).make(3, ([1, 2, 3], "p"))
    assert made == [Point(1, "p"), Point(2, "p"), Point(3, "p")]


def test_no_rows(engine: Any) -> None:
    assert make_rows(Point, engine=engine).make(0, ([], "p")) == []


def test_fields_of_messages_are_in_their_places(engine: Any) -> None:
    names = [member.name for member in fields(Message)]
    (made,) = make_rows(Message, engine=engine).make(1, tuple([name] for name in names))
    assert [getattr(made, name) for name in names] == names
    assert made == Message(*names)  # type: ignore[arg-type]


def test_a_tuple_is_one_value(engine: Any) -> None:
    assert make_rows(Point, engine=engine).make(1, ([1], ("a", "b"))) == [Point(1, ("a", "b"))]  # type: ignore[arg-type]


def test_references_are_counted(engine: Any) -> None:
    x, name = object(), object()
    before = sys.getrefcount(x), sys.getrefcount(name)
    made = make_rows(Point, engine=engine).make(100, ([x] * 100, name))
    assert sys.getrefcount(x) == before[0] + 100
    assert sys.getrefcount(name) == before[1] + 100
    del made
    assert (sys.getrefcount(x), sys.getrefcount(name)) == before


def test_objects_that_hold_what_the_garbage_collector_visits_are_visited(engine: Any) -> None:
    made = make_rows(Point, engine=engine).make(2, ([1, []], "p"))
    assert gc.is_tracked(made[1])
    assert gc.is_tracked(made[0]) == (engine == "python")


@pytest.mark.parametrize("columns", [([1, 2], "p"), ([1, 2, 3],), ([1, 2, 3], "p", "q")])
def test_columns_that_do_not_fit_are_refused(columns: tuple[Any, ...]) -> None:
    rows = make_rows(Point, engine="native")
    with pytest.raises(ValueError, match="column"):
        rows.make(3, columns)


@dataclass
class Loose:
    x: int


@dataclass(slots=True)
class Setting:
    x: int

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value + 10)


@pytest.mark.parametrize("cls", [Loose, Setting, int])
def test_a_class_that_does_more_than_fill_its_slots_is_refused(engine: Any, cls: type[Any]) -> None:
    with pytest.raises(TypeError, match="not a slotted dataclass"):
        make_rows(cls, engine=engine)

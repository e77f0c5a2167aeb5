"""Unions of JSON messages: which branch a value is read and written as (docs/reference/json.md, Unions)."""

from __future__ import annotations

import datetime as dt
import enum
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.unit.codec.json.json_kit import (
    ANYTHING,
    BOOLEAN,
    INTEGER,
    NULL,
    NUMBER,
    STRING,
    any_of,
    array,
    enum_of,
    mapping,
    obj,
    one,
    optional,
    reads,
    ref,
    required,
    text,
    writes,
)

from kgen_runtime.codec.json.schema.json_tree import Nothing
from kgen_runtime.errors import DecodeError, EncodeError

UTC = dt.timezone.utc
NO_FIT = "the value fits no branch of the union"

CARD = obj("Card", required("kind", one("card")), required("number", STRING))
CASH = obj("Cash", required("kind", one("cash")), optional("amount", INTEGER))
COIN = obj("Coin", required("kind", one("coin", 5)), optional("amount", NUMBER))
PAYMENT = any_of(ref("Card"), ref("Cash"), ref("Coin"), tag="kind")
TAGGED = (CARD, CASH, COIN)


@dataclass(slots=True, kw_only=True)
class Card:
    number: str
    kind: Any = "card"


@dataclass(slots=True, kw_only=True)
class Cash:
    amount: int | None = None
    kind: Any = "cash"


@dataclass(slots=True, kw_only=True)
class Coin:
    amount: float | None = None
    kind: Any = "coin"


CLASSES = {"Card": Card, "Cash": Cash, "Coin": Coin}

SCALARS = any_of(NULL, BOOLEAN, INTEGER, STRING, array(INTEGER), mapping(STRING))
TEXTS = any_of(text("date"), text("date-time"), text("uuid"), STRING)


@pytest.mark.parametrize(
    ("node", "message", "value"),
    [
        (SCALARS, "null", None),
        (SCALARS, "true", True),
        (SCALARS, "1.0", 1),
        (SCALARS, '"1"', "1"),
        (SCALARS, "[1]", [1]),
        (SCALARS, '{"a":"b"}', {"a": "b"}),
        (any_of(NULL, STRING), "null", None),
        (any_of(STRING, NULL), '"a"', "a"),
        (any_of(one(None), INTEGER), "null", None),
        (any_of(STRING), '"a"', "a"),
        (TEXTS, '"2024-02-29"', dt.date(2024, 2, 29)),
        (TEXTS, '"2024-02-29T00:00:00Z"', dt.datetime(2024, 2, 29, tzinfo=UTC)),
        (TEXTS, '"2024-02-30"', "2024-02-30"),
        (any_of(STRING, text("date")), '"2024-02-29"', "2024-02-29"),
        (any_of(INTEGER, NUMBER), "1.0", 1),
        (any_of(INTEGER, NUMBER), "1.5", 1.5),
        (any_of(INTEGER, NUMBER, one("x")), "1e5000", None),
        (any_of(one(1, 2), NUMBER), "2", 2),
        (any_of(one(1, 2), NUMBER), "3", 3.0),
        (any_of(one("a"), STRING, NULL), '"b"', "b"),
        (any_of(array(INTEGER), array(STRING)), '["a"]', ["a"]),
        (any_of(array(INTEGER), array(STRING)), "[]", []),
        (any_of(array(INTEGER), array(any_of(INTEGER, STRING))), '[1,2,"a"]', [1, 2, "a"]),
        (any_of(array(array(INTEGER)), array(array(STRING))), '[[],["a"]]', [[], ["a"]]),
        (any_of(mapping(INTEGER), mapping(STRING)), '{"a":"b"}', {"a": "b"}),
        (any_of(any_of(NULL, INTEGER), any_of(STRING, BOOLEAN)), "true", True),
        (any_of(NULL, any_of(INTEGER, NULL)), "null", None),
        (any_of(INTEGER, ANYTHING), "[1.5]", [1.5]),
        (any_of(Nothing(), INTEGER), "1", 1),
    ],
)
def test_a_value_is_of_the_first_branch_that_it_fits(
    engine: Any, node: Any, message: str, value: Any
) -> None:
    if value is None and message != "null":
        with pytest.raises(DecodeError, match=NO_FIT):
            reads(engine, node)(message.encode())
    else:
        got = reads(engine, node)(message.encode())
        assert repr(got) == repr(value)
        assert reads(engine, node)(writes(engine, node)(got)) == got


@pytest.mark.parametrize(
    ("node", "message", "why", "at", "path"),
    [
        (SCALARS, "1.5", "expected an integer, not a number with a fraction", 0, ""),
        (SCALARS, '[1,"a"]', "expected an integer, not a string", 3, "/1"),
        (any_of(NULL, STRING), "1", "expected a string, not a number", 0, ""),
        (any_of(INTEGER, BOOLEAN), '"1"', NO_FIT, 0, ""),
        (any_of(text("date"), text("uuid")), ' "x"', NO_FIT, 1, ""),
        (any_of(array(INTEGER), array(STRING)), "[1,true]", NO_FIT, 0, ""),
        (array(any_of(array(INTEGER), array(STRING))), "[[], [true]]", NO_FIT, 5, "/1"),
        # a fault of the message ends the search
        (any_of(array(INTEGER), array(STRING)), '["a" 1]', "expected ',' or ']'", 5, ""),
        (any_of(array(INTEGER), array(STRING)), '["a", ["\\x"]]', "a string holds an escape", 8, "/1/0"),
        (any_of(array(INTEGER), array(STRING)), '[[{"x":}]]', "expected a JSON value", 7, "/0/0/x"),
        (any_of(text("date"), text("uuid")), '"\\q"', "a string holds an escape", 1, ""),
        (any_of(INTEGER, one(1.5)), "1.", "the data ends too early", 2, ""),
        (any_of(NULL, INTEGER, BOOLEAN), "nil", "expected a JSON value", 0, ""),
    ],
)
def test_a_value_that_fits_no_branch_is_refused(
    engine: Any, node: Any, message: str, why: str, at: int, path: str
) -> None:
    with pytest.raises(DecodeError) as caught:
        reads(engine, node)(message.encode())
    assert caught.value.what.startswith(why)
    assert (caught.value.position, caught.value.path) == (at, path)


@pytest.mark.parametrize(
    ("message", "value"),
    [
        ('{"kind":"card","number":"1"}', Card(number="1")),
        ('{"number":"1","\\u006bind":"c\\u0061rd"}', Card(number="1")),
        ('{"x":[{"kind":"cash"}],"kind":"cash","amount":1}', Cash(amount=1)),
        ('{"amount":1,"kind":"coin"}', Coin(amount=1.0)),
        ('{"amount":1,"kind":5.0}', Coin(amount=1.0, kind=5)),
    ],
)
def test_the_tag_decides(engine: Any, message: str, value: Any) -> None:
    got = reads(engine, PAYMENT, *TAGGED, **CLASSES)(message.encode())
    assert got == value
    data = writes(engine, PAYMENT, *TAGGED, **CLASSES)(got)
    assert reads(engine, PAYMENT, *TAGGED, **CLASSES)(data) == got
    plain = reads(engine, PAYMENT, *TAGGED)(message.encode())
    assert writes(engine, PAYMENT, *TAGGED)(plain) == data
    assert writes(engine, PAYMENT, *TAGGED, **CLASSES)(plain) == data


@pytest.mark.parametrize(
    ("message", "why", "at", "path"),
    [
        ('{"kind":"gold"}', NO_FIT, 0, ""),
        ('{"kind":["card"],"number":"1"}', NO_FIT, 0, ""),
        ('{"kind":1e999,"number":"1"}', NO_FIT, 0, ""),
        ('{"number":"1"}', NO_FIT, 0, ""),
        ('{"kind":"card"}', "the property 'number' is missing", 0, ""),
        ('{"kind":"cash","amount":"x"}', "expected an integer, not a string", 24, "/amount"),
        ('{"kind":"cash","kind":"card","number":"1"}', "the property 'kind' is there twice", 15, "/kind"),
        ('{"kind":tru}', "expected a JSON value", 8, "/kind"),
        ('{"kind":"cash","x":[1,}', "expected a JSON value", 22, "/x/1"),
        ('{"kind":"cash","x" 1}', "expected ':'", 19, "/x"),
        ('{"kind" 1}', "expected ':'", 8, "/kind"),
    ],
)
def test_a_tag_without_a_branch_is_refused(engine: Any, message: str, why: str, at: int, path: str) -> None:
    for classes in (CLASSES, {}):
        with pytest.raises(DecodeError) as caught:
            reads(engine, PAYMENT, *TAGGED, **classes)(message.encode())
        assert (caught.value.what, caught.value.position, caught.value.path) == (why, at, path)


def test_an_unknown_tag_leaves_the_branches_without_tags(engine: Any) -> None:
    node = any_of(ref("Card"), ref("Cash"), mapping(STRING), tag="kind")
    read = reads(engine, node, *TAGGED, **CLASSES)
    assert read(b'{"kind":"cash"}') == Cash()
    assert read(b'{"kind":"gold"}') == {"kind": "gold"}
    assert read(b'{"a":"b"}') == {"a": "b"}
    write = writes(engine, node, *TAGGED, **CLASSES)
    assert write({"kind": "gold"}) == b'{"kind":"gold"}'
    assert write({"kind": "card", "number": "1"}) == b'{"kind":"card","number":"1"}'


SHAPES = (
    obj("Point", required("x", INTEGER), optional("y", INTEGER)),
    obj("Circle", required("x", INTEGER), required("r", NUMBER)),
    obj("Label", required("x", STRING)),
    obj("Empty", optional("y", INTEGER)),
)
SHAPE = any_of(*(ref(shape.name) for shape in SHAPES))


@dataclass(slots=True)
class Point:
    x: int
    y: int | None = None


@dataclass(slots=True)
class Circle:
    x: int
    r: float


@dataclass(slots=True)
class Label:
    x: str


@dataclass(slots=True)
class Empty:
    y: int | None = None


SHAPE_CLASSES = {"Point": Point, "Circle": Circle, "Label": Label, "Empty": Empty}


@pytest.mark.parametrize(
    ("message", "value"),
    [
        ('{"x":1}', Point(1)),
        ('{"x":1,"r":2}', Circle(1, 2.0)),
        ('{"r":2,"x":1,"y":3}', Circle(1, 2.0)),
        ('{"x":"a"}', Label("a")),
        ('{"r":"no","x":1}', Point(1)),
        ('{"y":1}', Empty(1)),
        ("{}", Empty()),
    ],
)
def test_the_branch_that_requires_most_of_what_is_there_comes_first(
    engine: Any, message: str, value: Any
) -> None:
    assert reads(engine, SHAPE, *SHAPES, **SHAPE_CLASSES)(message.encode()) == value
    plain = reads(engine, SHAPE, *SHAPES)(message.encode())
    data = writes(engine, SHAPE, *SHAPES, **SHAPE_CLASSES)(value)
    assert writes(engine, SHAPE, *SHAPES)(plain) == data
    assert writes(engine, SHAPE, *SHAPES, **SHAPE_CLASSES)(plain) == data


def test_closed_branches_are_those_that_know_all_names(engine: Any) -> None:
    small = obj("Small", required("a", INTEGER), closed=True)
    large = obj("Large", required("a", INTEGER), optional("b", INTEGER), closed=True)
    node = any_of(ref("Small"), ref("Large"))
    read = reads(engine, node, small, large)
    assert read(b'{"a":1,"b":2}') == {"a": 1, "b": 2}
    with pytest.raises(DecodeError, match=NO_FIT):
        read(b'{"a":1,"c":2}')


def test_of_many_branches_those_fit_whose_required_names_are_there(engine: Any) -> None:
    """In their order: first those that require most. Names in common, and branches without any, too."""
    many = [obj(f"B{n}", required("all", INTEGER), required(f"of_{n}", INTEGER)) for n in range(30)]
    free = obj("Free", optional("x", INTEGER), closed=True)
    read = reads(engine, any_of(*(ref(each.name) for each in (free, *many))), free, *many)
    assert read(b'{"all":1,"of_29":2,"y":3}') == {"all": 1, "of_29": 2}
    assert read(b'{"of_7":1,"all":2,"of_3":4}') == {"all": 2, "of_3": 4}
    assert read(b'{"x":1}') == {"x": 1}
    with pytest.raises(DecodeError, match="no property 'all'"):
        read(b'{"all":1}')  # as the one branch that is left has it


def test_an_object_is_written_as_the_branch_of_its_class(engine: Any) -> None:
    """Also where the first branch would take it, and for classes that derive from one another."""

    @dataclass(slots=True)
    class Base:
        x: int = 0

    @dataclass(slots=True)
    class Derived(Base):
        y: int = 1

    @dataclass(slots=True)
    class Mine(Derived):
        z: int = 2

    base = obj("Base", required("x", INTEGER))
    derived = obj("Derived", required("x", INTEGER), required("y", INTEGER))
    write = writes(engine, any_of(ref("Base"), ref("Derived")), base, derived, Base=Base, Derived=Derived)
    assert write(Base()) == b'{"x":0}'
    assert write(Derived()) == b'{"x":0,"y":1}'
    assert write(Mine()) == b'{"x":0,"y":1}'


def test_an_enum_is_written_as_the_branch_of_its_class(engine: Any) -> None:
    one_enum: Any = enum.Enum("one_enum", {"X": "x"})
    other: Any = enum.Enum("other", {"X": "x", "Y": "y"})
    node = any_of(ref("A"), ref("B"), STRING)
    read, write = (
        make(engine, node, enum_of("A", "x"), enum_of("B", "x", "y"), A=one_enum, B=other)
        for make in (reads, writes)
    )
    assert [read(text) for text in (b'"x"', b'"y"', b'"z"')] == [one_enum["X"], other["Y"], "z"]
    assert [write(value) for value in (one_enum["X"], other["X"], "z")] == [b'"x"', b'"x"', b'"z"']


@pytest.mark.parametrize(
    ("node", "value", "message"),
    [
        (TEXTS, dt.datetime(2024, 1, 1, tzinfo=UTC), '"2024-01-01T00:00:00Z"'),
        (TEXTS, "2024-01-01", '"2024-01-01"'),
        (any_of(STRING, text("base64"), text("date")), b"a", '"YQ=="'),
        (any_of(array(INTEGER), array(STRING)), ["a", "b"], '["a","b"]'),
        (any_of(array(array(INTEGER)), array(array(STRING))), [[1], ["b"], []], None),
        (any_of(array(INTEGER), array(any_of(INTEGER, STRING))), (1, "b"), '[1,"b"]'),
        (any_of(mapping(INTEGER), mapping(STRING)), {"a": "b"}, '{"a":"b"}'),
        (any_of(INTEGER, NUMBER), 1.0, "1.0"),
        (any_of(INTEGER, NULL, STRING), True, None),
        (any_of(NULL, INTEGER), None, "null"),
        (any_of(one("a"), STRING), "a", '"a"'),
        (any_of(one(1), NUMBER), True, None),
    ],
)
def test_a_value_is_written_as_the_first_branch_that_takes_it(
    engine: Any, node: Any, value: Any, message: str | None
) -> None:
    write = writes(engine, node)
    if message is None:
        with pytest.raises(EncodeError):
            write(value)
    else:
        assert write(value) == message.encode()


@pytest.mark.parametrize(
    ("node", "value", "why", "path"),
    [
        (SCALARS, 1.5, "expected one of [null, boolean, integer, string, array, object], not float", ""),
        (SCALARS, [1, "a"], "expected int, not str", "/1"),
        (any_of(NULL, text("date")), "x", "expected date, not str", ""),
        (any_of(array(INTEGER), array(STRING)), [1, "a"], "the value fits no branch of [array, array]", ""),
        (PAYMENT, {"kind": "gold"}, "expected one of [Card, Cash, Coin], not dict", ""),
        (PAYMENT, {"kind": "cash", "amount": "x"}, "expected int, not str", "/amount"),
        (PAYMENT, Card(number=1), "expected str, not int", "/number"),  # type: ignore[arg-type]
        (PAYMENT, Point(1), "expected one of [Card, Cash, Coin], not Point", ""),
    ],
)
def test_a_value_that_no_branch_takes_is_not_written(
    engine: Any, node: Any, value: Any, why: str, path: str
) -> None:
    with pytest.raises(EncodeError) as caught:
        writes(engine, node, *TAGGED, **CLASSES)(value)
    assert (caught.value.what, caught.value.path) == (why, path)


def test_what_a_branch_wrote_before_it_failed_is_taken_back(engine: Any) -> None:
    deep = any_of(array(array(array(INTEGER))), array(array(array(any_of(INTEGER, STRING)))))
    value = [[[1, 2], []], [[3, "a"]]]
    data = writes(engine, mapping(deep))({"k": value, "l": [[[5]]]}, b"pre")
    assert data == b'pre{"k":[[[1,2],[]],[[3,"a"]]],"l":[[[5]]]}'


def test_what_a_class_refuses_may_fit_another_branch(engine: Any) -> None:
    @dataclass(slots=True)
    class Even:
        n: int

        def __post_init__(self) -> None:
            if self.n % 2:
                raise ValueError("odd")

    @dataclass(slots=True)
    class Any_:
        n: int = field(default=0)

    node = any_of(ref("Even"), ref("Any"))
    shapes = obj("Even", required("n", INTEGER)), obj("Any", required("n", INTEGER))
    read = reads(engine, node, *shapes, Even=Even, Any=Any_)
    assert [read(b'{"n":2}'), read(b'{"n":3}')] == [Even(2), Any_(3)]

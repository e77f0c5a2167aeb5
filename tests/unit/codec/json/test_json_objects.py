"""Objects of JSON messages: absence, null, defaults, unknown properties, classes (docs/reference/json.md)."""

from __future__ import annotations

import copy
import enum
from abc import ABC, abstractmethod
from dataclasses import InitVar, dataclass, field
from typing import Any

import pytest
from tests.unit.codec.json.json_kit import (
    ANYTHING,
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
    schema_of,
    writes,
)

from kgen_runtime.codec import make_json_reader, make_json_writer
from kgen_runtime.codec.json.schema.json_tree import JsonTuple, Nothing
from kgen_runtime.codec.values import ABSENT
from kgen_runtime.errors import DecodeError, EncodeError, SchemaError

ORDER = obj(
    "Order",
    required("id", INTEGER),
    required("class", any_of(NULL, STRING)),
    optional("note", STRING),
    optional("price", any_of(NUMBER, NULL)),
    optional("x-tags", array(STRING), default=["a"]),
    optional("size", INTEGER, default=7),
)
OPEN = obj("Open", required("id", INTEGER), more=NUMBER)


@dataclass(slots=True, kw_only=True)
class Order:
    id: int
    class_: str | None = field(metadata={"json": "class"})
    note: str | None = None
    price: Any = ABSENT
    x_tags: list[str] | None = field(default_factory=lambda: ["a"], metadata={"json": "x-tags"})
    size: int | None = 7


@dataclass(kw_only=True)
class LooseOrder:
    id: int
    class_: str | None = field(metadata={"json": "class"})
    note: str | None = None
    price: Any = ABSENT
    x_tags: list[str] | None = field(default_factory=lambda: ["a"], metadata={"json": "x-tags"})
    size: int | None = 7


@dataclass(slots=True, kw_only=True)
class Open:
    id: int
    extra_: dict[str, float] = field(default_factory=dict, metadata={"json_extra": True})


CLASSES = pytest.mark.parametrize("cls", [Order, LooseOrder])
WHOLE = b'{"id":1,"class":"c","note":"n","price":1.5,"x-tags":[],"size":null}'


@CLASSES
def test_what_is_absent_has_the_default_of_the_class(engine: Any, cls: Any) -> None:
    read = reads(engine, ORDER, Order=cls)
    one, other = (read(b'{"class":null,"id":1}') for _ in range(2))
    assert one == cls(id=1, class_=None, note=None, price=ABSENT, x_tags=["a"], size=7)
    assert one.price is ABSENT
    assert one.x_tags is not other.x_tags
    assert copy.deepcopy(one) == one


@CLASSES
def test_properties_are_read_in_any_order(engine: Any, cls: Any) -> None:
    want = cls(id=1, class_="c", note="n", price=None, x_tags=[], size=3)
    parts = ['"id":1', '"class":"c"', '"note":"n"', '"price":null', '"x-tags":[]', '"size":3']
    read = reads(engine, ORDER, Order=cls)
    for turn in range(len(parts)):
        turned = parts[turn:] + parts[:turn]
        for order in (turned, turned[::-1]):
            assert read(("{" + ",".join(order) + "}").encode()) == want
            assert read(("{ " + " , \n".join(order) + " } ").encode()) == want
    assert read(rb'{"\u0069d":1,"cl\u0061ss":"c","note":"n","price":null,"x-tags":[],"size":3}') == want


@CLASSES
def test_what_stands_for_absence_is_left_out(engine: Any, cls: Any) -> None:
    write = writes(engine, ORDER, Order=cls)
    assert write(cls(id=1, class_=None)) == b'{"id":1,"class":null,"x-tags":["a"],"size":7}'
    assert write(cls(id=1, class_="c", price=None, x_tags=None, size=None)) == (
        b'{"id":1,"class":"c","price":null}'
    )
    assert write(cls(id=1, class_="c", note=ABSENT, price=1.0, x_tags=[], size=1)) == (
        b'{"id":1,"class":"c","price":1.0,"x-tags":[],"size":1}'
    )


@CLASSES
@pytest.mark.parametrize(
    ("message", "why", "at", "path"),
    [
        (b' {"class":null}', "the property 'id' is missing", 1, ""),
        (b'{"id":1}', "the property 'class' is missing", 0, ""),
        (b"{}", "the property 'id' is missing", 0, ""),
        (b'{"id":null,"class":null}', "expected an integer, not null", 6, "/id"),
        (b'{"id":1,"class":null,"note":null}', "expected a string, not null", 28, "/note"),
        (b'{"id":1,"class":null,"size":null}', "expected an integer, not null", 28, "/size"),
        (b'{"id":1,"class":null,"x-tags":["a",1]}', "expected a string, not a number", 35, "/x-tags/1"),
        (b'{"id":1,"id":1}', "the property 'id' is there twice", 8, "/id"),
        (b'{"note":"","note"x', "the property 'note' is there twice", 11, "/note"),
        (b"[]", "expected an object, not an array", 0, ""),
        (b"null", "expected an object, not null", 0, ""),
    ],
)
def test_an_object_that_does_not_fit_is_refused(
    engine: Any, cls: Any, message: bytes, why: str, at: int, path: str
) -> None:
    for classes in ({"Order": cls}, {}):
        with pytest.raises(DecodeError) as caught:
            reads(engine, ORDER, **classes)(message)
        assert (caught.value.what, caught.value.position, caught.value.path) == (why, at, path)


@pytest.mark.parametrize(
    ("change", "why", "path"),
    [
        ({"id": None}, "expected int, not NoneType", "/id"),
        ({"id": ABSENT}, "expected int, not Absent", "/id"),
        ({"class_": ABSENT}, "expected str, not Absent", "/class"),
        ({"x_tags": ["a", 1]}, "expected str, not int", "/x-tags/1"),
        ({"x_tags": "ab"}, "expected list, not str", "/x-tags"),
        ({"price": "1"}, "expected float, not str", "/price"),
    ],
)
def test_an_object_with_an_unfit_value_is_not_written(
    engine: Any, change: dict[str, Any], why: str, path: str
) -> None:
    value = Order(id=1, class_=None)
    for name, held in change.items():
        setattr(value, name, held)
    with pytest.raises(EncodeError) as caught:
        writes(engine, ORDER, Order=Order)(value)
    assert (caught.value.what, caught.value.path) == (why, path)


def test_an_attribute_that_is_not_set_is_reported(engine: Any) -> None:
    value = Order(id=1, class_=None)
    del value.id
    with pytest.raises(EncodeError, match="the property is not set") as caught:
        writes(engine, ORDER, Order=Order)(value)
    assert caught.value.path == "/id"


def test_without_a_class_an_object_is_what_the_message_has(engine: Any) -> None:
    read, write = reads(engine, ORDER), writes(engine, ORDER)
    for message, value in [
        (b'{"size":1,"id":1,"class":null,"no":[{}]}', {"size": 1, "id": 1, "class": None}),
        (b'{"id":1,"class":"c","price":null}', {"id": 1, "class": "c", "price": None}),
    ]:
        assert read(message) == value
        assert read(write(value)) == value
    assert write({"size": None, "price": ABSENT, "class": "c", "id": 1}) == b'{"id":1,"class":"c"}'


@pytest.mark.parametrize(
    ("value", "why", "path"),
    [
        ({"id": 1}, "the property is missing", "/class"),
        ({"id": 1, "class": None, "other": 1}, "the schema has no property 'other'", "/other"),
        ({"id": 1, "class": None, 2: 1}, "the name of a property must be str, not int", "/2"),
        ([], "expected Order, not list", ""),
        (Open(id=1), "expected Order, not Open", ""),
    ],
)
def test_a_dict_that_does_not_fit_is_not_written(engine: Any, value: Any, why: str, path: str) -> None:
    with pytest.raises(EncodeError) as caught:
        writes(engine, ORDER, Order=Order)(value)
    assert (caught.value.what, caught.value.path) == (why, path)


def test_a_dict_is_written_as_an_object_of_a_class(engine: Any) -> None:
    write = writes(engine, ORDER, Order=Order)
    assert write({"class": "c", "id": 1, "x-tags": []}) == b'{"id":1,"class":"c","x-tags":[]}'


def test_properties_without_a_name_in_the_schema_have_a_type_of_their_own(engine: Any) -> None:
    message = b'{"b":1,"id":1,"a":2.5,"":0}'
    value = reads(engine, OPEN, Open=Open)(message)
    assert value == Open(id=1, extra_={"b": 1.0, "a": 2.5, "": 0.0})
    assert writes(engine, OPEN, Open=Open)(value) == b'{"id":1,"b":1.0,"a":2.5,"":0.0}'
    plain = {"b": 1.0, "id": 1, "a": 2.5, "": 0.0}
    assert reads(engine, OPEN)(message) == plain
    assert writes(engine, OPEN)(plain) == b'{"id":1,"b":1.0,"a":2.5,"":0.0}'
    assert reads(engine, OPEN, Open=Open)(b'{"id":1}').extra_ == {}


@pytest.mark.parametrize(
    ("message", "why", "at", "path"),
    [
        (b'{"id":1,"a":"x"}', "expected a number, not a string", 12, "/a"),
        (b'{"id":1,"a":1,"a":2}', "the property 'a' is there twice", 14, "/a"),
    ],
)
def test_properties_without_a_name_are_checked(
    engine: Any, message: bytes, why: str, at: int, path: str
) -> None:
    for classes in ({"Open": Open}, {}):
        with pytest.raises(DecodeError) as caught:
            reads(engine, OPEN, **classes)(message)
        assert (caught.value.what, caught.value.position, caught.value.path) == (why, at, path)


@pytest.mark.parametrize(
    ("held", "why", "path"),
    [
        ({"id": 2.0}, "the property has an attribute of its own, besides extra_", "/id"),
        ({"a": "x"}, "expected float, not str", "/a"),
        ({3: 1.0}, "the name of a property must be str, not int", "/3"),
        (None, "expected dict in extra_, not NoneType", ""),
    ],
)
def test_properties_without_a_name_that_do_not_fit_are_not_written(
    engine: Any, held: Any, why: str, path: str
) -> None:
    with pytest.raises(EncodeError) as caught:
        writes(engine, OPEN, Open=Open)(Open(id=1, extra_=held))
    assert (caught.value.what, caught.value.path) == (why, path)


def test_a_closed_schema_refuses_properties_that_it_does_not_name(engine: Any) -> None:
    closed = obj("Open", required("id", INTEGER), closed=True)
    assert reads(engine, closed)(b'{"id":1}') == {"id": 1}
    with pytest.raises(DecodeError) as caught:
        reads(engine, closed)(b'{"id":1,"other" x')
    assert (caught.value.what, caught.value.position, caught.value.path) == (
        "the schema has no property 'other'",
        8,
        "/other",
    )


def test_dropped_properties_may_stand_twice(engine: Any) -> None:
    assert reads(engine, ORDER)(b'{"id":1,"z":1,"z":{"a":1,"a":2},"class":null}') == {"id": 1, "class": None}


@pytest.mark.parametrize(
    "name", ["__class__", "__dict__", "a.b", "", "é", "\0", "id ", "\U0001f600", "self", "cls"]
)
def test_names_are_only_data(engine: Any, name: str) -> None:
    node = obj("O", required(name, INTEGER), optional("other", mapping(ANYTHING)))
    value = {name: 1, "other": {name: {name: [name]}}}
    data = writes(engine, node)(value)
    assert reads(engine, node)(data) == value


@dataclass(slots=True)
class Odd:
    """A class whose attribute is not what the property is called, and the other way round."""

    two: int = field(metadata={"json": "one"})
    one: int = field(default=0, metadata={"json": "two"})


def test_wire_names_may_be_the_names_of_other_attributes(engine: Any) -> None:
    node = obj("Odd", required("one", INTEGER), optional("two", INTEGER))
    assert reads(engine, node, Odd=Odd)(b'{"two":2,"one":1}') == Odd(two=1, one=2)
    assert writes(engine, node, Odd=Odd)(Odd(two=1, one=2)) == b'{"one":1,"two":2}'


def test_tuples_have_types_by_place(engine: Any) -> None:
    closed, further = JsonTuple((INTEGER, STRING), Nothing()), JsonTuple((INTEGER,), STRING)
    for node, good in [(closed, [[], [1], [1, "a"]]), (further, [[], [1], [1, "a", "b"]])]:
        for value in good:
            assert reads(engine, node)(writes(engine, node)(value)) == value
    for node, message, why, at, path in [
        (closed, b'[1,"a",2]', "the array has more items than its schema", 7, "/2"),
        (closed, b"[1,2]", "expected a string, not a number", 3, "/1"),
        (further, b'[1,"a",2]', "expected a string, not a number", 7, "/2"),
    ]:
        with pytest.raises(DecodeError) as caught:
            reads(engine, node)(message)
        assert (caught.value.what, caught.value.position, caught.value.path) == (why, at, path)
    with pytest.raises(EncodeError, match="the array has more items than its schema") as refused:
        writes(engine, closed)((1, "a", 2))
    assert refused.value.path == "/2"


def test_recursive_schemas(engine: Any) -> None:
    @dataclass(slots=True)
    class Tree:
        kids: list[Any] = field(default_factory=list)
        next: Any = None

    node = obj("Tree", optional("kids", array(ref("Tree")), default=[]), optional("next", ref("Tree")))
    read, write = reads(engine, node, Tree=Tree), writes(engine, node, Tree=Tree)
    value = read(b'{"kids":[{},{"next":{}}]}')
    assert value == Tree([Tree(), Tree(next=Tree())])
    assert write(value) == b'{"kids":[{"kids":[]},{"kids":[],"next":{"kids":[]}}]}'


class Positional:
    """Not a dataclass: it takes the properties by keyword."""

    def __init__(self, id: int, note: str = "none", extra: Any = None) -> None:
        if id < 0:
            raise ValueError("a negative id")
        self.id, self.note, self.extra = id, note, extra


def test_any_class_takes_properties_by_keyword(engine: Any) -> None:
    node = obj("P", required("id", INTEGER), optional("note", STRING), more=ANYTHING)
    value = reads(engine, node, P=Positional)(b'{"id":1,"x":true}')
    assert (value.id, value.note, value.extra) == (1, "none", {"x": True})
    assert writes(engine, node, P=Positional)(value) == b'{"id":1,"note":"none","x":true}'
    with pytest.raises(DecodeError) as caught:
        reads(engine, array(ref("P")), node, P=Positional)(b'[{"id":1}, {"id":-1}]')
    assert caught.value.what == "the value was refused: ValueError: a negative id"
    assert (caught.value.position, caught.value.path) == (11, "/1")
    assert isinstance(caught.value.__cause__, ValueError)


def test_what_an_attribute_raises_is_reported(engine: Any) -> None:
    class Lazy:
        @property
        def id(self) -> int:
            raise ZeroDivisionError("never")

    with pytest.raises(EncodeError, match="the value was refused: ZeroDivisionError: never") as caught:
        writes(engine, obj("L", required("id", INTEGER)), L=Lazy)(Lazy())
    assert caught.value.path == "/id"
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


class Abstract(ABC):
    @abstractmethod
    def missing(self) -> None: ...


@dataclass
class AbstractOrder(Abstract):
    id: int


@dataclass
class NeedsMore:
    id: int
    other: int


@dataclass
class NoDefault:
    id: int


@dataclass
class NeedsArgument:
    id: int
    given: InitVar[int]


@dataclass
class TakesNone:
    id: int = field(init=False)


@dataclass
class TwoExtras:
    id: int
    one: dict[str, Any] = field(default_factory=dict, metadata={"json_extra": True})
    two: dict[str, Any] = field(default_factory=dict, metadata={"json_extra": True})


ID = obj("#/a", required("id", INTEGER))
MAYBE = obj("#/a", optional("id", INTEGER))


@pytest.mark.parametrize(
    ("node", "cls", "why"),
    [
        (obj("#/a", required("name", STRING)), NoDefault, "has no field for 'name'"),
        (ID, NeedsMore, "needs a value that the schema does not have: 'other'"),
        (ID, NeedsArgument, "needs a value that the schema does not have: 'given'"),
        (MAYBE, NoDefault, "has no default for what may be absent: 'id'"),
        (obj("#/a", required("id", INTEGER), more=STRING), NoDefault, "has no field for 'additional prop"),
        (obj("#/a", required("id", INTEGER), more=STRING), TwoExtras, "has several fields for additional"),
        (ID, AbstractOrder, "is abstract: it lacks 'missing'"),
        (ID, TakesNone, "takes no value for 'id'"),
    ],
)
def test_a_class_that_does_not_fit_is_refused_before_any_message(
    engine: Any, node: Any, cls: Any, why: str
) -> None:
    with pytest.raises(SchemaError, match=why) as caught:
        make_json_reader(schema_of(node), {"#/a": cls}, engine=engine)
    assert caught.value.where == "#/a"


def test_a_class_may_have_fields_of_its_own(engine: Any) -> None:
    @dataclass(slots=True)
    class Mine:
        id: int
        seen: int = 5
        more: dict[str, Any] = field(default_factory=dict, metadata={"json_extra": True})

    value = reads(engine, ID, **{"#/a": Mine})(b'{"id":1,"seen":2}')
    assert value == Mine(1, 5, {})
    assert writes(engine, ID, **{"#/a": Mine})(value) == b'{"id":1}'


def test_an_enum_class_has_all_symbols(engine: Any) -> None:
    one_symbol: Any = enum.Enum("one_symbol", {"A": "a"})
    for make in (make_json_reader, make_json_writer):
        with pytest.raises(SchemaError, match="lacks a symbol: 'b'"):
            make(schema_of(enum_of("#/e", "a", "b")), {"#/e": one_symbol}, engine=engine)


def test_a_slotted_object_is_made_without_its_constructor_only_if_that_stores_alone(engine: Any) -> None:
    @dataclass(slots=True)
    class Checked:
        id: int

        def __post_init__(self) -> None:
            self.id += 1

    assert reads(engine, ID, **{"#/a": Checked})(b'{"id":1}') == Checked(1)


def test_a_batch_has_values_and_errors_by_index(engine: Any) -> None:
    read = make_json_reader(schema_of(ID), engine=engine).decode_many
    decoded = read([b'x{"id":1}', b"x", b'x{"id":2}', b"x{}"], 1)
    assert decoded.values == [{"id": 1}, None, {"id": 2}, None]
    assert {index: str(error) for index, error in decoded.errors.items()} == {
        1: "the data ends too early\n  at byte 1",
        3: "the property 'id' is missing\n  at byte 1",
    }
    assert not read([b'x{"id":1}'], 1).errors
    assert read([]).values == []


def test_a_constant_is_the_schemas_own_value(engine: Any) -> None:
    node = obj("C", required("kind", one("a")), optional("level", one(1, 2.5)))
    assert repr(reads(engine, node)(b'{"level":2.50,"kind":"a"}')) == "{'level': 2.5, 'kind': 'a'}"
    assert writes(engine, node)({"kind": "a", "level": 1.0}) == b'{"kind":"a","level":1}'

"""Objects that by their types are in no cycle are left out of garbage collection; all others are not."""

from __future__ import annotations

import copy
import datetime as dt
import gc
import pickle
import tracemalloc
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import Enum
from typing import Any, Generic, Literal, TypeVar
from uuid import UUID

import pytest
from tests.unit.codec.json.json_kit import any_of, mapping, obj, reads, ref, required
from tests.unit.codec.protobuf.proto_kit import file_of, kit_of

import kgen_runtime as rt
from kgen_runtime.codec import make_proto_reader, make_reader, make_rows
from kgen_runtime.codec.avro.schema.parser import parse
from kgen_runtime.codec.json.schema.json_tree import JsonScalar
from kgen_runtime.codec.slotted_classes import is_alone

T = TypeVar("T")


class Kind(Enum):
    A = "A"


@dataclass(slots=True, kw_only=True)
class Money:
    units: int
    digits: Decimal | None = None


@dataclass(slots=True)
class Leaves:
    name: str
    kind: Kind
    when: dt.datetime | dt.date | None
    id: UUID
    money: Money | None
    sort: Literal["a", "b"]
    raw: rt.OutOfRange[int] | rt.Duration | rt.Absent | bytes
    tags: dict[str, str]
    lines: list[Money | str] = field(default_factory=list)


@dataclass(slots=True)
class Node:
    name: str
    next: Node | None = None


@dataclass(slots=True)
class Tree:
    name: str
    below: list[Tree] = field(default_factory=list)


@dataclass(slots=True)
class OfNode:
    node: Node | None


@dataclass(slots=True)
class Left:
    right: Right | None


@dataclass(slots=True)
class Right:
    left: Left | None


@dataclass(slots=True)
class Anything:
    x: Any


@dataclass(slots=True)
class Bare:
    x: list  # type: ignore[type-arg]


@dataclass(slots=True)
class AnyMap:
    x: dict[str, Any]


@dataclass(slots=True)
class Typed(Generic[T]):
    x: T


@dataclass(slots=True)
class OfDict:
    x: WithDict


@dataclass
class WithDict:
    x: int


class Base:
    __slots__ = ()


@dataclass(slots=True)
class Hidden(Base):
    x: int


class More:
    __slots__ = ("cache",)


@dataclass(slots=True)
class WithMore(More):
    x: int


class Below(Money):
    """It has a `__dict__`."""


@dataclass(slots=True)
class Unknown:
    x: Nowhere  # type: ignore[name-defined]  # noqa: F821


@dataclass(slots=True)
class Empty:
    pass


@pytest.mark.parametrize("cls", [Money, Leaves, OfNode, Hidden, Empty])
def test_what_holds_nothing_that_comes_back(cls: type[Any]) -> None:
    assert is_alone(cls)


@pytest.mark.parametrize(
    "cls",
    [Node, Tree, Left, Right, Anything, Bare, AnyMap, Typed, OfDict, WithDict, WithMore, Below, Unknown, int],
)
def test_what_may_hold_anything_or_itself(cls: type[Any]) -> None:
    assert not is_alone(cls)


ORDER = """{"type": "record", "name": "Order", "fields": [
    {"name": "id", "type": "string"},
    {"name": "note", "type": ["null", "string"]},
    {"name": "tags", "type": {"type": "map", "values": "string"}},
    {"name": "place", "type": {"type": "record", "name": "Place", "fields": [
        {"name": "x", "type": "double"}]}},
    {"name": "node", "type": {"type": "record", "name": "Node", "fields": [
        {"name": "name", "type": "string"}, {"name": "next", "type": ["null", "Node"]}]}}]}"""


@dataclass(slots=True, kw_only=True)
class Place:
    x: float


@dataclass(slots=True, kw_only=True)
class Order:
    id: str
    note: str | None
    tags: dict[str, str]
    place: Place
    node: Node


class OwnOrder(Order):
    """A user's, with a `__dict__`."""


AVRO_ORDER = b"\x02a\x00\x00" + b"\0" * 8 + b"\x02n\x02\x02m\x00"
"""`id` a, no note, no tags, a place, a node n before m."""


def avro_reader(engine: Any = "native", **classes: type[Any]) -> Any:
    named = {"Order": Order, "Place": Place, "Node": Node, **classes}
    return make_reader(parse(ORDER), None, named, engine=engine)


def tracked(*objects: object) -> list[bool]:
    return [gc.is_tracked(each) for each in objects]


def test_records_of_avro() -> None:
    made = avro_reader().decode(AVRO_ORDER)
    assert made == Order(id="a", note=None, tags={}, place=Place(x=0.0), node=Node("n", Node("m")))
    assert tracked(made, made.place, made.node, made.node.next) == [False, False, True, True]
    made = avro_reader(Order=OwnOrder).decode(AVRO_ORDER)
    assert tracked(made, made.place) == [True, False]
    assert tracked(avro_reader("python").decode(AVRO_ORDER)) == [True]


def test_objects_of_json() -> None:
    text, number, null = JsonScalar("string"), JsonScalar("number"), JsonScalar("null")
    node = obj("Node", required("name", text), required("next", any_of(null, ref("Node"))))
    fields = (required("id", text), required("note", any_of(null, text)), required("tags", mapping(text)))
    order = obj("Order", *fields, required("place", ref("Place")), required("node", ref("Node")))
    others, classes = (obj("Place", required("x", number)), node), {"Place": Place, "Node": Node}
    data = b'{"id":"a","note":null,"tags":{},"place":{"x":1},"node":{"name":"n","next":null}}'
    made = reads("native", order, *others, Order=Order, **classes)(data)
    assert tracked(made, made.place, made.node) == [False, False, True]
    made = reads("native", order, *others, Order=OwnOrder, **classes)(data)
    assert tracked(made, made.place) == [True, False]


@dataclass(slots=True, kw_only=True)
class Paid:
    id: str
    place: Place | None
    pay: Card | Cash | None


@dataclass(slots=True, frozen=True)
class Card:
    value: str


@dataclass(slots=True, frozen=True)
class Cash:
    value: Node


@dataclass(slots=True, kw_only=True)
class OwnPaid(Paid):
    more: Any = field(init=False, default=None)


def test_messages_of_protobuf() -> None:
    file = file_of()
    file.message_type.add(name="Place").field.add(name="x", number=1, type=1, label=1)
    node = file.message_type.add(name="Node")
    node.field.add(name="name", number=1, type=9, label=1)
    node.field.add(name="next", number=2, type=11, label=1, type_name=".p.Node")
    paid = file.message_type.add(name="Paid")
    paid.oneof_decl.add(name="pay")
    paid.field.add(name="id", number=1, type=9, label=1)
    paid.field.add(name="place", number=2, type=11, label=1, type_name=".p.Place")
    paid.field.add(name="card", number=3, type=9, label=1, oneof_index=0)
    paid.field.add(name="cash", number=4, type=11, label=1, type_name=".p.Node", oneof_index=0)
    kit = kit_of(file, "p.Paid")
    classes: dict[str, Any] = {"p.Paid": Paid, "p.Place": Place, "p.Node": Node}
    classes |= {"p.Paid.pay.card": Card, "p.Paid.pay.cash": Cash}
    read = make_proto_reader(kit.schema, "p.Paid", classes, engine="native").decode
    place, card, cash = b"\x12\x00", b"\x1a\x01c", b"\x22\x03\x0a\x01n"
    made = read(place + card)
    assert made == Paid(id="", place=Place(x=0.0), pay=Card("c"))
    assert tracked(made, made.place, made.pay) == [False, False, False]
    made = read(place + place + cash + cash)  # parts of one message are put together
    assert tracked(made, made.place, made.pay, made.pay.value) == [False, False, False, True]


@pytest.mark.parametrize(
    "value", [None, "text", b"bytes", 1, Kind.A, (), ("a",), {}, {"a": 1}, [], [1], Node("n"), WithDict(1)]
)
def test_messages_are_left_out_where_what_they_hold_is(value: Any) -> None:
    make = make_rows(rt.Message, engine="native").make
    columns = (None, "t", 0, [1], [2], [()], [3], [4], None, None, [None])
    (listed,) = make(1, ([value], *columns))
    left_out = not isinstance(value, dict) and not gc.is_tracked(value)
    assert tracked(listed) == [not left_out]
    if type(value) is not list:
        assert tracked(*make(1, (value, *columns))) == [not left_out]
    assert tracked(*make_rows(rt.Message, engine="python").make(1, ([value], *columns))) == [True]


def messages(count: int) -> list[Any]:
    values = avro_reader().decode_many([AVRO_ORDER] * count, 0).values
    columns = (["k"] * count, values, "t", 0, [1] * count, [2] * count, (), [3] * count, [4] * count)
    return make_rows(rt.Message, engine="native").make(count, (*columns, None, None, [None] * count))


def test_they_are_copied_pickled_and_replaced_as_ever() -> None:
    (message,) = messages(1)
    assert tracked(message, message.value) == [False, False]
    for each in (message, message.value):
        copies = (copy.copy(each), copy.deepcopy(each), pickle.loads(pickle.dumps(each)), replace(each))
        assert all(made == each for made in copies)
        assert tracked(*copies) == [True] * 4  # what Python makes is as Python makes it
    assert message.with_value(message.value) == message


def test_an_object_that_was_filled_with_what_refers_on_keeps_it_alive() -> None:
    (message,) = messages(1)
    message.value.note = [Node("n", Node("m"))]
    message.value.tags = kept = {"a": [message.value.place]}
    gc.collect()
    assert message.value.note == [Node("n", Node("m"))]
    assert message.value.tags is kept


def test_they_are_freed_with_their_last_reference() -> None:
    tracemalloc.start()
    try:
        messages(1_000)
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(20):
            messages(1_000)
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] - before < 50_000
    finally:
        tracemalloc.stop()

"""Kept objects of JSON Schemas: the same again, and as today's classes when the schema has changed."""

from __future__ import annotations

import copy
import enum
import json
import pickle
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, make_dataclass
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from types import ModuleType
from typing import Any

import pytest

import kgen_runtime as rt
from kgen_runtime.state.class_homes import JSON_HOMES
from kgen_runtime.state.loading import load
from kgen_runtime.state.restorers import is_current

MODULE = "json_shop._generated.orders"
NULLABLE = {"type": ["string", "null"]}


class Project:
    """A generated package with one module, of one version of a schema after the other."""

    def __init__(self) -> None:
        self.module = ModuleType(MODULE)
        sys.modules["json_shop"] = ModuleType("json_shop")
        sys.modules["json_shop._generated"] = ModuleType("json_shop._generated")
        sys.modules[MODULE] = self.module
        self.version = 0

    def pull(self, schema: Any, **classes: Any) -> None:
        """`classes`: name -> (place, fields of `make_dataclass`), or (place, symbols) of an enum."""
        self.version += 1
        for name in [name for name in vars(self.module) if not name.startswith("__")]:
            delattr(self.module, name)
        made = {place: self._class(name, parts) for name, (place, parts) in classes.items()}
        versions = (rt.WriterSchema(self.version, self.version, json.dumps(schema), type="JSON"),)
        rt.JsonSerde(rt.Schemas("orders-value", versions), made)

    def _class(self, name: str, parts: Any) -> Any:
        made = self._enum(name, parts) if isinstance(parts, tuple) else self._dataclass(name, parts)
        setattr(self.module, name, made)
        return made

    def _enum(self, name: str, symbols: tuple[str, ...]) -> Any:
        make: Any = enum.Enum
        return make(name, {symbol: symbol for symbol in symbols}, module=MODULE)

    def _dataclass(self, name: str, parts: Any) -> Any:
        fields = [(each, Any) if isinstance(each, str) else (each[0], Any, each[1]) for each in parts]
        made = make_dataclass(name, fields, slots=True, kw_only=True)
        made.__module__ = MODULE
        return made

    def __getattr__(self, name: str) -> Any:
        return getattr(sys.modules[MODULE], name)


@pytest.fixture
def shop() -> Iterator[Project]:
    before = dict(JSON_HOMES.bindings)
    JSON_HOMES.bindings.clear()  # of what other tests have imported, which may have this subject too
    yield Project()
    for name in [name for name in sys.modules if name.partition(".")[0] == "json_shop"]:
        del sys.modules[name]
    JSON_HOMES.bindings.clear()
    JSON_HOMES.bindings.update(before)


def obj(*required: str, **properties: Any) -> Any:
    return {"type": "object", "properties": properties, "required": list(required)}


def again(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))


STATUS = {"enum": ["NEW", "PAID"]}
ORDER = obj(
    "id", id={"type": "string"}, note={"type": "string", "default": "n"}, text=NULLABLE, status=STATUS
)
FIELDS: list[Any] = ["id", ("note", field(default="n")), ("text", field(default=rt.ABSENT)), ("status", None)]
PLACE = "#/properties/status"


@pytest.fixture
def order(shop: Project) -> Callable[..., Any]:
    shop.pull(ORDER, Order=("#", FIELDS), Status=(PLACE, ("NEW", "PAID")))
    return lambda **values: shop.Order(**{"id": "a", **values})


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_objects_are_the_same_again(shop: Project, order: Any, protocol: int) -> None:
    for values in (
        {},
        {"note": None, "text": None, "status": shop.Status.PAID},
        {"text": rt.ABSENT, "status": None, "id": Decimal("1.10")},
        {"text": datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=2))), "id": (1, {2})},
    ):
        value = order(**values)
        assert pickle.loads(pickle.dumps(value, protocol)) == value
        assert load(pickle.dumps(value, protocol)) == (value, False)
        assert copy.copy(value) == copy.deepcopy(value) == value
    assert again(shop.Status.NEW) is shop.Status.NEW


def test_what_is_shared_or_holds_itself_does_so_again(order: Any) -> None:
    shared = ["x"]
    value = order(note=shared, status=shared)
    value.text = value
    found = again(value)
    assert found.note is found.status
    assert found.text is found


def test_an_attribute_that_was_deleted_stays_deleted(order: Any) -> None:
    value = order()
    del value.note
    assert not hasattr(again(value), "note")


def test_a_class_that_a_user_derived_keeps_what_it_adds(shop: Project, order: Any) -> None:
    @dataclass
    class Mine(shop.Order):  # type: ignore[name-defined, misc]
        more: int = 0

    Mine.__qualname__ = "Mine"
    Mine.__module__ = MODULE
    sys.modules[MODULE].Mine = Mine  # type: ignore[attr-defined]
    value = Mine(id="a", more=3)
    assert again(value) == value
    assert type(again(value)) is Mine


def kept(value: Any) -> bytes:
    return pickle.dumps({"it": [value]})


def today(data: bytes, *, by_itself: bool = True) -> Any:
    value, outdated = load(data)
    assert outdated
    assert load(pickle.dumps(value)) == (value, False)
    if by_itself:
        assert pickle.loads(data) == value  # as Bytewax does
    return value["it"][0]


def test_new_properties_have_their_defaults_and_old_ones_go(shop: Project, order: Any) -> None:
    data = kept(order(note="x", text="t"))
    schema = obj("id", id={"type": "string"}, text=NULLABLE, at={"type": "string"}, tags={"type": "array"})
    shop.pull(
        schema,
        Order=(
            "#",
            ["id", ("text", rt.ABSENT), ("at", field(default="now")), ("tags", field(default_factory=list))],
        ),
    )
    found = today(data)
    assert found == shop.Order(id="a", text="t", at="now", tags=[])
    assert not hasattr(found, "note")


def test_absence_stays_absence_and_null_null(shop: Project, order: Any) -> None:
    absent, null = kept(order(note=None, text=rt.ABSENT)), kept(order(note="n", text=None))
    schema = obj("id", id={"type": "string"}, note=NULLABLE, text={"type": "string"})
    shop.pull(schema, Order=("#", ["id", ("note", rt.ABSENT), ("text", field(default=None))]))
    assert today(absent) == shop.Order(id="a", note=rt.ABSENT, text=None)
    assert today(null) == shop.Order(id="a", note="n", text=None)


def test_a_property_that_is_required_now_has_to_be_there(shop: Project, order: Any) -> None:
    there, absent = kept(order(note="x")), kept(order(note=None))
    shop.pull(obj("id", "note", id={"type": "string"}, note={"type": "string"}), Order=("#", ["id", "note"]))
    assert today(there).note == "x"
    with pytest.raises(rt.RecoveryError, match="'note' is required now"):
        load(absent)
    shop.pull(obj("new", new={"type": "string"}), Order=("#", ["new"]))
    with pytest.raises(rt.RecoveryError, match="no 'new'") as caught:
        load(there)
    assert "optional" in str(caught.value)


def test_strings_become_members_and_members_strings(shop: Project, order: Any) -> None:
    data = kept(order(note="NEW", status=shop.Status.PAID))
    schema = obj("id", id={"type": "string"}, note=STATUS, status={"type": "string"})
    fields: list[Any] = ["id", ("note", field(default=None)), ("status", field(default=None))]
    shop.pull(schema, Order=("#", fields), Status=("#/properties/note", ("NEW", "PAID")))
    assert today(data) == shop.Order(id="a", note=shop.Status.NEW, status="PAID")


def test_a_symbol_that_is_gone_is_refused_unless_nothing_has_a_place_for_it(
    shop: Project, order: Any
) -> None:
    data = kept(order(status=shop.Status.PAID))
    shop.pull({**ORDER, "title": "x"}, Order=("#", FIELDS), Status=(PLACE, ("NEW", "SENT")))
    with pytest.raises(rt.RecoveryError, match=r"Status\.PAID cannot be read: the symbol is gone"):
        load(data)
    shop.pull(obj("id", id={"type": "string"}), Order=("#", ["id"]), Status=("#/x", ("NEW",)))
    assert today(data, by_itself=False) == shop.Order(id="a")


def test_a_class_that_is_gone_is_refused_unless_nothing_has_a_place_for_it(shop: Project) -> None:
    line = obj(sku={"type": "string"})
    shop.pull(obj(line=line), Order=("#", [("line", None)]), Line=("#/properties/line", [("sku", None)]))
    data = kept(shop.Order(line=shop.Line(sku="s")))
    alone = kept(shop.Line(sku="s"))
    JSON_HOMES.bindings.clear()  # another process
    shop.pull(obj(x={"type": "string"}), Order=("#", [("x", None)]))
    assert today(data, by_itself=False) == shop.Order(x=None)
    with pytest.raises(rt.RecoveryError, match="no generated class"):
        load(alone)


def test_further_properties_are_kept_and_may_get_a_name(shop: Project) -> None:
    more = {"additionalProperties": {"type": "integer"}}
    others = ("extra", field(default_factory=dict, metadata={"json_extra": True}))
    shop.pull({**obj(a={"type": "integer"}), **more}, Order=("#", [("a", None), others]))
    value = shop.Order(a=1, extra={"b": 2, "c": 3})
    assert again(value) == value
    data = kept(value)
    shop.pull(
        {**obj(a={"type": "integer"}, b={"type": "integer"}), **more},
        Order=("#", [("a", None), ("b", None), others]),
    )
    assert today(data) == shop.Order(a=1, b=2, extra={"c": 3})
    shop.pull(obj(b={"type": "integer"}), Order=("#", [("b", None)]))
    assert today(data) == shop.Order(b=2)


def test_names_on_the_wire_are_what_counts(shop: Project) -> None:
    schema = {"properties": {"class": {"type": "string"}}}
    shop.pull(schema, Order=("#", [("class_", field(default=None, metadata={"json": "class"}))]))
    data = kept(shop.Order(class_="a"))
    shop.pull(
        {**schema, "title": "x"}, Order=("#", [("klass", field(default=None, metadata={"json": "class"}))])
    )
    assert today(data) == shop.Order(klass="a")


def test_a_package_may_have_another_name(shop: Project, order: Any) -> None:
    data = pickle.dumps({"it": [order()]}).replace(b"json_shop.", b"jold_shop.")
    assert today(data) == order()


def test_rows_of_today_are_known_by_their_marks(shop: Project, order: Any) -> None:
    mark = order().__reduce_ex__(4)[1][0]
    assert is_current(mark)
    shop.pull({**ORDER, "title": "x"}, Order=("#", FIELDS), Status=(PLACE, ("NEW", "PAID")))
    assert not is_current(mark)
    assert is_current(order().__reduce_ex__(4)[1][0])


def test_json_beside_avro_leaves_avro_as_it_is(shop: Project, order: Any) -> None:
    text = '{"type": "record", "name": "Old", "fields": [{"name": "id", "type": "long"}]}'
    made = make_dataclass("Old", [("id", int)], slots=True, kw_only=True)
    made.__module__ = MODULE
    sys.modules[MODULE].Old = made  # type: ignore[attr-defined]
    rt.AvroSerde(rt.Schemas("old-value", (rt.WriterSchema(1, 1, text),)), {"Old": made})
    both = [order(), made(id=1)]
    assert load(pickle.dumps(both)) == (both, False)

"""Kept objects of Protobuf messages: the same again, and as today's classes when the schema has changed."""

from __future__ import annotations

import copy
import pickle
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, make_dataclass
from types import ModuleType
from typing import Any

import pytest

import kgen_runtime as rt
from kgen_runtime.state.class_homes import PROTO_HOMES
from kgen_runtime.state.restorers import is_current

MODULE = "proto_shop._generated.orders"
FIRST = """descriptor 1
message shop.Order
  1 id string implicit
  2 lines message shop.Line repeated
  3 status enum shop.Status implicit
  4 card string explicit oneof=payment
  5 cash int64 explicit oneof=payment
  6 seen enum shop.Status repeated
  7 old string implicit
message shop.Line
  1 sku string implicit
enum shop.Status open
  0 NEW
  1 SHIPPED
"""
# `id` has another name, `old` is gone, `cash` is of another type of its wire family and no oneof's any more.
LATER = (
    FIRST.replace("1 id string", "1 number string")
    .replace("  7 old string implicit\n", "  8 note string explicit\n  9 extra int32 implicit\n")
    .replace("5 cash int64 explicit oneof=payment", "5 cash int32 explicit")
)


def proto_schemas(descriptor: str) -> rt.Schemas:
    version = rt.WriterSchema(1, 1, 'syntax = "proto3";', type="PROTOBUF")
    return rt.Schemas("orders-value", (version,), descriptor=descriptor)


@pytest.fixture
def module() -> Iterator[ModuleType]:
    made = ModuleType(MODULE)
    packages = {
        "proto_shop": ModuleType("proto_shop"),
        "proto_shop._generated": ModuleType("g"),
        MODULE: made,
    }
    sys.modules.update(packages)
    before = dict(PROTO_HOMES.bindings)
    PROTO_HOMES.bindings.clear()
    yield made
    PROTO_HOMES.bindings.clear()
    PROTO_HOMES.bindings.update(before)
    for name in packages:
        del sys.modules[name]


def pulled(module: ModuleType, descriptor: str, **attributes: Any) -> Any:
    """The module as a pull makes it. `attributes`: of an order, with their defaults."""

    class Status(rt.OpenEnum):
        NEW = 0
        SHIPPED = 1

    def made(name: str, fields: list[Any], **options: Any) -> Any:
        cls = make_dataclass(name, fields, slots=True, **options)
        cls.__module__ = MODULE
        setattr(module, name, cls)
        return cls

    Status.__module__, Status.__qualname__ = MODULE, "Status"
    module.Status = Status  # type: ignore[attr-defined]
    line = made("Line", [("sku", str, field(default=""))], kw_only=True)
    card = made("Card", [("value", str)], frozen=True)
    cash = made("Cash", [("value", int)], frozen=True)
    fields = [
        (name, Any, field(default_factory=default) if callable(default) else field(default=default))
        for name, default in attributes.items()
    ]
    order = made("Order", fields, kw_only=True)
    classes = {
        "shop.Order": order,
        "shop.Line": line,
        "shop.Status": Status,
        "shop.Order.payment.card": card,
        "shop.Order.payment.cash": cash,
    }
    rt.ProtobufSerde(proto_schemas(descriptor), "shop.Order", classes)
    return module


def first(module: ModuleType) -> Any:
    return pulled(module, FIRST, id="", lines=list, status=0, payment=None, seen=list, old="")


def test_an_object_comes_back_the_same(module: ModuleType) -> None:
    shop = first(module)
    line = shop.Line(sku="x")
    order = shop.Order(
        id="a",
        lines=[line, line],
        status=shop.Status(7),
        payment=shop.Card("c"),
        seen=[shop.Status.SHIPPED],
        old="o",
    )
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        again = pickle.loads(pickle.dumps(order, protocol))
        assert again == order
        assert again.lines[0] is again.lines[1]
        assert isinstance(again.status, shop.Status)
        assert again.seen[0] is shop.Status.SHIPPED
    assert copy.copy(order).lines is order.lines
    assert copy.deepcopy(order) == order
    assert copy.deepcopy(order).lines is not order.lines
    odd = shop.Order(id=5, payment="neither", status="x")  # what no schema allows is kept as it is
    assert pickle.loads(pickle.dumps(odd)) == odd


def test_an_object_is_read_by_its_numbers_when_the_schema_has_changed(module: ModuleType) -> None:
    shop = first(module)
    by_card = pickle.dumps(
        shop.Order(id="a", lines=[shop.Line(sku="x")], payment=shop.Card("c"), old="o", status=1)
    )
    by_cash = pickle.dumps(shop.Order(id="b", payment=shop.Cash(5)))
    mark = PROTO_HOMES.bindings[MODULE, "Order"].mark
    assert is_current(mark)
    PROTO_HOMES.bindings.clear()  # another process
    shop = pulled(
        module, LATER, number="", lines=list, status=0, payment=None, cash=None, seen=list, note=None, extra=0
    )
    assert not is_current(mark)
    order = pickle.loads(by_card)
    assert order == shop.Order(number="a", lines=[shop.Line(sku="x")], status=1, payment=shop.Card("c"))
    assert order.status is shop.Status.SHIPPED
    assert pickle.loads(by_cash) == shop.Order(number="b", cash=5)


def test_a_class_that_is_gone_is_an_error(module: ModuleType) -> None:
    data = pickle.dumps(first(module).Line(sku="x"))
    PROTO_HOMES.bindings.clear()
    with pytest.raises(rt.RecoveryError, match="a kept Line cannot be read: no generated class"):
        pickle.loads(data)


def test_classes_of_users_and_required_fields(module: ModuleType) -> None:
    shop = first(module)

    @dataclass
    class Own(shop.Line):  # type: ignore[misc,name-defined]
        more: int = 0

    globals()["Own"] = Own
    Own.__qualname__ = "Own"
    assert pickle.loads(pickle.dumps(Own(sku="a", more=3))) == Own(sku="a", more=3)
    data = pickle.dumps(shop.Line(sku="a"))
    PROTO_HOMES.bindings.clear()
    required = make_dataclass("Line", [("sku", str), ("size", int)], slots=True, kw_only=True)
    required.__module__ = MODULE
    descriptor = "descriptor 1\nmessage shop.Line\n  1 sku string implicit\n  2 size int32 required\n"
    rt.ProtobufSerde(proto_schemas(descriptor), "shop.Line", {"shop.Line": required})
    with pytest.raises(rt.RecoveryError, match="it has no 'size', which is required now"):
        pickle.loads(data)


def test_unknown_fields_are_kept(module: ModuleType) -> None:
    kept = make_dataclass(
        "Kept",
        [("sku", str, ""), ("extra", bytes, field(default=b"", metadata={"proto_unknown": True}))],
        slots=True,
    )
    kept.__module__ = MODULE
    module.Kept = kept  # type: ignore[attr-defined]
    descriptor = "descriptor 1\nmessage shop.Kept\n  1 sku string implicit\n"
    rt.ProtobufSerde(proto_schemas(descriptor), "shop.Kept", {"shop.Kept": kept})
    value = kept(sku="a", extra=b"\x10\x01")
    assert pickle.loads(pickle.dumps(value)) == value

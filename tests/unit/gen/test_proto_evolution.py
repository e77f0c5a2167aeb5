"""`kgen diff` and `kgen pull` as Protobuf subjects change: what is refused, and which lines are named."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .store_registry import StoreRegistry

Kgen = Callable[..., tuple[int, str, str]]
ORDER = """syntax = "proto3"; package shop;
message Order {
  string id = 1;
  int32 count = 2;
  Status status = 3;
  oneof payment { string card = 4; int64 cash = 5; }
}
enum Status { UNKNOWN = 0; PAID = 1; }
"""
USE = """from streams._generated.orders import Order, OrderPaymentCard, Status


def f(order: Order) -> bool:
    if isinstance(order.payment, OrderPaymentCard):
        return bool(order.count)
    return order.status is Status.PAID
"""


@pytest.fixture
def registry() -> Iterator[StoreRegistry]:
    found = StoreRegistry()
    yield found
    found.server.close()


@pytest.fixture
def project(tmp_path: Path, registry: StoreRegistry, kgen: Kgen) -> Path:
    registry.add("orders-value", ORDER, kind="PROTOBUF")
    assert kgen("pull", "--registry", registry.url)[0] == 0
    registry.level("orders-value", "NONE")
    (tmp_path / "p" / "streams" / "use.py").write_text(USE)
    return tmp_path / "p"


def changed(*pairs: tuple[str, str]) -> str:
    text = ORDER
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    return text


def test_what_is_renamed_is_harmless_on_the_wire_and_named_by_its_lines(
    project: Path, registry: StoreRegistry, kgen: Kgen
) -> None:
    renamed = changed(("count", "pieces"), ("PAID", "SETTLED"), ("card", "plastic"))
    registry.add("orders-value", renamed, kind="PROTOBUF")
    code, out, _ = kgen("diff", "--registry", registry.url)
    lines = [line.strip() for line in out.splitlines()]
    assert "~ `shop.Order.pieces`: renamed from count" in lines
    assert "~ `shop.Status.SETTLED`: renamed from PAID" in lines
    assert "~ `shop.Order.payment.plastic`: renamed from shop.Order.payment.card" in lines
    assert "new reads old: yes" in lines
    assert "old reads new: yes" in lines
    code, out, err = kgen("pull", "--registry", registry.url)
    assert code == 0, err
    assert "! streams/use.py:6: Order.count renamed to pieces in v2" in out
    assert "! streams/use.py:7: Status.PAID renamed to SETTLED in v2" in out
    assert "! streams/use.py:1: OrderPaymentCard renamed to OrderPaymentPlastic in v2" in out


@pytest.mark.parametrize("level", ["NONE", "BACKWARD", "FORWARD"])
def test_a_field_at_another_number_is_refused_at_every_level(
    project: Path, registry: StoreRegistry, kgen: Kgen, level: str
) -> None:
    registry.add("orders-value", changed(("count = 2", "count = 7")), kind="PROTOBUF")
    registry.level("orders-value", level)
    code, _, err = kgen("pull", "--registry", registry.url)
    assert code == 4
    assert "orders-value v2 cannot read v1: count: moved from number 2 to 7" in err
    assert "takes it: what it names is then lost or read as something else" in err
    _, out, _ = kgen("diff", "--registry", registry.url)
    assert "~ `shop.Order.count`: number 2 -> 7" in out
    assert "new reads old: no: count: moved from number 2 to 7" in out
    assert f"allowed at {level}: {'yes' if level == 'NONE' else 'no'}" in out
    assert kgen("pull", "--registry", registry.url, "--allow-incompatible", "orders-value")[0] == 0


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("int32 count", "string count"), "count: int32 cannot be read as string"),
        (
            ("int32 count = 2;", "string colour = 2;"),
            "count: int32 cannot be read as string: number 2 is colour",
        ),
        (("package shop", "package store"), "the message shop.Order is gone"),
        (
            ("int64 cash = 5; }", "int64 cash = 5; int32 count = 2; }"),
            "payment: messages may have card, cash and count together",
        ),
    ],
)
def test_what_the_wire_reads_otherwise_is_refused(
    project: Path, registry: StoreRegistry, kgen: Kgen, change: tuple[str, str], reason: str
) -> None:
    text = changed(change)
    if "count = 2; }" in text:
        text = text.replace("  int32 count = 2;\n", "", 1)
    registry.add("orders-value", text, kind="PROTOBUF")
    code, _, err = kgen("pull", "--registry", registry.url)
    assert code == 4
    assert reason in err


def test_a_diff_is_json_too(project: Path, registry: StoreRegistry, kgen: Kgen) -> None:
    registry.add("orders-value", changed(("  int32 count = 2;\n", "  reserved 2;\n")), kind="PROTOBUF")
    registry.level("orders-value", "FULL")
    _, out, _ = kgen("diff", "--registry", registry.url, "--json")
    [found] = json.loads(out)["subjects"]
    assert [it["kind"] for it in found["changes"]] == ["field removed", "reserved"]
    assert found["compatibility"]["backward"] == {"compatible": True, "problems": []}
    assert found["level"] == {"level": "FULL", "allowed": True, "problems": {}}

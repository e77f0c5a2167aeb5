"""Which class an object comes back as, where several would do: packages and subjects side by side."""

from __future__ import annotations

import importlib
import pickle
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.unit.state.projects import PACKAGE, Versions, module, project, record, write

import kgen_runtime as rt
from kgen_runtime.state.loading import load

OTHER = "othershop"
STATUS = {"type": "enum", "name": "Status", "symbols": ["NEW", "PAID"]}
ORDER = record("shop.Order", ("id", "string"), ("status", STATUS))
GROWN = record("shop.Order", ("id", "string"), ("status", STATUS), ("note", "string", "none"))
RENAMED = record("shop.Purchase", ("id", "string"), ("status", STATUS), aliases=["shop.Order"])


@contextmanager
def packages(folder: Path, mine: Versions, others: Versions) -> Iterator[None]:
    """A process with two generated packages."""
    with project(folder, {"orders-value": mine}):
        write(folder, {"orders-value": others}, OTHER)
        importlib.invalidate_caches()
        try:
            module("orders", OTHER)
            module("orders")
            yield
        finally:
            for name in [name for name in sys.modules if name.partition(".")[0] == OTHER]:
                del sys.modules[name]


def values() -> list[Any]:
    """A record that is kept as Avro binary, one with its values as they are, and a member."""
    orders = module("orders")
    held = orders.Order(id=5, status=orders.Status.PAID)
    return [orders.Order(id="1", status=orders.Status.PAID), held, orders.Status.PAID]


def by_today() -> bytes:
    return pickle.dumps(values())


def by_the_first_release() -> bytes:
    name = f"c{PACKAGE}._generated.orders\n".encode()
    order = b"ccopy_reg\n__newobj__\n(" + name + b"Order\ntR(N(dVid\nV1\nsVstatus\n%stb"
    member = name + b"Status\n(VPAID\ntR"
    return b"(l" + order % (member + b"s") + b"a" + member + b"a."


@pytest.mark.parametrize("kept", [by_today, by_the_first_release])
@pytest.mark.parametrize("version", [GROWN, RENAMED], ids=["grown", "renamed"])
def test_an_object_stays_in_its_package_when_another_has_its_old_schema(
    tmp_path: Path, kept: Callable[[], bytes], version: Any
) -> None:
    with packages(tmp_path, [ORDER], [ORDER]):
        data = kept()
        assert {type(each).__module__ for each in load(data)[0]} == {f"{PACKAGE}._generated.orders"}
    with packages(tmp_path, [ORDER, version], [ORDER]):
        assert {type(each).__module__ for each in load(data)[0]} == {f"{PACKAGE}._generated.orders"}


def test_a_package_that_has_another_name_now_is_found_by_its_schemas(tmp_path: Path) -> None:
    with project(tmp_path, {"orders-value": [ORDER]}):
        kept = pickle.dumps(values())
    with project(tmp_path, {"orders-value": [ORDER, GROWN]}, OTHER):
        orders = module("orders", OTHER)
        again, outdated = load(kept)
        assert outdated
        assert again[0] == orders.Order(id="1", status=orders.Status.PAID)
        assert again[2] is orders.Status.PAID
        assert not load(pickle.dumps(again))[1]


LINE = record("shop.Line", ("sku", "string"))
OTHER_LINE = record("billing.Line", ("account", "string", ""))


def test_a_record_of_another_subject_does_not_stand_for_one_that_is_gone(tmp_path: Path) -> None:
    """Only its short name is the same; with defaults alone it would read anything."""
    with project(tmp_path, {"lines-value": [LINE], "bills-value": [OTHER_LINE]}):
        kept = pickle.dumps(module("lines").Line(sku="a"))
    refused = pytest.raises(rt.RecoveryError, match=r"stands for it any more|does not have the schema")
    row = record("shop.Row", ("sku", "string"))
    for lines in ({"lines-value": [LINE, row]}, {}):
        with project(tmp_path, {**lines, "bills-value": [OTHER_LINE]}):
            module("bills")
            with refused:
                load(kept)


def test_the_class_of_a_record_is_found_in_a_module_that_nothing_has_imported(tmp_path: Path) -> None:
    inline = record("shop.Order", ("id", "string"), ("line", LINE))
    with project(tmp_path, {"orders-value": [inline]}):
        kept = pickle.dumps(module("orders").Line(sku="a"))
    without = record("shop.Order", ("id", "string"))
    with project(tmp_path, {"orders-value": [inline, without], "lines-value": [LINE]}):
        module("orders")
        again = load(kept)[0]
        assert again == module("lines").Line(sku="a")

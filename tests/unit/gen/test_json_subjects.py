"""JSON Schema subjects through `kgen pull`, `kgen diff` and `kgen status`, against a registry in memory."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from typing import Any

import pytest

STRING, INTEGER, NUMBER = ({"type": it} for it in ("string", "integer", "number"))
ORDER: dict[str, Any] = {
    "title": "Order",
    "type": "object",
    "properties": {
        "id": STRING,
        "total": INTEGER,
        "gone": STRING,
        "state": {"enum": ["new", "paid"]},
        "pay": {
            "oneOf": [
                {
                    "type": "object",
                    "properties": {"kind": {"const": kind}, "no": STRING},
                    "required": ["kind"],
                }
                for kind in ("card", "cash")
            ]
        },
        "either": {"type": ["string", "integer"]},
        "when": {"anyOf": [{"type": "string", "format": "date"}, STRING]},
        "code": {"type": "string", "minLength": 2},
        "bad": {"type": "integer", "default": "x"},
    },
    "required": ["id"],
}
USES = """

def use(order: orders.Order) -> str:
    return f"{order.gone} {order.total}"
"""


def changed(**properties: Any) -> dict[str, Any]:
    schema = copy.deepcopy(ORDER)
    schema["properties"] |= properties
    schema["properties"] = {name: it for name, it in schema["properties"].items() if it is not None}
    return schema


@pytest.fixture
def shop(registry):
    registry.add(
        "address", {"$defs": {"Address": {"type": "object", "properties": {"city": STRING}}}}, kind="JSON"
    )
    registry.add(
        "orders-key", {"type": "object", "properties": {"id": STRING}, "required": ["id"]}, kind="JSON"
    )
    registry.add("orders-value", ORDER, kind="JSON")
    return registry


@pytest.fixture
def project(tmp_path, shop, kgen):
    code, out, err = kgen("pull", "--registry", shop.url)
    assert code == 0, err
    return tmp_path / "p", out


def lines(out: str) -> list[str]:
    return [line.strip() for line in out.splitlines()]


def test_the_plan_says_what_the_types_do_not(project) -> None:
    _, out = project
    head = "orders-value v1: "
    assert f"{head}validation alone enforces minLength" in lines(out)
    assert f"{head}branches are distinguished by the property kind: Order.pay" in lines(out)
    assert f"{head}branches are distinguished by JSON type: Order.either" in lines(out)
    assert f"{head}branches are distinguished by order (the first that fits): Order.when" in lines(out)
    assert f'{head}Order.bad: the default "x" is ignored: it is a string' in lines(out)


def test_a_project_is_the_same_from_its_lock_and_says_these_things_once(project, kgen, tree) -> None:
    root, _ = project
    before = tree(root)
    assert "schemas/orders-value/v1.json" in before
    for flags in ([], ["--frozen"], ["--check"]):
        code, out, _ = kgen("pull", *flags)
        assert (code, tree(root)) == (0, before)
        assert "validation alone" not in out
    assert kgen("status")[0] == 0


def test_a_change_names_the_lines_that_it_reaches(project, shop, kgen) -> None:
    root, _ = project
    flow = root / "streams/flows/orders.py"
    flow.write_text(flow.read_text() + USES)
    shop.add("orders-value", changed(gone=None, total=NUMBER, note=STRING), kind="JSON")
    code, out, err = kgen("pull")
    assert code == 0, err
    assert "~ orders-value v1 -> v2 (BACKWARD, +1 field, -1 field, 1 retyped)" in out
    found = [line for line in lines(out) if line.startswith("! streams/flows/orders.py")]
    assert any("Order.gone removed in v2" in line for line in found), out
    assert any("Order.total: int | None -> float | None in v2" in line for line in found), out


def test_what_the_new_version_cannot_read_is_refused(project, shop, kgen, tree) -> None:
    root, _ = project
    before = tree(root)
    shop.add("orders-value", changed(total=STRING), kind="JSON")
    code, _, err = kgen("pull")
    assert code == 4
    assert "orders-value v2 cannot read v1: total: integer cannot be read as string" in err
    assert tree(root) == before
    assert kgen("pull", "--allow-incompatible", "orders-value")[0] == 0


def test_a_version_that_cannot_be_read_is_kept_as_locked(project, shop, kgen) -> None:
    shop.add("orders-value", {"$ref": "http://127.0.0.1:1/x.json"}, kind="JSON")
    shop.add("clicks-value", {"title": "Click", "type": "object", "properties": {"at": INTEGER}}, kind="JSON")
    code, out, err = kgen("pull")
    assert code == 0, err
    assert "+ clicks-value v1" in out
    [kept] = [line for line in lines(out) if "kept as locked" in line]
    assert "orders-value" in kept
    assert "leads to no schema here" in kept


@pytest.mark.parametrize(("policy", "allowed"), [("STRICT", "no"), ("LENIENT", "yes"), (None, "no")])
def test_a_diff_says_what_the_registry_would_take(registry, kgen, policy: str | None, allowed: str) -> None:
    registry.add("orders-value", ORDER, kind="JSON")
    registry.add("orders-value", changed(note=STRING), kind="JSON")
    settings = {"compatibilityLevel": "BACKWARD"} | ({"compatibilityPolicy": policy} if policy else {})
    registry.override("/config/orders-value", (200, settings))
    assert kgen("pull", "--registry", registry.url)[0] == 0
    code, out, err = kgen("diff", "orders-value", "1..2")
    assert code in (0, 1), err
    assert "new reads old: yes" in out
    assert f"allowed at BACKWARD: {allowed}" in out


def test_types_of_another_subject_move_with_its_version(registry, kgen, tmp_path) -> None:
    address: dict[str, Any] = {"$defs": {"Address": {"type": "object", "properties": {"city": STRING}}}}
    registry.add("address", address, kind="JSON")
    order = {
        "title": "Order",
        "type": "object",
        "properties": {"to": {"$ref": "address.json#/$defs/Address"}},
    }
    registry.add("orders-value", order, kind="JSON", references=[("address.json", "address", 1)])
    assert kgen("pull", "--registry", registry.url)[0] == 0
    lock = (tmp_path / "p/kgen.lock").read_text()
    assert '"address.json#/$defs/Address" = "Address"' in lock
    assert '"#/$defs/Address" = "Address"' in lock
    address["$defs"]["Address"]["properties"]["zip"] = STRING
    registry.add("address", address, kind="JSON")
    registry.add("orders-value", order, kind="JSON", references=[("address.json", "address", 2)])
    code, out, err = kgen("pull")
    assert code == 0, err
    assert "address v1 -> v2" in out
    made = (tmp_path / "p/streams/_generated/orders.py").read_text()
    assert "from .address import Address" in made
    assert json.loads(kgen("pull", "--json")[1])["files"] == []


AVRO = {"type": "record", "name": "Order", "namespace": "shop", "fields": [{"name": "id", "type": "string"}]}
AS_JSON = {"title": "Order", "type": "object", "properties": {"id": STRING}, "required": ["id"]}


@pytest.mark.skipif("sys.version_info >= (3, 13)", reason="Bytewax has no build for this Python")
@pytest.mark.parametrize("first", ["AVRO", "JSON"])
def test_a_subject_that_changes_its_type_is_read_in_both(registry, kgen, tmp_path, first: str) -> None:
    schemas = {"AVRO": (json.dumps(AVRO), None), "JSON": (json.dumps(AS_JSON), "JSON")}
    second = next(it for it in schemas if it != first)
    text, kind = schemas[first]
    registry.add("orders-value", text, kind=kind)
    assert kgen("pull", "--registry", registry.url)[0] == 0
    text, kind = schemas[second]
    registry.add("orders-value", text, kind=kind)
    code, out, err = kgen("pull")
    assert code == 0, err
    assert f"~ orders-value v1 -> v2 (BACKWARD, {first} -> {second}, messages of both are read)" in out
    assert "1 changed, 0 removed" in out
    made = (tmp_path / "p/streams/_generated/orders.py").read_text()
    assert f'_schemas.SCHEMAS.subject("orders-value", "{second}")' in made
    assert f'_schemas.SCHEMAS.subject("orders-value", "{first}")' in made
    assert made.index(f'"orders-value", "{second}"') < made.index(f'"orders-value", "{first}"')
    # The class that was there keeps its name, and so does its lock.
    assert "from .orders_value_v1 import Order\n" in made
    assert "class OrdersOrder:" in made if second == "JSON" else "class ShopOrder:" in made
    assert json.loads(kgen("pull", "--json")[1])["files"] == []
    assert kgen("pull", "--frozen", "--check")[0] == 0
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"],
        cwd=tmp_path / "p", capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr

"""A class that user code can import stays that class while referrers move; where it cannot, the lines are
named. From the registry to running code.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kgen.cli import app

REPO = Path(__file__).resolve().parents[3]
FLOW = "streams/flows/orders.py"
MINE = "streams/mine.py"


def record(name: str, *fields: Any) -> dict[str, Any]:
    items = [f if isinstance(f, dict) else {"name": f, "type": "string", "default": ""} for f in fields]
    return {"type": "record", "name": f"shop.{name}", "fields": items}


def user(name: str, *more: str) -> dict[str, Any]:
    return record(name, {"name": "ship_to", "type": "shop.Address"}, *more)


def uses(version: int) -> list[tuple[str, str, int]]:
    return [("shop.Address", "address", version)]


@pytest.fixture
def kgen(tmp_path, registry, capsys):
    def run(*arguments: str) -> str:
        capsys.readouterr()
        command = ["pull", "--registry", registry.url, "--out", str(tmp_path / "p"), *arguments]
        assert app.run(command) == 0, capsys.readouterr()
        return capsys.readouterr().out

    return run


@pytest.fixture
def project(tmp_path):
    return tmp_path / "p"


def is_still(
    project: Path, module: str = "orders", attribute: str = "ship_to", cls: str = "address.Address"
) -> bool:
    """Whether what the flow gets is an instance of the class that the user imports."""
    code = (
        f"import typing\nfrom streams._generated import {module}, {cls.split('.')[0]}\n"
        f"hints = [typing.get_type_hints(c) for c in {module}.value.classes.values()]\n"
        f"print([h['{attribute}'] is {cls} for h in hints if '{attribute}' in h] == [True])\n"
    )
    command = [sys.executable, "-c", code]
    env = {"PYTHONPATH": str(REPO / "runtime"), "PATH": "", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        command, cwd=project, env=env, capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout == "True\n"


def test_a_shared_class_stays_the_class_of_its_referrer_through_every_pull(registry, kgen, project):
    registry.add("address", record("Address", "street"))
    registry.add("orders-value", user("Order"), references=uses(1))
    kgen()
    assert is_still(project)
    registry.add("address", record("Address", "street", "country"))
    out = kgen()
    assert is_still(project)
    assert "!" not in out
    registry.add("orders-value", user("Order", "note"), references=uses(2))
    kgen()
    assert is_still(project)
    kgen("--at", "orders-value=1")
    assert is_still(project)
    kgen("--at", "orders-value=latest")
    assert is_still(project)
    registry.deleted.add(("orders-value", 2))
    kgen()
    assert is_still(project)
    kgen("--latest")
    assert is_still(project)


def test_a_referrer_that_leaves_the_others_behind_is_named_and_they_are_not(registry, kgen, project):
    registry.add("address", record("Address", "street"))
    registry.add("orders-value", user("Order"), references=uses(1))
    registry.add("returns-value", user("Return"), references=uses(1))
    kgen()
    (project / MINE).write_text(
        "from ._generated import address, orders, returns\n\n\n"
        "def ours(order: orders.Order) -> bool:\n"
        "    return isinstance(order.ship_to, address.Address)\n\n\n"
        "def theirs(it: returns.Return) -> bool:\n"
        "    return isinstance(it.ship_to, address.Address)\n"
    )
    registry.add("address", record("Address", "street", "country"))
    registry.add("orders-value", user("Order", "note"), references=uses(2))
    out = kgen()
    assert f"! {MINE}:5: Order.ship_to: address.Address -> address_v2.Address" in out
    assert f"{MINE}:9" not in out
    assert is_still(project, "returns")
    assert is_still(project, cls="address_v2.Address")
    registry.add("returns-value", user("Return", "note"), references=uses(2))
    out = kgen()
    assert is_still(project)
    assert is_still(project, "returns")
    assert "ship_to" not in out


def test_who_imports_the_newcomer_is_reported_when_it_takes_the_place(registry, kgen, project):
    registry.add("address", record("Address", "street"))
    registry.add("orders-value", user("Order"), references=uses(1))
    registry.add("address", record("Address", "street", "country"))
    kgen()
    (project / MINE).write_text("from ._generated.address_v2 import Address\n\nA = Address\n")
    registry.add("orders-value", user("Order", "note"), references=uses(2))
    out = kgen()
    assert f"! {MINE}:1: Address removed" in out
    assert "~ address v2 (BACKWARD)  models of address rewritten · models of address_v2 removed" in out


def test_a_topic_that_others_refer_to_is_named_where_it_moves_on(registry, kgen, project):
    registry.add("orders-value", record("Order", "id"))
    payment = record("Payment", {"name": "order", "type": "shop.Order"})
    registry.add("payments-value", payment, references=[("shop.Order", "orders-value", 1)])
    kgen()
    (project / MINE).write_text(
        "from ._generated import orders, payments\n\n\n"
        "def same(payment: payments.Payment) -> bool:\n"
        "    return isinstance(payment.order, orders.Order)\n"
    )
    registry.add("orders-value", record("Order", "id", "note"))
    assert f"! {MINE}:5: Payment.order: orders.Order -> orders_value_v1.Order" in kgen()


def test_attributes_keep_their_column_and_the_lock_says_so(registry, kgen, project):
    registry.add("rows-value", record("Row", "id", "__op"))
    kgen()
    module = project / "streams/_generated/rows.py"
    assert 'op: str = field(default="", metadata={"avro": "__op"})' in module.read_text()
    registry.add("rows-value", record("Row", "id", "op", "__op"))
    out = kgen()
    assert 'op: str = field(default="", metadata={"avro": "__op"})' in module.read_text()
    assert 'op_: str = field(default="", metadata={"avro": "op"})' in module.read_text()
    assert '"shop.Row:__op" = "op"\n"shop.Row:op" = "op_"\n' in (project / "kgen.lock").read_text()
    assert "!" not in out
    assert kgen("--frozen") == "nothing changed\n"


@pytest.mark.parametrize(
    "line",
    [
        '"shop.Row:__op" = "op; import os"',
        '"shop.Row:__op" = "class"',
        '"shop.Row:__op" = "id"',
        '"shop.Row:__op" = ""',
        '"shop.Row:__op" = 5',
    ],
)
def test_a_lock_that_was_edited_brings_in_neither_code_nor_a_name_twice(registry, kgen, project, line):
    registry.add("rows-value", record("Row", "id", "__op"))
    kgen()
    lock = project / "kgen.lock"
    lock.write_text(lock.read_text().replace('"shop.Row:__op" = "op"', line))
    kgen("--frozen")
    text = (project / "streams/_generated/rows.py").read_text()
    compile(text, "rows.py", "exec")
    assert "import os" not in text
    assert '    id: str = ""\n' in text or "id_: str" in text


def test_a_lock_of_the_older_form_is_brought_up_to_date_without_a_change_of_code(
    registry, kgen, project, tree
):
    registry.add("address", record("Address", "street"))
    registry.add("orders-value", user("Order", "__op", "class"), references=uses(1))
    kgen()
    lock, before = project / "kgen.lock", tree(project)
    head, _, rest = lock.read_text().partition("\n[homes]")
    subjects = rest[rest.index("[[subject]]") :]
    old = f"{head}\n{subjects}".replace("version = 2", "version = 1", 1)
    for name, types in {"address": ("Address",), "orders-value": ("Address", "Order")}.items():
        names = "".join(f'"shop.{type_}" = "{type_}"\n' for type_ in types)
        at = old.index("[[subject.versions]]", old.index(f'name = "{name}"'))
        old = f"{old[:at]}[subject.names]\n{names}\n{old[at:]}"
    lock.write_text(old)
    out = kgen("--frozen")
    assert tree(project) == before
    assert "~ kgen.lock" in out


@pytest.mark.parametrize(
    ("before", "after", "use", "said"),
    [
        (
            {"type": "enum", "symbols": ["A", "B"], "default": "A"},
            {"type": "enum", "symbols": ["A"], "default": "A"},
            "orders.Part.B",
            "Part.B removed",
        ),
        (
            {"type": "record", "fields": [{"name": "a", "type": "int"}, {"name": "b", "type": "int"}]},
            {"type": "record", "fields": [{"name": "a", "type": "int"}]},
            "orders.Part(a=1, b=2).b",
            "Part.b removed",
        ),
    ],
)
def test_what_changes_in_a_type_while_it_moves_to_a_shared_subject_is_named(
    registry, kgen, project, before, after, use, said
):
    def order(part):
        return record("Order", {"name": "part", "type": part})

    registry.add("orders-value", order({**before, "name": "shop.Part"}))
    kgen()
    flow = project / "streams/flows/orders.py"
    flow.write_text(flow.read_text() + f"\n\ndef mine() -> object:\n    return {use}\n")
    registry.add("part", {**after, "name": "shop.Part"})
    registry.add("orders-value", order("shop.Part"), references=[("shop.Part", "part", 1)])
    line = len(flow.read_text().splitlines())
    assert f"! streams/flows/orders.py:{line}: {said}" in kgen()

"""A schema means what its text and the texts it refers to mean together: the same text with another reference
is another schema, wherever `kgen` compares.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

FLOW = "streams/flows/orders.py"
ORDER = {
    "type": "record",
    "name": "shop.Order",
    "fields": [{"name": "id", "type": "string"}, {"name": "ship_to", "type": "shop.Address"}],
}
ZIP = {"name": "zip", "type": "string"}


def address(*more: dict[str, Any], city: str = "city") -> dict[str, Any]:
    return {"type": "record", "name": "shop.Address", "fields": [{"name": city, "type": "string"}, *more]}


def uses(*versions: int) -> list[tuple[str, str, int]]:
    return [("shop.Address", "address", version) for version in versions]


@pytest.fixture
def project(tmp_path, registry, kgen):
    """`address` is reached by reference alone, and its classes are used."""
    registry.add("address", address())
    registry.add("orders-value", ORDER, references=uses(1))
    assert kgen("pull", "--registry", registry.url, "--subject", "orders-*")[0] == 0
    flow = tmp_path / "p" / FLOW
    text = flow.read_text()
    flow.write_text(text.replace("    return order\n", "    print(order.ship_to.city)\n    return order\n"))
    assert "order.ship_to.city" in flow.read_text()
    return tmp_path / "p"


def line_of(project: Path, text: str) -> int:
    return (project / FLOW).read_text().partition(text)[0].count("\n") + 1


@pytest.mark.parametrize("number", [1, 2])
def test_a_required_field_of_a_referenced_type_is_refused(project, registry, kgen, tree, number):
    """As a new version of both, and where the referenced subject was deleted and registered again."""
    if number == 1:
        del registry.subjects["address"]
    registry.add("address", address(ZIP))
    if number == 2:
        registry.add("orders-value", ORDER, references=uses(2))
    before = tree(project)
    for command in ((), ("--check",), ("--dry-run",), ("--locked",)):
        code, _, err = kgen("pull", *command)
        assert code == 4
        moved = "address v1 -> v2" if number == 2 else "address v1, registered again"
        assert f"orders-value v{number} ({moved}) cannot read v1" in err
        assert "zip" in err
    assert tree(project) == before
    code, out, _ = kgen("pull", "--allow-incompatible", "orders-value")
    assert code == 0
    assert f"+1 field, {moved}" in out
    assert kgen("pull")[1] == "nothing changed\n"


def test_the_difference_and_the_lines_that_it_breaks_are_named(project, registry, kgen):
    registry.add("address", address(city="town"))
    registry.add("orders-value", ORDER, references=uses(2))
    code, out, _ = kgen("diff")
    assert code == 0
    assert "~ orders-value v1 -> v2" in out
    assert "refers to address v1 -> v2" in out
    assert "- `shop.Address.city`: string" in out
    assert "new reads old: no" in out
    line = line_of(project, "order.ship_to.city")
    assert f"! {FLOW}:{line}: Address.city removed" in out
    found = json.loads(kgen("diff", "--json")[1])
    assert found["subjects"][0]["references"] == ["address v1 -> v2"]
    assert found["impact"][0]["line"] == line
    code, out, _ = kgen("pull", "--allow-incompatible", "orders-value")
    assert f"! {FLOW}:{line}: Address.city removed" in out


def test_a_rename_in_a_referenced_type_is_followed_by_its_alias(project, registry, kgen):
    changed = address(city="town")
    changed["fields"][0]["aliases"] = ["city"]
    registry.add("address", changed)
    registry.add("orders-value", ORDER, references=uses(2))
    code, out, _ = kgen("pull")
    assert code == 0
    assert "(BACKWARD, 1 renamed, aliases, address v1 -> v2)" in out
    assert f"! {FLOW}:{line_of(project, 'order.ship_to.city')}: Address.city renamed to town" in out


def test_a_reference_to_the_latest_moves_on_with_it(registry, kgen, tmp_path):
    """No version of `orders-value` is new, and yet its meaning is."""
    registry.add("address", address())
    registry.add("orders-value", ORDER, references=uses(-1))
    assert kgen("pull", "--registry", registry.url, "--subject", "orders-*")[0] == 0
    registry.add("address", address({**ZIP, "default": ""}))
    code, out, _ = kgen("pull", "--check")
    assert code == 1
    assert "~ orders-value v1 (BACKWARD, +1 field, address v1 -> v2)" in out
    code, out, _ = kgen("diff")
    assert "~ orders-value v1\n" in out
    assert "+ `shop.Address.zip`: string" in out
    assert kgen("pull", "--locked")[0] == 1
    assert kgen("pull")[0] == 0
    assert kgen("pull")[1] == "nothing changed\n"


def test_a_reference_of_a_reference_counts(registry, kgen, tmp_path):
    registry.add("address", address())
    registry.add("party", {**ORDER, "name": "shop.Party"}, references=uses(1))
    record = {"type": "record", "name": "shop.Sale", "fields": [{"name": "by", "type": "shop.Party"}]}
    registry.add("sales-value", record, references=[("shop.Party", "party", 1)])
    assert kgen("pull", "--registry", registry.url, "--subject", "sales-*")[0] == 0
    registry.add("address", address(ZIP))
    registry.add("party", {**ORDER, "name": "shop.Party"}, references=uses(2))
    registry.add("sales-value", record, references=[("shop.Party", "party", 2)])
    code, _, err = kgen("pull")
    assert code == 4
    assert "sales-value v2 (address v1 -> v2, party v1 -> v2) cannot read v1" in err


def test_another_schema_that_refers_elsewhere_is_not_taken_for_a_renamed_topic(project, registry, kgen):
    registry.add("address", address(city="town"))
    del registry.subjects["orders-value"]
    registry.add("orders-new-value", ORDER, references=uses(2))
    code, out, _ = kgen("pull")
    assert code == 0
    assert "- orders-value v1" in out
    assert "renamed?" not in out


def test_many_subjects_that_a_reference_breaks_are_named_once_and_the_list_is_bounded(registry, kgen):
    names = [f"a{number:02}-value" for number in range(12)]
    registry.add("address", address())
    for name in names:
        registry.add(name, {**ORDER, "name": f"shop.{name[:3].upper()}"}, references=uses(1))
    assert kgen("pull", "--registry", registry.url, "--subject", "*-value")[0] == 0
    registry.add("address", address(ZIP))
    for name in names:
        registry.add(name, {**ORDER, "name": f"shop.{name[:3].upper()}"}, references=uses(2))
    code, _, err = kgen("pull")
    assert code == 4
    what, where, hint = err.splitlines()
    assert what == f"error: incompatible change of {', '.join(names[:9])} and 3 more"
    assert where.count("cannot read v1") == 3
    flags = [word for name in names[:3] for word in ("--allow-incompatible", name)]
    assert f"`{' '.join(flags)}`, and so on for each," in hint
    every = [word for name in names for word in ("--allow-incompatible", name)]
    assert kgen("pull", *every)[0] == 0

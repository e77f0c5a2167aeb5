"""Where classes live and what they are called stays, whatever arrives and in whatever order."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.model.pulls import Project_, cls, fields, module, record, snapshot, version

from kgen.model import Names
from kgen.model.subjects import SchemaVersion, Snapshot

ADDRESS = {
    1: version("address", record("Address", "street"), 1),
    2: version("address", record("Address", "street", "country"), 2),
    3: version("address", record("Address", "country"), 3),
}


def user(topic: str, number: int, address: int) -> SchemaVersion:
    class_ = topic.title().rstrip("s")
    return version(f"{topic}-value", record(class_, ("to", "Address")), number, address=address)


def held(model: Any) -> tuple[int, ...]:
    """How many fields `address.Address` has, and the modules where the topics have theirs from."""
    return len(fields(model, "address", "Address"))  # type: ignore[return-value]


def home(model: Any, topic: str) -> str:
    return cls(model, topic, "Address")[0]


def test_a_class_stays_when_a_newer_version_arrives_before_its_referrer() -> None:
    project = Project_()
    project.pull(snapshot(ADDRESS[1], user("orders", 1, 1)))
    model = project.pull(snapshot(ADDRESS[1], ADDRESS[2], user("orders", 1, 1)))
    assert (home(model, "orders"), held(model)) == ("address", 1)
    assert len(fields(model, "address_v2", "Address")) == 2
    model = project.pull(snapshot(ADDRESS[1], ADDRESS[2], user("orders", 1, 1), user("orders", 2, 2)))
    assert (home(model, "orders"), held(model)) == ("address", 2)
    assert [it.name for it in model.modules] == ["address", "orders"]


def test_referrers_move_one_by_one_and_the_module_with_the_last() -> None:
    project = Project_()
    old = [ADDRESS[1], ADDRESS[2], user("orders", 1, 1), user("returns", 1, 1)]
    model = project.pull(snapshot(*old))
    assert (home(model, "orders"), home(model, "returns")) == ("address", "address")
    model = project.pull(snapshot(*old, user("orders", 2, 2)))
    assert (home(model, "orders"), home(model, "returns"), held(model)) == ("address_v2", "address", 1)
    model = project.pull(snapshot(*old, user("orders", 2, 2), user("returns", 2, 2)))
    assert (home(model, "orders"), home(model, "returns"), held(model)) == ("address", "address", 2)


def test_a_referrer_that_moves_back_takes_the_module_along() -> None:
    project = Project_()
    both = [ADDRESS[1], ADDRESS[2], user("orders", 1, 1)]
    project.pull(snapshot(*both))
    project.pull(snapshot(*both, user("orders", 2, 2)))
    model = project.pull(snapshot(*both))  # a pin, or a deletion
    assert (home(model, "orders"), held(model)) == ("address", 1)


def test_a_pinned_shared_subject_leaves_its_referrers_alone() -> None:
    project = Project_()
    project.pull(snapshot(ADDRESS[1], ADDRESS[2], user("orders", 2, 2)))
    pinned = snapshot(ADDRESS[1], user("orders", 2, 2), referenced=(ADDRESS[2],))
    model = project.pull(pinned)
    assert (home(model, "orders"), held(model)) == ("address", 2)
    assert len(fields(model, "address_v1", "Address")) == 1


def test_a_class_that_was_there_alone_stays_when_an_older_one_is_referred_to() -> None:
    project = Project_()
    project.pull(snapshot(ADDRESS[1], ADDRESS[2]))
    model = project.pull(snapshot(ADDRESS[1], ADDRESS[2], user("orders", 1, 1)))
    assert (home(model, "orders"), held(model)) == ("address_v1", 2)
    model = project.pull(snapshot(ADDRESS[1], ADDRESS[2], user("orders", 2, 2)))
    assert (home(model, "orders"), held(model)) == ("address", 2)


def test_a_subject_that_was_only_referenced_keeps_its_class_when_it_is_pulled_and_when_it_goes() -> None:
    project = Project_()
    orders = user("orders", 1, 1)
    project.pull(snapshot(orders, referenced=(ADDRESS[1],)))
    for new in (
        snapshot(ADDRESS[1], ADDRESS[2], orders),
        snapshot(orders, referenced=(ADDRESS[1],)),
    ):
        model = project.pull(new)
        assert (home(model, "orders"), held(model)) == ("address", 1)


def test_two_referrers_of_two_versions_keep_theirs_when_neither_is_pulled() -> None:
    project = Project_()
    one, other = user("orders", 1, 1), user("returns", 1, 1)
    project.pull(snapshot(one, other, referenced=(ADDRESS[1],)))
    moved = [one, user("orders", 2, 2), other]
    model = project.pull(snapshot(*moved, referenced=(ADDRESS[1], ADDRESS[2])))
    assert (home(model, "orders"), home(model, "returns")) == ("address_v2", "address")
    model = project.pull(snapshot(*moved, user("returns", 2, 3), referenced=tuple(ADDRESS.values())))
    assert (home(model, "orders"), home(model, "returns"), held(model)) == ("address_v2", "address", 1)
    assert "country" in fields(model, "address", "Address")


def test_chains_of_references_stay_together() -> None:
    def customer(number: int, address: int) -> SchemaVersion:
        return version("customer", record("Customer", ("at", "Address")), number, address=address)

    def order(number: int, by: int) -> SchemaVersion:
        return version("orders-value", record("Order", ("by", "Customer")), number, customer=by)

    project = Project_()
    old = [ADDRESS[1], customer(1, 1), order(1, 1)]
    project.pull(snapshot(*old))
    for new in ([ADDRESS[2]], [ADDRESS[2], customer(2, 2)]):
        model = project.pull(snapshot(*old, *new))
        assert cls(model, "orders", "Customer")[0] == "customer"
        assert (home(model, "customer"), held(model)) == ("address", 1)
    model = project.pull(snapshot(*old, ADDRESS[2], customer(2, 2), order(2, 2)))
    assert {it.name for it in model.modules} == {"address", "customer", "orders"}
    assert (home(model, "customer"), held(model)) == ("address", 2)


def test_a_topic_always_has_its_newest_class_and_others_keep_the_one_they_use() -> None:
    def payment(number: int, orders: int) -> SchemaVersion:
        return version("payments-value", record("Payment", ("of", "Order")), number, orders_value=orders)

    first, second = (version("orders-value", record("Order", *"ab"[:n]), n) for n in (1, 2))
    project = Project_()
    project.pull(snapshot(first, payment(1, 1)))
    model = project.pull(snapshot(first, second, payment(1, 1)))
    assert len(fields(model, "orders", "Order")) == 2
    assert cls(model, "payments", "Order")[0] == "orders_value_v1"
    model = project.pull(snapshot(first, second, payment(2, 2)))
    assert cls(model, "payments", "Order")[0] == "orders"


def test_topics_that_were_put_apart_stay_apart() -> None:
    def pair(topic: str, other: str, number: int, **refers: int) -> list[SchemaVersion]:
        value = (f"{topic}_v", f"{other.title()}Key") if refers else f"{topic}_v"
        return [
            version(f"{topic}-key", record(f"{topic.title()}Key", "k")),
            version(f"{topic}-value", record(topic.title(), value), number, **refers),
        ]

    project = Project_()
    project.pull(snapshot(*pair("a", "b", 1), *pair("b", "a", 1, a_key=1)))
    circle = [*pair("a", "b", 1), *pair("a", "b", 2, b_key=1)[1:], *pair("b", "a", 1, a_key=1)]
    model = project.pull(snapshot(*circle))
    assert cls(model, "a", "AKey")[0] == "a_key"
    model = project.pull(snapshot(*pair("a", "b", 1), *pair("a", "b", 3)[1:], *pair("b", "a", 1, a_key=1)))
    assert cls(model, "a", "AKey")[0] == "a_key"


def things(*types: dict[str, Any], number: int) -> Snapshot:
    root = record("x.Root", *((f"f{at}", type_) for at, type_ in enumerate(types)))
    return snapshot(version("t-value", root, number))


@pytest.mark.parametrize("turned", [False, True])
def test_versioned_namespaces_keep_equal_short_names_apart_by_structure(turned: bool) -> None:
    project = Project_()
    old = [record("x.v1.b.Item", "price", "sku"), record("x.v1.a.Item", "weight")]
    project.pull(things(*old, number=1))
    new = [record("x.v2.a.Item", "weight", "unit"), record("x.v2.b.Item", "price", "sku")]
    model = project.pull(things(*(reversed(new) if turned else new), number=2))
    assert cls(model, "t", "Item")[1].fullname == "x.v2.b.Item"
    assert cls(model, "t", "AItem")[1].fullname == "x.v2.a.Item"
    model = project.pull(things(*old, number=3))
    assert cls(model, "t", "Item")[1].fullname == "x.v1.b.Item"


def test_fields_distinguish_types_where_namespaces_do_not() -> None:
    project = Project_()
    project.pull(things(record("old.p.Item", "price"), record("old.q.Item", "weight"), number=1))
    model = project.pull(things(record("new.r.Item", "weight"), record("new.s.Item", "price"), number=2))
    assert fields(model, "t", "Item") == {"price": "price"}


def test_a_class_name_is_not_given_to_another_type_and_comes_back() -> None:
    project = Project_()
    project.pull(things(record("a.Thing", "x"), number=1))
    project.pull(things(number=2))
    model = project.pull(things(record("b.Thing", "y"), number=3))
    assert cls(model, "t", "BThing")[1].fullname == "b.Thing"
    model = project.pull(things(record("b.Thing", "y"), record("a.Thing", "x"), number=4))
    assert cls(model, "t", "Thing")[1].fullname == "a.Thing"
    assert cls(model, "t", "BThing")[1].fullname == "b.Thing"


CHOICE = ["string", record("A", "x"), record("B", "y")]


def test_the_alias_of_a_union_is_not_given_to_a_class() -> None:
    project = Project_()
    model = project.pull(snapshot(version("t-value", record("Order", ("pay", CHOICE)), 1)))
    assert [it.name for it in module(model, "t").aliases] == ["OrderPay"]
    fields_ = [("more", record("OrderPay", "z")), ("pay", CHOICE)]
    model = project.pull(snapshot(version("t-value", record("Order", *fields_), 2)))
    assert [it.name for it in module(model, "t").aliases] == ["OrderPay"]
    assert cls(model, "t", "OrderPay2")[1].fullname == "OrderPay"


def test_the_alias_of_a_root_is_not_given_to_a_class() -> None:
    project = Project_()
    project.pull(snapshot(version("t-value", CHOICE, 1)))
    model = project.pull(snapshot(version("t-value", [*CHOICE, record("Value", "z")], 2)))
    assert [it.name for it in module(model, "t").aliases] == ["Value"]
    topic = module(model, "t").topic
    assert topic
    assert topic.value.type == "Value"
    assert cls(model, "t", "Value2")[1].fullname == "Value"


def test_two_unions_that_want_one_alias_keep_theirs() -> None:
    project = Project_()
    project.pull(snapshot(version("t-value", record("Order", ("aB", CHOICE)), 1)))
    both = record("Order", ("a_b", ["string", "A", "B"]), ("aB", CHOICE))
    both["fields"].reverse()
    model = project.pull(snapshot(version("t-value", both, 2)))
    order = cls(model, "t", "Order")[1]
    assert {it.wire: it.annotation for it in order.fields} == {"aB": "OrderAB", "a_b": "OrderAB2"}


def test_an_attribute_stays_with_its_field() -> None:
    project = Project_()
    model = project.pull(snapshot(version("t-value", record("Row", "id", "__op"), 1)))
    assert fields(model, "t", "Row") == {"id": "id", "op": "__op"}
    model = project.pull(snapshot(version("t-value", record("Row", "id", "__op", "op"), 2)))
    assert fields(model, "t", "Row") == {"id": "id", "op": "__op", "op_": "op"}
    assert project.names.members == {"t-value": {"Row:__op": "op", "Row:op": "op_"}}
    model = project.pull(snapshot(version("t-value", record("Row", "id", "op"), 3)))
    assert fields(model, "t", "Row") == {"id": "id", "op_": "op"}
    model = project.pull(snapshot(version("t-value", record("Row", "op", "__op", "_op"), 4)))
    assert fields(model, "t", "Row") == {"op_": "op", "op": "__op", "_op": "_op"}


@pytest.mark.parametrize("vendored", [True, False])
def test_the_attribute_of_a_field_that_was_removed_is_not_given_to_another(vendored: bool) -> None:
    rows = [("op",), ("__op",), ("__op", "op")]
    versions = [version("t-value", record("Row", *names), at) for at, names in enumerate(rows, 1)]
    project = Project_()
    project.pull(snapshot(versions[0]))
    model = project.pull(snapshot(*versions[:2]) if vendored else snapshot(versions[1]))
    assert fields(model, "t", "Row") == {"op_": "__op"}
    model = project.pull(snapshot(*versions) if vendored else snapshot(versions[2]))
    assert fields(model, "t", "Row") == {"op_": "__op", "op": "op"}


def test_a_field_that_is_renamed_by_alias_keeps_its_attribute() -> None:
    def renamed(name: str, *aliases: str) -> dict[str, Any]:
        schema = record("Row", "id", name)
        schema["fields"][1]["aliases"] = list(aliases)
        return schema

    project = Project_()
    for at, schema in enumerate(
        (renamed("__op"), renamed("op", "__op"), renamed("op"), renamed("__op", "op")), 1
    ):
        model = project.pull(snapshot(version("t-value", schema, at)))
        assert "op" in fields(model, "t", "Row")


def test_attributes_stay_when_the_type_moves_to_another_namespace() -> None:
    project = Project_()
    project.pull(things(record("x.v1.Row", "__op"), number=1))
    model = project.pull(things(record("x.v2.Row", "op", "__op"), number=2))
    assert fields(model, "t", "Row") == {"op_": "op", "op": "__op"}


def test_members_of_an_enum_stay_with_their_symbols() -> None:
    def enum(*symbols: str) -> dict[str, Any]:
        return {"type": "enum", "name": "E", "symbols": list(symbols)}

    def members(model: Any) -> dict[str, str]:
        return {it.name: it.wire for it in module(model, "t").enums[0].symbols}

    project = Project_()
    project.pull(snapshot(version("t-value", enum("A", "None"), 1)))
    model = project.pull(snapshot(version("t-value", enum("None_", "A", "None"), 2)))
    assert members(model) == {"None__": '"None_"', "A": '"A"', "None_": '"None"'}


def test_attributes_are_the_same_in_every_version_of_a_subject() -> None:
    rows = [version("row", record("Row", *names), at) for at, names in ((1, ("__op",)), (2, ("op", "__op")))]

    def t(number: int, row: int) -> SchemaVersion:
        return version("t-value", record("T", ("row", "Row")), number, row=row)

    project = Project_()
    project.pull(snapshot(rows[0], t(1, 1)))
    model = project.pull(snapshot(*rows, t(1, 1)))
    assert fields(model, "row", "Row") == {"op": "__op"}
    assert fields(model, "row_v2", "Row") == {"op_": "op", "op": "__op"}
    model = project.pull(snapshot(*rows, t(1, 1), t(2, 2)))
    assert fields(model, "row", "Row") == {"op_": "op", "op": "__op"}


def test_a_subject_that_went_comes_back_with_its_names() -> None:
    project = Project_()
    other = version("u-value", record("U"))
    project.pull(snapshot(other, version("t.x-value", record("a.Row", "op", "__cl"), 1)))
    project.pull(snapshot(other))
    project.pull(snapshot(other, version("t_x-value", record("a.Row", "v"), 1)))
    new = record("a.Row", "__op", "cl", "__cl", ("n", record("b.Row")))
    model = project.pull(
        snapshot(other, version("t.x-value", new, 1), version("t_x-value", record("a.Row"), 1))
    )
    assert fields(model, "t_x", "Row") == {"op_": "__op", "cl_": "cl", "cl": "__cl", "n": "n"}
    assert cls(model, "t_x", "BRow")[1].fullname == "b.Row"
    assert fields(model, project.names.modules["topic:t_x"], "Row") == {}


def test_key_and_value_that_shared_a_class_part_once_and_stay_apart() -> None:
    def pair(value: list[str], number: int) -> Snapshot:
        root = record("V", ("id", record("Id", *value)))
        return snapshot(version("t-key", record("Id", "v")), version("t-value", root, number))

    project = Project_()
    for number, (value, classes) in enumerate(
        [(["v"], {"Id"}), (["v", "w"], {"Id", "Id2"}), (["v"], {"Id", "Id2"})], 1
    ):
        model = project.pull(pair(value, number))
        assert {it.name for it in module(model, "t").records} - {"V"} == classes
        topic = module(model, "t").topic
        assert topic
        assert topic.key.type == ("Id" if number == 1 else "Id2")


def test_a_lock_that_knows_only_classes_is_read_without_moving_a_name() -> None:
    row = record("Row", "__op", "class")
    old = snapshot(ADDRESS[1], ADDRESS[2], user("orders", 1, 1), version("t-value", row, 1))
    names = Names(
        {
            "subject:address": "address",
            "version:address v1": "address_v1",
            "topic:orders": "orders",
            "topic:t": "t",
        },
        by_subject={
            "address": {"Address": "Address"},
            "orders-value": {"Address": "Address", "Order": "Order"},
            "t-value": {"Row": "Line"},
            "gone-value": {"Gone": "Went"},
        },
    )
    project = Project_(names, old)
    row = record("Row", "__op", "class", "op", "class_", ("more", record("Line")))
    model = project.pull(snapshot(ADDRESS[1], ADDRESS[2], user("orders", 1, 1), version("t-value", row, 2)))
    assert (home(model, "orders"), held(model)) == ("address_v1", 2)
    assert fields(model, "t", "Line") == {
        "op": "__op",
        "class_": "class",
        "op_": "op",
        "class__": "class_",
        "more": "more",
    }
    assert project.names.classes["subject:gone-value"] == {"gone-value": {"Gone": "Went"}}

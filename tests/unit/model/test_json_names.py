"""What is called what in JSON Schema subjects, and that it stays so whatever else arrives."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.examples import examples

from kgen.model import Names, Project, Settings, build
from kgen.model.json_places import json_root_name, key_of, wire_of
from kgen.model.library import Library
from kgen.model.subjects import Reference, SchemaVersion, Snapshot, Subject
from kgen.pycode.expr import flat


def obj(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def snapshot(*versions: SchemaVersion) -> Snapshot:
    names = dict.fromkeys(sorted(version.subject for version in versions))
    subjects = (Subject(name, tuple(v for v in versions if v.subject == name)) for name in names)
    used = {(r.subject, r.version) for v in versions for r in v.references}
    return Snapshot("http://r", tuple(subjects), tuple(v for v in versions if (v.subject, v.version) in used))


def version(
    schema: Any, number: int = 1, subject: str = "orders-value", *references: Reference
) -> SchemaVersion:
    return SchemaVersion(subject, number, number * 10 + len(subject), "JSON", json.dumps(schema), references)


def classes(project: Project, subject: str = "orders-value") -> dict[str, str]:
    """Place -> class."""
    return {
        key: name
        for subjects in project.names.classes.values()
        for key, name in subjects.get(subject, {}).items()
        if ":" not in key
    }


def one(schema: Any) -> Project:
    return build(snapshot(version(schema)), Settings("streams", "0"))


def attributes(project: Project) -> dict[str, str]:
    """`Class.wire` -> attribute."""
    records = [record for module in project.modules for record in module.records]
    return {f"{record.name}.{field.wire}": field.name for record in records for field in record.fields}


STATUS = {"enum": ["A", "B"]}


def test_names_are_titles_else_paths_and_never_numbers() -> None:
    schema = {
        "title": "Shop order",
        **obj(
            order=obj(status=STATUS),
            parcel=obj(status={"enum": ["C", "D"]}),
            account={"$ref": "#/$defs/account"},
            source={"title": "io.debezium.connector.Source", **obj(lsn={"type": "integer"})},
            told={"title": "What this is about, in more words than a name has", **obj(a=True)},
            lines={"type": "array", "items": obj(sku=True)},
            notes={"type": "object", "additionalProperties": obj(text=True)},
        ),
        "$defs": {"account": obj(status=STATUS, owner={"oneOf": [{"type": "null"}, obj(name=True)]})},
    }
    assert classes(one(schema)) == {
        "#": "ShopOrder",
        "#/properties/order": "ShopOrderOrder",
        "#/properties/order/properties/status": "ShopOrderOrderStatus",
        "#/properties/parcel": "ShopOrderParcel",
        "#/properties/parcel/properties/status": "ShopOrderParcelStatus",
        "#/$defs/account": "Account",
        "#/$defs/account/properties/status": "AccountStatus",
        "#/$defs/account/properties/owner/oneOf/1": "AccountOwner",
        "#/properties/source": "Source",
        "#/properties/told": "ShopOrderTold",
        "#/properties/lines/items": "ShopOrderLinesItem",
        "#/properties/notes/additionalProperties": "ShopOrderNotesItem",
    }


def test_branches_are_called_after_the_constant_that_marks_them() -> None:
    card = {**obj(kind={"const": "credit-card"}, number=True), "required": ["kind"]}
    cash = {**obj(kind={"const": "cash"}), "required": ["kind"]}
    found = classes(one({"title": "Order", **obj(pay={"oneOf": [card, cash]})}))
    assert [found[f"#/properties/pay/oneOf/{at}"] for at in range(2)] == [
        "OrderPayCreditCard",
        "OrderPayCash",
    ]


def test_equal_title_and_structure_is_one_class_and_others_are_named_by_path() -> None:
    address = {"title": "Address", **obj(street={"type": "string"}, geo=obj(lat={"type": "number"}))}
    other = {"title": "Address", **obj(ip={"type": "string"})}
    project = one({"title": "Order", **obj(ship=address, bill=address, host=other)})
    found = classes(project)
    assert found["#/properties/ship"] == found["#/properties/bill"] == "Address"
    assert (
        found["#/properties/ship/properties/geo"] == found["#/properties/bill/properties/geo"] == "AddressGeo"
    )
    assert found["#/properties/host"] == "OrderHostAddress"
    [module] = project.modules
    assert [record.name for record in module.records] == [
        "Order",
        "Address",
        "OrderHostAddress",
        "AddressGeo",
    ]


@pytest.mark.parametrize(
    ("wire", "attribute"),
    [
        ("class", "class_"),
        ("x-trace-id", "x_trace_id"),
        ("_producer", "_producer"),
        ("__class__", "class_"),
        ("a.b", "a_b"),
        ("", "field_"),
        ("$schema", "schema"),
        ("@type", "type"),
        ("1st", "field_1st"),
        ("ce:id", "ce_id"),
        ("+1", "plus_1"),
        ("-1", "minus_1"),
        ("größe", "größe"),
        ("None", "None_"),
    ],
)
def test_properties_with_other_names_than_attributes_may_have(wire: str, attribute: str) -> None:
    project = one({"title": "Order", **obj(**{wire: {"type": "string"}})})
    [field] = project.modules[0].records[0].fields
    assert (field.name, field.wire) == (attribute, wire)
    expected = {f"#:{key_of(wire)}": attribute} if attribute != wire else {}
    assert project.names.members.get("orders-value", {}) == expected


@given(st.text())
def test_keys_stand_for_one_wire_name_and_end_a_path(wire: str) -> None:
    assert wire_of(key_of(wire)) == wire
    assert ":" not in key_of(wire)


@pytest.mark.parametrize(
    ("subject", "name"),
    [
        ("orders-value", "Orders"),
        ("orders-key", "OrdersKey"),
        ("address", "Address"),
        ("web.page-view-value", "WebPageView"),
        (":.staging:orders-value", "Orders"),
    ],
)
def test_a_schema_without_a_title_is_called_after_its_topic(subject: str, name: str) -> None:
    assert json_root_name(subject) == name


def test_further_properties_are_called_extra_and_stay_so() -> None:
    first = {"title": "Order", **obj(a=True), "additionalProperties": {"type": "integer"}}
    second = copy.deepcopy(first)
    second["properties"] = {"extra": {"type": "string"}, **second["properties"]}
    projects = list(pulls([version(first)], [version(first), version(second, 2)]))
    before, after = (attributes(project) for project in projects)
    assert before["Order.~"] == after["Order.~"] == "extra"
    assert after["Order.extra"] == "extra_"
    assert attributes(one(second))["Order.~"] == "extra_"


def pulls(*snapshots: list[SchemaVersion]) -> Iterator[Project]:
    """One pull after the other."""
    names: Names | None = None
    before: Library | None = None
    for versions in snapshots:
        found = snapshot(*versions)
        project = build(found, Settings("streams", "0"), names, before)
        names, before = project.names, Library(found)
        yield project


def chain() -> Iterator[dict[str, Any]]:
    """Ten versions, each with something in front that would take a name of what is there."""
    schema: dict[str, Any] = {
        "title": "Order",
        **obj(
            order=obj(status=STATUS),
            ship={"title": "Address", **obj(street={"type": "string"})},
            pay={"oneOf": [obj(iban=True, bank=True), obj(number=True, cvc=True)]},
            **{"x-id": {"type": "string"}},
        ),
    }
    yield copy.deepcopy(schema)
    for number in range(2, 11):
        front: dict[str, Any] = {
            f"a{number}": obj(status={"enum": ["X", str(number)]}),
            f"b{number}": {"title": "Address", **obj(**{f"line{number}": True})},
            f"x{'_' * (number % 3)}id": {"type": "integer"},
        }
        schema["properties"] = {**front, **schema["properties"]}
        branches = schema["properties"]["pay"]["oneOf"]
        schema["properties"]["pay"] = {"oneOf": [obj(**{f"z{number}": True, "w": True}), *branches]}
        yield copy.deepcopy(schema)


def by_meaning(project: Project) -> dict[str, str]:
    """What the versions have in common, however its places move, by what it is called."""
    records = {record.name: record for module in project.modules for record in module.records}
    found = {}
    for record in records.values():
        wires = frozenset(field.wire for field in record.fields)
        for known in (("iban", "bank"), ("number", "cvc"), ("street",), ("sku",)):
            if wires == {*known}:
                found["+".join(known)] = record.name
    return found


def test_names_stay_over_ten_versions_with_unrelated_additions() -> None:
    versions = [version(schema, number) for number, schema in enumerate(chain(), 1)]
    projects = list(pulls(*(versions[: at + 1] for at in range(len(versions)))))
    first = projects[0]
    for project in projects[1:]:
        assert by_meaning(project) == by_meaning(first)
        now = classes(project)
        assert {k: v for k, v in now.items() if k in classes(first) and "oneOf" not in k} == {
            k: v for k, v in classes(first).items() if "oneOf" not in k
        }
        assert attributes(project)["Order.x-id"] == attributes(first)["Order.x-id"] == "x_id"
    assert len(set(classes(projects[-1]).values())) == len(classes(projects[-1]))


NAMES = st.sampled_from(
    ["status", "address", "x-id", "x_id", "class", "class_", "extra", "extra_", "items", "a"]
)
TITLES = st.sampled_from([None, "Address", "Status", "Order", "T"])
LEAVES = st.sampled_from(
    [{"type": "string"}, {"enum": ["A", "B"]}, {"enum": ["A", "c"]}, True, {"const": "k"}]
)


def objects(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    def make(properties: dict[str, Any], title: str | None, extra: bool, wrapped: str) -> Any:
        made = obj(**properties)
        if title:
            made["title"] = title
        if extra:
            made["additionalProperties"] = {"type": "integer"}
        if wrapped == "array":
            return {"type": "array", "items": made}
        return {"oneOf": [{"type": "null"}, made]} if wrapped == "oneOf" else made

    return st.builds(
        make,
        st.dictionaries(NAMES, inner, min_size=1, max_size=3),
        TITLES,
        st.booleans(),
        st.sampled_from(["", "", "array", "oneOf"]),
    )


SCHEMAS = st.recursive(LEAVES, objects, max_leaves=8)


@settings(max_examples=examples(60), deadline=None)
@given(
    st.dictionaries(NAMES, SCHEMAS, min_size=1, max_size=4),
    st.dictionaries(NAMES, SCHEMAS, min_size=1, max_size=4),
    st.booleans(),
)
def test_an_unrelated_addition_moves_no_name(
    first: dict[str, Any], added: dict[str, Any], in_front: bool
) -> None:
    """Whatever arrives beside it, a place keeps its class, and a property its attribute."""
    new = {name: schema for name, schema in added.items() if name not in first}
    both = {**new, **first} if in_front else {**first, **new}
    before = {"title": "Order", **obj(**first)}
    after = {"title": "Order", **obj(**both)}
    one_, two = pulls([version(before)], [version(before), version(after, 2)])
    kept = {place: name for place, name in classes(two).items() if place in classes(one_)}
    assert kept == classes(one_)
    members = two.names.members.get("orders-value", {})
    for key, name in one_.names.members.get("orders-value", {}).items():
        assert members[key] == name
    now = attributes(two)
    assert {key: now[key] for key in attributes(one_)} == attributes(one_)
    # And what goes away again leaves everything as it was.
    *_, three = pulls([version(before)], [version(before), version(after, 2)], [version(before)])
    assert classes(three).items() >= classes(one_).items()


def test_types_of_a_referenced_subject_live_in_its_module() -> None:
    common = {
        "$defs": {
            "Money": {**obj(amount={"type": "number"}), "description": "How much."},
            "Iban": {"type": "string"},
        }
    }
    orders = {
        "title": "Order",
        **obj(total={"$ref": "common.json#/$defs/Money"}, iban={"$ref": "common.json#/$defs/Iban"}),
    }
    refunds = {"title": "Refund", **obj(sum={"$ref": "common.json#/$defs/Money"})}
    reference = Reference("common.json", "common", 1)
    project = build(
        snapshot(
            version(common, 1, "common"),
            version(orders, 1, "orders-value", reference),
            version(refunds, 1, "refunds-value", reference),
        ),
        Settings("streams", "0"),
    )
    modules = {module.name: module for module in project.modules}
    assert [record.name for record in modules["common"].records] == ["Money"]
    for name in ("orders", "refunds"):
        assert [(it.module, it.name, it.local) for it in modules[name].imports] == [
            ("common", "Money", "Money")
        ]
    topic = modules["orders"].topic
    assert topic is not None
    assert '"common.json#/$defs/Money": Money' in flat(topic.value.serde)

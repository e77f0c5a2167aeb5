"""Aliases of unions: each place that has one keeps its name, whatever else the module has."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.model.pulls import SETTINGS, Project_, module, record, snapshot, version

from kgen.model import Project, Settings
from kgen.model.json_places import key_of, wire_of
from kgen.model.settings import TopicSettings
from kgen.model.subjects import SchemaVersion
from kgen.pycode.expr import flat

ORDER = record("Order", "id")
UNION = [ORDER, "string", "boolean"]
LONG = ["string", "int", "boolean"]
OTHER = ["string", "double", "boolean"]
LIST = {"type": "array", "items": LONG}
MAP = {"type": "map", "values": OTHER}


def aliases(model: Project) -> dict[str, str]:
    return {alias.name: flat(alias.types) for alias in module(model, "orders").aliases}


def orders(settings: Settings = SETTINGS, **topic: Any) -> Project_:
    topics = {"orders": TopicSettings(**topic)} if topic else {}
    return Project_(settings=Settings(settings.package, settings.kgen_version, topics=topics))


def field(type_: Any, number: int = 1) -> SchemaVersion:
    return version("orders-value", record("Order", ("f", type_)), number)


@pytest.mark.parametrize(
    ("schema", "also", "expected"),
    [
        (UNION, {}, {"Key": "Order | str | bool", "Value": "Order | str | bool"}),
        (UNION, {"key": "int"}, {"Key": "Order | str | bool | int", "Value": "Order | str | bool"}),
        (ORDER, {"key": "int", "value": "string"}, {"Key": "Order | int", "Value": "Order | str"}),
        (
            LIST,
            {},
            {
                "KeyItem": "str | int | bool",
                "Key": "list[KeyItem]",
                "ValueItem": "str | int | bool",
                "Value": "list[ValueItem]",
            },
        ),
    ],
)
def test_one_subject_as_key_and_value_has_an_alias_for_each(
    schema: Any, also: Mapping[str, str], expected: Mapping[str, str]
) -> None:
    """They had one place in the lock: each pull renamed them."""
    project = orders(key="orders-value", also=also)
    assert aliases(project.pull(snapshot(version("orders-value", schema)))) == expected


def test_the_alias_of_a_key_stays_when_its_subject_becomes_the_value_too_and_when_it_no_longer_is() -> None:
    project = orders(key="ids", value="orders-value")
    held = snapshot(version("ids", UNION), version("orders-value", LONG))
    assert aliases(project.pull(held)) == {"Key": "Order | str | bool", "Value": "str | int | bool"}
    for value, expected in (("ids", "Order | str | bool"), ("orders-value", "str | int | bool")):
        project.settings = orders(key="ids", value=value).settings
        found = aliases(project.pull(held))
        assert found["Key"] == "Order | str | bool"
        assert [types for name, types in found.items() if name.startswith("Value")] == [expected]


@pytest.mark.parametrize("union", [[LIST, MAP], [MAP, LIST], ["null", LIST, "string", MAP]])
def test_a_list_and_a_map_in_one_union_have_an_alias_for_the_items_of_each(union: Any) -> None:
    """They had one place in the lock: each pull exchanged their names."""
    project = orders()
    found = aliases(project.pull(snapshot(field(union))))
    assert sorted(found.values())[-2:] == ["str | float | bool", "str | int | bool"]
    for number in (2, 3):  # a version in which nothing changes but a field beside it
        more = version("orders-value", record("Order", ("f", union), f"more{number}"), number)
        assert aliases(project.pull(snapshot(more))) == found


@pytest.mark.parametrize(("first", "second"), [(LIST, MAP), (MAP, LIST)])
@pytest.mark.parametrize("turned", [False, True])
def test_items_keep_their_alias_when_a_list_or_map_joins_them(first: Any, second: Any, turned: bool) -> None:
    project = orders()
    [(name, types)] = aliases(project.pull(snapshot(field(first)))).items()
    both = [second, first] if turned else [first, second]
    found = aliases(project.pull(snapshot(field(first), field(both, 2))))
    assert (name, found[name]) == ("OrderFItem", types)
    assert len(found) == 2


def test_the_alias_of_a_map_stays_with_a_lock_that_has_it_as_items() -> None:
    project = orders()
    model = project.pull(snapshot(field(MAP)))
    classes = {
        identity: {
            subject: {key.replace("{}", "[]"): name for key, name in names.items()}
            for subject, names in subjects.items()
        }
        for identity, subjects in model.names.classes.items()
    }
    old = Project_(names=type(model.names)(model.names.modules, model.names.versions, classes, {}))
    assert aliases(old.pull(snapshot(field(MAP)))) == aliases(model)


@pytest.mark.parametrize("name", ["a[]", "a|list", "a|constant"])
def test_a_property_whose_name_looks_like_a_path_has_an_alias_of_its_own(name: str) -> None:
    def one_of(*types: str) -> dict[str, Any]:
        return {"oneOf": [{"type": it} for it in types]}

    items = {"type": "array", "items": one_of("string", "integer", "boolean")}
    further = {"type": "object", "additionalProperties": one_of("string", "number", "null")}
    symbols = {"enum": [f"a long symbol {n}" for n in range(4)]}
    a = {"oneOf": [items, further, symbols]} if "|" in name else items
    other = {"a[]": one_of("string", "number", "boolean"), "a|list": items, "a|constant": {**symbols}}[name]
    schema = {"title": "Order", "type": "object", "properties": {"a": a, name: other}}
    text = json.dumps(schema)
    project = orders()
    project.pull(snapshot(SchemaVersion("orders-value", 1, 1, "JSON", text, ())))


@given(st.text("~/:[|01234ab"), st.text("~/:[|01234ab"))
def test_keys_of_properties_are_read_back(one: str, other: str) -> None:
    assert wire_of(key_of(one)) == one
    assert (key_of(one) == key_of(other)) == (one == other)
    assert not {"/", ":", "[", "|"} & {*key_of(one)}


JSON_LIST = {"type": "array", "items": {"type": ["string", "integer", "boolean"]}}
JSON_MAP = {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}}


def json_field(*branches: Any, number: int = 1) -> SchemaVersion:
    schema = {"title": "Order", "type": "object", "properties": {"f": {"oneOf": branches}}}
    return SchemaVersion("orders-value", number, number, "JSON", json.dumps(schema), ())


@pytest.mark.parametrize(("first", "second"), [(JSON_LIST, JSON_MAP), (JSON_MAP, JSON_LIST)])
@pytest.mark.parametrize("turned", [False, True])
def test_json_items_keep_their_alias_when_a_list_or_map_joins_them_and_when_it_leaves(
    first: Any, second: Any, turned: bool
) -> None:
    project = orders()
    [(name, types)] = aliases(project.pull(snapshot(json_field(first)))).items()
    both = [second, first] if turned else [first, second]
    versions = [json_field(first), json_field(*both, number=2)]
    found = aliases(project.pull(snapshot(*versions)))
    assert (name, found[name]) == ("OrderFItem", types)
    assert len(found) == 2
    [(joined, its)] = found.items() - {(name, types)}
    versions.append(json_field(second, number=3))
    assert aliases(project.pull(snapshot(*versions))) == {joined: its}
    versions.append(json_field(*both, number=4))
    assert aliases(project.pull(snapshot(*versions))) == found


def test_json_items_keep_their_aliases_with_a_lock_that_has_a_key_for_each_kind() -> None:
    """So it was where a list and a map stand together; where one stands alone, the key was that of items."""
    for branches, keys in (
        ([JSON_LIST, JSON_MAP], {"f[]": "f|list[]"}),
        ([JSON_MAP], {"f|map[]": "f[]"}),
    ):
        model = orders().pull(snapshot(json_field(*branches)))
        classes = {
            identity: {
                subject: {
                    next((key.replace(a, b) for a, b in keys.items() if key.endswith(a)), key): f"Old{name}"
                    for key, name in names.items()
                }
                for subject, names in subjects.items()
            }
            for identity, subjects in model.names.classes.items()
        }
        old = Project_(names=type(model.names)(model.names.modules, model.names.versions, classes, {}))
        found = aliases(old.pull(snapshot(json_field(*branches))))
        assert found == {f"Old{name}": types for name, types in aliases(model).items()}
        assert aliases(old.pull(snapshot(json_field(*branches)))) == found


def test_lists_and_maps_inside_of_each_other_have_a_bounded_number_of_keys() -> None:
    """In Avro each map inside of a map doubled it."""
    inner: Any = {"type": ["string", "integer", "boolean"]}
    avro: Any = LONG
    for depth in range(40):
        inner = {"type": "object", "additionalProperties": inner}
        inner = {"type": "array", "items": inner} if depth % 2 else inner
        avro = {"type": "map", "values": avro}
    assert len(aliases(orders().pull(snapshot(json_field(inner))))) == 1
    assert len(aliases(orders().pull(snapshot(field(avro))))) == 1

"""The development registry answers as Confluent's documentation says, without sockets."""

from __future__ import annotations

import json
from importlib import import_module
from typing import Any
from urllib.parse import quote

import pytest

from kgen.dev import schema_request
from kgen.dev.registry_api import answer
from kgen.dev.registry_store import Store

USER = {"type": "record", "name": "User", "fields": [{"name": "name", "type": "string"}]}
USER_2 = {**USER, "fields": [*USER["fields"], {"name": "age", "type": "int", "default": 0}]}
USER_3 = {
    **USER,
    "fields": [*USER_2["fields"], {"name": "mail", "type": "string"}],
}  # no default: not BACKWARD
ADDRESS = {
    "type": "record",
    "name": "Address",
    "namespace": "shop",
    "fields": [{"name": "city", "type": "string"}],
}
ORDER = {
    "type": "record",
    "name": "Order",
    "namespace": "shop",
    "fields": [{"name": "to", "type": "Address"}],
}
TO_ADDRESS = [{"name": "shop.Address", "subject": "address", "version": 1}]


class Api:
    """A store behind its API."""

    def __init__(self) -> None:
        self.store = Store()

    def call(self, method: str, target: str, body: Any = None) -> tuple[int, Any]:
        status, text = answer(self.store, method, target, b"" if body is None else json.dumps(body).encode())
        return status, json.loads(text)

    def get(self, target: str) -> Any:
        status, got = self.call("GET", target)
        assert status == 200, got
        return got

    def fails(self, method: str, target: str, body: Any = None) -> int:
        status, got = self.call(method, target, body)
        assert set(got) == {"error_code", "message"}, got
        assert str(got["error_code"]).startswith(str(status))
        return got["error_code"]

    def register(self, subject: str, schema: Any, **more: Any) -> int:
        body = {"schema": schema if isinstance(schema, str) else json.dumps(schema), **more}
        status, got = self.call("POST", f"/subjects/{quote(subject, safe='')}/versions", body)
        assert status == 200, got
        return got["id"]


@pytest.fixture
def api() -> Api:
    return Api()


def posted(schema: Any, **more: Any) -> dict[str, Any]:
    return {"schema": json.dumps(schema), **more}


# Registering and reading


PLACE = {"type": "object", "properties": {"zip": {"type": "string"}}}
PARCEL = {"type": "object", "properties": {"to": {"$ref": "place.json"}}}
TO_PLACE = [{"name": "place.json", "subject": "place", "version": 1}]


def test_json_schemas_refer_to_others_by_name(api: Api) -> None:
    api.register("place", PLACE, schemaType="JSON")
    id_ = api.register("parcels-value", PARCEL, schemaType="JSON", references=TO_PLACE)
    got = api.get("/subjects/parcels-value/versions/1")
    assert (got["schemaType"], got["references"], got["id"]) == ("JSON", TO_PLACE, id_)
    assert api.get("/subjects/place/versions/1/referencedby") == [id_]
    again = posted(PARCEL, schemaType="JSON", references=TO_PLACE)
    assert api.call("POST", "/subjects/parcels-value", again)[1]["version"] == 1
    nested = {"type": "array", "items": {"$ref": "parcel"}}
    through = [{"name": "parcel", "subject": "parcels-value", "version": 1}]
    api.register("loads-value", nested, schemaType="JSON", references=through)


@pytest.mark.parametrize(
    ("schema", "references"),
    [
        (PARCEL, []),
        ({"$ref": "http://127.0.0.1:9/place.json"}, []),
        ({"type": "strin"}, []),
        ({"$ref": "#"}, []),
        ({"properties": []}, []),
        ({"properties": {"to": {"$ref": "place.json#/definitions/none"}}}, TO_PLACE),
    ],
)
def test_json_schemas_that_are_not_valid_are_refused(api: Api, schema: Any, references: Any) -> None:
    api.register("place", PLACE, schemaType="JSON")
    body = posted(schema, schemaType="JSON", references=references)
    assert api.fails("POST", "/subjects/parcels-value/versions", body) == 42201


def test_a_new_registry_is_empty_backward_and_writable(api: Api) -> None:
    assert api.get("/subjects") == []
    assert api.get("/config") == {"compatibilityLevel": "BACKWARD"}
    assert api.get("/mode") == {"mode": "READWRITE"}
    assert api.get("/schemas/types") == ["JSON", "PROTOBUF", "AVRO"]
    assert api.get("/contexts") == ["."]
    assert api.get("/") == {}


def test_register_and_read_back(api: Api) -> None:
    text = json.dumps(USER, indent=2)
    assert api.register("users-value", text) == 1
    got = api.get("/subjects/users-value/versions/1")
    assert got.pop("guid")
    assert got == {"subject": "users-value", "version": 1, "id": 1, "schema": text}
    assert api.get("/subjects/users-value/versions") == [1]
    assert api.get("/schemas/ids/1")["schema"] == text
    assert api.get("/subjects/users-value/versions/latest/schema") == USER
    assert api.get("/schemas/ids/1/schema") == USER


def test_the_same_schema_gets_the_same_id_and_no_new_version(api: Api) -> None:
    first = api.register("a", json.dumps(USER))
    assert api.register("a", json.dumps(USER, indent=4)) == first
    assert api.register("b", USER) == first
    assert api.get("/subjects/a/versions") == [1]
    assert api.get(f"/schemas/ids/{first}/subjects") == ["a", "b"]
    assert api.get(f"/schemas/ids/{first}/versions") == [
        {"subject": "a", "version": 1},
        {"subject": "b", "version": 1},
    ]


def test_a_schema_more_is_compared_with_none_of_the_others(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """A registry of thousands of subjects is filled in time that grows with their number."""
    read, made = schema_request._canonical, list[str]()

    def counted(kind: str, text: str) -> str:
        made.append(text)
        return read(kind, text)

    monkeypatch.setattr(schema_request, "_canonical", counted)
    counts = []
    for begin in (0, 50):
        made.clear()
        for n in range(begin, begin + 50):
            api.register(f"s{n}", {**USER, "name": f"User{n}"})
        counts.append(len(made))
    assert 50 <= counts[0] == counts[1] <= 100


def test_the_order_of_keys_matters_unless_normalized(api: Api) -> None:
    api.register("a", USER)
    turned = posted(dict(reversed(USER.items())))
    assert api.fails("POST", "/subjects/a", turned) == 40403
    status, got = api.call("POST", "/subjects/a?normalize=true", turned)
    assert (status, got["version"]) == (200, 1)


@pytest.mark.parametrize("latest", ["latest", "-1"])
def test_latest(api: Api, latest: str) -> None:
    api.register("a", USER)
    api.register("a", USER_2)
    assert api.get(f"/subjects/a/versions/{latest}")["version"] == 2


def test_look_up(api: Api) -> None:
    api.register("a", USER)
    api.register("a", USER_2)
    status, got = api.call("POST", "/subjects/a", posted(USER))
    assert (status, got["subject"], got["version"], got["id"]) == (200, "a", 1, 1)
    assert api.fails("POST", "/subjects/a", posted(ADDRESS)) == 40403
    assert api.fails("POST", "/subjects/b", posted(USER)) == 40401


def test_subjects_by_prefix_and_page(api: Api) -> None:
    for name in ("orders-key", "orders-value", "users-value"):
        api.register(name, '"string"')
    assert api.get("/subjects?subjectPrefix=orders") == ["orders-key", "orders-value"]
    assert api.get("/subjects?offset=1&limit=1") == ["orders-value"]
    assert api.get("/subjects?offset=1&limit=-1") == ["orders-value", "users-value"]


def test_names_are_decoded_and_may_be_odd(api: Api) -> None:
    for name in ("../../x", "a b/c", "con", "größe-value", "a%2Fb"):
        api.register(name, '"string"')
        assert api.get(f"/subjects/{quote(name, safe='')}/versions") == [1]
    assert "../../x" in api.get("/subjects")


def test_json_and_protobuf_are_kept_as_text(api: Api) -> None:
    proto = 'syntax = "proto3";\nmessage A { string b = 1; }\n'
    id_ = api.register("p", proto, schemaType="PROTOBUF")
    assert api.get(f"/schemas/ids/{id_}")["schemaType"] == "PROTOBUF"
    assert api.get("/subjects/p/versions/1")["schema"] == proto
    api.register("j", {"type": "object"}, schemaType="JSON")
    assert api.get("/subjects/j/versions/1")["schemaType"] == "JSON"


def test_metadata_and_rules_come_back(api: Api) -> None:
    metadata = {"properties": {"owner": "shop"}}
    api.register("a", USER, metadata=metadata)
    assert api.get("/subjects/a/versions/1")["metadata"] == metadata


def test_a_look_up_without_rules_finds_the_schema_that_has_some(api: Api) -> None:
    rules = {"ruleSet": {"domainRules": [{"name": "card", "kind": "TRANSFORM", "type": "ENCRYPT"}]}}
    id_ = api.register("a", USER, **rules)
    assert api.get(f"/schemas/ids/{id_}")["ruleSet"] == rules["ruleSet"]
    for body in (posted(USER), posted(USER, **rules)):
        status, found = api.call("POST", "/subjects/a", body)
        assert (status, found["id"], found["ruleSet"]) == (200, id_, rules["ruleSet"])
    other = {"ruleSet": {"domainRules": []}}
    assert api.fails("POST", "/subjects/a", posted(USER, **other)) == 40403


def test_guids(api: Api) -> None:
    api.register("a", USER)
    guid = api.get("/subjects/a/versions/1")["guid"]
    assert json.loads(api.get(f"/schemas/guids/{guid}")["schema"]) == USER
    assert api.fails("GET", "/schemas/guids/none") == 40403


def test_all_schemas(api: Api) -> None:
    api.register("a", USER)
    api.register("a", USER_2)
    assert [(s["subject"], s["version"]) for s in api.get("/schemas")] == [("a", 1), ("a", 2)]
    assert [s["version"] for s in api.get("/schemas?latestOnly=true")] == [2]


def test_max_id(api: Api) -> None:
    api.register("a", USER)
    api.register("b", '"string"')
    assert api.get("/schemas/ids/1?fetchMaxId=true")["maxId"] == 2


# What is not there, or not valid


def test_missing_things(api: Api) -> None:
    api.register("a", USER)
    assert api.fails("GET", "/subjects/b/versions") == 40401
    assert api.fails("GET", "/subjects/b/versions/1") == 40401
    assert api.fails("GET", "/subjects/a/versions/2") == 40402
    assert api.fails("GET", "/schemas/ids/9") == 40403
    assert api.fails("GET", "/schemas/ids/9/subjects") == 40403
    assert api.fails("GET", "/schemas/ids/x") == 404
    assert api.fails("GET", "/nowhere") == 404
    assert api.fails("PUT", "/subjects") == 405


@pytest.mark.parametrize("version", ["0", "-2", "x", "99999999999", "٣"])
def test_invalid_versions(api: Api, version: str) -> None:
    api.register("a", USER)
    assert api.fails("GET", f"/subjects/a/versions/{quote(version)}") == 42202


@pytest.mark.parametrize(
    "body",
    [
        None,
        {},
        {"schema": ""},
        {"schema": 1},
        {"schema": "{"},
        {"schema": "string"},
        {"schema": '{"type": "record", "name": "A"}'},
        {"schema": '{"type": "record", "name": "A", "fields": [{"name": "b", "type": "Missing"}]}'},
        {"schema": "{}", "schemaType": "XML"},
        {"schema": "{", "schemaType": "JSON"},
        {"schema": '"string"', "references": [{"name": "x"}]},
        {"schema": '"string"', "references": [{"name": "x", "subject": "none", "version": 1}]},
        {"schema": '"string"', "id": "one"},
    ],
)
def test_invalid_schemas(api: Api, body: Any) -> None:
    assert api.fails("POST", "/subjects/a/versions", body) == 42201
    assert api.get("/subjects") == []


@pytest.mark.parametrize(
    "field",
    [
        {"name": "a", "type": ["null", "int"], "default": "null"},
        {"name": "a", "type": "int", "default": ""},
        {"name": "beløp", "type": "int"},
        {"name": "a", "type": "int", "order": "ASCENDING"},
        {"name": "a", "type": "double", "default": "0.5"},
        {"name": "a", "type": {"type": "enum", "name": "x..E", "symbols": ["FØDSEL"]}, "default": "other"},
        {"name": "a", "type": []},
    ],
    ids=lambda field: field["name"] + str(field["type"])[:20],
)
def test_schemas_that_java_takes_are_taken(api: Api, field: Any) -> None:
    """Confluent's registry parses with Avro for Java, and does not validate defaults by default."""
    schema = {"type": "record", "name": "R", "fields": [field]}
    api.register("a", schema)
    assert json.loads(api.get("/subjects/a/versions/1")["schema"]) == schema


def test_what_is_refused_is_named_with_its_place(api: Api) -> None:
    body = posted({"type": "record", "name": "A", "fields": [{"name": "a$b", "type": "int"}]})
    status, got = api.call("POST", "/subjects/a/versions", body)
    assert (status, got["error_code"]) == (422, 42201)
    assert "'a$b' is not a valid field name at /fields/0/name" in got["message"]


def test_invalid_subjects(api: Api) -> None:
    for name in ("a%0Ab", "__GLOBAL"):
        assert api.fails("POST", f"/subjects/{name}/versions", posted("string")) == 42208


def test_a_body_that_is_not_json(api: Api) -> None:
    assert answer(api.store, "POST", "/subjects/a/versions", b"<html>")[0] == 400


# References


def test_references(api: Api) -> None:
    api.register("address", ADDRESS)
    id_ = api.register("orders-value", ORDER, references=TO_ADDRESS)
    assert api.get(f"/schemas/ids/{id_}")["references"] == TO_ADDRESS
    assert api.get("/subjects/address/versions/1/referencedby") == [id_]
    assert api.fails("GET", "/subjects/address/versions/2/referencedby") == 40402
    assert api.fails("DELETE", "/subjects/address") == 42206
    assert api.fails("DELETE", "/subjects/address/versions/1") == 42206
    api.call("DELETE", "/subjects/orders-value")
    assert api.call("DELETE", "/subjects/address") == (200, [1])


def test_references_are_part_of_what_a_schema_is(api: Api) -> None:
    api.register("address", ADDRESS)
    plain = api.register("a", ADDRESS, references=[])
    assert plain == 1
    assert api.register("b", ADDRESS, references=TO_ADDRESS) == 2


def test_references_of_references(api: Api) -> None:
    api.register("address", ADDRESS)
    api.register("orders", ORDER, references=TO_ADDRESS)
    parcel = {
        "type": "record",
        "name": "Parcel",
        "namespace": "shop",
        "fields": [{"name": "of", "type": "Order"}],
    }
    api.register("parcels", parcel, references=[{"name": "shop.Order", "subject": "orders", "version": 1}])
    assert api.get("/subjects/parcels/versions") == [1]


# Compatibility


@pytest.mark.parametrize(
    ("level", "older", "newer", "allowed"),
    [
        ("BACKWARD", USER, USER_2, True),
        ("BACKWARD", USER, USER_3, False),
        ("FORWARD", USER, USER_3, True),
        ("FORWARD", USER_3, USER, False),
        ("FULL", USER, USER_2, True),
        ("FULL", USER, USER_3, False),
        ("NONE", USER, ADDRESS, True),
        ("BACKWARD", USER, ADDRESS, False),
    ],
)
def test_compatibility_levels(api: Api, level: str, older: Any, newer: Any, allowed: bool) -> None:
    api.register("a", older)
    api.call("PUT", "/config/a", {"compatibility": level})
    _, tried = api.call("POST", "/compatibility/subjects/a/versions/latest", posted(newer))
    assert tried == {"is_compatible": allowed}
    status, got = api.call("POST", "/subjects/a/versions", posted(newer))
    assert status == (200 if allowed else 409), got
    assert allowed or got["error_code"] == 409


def test_transitive_levels_look_at_every_version(api: Api) -> None:
    api.call("PUT", "/config", {"compatibility": "NONE"})
    no_name = {**USER, "fields": [{"name": "age", "type": "int"}]}
    with_name = {
        **USER,
        "fields": [{"name": "age", "type": "int"}, {"name": "name", "type": "int", "default": 0}],
    }
    api.register("a", USER)
    api.register("a", no_name)
    for level, allowed in (("BACKWARD", True), ("BACKWARD_TRANSITIVE", False)):
        api.call("PUT", "/config", {"compatibility": level})
        _, got = api.call("POST", "/compatibility/subjects/a/versions?verbose=true", posted(with_name))
        assert got["is_compatible"] is allowed
        assert bool(got["messages"]) is not allowed


def test_schemas_that_take_too_long_to_compare_are_not_compatible(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_module("kgen_runtime.codec.avro.resolution.resolve"), "RESOLUTION_WORK", 3)
    api.register("a", USER)
    _, got = api.call("POST", "/compatibility/subjects/a/versions/latest?verbose=true", posted(USER_2))
    assert got["is_compatible"] is False
    assert "too many types" in str(got["messages"])


def test_compatibility_of_what_is_not_there(api: Api) -> None:
    path = "/compatibility/subjects/a/versions"
    assert api.call("POST", f"{path}/latest", posted(USER)) == (200, {"is_compatible": True})
    assert api.fails("POST", f"{path}/1", posted(USER)) == 40402
    assert api.fails("POST", f"{path}/x", posted(USER)) == 42202
    assert api.fails("POST", f"{path}/latest", {"schema": "{"}) == 42201


def test_another_type_of_schema_does_not_follow(api: Api) -> None:
    api.register("a", USER)
    assert api.fails("POST", "/subjects/a/versions", {"schema": "{}", "schemaType": "JSON"}) == 409


def test_compatibility_reads_through_references(api: Api) -> None:
    api.register("address", ADDRESS)
    api.register("orders", ORDER, references=TO_ADDRESS)
    more = [*ORDER["fields"], {"name": "note", "type": ["null", "string"], "default": None}]
    api.register("orders", {**ORDER, "fields": more}, references=TO_ADDRESS)
    assert api.get("/subjects/orders/versions") == [1, 2]


def test_config(api: Api) -> None:
    assert api.fails("GET", "/config/a") == 40408
    assert api.get("/config/a?defaultToGlobal=true") == {"compatibilityLevel": "BACKWARD"}
    assert api.call("PUT", "/config/a", {"compatibility": "full"}) == (200, {"compatibility": "FULL"})
    assert api.get("/config/a") == {"compatibilityLevel": "FULL"}
    assert api.call("DELETE", "/config/a") == (200, {"compatibilityLevel": "FULL"})
    assert api.fails("DELETE", "/config/a") == 40401
    assert api.fails("PUT", "/config", {"compatibility": "SOMEWHAT"}) == 42203
    api.call("PUT", "/config", {"compatibility": "NONE"})
    assert api.call("DELETE", "/config") == (200, {"compatibilityLevel": "NONE"})
    assert api.get("/config") == {"compatibilityLevel": "BACKWARD"}


# Deleting


def test_soft_and_permanent_delete_of_a_subject(api: Api) -> None:
    id_ = api.register("a", USER)
    assert api.fails("DELETE", "/subjects/b") == 40401
    assert api.fails("DELETE", "/subjects/a?permanent=true") == 40405
    assert api.call("DELETE", "/subjects/a") == (200, [1])
    assert api.get("/subjects") == []
    assert api.get("/subjects?deleted=true") == ["a"]
    assert api.get("/subjects?deletedOnly=true") == ["a"]
    assert api.fails("GET", "/subjects/a/versions/1") == 40401
    assert api.get("/subjects/a/versions/1?deleted=true")["id"] == id_
    assert json.loads(api.get(f"/schemas/ids/{id_}")["schema"]) == USER, "old messages can still be read"
    assert api.get(f"/schemas/ids/{id_}/subjects") == []
    assert api.get(f"/schemas/ids/{id_}/subjects?deleted=true") == ["a"]
    assert api.fails("DELETE", "/subjects/a") == 40404
    assert api.call("DELETE", "/subjects/a?permanent=true") == (200, [1])
    assert api.get("/subjects?deleted=true") == []
    assert api.fails("GET", f"/schemas/ids/{id_}") == 40403


def test_soft_and_permanent_delete_of_a_version(api: Api) -> None:
    api.register("a", USER)
    api.register("a", USER_2)
    assert api.fails("DELETE", "/subjects/a/versions/3") == 40402
    assert api.fails("DELETE", "/subjects/a/versions/2?permanent=true") == 40407
    assert api.call("DELETE", "/subjects/a/versions/latest") == (200, 2)
    assert api.fails("DELETE", "/subjects/a/versions/2") == 40406
    assert api.get("/subjects/a/versions") == [1]
    assert api.get("/subjects/a/versions?deleted=true") == [1, 2]
    assert api.get("/subjects/a/versions?deletedOnly=true") == [2]
    assert api.get("/subjects/a/versions/latest")["version"] == 1
    assert api.call("DELETE", "/subjects/a/versions/2?permanent=true") == (200, 2)
    assert api.fails("GET", "/subjects/a/versions/2?deleted=true") == 40402


def test_a_deleted_schema_comes_back_as_a_new_version_with_its_old_id(api: Api) -> None:
    id_ = api.register("a", USER)
    api.call("DELETE", "/subjects/a")
    assert api.register("a", USER) == id_
    assert api.get("/subjects/a/versions") == [2]
    assert api.get("/subjects/a/versions?deleted=true") == [2]


def test_ids_are_not_given_twice(api: Api) -> None:
    api.register("a", USER)
    api.call("DELETE", "/subjects/a")
    api.call("DELETE", "/subjects/a?permanent=true")
    assert api.register("b", ADDRESS) == 2


def test_a_deleted_subject_takes_its_settings_along(api: Api) -> None:
    api.register("a", USER)
    api.call("PUT", "/config/a", {"compatibility": "NONE"})
    api.call("DELETE", "/subjects/a")
    assert api.get("/config/a") == {"compatibilityLevel": "NONE"}
    api.call("DELETE", "/subjects/a?permanent=true")
    assert api.fails("GET", "/config/a") == 40408


# Modes


def test_modes(api: Api) -> None:
    assert api.fails("GET", "/mode/a") == 40409
    assert api.get("/mode/a?defaultToGlobal=true") == {"mode": "READWRITE"}
    assert api.call("PUT", "/mode/a", {"mode": "READONLY"}) == (200, {"mode": "READONLY"})
    assert api.fails("POST", "/subjects/a/versions", posted(USER)) == 42205
    assert api.call("DELETE", "/mode/a") == (200, {"mode": "READONLY"})
    assert api.fails("DELETE", "/mode/a") == 40401
    assert api.fails("PUT", "/mode", {"mode": "SOMETIMES"}) == 42204


def test_readonly_keeps_subjects_from_being_deleted(api: Api) -> None:
    api.register("a", USER)
    api.call("PUT", "/mode", {"mode": "READONLY"})
    assert api.fails("DELETE", "/subjects/a") == 42205
    assert api.fails("DELETE", "/subjects/a/versions/1") == 42205


def test_import_takes_ids_and_versions_as_given(api: Api) -> None:
    assert api.fails("POST", "/subjects/a/versions", posted(USER, id=7, version=3)) == 42205
    api.call("PUT", "/mode", {"mode": "IMPORT"})
    assert api.fails("POST", "/subjects/a/versions", posted(USER)) == 42205
    assert api.register("a", USER, id=7, version=3) == 7
    assert api.get("/subjects/a/versions") == [3]
    assert api.fails("POST", "/subjects/b/versions", posted(ADDRESS, id=7, version=1)) == 42205
    api.call("PUT", "/mode", {"mode": "READWRITE"})
    assert api.register("b", ADDRESS) == 8


def test_import_wants_an_empty_registry(api: Api) -> None:
    api.register("a", USER)
    assert api.fails("PUT", "/mode", {"mode": "IMPORT"}) == 42205
    assert api.call("PUT", "/mode/b", {"mode": "IMPORT"})[0] == 200
    assert api.call("PUT", "/mode?force=true", {"mode": "IMPORT"})[0] == 200


# Contexts


def test_contexts_have_their_own_ids(api: Api) -> None:
    api.register("a", USER)
    assert api.register(":.staging:b", ADDRESS) == 1
    assert api.get("/contexts") == [".", ".staging"]
    assert api.get("/subjects") == [":.staging:b", "a"]
    assert api.get("/subjects?subjectPrefix=:.staging:") == [":.staging:b"]
    assert api.get("/subjects?subjectPrefix=") == ["a"]
    assert json.loads(api.get("/schemas/ids/1?subject=:.staging:")["schema"]) == ADDRESS
    assert json.loads(api.get("/schemas/ids/1")["schema"]) == USER
    assert api.get("/subjects/:.:a/versions") == [1]


def test_references_stay_in_their_context(api: Api) -> None:
    api.register(":.x:address", ADDRESS)
    api.register(":.x:orders", ORDER, references=TO_ADDRESS)
    assert api.fails("POST", "/subjects/orders/versions", posted(ORDER, references=TO_ADDRESS)) == 42201


def test_the_newest_version_with_a_property_in_its_metadata(api: Api) -> None:
    api.register("a", USER, metadata={"properties": {"owner": "shop", "stage": "1"}})
    api.register("a", USER_2, metadata={"properties": {"owner": "shop"}})
    path = "/subjects/a/metadata"
    assert api.get(f"{path}?key=owner&value=shop")["version"] == 2
    assert api.get(f"{path}?key=owner&value=shop&key=stage&value=1")["version"] == 1
    assert api.fails("GET", f"{path}?key=owner&value=other") == 40403
    assert api.fails("GET", "/subjects/b/metadata?key=owner&value=shop") == 40401


@pytest.mark.parametrize(
    "setting",
    [
        {"normalize": True},
        {"alias": "b"},
        {"compatibilityGroup": "major"},
        {"defaultMetadata": {"properties": {"owner": "shop"}}},
        {"overrideRuleSet": {"domainRules": []}},
    ],
    ids=lambda setting: next(iter(setting)),
)
def test_a_setting_that_would_have_no_effect_is_refused(api: Api, setting: dict[str, Any]) -> None:
    body = {"compatibility": "NONE", **setting}
    status, got = api.call("PUT", "/config/a", body)
    assert (status, got["error_code"]) == (422, 42205)
    assert next(iter(setting)) in got["message"]
    assert api.fails("GET", "/config/a") == 40408
    assert (
        api.call("PUT", "/config/a", {"compatibility": "NONE", "normalize": False, "alias": None})[0] == 200
    )


def test_json_schemas_follow_each_other_by_the_rules_of_open_and_closed_objects(api: Api) -> None:
    text, number = {"type": "string"}, {"type": "number"}
    closed = {"type": "object", "properties": {"a": text}, "additionalProperties": False}
    wider = {**closed, "properties": {"a": text, "b": number}}
    api.register("closed", closed, schemaType="JSON")
    api.register("closed", wider, schemaType="JSON")
    api.register("open", {"type": "object", "properties": {"a": text}}, schemaType="JSON")
    opened = {"type": "object", "properties": {"a": text, "b": number}}
    assert api.fails("POST", "/subjects/open/versions", posted(opened, schemaType="JSON")) == 409
    _, answer = api.call("POST", "/subjects/open/versions", posted(opened, schemaType="JSON"))
    assert "location:'#/properties/b'" in answer["message"]


def test_the_policy_of_json_schemas_is_a_part_of_the_config(api: Api) -> None:
    text, number = {"type": "string"}, {"type": "number"}
    api.register("open", {"type": "object", "properties": {"a": text}}, schemaType="JSON")
    wider = posted({"type": "object", "properties": {"a": text, "b": number}}, schemaType="JSON")
    assert api.call("PUT", "/config", {"compatibilityPolicy": "lenient"}) == (
        200, {"compatibility": "BACKWARD", "compatibilityPolicy": "LENIENT"},
    )  # fmt: skip
    assert api.get("/config") == {"compatibilityLevel": "BACKWARD", "compatibilityPolicy": "LENIENT"}
    assert api.call("PUT", "/config/open", {"compatibilityPolicy": "STRICT"})[0] == 200
    assert api.get("/config/open") == {"compatibilityLevel": "BACKWARD", "compatibilityPolicy": "STRICT"}
    assert api.fails("POST", "/subjects/open/versions", wider) == 409
    # What a request does not name stays as it was.
    assert api.call("PUT", "/config/open", {"compatibility": "FULL"}) == (
        200, {"compatibility": "FULL", "compatibilityPolicy": "STRICT"},
    )  # fmt: skip
    assert api.call("DELETE", "/config/open") == (
        200, {"compatibilityLevel": "FULL", "compatibilityPolicy": "STRICT"},
    )  # fmt: skip
    assert api.call("POST", "/compatibility/subjects/open/versions/latest", wider)[1] == {
        "is_compatible": True
    }
    assert api.call("POST", "/subjects/open/versions", wider)[0] == 200
    assert api.fails("PUT", "/config", {"compatibilityPolicy": "LOGICAL"}) == 42205
    assert api.fails("PUT", "/config", {}) == 42203
    assert api.call("DELETE", "/config")[0] == 200
    assert api.get("/config") == {"compatibilityLevel": "BACKWARD"}

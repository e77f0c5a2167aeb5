"""Protobuf subjects in the development registry, by its API."""

from __future__ import annotations

from typing import Any

import pytest

from .test_registry_api import Api

ORDER = 'syntax = "proto3"; package shop; message Order { string id = 1; int32 count = 2; }'
MONEY = 'syntax = "proto3"; package lib; message Money { int64 units = 1; string currency = 2; }'
PAID = 'syntax = "proto3"; package shop; import "lib/money.proto"; message Paid { lib.Money total = 1; }'
TO_MONEY = [{"name": "lib/money.proto", "subject": "money", "version": 1}]


@pytest.fixture
def api() -> Api:
    return Api()


def proto(text: str, **more: Any) -> dict[str, Any]:
    return {"schema": text, "schemaType": "PROTOBUF", **more}


def refused(api: Api, text: str, **more: Any) -> tuple[int, str]:
    status, got = api.call("POST", "/subjects/s/versions", proto(text, **more))
    assert status in (409, 422), got
    return got["error_code"], got["message"]


def test_what_protoc_does_not_take_is_refused_with_its_line(api: Api) -> None:
    code, message = refused(api, ORDER.replace("message", "\n  massage"))
    assert code == 42201
    assert "of type PROTOBUF, details: " in message
    assert "line 2, column 3" in message


@pytest.mark.parametrize(
    "name", ["lib/money.proto", "../../etc/passwd", "/etc/passwd", "google/protobuf/none.proto"]
)
def test_an_import_without_a_reference_is_refused(api: Api, name: str) -> None:
    code, message = refused(api, f'syntax = "proto3"; import "{name}"; message A {{}}')
    assert code == 42201
    assert name in message


def test_references_are_parsed_and_counted(api: Api) -> None:
    api.register("money", MONEY, schemaType="PROTOBUF")
    id_ = api.register("paid-value", PAID, schemaType="PROTOBUF", references=TO_MONEY)
    assert api.get("/subjects/money/versions/1/referencedby") == [id_]
    assert api.get(f"/schemas/ids/{id_}")["references"] == TO_MONEY
    assert api.fails("DELETE", "/subjects/money") == 42206
    top = 'syntax = "proto3"; import "paid.proto"; message Both { shop.Paid paid = 1; }'
    through = [{"name": "paid.proto", "subject": "paid-value", "version": 1}]
    assert api.register("both-value", top, schemaType="PROTOBUF", references=through) == id_ + 1


def test_what_registries_have_built_in_needs_no_reference(api: Api) -> None:
    names = ("google/protobuf/timestamp.proto", "google/type/date.proto", "confluent/meta.proto")
    imports = "".join(f'import "{name}"; ' for name in (*names, "confluent/type/decimal.proto"))
    fields = "google.protobuf.Timestamp at = 1; confluent.type.Decimal d = 2;"
    text = f'syntax = "proto3"; {imports} message A {{ {fields} }}'
    assert api.register("a", text, schemaType="PROTOBUF") == 1


def test_the_same_file_in_another_layout_is_the_same_schema(api: Api) -> None:
    id_ = api.register("orders-value", ORDER, schemaType="PROTOBUF")
    spaced = ORDER.replace("; ", ";\n\n").replace("{ ", "{\n\t").replace("= 1", "=1")
    assert api.register("orders-value", spaced, schemaType="PROTOBUF") == id_
    assert api.call("POST", "/subjects/orders-value", proto(spaced))[1]["version"] == 1
    noted = ORDER.replace("message", "// An order.\nmessage")
    status, _ = api.call("POST", "/subjects/orders-value", proto(noted))
    assert status == 404
    status, found = api.call("POST", "/subjects/orders-value?normalize=true", proto(noted))
    assert (status, found["version"]) == (200, 1)
    assert api.register("other", noted, schemaType="PROTOBUF") == id_ + 1


def test_a_normal_form_is_still_the_same_file(api: Api) -> None:
    text = (
        'syntax = "proto2"; // one; {\n package shop; message A { optional string s = 1 '
        '[default = "a;{ // b", deprecated = true]; '
        "map<string, int32> m = 2; oneof of { int32 x = 3; } reserved 4 to 6; /* end */ }"
    )
    status, got = api.call("POST", "/subjects/a/versions?normalize=true", proto(text))
    assert status == 200, got
    stored = api.get("/subjects/a/versions/1")["schema"]
    assert "//" not in stored.replace("// b", "")
    assert "end" not in stored
    assert 'optional string s = 1 [default = "a;{ // b", deprecated = true];' in stored
    assert api.call("POST", "/subjects/a?normalize=true", proto(stored))[1]["version"] == 1
    assert api.call("POST", "/subjects/b/versions", proto(stored))[0] == 200


INT64 = ORDER.replace("int32", "int64")
CHANGES = {
    "wider": (INT64, {"BACKWARD": True, "FORWARD": True}),
    "renamed": (ORDER.replace("count", "pieces"), {"BACKWARD": True, "FORWARD": True, "FULL": True}),
    "another type": (ORDER.replace("int32", "string"), {"BACKWARD": False, "FORWARD": False, "NONE": True}),
    "moved": (ORDER.replace("= 2", "= 3"), {"BACKWARD": False, "FORWARD": False, "FULL_TRANSITIVE": False}),
    "another package": (ORDER.replace("shop", "store"), {"BACKWARD": False, "NONE": True}),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_level_decides_what_may_follow(api: Api, change: str) -> None:
    text, expected = CHANGES[change]
    api.register("s", ORDER, schemaType="PROTOBUF")
    for level, allowed in expected.items():
        api.call("PUT", "/config/s", {"compatibility": level})
        status, got = api.call("POST", "/compatibility/subjects/s/versions/latest?verbose=true", proto(text))
        assert (status, got["is_compatible"]) == (200, allowed), got
    api.call("PUT", "/config/s", {"compatibility": "FORWARD"})
    if not expected["BACKWARD"]:
        assert refused(api, text)[0] == 409
    else:
        assert api.register("s", text, schemaType="PROTOBUF") == 2


def test_what_stands_in_the_way_has_the_kinds_of_the_rules(api: Api) -> None:
    api.register("s", ORDER, schemaType="PROTOBUF")
    code, message = refused(api, ORDER.replace("int32", "sint32").replace("id = 1", "id = 3"))
    assert code == 409
    assert (
        "{errorType:'FIELD_SCALAR_KIND_CHANGED', description:'a scalar that is written another way'"
        in message
    )
    assert "location:'#/Order/2'}" in message
    assert "description:'moved from number 1 to 3', location:'id'" in message
    assert "{oldSchemaVersion: 1}, {compatibility: 'BACKWARD'}" in message


def test_a_change_of_what_is_referred_to_counts(api: Api) -> None:
    api.register("money", MONEY, schemaType="PROTOBUF")
    api.call("PUT", "/config/money", {"compatibility": "NONE"})
    api.register("money", MONEY.replace("int64", "string"), schemaType="PROTOBUF")
    api.register("s", PAID, schemaType="PROTOBUF", references=TO_MONEY)
    code, message = refused(api, PAID, references=[{**TO_MONEY[0], "version": 2}])
    assert code == 409
    assert "#/Money/1" in message
    assert "location:'total.units'" in message


def test_another_language_may_not_follow(api: Api) -> None:
    api.register("s", '"string"')
    assert "SCHEMA_TYPE" in refused(api, ORDER)[1]

"""The rules of registries for Protobuf: each kind of difference, and whether it is in the way."""

from __future__ import annotations

import pytest
from tests.unit.diff.protos import declared

from kgen.compat.proto_rules import INCOMPATIBLE, proto_differences, proto_incompatible

ORDER = "message Order { string id = 1; int32 count = 2; }"
PROTO3 = {
    "nothing": (ORDER, ORDER, []),
    "a field comes": (
        ORDER,
        "message Order { string id = 1; int32 count = 2; bool paid = 3; }",
        ["FIELD_ADDED #/Order/3"],
    ),
    "a field goes": (ORDER, "message Order { string id = 1; }", ["FIELD_REMOVED #/Order/2"]),
    "a field is renamed": (
        ORDER,
        "message Order { string id = 1; int32 pieces = 2; }",
        ["FIELD_NAME_CHANGED #/Order/2"],
    ),
    "a wider number": (ORDER, "message Order { string id = 1; int64 count = 2; }", []),
    "bytes of a string": (ORDER, "message Order { bytes id = 1; int32 count = 2; }", []),
    "a number written otherwise": (
        ORDER,
        "message Order { string id = 1; sint32 count = 2; }",
        ["!FIELD_SCALAR_KIND_CHANGED #/Order/2"],
    ),
    "a number is a text": (
        ORDER,
        "message Order { string id = 1; string count = 2; }",
        ["!FIELD_SCALAR_KIND_CHANGED #/Order/2"],
    ),
    "a number is an enum": (
        ORDER,
        "enum Count { NONE = 0; } message Order { string id = 1; Count count = 2; }",
        ["ENUM_ADDED #/Count"],
    ),
    "a number is a message": (
        ORDER,
        "message Order { string id = 1; Order count = 2; }",
        ["!FIELD_KIND_CHANGED #/Order/2"],
    ),
    "values of an enum": (
        "enum E { A = 0; B = 1; C = 2; }",
        "enum E { A = 0; D = 1; F = 3; }",
        ["ENUM_CONST_CHANGED #/E/1", "ENUM_CONST_REMOVED #/E/2", "ENUM_CONST_ADDED #/E/3"],
    ),
    "an enum goes": ("enum E { A = 0; } " + ORDER, ORDER, ["ENUM_REMOVED #/E"]),
    "a message goes": ("message A {} message B {}", "message A {}", ["!MESSAGE_REMOVED #/B"]),
    "a message with one in it goes": (
        "message A {} message B { message C {} }",
        "message A {}",
        ["!MESSAGE_REMOVED #/B"],
    ),
    "a message goes from inside": ("message A { message B {} }", "message A {}", ["!MESSAGE_REMOVED #/A/B"]),
    "messages change places": (
        "message A {} message B {}",
        "message B {} message A {}",
        ["MESSAGE_MOVED #/A", "MESSAGE_MOVED #/B"],
    ),
    "another message": (
        "message A { int32 x = 1; } message B { int32 x = 1; } message C { A a = 1; }",
        "message A { int32 x = 1; } message B { int32 x = 1; } message C { B a = 1; }",
        ["!FIELD_NAMED_TYPE_CHANGED #/C/1"],
    ),
    "a map's values": (
        "message A { map<string, int32> m = 1; }",
        "message A { map<string, string> m = 1; }",
        ["!FIELD_SCALAR_KIND_CHANGED #/A/1"],
    ),
    "a map is a list": (
        "message A { map<string, int32> m = 1; }",
        "message A { repeated E m = 1; message E { string key = 1; int32 value = 2; } }",
        ["!FIELD_KIND_CHANGED #/A/1", "MESSAGE_ADDED #/A/E"],
    ),
    "a oneof around one field": (
        ORDER,
        "message Order { string id = 1; oneof of { int32 count = 2; } }",
        ["ONEOF_ADDED #/Order/of"],
    ),
    "a oneof around two": (
        ORDER,
        "message Order { oneof of { string id = 1; int32 count = 2; } }",
        ["!MULTIPLE_FIELDS_MOVED_TO_ONEOF #/Order/of", "ONEOF_ADDED #/Order/of"],
    ),
    "into a oneof that was there": (
        "message A { int32 x = 1; oneof of { int32 y = 2; } }",
        "message A { oneof of { int32 x = 1; int32 y = 2; } }",
        ["!FIELD_MOVED_TO_EXISTING_ONEOF #/A/of"],
    ),
    "out of a oneof": (
        "message A { oneof of { int32 x = 1; int32 y = 2; } }",
        "message A { int32 x = 1; oneof of { int32 y = 2; } }",
        ["ONEOF_FIELD_MOVED_TO_TOP_LEVEL #/A/1"],
    ),
    "from a oneof": (
        "message A { oneof of { int32 x = 1; int32 y = 2; } }",
        "message A { oneof of { int32 y = 2; } }",
        ["!ONEOF_FIELD_REMOVED #/A/of/1"],
    ),
    "a oneof goes whole": (
        "message A { int32 z = 3; oneof of { int32 x = 1; int32 y = 2; } }",
        "message A { int32 z = 3; }",
        ["ONEOF_REMOVED #/A/of"],
    ),
    "a oneof is renamed": (
        "message A { oneof of { int32 x = 1; } }",
        "message A { oneof other { string x = 1; } }",
        ["ONEOF_REMOVED #/A/of", "ONEOF_ADDED #/A/other", "!FIELD_SCALAR_KIND_CHANGED #/A/other/1"],
    ),
    "another package": ("package a; message A {}", "package b; message A {}", ["!PACKAGE_CHANGED #/"]),
}
PROTO2 = {
    "a required field comes": (
        "message A { optional int32 x = 1; }",
        "message A { optional int32 x = 1; required int32 y = 2; }",
        ["!REQUIRED_FIELD_ADDED #/A/2"],
    ),
    "a required field goes": (
        "message A { optional int32 x = 1; required int32 y = 2; }",
        "message A { optional int32 x = 1; }",
        ["!REQUIRED_FIELD_REMOVED #/A/2"],
    ),
    "a list of numbers": (
        "message A { optional int32 x = 1; }",
        "message A { repeated int32 x = 1; }",
        ["!FIELD_NUMERIC_LABEL_CHANGED #/A/1"],
    ),
    "a list of texts": (
        "message A { optional string x = 1; }",
        "message A { repeated string x = 1; }",
        ["FIELD_STRING_OR_BYTES_LABEL_CHANGED #/A/1"],
    ),
    "a list of messages": ("message A { optional A x = 1; }", "message A { repeated A x = 1; }", []),
}


def found(old: str, new: str, syntax: str) -> list[str]:
    """Kinds and paths, those that are in the way with a mark."""
    every = proto_differences(declared(old, syntax=syntax), declared(new, syntax=syntax))
    return [f"{'!' * (it.kind in INCOMPATIBLE)}{it.kind} {it.path}" for it in every]


@pytest.mark.parametrize("case", PROTO3)
def test_differences(case: str) -> None:
    old, new, expected = PROTO3[case]
    assert sorted(found(old, new, "proto3")) == sorted(expected)


@pytest.mark.parametrize("case", PROTO2)
def test_differences_of_labels(case: str) -> None:
    old, new, expected = PROTO2[case]
    assert found(old, new, "proto2") == expected


@pytest.mark.parametrize(("type_", "compatible"), [("string", False), ("int64", True)])
def test_what_an_import_changes_counts_too(type_: str, compatible: bool) -> None:
    old = (
        'syntax = "proto3"; package lib; message Money { Unit unit = 1; } message Unit { int32 digits = 1; }'
    )
    body = "message Order { lib.Money total = 1; }"
    first, second = (
        declared(body, imports={"money.proto": text}) for text in (old, old.replace("int32", type_))
    )
    assert (not proto_incompatible(first, second)) == compatible
    paths = [it.path for it in proto_incompatible(first, second)]
    assert compatible or paths == ["#/Unit/1", "#/Money/1", "#/Order/1"]


def test_imports_that_hold_each_other_end() -> None:
    lib = 'syntax = "proto3"; package lib; message A { B b = 1; } message B { A a = 1; int32 x = 2; }'
    body = "message Order { lib.A a = 1; lib.B b = 2; }"
    first = declared(body, imports={"lib.proto": lib})
    second = declared(body, imports={"lib.proto": lib.replace("int32", "bool")})
    assert proto_incompatible(first, second) == ()
    third = declared(body, imports={"lib.proto": lib.replace("int32", "string")})
    assert "#/B/2" in [it.path for it in proto_incompatible(first, third)]

"""What changed between two versions of a Protobuf file, as text and for programs."""

from __future__ import annotations

import pytest
from tests.unit.diff.protos import model

from kgen.compat.change_kinds import described, summary
from kgen.compat.proto_diff import ProtoDiff


def lines(old: str, new: str, syntax: str = "proto3") -> list[str]:
    """The changes for people."""
    changes = ProtoDiff(model(old, syntax=syntax), model(new, syntax=syntax)).changes()
    return [described(change).text for change in changes]


def summed(old: str, new: str) -> str:
    changes = ProtoDiff(model(old), model(new)).changes()
    return summary([described(change) for change in changes])


ORDER = "message Order { string id = 1; int32 count = 2; Line line = 3; } message Line { int32 price = 1; }"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (ORDER, ORDER, []),
        (ORDER, ORDER.replace("int32 count", "int64 count"), ["~ `shop.Order.count`: int32 -> int64"]),
        (ORDER, ORDER.replace("count", "pieces"), ["~ `shop.Order.pieces`: renamed from count"]),
        (ORDER, ORDER.replace("= 2", "= 5"), ["~ `shop.Order.count`: number 2 -> 5"]),
        (
            ORDER,
            ORDER.replace("int32 count", "string colour"),
            ["+ `shop.Order.colour`: string = 2", "- `shop.Order.count`: int32 = 2"],
        ),
        (
            ORDER,
            ORDER.replace("string id = 1;", "") + " message Extra {}",
            ["- `shop.Order.id`: string = 1", "+ `shop.Extra`: message"],
        ),
        (
            ORDER,
            ORDER.replace("int32 count", "optional int32 count").replace("Line line", "repeated Line line"),
            [
                "~ `shop.Order.count`: now nullable, int32 -> optional int32",
                "~ `shop.Order.line`: shop.Line -> repeated shop.Line",
            ],
        ),
        (
            ORDER,
            ORDER.replace(
                "int32 count = 2;", "oneof of { int32 count = 2; string text = 4; } reserved 8, 10 to 12;"
            ),
            [
                "~ `shop.Order.count`: moved into oneof of",
                "+ `shop.Order.text`: string = 4 in oneof of",
                "+ `shop.Order.of`: oneof of count, text",
                "~ `shop.Order`: reserved none -> 8, 10 to 12",
            ],
        ),
        (
            "message A { oneof of { int32 x = 1; int32 y = 2; } }",
            "message A { oneof by { int32 x = 1; int32 z = 2; } }",
            [
                "~ `shop.A.by.x`: renamed from shop.A.of.x",
                "~ `shop.A.by.z`: renamed from shop.A.of.y",
                "~ `shop.A.by`: renamed from of",
            ],
        ),
        (
            "enum E { A = 0; B = 1; C = 2; D = 3; }",
            "enum E { A = 0; X = 1; C = 4; Y = 5; }",
            [
                "~ `shop.E.X`: renamed from B",
                "~ `shop.E.C`: number 2 -> 4",
                "+ `shop.E.Y`",
                "- `shop.E.D`",
            ],
        ),
        (
            "message A { map<string, int32> m = 1; repeated int32 n = 2; }",
            "message A { map<string, A> m = 1; repeated int32 n = 2 [packed = false, json_name = 'all']; }",
            [
                "~ `shop.A.m`: map<string, int32> -> map<string, shop.A>",
                "~ `shop.A.n`: packed -> not packed",
                "~ `shop.A.n`: json name none -> all",
            ],
        ),
        (
            "package a; message A { A a = 1; }",
            "package b; message A { A a = 1; }",
            ["~ `b.A`: moved from a.A"],
        ),
        ("message A {} message B {}", "message B {} message A {}", ["~ the messages of the file: reordered"]),
        ("message A {}", "enum A { NONE = 0; }", ["~ `shop.A`: message -> enum"]),
        ("// One.\nmessage A {}", "// Two.\nmessage A {}", ["~ `shop.A`: doc changed"]),
    ],
)
def test_changes(old: str, new: str, expected: list[str]) -> None:
    assert lines(old, new) == expected


def test_changes_of_proto2() -> None:
    old = "message A { required int32 a = 1; optional int32 b = 2 [default = 3]; optional group G = 3 {} }"
    new = "message A { optional int32 a = 1; required int32 b = 2; optional group G = 3 {} }"
    assert lines(old, new, "proto2") == [
        "~ `shop.A.a`: no longer required",
        "~ `shop.A.b`: now required",
        "~ `shop.A.b`: default 3 -> none",
    ]


def test_a_summary_counts_them() -> None:
    new = (
        "message Order { int32 pieces = 2; Line line = 4; bool paid = 5; } message Line { int32 price = 1; }"
    )
    assert summed(ORDER, new) == "+1 field, -1 field, 1 renamed, 1 with another number"

"""The semantic diff: each kind of change, followed through renames, with its line and its place in the
summary.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from kgen.compat.change_kinds import Change, summary
from kgen.compat.levels import at_level, both_ways
from kgen.compat.schema_diff import schema_diff
from kgen_runtime.codec.avro.schema.parser import parse
from kgen_runtime.codec.avro.schema.tree import Schema


def record(*fields: Any, name: str = "shop.Order", **more: Any) -> Schema:
    return parse(json.dumps({"type": "record", "name": name, "fields": list(fields), **more}))


def field(name: str, type_: Any = "string", **more: Any) -> dict[str, Any]:
    return {"name": name, "type": type_, **more}


def enum(*symbols: str, **more: Any) -> dict[str, Any]:
    return {"type": "enum", "name": "Status", "symbols": list(symbols), **more}


def changes(old: Schema, new: Schema) -> list[tuple[str, str, Any, Any]]:
    return [(c.kind, c.path, c.before, c.after) for c in schema_diff(old, new)]


A, B = field("a"), field("b", "long")

CASES = {
    "added": ((A,), (A, field("c", default="x")), [("field added", "shop.Order.c", None, 'string = "x"')]),
    "removed": ((A, B), (A,), [("field removed", "shop.Order.b", "long", None)]),
    "renamed": (
        (A,),
        (field("z", aliases=["a"]),),
        [("field renamed", "shop.Order.z", "a", "z"), ("aliases", "shop.Order.z", [], ["a"])],
    ),
    "retyped": ((B,), (field("b", "double"),), [("field retyped", "shop.Order.b", "long", "double")]),
    "nullable": (
        (B,),
        (field("b", ["null", "long"]),),
        [("field nullable", "shop.Order.b", "long", "null | long")],
    ),
    "not nullable": (
        (field("b", ["null", "long"]),),
        (B,),
        [("field not nullable", "shop.Order.b", "null | long", "long")],
    ),
    "default null": (
        (field("n", "null"),),
        (field("n", "null", default=None),),
        [("default", "shop.Order.n", None, "null")],
    ),
    "default": (
        (field("n", default="1"),),
        (field("n", default="2"),),
        [("default", "shop.Order.n", '"1"', '"2"')],
    ),
    "default gone": ((field("n", default="1"),), (field("n"),), [("default", "shop.Order.n", '"1"', None)]),
    "doc": ((A,), (field("a", doc="why"),), [("doc", "shop.Order.a", None, "why")]),
    "sort order": (
        (A,),
        (field("a", order="ignore"),),
        [("sort order", "shop.Order.a", "ascending", "ignore")],
    ),
    "reordered": ((A, B), (B, A), [("fields reordered", "shop.Order", ["a", "b"], ["b", "a"])]),
    "symbol": (
        (field("s", enum("X")),),
        (field("s", enum("Y", "X")),),
        [("symbol added", "shop.Status.Y", None, "Y")],
    ),
    "symbol gone": (
        (field("s", enum("X", "Y")),),
        (field("s", enum("X")),),
        [("symbol removed", "shop.Status.Y", "Y", None)],
    ),
    "symbols": (
        (field("s", enum("X", "Y")),),
        (field("s", enum("Y", "X")),),
        [("symbols reordered", "shop.Status", ["X", "Y"], ["Y", "X"])],
    ),
    "enum default": (
        (field("s", enum("X")),),
        (field("s", enum("X", default="X")),),
        [("default", "shop.Status", None, "X")],
    ),
    "size": (
        (field("f", {"type": "fixed", "name": "F", "size": 4}),),
        (field("f", {"type": "fixed", "name": "F", "size": 8}),),
        [("size", "shop.F", 4, 8)],
    ),
    "logical": (
        (B,),
        (field("b", {"type": "long", "logicalType": "timestamp-millis"}),),
        [("logical type", "shop.Order.b", "long", "long (timestamp-millis)")],
    ),
    "precision": (
        (field("d", {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}),),
        (field("d", {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}),),
        [("logical type", "shop.Order.d", "bytes (decimal 9, 2)", "bytes (decimal 12, 2)")],
    ),
    "items": (
        (field("l", {"type": "array", "items": "int"}),),
        (field("l", {"type": "map", "values": "int"}),),
        [("field retyped", "shop.Order.l", "array<int>", "map<int>")],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_change_is_named(case: str) -> None:
    old, new, expected = CASES[case]
    assert changes(record(*old), record(*new)) == expected


def test_nothing_changed() -> None:
    assert schema_diff(record(A, B), record(A, B)) == ()
    assert summary(()) == ""


def test_a_type_is_followed_through_a_new_name_and_a_new_namespace() -> None:
    line = {"type": "record", "name": "Line", "fields": [A]}
    old = record(field("lines", {"type": "array", "items": line}))
    renamed = {**line, "name": "Item", "aliases": ["Line"], "fields": [A, B]}
    new = record(field("lines", {"type": "array", "items": renamed}))
    assert changes(old, new) == [
        ("type renamed", "shop.Item", "shop.Line", "shop.Item"),
        ("aliases", "shop.Item", [], ["shop.Line"]),
        ("field added", "shop.Item.b", None, "long"),
    ]
    moved = record(
        field("lines", {"type": "array", "items": {**line, "namespace": "store"}}), name="store.Order"
    )
    assert [c[:2] for c in changes(old, moved)] == [
        ("type moved", "store.Line"),
        ("type moved", "store.Order"),
    ]


def test_types_come_and_go() -> None:
    old = record(field("s", enum("X")))
    new = record(field("s", "string"))
    assert changes(old, new) == [
        ("field retyped", "shop.Order.s", "shop.Status", "string"),
        ("type removed", "shop.Status", "enum", None),
    ]
    assert ("type added", "shop.Status", None, "enum") in changes(new, old)


def test_a_root_without_name() -> None:
    assert changes(parse('"string"'), parse('["null", "string"]')) == [
        ("root", "", "string", "null | string")
    ]


def test_the_lines_and_the_summary() -> None:
    old = record(A, B, field("s", enum("X", "Y")), doc="one")
    new = record(
        field("a", ["null", "string"]),
        field("c", "int", default=3),
        field("d", "int", default=3),
        field("s", enum("X")),
        doc="two",
    )
    found = schema_diff(old, new)
    assert [c.text for c in found] == [
        "- `shop.Status.Y`",
        "~ `shop.Order`: doc changed",
        "~ `shop.Order.a`: now nullable, string -> null | string",
        "+ `shop.Order.c`: int = 3",
        "+ `shop.Order.d`: int = 3",
        "- `shop.Order.b`: long",
    ]
    assert summary(found) == "+2 fields, -1 field, -1 symbol, 1 now nullable, docs"


def test_json_is_plain() -> None:
    for change in schema_diff(record(A, field("n", "null")), record(B, field("n", "null", default=None))):
        assert json.loads(json.dumps(change.as_json()))["kind"] == change.kind
    assert Change("doc", "a", None, "x").as_json() == {
        "kind": "doc",
        "path": "a",
        "before": None,
        "after": "x",
        "text": "",
    }


def test_the_verdict_both_ways() -> None:
    old, new = record(A), record(A, B)
    found = both_ways(old, new)
    assert found.forward == ()
    assert [problem.path for problem in found.backward] == ["b"]
    assert found.as_json()["forward"] == {"compatible": True, "problems": []}
    assert found.lines()[1] == "old reads new: yes"
    assert found.lines()[0].startswith("new reads old: no: b: ")


@pytest.mark.parametrize(
    ("level", "allowed"),
    [("NONE", True), ("FORWARD", True), ("BACKWARD", False), ("FULL", False), ("BACKWARD_TRANSITIVE", False)],
)
def test_the_level_decides(level: str, allowed: bool) -> None:
    assert at_level(level, [(1, record(A))], record(A, B)).allowed is allowed


def test_transitive_levels_hold_a_version_against_every_earlier_one() -> None:
    history = [(1, record(A)), (2, record(A, field("b", "long", default=1)))]
    new = record(A, B)
    assert at_level("BACKWARD", history, new).allowed
    verdict = at_level("BACKWARD_TRANSITIVE", history, new)
    assert list(verdict.problems) == [1]
    assert verdict.as_json()["allowed"] is False
    assert at_level("FULL", [], new).allowed


def test_a_field_that_takes_the_name_of_a_renamed_one_is_a_new_one():
    before = {"type": "record", "name": "R", "fields": [{"name": "a", "type": "int"}]}
    fields = [{"name": "b", "type": "int", "aliases": ["a"]}, {"name": "a", "type": "int", "default": 9}]
    found = schema_diff(parse(json.dumps(before)), parse(json.dumps({**before, "fields": fields})))
    assert [(it.kind, it.path) for it in found if it.kind != "aliases"] == [
        ("field renamed", "R.b"),
        ("field added", "R.a"),
    ]

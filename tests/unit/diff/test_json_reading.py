"""What changed between two JSON Schemas by their types, and which values the new one cannot read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kgen.compat.change_kinds import summary
from kgen.compat.levels import unreadable
from kgen.compat.schema_diff import schema_diff
from kgen_runtime.codec.avro.schema.parser import parse
from kgen_runtime.codec.json.schema.json_parser import parse_json_schema

STR, INT, NUM = ({"type": it} for it in ("string", "integer", "number"))
DAY = {"type": "string", "format": "date"}


def obj(
    required: tuple[str, ...] = (), others: Any = None, title: str | None = None, **properties: Any
) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "object", "properties": properties, "required": list(required)}
    if title:
        found["title"] = title
    return found if others is None else {**found, "additionalProperties": others}


def problems(old: Any, new: Any) -> list[str]:
    found = unreadable(*(parse_json_schema(json.dumps(it)) for it in (old, new)))
    return [f"{it.path}: {it.message}" for it in found]


X_ANY = {"patternProperties": {"^x-": {}}}
READABLE = [
    ({**obj(others=False, a=STR), **X_ANY}, {**obj(others=False, a=STR, b=INT), **X_ANY}),
    (
        {**obj(others=False, a=STR), "patternProperties": {"^x-": {}, "^y[a-z]+$": STR}},
        {**obj(others=False, a=STR, b=INT, zip=INT), **X_ANY},
    ),
    (obj(a=STR), obj(a=STR, b=STR)),  # of an open object too: producers write what their schema names
    (obj(a=STR, b=STR), obj(a=STR)),
    (obj(a=INT), obj(a=NUM)),
    (obj(a=DAY), obj(a=STR)),
    (obj(a=STR), obj(a={})),
    (obj(a={"enum": ["x", "y"]}), obj(a=STR)),
    (obj(a={"enum": ["x", "y"]}), obj(a={"enum": ["y", "z", "x"]})),
    (obj(a={"const": "x"}), obj(a={"enum": ["y", "x"]})),
    (obj(a=STR), obj(a={"type": ["string", "null"]})),
    (obj(("a",), a=STR), obj(a=STR)),
    (obj(others=INT, a=STR), {"type": "object", "additionalProperties": {"type": ["string", "integer"]}}),
    ({"type": "array", "items": [STR, INT], "additionalItems": False}, {"type": "array", "items": {}}),
    (
        {"oneOf": [obj(("a",), a=STR), obj(("b",), b=INT)]},
        {"oneOf": [obj(("c",), c=STR), obj(("b",), b=NUM), obj(("a",), a=STR)]},
    ),
]


@pytest.mark.parametrize(("old", "new"), READABLE)
def test_what_can_be_read(old: Any, new: Any) -> None:
    assert problems(old, new) == []
    assert problems(old, old) == []


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (obj(a=STR), obj(("a",), a=STR), "a: it may be absent, and is required now"),
        (obj(a=STR), obj(("b",), a=STR, b=STR), "b: it is required, and was not written"),
        (obj(a=NUM), obj(a=INT), "a: number cannot be read as integer"),
        (obj(a=STR), obj(a=DAY), "a: string cannot be read as string (date)"),
        (obj(a={"type": ["string", "null"]}), obj(a=STR), "a: null cannot be read as string"),
        (obj(a={"enum": ["x", "y"]}), obj(a={"enum": ["y", "z"]}), 'a: "x" cannot be read'),
        (
            obj(a={"type": "array", "items": obj(b=NUM)}),
            obj(a={"type": "array", "items": obj(b=INT)}),
            "a[].b: number cannot be read as integer",
        ),
        (
            obj(a={"type": "object", "additionalProperties": STR}),
            obj(a={"type": "object", "additionalProperties": INT}),
            "a{}: string cannot be read as integer",
        ),
        (obj(a=STR), obj(others=False, a=STR), ": properties without a name in the schema are refused now"),
        (
            obj(others=False, a=STR, b=STR),
            obj(others=False, a=STR),
            "b: the property is refused: the object takes no others",
        ),
        (obj(a={"oneOf": [STR, INT]}), obj(a=STR), "a: integer cannot be read as string"),
        (obj(a=obj(title="Address", b=STR)), obj(a=STR), "a: Address cannot be read as string"),
    ],
)
def test_what_cannot_be_read_says_where_and_why(old: Any, new: Any, problem: str) -> None:
    assert problems(old, new) == [problem]


def test_types_that_hold_themselves_are_compared_once() -> None:
    tree = {
        "$ref": "#/definitions/T",
        "definitions": {"T": obj(v=NUM, kids={"type": "array", "items": {"$ref": "#/definitions/T"}})},
    }
    other = json.loads(json.dumps(tree).replace('"number"', '"integer"'))
    assert problems(tree, tree) == []
    assert problems(tree, other) == ["v: number cannot be read as integer"]


def test_of_two_languages_nothing_is_known() -> None:
    assert unreadable(parse('"string"'), parse_json_schema('{"type": "string"}')) == ()
    [change] = schema_diff(parse('"string"'), parse_json_schema('{"type": "string"}'))
    assert (change.kind, change.before, change.after) == ("root", "Avro", "JSON Schema")


def test_changes_are_named_by_place() -> None:
    old = obj(
        ("id",),
        title="Order",
        id=STR,
        gone=INT,
        state={"enum": ["a", "b"]},
        line=obj(title="Line", sku=STR),
        note={**STR, "minLength": 1},
    )
    new = obj(
        ("id", "note"),
        others=False,
        title="Order",
        id={"type": ["string", "null"]},
        state={"enum": ["b", "c"]},
        line=obj(title="Line", sku=STR, count={**INT, "default": 1}),
        note={**STR, "description": "Why."},
    )
    changes = schema_diff(*(parse_json_schema(json.dumps(it)) for it in (old, new)))
    assert [change.text for change in changes] == [
        "~ `#/properties/id`: now nullable, string -> string | null",
        "~ `#/properties/note`: now required",
        "~ `#/properties/note`: doc changed",
        "- `#/properties/gone`: integer",
        "~ `#`: content model open -> closed",
        "+ `#/properties/state.c`",
        "- `#/properties/state.a`",
        "+ `#/properties/line/properties/count`: integer = 1",
        "- `#/properties/note`: minLength, for validation",
    ]
    counts = "+1 field, -1 field, +1 symbol, -1 symbol, 1 now nullable, 1 now required"
    assert summary(changes) == f"{counts}, other properties, validation, docs"


def test_a_branch_in_front_moves_no_type() -> None:
    first = {"oneOf": [obj(("a",), a=STR, b=INT), obj(("c",), c=STR, d=INT)]}
    second = {"oneOf": [obj(("x",), x=STR, y=INT), *first["oneOf"]]}
    changes = schema_diff(*(parse_json_schema(json.dumps(it)) for it in (first, second)))
    assert [(it.kind, it.path) for it in changes] == [("root", ""), ("type added", "#/oneOf/0")]


def test_properties_of_a_pattern_may_have_had_the_name_of_a_new_one() -> None:
    old = {**obj(others=False, a=STR), "patternProperties": {"^x-": STR, "[": {}}}
    new = {**obj(others=False, a=STR, b=INT), **X_ANY}
    assert problems({**old, **X_ANY}, {**new, "properties": {"a": STR, "x-b": INT}}) == [
        "x-b: anything cannot be read as integer"
    ]
    assert problems(old, new) == ["b: anything cannot be read as integer"]


def test_a_new_property_is_listed_once_with_the_types_in_it() -> None:
    old = obj(a=STR, b=obj(title="B", c=STR))
    new = obj(
        a=STR,
        b=obj(title="B", c=STR),
        to=obj(title="Address", at=obj(title="Place", x=INT)),
        z={"$ref": "#/$defs/Z"},
    )
    new["$defs"] = {"Z": obj(title="Z", w=STR)}
    changes = schema_diff(*(parse_json_schema(json.dumps(it)) for it in (old, new)))
    assert [(it.kind, it.path) for it in changes] == [
        ("field added", "#/properties/to"), ("field added", "#/properties/z"), ("type added", "#/$defs/Z"),
    ]  # fmt: skip
    # What is gone is said of each type: flows may keep state of it.
    gone = schema_diff(*(parse_json_schema(json.dumps(it)) for it in (new, old)))
    assert ("type removed", "#/properties/to/properties/at") in [(it.kind, it.path) for it in gone]

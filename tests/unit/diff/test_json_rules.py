"""Whether one JSON Schema may follow another, as Confluent's registry decides it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.examples import examples

from kgen.compat.json_levels import JsonText, json_both_ways, rule_problems
from kgen.compat.json_rules import differences, incompatible
from kgen.compat.json_views import root_view

BOTH, LENIENT, NEITHER = "STRICT LENIENT", "LENIENT", ""
STR, INT, NUM = ({"type": it} for it in ("string", "integer", "number"))


def obj(others: Any = None, required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    """An object; without `others` it is open."""
    found: dict[str, Any] = {"type": "object", "properties": properties}
    if others is not None:
        found["additionalProperties"] = others
    return found | ({"required": list(required)} if required else {})


def named(properties: dict[str, Any], others: Any = False) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "additionalProperties": others}


def arr(*items: Any, **more: Any) -> dict[str, Any]:
    return {"type": "array", **({"items": list(items)} if items else {}), **more}


CASES: dict[str, tuple[Any, Any, str]] = {
    # Scalars.
    "integer becomes number": (INT, NUM, BOTH),
    "number becomes integer": (NUM, INT, NEITHER),
    "string becomes number": (STR, NUM, NEITHER),
    "null is added": (STR, {"type": ["string", "null"]}, BOTH),
    "null is removed": ({"type": ["string", "null"]}, STR, NEITHER),
    "anything becomes a string": ({}, STR, NEITHER),
    "a string becomes anything": (STR, True, BOTH),
    "nothing becomes a string": (False, STR, BOTH),
    "longer texts": ({**STR, "maxLength": 3}, {**STR, "maxLength": 4}, BOTH),
    "shorter texts": ({**STR, "maxLength": 4}, {**STR, "maxLength": 3}, NEITHER),
    "a new bound": (NUM, {**NUM, "minimum": 0}, NEITHER),
    "a bound less": ({**NUM, "exclusiveMaximum": 9}, NUM, BOTH),
    "a lower minimum": ({**NUM, "minimum": 1.5}, {**NUM, "minimum": 1}, BOTH),
    "coarser multiples": ({**NUM, "multipleOf": 2}, {**NUM, "multipleOf": 4}, NEITHER),
    "finer multiples": ({**NUM, "multipleOf": 4}, {**NUM, "multipleOf": 2}, BOTH),
    "equal multiples": ({**NUM, "multipleOf": 0.5}, {**NUM, "multipleOf": 0.50}, BOTH),
    "a pattern": (STR, {**STR, "pattern": "^a"}, NEITHER),
    "another pattern": ({**STR, "pattern": "^b"}, {**STR, "pattern": "^a"}, NEITHER),
    "title, doc and default": (STR, {**STR, "title": "A", "description": "B", "default": "c"}, BOTH),
    "bytes of a decimal, as a number or text": (
        {**NUM, "connect.type": "bytes"},
        {**STR, "connect.type": "bytes"},
        BOTH,
    ),
    # Constants.
    "a symbol more": ({**STR, "enum": ["a"]}, {**STR, "enum": ["a", "b"]}, BOTH),
    "a symbol less": ({**STR, "enum": ["a", "b"]}, {**STR, "enum": ["a"]}, NEITHER),
    "other symbols": ({"enum": ["a"]}, {"enum": ["b"]}, NEITHER),
    "symbols in another order": ({"enum": ["a", "b"]}, {"enum": ["b", "a"]}, BOTH),
    "one and true are not equal": ({"enum": [1]}, {"enum": [True]}, NEITHER),
    "another constant": ({"const": 1}, {"const": 2}, NEITHER),
    "the constant as another number": ({"const": 1}, {"const": 1.0}, BOTH),
    # Open objects: whatever was under a name that is known now may be of another type.
    "an optional property of an open object": (obj(a=STR), obj(a=STR, b=STR), LENIENT),
    "a required one": (obj(a=STR), obj(a=STR, b=STR, required=("b",)), NEITHER),
    "a required one with a default": (
        obj(a=STR),
        obj(a=STR, b={**STR, "default": ""}, required=("b",)),
        LENIENT,
    ),
    "a property that may be anything": (obj(a=STR), obj(a=STR, b={}), BOTH),
    "a property less of an open object": (obj(a=STR, b=STR), obj(a=STR), BOTH),
    # Closed objects.
    "an optional property of a closed object": (obj(False, a=STR), obj(False, a=STR, b=STR), BOTH),
    "a required property of a closed object": (
        obj(False, a=STR),
        obj(False, a=STR, b=STR, required=("b",)),
        NEITHER,
    ),
    "the same with a default": (
        obj(False, a=STR),
        obj(False, a=STR, b={**STR, "default": ""}, required=("b",)),
        BOTH,
    ),
    "a property less of a closed object": (obj(False, a=STR, b=STR), obj(False, a=STR), LENIENT),
    "one that never was there": (obj(False, a=STR, b=False), obj(False, a=STR), BOTH),
    "an object is opened": (obj(False, a=STR), obj(a=STR), BOTH),
    "an object is closed": (obj(a=STR), obj(False, a=STR), LENIENT),
    # Partially open ones: other properties have a type, or some names do.
    "a property of the type of the others": (obj(STR, a=STR), obj(STR, a=STR, b=STR), BOTH),
    "a property of another type": (obj(STR, a=STR), obj(STR, a=STR, b=INT), NEITHER),
    "a property less, of the type of the others": (obj(NUM, a=STR, b=INT), obj(NUM, a=STR), BOTH),
    "a property less, of another type": (obj(STR, a=STR, b=INT), obj(STR, a=STR), NEITHER),
    "other properties get a type": (obj(a=STR), obj(STR, a=STR), LENIENT),
    "other properties lose their type": (obj(STR, a=STR), obj(a=STR), BOTH),
    "other properties of a wider type": (obj(INT, a=STR), obj(NUM, a=STR), BOTH),
    "a name of a pattern": (
        {**obj(False), "patternProperties": {"^x-": STR}},
        {**named({"x-a": STR}), "patternProperties": {"^x-": STR}},
        BOTH,
    ),
    "a name that a pattern does not take": (
        {**obj(False), "patternProperties": {"^x-": STR}},
        {**named({"y-a": INT}), "patternProperties": {"^x-": STR}},
        BOTH,
    ),
    "a name of a pattern with escapes": (
        {**obj(False), "patternProperties": {"^x\\-.+$": STR}},
        {**named({"x-a": INT}), "patternProperties": {"^x\\-.+$": STR}},
        NEITHER,
    ),
    "a name of a pattern, of another type": (
        {**obj(False), "patternProperties": {"^x-": STR}},
        {**named({"x-a": INT}), "patternProperties": {"^x-": STR}},
        NEITHER,
    ),
    # Required.
    "required any more": (obj(a=STR, required=("a",)), obj(a=STR), BOTH),
    "required now": (obj(a=STR), obj(a=STR, required=("a",)), NEITHER),
    "required now, with a default": (obj(a=STR), obj(a={**STR, "default": ""}, required=("a",)), BOTH),
    "fewer properties at most": ({**obj(), "maxProperties": 3}, {**obj(), "maxProperties": 2}, NEITHER),
    "a dependency": (obj(a=STR, b=STR), {**obj(a=STR, b=STR), "dependencies": {"a": ["b"]}}, NEITHER),
    "a dependency less": ({**obj(a=STR, b=STR), "dependentRequired": {"a": ["b"]}}, obj(a=STR, b=STR), BOTH),
    # Lists.
    "items of a wider type": (arr(items=INT), arr(items=NUM), BOTH),
    "items of another type": (arr(items=INT), arr(items=STR), NEITHER),
    "more items": ({**arr(), "maxItems": 1}, {**arr(), "maxItems": 2}, BOTH),
    "unique items": (arr(), arr(uniqueItems=True), NEITHER),
    "an item of an open list": (arr(STR), arr(STR, INT), NEITHER),
    "an item of a closed list": (arr(STR, additionalItems=False), arr(STR, INT, additionalItems=False), BOTH),
    "an item of the type of the others": (
        arr(STR, additionalItems=INT),
        arr(STR, INT, additionalItems=INT),
        BOTH,
    ),
    "an item less of an open list": (arr(STR, INT), arr(STR), BOTH),
    "an item less of a closed list": (
        arr(STR, INT, additionalItems=False),
        arr(STR, additionalItems=False),
        NEITHER,
    ),
    # Combinations.
    "a branch more": ({"oneOf": [STR, INT]}, {"oneOf": [STR, INT, {"type": "boolean"}]}, BOTH),
    "a branch less": ({"oneOf": [STR, INT]}, {"oneOf": [STR]}, NEITHER),
    "branches in another order": ({"oneOf": [STR, INT]}, {"oneOf": [INT, STR]}, BOTH),
    "a branch of another type": ({"anyOf": [STR, INT]}, {"anyOf": [STR, {"type": "boolean"}]}, NEITHER),
    "a type becomes a branch": (STR, {"oneOf": [INT, STR]}, BOTH),
    "oneOf becomes anyOf": ({"oneOf": [STR, INT]}, {"anyOf": [STR, INT]}, BOTH),
    "anyOf becomes oneOf": ({"anyOf": [STR, INT]}, {"oneOf": [STR, INT]}, NEITHER),
    "one more that has to fit": ({"allOf": [obj(a=STR)]}, {"allOf": [obj(a=STR), obj(b=STR)]}, NEITHER),
    "one less that has to fit": ({"allOf": [obj(a=STR), obj(b=STR)]}, {"allOf": [obj(a=STR)]}, BOTH),
    "less is refused": ({"not": NUM}, {"not": INT}, BOTH),
    "more is refused": ({"not": INT}, {"not": NUM}, NEITHER),
    # Two branches that fit one of before have to find two.
    "each branch needs one of its own": (
        {"oneOf": [INT, {**INT, "minimum": 0}]},
        {"oneOf": [INT, STR]},
        NEITHER,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_may_follow(case: str) -> None:
    old, new, policies = CASES[case]
    before, after = (root_view(json.dumps(it), {}) for it in (old, new))
    allowed = [policy for policy in ("STRICT", "LENIENT") if not incompatible(before, after, policy)]
    assert " ".join(allowed) == policies, differences(before, after)


def test_differences_are_at_their_places() -> None:
    old = obj(lines=arr(items=obj(price=NUM, sku=STR, required=("sku",))))
    new = obj(lines=arr(items=obj(price=INT, sku=STR, note=STR)))
    found = incompatible(root_view(json.dumps(old), {}), root_view(json.dumps(new), {}))
    assert {(it.kind, it.path) for it in found} == {
        ("TYPE_NARROWED", "/properties/lines/items/properties/price"),
        ("OPTIONAL_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL", "/properties/lines/items/properties/note"),
    }


def test_references_are_followed_into_other_texts_and_do_not_count_themselves() -> None:
    money = json.dumps({"$defs": {"money": obj(amount=NUM)}})
    narrower = json.dumps({"$defs": {"money": obj(amount=INT)}})
    text = json.dumps(obj(total={"$ref": "money.json#/$defs/money"}))
    inline = json.dumps(obj(total=obj(amount=NUM)))
    assert not rule_problems(JsonText(text, {"money.json": money}), JsonText(inline))
    [problem] = rule_problems(JsonText(text, {"money.json": money}), JsonText(text, {"money.json": narrower}))
    assert problem.path == "#/properties/total/properties/amount"


def test_levels_ask_each_way() -> None:
    old, new = JsonText(json.dumps(INT)), JsonText(json.dumps(NUM))
    assert not json_both_ways("BACKWARD", old, new).backward
    assert json_both_ways("FORWARD", old, new).forward
    both = json_both_ways("FULL_TRANSITIVE", old, new)
    assert (bool(both.backward), bool(both.forward)) == (False, True)
    none = json_both_ways("NONE", old, JsonText(json.dumps(STR)))
    assert (none.backward, none.forward) == ((), ())


def recursive(first: str, second: str) -> Any:
    """Two types that hold each other through a third."""

    def node(type_: str, to: str) -> Any:
        return obj(id={"type": type_}, ref={"oneOf": [{"$ref": f"#/definitions/{to}"}]})

    definitions = {"A": node(first, "C"), "B": node(second, "C"), "C": node("string", "A")}
    return {"oneOf": [{"$ref": "#/definitions/A"}, {"$ref": "#/definitions/B"}], "definitions": definitions}


def test_types_that_hold_themselves_hide_nothing() -> None:
    same = root_view(json.dumps(recursive("integer", "boolean")), {})
    assert not differences(same, root_view(json.dumps(recursive("integer", "boolean")), {}))
    assert incompatible(same, root_view(json.dumps(recursive("boolean", "number")), {}))


def test_many_types_that_mention_each_other_take_no_time() -> None:
    names = [f"T{at}" for at in range(12)]
    definitions = {
        n: named({m: {"oneOf": [{"$ref": f"#/definitions/{o}"} for o in names]} for m in "ab"}, True)
        for n in names
    }
    view = root_view(json.dumps({"$ref": "#/definitions/T0", "definitions": definitions}), {})
    assert not incompatible(view, view)


SCHEMAS = st.recursive(
    st.sampled_from(
        [STR, INT, NUM, True, False, {"const": 1}, {"enum": ["a", "b"]}, {"type": ["string", "null"]}]
    ),
    lambda inner: st.one_of(
        st.builds(lambda a, b, c: obj(c, a=a, b=b), inner, inner, st.sampled_from([None, False, STR])),
        st.builds(lambda items: arr(items=items), inner),
        st.builds(
            lambda key, both: {key: both},
            st.sampled_from(["oneOf", "anyOf", "allOf"]),
            st.lists(inner, min_size=1, max_size=3),
        ),
    ),
    max_leaves=6,
)


@settings(max_examples=examples(80), deadline=None)
@example({"oneOf": [{"oneOf": [STR]}, {"anyOf": [STR]}]}, STR)
@given(SCHEMAS, SCHEMAS)
def test_a_schema_may_follow_itself_and_lenient_allows_what_strict_does(old: Any, new: Any) -> None:
    before, after = (root_view(json.dumps(it), {}) for it in (old, new))
    assert not incompatible(before, root_view(json.dumps(old), {}))  # branches may be matched with others
    if not incompatible(before, after):
        assert not incompatible(before, after, "LENIENT")

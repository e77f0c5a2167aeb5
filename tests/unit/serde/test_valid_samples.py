"""Samples of topics that enforce more than types: valid by the schema itself, or a reason to skip."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Mapping
from itertools import islice
from typing import Any
from unittest import SkipTest

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.json_schemas import JSON_SCHEMAS

import kgen_runtime as rt
from kgen_runtime.codec import make_json_reader
from kgen_runtime.codec.json.pattern_texts import text_for_pattern
from kgen_runtime.errors import SchemaError
from kgen_runtime.serde import JsonSerde, Schemas, WriterSchema
from kgen_runtime.serde.json_payloads import NoSamplesError, json_payloads
from kgen_runtime.serde.json_validation import json_validator

LATEST = "https://json-schema.org/draft/2020-12/schema"
DRAFT_3 = {"jackson_tree"}  # `required: true`, which no later draft validates by


def serde_of(schema: object, references: Mapping[str, str] | None = None) -> JsonSerde[Any]:
    text = schema if isinstance(schema, str) else json.dumps(schema)
    names, texts = tuple(references or {}), tuple((references or {}).values())
    version = WriterSchema(1, 1, text, texts, type="JSON", names=names)
    return JsonSerde(Schemas("t-value", (version,)), {}, framing="none", validate=True)


def sampled(schema: object, count: int = 20) -> list[Any]:
    try:
        return [json.loads(it) for it in islice(json_payloads(serde_of(schema), random.Random(0)), count)]
    except NoSamplesError as error:
        raise AssertionError from error  # pytest would skip


@pytest.mark.parametrize("name", sorted(JSON_SCHEMAS.keys() - DRAFT_3))
@pytest.mark.parametrize("seed", range(3))
def test_samples_of_schemas_that_are_in_use_are_valid(name: str, seed: int) -> None:
    text, references = JSON_SCHEMAS[name]
    serde = serde_of(text, references)
    latest = serde.schemas.latest
    reader, validator = make_json_reader(latest.parse_json()), json_validator(latest, "s")
    try:
        payloads = list(islice(json_payloads(serde, random.Random(seed)), 50))
    except NoSamplesError as error:
        raise AssertionError from error  # pytest would skip
    for payload in payloads:
        reader.decode(payload)
        assert validator.check(payload) is None


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "pattern": "^[A-Z]{3}-[0-9]{2,4}$"},
        {"type": "string", "pattern": r"^(?<year>\d{4})-(a|b\w+)[^-\s]\.x?$", "maxLength": 12},
        {"type": "string", "pattern": "^(?=.{6}$)a*b*$"},
        {"type": "string", "minLength": 40},
        {"type": "string", "maxLength": 1},
        {"allOf": [{"type": "string", "minLength": 30}, {"pattern": "^[a-c]+$"}, {"maxLength": 34}]},
        *({"type": "string", "format": it} for it in ("email", "ipv4", "ipv6", "uri", "hostname", "regex")),
        {"type": "integer", "minimum": -7, "exclusiveMaximum": -5},
        {"type": "integer", "exclusiveMinimum": 10**7, "multipleOf": 7},
        {"type": "number", "minimum": 0.25, "maximum": 0.75},
        {"type": "number", "multipleOf": 0.01, "maximum": -3},
        {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1e-9},
        {"type": "array", "items": {"type": "integer"}, "minItems": 7, "uniqueItems": True},
        {"type": "array", "items": {"type": "string", "pattern": "^x[0-9]$"}, "maxItems": 1},
        {"type": "object", "properties": {"a": {"type": "string"}, "b": {"not": {"type": "integer"}}}},
        {"type": "object", "additionalProperties": {"type": "string"}, "maxProperties": 1},
        {"type": "object", "additionalProperties": {"type": "integer", "maximum": 3}},
        {"anyOf": [{"type": "string", "pattern": "^a+$"}, {"type": "integer", "maximum": -1}]},
        {
            "properties": {"kind": {"enum": ["a", "b"]}, "n": {"type": "integer"}},
            "required": ["kind", "n"],
            "if": {"properties": {"kind": {"const": "a"}}},
            "then": {"properties": {"n": {"maximum": 5}}},
            "else": {"properties": {"n": {"const": 9}}},
        },
        {"$ref": "#/$defs/id", "$defs": {"id": {"type": "string", "pattern": "^id-[0-9a-f]{8}$"}}},
    ],
    ids=json.dumps,
)
def test_samples_keep_what_is_enforced(schema: dict[str, Any]) -> None:
    judge = jsonschema_rs.validator_for({"$schema": LATEST, **schema}, validate_formats=True)
    values = sampled({"$schema": LATEST, **schema})
    assert [value for value in values if not judge.is_valid(value)] == []
    assert values == sampled({"$schema": LATEST, **schema})  # the same for the same seed


def test_what_is_optional_is_left_out_if_nothing_fits() -> None:
    look_ahead = {"type": "string", "pattern": "^(?=b)a"}
    assert sampled({"type": "object", "properties": {"a": look_ahead}}) == [{}] * 20


def test_a_test_on_samples_that_cannot_be_made_is_skipped() -> None:
    testing = pytest.importorskip(
        "kgen_runtime.testing", reason="Bytewax has no build for this Python", exc_type=ImportError
    )
    schema = {
        "type": "object",
        "properties": {"a": {"type": "string", "pattern": "^(?=b)a"}},
        "required": ["a"],
    }
    topic = rt.Topic("t", key=rt.StringSerde(), value=serde_of(schema))
    with pytest.raises(NoSamplesError, match=r"no samples can be generated: not valid by .* /a") as caught:
        testing.samples(topic)
    assert isinstance(caught.value, SkipTest)  # as pytest has it
    assert isinstance(caught.value, SchemaError)
    assert "of your own" in str(caught.value)


def test_a_schema_without_a_value_fails_tests() -> None:
    with pytest.raises(SchemaError) as caught:
        sampled({"properties": {"a": {"$ref": "#"}}, "required": ["a"]})
    assert not isinstance(caught.value, SkipTest)


def test_without_the_library_samples_are_of_the_types_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    pydantic: Any = pytest.importorskip("pydantic")
    code = pydantic.create_model("Code", code=(str, pydantic.Field(pattern="^[A-Z]{3}$")))

    schema = {"properties": {"code": {"type": "string", "pattern": "^[A-Z]{3}$"}}, "required": ["code"]}
    version = WriterSchema(1, 1, json.dumps(schema), type="JSON")
    serde: Any = rt.PydanticSerde(Schemas("s", (version,)), code, framing="none")
    for payload in islice(json_payloads(serde, random.Random(0)), 20):
        assert re.fullmatch("[A-Z]{3}", json.loads(payload)["code"])
    monkeypatch.setitem(__import__("sys").modules, "jsonschema_rs", None)
    with pytest.raises(NoSamplesError, match=re.escape("pip install 'kgen-streams[json]'")):
        next(json_payloads(serde, random.Random(0)))


PATTERNS = st.recursive(
    st.sampled_from(["a", r"\d", r"\w", "[a-f]", "[^a-z]", r"\.", ".", r"[\s_-]", "\u00e9"]),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map("".join),
        inner.map(lambda it: f"({it})"),
        st.tuples(inner, inner).map(lambda it: f"(?:{it[0]}|{it[1]})"),
        st.tuples(inner, st.sampled_from(["?", "*", "+", "{2}", "{1,3}", "*?"])).map(
            lambda it: f"(?:{it[0]}){it[1]}"
        ),
        inner.map(lambda it: rf"(?P<n>{it})x(?P=n)" if "?P<" not in it else it),
    ),
    max_leaves=6,
)


@given(PATTERNS, st.integers(0, 1 << 32))
def test_a_text_for_a_pattern_matches_it(pattern: str, seed: int) -> None:
    try:
        compiled = re.compile(pattern)
    except re.error:  # a group of one name twice
        return
    text = text_for_pattern(pattern, random.Random(seed))
    assert text is not None
    assert compiled.fullmatch(text), text


@pytest.mark.parametrize(
    "pattern",
    [
        *("(" * 5_000, "(", "(a{1000}){1000}", "a{99999999}", r"\p{Lu}", "x" * 5_000, "\\ud800"),
        *("(" * 900 + ")" * 900 + "{2", "[^\x00-\uffff]"),
    ],
)
def test_patterns_that_are_too_much_give_no_text(pattern: str) -> None:
    found = text_for_pattern(pattern, random.Random(0))
    assert found is None or len(found) < 5_000

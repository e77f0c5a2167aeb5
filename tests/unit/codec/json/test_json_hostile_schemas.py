"""Whatever a registry holds as JSON Schema is read, or refused with a `SchemaError`."""

from __future__ import annotations

import json
import random
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.examples import examples
from tests.json_schemas import JSON_SCHEMAS

from kgen_runtime.codec import EngineName, make_json_reader, make_json_writer
from kgen_runtime.codec.json.json_samples import sample_json, sample_payload
from kgen_runtime.codec.json.schema.json_parser import parse_json_schema
from kgen_runtime.codec.json.schema.json_tree import JsonSchema
from kgen_runtime.errors import EncodeError, SchemaError

KEYWORDS = [
    *("$ref", "$id", "id", "$schema", "$anchor", "$defs", "definitions", "$dynamicRef", "$dynamicAnchor"),
    *("$recursiveRef", "$recursiveAnchor", "type", "properties", "required", "additionalProperties", "items"),
    *(
        "patternProperties",
        "prefixItems",
        "additionalItems",
        "allOf",
        "anyOf",
        "oneOf",
        "enum",
        "const",
        "not",
    ),
    *("default", "title", "description", "format", "contentEncoding", "nullable", "discriminator", "if", "a"),
    *(
        "connect.type",
        "connect.index",
        "connect.parameters",
        "unevaluatedProperties",
        "propertyName",
        "scale",
    ),
]
TEXTS = [
    *("#", "#/definitions/a", "#/$defs/a", "a", "object", "string", "integer", "array", "null", "date", ""),
    *(
        "http://x.test/a",
        "urn:a",
        "https://json-schema.org/draft/2020-12/schema",
        "#a",
        "\ud83d\ude00",
        "http://[",
    ),
    "org.apache.kafka.connect.data.Decimal",
]
scalars = (
    st.none() | st.booleans() | st.integers(-2, 300) | st.floats(allow_nan=False) | st.sampled_from(TEXTS)
)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYWORDS), inner, max_size=5),
    max_leaves=25,
)


@pytest.mark.slow
@settings(max_examples=examples(1_000), deadline=None)
@given(st.dictionaries(st.sampled_from(KEYWORDS), anything, max_size=8), anything)
def test_any_json_is_a_schema_or_an_error(schema: Any, reference: Any) -> None:
    read(json.dumps(schema), {"a": json.dumps(reference)})


@pytest.mark.slow
@settings(max_examples=examples(400), deadline=None)
@given(st.sampled_from(sorted(JSON_SCHEMAS)), st.randoms(use_true_random=False), anything)
def test_a_schema_with_something_else_in_a_place_is_a_schema_or_an_error(
    name: str, rng: random.Random, other: Any
) -> None:
    text, references = JSON_SCHEMAS[name]
    schema = json.loads(text)
    at: Any = schema
    while isinstance(at, (dict, list)) and at:
        place = at, rng.choice(list(at) if isinstance(at, dict) else range(len(at)))
        at = at[place[1]]
        if rng.random() < 0.2:
            break
    place[0][place[1]] = other
    read(json.dumps(schema), references)


def read(text: str, references: dict[str, str]) -> JsonSchema | None:
    """What is read has a value that is written and read again, or says that it has none."""
    with suppress(SchemaError):
        schema = parse_json_schema(text, references)
        repr(schema)
        reader, writer = make_json_reader(schema, engine="python"), make_json_writer(schema, engine="python")
        for seed in range(2):
            payload = writer.encode(sample_json(schema, random.Random(seed)))
            reader.decode(payload)
        return schema
    return None


def deep(levels: int, start: str, end: str, inner: str = "{}") -> str:
    return start * levels + inner + end * levels


@pytest.mark.parametrize("levels", [10, 190, 400, 10_000, 100_000])
@pytest.mark.parametrize(
    ("start", "end"),
    [
        ('{"properties":{"a":', "}}"),
        ('{"allOf":[', "]}"),
        ('{"anyOf":[', "]}"),
        ('{"items":', "}"),
        ('{"additionalProperties":', "}"),
        ('{"not":', "}"),
        ('{"const":', "}"),
        ('{"x":', "}"),
        ("[", "]"),
    ],
)
def test_nesting_of_any_depth_is_read_or_refused(levels: int, start: str, end: str) -> None:
    text = deep(levels, start, end)
    if levels == 10 and start != "[":
        parse_json_schema(text)
    elif levels >= 10_000:
        with pytest.raises(SchemaError, match=r"nested|larger"):
            parse_json_schema(text)
    else:
        with suppress(SchemaError):
            parse_json_schema(text)


def test_a_pattern_is_never_executed() -> None:
    evil = "^(a+)+$"
    schema = {
        "properties": {"a" * 40 + "!": {"type": "string", "pattern": evil}},
        "patternProperties": {evil: {}},
    }
    assert read(json.dumps(schema), {}) is not None


@pytest.mark.parametrize("name", JSON_SCHEMAS)
def test_a_text_that_is_cut_is_refused(name: str) -> None:
    text, references = JSON_SCHEMAS[name]
    for end in range(0, len(text.rstrip()), 97):
        with pytest.raises(SchemaError):
            parse_json_schema(text[:end], references)


def test_a_sample_of_an_object_that_holds_itself_a_hundred_times_is_small() -> None:
    schema = parse_json_schema(json.dumps({"properties": {f"p{i}": {"$ref": "#"} for i in range(100)}}))
    payload = make_json_writer(schema).encode(sample_json(schema, random.Random(1)))
    assert 1_000 < len(payload) < 1_000_000


def test_samples_of_a_union_of_hundreds_are_those_that_can_be_written(engine: EngineName) -> None:
    """The schemas of pipelines have such: a task is one of 600 objects, which differ inside alone."""
    words = {f"w{i}": {"type": "string"} for i in range(12)}
    tasks = [
        {
            "type": "object",
            "properties": {**words, "inputs": {"properties": {f"p{i}": {}}, "required": [f"p{i}"]}},
            "required": [*words, "inputs"],
        }
        for i in range(600)
    ]
    schema = parse_json_schema(json.dumps({"anyOf": tasks}))
    encode, rng = make_json_writer(schema, engine=engine).encode, random.Random(1)
    refused = 0
    for _ in range(20):
        try:
            encode(sample_json(schema, rng))
        except EncodeError:
            refused += 1
    assert 0 < refused < 20
    reader = make_json_reader(schema, engine=engine)
    assert {"w0", "inputs"} <= reader.decode(sample_payload(schema, encode, rng)).keys()

    def never(value: object, prefix: bytes) -> bytes:
        raise EncodeError("too long")

    with pytest.raises(SchemaError, match="no samples can be generated: too long"):
        sample_payload(schema, never, rng)

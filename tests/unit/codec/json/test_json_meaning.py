"""What trees mean: the judge is jsonschema, which reads the schema's text itself."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator, Draft202012Validator
from jsonschema.protocols import Validator
from referencing import Registry
from referencing.jsonschema import SchemaRegistry
from tests.examples import examples
from tests.json_schemas import JSON_SCHEMAS

from kgen_runtime.codec import make_json_reader, make_json_writer
from kgen_runtime.codec.json.json_samples import sample_json
from kgen_runtime.codec.json.schema import json_tree as t
from kgen_runtime.codec.json.schema.json_parser import parse_json_schema
from kgen_runtime.errors import DecodeError, SchemaError

LATEST = "https://json-schema.org/draft/2020-12/schema"
SEVEN = "http://json-schema.org/draft-07/schema#"

NAMES = ["a", "b", "c", "x-y"]
scalars = st.sampled_from([None, True, False, 0, 1, 2, 1.5, "a", "b", ""])
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=10,
)


def _object(inner: Any) -> Any:
    return st.fixed_dictionaries(
        {"type": st.just("object"), "properties": st.dictionaries(st.sampled_from(NAMES), inner, max_size=3)},
        optional={
            "required": st.lists(st.sampled_from(NAMES), max_size=2, unique=True),
            "additionalProperties": st.booleans() | inner,
            "patternProperties": st.fixed_dictionaries({"^x-": inner}),
        },
    )


def _bigger(inner: Any) -> Any:
    several = st.lists(inner, min_size=1, max_size=3)
    typed = {"type": st.just("object"), "anyOf": several}  # `properties` without a type would be one
    objects = inner.filter(lambda it: isinstance(it, dict))
    return st.one_of(
        _object(inner),
        st.fixed_dictionaries({"type": st.just("array")}, optional={"items": inner}),
        st.fixed_dictionaries({"type": st.just("array"), "prefixItems": several}, optional={"items": inner}),
        st.fixed_dictionaries({"type": st.just("object")}, optional={"additionalProperties": inner}),
        st.fixed_dictionaries({"allOf": several}),
        st.fixed_dictionaries({"anyOf": several}),
        st.fixed_dictionaries(typed, optional={"properties": st.just({"a": {}})}),
        st.builds(lambda one, other: {**one, "allOf": [other]}, objects, inner),
    )


types = st.sampled_from(["null", "boolean", "integer", "number", "string", "object", "array"])
leaves = st.one_of(
    st.builds(lambda it: {"type": it}, types | st.lists(types, min_size=1, max_size=3, unique=True)),
    st.builds(lambda it: {"const": it}, scalars),
    st.builds(lambda it: {"enum": it}, st.lists(scalars, min_size=1, max_size=4)),
    st.builds(lambda it: {"$ref": f"#/$defs/{it}"}, st.sampled_from(["p", "q"])),
    st.booleans(),
)
schemas = st.recursive(leaves, _bigger, max_leaves=8)


@st.composite
def documents(draw: Any) -> Any:
    root = draw(_object(schemas) | schemas)
    definitions = {"p": draw(_object(schemas)), "q": draw(schemas)}
    return {"allOf": [root], "$schema": LATEST, "$defs": definitions}


def parsed(document: Any) -> t.JsonSchema:
    try:
        return parse_json_schema(json.dumps(document))
    except SchemaError as error:
        assume("circle" not in error.what)  # which is refused
        raise


@pytest.mark.slow
@settings(max_examples=examples(200), deadline=None)
@given(documents(), st.integers(0, 1 << 32))
def test_samples_are_valid(document: Any, seed: int) -> None:
    schema = parsed(document)
    try:
        value = sample_json(schema, random.Random(seed))
    except SchemaError:  # no value is
        return
    writer, reader = make_json_writer(schema, engine="python"), make_json_reader(schema, engine="python")
    payload = writer.encode(value)
    verdict = _verdict(Draft202012Validator(document), json.loads(payload))
    assert schema.untyped or verdict is not False, payload
    read = reader.decode(payload)
    assert reader.decode(writer.encode(read)) == read


@pytest.mark.slow
@settings(max_examples=examples(300), deadline=None)
@given(documents(), st.lists(values, min_size=1, max_size=6), st.integers(0, 1 << 32))
def test_nothing_valid_is_refused(document: Any, given_values: list[Any], seed: int) -> None:
    """But what is said by a type with a keyword of another, see the parser."""
    schema = parsed(document)
    reader, validator = make_json_reader(schema, engine="python"), Draft202012Validator(document)
    rng = random.Random(seed)
    for value in given_values:
        for changed in (value, _changed(schema, value, rng)):
            if not _verdict(validator, changed):
                continue
            try:
                reader.decode(json.dumps(changed).encode())
            except DecodeError as error:
                raise AssertionError((changed, error)) from None


def _verdict(validator: Validator, value: Any) -> bool | None:
    """Whether it is valid. None: a branch is the whole again, and the judge does not end."""
    try:
        return validator.is_valid(value)
    except RecursionError:
        return None


def _changed(schema: t.JsonSchema, value: Any, rng: random.Random) -> Any:
    """A sample with another value somewhere in it: it may be valid."""
    try:
        sample = json.loads(make_json_writer(schema, engine="python").encode(sample_json(schema, rng)))
    except SchemaError:
        return value
    place, at = None, sample
    while isinstance(at, (dict, list)) and at and rng.random() < 0.7:
        place = at, rng.choice(list(at) if isinstance(at, dict) else range(len(at)))
        at = at[place[1]]
    if place is None:
        return sample
    if isinstance(place[0], dict) and rng.random() < 0.3:
        del place[0][place[1]]
    else:
        place[0][place[1]] = value
    return sample


@pytest.mark.parametrize("name", JSON_SCHEMAS)
def test_samples_of_schemas_that_are_in_use_are_valid(name: str, engine: Any) -> None:
    text, references = JSON_SCHEMAS[name]
    schema, validator = parse_json_schema(text, references), _validator(name)
    writer, reader = make_json_writer(schema, engine=engine), make_json_reader(schema, engine=engine)
    for seed in range(100):
        payload = writer.encode(sample_json(schema, random.Random(seed)))
        assert list(validator.iter_errors(json.loads(payload))) == []
        assert writer.encode(reader.decode(payload)) == payload


def _validator(name: str) -> Validator:
    """One for what types say: without the keywords that only validation enforces."""
    text, references = JSON_SCHEMAS[name]
    registry: SchemaRegistry = Registry()
    loaded = _typed(json.loads(text))
    base = loaded.get("$id", "")
    for key, each in references.items():
        contents = _typed(json.loads(each))
        contents.setdefault("$schema", SEVEN)
        uri = f"{base.rpartition('/')[0]}/{key}"
        registry = registry.with_contents(
            [(uri, contents), *([(contents["$id"], contents)] if "$id" in contents else [])]
        )
    cls = Draft202012Validator if "20" in loaded.get("$schema", "") else Draft7Validator
    return cls(loaded, registry=registry.crawl())


def _typed(schema: Any) -> Any:
    untyped = {"minLength", "pattern", "minimum", "maximum", "minItems", "maxItems", "not", "minProperties"}
    if isinstance(schema, list):
        return [_typed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: _typed(each) for key, each in schema.items() if key not in {*untyped, "exclusiveMinimum"}}
    if isinstance(kept.get("oneOf"), list) and "anyOf" not in kept:
        kept["anyOf"] = kept.pop("oneOf")  # that one alone fits is for validation
    if isinstance(kept.get("patternProperties"), dict):  # nor the names
        kept["additionalProperties"] = {"anyOf": list(kept.pop("patternProperties").values())}
    if kept.pop("nullable", False) is True:
        kept = {"anyOf": [kept, {"type": "null"}]}
    if isinstance(kept.get("id"), str):
        kept["$id"] = kept.pop("id")
    if isinstance(kept.get("required"), bool):
        del kept["required"]
    return kept

"""Validation of JSON messages: which schema, all problems, in both directions; nothing fetched or endless."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.scripted import Answer, Server

import kgen_runtime as rt
from kgen_runtime.codec import json_value_reader
from kgen_runtime.codec.json.number_forms import NumberForm, fraction_of
from kgen_runtime.codec.json.schema.json_bundle import SchemaBundle, bundle_schema
from kgen_runtime.codec.json.schema.json_parser import parse_json_schema
from kgen_runtime.errors import ConfigError, DecodeError, EncodeError, SchemaError, ValidationError
from kgen_runtime.flow.failures import failure
from kgen_runtime.messages import RawMessage, Stage
from kgen_runtime.routing.dead_letter_headers import connect, kgen
from kgen_runtime.serde import JsonSerde, Schemas, SchemaStore, WriterSchema
from kgen_runtime.serde.framing import id_prefix
from kgen_runtime.serde.json_validation import JsonValidator, json_validator
from kgen_runtime.serde.json_values import form_for, value_reader
from kgen_runtime.serde.problem_texts import MOST_PROBLEMS

DRAFT_4 = "http://json-schema.org/draft-04/schema#"
DRAFT_7 = "http://json-schema.org/draft-07/schema#"
DRAFT_2020 = "https://json-schema.org/draft/2020-12/schema"
CLOSED_LATE = {"$schema": DRAFT_2020, "unevaluatedProperties": False}
GUID = uuid.UUID("12345678-9abc-def0-1234-56789abcdef0")

PROPERTIES = {"id": {"type": "integer", "minimum": 0}, "name": {"type": "string", "maxLength": 3}}
V1 = json.dumps({"type": "object", "properties": {**PROPERTIES, "id": {"type": "integer", "minimum": -9}}})
V2 = json.dumps({"type": "object", "properties": PROPERTIES})
SCHEMAS = Schemas(
    "orders-value", (WriterSchema(1, 3, V1, type="JSON"), WriterSchema(2, 7, V2, (), str(GUID), "JSON"))
)


@dataclass(slots=True, kw_only=True)
class Order:
    id: int | None = None
    name: str | None = None


SERDE: JsonSerde[Order] = JsonSerde(SCHEMAS, {"#": Order}, validate=True)
BARE: JsonSerde[Order] = JsonSerde(SCHEMAS, {"#": Order}, framing="none", validate=True)


def decode(serde: Any, *payloads: bytes | None) -> Any:
    return serde.decoder(SchemaStore(None), "value").decode_many(payloads)


def problems(schema: object, text: str | bytes, **references: object) -> list[tuple[str, str]]:
    """Pointers and texts of what is wrong with a message."""
    names = tuple(f"{name}.json" for name in references)
    texts = tuple(json.dumps(each) for each in references.values())
    version = WriterSchema(1, 1, json.dumps(schema), texts, type="JSON", names=names)
    error = json_validator(version, "s").check(text if isinstance(text, bytes) else text.encode())
    assert error is None or error.problems
    return [] if error is None else [(it.path, it.what) for it in error.problems]


def pointers(schema: object, text: str | bytes, **references: object) -> list[str]:
    return [path for path, _ in problems(schema, text, **references)]


def test_what_is_not_valid_has_all_its_problems() -> None:
    values, ids, errors = decode(
        SERDE,
        id_prefix(7) + b'{"id": 1}',
        None,
        id_prefix(7) + b'{"id": -1, "name": "long"}',
        id_prefix(7) + b'{"id": "x", "name": "long"}',
    )
    assert values == [Order(id=1), None, None, None]
    assert ids == [7, None, 7, 7]
    assert isinstance(errors[2], ValidationError)
    assert isinstance(errors[3], DecodeError)
    assert sorted(it.path for it in errors[2].problems) == ["/id", "/name"]
    assert "version 2 of orders-value" in errors[2].what
    assert "/id: " in errors[2].what
    assert "/name: " in errors[2].what
    assert "long" not in errors[2].what.replace("longer", "")  # values stay out of logs


def test_a_message_is_held_against_the_schema_that_wrote_it() -> None:
    text = b'{"id": -1}'
    assert not decode(SERDE, id_prefix(3) + text).errors
    assert decode(SERDE, id_prefix(7) + text).errors
    assert decode(SERDE, b"\x01" + GUID.bytes + text).errors
    assert decode(SERDE, id_prefix(99) + text).errors  # the latest for what is not known here
    found = decode(SERDE, id_prefix(3) + text, id_prefix(7) + text, id_prefix(99) + b'{"id": 1}')
    assert (list(found.errors), found.values) == ([1], [Order(id=-1), None, Order(id=1)])
    assert list(decode(BARE, text, b'{"id": 1}').errors) == [0]


def test_a_version_that_cannot_be_used_fails_its_own_messages() -> None:
    odd = WriterSchema(1, 3, json.dumps({"properties": {"id": {"pattern": "("}}}), type="JSON")
    serde = JsonSerde[Any](Schemas("s", (odd, SCHEMAS.latest)), {}, validate=True)
    found = decode(serde, id_prefix(3) + b"{}", id_prefix(7) + b"{}")
    assert list(found.errors) == [0]
    assert isinstance(found.errors[0], ValidationError)
    assert "version 1 of s" in found.errors[0].what
    with pytest.raises(SchemaError, match="version 1 of s"):
        decode(JsonSerde[Any](Schemas("s", (odd,)), {}, validate=True))


def test_required_as_draft_3_has_it_counts_for_nothing() -> None:
    """Jackson's generator writes it, without `$schema`; the validator refused the whole schema."""
    properties = {"id": {"type": "integer", "required": True, "maximum": 5}, "required": {"type": "string"}}
    schema = {"type": "object", "properties": properties, "required": ["id"]}
    assert pointers(schema, '{"id": 5, "required": "a"}') == []
    assert pointers(schema, '{"id": 6, "required": 1}') == ["/id", "/required"]
    assert pointers(schema, '{"required": "a"}') == [""]
    untyped = parse_json_schema(json.dumps(schema)).untyped  # what the plan says that validation enforces
    assert [it.keyword for it in untyped] == ["maximum"]


def test_what_is_written_is_valid() -> None:
    for serde in (SERDE, BARE):
        encoder: Any = serde.encoder(SchemaStore(None), "value")
        assert encoder.encode(Order(id=1)) is not None
        assert encoder.encode(None) is None
        with pytest.raises(EncodeError) as caught:
            encoder.encode(Order(id=-1, name="long"))
        assert len(caught.value.problems) == 2
        with pytest.raises(EncodeError) as caught:
            encoder.encode(Order(id=-1))
        assert caught.value.path == "/id"
    lax: JsonSerde[Order] = JsonSerde(SCHEMAS, {"#": Order})
    assert lax.encoder(SchemaStore(None), "value").encode(Order(id=-1))


def test_a_failure_of_it_has_a_stage_of_its_own_and_all_in_its_headers() -> None:
    schema = {"properties": {f"p{i}": {"type": "integer"} for i in range(30)}}
    error = json_validator(WriterSchema(1, 1, json.dumps(schema), type="JSON"), "s").check(
        json.dumps({f"p{i}": "x" for i in range(30)}).encode()
    )
    assert error is not None
    made = failure(error, RawMessage(key=None, value=b"", topic="t"), step="f.in", part="value")
    assert made.stage is Stage.VALIDATE
    headers = dict(kgen(made, made.original))
    assert headers["__kgen.error.stage"] == b"validate"
    for i in range(30):
        assert f"/p{i}: ".encode() in (headers["__kgen.error.message"] or b"")
    assert dict(connect(made, made.original))["__connect.errors.stage"] == b"VALUE_CONVERTER"


def test_one_problem_at_any_item_is_one_kind_of_failure() -> None:
    validator = json_validator(
        WriterSchema(1, 1, json.dumps({"items": {"type": "integer"}}), type="JSON"), "s"
    )
    raw = RawMessage(key=None, value=b"", topic="t")
    errors = [validator.check(b'[1, "x"]'), validator.check(b'["x"]'), validator.check(b'["x", {}]')]
    kinds = {failure(error, raw, step="f.in").fingerprint for error in errors if error is not None}
    assert len(kinds) == 1
    decoded = [DecodeError("no", position=1, path=path) for path in ("/lines/3/a", "/lines/17/a", "/x/a")]
    assert len({failure(error, raw, step="f.in").fingerprint for error in decoded}) == 2


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"multipleOf": 0.1}, "0.30", "0.35"),
        ({"maximum": 10**30}, "1" + "0" * 30, "1" + "0" * 29 + "1"),
        ({"maximum": 0.3}, "0.3", "0.30000000000000001"),
        ({"minimum": -1.0}, "-1", "-1.00000000000000000001"),  # as floats both are the limit
        ({"maximum": 1e2}, "100", "100.00000000000000000001"),
        ({"items": {"anyOf": [{"minimum": 1.0}]}}, "[1.0]", "[0.99999999999999999999]"),
        ({"multipleOf": 1.0}, "3.0", "9007199254740992.5"),
        ({"enum": [1.0, [2.0]]}, "[2]", "1.00000000000000000001"),
        ({"type": "integer"}, "1e400", "1.5"),
        ({"type": "integer"}, "-1e99999999999999999999", "1e-99999999999999999999"),
        ({"minimum": 0}, "1" * 4000, "-" + "1" * 4000),
        ({"uniqueItems": True}, "[1, true]", "[1, 1.0]"),
        ({"properties": {"a": {"const": 2}}}, '{"a": 1, "a": 2}', '{"a": 2, "a": 1}'),
        ({"type": "object"}, b"\xef\xbb\xbf {}\n", b"\xef\xbb\xbf []\n"),
        ({"maxLength": 1}, '"\\ud83d\\ude00"', '"\\ud83d\\ude00a"'),
        ({"format": "date"}, '"2024-02-29"', '"2023-02-29"'),
        ({"$schema": DRAFT_2020, "format": "ipv4"}, '"1.2.3.4"', '"1.2.3"'),
        ({"$schema": DRAFT_4, "minimum": 1, "exclusiveMinimum": True}, "2", "1"),
        ({"$schema": DRAFT_7, "exclusiveMinimum": 1}, "2", "1"),
        ({"$schema": DRAFT_2020, "prefixItems": [{"type": "string"}]}, '["a"]', "[1]"),
        ({**CLOSED_LATE, "properties": {"a": True}}, '{"a": 1}', '{"b": 1}'),
        ({"items": [{"type": "string"}], "additionalItems": False}, '["a"]', '["a", 1]'),  # draft 7
        ({"if": {"required": ["a"]}, "then": {"required": ["b"]}}, '{"a": 1, "b": 1}', '{"a": 1}'),
        (True, "1", None),
        (False, None, "1"),
    ],
)  # fmt: skip
def test_verdicts(schema: object, good: str | bytes | None, bad: str | bytes | None) -> None:
    assert good is None or problems(schema, good) == []
    assert bad is None or len(problems(schema, bad)) == 1


def test_references_lead_where_the_parser_finds_them() -> None:
    place: dict[str, object] = {"properties": {"zip": {"type": "string"}, "in": {"$ref": "#"}}}
    schema: dict[str, object] = {"properties": {"at": {"$ref": "place.json"}}}
    bad = '{"at": {"in": {"in": {"zip": 1}}}}'
    assert pointers(schema, bad, place=place) == ["/at/in/in/zip"]
    # By name although the schema has a base, by the base, by the other's own $id, and from one into the next.
    assert pointers({"$id": "http://x/y/z", **schema}, bad, place=place) == ["/at/in/in/zip"]
    by_base = {"$id": "http://x/y/z", "properties": {"at": {"$ref": "http://x/y/place.json"}}}
    assert pointers(by_base, bad, place=place) == ["/at/in/in/zip"]
    by_id = {"properties": {"at": {"$ref": "urn:example:place#/properties/in"}}}
    assert pointers(by_id, bad, place={"$id": "urn:example:place", **place}) == ["/at/in/in/zip"]
    other = {"properties": {"zip": {"$ref": "code.json#/definitions/a~1b%25"}, "in": {"$ref": "#"}}}
    code = {"definitions": {"a/b%": {"type": "string"}}}
    assert pointers(schema, bad, place=other, code=code) == ["/at/in/in/zip"]


def test_references_inside_of_one_text() -> None:
    inner = {"$id": "http://x/inner", "$defs": {"n": {"$anchor": "n", "type": "null"}}, "not": {"$ref": "#n"}}
    schema = {"$schema": DRAFT_2020, "$defs": {"i": inner}, "$ref": "http://x/inner"}
    assert (pointers(schema, "null"), pointers(schema, "1")) == ([""], [])
    tree: dict[str, object] = {"$schema": DRAFT_2020, "$id": "http://x/tree", "$dynamicAnchor": "node"}
    tree |= {"properties": {"in": {"$dynamicRef": "#node"}, "v": True}}
    strict: dict[str, object] = {
        "$schema": DRAFT_2020,
        "$id": "http://x/strict",
        "$dynamicAnchor": "node",
        "$ref": "tree",
    }
    strict |= {"unevaluatedProperties": False, "$defs": {"t": tree}}
    assert pointers(strict, '{"in": {"in": {"v": 1}}}') == []
    assert problems(strict, '{"in": {"in": {"w": 1}}}')
    data = {"const": {"$ref": "nowhere.json"}, "examples": [{"$ref": "nowhere.json"}]}
    assert pointers(data, '{"$ref": "nowhere.json"}') == []
    named = {"properties": {"const": {"type": "integer"}, "$id": {"type": "integer"}, "$ref": {"minimum": 2}}}
    assert sorted(pointers(named, '{"const": "a", "$id": "b", "$ref": 1}')) == ["/$id", "/$ref", "/const"]
    assert pointers({"$ref": DRAFT_7}, '{"minimum": "x"}') == ["/minimum"]


@pytest.mark.parametrize("keyword", ["$ref", "not", "if", "properties", "$schema", "$id", "unknown"])
def test_nothing_is_fetched_or_read(keyword: str, tmp_path: Path) -> None:
    canary = tmp_path / "canary.json"
    canary.write_text('{"type": "boolean"}')
    server = Server(lambda request: Answer(200, {"type": "boolean"}))
    try:
        for url in (f"{server.url}/canary.json", canary.as_uri(), str(canary)):
            inner: object = {"$ref": url}
            if keyword == "properties":
                inner = {"a": inner}
            schema = {keyword: url if keyword.startswith("$") else inner}
            try:
                found = problems(schema, '{"a": 1}')
            except SchemaError as error:
                assert "leads to no schema" in error.what  # noqa: PT017 - some of them are refused
            else:
                assert found == []  # the canary takes only booleans
        # And if one got past the parser.
        for url in (f"{server.url}/canary.json", canary.as_uri()):
            bundle = SchemaBundle("urn:kgen:0", {"urn:kgen:0": {"$ref": url}}, 7, (1,))
            with pytest.raises(SchemaError, match="leads to no schema here"):
                JsonValidator(bundle, "s")
        assert server.requests == []
    finally:
        server.close()


@pytest.mark.parametrize("pattern", [r"^(a|a)*\1$", r"^(?=(a+)+$)(a|aa)+\1c$", "^(a+)+$", "(.*)*(.*)*(.*)*x"])
@pytest.mark.parametrize("length", [50, 50_000])
def test_a_pattern_that_tracks_back_for_ever_ends(pattern: str, length: int) -> None:
    assert pointers({"properties": {"p": {"pattern": pattern}}}, json.dumps({"p": "a" * length + "b"})) == [
        "/p"
    ]


@pytest.mark.parametrize("pattern", ["(a{1000}){1000}", "(", "(?<n>a"])
def test_a_pattern_that_cannot_be_used_is_refused(pattern: str) -> None:
    with pytest.raises(SchemaError, match="version 1 of s cannot be used"):
        problems({"pattern": pattern}, "1")


def chain(length: int, times: int, **end: object) -> dict[str, object]:
    uses = [{"anyOf": [{"$ref": f"#/definitions/a{i + 1}"}] * times} for i in range(length)]
    definitions = {f"a{i}": each for i, each in enumerate(uses)} | {f"a{length}": end}
    return {"$ref": "#/definitions/a0", "definitions": definitions}


def test_a_schema_that_doubles_the_work_at_each_step_is_refused() -> None:
    with pytest.raises(SchemaError, match="combinations"):
        problems(chain(40, 2, type="string"), "1")
    with pytest.raises(SchemaError, match="references"):
        problems(chain(6_000, 1, type="string"), "1")
    assert problems(chain(1_000, 1, type="string"), "1")
    assert problems({"$ref": "#"}, "1") == []  # in a circle, it says nothing


@pytest.mark.parametrize("keyword", ["allOf", "anyOf"])
def test_recursion_in_several_branches_takes_no_longer(keyword: str) -> None:
    """It would take 2^100 steps, if what was tried were not remembered."""
    branches = [
        {"properties": {"a": {"$ref": "#"}, "b": {"const": i if keyword == "anyOf" else 0}}} for i in range(3)
    ]
    schema = {"type": ["object", "integer"], keyword: branches}
    good = '{"b": 0, "a": ' * 100 + "1" + "}" * 100
    assert problems(schema, good) == []
    bad = good.replace("1", '"x"')
    error = json_validator(WriterSchema(1, 1, json.dumps(schema), type="JSON"), "s").check(bad.encode())
    assert error is not None
    assert "too deep" in error.what


def test_what_is_given_of_many_problems_is_bounded() -> None:
    schema = {"items": {"type": "string"}}
    some = json_validator(WriterSchema(1, 1, json.dumps(schema), type="JSON"), "s")
    error = some.check(json.dumps([1] * 1_000).encode())
    assert error is not None
    assert len(error.problems) == MOST_PROBLEMS
    assert error.what.endswith("and 950 more")
    error = some.check(json.dumps([1] * 100_000).encode())
    assert error is not None
    assert len(error.problems) == 1
    assert "to look for more" in error.what
    error = some.check(json.dumps([1] * 1_000_000).encode())
    assert error is not None
    assert error.problems == ()
    names = json.dumps({"\x1b[31m" + "n" * 1_000 + str(i): i for i in range(100)})
    closed = {"additionalProperties": {"type": "string"}}
    error = json_validator(WriterSchema(1, 1, json.dumps(closed), type="JSON"), "s").check(names.encode())
    assert error is not None
    assert "\x1b" not in error.what
    assert len(error.what) < 4_000


def test_threads_may_share_a_validator() -> None:
    found: list[Any] = []
    threads = [
        threading.Thread(target=lambda: found.append(decode(SERDE, id_prefix(7) + b'{"id": -1}').errors))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [str(errors[0]) for errors in found] == [str(found[0][0])] * 4


def test_without_the_extra_the_option_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jsonschema_rs", None)
    with pytest.raises(ConfigError) as caught:
        rt.JsonSerde(SCHEMAS, {"#": Order}, validate=True)
    assert "pip install 'kgen-streams[json]'" in str(caught.value)
    assert not decode(rt.JsonSerde(SCHEMAS, {"#": Order}), id_prefix(7) + b'{"id": -1}').errors


# Property: the verdict is that of the package jsonschema.

NAMES = st.sampled_from(["a", "b", "c/d~", ""])
NUMBERS = st.one_of(
    st.integers(-5, 5),
    st.integers(-(10**30), 10**30),
    st.sampled_from([0.5, 1.0, -2.5, 1e300]),
)
TEXTS = st.text("ab\u00e9\U0001f600", max_size=4)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=10,
)
TYPES = st.sampled_from(["null", "boolean", "integer", "number", "string", "array", "object"])


def optional(**keywords: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=keywords)


PLAIN = st.one_of(
    st.booleans(),
    optional(type=TYPES, enum=st.lists(VALUES, min_size=1, max_size=3)),
    optional(type=st.lists(TYPES, min_size=1, max_size=3, unique=True), const=VALUES),
    optional(minimum=NUMBERS, exclusiveMaximum=NUMBERS, multipleOf=st.integers(1, 3)),
    optional(
        minLength=st.integers(0, 2), maxLength=st.integers(0, 3), pattern=st.sampled_from(["^a", "b$", "a.b"])
    ),
    optional(minItems=st.integers(0, 2), uniqueItems=st.booleans()),
    optional(required=st.lists(NAMES, max_size=2, unique=True), maxProperties=st.integers(0, 3)),
    st.just({"$ref": "#"}) | st.just({"$ref": "#/definitions/d"}),
)


def nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    several = st.lists(inner, min_size=1, max_size=3)
    return st.one_of(
        optional(properties=st.dictionaries(NAMES, inner, max_size=3), additionalProperties=inner),
        optional(patternProperties=st.dictionaries(st.sampled_from(["^a", "b"]), inner), propertyNames=inner),
        # The judge fails on additionalItems beside items: false.
        optional(items=several, additionalItems=inner, contains=inner),
        optional(items=inner),
        optional(allOf=several, anyOf=several),
        optional(oneOf=several, dependencies=st.dictionaries(NAMES, inner, max_size=1)),
        optional(**{"if": inner, "then": inner, "else": inner}),
    )


SCHEMA = st.recursive(PLAIN, nested, max_leaves=8)


@given(SCHEMA, SCHEMA, st.lists(VALUES, min_size=1, max_size=5))
def test_the_verdict_is_that_of_jsonschema(schema: Any, definition: Any, values: list[Any]) -> None:
    whole = {"$schema": DRAFT_7, "definitions": {"d": definition}, "allOf": [schema]}
    judge = jsonschema.Draft7Validator(whole)
    try:
        expected = [judge.is_valid(value) for value in values]
    except RecursionError:
        return  # a schema that is itself: the judge goes round
    assert [problems(whole, json.dumps(value)) == [] for value in values] == expected


def _near(number: str) -> list[str]:
    """Numbers that a float may not be able to tell from it."""
    exact = Decimal(number)
    step = Decimal((0, (1,), int(exact.as_tuple().exponent)))
    beside = [format(it, "f") for it in (exact + step, exact - step, exact + step / 1000)]
    return [number, f"{number}0", f"{number}e0", f"{number}00000000000000001", str(int(exact)), *beside]


LIMITS = ["const", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"]


@given(
    st.sampled_from(LIMITS),
    st.from_regex(r"-?(0|[1-9][0-9]{0,9})\.[0-9]{1,9}", fullmatch=True),
    st.integers(0, len(_near("0.0")) - 1),
    st.booleans(),
    st.sampled_from(["number", "integer"]),
    st.sampled_from([DRAFT_4, DRAFT_7]),
)
def test_the_verdict_is_that_on_the_exact_numbers(
    keyword: str, number: str, near: int, unique: bool, kind: str, draft: str
) -> None:
    limit = _near(number)[near]
    assume(draft != DRAFT_4 or not keyword.startswith("exclusive"))
    assume(keyword != "multipleOf" or Decimal(limit) > 0)
    items = f'{{"{keyword}": {limit}, "type": "{kind}"}}'
    text = f'{{"$schema": "{draft}", "items": {items}, "uniqueItems": {json.dumps(unique)}}}'
    version = WriterSchema(1, 1, text, type="JSON")
    ours, exact = json_validator(version, "s"), json_validator.__wrapped__(version, "s")
    exact._read = value_reader(NumberForm.EXACT)
    near_ones = _near(number)
    for text in [*near_ones, *(f"{near_ones[0]}, {each}" for each in near_ones)]:
        payload = f"[{text}]".encode()
        assert (ours.check(payload) is None) == (exact.check(payload) is None), (text, limit)


@pytest.mark.parametrize(
    ("schema", "form"),
    [
        ({"minimum": 3, "type": "number"}, NumberForm.WHOLE),
        ({"multipleOf": 5, "const": [1, {"a": 10**30}]}, NumberForm.WHOLE),
        ({"maximum": 2.0}, NumberForm.WHOLE),
        ({"maximum": 0.5}, NumberForm.SHORT),
        ({"uniqueItems": True}, NumberForm.SHORT),
        ({"uniqueItems": False}, NumberForm.WHOLE),
        ({"multipleOf": 0.5}, NumberForm.EXACT),
        ({"items": [{"not": {"enum": [[0.1234567890123456]]}}]}, NumberForm.EXACT),
        ({"minimum": 1e-30}, NumberForm.EXACT),
    ],
)
def test_numbers_are_as_exact_as_the_schema_asks_for(schema: object, form: NumberForm) -> None:
    bundle = bundle_schema(json.dumps(schema), {})
    assert form_for(bundle.documents.values()) is form


@pytest.mark.parametrize(
    ("text", "short", "whole"),
    [
        ("0.25", float, float),
        ("-123456789012.345", float, float),
        ("0.00000000000000000001", float, float),  # zeros in front are no digits
        ("1234567890123.456", Decimal, float),
        ("1.00000000000000001", Decimal, Decimal),  # its float is 1.0
        ("9007199254740993.5", Decimal, Decimal),
        ("1e5", Decimal, Decimal),
        ("1.5E-5", Decimal, float),
        ("1e400", Decimal, Decimal),
        ("-1e-400", Decimal, Decimal),
        ("1e-99999999999999999999", Decimal, Decimal),
    ],
)
def test_floats_are_taken_where_they_lose_nothing(text: str, short: type, whole: type) -> None:
    kinds = {NumberForm.EXACT: Decimal, NumberForm.SHORT: short, NumberForm.WHOLE: whole}
    for form, kind in kinds.items():
        number = fraction_of(text, form)
        assert type(number) is kind
        assert number == (float(text) if kind is float else number)


NUMBER_TEXTS = st.from_regex(r"-?(0|[1-9][0-9]{0,25})(\.[0-9]{1,25})?([eE][+-]?[0-9]{1,3})?", fullmatch=True)


@given(st.lists(NUMBER_TEXTS), st.sampled_from(NumberForm))
def test_both_engines_read_the_same_values(numbers: list[str], form: NumberForm) -> None:
    text = f'{{"a": [{", ".join(numbers)}], "b": {{"c": null, "d": "0.5e3"}}}}'
    reader = json_value_reader(form)
    assert reader is not None
    native, python = (json.dumps(read(text.encode()), default=repr) for read in (reader, _in_python(form)))
    assert native == python


def _in_python(form: NumberForm) -> Callable[[bytes], Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kgen_runtime.serde.json_values.json_value_reader", lambda form: None)
        return value_reader(form)


@pytest.mark.parametrize("form", NumberForm)
def test_of_a_name_that_stands_twice_the_last_counts(form: NumberForm) -> None:
    for read in (value_reader(form), _in_python(form)):
        assert read(b'\xef\xbb\xbf {"a": 1, "a": 2.5}\n') == {"a": 2.5}
        with pytest.raises(ValueError, match="NaN"):
            read(b'{"a": NaN}')


def test_schemas_inside_of_each_other_lead_to_each_other() -> None:
    """By `$recursiveRef`, and by the URI of one that stands inside of a reference."""
    leaf = {"anyOf": [{"type": "string"}, {"additionalProperties": {"$recursiveRef": "#"}, "type": "object"}]}
    nested = {"$id": "leaf.json", "$recursiveAnchor": True, **leaf}
    schema = {
        "$schema": "https://json-schema.org/draft/2019-09/schema",
        "$id": "http://localhost/tree.json",
        "$recursiveAnchor": True,
        "$defs": {"leaf": nested},
        "anyOf": [{"type": "integer"}, {"$ref": "#/$defs/leaf"}],
    }
    assert not problems(schema, '{"a": 1}')
    assert problems(schema, '{"a": null}')

    text = {"$id": "http://localhost/text.json", "type": "string"}
    other = {"$schema": DRAFT_2020, "$defs": {"text": text}, "$ref": "http://localhost/text.json"}
    outer = {"$schema": DRAFT_2020, "$ref": "other.json"}
    assert not problems(outer, '"a"', other=other)
    assert pointers(outer, "1", other=other) == [""]


def test_importing_the_serdes_makes_no_reader() -> None:
    """The first one logs which engine is in use: a flow that has not set up its log yet would lose that."""
    found = "import kgen_runtime.serde.json_serde; from kgen_runtime.codec import _announce"
    code = f"{found}; assert not _announce.cache_info().currsize"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

"""Where a `$ref` leads: the judge is the `referencing` package, which jsonschema resolves with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from referencing import Registry, Resource
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT7, DRAFT202012

from kgen_runtime.codec.json.schema import json_tree as t
from kgen_runtime.codec.json.schema.json_documents import SchemaTexts
from kgen_runtime.codec.json.schema.json_parser import parse_json_schema
from kgen_runtime.errors import SchemaError

LATEST = "https://json-schema.org/draft/2020-12/schema"
NINETEEN = "https://json-schema.org/draft/2019-09/schema"
SEVEN = "http://json-schema.org/draft-07/schema#"
FOUR = "http://json-schema.org/draft-04/schema#"


def property_type(schema: Any, references: Mapping[str, Any] | None = None, name: str = "it") -> t.Node:
    texts = {key: json.dumps(each) for key, each in (references or {}).items()}
    parsed = parse_json_schema(json.dumps(schema), texts)
    assert isinstance(parsed.root, t.JsonRef)
    root = parsed.names[parsed.root.name]
    assert isinstance(root, t.JsonObject)
    return next(each.type for each in root.fields if each.name == name)


def leads_to(reference: str, schema: Any, references: Mapping[str, Any] | None = None) -> t.Node:
    """The type of a property that refers so, in a schema."""
    return property_type({**schema, "properties": {"it": {"$ref": reference}}}, references)


A = {"const": "a"}
ADDRESS: Any = {"$id": "http://x.test/s/address.json", "const": "a", "definitions": {"in": A}}


@pytest.mark.parametrize(
    ("reference", "schema", "references"),
    [
        ("#/definitions/a", {"definitions": {"a": A}}, {}),
        ("#/$defs/a", {"$defs": {"a": A}}, {}),
        ("#/definitions/a~1b~0c%25%20d", {"definitions": {"a/b~c% d": A}}, {}),
        ("#/definitions//x", {"definitions": {"": {"x": A}}}, {}),
        ("#/components/schemas/a", {"components": {"schemas": {"a": A}}}, {}),
        ("#/definitions/l/allOf/1", {"definitions": {"l": {"allOf": [True, A]}}}, {}),
        ("#here", {"$schema": LATEST, "$defs": {"a": {"$anchor": "here", **A}}}, {}),
        ("#here", {"$schema": SEVEN, "definitions": {"a": {"$id": "#here", **A}}}, {}),
        ("#here", {"$schema": FOUR, "definitions": {"a": {"id": "#here", **A}}}, {}),
        ("http://x.test/s/root.json#/definitions/a",
         {"$schema": SEVEN, "$id": "http://x.test/s/root.json", "definitions": {"a": A}}, {}),
        ("root.json#/definitions/a", {"$id": "http://x.test/s/root.json", "definitions": {"a": A}}, {}),
        ("other", {"$id": "http://x.test/s/root.json", "definitions": {"a": {"$id": "other", **A}}}, {}),
        ("/deep/b", {"$id": "http://x.test/s/r", "definitions": {"a": {"$id": "/deep/b", **A}}}, {}),
        ("urn:x:a", {"$id": "urn:x:root", "definitions": {"a": {"$id": "urn:x:a", **A}}}, {}),
        ("urn:x:root#/definitions/a", {"$id": "urn:x:root", "definitions": {"a": A}}, {}),
        ("my+s://h/p/a.json", {"$id": "my+s://h/p/r", "definitions": {"a": {"$id": "a.json", **A}}}, {}),
        ("urn:jsonschema:com:A", {"definitions": {"a": {"id": "urn:jsonschema:com:A", **A}}}, {}),
        ("address.json", {}, {"address.json": A}),
        ("address.json", {"$id": "http://x.test/s/root.json"}, {"address.json": A}),
        ("http://x.test/s/address.json", {"$id": "http://x.test/s/root.json"}, {"address.json": A}),
        ("http://x.test/s/address.json", {}, {"some-subject-name": ADDRESS}),
        ("address.json", {"$id": "http://x.test/s/root.json"}, {"some-subject-name": ADDRESS}),
        ("address.json#/definitions/in", {"$id": "http://x.test/s/root.json"}, {"name": ADDRESS}),
        ("http://x.test/s/address.json", {}, {"http://x.test/s/address.json": A}),
        ("a name, not a URI", {}, {"a name, not a URI": A}),
        ("http://[", {}, {"http://[": A}),
        ("one.json", {}, {"one.json": {"$ref": "two.json"}, "two.json": A}),
        ("one.json", {"$id": "http://x.test/s/r"}, {"one.json": {"$ref": "sub/two.json"}, "sub/two.json": A}),
        # Texts that were copied, with their `$id`: each is itself.
        ("b", {"$id": "http://x.test/t"}, {"b": {"$id": "http://x.test/t", "$ref": "#/d/a", "d": {"a": A}}}),
    ],
)  # fmt: skip
def test_a_reference_leads_to_a_schema(reference: str, schema: Any, references: Any) -> None:
    assert leads_to(reference, schema, references) == t.Constant(("a",))


def test_an_id_changes_the_base_of_what_is_in_it() -> None:
    inner = {"$id": "http://x.test/in/", "properties": {"p": {"$ref": "#/definitions/a"}, "q": {"$ref": "b"}},
             "definitions": {"a": A}}  # fmt: skip
    schema = {
        "$schema": SEVEN,
        "$id": "http://x.test/root",
        "properties": {"it": inner},
        "definitions": {"a": {"const": "wrong"}, "b": {"$id": "http://x.test/in/b", "const": "b"}},
    }
    parsed = parse_json_schema(json.dumps(schema))
    named = parsed.names["#/properties/it"]
    assert isinstance(named, t.JsonObject)
    assert [each.type for each in named.fields] == [t.Constant(("a",)), t.Constant(("b",))]


def test_an_id_beside_a_reference_counts_from_2019_on() -> None:
    definitions = {"a": A, "x": {"$id": "http://x.test/a", "const": "by id"}}
    for draft, expected in ((SEVEN, "a"), (LATEST, "by id")):
        schema = {
            "$schema": draft,
            "$id": "http://x.test/r",
            "properties": {"it": {"$id": "http://x.test/", "$ref": "a"}},
            "definitions": {**definitions, "b": {"$id": "http://x.test/a" if draft == LATEST else "a", **A}},
        }
        del schema["definitions"]["x" if draft == SEVEN else "b"]  # type: ignore[attr-defined]
        assert property_type(schema) == t.Constant((expected,))


def test_what_only_looks_like_an_id_is_none() -> None:
    schema = {
        "$schema": SEVEN,
        "$id": "http://x.test/r",
        "properties": {"it": {"$ref": "http://x.test/a"}, "$id": {"const": "wrong"}},
        "enum": [{"$id": "http://x.test/a", "const": "wrong"}],
        "definitions": {"a": {"$id": "a", **A}, "b": {"default": {"$id": "http://x.test/a"}}},
    }
    assert SchemaTexts(json.dumps(schema), {}).root.value == schema
    assert property_type({**schema, "enum": [{}]}) == t.Constant(("a",))


@pytest.mark.parametrize(
    "reference",
    [
        "#/definitions/none", "#none", "#/properties/it/none/0", "#/required", "#/required/0",
        "#/required/-1", "#/required/01", "none.json", "http://x.test/a.json", "https://json-schema.org/none",
        "file:///etc/passwd", "http://169.254.169.254/latest", "../../../etc/passwd", "urn:none", "#/a\x00b",
    ],
)  # fmt: skip
def test_a_reference_that_leads_nowhere_is_refused(reference: str) -> None:
    with pytest.raises(SchemaError) as caught:
        leads_to(reference, {"required": ["it"]})
    assert caught.value.where == "/properties/it/$ref"


@pytest.mark.parametrize("reference", ["http://x.test/a.json", "file:///etc/passwd", "a.json"])
def test_what_no_reference_gives_is_not_fetched_and_the_error_says_so(reference: str) -> None:
    with pytest.raises(SchemaError, match="never fetched"):
        leads_to(reference, {})


@pytest.mark.parametrize("draft", [SEVEN, LATEST, "http://json-schema.org/schema#"])
def test_the_schema_of_schemas_is_anything(draft: str) -> None:
    assert leads_to(draft, {}) == t.Anything()


# Dynamic references.


def test_a_dynamic_reference_leads_to_the_outermost_anchor() -> None:
    tree = {
        "$id": "http://x.test/tree",
        "$schema": LATEST,
        "$dynamicAnchor": "node",
        "type": "object",
        "properties": {"children": {"type": "array", "items": {"$dynamicRef": "#node"}}},
    }
    assert property_type(tree, name="children") == t.JsonArray(t.JsonRef("#"))
    strict = {"$id": "http://x.test/strict", "$schema": LATEST, "$dynamicAnchor": "node", "$ref": "tree",
              "required": ["x"]}  # fmt: skip
    assert property_type(strict, {"tree": tree}, "children") == t.JsonArray(t.JsonRef("#"))


def test_a_dynamic_reference_to_what_is_not_dynamic_is_a_reference() -> None:
    schema = {
        "$schema": LATEST,
        "properties": {"it": {"$dynamicRef": "#a"}},
        "$defs": {"a": {"$anchor": "a", **A}},
    }
    assert property_type(schema) == t.Constant(("a",))


def test_a_dynamic_reference_that_depends_on_the_way_is_anything() -> None:
    generic = {"$id": "http://x.test/list", "$defs": {"item": {"$dynamicAnchor": "item"}},
               "type": "array", "items": {"$dynamicRef": "#item"}}  # fmt: skip
    texts = {
        "$id": "http://x.test/texts",
        "$ref": "list",
        "$defs": {"item": {"$dynamicAnchor": "item", "type": "string"}},
    }
    schema = {"$schema": LATEST, "$id": "http://x.test/r", "properties": {"it": {"$ref": "texts"}},
              "$defs": {"list": generic, "texts": texts}}  # fmt: skip
    parsed = parse_json_schema(json.dumps(schema))
    assert property_type(schema) == t.JsonArray(t.Anything())
    assert parsed.untyped == (t.Untyped("/$defs/list/items", "$dynamicRef"),)


def test_a_recursive_reference_leads_to_its_own_text() -> None:
    schema = {"$schema": NINETEEN, "properties": {"it": {"$recursiveRef": "#"}}}
    assert property_type(schema) == t.JsonRef("#")
    assert property_type({**schema, "$recursiveAnchor": True}) == t.JsonRef("#")


# The judge.

_URIS = [
    "",
    "a",
    "sub/a",
    "http://x.test/",
    "http://x.test/a",
    "/a",
    "../a",
    "urn:x:a",
    "a#",
    "?q",
    "//y.test/a",
]


@pytest.mark.parametrize("outer", ["http://x.test/s/root", "http://x.test/", "urn:x:root"])
@pytest.mark.parametrize("inner", _URIS)
@pytest.mark.parametrize("uri", _URIS)
@pytest.mark.parametrize("draft", [SEVEN, LATEST])
def test_uris_are_joined_as_referencing_joins_them(draft: str, outer: str, inner: str, uri: str) -> None:
    reference = {"$ref": uri + "#/definitions/p" if not uri.endswith("#") else uri + "/definitions/p"}
    schema = {
        "$schema": draft,
        "$id": outer,
        "definitions": {
            "here": {
                "$id": inner,
                "definitions": {"p": {"const": 1}, "r": {"properties": {"it": reference}}},
            },
            "p": {"const": 2},
            "other": {"$id": "http://x.test/a", "definitions": {"p": {"const": 3}}},
        },
    }
    if not inner:
        del schema["definitions"]["here"]["$id"]  # type: ignore[index]
    expected = _judged(schema, reference["$ref"], DRAFT7 if draft == SEVEN else DRAFT202012, bool(inner))
    texts = SchemaTexts(json.dumps(schema), {})
    spot = texts.root.inner("definitions", "here", "definitions", "r", "properties", "it")
    try:
        found = texts.resolve(spot, reference["$ref"]).value["const"]
    except SchemaError:
        found = None
    # It has no base for relative references in a URN, where each stands for itself here.
    # Where two have one `$id`, a text's own fragments are its own here.
    assert found == expected or (expected is None and outer.startswith("urn:")) or inner == outer


def _judged(schema: Any, reference: str, specification: Any, has_id: bool) -> Any:
    """What `referencing` finds from inside `here`."""
    make_resource: Any = Resource
    resource = make_resource(contents=schema, specification=specification)
    resolver = (resource @ Registry()).resolver(base_uri=schema["$id"])
    if has_id:
        here = make_resource(contents=schema["definitions"]["here"], specification=specification)
        resolver = resolver.in_subresource(here)
    try:
        return resolver.lookup(reference).contents["const"]
    except Unresolvable:
        return None

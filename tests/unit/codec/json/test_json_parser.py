"""JSON Schema texts and the trees they become."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from tests.json_schemas import JSON_SCHEMAS

from kgen_runtime.codec import make_json_reader
from kgen_runtime.codec.json.schema import json_tree as t
from kgen_runtime.codec.json.schema.json_parser import parse_json_schema
from kgen_runtime.errors import SchemaError

STRING, INTEGER = t.JsonScalar("string"), t.JsonScalar("integer")
NUMBER, NULL = t.JsonScalar("number"), t.JsonScalar("null")
LATEST = "https://json-schema.org/draft/2020-12/schema"
SEVEN = "http://json-schema.org/draft-07/schema#"


def parsed(schema: Any, references: Mapping[str, Any] | None = None) -> t.JsonSchema:
    texts = {name: json.dumps(each) for name, each in (references or {}).items()}
    return parse_json_schema(json.dumps(schema), texts)


def fields(schema: t.JsonSchema, place: str = "#") -> dict[str, t.Property]:
    named = schema.names[place]
    assert isinstance(named, t.JsonObject)
    return {each.name: each for each in named.fields}


def type_of(schema: Any, **options: Any) -> t.Node:
    """The type of a property with this schema."""
    return fields(parsed({"type": "object", "properties": {"it": schema}, **options}))["it"].type


@pytest.mark.parametrize("name", JSON_SCHEMAS)
def test_schemas_of_the_kinds_that_are_in_use_have_classes_for_their_objects(name: str) -> None:
    text, references = JSON_SCHEMAS[name]
    schema = parse_json_schema(text, references)
    used = set(_refs(schema.root)) | {
        ref
        for named in schema.names.values()
        if isinstance(named, t.JsonObject)
        for each in (*(field.type for field in named.fields), named.extra)
        for ref in _refs(each)
    }
    assert used == set(schema.names)
    assert all(name == named.name for name, named in schema.names.items())


def _refs(node: t.Node | None) -> list[str]:
    match node:
        case t.JsonRef(name):
            return [name]
        case t.JsonArray(inner) | t.JsonMap(inner):
            return _refs(inner)
        case t.JsonTuple(items, rest):
            return [ref for each in (*items, rest) for ref in _refs(each)]
        case t.JsonUnion(branches):
            return [ref for each in branches for ref in _refs(each)]
    return []


# Types.


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (True, t.Anything()),
        ({}, t.Anything()),
        ({"description": "of nothing in particular", "minLength": 1}, t.Anything()),
        (False, t.Nothing()),
        ({"type": "boolean"}, t.JsonScalar("boolean")),
        ({"type": ["integer", "number"]}, NUMBER),
        ({"type": "array"}, t.JsonArray(t.Anything())),
        ({"type": "array", "items": False}, t.JsonArray(t.Nothing())),
        ({"items": {"type": "string"}}, t.JsonArray(STRING)),
        ({"type": "object"}, t.JsonMap(t.Anything())),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, t.JsonMap(INTEGER)),
        ({"type": ["string", "null"]}, t.JsonUnion((STRING, NULL))),
        ({"type": "string", "nullable": True}, t.JsonUnion((STRING, NULL))),
        ({"oneOf": [{"type": "null"}, {"type": "string"}]}, t.JsonUnion((NULL, STRING))),
        ({"anyOf": [{"type": "string"}, {"const": None}]}, t.JsonUnion((STRING, NULL))),
        ({"allOf": [{"type": "string"}], "nullable": True}, t.JsonUnion((STRING, NULL))),
        ({"type": ["array", "string"], "items": {"type": "null"}}, t.JsonUnion((t.JsonArray(NULL), STRING))),
        ({"const": "a"}, t.Constant(("a",))),
        ({"enum": ["a"]}, t.Constant(("a",))),
        ({"enum": [1, 2.0, 2, 2.5, True]}, t.Constant((1, 2, 2.5, True))),
        ({"enum": ["a", None]}, t.JsonUnion((t.Constant(("a",)), NULL))),
        ({"enum": [None]}, NULL),
        ({"type": "string", "enum": ["a", 1]}, t.Constant(("a",))),
        ({"enum": []}, t.Nothing()),
        ({"type": "object", "enum": [{"a": 1}]}, t.JsonMap(t.Anything())),
        ({"anyOf": [{"type": "string"}, {}]}, t.Anything()),
        ({"anyOf": [{"const": 1}, {"const": 2}]}, t.Constant((1, 2))),
        ({"anyOf": [{"type": "string"}, {"const": "a"}]}, STRING),
        ({"type": "string", "anyOf": [{"format": "date"}, {"format": "uuid"}]},
         t.JsonUnion((t.JsonScalar("string", "date"), t.JsonScalar("string", "uuid")))),
        ({"type": "array", "prefixItems": [{"type": "string"}], "items": False},
         t.JsonTuple((STRING,), t.Nothing())),
        ({"type": "array", "items": [{"type": "string"}, True], "additionalItems": {"type": "null"}},
         t.JsonTuple((STRING, t.Anything()), NULL)),
    ],
)  # fmt: skip
def test_a_schema_is_the_type_of_what_it_accepts(schema: Any, expected: t.Node) -> None:
    found = type_of(schema)
    assert found == expected
    assert repr(found) == repr(expected)  # 1 is not True


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "string", "format": "date"}, t.JsonScalar("string", "date")),
        ({"format": "date-time"}, t.JsonScalar("string", "date-time")),
        ({"type": "string", "format": "byte"}, t.JsonScalar("string", "base64")),
        ({"type": "string", "contentEncoding": "base64"}, t.JsonScalar("string", "base64")),
        ({"type": "string", "connect.type": "bytes"}, t.JsonScalar("string", "base64")),
        ({"type": "string", "format": "email"}, STRING),
        ({"type": ["string", "null"], "format": "time"}, t.JsonUnion((t.JsonScalar("string", "time"), NULL))),
        ({"type": "integer", "format": "date"}, INTEGER),
        ({"type": "integer", "connect.type": "int8"}, INTEGER),
        ({"type": "number", "connect.type": "float32"}, t.JsonScalar("number", "float")),
        ({"type": "number", "connect.type": "float64"}, NUMBER),
        ({"type": "integer", "title": "org.apache.kafka.connect.data.Date", "connect.type": "int32"},
         t.JsonScalar("integer", "date-days")),
        ({"type": "integer", "title": "org.apache.kafka.connect.data.Time", "connect.type": "int32"},
         t.JsonScalar("integer", "time-millis")),
        ({"type": "integer", "title": "org.apache.kafka.connect.data.Timestamp", "connect.type": "int64"},
         t.JsonScalar("integer", "timestamp-millis")),
        ({"type": "number", "title": "org.apache.kafka.connect.data.Decimal", "connect.type": "bytes",
          "connect.parameters": {"scale": "2"}}, t.JsonScalar("number", "decimal", 2)),
        ({"type": "string", "title": "org.apache.kafka.connect.data.Decimal", "connect.type": "bytes",
          "connect.parameters": {"scale": "-3"}}, t.JsonScalar("string", "decimal", -3)),
        ({"type": "number", "title": "org.apache.kafka.connect.data.Decimal",
          "connect.parameters": {"scale": "many"}}, t.JsonScalar("number", "decimal")),
        ({"type": "integer", "title": "io.debezium.time.MicroTimestamp", "connect.type": "int64"}, INTEGER),
    ],
)  # fmt: skip
def test_formats_and_hints_give_scalars_types_of_their_own(schema: Any, expected: t.Node) -> None:
    assert type_of(schema) == expected


def test_an_enum_of_strings_has_a_definition() -> None:
    schema = parsed({"properties": {"a": {"title": "Size", "enum": ["S", "M", None, "S"]}}})
    assert fields(schema)["a"].type == t.JsonUnion((t.JsonRef("#/properties/a"), NULL))
    assert schema.names["#/properties/a"] == t.StringEnum("#/properties/a", ("S", "M"), "Size")


def test_constants_with_descriptions_of_their_own_are_an_enum() -> None:
    each = [{"const": "S", "title": "Small"}, {"const": "M"}, {"type": "null"}]
    schema = parsed({"properties": {"a": {"description": "Sizes", "oneOf": each}}})
    assert fields(schema)["a"].type == t.JsonUnion((t.JsonRef("#/properties/a"), NULL))
    assert schema.names["#/properties/a"] == t.StringEnum("#/properties/a", ("S", "M"), doc="Sizes")


def test_a_whole_schema_may_be_true_or_false_or_a_scalar() -> None:
    assert parsed(True).root == t.Anything()
    assert parsed(False).root == t.Nothing()
    assert parsed({"type": "string"}).root == STRING


# Objects.


def test_required_properties_that_are_not_declared_are_there() -> None:
    found = fields(parsed({"properties": {"a": {"type": "string"}}, "required": ["a", "b"]}))
    assert found == {"a": t.Property("a", STRING, True), "b": t.Property("b", t.Anything(), True)}


INT = {"type": "integer"}


@pytest.mark.parametrize(
    ("others", "extra", "closed"),
    [
        ({}, None, False),
        ({"additionalProperties": True}, None, False),
        ({"additionalProperties": False}, None, True),
        ({"unevaluatedProperties": False}, None, True),
        ({"unevaluatedProperties": False, "if": {}, "then": {"properties": {"b": {}}}}, None, False),
        ({"unevaluatedProperties": False, "allOf": [{"patternProperties": {"^x": INT}}]}, None, False),
        ({"unevaluatedProperties": False, "allOf": [{"properties": {"b": {}}, "additionalProperties": INT}]},
         INTEGER, False),
        ({"unevaluatedProperties": False, "allOf": [{"properties": {"b": {}}, "additionalProperties": True}]},
         None, False),
        ({"unevaluatedProperties": False, "allOf": [{"properties": {"b": {}}}]}, None, True),
        ({"unevaluatedProperties": False, "allOf": [{"additionalProperties": True}]}, None, False),
        ({"unevaluatedProperties": False, "allOf": [{"type": "object", "additionalProperties": {}}]},
         None, False),
        ({"unevaluatedProperties": False, "allOf": [{"allOf": [{"unevaluatedProperties": True}]}]},
         None, False),
        ({"unevaluatedProperties": False, "oneOf": [{"additionalProperties": True}]}, None, False),
        ({"unevaluatedProperties": False, "allOf": [{"type": "object"}]}, None, True),
        ({"additionalProperties": False, "allOf": [{"patternProperties": {"^x": INT}}]}, None, True),
        ({"additionalProperties": {"type": "integer"}}, INTEGER, False),
        ({"patternProperties": {"^x-": {"type": "integer"}}, "additionalProperties": False}, INTEGER, False),
        ({"patternProperties": {"^x-": {"type": "integer"}}, "additionalProperties": {"type": "null"}},
         t.JsonUnion((INTEGER, NULL)), False),
        ({"patternProperties": {".*": {"type": "integer"}}}, INTEGER, False),
        ({"patternProperties": {"^x-": {"type": "integer"}}}, None, False),
    ],
)  # fmt: skip
def test_properties_without_a_name_are_open_closed_or_typed(others: Any, extra: Any, closed: bool) -> None:
    found = parsed({"type": "object", "properties": {"a": True}, **others}).names["#"]
    assert isinstance(found, t.JsonObject)
    assert (found.extra, found.closed) == (extra, closed)


def test_branches_beside_constants_are_left_to_validation() -> None:
    found = parsed({"allOf": [{"const": True}, {"anyOf": [{"type": "null"}]}]})
    assert (found.root, found.untyped) == (t.Constant((True,)), (t.Untyped("/allOf/1", "anyOf"),))


def test_branches_that_may_hold_together_close_no_object() -> None:
    branches = [{"properties": {"b": INT}}, {"properties": {"c": INT}}]
    names = parsed({"properties": {"a": INT}, "anyOf": branches, "unevaluatedProperties": False}).names
    assert [it.closed for it in names.values() if isinstance(it, t.JsonObject)] == [False, False]


def test_a_pattern_beside_names_that_may_be_anything_is_left_to_validation() -> None:
    schema = parsed({"patternProperties": {"(a+)+$": {"type": "integer"}}})
    assert schema.root == t.JsonMap(t.Anything())
    assert schema.untyped == (t.Untyped("", "patternProperties"),)


def test_properties_keep_the_order_that_kafka_connect_noted() -> None:
    each = {"b": {"connect.index": 1}, "a": {"connect.index": 0}, "c": {"connect.index": 2}}
    assert list(fields(parsed({"properties": each}))) == ["a", "b", "c"]
    del each["c"]["connect.index"]
    assert list(fields(parsed({"properties": each}))) == ["b", "a", "c"]


def test_names_are_kept_as_they_are() -> None:
    names = ["__class__", "a.b", "", "a/b~c", "$ref", "\U0001f600", "x" * 10_000]
    schema = parsed({"properties": {name: {"properties": {"x": {}}} for name in names}})
    assert list(fields(schema)) == names
    assert "#/properties/a~1b~0c" in schema.names


def test_descriptions_and_titles_go_to_what_they_describe() -> None:
    schema = parsed(
        {
            "$schema": SEVEN,
            "title": "Order",
            "description": "All of it.",
            "properties": {
                "home": {"$ref": "#/definitions/a", "description": "Where they live."},
                "work": {"$ref": "#/definitions/a"},
                "zip": {"$ref": "#/definitions/z"},
            },
            "definitions": {
                "a": {"title": "Address", "description": "A place.", "properties": {"x": {}}},
                "z": {"type": "string", "description": "Digits."},
            },
        }
    )
    docs = {name: each.doc for name, each in fields(schema).items()}
    assert docs == {"home": "Where they live.", "work": None, "zip": "Digits."}
    address, order = schema.names["#/definitions/a"], schema.names["#"]
    assert (address.title, address.doc) == ("Address", "A place.")
    assert (order.title, order.doc) == ("Order", "All of it.")


def test_defaults_are_exact() -> None:
    text = """{"properties": {
        "a": {"type": "integer", "default": 1.0}, "b": {"type": "number", "default": 1.10},
        "c": {"type": "number", "title": "org.apache.kafka.connect.data.Decimal", "default": 1.10},
        "d": {"type": "integer", "default": 123456789012345678901234567890},
        "e": {"type": "array", "items": {"type": "string", "format": "decimal"}, "default": ["1.10"]},
        "f": {"oneOf": [{"type": "null"}, {"type": "string", "default": "x"}]},
        "g": {"type": ["null", "string"], "default": null}, "h": {"type": "number", "default": 1e999},
        "i": {"properties": {"p": {"type": "number", "format": "decimal"}}, "default": {"p": 0.10, "q": 0.5}},
        "j": {}
    }}"""
    defaults = {name: each.default for name, each in fields(parse_json_schema(text)).items()}
    assert repr(defaults) == repr(
        {
            "a": 1,
            "b": 1.1,
            "c": Decimal("1.10"),
            "d": 123456789012345678901234567890,
            "e": ["1.10"],
            "f": "x",
            "g": None,
            "h": Decimal("1E+999"),
            "i": {"p": Decimal("0.10"), "q": 0.5},
            "j": t.UNDEFINED,
        }
    )


def test_the_last_of_equal_names_counts_as_in_java() -> None:
    schema = parse_json_schema('{"properties": {"a": {"type": "string"}, "a": {"type": "integer"}}}')
    assert fields(schema)["a"].type == INTEGER


# What applies together.


def test_all_of_is_merged() -> None:
    schema = parsed(
        {
            "title": "Dog",
            "allOf": [
                {"$ref": "#/$defs/animal"},
                {"properties": {"name": {"minLength": 1}, "age": {"type": "integer"}}, "required": ["age"]},
            ],
            "$defs": {
                "animal": {
                    "title": "Animal",
                    "properties": {"name": {"type": "string"}, "age": {"type": "number"}},
                    "required": ["name"],
                }
            },
        }
    )
    assert schema.root == t.JsonRef("#")
    assert schema.names["#"].title == "Dog"
    assert fields(schema) == {
        "name": t.Property("name", STRING, True),
        "age": t.Property("age", INTEGER, True),
    }
    assert schema.untyped == (t.Untyped("/allOf/1/properties/name", "minLength"),)


def test_all_of_one_schema_is_that_schema() -> None:
    schema = parsed(
        {
            "properties": {
                "a": {"allOf": [{"$ref": "#/$defs/x"}], "description": "mine", "default": {}},
                "b": {"type": "object", "allOf": [{"$ref": "#/$defs/x"}, {"$ref": "#/$defs/x"}, {}]},
            },
            "$defs": {"x": {"type": "object", "properties": {"p": {}}}},
        }
    )
    assert [each.type for each in fields(schema).values()] == [t.JsonRef("#/$defs/x")] * 2
    assert (fields(schema)["a"].doc, fields(schema)["a"].default) == ("mine", {})


def test_properties_that_two_schemas_have_are_of_both() -> None:
    schema = parsed(
        {
            "allOf": [
                {"properties": {"at": {"properties": {"x": {"type": "string"}}}}},
                {"properties": {"at": {"properties": {"y": {"type": "string"}}, "required": ["x"]}}},
            ]
        }
    )
    assert fields(schema)["at"].type == t.JsonRef("#/properties/at")
    assert fields(schema, "#/properties/at") == {
        "x": t.Property("x", STRING, True),
        "y": t.Property("y", STRING),
    }


def test_types_that_have_no_value_in_common_have_none() -> None:
    assert type_of({"allOf": [{"type": "string"}, {"type": "integer"}]}) == t.Nothing()
    assert type_of({"allOf": [{"const": "a"}, {"const": "b"}]}) == t.Nothing()
    assert type_of({"allOf": [{"type": ["string", "number"]}, {"type": ["integer", "null"]}]}) == INTEGER


def test_a_type_for_other_names_applies_to_those_of_other_schemas() -> None:
    schema = parsed(
        {
            "allOf": [
                {"properties": {"a": {"type": "string"}}},
                {"properties": {"b": {"type": "string"}}, "additionalProperties": {"enum": ["x", "y"]}},
            ],
            "required": ["c"],
        }
    )
    enum = t.JsonRef("#/allOf/1/additionalProperties")
    assert {name: each.type for name, each in fields(schema).items()} == {"a": enum, "b": STRING, "c": enum}


def test_a_closed_schema_among_others_leaves_their_properties_to_validation() -> None:
    closed = {"properties": {"a": True}, "additionalProperties": False}
    schema = parsed({"allOf": [closed, {"properties": {"b": {"type": "string"}}}]})
    assert fields(schema)["b"].type == STRING
    assert schema.untyped == (t.Untyped("/allOf/0", "additionalProperties"),)


@pytest.mark.parametrize(("draft", "applies"), [(SEVEN, False), (None, False), (LATEST, True)])
def test_what_stands_beside_a_reference_applies_from_2019_on(draft: str | None, applies: bool) -> None:
    beside = {"$ref": "#/definitions/x", "required": ["p"], "default": {"p": 1}, "description": "d"}
    dialect = {"$schema": draft} if draft else {}
    schema = parsed(
        {
            **dialect,
            "properties": {"a": beside},
            "definitions": {"x": {"properties": {"p": {"type": "null"}}}},
        }
    )
    place = "#/properties/a" if applies else "#/definitions/x"
    assert fields(schema)["a"] == t.Property("a", t.JsonRef(place), default={"p": 1}, doc="d")
    assert fields(schema, place)["p"].required is applies


# Unions.


def test_what_stands_beside_one_of_is_in_each_branch() -> None:
    schema = parsed(
        {
            "title": "Event",
            "properties": {"id": {"type": "string"}},
            "oneOf": [
                {"title": "Click", "properties": {"x": {"type": "integer"}}},
                {"$ref": "#/definitions/k"},
            ],
            "definitions": {"k": {"title": "Key", "properties": {"code": {"type": "string"}}}},
        }
    )
    assert schema.root == t.JsonUnion((t.JsonRef("#/oneOf/0"), t.JsonRef("#/oneOf/1")))
    assert list(fields(schema, "#/oneOf/0")) == ["id", "x"]
    assert list(fields(schema, "#/oneOf/1")) == ["id", "code"]
    assert [named.title for named in schema.names.values()] == ["Click", "Key"]


def test_a_type_beside_branches_holds_for_all_that_is_in_them() -> None:
    for null in ({"type": "null"}, {"const": None}, {"enum": [None]}):
        inner = {"properties": {"a": {}}, "anyOf": [null]}
        assert type_of({"type": "object", "anyOf": [inner]}) == t.Nothing()


def test_a_list_in_place_of_properties_is_refused() -> None:
    assert _of({"anyOf": [None], "properties": [[]]}).where == "/anyOf/0"


def test_branches_that_only_ask_for_properties_leave_one_object() -> None:
    branches = [{"required": ["a"]}, {"properties": {"b": {}}, "required": ["b"]}]
    schema = parsed({"properties": {"a": {"type": "string"}, "b": True}, "anyOf": branches})
    assert schema.root == t.JsonRef("#")
    assert schema.untyped == (t.Untyped("", "anyOf"),)


def test_branches_of_one_type_are_one() -> None:
    schema = parsed({"properties": {"a": {"type": "string", "oneOf": [{"pattern": "a"}, {"pattern": "b"}]}}})
    assert fields(schema)["a"].type == STRING
    assert t.Untyped("/properties/a", "oneOf") in schema.untyped


def _kinds(*kinds: Any, required: bool = True) -> Any:
    each = [{"properties": {"v": True, "kind": kind}, "required": ["kind"] * required} for kind in kinds]
    return {"oneOf": each}


@pytest.mark.parametrize(
    ("schema", "tag"),
    [
        (_kinds({"const": "a"}, {"enum": ["b"]}), "kind"),
        (_kinds({"const": "a"}, {"const": "b"}, required=False), "kind"),
        (_kinds({"const": 1}, {"const": 2}), "kind"),
        (_kinds({"const": 1}, {"const": True}), "kind"),
        (_kinds({"enum": [1, 2]}, {"enum": [3]}), "kind"),
        (_kinds({"const": "a"}, {"const": "a"}), None),
        (_kinds({"const": "a"}, {"type": "string"}), None),
        (_kinds({"enum": [1, 2]}, {"enum": [2, 3]}), None),
    ],
)
def test_the_tag_is_a_constant_that_differs_in_each_object(schema: Any, tag: str | None) -> None:
    found = type_of({"type": "array", "items": schema})
    assert isinstance(found, t.JsonArray)
    assert isinstance(found.items, t.JsonUnion)
    assert found.items.tag == tag


def test_a_discriminator_without_constants_is_left_to_validation() -> None:
    schema = _kinds({"type": "string"}, {"type": "string"})
    assert (
        t.Untyped("", "discriminator")
        in parsed({**schema, "discriminator": {"propertyName": "kind"}}).untyped
    )


# Bounds.


def _of(schema: Any, references: Mapping[str, str] | None = None) -> SchemaError:
    text = schema if isinstance(schema, str) else json.dumps(schema)
    with pytest.raises(SchemaError) as caught:
        parse_json_schema(text, references or {})
    return caught.value


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "\ufeff{}", "nul", "[]", "1", '"a"', "null", '{"const": NaN}', '{"const": -Infinity}',
        '{"properties": []}', '{"properties": {"a": 1}}', '{"required": "a"}', '{"required": [1]}',
        '{"type": "strin"}', '{"type": {}}', '{"type": [1]}', '{"enum": 1}', '{"oneOf": {}}', '{"allOf": 1}',
        '{"$ref": 1}', '{"patternProperties": []}', '{"title": "\\ud800"}', '{"a": 1e99999999999999999999}',
        "[" * 100_000, '{"items":' * 10_000 + "true" + "}" * 10_000, '{"a": %s}' % ("[" * 450 + "]" * 450),
    ],
)  # fmt: skip
def test_what_is_not_a_schema_is_refused(text: str) -> None:
    assert "Traceback" not in str(_of(text))


def test_ten_thousand_levels_of_objects_are_refused() -> None:
    text = '{"properties":{"a":' * 10_000 + "{}" + "}}" * 10_000
    assert "nested" in str(_of(text))


def test_large_schemas_are_refused() -> None:
    assert "larger" in str(_of('{"a": "%s"}' % ("x" * (5 << 20))))
    assert "larger" in str(_of("{}", {"a": '"%s"' % ("x" * (5 << 20))}))


def test_errors_say_in_which_text_they_are() -> None:
    inside = {"properties": {"a": {"$ref": "b.json"}}}
    assert _of(inside, {"b.json": '{"type": "x"}'}).where == "b.json#/type"
    assert "'b.json'" in _of(inside, {"b.json": "{"}).what
    assert _of({"properties": {"a": {"type": "x"}}}).where == "/properties/a/type"


def test_numbers_of_any_length_are_text() -> None:
    digits = "9" * 100_000
    schema = parse_json_schema(f'{{"properties": {{"a": {{"maximum": {digits}, "type": "integer"}}}}}}')
    assert fields(schema)["a"].type == INTEGER


def test_a_hundred_thousand_properties_are_read() -> None:
    names = [f"p{i}" for i in range(100_000)]
    schema = parsed({"type": "object", "properties": dict.fromkeys(names, True)})
    assert list(fields(schema)) == names


def _doubling(keyword: str, levels: int, last: Any) -> Any:
    twice = {f"a{i}": {keyword: [{"$ref": f"#/definitions/a{i + 1}"}] * 2} for i in range(levels)}
    return {"$ref": "#/definitions/a0", "definitions": {**twice, f"a{levels}": last}}


@pytest.mark.parametrize("keyword", ["allOf", "anyOf"])
def test_combinations_that_repeat_each_other_are_read_once(keyword: str) -> None:
    assert parsed(_doubling(keyword, 60, {"properties": {"x": {}}})).root == t.JsonRef("#/definitions/a60")


def test_combinations_that_multiply_are_bounded() -> None:
    texts = [{"oneOf": [{"type": "string", "format": f"{i}-{j}"} for j in range(20)]} for i in range(12)]
    assert "steps" in str(_of({"allOf": texts}))


def test_merged_recursion_ends() -> None:
    definitions = {
        name: {"properties": {"next": {"$ref": f"#/definitions/{name}"}, name: {}}} for name in ("a", "b")
    }
    schema = parsed(
        {
            "properties": {"it": {"allOf": [{"$ref": "#/definitions/a"}, {"$ref": "#/definitions/b"}]}},
            "definitions": definitions,
        }
    )
    assert list(fields(schema, "#/properties/it")) == ["next", "a", "b"]
    assert fields(schema, "#/properties/it")["next"].type == t.JsonRef("#/properties/it")


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"allOf": [{"$ref": "#"}]},
        {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}},
        {"$ref": "#/$defs/a", "$defs": {"a": {"allOf": [{}, {"allOf": [{"$ref": "#/$defs/a"}]}]}}},
    ],
)  # fmt: skip
def test_what_includes_itself_is_refused(schema: Any) -> None:
    assert "circle" in str(_of(schema))


def test_a_type_that_holds_itself_without_an_object_ends_in_anything() -> None:
    schema = parsed(
        {
            "properties": {"a": {"$ref": "#/$defs/l"}},
            "$defs": {"l": {"type": "array", "items": {"$ref": "#/$defs/l"}}},
        }
    )
    assert fields(schema)["a"].type == t.JsonArray(t.Anything())
    assert schema.untyped == (t.Untyped("/$defs/l/items", "$ref"),)


def test_a_long_way_through_lists_is_refused() -> None:
    definitions = {f"a{i}": {"type": "array", "items": {"$ref": f"#/$defs/a{i + 1}"}} for i in range(300)}
    assert "deep" in str(_of({"$ref": "#/$defs/a0", "$defs": {**definitions, "a300": {}}}))


def test_a_long_way_through_references_is_walked() -> None:
    definitions = {f"a{i}": {"$ref": f"#/$defs/a{i + 1}"} for i in range(100)}
    last = {"a100": {"properties": {"x": {}}}}
    assert parsed({"$ref": "#/$defs/a0", "$defs": {**definitions, **last}}).root == t.JsonRef("#/$defs/a100")


def test_definitions_that_the_root_does_not_use_are_there_if_asked_for() -> None:
    line = {"type": "object", "properties": {"sku": {"type": "string", "minLength": 1}}}
    text = json.dumps({"type": "string", "definitions": {"line": line}, "$defs": {"n": {}}})
    assert parse_json_schema(text).names == {}
    found = parse_json_schema(text, definitions=True)
    assert list(found.names) == ["#/definitions/line"]
    assert found.untyped == ()  # of what the values are
    broken = {"type": "string", "definitions": {"line": line, "odd": {"$ref": "#/nowhere"}}}
    assert parse_json_schema(json.dumps(broken), definitions=True).names == {}


def test_a_default_that_is_a_decimal_does_not_stop_the_codec() -> None:
    hints = {"title": "org.apache.kafka.connect.data.Decimal", "connect.parameters": {"scale": "2"}}
    schema = parsed({"type": "object", "properties": {"price": {"type": "number", "default": 1.10, **hints}}})
    assert make_json_reader(schema).decode(b'{"price": 2.50}') == {"price": Decimal("2.50")}

from __future__ import annotations

import json
from typing import Any

import pytest

from kgen_runtime.codec.avro.schema.parser import normalised, parse
from kgen_runtime.codec.avro.schema.tree import (
    NO_DEFAULT,
    Array,
    Enum,
    Fixed,
    Limits,
    Logical,
    Map,
    Primitive,
    Record,
    Ref,
    Schema,
    Union,
)
from kgen_runtime.errors import SchemaError


def read(value: Any, *references: Any) -> Schema:
    return parse(json.dumps(value), [json.dumps(reference) for reference in references])


def record(*fields: Any, **more: Any) -> dict[str, Any]:
    return {"type": "record", "name": "R", "fields": list(fields), **more}


def refused(value: Any, *references: Any) -> str:
    with pytest.raises(SchemaError) as caught:
        read(value, *references)
    return str(caught.value)


def test_primitives_stand_bare_or_as_objects() -> None:
    assert (
        read("long")
        == read({"type": "long"})
        == read({"type": {"type": "long"}})
        == Schema(Primitive("long"), {})
    )


def test_names_inherit_the_namespace_around_them() -> None:
    inner = {"type": "enum", "name": "E", "symbols": ["A"], "aliases": ["Old", "x.Older"]}
    schema = read(record({"name": "e", "type": inner}, {"name": "f", "type": "E"}, namespace="a.b"))
    assert list(schema.names) == ["a.b.E", "a.b.R"]
    assert schema.names["a.b.E"].aliases == ("a.b.Old", "x.Older")
    root = schema.names["a.b.R"]
    assert isinstance(root, Record)
    assert [field.type for field in root.fields] == [Ref("a.b.E"), Ref("a.b.E")]


def test_a_dotted_name_brings_its_own_namespace_and_a_null_namespace_is_kept() -> None:
    inner = {"type": "fixed", "name": "x.y.F", "namespace": "ignored", "size": 2}
    plain = {"type": "fixed", "name": "G", "namespace": "", "size": 2}
    schema = read(
        record(
            {"name": "f", "type": inner},
            {"name": "g", "type": plain},
            {"name": "h", "type": "G"},
            namespace="a",
        )
    )
    assert list(schema.names) == ["x.y.F", "G", "a.R"]


@pytest.mark.parametrize("name", ["beløp", "Søknad", "FØDSEL", "名前", "ﬁ", "_ａ", "a\u0661"])
def test_names_are_of_any_letters_as_in_java(name: str) -> None:
    inner = {"type": "enum", "name": name, "symbols": [name], "aliases": [name]}
    root = read(record({"name": name, "type": inner})).names["R"]
    assert isinstance(root, Record)
    assert [(field.name, field.type) for field in root.fields] == [(name, Ref(name))]


@pytest.mark.parametrize("space", ["a..b", "a.", ".a", "shop.Order$", "a-b", "1.å", "a/../b", "a b"])
def test_a_namespace_is_of_any_printable_characters_as_in_java(space: str) -> None:
    inner = {"type": "fixed", "name": "F", "size": 1}
    schema = read(record({"name": "f", "type": inner}, {"name": "g", "type": "F"}, namespace=space))
    assert list(schema.names) == [f"{space}.F", f"{space}.R"]


def test_references_are_known_by_name() -> None:
    schema = read(record({"name": "f", "type": "n.E"}), {"type": "enum", "name": "n.E", "symbols": []})
    assert list(schema.names) == ["n.E", "R"]
    assert read("n.E", {"type": "enum", "name": "n.E", "symbols": []}).root == Ref("n.E")


def test_recursive_types_are_finite_trees() -> None:
    schema = read(record({"name": "next", "type": ["null", "R"], "default": None}))
    root = schema.names["R"]
    assert isinstance(root, Record)
    assert root.fields[0].type == Union((Primitive("null"), Ref("R")))
    assert root.fields[0].default is None


def test_an_equal_definition_may_stand_twice_and_another_may_not() -> None:
    def pair(other: dict[str, Any]) -> dict[str, Any]:
        first = {"type": "fixed", "name": "F", "size": 2}
        return record({"name": "a", "type": first}, {"name": "b", "type": other})

    assert len(read(pair({"type": "fixed", "name": "F", "size": 2})).names) == 2
    assert "defined twice" in refused(pair({"type": "fixed", "name": "F", "size": 3}))
    assert "inside itself" in refused(record({"name": "a", "type": record()}))


@pytest.mark.parametrize(
    ("base", "logical", "kept"),
    [
        ("int", {"logicalType": "date"}, Logical("date")),
        ("long", {"logicalType": "date"}, None),
        ("int", {"logicalType": "time-millis"}, Logical("time-millis")),
        ("long", {"logicalType": "timestamp-nanos"}, Logical("timestamp-nanos")),
        ("long", {"logicalType": "local-timestamp-micros"}, Logical("local-timestamp-micros")),
        ("string", {"logicalType": "uuid"}, Logical("uuid")),
        ("bytes", {"logicalType": "uuid"}, None),
        ("bytes", {"logicalType": "big-decimal"}, Logical("big-decimal")),
        ("bytes", {"logicalType": "decimal", "precision": 4, "scale": 2}, Logical("decimal", 4, 2)),
        ("bytes", {"logicalType": "decimal", "precision": 4}, Logical("decimal", 4, 0)),
        ("bytes", {"logicalType": "decimal", "precision": 4, "scale": 5}, None),
        ("bytes", {"logicalType": "decimal", "precision": 0}, None),
        ("bytes", {"logicalType": "decimal", "precision": "4"}, None),
        ("bytes", {"logicalType": "decimal"}, None),
        ("string", {"logicalType": "my-own"}, None),
        ("string", {"logicalType": ["odd"]}, None),
    ],
)
def test_logical_types_stay_only_where_they_are_valid(
    base: str, logical: dict[str, Any], kept: Logical | None
) -> None:
    assert read({"type": base, **logical}).root == Primitive(base, kept)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("size", "logical", "kept"),
    [
        (16, {"logicalType": "uuid"}, Logical("uuid")),
        (15, {"logicalType": "uuid"}, None),
        (12, {"logicalType": "duration"}, Logical("duration")),
        (13, {"logicalType": "duration"}, None),
        (2, {"logicalType": "decimal", "precision": 4}, Logical("decimal", 4)),
        (2, {"logicalType": "decimal", "precision": 5}, None),
        (0, {"logicalType": "decimal", "precision": 1}, None),
        (2**31 - 1, {"logicalType": "decimal", "precision": 10}, Logical("decimal", 10)),
    ],
)
def test_logical_types_of_fixed(size: int, logical: dict[str, Any], kept: Logical | None) -> None:
    named = read({"type": "fixed", "name": "F", "size": size, **logical}).names["F"]
    assert named == Fixed("F", size, kept)


def test_docs_orders_aliases_and_defaults_are_kept() -> None:
    field = {"name": "a", "type": "int", "default": 7, "aliases": ["b"], "doc": "why", "order": "ignore"}
    root = read(record(field, doc="what")).names["R"]
    assert isinstance(root, Record)
    [kept] = root.fields
    assert (kept.default, kept.aliases, kept.doc, kept.order, root.doc) == (
        7,
        ("b",),
        "why",
        "ignore",
        "what",
    )


def test_containers() -> None:
    assert read({"type": "array", "items": {"type": "map", "values": ["null", "int"]}}).root == Array(
        Map(Union((Primitive("null"), Primitive("int"))))
    )


def test_enum_defaults() -> None:
    named = read({"type": "enum", "name": "E", "symbols": ["A", "B"], "default": "B"}).names["E"]
    assert named == Enum("E", ("A", "B"), "B")


LATER_BRANCHES: list[tuple[Any, Any]] = [
    (["null", "string"], "x"),
    (["string", "null"], None),
    (["int", "long"], 2**40),  # which Java's readers take for another number
    ({"type": "array", "items": ["null", "int"]}, [None, 1]),
    ({"type": "map", "values": ["null", "double"]}, {"a": 1.5}),
    ({"type": "record", "name": "S", "fields": [{"name": "x", "type": ["null", "int"]}]}, {"x": 1}),
    ([{"type": "record", "name": "S", "fields": [{"name": "x", "type": ["null", "int"]}]}, "null"], {"x": 1}),
]
"""Valid in Avro 1.12, whose readers take any branch; invalid before it, where reading with them fails."""


BAD_DEFAULTS: list[tuple[Any, Any]] = [
    ("null", 0),
    ("boolean", 0),
    ("int", True),
    ("int", 2**31),
    ("long", 2**63),
    ("long", 1.0),
    ("float", "one"),
    ("double", ""),
    ("double", "1_0"),
    (["null", "double"], "0.5"),
    (["null", "int"], "null"),
    ("int", "0"),
    ("int", ""),
    ("long", 0.0),
    ("boolean", "false"),
    ({"type": "array", "items": "int"}, None),
    ({"type": "enum", "name": "E", "symbols": ["A"]}, ""),
    ({"type": "string", "logicalType": "uuid"}, ""),
    ({"type": "int", "logicalType": "date"}, 2**31),
    ({"type": "bytes", "logicalType": "decimal", "precision": 2}, ""),
    ("float", 1e300),
    ("double", 10**400),
    ("double", False),
    ("string", 1),
    ("bytes", "\u0100"),
    ("bytes", 1),
    ({"type": "array", "items": "int"}, ["a"]),
    ({"type": "array", "items": "int"}, {}),
    ({"type": "map", "values": "int"}, {"a": "b"}),
    ({"type": "map", "values": "int"}, []),
    (["null", "int"], "a"),
    ({"type": "enum", "name": "E", "symbols": ["A"]}, "B"),
    ({"type": "enum", "name": "E", "symbols": ["A"]}, ["A"]),
    ({"type": "fixed", "name": "F", "size": 2}, "a"),
    ({"type": "record", "name": "S", "fields": [{"name": "x", "type": "int"}]}, {}),
    ({"type": "record", "name": "S", "fields": []}, []),
    ("R", {}),  # it never ends
    *LATER_BRANCHES,
]


@pytest.mark.parametrize(
    ("kind", "default"),
    [
        ({"type": "int", "logicalType": "date"}, 2**31 - 1),
        ({"type": "bytes", "logicalType": "decimal", "precision": 2}, "\u0001\u0000"),
    ],
)
def test_a_default_that_python_has_no_value_for_is_one(kind: Any, default: Any) -> None:
    root = read(record({"name": "a", "type": kind, "default": default})).names["R"]
    assert isinstance(root, Record)
    assert (root.fields[0].default, root.fields[0].invalid_default) == (default, None)


@pytest.mark.parametrize(("kind", "default"), BAD_DEFAULTS)
def test_a_default_that_does_not_fit_counts_as_none_and_is_kept_apart(kind: Any, default: Any) -> None:
    field = {"name": "a", "type": kind, "default": default}
    root = read(record({"name": "ok", "type": "int", "default": 1}, field)).names["R"]
    assert isinstance(root, Record)
    assert root.fields[0].default == 1
    assert root.fields[0].invalid_default is None
    assert root.fields[1].default is NO_DEFAULT
    assert root.fields[1].invalid_default is not None
    assert root.fields[1].invalid_default.value == default


@pytest.mark.parametrize(("kind", "default"), LATER_BRANCHES)
def test_the_reason_says_that_a_union_takes_a_default_of_its_first_branch(kind: Any, default: Any) -> None:
    root = read(record({"name": "a", "type": kind, "default": default})).names["R"]
    assert isinstance(root, Record)
    assert root.fields[0].invalid_default is not None
    assert root.fields[0].invalid_default.reason.startswith("does not fit the union's first branch: it must ")


def test_a_default_that_needs_an_invalid_one_is_invalid_too() -> None:
    inner = {"type": "record", "name": "S", "fields": [{"name": "x", "type": "int", "default": "0"}]}
    fields = [
        {"name": "a", "type": inner, "default": {}},
        {"name": "b", "type": "S", "default": {"x": 1}},
        {"name": "c", "type": ["S", {"type": "map", "values": "int"}], "default": {}},
    ]
    root = read(record(*fields)).names["R"]
    assert isinstance(root, Record)
    assert [field.invalid_default is None for field in root.fields] == [False, True, False]
    assert root.fields[0].invalid_default is not None
    assert root.fields[0].invalid_default.reason == "must be an integer of 32 bits"


def test_a_type_with_an_invalid_default_may_be_repeated_and_referred_to() -> None:
    inner = {"type": "record", "name": "S", "fields": [{"name": "x", "type": "int", "default": "0"}]}
    schema = read(record({"name": "a", "type": inner}, {"name": "b", "type": inner}), inner)
    assert list(schema.names) == ["S", "R"]
    again = schema.names["S"]
    assert isinstance(again, Record)
    assert again.fields[0].default is NO_DEFAULT


@pytest.mark.parametrize(("text", "number"), [("0.5", 0.5), ("-1e3", -1000.0), ("7", 7.0), (".5", 0.5)])
@pytest.mark.parametrize("kind", ["float", "double"])
def test_a_number_in_quotes_is_a_default_of_a_float_as_in_java(kind: str, text: str, number: float) -> None:
    root = read(record({"name": "a", "type": kind, "default": text})).names["R"]
    assert isinstance(root, Record)
    assert root.fields[0].default == number


@pytest.mark.parametrize("order", ["ASCENDING", "Descending", "ignore", "IGNORE"])
def test_the_case_of_an_order_does_not_matter(order: str) -> None:
    root = read(record({"name": "a", "type": "int", "order": order})).names["R"]
    assert isinstance(root, Record)
    assert root.fields[0].order == order.lower()


def test_a_namespace_that_is_not_text_counts_as_none() -> None:
    assert list(read(record(namespace=1)).names) == ["R"]
    assert read({"type": "enum", "name": "E", "symbols": ["A"], "default": 1}).names["E"] == Enum("E", ("A",))


def test_a_type_may_be_used_before_its_definition() -> None:
    late = {"type": "record", "name": "L", "fields": [{"name": "r", "type": ["null", "R"]}]}
    first = {"name": "a", "type": ["null", {"type": "array", "items": "L"}], "default": None}
    schema = read(record(first, {"name": "b", "type": {"type": "map", "values": late}}, namespace="n"))
    root = schema.names["n.R"]
    assert isinstance(root, Record)
    assert root.fields[0].type == Union((Primitive("null"), Array(Ref("n.L"))))
    assert read([{"type": "array", "items": "m.F"}, {"type": "fixed", "name": "m.F", "size": 1}]).names["m.F"]


def test_before_its_definition_a_type_is_known_by_its_full_name_alone() -> None:
    late = {"type": "fixed", "name": "F", "namespace": "", "size": 1}
    assert "unknown type 'F'" in refused(
        record({"name": "a", "type": "F"}, {"name": "b", "type": late}, namespace="n")
    )
    assert "is in the union twice" in refused(["F", late])


GOOD_DEFAULTS: list[tuple[Any, Any]] = [
    ("int", -(2**31)),
    ("long", 2**63 - 1),
    ("double", 1),
    ("float", "NaN"),
    ("bytes", "\u00ff"),
    (["int", "null"], 4),
    ({"type": "array", "items": "int"}, []),
    ({"type": "fixed", "name": "F", "size": 2}, "ab"),
    ({"type": "record", "name": "S", "fields": [{"name": "x", "type": "int", "default": 1}]}, {}),
]


@pytest.mark.parametrize(("kind", "default"), GOOD_DEFAULTS)
def test_defaults_that_fit(kind: Any, default: Any) -> None:
    root = read(record({"name": "a", "type": kind, "default": default}, {"name": "b", "type": "int"})).names[
        "R"
    ]
    assert isinstance(root, Record)
    assert root.fields[0].default == default
    assert root.fields[1].default is NO_DEFAULT


BROKEN: list[tuple[Any, str]] = [
    (7, "must be a string, an object or a list"),
    ({}, "no type"),
    ({"type": 5}, "no type"),
    ("what.is.this", "unknown type"),
    ({"type": "array"}, "'items' is missing"),
    ({"type": "map"}, "'values' is missing"),
    ({"type": "record", "name": "R"}, "'fields' is missing"),
    ({"type": "record", "name": "R", "fields": {}}, "must be a list"),
    ({"type": "record", "fields": []}, "'name' is missing"),
    ({"type": "record", "name": 3, "fields": []}, "must be a string"),
    ({"type": "record", "name": "9", "fields": []}, "not a valid name"),
    ({"type": "record", "name": "a\a.R", "fields": []}, "not a valid name"),
    ({"type": "record", "name": "R", "namespace": "a\n", "fields": []}, "not a valid name"),
    ({"type": "record", "name": "a.R.", "fields": []}, "not a valid name"),
    ({"type": "record", "name": "R$S", "fields": []}, "not a valid name"),
    ({"type": "record", "name": "a\u0301", "fields": []}, "not a valid name"),
    ({"type": "record", "name": "\u2167", "fields": []}, "not a valid name"),
    ({"type": "record", "name": "\U0001d41a", "fields": []}, "not a valid name"),
    ({"type": "record", "name": "\u0661", "fields": []}, "not a valid name"),
    ({"type": "record", "name": "R\n", "fields": []}, "not a valid name"),
    ({"type": "record", "name": "int", "fields": []}, "primitive"),
    ({"type": "record", "name": "R", "aliases": "S", "fields": []}, "list of strings"),
    ({"type": "record", "name": "R", "aliases": ["-"], "fields": []}, "not a valid name"),
    (record(3), "must be an object"),
    (record({"name": "a"}), "'type' is missing"),
    (record({"name": "a.b", "type": "int"}), "not a valid field name"),
    (record({"name": "a", "type": "int"}, {"name": "a", "type": "int"}), "twice"),
    (record({"name": "a", "type": "int", "order": "up"}), "'order'"),
    ({"type": "enum", "name": "E"}, "'symbols' is missing"),
    ({"type": "enum", "name": "E", "symbols": ["A", "A"]}, "twice"),
    ({"type": "enum", "name": "E", "symbols": ["a b"]}, "not a valid symbol"),
    ({"type": "enum", "name": "E", "symbols": ["A"], "default": "B"}, "not one of the symbols"),
    ({"type": "fixed", "name": "F"}, "'size' is missing"),
    ({"type": "fixed", "name": "F", "size": -1}, "'size' must be"),
    ({"type": "fixed", "name": "F", "size": True}, "'size' must be"),
    (["int", "int"], "twice"),
    (["int", {"type": "int", "logicalType": "date"}], "twice"),
    (["int", ["null"]], "may not hold a union"),
]


@pytest.mark.parametrize(("value", "message"), BROKEN)
def test_what_is_not_avro_is_refused(value: Any, message: str) -> None:
    assert message in refused(value)


@pytest.mark.parametrize("text", ["", "{", "NaN", '{"type": "int"} x', "9" * 5000, '"\\ud800"'])
def test_what_is_not_json_is_refused(text: str) -> None:
    with pytest.raises(SchemaError):
        parse(text)


def test_the_pointer_says_where_and_in_which_text() -> None:
    deep = record({"name": "a", "type": {"type": "array", "items": ["null", "nope"]}})
    with pytest.raises(SchemaError) as caught:
        read(deep)
    assert caught.value.where == "/fields/0/type/items/1"
    with pytest.raises(SchemaError) as caught:
        read("int", "int", {"type": "array", "items": 1})
    assert caught.value.where == "reference 1: /items"


@pytest.mark.parametrize(
    "text",
    [
        "[" * 200_000,
        '{"type":' * 200_000,
        '{"type":"array","items":' * 70 + '"int"' + "}" * 70,
        '{"type":"record","name":"R","fields":[{"name":"a","type":"int","default":'
        + "[" * 400
        + "]" * 400
        + "}]}",
    ],
)
def test_depth_is_bounded(text: str) -> None:
    with pytest.raises(SchemaError):
        parse(text)


def test_size_and_number_of_names_are_bounded() -> None:
    with pytest.raises(SchemaError, match="larger than"):
        parse('"int"' + " " * 100, limits=Limits(text_bytes=50))
    with pytest.raises(SchemaError, match="larger than"):
        parse('"int"', ['"int"' + " " * 100], limits=Limits(text_bytes=50))
    fixed = [{"type": "fixed", "name": f"F{n}", "size": 1} for n in range(11)]
    with pytest.raises(SchemaError, match="named types"):
        parse(json.dumps(fixed), limits=Limits(names=10))


def test_defaults_that_multiply_are_bounded() -> None:
    def level(n: int) -> dict[str, Any]:
        inner = "long" if n == 0 else level(n - 1)
        again = "long" if n == 0 else f"L{n - 1}"
        default: Any = 0 if n == 0 else {}
        fields = [
            {"name": "a", "type": inner, "default": default},
            {"name": "b", "type": again, "default": default},
        ]
        return {"type": "record", "name": f"L{n}", "fields": fields}

    assert "too many steps" in refused(level(24))


def test_normalised_ignores_order_and_space_alone() -> None:
    assert (
        normalised('{"type": "int",\n "doc": "é"}')
        == normalised('{"doc":"\\u00e9","type":"int"}')
        == '{"doc":"é","type":"int"}'
    )
    assert normalised('{"type":"int"}') != normalised('"int"')

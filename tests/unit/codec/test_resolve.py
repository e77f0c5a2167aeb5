from __future__ import annotations

import json
from typing import Any

import pytest

from kgen_runtime.codec.avro.resolution.incompatibilities import Incompatibility
from kgen_runtime.codec.avro.resolution.read_plan import Choice, Link, Pick
from kgen_runtime.codec.avro.resolution.resolve import check, field_sources, resolve
from kgen_runtime.codec.avro.schema.parser import parse
from kgen_runtime.codec.avro.schema.tree import Field, Primitive, Record
from kgen_runtime.errors import ResolutionError


def record(*fields: Any, name: str = "R", **more: Any) -> dict[str, Any]:
    parts = [field if isinstance(field, dict) else {"name": field[0], "type": field[1]} for field in fields]
    return {"type": "record", "name": name, "fields": parts, **more}


def enum(*symbols: str, name: str = "E", **more: Any) -> dict[str, Any]:
    return {"type": "enum", "name": name, "symbols": list(symbols), **more}


def fixed(size: int, name: str = "F", **more: Any) -> dict[str, Any]:
    return {"type": "fixed", "name": name, "size": size, **more}


def decimal(precision: int, scale: int) -> dict[str, Any]:
    return {"type": "bytes", "logicalType": "decimal", "precision": precision, "scale": scale}


def array(items: Any) -> dict[str, Any]:
    return {"type": "array", "items": items}


def time(base: str, name: str) -> dict[str, Any]:
    return {"type": base, "logicalType": name}


def between(writer: Any, reader: Any) -> list[Incompatibility]:
    return check(parse(json.dumps(writer)), parse(json.dumps(reader)))


READABLE: list[tuple[Any, Any]] = [
    ("int", "int"),
    ("int", "long"),
    ("int", "float"),
    ("int", "double"),
    ("long", "float"),
    ("long", "double"),
    ("float", "double"),
    ("string", "bytes"),
    ("bytes", "string"),
    ("int", ["null", "double"]),
    (["null", "int"], ["null", "long"]),
    ({"type": "array", "items": "int"}, {"type": "array", "items": "long"}),
    ({"type": "map", "values": "int"}, {"type": "map", "values": ["long", "null"]}),
    (record(("a", "int"), ("b", "int")), record(("b", "long"))),
    (record(("a", "int")), record(("a", "int"), {"name": "b", "type": "int", "default": 1})),
    (record(("a", "int")), record({"name": "b", "type": "int", "aliases": ["x", "a"]})),
    (record(("a", "int"), namespace="one"), record(("a", "int"), namespace="two")),
    (record(("a", "int"), name="Old"), record(("a", "int"), aliases=["Old"])),
    (record(("a", "int"), name="x.Old"), record(("a", "int"), namespace="y", aliases=["x.Old"])),
    (enum("A"), enum("A", "B", namespace="n")),
    (enum("A", "B"), enum("A", default="A")),
    (fixed(2), fixed(2, namespace="n")),
    (fixed(2, name="Old"), fixed(2, aliases=["Old"])),
    (decimal(4, 2), decimal(9, 2)),
    (decimal(4, 2), "bytes"),
    ("bytes", decimal(4, 2)),
    (record(("r", ["null", "R"])), record(("r", ["null", "R"]))),
    # of a reader's union, the first of the name that can be read
    (fixed(3, name="z.F"), [fixed(2, name="x.F"), fixed(3, name="y.F")]),
    (record(("b", "int"), name="z.R"), [record(("a", "int"), name="x.R"), record(("b", "int"), name="y.R")]),
    (enum("B", name="z.E"), ["null", enum("A", name="x.E"), enum("B", name="y.E")]),
    (
        record(("b", "int"), name="z.R"),
        [record(("a", "int"), name="x.R"), record(("b", "int"), name="New", aliases=["z.R"])],
    ),
    (time("int", "time-millis"), [time("int", "date"), time("long", "time-micros")]),
    # times of one kind in different units
    (time("long", "timestamp-millis"), time("long", "timestamp-micros")),
    (time("long", "timestamp-micros"), time("long", "timestamp-nanos")),
    (time("long", "local-timestamp-nanos"), time("long", "local-timestamp-millis")),
    (time("int", "time-millis"), time("long", "time-micros")),
    (time("long", "timestamp-millis"), "long"),
    ("long", time("long", "timestamp-millis")),
    ("int", time("int", "date")),
    (decimal(9, 2), decimal(4, 2)),
]


@pytest.mark.parametrize(("writer", "reader"), READABLE)
def test_readable(writer: Any, reader: Any) -> None:
    assert between(writer, reader) == []


NEVER: list[tuple[Any, Any, str, str]] = [
    ("long", "int", "", "long cannot be read as int"),
    ("double", "float", "", "double cannot be read as float"),
    ("string", "int", "", "string cannot be read as int"),
    ("null", "int", "", "null cannot be read as int"),
    ("string", ["null", "int"], "", "string is not a branch of the reader's union [null, int]"),
    (["string", "bytes"], "int", "", "string cannot be read as int"),
    ({"type": "array", "items": "int"}, {"type": "map", "values": "int"}, "", "array cannot be read as map"),
    (record(("a", "int")), record(("b", "int")), "b", "does not write this field"),
    (record(("a", "int"), name="Other"), record(("a", "int")), "", "Other cannot be read as R"),
    (fixed(2), fixed(3), "", "F of 2 bytes cannot be read as one of 3"),
    (fixed(2, name="G"), fixed(2), "", "G cannot be read as F"),
    (enum("A", name="G"), enum("A"), "", "G cannot be read as E"),
    (enum("A"), fixed(1, name="E"), "", "E cannot be read as E"),
    (enum("A"), enum("B"), "", "the reader's enum E lacks A and has no default"),
    (decimal(4, 2), decimal(4, 1), "", "scale 2 cannot be read as one of scale 1"),
    (time("int", "date"), time("int", "time-millis"), "", "a date cannot be read as a time-millis"),
    (time("long", "timestamp-millis"), time("long", "local-timestamp-millis"), "", "timestamp-millis cannot"),
    (time("long", "time-micros"), time("long", "timestamp-micros"), "", "time-micros cannot be read as"),
    (time("int", "date"), time("long", "timestamp-millis"), "", "date cannot be read as a timestamp-millis"),
    (decimal(4, 2), time("bytes", "big-decimal"), "", "decimal cannot be read as a big-decimal"),
    (time("string", "uuid"), decimal(4, 2), "", "uuid cannot be read as a decimal"),
    (fixed(16, logicalType="uuid"), fixed(16, logicalType="decimal", precision=9), "", "uuid cannot be"),
    (record(("e", enum("A"))), record(("e", enum("B"))), "e", "lacks A and has no default"),
    (
        fixed(3, name="z.F"),
        [fixed(2, name="x.F"), fixed(4, name="y.F")],
        "",
        "z.F is not a branch of the reader's",
    ),
]


@pytest.mark.parametrize(("writer", "reader", "path", "message"), NEVER)
def test_what_can_never_be_read_is_refused_with_path_and_reason(
    writer: Any, reader: Any, path: str, message: str
) -> None:
    [problem, *_] = between(writer, reader)
    assert problem.path == path
    assert message in problem.message
    assert problem.always
    with pytest.raises(ResolutionError) as caught:
        resolve(parse(json.dumps(writer)), parse(json.dumps(reader)))
    assert message in str(caught.value)
    assert (path or "the root") in str(caught.value.where)


SOMETIMES: list[tuple[Any, Any, str]] = [
    (["null", "int"], "int", "null cannot be read as int"),
    (["null", "int", "string"], ["null", "long"], "string is not a branch of"),
    (enum("A", "B", "C"), enum("A"), "lacks B, C"),
    (["null", record(("a", "string"))], ["null", record(("a", "int"))], "string cannot be read as int"),
    # an array or a map may be empty
    (array("long"), array("int"), "long cannot be read as int"),
    ({"type": "map", "values": "long"}, {"type": "map", "values": "int"}, "long cannot be read as int"),
    (
        record(("l", array(record(("at", time("int", "date")), name="L")))),
        record(("l", array(record(("at", time("int", "time-millis")), name="L")))),
        "date cannot be read as a time-millis",
    ),
    (record(("l", array(record(name="L")))), record(("l", array(record(("new", "int"), name="L")))), "write"),
    (array(enum("A")), array(enum("B")), "lacks A and has no default"),
    (array(array(record(("e", enum("A"))))), array(array(record(("e", enum("B"))))), "lacks A"),
    (record(("a", array(["null", enum("A")]))), record(("a", array(["null", enum("B")]))), "lacks A"),
]


@pytest.mark.parametrize(("writer", "reader", "message"), SOMETIMES)
def test_what_fails_for_some_data_is_reported_and_not_refused(writer: Any, reader: Any, message: str) -> None:
    [problem] = between(writer, reader)
    assert message in problem.message
    assert not problem.always
    resolve(parse(json.dumps(writer)), parse(json.dumps(reader)))


def test_failure_spreads_through_recursive_records() -> None:
    def tree(leaf: str) -> dict[str, Any]:
        children = {"type": "array", "items": ["null", "R"]}
        return record(("inner", record(("leaf", leaf), ("up", ["null", "R"]), name="I")), ("kids", children))

    problems = between(tree("string"), tree("int"))
    assert [(problem.path, problem.always) for problem in problems] == [("inner.leaf", True)]


def test_the_right_name_wins_over_an_earlier_one_with_the_same_simple_name() -> None:
    union = [record(("a", "int"), name="x.R"), record(("b", "int"), name="y.R")]
    assert between(union[1], union) == []
    assert between(record(("b", "int"), name="z.R"), union) == []
    assert between(record(("c", "int"), name="z.R"), union)[0].path == "a"


def sourced(writer: str, reader: str) -> list[str | None]:
    """The sources of the reader's fields; `b<a,c` is a field b with the aliases a and c."""
    fields = []
    for word in reader.split():
        name, _, aliases = word.partition("<")
        fields.append(Field(name, Primitive("int"), aliases=tuple(filter(None, aliases.split(",")))))
    return field_sources(
        Record("R", tuple(Field(name, Primitive("int")) for name in writer.split())),
        Record("R", tuple(fields)),
    )


@pytest.mark.parametrize(
    ("writer", "reader", "sources"),
    [
        ("a", "b<a a", ["a", None]),  # Java: an alias goes before the name of a new field
        ("a", "a b<a", [None, "a"]),
        ("a", "b<a c<a", [None, "a"]),  # Java: the last of two that claim it
        ("a b", "b<a c<b", ["a", "b"]),  # a chain of names
        ("b c", "b<a c<b d", ["b", "c", None]),  # read by what follows that
        ("a b", "b<a", ["b"]),  # where Java gives up: two fields of one name
        ("b a", "b<a a", ["b", "a"]),
        ("a b", "a<b b<a", ["a", "b"]),  # no exchange, as in Java
        ("x y", "b<y,x", ["y"]),
        ("x y", "b<y,x x", ["y", "x"]),
        ("a b c", "d<c c<b b<a a", ["c", "b", "a", None]),
        ("a", "b<a,a", ["a"]),
        ("a", "a<a", ["a"]),
    ],
)
def test_aliases_rename_the_fields_of_the_writer(writer: str, reader: str, sources: list[str | None]) -> None:
    assert sourced(writer, reader) == sources


def test_a_type_that_a_reader_renamed_is_not_a_new_one_of_its_old_name() -> None:
    old = record(("x", "int"), name="A")
    new = [record(("x", "int"), name="A"), record(("x", "int"), name="B", aliases=["A"])]
    for union in (new, new[::-1]):
        plan = resolve(parse(json.dumps(["null", old])), parse(json.dumps(["null", *union])))
        assert isinstance(plan.root, Choice)
        assert isinstance(plan.root.branches[1], Pick)
        picked = plan.problems.picked(plan.root.branches[1])
        assert isinstance(picked, Link)
        assert picked.key == ("read", "A", "B")


def test_a_writer_that_knows_both_types_of_a_renaming_means_each_by_its_name() -> None:
    both = [record(("x", "int"), name="A"), record(("x", "string"), name="B", aliases=["A"])]
    assert between(both, both) == []


def test_a_long_chain_of_types_needs_no_stack() -> None:
    chain = [record(name="N0")] + [record(("a", f"N{n}"), name=f"N{n + 1}") for n in range(3000)]
    assert between(chain, chain) == []


def test_wide_unions_are_matched_in_reasonable_time() -> None:
    left = [fixed(1, name=f"a.F{n}") for n in range(3000)]
    right = [fixed(1, name=f"b.G{n}") for n in range(3000)]
    assert len(between(left, right)) == 3000
    alike = [record(("a", "int"), name=f"a{n}.R") for n in range(1500)]
    assert len(between(alike, [record(("b", "int"), name=f"b{n}.R") for n in range(1500)])) == 1500

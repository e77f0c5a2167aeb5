"""Schemas that are small as text cost little, whatever they ask for: they are read, or refused."""

from __future__ import annotations

import json
import sys
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from kgen_runtime.codec import make_reader, make_writer
from kgen_runtime.codec.avro.resolution.resolve import check, resolve
from kgen_runtime.codec.avro.schema.defaults import DefaultEncoder
from kgen_runtime.codec.avro.schema.parser import parse
from kgen_runtime.codec.avro.schema.tree import Array, Enum, Field, Primitive, Record, Ref, Schema
from kgen_runtime.errors import DecodeError, ResolutionError, SchemaError


def schema(value: Any) -> Schema:
    return parse(json.dumps(value))


def record(*fields: Any, name: str = "R", **more: Any) -> dict[str, Any]:
    parts = [field if isinstance(field, dict) else {"name": field[0], "type": field[1]} for field in fields]
    return {"type": "record", "name": name, "fields": parts, **more}


def array(items: Any) -> dict[str, Any]:
    return {"type": "array", "items": items}


def peak(call: Callable[[], Any]) -> int:
    """The most bytes that were in use at once during a call."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def calls(call: Callable[[], Any]) -> int:
    """How many Python functions a call runs."""
    count = 0

    def seen(frame: Any, event: str, arg: Any) -> None:
        nonlocal count
        count += event == "call"

    sys.setprofile(seen)
    try:
        call()
    finally:
        sys.setprofile(None)
    return count


def refused(writer: Schema, reader: Schema) -> str:
    with pytest.raises(ResolutionError) as caught:
        resolve(writer, reader)
    return str(caught.value)


def test_the_bytes_of_defaults_are_bounded() -> None:
    item = record({"name": "f", "type": "string", "default": "x" * 6_000}, name="S")
    with pytest.raises(SchemaError, match="the default makes too many bytes") as caught:
        schema(record({"name": "a", "type": array(item), "default": [{}] * 6_000}))
    assert caught.value.where == "/fields/0/default"


def test_a_default_is_held_against_the_first_branch_alone() -> None:
    union = [{"type": "fixed", "name": f"F{n}", "size": 30_000} for n in range(1_000)]
    read = schema(record({"name": "a", "type": [*union, "string"], "default": "x" * 29_999 + "\u0100"}))
    root = read.names["R"]
    assert isinstance(root, Record)
    assert root.fields[0].invalid_default is not None


def test_the_bytes_of_defaults_are_bounded_in_a_schema_that_was_not_parsed() -> None:
    item = Record("S", (Field("f", Primitive("string"), "x" * 6_000),))
    root = Record("R", (Field("a", Array(Ref("S")), [{}] * 6_000),))
    reader = Schema(Ref("R"), {"S": item, "R": root})
    assert "the default makes too many bytes" in refused(schema(record()), reader)


class Counted(str):
    """A string that counts how often it is held against another."""

    compared = 0
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        Counted.compared += 1
        return str.__eq__(self, other)


def test_a_default_of_an_enum_is_not_looked_for_among_all_symbols() -> None:
    symbols = tuple(Counted(f"s{n}") for n in range(1_000))
    encoder = DefaultEncoder({"E": Enum("E", symbols)})
    Counted.compared = 0
    data = encoder.encode(Array(Ref("E")), ["s999"] * 100)
    assert data == b"\xc8\x01" + b"\xce\x0f" * 100 + b"\0"
    assert Counted.compared < 2_000


def with_enum(uses: int) -> Schema:
    enum = {"type": "enum", "name": "E", "symbols": [f"s{n}" for n in range(1_000)]}
    return schema(record(("id", "int"), ("e", enum), *((f"f{n}", "E") for n in range(uses))))


def test_the_uses_of_an_enum_share_its_symbols(engine: Any) -> None:
    written, plain = with_enum(1_000), schema(record(("id", "int")))
    assert peak(lambda: make_reader(written, with_enum(1_000), engine=engine)) < 5_000_000
    assert peak(lambda: make_reader(written, plain, engine=engine)) < 3_000_000
    assert peak(lambda: make_writer(written, engine=engine)) < 3_000_000


def failing_union(branches: int) -> tuple[Schema, Schema]:
    """Records that all lack something, in a union."""
    written = [record(("x", "int"), name=f"a{n}.Node") for n in range(branches)]
    return (
        schema(record(("u", written))),
        schema(record(("u", ["null", record(("x", "string"), name="Node")]))),
    )


def test_a_union_whose_branches_all_fail_is_gone_through_once() -> None:
    few, many = failing_union(200), failing_union(800)
    assert calls(lambda: refused(*many)) < 5 * calls(lambda: refused(*few))


def chain(length: int) -> tuple[Schema, Schema]:
    """A tree each level of which is a type of its own, and fails."""
    levels = [
        record(("x", "int"), *([("children", f"a{n - 1}.Node")] if n else []), name=f"a{n}.Node")
        for n in range(length)
    ]
    node = record(("x", "string"), ("children", ["null", "Node"]), name="Node")
    return schema(record(("gone", levels), ("top", f"a{length - 1}.Node"))), schema(record(("top", node)))


def test_paths_are_made_only_for_the_problems_that_are_reported() -> None:
    pair = chain(2_000)
    assert peak(lambda: refused(*pair)) < 15_000_000
    assert "top.x, top.children.x, top.children.children.x" in refused(*pair)


def test_a_path_without_end_is_cut() -> None:
    problems = check(*chain(2_000))
    assert len(problems) > 2_000
    assert problems[1].path == "top.children.x"
    assert max(len(problem.path) for problem in problems) < 1_100
    assert problems[-2].path.startswith("…")


def test_a_branch_that_fails_far_below_is_reported_without_going_there(engine: Any) -> None:
    levels = [record(("x", "int" if n == 0 else "null"), name=f"a{n}.Node") for n in range(300)]
    for n in range(1, 300):
        levels[n]["fields"].append({"name": "next", "type": f"a{n - 1}.Node"})
    node = record(("x", ["null", "string"]), {"name": "next", "type": ["null", "Node"], "default": None})
    reader = make_reader(schema([*levels, "null"]), schema(["null", {**node, "name": "Node"}]), engine=engine)
    with pytest.raises(DecodeError, match=r"^next\.x: int is not a branch of"):
        reader.decode(b"\x02")
    with pytest.raises(DecodeError, match=r"next\.next: it cannot be read"):
        reader.decode(b"\xd6\x04")


def versions(count: int, width: int) -> tuple[Schema, Schema]:
    """Many records of the writer that all match one wide record of the reader."""
    written = [
        record(("children", ["null", *([f"a{n - 1}.Node"] if n else [])]), name=f"a{n}.Node")
        for n in range(count)
    ]
    more = [{"name": f"d{n}", "type": ["null", "string"], "default": None} for n in range(width)]
    node = record(("children", ["null", "Node"]), *more, name="Node")
    return schema(record(("gone", written), ("top", f"a{count - 1}.Node"))), schema(record(("top", node)))


def test_the_work_to_resolve_is_bounded() -> None:
    pair = versions(2_100, 500)
    assert "too many types, fields and symbols" in refused(*pair)
    with pytest.raises(ResolutionError):
        check(*pair)


def test_the_work_for_symbols_and_aliases_is_bounded() -> None:
    def enums(count: int, space: str) -> list[dict[str, Any]]:
        symbols = [f"s{n}" for n in range(2_000)]
        return [{"type": "enum", "name": f"{space}{n}.E", "symbols": symbols} for n in range(count)]

    assert "too many types" in refused(schema(enums(40, "a")), schema(enums(40, "b")))
    fields = [(f"f{n}", {"type": "fixed", "name": f"F{n}", "size": 1}) for n in range(1_001)]
    other = record(name="S", aliases=[f"A{n}" for n in range(1_000)])
    reader = [(f"f{n}", "S" if n else other) for n in range(1_001)]
    assert "too many types" in refused(schema(record(*fields)), schema(record(*reader)))


def test_defaults_are_made_once_for_all_that_lack_them(engine: Any) -> None:
    made: list[Any] = []

    class Point:
        def __init__(self, x: int) -> None:
            made.append(x)

    written = [record(name=f"a{n}.S") for n in range(20)]
    point = {"name": "p", "type": record(("x", "int"), name="P"), "default": {"x": 7}}
    reader = make_reader(
        schema(array(written)), schema(array(record(point, name="S"))), {"P": Point}, engine=engine
    )
    assert made == [7]
    reader.decode(b"\x04\x00\x26\x00")
    assert made == [7, 7, 7]


def many_fixed(count: int) -> tuple[Schema, Schema]:
    """Two wide unions with nothing in common but null."""

    def union(letter: str) -> Schema:
        return schema([*({"type": "fixed", "name": f"{letter}{n}", "size": 1} for n in range(count)), "null"])

    return union("W"), union("R")


def test_wide_unions_are_reported_by_their_first_branches() -> None:
    few, many = many_fixed(200), many_fixed(800)
    assert check(*few)[0].message == (
        "W0 is not a branch of the reader's union [R0, R1, R2, R3, R4, R5, R6, R7, R8, R9 and 191 more]"
    )
    assert calls(lambda: check(*many)) < 5 * calls(lambda: check(*few))


def test_many_lost_symbols_are_reported_by_the_first() -> None:
    def enum(first: int) -> Schema:
        return schema({"type": "enum", "name": "E", "symbols": [f"s{n}" for n in range(first, 100)]})

    [problem] = check(enum(0), enum(12))
    assert problem.message == (
        "the reader's enum E lacks s0, s1, s2, s3, s4, s5, s6, s7, s8, s9 and 2 more and has no default"
    )


@pytest.mark.parametrize("longest", ["name", "namespace", "aliases"])
def test_names_are_bounded_for_each_in_a_namespace_repeats_it(longest: str) -> None:
    named = {"name": "R", "namespace": "n"}
    for length, fits in (998, True), (1_001, False):
        long = "x" * length
        value = {"type": "record", **named, longest: [long] if longest == "aliases" else long, "fields": []}
        if fits:
            schema(value)
        else:
            with pytest.raises(SchemaError, match="a name of more than 1000 characters"):
                schema(value)


def test_a_schema_as_large_as_the_parser_takes_is_resolved() -> None:
    value = record(*((f"f{n}", ["null", "int"]) for n in range(100_000)))
    text = json.dumps(value, separators=(",", ":"))
    with pytest.raises(SchemaError, match="larger than"):
        parse(text + " " * 250_000)
    assert check(parse(text), parse(text)) == []

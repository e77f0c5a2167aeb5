"""Every logical type that the parser knows is known wherever its name is a key: a place that was left out
would read, write, sample or generate the type below it, and nothing would fail.
"""

from __future__ import annotations

import builtins
import datetime as dt
import itertools
import json
import random
import uuid
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

import kgen_runtime as rt
from kgen.model.default_expr import Defaults
from kgen.model.type_writer import ModuleTypes, Path
from kgen.model.types import Types
from kgen.pycode.expr import flat
from kgen_runtime.codec import make_reader, make_writer
from kgen_runtime.codec.avro.json_encoding import dumps, to_json
from kgen_runtime.codec.avro.resolution.resolve import _UNITS
from kgen_runtime.codec.avro.sample_values import sample
from kgen_runtime.codec.avro.schema.parser import _LOGICAL, _LOGICAL_SIZE, parse
from kgen_runtime.codec.avro.schema.tree import Fixed, Logical, Named, Node, Primitive, Record, Ref, Schema
from kgen_runtime.codec.avro.schema.unions import ambiguous
from kgen_runtime.codec.branches import of_branch

from .schemas import FIXED_LOGICALS, LOGICALS

NAMES = {
    "date": dt.date,
    "time": dt.time,
    "datetime": dt.datetime,
    "Decimal": Decimal,
    "UUID": uuid.UUID,
    "rt": rt,
}
"""What generated modules import."""


def declared(logical: str, below: str, name: str = "F") -> dict[str, Any]:
    found: dict[str, Any] = {"type": below, "logicalType": logical}
    if below == "fixed":
        found.update(name=name, size=_LOGICAL_SIZE.get(logical, 8))
    if logical == "decimal":
        found.update(precision=6, scale=2)
    return found


EACH = [(logical, below) for logical, every in _LOGICAL.items() for below in sorted(every)]
each = pytest.mark.parametrize(("logical", "below"), EACH)
PAIRS = [
    (one, other)
    for one, other in itertools.combinations_with_replacement(EACH, 2)
    if one[1] != other[1] or one[1] == "fixed"  # of unnamed types a union has each once
]


def schema_of(logical: str, below: str) -> Schema:
    return parse(json.dumps(declared(logical, below)))


def held_as(schema: Schema, node: Node) -> type[Any]:
    """The class that the generator writes for it."""
    types = Types(ModuleTypes(lambda path: path.name), schema.names, {})
    found: type[Any] = eval(types.annotation(node, Path("x")), dict(NAMES))
    return found


def named(schema: Schema) -> Primitive | Fixed:
    root = schema.root
    found: Node | Named = schema.names[root.name] if isinstance(root, Ref) else root
    assert isinstance(found, Primitive | Fixed)
    return found


@each
def test_the_parser_makes_the_logical_type_of_it(logical: str, below: str) -> None:
    found = named(schema_of(logical, below)).logical
    assert isinstance(found, Logical)
    assert found.name == logical


@each
def test_property_tests_draw_it(logical: str, below: str) -> None:
    drawn = {(kind["logicalType"], kind["type"]) for kind in LOGICALS}
    drawn |= {(kind["logicalType"], "fixed") for kind in FIXED_LOGICALS if "logicalType" in kind}
    assert (logical, below) in drawn


@each
def test_a_sample_is_of_the_type_that_is_generated(logical: str, below: str) -> None:
    schema = schema_of(logical, below)
    class_ = held_as(schema, schema.root)
    assert class_ not in vars(builtins).values()
    assert type(sample(schema, random.Random(1))) is class_


@each
def test_an_engine_reads_what_it_wrote(logical: str, below: str, engine: Any) -> None:
    schema = schema_of(logical, below)
    value = sample(schema, random.Random(2))
    read = make_reader(schema, engine=engine).decode(make_writer(schema, engine=engine).encode(value))
    assert (type(read), read) == (type(value), value)


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_a_union_knows_which_branches_look_alike(
    one: tuple[str, str], other: tuple[str, str], engine: Any
) -> None:
    """Those of one Python type, so that the second needs `rt.of_branch`."""
    schema = parse(json.dumps([declared(*one, "A"), declared(*other, "B")]))
    root: Any = schema.root
    names = ["A" if one[1] == "fixed" else one[1], "B" if other[1] == "fixed" else other[1]]
    alike = len({held_as(schema, branch) for branch in root.branches}) == 1
    assert ambiguous(root, schema.names) == (frozenset(names[1:]) if alike else frozenset())
    for branch, name in zip(root.branches, names):
        value = sample(Schema(branch, schema.names), random.Random(3))
        given = of_branch(value, name) if alike and name == names[1] else value
        data = make_writer(schema, engine=engine).encode(given)
        assert data[0] == 2 * names.index(name)
        assert make_reader(schema, engine=engine).decode(data) == value


def raw_defaults(logical: str, below: str) -> Iterator[Any]:
    """Defaults in JSON: what the type below has of a sample."""
    schema = schema_of(logical, below)
    plain = parse(json.dumps({k: v for k, v in declared(logical, below).items() if k != "logicalType"}))
    for seed in range(5):
        data = make_writer(schema).encode(sample(schema, random.Random(seed)))
        yield to_json(plain, data)


@each
def test_a_default_is_generated_as_the_value_that_is_read(logical: str, below: str) -> None:
    for default in raw_defaults(logical, below):
        field = {"name": "x", "type": declared(logical, below), "default": default}
        reader = parse(json.dumps({"type": "record", "name": "R", "fields": [field]}))
        writer = parse('{"type": "record", "name": "R", "fields": []}')
        record = reader.names["R"]
        assert isinstance(record, Record)
        types = Types(ModuleTypes(lambda path: path.name), reader.names, {})
        (only,) = record.fields
        code = flat(Defaults(types, reader.names, lambda named: {}).expr(only.type, default))
        expected = make_reader(writer, reader).decode(b"")["x"]
        made = eval(code, dict(NAMES))
        assert (type(made), made) == (type(expected), expected)


@each
def test_it_has_a_form_in_avros_json(logical: str, below: str) -> None:
    schema = schema_of(logical, below)
    data = make_writer(schema).encode(sample(schema, random.Random(4)))
    assert isinstance(json.loads(dumps(to_json(schema, data))), str | int | float)


UNITS = [(name, below) for name, below in EACH if name.endswith(("-millis", "-micros", "-nanos"))]
READ_AS = [
    (writer, reader)
    for writer, reader in itertools.product(UNITS, UNITS)
    if writer[0].rpartition("-")[0] == reader[0].rpartition("-")[0]
    and (writer[1], reader[1]) != ("long", "int")  # as Avro has it
]


def test_every_unit_of_time_is_known_as_one() -> None:
    assert {name for name, _ in UNITS} <= _UNITS.keys()


@pytest.mark.parametrize(("written", "asked"), READ_AS)
def test_an_engine_reads_a_unit_as_another(
    written: tuple[str, str], asked: tuple[str, str], engine: Any
) -> None:
    writer, reader = schema_of(*written), schema_of(*asked)
    data = make_writer(writer, engine=engine).encode(sample(writer, random.Random(5)))
    assert type(make_reader(writer, reader, engine=engine).decode(data)) is held_as(reader, reader.root)

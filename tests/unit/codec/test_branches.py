"""What is read from a union is written back as the branch that it came from."""

from __future__ import annotations

import copy
import datetime as dt
import io
import json
import pickle
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

import fastavro
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.examples import examples
from tests.unit.codec.schemas import Json, classes, schemas, values
from tests.unit.codec.test_codec import logical, record, schema

import kgen_runtime as rt
from kgen_runtime.codec import make_reader, make_writer
from kgen_runtime.codec.avro.schema.parser import parse


def fixed(name: str, size: int, **more: Any) -> dict[str, Any]:
    return {"type": "fixed", "name": name, "size": size, **more}


DECIMALS = [
    logical("bytes", "decimal", precision=9, scale=2),
    fixed("A", 8, logicalType="decimal", precision=9, scale=2),
]
UUIDS = [logical("string", "uuid"), fixed("A", 16, logicalType="uuid"), fixed("B", 16, logicalType="uuid")]
DURATIONS = [fixed("A", 12, logicalType="duration"), fixed("B", 12, logicalType="duration")]
TIMES = [logical("long", "time-micros"), logical("int", "time-millis")]
EQUAL: list[tuple[list[Any], Any]] = [
    (["int", "long"], 5),
    (["long", "int"], 5),
    (["null", "string", "long", "int"], -1),
    (["float", "double"], 0.5),
    (["double", "float"], 0.5),
    ([fixed("A", 2), fixed("B", 2), fixed("C", 2)], b"ab"),
    (["bytes", fixed("A", 2)], b"ab"),
    ([fixed("A", 2), "bytes"], b"ab"),
    (DECIMALS, Decimal("1.50")),
    (UUIDS, UUID(int=7)),
    (DURATIONS, rt.Duration(1, 2, 3)),
    (TIMES, dt.time(1, 2, 3)),
]


@pytest.mark.parametrize(("union", "value"), EQUAL, ids=lambda it: str(it)[:40])
def test_equal_values_of_two_branches_are_written_back_as_they_came(
    union: list[Any], value: Any, engine: Any
) -> None:
    for wrapped in (union, record(("u", union)), {"type": "array", "items": union}):
        whole = schema(wrapped)
        decode, encode = make_reader(whole, engine=engine).decode, make_writer(whole, engine=engine).encode
        for branch in union:
            if branch in ("null", "string"):
                continue
            name = branch if isinstance(branch, str) else branch.get("name", branch["type"])
            put = rt.of_branch(value, name)
            around = put if wrapped is union else {"u": put} if wrapped["type"] == "record" else [put]  # type: ignore[call-overload]
            data = encode(around)
            assert decode(data) == around
            assert encode(decode(data)) == data
        numbers = {encode(decode(encode(_around(wrapped, union, value, it))))[:2] for it in _names(union)}
        assert len(numbers) == len(_names(union))


def _names(union: list[Any]) -> list[str]:
    named = [branch for branch in union if branch not in ("null", "string")]
    return [branch if isinstance(branch, str) else branch.get("name", branch["type"]) for branch in named]


def _around(wrapped: Any, union: list[Any], value: Any, branch: str) -> Any:
    put = rt.of_branch(value, branch)
    return put if wrapped is union else {"u": put} if wrapped["type"] == "record" else [put]


@st.composite
def written(draw: Any) -> tuple[Json, bytes]:
    """A schema, and data of any of its branches."""
    value = draw(schemas())
    _, plain = draw(values(parse(json.dumps(value))))
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(value), plain)
    return value, out.getvalue()


@settings(max_examples=examples(150), deadline=None, suppress_health_check=list(HealthCheck))
@given(written())
def test_what_was_read_is_written_back_byte_for_byte(case: tuple[Json, bytes]) -> None:
    whole = parse(json.dumps(case[0]))
    made = classes(whole)
    for engine in ("native", "python"):
        read = make_reader(whole, None, made, engine=engine).decode(case[1])
        assert make_writer(whole, made, engine=engine).encode(read) == case[1]


def test_the_branch_is_that_of_the_schema_that_is_read(engine: Any) -> None:
    writer, reader = schema(["int", fixed("x.Old", 2)]), schema(["long", "int", "bytes", fixed("y.Old", 2)])
    decode, encode = (
        make_reader(writer, reader, engine=engine).decode,
        make_writer(reader, engine=engine).encode,
    )
    assert encode(decode(b"\x00\x0a")) == b"\x02\x0a"
    assert encode(decode(b"\x02ab")) == b"\x06ab"
    single = make_reader(schema("int"), reader, engine=engine).decode
    assert encode(single(b"\x0a")) == b"\x02\x0a"


def test_only_what_would_be_taken_for_another_branch_is_of_a_class_of_its_own(engine: Any) -> None:
    decode = make_reader(schema(["int", "long", "string", "double"]), engine=engine).decode
    kinds = [type(decode(data)) for data in (b"\x00\x02", b"\x04\x02a", b"\x06" + bytes(8))]
    assert kinds == [int, str, float]
    assert type(decode(b"\x02\x02")) is not int
    assert type(make_reader(schema(["null", "long"]), engine=engine).decode(b"\x02\x02")) is int


@pytest.mark.parametrize(
    "value", [5, 0.5, b"ab", Decimal("1.5"), UUID(int=7), dt.time(1), rt.Duration(1, 2, 3)]
)
def test_a_value_of_a_branch_is_otherwise_as_any(value: Any) -> None:
    of_branch = rt.of_branch(value, "x.F")
    assert of_branch == value
    assert value == of_branch
    assert hash(of_branch) == hash(value)
    assert isinstance(of_branch, type(value))
    assert repr(of_branch) == repr(value).removeprefix("datetime.")
    for again in (pickle.loads(pickle.dumps(of_branch)), copy.copy(of_branch), copy.deepcopy(of_branch)):
        assert again == value
        assert again.branch == "x.F"
    assert rt.of_branch(of_branch, "y.G").branch == "y.G"


def test_what_is_computed_from_it_is_an_ordinary_number() -> None:
    assert type(rt.of_branch(5, "long") + 1) is int
    assert json.dumps([rt.of_branch(5, "long"), rt.of_branch(0.5, "double")]) == "[5, 0.5]"


def test_a_branch_that_a_union_lacks_or_that_does_not_take_the_value_does_not_matter(engine: Any) -> None:
    encode = make_writer(schema(["int", "long"]), engine=engine).encode
    assert encode(rt.of_branch(5, "float")) == b"\x00\x0a"
    assert encode(rt.of_branch(2**40, "int"))[:1] == b"\x02"
    assert make_writer(schema("int"), engine=engine).encode(rt.of_branch(5, "long")) == b"\x0a"
    assert (
        make_writer(schema(["null", "double"]), engine=engine).encode(rt.of_branch(5, "long"))[:1] == b"\x02"
    )


@pytest.mark.parametrize("value", [True, "a", None, [], {}, dt.datetime(2026, 1, 2)])
def test_what_is_of_one_branch_alone_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="of one branch alone"):
        rt.of_branch(value, "int")


@dataclass(slots=True, kw_only=True)
class R:
    u: Any


def test_only_what_reading_gives_back_as_the_very_same_is_packed() -> None:
    writer = make_writer(schema(record(("u", ["null", "int", "long"]))), {"R": R}, engine="native")
    assert writer.pack(R(u=5)) is not None
    assert writer.pack(R(u=2**40)) is None  # it would be read as one that remembers its branch
    assert writer.pack(R(u=rt.of_branch(5, "long"))) is None


def test_kept_objects_keep_the_branches_of_their_values() -> None:
    again = pickle.loads(pickle.dumps([rt.of_branch(5, "long"), rt.of_branch(b"ab", "x.F")]))
    assert [value.branch for value in again] == ["long", "x.F"]

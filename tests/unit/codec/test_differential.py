"""Both engines against each other and against fastavro, on schemas and values that hypothesis makes up."""

from __future__ import annotations

import io
import json
from typing import Any

import fastavro
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.examples import examples
from tests.unit.codec.schemas import Json, as_plain, classes, same, schemas, stripped, untagged, values

from kgen_runtime.codec import make_reader, make_writer
from kgen_runtime.codec.avro.schema.parser import parse
from kgen_runtime.errors import DecodeError

QUICK = settings(max_examples=examples(150), deadline=None, suppress_health_check=list(HealthCheck))


def fast_write(schema: Json, value: Any) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), value)
    return out.getvalue()


def fast_read(schema: Json, data: bytes) -> Any:
    return fastavro.schemaless_reader(io.BytesIO(data), fastavro.parse_schema(schema))


@st.composite
def cases(draw: Any) -> tuple[Json, Any, Any]:
    text = draw(schemas())
    value, plain = draw(values(parse(json.dumps(text))))
    return text, value, plain


@QUICK
@given(cases())
def test_what_fastavro_wrote_is_read(case: tuple[Json, Any, Any]) -> None:
    text, value, plain = case
    schema, data = parse(json.dumps(text)), fast_write(stripped(text), plain)
    for engine in ("native", "python"):
        assert same(make_reader(schema, engine=engine).decode(data), value)
    for slots in (True, False):
        read = make_reader(schema, None, classes(schema, slots), engine="native").decode(data)
        assert same(as_plain(read), value)
    assert same(as_plain(make_reader(schema, None, classes(schema), engine="python").decode(data)), value)


@QUICK
@given(cases())
def test_what_is_written_fastavro_reads(case: tuple[Json, Any, Any]) -> None:
    text, value, plain = case
    schema = parse(json.dumps(text))
    data = make_writer(schema, engine="native").encode(value)
    assert make_writer(schema, engine="python").encode(value) == data
    assert same(make_reader(schema).decode(data), value)
    if not has_union(text):
        assert data == fast_write(stripped(text), plain)
    fast = fast_read(stripped(text), data)
    assert has_union(text) or same(fast, untagged(plain))


@QUICK
@given(cases())
def test_objects_and_dicts_are_written_alike(case: tuple[Json, Any, Any]) -> None:
    text, _, plain = case
    schema, data = parse(json.dumps(text)), fast_write(stripped(text), plain)
    known = classes(schema)
    value = make_reader(schema, None, known).decode(data)
    written = {
        make_writer(schema, known, engine=engine).encode(value, b"x") for engine in ("native", "python")
    }
    assert len(written) == 1
    [back] = written
    assert same(as_plain(make_reader(schema, None, known).decode(back, 1)), as_plain(value))


def has_union(text: Json) -> bool:
    if isinstance(text, list):
        return True
    return (isinstance(text, dict) and any(has_union(text.get(key)) for key in ("items", "values"))) or (
        isinstance(text, dict) and any(has_union(field["type"]) for field in text.get("fields", ()))
    )


def outcome(reader: Any, data: bytes) -> tuple[Any, ...]:
    try:
        return ("value", reader.decode(data))
    except DecodeError as error:
        return ("error", error.what, error.position, error.path)


@st.composite
def damaged(draw: Any) -> tuple[Json, bytes]:
    text, _, plain = draw(cases())
    data = bytearray(fast_write(stripped(text), plain))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=10))
    return text, bytes(data)


@QUICK
@given(damaged())
def test_damaged_data_gives_the_same_value_or_error_in_both_engines(case: tuple[Json, bytes]) -> None:
    text, data = case
    schema = parse(json.dumps(text))
    native, python = (outcome(make_reader(schema, engine=engine), data) for engine in ("native", "python"))
    assert same(list(native), list(python))

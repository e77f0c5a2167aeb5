"""Both engines against a plain model of docs/reference/json.md on `json.loads`, and against each other."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.examples import examples
from tests.unit.codec.json.json_kit import ENGINES, classes_of
from tests.unit.codec.json.json_model import Model, UnfitError, loads
from tests.unit.codec.json.json_strategies import exact, messages, trees

from kgen_runtime.codec import make_json_reader, make_json_writer
from kgen_runtime.codec.json.schema.json_tree import JsonSchema
from kgen_runtime.errors import DecodeError, EncodeError

QUICK = settings(max_examples=examples(100), deadline=None, suppress_health_check=list(HealthCheck))


@st.composite
def cases(draw: Any, unions: bool = True) -> tuple[JsonSchema, bytes]:
    schema = draw(trees(unions))
    return schema, draw(messages(schema)).encode("utf-8")


def kinds_of_classes(schema: JsonSchema) -> list[Any]:
    return [{}, classes_of(schema, slots=True), classes_of(schema, slots=False)]


@QUICK
@given(cases())
def test_a_message_is_read_as_the_model_reads_it(case: tuple[JsonSchema, bytes]) -> None:
    schema, message = case
    for classes in kinds_of_classes(schema):
        try:
            want = repr(Model(schema, classes).read(schema.root, loads(message)))
        except UnfitError:
            want = "refused"
        for engine in ENGINES:
            values, errors = make_json_reader(schema, classes, engine=engine).decode_many([message])
            assert ("refused" if errors else repr(values[0])) == want, engine


@QUICK
@given(cases(unions=False))
def test_what_is_read_is_written_and_read_the_same(case: tuple[JsonSchema, bytes]) -> None:
    schema, message = case
    for classes in kinds_of_classes(schema):
        for engine in ENGINES:
            reader = make_json_reader(schema, classes, engine=engine)
            writer = make_json_writer(schema, classes, engine=engine)
            values, errors = reader.decode_many([message])
            for value in values if not errors else []:
                written = writer.encode(value)
                assert reader.decode(written) == value
                assert writer.encode(reader.decode(written)) == written
                model = Model(schema, classes).read(schema.root, loads(written))
                assert exact(model) == exact(value)


@st.composite
def damaged(draw: Any) -> tuple[JsonSchema, bytes]:
    schema, message = draw(cases())
    data = bytearray(message)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(data)))
        end = min(len(data), at + draw(st.integers(0, 3)))
        data[at:end] = draw(
            st.binary(max_size=2) | st.sampled_from([b"{", b"]", b'"', b"\\", b",", b":", b"1", b"null"])
        )
    return schema, bytes(data)


def outcome(schema: JsonSchema, classes: Any, engine: Any, message: bytes) -> Any:
    try:
        return repr(make_json_reader(schema, classes, engine=engine).decode(b"\0" + message, 1))
    except DecodeError as error:
        return error.what, error.position, error.path


@settings(QUICK, max_examples=examples(200))
@given(cases() | damaged())
def test_both_engines_read_and_refuse_the_same(case: tuple[JsonSchema, bytes]) -> None:
    schema, message = case
    for classes in kinds_of_classes(schema):
        found = [outcome(schema, classes, engine, message) for engine in ENGINES]
        assert found[0] == found[-1]


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary(max_size=3)
    | st.datetimes()
    | st.decimals()
    | st.dates()
    | st.times()
    | st.uuids(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


def written(schema: JsonSchema, classes: Any, engine: Any, value: Any) -> Any:
    try:
        return make_json_writer(schema, classes, engine=engine).encode(value, b"id")
    except EncodeError as error:
        return error.what, error.path


@QUICK
@given(cases(), VALUES)
def test_both_engines_write_and_refuse_the_same(case: tuple[JsonSchema, bytes], other: Any) -> None:
    schema, message = case
    for classes in kinds_of_classes(schema):
        values, errors = make_json_reader(schema, classes, engine="python").decode_many([message])
        for value in [other, *([] if errors else values)]:
            found = [written(schema, classes, engine, value) for engine in ENGINES]
            assert found[0] == found[-1]
            if isinstance(found[0], bytes):
                json.loads(found[0][2:])

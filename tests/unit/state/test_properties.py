"""What is kept of an object is read as the object's Avro bytes would be, for schemas of every kind."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from tests.examples import examples
from tests.unit.codec.schemas import Json, as_plain, classes, same, schemas, values
from tests.unit.codec.test_evolution import evolve

from kgen_runtime.codec import make_reader, make_writer
from kgen_runtime.codec.avro.schema.parser import parse
from kgen_runtime.errors import DecodeError, EncodeError, RecoveryError
from kgen_runtime.serde.schemas import Schemas, WriterSchema
from kgen_runtime.state import homes, hooks, restorers
from kgen_runtime.state.loading import load
from kgen_runtime.state.registration import register

QUICK = settings(max_examples=examples(150), deadline=None, suppress_health_check=list(HealthCheck))


@contextmanager
def process(versions: list[Json], made: Mapping[str, type[Any]]) -> Iterator[None]:
    """A process that has the classes of the last of these versions."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(homes, "_homes", {})
        patch.setattr(restorers, "_known", {})
        homes.ready.clear()
        held = tuple(WriterSchema(n, n, json.dumps(each)) for n, each in enumerate(versions, 1))
        register(Schemas("made-value", held), made)
        yield


@contextmanager
def as_they_are() -> Iterator[None]:
    """Objects are kept with their values as they are, as where something is shared."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hooks, "make_writer", lambda *args: make_writer(*args, engine="python"))
        yield


@st.composite
def cases(draw: Any) -> tuple[Json, Json, Any]:
    """A schema, a later version of it, and a value of the first."""
    writer = {"type": "record", "name": "Root", "fields": [{"name": "v", "type": draw(schemas())}]}
    reader = evolve(draw, json.loads(json.dumps(writer)))
    value, _ = draw(values(parse(json.dumps(writer))))
    return writer, reader, value


def pickled(writer: Json, data: bytes) -> bytes:
    made = classes(parse(json.dumps(writer)))
    with process([writer], made):
        return pickle.dumps(make_reader(parse(json.dumps(writer)), None, made).decode(data))


@QUICK
@given(cases())
def test_kept_objects_are_read_as_their_bytes_are(case: tuple[Json, Json, Any]) -> None:
    writer, reader, value = case
    pair = parse(json.dumps(writer)), parse(json.dumps(reader))
    try:
        data = make_writer(pair[0]).encode(value)
    except EncodeError:  # of a union, another branch takes the value
        assume(False)
    kept = [pickled(writer, data)]
    with as_they_are():
        kept.append(pickled(writer, data))
    made = classes(pair[1])
    with process([writer, reader], made):
        try:
            expected = as_plain(make_reader(*pair, made).decode(data))
        except DecodeError:
            for each in kept:
                with pytest.raises(RecoveryError):
                    load(each)
            return
        for each in kept:
            assert same(as_plain(load(each)[0]), expected)


@QUICK
@given(cases())
def test_a_kept_object_is_the_same_again(case: tuple[Json, Json, Any]) -> None:
    writer, _, value = case
    schema = parse(json.dumps(writer))
    try:
        data = make_writer(schema).encode(value)
    except EncodeError:
        assume(False)
    made = classes(schema)
    with process([writer], made):
        before = make_reader(schema, None, made).decode(data)
        assert same(as_plain(pickle.loads(pickle.dumps(before))), as_plain(before))
    with as_they_are():
        made = classes(schema)
        with process([writer], made):
            before = make_reader(schema, None, made).decode(data)
            assert same(as_plain(pickle.loads(pickle.dumps(before))), as_plain(before))

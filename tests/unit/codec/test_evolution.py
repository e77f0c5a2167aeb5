"""Reader schemas that differ from what wrote: both engines against fastavro's resolution.

Where fastavro and the specification part, `test_codec.py` pins the specification (Avro 1.12):

- "Schema Resolution": "the reader should use the default value from its field": fastavro hands out the JSON
  value itself (a float's default of 1 stays an int, bytes stay text, all messages share one list).
- "int is promotable to long, float, or double": as a float fastavro keeps a number that a float cannot hold.
- Logical types: the specification has rules for decimals alone. Where one side has none, the reader's schema
  says what the data means to kgen; fastavro goes by the writer's. `test_times.py` has the rest.
- "The first schema in the reader's union that matches": where both `bytes` and `string` stand there, fastavro
  takes the first by its letter; kgen, as Java, looks for the same type first.
"""

from __future__ import annotations

import copy
import io
import json
from typing import Any

import fastavro
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.examples import examples
from tests.unit.codec.schemas import Json, as_plain, classes, same, schemas, stripped, values

from kgen_runtime.codec import make_reader
from kgen_runtime.codec.avro.resolution.resolve import PROMOTIONS, check
from kgen_runtime.codec.avro.schema.parser import parse
from kgen_runtime.errors import DecodeError, ResolutionError

QUICK = settings(max_examples=examples(120), deadline=None, suppress_health_check=list(HealthCheck))
WIDER = {
    "int": ["long", "double"],
    "long": ["double"],
    "float": ["double"],
    "string": ["bytes"],
    "bytes": ["string"],
}
NEW: list[tuple[Json, Any]] = [
    ("int", 5),
    ("string", "new"),
    (["null", "string"], None),
    ({"type": "array", "items": "int"}, [1]),
]


def evolve(draw: Any, schema: Json) -> Json:
    """A later version of a schema: fields dropped, added and renamed, types widened, unions grown."""
    if isinstance(schema, str):
        return draw(st.sampled_from([schema, schema, *WIDER.get(schema, [])]))
    if isinstance(schema, list):
        return _evolve_union(draw, schema)
    kind = schema["type"]
    if kind in ("array", "map"):
        key = "items" if kind == "array" else "values"
        return {**schema, key: evolve(draw, schema[key])}
    if kind == "enum":
        return {**schema, "symbols": draw(st.permutations([*schema["symbols"], "NEW"]))}
    return _evolve_record(draw, schema) if kind == "record" else schema


def _evolve_union(draw: Any, schema: Json) -> Json:
    """The branches stay apart: a widened branch could meet another one."""
    branches = [branch if isinstance(branch, str) else evolve(draw, branch) for branch in schema]
    return [*branches, "boolean"] if "boolean" not in branches and draw(st.booleans()) else branches


def _evolve_record(draw: Any, schema: Json) -> Json:
    fields = []
    for field in schema["fields"]:
        if not defines(field["type"]) and draw(st.integers(0, 3)) == 0:
            continue
        changed = {**field, "type": evolve(draw, field["type"])}
        if draw(st.integers(0, 3)) == 0:
            changed = {**changed, "name": "renamed_" + field["name"], "aliases": [field["name"]]}
        fields.append(changed)
    for number, (kind, default) in enumerate(draw(st.lists(st.sampled_from(NEW), max_size=2))):
        fields.append({"name": f"new{number}", "type": kind, "default": default})
    return {**schema, "fields": fields}


def defines(schema: Json) -> bool:
    """Whether a named type is defined inside, which other fields may refer to."""
    if isinstance(schema, list):
        return any(map(defines, schema))
    return isinstance(schema, dict) and (
        "name" in schema or any(defines(schema.get(key)) for key in ("items", "values"))
    )


def ambiguous(schema: Json) -> bool:
    """Whether a union holds a type after one it could be promoted to: there the rules part (see above)."""
    if isinstance(schema, dict):
        return any(map(ambiguous, [*schema.values(), *schema.get("fields", ())]))
    if not isinstance(schema, list):
        return False
    kinds = [branch for branch in schema if isinstance(branch, str)]
    before = [(kinds[i], kinds[j]) for j in range(len(kinds)) for i in range(j)]
    return any(early in PROMOTIONS.get(late, ()) for early, late in before) or any(map(ambiguous, schema))


@st.composite
def pairs(draw: Any) -> tuple[Json, Json, bytes]:
    writer = draw(schemas().map(stripped).filter(lambda schema: not ambiguous(schema)))
    _, plain = draw(values(parse(json.dumps(writer))))
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(writer), plain)
    return writer, evolve(draw, copy.deepcopy(writer)), out.getvalue()


@QUICK
@given(pairs())
def test_later_versions_read_what_earlier_ones_wrote_as_fastavro_does(case: tuple[Json, Json, bytes]) -> None:
    writer, reader, data = case
    pair = parse(json.dumps(writer)), parse(json.dumps(reader))
    try:
        fast = fastavro.schemaless_reader(
            io.BytesIO(data), fastavro.parse_schema(writer), fastavro.parse_schema(reader)
        )
    except UnicodeDecodeError:  # bytes read as a string
        with pytest.raises(DecodeError, match="UTF-8"):
            make_reader(*pair).decode(data)
        return
    assert check(*pair) == []
    for engine in ("native", "python"):
        assert same(make_reader(*pair, engine=engine).decode(data), fast)
        assert same(as_plain(make_reader(*pair, classes(pair[1]), engine=engine).decode(data)), fast)


@QUICK
@given(schemas(), schemas(), st.binary(max_size=30))
def test_strangers_either_refuse_each_other_or_read_alike(writer: Json, reader: Json, data: bytes) -> None:
    pair = parse(json.dumps(writer)), parse(json.dumps(reader))
    outcomes = []
    for engine in ("native", "python"):
        try:
            outcomes.append(["value", make_reader(*pair, engine=engine).decode(data)])
        except DecodeError as error:
            outcomes.append([error.what, error.position, error.path])
        except ResolutionError as error:
            assert any(problem.always for problem in check(*pair))
            outcomes.append([str(error)])
    assert same(outcomes[0], outcomes[1])

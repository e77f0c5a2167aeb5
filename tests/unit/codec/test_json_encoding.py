"""Avro values as JSON text, and back."""

from __future__ import annotations

import json
import math
import random
import struct
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.examples import examples

from kgen_runtime.codec import has_native, make_writer
from kgen_runtime.codec.avro.json_encoding import AvroJsonTexts, dumps, to_json
from kgen_runtime.codec.avro.json_input import AvroJsonWriter
from kgen_runtime.codec.avro.sample_values import sample
from kgen_runtime.codec.avro.schema.parser import parse
from kgen_runtime.errors import DecodeError, EncodeError

from .schemas import FIXED_LOGICALS, LOGICALS, PRIMITIVES

NODE = {
    "type": "record",
    "name": "a.Node",
    "fields": [
        {"name": "id", "type": "long"},
        {"name": "price", "type": {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 3}},
        {"name": "next", "type": ["null", "a.Node"], "default": None},
        {"name": "state", "type": {"type": "enum", "name": "State", "symbols": ["NEW", "PAID"]}},
        {"name": "any", "type": ["null", "string", "int", "State", {"type": "array", "items": "int"}]},
        {"name": "tags", "type": {"type": "map", "values": "string"}, "default": {}},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "default": 0},
    ],
}
ENGINES = [
    "python",
    pytest.param("native", marks=pytest.mark.skipif(not has_native(), reason="the codec is not compiled")),
]
GOOD = {"id": 1, "price": Decimal("1.500"), "next": None, "state": "NEW", "any": None, "tags": {}, "at": 5}


def of(kind: Any) -> Any:
    return parse(json.dumps(kind))


def loads(text: str) -> Any:
    return json.loads(text, parse_float=Decimal)


EVERY = [
    *PRIMITIVES,
    *LOGICALS,
    *({"type": "fixed", "name": f"F{number}", **each} for number, each in enumerate(FIXED_LOGICALS)),
]


@pytest.mark.parametrize("engine", ENGINES)
def test_every_type_comes_back_from_its_text(engine: Any) -> None:
    fields = [{"name": f"f{number}", "type": kind} for number, kind in enumerate(EVERY)]
    fields += [{"name": f"u{number}", "type": ["null", kind]} for number, kind in enumerate(EVERY[1:])]
    # a named type is defined once
    seen: set[str] = set()
    for each in fields:
        kind = each["type"][1] if isinstance(each["type"], list) else each["type"]
        if isinstance(kind, dict) and "name" in kind:
            if kind["name"] in seen:
                each["type"] = ["null", kind["name"]] if isinstance(each["type"], list) else kind["name"]
            seen.add(kind["name"])
    schema = of({"type": "record", "name": "All", "fields": [*fields, {"name": "node", "type": NODE}]})
    rng, writer = random.Random(7), make_writer(schema)
    payloads = [b"frame" + writer.encode(sample(schema, rng)) for _ in range(30)]
    texts, errors = AvroJsonTexts(schema, engine=engine).texts(payloads, 5)
    assert not errors
    again = AvroJsonWriter(schema)
    for text, payload in zip(texts, payloads):
        assert text is not None
        assert text.isascii()
        assert text == dumps(to_json(schema, payload, 5))
        assert again.encode(loads(text)) == payload[5:]


@settings(max_examples=examples(60), deadline=None)
@given(
    st.text(),
    st.floats(),
    st.floats(width=32, allow_nan=False),
    st.integers(-(1 << 63), (1 << 63) - 1),
    st.binary(),
)
def test_scalars_are_written_as_jsons_own(
    text: str, double: float, single: float, number: int, raw: bytes
) -> None:
    names = ["string", "double", "float", "long", "bytes"]
    fields = [{"name": each, "type": each} for each in names]
    schema = of({"type": "record", "name": "R", "fields": fields})
    text = text.encode(errors="replace").decode()
    payload = make_writer(schema).encode(dict(zip(names, [text, double, single, number, raw])))
    plain = {
        "string": text,
        "double": double,
        "float": single,
        "long": number,
        "bytes": raw.decode("latin-1"),
    }
    for name in ("double", "float"):
        if not math.isfinite(plain[name]):  # type: ignore[arg-type]
            plain[name] = {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}[str(plain[name])]
    for engine in ("python", "native") if has_native() else ("python",):
        assert AvroJsonTexts(schema, engine=engine).texts([payload])[0] == [json.dumps(plain)]
    if not math.isnan(double):  # the bits of such a one may differ
        assert AvroJsonWriter(schema).encode(plain) == payload


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("value", [0, 1, -1, 5, -50, 1234, -(1 << 63), (1 << 63) - 1, 1 << 70, -(10**27)])
@pytest.mark.parametrize("scale", [0, 1, 3, 27])
def test_decimals_have_all_of_their_digits(engine: Any, value: int, scale: int) -> None:
    for kind in ({"type": "bytes"}, {"type": "fixed", "name": "F", "size": 16}):
        schema = of({**kind, "logicalType": "decimal", "precision": 30, "scale": scale})
        exact = Decimal(value).scaleb(-scale)
        payload = make_writer(schema).encode(exact)
        assert AvroJsonTexts(schema, engine=engine).texts([payload])[0] == [format(exact, "f")]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_big_decimal_of_two_bytes_makes_no_gigabyte(engine: Any) -> None:
    schema = of({"type": "bytes", "logicalType": "big-decimal"})
    payload = make_writer(schema).encode(Decimal("1E+2000000000"))
    [text], _ = AvroJsonTexts(schema, engine=engine).texts([payload])
    assert text == "1E+2000000000"


@pytest.mark.parametrize("engine", ENGINES)
def test_undecodable_payloads_have_the_error_of_the_codec(engine: Any) -> None:
    schema = of(NODE)
    good = AvroJsonWriter(schema).encode(GOOD)
    bad = [good[:-1], good + b"x", b"", b"\xff" * 20]
    texts, errors = AvroJsonTexts(schema, engine=engine).texts([good, *bad])
    assert [text is None for text in texts] == [False, True, True, True, True]
    assert "left over" in errors[2].what
    assert errors[1].path


@pytest.mark.parametrize("engine", ENGINES)
def test_items_without_bytes_are_bounded(engine: Any) -> None:
    schema = of({"type": "array", "items": "null"})
    _, errors = AvroJsonTexts(schema, engine=engine).texts([b"\xfe\xff\xff\xff\x0f\x00"])
    assert errors


@pytest.mark.parametrize(
    ("change", "pointer", "words"),
    [
        ({"id": "x"}, "/id", 'expected a whole number, got "x"'),
        ({"id": 1 << 63}, "/id", "more than 64 bits"),
        ({"price": "1.5"}, "/price", "expected a number"),
        ({"price": Decimal("1.5001")}, "/price", "scale 3"),
        ({"state": "PAYD"}, "/state", "a symbol of a.State"),
        ({"any": "x"}, "/any", "the name of a branch"),
        ({"any": {"array": [1, "x"]}}, "/any/array/1", "whole number"),
        ({"next": {"a.Node": {"id": 1}}}, "/next/a.Node", "lacks the field price"),
        ({"tags": {"a/b": 1}}, "/tags/a~1b", "expected a string, got 1"),
        ({"extra~": 1}, "/extra~0", "has no field"),
        ({"at": "2026-01-31T12:00:00Z"}, "/at", "timestamp-millis"),
    ],
)
def test_a_misfit_is_named_by_its_pointer(change: Any, pointer: str, words: str) -> None:
    with pytest.raises(EncodeError) as caught:
        AvroJsonWriter(of(NODE)).encode({**GOOD, **change})
    assert caught.value.path == pointer
    assert words in caught.value.what


def test_hints_name_near_names() -> None:
    writer = AvroJsonWriter(of(NODE))
    hints = []
    renamed = {"ID": 1, **{name: value for name, value in GOOD.items() if name != "state"}, "stat": "NEW"}
    for value in ({**GOOD, "state": "PAYD"}, {**GOOD, "at": "2026-01-31T12:00:00Z"}, renamed):
        with pytest.raises(EncodeError) as caught:
            writer.encode(value)
        hints.append(str(caught.value.hint))
    assert hints[0] == 'Is "PAID" meant?'
    assert hints[1] == "Write 1769860800000."
    assert "stat" in hints[2]


def test_a_nullable_value_needs_no_branch_and_defaults_may_be_left_out() -> None:
    schema = of(NODE)
    short = {"id": 1, "price": 2, "state": "NEW", "any": None}
    whole = {**GOOD, "price": Decimal(2), "at": 0}
    assert AvroJsonWriter(schema).encode(short) == AvroJsonWriter(schema).encode(whole)
    nested = {**short, "next": short}
    assert AvroJsonWriter(schema).encode(nested) == AvroJsonWriter(schema).encode(
        {**short, "next": {"a.Node": short}}
    )


def test_nesting_is_bounded() -> None:
    value: Any = None
    for _ in range(500):
        value = {"a.Node": {**GOOD, "next": value}}
    with pytest.raises(EncodeError, match="nested too deep"):
        AvroJsonWriter(of(NODE)).encode({**GOOD, "next": value})


def test_numbers_too_large_for_a_float_are_refused() -> None:
    with pytest.raises(EncodeError, match="too large"):
        AvroJsonWriter(of("float")).encode(Decimal("1e300"))
    for beyond in (Decimal("1e400"), Decimal("-1e309"), 10**400):
        for kind in ("float", "double"):
            with pytest.raises(EncodeError, match="too large"):
                AvroJsonWriter(of(kind)).encode(beyond)
    assert AvroJsonWriter(of("double")).encode("-Infinity") == struct.pack("<d", -math.inf)


@pytest.mark.parametrize("engine", ENGINES)
def test_decimals_beyond_their_precision_are_numbers(engine: Any) -> None:
    """As other values that Python's types have no place for, `rt.OutOfRange`."""
    text = {"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}
    schema, data = parse(json.dumps(text)), b"\x06" + (1234567).to_bytes(3, "big")
    assert AvroJsonTexts(schema, engine=engine).texts([data]) == (["12345.67"], {})
    assert to_json(schema, data) == Decimal("12345.67")
    digits = 10**5_000
    size = (digits.bit_length() + 8) // 8
    data = make_writer(parse('"bytes"')).encode(digits.to_bytes(size, "big"))
    with pytest.raises(DecodeError, match="more digits than"):
        to_json(schema, data)
    [error] = AvroJsonTexts(schema, engine=engine).texts([data])[1].values()
    assert "more digits than" in error.what
    assert "\n" not in error.what  # not the place in it as well

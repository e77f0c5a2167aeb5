"""Decimals between bytes and `Decimal`: both engines, at the edges of what the native one does by itself."""

from __future__ import annotations

import importlib
import json
from decimal import Context, Decimal, localcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgen_runtime import DecodeError, EncodeError
from kgen_runtime.codec import EngineName, has_native, make_reader, make_writer
from kgen_runtime.codec.avro.schema.parser import parse

EDGES = [0, 1, 9, 10**9 - 1, 10**9, 10**18, 10**37, 10**38 - 1, 10**38, 10**40] + [
    (1 << bits) + more for bits in (7, 8, 31, 32, 63, 64, 96, 127, 128) for more in (-1, 0, 1)
]
NUMBERS = st.sampled_from(EDGES) | st.integers(0, 10**41)
TEXTS = ["NaN", "sNaN", "Infinity", "-0", "-0.000", "0E+5", "0E-30", "1E+2", "1e-2", "1E+99999", "0E+99999"]

native = pytest.mark.skipif(not has_native(), reason="the codec is not compiled")
ENGINES: tuple[EngineName, EngineName] = ("python", "native" if has_native() else "python")


def schema(precision: int, scale: int, size: int) -> Any:
    kind = {"type": "bytes"} if size < 0 else {"type": "fixed", "name": "Fixed", "size": size}
    return parse(json.dumps({**kind, "logicalType": "decimal", "precision": precision, "scale": scale}))


def outcome(call: Any, *arguments: Any) -> Any:
    try:
        found = call(*arguments)
    except (DecodeError, EncodeError) as error:
        return str(error)
    return found.as_tuple() if isinstance(found, Decimal) else found


@given(
    precision=st.integers(1, 41),
    below=st.integers(0, 41),
    size=st.sampled_from([-1, 18, 24]),
    number=NUMBERS,
    negative=st.booleans(),
    exponent=st.integers(-41, 5),
    text=st.none() | st.sampled_from(TEXTS),
)
def test_the_engines_agree(
    precision: int, below: int, size: int, number: int, negative: bool, exponent: int, text: str | None
) -> None:
    known = schema(precision, min(below, precision), size)
    sign = -1 if negative else 1
    value = Decimal(text) if text else Decimal(sign * number).scaleb(exponent, Context(prec=99))
    written = [outcome(make_writer(known, {}, engine=engine).encode, value) for engine in ENGINES]
    assert written[0] == written[1]
    raw = (sign * number).to_bytes(18 if size < 0 else size, "big", signed=True)
    data = raw if size > 0 else bytes([len(raw) * 2]) + raw
    for each in [data, *(known for known in written if isinstance(known, bytes))]:
        read = [outcome(make_reader(known, None, {}, engine=engine).decode, each) for engine in ENGINES]
        assert read[0] == read[1]


@native
def test_a_decimal_of_few_digits_is_written_without_arithmetic(monkeypatch: pytest.MonkeyPatch) -> None:
    _writer = importlib.import_module("kgen_runtime.codec.native._writer")

    def slow(*arguments: object) -> None:
        raise AssertionError("scaled")

    monkeypatch.setattr(_writer, "unscaled", slow)
    for size in (-1, 16):
        for number in ("0", "-1", "12.34", "1E+3", "9" * 36 + ".99"):
            assert make_writer(schema(38, 2, size), {}, engine="native").encode(Decimal(number))


@native
def test_the_thread_s_decimal_context_does_not_matter() -> None:
    known = schema(38, 2, 16)
    value = Decimal("-" + "9" * 36 + ".99")
    with localcontext(Context(prec=1, capitals=0, Emax=1, Emin=-1)):
        data = make_writer(known, {}, engine="native").encode(value)
        assert make_reader(known, None, {}, engine="native").decode(data).as_tuple() == value.as_tuple()

"""The native JSON engine against the one in plain Python: the same values, the same errors and places."""

from __future__ import annotations

import dataclasses
import json
import math
import random
import struct
from collections.abc import Hashable
from decimal import Decimal, localcontext
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.examples import examples
from tests.unit.codec.json.json_targets import (
    GOOD,
    KINDS,
    ODD_VALUES,
    SCHEMA,
    SEEDS,
    TOKENS,
    Leaf,
    Root,
    mutate_json,
)

from kgen_runtime.codec import make_json_reader, make_json_writer
from kgen_runtime.codec.json.schema.json_tree import (
    Anything,
    Constant,
    JsonArray,
    JsonObject,
    JsonRef,
    JsonScalar,
    JsonSchema,
    JsonUnion,
    Property,
)
from kgen_runtime.errors import DecodeError, EncodeError

Outcome = tuple[Any, ...]


def read(reader: Any, data: bytes, offset: int) -> Outcome:
    try:
        return "value", repr(reader.decode(data, offset))
    except DecodeError as error:
        return "error", error.what, error.position, error.path, repr(error.__cause__)


class Readers:
    """One reader of each engine, which must agree."""

    def __init__(self, kind: str, max_depth: int = 128) -> None:
        self.native = make_json_reader(SCHEMA, KINDS[kind], max_depth=max_depth, engine="native")
        self.plain = make_json_reader(SCHEMA, KINDS[kind], max_depth=max_depth, engine="python")

    def agree(self, data: bytes, offset: int = 0) -> Outcome:
        found, wanted = read(self.native, data, offset), read(self.plain, data, offset)
        assert found == wanted, (data, offset)
        return found


ANYTHING = [make_json_reader(JsonSchema(Anything()), engine=engine) for engine in ("native", "python")]


@pytest.fixture(params=KINDS)
def readers(request: pytest.FixtureRequest) -> Readers:
    return Readers(request.param)


def test_the_messages_to_start_from_are_read(readers: Readers) -> None:
    for seed in SEEDS:
        assert readers.agree(seed)[0] == "value"
        assert readers.agree(b"12" + seed, 2) == readers.agree(seed)
        assert readers.agree(b"\xef\xbb\xbf" + seed) == readers.agree(seed)


def test_cut_messages(readers: Readers) -> None:
    for seed in SEEDS:
        for size in range(0, len(seed), 3):
            assert readers.agree(seed[:size])[0] == "error"


@pytest.mark.parametrize("offset", [-1, len(SEEDS[0]), len(SEEDS[0]) + 1])
def test_offsets_outside_of_the_payload(readers: Readers, offset: int) -> None:
    assert "ends too early" in readers.agree(SEEDS[0], offset)[1]


@pytest.mark.parametrize("depth", [*range(126, 131), 1000])
def test_nesting(readers: Readers, depth: int) -> None:
    for data in (
        b"[" * depth,
        b'{"any":' * depth,
        b'{"any":' + b"[" * depth + b"]" * depth,
        b'{"rec":' * depth,
        b'{"dropped":' + b"[" * depth + b"]" * depth,
        b'{"tag":' * depth,
        b'{"names":{"q":' + b"[" * depth + b"]" * depth,
    ):
        readers.agree(data)


def test_a_small_limit_of_depth() -> None:
    shallow = Readers("slotted", 4)
    for seed in SEEDS:
        assert shallow.agree(seed)[1] == "the data is nested too deeply"


def test_damaged_messages(readers: Readers) -> None:
    rng = random.Random(7)
    for _ in range(700):
        readers.agree(mutate_json(rng, rng.choice(SEEDS)))


@given(st.lists(st.sampled_from(TOKENS), max_size=12).map(b"".join))
@settings(max_examples=examples(300), deadline=None)
def test_tokens_in_any_order(data: bytes) -> None:
    Readers("slotted").agree(data)
    Readers("dicts").agree(b'{"any":' + data)


def test_every_value_in_the_place_of_every_other(readers: Readers) -> None:
    """Each misfit has the same words and place."""
    for name in GOOD:
        for value in (
            [],
            {},
            [1, 2],
            -1,
            0.5,
            10**30,
            "",
            "2024-01-01",
            None,
            True,
            {"id": "x"},
            {"kind": "z"},
        ):
            readers.agree(json.dumps({**GOOD, name: value}).encode())


def test_integers_of_all_sizes(engine: Any) -> None:
    reader = make_json_reader(JsonSchema(JsonArray(JsonScalar("integer"))), engine=engine)
    numbers = [sign * (10**power + more) for power in range(45) for more in (-1, 0, 1) for sign in (1, -1)]
    assert reader.decode(str(numbers).encode()) == numbers
    assert reader.decode(b"[1.0, 1e3, 120e-1, -0.0, 1.50e1, 0e99999999999]") == [1, 1000, 12, 0, 15, 0]


def _hard_numbers(rng: random.Random) -> list[str]:
    """Texts of numbers near where rounding turns, and others of all lengths."""
    out = []
    for _ in range(300):
        number = abs(struct.unpack("<d", rng.randbytes(8))[0])
        if not 1e-300 < number < 1e300:
            continue
        with localcontext() as context:
            context.prec = 1200
            half = (Decimal(number) + Decimal(math.nextafter(number, math.inf))) / 2
        mantissa, _, power = format(half, "e").partition("e")
        out += [
            repr(number),
            f"{mantissa}e{power}",
            f"{mantissa[: rng.randrange(3, 24)].rstrip('.')}e{power}",
        ]
        out.append(f"{rng.randrange(10 ** rng.randrange(1, 25))}e{rng.randrange(-345, 309)}")
        out.append(f"0.{'0' * rng.randrange(330)}{rng.randrange(1, 10 ** rng.randrange(1, 20))}")
        out.append(f"-{rng.randrange(2**53, 2**63) * 2 + 1}e{rng.randrange(-30, 30)}")
        out.append(f"{rng.randrange(10**6)}.{rng.randrange(10**9):09}")
    return [text for text in out if abs(float(text)) != math.inf]


def test_floats_are_the_nearest(engine: Any) -> None:
    """The judge is Python's own `float`."""
    reader = make_json_reader(JsonSchema(JsonArray(JsonScalar("number"))), engine=engine)
    texts = _hard_numbers(random.Random(3))
    found = reader.decode(f"[{','.join(texts)}]".encode())
    assert len(found) > 1000
    assert [struct.pack("<d", value) for value in found] == [struct.pack("<d", float(text)) for text in texts]


@given(st.text(max_size=40), st.booleans())
@settings(max_examples=examples(300), deadline=None)
def test_strings_and_names(text: str, ascii_only: bool) -> None:
    value = {text: [text, text + "x"]}
    lone = any("\ud800" <= character <= "\udfff" for character in text)
    data = json.dumps(value, ensure_ascii=ascii_only or lone).encode()
    found, wanted = (read(reader, data, 0) for reader in ANYTHING)
    assert found == wanted
    assert found[:2] == (("error", "a string holds a lone surrogate") if lone else ("value", repr(value)))


def test_names_in_an_order_of_their_own(engine: Any) -> None:
    """The reader expects the order of the last message; a name is found in any."""
    reader = make_json_reader(SCHEMA, KINDS["slotted"], engine=engine)
    rng = random.Random(1)
    wanted = reader.decode(SEEDS[0])
    for _ in range(200):
        items = list(GOOD.items())
        rng.shuffle(items)
        assert reader.decode(json.dumps(dict(items)).encode()) == wanted


def test_all_payloads_of_a_batch(engine: Any) -> None:
    reader = make_json_reader(JsonSchema(JsonScalar("integer")), engine=engine)
    values, errors = reader.decode_many([b"1", b"x", b" 2 ", b"3 4"])
    assert values == [1, None, 2, None]
    assert {index: (error.what, error.position) for index, error in errors.items()} == {  # type: ignore[attr-defined]
        1: ("expected a JSON value", 0),
        3: ("1 bytes are left over after the value", 2),
    }


def test_what_is_not_bytes(engine: Any) -> None:
    reader = make_json_reader(JsonSchema(Anything()), engine=engine)
    for data in ("1", bytearray(b"1"), None):
        with pytest.raises(TypeError, match="must be bytes"):
            reader.decode(data)  # type: ignore[arg-type]


def written(writer: Any, value: Any) -> Outcome:
    try:
        return "bytes", writer.encode(value, b"..")
    except EncodeError as error:
        return "error", error.what, error.path, repr(error.__cause__)


class Writers:
    """One writer of each engine, which must agree."""

    def __init__(self, schema: JsonSchema, classes: dict[str, type[Any]]) -> None:
        self.native = make_json_writer(schema, classes, engine="native")
        self.plain = make_json_writer(schema, classes, engine="python")

    def agree(self, value: Any) -> Outcome:
        found, wanted = written(self.native, value), written(self.plain, value)
        assert found == wanted, value
        return found


@pytest.fixture(params=["slotted", "dicts"])
def writers(request: pytest.FixtureRequest) -> Writers:
    return Writers(SCHEMA, KINDS[request.param])


def test_what_is_read_is_written(writers: Writers) -> None:
    for kind in ("slotted", "dicts"):
        reader = make_json_reader(SCHEMA, KINDS[kind])
        for seed in SEEDS:
            value = reader.decode(seed)
            outcome = writers.agree(value)
            if outcome[0] == "bytes":
                assert reader.decode(outcome[1], 2) == value


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(Root)])
def test_every_value_for_every_property(writers: Writers, name: str) -> None:
    """Of objects and of dicts: the same bytes, or the same words and place."""
    whole = make_json_reader(SCHEMA, KINDS["slotted"]).decode(SEEDS[0])
    field = next(field for field in dataclasses.fields(Root) if field.name == name)
    entries = make_json_reader(SCHEMA).decode(SEEDS[0])
    wire = field.metadata.get("json", name)
    for value in ODD_VALUES:
        writers.agree(dataclasses.replace(whole, **{name: value}))
        writers.agree({**entries, wire: value})
    del entries[wire]
    writers.agree(entries)
    delattr(whole, name)
    writers.agree(whole)


@pytest.mark.parametrize("value", ODD_VALUES, ids=range(len(ODD_VALUES)))
def test_values_of_any_type(value: Any) -> None:
    anything = Writers(JsonSchema(Anything()), {})
    for whole in (value, [value], {"k": value}, {"a": [value, {}, []]}):
        anything.agree(whole)
    if isinstance(value, Hashable):
        anything.agree({value: 1})


def test_classes_that_are_called_are_written_by_their_attributes() -> None:
    class Later(Leaf):
        pass

    writers = Writers(JsonSchema(JsonRef("#leaf"), SCHEMA.names), KINDS["slotted"])
    assert writers.agree(Later(id=1, tags=["x"])) == ("bytes", b'..{"id":1,"tags":["x"]}')


def test_values_that_hold_themselves() -> None:
    rings: list[Any] = [[], {}]
    rings[0].append(rings[0])
    rings[1]["k"] = rings[1]
    anything, tree = Writers(JsonSchema(Anything()), {}), Writers(SCHEMA, KINDS["slotted"])
    for ring in rings:
        assert "nested more than 128 deep" in anything.agree(ring)[1]
    whole = make_json_reader(SCHEMA, KINDS["slotted"]).decode(SEEDS[0])
    whole.rec = whole
    assert "nested more than 128 deep" in tree.agree(whole)[1]


NUMBERS = Writers(JsonSchema(JsonScalar("number")), {})


@given(st.floats())
@settings(max_examples=examples(1000), deadline=None)
def test_floats_have_the_digits_of_their_repr(number: float) -> None:
    outcome = NUMBERS.agree(number)
    if math.isfinite(number):
        assert outcome == ("bytes", b".." + repr(number).encode())


@given(st.integers(-(10**17), 10**17), st.integers(0, 18))
@settings(max_examples=examples(1000), deadline=None)
def test_short_decimals_have_the_digits_of_their_repr(whole: int, places: int) -> None:
    for number in (whole / 10**places, whole * 10.0**-places):
        assert NUMBERS.agree(number) == ("bytes", b".." + repr(number).encode())


@given(st.text(max_size=60))
@settings(max_examples=examples(500), deadline=None)
def test_strings_are_escaped_as_json_does(text: str) -> None:
    outcome = Writers(JsonSchema(Anything()), {}).agree({text: text})
    if outcome[0] == "bytes":
        assert (
            outcome[1] == b".." + json.dumps({text: text}, ensure_ascii=False, separators=(",", ":")).encode()
        )


def test_messages_larger_than_the_buffer_on_the_stack() -> None:
    anything = Writers(JsonSchema(Anything()), {})
    for size in (*range(1000, 1040), 5000, 100_000):
        for text in ("x" * size, "é" * size, '"' * size, "x" * size + '"\n'):
            anything.agree([text, size, 0.5, text])
        anything.agree(list(range(size)))


def test_text_that_is_not_utf8_is_found_wherever_it_stands() -> None:
    """The judge is Python's own decoder."""
    rng = random.Random(4)
    pieces = [
        b"a" * 7,
        b"a" * 40,
        "é".encode(),
        "€".encode(),
        "\U0001f600".encode(),
        b"\xf4\x90",
        b"\xed\xa0",
    ]
    for _ in range(3000):
        data = b'"' + b"".join(rng.choice(pieces) for _ in range(rng.randrange(12))) + b'"'
        if rng.random() < 0.5:
            at = rng.randrange(len(data))
            data = data[:at] + rng.randbytes(1) + data[at + 1 :]
        found, wanted = (read(reader, data, 0) for reader in ANYTHING)
        assert found == wanted, data
        wrong = first_byte_not_utf8(data)
        if wrong >= 0:
            assert found[1:3] == ("the message is not valid UTF-8", wrong)


def first_byte_not_utf8(data: bytes) -> int:
    try:
        data.decode()
    except UnicodeDecodeError as error:
        return error.start
    return -1


def test_long_values_that_unions_skip_again_end_where_they_did() -> None:
    """Nested objects whose tag comes last: each is skipped by those around it before it is read."""
    part = JsonUnion((JsonRef("#a"), JsonRef("#b")), "kind")
    names = {
        f"#{kind}": JsonObject(
            f"#{kind}",
            (
                Property("inner", part),
                Property("list", Anything()),
                Property("kind", Constant((kind,)), True),
            ),
        )
        for kind in "ab"
    }
    readers = [
        make_json_reader(JsonSchema(part, names), engine="native"),
        make_json_reader(JsonSchema(part, names), engine="python"),
    ]
    rng = random.Random(2)
    for depth in (1, 5, 60, 126, 127, 128):
        value: dict[str, Any] = {"kind": "a"}
        for _ in range(depth):
            value = {"inner": value, "list": [[1] * rng.randrange(700)] * 2, "kind": rng.choice("ab")}
        data = json.dumps(value).encode()
        for damaged in (data, data[:-9], data.replace(b'"a"', b'"c"', 1), data.replace(b"]", b"", 1)):
            found, wanted = (read(reader, damaged, 0) for reader in readers)
            assert found == wanted

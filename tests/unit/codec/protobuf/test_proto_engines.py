"""The two engines are one: the same values, bytes and errors, at the same places, within the same bounds."""

from __future__ import annotations

import datetime as dt
import gc
import random
import threading
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from tests.unit.codec.protobuf.proto_kit import classes_of
from tests.unit.codec.protobuf.proto_strategies import SEEDS, fill, made_kit

from kgen_runtime.codec import make_proto_reader, make_proto_writer
from kgen_runtime.codec.limits import MOST_PROTO_DEPTH
from kgen_runtime.codec.protobuf.schema.proto_descriptor import parse_descriptor
from kgen_runtime.codec.values import ABSENT, AnyMessage, NanosDatetime, NanosTimedelta, OpenEnum, OutOfRange
from kgen_runtime.errors import ConfigError, DecodeError, EncodeError

SETTINGS = settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
TEXT = """descriptor 1
message p.M
  1 id string implicit
  2 inner message p.M explicit
  3 list message p.M repeated
  4 map map int32 message p.M
  5 group group p.M explicit
  6 packed int32 packed
  7 fixed fixed32 implicit
  8 text string explicit oneof=choice
  9 other message p.M explicit oneof=choice
  10 at message google.protobuf.Timestamp explicit
  11 tree message google.protobuf.Struct explicit
  12 name message google.protobuf.StringValue explicit
  13 day message google.type.Date explicit
  14 wide double implicit
  15 loose string explicit unchecked
  16 names map string string
message p.R
  1 id string required
  2 inner message p.R explicit
"""
SCHEMA = parse_descriptor(TEXT)


def reader_of(engine: Any, root: str = "p.M", **options: Any) -> Any:
    return make_proto_reader(SCHEMA, root, classes_of(SCHEMA), engine=engine, **options)


def error_of(engine: Any, data: bytes, root: str = "p.M", **options: Any) -> tuple[str, int, str]:
    with pytest.raises(DecodeError) as caught:
        reader_of(engine, root, **options).decode(data)
    return caught.value.what, caught.value.position, caught.value.path


def sized(number: int, body: bytes) -> bytes:
    head = b""
    rest = len(body)
    while rest > 0x7F:
        head += bytes([rest & 0x7F | 0x80])
        rest >>= 7
    return bytes([number << 3 | 2]) + head + bytes([rest]) + body


def outcome(call: Any, *arguments: Any) -> Any:
    try:
        return repr(call(*arguments))
    except DecodeError as error:
        return error.what, error.position, error.path, error.hint
    except EncodeError as error:
        return error.what, error.path, error.hint


@SETTINGS
@given(SEEDS)
@pytest.mark.parametrize("classes", [True, False])
def test_both_engines_give_the_same(classes: bool, seed: int) -> None:
    rng = random.Random(seed)
    kit = made_kit(seed, keeps=rng.random() < 0.5)
    choice = rng.choice(["raw", "error"])
    first, second = (kit.reader(name, classes=classes, out_of_range=choice) for name in ("python", "native"))
    writers = [kit.writer(name, classes=classes) for name in ("python", "native")]
    for _ in range(6):
        data = bytearray(fill(rng, kit.message()()).SerializeToString())
        data += fill(rng, kit.message()()).SerializeToString() if rng.random() < 0.3 else b""
        for _ in range(rng.choice((0, 1, 1, 3))):
            at = rng.randrange(len(data) + 1)
            data[at : at + rng.randint(0, 2)] = rng.randbytes(rng.randint(0, 3))
        assert outcome(first.decode, bytes(data)) == outcome(second.decode, bytes(data))
        value, error = first.decode_many([bytes(data)])
        if not error:
            assert outcome(writers[0].encode, *value) == outcome(writers[1].encode, *value)


TAG, ENDS = "a tag has an invalid field number or wire type", "the data ends too early"
UTF8, STRAY = "a string is not valid UTF-8", "a group ends that did not begin"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"\x0a", (ENDS, 1, "id")),
        (b"\x0a\x05ab", (ENDS, 1, "id")),
        (b"\x0a\x02\xc3(", (UTF8, 1, "id")),
        (b"\x0a\xff\xff\xff\xff\x0f", (ENDS, 1, "id")),
        (b"\x0a\x81\x80\x80\x80\x80\x00a", ("a length takes more than 5 bytes", 1, "id")),
        (b"\x3d\x01\x02", (ENDS, 1, "fixed")),
        (b"\x71\x01", (ENDS, 1, "wide")),
        (b"\x00\x01", (TAG, 0, "")),
        (b"\x06", (TAG, 0, "")),
        (b"\x0f", (TAG, 0, "")),
        (b"\x80\x80\x80\x80\x10\x00", (TAG, 0, "")),
        (b"\xff" * 11, ("a number is longer than 64 bits", 0, "")),
        (b"\x98\x06" + b"\xff" * 11, ("a number is longer than 64 bits", 2, "")),
        (b"\x32\x03\x01\x02\x80", (ENDS, 4, "packed[2]")),
        (b"\x32\x0c" + b"\xff" * 12, ("a number is longer than 64 bits", 2, "packed[0]")),
        (b"\x0a\x00\x12\x04\x12\x02\x0a\x05", (ENDS, 7, "inner.inner.id")),
        (b"\x1a\x00\x1a\x03\x0a\x01\xff", (UTF8, 5, "list[1].id")),
        (b"\x22\x07\x08\x05\x12\x03\x0a\x01\xff", (UTF8, 7, "map['5'].id")),
        (b"\x22\x03\x12\x01\x0c", (STRAY, 4, "map['0']")),
        (b"\x82\x01\x03\x0a\x01\xff", (UTF8, 4, "names['']")),
        (b"\x2b\x0a\x01a", ("a group does not end", 4, "group")),
        (b"\x2b\x34", (STRAY, 1, "group")),
        (b"\x2c", (STRAY, 0, "")),
        (b"\x9b\x06\x9b\x06\x9c\x06", ("a group does not end", 6, "")),
        (b"\x9b\x06\xa4\x06", (STRAY, 2, "")),
        (b"\x42\x01\xff", (UTF8, 1, "text")),
        (b"\x52\x02\x08\x80", (ENDS, 3, "at.seconds")),
        (b"\x5a\x07\x0a\x05\x0a\x01k\x12\x01", (ENDS, 8, "tree['k']")),
        (b"\x5a\x08\x0a\x06\x0a\x01k\x12\x01\x1a", (ENDS, 10, "tree['k']")),
        (b"\x62\x03\x0a\x01\xff", (UTF8, 3, "name.value")),
        (b"\x6a\x02\x08\x01", ("the date of year 1, month 0 and day 0 is not one of Python's", 2, "day")),
    ],
)
def test_errors_have_position_and_path(engine: Any, data: bytes, expected: tuple[str, int, str]) -> None:
    assert error_of(engine, data) == expected


def test_a_required_field_that_is_missing_is_named_with_its_message(engine: Any) -> None:
    assert error_of(engine, b"\x0a\x01a\x12\x00", "p.R") == ("a required field is missing", 5, "inner.id")


def test_offsets_count_from_the_frame(engine: Any) -> None:
    reader = reader_of(engine)
    assert reader.decode(b"\xff\xff\x0a\x01a", 2) == reader.decode(b"\x0a\x01a")
    with pytest.raises(DecodeError) as caught:
        reader.decode(b"\xff\xff\x0a\x02a", 2)
    assert caught.value.position == 3
    for beyond in (-1, 6, 1 << 70):
        with pytest.raises(DecodeError):
            reader.decode(b"\x0a\x01a", beyond)
    with pytest.raises(TypeError):
        reader.decode(bytearray(b""))


def nested(number: int, levels: int) -> bytes:
    """Messages in each other: delimited, and built from inside with lengths that fit a byte or two."""
    data = b""
    for _ in range(levels):
        data = sized(number, data)
    return data


@pytest.mark.parametrize(
    "wrap", [lambda n: nested(2, n), lambda n: nested(3, n), lambda n: b"\x2b" * n + b"\x2c" * n]
)
@pytest.mark.parametrize("most", [4, 40])
def test_messages_may_be_nested_so_deep_and_no_deeper(engine: Any, wrap: Any, most: int) -> None:
    reader = reader_of(engine, max_depth=most)
    reader.decode(wrap(most - 1))
    assert error_of(engine, wrap(most), max_depth=most)[0] == "the data is nested too deeply"


def in_thread(kibibytes: int, call: Callable[[], Any]) -> Any:
    """What it gives in a thread with so large a stack."""
    found: list[Any] = []
    before = threading.stack_size(kibibytes << 10)
    thread = threading.Thread(target=lambda: found.append(call()))
    thread.start()
    thread.join()
    threading.stack_size(before)
    return found[0]


def in_maps(levels: int) -> bytes:
    data = b""
    for _ in range(levels):
        data = sized(4, b"\x08\x01" + sized(2, data))
    return data


@pytest.mark.parametrize("kind", ["slotted", "plain", "dicts"])
def test_nesting_is_held_by_a_small_stack(kind: str) -> None:
    known = {} if kind == "dicts" else classes_of(SCHEMA, slots=kind == "slotted")
    reader = make_proto_reader(SCHEMA, "p.M", known, engine="native", max_depth=MOST_PROTO_DEPTH)
    writer = make_proto_writer(SCHEMA, "p.M", known, engine="native")
    batch = [in_maps(MOST_PROTO_DEPTH - 1), in_maps(MOST_PROTO_DEPTH), nested(9, MOST_PROTO_DEPTH - 1)]
    errors = in_thread(256, lambda: reader.decode_many(batch).errors)
    assert [error.what for error in errors.values()] == ["the data is nested too deeply"]
    if kind == "dicts":
        value = reader.decode(in_maps(127))
        assert in_thread(128, lambda: len(writer.encode(value))) > 900
        with pytest.raises(ConfigError, match="max_depth"):
            make_proto_reader(SCHEMA, "p.M", max_depth=MOST_PROTO_DEPTH + 1)


def test_unknown_groups_and_structs_count_as_levels(engine: Any) -> None:
    unknown = b"\x9b\x06"
    reader_of(engine, max_depth=5).decode(unknown * 4 + b"\x9c\x06" * 4)
    assert error_of(engine, unknown * 200_000, max_depth=5) == ("the data is nested too deeply", 10, "")
    struct = b""
    for _ in range(4):
        struct = sized(1, sized(1, b"k") + sized(2, sized(5, struct)))
    data = sized(11, struct)
    assert error_of(engine, data, max_depth=5)[0] == "the data is nested too deeply"
    reader_of(engine, max_depth=6).decode(data)


def test_empty_messages_are_counted(engine: Any) -> None:
    fields = "".join(f"  {number} f{number} int32 packed\n" for number in range(2, 42))
    schema = parse_descriptor(f"descriptor 1\nmessage p.W\n  1 list message p.W repeated\n{fields}")
    reader = make_proto_reader(schema, "p.W", classes_of(schema), engine=engine)
    assert len(reader.decode(b"\x0a\x00" * 1_000).a0) == 1_000
    with pytest.raises(DecodeError, match="too many items for so few bytes"):
        reader.decode(b"\x0a\x00" * 4_000)


def test_small_merges_do_not_copy_something_large_each_time(engine: Any) -> None:
    large = sized(10, b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\x7f" + sized(15, b"x" * 50_000))
    reader_of(engine, out_of_range="raw").decode(large + b"\x52\x00" * 5)
    assert (
        error_of(engine, large + b"\x52\x00" * 100, out_of_range="raw")[0]
        == "too many items for so few bytes"
    )
    kept = make_proto_reader(SCHEMA, "p.M", classes_of(SCHEMA, keeps=True), engine=engine)
    again = sized(2, b"\xa2\x06\x81\x80\x01" + b"y" * 16_385) + sized(2, b"\xa2\x06\x01z") * 5
    assert len(kept.decode(again).a1.extra) == 5 + 16_385 + 5 * 4
    with pytest.raises(DecodeError, match="too many items"):
        kept.decode(again + sized(2, b"\xa2\x06\x01z") * 100)


@dataclass
class Changed:
    """A class that makes something else of what it is given."""

    id: Any = ""
    inner: Any = None
    list: Any = field(default_factory=list)
    map: Any = field(default_factory=dict)
    group: Any = None
    packed: Any = field(default_factory=list)
    fixed: int = 0
    choice: Any = None
    at: Any = None
    tree: Any = None
    name: Any = None
    day: Any = None
    wide: float = 0.0
    loose: Any = None
    names: Any = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.list, self.packed, self.names = tuple(self.list), tuple(self.packed), tuple(self.names)
        self.inner, self.at, self.tree = str(self.inner), str(self.at), str(self.tree)


def test_what_a_class_changed_is_not_merged_into(engine: Any) -> None:
    keys = ("p.M.choice.text", "p.M.choice.other")
    known = {**{key: classes_of(SCHEMA)[key] for key in keys}, "p.M": Changed}
    reader = make_proto_reader(SCHEMA, "p.M", known, engine=engine)
    part = b"\x1a\x00\x32\x01\x05\x12\x00\x52\x02\x08\x01\x5a\x00\x82\x01\x00\x4a\x02\x12\x00"
    value = reader.decode(sized(2, part) + sized(2, part) + sized(9, part) + sized(9, part))
    assert value.choice.value.packed == (5,)
    assert value.choice.value.at == "1970-01-01 00:00:01+00:00"


class Refusing(Changed):
    def __post_init__(self) -> None:
        raise ValueError("no")


def test_a_class_that_refuses_is_a_decode_error(engine: Any) -> None:
    keys = ("p.M.choice.text", "p.M.choice.other")
    known = {**{key: classes_of(SCHEMA)[key] for key in keys}, "p.M": Refusing}
    reader = make_proto_reader(SCHEMA, "p.M", known, engine=engine)
    with pytest.raises(DecodeError) as caught:
        reader.decode(sized(1, b"a") + sized(2, b""))
    assert (caught.value.what, caught.value.position, caught.value.path) == (
        "the value was refused: ValueError: no",
        5,
        "inner",
    )
    assert isinstance(caught.value.__cause__, ValueError)


class Number:
    """An int of another library."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __index__(self) -> int:
        return self.number


class Text(str):
    pass


class Kind(OpenEnum):
    A = 0
    B = 1


WRITTEN = "descriptor 1\nmessage p.W\n" + "".join(
    f"  {number} {name} {type_}\n"
    for number, (name, type_) in enumerate(
        [
            *(
                (kind, f"{kind} implicit")
                for kind in ("int32", "int64", "uint32", "uint64", "sint32", "sint64")
            ),
            *((kind, f"{kind} implicit") for kind in ("fixed32", "fixed64", "sfixed32", "sfixed64")),
            *((kind, f"{kind} implicit") for kind in ("bool", "double", "float", "string", "bytes")),
            ("loose", "string implicit unchecked"),
            ("kind", "enum p.Kind implicit"),
            ("closed", "enum p.Closed explicit"),
            ("list", "sint32 repeated"),
            ("packed", "int64 packed"),
            ("map", "map sint64 string"),
            ("flags", "map bool bool"),
            ("texts", "map string int32"),
            ("self", "message p.W explicit"),
            ("at", "message google.protobuf.Timestamp explicit"),
            ("span", "message google.protobuf.Duration explicit"),
            ("day", "message google.type.Date explicit"),
            ("price", "message confluent.type.Decimal explicit"),
            ("any", "message google.protobuf.Any explicit"),
            ("wrapped", "message google.protobuf.UInt32Value explicit"),
            ("value", "message google.protobuf.Value explicit"),
            ("struct", "message google.protobuf.Struct explicit"),
            ("many", "message google.protobuf.ListValue explicit"),
        ],
        1,
    )
)
WRITTEN += "enum p.Kind open\n  0 A\n  1 B\nenum p.Closed closed\n  1 X\n  7 Y\n"
UTC = dt.timezone.utc
ODD: list[Any] = [
    *(None, True, False, 0, 1, -1, 127, 128, 1 << 31, -(1 << 31) - 1, (1 << 32) - 1, 1 << 32, 1 << 63),
    *(
        -(1 << 63),
        (1 << 64) - 1,
        1 << 64,
        1 << 1100,
        0.0,
        -0.0,
        1.5,
        float("inf"),
        float("nan"),
        3.4028235e38,
    ),
    *(3.4028236e38, 1e300, "", "a", "ä€😀", "A", "Y", "\ud800", "\udcff", "x" * 300, Text("t"), b"", b"\xff"),
    *(b"z" * 200, bytearray(b"q"), memoryview(b"m"), Number(5), Number(-5), Kind.B, Kind(9), object()),
    *(
        [],
        [1, 2],
        (1, 2),
        [None],
        [Number(3), -7],
        {},
        {1: "a", -1: "b"},
        {True: False, False: True},
        {"é": 1},
    ),
    *(
        {"b": 1, "a": 2, "é": 3},
        {Number(2): "x"},
        {"k": {"j": [1, None, "x", 2.5, True, {}]}},
        {"k": 1 << 70},
    ),
    *({"k": object()}, {"kind": "B"}, {"no": 1}, {3: 1}, {Text("s"): 4}, {"\ud800": 1}, {1: None}),
    *(dt.datetime(2024, 2, 29, 1, 2, 3, 4, UTC), dt.datetime(1, 1, 1, tzinfo=UTC), dt.datetime(2024, 1, 1)),
    *(
        dt.datetime(1969, 12, 31, 23, 59, 59, 999_999, UTC),
        dt.datetime(1, 1, 1, tzinfo=dt.timezone(dt.timedelta(1 / 24))),
    ),
    *(NanosDatetime.of(dt.datetime(2024, 1, 1, tzinfo=UTC), 7), dt.date(2024, 2, 29), dt.timedelta(-1, 5, 7)),
    *(
        dt.timedelta.max,
        dt.timedelta(3_652_500),
        dt.timedelta(-3_652_500),
        NanosTimedelta.of(dt.timedelta(1), 3),
    ),
    *(
        Decimal("-12.50"),
        Decimal("NaN"),
        Decimal(0),
        Decimal("1e5000"),
        AnyMessage("t", b"v"),
        AnyMessage("\ud800"),
    ),
    *(OutOfRange(b"\x08\x01", "google.protobuf.Timestamp"), OutOfRange(b"x", "google.type.Date")),
    *(OutOfRange(5, "google.protobuf.Timestamp"), ABSENT),
]


def test_both_engines_write_or_refuse_the_same() -> None:
    schema = parse_descriptor(WRITTEN)
    first, second = (
        make_proto_writer(schema, "p.W", {"p.Kind": Kind}, engine=name) for name in ("python", "native")
    )
    for value in ODD:
        for one in schema.names["p.W"].fields:
            wanted = outcome(first.encode, {one.name: value})
            assert outcome(second.encode, {one.name: value}) == wanted, (one.name, value)
            wanted = outcome(first.encode, {"self": {one.name: value}}, b"\0")
            assert outcome(second.encode, {"self": {one.name: value}}, b"\0") == wanted, (one.name, value)


def test_both_engines_write_objects_or_refuse_them_the_same() -> None:
    classes = classes_of(SCHEMA, keeps=True)
    plain = classes_of(SCHEMA, keeps=True, slots=False)
    for known in (classes, plain):
        text, other = known["p.M.choice.text"], known["p.M.choice.other"]
        made = partial(known["p.M"], a0="", a6=0, a12=0.0)
        unset = object.__new__(known["p.M"])
        writers = [make_proto_writer(SCHEMA, "p.M", known, engine=name) for name in ("python", "native")]
        for value in (
            made(),
            unset,
            made(a0="x", a1=made(a0="y" * 200, a2=[made(), made()]), a3={3: made(), -1: made()}, a4=made()),
            made(a7=text("t")),
            made(a7=other(made(a0="o"))),
            made(a7=other(None)),
            made(a7="t"),
            made(a7=object()),
            made(a1=made(a7=5)),
            made(a2=None),
            made(a2=[None]),
            made(a3={"a": made()}),
            made(a5=[1, "x"]),
            made(extra=b"\xa2\x06\x01y"),
            made(extra=None),
            made(a8=5),
            made(a13="\udcff"),
            {"id": "a", "inner": made()},
            {"text": "a", "other": None},
            {"text": "a", "other": {}},
            5,
        ):
            assert outcome(writers[0].encode, value) == outcome(writers[1].encode, value), value
        loop = made()
        loop.a1 = loop
        for writer in writers:
            with pytest.raises(EncodeError, match="nested more than"):
                writer.encode(loop)


def test_nothing_leaks() -> None:
    """Objects and errors, made and dropped many times over, leave no memory behind."""
    known = classes_of(SCHEMA, keeps=True)
    reader = make_proto_reader(SCHEMA, "p.M", known, engine="native")
    writer = make_proto_writer(SCHEMA, "p.M", known, engine="native")
    part = (
        sized(1, b"abc")
        + sized(4, b"\x08\x07\x12\x00")
        + b"\x32\x02\x05\x07"
        + sized(8, b"t")
        + sized(9, b"")
    )
    part += (
        sized(10, b"\x08\x05") + sized(10, b"\x10\x0a") + sized(11, sized(1, sized(1, b"k") + b"\x12\x00"))
    )
    good = (
        part + sized(2, part) + sized(2, part) + sized(3, part) + b"\x2b" + part + b"\x2c" + b"\x98\x06\x01"
    )
    batch = [good, *(good[:end] for end in range(0, len(good), 7)), good.replace(b"abc", b"a\xffc")]

    def rounds(n: int) -> int:
        for _ in range(n):
            for value in reader.decode_many(batch).values:
                if value is not None:
                    writer.encode(value)
            with pytest.raises(EncodeError):
                writer.encode({"inner": {"packed": ["x"]}})
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    rounds(10)
    before = rounds(5)
    after = rounds(20)
    tracemalloc.stop()
    assert after - before < 8_000

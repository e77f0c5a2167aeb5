"""The values of enums and of well-known messages, and what is refused on writing."""

from __future__ import annotations

import copy
import datetime as dt
import enum
import pickle
import random
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest
from google.protobuf import duration_pb2, struct_pb2, timestamp_pb2, wrappers_pb2
from hypothesis import given, settings
from tests.unit.codec.protobuf.proto_kit import Kit, new_pool
from tests.unit.codec.protobuf.proto_strategies import SEEDS, made_kit

from kgen_runtime.codec import make_proto_reader, make_proto_writer
from kgen_runtime.codec.protobuf.proto_samples import sample_proto
from kgen_runtime.codec.protobuf.schema.proto_descriptor import parse_descriptor
from kgen_runtime.codec.values import (
    ABSENT,
    AnyMessage,
    NanosDatetime,
    NanosTimedelta,
    OpenEnum,
    OutOfRange,
)
from kgen_runtime.errors import DecodeError, EncodeError, SchemaError

UTC = dt.timezone.utc
EMPTY = parse_descriptor("descriptor 1\n")


class Status(OpenEnum):
    UNKNOWN = 0
    SHIPPED = 2


def both(root: str, engine: Any, text: str = "", **options: Any) -> tuple[Any, Any]:
    """`decode` and `encode` of a message."""
    schema = parse_descriptor("descriptor 1\n" + text)
    reader = make_proto_reader(schema, root, engine=engine, **options)
    return reader.decode, make_proto_writer(schema, root, engine=engine).encode


def test_a_number_without_a_name_is_a_value_of_an_open_enum() -> None:
    seven = Status(7)
    assert isinstance(seven, Status)
    assert (seven, seven.name, seven.value, hash(seven)) == (7, "7", 7, hash(7))
    assert seven == Status(7)
    assert seven != Status.SHIPPED
    assert list(Status) == [Status.UNKNOWN, Status.SHIPPED]
    for kept in (pickle.loads(pickle.dumps(seven)), copy.copy(seven), copy.deepcopy(seven)):
        assert (kept, type(kept)) == (7, Status)
    assert Status(-(1 << 31)).value == -(1 << 31)
    wrongs: list[Any] = [1 << 31, True, "SHIPPED", 2.5, None]
    for wrong in wrongs:
        with pytest.raises(ValueError, match="not a valid"):
            Status(wrong)


def test_finer_times_are_datetimes_that_remember() -> None:
    moment = dt.datetime(2024, 2, 29, 1, 2, 3, 4, UTC)
    fine = NanosDatetime.of(moment, 5)
    span = NanosTimedelta.of(dt.timedelta(-1, 2, 3), 999)
    assert (fine, fine.nanosecond) == (moment, 5)
    assert (span, span.nanosecond) == (dt.timedelta(-1, 2, 3), 999)
    for value in (fine, span):
        for kept in (pickle.loads(pickle.dumps(value)), copy.deepcopy(value), copy.copy(value)):
            assert (type(kept), kept, kept.nanosecond) == (type(value), value, value.nanosecond)
        assert "nanosecond=" in repr(value)
    assert fine + dt.timedelta(1) == moment + dt.timedelta(1)


@pytest.mark.parametrize("seconds", [0, 1, -1, 253_402_300_799, -62_135_596_800, 1_700_000_000])
@pytest.mark.parametrize("nanos", [0, 1_000, 1, 999_999_999])
def test_timestamps_to_the_nanosecond(engine: Any, seconds: int, nanos: int) -> None:
    decode, encode = both("google.protobuf.Timestamp", engine)
    data = timestamp_pb2.Timestamp(seconds=seconds, nanos=nanos).SerializeToString()
    made = decode(data)
    assert made == dt.datetime(1970, 1, 1, tzinfo=UTC) + dt.timedelta(0, seconds, nanos // 1_000)
    assert made.tzinfo is UTC
    assert isinstance(made, NanosDatetime) == (nanos % 1_000 > 0)
    assert encode(made) == data


@pytest.mark.parametrize("seconds", [0, 1, -1, 315_576_000_000, -315_576_000_000, 86_400])
@pytest.mark.parametrize("nanos", [0, 1_000, 1, 999_999_999])
def test_durations_to_the_nanosecond(engine: Any, seconds: int, nanos: int) -> None:
    decode, encode = both("google.protobuf.Duration", engine)
    sign = -1 if seconds < 0 else 1
    for nano in (nanos * sign, *((-nanos,) if seconds == 0 else ())):
        data = duration_pb2.Duration(seconds=seconds, nanos=nano).SerializeToString()
        made = decode(data)
        assert made == dt.timedelta(seconds=seconds, microseconds=nano // 1_000)
        assert encode(made) == data


def test_moments_in_any_time_zone_are_written_in_utc(engine: Any) -> None:
    decode, encode = both("google.protobuf.Timestamp", engine)
    zone = dt.timezone(dt.timedelta(hours=2))
    moment = dt.datetime(2024, 1, 1, 1, tzinfo=zone)
    assert decode(encode(moment)).isoformat() == "2023-12-31T23:00:00+00:00"
    with pytest.raises(EncodeError, match="time zone"):
        encode(dt.datetime(2024, 1, 1))
    with pytest.raises(EncodeError, match="years 1 to 9999"):
        encode(dt.datetime(1, 1, 1, tzinfo=zone))


@pytest.mark.parametrize(
    ("name", "data", "what"),
    [
        ("google.protobuf.Timestamp", "088092b8c398feffffff0110c0843d08ff87e1b1d1d9ff7f", "years 1 to 9999"),
        ("google.protobuf.Timestamp", "0880c1f3a8b807", "years 1 to 9999"),
        ("google.protobuf.Timestamp", "1080 94ebdc03", "years 1 to 9999"),
        ("google.protobuf.Timestamp", "10ffffffffffffffffff01", "years 1 to 9999"),
        ("google.protobuf.Duration", "0801 10ffffffffffffffffff01", "two signs"),
        ("google.protobuf.Duration", "0881bcaece9709", "10,000 years"),
        ("google.type.Date", "", "not one of Python's"),
        ("google.type.Date", "08e80f", "not one of Python's"),
        ("google.type.Date", "0880808080081001 1801", "not one of Python's"),
        ("confluent.type.Decimal", "", "is empty"),
        ("confluent.type.Decimal", "0a0201001001", "precision 1"),
        ("confluent.type.Decimal", "0a010118a14e", "places"),
    ],
)
def test_what_python_has_no_value_for_is_refused_or_kept(
    engine: Any, name: str, data: str, what: str
) -> None:
    payload = bytes.fromhex(data.replace(" ", "")) + b"\x7a\x01a"  # and an unknown field
    text = f"message M\n  1 n int32 implicit\n  2 x message {name} explicit\n"
    decode, _ = both("M", engine, text)
    message = b"\x12" + bytes([len(payload)]) + payload
    with pytest.raises(DecodeError, match=what) as caught:
        decode(b"\x08\1" + message)
    assert (caught.value.path, caught.value.position) == ("x", 4)
    assert caught.value.hint is not None
    decode, encode = both("M", engine, text, out_of_range="raw")
    made = decode(message)
    assert made["x"] == OutOfRange(payload, name)
    assert encode(made) == message
    other = parse_descriptor("descriptor 1\nmessage M\n  2 x message google.protobuf.Any explicit\n")
    with pytest.raises(EncodeError, match="OutOfRange"):
        make_proto_writer(other, "M", engine=engine).encode({"x": made["x"]})


def test_decimals_are_exact(engine: Any) -> None:
    decode, encode = both("confluent.type.Decimal", engine)
    for text in ("0", "1.10", "-1.28", "12E+3", "-0.001", "9" * 200 + ".5", "0.00"):
        made = decode(encode(Decimal(text)))
        assert made.as_tuple() == Decimal(text).as_tuple()
    assert encode(Decimal("-1.28")).hex() == "0a01801003" + "1802"
    assert decode(encode(7)) == 7
    for wrong in (Decimal("NaN"), Decimal("Infinity"), Decimal(1).scaleb(5_000)):
        with pytest.raises(EncodeError, match="decimal"):
            encode(wrong)


def test_structs_are_plain_values(engine: Any) -> None:
    decode, encode = both("google.protobuf.Struct", engine)
    value = {"": None, "a": [1.5, True, "x", None, {}, []], "b": {"c": {"d": [[["e"]]]}}, "n": -0.0}
    struct = struct_pb2.Struct()
    struct.update(value)
    assert decode(struct.SerializeToString()) == value
    assert struct_pb2.Struct.FromString(encode(value)) == struct
    assert encode({"a": 1}) == encode({"a": 1.0})
    for wrong in ({"a": 2**53 + 1}, {"a": 10**400}, {"a": b""}, {"a": {1: 2}}, {"a": object()}):
        with pytest.raises(EncodeError) as caught:
            encode(wrong)
        assert caught.value.path.startswith("['a']")
    loop: dict[str, Any] = {}
    loop["a"] = loop
    with pytest.raises(EncodeError, match="nested more than"):
        encode(loop)


def test_a_value_is_null_or_absent(engine: Any) -> None:
    @dataclass(slots=True, kw_only=True)
    class M:
        v: Any = field(default=ABSENT, metadata={"proto": "v"})

    schema = parse_descriptor("descriptor 1\nmessage M\n  1 v message google.protobuf.Value explicit\n")
    decode = make_proto_reader(schema, "M", {"M": M}, engine=engine).decode
    encode = make_proto_writer(schema, "M", {"M": M}, engine=engine).encode
    assert decode(b"").v is ABSENT
    assert encode(M()) == b""
    assert decode(encode(M(v=None))).v is None
    assert encode(M(v=None)) == bytes.fromhex("0a020800")
    assert decode(b"\x0a\0").v is None
    plain = make_proto_reader(schema, "M", engine=engine).decode
    assert (plain(b""), plain(bytes.fromhex("0a020800"))) == ({}, {"v": None})


def test_wrappers_are_what_they_wrap(engine: Any) -> None:
    text = (
        "message M\n  1 i message google.protobuf.Int64Value explicit\n"
        "  2 s message google.protobuf.StringValue repeated\n"
    )
    decode, encode = both("M", engine, text)
    for value in (0, 5, -1):
        inner = wrappers_pb2.Int64Value(value=value).SerializeToString()
        assert decode(b"\x0a" + bytes([len(inner)]) + inner) == {"i": value, "s": []}
        assert encode({"i": value}) == b"\x0a" + bytes([len(inner)]) + inner
    assert encode({"i": None}) == b""
    assert decode(encode({"s": ["", "a"]})) == {"s": ["", "a"]}


def test_any_is_a_name_and_bytes(engine: Any) -> None:
    decode, encode = both("google.protobuf.Any", engine)
    value = AnyMessage("type.googleapis.com/shop.Order", b"\x08\1")
    assert decode(encode(value)) == value
    assert value.message == "shop.Order"
    assert pickle.loads(pickle.dumps(value)) == value
    assert decode(b"") == AnyMessage()


MANY = """message M
  1 i int32 implicit
  2 u uint64 implicit
  3 f float implicit
  4 b bool implicit
  5 s string implicit
  6 d bytes implicit
  7 l int32 packed
  8 m map string int32
  9 n message M explicit
  10 e enum E implicit
  11 x int32 explicit oneof=o
  12 y string explicit oneof=o
  13 t sfixed64 implicit
  14 k message M repeated
enum E open
  0 A
  5 B
"""


@pytest.mark.parametrize(
    ("value", "what", "path"),
    [
        ({"i": 1 << 31}, "does not fit 32 bits", "i"),
        ({"i": "1"}, "expected int, not str", "i"),
        ({"i": True}, "expected int, not bool", "i"),
        ({"i": 1.0}, "expected int, not float", "i"),
        ({"i": None}, "expected int, not NoneType", "i"),
        ({"u": -1}, "without a sign", "u"),
        ({"t": 1 << 63}, "does not fit 64 bits", "t"),
        ({"f": 1e39}, "float of 32 bits", "f"),
        ({"b": 1}, "expected bool", "b"),
        ({"s": b"x"}, "expected str", "s"),
        ({"s": "\ud800"}, "surrogate", "s"),
        ({"d": "x"}, "expected bytes", "d"),
        ({"l": [1, "x"]}, "expected int", "l[1]"),
        ({"l": (1, 1 << 40)}, "32 bits", "l[1]"),
        ({"l": None}, "expected list", "l"),
        ({"m": {"a": "b"}}, "expected int", "m['a']"),
        ({"m": {1: 2}}, "expected str", "m['1']"),
        ({"m": []}, "expected dict", "m"),
        ({"n": {"n": {"i": ""}}}, "expected int", "n.n.i"),
        ({"k": [{}, {"s": 1}]}, "expected str", "k[1].s"),
        ({"n": 5}, "expected dict", "n"),
        ({"e": "C"}, "expected a value of E", "e"),
        ({"e": 1 << 31}, "expected a value of E", "e"),
        ({"e": True}, "expected a value of E", "e"),
        ({"z": 1}, "has no field z", ""),
        ({"x": 1, "y": ""}, "several members of one oneof", ""),
        ([], "expected dict", ""),
    ],
)
def test_values_that_do_not_fit_are_refused_with_their_path(
    engine: Any, value: Any, what: str, path: str
) -> None:
    _, encode = both("M", engine, MANY)
    with pytest.raises(EncodeError) as caught:
        encode(value)
    assert what in caught.value.what
    assert caught.value.path == path


def test_enums_are_taken_as_names_numbers_and_members(engine: Any) -> None:
    class E(OpenEnum):
        A = 0
        B = 5

    class Other(enum.IntEnum):
        B = 5

    @dataclass(slots=True, kw_only=True)
    class M:
        e: Any = E.A
        o: Any = None

    schema = parse_descriptor("descriptor 1\nmessage M\n  10 e enum E implicit\nenum E open\n  0 A\n  5 B\n")
    encode = make_proto_writer(schema, "M", {"M": M, "E": E}, engine=engine).encode
    assert encode(M(e=E.B)) == encode(M(e=5)) == encode(M(e="B")) == encode({"e": "B"}) == b"\x50\5"
    assert encode(M(e=E(7))) == b"\x50\7"
    assert encode(M(e=E.A)) == b""
    with pytest.raises(EncodeError, match="expected a value of E"):
        encode(M(e=Other.B))
    read = make_proto_reader(schema, "M", {"M": M, "E": E}, engine=engine).decode
    assert read(b"\x50\7").e == E(7)
    assert read(b"\x50\5").e is E.B
    plain = make_proto_reader(schema, "M", engine=engine).decode
    assert (plain(b"\x50\5"), plain(b"\x50\7"), plain(b"")) == ({"e": "B"}, {"e": 7}, {"e": "A"})


def test_classes_that_do_not_fit_are_refused(engine: Any) -> None:
    @dataclass(slots=True, kw_only=True)
    class Right:
        i: int = 0
        o: Any = None
        e: Any = None

    @dataclass
    class Holder:
        value: Any

    @dataclass
    class Less:
        i: int = 0
        e: Any = None

    @dataclass
    class More(Less):
        o: Any = None
        more: int = field(kw_only=True)

    schema = parse_descriptor(
        "descriptor 1\nmessage M\n  1 i int32 implicit\n  2 x string explicit oneof=o\n"
        "  3 e enum E implicit\nenum E open\n  0 A\n  1 B\n"
    )
    good: dict[str, Any] = {"M": Right, "M.o.x": Holder}
    functional: Any = OpenEnum
    for wrong, what in (
        ({**good, "M": Less}, "no field for 'o'"),
        ({**good, "M": More}, "does not have: 'more'"),
        ({**good, "M": dict}, "not a dataclass"),
        ({**good, "M.o.x": None}, "no class for a member"),
        ({**good, "M.o.x": Less}, "one field `value`"),
        ({**good, "E": enum.IntEnum("E", {"A": 0, "B": 1})}, "not an OpenEnum"),
        ({**good, "E": functional("E", {"A": 0})}, "no member for 'B'"),
    ):
        for make in (make_proto_reader, make_proto_writer):
            with pytest.raises(SchemaError, match=what):
                make(schema, "M", wrong, engine=engine)
    made = make_proto_reader(schema, "M", good, engine=engine).decode(b"\x08\5\x12\1a")
    assert made == Right(i=5, o=Holder("a"), e="A")
    encode = make_proto_writer(schema, "M", good, engine=engine).encode
    assert encode(made) == b"\x08\5\x12\1a"
    with pytest.raises(EncodeError, match=r"expected .*Holder, not str"):
        encode(Right(o="a", e="A"))


def test_classes_with_code_of_their_own_are_called(engine: Any) -> None:
    @dataclass
    class M:
        i: int = 0

        def __post_init__(self) -> None:
            if self.i > 10:
                raise ValueError("too many")
            self.i += 1

    schema = parse_descriptor("descriptor 1\nmessage M\n  1 i int32 implicit\n")
    decode = make_proto_reader(schema, "M", {"M": M}, engine=engine).decode
    assert decode(b"\x08\5").i == 6
    with pytest.raises(DecodeError, match="too many"):
        decode(b"\x08\x0b")


@settings(max_examples=25, deadline=None)
@given(SEEDS)
def test_samples_are_written_and_read_again(seed: int) -> None:
    kit: Kit = made_kit(seed)
    for classes in (kit.classes, None):
        value = sample_proto(kit.schema, kit.root, random.Random(seed), classes)
        assert value == sample_proto(kit.schema, kit.root, random.Random(seed), classes)
        data = make_proto_writer(kit.schema, kit.root, classes, engine="python").encode(value)
        assert kit.message().FromString(data).ByteSize() == len(data)


def test_samples_that_cannot_end_are_refused() -> None:
    schema = parse_descriptor(
        "descriptor 1\nmessage M\n  1 m message M required\nmessage N\n  1 n message M explicit\n"
    )
    with pytest.raises(SchemaError, match="requires itself"):
        sample_proto(schema, "M", random.Random(1))
    assert sample_proto(schema, "N", random.Random(1)) == {}
    with pytest.raises(SchemaError, match="no message"):
        sample_proto(schema, "X", random.Random(1))


def test_dates_and_decimals_are_those_of_google_and_confluent(engine: Any) -> None:
    pool = new_pool()
    assert pool.FindMessageTypeByName("google.type.Date").fields_by_name["day"].number == 3
    decode, encode = both("google.type.Date", engine)
    assert encode(dt.date(2024, 2, 29)) == bytes.fromhex("08e80f1002181d")
    assert decode(bytes.fromhex("08e80f1002181d")) == dt.date(2024, 2, 29)
    with pytest.raises(EncodeError, match="expected date"):
        encode(dt.datetime(2024, 1, 1))

"""What readers and writers make of single values, on both engines."""

from __future__ import annotations

import abc
import copy
import datetime as dt
import enum
import importlib
import json
import math
import struct
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable
from dataclasses import InitVar, dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from kgen_runtime.codec import ENGINE, make_reader, make_writer
from kgen_runtime.codec.avro.resolution.resolve import check
from kgen_runtime.codec.avro.schema.parser import parse
from kgen_runtime.codec.slotted_classes import is_plain
from kgen_runtime.codec.values import Duration, LocalTimestampNanos, TimestampNanos
from kgen_runtime.codec.varint import zigzag
from kgen_runtime.errors import DecodeError, EncodeError, ResolutionError, SchemaError

UTC = dt.timezone.utc


def schema(value: Any) -> Any:
    return parse(json.dumps(value))


def record(*fields: Any, name: str = "R", **more: Any) -> dict[str, Any]:
    parts = [item if isinstance(item, dict) else {"name": item[0], "type": item[1]} for item in fields]
    return {"type": "record", "name": name, "fields": parts, **more}


def logical(base: str, name: str, **more: Any) -> dict[str, Any]:
    return {"type": base, "logicalType": name, **more}


def fixed(size: int, **more: Any) -> dict[str, Any]:
    return {"type": "fixed", "name": "F", "size": size, **more}


LEAVES: list[tuple[Any, Any, bytes]] = [
    ("null", None, b""),
    ("boolean", True, b"\x01"),
    ("boolean", False, b"\x00"),
    ("int", 0, b"\x00"),
    ("int", -1, b"\x01"),
    ("int", 2**31 - 1, b"\xfe\xff\xff\xff\x0f"),
    ("long", -(2**63), b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
    ("long", 2**63 - 1, b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
    ("float", 1.5, b"\x00\x00\xc0\x3f"),
    ("double", -2.25, b"\x00\x00\x00\x00\x00\x00\x02\xc0"),
    ("double", math.inf, b"\x00\x00\x00\x00\x00\x00\xf0\x7f"),
    ("bytes", b"\x00\xff", b"\x04\x00\xff"),
    ("string", "", b"\x00"),
    ("string", "grün €", b"\x12gr\xc3\xbcn \xe2\x82\xac"),
    (fixed(3), b"abc", b"abc"),
    (fixed(0), b"", b""),
    ({"type": "enum", "name": "E", "symbols": ["A", "B"]}, "B", b"\x02"),
    ({"type": "array", "items": "int"}, [1, 2], b"\x04\x02\x04\x00"),
    ({"type": "array", "items": "int"}, [], b"\x00"),
    ({"type": "map", "values": "int"}, {"a": 1}, b"\x02\x02a\x02\x00"),
    ({"type": "map", "values": "int"}, {}, b"\x00"),
    (["null", "int"], None, b"\x00"),
    (["null", "int"], 5, b"\x02\x0a"),
    (logical("int", "date"), dt.date(1970, 1, 2), b"\x02"),
    (logical("int", "date"), dt.date(1969, 12, 31), b"\x01"),
    (logical("int", "time-millis"), dt.time(0, 0, 1, 2000), b"\xd4\x0f"),
    (logical("long", "time-micros"), dt.time(0, 0, 0, 7), b"\x0e"),
    (logical("long", "timestamp-millis"), dt.datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC), b"\xd0\x0f"),
    (logical("long", "timestamp-millis"), dt.datetime(1969, 12, 31, 23, 59, 59, 999000, tzinfo=UTC), b"\x01"),
    (logical("long", "timestamp-micros"), dt.datetime(1970, 1, 1, 0, 0, 0, 1, tzinfo=UTC), b"\x02"),
    (logical("long", "timestamp-nanos"), TimestampNanos(3), b"\x06"),
    (logical("long", "local-timestamp-millis"), dt.datetime(1970, 1, 1, 0, 0, 1), b"\xd0\x0f"),
    (logical("long", "local-timestamp-micros"), dt.datetime(1970, 1, 1, 0, 0, 0, 1), b"\x02"),
    (logical("long", "local-timestamp-nanos"), LocalTimestampNanos(-3), b"\x05"),
    (logical("string", "uuid"), UUID(int=15), b"\x4800000000-0000-0000-0000-00000000000f"),
    (fixed(16, logicalType="uuid"), UUID(int=15), b"\x00" * 15 + b"\x0f"),
    (logical("bytes", "decimal", precision=4, scale=2), Decimal("-1.28"), b"\x02\x80"),
    (logical("bytes", "decimal", precision=4, scale=2), Decimal("1.28"), b"\x04\x00\x80"),
    (fixed(3, logicalType="decimal", precision=4, scale=2), Decimal("-0.01"), b"\xff\xff\xff"),
    (logical("bytes", "big-decimal"), Decimal("3.14"), b"\x08\x04\x01\x3a\x04"),
    (fixed(12, logicalType="duration"), Duration(1, 2, 3), struct.pack("<III", 1, 2, 3)),
    (logical("string", "of-nobody"), "a", b"\x02a"),
    (record(("a", "int"), ("b", "string")), {"a": 1, "b": "x"}, b"\x02\x02x"),
    (record(), {}, b""),
]


@pytest.mark.parametrize(("kind", "value", "data"), LEAVES)
def test_values_and_their_bytes(engine: Any, kind: Any, value: Any, data: bytes) -> None:
    parsed = schema(kind)
    assert make_writer(parsed, engine=engine).encode(value) == data
    read = make_reader(parsed, engine=engine).decode(data)
    assert (read, type(read)) == (value, type(value))
    assert make_writer(parsed, engine=engine).encode(value, b"\0\0\0\0\1") == b"\0\0\0\0\1" + data
    assert make_reader(parsed, engine=engine).decode(b"12345" + data, 5) == value


@pytest.mark.parametrize(
    "form",
    [
        "12345678-1234-5678-1234-56781234abcd",
        "12345678-1234-5678-1234-56781234ABCD",
        "1234567812345678123456781234abcd",
        "urn:uuid:12345678-1234-5678-1234-56781234abcd",
        "{12345678-1234-5678-1234-56781234abcd}",
    ],
)
def test_uuids_are_read_from_their_usual_forms(engine: Any, form: str) -> None:
    data = make_writer(schema("string"), engine=engine).encode(form)
    reader = make_reader(schema(logical("string", "uuid")), engine=engine)
    assert reader.decode(data) == UUID("12345678-1234-5678-1234-56781234abcd")


@pytest.mark.parametrize("padding", [0, 1, 7, 20_000])
@pytest.mark.parametrize("number", [0, 1, -1, 127, 128, -128, -129, 9999, -9999])
def test_decimals_may_repeat_their_sign(engine: Any, number: int, padding: int) -> None:
    raw = number.to_bytes(2, "big", signed=True)
    data = (b"\xff" if number < 0 else b"\0") * padding + raw
    on_bytes = logical("bytes", "decimal", precision=4, scale=2)
    payload = make_writer(schema("bytes"), engine=engine).encode(data)
    wanted = Decimal(number).scaleb(-2)
    assert make_reader(schema(on_bytes), engine=engine).decode(payload) == wanted
    on_fixed = fixed(len(data), logicalType="decimal", precision=4, scale=2)
    assert make_reader(schema(on_fixed), engine=engine).decode(data) == wanted


def test_a_decimal_read_with_fewer_digits_keeps_those_of_the_writer(engine: Any) -> None:
    wide, narrow = (logical("bytes", "decimal", precision=digits, scale=2) for digits in (6, 4))
    assert resolved(wide, narrow, engine)(Decimal("1234.56")) == Decimal("1234.56")
    assert resolved(narrow, wide, engine)(Decimal("12.34")) == Decimal("12.34")


def test_nan_goes_through(engine: Any) -> None:
    data = make_writer(schema("double"), engine=engine).encode(math.nan)
    assert math.isnan(make_reader(schema("double"), engine=engine).decode(data))


def test_instants_are_utc_and_come_from_any_time_zone(engine: Any) -> None:
    parsed = schema(logical("long", "timestamp-micros"))
    east = dt.timezone(dt.timedelta(hours=5, minutes=30))
    data = make_writer(parsed, engine=engine).encode(dt.datetime(2024, 5, 6, 12, 0, tzinfo=east))
    read = make_reader(parsed, engine=engine).decode(data)
    assert (read, read.tzinfo) == (dt.datetime(2024, 5, 6, 6, 30, tzinfo=UTC), UTC)


def test_what_is_finer_than_the_schema_is_cut_towards_the_past(engine: Any) -> None:
    parsed = schema(logical("long", "timestamp-millis"))
    before = dt.datetime(1969, 12, 31, 23, 59, 59, 999_500, tzinfo=UTC)
    data = make_writer(parsed, engine=engine).encode(before)
    assert make_reader(parsed, engine=engine).decode(data) == before.replace(microsecond=999_000)


def test_nanoseconds_come_from_datetimes_too(engine: Any) -> None:
    moment = dt.datetime(2024, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
    parsed = schema(logical("long", "timestamp-nanos"))
    read = make_reader(parsed, engine=engine).decode(make_writer(parsed, engine=engine).encode(moment))
    assert read == TimestampNanos.from_datetime(moment)
    assert read.datetime() == moment
    local = schema(logical("long", "local-timestamp-nanos"))
    naive = moment.replace(tzinfo=None)
    back = make_reader(local, engine=engine).decode(make_writer(local, engine=engine).encode(naive))
    assert back == LocalTimestampNanos.from_datetime(naive)
    assert back.datetime() == naive


def test_nanosecond_values_refuse_the_other_kind_of_datetime() -> None:
    with pytest.raises(ValueError, match="with a time zone"):
        TimestampNanos.from_datetime(dt.datetime(2024, 1, 1))
    with pytest.raises(ValueError, match="without a time zone"):
        LocalTimestampNanos.from_datetime(dt.datetime(2024, 1, 1, tzinfo=UTC))
    assert repr(TimestampNanos(5)) == "TimestampNanos(5)"


class Color(enum.Enum):
    RED = "RED"
    BLUE = "BLUE"


@dataclass(slots=True, kw_only=True)
class Point:
    x: float
    y: float


@dataclass(slots=True, kw_only=True)
class Shape:
    name: str
    class_: Color = field(metadata={"avro": "class"})
    points: list[Point]
    next: Shape | None


COLOR = {"type": "enum", "name": "g.Color", "symbols": ["RED", "BLUE"]}
POINT = record(("x", "double"), ("y", "double"), name="g.Point")
SHAPE = record(
    ("name", "string"),
    ("class", COLOR),
    ("points", {"type": "array", "items": POINT}),
    ("next", ["null", "g.Shape"]),
    name="g.Shape",
)
CLASSES: dict[str, type[Any]] = {"g.Color": Color, "g.Point": Point, "g.Shape": Shape}


def test_records_and_enums_become_objects(engine: Any) -> None:
    inner = Shape(name="in", class_=Color.BLUE, points=[], next=None)
    value = Shape(name="out", class_=Color.RED, points=[Point(x=1.0, y=2.0)], next=inner)
    parsed = schema(SHAPE)
    data = make_writer(parsed, CLASSES, engine=engine).encode(value)
    read = make_reader(parsed, None, CLASSES, engine=engine).decode(data)
    assert read == value
    assert read.class_ is Color.RED
    plain = make_reader(parsed, engine=engine).decode(data)
    assert plain["next"] == {"name": "in", "class": "BLUE", "points": [], "next": None}
    assert make_writer(parsed, CLASSES, engine=engine).encode(plain) == data


def test_decode_many_returns_errors_beside_the_values(engine: Any) -> None:
    reader = make_reader(schema(POINT), None, CLASSES, engine=engine)
    good = struct.pack("<dd", 1, 2)
    values, errors = reader.decode_many([b"_" + good, b"_" + good[:-1], b"_" + good], 1)
    assert values == [Point(x=1.0, y=2.0), None, Point(x=1.0, y=2.0)]
    assert list(errors) == [1]
    error = errors[1]
    assert isinstance(error, DecodeError)
    assert (error.position, error.path, error.what) == (9, "y", "the data ends too early")


def test_what_decodes_has_no_errors(engine: Any) -> None:
    reader = make_reader(schema(POINT), None, CLASSES, engine=engine)
    assert reader.decode_many([]) == ([], {})
    assert reader.decode_many([bytes(16)] * 2) == ([Point(x=0.0, y=0.0)] * 2, {})


class Refusal(DecodeError):
    """A record's class, which happens to be an error."""

    def __init__(self, x: float, y: float) -> None:
        super().__init__("x")
        self.at = (x, y)


def test_a_value_that_is_an_exception_is_a_value(engine: Any) -> None:
    reader = make_reader(schema(POINT), None, {"g.Point": Refusal}, engine=engine)
    good = struct.pack("<dd", 1, 2)
    values, errors = reader.decode_many([good, good[:-1]])
    assert [value and value.at for value in values] == [(1.0, 2.0), None]
    assert list(errors) == [1]
    assert reader.decode(good).at == (1.0, 2.0)


@dataclass(kw_only=True)
class WithDict:
    x: float
    y: float
    note: str = "extra"


@dataclass(slots=True, kw_only=True)
class Checked:
    x: float
    y: float

    def __post_init__(self) -> None:
        if self.x < 0:
            raise ValueError("x is negative")


@dataclass(frozen=True, slots=True)
class Frozen:
    x: float
    y: float


class Plain:
    def __init__(self, x: float, y: float) -> None:
        self.x, self.y = x, y


class Meta(type):
    pass


@dataclass(slots=True, kw_only=True)
class WithMeta(metaclass=Meta):
    x: float
    y: float


@dataclass(slots=True, kw_only=True, init=False)
class OwnInit:
    x: float
    y: float

    def __init__(self, x: float, y: float) -> None:
        self.x, self.y = x * 2, y


@pytest.mark.parametrize("cls", [WithDict, Checked, Frozen, Plain, WithMeta, Point])
def test_classes_of_all_kinds_are_respected(engine: Any, cls: type[Any]) -> None:
    classes = {"g.Point": cls}
    data = struct.pack("<dd", 1, 2)
    read = make_reader(schema(POINT), None, classes, engine=engine).decode(data)
    assert (type(read), read.x, read.y) == (cls, 1.0, 2.0)
    assert make_writer(schema(POINT), classes, engine=engine).encode(read) == data


@dataclass(slots=True, kw_only=True)
class Setting:
    x: float
    y: float

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value + 10)


@dataclass(frozen=True, slots=True)
class Base:
    x: float
    y: float


class SettingBelow(Base):
    __slots__ = ()

    def __init__(self, x: float, y: float) -> None:
        super().__init__(x + 10, y + 10)


@dataclass(slots=True, kw_only=True)
class Extra:
    x: float
    y: float
    scale: InitVar[int]


@dataclass(slots=True, kw_only=True)
class ExtraByDefault:
    x: float
    y: float
    scale: InitVar[int] = 2


@dataclass(slots=True, kw_only=True)
class Watched:
    x: float
    y: float

    def __del__(self) -> None:
        GONE.append((self.x, self.y))


@dataclass(slots=True, kw_only=True)
class Reading:
    x: float
    y: float

    def __getattribute__(self, name: str) -> Any:
        return object.__getattribute__(self, name) + 10


@dataclass(slots=True, kw_only=True)
class Filling:
    x: float
    y: float

    def __getattr__(self, name: str) -> float:
        return 10.0


GONE: list[tuple[float, float]] = []


class Twin:
    __slots__ = ("x", "y")


@dataclass
class Borrowed:
    x: float
    y: float


def test_setattr_is_called(engine: Any) -> None:
    data = struct.pack("<dd", 1, 2)
    for cls in (Setting, SettingBelow):
        read = make_reader(schema(POINT), None, {"g.Point": cls}, engine=engine).decode(data)
        assert (read.x, read.y) == (11.0, 12.0)


def test_a_class_that_looks_at_its_objects_sees_no_half_made_ones(engine: Any) -> None:
    reader = make_reader(schema(POINT), None, {"g.Point": Watched}, engine=engine)
    GONE.clear()
    with pytest.raises(DecodeError):
        reader.decode(struct.pack("<d", 1))
    assert GONE == []
    reader.decode(struct.pack("<dd", 1, 2))
    assert GONE == [(1.0, 2.0)]


def test_a_class_is_asked_for_what_it_has_of_its_own_to_say(engine: Any) -> None:
    reading = make_writer(schema(POINT), {"g.Point": Reading}, engine=engine)
    assert reading.encode(Reading(x=1, y=2)) == struct.pack("<dd", 11, 12)
    filling = make_writer(schema(POINT), {"g.Point": Filling}, engine=engine)
    assert filling.encode(Filling.__new__(Filling)) == struct.pack("<dd", 10, 10)


def test_arguments_of_init_alone_are_seen(engine: Any) -> None:
    with pytest.raises(SchemaError, match="needs a value that the schema does not have: scale"):
        make_reader(schema(POINT), None, {"g.Point": Extra}, engine=engine)
    data = struct.pack("<dd", 1, 2)
    read = make_reader(schema(POINT), None, {"g.Point": ExtraByDefault}, engine=engine).decode(data)
    assert read == ExtraByDefault(x=1.0, y=2.0)


def test_only_simple_slotted_dataclasses_are_filled_without_a_call() -> None:
    assert [cls for cls in (Point, Frozen, Base) if not is_plain(cls)] == []
    others = (
        WithDict,
        Checked,
        Plain,
        WithMeta,
        OwnInit,
        Setting,
        SettingBelow,
        Extra,
        ExtraByDefault,
        Watched,
        Reading,
        Filling,
        Borrowed,
    )
    assert [cls for cls in others if is_plain(cls)] == []


def test_the_slots_of_another_class_are_not_taken_for_its_own(
    engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Borrowed, "x", Twin.x, raising=False)  # type: ignore[attr-defined]
    monkeypatch.setattr(Borrowed, "y", Twin.y, raising=False)  # type: ignore[attr-defined]
    assert not is_plain(Borrowed)
    with pytest.raises(DecodeError, match="TypeError"):
        make_reader(schema(POINT), None, {"g.Point": Borrowed}, engine=engine).decode(b"\0" * 16)
    native = importlib.import_module("kgen_runtime.codec.native._reader")
    step = ("x", native.scalar("double", False, -1, 0, 0), 0)
    with pytest.raises(TypeError, match="not a slot"):
        native.SlotRecordNode(Borrowed, ("x", "y")).fill((step,), ())


def test_init_and_post_init_are_called(engine: Any) -> None:
    data = struct.pack("<dd", 1, 2)
    assert make_reader(schema(POINT), None, {"g.Point": OwnInit}, engine=engine).decode(data).x == 2.0
    reader = make_reader(schema({"type": "array", "items": POINT}), None, {"g.Point": Checked}, engine=engine)
    with pytest.raises(DecodeError, match="ValueError: x is negative") as caught:
        reader.decode(b"\x02" + struct.pack("<dd", -1, 2) + b"\x00")
    assert caught.value.path == "[0]"
    assert isinstance(caught.value.__cause__, ValueError)


def test_classes_that_do_not_fit_are_refused(engine: Any) -> None:
    @dataclass
    class Lacking:
        x: float

    @dataclass
    class Needing:
        x: float
        y: float
        z: float

    for make in (
        lambda c: make_reader(schema(POINT), None, c, engine=engine),
        lambda c: make_writer(schema(POINT), c, engine=engine),
    ):
        with pytest.raises(SchemaError, match="has no field for y"):
            make({"g.Point": Lacking})
        with pytest.raises(SchemaError, match=r"needs a value .* z"):
            make({"g.Point": Needing})

    class Few(enum.Enum):
        RED = "RED"

    with pytest.raises(SchemaError, match="lacks a symbol"):
        make_reader(schema(COLOR), None, {"g.Color": Few}, engine=engine)


@dataclass(slots=True)
class Unset:
    x: float
    y: float = field(init=False, default=0.0)


class Abstract(abc.ABC):
    def __init__(self, x: float, y: float) -> None:
        self.x, self.y = x, y

    @abc.abstractmethod
    def length(self) -> float: ...


@pytest.mark.parametrize(
    ("cls", "message"),
    [(Unset, r"Unset takes no value for y\n  at g\.Point"), (Abstract, r"is abstract: it lacks length")],
)
def test_classes_of_which_no_object_can_be_made_are_refused_for_readers(
    engine: Any, cls: type[Any], message: str
) -> None:
    line = record(("points", {"type": "array", "items": POINT}))
    with pytest.raises(SchemaError, match=message):
        make_reader(schema(line), None, {"g.Point": cls}, engine=engine)
    written = schema(record(("points", {"type": "array", "items": POINT}), ("n", "int")))
    assert make_reader(written, schema(record(("n", "int"))), {"g.Point": cls}, engine=engine)
    assert make_writer(schema(line), {"g.Point": cls}, engine=engine)


def test_values_of_fields_that_init_does_not_take_are_written(engine: Any) -> None:
    assert make_writer(schema(POINT), {"g.Point": Unset}, engine=engine).encode(Unset(1.0)) == struct.pack(
        "<dd", 1, 0
    )


@dataclass(init=False)
class UnsetWithOwnInit(Unset):
    def __init__(self, x: float, y: float) -> None:
        self.x, self.y = x, y


class AbstractFactory(Abstract):
    def __new__(cls, x: float, y: float) -> Any:
        return Point(x=x, y=y)


@pytest.mark.parametrize("cls", [UnsetWithOwnInit, AbstractFactory])
def test_classes_that_make_their_objects_in_another_way_are_taken(engine: Any, cls: type[Any]) -> None:
    read = make_reader(schema(POINT), None, {"g.Point": cls}, engine=engine).decode(struct.pack("<dd", 1, 2))
    assert (read.x, read.y) == (1.0, 2.0)


LATEST = dt.datetime.max.replace(tzinfo=dt.timezone(dt.timedelta(hours=-1)))
EARLIEST = dt.datetime.min.replace(tzinfo=dt.timezone(dt.timedelta(hours=1)))
REFUSED: list[tuple[Any, Any, str, str]] = [
    ("null", 0, "", "expected None"),
    ("boolean", 1, "", "expected bool"),
    ("int", True, "", "not bool"),
    ("int", "1", "", "expected int"),
    ("int", 2**31, "", "does not fit 32 bits"),
    ("long", 2**63, "", "does not fit 64 bits"),
    ("long", 1.0, "", "not float"),
    ("float", 1e39, "", "32 bits"),
    ("double", 10**400, "", "expected a"),
    ("double", True, "", "not bool"),
    ("string", b"a", "", "expected str"),
    ("string", "\ud800", "", "surrogate"),
    ("bytes", "a", "", "expected bytes"),
    (fixed(2), b"a", "", "expected 2 bytes, not 1"),
    (fixed(2), "ab", "", "expected bytes, not str"),
    ({"type": "enum", "name": "E", "symbols": ["A"]}, "B", "", "symbol of E"),
    ({"type": "array", "items": "int"}, {1}, "", "expected list"),
    ({"type": "array", "items": "int"}, [1, "a"], "[1]", "expected"),
    ({"type": "map", "values": "int"}, [], "", "expected dict"),
    ({"type": "map", "values": "int"}, {"k": "a"}, "['k']", "expected"),
    ({"type": "map", "values": "int"}, {1: 1}, "['1']", "expected str"),
    (["null", "int"], "a", "", "expected one of [null, int]"),
    (record(("a", "int")), {}, "a", "missing"),
    (record(("a", "int")), {"a": 1, "b": 2}, "", "has no field b"),
    (record(("a", "int")), 5, "", "expected dict"),
    (
        record(("a", {"type": "array", "items": record(("b", "int"), name="S")})),
        {"a": [{"b": ""}]},
        "a[0].b",
        "expected",
    ),
    (logical("int", "date"), dt.datetime(2024, 1, 1), "", "expected date"),
    (logical("int", "time-millis"), dt.time(1, tzinfo=UTC), "", "without a time zone"),
    (logical("long", "timestamp-millis"), dt.datetime(2024, 1, 1), "", "with a time zone"),
    (
        logical("long", "local-timestamp-millis"),
        dt.datetime(2024, 1, 1, tzinfo=UTC),
        "",
        "without a time zone",
    ),
    (logical("long", "timestamp-millis"), 5, "", "with a time zone"),
    (logical("long", "timestamp-millis"), LATEST, "", "outside the years 1 to 9999 in UTC"),
    (logical("long", "timestamp-micros"), EARLIEST, "", "outside the years 1 to 9999 in UTC"),
    (["null", logical("string", "uuid")], "x", "", "expected one of [null, uuid], not str"),
    (["null", logical("bytes", "decimal", precision=4)], b"x", "", "one of [null, decimal], not bytes"),
    (["null", logical("long", "timestamp-millis")], 5, "", "one of [null, timestamp-millis], not int"),
    (logical("long", "timestamp-nanos"), dt.datetime(9999, 1, 1, tzinfo=UTC), "", "nanoseconds"),
    (logical("string", "uuid"), "x", "", "expected UUID"),
    (logical("bytes", "decimal", precision=4, scale=2), Decimal("1.234"), "", "below scale 2"),
    (logical("bytes", "decimal", precision=4, scale=2), Decimal(100), "", "more than 4 digits"),
    (logical("bytes", "decimal", precision=4, scale=2), Decimal("NaN"), "", "ecimal"),
    (logical("bytes", "decimal", precision=4, scale=2), Decimal("1e999999"), "", "ecimal"),
    (logical("bytes", "decimal", precision=4, scale=2), 1.5, "", "Decimal"),
    (logical("bytes", "big-decimal"), Decimal("Infinity"), "", "ecimal"),
    (fixed(12, logicalType="duration"), Duration(-1), "", "Duration"),
]


@pytest.mark.parametrize(("kind", "value", "path", "message"), REFUSED)
def test_values_that_do_not_fit_are_refused_with_their_path(
    engine: Any, kind: Any, value: Any, path: str, message: str
) -> None:
    with pytest.raises(EncodeError) as caught:
        make_writer(schema(kind), engine=engine).encode(value)
    assert caught.value.path == path
    assert message in caught.value.what


@pytest.mark.parametrize(("kind", "value", "path", "message"), REFUSED)
def test_both_engines_refuse_in_the_same_words(kind: Any, value: Any, path: str, message: str) -> None:
    for union in (False, True):
        parsed = schema(["null", kind] if union and kind != "null" and type(kind) is not list else kind)
        told = []
        for engine in ("native", "python"):
            with pytest.raises(EncodeError) as caught:
                make_writer(parsed, engine=engine).encode(value)
            told.append(str(caught.value))
        assert told[0] == told[1]


def test_a_value_that_holds_itself_is_refused(engine: Any) -> None:
    loop: dict[str, Any] = {}
    loop["next"] = loop
    with pytest.raises(EncodeError, match="nested more than"):
        make_writer(schema(record(("next", ["null", "R"]))), engine=engine).encode(loop)
    with pytest.raises(EncodeError):
        make_writer(
            schema(record(("next", ["null", "R", {"type": "map", "values": "R"}]))), engine=engine
        ).encode(loop)


def test_a_field_that_is_not_set_is_refused(engine: Any) -> None:
    point = Point.__new__(Point)
    with pytest.raises(EncodeError, match="not set") as caught:
        make_writer(schema(POINT), CLASSES, engine=engine).encode(point)
    assert caught.value.path == "x"


def test_subclasses_and_dicts_stand_in_for_objects(engine: Any) -> None:
    class Special(Point):
        __slots__ = ()

    writer = make_writer(schema(POINT), CLASSES, engine=engine)
    assert writer.encode(Special(x=1, y=2)) == writer.encode({"x": 1, "y": 2.0}) == struct.pack("<dd", 1, 2)


def test_dicts_may_leave_out_what_has_a_default(engine: Any) -> None:
    parsed = schema(record(("a", "int"), {"name": "b", "type": ["string", "null"], "default": "x"}))
    assert make_writer(parsed, engine=engine).encode({"a": 1}) == b"\x02\x00\x02x"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2**53 + 1


NANOS = logical("long", "timestamp-nanos")
UNIONS: list[tuple[list[Any], Any, int]] = [
    (["int", "long"], 5, 0),
    (["int", "long"], 2**40, 1),
    (["float", "double"], 1.5, 0),
    (["float", "double"], 0.1, 1),
    (["double", "long"], 5, 1),
    (["null", "double"], 5, 1),
    (["boolean", "int"], True, 0),
    (["int", "boolean"], True, 1),
    (["bytes", fixed(2)], b"ab", 0),
    ([fixed(2), "bytes"], b"abc", 1),
    ([fixed(2), "bytes"], bytearray(b"ab"), 0),
    (["string", {"type": "enum", "name": "E", "symbols": ["A"]}], "A", 0),
    ([{"type": "enum", "name": "E", "symbols": ["A"]}, "string"], "A", 0),
    ([{"type": "enum", "name": "E", "symbols": ["A"]}, "string"], "B", 1),
    ([logical("int", "date"), logical("long", "timestamp-millis")], dt.datetime(2024, 1, 1, tzinfo=UTC), 1),
    ([logical("int", "date"), logical("long", "timestamp-millis")], dt.date(2024, 1, 1), 0),
    ([logical("long", "timestamp-nanos"), "int"], 5, 1),
    (["int", logical("long", "timestamp-nanos")], TimestampNanos(5), 1),
    (["string", logical("bytes", "decimal", precision=4)], Decimal(5), 1),
    ([record(("a", "int")), record(("a", "string"), name="S")], {"a": "x"}, 1),
    (
        [record(("a", "long")), record(("a", "long"), {"name": "b", "type": "int", "default": 1}, name="S")],
        {"a": 1},
        0,
    ),
    ([record({"name": "a", "type": "long", "default": 1}), record(("b", "long"), name="S")], {"b": 1}, 1),
    ([record(("a", "long")), {"type": "map", "values": "long"}], {"b": 1}, 1),
    ([{"type": "map", "values": "long"}, record(("a", "string"))], {"a": "x"}, 1),
    ([{"type": "array", "items": "int"}, "null"], (1,), 0),
    (["double", "long"], Level.HIGH, 1),
    (["double", "long"], Level.LOW, 1),
    (["double", "long"], TimestampNanos(2**53 + 1), 1),
    (["float", "long"], Level.HIGH, 1),
    (["int", "long"], Level.LOW, 0),
    (["int", "long"], Level.HIGH, 1),
    (["int", "double"], Level.HIGH, 1),
    (["float", "double"], 2**24, 0),
    (["float", "double"], 2**24 + 1, 1),
    (["double", logical("bytes", "decimal", precision=20)], 5, 0),
    (["double", logical("bytes", "decimal", precision=20)], 2**53 + 1, 1),
    (["double", logical("bytes", "decimal", precision=20)], 10**300, 0),
    ([logical("long", "timestamp-nanos"), "int"], Level.LOW, 1),
    ([record(("t", "int")), record(("t", NANOS), name="S")], {"t": TimestampNanos(5)}, 1),
    ([{"type": "map", "values": "long"}, record(("a", "long"))], OrderedDict(a=1), 0),
    ([{"type": "map", "values": "long"}, record(("a", "long"))], defaultdict(int, a=1), 0),
    ([record(("a", "long")), {"type": "map", "values": "long"}], Counter(a=1), 0),
    ([record(("a", "double")), record(("a", "long"), name="S")], OrderedDict(a=1), 0),
    ([record(("a", "double")), record(("a", "long"), name="S")], OrderedDict(a=2**53 + 1), 1),
]


@pytest.mark.parametrize(("kind", "value", "branch"), UNIONS)
def test_unions_take_the_first_exact_branch_else_the_first_that_accepts(
    engine: Any, kind: Any, value: Any, branch: int
) -> None:
    assert make_writer(schema(kind), engine=engine).encode(value)[0] == branch * 2


def test_unions_distinguish_classes(engine: Any) -> None:
    @dataclass(slots=True, kw_only=True)
    class Other:
        x: float
        y: float

    other = record(("x", "double"), ("y", "double"), name="g.Other")
    writer = make_writer(
        schema([POINT, other, COLOR, "string"]), {**CLASSES, "g.Other": Other}, engine=engine
    )
    assert [writer.encode(v)[0] // 2 for v in (Point(x=1, y=1), Other(x=1, y=1), Color.RED, "RED")] == [
        0,
        1,
        2,
        3,
    ]


def test_enum_classes_refuse_the_members_of_others(engine: Any) -> None:
    class Size(enum.Enum):
        RED = "RED"

    writer = make_writer(schema(COLOR), CLASSES, engine=engine)
    with pytest.raises(EncodeError, match=r"symbol of g\.Color"):
        writer.encode(Size.RED)
    assert writer.encode("BLUE") == b"\x02"


def resolved(writer: Any, reader: Any, engine: Any, classes: Any = None) -> Callable[[Any], Any]:
    encode = make_writer(schema(writer), engine=engine).encode
    decode = make_reader(schema(writer), schema(reader), classes, engine=engine).decode
    return lambda value: decode(encode(value))


PROMOTIONS: list[tuple[str, str, Any, Any]] = [
    ("int", "long", 5, 5),
    ("int", "float", 16_777_217, 16_777_216.0),  # as a float of 32 bits
    ("int", "double", 5, 5.0),
    ("long", "float", 2**62 + 1, float(2**62)),
    # rounded once: by way of a double these would be ties, and go the other way
    ("long", "float", 2**62 + 2**38 + 1, float(2**62 + 2**39)),
    ("long", "float", -(2**62) - 2**38 - 1, -float(2**62 + 2**39)),
    ("long", "float", 2**62 + 3 * 2**38 - 1, float(2**62 + 2**39)),
    ("long", "float", 2**63 - 1, float(2**63)),
    ("long", "double", 2**53 + 1, float(2**53)),
    ("float", "double", 1.5, 1.5),
    ("string", "bytes", "é", b"\xc3\xa9"),
    ("bytes", "string", b"\xc3\xa9", "é"),
]


@pytest.mark.parametrize(("writer", "reader", "value", "expected"), PROMOTIONS)
def test_promotions(engine: Any, writer: str, reader: str, value: Any, expected: Any) -> None:
    read = resolved(writer, reader, engine)(value)
    assert (read, type(read)) == (expected, type(expected))
    for union in (["null", reader], [reader, "null"]):
        assert type(resolved(writer, union, engine)(value)) is type(expected)


def test_promoted_numbers_keep_the_readers_logical_type(engine: Any) -> None:
    read = resolved("int", logical("long", "timestamp-millis"), engine)(1000)
    assert read == dt.datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)


def test_fields_are_matched_by_name_and_alias_and_the_rest_is_skipped(engine: Any) -> None:
    everything = [
        ("s0", "string"),
        ("s1", {"type": "array", "items": "string"}),
        ("s2", {"type": "map", "values": "bytes"}),
        ("s3", ["null", record(("q", "float"), ("r", ["null", "S"]), name="S")]),
        ("s4", "boolean"),
        ("s5", fixed(3)),
        ("s6", {"type": "enum", "name": "E", "symbols": ["A"]}),
        ("s7", "double"),
        ("s8", "long"),
        ("s9", "null"),
    ]
    writer = record(("a", "int"), *everything, ("old", "string"))
    reader = record({"name": "new", "type": "string", "aliases": ["old"]}, ("a", "long"))
    value = {
        "a": 1,
        "s0": "x",
        "s1": ["y"],
        "s2": {"k": b"z"},
        "s3": {"q": 1.0, "r": None},
        "s4": True,
        "s5": b"abc",
        "s6": "A",
        "s7": 1.0,
        "s8": 2**60,
        "s9": None,
        "old": "kept",
    }
    read = resolved(writer, reader, engine)(value)
    assert read == {"new": "kept", "a": 1}
    assert list(read) == ["new", "a"]


def test_skipped_blocks_with_a_size_are_jumped_over(engine: Any) -> None:
    writer = record(("a", {"type": "array", "items": "string"}), ("b", "int"))
    data = b"\x03\x08\x02x\x02y" + b"\x02\x02z" + b"\x00" + b"\x0e"
    reader = make_reader(schema(writer), schema(record(("b", "int"))), engine=engine)
    assert reader.decode(data) == {"b": 7}
    assert make_reader(schema(writer), engine=engine).decode(data) == {"a": ["x", "y", "z"], "b": 7}


DEFAULTS: list[tuple[Any, Any, Any]] = [
    ("null", None, None),
    ("boolean", True, True),
    ("int", 5, 5),
    ("long", -5, -5),
    ("float", 0.1, struct.unpack("<f", struct.pack("<f", 0.1))[0]),
    ("double", 1, 1.0),
    ("bytes", "\u00ff", b"\xff"),
    ("string", "é", "é"),
    (["null", "int"], None, None),
    (["int", "null"], 4, 4),
    ({"type": "array", "items": "int"}, [1, 2], [1, 2]),
    ({"type": "map", "values": ["null", "int"]}, {"a": None}, {"a": None}),
    ({"type": "enum", "name": "E", "symbols": ["A", "B"]}, "B", "B"),
    (fixed(2), "ab", b"ab"),
    (record(("x", "int"), {"name": "y", "type": "int", "default": 9}, name="S"), {"x": 1}, {"x": 1, "y": 9}),
    (logical("int", "date"), 1, dt.date(1970, 1, 2)),
    (logical("bytes", "decimal", precision=4, scale=2), "\u0080", Decimal("-1.28")),
]


@pytest.mark.parametrize(("kind", "default", "expected"), DEFAULTS)
def test_defaults_of_every_type(engine: Any, kind: Any, default: Any, expected: Any) -> None:
    reader = record({"name": "b", "type": kind, "default": default}, ("a", "int"))
    read = resolved(record(("a", "int")), reader, engine)({"a": 1})
    assert read == {"b": expected, "a": 1}
    assert type(read["b"]) is type(expected)


@pytest.mark.parametrize("kind", [{"type": "array", "items": "int"}, {"type": "map", "values": "int"}, POINT])
def test_defaults_that_can_change_are_fresh_each_time(engine: Any, kind: Any) -> None:
    default = {"array": [1], "map": {"a": 1}, "record": {"x": 1, "y": 2}}[kind["type"]]
    reader = record({"name": "b", "type": kind, "default": default})
    decode = make_reader(schema(record()), schema(reader), CLASSES, engine=engine).decode
    assert decode(b"")["b"] == decode(b"")["b"]
    assert decode(b"")["b"] is not decode(b"")["b"]


def test_defaults_become_objects_of_the_classes(engine: Any) -> None:
    reader = record(
        {"name": "p", "type": POINT, "default": {"x": 1, "y": 2}},
        {"name": "c", "type": COLOR, "default": "BLUE"},
    )
    read = make_reader(schema(record()), schema(reader), CLASSES, engine=engine).decode(b"")
    assert read == {"p": Point(x=1.0, y=2.0), "c": Color.BLUE}


INVALID = [
    ("int", "0", 7),
    (["null", "int"], "null", None),
    (["null", "string"], "x", "y"),
    (["string", "null"], None, "y"),
    ({"type": "array", "items": ["null", "int"]}, [1], [2]),
    ("boolean", "false", True),
    ({"type": "array", "items": "int"}, None, [1]),
    ({"type": "enum", "name": "E", "symbols": ["A"]}, "", "A"),
    ({"type": "record", "name": "S", "fields": [{"name": "x", "type": "int"}]}, {}, {"x": 1}),
    ("bytes", 0, b"a"),
    (logical("string", "uuid"), "x", UUID(int=1)),
]


@pytest.mark.parametrize(("kind", "default", "value"), INVALID)
def test_defaults_of_the_writer_play_no_part_in_reading(
    kind: Any, default: Any, value: Any, engine: Any
) -> None:
    writer = record({"name": "a", "type": kind, "default": default})
    data = make_writer(schema(writer), engine=engine).encode({"a": value})
    for reader in (writer, record({"name": "a", "type": kind})):
        assert make_reader(schema(writer), schema(reader), engine=engine).decode(data) == {"a": value}


@pytest.mark.parametrize(("kind", "default", "value"), INVALID)
def test_a_field_whose_default_is_invalid_is_required(
    kind: Any, default: Any, value: Any, engine: Any
) -> None:
    reader = schema(record({"name": "a", "type": kind, "default": default}))
    with pytest.raises(ResolutionError, match="the reader's default for it is ignored: it ") as caught:
        make_reader(schema(record()), reader, engine=engine)
    assert caught.value.where == "a"
    assert [problem.path for problem in check(schema(record()), reader)] == ["a"]
    with pytest.raises(EncodeError, match="the field is missing"):
        make_writer(reader, engine=engine).encode({})


def test_only_records_without_it_need_a_field_whose_default_is_invalid(engine: Any) -> None:
    writer = ["null", record()]
    reader = ["null", record({"name": "a", "type": "int", "default": "0"})]
    decode = make_reader(schema(writer), schema(reader), engine=engine).decode
    assert decode(b"\0") is None
    with pytest.raises(DecodeError, match="must be an integer of 32 bits"):
        decode(b"\2")


UNREADABLE_ITEMS = [
    ("string", "int", "", "string cannot be read as int"),
    (record(), record({"name": "a", "type": "int"}), ".a", "a: the writer does not write"),
    (["string", "null"], ["int"], "", "string is not a branch of the reader's union"),
]


@pytest.mark.parametrize(("writer", "reader", "below", "why"), UNREADABLE_ITEMS)
def test_items_that_cannot_be_read_do_not_matter_where_there_are_none(
    writer: Any, reader: Any, below: str, why: str, engine: Any
) -> None:
    def around(items: Any) -> Any:
        fields = [
            {"name": "l", "type": {"type": "array", "items": items}},
            {"name": "m", "type": {"type": "map", "values": copy.deepcopy(items)}},
        ]
        return schema(record(*fields, name="Around"))

    decode = make_reader(around(writer), around(reader), engine=engine).decode
    assert decode(b"\0\0") == {"l": [], "m": {}}
    with pytest.raises(DecodeError, match=why) as caught:
        decode(b"\2\0\0\0")
    assert caught.value.path == "l[0]"
    with pytest.raises(DecodeError, match=why) as caught:
        decode(b"\0\2\2k\0\0\0")
    assert caught.value.path == "m['k']"
    assert {problem.path for problem in check(around(writer), around(reader))} >= {f"l[]{below}"}


def test_a_writer_that_uses_an_aliass_name_again_is_read_as_java_reads_it(engine: Any) -> None:
    writer = record({"name": "a", "type": "int"})
    reader = record(
        {"name": "b", "type": "int", "aliases": ["a"]}, {"name": "a", "type": "int", "default": 9}
    )
    assert resolved(writer, reader, engine)({"a": 5}) == {"b": 5, "a": 9}
    assert resolved(reader, reader, engine)({"b": 1, "a": 2}) == {"b": 1, "a": 2}


def test_enum_symbols_are_matched_by_name_and_default(engine: Any) -> None:
    writer = {"type": "enum", "name": "E", "symbols": ["A", "B", "C"]}
    reader = {"type": "enum", "name": "E", "symbols": ["C", "A"]}
    through = resolved(writer, reader, engine)
    assert [through("A"), through("C")] == ["A", "C"]
    with pytest.raises(DecodeError, match="no symbol B and no default") as caught:
        through("B")
    assert caught.value.position == 0
    assert resolved(writer, {**reader, "default": "C"}, engine)("B") == "C"


def test_an_enum_without_common_symbols_is_an_error_of_the_datum(engine: Any) -> None:
    def maps(symbol: str) -> Any:
        inner = {"type": "map", "values": {"type": "enum", "name": "E", "symbols": [symbol]}}
        return {"type": "map", "values": inner}

    through = resolved(maps("A"), maps("B"), engine)
    assert through({}) == {}
    assert through({"k": {}}) == {"k": {}}
    with pytest.raises(DecodeError, match="no symbol A and no default") as caught:
        through({"k": {"x": "A"}})
    assert caught.value.path == "['k']['x']"
    with pytest.raises(ResolutionError, match="lacks A"):
        resolved(
            record(("e", maps("A")["values"]["values"])), record(("e", maps("B")["values"]["values"])), engine
        )


def test_the_first_branch_of_the_name_that_can_be_read_is_taken(engine: Any) -> None:
    through = resolved(
        {**fixed(3), "name": "z.F"}, [{**fixed(2), "name": "x.F"}, {**fixed(3), "name": "y.F"}], engine
    )
    assert through(b"abc") == b"abc"
    union = [record(("a", "int"), name="x.R"), record(("b", "long"), name="y.R")]
    assert resolved(record(("b", "int"), name="z.R"), union, engine)({"b": 1}) == {"b": 1}


def test_unions_to_and_from_single_types(engine: Any) -> None:
    assert resolved("int", ["string", "long"], engine)(5) == 5
    through = resolved(["null", "int", "string"], "long", engine)
    assert through(5) == 5
    with pytest.raises(DecodeError, match="string cannot be read as long"):
        through("a")
    with pytest.raises(DecodeError, match="null cannot be read as long"):
        through(None)


def test_union_branches_of_the_same_type_stay_themselves(engine: Any) -> None:
    """The specification's "first schema that matches" would turn these strings into bytes.

    Java looks for the same type first, and so does kgen.
    """
    union = ["bytes", "string", "double", "int"]
    through = resolved(union, [*union, "boolean"], engine)
    assert [through(v) for v in (b"a", "a", 1.0, 1)] == [b"a", "a", 1.0, 1]
    assert type(through(1)) is int


def test_a_branch_whose_record_cannot_be_read_fails_by_message(engine: Any) -> None:
    writer = ["null", record(("a", "string"), ("deep", record(("b", "int"), name="D")))]
    reader = ["null", record(("a", "string"), ("deep", record(("b", "string"), name="D")))]
    through = resolved(writer, reader, engine)
    assert through(None) is None
    with pytest.raises(DecodeError, match=r"deep\.b: int cannot be read as string"):
        through({"a": "", "deep": {"b": 1}})


def test_the_reason_of_a_branch_is_one_that_holds_for_all_its_data(engine: Any) -> None:
    writer = ["null", record(("a", ["int", "string"]), ("b", "int"))]
    reader = ["null", record(("a", "int"), ("b", "string"))]
    with pytest.raises(DecodeError, match=r"^b: int cannot be read as string"):
        resolved(writer, reader, engine)({"a": 1, "b": 1})


def named(name: str, size: int) -> dict[str, Any]:
    return {"type": "fixed", "name": name, "size": size}


TOP = record(("r", ["null", "R"]), ("s", record(("r", "R"), name="S")), ("b", "int"))
BRANCHES: list[tuple[Any, list[Any], str]] = [
    ("int", [], "int is not a branch of the reader's union [null]"),
    (COLOR, [{**COLOR, "symbols": ["GOLD"]}], "the reader's enum g.Color lacks RED, BLUE and has no"),
    (record(("r", POINT)), [record(("r", record(("z", "int"), name="Point")))], "r.z: the writer does not"),
    (record(("r", ["null", "R"])), [record(("r", ["null", "R"]), ("x", "int"))], "x: the writer does not"),
    (
        TOP,
        [json.loads(json.dumps(TOP).replace('"b", "type": "int"', '"b", "type": "null"'))],
        "b: int cannot",
    ),
    (
        named("z.F", 3),
        [named("x.F", 2), named("y.F", 4)],
        "z.F is not a branch of the reader's union [null, x.F, y.F]",
    ),
    (
        record(("c", "int"), name="z.R"),
        [record(("a", "int"), name="x.R"), record(("b", "int"), name="y.R")],
        "a: the writer does not write this field",
    ),
]


@pytest.mark.parametrize(("writer", "reader", "message"), BRANCHES)
def test_the_reason_of_a_branch_is_reported_with_its_path(
    engine: Any, writer: Any, reader: list[Any], message: str
) -> None:
    made = make_reader(schema(["null", writer]), schema(["null", *reader]), engine=engine)
    assert made.decode(b"\0") is None
    with pytest.raises(DecodeError) as caught:
        made.decode(b"\2")
    assert caught.value.what.startswith(message)


def test_named_types_match_by_simple_name_or_alias(engine: Any) -> None:
    writer = record(("a", "int"), name="one.Old")
    assert resolved(writer, record(("a", "int"), name="two.Old"), engine)({"a": 1}) == {"a": 1}
    assert resolved(writer, record(("a", "int"), name="New", aliases=["one.Old"]), engine)({"a": 1}) == {
        "a": 1
    }


def test_recursive_readers_with_removed_and_added_fields(engine: Any) -> None:
    writer = record(("next", ["null", "R"]), ("gone", "string"))
    reader = record({"name": "new", "type": "int", "default": 7}, ("next", ["null", "R"]))
    value = {"next": {"next": None, "gone": "x"}, "gone": "y"}
    assert resolved(writer, reader, engine)(value) == {"new": 7, "next": {"new": 7, "next": None}}


def test_the_native_engine_is_compiled_here() -> None:
    """Without this every test of the native engine would quietly run on the other one."""
    assert ENGINE == "native"


BAD_DECIMALS: list[tuple[Any, bytes, str]] = [
    (logical("bytes", "decimal", precision=2), b"\x00", "a decimal is empty"),
    (logical("bytes", "decimal", precision=2), b"\x02\x64", "more digits than the 2 of its schema"),
    (logical("bytes", "decimal", precision=2), b"\x06\x01\x00\x00", "more digits than the 2 of its schema"),
    (logical("bytes", "big-decimal"), b"\x00", "a decimal is empty"),
    (logical("bytes", "big-decimal"), b"\x04\x00\x00", "a big-decimal is not well formed"),
    (logical("bytes", "big-decimal"), b"\x02\x02", "a big-decimal is not well formed"),
]


@pytest.mark.parametrize(("kind", "data", "message"), BAD_DECIMALS)
def test_a_decimal_is_refused_for_its_own_reason(kind: Any, data: bytes, message: str, engine: Any) -> None:
    with pytest.raises(DecodeError) as caught:
        make_reader(schema(kind), engine=engine).decode(data)
    assert message in caught.value.what
    assert caught.value.position == 0


def test_a_big_decimal_that_is_too_long_is_refused_for_that(engine: Any) -> None:
    number = b"\x01" + bytes(4096)
    inner = zigzag(len(number)) + number + b"\x00"
    with pytest.raises(DecodeError, match="more digits than 4,096 bytes hold"):
        make_reader(schema(logical("bytes", "big-decimal")), engine=engine).decode(zigzag(len(inner)) + inner)


UNWRITTEN: list[tuple[Decimal | int, str]] = [
    (Decimal("123.4"), "the decimal has more than 3 digits at scale 1"),
    (Decimal("1.23"), "the decimal has digits below scale 1"),
    (Decimal("NaN"), "the decimal is not a finite number"),
    (10**40, "the decimal has more than 3 digits at scale 1"),
]


@pytest.mark.parametrize(("value", "message"), UNWRITTEN)
def test_a_decimal_is_not_written_for_its_own_reason(value: Any, message: str, engine: Any) -> None:
    with pytest.raises(EncodeError) as caught:
        make_writer(schema(logical("bytes", "decimal", precision=3, scale=1)), engine=engine).encode(value)
    assert caught.value.what == message

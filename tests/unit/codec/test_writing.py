"""Values of every odd kind: each is written for what it holds, or refused with its path."""

from __future__ import annotations

import datetime as dt
import enum
import math
import struct
from collections import OrderedDict
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from tests.unit.codec.test_codec import UTC, logical, record, schema

from kgen_runtime.codec import make_writer
from kgen_runtime.codec.values import TimestampNanos
from kgen_runtime.errors import EncodeError

INTS = {"type": "array", "items": "int"}
LINE = record(("next", ["null", "R"]), ("l", INTS), ("m", {"type": "map", "values": "int"}))


def lies(*args: Any, **kwargs: Any) -> Any:
    raise AssertionError("not to be asked")


class LyingList(list[Any]):
    __len__ = __iter__ = __getitem__ = __bool__ = lies


class LyingTuple(tuple[Any, ...]):
    __len__ = __iter__ = __getitem__ = __bool__ = lies


class LyingDict(dict[str, Any]):
    __len__ = __iter__ = __getitem__ = __contains__ = __bool__ = items = keys = values = get = copy = lies


class LyingStr(str):
    encode = __len__ = __str__ = lies


class LyingBytes(bytes):
    __bytes__ = __len__ = __iter__ = __getitem__ = lies


class LyingBytearray(bytearray):
    __bytes__ = __len__ = __iter__ = __getitem__ = lies


class LyingInt(int):
    __int__ = __index__ = __lt__ = __le__ = __gt__ = __ge__ = __lshift__ = __rshift__ = __float__ = lies


class LyingFloat(float):
    __float__ = __eq__ = lies
    __hash__ = None  # type: ignore[assignment]


class LyingDecimal(Decimal):
    adjusted = scaleb = is_finite = as_tuple = __bool__ = __int__ = lies


class LyingDate(dt.date):
    toordinal = lies


class LyingDatetime(dt.datetime):
    __sub__ = utcoffset = lies


class LyingUUID(UUID):
    __str__ = lies


EAST = dt.timezone(dt.timedelta(hours=5))
SUBCLASSES: list[tuple[Any, Any, Any]] = [
    (INTS, LyingList([1, 2]), [1, 2]),
    (INTS, LyingTuple((1, 2)), [1, 2]),
    ({"type": "map", "values": "int"}, LyingDict(a=1), {"a": 1}),
    ({"type": "map", "values": "int"}, OrderedDict(a=1), {"a": 1}),
    (record(("a", "int")), LyingDict(a=1), {"a": 1}),
    (record(("a", "int")), OrderedDict(a=1), {"a": 1}),
    ("string", LyingStr("é"), "é"),
    ("bytes", LyingBytes(b"ab"), b"ab"),
    ("bytes", LyingBytearray(b"ab"), b"ab"),
    ("bytes", memoryview(b"abcd")[::2], b"ac"),
    ("int", LyingInt(5), 5),
    ("double", LyingInt(5), 5.0),
    ("double", LyingFloat(5), 5.0),
    ("float", LyingFloat(5), 5.0),
    (logical("long", "timestamp-nanos"), LyingInt(5), TimestampNanos(5)),
    (logical("bytes", "decimal", precision=4, scale=2), LyingDecimal("1.28"), Decimal("1.28")),
    (logical("bytes", "decimal", precision=4, scale=2), LyingInt(1), Decimal(1)),
    (logical("bytes", "big-decimal"), LyingDecimal("1.28"), Decimal("1.28")),
    (logical("int", "date"), LyingDate(2024, 1, 2), dt.date(2024, 1, 2)),
    (
        logical("long", "timestamp-millis"),
        LyingDatetime(2024, 1, 2, tzinfo=EAST),
        dt.datetime(2024, 1, 2, tzinfo=EAST),
    ),
    (logical("long", "local-timestamp-millis"), LyingDatetime(2024, 1, 2), dt.datetime(2024, 1, 2)),
    (logical("string", "uuid"), LyingUUID(int=5), UUID(int=5)),
]


@pytest.mark.parametrize("number", range(len(SUBCLASSES)))  # the values have no text for the test's name
@pytest.mark.parametrize("within", [False, True])
def test_subclasses_are_written_for_what_they_hold(engine: Any, number: int, within: bool) -> None:
    kind, value, plain = SUBCLASSES[number]
    writer = make_writer(schema(["null", kind] if within else kind), engine=engine)
    assert writer.encode(value) == writer.encode(plain)


class Rude:
    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)

    @property
    def a(self) -> int:
        raise ZeroDivisionError("in the property")

    def __str__(self) -> str:
        raise ZeroDivisionError("in str")

    __repr__ = __str__
    __hash__ = object.__hash__


class RudeStr(str):
    def __repr__(self) -> str:
        raise ZeroDivisionError("in repr")


class RudeZone(dt.tzinfo):
    def utcoffset(self, moment: Any) -> dt.timedelta:
        raise ZeroDivisionError("in the zone")


def released() -> memoryview:
    view = memoryview(b"ab")
    view.release()
    return view


BROKEN = UUID(int=0)
object.__setattr__(BROKEN, "int", "zero")
RUDE: list[tuple[Any, Any, str]] = [
    ("bytes", released(), "ValueError"),
    (record(("a", "int"), name="Rude"), Rude(), "ZeroDivisionError: in the property"),
    ({"type": "map", "values": "int"}, {Rude(): 1}, "expected str, not Rude"),
    (record(("a", "int")), {Rude(): 1}, "has no field <Rude>"),
    ({"type": "enum", "name": "E", "symbols": ["A"]}, RudeStr("B"), "ZeroDivisionError"),
    (logical("long", "timestamp-millis"), dt.datetime(2024, 1, 1, tzinfo=RudeZone()), "ZeroDivisionError"),  # type: ignore[abstract]
    (logical("string", "uuid"), BROKEN, "Error"),
]


@pytest.mark.parametrize("number", range(len(RUDE)))
def test_what_a_values_own_code_raises_is_an_encode_error(engine: Any, number: int) -> None:
    kind, value, message = RUDE[number]
    alone = make_writer(schema(kind), {"Rude": Rude}, engine=engine)
    with pytest.raises(EncodeError, match=message):
        alone.encode(value)
    nested = record(("l", {"type": "array", "items": {"type": "map", "values": kind}}), name="N")
    with pytest.raises(EncodeError, match=message) as caught:
        make_writer(schema(nested), {"Rude": Rude}, engine=engine).encode({"l": [{}, {"k": value}]})
    assert caught.value.path.startswith("l[1]['k']")
    union = make_writer(
        schema(record(("u", ["null", kind, "boolean"]), name="U")), {"Rude": Rude}, engine=engine
    )
    with pytest.raises(EncodeError) as caught:
        union.encode({"u": value})
    assert caught.value.path.startswith("u")


def test_depth_counts_empty_lists_and_maps_too(engine: Any) -> None:
    writer = make_writer(schema(LINE), engine=engine)

    def line(levels: int, **inner: Any) -> Any:
        value: Any = {"next": None, "l": [], "m": {}, **inner}
        for _ in range(levels - 1):
            value = {"next": value, "l": [], "m": {}}
        return value

    assert writer.encode(line(127))
    for inner in ({}, {"l": [1]}):
        with pytest.raises(EncodeError, match="nested more than 128 deep"):
            writer.encode(line(128, **inner))


HALF = float.fromhex("0x1.ffffffp127")  # half a step above the largest float of 32 bits


def test_floats_up_to_what_rounds_to_infinity_are_written(engine: Any) -> None:
    writer = make_writer(schema("float"), engine=engine)
    below = math.nextafter(HALF, 0)
    assert writer.encode(below) == struct.pack("<f", float.fromhex("0x1.fffffep127"))
    with pytest.raises(EncodeError):
        writer.encode(HALF)


def test_the_last_microseconds_that_nanoseconds_hold(engine: Any) -> None:
    writer = make_writer(schema(logical("long", "timestamp-nanos")), engine=engine)
    first = dt.datetime(1970, 1, 1, tzinfo=UTC)
    most, step = dt.timedelta(microseconds=(2**63 - 1) // 1000), dt.timedelta(microseconds=1)
    for moment in (first + most, first - most):
        assert writer.encode(moment) == writer.encode(TimestampNanos.from_datetime(moment))
    for moment in (first + most + step, first - most - step):
        with pytest.raises(EncodeError, match="64 bits of nanoseconds"):
            writer.encode(moment)


@dataclass
class Animal:
    name: str


@dataclass
class Dog(Animal):
    pass


@dataclass
class Puppy(Dog):
    pass


@pytest.mark.parametrize("order", [("Animal", "Dog"), ("Dog", "Animal")])
def test_a_union_takes_the_nearest_base_class(engine: Any, order: tuple[str, str]) -> None:
    union = [record(("name", "string"), name=name) for name in order]
    writer = make_writer(schema(["null", *union]), {"Animal": Animal, "Dog": Dog}, engine=engine)
    places = {name: place + 1 for place, name in enumerate(order)}
    assert writer.encode(Puppy("x"))[0] // 2 == places["Dog"]
    assert writer.encode(Dog("x"))[0] // 2 == places["Dog"]
    assert writer.encode(Animal("x"))[0] // 2 == places["Animal"]


def test_members_of_another_class_that_are_strings_too_are_refused(engine: Any) -> None:
    class Color(enum.Enum):
        RED = "RED"

    class Wine(str, enum.Enum):
        RED = "RED"

    kind = {"type": "enum", "name": "Color", "symbols": ["RED"]}
    writer = make_writer(schema(kind), {"Color": Color}, engine=engine)
    with pytest.raises(EncodeError, match="expected a symbol of Color"):
        writer.encode(Wine.RED)
    assert writer.encode("RED") == writer.encode(Color.RED) == b"\0"
    own = make_writer(schema(kind), {"Color": Wine}, engine=engine)
    assert own.encode(Wine.RED) == b"\0"
    assert make_writer(schema([kind, "string"]), {"Color": Color}, engine=engine).encode(Wine.RED)[0] == 2


UNION = [
    "null",
    record(("a", "int"), ("deep", record(("l", INTS), name="D")), name="A"),
    record(("b", "int"), {"name": "c", "type": "string", "default": ""}, name="B"),
]
PATHS: list[tuple[Any, str, str]] = [
    ({"a": 1, "deep": {"l": [1, "x"]}}, "u.deep.l[1]", "not str"),
    ({"b": "x"}, "u.b", "not str"),
    ({"b": 1, "c": 2}, "u.c", "not int"),
    ({"a": 1}, "u", "expected one of"),
    ({"b": 1, "d": 1}, "u", "expected one of"),
]


@pytest.mark.parametrize(("value", "path", "message"), PATHS)
def test_a_dict_in_a_union_is_refused_with_the_path_of_what_is_wrong(
    engine: Any, value: Any, path: str, message: str
) -> None:
    with pytest.raises(EncodeError, match=message) as caught:
        make_writer(schema(record(("u", UNION))), engine=engine).encode({"u": value})
    assert caught.value.path == path


def test_unions_in_unions_are_refused_in_reasonable_time(engine: Any) -> None:
    union = ["null", "A", "B"]
    below = record(("next", union), ("n", "int"), name="B")
    whole = record(("next", ["null", "A", below]), ("n", "int"), name="A")
    value: Any = {"next": None, "n": "wrong"}
    for _ in range(60):
        value = {"next": value, "n": 1}
    with pytest.raises(EncodeError) as caught:
        make_writer(schema(whole), engine=engine).encode(value)
    assert caught.value.path == "next." * 60 + "n"


@pytest.mark.parametrize(
    "kind", [logical("bytes", "decimal", precision=4000), logical("bytes", "big-decimal")]
)
def test_a_decimal_is_not_made_of_a_number_that_is_far_too_long(
    engine: Any, kind: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would take half a minute."""

    class Short(Decimal):
        def __new__(cls, value: Any) -> Any:
            assert value.bit_length() < 100_000
            return Decimal(value)

    monkeypatch.setattr("kgen_runtime.codec.decimals.Decimal", Short)
    writer = make_writer(schema(kind), engine=engine)
    assert writer.encode(10**3999)
    for number in (10**9_000, 1 << 4_000_000, -(1 << 4_000_000)):
        with pytest.raises(EncodeError, match="ecimal"):
            writer.encode(number)


class Whole:
    """As numpy's integers: no int, and `__index__`."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __index__(self) -> int:
        return self.number

    def __float__(self) -> float:
        return float(self.number)


class Real:
    """As numpy's float32: no float, and `__float__`."""

    def __float__(self) -> float:
        return 0.5


class Kind:
    kind = "b"


class Truth:
    """As numpy's bool: `__float__` too, and a dtype that says what it is."""

    dtype = Kind()
    shape = ()

    def __bool__(self) -> bool:
        return True

    def __float__(self) -> float:
        return 1.0


class Date:
    """As numpy's dates: `__float__` that does not answer."""

    def __float__(self) -> float:
        raise TypeError("no number")


class Several(Whole):
    """As numpy's arrays."""

    def __len__(self) -> int:
        return 1


class Complex(Real):
    def __complex__(self) -> complex:
        return 1j


SCALARS: list[tuple[Any, Any, Any]] = [
    ("int", Whole(5), 5),
    ("long", Whole(2**40), 2**40),
    ("float", Real(), 0.5),
    ("double", Real(), 0.5),
    ("double", Whole(5), 5),
    ("boolean", Truth(), True),
    (logical("long", "timestamp-nanos"), Whole(5), TimestampNanos(5)),
    (logical("bytes", "decimal", precision=4, scale=1), Whole(5), 5),
    (["null", "long"], Whole(5), 5),
    (["null", "int", "long", "double"], Whole(2**40), 2**40),
    (["int", "float", "double"], Real(), 0.5),
    (["double", "boolean"], Truth(), True),
    ({"type": "array", "items": "double"}, [Real(), Whole(1)], [0.5, 1]),
]


@pytest.mark.parametrize(("kind", "scalar", "own"), SCALARS)
def test_scalars_of_other_libraries_are_taken_as_numbers(
    kind: Any, scalar: Any, own: Any, engine: Any
) -> None:
    encode = make_writer(schema(kind), engine=engine).encode
    assert encode(scalar) == encode(own)


STRANGERS: list[tuple[Any, Any, str]] = [
    ("int", Real(), "expected int, not Real"),
    ("int", Truth(), "expected int, not Truth"),
    ("double", Truth(), "expected a float or an int that a double holds, not Truth"),
    ("double", Date(), "not Date"),
    ("int", Several(1), "not Several"),
    ("double", Several(1), "not Several"),
    ("double", Complex(), "not Complex"),
    ("double", Decimal(1), "not Decimal"),
    ("boolean", Whole(1), "expected bool, not Whole"),
    ("string", Whole(1), "expected str, not Whole"),
    ("int", Whole(2**40), "the number does not fit 32 bits"),
    (["null", "int"], Whole(2**40), "expected one of [null, int], not Whole"),
    (logical("bytes", "decimal", precision=4, scale=1), Real(), "expected Decimal, not Real"),
]


@pytest.mark.parametrize(("kind", "value", "message"), STRANGERS)
def test_what_is_not_a_number_of_the_kind_is_refused(
    kind: Any, value: Any, message: str, engine: Any
) -> None:
    with pytest.raises(EncodeError) as caught:
        make_writer(schema(kind), engine=engine).encode(value)
    assert message in str(caught.value)

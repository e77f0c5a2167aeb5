"""A schema with every node of the JSON codec, classes of several kinds for it, and messages to start from."""

from __future__ import annotations

import datetime as dt
import enum
import json
import random
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID

from kgen_runtime.codec.json.schema.json_tree import (
    Anything,
    Constant,
    JsonArray,
    JsonMap,
    JsonObject,
    JsonRef,
    JsonScalar,
    JsonSchema,
    JsonTuple,
    JsonUnion,
    Nothing,
    Property,
    StringEnum,
)
from kgen_runtime.codec.values import ABSENT, Duration

ODD_NAME = 'a/b~"é\n'
_UTC = dt.timezone.utc
_EAST = dt.timezone(dt.timedelta(hours=2))
_ODD_ZONE = dt.timezone(dt.timedelta(seconds=90))


class Color(enum.Enum):
    RED = "red"
    GREEN = "green"
    ODD = 'a"b\n'
    WIDE = "é"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


@dataclass(slots=True, kw_only=True)
class Leaf:
    id: int
    name: str | None = None
    when: Any = ABSENT
    tags: list[str] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Spare:
    kind: str
    a: int
    extra: dict[str, int] = field(default_factory=dict, metadata={"json_extra": True})


@dataclass(slots=True, kw_only=True)
class Shut:
    kind: str
    z: int


@dataclass
class Picky:
    """It is called, and refuses some numbers."""

    x: int
    more: dict[str, Any] = field(default_factory=dict, metadata={"json_extra": True})

    def __post_init__(self) -> None:
        if self.x < 0:
            raise ValueError(f"negative: {self.x}")


class Called:
    """A class that is not a dataclass."""

    def __init__(self, **values: Any) -> None:
        self.values = values

    def __repr__(self) -> str:
        return f"Called({sorted(self.values.items())})"


@dataclass(slots=True, kw_only=True)
class Root:
    s: str
    i: int
    f: float
    b: bool
    n: None
    d: Any
    t: Any
    dts: Any
    dur: Any
    u: Any
    b64: bytes
    dec: Any
    decs: Any
    decb: Any
    dd: Any
    tm: Any
    tsm: Any
    color: Any
    const: Any
    any_: Any = field(metadata={"json": "any"})
    m: dict[str, int]
    tup: list[Any]
    arr: list[Leaf]
    opt: int | None = None
    nopt: Any = ABSENT
    un: Any = None
    tag: Any = None
    names: Any = None
    order: Any = None
    picky: Any = None
    rec: Any = None
    odd: str | None = field(default=None, metadata={"json": ODD_NAME})


def _scalar(kind: Any, form: Any = None, scale: int | None = None) -> JsonScalar:
    return JsonScalar(kind, form, scale)


_INT, _STR = _scalar("integer"), _scalar("string")
_DATE = _scalar("string", "date")

_LEAF = JsonObject(
    "#leaf",
    (
        Property("id", _INT, True),
        Property("name", _STR),
        Property("when", JsonUnion((_DATE, _scalar("null")))),
        Property("tags", JsonArray(_STR), default=["a", "b"]),
    ),
)
_SPARE = JsonObject(
    "#spare", (Property("kind", Constant(("c",)), True), Property("a", _INT, True)), extra=_INT
)
_SHUT = JsonObject(
    "#shut", (Property("kind", Constant(("s",)), True), Property("z", _INT, True)), closed=True
)
_PICKY = JsonObject("#picky", (Property("x", _INT, True),), extra=Anything())
_COLOR = StringEnum("#color", tuple(color.value for color in Color))

_REQUIRED: dict[str, Any] = {
    "s": _STR,
    "i": _INT,
    "f": _scalar("number"),
    "b": _scalar("boolean"),
    "n": _scalar("null"),
    "d": _DATE,
    "t": _scalar("string", "time"),
    "dts": _scalar("string", "date-time"),
    "dur": _scalar("string", "duration"),
    "u": _scalar("string", "uuid"),
    "b64": _scalar("string", "base64"),
    "dec": _scalar("number", "decimal"),
    "decs": _scalar("string", "decimal"),
    "decb": _scalar("string", "decimal", 2),
    "dd": _scalar("integer", "date-days"),
    "tm": _scalar("integer", "time-millis"),
    "tsm": _scalar("integer", "timestamp-millis"),
    "color": JsonRef("#color"),
    "const": Constant((1, "x", None, 2.5, True)),
    "any": Anything(),
    "m": JsonMap(_INT),
    "tup": JsonTuple((_INT, _STR), Nothing()),
    "arr": JsonArray(JsonRef("#leaf")),
}
_OPTIONAL: dict[str, Any] = {
    "opt": _INT,
    "nopt": JsonUnion((_INT, _scalar("null"))),
    "un": JsonUnion((_INT, _scalar("number"), _DATE, _STR, JsonArray(_INT), JsonArray(_STR))),
    "tag": JsonUnion((JsonRef("#spare"), JsonRef("#shut"), JsonRef("#leaf")), "kind"),
    "names": JsonUnion((JsonRef("#leaf"), JsonRef("#spare"), JsonRef("#picky"))),
    "order": JsonUnion((JsonMap(_INT), JsonMap(_STR), JsonMap(Anything()))),
    "picky": JsonRef("#picky"),
    "rec": JsonRef("#root"),
    ODD_NAME: _STR,
}
_ROOT = JsonObject(
    "#root",
    tuple(Property(name, node, name in _REQUIRED) for name, node in {**_REQUIRED, **_OPTIONAL}.items()),
)

SCHEMA = JsonSchema(
    JsonRef("#root"), {named.name: named for named in (_LEAF, _SPARE, _SHUT, _PICKY, _COLOR, _ROOT)}
)
CLASSES: dict[str, type[Any]] = {
    "#leaf": Leaf,
    "#spare": Spare,
    "#shut": Shut,
    "#picky": Picky,
    "#color": Color,
    "#root": Root,
}
KINDS: dict[str, dict[str, type[Any]]] = {
    "slotted": CLASSES,
    "called": {**CLASSES, "#root": Called, "#leaf": Called},
    "dicts": {},
}

_FLAT: dict[str, Any] = {
    "s": "hé€\U0001f600\n",
    "i": 12,
    "f": 1.5,
    "b": True,
    "n": None,
    "d": "2024-02-29",
    "t": "12:30:05.5+02:00",
    "dts": "2024-02-29T12:30:05.123456789Z",
    "dur": "P1Y2M3DT4H5M6.5S",
    "u": "12345678-1234-5678-1234-567812345678",
    "b64": "AAEC/w==",
    "dec": 1.10,
    "decs": "1.10",
    "decb": "AQI=",
    "dd": 19000,
    "tm": 1000,
    "tsm": 1700000000123,
    "color": "green",
    "const": 2.5,
    "any": {"x": [1, 2.5, "y", None, True, {"a": {}}]},
    "m": {"a": 1, "b": 2},
    "tup": [1, "x"],
    "arr": [
        {"id": 1},
        {"id": 2, "name": "q", "when": None, "tags": ["t"]},
        {"id": 3, "when": "2024-01-01"},
    ],
    "opt": 3,
    "nopt": None,
    "un": "2024-01-01",
    "tag": {"kind": "c", "a": 1, "q": 2},
    "names": {"x": 1, "y": [2]},
    "order": {"a": 1, "b": "x"},
    "picky": {"x": 3},
    ODD_NAME: "w",
}
GOOD: dict[str, Any] = {
    **_FLAT,
    "rec": {**_FLAT, "tag": {"id": 5}, "un": 2.5, "names": {"a": 1, "kind": "c"}},
}
SEEDS = (
    json.dumps(GOOD).encode(),
    json.dumps(GOOD, ensure_ascii=False, separators=(",", ":")).encode(),
    json.dumps(dict(reversed(GOOD.items())), indent=1, ensure_ascii=False).encode(),
)
TOKENS = (
    *(b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b"null", b"true", b"nul", b" ", b"\n", b"{}", b"[]"),
    *(b"NaN", b"-Infinity", b"1e5", b"1.0", b"-0", b"1e400", b"1e-400", b"01", b"-", b".5", b"1.", b"1e+"),
    *(b"123456789012345678901234567890", b"12345678901234567.5", b"1" * 300, b"2" * 5000, b"9e99999999"),
    *(b"\\ud83d", b"\\ud83d\\ude00", b"\\u00e9", b"\\u12", b"\\", b"\xff", b"\xc3", b"\xed\xa0\x80"),
    *(b"\x00", b"\x1f", b"\xef\xbb\xbf", b'"\\u0073":"x",', b'"s":"x",', b'"kind":"c",', b'"kind":"s",'),
    *(b'"id":1,', b'"a":1,', b'"z":1,', b'"x":-5,', b'"x":1,', b'"kind":7,', b'"k\\u0069nd":"s",'),
    *(b"24:00:00", b"Z", b"-00:30", b"=", b"9999", b"0001-01-01T00:00:00+01:00", b"2024-02-30", b"t", b"_"),
)
LARGEST = 20_000


def mutate_json(rng: random.Random, data: bytes) -> bytes:
    """A damaged copy: flipped, cut, repeated, spliced, or with a token where none belongs."""
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        at = rng.randrange(len(out) + 1)
        end = min(len(out), at + rng.randrange(8))
        kind = rng.randrange(7)
        if kind == 0 and at < len(out):
            out[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            out[at:end] = rng.choice(TOKENS)
        elif kind == 2 and rng.random() < 0.3:
            out = out[:at]
        elif kind == 3:
            out[at:at] = rng.choice(TOKENS)
        elif kind == 4:
            out[at:at] = out[at:end] * rng.randrange(1, 5)
        elif kind == 5:
            del out[at:end]
        else:
            source = rng.randrange(len(out) + 1)
            out[at:at] = out[source : source + rng.randrange(40)]
    return bytes(out[:LARGEST])


class Loud:
    """Its text fails, and so does each conversion."""

    def __index__(self) -> int:
        raise ValueError("not today")

    def __repr__(self) -> str:
        return "Loud()"


class Words(str):
    """A str of a class of its own."""

    __slots__ = ()


_WRONG: tuple[Any, ...] = ([], {"b": "x"}, "x")  # for attributes of other types
ODD_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 7, 10**18, -(10**18), 2**63, -(2**63), 10**30, 10**400, 10**5000),
    *(0.0, -0.0, 0.1, 1e16, 1e-5, 123456.75, 1e308, 5e-324, float("inf"), float("nan"), ABSENT),
    *("", "x", "é\n\x00\x1f\x7f\\/", '"', "\ud800", "red", "2024-01-01", Words("red"), Words("é"), "c", "s"),
    *(b"", b"a", b"ab", b"abc", bytearray(b"abcd"), memoryview(b"abcde")),
    *(
        dt.date(1, 1, 1),
        dt.date(9999, 12, 31),
        dt.time(1, 2, 3),
        dt.time(1, 2, 3, 4),
        dt.time(0, 0, 0, 999_999),
    ),
    *(dt.time(1, tzinfo=dt.timezone.utc), dt.time(1, tzinfo=_EAST), dt.time(1, tzinfo=_ODD_ZONE)),
    *(
        dt.datetime(2024, 2, 29, 12, 30, 5, 120_000, _UTC),
        dt.datetime(1969, 12, 31, 23, 59, 59, 999_999, _UTC),
    ),
    *(dt.datetime(2024, 2, 29, tzinfo=_EAST), dt.datetime(2024, 1, 1), dt.datetime(1, 1, 1, tzinfo=_EAST)),
    *(Duration(), Duration(14, 3, 14_706_500), Duration(0, 0, -1), UUID(int=0), UUID(int=2**128 - 1)),
    *(
        Decimal("1.10"),
        Decimal("1E+5000"),
        Decimal("NaN"),
        Decimal("-0"),
        Decimal("1E-7"),
        Fraction(1, 3),
        1j,
    ),
    *(Color.RED, Color.ODD, Level.LOW, Level.HIGH, Loud(), object),
    *(
        [],
        (),
        [1],
        [1, "x"],
        [1, "x", 2],
        ["x"],
        [None],
        [2.5],
        {},
        {"a": 1},
        {"a": "b"},
        {1: 2},
        {"\ud800": 1},
    ),
    *({"kind": "c", "a": 1}, {"kind": "c", "a": 1, "q": 2}, {"kind": "s", "z": 1}, {"kind": "z"}, {"id": 1}),
    *(
        {"x": 1},
        {"x": -1},
        {"id": 1, "name": None},
        {"id": 1, "when": None},
        {"id": 1, "odd": 2},
        {"kind": Color.RED},
    ),
    *(
        Leaf(id=1),
        Leaf(id=2, name="n", when=None, tags=["t"]),
        Leaf(id=_WRONG[2], when=3),
        Spare(kind="c", a=1),
    ),
    *(
        Spare(kind="c", a=1, extra={"b": 2}),
        Spare(kind="c", a=1, extra={"a": 2}),
        Spare(kind="c", a=1, extra=_WRONG[0]),
    ),
    *(
        Spare(kind="c", a=1, extra=_WRONG[1]),
        Spare(kind="x", a=1),
        Shut(kind="s", z=1),
        Picky(1),
        Picky(2, {"y": [1]}),
    ),
)

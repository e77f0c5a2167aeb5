"""A schema with every node of the JSON codec, classes of several kinds for it, and messages to start from."""

from __future__ import annotations

import enum
import json
import random
from dataclasses import dataclass, field
from typing import Any

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
from kgen_runtime.codec.values import ABSENT

ODD_NAME = 'a/b~"é\n'


class Color(enum.Enum):
    RED = "red"
    GREEN = "green"
    ODD = 'a"b\n'
    WIDE = "é"


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

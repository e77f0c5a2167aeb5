"""Protobuf for the fuzz target: descriptors, messages to start from, and how those are damaged."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from kgen_runtime.codec import Reader, make_proto_reader, make_proto_writer
from kgen_runtime.codec.protobuf.schema.proto_descriptor import parse_descriptor
from kgen_runtime.codec.values import AnyMessage
from tests.unit.codec.protobuf.proto_kit import classes_of

LARGEST = 4096
TOKENS = [
    *(bytes([number << 3 | wire]) for number in (1, 2, 3, 5, 9, 15) for wire in range(6)),
    *(b"\x80\x01", b"\xfa\xff\xff\xff\x0f", b"\xff\xff\xff\xff\x0f", b"\xff\xff\xff\xff\xff\x01", b"\x00"),
    *(b"\x80" * 10 + b"\x01", b"\xff" * 9 + b"\x01", b"\xff" * 9 + b"\x7f", b"\x80\x80\x80\x80\x10"),
    *(
        b"\xff\xff\xff\xff\x07",
        b"\x08\x01" * 9,
        b"\x0b" * 130,
        b"\x0c",
        b"\x0a\x00" * 20,
        b"\xc3\xa9",
        b"\xff",
    ),
]


@dataclass(frozen=True)
class ProtoTarget:
    """A descriptor to read `p.M` with, messages of it to start from, and the kind of classes to read to."""

    name: str
    descriptor: str
    seeds: tuple[bytes, ...]
    kind: str = "dicts"
    keeps: bool = False

    def classes(self) -> Mapping[str, type[Any]]:
        """Classes of the target's kind."""
        schema = parse_descriptor(self.descriptor)
        return (
            {} if self.kind == "dicts" else classes_of(schema, keeps=self.keeps, slots=self.kind == "slotted")
        )

    def codec(self, known: Mapping[str, type[Any]], engine: Any) -> tuple[Reader, Callable[[Any], bytes]]:
        """A reader, and what writes its values."""
        schema = parse_descriptor(self.descriptor)
        choice: Any = "raw" if self.keeps else "error"
        reader = make_proto_reader(schema, "p.M", known, out_of_range=choice, engine=engine)
        return reader, make_proto_writer(schema, "p.M", known, engine=engine).encode

    def damage(self, rng: random.Random, data: bytes) -> bytes:
        """A damaged copy: flipped, cut, repeated, spliced, or with a token where it does not belong."""
        out = bytearray(data)
        for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
            at = rng.randrange(len(out) + 1)
            end = min(len(out), at + rng.randrange(8))
            kind = rng.randrange(8)
            if kind == 0 and at < len(out):
                out[at] ^= 1 << rng.randrange(8)
            elif kind == 1:
                out[at:end] = rng.randbytes(rng.randrange(4))
            elif kind == 2:
                out = out[: rng.randrange(at, len(out) + 1)]
            elif kind == 3:
                out[at:at] = out[at : at + rng.randrange(60)] * rng.randrange(1, 20)
            elif kind == 4:
                out += data  # which merges
            elif kind == 5:
                out[at:at] = rng.choice(TOKENS)
            else:
                out[at:end] = rng.choice(TOKENS)
        return bytes(out[:LARGEST])


_KINDS = (
    *("double", "float", "int32", "int64", "uint32", "uint64", "sint32", "sint64"),
    *("fixed32", "fixed64", "sfixed32", "sfixed64", "bool", "string", "bytes"),
)
_SCALARS = "\n".join(
    ["descriptor 1", "message p.M"]
    + [f"  {number} f{number} {kind} implicit" for number, kind in enumerate(_KINDS, 1)]
    + [f"  {number} r{number} {kind} repeated" for number, kind in enumerate(_KINDS, 20)]
    + [f"  {number} p{number} {kind} packed" for number, kind in enumerate(_KINDS[:13], 40)]
    + ["  2047 far string explicit unchecked", "  536870911 farthest enum p.E packed"]
    + ["enum p.E open", "  0 A", "  1 B", "  -5 C", ""]
)
_SCALAR_VALUES = {"string": "aé😀", "bytes": b"\0\xff", "bool": True, "double": -0.0, "float": 1.5}
_VALUES = [_SCALAR_VALUES.get(kind, 3 if kind[0] in "uf" else -3) for kind in _KINDS]
_SCALARS_SEED: dict[str, Any] = {
    **{f"f{number}": value for number, value in enumerate(_VALUES, 1)},
    **{f"r{number}": [value, value] for number, value in enumerate(_VALUES, 20)},
    **{f"p{number}": [value] * 3 for number, value in enumerate(_VALUES[:13], 40)},
    "far": "x",
    "farthest": ["A", "C", 77],
}
_ORDER = """descriptor 1
message p.M
  1 id string required
  2 lines message p.Line repeated
  3 tags map string string
  4 by_number map sint32 message p.Line
  5 states map bool enum p.State
  6 state enum p.State explicit
  7 states_packed enum p.State packed
  8 old group p.Line explicit
  9 more group p.Line repeated
  10 text string explicit oneof=choice
  11 line message p.Line explicit oneof=choice
  12 grouped group p.Line explicit oneof=choice
  13 number fixed32 explicit oneof=choice
  [p.x]
message p.Line
  1 sku string implicit
  2 count int32 implicit
  3 inner message p.Line explicit
  4 codes int32 repeated
enum p.State closed
  0 NONE
  1 OPEN
  5 DONE
""".replace("  [p.x]\n", "")
_ORDER_SEED: dict[str, Any] = {
    "id": "o",
    "lines": [{"sku": "a", "count": 2, "inner": {"codes": [1, 2]}}, {}],
    "tags": {"a": "b", "": ""},
    "by_number": {-3: {"sku": "x"}, 0: {}},
    "states": {True: "OPEN", False: "DONE"},
    "state": "DONE",
    "states_packed": ["NONE", "DONE"],
    "old": {"sku": "g", "inner": {"count": 1}},
    "more": [{}, {"count": -1}],
    "grouped": {"sku": "h"},
}
_KNOWN = """descriptor 1
message p.M
  1 at message google.protobuf.Timestamp explicit
  2 span message google.protobuf.Duration explicit
  3 tree message google.protobuf.Struct explicit
  4 any message google.protobuf.Any repeated
  5 value message google.protobuf.Value explicit
  6 values message google.protobuf.ListValue explicit
  7 day message google.type.Date explicit
  8 price message confluent.type.Decimal repeated
  9 count message google.protobuf.Int64Value explicit
  10 name message google.protobuf.StringValue repeated
  11 days map int32 message google.type.Date
  12 when group google.protobuf.Timestamp explicit
  13 either message google.protobuf.Value explicit oneof=choice
  14 other message google.protobuf.Timestamp explicit oneof=choice
  15 real message google.protobuf.FloatValue explicit
"""
_MOMENT = dt.datetime(2024, 2, 29, 12, 30, 5, 250_000, tzinfo=dt.timezone.utc)
_KNOWN_SEED: dict[str, Any] = {
    "at": _MOMENT,
    "span": dt.timedelta(days=-1, seconds=5, microseconds=7),
    "tree": {"a": [None, 1.5, "x", True, {"b": []}], "c": {}},
    "any": [AnyMessage("type.googleapis.com/p.M", b"\x0a\x00")],
    "value": {"k": [1.0]},
    "values": ["a", None],
    "day": dt.date(2024, 2, 29),
    "price": [Decimal("-12.50"), Decimal(7)],
    "count": -7,
    "name": ["", "é"],
    "days": {1: dt.date(1, 1, 1)},
    "when": _MOMENT,
    "other": _MOMENT,
    "real": 0.5,
}
_TREE = """descriptor 1
message p.M
  1 kids message p.M repeated
  2 next message p.M explicit
  3 last group p.M explicit
  4 by_name map string message p.M
  5 n int32 implicit
"""
_TREE_SEED = {
    "kids": [{"n": 1}, {"kids": [{}]}],
    "next": {"last": {"n": 5}},
    "by_name": {"a": {"next": {}}},
}
_FEW = """descriptor 1
message p.M
  1 id string implicit
"""


def _seed(descriptor: str, value: dict[str, Any]) -> bytes:
    return make_proto_writer(parse_descriptor(descriptor), "p.M").encode(value)


def proto_targets(kinds: Sequence[str]) -> list[ProtoTarget]:
    """All descriptors of Protobuf to fuzz, each with all kinds of classes."""
    order = _seed(_ORDER, _ORDER_SEED)
    first = [
        ProtoTarget("Protobuf scalars", _SCALARS, (_seed(_SCALARS, _SCALARS_SEED),)),
        ProtoTarget("Protobuf messages", _ORDER, (order,), keeps=True),
        ProtoTarget("Protobuf well-known", _KNOWN, (_seed(_KNOWN, _KNOWN_SEED),), keeps=True),
        ProtoTarget("Protobuf well-known, no raw", _KNOWN, (_seed(_KNOWN, _KNOWN_SEED),)),
        ProtoTarget("Protobuf tree", _TREE, (_seed(_TREE, _TREE_SEED), b"\x1b\x1b\x1c\x1c")),
        ProtoTarget("Protobuf, most dropped", _FEW, (order, b"\x0a\x00")),
        ProtoTarget("Protobuf, most kept", _FEW, (order, b"\x0a\x00"), keeps=True),
    ]
    return [replace(each, name=f"{each.name}, {kind}", kind=kind) for each in first for kind in kinds]

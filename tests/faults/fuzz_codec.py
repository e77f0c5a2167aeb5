"""Mutated payloads against the codec: each must give a value or a `DecodeError`, in bounded time and memory.

    python -m tests.faults.fuzz_codec [PAYLOADS] [--seed N] [--engine native|python]

A seeded loop over schemas of all kinds, Avro, JSON and Protobuf, each read to slotted dataclasses, to plain
ones and to dicts. Every hundredth payload is read, and every hundredth value written, by both engines, which
must agree. Prints a line per schema, and on a failure what to repeat it with.
"""

from __future__ import annotations

import argparse
import enum
import json
import random
import resource
import struct
import sys
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, make_dataclass, replace
from typing import Any, TypeAlias

from kgen_runtime.codec import Reader, make_reader, make_writer
from kgen_runtime.codec.avro.sample_values import sample
from kgen_runtime.codec.avro.schema.parser import parse
from kgen_runtime.codec.avro.schema.tree import Enum, Record, Schema
from kgen_runtime.errors import DecodeError, EncodeError
from tests.faults.fuzz_json import JsonTarget, json_targets
from tests.faults.fuzz_proto import ProtoTarget, proto_targets

SECONDS = 2.0  # one payload; a healthy one takes microseconds
GROWTH = 256 << 20  # of the process, over the whole run
LARGEST = 4096

VARINTS = [
    b"\x01",
    b"\x7f",
    b"\x80\x80\x80\x80\x10",
    b"\xff" * 9 + b"\x01",
    b"\xfe" + b"\xff" * 8 + b"\x01",
    b"\x80" * 11,
]


def _record(name: str, *fields: tuple[str, Any]) -> dict[str, Any]:
    return {"type": "record", "name": name, "fields": [{"name": key, "type": kind} for key, kind in fields]}


def _logical(base: str, name: str, **more: Any) -> dict[str, Any]:
    return {"type": base, "logicalType": name, **more}


_POINT = _record("Point", ("x", "double"), ("y", "float"))
_TREE = _record(
    "Tree", ("kids", {"type": "array", "items": "Tree"}), ("next", ["null", "Tree"]), ("n", "long")
)
_ALL = _record(
    "All",
    ("s", "string"),
    ("b", "bytes"),
    ("e", {"type": "enum", "name": "E", "symbols": ["A", "B", "C"]}),
    ("f", {"type": "fixed", "name": "F", "size": 5}),
    ("points", {"type": "array", "items": _POINT}),
    ("tags", {"type": "map", "values": ["null", "string", "int"]}),
    ("deep", {"type": "array", "items": {"type": "map", "values": {"type": "array", "items": "boolean"}}}),
)
_TIMES = (
    ("time_millis", _logical("int", "time-millis")),
    ("time_micros", _logical("long", "time-micros")),
    *(
        (f"{kind[:5]}_{unit}", _logical("long", f"{kind}-{unit}"))
        for kind in ("timestamp", "local-timestamp")
        for unit in ("millis", "micros", "nanos")
    ),
)
_LOGICAL = _record(
    "Logical",
    ("d", _logical("int", "date")),
    *_TIMES,
    ("u", {"type": "array", "items": _logical("string", "uuid")}),
    ("uf", {"type": "fixed", "name": "U", "size": 16, "logicalType": "uuid"}),
    ("dec", {"type": "array", "items": _logical("bytes", "decimal", precision=30, scale=5)}),
    (
        "decf",
        {"type": "fixed", "name": "DF", "size": 6, "logicalType": "decimal", "precision": 12, "scale": 2},
    ),
    ("big", _logical("bytes", "big-decimal")),
    ("dur", {"type": "fixed", "name": "D", "size": 12, "logicalType": "duration"}),
)
# What a later version of `_EARLIER` reads: promoted, renamed, in other units, with defaults of all kinds.
_EARLIER = _record(
    "Versioned",
    ("gone", {"type": "map", "values": "string"}),
    ("n", "int"),
    ("f", "float"),
    ("old", "string"),
    ("at", _logical("long", "timestamp-millis")),
    ("mark", {"type": "enum", "name": "Mark", "symbols": ["A", "B", "C"]}),
    ("part", ["null", "long", _record("Part", ("a", "int"))]),
    ("parts", {"type": "array", "items": "Part"}),
)
_LATER: dict[str, Any] = {
    "type": "record",
    "name": "Versioned",
    "fields": [
        {"name": "n", "type": "double"},
        {"name": "f", "type": "double"},
        {"name": "new", "type": "bytes", "aliases": ["old"]},
        {"name": "at", "type": _logical("long", "timestamp-nanos")},
        {
            "name": "mark",
            "type": {"type": "enum", "name": "Mark", "symbols": ["C", "A"], "default": "C"},
        },
        {
            "name": "part",
            "type": [
                "null",
                "double",
                {
                    "type": "record",
                    "name": "Part",
                    "fields": [
                        {"name": "a", "type": ["null", "long"]},
                        {"name": "list", "type": {"type": "array", "items": "int"}, "default": [1, 2]},
                        {"name": "mark", "type": "Mark", "default": "A"},
                    ],
                },
            ],
        },
        {"name": "parts", "type": {"type": "array", "items": "Part"}},
        {"name": "none", "type": ["null", "Part"], "default": None},
        {"name": "extra", "type": "Part", "default": {"a": None}},
        {"name": "text", "type": "string", "default": "x"},
    ],
}
_EMPTY = {"type": "array", "items": _record("N", ("nulls", {"type": "array", "items": "null"}))}


KINDS = ("slotted", "plain", "dicts")


@dataclass(frozen=True)
class Target:
    """A pair of schemas to read with, payloads to start from, and the kind of classes to read to."""

    name: str
    writer: Any
    reader: Any
    seeds: tuple[bytes, ...]
    kind: str = "dicts"

    def classes(self) -> dict[str, type[Any]]:
        """Classes of the target's kind."""
        return classes(parse(json.dumps(self.reader)), self.kind)

    def codec(self, known: Mapping[str, type[Any]], engine: Any) -> tuple[Reader, Callable[[Any], bytes]]:
        """A reader, and what writes its values."""
        pair = parse(json.dumps(self.writer)), parse(json.dumps(self.reader))
        return make_reader(*pair, known, engine=engine), make_writer(pair[1], known, engine=engine).encode

    def damage(self, rng: random.Random, data: bytes) -> bytes:
        """See `mutate`."""
        return mutate(rng, data)


AnyTarget: TypeAlias = Target | JsonTarget | ProtoTarget


def classes(schema: Schema, kind: str) -> dict[str, type[Any]]:
    """Dataclasses and Enum classes of this kind for the names of a schema."""
    made: dict[str, type[Any]] = {}
    for name, named in schema.names.items() if kind != "dicts" else ():
        if isinstance(named, Enum):
            make: Any = enum.Enum
            made[name] = make(name, {symbol: symbol for symbol in named.symbols})
        elif isinstance(named, Record):
            fields = [field.name for field in named.fields]
            made[name] = make_dataclass(name, fields, slots=kind == "slotted")
    return made


def _samples(text: Any) -> tuple[bytes, ...]:
    schema, rng = parse(json.dumps(text)), random.Random(5)
    encode = make_writer(schema).encode
    return tuple(encode(sample(schema, rng)) for _ in range(3))


def _number(value: int) -> bytes:
    out = bytearray()
    rest = (value << 1) ^ (value >> 63)
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    return bytes([*out, rest])


def _text(value: str) -> bytes:
    return _number(len(value)) + value.encode()


def _seeds() -> dict[str, bytes]:
    point = struct.pack("<df", 1.5, 2.5)
    tags = _number(2) + _text("a") + b"\x00" + _text("b") + b"\x02" + _text("v") + b"\x00"
    deep = _number(1) + _number(1) + _text("k") + b"\x04\x01\x00\x00\x00\x00"
    everything = (
        _text("order") + _text("data") + b"\x02" + b"12345" + b"\x04" + point * 2 + b"\x00" + tags + deep
    )
    leaf = b"\x00\x00\x02"
    return {
        "all": everything,
        "tree": b"\x04" + leaf * 2 + b"\x00\x02" + leaf + b"\x02",
        "empty": b"\x04" + b"\x06\x00" + b"\x00" + b"\x00",
    }


def targets() -> list[AnyTarget]:
    """All schemas to fuzz, each with all kinds of classes."""
    avro = [
        replace(target, name=f"{target.name}, {kind}", kind=kind) for target in _pairs() for kind in KINDS
    ]
    return [*avro, *json_targets(KINDS), *proto_targets(KINDS)]


def _pairs() -> list[Target]:
    seeds = _seeds()
    narrowed = _record(
        "All",
        ("tags", {"type": "map", "values": ["null", "bytes", "double"]}),
        ("f", {"type": "fixed", "name": "F", "size": 5}),
    )
    return [
        Target("all", _ALL, _ALL, (seeds["all"],)),
        Target("all, most fields skipped", _ALL, narrowed, (seeds["all"],)),
        Target("tree", _TREE, _TREE, (seeds["tree"],)),
        Target("tree, skipped", _TREE, _record("Tree", ("n", "double")), (seeds["tree"],)),
        Target("logical", _LOGICAL, _LOGICAL, _samples(_LOGICAL)),
        Target("logical, skipped", _LOGICAL, _record("Logical", _TIMES[0]), _samples(_LOGICAL)),
        Target("later version", _EARLIER, _LATER, _samples(_EARLIER)),
        Target("empty items", _EMPTY, _EMPTY, (seeds["empty"],)),
        Target(
            "union",
            ["null", "int", "string", _TREE, _ALL],
            ["null", "long", "bytes", _TREE],
            (b"\x02\x05", b"\x06" + seeds["tree"]),
        ),
    ]


def mutate(rng: random.Random, data: bytes) -> bytes:
    """A damaged copy: flipped, cut, repeated, spliced, or with a hostile number inside."""
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        at = rng.randrange(len(out) + 1)
        end = min(len(out), at + rng.randrange(8))
        kind = rng.randrange(6)
        if kind == 0 and at < len(out):
            out[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            out[at:end] = rng.randbytes(rng.randrange(8))
        elif kind == 2:
            out = out[:at]
        elif kind == 3:
            out[at:at] = out[at:end] * rng.randrange(1, 20)
        elif kind == 4:
            out[at:end] = rng.choice(VARINTS)
        else:
            out[at:end] = _number(rng.choice((-1, 1)) * rng.getrandbits(rng.randrange(1, 63)))
    return bytes(out[:LARGEST])


class FailureError(Exception):
    """The codec did what it must not."""


def _outcome(reader: Reader, data: bytes) -> tuple[str, str]:
    try:
        return "value", repr(reader.decode(data))
    except DecodeError as error:
        if not 0 <= error.position <= len(data):
            raise FailureError(f"position {error.position} of {len(data)} bytes") from error
        return "error", str(error)


def _payloads(rng: random.Random, target: AnyTarget) -> Generator[bytes, bool, None]:
    """The seeds, mutations of them, and of mutations that still decode."""
    pool, first = list(target.seeds), list(target.seeds)
    while True:
        data = first.pop() if first else target.damage(rng, rng.choice(pool))
        keep = yield data
        if keep:
            pool = [*target.seeds, *pool[len(target.seeds) :][-50:], data]


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _written(encode: Callable[[Any], bytes], value: Any) -> tuple[str, Any]:
    try:
        return "bytes", encode(value)
    except EncodeError as error:  # a big-decimal may be read with more digits than may be written
        return "error", error.path


def fuzz(target: AnyTarget, count: int, seed: int, engine: Any = "native") -> int:
    """Read `count` payloads; how many decoded. Raises `FailureError`."""
    rng = random.Random(f"{seed} {target.name}")
    known = target.classes()
    reader, encode = target.codec(known, engine)
    other, encode_too = target.codec(known, "python")
    payloads = _payloads(rng, target)
    decoded, data, start = 0, next(payloads), _peak()
    for number in range(count):
        began = time.process_time()  # other programs may have the processor meanwhile
        try:
            [value], errors = reader.decode_many([data])
            good = not errors
            if number % 100 == 0 and _outcome(reader, data) != _outcome(other, data):
                raise FailureError(f"{_outcome(reader, data)} is not {_outcome(other, data)}")
            if good and number % 100 == 50 and _written(encode, value) != _written(encode_too, value):
                raise FailureError(f"{_written(encode, value)} is not {_written(encode_too, value)}")
        except Exception as error:
            raise FailureError(
                f"{target.name}: seed {seed}, payload {number}: {data.hex()}: {error!r}"
            ) from error
        if time.process_time() - began > SECONDS or _peak() - start > GROWTH:
            raise FailureError(
                f"{target.name}: seed {seed}, payload {number}: too slow or too large: {data.hex()}"
            )
        decoded += good
        data = payloads.send(good)
    return decoded


def main() -> int:
    parser = argparse.ArgumentParser(description="Mutated payloads against the codec.")
    parser.add_argument("payloads", nargs="?", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--engine", choices=["native", "python"], default="native")
    options = parser.parse_args()
    all_targets = targets()
    share = -(-options.payloads // len(all_targets))
    for target in all_targets:
        began = time.perf_counter()
        decoded = fuzz(target, share, options.seed, options.engine)
        seconds = time.perf_counter() - began
        print(f"{target.name:35} {share:>9} payloads, {decoded / share:4.0%} decoded, {seconds:6.1f} s")
    print(f"no crash, no other error; the process reached {_peak() >> 20} MiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())

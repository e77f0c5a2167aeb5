"""Mutated payloads against the codec: each must give a value or a `DecodeError`, in bounded time and memory.

    python -m tests.faults.fuzz_codec [PAYLOADS] [--seed N] [--engine native|python]

A seeded loop over schemas of all kinds; every hundredth payload is read by both engines, which must agree.
Prints a line per schema, and on a failure what to repeat it with.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import resource
import struct
import sys
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

from kgen_runtime.codec import Reader, make_reader, make_writer
from kgen_runtime.codec.schema import parse
from kgen_runtime.errors import DecodeError, EncodeError

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
_LOGICAL = _record(
    "Logical",
    ("d", _logical("int", "date")),
    ("t", _logical("long", "time-micros")),
    ("ts", {"type": "array", "items": _logical("long", "timestamp-micros")}),
    ("local", _logical("long", "local-timestamp-millis")),
    ("nanos", _logical("long", "timestamp-nanos")),
    ("u", {"type": "array", "items": _logical("string", "uuid")}),
    ("dec", {"type": "array", "items": _logical("bytes", "decimal", precision=30, scale=5)}),
    ("big", _logical("bytes", "big-decimal")),
    ("dur", {"type": "fixed", "name": "D", "size": 12, "logicalType": "duration"}),
)
_EMPTY = {"type": "array", "items": _record("N", ("nulls", {"type": "array", "items": "null"}))}


@dataclass(frozen=True)
class Target:
    """A pair of schemas to read with, and payloads to start from."""

    name: str
    writer: Any
    reader: Any
    seeds: tuple[bytes, ...]


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
    uuid = _text("12345678-1234-5678-1234-567812345678")
    logical = (
        _number(19000)
        + _number(1000)
        + b"\x02"
        + _number(1_700_000_000_000_000)
        + b"\x00"
        + _number(5)
        + _number(7)
    )
    logical += (
        b"\x02"
        + uuid
        + b"\x00"
        + b"\x02"
        + _text("\x01\x02")
        + b"\x00"
        + b"\x08\x04\x01\x3a\x04"
        + b"\0" * 12
    )
    return {
        "all": everything,
        "tree": b"\x04" + leaf * 2 + b"\x00\x02" + leaf + b"\x02",
        "logical": logical,
        "empty": b"\x04" + b"\x06\x00" + b"\x00" + b"\x00",
    }


def targets() -> list[Target]:
    """All pairs of schemas to fuzz."""
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
        Target("logical", _LOGICAL, _LOGICAL, (seeds["logical"],)),
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


def _payloads(rng: random.Random, target: Target) -> Generator[bytes, bool, None]:
    """Mutations of the seeds, and of mutations that still decode."""
    pool = list(target.seeds)
    while True:
        data = mutate(rng, rng.choice(pool))
        keep = yield data
        if keep:
            pool = [*target.seeds, *pool[len(target.seeds) :][-50:], data]


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _write(encode: Callable[[Any], bytes], value: Any) -> None:
    with contextlib.suppress(EncodeError):  # a decimal may be read with more digits than may be written
        encode(value)


def fuzz(target: Target, count: int, seed: int, engine: Any = "native") -> int:
    """Read `count` payloads; how many decoded. Raises `FailureError`."""
    rng = random.Random(f"{seed} {target.name}")
    pair = parse(json.dumps(target.writer)), parse(json.dumps(target.reader))
    reader, other = make_reader(*pair, engine=engine), make_reader(*pair, engine="python")
    encode: Callable[[Any], bytes] = make_writer(pair[1], engine=engine).encode
    payloads = _payloads(rng, target)
    decoded, data, start = 0, next(payloads), _peak()
    for number in range(count):
        began = time.perf_counter()
        try:
            [value] = reader.decode_many([data])
            good = not isinstance(value, DecodeError)
            if number % 100 == 0 and _outcome(reader, data) != _outcome(other, data):
                raise FailureError(f"{_outcome(reader, data)} is not {_outcome(other, data)}")
            if good and number % 100 == 50:
                _write(encode, value)
        except Exception as error:
            raise FailureError(
                f"{target.name}: seed {seed}, payload {number}: {data.hex()}: {error!r}"
            ) from error
        if time.perf_counter() - began > SECONDS or _peak() - start > GROWTH:
            raise FailureError(
                f"{target.name}: seed {seed}, payload {number}: too slow or too large: {data.hex()}"
            )
        decoded += good
        data = payloads.send(good)
    return decoded


def main() -> int:
    parser = argparse.ArgumentParser(description="Mutated payloads against the Avro codec.")
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
        print(f"{target.name:26} {share:>9} payloads, {decoded / share:4.0%} decoded, {seconds:6.1f} s")
    print(f"no crash, no other error; the process reached {_peak() >> 20} MiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())

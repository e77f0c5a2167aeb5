"""Mutated payloads against the columns of tables: rows or `DecodeError`, and of a failed row nothing is left.

    python -m tests.faults.fuzz_columns [PAYLOADS] [--seed N]

The schemas and the damage are those of `fuzz_codec`. Payloads are appended to the native engine's columns and
to those in plain Python, which must have the same errors; now and then both are taken, and must have the same
buffers.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from typing import Any

from kgen_runtime.codec import make_appender, make_columns
from kgen_runtime.codec.avro.column_layout import Layout, layout_of, of_fields
from kgen_runtime.codec.avro.json_encoding import dumps, to_json
from kgen_runtime.codec.avro.schema.parser import parse
from kgen_runtime.errors import DecodeError
from tests.faults.fuzz_codec import FailureError, Target, targets

TAKEN = 200
"""Payloads after which the columns are taken and compared."""


class Columns:
    """The columns of a target, in one engine."""

    def __init__(self, target: Target, engine: Any) -> None:
        reader = of_fields(parse(json.dumps(target.reader)), None)
        self.layout = layout = layout_of(reader)
        self.columns = make_columns(layout, engine=engine)
        self.appender = make_appender(
            parse(json.dumps(target.writer)),
            reader,
            layout,
            self.columns,
            lambda schema, data: dumps(to_json(schema, data)),
            engine=engine,
        )

    def append(self, payload: bytes) -> tuple[str, int, str] | None:
        """What is wrong with it."""
        before = self.columns.length
        _, _, errors = self.appender.append([payload], 0, 1, 0, 1 << 60)
        if self.columns.length != before + (not errors):
            raise FailureError(f"{self.columns.length - before} rows of one payload")
        error: DecodeError | None = errors.get(0)
        return None if error is None else (error.what, error.position, error.path)

    def take(self) -> Any:
        """All buffers, comparable."""
        return plain(self.layout, self.columns.take())


def plain(layout: Layout, taken: tuple[int, int, list[Any], list[Any]]) -> Any:
    """Without what says nothing: of bits, those after the last value."""
    length, nulls, buffers, inner = taken
    bits = [each for each in buffers[:1] if each is not None]
    data = [bytes(each) for each in buffers[1:]]
    if layout.shape == "boolean":
        bits, data = [*bits, data[0]], []
    shown = [int.from_bytes(bytes(each), "little") & ((1 << length) - 1) for each in bits]
    children = [*([_TEXT] if layout.shape == "map" else []), *layout.children] or [_TEXT] * len(inner)
    return length, nulls, shown, data, [plain(child, part) for child, part in zip(children, inner)]


_TEXT = Layout("string")


def fuzz_columns(target: Target, count: int, seed: int) -> int:
    """Append `count` payloads; how many became rows. Raises `FailureError`."""
    rng = random.Random(f"{seed} {target.name}")
    native, python = Columns(target, "native"), Columns(target, "python")
    good, pool = 0, list(target.seeds)
    for number in range(count):
        payload = target.seeds[number] if number < len(target.seeds) else target.damage(rng, rng.choice(pool))
        found, wanted = native.append(payload), python.append(payload)
        if found != wanted:
            raise FailureError(f"{target.name}: {payload.hex()}: {found} is not {wanted}")
        if found is None:
            good += 1
            pool = [*target.seeds, *pool[len(target.seeds) :][-50:], payload]
        if number % TAKEN == TAKEN - 1 and native.take() != python.take():
            raise FailureError(f"{target.name}: seed {seed}, up to payload {number}: the buffers differ")
    if native.take() != python.take():
        raise FailureError(f"{target.name}: seed {seed}: the buffers differ")
    return good


def column_targets() -> list[Target]:
    """Those of Avro, once each: columns have no classes."""
    return [each for each in targets() if isinstance(each, Target) and each.kind == "dicts"]


def main() -> int:
    parser = argparse.ArgumentParser(description="Mutated payloads against the columns of tables.")
    parser.add_argument("payloads", nargs="?", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    known = column_targets()
    share = -(-options.payloads // len(known))
    for target in known:
        good = fuzz_columns(target, share, options.seed)
        print(f"{target.name:35} {share:>9} payloads, {good / share:4.0%} rows")
    return 0


if __name__ == "__main__":
    sys.exit(main())

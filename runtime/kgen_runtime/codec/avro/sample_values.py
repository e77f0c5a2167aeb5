"""Sample values of a schema: plausible, and the same for the same seed."""

from __future__ import annotations

import dataclasses
import math
import random
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from ...errors import SchemaError
from ..branches import of_branch
from ..sample_choice import SampleChoice, free
from ..sample_times import sample_moment, sample_time
from ..values import Duration, LocalTimestampNanos, TimestampNanos
from .schema.tree import (
    Array,
    Enum,
    Fixed,
    Logical,
    Map,
    Named,
    Node,
    Primitive,
    Record,
    Ref,
    Schema,
    Union,
    branch_name,
)
from .schema.unions import ambiguous

Classes = Mapping[str, type[Any]]

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_DEPTH = 6  # of records, arrays and maps, from where on the shortest way out is taken
_NO_END = math.inf


def sample(
    schema: Schema, rng: random.Random, classes: Classes | None = None, choice: SampleChoice = free
) -> Any:
    """A value that `make_writer(schema, classes)` writes. `choice` may choose its parts.

    Records and enums are of their class where `classes` has one, else dicts and strings. Of a union as a
    whole, null is taken only where there is nothing else: a message that is null is not read. Draws from
    `rng` alone. Raises `SchemaError` if the schema has no finite value (a record that must hold itself,
    or a union or enum of nothing).
    """
    maker, root = _Maker(schema, rng, classes or {}, choice), _without_null(schema.root)
    if maker.height(root) == _NO_END:
        root = schema.root
    if maker.height(root) == _NO_END:
        raise SchemaError(
            "the schema has no finite value: it must hold itself, or a union or enum of nothing"
        )
    return maker.make(root, "value", 0)


def _without_null(root: Node) -> Node:
    others = [b for b in root.branches if branch_name(b) != "null"] if isinstance(root, Union) else []
    return Union(tuple(others)) if others else root


class _Maker:
    def __init__(self, schema: Schema, rng: random.Random, classes: Classes, choice: SampleChoice) -> None:
        self._choice = choice
        self._owner = ""
        self._names = schema.names
        self._rng = rng
        self._classes = classes
        self._heights = _heights(schema.names)

    def height(self, node: Node) -> float:
        """How deep records must nest in the smallest value of `node`."""
        return _height(node, self._heights)

    def make(self, node: Node, name: str, depth: int) -> Any:
        """A value of `node`, which stands in a field called `name`."""
        match node:
            case Primitive(type, None):
                chosen = self._choice(type, self._owner, name)
                return _PLAIN[type](self._rng, name) if chosen is None else chosen
            case Primitive(_, Logical() as logical):
                chosen = self._choice(logical.name, self._owner, name)
                return _logical(self._rng, logical, None) if chosen is None else chosen
            case Ref(full_name):
                return self._named(self._names[full_name], depth)
            case Array(items):
                return [self.make(items, name, depth + 1) for _ in range(self._length(items, depth))]
            case Map(values):
                length = self._length(values, depth)
                return {f"{name}-{i}": self.make(values, name, depth + 1) for i in range(length)}
            case Union(branches):
                branch = self._branch(branches, depth)
                value = self.make(branch, name, depth)
                known = branch_name(branch)
                return of_branch(value, known) if known in ambiguous(node, self._names) else value

    def _length(self, items: Node, depth: int) -> int:
        if depth >= _DEPTH or self.height(items) == _NO_END:
            return 0
        return self._rng.randrange(1, 4)

    def _branch(self, branches: tuple[Node, ...], depth: int) -> Node:
        finite = [branch for branch in branches if self.height(branch) < _NO_END]
        if depth >= _DEPTH:
            return min(finite, key=self.height)
        return self._rng.choice(finite)

    def _named(self, named: Named, depth: int) -> Any:
        match named:
            case Record():
                return self._record(named, depth + 1)
            case Enum(name, symbols):
                symbol = self._rng.choice(symbols)
                return self._classes[name](symbol) if name in self._classes else symbol
            case Fixed(_, size, None):
                return self._rng.randbytes(size)
            case Fixed(_, size, Logical() as logical):
                return _logical(self._rng, logical, size)

    def _record(self, record: Record, depth: int) -> Any:
        around, values = self._owner, {}
        for field in record.fields:
            self._owner = record.name
            values[field.name] = self.make(field.type, field.name, depth)
        self._owner = around
        cls = self._classes.get(record.name)
        if cls is None:
            return values
        attributes = {f.metadata.get("avro", f.name): f.name for f in dataclasses.fields(cls)}
        return cls(**{attributes[name]: value for name, value in values.items()})


def _heights(names: Mapping[str, Named]) -> dict[str, float]:
    """For each record, how deep its smallest value nests: the least fixed point, from below.

    An enum without symbols has no value.
    """
    heights: dict[str, float] = {
        name: _NO_END if isinstance(t, Record) or (isinstance(t, Enum) and not t.symbols) else 0
        for name, t in names.items()
    }
    changed = True
    while changed:
        changed = False
        for name, named in names.items():
            if isinstance(named, Record):
                height = 1 + max((_height(field.type, heights) for field in named.fields), default=0)
                changed = changed or height < heights[name]
                heights[name] = height
    return heights


def _height(node: Node, heights: Mapping[str, float]) -> float:
    match node:
        case Ref(name):
            return heights[name]
        case Union(branches):
            return min((_height(branch, heights) for branch in branches), default=_NO_END)
        case _:
            return 0


_PLAIN: dict[str, Callable[[random.Random, str], Any]] = {
    "null": lambda rng, name: None,
    "boolean": lambda rng, name: rng.random() < 0.5,
    "int": lambda rng, name: rng.randrange(1_000),
    "long": lambda rng, name: rng.randrange(1_000_000),
    "float": lambda rng, name: rng.randrange(4_000) / 4,  # holds exactly in 32 bits
    "double": lambda rng, name: rng.randrange(100_000) / 100,
    "bytes": lambda rng, name: rng.randbytes(rng.randrange(1, 9)),
    "string": lambda rng, name: f"{name}-{rng.randrange(1_000)}",
}


def _logical(rng: random.Random, logical: Logical, size: int | None) -> Any:
    if logical.name in ("decimal", "big-decimal"):
        return _decimal(rng, logical, size)
    return _LOGICAL[logical.name](rng)


def _decimal(rng: random.Random, logical: Logical, size: int | None) -> Decimal:
    if logical.name == "big-decimal":
        return Decimal(rng.randrange(100_000)).scaleb(-2)
    bound = 10 ** min(logical.precision, logical.scale + 4)
    if size is not None:
        bound = min(bound, 1 << (8 * size - 1))
    # By its digits: scaleb rounds to the context's precision.
    return Decimal((0, tuple(map(int, str(rng.randrange(bound)))), -logical.scale))


def _micros(rng: random.Random) -> datetime:
    return sample_moment(rng) + timedelta(microseconds=rng.randrange(1_000))


def _nanos(rng: random.Random) -> int:
    return (_micros(rng) - _EPOCH) // timedelta(microseconds=1) * 1_000 + rng.randrange(1_000)


_LOGICAL: dict[str, Callable[[random.Random], Any]] = {
    "uuid": lambda rng: uuid.UUID(int=rng.getrandbits(128), version=4),
    "duration": lambda rng: Duration(rng.randrange(12), rng.randrange(30), rng.randrange(86_400_000)),
    "date": lambda rng: sample_moment(rng).date(),
    "time-millis": lambda rng: sample_time(rng, 1_000),
    "time-micros": lambda rng: sample_time(rng, 1),
    "timestamp-millis": sample_moment,
    "timestamp-micros": _micros,
    "timestamp-nanos": lambda rng: TimestampNanos(_nanos(rng)),
    "local-timestamp-millis": lambda rng: sample_moment(rng).replace(tzinfo=None),
    "local-timestamp-micros": lambda rng: _micros(rng).replace(tzinfo=None),
    "local-timestamp-nanos": lambda rng: LocalTimestampNanos(_nanos(rng)),
}

"""Sample values of a JSON Schema: plausible, and the same for the same seed."""

from __future__ import annotations

import dataclasses
import math
import random
import uuid
from collections.abc import Callable, Mapping
from datetime import timezone
from decimal import Decimal
from typing import Any, Final

from ...errors import EncodeError, SchemaError
from ..sample_choice import SampleChoice, free
from ..sample_times import sample_moment, sample_time
from ..values import Duration
from .schema.json_tree import (
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
    Named,
    Node,
    Nothing,
    Property,
    StringEnum,
)
from .schema.json_unions import NULL

_DEPTH: Final = 6  # of objects, arrays and maps, from where on the shortest way out is taken
_MOST: Final = 2_000  # values, then too: a hundred properties may each hold the whole object
_PRESENT: Final = 0.8  # of optional properties
_TRIES: Final = 20  # values that cannot be written, one after the other
_NO_END: Final = math.inf


def sample_json(
    schema: JsonSchema,
    rng: random.Random,
    classes: Mapping[str, type[Any]] | None = None,
    choice: SampleChoice = free,
) -> Any:
    """A value that `make_json_writer(schema, classes)` writes. `choice` may choose its parts.

    Objects and enums are of their class where `classes` has one, else dicts and strings. Of a union as a
    whole, null is taken only where there is nothing else. Draws from `rng` alone. It is of the types, and may
    break what validation alone enforces (`JsonSchema.untyped`). Raises `SchemaError` if the schema has no
    finite value: an object that must hold itself, or one of no type.
    """
    maker, root = _JsonMaker(schema, rng, classes or {}, choice), _without_null(schema.root)
    if maker.height(root) == _NO_END:
        root = schema.root
    if maker.height(root) == _NO_END:
        raise SchemaError("the schema has no finite value: it must hold itself, or what has no value")
    return maker.make(root, "value", 0)


def sample_payload(
    schema: JsonSchema,
    encode: Callable[[Any, bytes], bytes],
    rng: random.Random,
    prefix: bytes = b"",
    choice: SampleChoice = free,
) -> bytes:
    """A sample value behind a prefix, as the `encode` of `make_json_writer(schema)` writes it.

    Raises `SchemaError` if there is none, or if none is found that can be written: the branch of a dict in a
    union of hundreds may take more to find than a message is given.
    """
    for left in reversed(range(_TRIES)):
        try:
            return encode(sample_json(schema, rng, choice=choice), prefix)
        except EncodeError as error:
            if not left:
                what = f"no samples can be generated: {error.what}"
                raise SchemaError(what, where=error.where) from None
    raise AssertionError("the last try returns or raises")


def _without_null(root: Node) -> Node:
    others = tuple(b for b in root.branches if b != NULL) if isinstance(root, JsonUnion) else ()
    return JsonUnion(others) if others else root


class _JsonMaker:
    def __init__(
        self,
        schema: JsonSchema,
        rng: random.Random,
        classes: Mapping[str, type[Any]],
        choice: SampleChoice,
    ) -> None:
        self._choice = choice
        self._owner = ""
        self._names = schema.names
        self._rng = rng
        self._classes = classes
        self._heights = _heights(schema.names)
        self._left = _MOST

    def height(self, node: Node) -> float:
        """How deep objects must nest in the smallest value of `node`."""
        return _height(node, self._heights)

    def make(self, node: Node, name: str, depth: int) -> Any:
        """A value of `node`, which stands in a property called `name`."""
        self._left -= 1
        match node:
            case JsonRef(place):
                return self._named(self._names[place], depth)
            case JsonUnion(branches):
                return self.make(self._branch(branches, depth), name, depth)
            case JsonArray(items):
                return [self.make(items, name, depth + 1) for _ in range(self._length(items, depth))]
            case JsonTuple(items, _):
                end = next((i for i, it in enumerate(items) if self.height(it) == _NO_END), len(items))
                end = 0 if self._ends(depth) else end  # fewer are valid, too
                return [self.make(item, name, depth + 1) for item in items[:end]]
            case JsonMap(values):
                length = self._length(values, depth)
                return {f"{name}-{i}": self.make(values, name, depth + 1) for i in range(length)}
            case Constant(values):
                return self._rng.choice(values)
            case JsonScalar(type, format):
                chosen = self._choice(format or type, self._owner, name)
                return _scalar(self._rng, node, name) if chosen is None else chosen
            case Anything():
                return _PLAIN[self._rng.choice(("string", "integer", "boolean"))](self._rng, name)
            case Nothing():
                raise AssertionError("it has no value, and an infinite height")

    def _ends(self, depth: int) -> bool:
        """Whether to take the shortest way out."""
        return depth >= _DEPTH or self._left <= 0

    def _length(self, items: Node, depth: int) -> int:
        if self._ends(depth) or self.height(items) == _NO_END:
            return 0
        return self._rng.randrange(1, 4)

    def _branch(self, branches: tuple[Node, ...], depth: int) -> Node:
        finite = [branch for branch in branches if self.height(branch) < _NO_END]
        return min(finite, key=self.height) if self._ends(depth) else self._rng.choice(finite)

    def _named(self, named: Named, depth: int) -> Any:
        if isinstance(named, StringEnum):
            symbol = self._rng.choice(named.symbols)
            return self._classes[named.name](symbol) if named.name in self._classes else symbol
        return self._object(named, depth + 1)

    def _object(self, record: JsonObject, depth: int) -> Any:
        self._left -= len(record.fields) // 8  # also what is absent has its place in an object of a class
        around, values = self._owner, {}
        for each in record.fields:
            if each.required or self._is_present(each, depth):
                self._owner = record.title or record.name.rpartition("/")[2].strip("#")
                values[each.name] = self.make(each.type, each.name, depth)
        self._owner = around
        extra = {} if record.extra is None else self.make(JsonMap(record.extra), "other", depth)
        extra = {name: value for name, value in extra.items() if name not in values}
        cls = self._classes.get(record.name)
        return {**values, **extra} if cls is None else _instance(cls, values, extra)

    def _is_present(self, each: Property, depth: int) -> bool:
        return not self._ends(depth) and self.height(each.type) < _NO_END and self._rng.random() < _PRESENT


def _instance(cls: type[Any], values: dict[str, Any], others: dict[str, Any]) -> Any:
    """An object of a dataclass. What is absent has its default."""
    given: dict[str, Any] = {}
    for each in dataclasses.fields(cls):
        wire = each.metadata.get("json", each.name)
        if each.metadata.get("json_extra"):
            given[each.name] = others
        elif wire in values:
            given[each.name] = values[wire]
    return cls(**given)


def _heights(names: Mapping[str, Named]) -> dict[str, float]:
    """For each object, how deep its smallest value nests: the least fixed point, from below."""
    heights: dict[str, float] = {
        name: _NO_END if isinstance(named, JsonObject) else 0 for name, named in names.items()
    }
    changed = True
    while changed:
        changed = False
        for name, named in names.items():
            if isinstance(named, JsonObject):
                required = (_height(each.type, heights) for each in named.fields if each.required)
                height = 1 + max(required, default=0)
                changed = changed or height < heights[name]
                heights[name] = height
    return heights


def _height(node: Node, heights: Mapping[str, float]) -> float:
    match node:
        case JsonRef(name):
            return heights[name]
        case JsonUnion(branches):
            return min((_height(branch, heights) for branch in branches), default=_NO_END)
        case Nothing() | Constant(()):
            return _NO_END
        case _:
            return 0


def _scalar(rng: random.Random, scalar: JsonScalar, name: str) -> Any:
    if scalar.format is None:
        return _PLAIN[scalar.type](rng, name)
    if scalar.format == "decimal":
        scale = 2 if scalar.scale is None else scalar.scale
        return Decimal((0, tuple(map(int, str(rng.randrange(100_000)))), -scale))
    return _FORMATTED[scalar.format](rng)


_PLAIN: dict[str, Callable[[random.Random, str], Any]] = {
    "null": lambda rng, name: None,
    "boolean": lambda rng, name: rng.random() < 0.5,
    "integer": lambda rng, name: rng.randrange(1_000_000),
    "number": lambda rng, name: rng.randrange(100_000) / 100,
    "string": lambda rng, name: f"{name}-{rng.randrange(1_000)}",
}
_FORMATTED: dict[str, Callable[[random.Random], Any]] = {
    "date": lambda rng: sample_moment(rng).date(),
    "time": lambda rng: sample_time(rng, 1_000_000).replace(tzinfo=timezone.utc),
    "date-time": sample_moment,
    "duration": lambda rng: Duration(rng.randrange(12), rng.randrange(30), rng.randrange(86_400_000)),
    "uuid": lambda rng: uuid.UUID(int=rng.getrandbits(128), version=4),
    "base64": lambda rng: rng.randbytes(rng.randrange(1, 9)),
    "date-days": lambda rng: sample_moment(rng).date(),
    "time-millis": lambda rng: sample_time(rng, 1_000),
    "timestamp-millis": sample_moment,
    "float": lambda rng: rng.randrange(4_000) / 4,  # holds exactly in 32 bits
}

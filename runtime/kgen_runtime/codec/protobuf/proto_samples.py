"""Sample values of a Protobuf message: plausible, and the same for the same seed."""

from __future__ import annotations

import dataclasses
import math
import random
from collections.abc import Callable, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from ...errors import SchemaError
from ..sample_choice import SampleChoice, free
from ..sample_times import sample_moment
from ..values import AnyMessage
from .schema.proto_tree import (
    ANY,
    DATE,
    DECIMAL,
    DURATION,
    KINDS,
    LIST_VALUE,
    STRUCT,
    TIMESTAMP,
    VALUE,
    WELL_KNOWN,
    WRAPPERS,
    EnumRef,
    MessageRef,
    ProtoEnum,
    ProtoField,
    ProtoMap,
    ProtoMessage,
    ProtoScalar,
    ProtoSchema,
    ProtoType,
)

_DEPTH: Final = 6  # of messages, from where on what may be absent is
_MOST: Final = 2_000  # values, then too: a hundred fields may each hold the whole message
_PRESENT: Final = 0.8  # of fields that may be absent
_NO_END: Final = math.inf


def sample_proto(
    schema: ProtoSchema,
    root: str,
    rng: random.Random,
    classes: Mapping[str, type[Any]] | None = None,
    choice: SampleChoice = free,
) -> Any:
    """A value that `make_proto_writer(schema, root, classes)` writes. `choice` may choose its parts: integers
    are its `int` and `long`, a `Timestamp` its `timestamp-micros`, a `Date` its `date`.

    Messages and enums are of their class where `classes` has one, else dicts and names. Draws from `rng`
    alone. Raises `SchemaError` if there is no such message, or it has no finite value: it requires itself.
    """
    maker = _ProtoMaker(schema, rng, classes or {}, choice)
    if root not in WELL_KNOWN and not isinstance(schema.names.get(root), ProtoMessage):
        raise SchemaError("the schema has no message of this name", where=root)
    if maker.height(MessageRef(root)) == _NO_END:
        raise SchemaError("the message has no finite value: it requires itself", where=root)
    return maker.make(MessageRef(root), "value", 0)


class _ProtoMaker:
    def __init__(
        self,
        schema: ProtoSchema,
        rng: random.Random,
        classes: Mapping[str, type[Any]],
        choice: SampleChoice,
    ) -> None:
        self._names = schema.names
        self._rng = rng
        self._classes = classes
        self._choice = choice
        self._owner = ""
        self._left = _MOST
        self._heights = _heights(schema)

    def height(self, type_: ProtoType) -> float:
        """How deep messages must nest in the smallest value."""
        return self._heights.get(type_.name, 0) if isinstance(type_, MessageRef) else 0

    def make(self, type_: ProtoType, name: str, depth: int) -> Any:
        """A value of the type, of a field called `name`."""
        self._left -= 1
        if isinstance(type_, ProtoScalar):
            return self._chosen(_CHOICE_KINDS.get(type_.kind, type_.kind), name, _SCALARS[type_.kind])
        if isinstance(type_, ProtoMap):
            return {
                self._key(type_.keys, name, number): self.make(type_.values, name, depth)
                for number in range(self._length(type_.values, depth))
            }
        if isinstance(type_, EnumRef):
            return self._enum(type_.name)
        if type_.name in WRAPPERS:
            return self.make(ProtoScalar(WRAPPERS[type_.name]), name, depth)
        if type_.name in WELL_KNOWN:
            kind = _CHOICE_KINDS.get(type_.name, type_.name)
            return self._chosen(kind, name, _KNOWN[type_.name])
        named = self._names[type_.name]
        assert isinstance(named, ProtoMessage)
        return self._message(named, depth + 1)

    def _chosen(self, kind: str, name: str, free_value: Callable[[random.Random, str], Any]) -> Any:
        chosen = self._choice(kind, self._owner, name)
        return free_value(self._rng, name) if chosen is None else chosen

    def _key(self, keys: ProtoScalar, name: str, number: int) -> Any:
        if keys.kind == "bool":
            return number % 2 == 0
        return f"{name}-{number}" if keys.kind == "string" else number + 1

    def _enum(self, name: str) -> Any:
        named = self._names[name]
        assert isinstance(named, ProtoEnum)
        # The first of an open enum is, by custom, what no producer sets.
        values = named.values[1:] if named.open and len(named.values) > 1 else named.values
        symbol, number = self._rng.choice(values)
        return self._classes[name](number) if name in self._classes else symbol

    def _message(self, message: ProtoMessage, depth: int) -> Any:
        self._left -= len(message.fields) // 8  # also what is absent has its place in an object of a class
        around, values = self._owner, {}
        chosen = {
            self._rng.choice(members).name
            for members in message.oneofs.values()
            if not self._ends(depth) and self._rng.random() < _PRESENT
        }
        for field in message.fields:
            if self._is_present(field, depth, chosen):
                self._owner = message.name.rpartition(".")[2]
                values[field.name] = self._field(field, depth)
        self._owner = around
        cls = self._classes.get(message.name)
        return values if cls is None else self._instance(message, cls, values)

    def _field(self, field: ProtoField, depth: int) -> Any:
        if isinstance(field.type, ProtoMap) or field.presence not in ("repeated", "packed"):
            return self.make(field.type, field.name, depth)
        return [self.make(field.type, field.name, depth) for _ in range(self._length(field.type, depth))]

    def _is_present(self, field: ProtoField, depth: int, chosen: set[str]) -> bool:
        if field.oneof is not None:
            return field.name in chosen and self.height(field.type) < _NO_END
        if field.presence != "explicit":
            return True
        ends = self._ends(depth) or self.height(field.type) == _NO_END
        return not ends and self._rng.random() < _PRESENT

    def _ends(self, depth: int) -> bool:
        return depth >= _DEPTH or self._left <= 0

    def _length(self, items: ProtoType, depth: int) -> int:
        if self._ends(depth) or self.height(items) == _NO_END:
            return 0
        return self._rng.randrange(1, 4)

    def _instance(self, message: ProtoMessage, cls: type[Any], values: dict[str, Any]) -> Any:
        """An object of a dataclass. What is absent has its default."""
        given = dict(values)
        for oneof, members in message.oneofs.items():
            for member in members:
                if member.name in given:
                    holder = self._classes[f"{message.name}.{oneof}.{member.name}"]
                    given[oneof] = holder(given.pop(member.name))
        names = {each.metadata.get("proto", each.name): each.name for each in dataclasses.fields(cls)}
        return cls(**{names[wire]: value for wire, value in given.items()})


def _heights(schema: ProtoSchema) -> dict[str, float]:
    """For each message, how deep its smallest value nests: the least fixed point, from below."""
    messages = {name: named for name, named in schema.names.items() if isinstance(named, ProtoMessage)}
    required = {
        name: [
            field.type.name
            for field in message.fields
            if field.presence == "required" and isinstance(field.type, MessageRef)
        ]
        for name, message in messages.items()
    }
    heights: dict[str, float] = {name: 1 if not used else _NO_END for name, used in required.items()}
    changed = True
    while changed:
        changed = False
        for name, used in required.items():
            height = 1 + max((heights.get(each, 0) for each in used), default=0)
            changed = changed or height < heights[name]
            heights[name] = height
    return heights


def _whole(rng: random.Random, name: str) -> int:
    return rng.randrange(1_000_000)


def _text(rng: random.Random, name: str) -> str:
    return f"{name}-{rng.randrange(1_000)}"


def _price(rng: random.Random, name: str) -> Decimal:
    return Decimal(rng.randrange(100_000)).scaleb(-2)


_SCALARS: Final[Mapping[str, Callable[[random.Random, str], Any]]] = {
    **dict.fromkeys(KINDS, _whole),  # but for these:
    "double": lambda rng, name: rng.randrange(100_000) / 100,
    "float": lambda rng, name: rng.randrange(4_000) / 4,  # holds exactly in 32 bits
    "bool": lambda rng, name: rng.random() < 0.5,
    "string": _text,
    "bytes": lambda rng, name: rng.randbytes(rng.randrange(1, 9)),
}
_KNOWN: Final[Mapping[str, Callable[[random.Random, str], Any]]] = {
    TIMESTAMP: lambda rng, name: sample_moment(rng),
    DURATION: lambda rng, name: timedelta(milliseconds=rng.randrange(86_400_000)),
    DATE: lambda rng, name: sample_moment(rng).date(),
    DECIMAL: _price,
    ANY: lambda rng, name: AnyMessage("type.googleapis.com/google.protobuf.Empty"),
    STRUCT: lambda rng, name: {name: _text(rng, name)},
    VALUE: _text,
    LIST_VALUE: lambda rng, name: [_text(rng, name) for _ in range(rng.randrange(1, 4))],
}
_CHOICE_KINDS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("int32", "sint32", "sfixed32", "uint32", "fixed32"), "int"),
    **dict.fromkeys(("int64", "sint64", "sfixed64", "uint64", "fixed64"), "long"),
    TIMESTAMP: "timestamp-micros",
    DATE: "date",
}

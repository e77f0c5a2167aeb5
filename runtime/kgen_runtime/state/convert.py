"""Values as they are, from one schema to another: for objects that are not kept as Avro binary.

The rules are those of `codec.avro.resolution`, and scalars go through the codec. What is the same in both
schemas is left as it is, also where it does not fit them. Lists and dicts are changed in place: others may
hold them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Protocol

from ..codec import Reader, ValueWriter, make_reader, make_writer
from ..codec.avro.resolution.read_plan import Default, Step
from ..codec.avro.resolution.resolve import resolve
from ..codec.avro.schema.tree import Array, Map, Node, Primitive, Record, Ref, Schema, Union
from ..errors import DecodeError, EncodeError, RecoveryError, ResolutionError
from .homes import Binding, Home
from .record_values import UNSET

_DEPTH = 64


class OldValues(Protocol):
    """The values of one pickle that another schema wrote."""

    def is_old(self, value: Any) -> bool:
        """Whether a value is one of them."""

    def read_as(self, value: Any, read: Node, home: Home) -> Any:
        """Such a value where a schema has `read`. Raises `RecoveryError`."""


class Conversion:
    """From a record of the writer (the root of its schema) to the class of a binding.

    Raises `ResolutionError` if the schemas do not allow it.
    """

    def __init__(self, writer: Schema, binding: Binding) -> None:
        assert isinstance(writer.root, Ref)
        self._writer = writer
        self._binding = binding
        self._home = binding.home
        plan = resolve(writer, self._home.alone(binding.name))
        self._body = plan.bodies["read", writer.root.name, binding.name]
        self._scalars: dict[tuple[Node, Node], Scalar] = {}

    def values(self, written: Sequence[Any], load: OldValues | None) -> list[Any]:
        """The values of the class, in the order of its schema. Raises `RecoveryError`."""
        source = self._writer.names[self._body_name]
        assert isinstance(source, Record)
        made = [UNSET] * len(self._body.record.fields)
        for field, step, value in zip(source.fields, self._body.steps, written):
            if step.target is not None:
                made[step.target] = self._step(field.type, step, value, load)
        for default in self._body.defaults:
            made[default.target] = self._default(default)
        return made

    @property
    def _body_name(self) -> str:
        assert isinstance(self._writer.root, Ref)
        return self._writer.root.name

    def _step(self, written: Node, step: Step, value: Any, load: OldValues | None) -> Any:
        assert step.target is not None
        return self._value(written, self._body.record.fields[step.target].type, value, load, _DEPTH)

    def _default(self, default: Default) -> Any:
        node = self._body.record.fields[default.target].type
        own = Schema(node, self._home.latest.names)
        return make_reader(own, own, self._home.classes, out_of_range="raw").decode(default.data)

    def _value(self, written: Node, read: Node, value: Any, load: OldValues | None, depth: int) -> Any:
        if value is UNSET or depth < 0:
            return value
        if type(value) in (list, tuple):
            return self._list(_branch(written, Array), _branch(read, Array), value, load, depth)
        if type(value) is dict:
            return self._dict(_branch(written, Map), _branch(read, Map), value, load, depth)
        if load is not None and load.is_old(value):
            return load.read_as(value, read, self._home)
        if isinstance(value, self._classes):
            return value
        return self._scalar(written, read).convert(value)

    @cached_property
    def _classes(self) -> tuple[type[Any], ...]:
        return tuple(self._home.classes.values())

    def _list(
        self, written: Any, read: Any, value: list[Any] | tuple[Any, ...], load: OldValues | None, depth: int
    ) -> Any:
        if written is None or read is None:
            return value
        items = [self._value(written.items, read.items, item, load, depth - 1) for item in value]
        if isinstance(value, tuple):
            return tuple(items)
        value[:] = items
        return value

    def _dict(
        self, written: Any, read: Any, value: dict[Any, Any], load: OldValues | None, depth: int
    ) -> Any:
        if written is not None and read is not None:
            for key, item in value.items():
                value[key] = self._value(written.values, read.values, item, load, depth - 1)
        return value

    def _scalar(self, written: Node, read: Node) -> Scalar:
        key = (written, read)
        if key not in self._scalars:
            self._scalars[key] = Scalar(
                Schema(written, self._writer.names), Schema(read, self._home.latest.names)
            )
        return self._scalars[key]


class Scalar:
    """A value of a primitive type, maybe in a union, through the codec."""

    def __init__(self, written: Schema, read: Schema) -> None:
        self._written = written
        self._read = read
        self._same = written.root == read.root and not _names_of(written.root)

    @cached_property
    def _codec(self) -> tuple[ValueWriter, Reader] | None:
        try:
            return make_writer(self._written), make_reader(self._written, self._read, out_of_range="raw")
        except ResolutionError:
            return None

    def convert(self, value: Any) -> Any:
        """As the reader's schema has it; as it is where that is the same, or where it never fitted."""
        if self._same or self._codec is None:
            return value
        writer, reader = self._codec
        try:
            data = writer.encode(value)
        except EncodeError:
            return value
        try:
            return reader.decode(data)
        except DecodeError as error:
            raise RecoveryError(f"a kept {type(value).__name__} cannot be read: {error.what}") from error


def _names_of(node: Node) -> bool:
    """Whether a type's name is in it."""
    return not isinstance(node, Primitive) and not (
        isinstance(node, Union) and all(isinstance(branch, Primitive) for branch in node.branches)
    )


def _branch(node: Node, kind: type[Any]) -> Any:
    """The array or the map of a type: a union has one at most."""
    branches = node.branches if isinstance(node, Union) else (node,)
    return next((branch for branch in branches if isinstance(branch, kind)), None)

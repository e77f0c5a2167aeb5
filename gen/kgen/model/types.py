"""Avro types as Python types, written so that they mean the same inside the class they stand in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kgen_runtime.codec.avro.schema.tree import (
    Array,
    Fixed,
    Logical,
    Map,
    Named,
    Node,
    Primitive,
    Record,
    Ref,
    Union,
)

from .type_writer import Path, TypeWriter

_LOGICAL = {
    "decimal": "Decimal",
    "big-decimal": "Decimal",
    "uuid": "UUID",
    "date": "date",
    "time-millis": "time",
    "time-micros": "time",
    "timestamp-millis": "datetime",
    "timestamp-micros": "datetime",
    "timestamp-nanos": "rt.TimestampNanos",
    "local-timestamp-millis": "datetime",
    "local-timestamp-micros": "datetime",
    "local-timestamp-nanos": "rt.LocalTimestampNanos",
    "duration": "rt.Duration",
}
_PRIMITIVE = {
    "null": "None",
    "boolean": "bool",
    "int": "int",
    "long": "int",
    "float": "float",
    "double": "float",
    "bytes": "bytes",
    "string": "str",
}
_NULL = Primitive("null")


@dataclass(frozen=True)
class Types(TypeWriter[Node]):
    """Writes the types of an Avro schema."""

    _primitives: dict[int, str] = field(default_factory=dict, init=False, compare=False)

    def annotation(self, node: Node, path: Path) -> str:
        """See the base. That of a primitive type, as most fields have, is written once."""
        if not isinstance(node, Primitive) or self.dry:
            return super().annotation(node, path)
        found = self._primitives.get(id(node))  # which the schema holds
        if found is None:
            found = self._primitives[id(node)] = super().annotation(node, path)
        return found

    def alternatives(self, node: Node, path: Path) -> list[str]:
        """See the base. A union without branches has no value."""
        branches = node.branches if isinstance(node, Union) else (node,)
        if not branches:
            return [self.name("NoReturn")]
        types = [self.branch_type(node, branch, path) for branch in branches]
        return self.with_raw(types, branches)

    def branch_type(self, node: Node, branch: Node, path: Path) -> str:
        """See the base."""
        if isinstance(branch, Array):
            return self._single(branch, path.item())
        if not isinstance(branch, Map):
            return self._single(branch, path)
        branches = node.branches if isinstance(node, Union) else (node,)
        return self._single(branch, path.entry(alone=not any(isinstance(it, Array) for it in branches)))

    def holds_records(self, node: Node) -> bool:
        """See the base."""
        branches = node.branches if isinstance(node, Union) else ()
        return any(isinstance(b, Ref) and isinstance(self.names[b.name], Record) for b in branches)

    def _worth_a_name(self, node: Node) -> bool:
        if not isinstance(node, Union):
            return False
        if len(node.branches) == 2 and _NULL in node.branches and not self.module.keeps_raw:
            return False  # most unions: no need to write the type to see how long it is
        return super()._worth_a_name(node)

    def _single(self, node: Node, inner: Path) -> str:
        if isinstance(node, Primitive):
            return self._logical(node.logical) or self._primitive(node.type)
        if isinstance(node, Array):
            return f"{self.name('list')}[{self.annotation(node.items, inner)}]"
        if isinstance(node, Map):
            values = self.annotation(node.values, inner)
            return f"{self.name('dict')}[{self.name('str')}, {values}]"
        if isinstance(node, Ref):
            return self._ref(node)
        raise TypeError(f"not a single type: {node}")

    def _ref(self, node: Ref) -> str:
        named = self.names[node.name]
        if isinstance(named, Fixed):
            return self._logical(named.logical) or self.name("bytes")
        return self.cls(node.name)

    def _primitive(self, kind: str) -> str:
        name = _PRIMITIVE[kind]
        return name if name == "None" else self.name(name)

    def _logical(self, logical: Logical | None) -> str | None:
        return self.name(_LOGICAL[logical.name]) if logical else None


def note(node: Node, names: Mapping[str, Named]) -> str | None:
    """What a Python type does not say of the Avro type: the digits of a decimal, the clock of a timestamp,
    the size of a fixed.
    """
    if isinstance(node, Primitive):
        return _single_note(node, names)
    kinds = node.branches if isinstance(node, Union) else (node,)
    found = dict.fromkeys(filter(None, (_single_note(kind, names) for kind in kinds)))
    return ", ".join(found) or None


def _single_note(node: Node, names: Mapping[str, Named]) -> str | None:
    named = names[node.name] if isinstance(node, Ref) else node
    if not isinstance(named, Primitive | Fixed):
        return None
    logical = named.logical
    if logical is None:
        return f"fixed({named.size})" if isinstance(named, Fixed) else None
    if logical.name == "decimal":
        return f"decimal({logical.precision}, {logical.scale})"
    if logical.name.startswith("timestamp"):
        return f"{logical.name}, UTC"
    return logical.name if logical.name.startswith("local") else None

"""Types of Protobuf as Python types, which mean the same inside of the class that they stand in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from kgen_runtime.codec.protobuf.schema.proto_tree import (
    ANY,
    DATE,
    DECIMAL,
    DURATION,
    LIST_VALUE,
    STRUCT,
    TIMESTAMP,
    VALUE,
    WRAPPERS,
    EnumRef,
    MessageRef,
    ProtoKind,
    ProtoMap,
    ProtoScalar,
)

from ..protobuf.proto_model import MemberRef, NoMessage, ProtoAttribute, ProtoList, ProtoNode, ProtoOneof
from .type_writer import Path, TypeWriter

_SCALARS: Final[Mapping[ProtoKind, str]] = {
    "double": "float",
    "float": "float",
    "int32": "int",
    "int64": "int",
    "uint32": "int",
    "uint64": "int",
    "sint32": "int",
    "sint64": "int",
    "fixed32": "int",
    "fixed64": "int",
    "sfixed32": "int",
    "sfixed64": "int",
    "bool": "bool",
    "string": "str",
    "bytes": "bytes",
}
_WELL_KNOWN: Final[Mapping[str, str]] = {
    TIMESTAMP: "datetime",
    DURATION: "timedelta",
    DATE: "date",
    DECIMAL: "Decimal",
    VALUE: "Any",
    ANY: "rt.AnyMessage",
    **{name: _SCALARS[kind] for name, kind in WRAPPERS.items()},
}


@dataclass(frozen=True)
class ProtoTypeWriter(TypeWriter[ProtoNode]):
    """Writes the types of a .proto file."""

    def attribute(self, item: ProtoAttribute, path: Path) -> str:
        """The type of an attribute: with None for what may not be there."""
        type_ = self.annotation(item.type, path)
        if may_be_none(item) and item.type != MessageRef(VALUE):
            return f"{type_} | None"
        return type_

    def alternatives(self, node: ProtoNode, path: Path) -> list[str]:
        """See the base."""
        if isinstance(node, NoMessage):
            return [self.name("NoReturn")]
        branches = node.branches if isinstance(node, ProtoOneof) else (node,)
        return self.with_raw([self.branch_type(node, it, path) for it in branches], branches)

    def branch_type(self, node: ProtoNode, branch: ProtoNode, path: Path) -> str:
        """See the base."""
        if isinstance(branch, ProtoList):
            return f"{self.name('list')}[{self.annotation(branch.items, path.item())}]"
        if isinstance(branch, ProtoMap):
            values = self.annotation(branch.values, path.item())
            return f"{self.name('dict')}[{self.name(_SCALARS[branch.keys.kind])}, {values}]"
        if isinstance(branch, ProtoScalar):
            return self.name(_SCALARS[branch.kind])
        if isinstance(branch, MessageRef) and branch.name in _WELL_KNOWN:
            return self.name(_WELL_KNOWN[branch.name])
        if isinstance(branch, MessageRef) and branch.name == STRUCT:
            return f"{self.name('dict')}[{self.name('str')}, {self.name('Any')}]"
        if isinstance(branch, MessageRef) and branch.name == LIST_VALUE:
            return f"{self.name('list')}[{self.name('Any')}]"
        if isinstance(branch, MessageRef | EnumRef | MemberRef):
            return self.cls(branch.name)
        raise TypeError(f"not a single type: {node}")

    def holds_records(self, node: ProtoNode) -> bool:
        """See the base."""
        return isinstance(node, ProtoOneof)


def may_be_none(item: ProtoAttribute) -> bool:
    """Whether an attribute is None where the message has nothing for it."""
    is_single = not isinstance(item.type, ProtoList | ProtoMap)
    return item.is_oneof or (is_single and item.field.presence == "explicit")

"""Types of JSON Schemas as Python types, which mean the same inside of the class that they stand in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from kgen_runtime.codec.json.schema.json_tree import (
    Anything,
    Constant,
    JsonArray,
    JsonMap,
    JsonObject,
    JsonRef,
    JsonScalar,
    JsonTuple,
    JsonUnion,
    Node,
    Nothing,
    Property,
    takes_null,
)

from ..pycode import quote
from ..pycode.expr import Expr, Group, flat
from .type_writer import Path, TypeWriter

_SCALARS = {"boolean": "bool", "integer": "int", "number": "float", "string": "str"}
_FORMATS = {
    "date": "date",
    "time": "time",
    "date-time": "datetime",
    "duration": "rt.Duration",
    "uuid": "UUID",
    "base64": "bytes",
    "decimal": "Decimal",
    "date-days": "date",
    "time-millis": "time",
    "timestamp-millis": "datetime",
    "float": "float",
}
_INLINE = 40
_KINDS: Mapping[type, str] = {JsonArray: "List", JsonTuple: "List", JsonMap: "Map"}


@dataclass(frozen=True)
class JsonTypeWriter(TypeWriter[Node]):
    """Writes the types of a JSON Schema."""

    def field(self, item: Property, path: Path) -> str:
        """The type of a property's attribute: with None or `rt.ABSENT` for what may not be there."""
        if not item.required and all(isinstance(it, Nothing) for it in _branches(item.type)):
            return "None"
        type_ = self.annotation(item.type, path)
        if item.required or _is_anything(item.type):
            return type_
        if takes_null(item.type):
            absent = self.name("rt.Absent")
            return f"{type_.removesuffix('None')}{absent} | None" if type_ != "None" else f"{absent} | None"
        return f"{type_} | None"

    def alternatives(self, node: Node, path: Path) -> list[str]:
        """See the base."""
        branches = [it for it in _branches(node) if not isinstance(it, Nothing)]
        if not branches or _is_anything(node):
            return [self.name("Any" if branches else "NoReturn")]
        return self.with_raw(self._types(branches, path), branches)

    def holds_records(self, node: Node) -> bool:
        """See the base."""
        named = [self.names[b.name] for b in _branches(node) if isinstance(b, JsonRef)]
        return any(isinstance(it, JsonObject) for it in named)

    def is_long(self, types: Sequence[str]) -> bool:
        """See the base."""
        return super().is_long(types) or (types[:1] == ["..."] and len(types) == 1)

    def aliased(self, node: Node, types: Sequence[str]) -> Expr:
        """See the base."""
        constants = [it for it in _branches(node) if isinstance(it, Constant)]
        if len(types) == 1 and constants:
            return self._literal(constants[0])
        return super().aliased(node, types)

    def _types(self, branches: Sequence[Node], path: Path) -> Iterator[str]:
        alone = len([it for it in branches if it != JsonScalar("null")]) == 1
        for branch, inner in _placed(branches, path):
            yield from self._single(branch, inner, alone=alone)

    def branch_type(self, node: Node, branch: Node, path: Path) -> str:
        """See the base."""
        placed = _placed([it for it in _branches(node) if not isinstance(it, Nothing)], path)
        inner = next(at for it, at in placed if it is branch)
        return next(self._single(branch, inner, alone=False))

    def _single(self, node: Node, path: Path, *, alone: bool) -> Iterator[str]:
        if isinstance(node, JsonRef):
            yield self.cls(node.name)
        elif isinstance(node, JsonScalar):
            yield self._scalar(node)
        elif isinstance(node, Constant):
            yield from self._constants(node, path, alone=alone)
        elif isinstance(node, JsonMap):
            values = self.annotation(items_of(node), path.item())
            yield f"{self.name('dict')}[{self.name('str')}, {values}]"
        elif isinstance(node, JsonArray | JsonTuple):
            yield f"{self.name('list')}[{self.annotation(items_of(node), path.item())}]"

    def _scalar(self, node: JsonScalar) -> str:
        if node.type == "null":
            return "None"
        return self.name(_FORMATS[node.format] if node.format else _SCALARS[node.type])

    def _constants(self, node: Constant, path: Path, *, alone: bool) -> Iterator[str]:
        """`Literal[…]`, under a name where that is long; floats cannot stand in one."""
        literal = self._literal(node)
        if literal.items and len(flat(literal)) > _INLINE:
            yield self._long(node, literal, path, alone=alone)
        elif literal.items:
            yield flat(literal)
        if any(isinstance(value, float) for value in node.values):
            yield self.name("float")
        if None in node.values:
            yield "None"

    def _long(self, node: Constant, literal: Group, path: Path, *, alone: bool) -> str:
        if len(literal.items) == 1:
            value = literal_values(node)[0]
            return self.name("str") if isinstance(value, str) else flat(literal)
        if alone and len(literal.items) == len(node.values) - (None in node.values):
            return "..." if self.dry else flat(literal)  # the whole type gets the name
        if self.dry:
            return repr(node)
        return self.alias(path.below("Constant", "|constant"), replace(self, shadowed=())._literal(node))

    def _literal(self, node: Constant) -> Group:
        items = tuple(("", literal_expr(value)) for value in literal_values(node))
        return Group(f"{self.name('Literal')}[" if items else "[", items, "]")


def literal_values(node: Constant) -> list[str | int | bool]:
    """The values that can stand in a `Literal`, without null."""
    return [it for it in node.values if it is not None and not isinstance(it, float)]


def literal_expr(value: str | float | bool | None) -> str:
    """A constant as an expression."""
    return quote.string(value) if isinstance(value, str) else repr(value)


def note(node: Node) -> str | None:
    """What a Python type does not say of the schema's: the digits of a decimal, the clock of a timestamp."""
    found = dict.fromkeys(filter(None, map(_single_note, _branches(node))))
    return ", ".join(found) or None


def _single_note(node: Node) -> str | None:
    if not isinstance(node, JsonScalar):
        return None
    if node.format == "decimal" and node.scale is not None:
        return f"decimal, scale {node.scale}"
    return f"{node.format}, UTC" if node.format in ("date-time", "timestamp-millis") else None


def _placed(branches: Sequence[Node], path: Path) -> Iterator[tuple[Node, Path]]:
    """Branches, each with the path that what is inside of it has: the first list the union's own, which was
    the first map's where no list is.
    """
    kinds = Counter(_KINDS[type(it)] for it in branches if type(it) in _KINDS)
    seen: Counter[str] = Counter()
    for branch in branches:
        kind = _KINDS.get(type(branch), "")
        inner = path
        if kind:
            at = str(seen[kind]) if seen[kind] else ""
            inner = path.below(f"{kind}{at}", f"|{kind.lower()}{at}")
            if kind == "List" and not at:
                inner = replace(inner, keys=path.keys, former=path.former).formerly(*inner.keys)
            elif kind == "Map" and not at and not kinds["List"]:
                inner = inner.formerly(*path.keys)
            if kinds.total() == 1:
                inner = replace(inner, name=path.name)
            seen[kind] += 1
        yield branch, inner


def items_of(node: JsonArray | JsonTuple | JsonMap) -> Node:
    """The type of what a list or map has inside."""
    if isinstance(node, JsonTuple):
        return _any_of((*node.items, node.rest))
    return node.items if isinstance(node, JsonArray) else node.values


def is_plain(node: Node) -> bool:
    """Whether a value's literal is of this type for every type checker: one type, without others inside."""
    branches = [it for it in _branches(node) if not isinstance(it, Nothing)]
    return _is_anything(node) or (len(branches) == 1 and isinstance(branches[0], JsonScalar | JsonRef))


def _branches(node: Node) -> list[Node]:
    """The branches of a union and of unions in it, all constants as one; of another type it alone."""
    found: list[Node] = []
    todo = [node]
    while todo:
        first = todo.pop(0)
        if isinstance(first, JsonUnion):
            todo[:0] = first.branches
        else:
            found.append(first)
    constants = [it for it in found if isinstance(it, Constant)]
    if len(constants) < 2:
        return found
    every = {repr(value): value for it in constants for value in it.values}
    found[found.index(constants[0])] = Constant(tuple(every.values()))
    return [it for it in found if not any(it is one for one in constants)]


def _is_anything(node: Node) -> bool:
    return any(isinstance(it, Anything) for it in _branches(node))


def _any_of(nodes: Sequence[Node]) -> Node:
    distinct = tuple({repr(it): it for it in nodes if not isinstance(it, Nothing)}.values())
    return distinct[0] if len(distinct) == 1 else JsonUnion(distinct) if distinct else Nothing()

"""Which columns the values of a schema become: a finite tree, which knows nothing of Arrow but its shapes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

from ...errors import SchemaError
from .schema.tree import (
    Array,
    Enum,
    Fixed,
    Logical,
    Map,
    Node,
    Primitive,
    Record,
    Ref,
    Schema,
    Union,
    branch_name,
)

MOST_COLUMNS: Final = 20_000
"""How many columns, with those inside of others, a schema may become: its types may stand in many places."""
MOST_LEVELS: Final = 32
"""How deep columns may stand in each other; a record that would stand deeper is text."""
WIDEST_FIXED: Final = 1024
"""The largest fixed whose column has a place of its size for each row, also for a null."""

Shape: TypeAlias = Literal[
    "null",
    "boolean",
    "int",
    "long",
    "float",
    "double",
    "date",
    "time-millis",
    "time-micros",
    "timestamp-millis",
    "timestamp-micros",
    "timestamp-nanos",
    "local-timestamp-millis",
    "local-timestamp-micros",
    "local-timestamp-nanos",
    "string",
    "bytes",
    "fixed",
    "uuid",
    "decimal",
    "decimal-text",  # a decimal that has no type of its own: as its digits
    "duration",
    "enum",
    "list",
    "map",
    "record",
    "union",  # of several branches besides null: a struct with a child each, of which one is there
    "json",  # a record that holds itself: as JSON text
]

WIDTHS: Final = {
    **dict.fromkeys(("int", "float", "date", "time-millis", "enum"), 4),
    **dict.fromkeys(("long", "double", "time-micros"), 8),
    **{f"{kind}timestamp-{unit}": 8 for kind in ("", "local-") for unit in ("millis", "micros", "nanos")},
    "uuid": 16,
}
"""How many bytes a value of such a shape takes in its column."""


@dataclass(frozen=True, slots=True)
class Layout:
    """One column. `children` are those of a list (its items), a map (its values), a record or a union;
    `names` are theirs in a record or a union.

    `size` is of a fixed, `precision` and `scale` of a decimal, `symbols` of an enum.
    """

    shape: Shape
    children: tuple[Layout, ...] = ()
    names: tuple[str, ...] = ()
    size: int = 0
    precision: int = 0
    scale: int = 0
    symbols: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        """Bytes of a value, of a shape that has them all of one size."""
        if self.shape == "decimal":
            return 16 if self.precision <= _DIGITS_128 else 32
        return self.size if self.shape == "fixed" else WIDTHS[self.shape]


_ROOT: Final = "columns"
_DIGITS_128: Final = 38
_DIGITS_256: Final = 76


def layout_of(schema: Schema) -> Layout:
    """The columns of a schema. Raises `SchemaError` if they are more than `MOST_COLUMNS`."""
    return _Layouts(schema).root()


def of_fields(schema: Schema, fields: Sequence[str] | None) -> Schema:
    """The schema to read columns with: its root record, if it is one, has only those fields, in this order,
    so that nothing is made of the others. It has a name of its own: where a record holds itself, the inner
    ones have all of their fields, and are text.
    """
    record = root_record(schema)
    if record is None:
        return schema
    known = {field.name: field for field in record.fields}
    kept = record.fields if fields is None else tuple(known[name] for name in fields)
    name = f"{_ROOT}.{record.name}"
    root = replace(record, name=name, fields=kept, aliases=(*record.aliases, record.name))
    whole = Ref(name) if isinstance(schema.root, Ref) else Union((Primitive("null"), Ref(name)))
    return Schema(whole, {**schema.names, name: root})


def root_record(schema: Schema) -> Record | None:
    """The record whose fields are the columns: the root, or the one branch of it that is not null."""
    root = schema.root
    if isinstance(root, Union) and len(held(root)) == 1:
        [root] = held(root)
    named = schema.names[root.name] if isinstance(root, Ref) else None
    return named if isinstance(named, Record) else None


def branch_of(union: Union, name: str) -> int:
    """Which of the branches that have a column has this name; -1 for null."""
    return [branch_name(branch) for branch in held(union)].index(name) if name != "null" else -1


def held(union: Union) -> list[Node]:
    """The branches besides null."""
    return [branch for branch in union.branches if branch != Primitive("null")]


class _Layouts:
    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._circles = _in_circles(schema)
        self._left = MOST_COLUMNS

    def root(self) -> Layout:
        return self._node(self._schema.root, 0)

    def _node(self, node: Node, level: int) -> Layout:
        self._left -= 1
        if self._left < 0:
            raise SchemaError(
                f"the schema has more than {MOST_COLUMNS:,} columns",
                hint="columns=[...] chooses some of the fields.",
            )
        if isinstance(node, Primitive):
            return _primitive(node)
        if isinstance(node, Array):
            return Layout("list", (self._node(node.items, level + 1),))
        if isinstance(node, Map):
            return Layout("map", (self._node(node.values, level + 1),))
        if isinstance(node, Union):
            return self._union(node, level)
        named = self._schema.names[node.name]
        if isinstance(named, Enum):
            return Layout("enum", symbols=named.symbols)
        if isinstance(named, Fixed):
            return _fixed(named)
        if named.name in self._circles or level >= MOST_LEVELS:
            return Layout("json")
        return self._record(named, level)

    def _record(self, record: Record, level: int) -> Layout:
        children = tuple(self._node(field.type, level + 1) for field in record.fields)
        return Layout("record", children, tuple(field.name for field in record.fields))

    def _union(self, union: Union, level: int) -> Layout:
        branches = held(union)
        if len(branches) < 2:
            return self._node(branches[0], level) if branches else Layout("null")
        children = tuple(self._node(branch, level + 1) for branch in branches)
        return Layout("union", children, _branch_names(branches))


def _branch_names(branches: Sequence[Node]) -> tuple[str, ...]:
    """The types' names, without their namespaces where these are not needed."""
    names = [branch_name(branch) for branch in branches]
    short = [name.rpartition(".")[2] for name in names]
    return tuple(one if short.count(one) == 1 else name for one, name in zip(short, names))


def _primitive(node: Primitive) -> Layout:
    if node.logical is None:
        return Layout(node.type)
    if node.logical.name in ("decimal", "big-decimal"):
        return _decimal(node.logical)
    return Layout(node.logical.name)  # type: ignore[arg-type]  # the parser knows no others


def _fixed(named: Fixed) -> Layout:
    if named.logical is not None and named.logical.name == "decimal":
        return _decimal(named.logical)
    if named.logical is not None and named.logical.name == "uuid":
        return Layout("uuid")
    if named.logical is not None:
        return Layout("duration")
    # A place for each row, of a size that may be zero, or huge: as bytes of any length.
    return Layout("fixed", size=named.size) if 0 < named.size <= WIDEST_FIXED else Layout("bytes")


def _decimal(logical: Logical) -> Layout:
    if logical.name == "decimal" and logical.precision <= _DIGITS_256:
        return Layout("decimal", precision=logical.precision, scale=logical.scale)
    return Layout("decimal-text", precision=logical.precision, scale=logical.scale)


def _in_circles(schema: Schema) -> frozenset[str]:
    """The records that hold themselves, by way of others too."""
    holds = {
        record.name: {name for field in record.fields for name in _records(field.type, schema)}
        for record in schema.names.values()
        if isinstance(record, Record)
    }
    # Tarjan's components, without recursion: a chain of records may be as long as the schema's text.
    found: set[str] = set()
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    open_: list[str] = []
    is_open: set[str] = set()
    for first in holds:
        if first in index:
            continue
        work = [(first, iter(holds[first]))]
        index[first] = low[first] = len(index)
        open_.append(first)
        is_open.add(first)
        while work:
            name, rest = work[-1]
            for other in rest:
                if other not in index:
                    index[other] = low[other] = len(index)
                    open_.append(other)
                    is_open.add(other)
                    work.append((other, iter(holds[other])))
                    break
                if other in is_open:
                    low[name] = min(low[name], index[other])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[name])
                if low[name] == index[name]:
                    circle = _close(open_, is_open, name)
                    if len(circle) > 1 or name in holds[name]:
                        found.update(circle)
    return frozenset(found)


def _close(open_: list[str], is_open: set[str], name: str) -> list[str]:
    circle = []
    while True:
        circle.append(open_.pop())
        is_open.discard(circle[-1])
        if circle[-1] == name:
            return circle


def _records(node: Node, schema: Schema) -> Iterator[str]:
    """The records that stand in a type, without those in records."""
    if isinstance(node, Array):
        yield from _records(node.items, schema)
    elif isinstance(node, Map):
        yield from _records(node.values, schema)
    elif isinstance(node, Union):
        for branch in node.branches:
            yield from _records(branch, schema)
    elif isinstance(node, Ref) and isinstance(schema.names[node.name], Record):
        yield node.name

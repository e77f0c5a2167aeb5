"""From a layout to columns, and from plans to the nodes that fill them. Both engines offer the classes."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import field, make_dataclass
from types import ModuleType
from typing import Any, Final, TypeAlias

from ..limits import MAX_DEPTH
from ..ranges import column_decimal_outside, column_outside, limits
from .build import ReaderBuilder, WriterBuilder, reasons_of
from .column_layout import Layout, branch_of, held
from .resolution.read_plan import (
    Choice,
    EnumValue,
    Fields,
    FixedValue,
    Link,
    ListOf,
    MapOf,
    Never,
    Pick,
    Plan,
    Value,
)
from .resolution.resolve import Resolution
from .schema.tree import Array, Map, Node, Record, Ref, Schema, Union
from .schema.tree import Enum as EnumType

RecordText: TypeAlias = Callable[[Schema, bytes], str]
"""Makes JSON text of Avro binary of a schema."""

_LONG: Final = (-(1 << 63), (1 << 63) - 1)
_NANOS: Final = {"millis": 1_000_000, "micros": 1_000, "nanos": 1}


def make_column(engine: ModuleType, layout: Layout) -> Any:
    """The column of a layout, with its children."""
    if layout.shape in ("string", "bytes", "json", "decimal-text"):
        return engine.TextColumn()
    if layout.shape == "null":
        return engine.NullColumn()
    if layout.shape == "boolean":
        return engine.BooleanColumn()
    if layout.shape == "duration":
        return engine.StructColumn(*(engine.WidthColumn(4) for _ in range(3)))
    children = [make_column(engine, child) for child in layout.children]
    if layout.shape == "map":
        return engine.ListColumn(engine.TextColumn(), *children)
    if layout.shape == "list":
        return engine.ListColumn(*children)
    if layout.shape in ("record", "union"):
        return engine.StructColumn(*children)
    return engine.WidthColumn(layout.width)


class ColumnReaderBuilder:
    """Builds the nodes that fill the columns of one layout from one plan, a node for each place."""

    def __init__(
        self,
        engine: ModuleType,
        nodes: ModuleType,
        writers: ModuleType,
        resolution: Resolution,
        reader: Schema,
        record_text: RecordText,
    ) -> None:
        self._engine = engine
        self._reader = reader
        self._resolution = resolution
        self._problems = resolution.problems
        self._writers = writers
        self._record_text = record_text
        self._nodes = nodes
        self._skips = ReaderBuilder(nodes, resolution, {})

    def root(self, layout: Layout, column: Any) -> Any:
        """The node for the root."""
        return self._node(self._resolution.root, self._reader.root, layout, column)

    def _node(self, plan: Plan, node: Node, layout: Layout, column: Any) -> Any:
        if isinstance(plan, Choice):
            branches = (self._branch(branch, node, layout, column) for branch in plan.branches)
            return self._engine.ChoicePut(tuple(branches))
        if isinstance(plan, Pick):
            plan = self._problems.picked(plan)
        if isinstance(plan, Never):
            return self._engine.NeverPut(plan.message)
        if isinstance(plan, Value) and plan.reader == "null":
            return self._engine.NullPut(column)
        if isinstance(node, Union):
            return self._of_union(plan, node, layout, column)
        if layout.shape == "json":
            assert isinstance(node, Ref)
            return self._engine.SlowPut(column, self._skip(plan), self._text(plan, node))
        if isinstance(plan, Value | FixedValue):
            return self._scalar(plan, layout, column)
        if isinstance(plan, EnumValue):
            return self._enum(plan, layout, column)
        if isinstance(plan, ListOf):
            assert isinstance(node, Array)
            [items] = column.children
            put = self._items(plan.items, node.items, layout.children[0], items)
            return self._engine.ListPut(column, put)
        if isinstance(plan, MapOf):
            assert isinstance(node, Map)
            key, values = column.children
            put = self._items(plan.values, node.values, layout.children[0], values)
            return self._engine.MapPut(column, self._engine.TextPut(key, -1, True), put)
        assert isinstance(plan, Link)
        return self._record(plan, layout, column)

    def _branch(self, plan: Plan, node: Node, layout: Layout, column: Any) -> Any:
        if self._problems.fails(plan):
            return self._engine.NeverPut(self._problems.reason(plan))
        return self._node(plan, node, layout, column)

    def _items(self, plan: Plan, node: Node, layout: Layout, column: Any) -> Any:
        """The node of an array's or map's items, which may be none. An enum names the symbol it lacks."""
        build = self._node if isinstance(plan, EnumValue) else self._branch
        return build(plan, node, layout, column)

    def _of_union(self, plan: Plan, union: Union, layout: Layout, column: Any) -> Any:
        place = branch_of(union, _name(plan))
        branch = held(union)[place]
        if layout.shape != "union":  # one branch alone, besides null
            return self._node(plan, branch, layout, column)
        put = self._node(plan, branch, layout.children[place], column.children[place])
        return self._engine.BranchPut(put, column, place)

    def _scalar(self, plan: Value | FixedValue, layout: Layout, column: Any) -> Any:
        engine, shape = self._engine, layout.shape
        size = plan.size if isinstance(plan, FixedValue) else -1
        if shape in ("string", "bytes"):
            return engine.TextPut(column, size, shape == "string")
        if shape == "decimal":
            outside = column_decimal_outside(layout.precision, layout.scale)
            return engine.DecimalPut(column, size, layout.precision, outside)
        if shape == "decimal-text":
            return engine.SlowPut(column, self._skip(plan), self._digits(plan))
        if shape == "duration":
            return engine.DurationPut(column)
        if isinstance(plan, FixedValue):
            return engine.FixedPut(column)
        if shape == "uuid":
            return engine.UuidPut(column)
        if shape == "boolean":
            return engine.BooleanPut(column)
        narrow = plan.writer == "int"
        if shape in ("float", "double"):
            return engine.RealPut(column, narrow, {"float": 4, "double": 8}.get(plan.writer, 0))
        return engine.IntegerPut(column, narrow, *_numbers(plan, shape))

    def _digits(self, plan: Plan) -> Callable[[bytes], bytes]:
        """What makes the text of a decimal, with all of its digits."""
        decode = self._nodes.NodeReader(self._skip(plan), MAX_DEPTH, True).decode
        return lambda data: str(decode(data)).encode()

    def _text(self, plan: Plan, record: Ref) -> Callable[[bytes], bytes]:
        """What makes the JSON text of a record: of its binary as the reader's schema has it."""
        schema = Schema(record, self._reader.names)
        classes = _stand_ins(schema)
        root = ReaderBuilder(self._nodes, self._resolution, classes, keeps=True).root(plan)
        decode = self._nodes.NodeReader(root, MAX_DEPTH, True).decode
        encode = self._writers.NodeWriter(WriterBuilder(self._writers, schema, classes).root()).encode
        to_text = self._record_text
        return lambda data: to_text(schema, encode(decode(data))).encode()

    def _enum(self, plan: EnumValue, layout: Layout, column: Any) -> Any:
        places = {symbol: place for place, symbol in enumerate(layout.symbols)}
        known = tuple(-1 if symbol is None else places[symbol] for symbol in plan.symbols)
        return self._engine.EnumPut(column, known, reasons_of(plan))

    def _record(self, plan: Link, layout: Layout, column: Any) -> Any:
        fields = self._resolution.bodies[plan.key]
        steps = []
        for step in fields.steps:
            if step.target is None:
                steps.append((step.name, self._skip(step.plan)))
            else:
                steps.append((step.name, self._field(step.plan, fields, step.target, layout, column)))
        defaults = []
        for default in fields.defaults:
            put = self._field(default.plan, fields, default.target, layout, column)
            defaults.append(
                (fields.record.fields[default.target].name, self._engine.DefaultPut(default.data, put))
            )
        return self._engine.RecordPut(column, tuple(steps), tuple(defaults))

    def _field(self, plan: Plan, fields: Fields, target: int, layout: Layout, column: Any) -> Any:
        node = fields.record.fields[target].type
        return self._node(plan, node, layout.children[target], column.children[target])

    def _skip(self, plan: Plan) -> Any:
        return self._skips.root(plan)


def _stand_ins(schema: Schema) -> dict[str, type[Any]]:
    """A class for each record and enum, so that values know the branch of a union that they are of."""
    made: dict[str, type[Any]] = {}
    make: Any = enum.Enum
    for name, named in schema.names.items():
        if isinstance(named, Record):
            members = [
                (f"f{place}", Any, field(metadata={"avro": each.name}))
                for place, each in enumerate(named.fields)
            ]
            made[name] = make_dataclass("Stand", members, slots=True)
        elif isinstance(named, EnumType):
            made[name] = make("Stand", {f"s{place}": symbol for place, symbol in enumerate(named.symbols)})
    return made


def _name(plan: Plan) -> str:
    """What the reader's union calls the branch that a plan is for."""
    if isinstance(plan, Value):
        return plan.reader
    if isinstance(plan, FixedValue | EnumValue):
        return plan.name
    if isinstance(plan, Link):
        return plan.key[2]
    return "array" if isinstance(plan, ListOf) else "map"


def _numbers(plan: Value, shape: str) -> tuple[int, int, int, int, Callable[[int], None]]:
    """Of a whole number: the first and the last that there may be, what it is multiplied and divided by, and
    what refuses others.
    """
    if plan.unit is None:
        times, over, kind = 1, 1, shape
    else:
        written, wanted = (_NANOS[name.rpartition("-")[2]] for name in (plan.unit.name, shape))
        times, over = max(written // wanted, 1), max(wanted // written, 1)
        kind = plan.unit.name
        if not shape.startswith("time-"):
            kind += f"-as-{shape.rpartition('-')[2]}"
    first, last = _LONG[0] // times, _LONG[1] // times
    if first * times < _LONG[0]:
        first += 1
    if shape.startswith("time-"):
        known = limits(kind)
        assert known is not None
        first, last = known[0], known[1] - 1
    return first, last, times, over, column_outside(kind)

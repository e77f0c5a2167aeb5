"""From plans and schemas to the nodes of an engine. Both engines offer the same classes of nodes."""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Iterable, Mapping
from decimal import Decimal
from types import ModuleType
from typing import Any, Final
from uuid import UUID

from ...errors import DecodeError, ResolutionError, SchemaError
from ..error_texts import listed
from ..ranges import HINT as OUT_OF_RANGE_HINT
from ..values import Duration, OutOfRange
from .bind import bind, bind_made
from .resolution.read_plan import (
    Choice,
    Default,
    EnumValue,
    Fields,
    FixedValue,
    Key,
    Link,
    ListOf,
    MapOf,
    Pick,
    Plan,
    Value,
)
from .resolution.resolve import Resolution, title
from .schema.defaults import DefaultEncoder
from .schema.tree import (
    NO_DEFAULT,
    Array,
    Enum,
    Field,
    Fixed,
    Logical,
    Map,
    Named,
    Node,
    Primitive,
    Record,
    Schema,
    Union,
    branch_name,
)
from .schema.unions import ambiguous

_IMMUTABLE: Final = (
    *(int, float, str, bytes, Decimal, dt.date, dt.time, UUID),
    *(Duration, OutOfRange, enum.Enum, type(None)),
)


class ReaderBuilder:
    """Builds the nodes of one reader with `engine`, the module of the native or of the Python nodes.

    `keeps`: what Python has no value for is read as an `OutOfRange`.
    """

    def __init__(
        self,
        engine: ModuleType,
        resolution: Resolution,
        classes: Mapping[str, type[Any]],
        *,
        keeps: bool = False,
    ) -> None:
        self._engine = engine
        self._resolution = resolution
        self._classes = classes
        self._keeps = keeps
        self._records: dict[Key, Any] = {}
        self._waiting: list[Key] = []
        self._leaves: dict[Plan, Any] = {}
        self._unsettled: list[tuple[str, str, Any]] = []
        self._defaults: dict[Default, tuple[str, Any, int]] = {}

    def root(self, plan: Plan | None = None) -> Any:
        """The node for the root of the plan, or for another part of it, with all that it needs."""
        root = self._node(self._resolution.root if plan is None else plan)
        while self._waiting:  # not recursion: a chain of records may be as long as the schema's text
            key = self._waiting.pop()
            self._fill(self._records[key], self._resolution.bodies[key])
        for record, name, default in self._unsettled:
            self._settle(f"{record}.{name}", default)
        return root

    def _fill(self, record: Any, fields: Fields) -> None:
        steps = tuple(
            (step.name, self._node(step.plan), -1 if step.target is None else step.target)
            for step in fields.steps
        )
        record.fill(steps, tuple(self._default(fields, default) for default in fields.defaults))

    def _default(self, fields: Fields, default: Default) -> tuple[str, Any, int]:
        if default not in self._defaults:
            name = fields.record.fields[default.target].name
            node = self._engine.DefaultNode(default.data, self._node(default.plan))
            self._defaults[default] = name, node, default.target
            self._unsettled.append((fields.record.name, name, node))
        return self._defaults[default]

    def _settle(self, where: str, default: Any) -> None:
        """Read a default once, to refuse it now if it must be, and to share it where it is immutable."""
        try:
            value = default.probe()
        except DecodeError as error:
            if error.hint == OUT_OF_RANGE_HINT:
                return  # the messages that need it have this error, and no others
            raise ResolutionError(f"the default cannot be read: {error.what}", where=where) from error
        if isinstance(value, _IMMUTABLE):
            default.hold(value)

    def _node(self, plan: Plan) -> Any:
        engine = self._engine
        if isinstance(plan, Value | FixedValue | EnumValue):
            return self._leaf(plan)
        if isinstance(plan, ListOf):
            return engine.ListNode(self._items(plan.items))
        if isinstance(plan, MapOf):
            return engine.MapNode(self._items(plan.values))
        if isinstance(plan, Choice):
            return engine.ChoiceNode(tuple(self._branch(branch) for branch in plan.branches))
        if isinstance(plan, Pick):
            return self._node(self._resolution.problems.picked(plan))
        if isinstance(plan, Link):
            return self._record(plan.key)
        return engine.NeverNode(plan.message)

    def _items(self, plan: Plan) -> Any:
        """The node of an array's or map's items, which may be none. An enum names the symbol it lacks."""
        return self._node(plan) if isinstance(plan, EnumValue) else self._branch(plan)

    def _branch(self, plan: Plan) -> Any:
        problems = self._resolution.problems
        return self._engine.NeverNode(problems.reason(plan)) if problems.fails(plan) else self._node(plan)

    def _leaf(self, plan: Value | FixedValue | EnumValue) -> Any:
        """One node for all uses of a plan: an enum has as much of it as it has symbols."""
        if plan not in self._leaves:
            made = self._made(plan)
            branch = "" if isinstance(plan, EnumValue) else plan.branch
            self._leaves[plan] = self._engine.BranchNode(made, branch) if branch else made
        return self._leaves[plan]

    def _made(self, plan: Value | FixedValue | EnumValue) -> Any:
        if isinstance(plan, Value):
            narrow, digits = plan.writer == "int", _digits(plan.logical)
            return self._engine.scalar(_kind(plan), narrow, -1, *digits, self._keeps)
        if isinstance(plan, FixedValue):
            kind = plan.logical.name if plan.logical else "fixed"
            return self._engine.scalar(kind, False, plan.size, *_digits(plan.logical), self._keeps)
        cls = self._classes.get(plan.name)
        values = plan.symbols if cls is None else _members(cls, plan.name, plan.symbols)
        return self._engine.EnumNode(values, reasons_of(plan))

    def _record(self, key: Key) -> Any:
        if key not in self._records:
            self._records[key] = self._shell(self._resolution.bodies[key], skip=key[0] == "skip")
            self._waiting.append(key)
        return self._records[key]

    def _shell(self, fields: Fields, skip: bool) -> Any:
        cls = None if skip else self._classes.get(fields.record.name)
        if cls is None:
            return self._engine.DictRecordNode(None, tuple(field.name for field in fields.record.fields))
        binding = bind_made(fields.record, cls)
        kind = self._engine.SlotRecordNode if binding.plain else self._engine.CallRecordNode
        return kind(cls, binding.attributes)


class WriterBuilder:
    """Builds the nodes of one writer with `engine`, the module of the native or of the Python nodes."""

    def __init__(self, engine: ModuleType, schema: Schema, classes: Mapping[str, type[Any]]) -> None:
        self._engine = engine
        self._schema = schema
        self._classes = classes
        self._encoder = DefaultEncoder(schema.names)
        self._records: dict[str, Any] = {}
        self._enums: dict[str, Any] = {}
        self._waiting: list[Record] = []

    def root(self) -> Any:
        """The node for the root of the schema, with all that it needs."""
        root = self._node(self._schema.root)
        while self._waiting:
            record = self._waiting.pop()
            self._records[record.name].fill(
                tuple(field.name for field in record.fields),
                tuple(self._node(field.type) for field in record.fields),
                tuple(self._default(field) for field in record.fields),
            )
        return root

    def _default(self, field: Field) -> bytes | None:
        return None if field.default is NO_DEFAULT else self._encoder.encode(field.type, field.default)

    def _node(self, node: Node) -> Any:
        if isinstance(node, Primitive):
            return self._scalar(node.type, -1, node.logical)
        if isinstance(node, Array):
            return self._engine.ListWriterNode(self._node(node.items))
        if isinstance(node, Map):
            return self._engine.MapWriterNode(self._node(node.values))
        if isinstance(node, Union):
            branches = tuple(self._node(branch) for branch in node.branches)
            names = tuple(map(branch_name, node.branches))
            return self._engine.UnionNode(branches, _taken(node), names, ambiguous(node, self._schema.names))
        return self._named(self._schema.names[node.name])

    def _named(self, named: Named) -> Any:
        if isinstance(named, Fixed):
            return self._scalar("fixed", named.size, named.logical)
        if isinstance(named, Enum):
            if named.name not in self._enums:
                self._enums[named.name] = self._enum(named)
            return self._enums[named.name]
        if named.name not in self._records:
            self._records[named.name] = self._record(named)
            self._waiting.append(named)
        return self._records[named.name]

    def _scalar(self, kind: str, size: int, logical: Logical | None) -> Any:
        if logical is None:
            return self._engine.scalar(kind, size, 0, 0)
        return self._engine.scalar(logical.name, size, logical.precision, logical.scale)

    def _enum(self, named: Enum) -> Any:
        cls = self._classes.get(named.name)
        members = () if cls is None else _members(cls, named.name, named.symbols)
        return self._engine.EnumWriterNode(named.name, named.symbols, cls, members)

    def _record(self, record: Record) -> Any:
        cls = self._classes.get(record.name)
        if cls is None:
            return self._engine.RecordWriterNode(record.name, None, (), False)
        binding = bind(record, cls)
        return self._engine.RecordWriterNode(record.name, cls, binding.attributes, binding.plain)


def reasons_of(plan: EnumValue) -> tuple[str | None, ...]:
    """Why a symbol has no match, by its place; empty where each has one."""
    if not plan.lost:
        return ()
    return tuple(
        f"the reader's enum {plan.name} has no symbol {name} and no default" if kept is None else None
        for name, kept in zip(plan.written, plan.symbols)
    )


def _taken(union: Union) -> str:
    """The types of a union by what a writer takes for them: `[null, uuid]`, not `[null, string]`."""

    def name(branch: Node) -> str:
        return branch.logical.name if isinstance(branch, Primitive) and branch.logical else title(branch)

    return f"[{listed(union.branches, name)}]"


def _members(cls: type[Any], name: str, symbols: Iterable[str | None]) -> tuple[Any, ...]:
    """The members of an Enum class for its symbols (None for None)."""
    try:
        return tuple(None if symbol is None else cls(symbol) for symbol in symbols)
    except ValueError as error:
        raise SchemaError(
            f"{cls.__module__}.{cls.__qualname__} lacks a symbol: {error}", where=name
        ) from error


def _digits(logical: Logical | None) -> tuple[int, int]:
    """The precision and the scale of a decimal."""
    return (logical.precision, logical.scale) if logical else (0, 0)


def _kind(plan: Value) -> str:
    """What a primitive is read as: a logical type, a promotion, or as it stands."""
    if plan.logical and plan.unit:
        nanos = plan.logical.name.endswith("nanos")
        if nanos == plan.unit.name.endswith("nanos"):
            return plan.unit.name  # milliseconds and microseconds both become datetimes
        return f"{plan.unit.name}-as-{'nanos' if nanos else 'datetime'}"
    if plan.logical:
        return plan.logical.name
    if plan.reader in ("float", "double"):
        return f"integer-as-{plan.reader}" if plan.writer in ("int", "long") else plan.writer
    return plan.reader

"""How a reader schema reads what a writer schema wrote: the one place that knows Avro's rules.

`resolve` makes a plan that both engines follow; `check` lists what stands in the way, for compatibility
checks and messages. Source: Apache Avro 1.12 specification, "Schema Resolution" and "Aliases". Two choices
where its letter would lose data, both as Java makes them:

- In a reader's union the branch of the same type and full name goes first, then the same unqualified name or
  an alias, then the first promotion. ("The first schema that matches" would turn the strings of
  `["bytes", "string"]` into bytes.)
- Decimals must agree in scale. A precision that differs is let through: the digits are the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ..errors import ResolutionError
from .defaults import BadDefaultError, DefaultEncoder
from .plan import (
    Choice,
    Default,
    EnumValue,
    Fields,
    FixedValue,
    Key,
    Link,
    ListOf,
    MapOf,
    Mode,
    Never,
    Plan,
    Step,
    Value,
)
from .schema import (
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
    Ref,
    Schema,
    Union,
)

PROMOTIONS: Mapping[str, frozenset[str]] = {
    "int": frozenset({"long", "float", "double"}),
    "long": frozenset({"float", "double"}),
    "float": frozenset({"double"}),
    "string": frozenset({"bytes"}),
    "bytes": frozenset({"string"}),
}


@dataclass(frozen=True)
class Incompatibility:
    """Data of the writer that the reader cannot read: where, and why. `always`: no data at all can be read.

    `path` is the field path: `lines[].price`, `tags{}`; empty for the root.
    """

    path: str
    message: str
    always: bool


class Resolution:
    """The plan for a pair of schemas: `root`, and the records it reaches in `bodies`."""

    def __init__(self, writer: Schema, reader: Schema) -> None:
        self.bodies: dict[Key, Fields] = {}
        self._names: dict[Mode, tuple[Mapping[str, Named], Mapping[str, Named]]] = {
            "read": (writer.names, reader.names),
            "skip": (writer.names, writer.names),
            "own": (reader.names, reader.names),
        }
        self._unions: dict[int, _Branches] = {}
        self._encoder = DefaultEncoder(reader.names)
        self._known: set[Key] = set()
        self._waiting: list[Key] = []
        self.root = self._plan("read", writer.root, reader.root)
        while self._waiting:  # not recursion: a chain of named types may be as long as the schema's text
            key = self._waiting.pop()
            self.bodies[key] = self._fields(*key)
        self._failing = self._find_failing()

    def fails(self, plan: Plan) -> bool:
        """Whether no data at all can be read by this plan."""
        if isinstance(plan, Link):
            return plan.key in self._failing
        if isinstance(plan, ListOf):
            return self.fails(plan.items)
        if isinstance(plan, MapOf):
            return self.fails(plan.values)
        if isinstance(plan, Choice):
            return bool(plan.branches) and all(map(self.fails, plan.branches))
        if isinstance(plan, EnumValue):
            return bool(plan.symbols) and not any(plan.symbols)
        return isinstance(plan, Never)

    def problems(self, plan: Plan | None = None) -> Iterator[Incompatibility]:
        """All that stands in the way under `plan` (by default the root)."""
        waiting: list[tuple[Plan, str, bool]] = [(plan or self.root, "", True)]
        seen: set[tuple[Key, bool]] = set()
        while waiting:
            at, path, always = waiting.pop()
            if isinstance(at, Link):
                if (at.key, always) in seen or (at.key, True) in seen:
                    continue
                seen.add((at.key, always))
                fields = self.bodies[at.key]
                for lack in fields.missing:
                    yield Incompatibility(_dotted(path, lack.field), lack.message, always)
                waiting += [(step.plan, _dotted(path, step.name), always) for step in reversed(fields.steps)]
            elif isinstance(at, ListOf):
                waiting.append((at.items, path + "[]", always))
            elif isinstance(at, MapOf):
                waiting.append((at.values, path + "{}", always))
            elif isinstance(at, Choice):
                always = always and self.fails(at)
                waiting += [(branch, path, always) for branch in reversed(at.branches)]
            elif isinstance(at, EnumValue) and None in at.symbols:
                lost = ", ".join(name for name, kept in zip(at.written, at.symbols) if kept is None)
                message = f"the reader's enum {at.name} lacks {lost} and has no default"
                yield Incompatibility(path, message, always and self.fails(at))
            elif isinstance(at, Never):
                yield Incompatibility(path, at.message, always)

    def _find_failing(self) -> set[Key]:
        """The records of which no data can be read: those that fail, and those that need them."""
        self._failing = set()
        users: dict[Key, list[Key]] = {key: [] for key in self.bodies}
        for key, fields in self.bodies.items():
            for used in {link.key for step in fields.steps for link in _links(step.plan)}:
                users[used].append(key)
        waiting = list(self.bodies)
        while waiting:
            key = waiting.pop()
            if key not in self._failing and self._fields_fail(self.bodies[key]):
                self._failing.add(key)
                waiting += users[key]
        return self._failing

    def _fields_fail(self, fields: Fields) -> bool:
        return bool(fields.missing) or any(self.fails(step.plan) for step in fields.steps)

    def _plan(self, mode: Mode, writer: Node, reader: Node) -> Plan:
        if isinstance(writer, Union):
            return Choice(tuple(self._plan(mode, branch, reader) for branch in writer.branches))
        if isinstance(reader, Union):
            branch = self._branch(mode, writer, reader)
            if branch is None:
                return Never(f"{title(writer)} is none of the reader's union {title(reader)}")
            return self._plan(mode, writer, branch)
        if isinstance(writer, Ref) and isinstance(reader, Ref):
            return self._named(mode, writer.name, reader.name)
        if isinstance(writer, Array) and isinstance(reader, Array):
            return ListOf(self._plan(mode, writer.items, reader.items))
        if isinstance(writer, Map) and isinstance(reader, Map):
            return MapOf(self._plan(mode, writer.values, reader.values))
        if isinstance(writer, Primitive) and isinstance(reader, Primitive):
            return _value(mode, writer, reader)
        return _never(writer, reader)

    def _branch(self, mode: Mode, writer: Node, reader: Union) -> Node | None:
        """The branch of the reader's union that takes what the writer wrote."""
        names = self._names[mode]
        if id(reader) not in self._unions:
            self._unions[id(reader)] = _Branches(reader, names[1])
        return self._unions[id(reader)].pick(writer, names[0])

    def _named(self, mode: Mode, writer_name: str, reader_name: str) -> Plan:
        writer, reader = self._names[mode][0][writer_name], self._names[mode][1][reader_name]
        if not _names_match(writer, reader):
            return _never(Ref(writer_name), Ref(reader_name))
        if isinstance(writer, Enum) and isinstance(reader, Enum):
            return _enum(writer, reader)
        if isinstance(writer, Fixed) and isinstance(reader, Fixed):
            return _fixed(mode, writer, reader)
        key: Key = (mode, writer_name, reader_name)
        if key not in self._known:
            self._known.add(key)
            self._waiting.append(key)
        return Link(key)

    def _fields(self, mode: Mode, writer_name: str, reader_name: str) -> Fields:
        writer, reader = self._names[mode][0][writer_name], self._names[mode][1][reader_name]
        assert isinstance(writer, Record)
        assert isinstance(reader, Record)
        sources = _sources(writer, reader)
        targets = {source: number for number, source in enumerate(sources) if source is not None}
        steps = tuple(self._step(mode, field, targets.get(field.name), reader) for field in writer.fields)
        lacking = [number for number, source in enumerate(sources) if source is None]
        defaults = [self._default(reader.fields[number], number) for number in lacking]
        return Fields(
            reader,
            steps,
            tuple(item for item in defaults if isinstance(item, Default)),
            tuple(item for item in defaults if isinstance(item, Never)),
        )

    def _step(self, mode: Mode, field: Field, target: int | None, reader: Record) -> Step:
        if target is None:
            return Step(field.name, self._plan("skip", field.type, field.type), None)
        return Step(field.name, self._plan(mode, field.type, reader.fields[target].type), target)

    def _default(self, field: Field, target: int) -> Default | Never:
        if field.default is NO_DEFAULT:
            return Never(
                "the writer does not write this field and the reader has no default for it", field.name
            )
        try:
            data = self._encoder.encode(field.type, field.default)
        except BadDefaultError as error:
            return Never(f"the default {error}", field.name)
        return Default(target, data, self._plan("own", field.type, field.type))


def resolve(writer: Schema, reader: Schema) -> Resolution:
    """The plan to read what `writer` wrote as `reader`.

    Raises `ResolutionError`, naming the paths, where no data at all can be read. What fails only for some
    data (a branch of a union, a symbol of an enum) is left to the message that holds it.
    """
    resolution = Resolution(writer, reader)
    if resolution.fails(resolution.root):
        problems = [problem for problem in resolution.problems() if problem.always]
        raise ResolutionError(
            "; ".join(problem.message for problem in problems[:5]),
            where=", ".join(problem.path or "the root" for problem in problems[:5]),
            hint="give new fields a default, and change types only as Avro promotes them",
        )
    return resolution


def check(writer: Schema, reader: Schema) -> list[Incompatibility]:
    """What data of `writer` can hold that `reader` cannot read; empty where the reader reads everything."""
    return list(Resolution(writer, reader).problems())


def _links(plan: Plan) -> Iterator[Link]:
    if isinstance(plan, Link):
        yield plan
    elif isinstance(plan, ListOf):
        yield from _links(plan.items)
    elif isinstance(plan, MapOf):
        yield from _links(plan.values)
    elif isinstance(plan, Choice):
        for branch in plan.branches:
            yield from _links(branch)


def _dotted(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def title(node: Node) -> str:
    """A type in a message: `int`, `shop.Order`, `[null, string]`."""
    return "[" + ", ".join(map(_kind, node.branches)) + "]" if isinstance(node, Union) else _kind(node)


def _never(writer: Node, reader: Node) -> Never:
    return Never(f"{title(writer)} cannot be read as {title(reader)}")


class _Branches:
    """The branches of a reader's union: the same type first, then a name that matches, then a promotion."""

    def __init__(self, union: Union, names: Mapping[str, Named]) -> None:
        self._same = {_kind(branch): branch for branch in union.branches}
        self._simple: dict[tuple[type[Named], str], Node] = {}
        for branch in union.branches:
            if isinstance(branch, Ref):
                named = names[branch.name]
                for name in (_simple(named.name), *named.aliases):
                    self._simple.setdefault((type(named), name), branch)

    def pick(self, writer: Node, names: Mapping[str, Named]) -> Node | None:
        """The branch for a writer's type, whose named types are `names`."""
        if _kind(writer) in self._same:
            return self._same[_kind(writer)]
        if isinstance(writer, Ref):
            kind = type(names[writer.name])
            return self._simple.get((kind, _simple(writer.name))) or self._simple.get((kind, writer.name))
        promotions = PROMOTIONS.get(_kind(writer), ())
        return next((branch for kind, branch in self._same.items() if kind in promotions), None)


def _kind(node: Node) -> str:
    if isinstance(node, Primitive):
        return node.type
    return node.name if isinstance(node, Ref) else type(node).__name__.lower()


def _simple(name: str) -> str:
    return name.rpartition(".")[2]


def _promotes(writer: Primitive, reader: Primitive) -> bool:
    return reader.type in PROMOTIONS.get(writer.type, ())


def _names_match(writer: Named, reader: Named) -> bool:
    """The same kind, and the same unqualified name, or a full name that the reader lists as an alias."""
    if type(writer) is not type(reader):
        return False
    return _simple(writer.name) == _simple(reader.name) or writer.name in reader.aliases


def _value(mode: Mode, writer: Primitive, reader: Primitive) -> Plan:
    if writer.type != reader.type and not _promotes(writer, reader):
        return _never(writer, reader)
    return _scales_differ(writer.logical, reader.logical) or Value(
        writer.type, reader.type, None if mode == "skip" else reader.logical
    )


def _fixed(mode: Mode, writer: Fixed, reader: Fixed) -> Plan:
    if writer.size != reader.size:
        return Never(f"{writer.name} of {writer.size} bytes cannot be read as one of {reader.size}")
    return _scales_differ(writer.logical, reader.logical) or FixedValue(
        writer.size, None if mode == "skip" else reader.logical
    )


def _scales_differ(writer: Logical | None, reader: Logical | None) -> Never | None:
    if writer and reader and writer.name == reader.name == "decimal" and writer.scale != reader.scale:
        return Never(f"a decimal of scale {writer.scale} cannot be read as one of scale {reader.scale}")
    return None


def _enum(writer: Enum, reader: Enum) -> EnumValue:
    known = set(reader.symbols)
    symbols = tuple(name if name in known else reader.default for name in writer.symbols)
    return EnumValue(reader.name, symbols, writer.symbols)


def _sources(writer: Record, reader: Record) -> list[str | None]:
    """For each field of the reader the writer's field that fills it: by name, else by alias."""
    written = {field.name for field in writer.fields}
    free = written - {field.name for field in reader.fields}
    sources: list[str | None] = []
    for field in reader.fields:
        source = field.name if field.name in written else next((a for a in field.aliases if a in free), None)
        free.discard(source or "")
        sources.append(source)
    return sources

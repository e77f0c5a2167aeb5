"""How a reader schema reads what a writer schema wrote: the one place that knows Avro's rules.

`resolve` makes a plan that both engines follow; `check` lists what stands in the way, for compatibility
checks and messages. Source: Apache Avro 1.12 specification, "Schema Resolution" and "Aliases". If its
letter would lose data, or where it is silent:

- In a reader's union the branch that has the type's full name as an alias goes first, if the writer does
  not know that branch by its own name; then the same type and full name, then the same unqualified name or an
  alias, then the promotions, each in the union's order: the first that can be read, as Java does. ("The first
  schema that matches" would turn the strings of `["bytes", "string"]` into bytes.)
- Decimals must agree in scale. A precision that differs is let through: the digits are the same.
- Where both sides have a logical type, it must be of one kind: a date is not a time of day, an instant no
wall
  clock time. Times of one kind in different units are read by the writer's unit. If one side has none, the
  reader's schema says what the data means.
- An array or map whose items cannot be read is still read where it is empty.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from heapq import merge
from itertools import islice

from ....errors import ResolutionError
from ...error_texts import listed
from ...limits import RESOLUTION_WORK
from ..schema.defaults import BadDefaultError, DefaultEncoder
from ..schema.tree import (
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
    branch_name,
)
from ..schema.unions import ambiguous
from .incompatibilities import Incompatibility, Problems
from .read_plan import (
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
    Pick,
    Plan,
    Step,
    Value,
)

PROMOTIONS: Mapping[str, frozenset[str]] = {
    "int": frozenset({"long", "float", "double"}),
    "long": frozenset({"float", "double"}),
    "float": frozenset({"double"}),
    "string": frozenset({"bytes"}),
    "bytes": frozenset({"string"}),
}

_CANDIDATES = 16
"""How many types of one name in a reader's union are tried: more have no use, and would have no end."""
_MOST_REPORTED = 5
"""How many problems an error names."""


class Resolution:
    """The plan for a pair of schemas: `root`, the records it reaches in `bodies`, and its `problems`.

    What is the same is planned once: named types by their pair, defaults by their field. Raises
    `ResolutionError` if there is too much to plan all the same.
    """

    def __init__(self, writer: Schema, reader: Schema) -> None:
        self.bodies: dict[Key, Fields] = {}
        self._names: dict[Mode, tuple[Mapping[str, Named], Mapping[str, Named]]] = {
            "read": (writer.names, reader.names),
            "skip": (writer.names, writer.names),
            "own": (reader.names, reader.names),
        }
        self._left = RESOLUTION_WORK
        self._unions: dict[int, _Branches] = {}
        # By whether it is skipped, and the ids of both types: the schemas hold these, most of which are one
        # object for all fields of a kind.
        self._values: dict[tuple[bool, int, int], Plan] = {}
        self._pairs: dict[Key, Plan] = {}
        self._symbols: dict[str, frozenset[str]] = {}
        self._defaults: dict[tuple[str, str], Default | Never] = {}
        self._encoder = DefaultEncoder(reader.names)
        self._waiting: list[Key] = []
        self.root = self._plan("read", writer.root, reader.root)
        while self._waiting:  # not recursion: a chain of named types may be as long as the schema's text
            key = self._waiting.pop()
            self.bodies[key] = self._fields(*key)
        self.problems = Problems(self.bodies)

    def readers(self, name: str) -> list[str]:
        """What the reader calls a type of the writer: several where it is read as one here, another there."""
        return [
            key[2]
            for key, plan in self._pairs.items()
            if key[:2] == ("read", name) and not isinstance(plan, Never)
        ]

    def _spend(self, work: int) -> None:
        self._left -= work
        if self._left < 0:
            raise ResolutionError("the two schemas have too many types, fields and symbols that may match")

    def _plan(self, mode: Mode, writer: Node, reader: Node) -> Plan:
        self._spend(1)
        if isinstance(writer, Primitive) and isinstance(reader, Primitive):
            return self._value(mode, writer, reader)
        if isinstance(writer, Union):
            return Choice(
                tuple(
                    self._plan(mode, branch, reader if mode == "read" else branch)
                    for branch in writer.branches
                )
            )
        if isinstance(reader, Union):
            return self._pick(mode, writer, reader)
        if isinstance(writer, Ref) and isinstance(reader, Ref):
            return self._named(mode, writer.name, reader.name)
        if isinstance(writer, Array) and isinstance(reader, Array):
            return ListOf(self._plan(mode, writer.items, reader.items))
        if isinstance(writer, Map) and isinstance(reader, Map):
            return MapOf(self._plan(mode, writer.values, reader.values))
        return _never(writer, reader)

    def _value(self, mode: Mode, writer: Primitive, reader: Primitive) -> Plan:
        key = (mode == "skip", id(writer), id(reader))
        if key not in self._values:
            self._values[key] = _value(mode, writer, reader)
        return self._values[key]

    def _pick(self, mode: Mode, writer: Node, reader: Union) -> Plan:
        """The branch of the reader's union that takes what the writer wrote."""
        names = self._names[mode]
        if id(reader) not in self._unions:
            self._spend(sum(_aliases(branch, names[1]) for branch in reader.branches))
            self._unions[id(reader)] = _Branches(reader, names[1])
        branches = self._unions[id(reader)].candidates(writer, names[0])
        plans = tuple(self._branch(mode, writer, branch, reader) for branch in branches)
        if not plans:
            return Never(f"{title(writer)} is not a branch of the reader's union {title(reader)}")
        return plans[0] if len(plans) == 1 else Pick(plans)

    def _branch(self, mode: Mode, writer: Node, branch: Node, union: Union) -> Plan:
        """The plan for a branch; its values remember it if they would be written as another one."""
        plan = self._plan(mode, writer, branch)
        name = branch_name(branch)
        if isinstance(plan, Value | FixedValue) and name in self._unions[id(union)].ambiguous:
            return replace(plan, branch=name)
        return plan

    def _named(self, mode: Mode, writer_name: str, reader_name: str) -> Plan:
        key = (mode, writer_name, reader_name)
        if key not in self._pairs:
            self._pairs[key] = self._pair(key)
        return self._pairs[key]

    def _pair(self, key: Key) -> Plan:
        mode, writer_name, reader_name = key
        writer, reader = self._names[mode][0][writer_name], self._names[mode][1][reader_name]
        self._spend(len(reader.aliases))
        if not _names_match(writer, reader):
            return _never(Ref(writer_name), Ref(reader_name))
        if isinstance(writer, Enum) and isinstance(reader, Enum):
            return EnumValue(reader.name, (), ()) if mode == "skip" else self._enum(writer, reader)
        if isinstance(writer, Fixed) and isinstance(reader, Fixed):
            return _fixed(mode, writer, reader)
        self._waiting.append(key)
        return Link(key)

    def _enum(self, writer: Enum, reader: Enum) -> EnumValue:
        if writer is reader:
            return EnumValue(reader.name, writer.symbols, writer.symbols)
        if reader.name not in self._symbols:
            self._symbols[reader.name] = frozenset(reader.symbols)
        known = self._symbols[reader.name]
        self._spend(len(writer.symbols))
        symbols = tuple(name if name in known else reader.default for name in writer.symbols)
        lost = (
            () if reader.default is not None else tuple(name for name in writer.symbols if name not in known)
        )
        return EnumValue(reader.name, symbols, writer.symbols, lost)

    def _fields(self, mode: Mode, writer_name: str, reader_name: str) -> Fields:
        writer, reader = self._names[mode][0][writer_name], self._names[mode][1][reader_name]
        assert isinstance(writer, Record)
        assert isinstance(reader, Record)
        self._spend(sum(1 + len(field.aliases) for field in reader.fields))
        sources = field_sources(writer, reader)
        targets = {source: number for number, source in enumerate(sources) if source is not None}
        steps = tuple(self._step(mode, field, targets.get(field.name), reader) for field in writer.fields)
        lacking = [number for number, source in enumerate(sources) if source is None]
        defaults = [self._default(reader, number) for number in lacking]
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

    def _default(self, reader: Record, target: int) -> Default | Never:
        field = reader.fields[target]
        key = (reader.name, field.name)
        if key not in self._defaults:
            self._defaults[key] = self._encoded(field, target)
        return self._defaults[key]

    def _encoded(self, field: Field, target: int) -> Default | Never:
        if field.default is NO_DEFAULT:
            return Never(f"the writer does not write this field and {_no_default(field)}", field.name)
        try:
            data = self._encoder.encode(field.type, field.default)
        except BadDefaultError as error:
            return Never(f"the default {error}", field.name)
        return Default(target, data, self._plan("own", field.type, field.type))


def resolve(writer: Schema, reader: Schema) -> Resolution:
    """The plan to read what `writer` wrote as `reader`.

    Raises `ResolutionError`, naming the paths, if no data at all can be read, and where the schemas are
    more work than `limits.RESOLUTION_WORK`. What fails only for some data (a branch of a union, a symbol of
    an enum) is left to the message that holds it.
    """
    resolution = Resolution(writer, reader)
    if resolution.problems.fails(resolution.root):
        found = list(islice(resolution.problems.under(resolution.root, only_always=True), _MOST_REPORTED))
        raise ResolutionError(
            "; ".join(problem.message for problem in found),
            where=", ".join(problem.path or "the root" for problem in found),
            hint="give new fields a default, and change types only as Avro promotes them",
        )
    return resolution


def check(writer: Schema, reader: Schema) -> list[Incompatibility]:
    """What data of `writer` can hold that `reader` cannot read; empty where the reader reads everything.

    Raises `ResolutionError` if the schemas are more work than `limits.RESOLUTION_WORK`.
    """
    resolution = Resolution(writer, reader)
    return list(resolution.problems.under(resolution.root))


def title(node: Node) -> str:
    """A type in a message: `int`, `shop.Order`, `[null, string]`."""
    return (
        f"[{listed(node.branches, branch_name)}]" if isinstance(node, Union) else listed([node], branch_name)
    )


def _no_default(field: Field) -> str:
    if field.invalid_default is None:
        return "the reader has no default for it"
    return f"the reader's default for it is ignored: it {field.invalid_default.reason}"


def _never(writer: Node, reader: Node) -> Never:
    return Never(f"{title(writer)} cannot be read as {title(reader)}")


class _Branches:
    """The branches of a reader's union: the same type first, then names that match, then promotions."""

    def __init__(self, union: Union, names: Mapping[str, Named]) -> None:
        self.ambiguous = ambiguous(union, names)
        self._same = {branch_name(branch): branch for branch in union.branches}
        self._primitives = [branch for branch in union.branches if isinstance(branch, Primitive)]
        self._places = {id(branch): place for place, branch in enumerate(union.branches)}
        self._alike: dict[tuple[type[Named], int, str], list[Node]] = {}
        self._claims: dict[tuple[type[Named], int, str], Node] = {}
        for branch in union.branches:
            if isinstance(branch, Ref):
                named = names[branch.name]
                for name in {_simple(named.name), *named.aliases}:
                    self._alike.setdefault((*_shape(named), name), []).append(branch)
                self._claims.update({(*_shape(named), alias): branch for alias in named.aliases})

    def candidates(self, writer: Node, names: Mapping[str, Named]) -> list[Node]:
        """The branches for a writer's type, whose named types are `names`, in the order they are tried."""
        first = [self._renamed(writer.name, names)] if isinstance(writer, Ref) else []
        first.append(self._same.get(branch_name(writer)))
        others = self._named(names[writer.name]) if isinstance(writer, Ref) else self._promoted(writer)
        found = (branch for branch in (*first, *others) if branch is not None)
        return list({id(branch): branch for branch in found}.values())

    def _renamed(self, name: str, written: Mapping[str, Named]) -> Node | None:
        """The branch that claims the name by an alias, if the writer has no type of that branch's name."""
        claim = self._claims.get((*_shape(written[name]), name))
        return None if claim is None or branch_name(claim) in written else claim

    def _named(self, writer: Named) -> list[Node]:
        shape = _shape(writer)
        found = self._alike.get((*shape, _simple(writer.name)), [])
        if _simple(writer.name) != writer.name:
            aliased = self._alike.get((*shape, writer.name), [])
            found = [*islice(merge(found, aliased, key=lambda branch: self._places[id(branch)]), _CANDIDATES)]
        return found[:_CANDIDATES]

    def _promoted(self, writer: Node) -> list[Node]:
        promotions = PROMOTIONS.get(branch_name(writer), ())
        return [branch for branch in self._primitives if branch.type in promotions]


def _aliases(node: Node, names: Mapping[str, Named]) -> int:
    return len(names[node.name].aliases) if isinstance(node, Ref) else 0


def _shape(named: Named) -> tuple[type[Named], int]:
    """What must be the same for two named types to match, besides their names."""
    return type(named), named.size if isinstance(named, Fixed) else 0


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
    if mode == "skip":
        return Value(writer.type, reader.type, None)
    unit = writer.logical if writer.logical and reader.logical and _unit_differs(writer, reader) else None
    return _logicals_differ(writer.logical, reader.logical) or Value(
        writer.type, reader.type, _widest(writer.logical, reader.logical), unit
    )


def _unit_differs(writer: Primitive, reader: Primitive) -> bool:
    assert writer.logical
    assert reader.logical
    return writer.logical.name in _UNITS and writer.logical.name != reader.logical.name


def _fixed(mode: Mode, writer: Fixed, reader: Fixed) -> Plan:
    if writer.size != reader.size:
        return Never(f"{writer.name} of {writer.size} bytes cannot be read as one of {reader.size}")
    if mode == "skip":
        return FixedValue(reader.name, writer.size, None)
    return _logicals_differ(writer.logical, reader.logical) or FixedValue(
        reader.name, writer.size, _widest(writer.logical, reader.logical)
    )


_UNITS = {
    f"{kind}-{unit}": kind
    for kind in ("time", "timestamp", "local-timestamp")
    for unit in ("millis", "micros", "nanos")
}


def _logicals_differ(writer: Logical | None, reader: Logical | None) -> Never | None:
    """Why data of the one logical type is not of the other; None where it is, or where one side has none."""
    if writer is None or reader is None:
        return None
    if _UNITS.get(writer.name, writer.name) != _UNITS.get(reader.name, reader.name):
        return Never(f"a {writer.name} cannot be read as a {reader.name}")
    if writer.name == "decimal" and writer.scale != reader.scale:
        return Never(f"a decimal of scale {writer.scale} cannot be read as one of scale {reader.scale}")
    return None


def _widest(writer: Logical | None, reader: Logical | None) -> Logical | None:
    """The reader's logical type; a decimal has as many digits as either side allows."""
    if writer and reader and reader.name == "decimal":
        return replace(reader, precision=max(writer.precision, reader.precision))
    return reader


def field_sources(writer: Record, reader: Record) -> list[str | None]:
    """For each field of the reader the writer's field that fills it.

    Aliases rename the writer's fields, as in Java: an alias goes before the name of another field, and of two
    fields that claim one alias the last has it. A field that the writer wrote under its own name keeps that.
    """
    written = {field.name for field in writer.fields}
    claimed = {alias: field.name for field in reader.fields for alias in field.aliases if alias in written}
    wanted: dict[str, str] = {}
    for alias in (alias for field in reader.fields for alias in field.aliases if alias in written):
        wanted.setdefault(claimed[alias], alias)
    sources: dict[str, str] = {}
    for name in [field.name for field in reader.fields if field.name not in written]:
        while name in wanted and name not in sources:  # what is renamed leaves its name to the next one
            sources[name] = name = wanted[name]
    taken = set(sources.values())
    own = {name: name for name in written if name not in taken and name not in sources}
    return [sources.get(field.name, own.get(field.name)) for field in reader.fields]

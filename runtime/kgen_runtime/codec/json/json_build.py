"""From a JSON Schema and classes to the nodes of an engine. Both engines offer the same classes of nodes.

Of a reader (`_json_reader.pyx`, `json_reader.py`):

    json_scalar(kind, scale, keeps)
        see `scalar_kind`; `scale` of "decimal-base64", else 0; `keeps`: what Python has no value for is read
        as an `OutOfRange`
    JsonEnumNode(symbols, values)
        strings, and what each is read as
    JsonConstantNode(values)
        scalars; `constant_key` says what is equal to them
    JsonAnythingNode(), JsonNothingNode(), JsonListNode(items), JsonMapNode(values)
    JsonTupleNode(items, rest)
        a tuple of nodes; the node of more items, or None if there may be no more
    JsonOptionalNode(inner)
        null, or inner
    JsonUnionNode(branches, kinds, required, tag, tags)
        tuples of one length: nodes, sets of kinds (`kinds_of`), names that the branch requires; the tag or
        None, and from the `constant_key` of its values to the number of the branch
    JsonDictObjectNode(None, ()), JsonSlotObjectNode(cls, attributes), JsonCallObjectNode(cls, attributes)
        an object to a dict, to a class by its slots, or by a call with what is present
        .fill(fields, further, attribute, closed)
            `fields`: (name, node, required, value, factory, weight) each. An absent one is `value`, or what
            `factory` makes if that is not None, which is charged `weight` (also if a call of the class makes
            it). `further`: the node of properties without a name here, or None; `attribute`: where those go,
            None in dicts; `closed`: whether they are refused
    JsonNodeReader(root, max_depth)

Of a writer (`_json_writer.pyx`, `json_writer.py`):

    json_scalar_writer(kind, scale)
    JsonEnumWriterNode(name, symbols, cls, members)
        `cls`: an Enum class, or None
    JsonConstantWriterNode(values), JsonAnythingWriterNode(), JsonNothingWriterNode()
    JsonListWriterNode(items), JsonTupleWriterNode(items, rest), JsonMapWriterNode(values)
    JsonOptionalWriterNode(inner)
    JsonUnionWriterNode(branches, required, tag, tags, title)
    JsonObjectWriterNode(name, cls, attributes, plain)
        `cls` None: dicts alone
        .fill(fields, further, attribute, closed)
            `fields`: (name, node, presence) each
    JsonNodeWriter(root)
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any, TypeAlias

from ...errors import SchemaError
from ..error_texts import listed
from ..limits import NUMBER_DIGITS
from . import json_reasons
from .json_bind import ObjectBinding, bind_made_object, bind_object
from .schema.json_tree import (
    UNDEFINED,
    Anything,
    Constant,
    JsonArray,
    JsonMap,
    JsonObject,
    JsonRef,
    JsonScalar,
    JsonSchema,
    JsonTuple,
    JsonUnion,
    Node,
    Nothing,
    Property,
    StringEnum,
    takes_null,
)

REQUIRED, LEFT_OUT_IF_NONE, LEFT_OUT_IF_ABSENT = range(3)
"""Whether a property is written: always; not if its value is None; not if it is `ABSENT`."""

ConstantKey: TypeAlias = tuple[str, Any]
Classes: TypeAlias = Mapping[str, type[Any]]

_FORMATS = {
    "float": "number",
    "decimal": "decimal-number",
}


def constant_key(value: str | int | float | bool | None) -> ConstantKey:
    """What two scalars have in common that are equal as JSON values: `1` and `1.0` are, `1` and true not."""
    if isinstance(value, str):
        return "string", str.__str__(value)
    return ("boolean" if isinstance(value, bool) else "number" if value is not None else "null"), value


def by_rarest_name(required: Sequence[frozenset[str]]) -> dict[str | None, list[int]]:
    """The places of branches by that of their required names which the fewest require: with it an object
    is held against few branches of many. By None, those that require nothing.
    """
    common = Counter(name for names in required for name in names)
    found: dict[str | None, list[int]] = {}
    for place, names in enumerate(required):
        name = min(sorted(names), key=lambda each: common[each], default=None)
        found.setdefault(name, []).append(place)
    return found


def branches_that_fit(
    names: set[str], required: Sequence[frozenset[str]], by_name: dict[str | None, list[int]]
) -> list[int]:
    """The places of the branches, in their order, all of whose required names are among `names`."""
    found = list(by_name.get(None, ()))
    for name in names:
        found += [place for place in by_name.get(name, ()) if required[place] <= names]
    return sorted(found)


def scalar_kind(node: JsonScalar) -> str:
    """What a scalar is read and written as.

    null, boolean, integer, number, string; of a string: date, time, date-time, duration, uuid, base64,
    decimal-string, decimal-base64; of a number: decimal-number; of an integer: date-days, time-millis,
    timestamp-millis.
    """
    if node.format is None:
        return node.type
    if node.format == "decimal" and node.type == "string":
        return "decimal-string" if node.scale is None else "decimal-base64"
    return _FORMATS.get(node.format, node.format)


def kinds_of(node: Node, schema: JsonSchema) -> frozenset[int]:
    """The kinds of JSON values (`json_reasons.KINDS`, by index) that a type takes."""
    if isinstance(node, Anything):
        return frozenset(range(len(json_reasons.KINDS)))
    if isinstance(node, JsonUnion):
        return frozenset().union(*(kinds_of(branch, schema) for branch in node.branches))
    if isinstance(node, Constant):
        return frozenset(_kind_of_value(value) for value in node.values)
    if isinstance(node, JsonScalar):
        name = "number" if node.type == "integer" else node.type
        return frozenset([("null", "boolean", "number", "string").index(name)])
    if isinstance(node, JsonArray | JsonTuple):
        return frozenset([json_reasons.ARRAY])
    if isinstance(node, Nothing):
        return frozenset()
    enum = isinstance(node, JsonRef) and isinstance(schema.names[node.name], StringEnum)
    return frozenset([json_reasons.STRING if enum else json_reasons.OBJECT])


def _kind_of_value(value: str | int | float | bool | None) -> int:
    if value is None:
        return json_reasons.NULL
    if isinstance(value, bool):
        return json_reasons.BOOLEAN
    return json_reasons.STRING if isinstance(value, str) else json_reasons.NUMBER


def flat_branches(union: JsonUnion) -> tuple[Node, ...]:
    """The branches of a union, with those of unions without a tag inside of it in their place."""
    out: list[Node] = []
    for branch in union.branches:
        inner = isinstance(branch, JsonUnion) and branch.tag is None and union.tag is None
        out += flat_branches(branch) if inner and isinstance(branch, JsonUnion) else (branch,)
    return tuple(out)


def optional_of(branches: tuple[Node, ...]) -> Node | None:
    """The other branch of a union of two of which one is null, if only that one takes null."""
    null = JsonScalar("null")
    others = [branch for branch in branches if branch not in (null, Constant((None,)))]
    if len(branches) == 2 and len(others) == 1 and not takes_null(others[0]):
        return others[0]
    return None


class _JsonBuilder:
    """What the builders of readers and writers share."""

    def __init__(self, engine: ModuleType, schema: JsonSchema, classes: Classes) -> None:
        self._engine = engine
        self._schema = schema
        self._classes = classes
        self._objects: dict[str, Any] = {}
        self._enums: dict[str, Any] = {}
        self._waiting: list[JsonObject] = []

    def root(self) -> Any:
        """The node for the root of the schema, with all that it needs."""
        root = self._node(self._schema.root)
        while self._waiting:  # not recursion: a chain of objects may be as long as the schema's text
            self._fill(self._waiting.pop())
        return root

    def _node(self, node: Node) -> Any:
        raise NotImplementedError

    def _fill(self, named: JsonObject) -> None:
        raise NotImplementedError

    def _shell(self, named: JsonObject) -> Any:
        raise NotImplementedError

    def _enum(self, named: StringEnum) -> Any:
        raise NotImplementedError

    def _named(self, ref: JsonRef) -> Any:
        named = self._schema.names[ref.name]
        if isinstance(named, StringEnum):
            if named.name not in self._enums:
                self._enums[named.name] = self._enum(named)
            return self._enums[named.name]
        if named.name not in self._objects:
            self._objects[named.name] = self._shell(named)
            self._waiting.append(named)
        return self._objects[named.name]

    def _further(self, named: JsonObject) -> Any:
        return None if named.extra is None else self._node(named.extra)

    def _scale(self, node: JsonScalar) -> int:
        scale = node.scale or 0
        if not -NUMBER_DIGITS <= scale <= NUMBER_DIGITS:
            raise SchemaError(
                f"the scale {scale} of a decimal is not from {-NUMBER_DIGITS} to {NUMBER_DIGITS}"
            )
        return scale

    def _object(self, node: Node) -> JsonObject | None:
        named = self._schema.names[node.name] if isinstance(node, JsonRef) else None
        return named if isinstance(named, JsonObject) else None

    def _required(self, branches: tuple[Node, ...]) -> tuple[tuple[str, ...], ...]:
        """The names that each branch requires; empty for what is not an object with properties."""
        objects = map(self._object, branches)
        return tuple(
            () if named is None else tuple(field.name for field in named.fields if field.required)
            for named in objects
        )

    def _tags(self, branches: tuple[Node, ...], tag: str | None) -> dict[ConstantKey, int]:
        """The number of the branch for each value of the tag."""
        out: dict[ConstantKey, int] = {}
        for number, branch in enumerate(branches):
            named = self._object(branch)
            for field in named.fields if named and tag is not None else ():
                if field.name == tag:
                    for value in self._values(field.type):
                        out.setdefault(constant_key(value), number)
        return out

    def _values(self, node: Node) -> tuple[Any, ...]:
        named = self._schema.names[node.name] if isinstance(node, JsonRef) else None
        if isinstance(named, StringEnum):
            return named.symbols
        return node.values if isinstance(node, Constant) else ()

    def _members(self, named: StringEnum) -> tuple[Any, ...]:
        """The members of an enum's class for its symbols; the symbols themselves without a class."""
        cls = self._classes.get(named.name)
        if cls is None:
            return named.symbols
        try:
            return tuple(cls(symbol) for symbol in named.symbols)
        except ValueError as error:
            raise SchemaError(
                f"{cls.__module__}.{cls.__qualname__} lacks a symbol: {error}", where=named.name
            ) from error


class JsonReaderBuilder(_JsonBuilder):
    """Builds the nodes of one reader with `engine`, the module of the native or of the Python nodes."""

    def __init__(
        self, engine: ModuleType, schema: JsonSchema, classes: Classes, *, keeps: bool = False
    ) -> None:
        super().__init__(engine, schema, classes)
        self._keeps = keeps

    def _node(self, node: Node) -> Any:
        engine = self._engine
        if isinstance(node, JsonScalar):
            return engine.json_scalar(scalar_kind(node), self._scale(node), self._keeps)
        if isinstance(node, JsonRef):
            return self._named(node)
        if isinstance(node, JsonArray):
            return engine.JsonListNode(self._node(node.items))
        if isinstance(node, JsonTuple):
            rest = None if isinstance(node.rest, Nothing) else self._node(node.rest)
            return engine.JsonTupleNode(tuple(self._node(item) for item in node.items), rest)
        if isinstance(node, JsonMap):
            return engine.JsonMapNode(self._node(node.values))
        if isinstance(node, JsonUnion):
            return self._union(node)
        if isinstance(node, Constant):
            return engine.JsonConstantNode(node.values)
        return engine.JsonAnythingNode() if isinstance(node, Anything) else engine.JsonNothingNode()

    def _union(self, union: JsonUnion) -> Any:
        branches = flat_branches(union)
        inner = optional_of(branches)
        if inner is not None:
            return self._engine.JsonOptionalNode(self._node(inner))
        return self._engine.JsonUnionNode(
            tuple(self._node(branch) for branch in branches),
            tuple(kinds_of(branch, self._schema) for branch in branches),
            self._required(branches),
            union.tag,
            self._tags(branches, union.tag),
        )

    def _enum(self, named: StringEnum) -> Any:
        return self._engine.JsonEnumNode(named.symbols, self._members(named))

    def _shell(self, named: JsonObject) -> Any:
        binding = self._binding(named)
        if binding is None:
            return self._engine.JsonDictObjectNode(None, ())
        kind = self._engine.JsonSlotObjectNode if binding.plain else self._engine.JsonCallObjectNode
        return kind(binding.cls, binding.attributes)

    def _binding(self, named: JsonObject) -> ObjectBinding | None:
        cls = self._classes.get(named.name)
        return None if cls is None else bind_made_object(named, cls)

    def _fill(self, named: JsonObject) -> None:
        binding = self._binding(named)
        absent = (None,) * len(named.fields) if binding is None else binding.absent
        fields = []
        for field, absence in zip(named.fields, absent):
            value = None if absence is None else absence.value
            factory = None if absence is None else absence.factory
            fields.append(
                (field.name, self._node(field.type), field.required, value, factory, _weight(field))
            )
        attribute = None if binding is None else binding.extra_attribute
        self._objects[named.name].fill(tuple(fields), self._further(named), attribute, named.closed)


def _weight(field: Property) -> int:
    """What a default that is made for each object is charged: the bytes of its text."""
    if field.default is UNDEFINED:
        return 1
    return len(json.dumps(field.default, ensure_ascii=False, separators=(",", ":"), default=str))


class JsonWriterBuilder(_JsonBuilder):
    """Builds the nodes of one writer with `engine`, the module of the native or of the Python nodes."""

    def _node(self, node: Node) -> Any:
        engine = self._engine
        if isinstance(node, JsonScalar):
            return engine.json_scalar_writer(scalar_kind(node), self._scale(node))
        if isinstance(node, JsonRef):
            return self._named(node)
        if isinstance(node, JsonArray):
            return engine.JsonListWriterNode(self._node(node.items))
        if isinstance(node, JsonTuple):
            rest = None if isinstance(node.rest, Nothing) else self._node(node.rest)
            return engine.JsonTupleWriterNode(tuple(self._node(item) for item in node.items), rest)
        if isinstance(node, JsonMap):
            return engine.JsonMapWriterNode(self._node(node.values))
        if isinstance(node, JsonUnion):
            return self._union(node)
        if isinstance(node, Constant):
            return engine.JsonConstantWriterNode(node.values)
        return (
            engine.JsonAnythingWriterNode() if isinstance(node, Anything) else engine.JsonNothingWriterNode()
        )

    def _union(self, union: JsonUnion) -> Any:
        branches = flat_branches(union)
        inner = optional_of(branches)
        if inner is not None:
            return self._engine.JsonOptionalWriterNode(self._node(inner))
        return self._engine.JsonUnionWriterNode(
            tuple(self._node(branch) for branch in branches),
            self._required(branches),
            union.tag,
            self._tags(branches, union.tag),
            f"[{listed(branches, self._title)}]",
        )

    def _title(self, node: Node) -> str:
        """The name of a type in messages."""
        if isinstance(node, JsonScalar):
            return node.format or node.type
        if isinstance(node, JsonRef):
            cls = self._classes.get(node.name)
            return node.name if cls is None else cls.__qualname__
        return _TITLES[type(node)]

    def _enum(self, named: StringEnum) -> Any:
        cls = self._classes.get(named.name)
        members = () if cls is None else self._members(named)
        return self._engine.JsonEnumWriterNode(named.name, named.symbols, cls, members)

    def _shell(self, named: JsonObject) -> Any:
        cls = self._classes.get(named.name)
        if cls is None:
            return self._engine.JsonObjectWriterNode(named.name, None, (), False)
        binding = bind_object(named, cls)
        return self._engine.JsonObjectWriterNode(named.name, cls, binding.attributes, binding.plain)

    def _fill(self, named: JsonObject) -> None:
        cls = self._classes.get(named.name)
        attribute = None if cls is None else bind_object(named, cls).extra_attribute
        fields = tuple((field.name, self._node(field.type), _presence(field)) for field in named.fields)
        self._objects[named.name].fill(fields, self._further(named), attribute, named.closed)


_TITLES: Mapping[type[Any], str] = {
    Anything: "anything",
    Nothing: "nothing",
    Constant: "constant",
    JsonArray: "array",
    JsonTuple: "array",
    JsonMap: "object",
    JsonUnion: "union",
}


def _presence(field: Property) -> int:
    if field.required:
        return REQUIRED
    return LEFT_OUT_IF_ABSENT if takes_null(field.type) else LEFT_OUT_IF_NONE

"""The default of a JSON Schema's property as a Python expression of the property's type."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

from kgen_runtime.codec.json import json_texts as texts
from kgen_runtime.codec.json.json_build import scalar_kind
from kgen_runtime.codec.json.schema.json_tree import (
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
    Named,
    Node,
    Property,
    takes_null,
)
from kgen_runtime.codec.values import Duration, OutOfRange

from ..pycode import quote
from ..pycode.expr import Expr, call, dict_of, list_of
from .default_parts import assigned, clock, date_expr, ignored_default, symbol, typed
from .json_annotations import JsonTypeWriter, is_plain, items_of, literal_expr
from .json_places import EXTRA, key_of
from .type_writer import ModuleTypes, Path

_FROM_TEXT: Mapping[str, Callable[[str], Any]] = {
    "date": texts.date_of_text,
    "time": texts.time_of_text,
    "date-time": texts.datetime_of_text,
    "duration": texts.duration_of_text,
    "uuid": texts.uuid_of_string,
    "base64": texts.bytes_of_text,
}
_FROM_NUMBER: Mapping[str, Callable[[int], Any]] = {
    "date-days": texts.date_of_days,
    "time-millis": texts.time_of_millis,
    "timestamp-millis": texts.datetime_of_millis,
}
_NOWHERE = Path("")


class UnfitDefaultError(ValueError):
    """A default is not a value of its type: says why, after `it`."""


class CircularDefaultError(UnfitDefaultError):
    """Objects of the default would have it as a default themselves."""


@dataclass(frozen=True)
class JsonDefaults:
    """Writes defaults of a schema. `members` gives, for a type, the key of a property or symbol -> attribute
    or enum member.
    """

    types: JsonTypeWriter
    names: Mapping[str, Named]
    members: Callable[[Named], Mapping[str, str]]
    _open: set[tuple[str, str]] = field(default_factory=set, init=False, compare=False)
    _sound: set[tuple[str, str]] = field(default_factory=set, init=False, compare=False)

    def assigned(
        self, owner: JsonObject, item: Property, metadata: Expr | None, path: Path = _NOWHERE
    ) -> tuple[Expr | None, str | None]:
        """What stands after the `=` of an object's property, and why its default is ignored. `path`: that of
        the property's type.
        """
        expr, problem = self._default(owner, item, path)
        if expr is None and not item.required:
            expr = self.types.name("rt.ABSENT") if takes_null(item.type) else "None"
        return assigned(self.types, expr, metadata), problem

    def extra(self) -> Expr:
        """What stands after the `=` of the attribute for properties without a name."""
        metadata = dict_of([('"json_extra"', "True")])
        expr = assigned(self.types, dict_of(()), metadata)
        assert expr is not None
        return expr

    def _default(self, owner: JsonObject, item: Property, path: Path) -> tuple[Expr | None, str | None]:
        if item.default is UNDEFINED:
            return None, None
        if item.default is None and not item.required and not takes_null(item.type):
            return None, None  # None is what stands for its absence
        try:
            branch, expr = self._own(owner, item)
            return self._typed(item, branch, expr, path), None
        except UnfitDefaultError as error:
            return None, ignored_default(item.default, str(error))

    def _typed(self, item: Property, branch: Node, expr: Expr, path: Path) -> Expr:
        """The default of a property. A list or dict whose own type mypy does not find names it."""
        if not isinstance(branch, JsonArray | JsonTuple | JsonMap) or (item.required and branch is item.type):
            return expr
        inside = items_of(branch)
        return expr if is_plain(inside) else typed(expr, self.types.branch_type(item.type, branch, path))

    def _own(self, owner: JsonObject, item: Property) -> tuple[Node, Expr]:
        """The default of a property, and the branch of its type that it is of.

        Raises `UnfitDefaultError`, also if making it makes another of it.
        """
        key = owner.name, item.name
        if key in self._open:
            raise CircularDefaultError("holds itself")
        self._open.add(key)
        try:
            found = self._fitting(item.type, item.default)
        finally:
            self._open.remove(key)
        self._sound.add(key)
        return found

    def expr(self, node: Node, value: Any) -> Expr:
        """The value as an expression. Raises `UnfitDefaultError`."""
        return self._fitting(node, value)[1]

    def _fitting(self, node: Node, value: Any) -> tuple[Node, Expr]:
        """The branch that the value is of, and the value."""
        return self._branch(node, value) if isinstance(node, JsonUnion) else (node, self._single(node, value))

    def _single(self, node: Node, value: Any) -> Expr:
        if isinstance(node, Anything):
            return _anything(value)
        if isinstance(node, JsonScalar):
            return self._scalar(node, value)
        if isinstance(node, Constant):
            return _constant(node, value)
        if isinstance(node, JsonRef):
            return self._named(self.names[node.name], value)
        return self._container(node, value)

    def _branch(self, node: JsonUnion, value: Any) -> tuple[Node, Expr]:
        """The first branch that fits; of objects the one that requires most."""
        for branch in sorted(node.branches, key=self._required):
            try:
                return self._fitting(branch, value)
            except CircularDefaultError:
                raise
            except UnfitDefaultError:
                continue
        raise UnfitDefaultError("is of none of the branches")

    def _required(self, branch: Node) -> int:
        named = self.names[branch.name] if isinstance(branch, JsonRef) else None
        return -sum(it.required for it in named.fields) if isinstance(named, JsonObject) else 0

    def _container(self, node: Node, value: Any) -> Expr:
        if isinstance(node, JsonArray | JsonTuple) and isinstance(value, list):
            first: tuple[Node, ...] = node.items if isinstance(node, JsonTuple) else ()
            rest = node.rest if isinstance(node, JsonTuple) else node.items
            kinds = (first[at] if at < len(first) else rest for at in range(len(value)))
            return list_of([self.expr(kind, item) for kind, item in zip(kinds, value)])
        if isinstance(node, JsonMap) and isinstance(value, dict):
            return dict_of([(quote.string(k), self.expr(node.values, item)) for k, item in value.items()])
        raise UnfitDefaultError(f"is {_kind(value)}")

    def _named(self, named: Named, value: Any) -> Expr:
        if isinstance(named, JsonObject):
            return self._object(named, value)
        if value not in named.symbols:
            raise UnfitDefaultError("is not a symbol of the enum")
        return symbol(self.types.cls(named.name), self.members(named)[key_of(value)], value)

    def _object(self, named: JsonObject, value: Any) -> Expr:
        if not isinstance(value, dict):
            raise UnfitDefaultError(f"is {_kind(value)}")
        attributes = self.members(named)
        given: dict[str, Expr] = {}
        for item in named.fields:
            if item.name in value:
                given[attributes[key_of(item.name)]] = self._value(item, value[item.name])
            elif not self._makes(named, item) and item.required:
                raise UnfitDefaultError(f"lacks {quote.inline(item.name)}")
        known = {item.name for item in named.fields}
        more = {name: it for name, it in value.items() if name not in known}
        if more and named.closed:
            raise UnfitDefaultError(f"has {quote.inline(next(iter(more)))}, which the schema does not allow")
        if more and named.extra is not None:
            extra = [(quote.string(name), self.expr(named.extra, it)) for name, it in more.items()]
            given[attributes[EXTRA]] = dict_of(extra)
        return call(self.types.cls(named.name), **given)

    def _makes(self, owner: JsonObject, item: Property) -> bool:
        """Whether an object made without a property has the schema's default for it.

        Raises `CircularDefaultError`.
        """
        if item.default is UNDEFINED or (owner.name, item.name) in self._sound:
            return item.default is not UNDEFINED
        try:
            self._own(owner, item)
        except CircularDefaultError:
            raise
        except UnfitDefaultError:
            return False
        return True

    def _value(self, item: Property, value: Any) -> Expr:
        if value is None and not item.required and not takes_null(item.type):
            raise UnfitDefaultError(f"has null for {quote.inline(item.name)}")
        return self.expr(item.type, value)

    def _scalar(self, node: JsonScalar, value: Any) -> Expr:
        try:
            return self._written(scalar_value(node, value, keeps_raw=self.types.module.keeps_raw))
        except texts.UnfitTextError as error:
            raise UnfitDefaultError(f"is not of the format: {error.why}") from None

    def _written(self, value: Any) -> Expr:
        if isinstance(value, str):
            return quote.string(value)
        if isinstance(value, bytes):
            return quote.bytes_literal(value)
        if isinstance(value, Decimal):
            return call(self.types.name("Decimal"), quote.string(str(value)))
        if isinstance(value, UUID):
            return call(self.types.name("UUID"), quote.string(str(value)))
        if isinstance(value, OutOfRange):
            raw = quote.string(value.raw) if isinstance(value.raw, str) else str(value.raw)
            return call(self.types.name("rt.OutOfRange"), raw, quote.string(value.logical_type))
        if isinstance(value, Duration):
            parts = {"months": value.months, "days": value.days, "millis": value.millis}
            return call(self.types.name("rt.Duration"), **{k: str(v) for k, v in parts.items() if v})
        if isinstance(value, datetime):
            name = self.types.name("datetime")
            return call(f"{name}.fromisoformat", quote.string(value.isoformat()))
        if isinstance(value, time):
            return self._time(value)
        return date_expr(self.types, value) if isinstance(value, date) else repr(value)

    def _time(self, value: time) -> Expr:
        name = self.types.name("time")
        if value.tzinfo is None:
            return call(name, *clock(value))
        return call(f"{name}.fromisoformat", quote.string(value.isoformat()))


def scalar_value(node: JsonScalar, value: Any, *, keeps_raw: bool = False) -> Any:
    """What the codec reads the value as. Raises `UnfitDefaultError`, `json_texts.UnfitTextError`."""
    try:
        return _scalar_value(node, value)
    except texts.BeyondRangeError:
        if not keeps_raw:
            raise
    raw = value if isinstance(value, str) else texts.integer_of_number(str(value))
    return OutOfRange(raw, texts.RAW_TYPES[scalar_kind(node)])


def _scalar_value(node: JsonScalar, value: Any) -> Any:
    if node.type == "null" and value is None:
        return None
    if node.type == "boolean" and isinstance(value, bool):
        return value
    if node.type == "string" and isinstance(value, str):
        return _of_text(node, value)
    is_number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
    if node.type in ("integer", "number") and is_number:
        return _of_number(node, value)
    raise UnfitDefaultError(f"is {_kind(value)}")


def _of_text(node: JsonScalar, text: str) -> Any:
    if node.format == "decimal":
        return (
            texts.decimal_of_number(text) if node.scale is None else texts.decimal_of_base64(text, node.scale)
        )
    return _FROM_TEXT[node.format](text) if node.format else text


def _of_number(node: JsonScalar, number: float | Decimal) -> Any:
    if node.format == "decimal":
        return texts.decimal_of_number(str(number))
    if node.type == "number" and node.format in (None, "float"):
        return texts.float_of_number(str(number))
    whole = texts.integer_of_number(str(number))
    from_number = _FROM_NUMBER.get(node.format or "")
    return from_number(whole) if from_number else whole


def _constant(node: Constant, value: Any) -> Expr:
    for constant in node.values:
        same_kind = isinstance(constant, bool) == isinstance(value, bool)
        if same_kind and constant == value:
            return literal_expr(constant)
    raise UnfitDefaultError("is not one of the values")


def _anything(value: Any) -> Expr:
    if isinstance(value, list):
        return list_of([_anything(item) for item in value])
    if isinstance(value, dict):
        return dict_of([(quote.string(key), _anything(item)) for key, item in value.items()])
    if isinstance(value, Decimal):
        return repr(texts.float_of_number(str(value)))
    return literal_expr(value)


def _kind(value: Any) -> str:
    kinds = {str: "a string", bool: "a boolean", list: "a list", dict: "an object", type(None): "null"}
    return kinds.get(type(value), "a number")


def unfit_defaults(
    schema: JsonSchema, places: Mapping[str, str], *, keeps_raw: bool = False
) -> Iterator[str]:
    """A line for each property whose default is ignored. `places`: the types to look at -> what to call
    them.
    """
    classes = dict.fromkeys(schema.names, "T")
    module = ModuleTypes(lambda path: path.name, keeps_raw=keeps_raw)
    writer = JsonTypeWriter(module, schema.names, classes)
    defaults = JsonDefaults(writer, schema.names, _Plain)
    for name, shown in places.items():
        named = schema.names[name]
        if not isinstance(named, JsonObject):
            continue
        for item in named.fields:
            problem = defaults.assigned(named, item, None)[1]
            if problem:
                yield f"{shown}.{item.name}: {problem}"


class _Plain(dict[str, str]):
    """Members for expressions that nobody reads."""

    def __init__(self, named: Named) -> None:
        super().__init__()

    def __missing__(self, key: str) -> str:
        return key

"""Schema text to the tree of `tree.py`.

More lenient than the letter of the specification where Java's parser (and so every registry) is: names are of
any script's letters, namespaces of any printable characters (`a..b`, `shop.Order$`), a type may be repeated
with an equal definition and used before it, a simple name falls back to the null namespace, `{"type": {…}}`
may nest, and a default that does not fit its type counts as none.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NoReturn, cast

from ....errors import SchemaError
from ...limits import DEFAULT_BYTES, NAME_LENGTH
from .defaults import MAX_STEPS, BadDefaultError, DefaultEncoder, TooMuchError
from .documents import Document, DocumentNames, remember, remembered
from .tree import (
    NO_DEFAULT,
    Array,
    Enum,
    Field,
    Fixed,
    InvalidDefault,
    Limits,
    Logical,
    Map,
    Named,
    Node,
    Primitive,
    PrimitiveName,
    Record,
    Ref,
    Schema,
    Union,
    branch_name,
)

PRIMITIVES = frozenset({"null", "boolean", "int", "long", "float", "double", "bytes", "string"})
_PLAIN = {name: Primitive(cast("PrimitiveName", name)) for name in PRIMITIVES}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_LAST_OF_JAVA = "\uffff"  # Java looks at units of 16 bits, of which those of later characters are not letters
# Of Java's `Double.valueOf` what a schema may hold: a number in quotes.
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\Z")
_ORDERS = ("ascending", "descending", "ignore")
_NAMED = ("record", "error", "enum", "fixed")
_MAX_FIXED = (1 << 31) - 1
_LOGICAL = {
    "date": {"int"},
    "time-millis": {"int"},
    "time-micros": {"long"},
    "timestamp-millis": {"long"},
    "timestamp-micros": {"long"},
    "timestamp-nanos": {"long"},
    "local-timestamp-millis": {"long"},
    "local-timestamp-micros": {"long"},
    "local-timestamp-nanos": {"long"},
    "uuid": {"string", "fixed"},
    "decimal": {"bytes", "fixed"},
    "big-decimal": {"bytes"},
    "duration": {"fixed"},
}
_LOGICAL_PLAIN = {
    (kind, name): Primitive(cast("PrimitiveName", kind), Logical(name))
    for name, kinds in _LOGICAL.items()
    for kind in kinds & PRIMITIVES
}
"""Most fields are of few types: one object for each takes less memory, and is quick to compare."""
_PLAIN_KEYS = frozenset({"name", "type", "doc"})
_LOGICAL_KEYS = {"type", "logicalType"}
_LOGICAL_SIZE = {"uuid": 16, "duration": 12}
# Of a decimal; with more it is taken for an invalid logical type. Python converts no longer integers to text.
_MOST_DIGITS = 4_000


def load_json(text: str, limits: Limits) -> Any:
    """The JSON value of schema text. Raises `SchemaError` if it is too large, too deep or not JSON."""
    if len(text) > limits.text_bytes:
        raise SchemaError(f"the schema is larger than {limits.text_bytes} bytes")
    try:
        value = json.loads(text, parse_constant=_no_constant)
        if "\\u" in text or not text.isascii():
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise SchemaError("the schema holds a lone surrogate, which is not valid text") from None
    except RecursionError:
        raise SchemaError("the schema is nested too deeply") from None
    except ValueError as error:
        raise SchemaError(f"the schema is not JSON: {error}") from None
    return value


def _no_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not a JSON value")


def parse_schema(text: str, references: Sequence[str], limits: Limits) -> Schema:
    """What `schema.parse` promises."""
    if sum(map(len, references)) > limits.text_bytes:
        raise SchemaError(f"the referenced schemas are larger than {limits.text_bytes} bytes")
    names: dict[str, Named] = {}
    steps = size = 0
    for number, each in enumerate([*references, text]):
        document = _document(each, names, limits, f"reference {number}: " if number < len(references) else "")
        names.update(document.defined)
        steps, size = steps + document.steps, size + document.size
        if steps > MAX_STEPS or size > DEFAULT_BYTES:
            raise SchemaError("the defaults of the schema and of those it refers to are too many")
        if len(names) > limits.names:
            raise SchemaError(f"the schema has more than {limits.names} named types")
    return Schema(document.root, names)


def _document(text: str, names: Mapping[str, Named], limits: Limits, within: str) -> Document:
    """One text after those that defined `names`, parsed once as long as it means the same."""
    found = remembered(text, limits, names)
    if found is None:
        parser = _Parser(limits, names, within)
        try:
            root = parser.document(load_json(text, limits))
        except RecursionError:
            raise SchemaError("the schema is nested too deeply") from None
        found = Document(root, parser.names.defined, parser.names.asked, *parser.work)
        remember(text, limits, found)
    return found


class _Parser:
    """Walks the JSON of one text, collecting named types."""

    def __init__(self, limits: Limits, names: Mapping[str, Named], within: str) -> None:
        self.names = DocumentNames(names)
        self._within = within
        self._limits = limits
        self._open: set[str] = set()
        self._later: set[str] = set()
        self._defaults: list[tuple[str, str, Field]] = []
        self._encoder = DefaultEncoder(self.names)

    @property
    def work(self) -> tuple[int, int]:
        """The work that the defaults took: steps and bytes."""
        return self._encoder.work

    def document(self, value: Any) -> Node:
        """The root of the text. Its defaults are looked at last, when every name is known."""
        self._later = set(_defined(value, "", self._limits.depth))
        root = self._node(value, "", "", 0)
        for name, invalid in self._invalid_defaults().items():
            self.names[name] = _without(self.names.defined[name], invalid)
        return root

    def _invalid_defaults(self) -> Mapping[str, Mapping[str, InvalidDefault]]:
        """Those of the records that this text defines, by field."""
        found: dict[str, dict[str, InvalidDefault]] = {}
        for at, record, field in self._defaults:
            try:
                self._encoder.encode(field.type, field.default)
            except TooMuchError as error:
                raise self._error(f"the default {error}", at) from None
            except BadDefaultError as error:
                found.setdefault(record, {})[field.name] = InvalidDefault(field.default, str(error))
        return found

    def _error(self, what: str, at: str) -> SchemaError:
        return SchemaError(what, where=f"{self._within}{at or '/'}")

    def _node(self, value: Any, space: str, at: str, depth: int) -> Node:
        if depth > self._limits.depth:
            raise self._error(f"the schema is nested more than {self._limits.depth} deep", at)
        if isinstance(value, str):
            return self._word(value, space, at)
        if isinstance(value, list):
            return self._union(value, space, at, depth)
        if isinstance(value, dict):
            return self._object(value, space, at, depth)
        raise self._error("a schema must be a string, an object or a list", at)

    def _word(self, word: str, space: str, at: str) -> Node:
        if word in _PLAIN:
            return _PLAIN[word]
        for name in (_full(word, space), _full(word, "")):
            if name in self.names or name in self._open:
                return Ref(name)
        if _full(word, space) in self._later:
            return Ref(_full(word, space))
        raise self._error(f"unknown type {word[:200]!r}", at)

    def _union(self, value: list[Any], space: str, at: str, depth: int) -> Union:
        branches: list[Node] = []
        seen: set[str] = set()
        for number, item in enumerate(value):
            branch = self._node(item, space, f"{at}/{number}", depth + 1)
            kind = branch_name(branch)
            if isinstance(branch, Union) or kind in seen:
                raise self._error(
                    "a union may not hold a union" if kind == "union" else f"{kind} is in the union twice",
                    f"{at}/{number}",
                )
            seen.add(kind)
            branches.append(branch)
        return Union(tuple(branches))

    def _object(self, value: dict[str, Any], space: str, at: str, depth: int) -> Node:
        kind = value.get("type")
        if isinstance(kind, (dict, list)):
            return self._node(kind, space, f"{at}/type", depth + 1)
        if not isinstance(kind, str):
            raise self._error("the schema has no type", at)
        if kind in PRIMITIVES:
            return _primitive(kind, logical(value, kind, 0))
        if kind == "array":
            return Array(self._node(self._need(value, "items", at), space, f"{at}/items", depth + 1))
        if kind == "map":
            return Map(self._node(self._need(value, "values", at), space, f"{at}/values", depth + 1))
        if kind in _NAMED:
            return self._named(value, kind, space, at, depth)
        return self._word(kind, space, f"{at}/type")

    def _need(self, value: dict[str, Any], key: str, at: str) -> Any:
        if key not in value:
            raise self._error(f"{key!r} is missing", at)
        return value[key]

    def _named(self, value: dict[str, Any], kind: str, space: str, at: str, depth: int) -> Ref:
        name = self._full_name(value, space, at)
        if name in self._open:
            raise self._error(f"{name} is defined again inside itself", at)
        self._open.add(name)
        named = self._define(value, kind, name, at, depth)
        self._open.discard(name)
        if _as_written(self.names.get(name, named)) != named:
            raise self._error(f"{name} is defined twice, with different definitions", at)
        self.names[name] = named
        if len(self.names) > self._limits.names:
            raise self._error(f"the schema has more than {self._limits.names} named types", at)
        return Ref(name)

    def _define(self, value: dict[str, Any], kind: str, name: str, at: str, depth: int) -> Named:
        space = name.rpartition(".")[0]
        aliases = tuple(self._alias(alias, space, at) for alias in self._strings(value, "aliases", at))
        doc = _doc(value)
        if kind == "enum":
            symbols = self._symbols(value, at)
            return Enum(name, symbols, self._enum_default(value, symbols, at), aliases, doc)
        if kind == "fixed":
            size = self._size(value, at)
            return Fixed(name, size, logical(value, kind, size), aliases, doc)
        fields = self._need(value, "fields", at)
        if not isinstance(fields, list):
            raise self._error("'fields' must be a list", f"{at}/fields")
        return Record(name, self._fields(fields, name, f"{at}/fields", depth), aliases, doc)

    def _full_name(self, value: dict[str, Any], space: str, at: str) -> str:
        name = self._need(value, "name", at)
        if not isinstance(name, str):
            raise self._error("'name' must be a string", at)
        full = _full(name, _space(value, space))
        self._check_name(full, f"{at}/name")
        if full in PRIMITIVES:
            raise self._error(f"{full} is a primitive type and cannot be defined", f"{at}/name")
        return full

    def _check_name(self, full: str, at: str) -> None:
        if len(full) > NAME_LENGTH:
            raise self._error(f"{full[:200]!r}… is a name of more than {NAME_LENGTH} characters", at)
        space, _, simple = full.rpartition(".")
        if not _is_name(simple) or not space.isprintable():
            raise self._error(f"{full[:200]!r} is not a valid name", at)

    def _alias(self, alias: str, space: str, at: str) -> str:
        full = _full(alias, space)
        self._check_name(full, f"{at}/aliases")
        return full

    def _strings(self, value: dict[str, Any], key: str, at: str) -> tuple[str, ...]:
        items = value.get(key)
        if items is None:
            return ()
        if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
            raise self._error(f"{key!r} must be a list of strings", f"{at}/{key}")
        return tuple(items)

    def _symbols(self, value: dict[str, Any], at: str) -> tuple[str, ...]:
        self._need(value, "symbols", at)
        symbols = self._strings(value, "symbols", at)
        for number, symbol in enumerate(symbols):
            if not _is_name(symbol):
                raise self._error(f"{symbol[:200]!r} is not a valid symbol", f"{at}/symbols/{number}")
        if len(set(symbols)) != len(symbols):
            raise self._error("a symbol is there twice", f"{at}/symbols")
        return symbols

    def _enum_default(self, value: dict[str, Any], symbols: tuple[str, ...], at: str) -> str | None:
        default = value.get("default")
        if not isinstance(default, str):
            return None
        if default not in symbols:
            raise self._error("the default is not one of the symbols", f"{at}/default")
        return default

    def _size(self, value: dict[str, Any], at: str) -> int:
        size = self._need(value, "size", at)
        if type(size) is not int or not 0 <= size <= _MAX_FIXED:
            raise self._error("'size' must be an integer from 0 to 2^31-1", f"{at}/size")
        return size

    def _fields(self, items: list[Any], record: str, at: str, depth: int) -> tuple[Field, ...]:
        fields: list[Field] = []
        seen: set[str] = set()
        space = record.rpartition(".")[0]
        is_open = depth < self._limits.depth
        for number, item in enumerate(items):
            field = (is_open and _plain_field(item)) or self._field(item, space, f"{at}/{number}", depth)
            if field.name in seen:
                raise self._error(f"the field {field.name} is there twice", f"{at}/{number}")
            seen.add(field.name)
            fields.append(field)
            if field.default is not NO_DEFAULT:
                self._defaults.append((f"{at}/{number}/default", record, field))
        return tuple(fields)

    def _field(self, value: Any, space: str, at: str, depth: int) -> Field:
        if not isinstance(value, dict):
            raise self._error("a field must be an object", at)
        name = self._need(value, "name", at)
        if not isinstance(name, str) or not _is_name(name):
            raise self._error(f"{str(name)[:200]!r} is not a valid field name", f"{at}/name")
        node = self._node(self._need(value, "type", at), space, f"{at}/type", depth + 1)
        default = value.get("default", NO_DEFAULT)
        if isinstance(default, str):
            default = _number(node, default)
        elif isinstance(default, (dict, list)) and _is_deeper(default, self._limits.depth):
            raise self._error(f"the default is nested more than {self._limits.depth} deep", f"{at}/default")
        order = value.get("order", "ascending")
        order = order.lower() if isinstance(order, str) else ""
        if order not in _ORDERS:
            raise self._error("'order' must be ascending, descending or ignore", f"{at}/order")
        return Field(name, node, default, self._strings(value, "aliases", at), _doc(value), order)


def _plain_field(value: Any) -> Field | None:
    """A field as most are: a name, a type that takes no look at others, perhaps a doc. None of another one,
    and of one that is not valid.
    """
    if not isinstance(value, dict) or not value.keys() <= _PLAIN_KEYS:
        return None
    name, kind = value.get("name"), value.get("type")
    if isinstance(kind, str):
        node = _PLAIN.get(kind)
    elif isinstance(kind, dict) and kind.keys() == _LOGICAL_KEYS:
        both = str(kind["type"]), str(kind["logicalType"])
        node = _LOGICAL_PLAIN.get(both) if both[1] != "decimal" else None
    else:
        return None
    if node is None or not isinstance(name, str) or not _NAME.match(name):
        return None
    return Field(name, node, doc=_doc(value))


def _number(node: Node, default: str) -> str | float:
    """The default, as the number that stands in its text where the field is a float or double."""
    is_real = isinstance(node, Primitive) and node.type in ("float", "double")
    return float(default) if is_real and _NUMBER.match(default) else default


def _is_deeper(value: Any, depth: int) -> bool:
    """Whether lists and objects stand inside each other more than `depth` deep."""
    level = [value]
    for _ in range(depth + 1):
        groups = [item.values() if isinstance(item, dict) else item for item in level if _holds(item)]
        level = [inner for group in groups for inner in group]
        if not level:
            return False
    return any(map(_holds, level))


def _holds(value: Any) -> bool:
    return isinstance(value, (list, dict))


def _without(record: Named, invalid: Mapping[str, InvalidDefault]) -> Named:
    """The record, without the defaults that are invalid."""
    assert isinstance(record, Record)
    fields = (
        replace(field, default=NO_DEFAULT, invalid_default=invalid[field.name])
        if field.name in invalid
        else field
        for field in record.fields
    )
    return replace(record, fields=tuple(fields))


def _as_written(named: Named) -> Named:
    """The type, with the defaults that are invalid."""
    if not isinstance(named, Record) or not any(field.invalid_default for field in named.fields):
        return named
    fields = (
        replace(field, default=field.invalid_default.value, invalid_default=None)
        if field.invalid_default
        else field
        for field in named.fields
    )
    return replace(named, fields=tuple(fields))


def _defined(value: Any, space: str, depth: int) -> Iterator[str]:
    """The full names that a schema defines: a type may be used before its definition."""
    if depth < 0:  # what is nested deeper is refused where it is parsed
        return
    if isinstance(value, list):
        for item in value:
            yield from _defined(item, space, depth - 1)
    elif isinstance(value, dict):
        name, kind = value.get("name"), value.get("type")
        if isinstance(name, str) and isinstance(kind, str) and kind in _NAMED:
            full = _full(name, _space(value, space))
            space = full.rpartition(".")[0]
            yield full
        for inner in (kind, value.get("items"), value.get("values"), *_types(value.get("fields"))):
            if isinstance(inner, (dict, list)):
                yield from _defined(inner, space, depth - 1)


def _types(fields: Any) -> Iterator[Any]:
    """The types of a record's fields."""
    items = fields if isinstance(fields, list) else ()
    return (item.get("type") for item in items if isinstance(item, dict))


def _space(value: dict[str, Any], space: str) -> str:
    """The namespace of a named type that stands in `space`."""
    own = value.get("namespace")
    return own if isinstance(own, str) else space


def _is_name(text: str) -> bool:
    """Whether Java takes it for a name: letters, digits and underscores, the first one not a digit."""
    if text.isascii():
        return _NAME.match(text) is not None
    letters = text.replace("_", "a")
    valid = letters[0].isalpha() and all(char.isalpha() or char.isdecimal() for char in letters)
    return valid and max(text) <= _LAST_OF_JAVA


def _full(name: str, space: str) -> str:
    if name.startswith(".") and name.count(".") == 1:
        return name[1:]
    return name if "." in name or not space else f"{space}.{name}"


def _doc(value: dict[str, Any]) -> str | None:
    doc = value.get("doc")
    return doc if isinstance(doc, str) else None


def logical(value: dict[str, Any], kind: str, size: int) -> Logical | None:
    """The logical type of a schema object, if it is known and valid; "language implementations must
    ignore unknown logical types".
    """
    name = value.get("logicalType")
    if not isinstance(name, str) or kind not in _LOGICAL.get(name, ()):
        return None
    if kind == "fixed" and name in _LOGICAL_SIZE and size != _LOGICAL_SIZE[name]:
        return None
    return _decimal(value, kind, size) if name == "decimal" else Logical(name)


def _primitive(kind: str, found: Logical | None) -> Primitive:
    if found is None:
        return _PLAIN[kind]
    if found.name == "decimal":
        return Primitive(cast("PrimitiveName", kind), found)
    return _LOGICAL_PLAIN[kind, found.name]


def _decimal(value: dict[str, Any], kind: str, size: int) -> Logical | None:
    precision, scale = value.get("precision"), value.get("scale", 0)
    if type(precision) is not int or type(scale) is not int or not 0 <= scale <= precision or precision < 1:
        return None
    if precision > _MOST_DIGITS:
        return None
    # From the specification: a fixed of n bytes holds floor(log10(2^(8n-1) - 1)) digits.
    if kind == "fixed" and precision > (math.floor(math.log10(2) * (8 * size - 1)) if size else 0):
        return None
    return Logical("decimal", precision, scale)


def parse(text: str, references: Sequence[str] = (), *, limits: Limits | None = None) -> Schema:
    """Parse an Avro schema.

    `references` are the texts of the schemas whose names it uses (transitively), in dependency order, as
    the registry gives them. Primitive schemas may stand bare (`"string"`) or as an object. A default that
    does not fit its type is kept apart (`Field.invalid_default`). Raises `SchemaError` with a JSON pointer
    if the text is not JSON, not Avro, or past the limits.
    """

    return parse_schema(text, references, limits or Limits())


def normalised(text: str, *, limits: Limits | None = None) -> str:
    """The text's JSON with sorted keys and no white space: to hash, and to compare schemas by.

    Unlike Avro's parsing canonical form this keeps everything: defaults, logical types, docs, aliases.
    Raises `SchemaError` if it is not JSON.
    """

    try:
        value = load_json(text, limits or Limits())
        return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    except RecursionError:
        raise SchemaError("the schema is nested too deeply") from None

"""The texts of a JSON Schema and of those it refers to, and which place a `$ref` leads to.

Source: the core specifications of draft 4 to 2020-12. Nothing is ever fetched: what no text here defines is
an error. In draft 4 an `id` is what `$id` is later; a text without a `$schema` is read as draft 7, as
Confluent's registry does, and may have either.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, NoReturn
from urllib.parse import unquote, urljoin

from ....errors import SchemaError

TEXT_CHARACTERS = 4 << 20
"""How long a text may be, and the texts it refers to together."""
NESTING = 400
"""How many objects and lists of the text may stand inside each other: the parser recurses."""

_DIALECT = re.compile(r"https?://json-schema\.org/draft(?:-0([3467])|/(2019-09|2020-12))/schema\Z")
_META_SCHEMA = re.compile(r"https?://json-schema\.org/(draft-0\d/|draft/[\d-]+/)?(hyper-)?schema\Z")
_BY_PREFIX = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_UNKNOWN_DIALECT = 7
_LONG_NUMBER = 4_300  # digits; Python makes no integers of longer texts

# Where a schema has schemas: under names of its own, in a list, or directly.
_MAPS = frozenset(
    {"properties", "patternProperties", "definitions", "$defs", "dependentSchemas", "dependencies"}
)
_LISTS = frozenset({"allOf", "anyOf", "oneOf", "prefixItems", "items"})
_DIRECTLY = frozenset(
    {
        *("items", "additionalItems", "additionalProperties", "unevaluatedItems", "unevaluatedProperties"),
        *("not", "if", "then", "else", "contains", "propertyNames", "contentSchema"),
    }
)


@dataclass(eq=False)
class SchemaResource:
    """A schema with a URI of its own, the base of the references in it: a whole text, or what has `$id`."""

    document: JsonDocument
    pointer: str  # of its root, in the document
    base: str
    draft: int
    anchors: dict[str, str] = field(default_factory=dict)  # to pointers
    dynamic: dict[str, str] = field(default_factory=dict)  # those of `$dynamicAnchor` alone
    is_recursive: bool = False  # has `$recursiveAnchor: true`


@dataclass(eq=False)
class JsonDocument:
    """One text, loaded: `name` is that of the reference, "" for the subject's own."""

    name: str
    value: Any
    resources: dict[str, SchemaResource] = field(default_factory=dict)  # by the pointer of their roots


@dataclass(frozen=True, eq=False)
class SchemaSpot:
    """A schema in a document, by its JSON pointer."""

    document: JsonDocument
    pointer: str
    value: Any
    resource: SchemaResource

    @property
    def place(self) -> str:
        """`<document>#<pointer>`."""
        return f"{self.document.name}#{self.pointer}"

    @property
    def where(self) -> str:
        """For errors: the pointer, after the name of the reference that it is in."""
        return self.place if self.document.name else self.pointer

    def inner(self, *steps: str | int) -> SchemaSpot:
        """What stands in it under these names and indices. Raises `LookupError`."""
        spot = self
        for step in steps:
            pointer = f"{spot.pointer}/{escaped_step(str(step))}"
            resource = spot.document.resources.get(pointer, spot.resource)
            spot = SchemaSpot(spot.document, pointer, _inside(spot.value, step), resource)
        return spot


def _inside(value: Any, step: str | int) -> Any:
    if isinstance(value, list):
        if isinstance(step, str) and not re.fullmatch(r"0|[1-9][0-9]{0,8}", step, re.ASCII):
            raise LookupError(step)
        return value[int(step)]
    if isinstance(value, dict):
        return value[str(step)]
    raise LookupError(step)


def escaped_step(name: str) -> str:
    """A name as a part of a JSON pointer."""
    return name.replace("~", "~0").replace("/", "~1")


class SchemaTexts:
    """A text and those that it may refer to."""

    def __init__(self, text: str, references: Mapping[str, str]) -> None:
        """`references`: name -> text. Raises `SchemaError` if one is too large, too deep or not JSON."""
        if sum(map(len, references.values())) > TEXT_CHARACTERS:
            raise SchemaError(f"the referenced schemas are larger than {TEXT_CHARACTERS} characters")
        self._by_uri: dict[str, SchemaResource] = {}
        self._by_name: dict[str, SchemaResource] = {}
        root = self._add("", text, "")
        for name, each in references.items():
            self._by_name[name] = self._add(name, each, _join(root.base, name) or name)
        self._root = root

    @property
    def root(self) -> SchemaSpot:
        """The whole of the text."""
        return SchemaSpot(self._root.document, "", self._root.document.value, self._root)

    def documents(self) -> Iterator[SchemaSpot]:
        """The whole of each text, the subject's own first."""
        for root in (self._root, *self._by_name.values()):
            yield self._whole(root)

    def dynamic_anchors(self, name: str) -> Iterator[SchemaSpot]:
        """The schemas with this `$dynamicAnchor`: the way to a `$dynamicRef` decides which one it means."""
        for resource in self._resources():
            found = self._at(resource.document, resource.dynamic[name]) if name in resource.dynamic else None
            if found is not None:
                yield found

    def recursive_roots(self, spot: SchemaSpot) -> Iterator[SchemaSpot]:
        """The same for the `$recursiveRef` in `spot`."""
        yield self._whole(spot.resource)
        yield from (self._whole(resource) for resource in self._resources() if resource.is_recursive)

    def defined(self) -> Iterator[SchemaSpot]:
        """What the text defines under names, at its top."""
        for keyword in ("definitions", "$defs"):
            named = self.root.value.get(keyword) if isinstance(self.root.value, dict) else None
            for name in named if isinstance(named, dict) else ():
                yield self.root.inner(keyword, name)

    def resolve(self, spot: SchemaSpot, reference: str, keyword: str = "$ref") -> SchemaSpot:
        """The schema that a `$ref` in `spot` leads to. Raises `SchemaError`."""
        uri, has_fragment, fragment = reference.partition("#")
        resource = self._resource(spot, uri, keyword)
        if isinstance(resource, SchemaSpot):
            return resource
        found = self._part(resource, unquote(fragment)) if has_fragment else self._whole(resource)
        if found is None or not isinstance(found.value, (dict, bool)):
            what = f"{keyword} {reference[:200]!r} does not lead to a schema"
            raise SchemaError(what, where=f"{spot.where}/{keyword}")
        return found

    def resolve_dynamic(self, spot: SchemaSpot, reference: str) -> SchemaSpot | None:
        """The same of a `$dynamicRef`; None if that depends on how `spot` was reached."""
        found = self.resolve(spot, reference, "$dynamicRef")
        name = reference.partition("#")[2]
        if found.resource.dynamic.get(name) != found.pointer:
            return found
        anchored = [it for it in self._resources() if name in it.dynamic]
        chosen = self._outermost(anchored)
        return None if chosen is None else self._at(chosen.document, chosen.dynamic[name])

    def resolve_recursive(self, spot: SchemaSpot) -> SchemaSpot | None:
        """The same of a `$recursiveRef`."""
        if not spot.resource.is_recursive:
            return self._whole(spot.resource)
        chosen = self._outermost([it for it in self._resources() if it.is_recursive])
        return None if chosen is None else self._whole(chosen)

    def _outermost(self, resources: list[SchemaResource]) -> SchemaResource | None:
        # The root is outside of all others, however a schema was reached.
        if self._root in resources:
            return self._root
        return resources[0] if len(resources) == 1 else None

    def _resources(self) -> Iterator[SchemaResource]:
        documents = (self._root, *self._by_name.values())
        return (inner for it in documents for inner in it.document.resources.values())

    def _resource(self, spot: SchemaSpot, uri: str, keyword: str) -> SchemaResource | SchemaSpot:
        if not uri:
            return spot.resource
        full = _join(spot.resource.base, uri)
        found = self._by_uri.get(full) or self._by_name.get(uri) or self._by_uri.get(uri)
        if found is not None:
            return found
        if _META_SCHEMA.match(full):  # any schema, then; registries have these built in
            return SchemaSpot(spot.document, f"{spot.pointer}/{keyword}", True, spot.resource)
        raise SchemaError(
            f"{keyword} {uri[:200]!r} leads to no schema here",
            where=f"{spot.where}/{keyword}",
            hint="Schemas are never fetched from URLs or files: register that one as a subject, and put it "
            "among the references of this one under that name.",
        )

    def _whole(self, resource: SchemaResource) -> SchemaSpot:
        found = self._at(resource.document, resource.pointer)
        assert found is not None  # it was found there
        return found

    def _part(self, resource: SchemaResource, fragment: str) -> SchemaSpot | None:
        if fragment and not fragment.startswith("/"):
            pointer = resource.anchors.get(fragment)
            return None if pointer is None else self._at(resource.document, pointer)
        return self._at(resource.document, resource.pointer + fragment)

    def _at(self, document: JsonDocument, pointer: str) -> SchemaSpot | None:
        steps = [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]
        try:
            return SchemaSpot(document, "", document.value, document.resources[""]).inner(*steps)
        except LookupError:
            return None

    def _add(self, name: str, text: str, base: str) -> SchemaResource:
        document = JsonDocument(name, _load(text, name))
        root = SchemaResource(document, "", base, _UNKNOWN_DIALECT)
        document.resources[""] = root
        self._index(document.value, root, [])
        for uri in (base, root.base):
            self._by_uri.setdefault(uri, root)
        for resource in document.resources.values():
            self._by_uri.setdefault(resource.base, resource)
        return root

    def _index(self, value: Any, resource: SchemaResource, path: list[str]) -> None:
        """Find the schemas in a schema that have names: `$id`, anchors."""
        if not isinstance(value, dict):
            return
        resource = _identified(value, resource, path)
        for name, key in (("$anchor", "anchors"), ("$dynamicAnchor", "dynamic")):
            anchor = value.get(name)
            if isinstance(anchor, str):
                resource.anchors.setdefault(anchor, _pointer(path))
                if key == "dynamic":
                    resource.dynamic.setdefault(anchor, _pointer(path))
        for steps, inner in _schemas_in(value):
            self._index(inner, resource, [*path, *steps])


def _schemas_in(value: dict[str, Any]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The schemas in a schema, with the way to each."""
    for keyword, inner in value.items():
        if isinstance(inner, dict) and keyword in _MAPS:
            yield from (((keyword, name), each) for name, each in inner.items())
        elif isinstance(inner, dict) and keyword in _DIRECTLY:
            yield (keyword,), inner
        elif isinstance(inner, list) and keyword in _LISTS:
            yield from (((keyword, str(i)), each) for i, each in enumerate(inner))


def _identified(value: dict[str, Any], outer: SchemaResource, path: list[str]) -> SchemaResource:
    """The resource that a schema is in, or begins: then it is noted."""
    dialect = value.get("$schema")
    draft = _draft(dialect) if isinstance(dialect, str) else outer.draft
    old = draft < 6 or not isinstance(dialect, str)
    id_ = value.get("$id", value.get("id") if old else None)
    if "$ref" in value and draft <= 7:
        id_ = None  # ignored there, as all that stands beside it
    pointer = _pointer(path)
    own = outer if pointer == "" else None
    if isinstance(id_, str) and id_ not in ("", "#"):
        uri, _, anchor = id_.partition("#")
        if anchor:
            outer.anchors.setdefault(anchor, pointer)
        if uri:
            own = own or SchemaResource(outer.document, pointer, "", draft)
            own.base = _join(outer.base, uri)
            outer.document.resources[pointer] = own
    if own is not None:
        own.draft = draft
        own.is_recursive = value.get("$recursiveAnchor") is True
    return own or outer


def _draft(dialect: str) -> int:
    found = _DIALECT.match(dialect.removesuffix("#"))
    return int((found[1] or found[2])[:4]) if found else _UNKNOWN_DIALECT


def _pointer(path: list[str]) -> str:
    return "".join(f"/{escaped_step(step)}" for step in path)


def _join(base: str, uri: str) -> str:
    """`uri` as a reference from `base`, without an empty fragment (RFC 3986)."""
    scheme = _BY_PREFIX.match(base)
    try:
        if scheme and scheme[1] not in ("http", "https"):  # urljoin knows the schemes that it was made for
            joined = urljoin("http" + base[len(scheme[1]) :], uri)
            full = scheme[1] + joined[4:] if joined.startswith("http:") and not _BY_PREFIX.match(uri) else uri
        else:
            full = urljoin(base, uri)
    except ValueError:  # what is not a URI is a name
        full = uri
    return full.removesuffix("#")


def _load(text: str, name: str) -> Any:
    try:
        return _loaded(text)
    except SchemaError as error:
        if not name:
            raise
        raise SchemaError(f"the reference {name[:200]!r}: {error.what}") from None


@lru_cache(maxsize=256)
def _loaded(text: str) -> Any:
    """The JSON of a text; numbers with a fraction or exponent as Decimal. The last of equal names counts."""
    if len(text) > TEXT_CHARACTERS:
        raise SchemaError(f"the schema is larger than {TEXT_CHARACTERS} characters")
    try:
        value = json.loads(text, parse_constant=_no_constant, parse_float=Decimal, parse_int=_integer)
        if "\\u" in text or not text.isascii():
            json.dumps(value, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError:
        raise SchemaError("the schema holds a lone surrogate, which is not valid text") from None
    except RecursionError:
        raise SchemaError("the schema is nested too deeply") from None
    except InvalidOperation:
        raise SchemaError("the schema has a number with too large an exponent") from None
    except ValueError as error:
        raise SchemaError(f"the schema is not JSON: {error}") from None
    if nests_deeper(value, NESTING):
        raise SchemaError(f"the schema is nested more than {NESTING} deep")
    return value


def _no_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not a JSON value")


def _integer(digits: str) -> int | Decimal:
    return int(digits) if len(digits) < _LONG_NUMBER else Decimal(digits)


def nests_deeper(value: Any, depth: int) -> bool:
    """Whether lists and objects stand inside each other more than `depth` deep."""
    level = [value]
    for _ in range(depth + 1):
        groups = [it.values() if isinstance(it, dict) else it for it in level if isinstance(it, list | dict)]
        if not groups:
            return False
        level = [inner for group in groups for inner in group]
    return any(isinstance(it, list | dict) for it in level)

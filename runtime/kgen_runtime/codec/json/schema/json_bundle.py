"""A JSON Schema and what it refers to, as documents for a validator that is not kgen's.

Each resource has a URI made here (`urn:kgen:0`) in place of its own `$id`, and each reference leads to one of
those: so the validator finds the schema that the parser finds, by the same rules, and has nothing to fetch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final
from urllib.parse import quote

from ....errors import SchemaError
from ...limits import NUMBER_DIGITS
from .json_documents import SchemaResource, SchemaSpot, SchemaTexts
from .json_work import work_by_depth

_DIALECTS: Final = {
    4: "http://json-schema.org/draft-04/schema#",
    6: "http://json-schema.org/draft-06/schema#",
    7: "http://json-schema.org/draft-07/schema#",
    2019: "https://json-schema.org/draft/2019-09/schema",
    2020: "https://json-schema.org/draft/2020-12/schema",
}
_DATA: Final = frozenset({"const", "enum", "default", "examples"})
"""Keywords whose values are data, even if they look like schemas."""
_MAPS: Final = frozenset(
    {"properties", "patternProperties", "definitions", "$defs", "dependentSchemas", "dependencies"}
)


@dataclass(frozen=True)
class SchemaBundle:
    """`documents` by URI: the one of `uri` is the schema, of this `draft` (4, 6, 7, 2019 or 2020).

    Numbers are int and, if they are not whole, Decimal. `work`: see `work_by_depth`.
    """

    uri: str
    documents: Mapping[str, Any]
    draft: int
    work: tuple[int, ...]

    def work_at(self, depth: int) -> int:
        """The work for a value with so many objects and arrays inside of each other."""
        return self.work[min(depth, len(self.work) - 1)]


def bundle_schema(text: str, references: Mapping[str, str]) -> SchemaBundle:
    """The documents of a schema and of its references (name -> text).

    Raises `SchemaError` for what is not JSON, and for a reference that leads to no schema here.
    """
    texts = SchemaTexts(text, references)
    work = work_by_depth(texts)
    resources = [resource for it in texts.documents() for resource in it.document.resources.values()]
    uris = {id(resource): f"urn:kgen:{i}" for i, resource in enumerate(resources)}
    copier = _Copier(texts, uris)
    documents = {uris[id(root.resource)]: copier.copy(root) for root in texts.documents()}
    root = texts.root.resource
    # jsonschema-rs asks for what stands inside of a document that it asked for itself.
    return SchemaBundle(uris[id(root)], copier.embedded | documents, _draft(root), work)


def _draft(resource: SchemaResource) -> int:
    return max(resource.draft, min(_DIALECTS))


class _Copier:
    def __init__(self, texts: SchemaTexts, uris: Mapping[int, str]) -> None:
        self.embedded: dict[str, Any] = {}  # URI -> the copy of a schema inside of a document
        self._texts = texts
        self._uris = uris

    def copy(self, root: SchemaSpot) -> Any:
        """The document of `root`, with other URIs. Without recursion: texts may be deep."""
        copied: list[Any] = [root.value]
        left: list[tuple[Any, Any, SchemaSpot, bool]] = [(copied, 0, root, True)]
        while left:
            container, key, spot, is_schema = left.pop()
            if isinstance(spot.value, list):
                container[key] = list(spot.value)
                inner: Iterable[Any] = range(len(spot.value))
            elif isinstance(spot.value, dict):
                container[key] = self._keywords(spot) if is_schema else dict(spot.value)
                inner = [name for name in spot.value if not is_schema or name not in _DATA]
            else:
                continue
            _make_whole(container[key])
            for step in inner:
                if isinstance(spot.value[step], dict | list):
                    is_map = is_schema and step in _MAPS
                    left.append((container[key], step, spot.inner(step), not is_map))
        return copied[0]

    def _keywords(self, spot: SchemaSpot) -> dict[str, Any]:
        """The keywords of a schema, what is in them still as it was."""
        keywords: dict[str, Any] = dict(spot.value)
        for keyword in ("$ref", "$dynamicRef"):
            if isinstance(keywords.get(keyword), str):
                self._lead(keywords, keyword, spot)
        for keyword in ("$id", "id"):
            if isinstance(keywords.get(keyword), str) and not keywords[keyword].startswith("#"):
                del keywords[keyword]
        if isinstance(keywords.get("required"), bool):
            del keywords["required"]  # draft 3's, which Jackson writes: a validator would refuse the schema
        if spot.pointer == spot.resource.pointer:
            draft = _draft(spot.resource)
            keywords["$schema"] = _DIALECTS[draft]
            uri = keywords["id" if draft == 4 else "$id"] = self._uris[id(spot.resource)]
            self.embedded[uri] = keywords
        return keywords

    def _lead(self, keywords: dict[str, Any], keyword: str, spot: SchemaSpot) -> None:
        reference: str = keywords[keyword]
        try:
            found = self._texts.resolve(spot, reference, keyword)
        except SchemaError:
            del keywords[keyword]  # of a schema that nothing applies: `work_by_depth` has refused others
            return
        if found.pointer == f"{spot.pointer}/{keyword}":
            return  # a dialect's own schema, which validators have
        fragment = reference.partition("#")[2]
        is_anchor = keyword == "$dynamicRef" and not fragment.startswith("/")
        inside = fragment if is_anchor else found.pointer[len(found.resource.pointer) :]
        # No empty fragment: jsonschema-rs takes a URI with one for another schema, one that it does not have
        # for `$recursiveRef`, nor among what stands inside of others.
        uri = self._uris[id(found.resource)]
        keywords[keyword] = f"{uri}#{quote(inside, safe='/~')}" if inside else uri


def _make_whole(container: Any) -> None:
    """Make ints of the whole numbers in it: `-1.0`, as a Decimal, jsonschema-rs compares as a float.

    But not of a `multipleOf`, with which it calculates exactly only if it is a Decimal.
    """
    for key, value in container.items() if isinstance(container, dict) else enumerate(container):
        if isinstance(value, Decimal) and key != "multipleOf":
            container[key] = _whole(value)


def _whole(number: Decimal) -> int | Decimal:
    """The same number, as an int if it is whole and not longer than those of messages."""
    _, digits, exponent = number.as_tuple()
    if not isinstance(exponent, int) or len(digits) + abs(exponent) > NUMBER_DIGITS:
        return number
    if exponent < 0 and any(digits[exponent:]):
        return number
    return int(number)

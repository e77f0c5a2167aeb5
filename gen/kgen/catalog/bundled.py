"""Schemas with what they refer to: of Avro one text that needs no other, of JSON Schema texts whose
references lead to where each of them stands in a document.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from .declared_extras import full_name

_NAMED: Final = ("record", "error", "enum", "fixed")
_PRIMITIVES: Final = frozenset({"null", "boolean", "int", "long", "float", "double", "bytes", "string"})
_VALUES: Final = frozenset({"const", "enum", "default", "examples", "example"})
_LIMITS: Final = {"minimum": "exclusiveMinimum", "maximum": "exclusiveMaximum"}
_KEYED: Final = frozenset(
    {"properties", "patternProperties", "definitions", "$defs", "dependentSchemas", "dependencies"}
)


def bundled_avro(text: str, references: Sequence[str]) -> Any:
    """The schema with each type of the texts that it refers to (all of them, transitively) defined where it
    comes first.
    """
    bundle = _Bundle()
    for reference in references:
        bundle.collect(json.loads(reference), "")
    return bundle.emitted(json.loads(text), "")


class _Bundle:
    def __init__(self) -> None:
        self._known: dict[str, tuple[Mapping[str, Any], str]] = {}  # full name -> definition, its namespace
        self._done: set[str] = set()

    def collect(self, node: Any, namespace: str) -> None:
        """Note every definition in a schema."""
        if isinstance(node, list):
            for each in node:
                self.collect(each, namespace)
        elif isinstance(node, dict):
            kind = node.get("type")
            if kind in _NAMED:
                name = full_name(node, namespace)
                namespace = name.rpartition(".")[0]
                self._known.setdefault(name, (node, namespace))
                for field in node.get("fields", ()):
                    self.collect(field["type"], namespace)
            elif isinstance(kind, (dict, list)):
                self.collect(kind, namespace)
            for key in ("items", "values"):
                self.collect(node.get(key), namespace)

    def emitted(self, node: Any, namespace: str) -> Any:
        """The schema as it stands in the bundle, where names without one have this namespace."""
        if isinstance(node, str):
            return self._use(node, namespace)
        if isinstance(node, list):
            return [self.emitted(each, namespace) for each in node]
        if not isinstance(node, dict):
            return node
        kind = node.get("type")
        if kind in _NAMED:
            return self._definition(node, full_name(node, namespace), namespace)
        made = dict(node)
        for key in ("items", "values") if kind in ("array", "map") else ("type",):
            if key in made:
                made[key] = self.emitted(made[key], namespace)
        return made

    def _use(self, name: str, namespace: str) -> Any:
        if name in _PRIMITIVES:
            return name
        full = name if "." in name or not namespace else f"{namespace}.{name}"
        full = full if full in self._done or full in self._known else name
        if full in self._known and full not in self._done:
            found, space = self._known[full]
            return {**self._definition(found, full, space), "namespace": space}
        return full if full in self._done else name

    def _definition(self, node: Mapping[str, Any], name: str, namespace: str) -> Any:
        if name in self._done:
            return name
        self._done.add(name)
        inside = name.rpartition(".")[0]
        short = name.rpartition(".")[2]
        # A name with dots says its namespace itself, which tools that read the bundle need not know.
        made = {**node, "name": short, **({"namespace": inside} if short != node["name"] else {})}
        if made["type"] == "error":  # the same for messages, and unknown to tools
            made["type"] = "record"
        if "fields" in made:
            fields = [{**field, "type": self.emitted(field["type"], inside)} for field in made["fields"]]
            made["fields"] = fields
        return made


Target: TypeAlias = "Callable[[str, str], str | None]"
"""Document and fragment of a reference -> the pointer of what it leads to, None if that is not at hand."""


def linked_json(text: str, target: Target) -> Any:
    """The schema with its references as `target` has them; the document of one in this text itself is "".
    Identifiers, by which validators would resolve references, are left out.
    """
    return _linked(json.loads(text), target)


def anchors(text: str) -> dict[str, str]:
    """The pointers of the schemas that have an anchor, in draft 4 to 7 an identifier `#name`."""
    found: dict[str, str] = {}
    left: list[tuple[Any, str]] = [(json.loads(text), "")]
    while left:
        node, pointer = left.pop()
        if isinstance(node, dict):
            for key in ("$anchor", "$dynamicAnchor", "$id", "id"):
                name = node.get(key)
                if isinstance(name, str) and ("nchor" in key or name.startswith("#")):
                    found.setdefault(name.removeprefix("#"), pointer)
            steps = ((each, key.replace("~", "~0").replace("/", "~1")) for key, each in node.items())
            left += [(each, f"{pointer}/{step}") for each, step in steps if step not in _VALUES]
        elif isinstance(node, list):
            left += [(each, f"{pointer}/{number}") for number, each in enumerate(node)]
    return found


def _linked(node: Any, target: Target) -> Any:
    if isinstance(node, list):
        return [_linked(each, target) for each in node]
    if not isinstance(node, dict):
        return node
    made: dict[str, Any] = {}
    for key, value in _of_draft_7(node).items():
        if key == "$ref" and isinstance(value, str):
            made[key] = _reference(value, target)
        elif key in ("$id", "id", "$anchor", "$dynamicAnchor") and isinstance(value, str):
            continue
        elif key in _VALUES:
            made[key] = value
        elif key in _KEYED and isinstance(value, dict):
            made[key] = {name: _linked(each, target) for name, each in value.items()}
        else:
            made[key] = _linked(value, target)
    return made


def _of_draft_7(node: Mapping[str, Any]) -> Mapping[str, Any]:
    """A schema without what earlier drafts say otherwise: booleans that turn a limit or a property."""
    if not any(isinstance(node.get(key), bool) for key in ("required", *_LIMITS.values())):
        return node
    made = {key: value for key, value in node.items() if key != "required" or not isinstance(value, bool)}
    for limit, turned in _LIMITS.items():
        if isinstance(made.get(turned), bool):
            excluded = made.pop(turned)
            if excluded and limit in made:
                made[turned] = made.pop(limit)
    return made


def _reference(text: str, target: Target) -> str:
    """A document may have a `#` in its name."""
    document, sign, fragment = text.rpartition("#")
    place = target(document, fragment) if sign else target(text, "")
    return text if place is None else place

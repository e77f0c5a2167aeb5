"""A JSON Schema and what it refers to as one schema, for datamodel-code-generator.

That fetches what a reference leads to, and takes keywords for instructions (`customTypePath` is imported by
what it writes). So each reference is resolved here, as the parser does, to one inside the text, and keywords
that have no part in a model are left out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from kgen_runtime.codec.json.schema.json_documents import SchemaSpot, SchemaTexts

_NUMBERS: Final = (
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    *("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"),
)
_FORMATS: Final = frozenset({"date", "time", "date-time", "duration", "uuid"})
"""Those that are types of values. Others pydantic would need more packages for, or write in other words."""
_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}
_JSON_TYPES: Final = {**_TYPES, "array": (list,), "object": (dict,)}


def one_schema(text: str, references: Mapping[str, str]) -> dict[str, Any]:
    """The schema, its definitions under `$defs`. Raises `SchemaError` as `parse_json_schema` does."""
    return _SchemaMaker(SchemaTexts(text, references)).whole()


class _SchemaMaker:
    def __init__(self, texts: SchemaTexts) -> None:
        self._texts = texts
        self._keys: dict[str, str] = {}  # place -> its name under `$defs`
        self._left: list[SchemaSpot] = []

    def whole(self) -> dict[str, Any]:
        root = self._texts.root
        copied = self._schema(root)
        found = copied if isinstance(copied, dict) else {}
        found.pop("title", None)  # it would come before the name that kgen gives
        definitions: dict[str, Any] = {}
        while self._left:
            spot = self._left.pop(0)
            definitions[self._keys[spot.place]] = self._schema(spot)
        return {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            **found,
            **({"$defs": definitions} if definitions else {}),
        }

    def _schema(self, spot: SchemaSpot) -> Any:
        value = spot.value
        if not isinstance(value, dict):
            return value is not False
        reference = self._reference(spot)
        if reference is not None and spot.resource.draft <= 7:
            return reference  # all that stands beside it is ignored there
        found = {**(reference or {}), **_plain(value), **self._parts(spot)}
        return _with_default(found, value)

    def _reference(self, spot: SchemaSpot) -> dict[str, Any] | None:
        value = spot.value
        if isinstance(value.get("$ref"), str):
            leads_to: SchemaSpot | None = self._texts.resolve(spot, value["$ref"])
        elif isinstance(value.get("$dynamicRef"), str):
            leads_to = self._texts.resolve_dynamic(spot, value["$dynamicRef"])
        elif "$recursiveRef" in value:
            leads_to = self._texts.resolve_recursive(spot)
        else:
            return None
        if leads_to is None or not isinstance(leads_to.value, dict):
            return {}
        return {"$ref": self._lead(leads_to)}

    def _lead(self, spot: SchemaSpot) -> str:
        if spot.place == self._texts.root.place:
            return "#"
        if spot.place not in self._keys:
            self._keys[spot.place] = self._key(spot)
            self._left.append(spot)
        return f"#/$defs/{self._keys[spot.place]}"

    def _key(self, spot: SchemaSpot) -> str:
        """A name from the last step of the pointer, or the file's; with earlier ones if it is taken."""
        steps = [spot.document.name, *spot.pointer.split("/")[1:]]
        if len(steps) == 1:
            steps = [re.sub(r"\.json\Z", "", step) for step in steps[0].split("/")]
        taken = {*self._keys.values()}
        parts = [part for step in steps if (part := re.sub(r"\W+", "_", step).strip("_"))] or ["part"]
        for count in range(1, len(parts) + 1):
            name = "_".join(parts[-count:])
            if name not in taken:
                return name
        return next(f"{name}_{n}" for n in range(2, len(taken) + 3) if f"{name}_{n}" not in taken)

    def _parts(self, spot: SchemaSpot) -> dict[str, Any]:
        """The schemas in it."""
        value, found = spot.value, dict[str, Any]()
        maps = ("properties",) if isinstance(value.get("properties"), dict) else ("patternProperties",)
        for keyword in maps:
            if isinstance(value.get(keyword), dict):
                names = [name for name in value[keyword] if keyword == "properties" or _is_pattern(name)]
                found[keyword] = {name: self._schema(spot.inner(keyword, name)) for name in names}
        for keyword in ("allOf", "anyOf", "oneOf", "prefixItems", "items"):
            if isinstance(value.get(keyword), list):
                each = range(len(value[keyword]))
                found[keyword] = [self._schema(spot.inner(keyword, i)) for i in each]
        if isinstance(found.get("items"), list):
            found["prefixItems"] = found.pop("items")
        for keyword in ("items", "additionalProperties"):
            if isinstance(value.get(keyword), dict | bool):
                inner = value[keyword]
                found[keyword] = inner if isinstance(inner, bool) else self._schema(spot.inner(keyword))
        return found


def _plain(value: Mapping[str, Any]) -> dict[str, Any]:
    """The keywords that have no schemas in them."""
    found: dict[str, Any] = {}
    types = value.get("type")
    if isinstance(types, str) or (isinstance(types, list) and all(isinstance(it, str) for it in types)):
        found["type"] = types
    if isinstance(value.get("description"), str):
        found["description"] = value["description"]
    if isinstance(value.get("title"), str):
        title: str = value["title"]
        found["title"] = title if re.search(r"\s", title) else title.rpartition(".")[2] or title
    for keyword in _NUMBERS:
        number = _exact(value.get(keyword))
        if isinstance(number, int | float) and not isinstance(number, bool):
            found[keyword] = number
    if isinstance(value.get("pattern"), str) and _is_pattern(value["pattern"]):
        found["pattern"] = value["pattern"]
    if value.get("format") in _FORMATS and types in ("string", ["string", "null"], ["null", "string"]):
        found["format"] = value["format"]
    if isinstance(value.get("nullable"), bool):
        found["nullable"] = value["nullable"]
    if isinstance(value.get("enum"), list):
        symbols = [it for each in value["enum"] if _is_of_type(it := _exact(each), found)]
        if symbols:
            found["enum"] = symbols
    if "const" in value and _is_of_type(constant := _exact(value["const"]), found):
        found["const"] = constant
    required = value.get("required")
    if isinstance(required, list):
        found["required"] = [name for name in required if isinstance(name, str)]
    return found


def _with_default(found: dict[str, Any], value: Mapping[str, Any]) -> dict[str, Any]:
    """With the default, if pydantic would have it as what it stands for: of other types it leaves it as in
    JSON, without a check.
    """
    default = _exact(value.get("default"))
    if "default" not in value or "$ref" in found or "format" in found:
        return found
    if "enum" in found:
        fits = any(default == each and type(default) is type(each) for each in found["enum"])
        fits = fits and (not _types(found) or _fits(default, {"type": found["type"]}))
    elif isinstance(default, list):
        inner = found.get("items") if "array" in _types(found) else None
        simple = isinstance(inner, dict) and not {"format", "enum", "$ref"} & inner.keys()
        fits = simple and all(_fits(each, inner or {}) for each in default)
    else:
        fits = _fits(default, found)
    return {**found, "default": default} if fits else found


def _fits(value: Any, schema: Mapping[str, Any]) -> bool:
    if isinstance(value, list | dict) or "const" in schema or "pattern" in schema:
        return False
    return any(type(value) in _TYPES.get(name, ()) for name in _types(schema))


def _is_of_type(value: Any, schema: Mapping[str, Any]) -> bool:
    """Whether a value may have the schema's type; what has another one would be a type that no default or
    value fits.
    """
    types = _types(schema)
    fits = type(value) is float and value.is_integer() and "integer" in types
    fits = fits or (value is None and schema.get("nullable") is True)
    return not types or fits or any(type(value) in _JSON_TYPES.get(name, ()) for name in types)


def _types(schema: Mapping[str, Any]) -> list[str]:
    types = schema.get("type", [])
    return [types] if isinstance(types, str) else types


def _exact(value: Any) -> Any:
    """A value of a schema with floats for Decimals; None for a number that no float is near to."""
    if isinstance(value, Decimal):
        number = float(value)
        return number if math.isfinite(number) else None
    if isinstance(value, list):
        return [_exact(each) for each in value]
    if isinstance(value, dict):
        return {name: _exact(each) for name, each in value.items()}
    return value


def _is_pattern(pattern: str) -> bool:
    """Whether pydantic's own engine knows it. What backtracks is not among those, and would be slow."""
    from pydantic_core import SchemaError, SchemaValidator  # slow to import, for what most have no use for

    try:
        SchemaValidator({"type": "str", "pattern": pattern})
    except (SchemaError, UnicodeEncodeError):
        return False
    return True

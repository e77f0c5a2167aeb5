"""What changed in meaning between two versions of a JSON Schema, as far as it is about types and their docs.

Types are followed from place to place. A change's path is the place of a type, or of a property in it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from typing import Any

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
    Nothing,
    Property,
    StringEnum,
    takes_null,
)

from ..model.json_pairing import json_type_pairs
from ..model.json_places import JsonNames
from .change_kinds import Change, Kind

_ROOT = "Root"


class JsonDiff:
    """The changes from one schema to another."""

    def __init__(self, old: JsonSchema, new: JsonSchema) -> None:
        self.old, self.new = old, new
        self.pairs = json_type_pairs(old, new)  # old place -> new place
        self._names = JsonNames(old, _ROOT), JsonNames(new, _ROOT)

    def changes(self) -> Iterator[Change]:
        """All of them, without texts: in the order of the new schema, what is gone last. The types in a
        property that is new come with it.
        """
        found = tuple(self._changes())
        whole = {it.path for it in found if it.kind == "field added"}
        yield from (it for it in found if it.kind != "type added" or not _at_or_below(it.path, whole))

    def _changes(self) -> Iterator[Change]:
        back = {new: old for old, new in self.pairs.items()}
        if self._differ(self.old.root, self.new.root):
            yield Change("root", "", self._text(self.old.root, old=True), self._text(self.new.root))
        for name, type_ in self.new.names.items():
            if name in back:
                found = self._type(self.old.names[back[name]], type_)
                yield from (replace(change, owner=name) for change in found)
            else:
                yield Change("type added", name, None, _sort(type_), owner=name)
        for name, gone in self.old.names.items():
            if name not in self.pairs:
                yield Change("type removed", name, _sort(gone), owner=name)
        yield from self._validation()

    def _validation(self) -> Iterator[Change]:
        before, after = ({(it.where, it.keyword) for it in s.untyped} for s in (self.old, self.new))
        for where, keyword in sorted(after - before):
            yield Change("validation added", _place(where), None, keyword)
        for where, keyword in sorted(before - after):
            yield Change("validation removed", _place(where), keyword)

    def _type(self, old: Named, new: Named) -> Iterator[Change]:
        if type(old) is not type(new):
            yield Change("type replaced", new.name, _sort(old), _sort(new))
            return
        if old.title != new.title:
            yield Change("title", new.name, old.title, new.title)
        if old.doc != new.doc:
            yield Change("doc", new.name, old.doc, new.doc)
        if isinstance(old, JsonObject) and isinstance(new, JsonObject):
            yield from self._object(old, new)
        elif isinstance(old, StringEnum) and isinstance(new, StringEnum):
            yield from _symbols(old, new)

    def _object(self, old: JsonObject, new: JsonObject) -> Iterator[Change]:
        before, after = ({it.name: it for it in named.fields} for named in (old, new))
        for name, item in after.items():
            path = f"{new.name}/properties/{name.replace('~', '~0').replace('/', '~1')}"
            if name in before:
                yield from self._property(path, before[name], item)
            else:
                yield Change("field added", path, None, self._declared(item))
        for name, gone in before.items():
            if name not in after:
                path = f"{new.name}/properties/{name.replace('~', '~0').replace('/', '~1')}"
                yield Change("field removed", path, self._text(gone.type, old=True))
        kept, now = [n for n in before if n in after], [n for n in after if n in before]
        if kept != now:
            yield Change("fields reordered", new.name, kept, now)
        if old.closed != new.closed:
            models = ("closed" if it.closed else "open" for it in (old, new))
            yield Change("content model", new.name, *models)
        if (old.extra is None) != (new.extra is None) or (
            old.extra is not None and new.extra is not None and self._differ(old.extra, new.extra)
        ):
            before_text = None if old.extra is None else self._text(old.extra, old=True)
            after_text = None if new.extra is None else self._text(new.extra)
            yield Change("other properties", new.name, before_text, after_text)

    def _property(self, path: str, old: Property, new: Property) -> Iterator[Change]:
        if self._differ(old.type, new.type):
            before, after = self._text(old.type, old=True), self._text(new.type)
            yield Change(self._retyped(old.type, new.type), path, before, after)
        if old.required != new.required:
            yield Change("field required" if new.required else "field optional", path)
        if _json(old.default) != _json(new.default):
            yield Change("default", path, _json(old.default), _json(new.default))
        if old.doc != new.doc:
            yield Change("doc", path, old.doc, new.doc)

    def _retyped(self, old: Node, new: Node) -> Kind:
        rest, others = (sorted(self._keys(n, old=at == 0)) for at, n in enumerate((old, new)))
        if takes_null(old) != takes_null(new) and rest == others:
            return "field nullable" if takes_null(new) else "field not nullable"
        return "field retyped"

    def _keys(self, node: Node, *, old: bool) -> list[str]:
        branches = node.branches if isinstance(node, JsonUnion) else (node,)
        return [self._key(b, old=old) for b in branches if b != JsonScalar("null")]

    def _differ(self, old: Node, new: Node) -> bool:
        return self._key(old, old=True) != self._key(new, old=False)

    def _key(self, node: Node, *, old: bool) -> str:
        """Equal for equal types, whatever places they are at."""
        return type_text(node, lambda place: self.pairs.get(place, place) if old else place)

    def _text(self, node: Node, *, old: bool = False) -> str:
        return type_text(node, self._names[0 if old else 1].natural)

    def _declared(self, item: Property) -> str:
        default = _json(item.default)
        text = self._text(item.type) + (", required" if item.required else "")
        return text + ("" if default is None else f" = {default}")


def type_text(node: Node, name: Callable[[str], str]) -> str:
    """A type on one line: `null | array<Line>`, `string (date)`."""
    if isinstance(node, JsonUnion):
        return " | ".join(type_text(b, name) for b in node.branches)
    if isinstance(node, JsonArray):
        return f"array<{type_text(node.items, name)}>"
    if isinstance(node, JsonTuple):
        items = [type_text(it, name) for it in node.items]
        rest = [] if isinstance(node.rest, Nothing) else [f"*{type_text(node.rest, name)}"]
        return f"array<{', '.join([*items, *rest])}>"
    if isinstance(node, JsonMap):
        return f"map<{type_text(node.values, name)}>"
    if isinstance(node, JsonRef):
        return name(node.name)
    if isinstance(node, Constant):
        return " | ".join(json.dumps(value, ensure_ascii=False, default=str) for value in node.values)
    if isinstance(node, JsonScalar):
        scale = "" if node.scale is None else f" {node.scale}"
        return node.type + (f" ({node.format}{scale})" if node.format else "")
    return "anything" if isinstance(node, Anything) else "nothing"


def _symbols(old: StringEnum, new: StringEnum) -> Iterator[Change]:
    for symbol in new.symbols:
        if symbol not in old.symbols:
            yield Change("symbol added", f"{new.name}.{symbol}", None, symbol)
    for symbol in old.symbols:
        if symbol not in new.symbols:
            yield Change("symbol removed", f"{new.name}.{symbol}", symbol)
    kept, now = ([s for s in a.symbols if s in b.symbols] for a, b in ((old, new), (new, old)))
    if kept != now:
        yield Change("symbols reordered", new.name, kept, now)


def _at_or_below(place: str, others: Collection[str]) -> bool:
    steps = place.split("/")
    return any("/".join(steps[:count]) in others for count in range(1, len(steps) + 1))


def _place(where: str) -> str:
    """A pointer into the text itself, or what has a reference's name before it, as a place."""
    return where if "#" in where.partition("/")[0] else f"#{where}"


def _json(default: Any) -> str | None:
    """A default as JSON text; None where there is none, which a default of null is not."""
    if default is UNDEFINED:
        return None
    return json.dumps(default, sort_keys=True, ensure_ascii=False, default=str)


def _sort(type_: Named) -> str:
    return "object" if isinstance(type_, JsonObject) else "enum"

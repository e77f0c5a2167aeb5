"""The JSON reader in plain Python, if no C compiler was: nodes, results, errors as in `_json_reader.pyx`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ...errors import DecodeError
from .. import reasons
from ..error_texts import refusal_text
from ..json import json_reasons
from ..json.json_build import ConstantKey, branches_that_fit, by_rarest_name
from ..json.json_pointers import json_pointer
from ..json.json_reasons import ARRAY, KINDS, OBJECT
from .json_cursor import JsonCursor, JsonDamagedError
from .json_leaves import JsonConstantNode as JsonConstantNode
from .json_leaves import JsonEnumNode as JsonEnumNode
from .json_leaves import JsonNode, any_scalar, scalar_key
from .json_leaves import JsonNothingNode as JsonNothingNode
from .json_leaves import json_scalar as json_scalar
from .payload_reader import PayloadReader

_BOM: Final = b"\xef\xbb\xbf"


class JsonAnythingNode(JsonNode):
    """Any value."""

    def read(self, c: JsonCursor) -> Any:
        """None, a bool, int, float or str, or a list or dict of such."""
        kind = c.kind()
        if kind == OBJECT:
            return self._dict(c)
        if kind == ARRAY:
            return _items(c, self)
        return any_scalar(c, kind)

    def _dict(self, c: JsonCursor) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for name, start in c.names():
            _read_into(c, out, name, start, self)
        return out


class JsonListNode(JsonNode):
    """An array."""

    def __init__(self, items: JsonNode) -> None:
        self.items = items

    def read(self, c: JsonCursor) -> list[Any]:
        """The items, in a new list."""
        c.expect(ARRAY, KINDS[ARRAY])
        return _items(c, self.items)


class JsonTupleNode(JsonNode):
    """An array whose first items have nodes of their own; `rest` is that of more, or None."""

    def __init__(self, items: tuple[JsonNode, ...], rest: JsonNode | None) -> None:
        self.items = items
        self.rest = rest

    def read(self, c: JsonCursor) -> list[Any]:
        """The items, in a new list."""
        c.expect(ARRAY, KINDS[ARRAY])
        out: list[Any] = []
        for index in c.indexes():
            node = self.items[index] if index < len(self.items) else self.rest
            try:
                if node is None:
                    c.kind()
                    raise JsonDamagedError(json_reasons.NO_MORE_ITEMS, c.at, misfit=True)
                out.append(node.read(c))
            except JsonDamagedError as error:
                error.parts.append(index)
                raise
        return out


class JsonMapNode(JsonNode):
    """An object whose names are data."""

    def __init__(self, values: JsonNode) -> None:
        self.values = values

    def read(self, c: JsonCursor) -> dict[str, Any]:
        """The values by name, in a new dict."""
        c.expect(OBJECT, KINDS[OBJECT])
        out: dict[str, Any] = {}
        for name, start in c.names():
            _read_into(c, out, name, start, self.values)
        return out


class JsonOptionalNode(JsonNode):
    """null, or `inner`."""

    def __init__(self, inner: JsonNode) -> None:
        self.inner = inner

    def read(self, c: JsonCursor) -> Any:
        """None, or the inner value."""
        return c.literal() if c.data[c.at] == ord("n") else self.inner.read(c)


class JsonUnionNode(JsonNode):
    """One of several branches: by its kind, the tag, the required names, else the first that fits."""

    def __init__(
        self,
        branches: tuple[JsonNode, ...],
        kinds: tuple[frozenset[int], ...],
        required: tuple[tuple[str, ...], ...],
        tag: str | None,
        tags: dict[ConstantKey, int],
    ) -> None:
        self.tag = tag
        self.tags = {key: branches[number] for key, number in tags.items()}
        self.by_kind = [
            [node for node, taken in zip(branches, kinds) if kind in taken] for kind in range(len(KINDS))
        ]
        tagged = set(tags.values())
        objects = [number for number, taken in enumerate(kinds) if OBJECT in taken]
        self.untagged = [branches[number] for number in objects if number not in tagged]
        objects.sort(key=lambda number: -len(set(required[number])))
        self.objects = [branches[number] for number in objects]
        self.required = [frozenset(required[number]) for number in objects]
        self.by_name = by_rarest_name(self.required)

    def read(self, c: JsonCursor) -> Any:
        """The value of the branch."""
        start, kind = c.at, c.kind()
        fitting, size = self.by_kind[kind], -1
        if kind == OBJECT and len(fitting) > 1:
            fitting, size = self._by_properties(c)
        if len(fitting) == 1:
            return fitting[0].read(c)
        depth = c.depth
        for node in fitting:
            try:
                return node.read(c)
            except JsonDamagedError as error:
                if not error.misfit:
                    raise
            c.at, c.depth = start, depth
            if size < 0:
                size = _size(c)
            c.charge(size, start)
        raise JsonDamagedError(json_reasons.NO_FIT, start, misfit=True)

    def _by_properties(self, c: JsonCursor) -> tuple[list[JsonNode], int]:
        """The branches that an object may be, by its tag or its names, and how many bytes it has, or -1."""
        start, depth, seen, key = c.at, c.depth, set(), None
        for name, _ in c.names():
            if name == self.tag and name not in seen:
                key = self._tag_key(c, name)
                if key in self.tags:  # what comes after it is looked at once, by the branch
                    c.at, c.depth = start, depth
                    return [self.tags[key]], -1
            else:
                c.skip_property(name)
            seen.add(name)
        size, c.at = c.at - start, start
        if self.tag in seen:
            return self.untagged, size
        return [self.objects[place] for place in branches_that_fit(seen, self.required, self.by_name)], size

    def _tag_key(self, c: JsonCursor, name: str) -> ConstantKey | None:
        try:
            c.colon()
            return scalar_key(c)
        except JsonDamagedError as error:
            error.parts.append(name)
            raise


class JsonObjectNode(JsonNode):
    """An object for a class that takes its properties by keyword, or to a dict by their names.

    `cost`: what one object is charged, besides the defaults that are made for it.
    """

    def __init__(self, cls: Callable[..., Any] | None, attributes: tuple[str, ...]) -> None:
        self.cls = cls
        self.attributes = attributes

    def fill(
        self,
        fields: tuple[tuple[str, JsonNode, bool, Any, Callable[[], Any] | None, int], ...],
        further: JsonNode | None,
        attribute: str | None,
        closed: bool,
    ) -> None:
        """See `json_build`."""
        attributes = self.attributes or tuple(field[0] for field in fields)
        self.nodes = {field[0]: (name, field[1]) for field, name in zip(fields, attributes)}
        self.required = [(field[0], name) for field, name in zip(fields, attributes) if field[2]]
        self.made = [(name, field[5]) for field, name in zip(fields, attributes) if field[4] is not None]
        self.further = further
        self.attribute = attribute
        self.closed = closed
        self.cost = 0 if self.cls is None else 1 + len(fields)

    def read(self, c: JsonCursor) -> Any:
        """An object of the class, or a dict."""
        start = c.expect(OBJECT, KINDS[OBJECT])
        out: dict[str, Any] = {}
        unnamed: dict[str, Any] = out if self.cls is None else {}
        if c.depth > 0:  # else `names` refuses
            c.charge(self.cost, start)
        for name, at in c.names():
            found = self.nodes.get(name)
            if found is not None:
                _read_into(c, out, name, at, found[1], found[0])
            elif self.further is not None:
                _read_into(c, unnamed, name, at, self.further)
            elif self.closed:
                refused = JsonDamagedError(json_reasons.unknown_property(name), at, misfit=True)
                refused.parts.append(name)
                raise refused
            else:
                c.skip_property(name)
        for name, attribute in self.required:
            if attribute not in out:
                raise JsonDamagedError(json_reasons.missing_property(name), start, misfit=True)
        return out if self.cls is None else self._object(c, out, unnamed, start)

    def _object(self, c: JsonCursor, values: dict[str, Any], unnamed: dict[str, Any], start: int) -> Any:
        for attribute, weight in self.made:
            if attribute not in values:
                c.charge(weight, start)
        if self.attribute is not None:
            values[self.attribute] = unnamed
        try:
            return self.cls(**values)  # type: ignore[misc]  # dicts do not come here
        except MemoryError:
            raise
        except Exception as error:
            if error.__traceback__:  # this frame holds on to the payload
                error.__traceback__ = error.__traceback__.tb_next
            raise JsonDamagedError(refusal_text(error), start, misfit=True) from error


JsonSlotObjectNode = JsonCallObjectNode = JsonDictObjectNode = JsonObjectNode


def _read_into(
    c: JsonCursor, out: dict[str, Any], name: str, at: int, node: JsonNode, key: str | None = None
) -> None:
    """Read the value of a name, which begins at `at`, to `out[key]`, or `out[name]`."""
    try:
        if (name if key is None else key) in out:
            raise JsonDamagedError(json_reasons.repeated_property(name), at)
        c.colon()
        out[name if key is None else key] = node.read(c)
    except JsonDamagedError as error:
        error.parts.append(name)
        raise


def _items(c: JsonCursor, node: JsonNode) -> list[Any]:
    """The items of the array at the cursor."""
    out: list[Any] = []
    for index in c.indexes():
        try:
            out.append(node.read(c))
        except JsonDamagedError as error:
            error.parts.append(index)
            raise
    return out


def _size(c: JsonCursor) -> int:
    """How many bytes the value at the cursor has; the cursor stays."""
    start = c.at
    c.skip()
    size, c.at = c.at - start, start
    return size


class JsonNodeReader(PayloadReader):
    """Decodes with a tree of nodes. Its methods are those of `codec.Reader`."""

    def __init__(self, root: JsonNode, max_depth: int) -> None:
        self._root = root
        self._max_depth = max_depth

    def read(self, payload: bytes, offset: int) -> tuple[Any, DecodeError | None]:
        """See the base."""
        if not payload.isascii():
            try:
                str(memoryview(payload)[offset:], "utf-8")
            except UnicodeDecodeError as error:
                return None, DecodeError(json_reasons.NOT_UTF8, position=offset + error.start)
        cursor = JsonCursor(payload, offset, self._max_depth)
        if payload.startswith(_BOM, offset):
            cursor.at += len(_BOM)
        return _attempt(self._root, cursor)


def _attempt(root: JsonNode, c: JsonCursor) -> tuple[Any, DecodeError | None]:
    """A value, or None and an error: made outside of the handler, so that it holds on to no payload."""
    cause: BaseException | None = None
    hint = None
    try:
        c.space()
        value = root.read(c)
        c.space()
    except JsonDamagedError as error:
        what, at, path, cause = error.what, error.at, json_pointer(error.parts), error.__cause__
        hint = error.hint
    except RecursionError:
        what, at, path = reasons.TOO_DEEP, c.at, ""
    else:
        if c.at == c.end:
            return value, None
        what, at, path = f"{c.end - c.at} bytes are left over after the value", c.at, ""
    refused = DecodeError(what, position=at, path=path, hint=hint)
    refused.__cause__ = cause
    return None, refused

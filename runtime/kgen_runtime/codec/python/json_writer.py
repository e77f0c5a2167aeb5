"""The JSON writer in plain Python, if no C compiler was: nodes, results, errors as in `_json_writer.pyx`."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import Any

from ...errors import EncodeError
from ..foreign import own_bool, own_number
from ..json import json_reasons
from ..json.json_build import LEFT_OUT_IF_ABSENT, REQUIRED, ConstantKey, constant_key
from ..json.json_pointers import json_pointer
from ..json.json_refusals import (
    MISSING,
    NOT_SET,
    JsonRefusedError,
    named_twice,
    no_branch,
    no_extras,
    place_refusal,
    unwanted,
)
from ..json.json_scalar_forms import text_of_any
from ..values import ABSENT
from .json_output import JsonOut, dict_entries, list_items
from .json_writer_leaves import JsonConstantWriterNode as JsonConstantWriterNode
from .json_writer_leaves import JsonEnumWriterNode as JsonEnumWriterNode
from .json_writer_leaves import JsonWriterNode
from .json_writer_leaves import json_scalar_writer as json_scalar_writer


class JsonAnythingWriterNode(JsonWriterNode):
    """Any value that JSON has: None, a bool, int, float or str, or a list or dict of such."""

    def takes(self, value: Any) -> bool:
        """Whether the value is of a type that JSON has."""
        own = own_bool(own_number(value))
        return own is None or isinstance(own, bool | int | float | str | list | tuple | dict)

    def write(self, out: JsonOut, value: Any) -> None:
        """Add the value."""
        if isinstance(value, dict):
            write_entries(out, dict_entries(value).items(), self)
        elif isinstance(value, list | tuple):
            write_items(out, list_items(value), (), self)
        else:
            out.add(_any_scalar, value)


def _any_scalar(value: Any) -> bytes:
    text = text_of_any(value)
    if text is None:
        raise unwanted("what JSON has a type for", value)
    return text


class JsonNothingWriterNode(JsonWriterNode):
    """No value."""

    def takes(self, value: Any) -> bool:
        """Never."""
        return False

    def write(self, out: JsonOut, value: Any) -> None:
        """Refuse."""
        raise JsonRefusedError(json_reasons.NO_VALUE)


class JsonListWriterNode(JsonWriterNode):
    """An array."""

    def __init__(self, items: JsonWriterNode) -> None:
        self.items = items

    def takes(self, value: Any) -> bool:
        """Whether it is a list or a tuple."""
        return isinstance(value, list | tuple)

    def write(self, out: JsonOut, value: Any) -> None:
        """Add the items."""
        if not isinstance(value, list | tuple):
            raise unwanted("list", value)
        write_items(out, list_items(value), (), self.items)


class JsonTupleWriterNode(JsonWriterNode):
    """An array whose first items have nodes of their own; `rest` is that of more, or None."""

    def __init__(self, items: tuple[JsonWriterNode, ...], rest: JsonWriterNode | None) -> None:
        self.items = items
        self.rest = rest

    def takes(self, value: Any) -> bool:
        """Whether it is a list or a tuple."""
        return isinstance(value, list | tuple)

    def write(self, out: JsonOut, value: Any) -> None:
        """Add the items."""
        if not isinstance(value, list | tuple):
            raise unwanted("list", value)
        write_items(out, list_items(value), self.items, self.rest)


class JsonMapWriterNode(JsonWriterNode):
    """An object whose names are data."""

    def __init__(self, values: JsonWriterNode) -> None:
        self.values = values

    def takes(self, value: Any) -> bool:
        """Whether it is a dict."""
        return isinstance(value, dict)

    def write(self, out: JsonOut, value: Any) -> None:
        """Add the entries."""
        if not isinstance(value, dict):
            raise unwanted("dict", value)
        write_entries(out, dict_entries(value).items(), self.values)


class JsonOptionalWriterNode(JsonWriterNode):
    """null, or `inner`."""

    def __init__(self, inner: JsonWriterNode) -> None:
        self.inner = inner

    def takes(self, value: Any) -> bool:
        """Whether it is None, or of the inner type."""
        return value is None or self.inner.takes(value)

    def write(self, out: JsonOut, value: Any) -> None:
        """Add null or the inner value."""
        if value is None:
            out.data += b"null"
        else:
            self.inner.write(out, value)


class JsonObjectWriterNode(JsonWriterNode):
    """An object: of `cls` by its attributes, or a dict by the names of the properties."""

    def __init__(self, name: str, cls: type[Any] | None, attributes: tuple[str, ...], plain: bool) -> None:
        self.cls = cls
        self.title = name if cls is None else cls.__qualname__
        self.attributes = attributes

    def fill(
        self,
        fields: tuple[tuple[str, JsonWriterNode, int], ...],
        further: JsonWriterNode | None,
        attribute: str | None,
        closed: bool,
    ) -> None:
        """See `json_build`."""
        names = [name for name, _, _ in fields]
        self.fields = [(*field, attribute) for field, attribute in zip(fields, self.attributes or names)]
        self.names = frozenset(names)
        self.further = further
        self.attribute = attribute

    def takes(self, value: Any) -> bool:
        """Whether it is of the class, or a dict."""
        return isinstance(value, dict) or (self.cls is not None and isinstance(value, self.cls))

    def write(self, out: JsonOut, value: Any) -> None:
        """Add the properties that are present."""
        out.enter()
        out.data += b"{"
        if self.cls is not None and isinstance(value, self.cls):
            self._object(out, value)
        elif isinstance(value, dict):
            self._dict(out, dict_entries(value))
        else:
            raise unwanted("dict" if self.cls is None else self.title, value)
        out.close(b"}")

    def _object(self, out: JsonOut, value: Any) -> None:
        for name, node, presence, attribute in self.fields:
            try:
                held = _attribute(value, attribute)
                if _is_present(held, presence):
                    out.key(name)
                    node.write(out, held)
            except Exception as error:
                place_refusal(error, name)
                raise
        if self.attribute is not None:
            self._extras(out, _attribute(value, self.attribute))

    def _extras(self, out: JsonOut, value: Any) -> None:
        if not isinstance(value, dict):
            raise no_extras(self.attribute or "", value)
        for name, held in dict_entries(value).items():
            try:
                if name in self.names:
                    raise named_twice(self.attribute or "")
                out.key(name)
                self.further.write(out, held)  # type: ignore[union-attr]  # what has extras has their type
            except Exception as error:
                place_refusal(error, name)
                raise

    def _dict(self, out: JsonOut, value: dict[Any, Any]) -> None:
        for name, node, presence, _ in self.fields:
            try:
                if name not in value and presence == REQUIRED:
                    raise JsonRefusedError(MISSING)
                if name in value and _is_present(value[name], presence):
                    out.key(name)
                    node.write(out, value[name])
            except Exception as error:
                place_refusal(error, name)
                raise
        for name in value:
            if name not in self.names:
                self._unnamed(out, name, value[name])

    def _unnamed(self, out: JsonOut, name: Any, value: Any) -> None:
        try:
            if self.further is None and isinstance(name, str):
                raise JsonRefusedError(json_reasons.unknown_property(name))
            out.key(name)
            self.further.write(out, value)  # type: ignore[union-attr]  # a name is a string, or refused
        except Exception as error:
            place_refusal(error, name)
            raise


def _is_present(value: Any, presence: int) -> bool:
    """Whether a property is written."""
    if presence == REQUIRED:
        return True
    return value is not ABSENT and (presence == LEFT_OUT_IF_ABSENT or value is not None)


def _attribute(value: Any, name: str) -> Any:
    try:
        return getattr(value, name)
    except AttributeError:
        raise JsonRefusedError(NOT_SET) from None


class JsonUnionWriterNode(JsonWriterNode):
    """One of several branches: by its class, or else the first that takes the value and all that it holds."""

    def __init__(
        self,
        branches: tuple[JsonWriterNode, ...],
        required: tuple[tuple[str, ...], ...],
        tag: str | None,
        tags: dict[ConstantKey, int],
        title: str,
    ) -> None:
        self.branches = branches
        self.title = title
        self.tag = tag
        self.tags = {key: branches[number] for key, number in tags.items()}
        self.by_class: dict[type[Any], JsonWriterNode] = {}
        for node in branches:
            cls = getattr(node, "cls", None)
            if cls is not None:
                self.by_class.setdefault(cls, node)
        tagged = set(tags.values())
        self.untagged = [node for number, node in enumerate(branches) if number not in tagged]
        order = sorted(range(len(branches)), key=lambda number: -len(set(required[number])))
        self.by_names = [(branches[number], frozenset(required[number])) for number in order]

    def takes(self, value: Any) -> bool:
        """Whether a branch does."""
        return self._of_class(value) is not None or any(node.takes(value) for node in self.branches)

    def write(self, out: JsonOut, value: Any) -> None:
        """Add the value."""
        node = self._of_class(value)
        if node is not None:
            node.write(out, value)
            return
        fitting = [node for node in self._branches(value) if node.takes(value)]
        if not fitting:
            raise unwanted(f"one of {self.title}", value)
        if len(fitting) == 1:
            fitting[0].write(out, value)
        elif not any(_fits(out, node, value) for node in fitting):
            raise no_branch(self.title)

    def _of_class(self, value: Any) -> JsonWriterNode | None:
        """The branch of the value's class, or of its nearest base class."""
        found = (self.by_class.get(cls) for cls in type(value).__mro__)
        return next((node for node in found if node is not None), None)

    def _branches(self, value: Any) -> Iterable[JsonWriterNode]:
        """The branches to look at, of which a dict has its own by its tag or its names."""
        if not isinstance(value, dict):
            return self.branches
        entries = dict_entries(value)
        if self.tag is None or self.tag not in entries:
            return [node for node, required in self.by_names if required <= entries.keys()]
        held = entries[self.tag]
        held = held.value if isinstance(held, enum.Enum) else held
        key = constant_key(held) if held is None or isinstance(held, bool | int | float | str) else None
        return [self.tags[key]] if key is not None and key in self.tags else self.untagged


def _fits(out: JsonOut, node: JsonWriterNode, value: Any) -> bool:
    """Write the value as this branch, or take back what was written of it."""
    start, depth = len(out.data), out.depth
    try:
        node.write(out, value)
    except Exception as error:
        if isinstance(error, MemoryError) or not getattr(error, "misfit", True):
            raise
    else:
        return True
    out.take_back(start, depth)
    return False


def write_items(
    out: JsonOut, items: tuple[Any, ...], nodes: tuple[JsonWriterNode, ...], rest: JsonWriterNode | None
) -> None:
    """Add an array, the first items by `nodes`."""
    out.enter()
    out.data += b"["
    for index, item in enumerate(items):
        node = nodes[index] if index < len(nodes) else rest
        try:
            if node is None:
                raise JsonRefusedError(json_reasons.NO_MORE_ITEMS)
            if index:
                out.data += b","
            node.write(out, item)
        except Exception as error:
            place_refusal(error, index)
            raise
    out.close(b"]")


def write_entries(out: JsonOut, entries: Iterable[tuple[Any, Any]], node: JsonWriterNode) -> None:
    """Add an object of entries."""
    out.enter()
    out.data += b"{"
    for name, value in entries:
        try:
            out.key(name)
            node.write(out, value)
        except Exception as error:
            place_refusal(error, name)
            raise
    out.close(b"}")


class JsonNodeWriter:
    """Encodes with a tree of nodes. Its methods are those of `codec.ValueWriter`."""

    def __init__(self, root: JsonWriterNode) -> None:
        self._root = root

    def encode(self, value: Any, prefix: bytes = b"") -> bytes:
        """`prefix` and then the value as JSON. Raises `EncodeError`."""
        out = JsonOut(prefix)
        try:
            self._write(out, value)
        except JsonRefusedError as error:
            raise EncodeError(error.why, path=json_pointer(error.parts)) from error.cause
        return bytes(out.data)

    def pack(self, value: Any) -> bytes | None:
        """See `codec.ValueWriter.pack`."""
        return None

    def _write(self, out: JsonOut, value: Any) -> None:
        try:
            self._root.write(out, value)
        except Exception as error:
            place_refusal(error)
            raise

"""Layouts as types of Arrow, and what is taken of columns as arrays: by their buffers, nothing is copied."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from ..codec.avro.column_layout import Layout

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped,import-not-found,unused-ignore]

DURATION: Final = ("months", "days", "millis")

_SIMPLE: Final[Mapping[str, Callable[[Any], Any]]] = {
    "null": lambda pa: pa.null(),
    "boolean": lambda pa: pa.bool_(),
    "int": lambda pa: pa.int32(),
    "long": lambda pa: pa.int64(),
    "float": lambda pa: pa.float32(),
    "double": lambda pa: pa.float64(),
    "string": lambda pa: pa.string(),
    "bytes": lambda pa: pa.binary(),
    "json": lambda pa: pa.string(),
    "decimal-text": lambda pa: pa.string(),
    "uuid": lambda pa: pa.binary(16),
    "date": lambda pa: pa.date32(),
    "time-millis": lambda pa: pa.time32("ms"),
    "time-micros": lambda pa: pa.time64("us"),
    "timestamp-millis": lambda pa: pa.timestamp("ms", "UTC"),
    "timestamp-micros": lambda pa: pa.timestamp("us", "UTC"),
    "timestamp-nanos": lambda pa: pa.timestamp("ns", "UTC"),
    "local-timestamp-millis": lambda pa: pa.timestamp("ms"),
    "local-timestamp-micros": lambda pa: pa.timestamp("us"),
    "local-timestamp-nanos": lambda pa: pa.timestamp("ns"),
    "duration": lambda pa: pa.struct([(name, pa.uint32()) for name in DURATION]),
    "enum": lambda pa: pa.dictionary(pa.int32(), pa.string()),
}


def arrow_type(layout: Layout, *, listed: bool = False) -> pa.DataType:
    """The type of a column. All that stands in others may be null, so that a null may have nulls inside.

    `listed`: of the items of a list or map, where pandas has no use for bytes of one size.
    """
    import pyarrow as pa

    if listed and layout.shape in ("fixed", "uuid"):
        return pa.binary()
    if layout.shape in _SIMPLE:
        made: pa.DataType = _SIMPLE[layout.shape](pa)
        return made
    if layout.shape == "fixed":
        return pa.binary(layout.size)
    if layout.shape == "decimal":
        kind = pa.decimal128 if layout.width == 16 else pa.decimal256
        return kind(layout.precision, layout.scale)
    lists = layout.shape in ("list", "map")
    children = [arrow_type(child, listed=lists) for child in layout.children]
    if layout.shape == "list":
        return pa.list_(children[0])
    if layout.shape == "map":
        return pa.map_(pa.string(), children[0])
    return pa.struct([pa.field(name, kind) for name, kind in zip(layout.names, children)])


def arrow_array(layout: Layout, taken: tuple[int, int, list[Any], list[Any]]) -> pa.Array:
    """The array of what a column gave."""
    import pyarrow as pa

    length, nulls, given, inner = taken
    kind = arrow_type(layout)
    buffers = [None if buffer is None else pa.py_buffer(buffer) for buffer in given]
    if layout.shape == "enum":
        places = pa.Array.from_buffers(pa.int32(), length, buffers, nulls)
        return pa.DictionaryArray.from_arrays(places, pa.array(layout.symbols, pa.string()))
    if layout.shape == "duration":
        parts = [_plain(pa.uint32(), part) for part in inner]
        return pa.Array.from_buffers(kind, length, buffers, nulls, children=parts)
    if layout.shape == "map":
        keys, values = _plain(pa.string(), inner[0]), _listed(layout.children[0], inner[1])
        entries = pa.StructArray.from_arrays([keys, values], fields=[kind.key_field, kind.item_field])
        return pa.Array.from_buffers(kind, length, buffers, nulls, children=[entries])
    made = _listed if layout.shape == "list" else arrow_array
    children = [made(child, part) for child, part in zip(layout.children, inner)]
    return pa.Array.from_buffers(kind, length, buffers, nulls, children=children or None)


def _listed(layout: Layout, taken: tuple[int, int, list[Any], list[Any]]) -> pa.Array:
    made = arrow_array(layout, taken)
    wanted = arrow_type(layout, listed=True)
    return made if made.type == wanted else made.cast(wanted)


def _plain(kind: pa.DataType, taken: tuple[int, int, list[Any], list[Any]]) -> pa.Array:
    import pyarrow as pa

    length, nulls, given, _ = taken
    buffers = [None if buffer is None else pa.py_buffer(buffer) for buffer in given]
    return pa.Array.from_buffers(kind, length, buffers, nulls)

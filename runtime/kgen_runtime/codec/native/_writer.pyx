# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The native writer: a tree of nodes, each of which writes its value to a growing buffer.

A value that does not fit raises `Refused`, to which containers add their part of the field path on its way out. `fit` says how
well a value suits a branch of a union: EXACT, ACCEPTED, ROUNDED (a whole number that would lose digits) or NOT.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.ref cimport Py_XDECREF, PyObject
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

import datetime as dt
import enum
import uuid
from decimal import Decimal

from ...errors import EncodeError
from ..branches import OfBranch
from ..decimals import number_bytes, unscaled, unscaled_big
from ..varint import zigzag
from ..foreign import own_bool, own_number
from ..limits import ITEMS, ITEMS_PER_BYTE, MAX_DEPTH
from ..ranges import is_beyond, is_beyond_decimal, raw_decimal, raw_number, type_title
from ..error_texts import refusal_text, shown
from ..field_paths import field_path
from ..values import Duration, LocalTimestampNanos, OutOfRange, TimestampNanos

include "writer_buffer.pxi"
include "writer_leaves.pxi"
include "writer_containers.pxi"


cdef dict TIMES = {"time-millis": 1000, "time-micros": 1}
cdef dict STAMPS = {
    "timestamp-millis": (1000, True),
    "timestamp-micros": (1, True),
    "local-timestamp-millis": (1000, False),
    "local-timestamp-micros": (1, False),
}
cdef dict NANOS = {"timestamp-nanos": (TimestampNanos, True), "local-timestamp-nanos": (LocalTimestampNanos, False)}
cdef dict SIMPLE = {
    "null": NullNode,
    "boolean": BooleanNode,
    "float": FloatNode,
    "double": DoubleNode,
    "string": StringNode,
    "date": DateNode,
    "duration": DurationNode,
}


def scalar(str kind, Py_ssize_t size, precision, scale):
    """The node for a primitive or logical type; `size` of a fixed or -1."""
    if kind in SIMPLE:
        return SIMPLE[kind]()
    if kind in ("int", "long"):
        return IntegerNode(32 if kind == "int" else 64)
    if kind in ("bytes", "fixed"):
        return BytesNode(size)
    if kind in TIMES:
        return TimeNode(kind, TIMES[kind])
    if kind in STAMPS:
        return TimestampNode(kind, *STAMPS[kind])
    if kind in NANOS:
        return NanosNode(*NANOS[kind])
    if kind == "uuid":
        return UuidNode(size < 0)
    return (BigDecimalNode if kind == "big-decimal" else DecimalNode)(size, precision, scale)


cdef class NodeWriter:
    """Encodes with a tree of nodes. Its methods are those of `codec.ValueWriter`."""

    cdef WriterNode root

    def __init__(self, WriterNode root not None):
        self.root = root

    def encode(self, value, bytes prefix not None=b""):
        """`prefix` and then the value in Avro binary. Raises `EncodeError`."""
        cdef uint8_t small[SMALL]
        cdef Out out
        begin(&out, small)
        out.depth = DEPTH
        try:
            put(&out, PyBytes_AS_STRING(prefix), PyBytes_GET_SIZE(prefix))
            self.root.write(&out, value)
            return finished(&out)
        except Exception as error:
            if isinstance(error, MemoryError):
                raise
            found = refused(error, None)
            raise EncodeError(found.why, path=field_path(found.parts)) from found.cause
        finally:
            put_away(&out)

    def pack(self, value):
        """See `codec.ValueWriter.pack`."""
        cdef Exact held
        held.depth = DEPTH
        held.items = 0
        root = self.root
        if not isinstance(root, RecordWriterNode) or not (<RecordWriterNode>root).fields_exact(value, &held):
            return None
        try:
            data = self.encode(value)
        except EncodeError:
            return None
        return data if held.items <= ITEMS + ITEMS_PER_BYTE * len(data) else None

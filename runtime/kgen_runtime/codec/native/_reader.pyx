# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The native reader: a tree of nodes, each of which reads its value at the cursor and moves the cursor on.

Nodes work below Python's exceptions: `read` gives a new reference or NULL, `skip` gives 0 or -1, and the reason stands in
`Cursor.what` with the cursor where it failed; or a Python exception is set (memory, a constructor of the user's). Containers
add their part of the field path on the way out, so a message that decodes pays nothing for the path. The cursor's bounds are
checked before every access. Memory: nothing is allocated from a count in the data beyond `PREALLOCATE` items, and what
takes memory but few bytes or none (nulls in an array, records, defaults) is counted against a budget per message (`limits.ITEMS`).
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_Check, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.exc cimport PyErr_Clear, PyErr_Occurred
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.ref cimport Py_INCREF, Py_XDECREF, PyObject
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t, uint8_t
from libc.string cimport memcmp, memcpy

import decimal
import uuid

from ...errors import DecodeError
from .. import reasons
from ..branches import of_branch
from ..decoded import Decoded
from ..decimals import EXACT as EXACT_CONTEXT, TooLongError, bound, number_size
from ..limits import CELLS, CELLS_PER_BYTE, DECIMAL_BYTES, ITEMS, ITEMS_PER_BYTE, MAX_DEPTH
from ..ranges import BeyondError, decimal_outside, number_outside
from ..error_texts import refusal_text
from ..field_paths import field_path
from ..slotted_classes import is_alone
from ..uuids import uuid_of_text
from ..values import Duration, LocalTimestampNanos, TimestampNanos

include "reader_cursor.pxi"
include "reader_leaves.pxi"
include "reader_containers.pxi"
include "reader_records.pxi"
include "column_buffers.pxi"
include "column_nodes.pxi"


def scalar(str kind, bint narrow, Py_ssize_t size, precision, scale, bint keeps=False):
    """The node for a primitive or logical type; `narrow` where it was written as an int, `size` of a fixed or -1. `keeps`: what
    Python has no value for is read as an `OutOfRange`.
    """
    if kind == "null":
        return NullNode()
    if kind == "boolean":
        return BooleanNode()
    if kind in ("int", "long"):
        return LongNode(narrow)
    if kind == "float":
        return FloatNode()
    if kind == "double":
        return DoubleNode()
    if kind in ("bytes", "fixed"):
        return BlobNode(size)
    if kind == "string":
        return StringNode(-1)
    return logical(kind, narrow, size, precision, scale, keeps)


cdef dict TIMES = {"time-millis": 1000, "time-micros": 1}
cdef dict STAMPS = {
    "timestamp-millis": (1000, True),
    "timestamp-micros": (1, True),
    "local-timestamp-millis": (1000, False),
    "local-timestamp-micros": (1, False),
}
cdef dict NANOS = {
    "timestamp-nanos": (TimestampNanos, 1),
    "timestamp-millis-as-nanos": (TimestampNanos, 1000000),
    "timestamp-micros-as-nanos": (TimestampNanos, 1000),
    "local-timestamp-nanos": (LocalTimestampNanos, 1),
    "local-timestamp-millis-as-nanos": (LocalTimestampNanos, 1000000),
    "local-timestamp-micros-as-nanos": (LocalTimestampNanos, 1000),
}


cdef Node logical(str kind, bint narrow, Py_ssize_t size, precision, scale, bint keeps):
    if kind == "integer-as-float":
        return AsFloatNode(narrow)
    if kind == "integer-as-double":
        return AsDoubleNode(narrow)
    if kind == "date":
        return DateNode(narrow, number_outside(kind, keeps))
    if kind in TIMES:
        return TimeNode(narrow, number_outside(kind, keeps), TIMES[kind])
    if kind in STAMPS:
        return TimestampNode(narrow, number_outside(kind, keeps), *STAMPS[kind])
    if kind in NANOS:
        return NanosNode(narrow, number_outside(kind, keeps), *NANOS[kind])
    if kind in ("timestamp-nanos-as-datetime", "local-timestamp-nanos-as-datetime"):
        return FromNanosNode(narrow, kind[0] != "l")
    if kind == "decimal":
        return DecimalNode(size, precision, scale, decimal_outside(precision, scale, keeps))
    return {"big-decimal": BigDecimalNode, "uuid": UuidNode, "duration": DurationNode}[kind](size)


cdef object ZERO = 0


cdef class NodeReader:
    """Decodes with a tree of nodes. Its methods are those of `codec.Reader`."""

    cdef Node root
    cdef int max_depth
    cdef bint whole

    def __init__(self, Node root not None, int max_depth, bint whole):
        self.root = root
        self.max_depth = max_depth
        self.whole = whole

    def decode(self, data, offset=0):
        """One value from `data[offset:]`. Raises `DecodeError`."""
        cdef Cursor c
        # What is too large is clipped. The default takes no call: this runs for each message.
        value = self.attempt(&c, data, 0 if offset is ZERO else PyNumber_AsSsize_t(offset, NULL))
        if c.error != NULL:
            raise take_error(&c)
        return value

    def decode_many(self, batch, offset=0):
        """See `codec.Reader.decode_many`."""
        cdef Cursor c
        cdef list values = []
        cdef dict errors = None
        cdef Py_ssize_t start = PyNumber_AsSsize_t(offset, NULL)
        for data in batch:
            values.append(self.attempt(&c, data, start))
            if c.error != NULL:
                if errors is None:
                    errors = {}
                errors[len(values) - 1] = take_error(&c)
        return Decoded(values) if errors is None else Decoded(values, errors)

    cdef object attempt(self, Cursor *c, object data, Py_ssize_t offset):
        """A value; None with a `DecodeError` in `Cursor.error` if it does not decode. The cursor is made here."""
        cdef PyObject *made
        cdef const uint8_t *start
        cdef object value
        if not PyBytes_Check(data):
            raise TypeError(f"a payload must be bytes, not {type(data).__name__}")
        c.error = NULL
        start = <const uint8_t *>PyBytes_AS_STRING(data)
        c.end = start + PyBytes_GET_SIZE(data)
        if offset < 0 or offset > PyBytes_GET_SIZE(data):
            return refuse(c, DecodeError(ENDS, position=PyBytes_GET_SIZE(data)))
        c.at = start + offset
        c.depth = self.max_depth
        c.items = FREE_ITEMS + BYTE_ITEMS * (c.end - c.at)
        c.what = NULL
        c.path = NULL
        made = self.root.read(c)
        if made == NULL:
            return refuse(c, failure(c, c.at - start))
        value = <object>made
        Py_DECREF(made)
        if c.at != c.end and self.whole:
            what = f"{c.end - c.at} bytes are left over after the value"
            return refuse(c, DecodeError(what, position=c.at - start))
        return value


include "decode_failures.pxi"

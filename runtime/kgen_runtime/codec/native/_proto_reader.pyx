# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The native reader of Protobuf: a tree of nodes, each of which reads its value at the cursor and moves the cursor on.

Nodes work below Python's exceptions: `read` gives a new reference or NULL, and the reason stands in `Cursor.what` with the cursor
where it failed; or a Python exception is set (memory, a constructor of the user's). Containers add their part of the field path on
the way out, so a message that decodes pays nothing for it. The cursor's bounds are checked before every access; `end` is that of
the message that is read, which lies in those around it. Memory: nothing is allocated from a length in the data that the data does
not have, and what takes memory but few bytes (messages, their lists) is counted against a budget per payload (`limits.ITEMS`).
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_Check, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.exc cimport PyErr_Clear, PyErr_Occurred
from cpython.mem cimport PyMem_Free, PyMem_Malloc, PyMem_Realloc
from cpython.ref cimport Py_INCREF, Py_XDECREF, Py_XINCREF, PyObject
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t, uint8_t
from libc.string cimport memcpy, memset

from ...errors import DecodeError, EncodeError
from .. import reasons
from ..decoded import Decoded
from ..error_texts import refusal_text
from ..field_paths import field_path
from ..limits import ITEMS, ITEMS_PER_BYTE
from ..protobuf import proto_reasons
from ..protobuf.proto_build import UNSET
from ..protobuf.proto_shapes import PACKED as PACKED_SHAPE, REPEATED as REPEATED_SHAPE
from ..protobuf.schema.proto_tree import WRAPPERS
from ..protobuf.well_known_values import (
    END_SECOND as SECONDS_END,
    FIRST_SECOND as SECONDS_BEGIN,
    MOST_SECONDS as SPAN_SECONDS,
    date_value,
    decimal_value,
    duration_value,
    timestamp_value,
)
from ..ranges import BeyondError
from ..slotted_classes import is_alone, is_plain
from ..values import ABSENT, AnyMessage, OutOfRange
from ._proto_writer import ProtoNodeWriter, proto_well_known_writer

include "proto_cursor.pxi"
include "proto_scalars.pxi"
include "proto_containers.pxi"
include "proto_messages.pxi"
include "proto_known.pxi"
include "proto_structs.pxi"


cdef dict SCALARS = {
    "int32": Int32Node,
    "int64": Int64Node,
    "uint32": UInt32Node,
    "uint64": UInt64Node,
    "sint32": SInt32Node,
    "sint64": SInt64Node,
    "bool": BoolNode,
    "fixed32": NarrowNode,
    "sfixed32": SFixed32Node,
    "float": FloatNode,
    "fixed64": WideNode,
    "sfixed64": SFixed64Node,
    "double": DoubleNode,
    "bytes": BytesNode,
    "string": StringNode,
}


def proto_scalar(str kind, bint checked):
    """The node of a scalar type. `checked`: a string has to be UTF-8."""
    return UncheckedStringNode() if kind == "string" and not checked else SCALARS[kind]()


cdef dict KNOWN = {
    "google.protobuf.Timestamp": TimestampNode,
    "google.protobuf.Duration": DurationNode,
    "google.protobuf.Any": AnyMessageNode,
    "google.type.Date": CivilDateNode,
    "confluent.type.Decimal": ProtoDecimalNode,
}
cdef dict PLAIN = {
    "google.protobuf.Struct": StructNode,
    "google.protobuf.Value": PlainNode,
    "google.protobuf.ListValue": ListValueNode,
}


def proto_well_known(str name, bint keeps):
    """The node of a message with a Python type of its own. `keeps`: what that has no value for is read as an `OutOfRange`."""
    return PLAIN[name]() if name in PLAIN else KNOWN.get(name, WrapperNode)(name, keeps)


cdef object ZERO = 0


cdef class ProtoNodeReader:
    """Decodes with a tree of nodes. Its methods are those of `codec.Reader`."""

    cdef BodyNode root
    cdef int max_depth

    def __init__(self, BodyNode root not None, int max_depth):
        self.root = root
        self.max_depth = max_depth

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
        if not PyBytes_Check(data):
            raise TypeError(f"a payload must be bytes, not {type(data).__name__}")
        c.what = c.path = c.error = NULL
        c.kept = NULL
        start = <const uint8_t *>PyBytes_AS_STRING(data)
        c.end = start + PyBytes_GET_SIZE(data)
        if offset < 0 or offset > PyBytes_GET_SIZE(data):
            return refuse(c, DecodeError(ENDS, position=PyBytes_GET_SIZE(data)))
        c.at = c.tag_at = start + offset
        c.tag = SIZED
        c.depth = self.max_depth
        c.items = FREE_ITEMS + BYTE_ITEMS * (c.end - c.at)
        made = self.root.body(c, NULL, 0)
        if made == NULL:
            return refuse(c, failure(c, c.at - start))
        value = <object>made
        Py_DECREF(made)
        return value


include "decode_failures.pxi"

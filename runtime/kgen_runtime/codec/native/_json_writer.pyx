# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The native writer of JSON: a tree of nodes, each of which writes its value to a growing buffer.

A value that does not fit raises `JsonRefusedError`, to which containers add their part of the JSON pointer on its way out. `takes`
says whether a value is of a Python type that a node writes: by that unions choose.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.ref cimport Py_XDECREF, PyObject
from libc.stdint cimport int64_t, uint64_t, uint8_t
from libc.string cimport memcpy

import datetime as dt
import enum
import uuid
from decimal import Decimal

from ...errors import EncodeError
from ..foreign import own_bool, own_number
from ..json.json_build import LEFT_OUT_IF_NONE, REQUIRED, constant_key
from ..json.json_forms import LONE_SURROGATE, text_of_constant, text_of_string
from ..json.json_pointers import json_pointer
from ..json.json_reasons import NO_MORE_ITEMS, NO_VALUE, unknown_property
from ..json.json_refusals import (
    MISSING,
    NOT_SET,
    TOO_DEEP,
    TOO_LONG,
    JsonRefusedError,
    named_twice,
    no_branch,
    no_constant,
    no_extras,
    no_name,
    no_symbol,
    place_refusal,
    unwanted,
)
from ..json.json_scalar_forms import json_scalar_form, text_of_any
from ..json.json_texts import UnfitTextError
from ..limits import ITEMS, ITEMS_PER_BYTE, MAX_DEPTH
from ..values import ABSENT, Duration

cdef int REQUIRED_PRESENCE = REQUIRED
cdef int IF_NOT_NONE = LEFT_OUT_IF_NONE

include "json_output.pxi"
include "json_writer_scalars.pxi"
include "json_writer_containers.pxi"
include "json_writer_objects.pxi"
include "json_writer_unions.pxi"


cdef dict SCALARS = {
    "null": NullNode,
    "boolean": BooleanNode,
    "integer": IntegerNode,
    "number": NumberNode,
    "string": StringNode,
    "date": DateNode,
    "time": TimeNode,
    "date-time": DateTimeNode,
    "uuid": UuidNode,
    "base64": Base64Node,
    "date-days": DaysNode,
    "time-millis": TimeMillisNode,
    "timestamp-millis": TimestampMillisNode,
}


def json_scalar_writer(str kind, scale):
    """The node of a scalar type: see `json_build.scalar_kind`."""
    return SCALARS.get(kind, ScalarNode)(json_scalar_form(kind, scale))


cdef class JsonNodeWriter:
    """Encodes with a tree of nodes. Its methods are those of `codec.ValueWriter`."""

    cdef JsonWriterNode root

    def __init__(self, JsonWriterNode root not None):
        self.root = root

    def encode(self, value, bytes prefix not None=b""):
        """`prefix` and then the value as JSON. Raises `EncodeError`."""
        cdef uint8_t small[SMALL]
        cdef Out out
        begin(&out, small)
        out.depth = DEPTH
        out.longest = out.taken_back = 0
        try:
            put_bytes(&out, prefix)
            self.write(&out, value)
            return finished(&out)
        except JsonRefusedError as error:
            raise EncodeError(error.why, path=json_pointer(error.parts)) from error.cause
        finally:
            put_away(&out)

    cdef int write(self, Out *out, object value) except -1:
        try:
            return self.root.write(out, value)
        except Exception as error:
            place_refusal(error)
            raise

    def pack(self, value):
        """See `codec.ValueWriter.pack`."""
        return None

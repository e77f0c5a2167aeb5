# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The native writer of Protobuf: a tree of nodes, each of which writes its value to a growing buffer.

A value that does not fit raises `RefusedValueError`, to which containers add their part of the field path on its way out. A length
stands before what it is of: one byte is left for it, and what was written moves if it takes more. What is not of the plain Python
type of its field is left to the writer in plain Python: it knows what else is taken, and why the rest is not.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_Check, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.ref cimport Py_XDECREF, PyObject
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t, uint8_t
from libc.string cimport memcpy, memmove

from ...errors import EncodeError
from ..error_texts import shown
from ..field_paths import field_path
from ..limits import MAX_DEPTH
from ..protobuf.proto_reasons import MISSING, SEVERAL_MEMBERS, TOO_LONG
from ..protobuf.proto_shapes import EXPLICIT, IMPLICIT, MAP, NULLABLE, PACKED, REQUIRED
from ..protobuf.schema.proto_tree import DURATION, LIST_VALUE, STRUCT, TIMESTAMP, VALUE, WRAPPERS
from ..protobuf.well_known_values import MOST_SECONDS
from ..python.proto_output import (
    ProtoEnumWriterNode as EnumPacker,
    ProtoOut as PlainOut,
    proto_scalar_writer as scalar_packer,
    unwanted_value,
)
from ..python.proto_well_known_writer import FIELDS, packed_keys, proto_well_known_writer as leaf_message_writer
from ..python.writer import RefusedValueError, place_refused
from ..slotted_classes import is_plain
from ..values import ABSENT, OutOfRange

cdef int IMPLICIT_SHAPE = IMPLICIT
cdef int EXPLICIT_SHAPE = EXPLICIT
cdef int REQUIRED_SHAPE = REQUIRED
cdef int PACKED_SHAPE = PACKED
cdef int MAP_SHAPE = MAP
cdef int NULLABLE_SHAPE = NULLABLE
cdef int SPAN_DAYS = MOST_SECONDS // 86400
cdef Py_ssize_t LONGEST_MESSAGE = (1 << 31) - 1
cdef object NOT_SET = "the field is not set"
cdef object TOO_DEEP = f"the value is nested more than {MAX_DEPTH} deep, or holds itself"
cdef PyObject *OUT_OF_RANGE = <PyObject *>OutOfRange  # which its module holds

include "proto_output.pxi"
include "proto_writer_scalars.pxi"
include "proto_writer_messages.pxi"
include "proto_writer_known.pxi"

cdef object TEXT_PACKER = scalar_packer("string", True)
cdef object VALUE_PACKER = leaf_message_writer(VALUE)


cdef dict SCALARS = {
    "int32": (Int32WriterNode, VARINT),
    "int64": (Int64WriterNode, VARINT),
    "uint32": (UInt32WriterNode, VARINT),
    "uint64": (UInt64WriterNode, VARINT),
    "sint32": (SInt32WriterNode, VARINT),
    "sint64": (SInt64WriterNode, VARINT),
    "bool": (BoolWriterNode, VARINT),
    "fixed32": (Fixed32WriterNode, NARROW),
    "sfixed32": (SFixed32WriterNode, NARROW),
    "float": (FloatWriterNode, NARROW),
    "fixed64": (Fixed64WriterNode, WIDE),
    "sfixed64": (SFixed64WriterNode, WIDE),
    "double": (DoubleWriterNode, WIDE),
    "bytes": (BytesWriterNode, SIZED),
    "string": (StringWriterNode, SIZED),
}
cdef dict KNOWN = {
    TIMESTAMP: TimestampWriterNode,
    DURATION: DurationWriterNode,
    **dict.fromkeys(WRAPPERS, WrapperWriterNode),
}
cdef dict PLAIN = {STRUCT: StructWriterNode, VALUE: ValueWriterNode, LIST_VALUE: ListValueWriterNode}


def proto_scalar_writer(str kind, bint checked):
    """The node of a scalar type. `checked`: a string has to be UTF-8."""
    node, wire = SCALARS[kind]
    return node(wire, scalar_packer(kind, checked).pack)


def proto_well_known_writer(str name):
    """The node of a message with a Python type of its own."""
    return PLAIN[name]() if name in PLAIN else KNOWN.get(name, LeafMessageWriterNode)(name)


cdef class ProtoNodeWriter:
    """Encodes with a tree of nodes. Its methods are those of `codec.ValueWriter`."""

    cdef BodyWriterNode root

    def __init__(self, BodyWriterNode root not None):
        self.root = root

    def encode(self, value, bytes prefix not None=b""):
        """`prefix` and then the value. Raises `EncodeError`."""
        cdef uint8_t small[SMALL]
        cdef Out out
        begin(&out, small)
        out.depth = DEPTH
        try:
            put_data(&out, prefix)
            self.write(&out, value)
            if out.size > LONGEST_MESSAGE:
                raise EncodeError(TOO_LONG)
            return finished(&out)
        except RefusedValueError as error:
            raise EncodeError(error.why, path=field_path(error.parts)) from error.cause
        finally:
            put_away(&out)

    cdef int write(self, Out *out, object value) except -1:
        try:
            return self.root.body(out, value)
        except Exception as error:
            place_refused(error)
            raise

    def pack(self, value):
        """See `codec.ValueWriter.pack`."""
        return None

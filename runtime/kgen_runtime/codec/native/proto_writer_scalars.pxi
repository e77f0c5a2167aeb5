"""Nodes that write scalars: numbers, booleans, strings, bytes and enums."""

cdef class ProtoWriterNode:
    """Writes one value of a field behind its tag; `wire` is how it stands there."""

    cdef int wire

    cdef int write(self, Out *out, object value) except -1:
        raise unwanted_value("nothing", value)


cdef class ScalarWriterNode(ProtoWriterNode):
    """A scalar. `pack` makes the bytes of what is not of the plain Python type, or refuses it, as it does in plain Python."""

    cdef readonly object pack

    def __init__(self, int wire, pack):
        self.wire = wire
        self.pack = pack

    cdef int write(self, Out *out, object value) except -1:
        return self.slowly(out, value)

    cdef int slowly(self, Out *out, object value) except -1:
        data = self.pack(value)
        if self.wire == SIZED:
            put_varint(out, PyBytes_GET_SIZE(data))
        return put_data(out, data)


cdef inline bint whole(object value, int64_t *number) except -1:
    """Whether it is a plain int of 64 bits."""
    cdef int overflow = 0
    if not PyLong_CheckExact(value):
        return False
    number[0] = PyLong_AsLongLongAndOverflow(value, &overflow)
    return not overflow


cdef class Int32WriterNode(ScalarWriterNode):
    cdef int write(self, Out *out, object value) except -1:
        cdef int64_t n = 0
        if whole(value, &n) and n == <int32_t>n:
            return put_varint(out, <uint64_t>n)
        return self.slowly(out, value)


cdef class Int64WriterNode(ScalarWriterNode):
    cdef int write(self, Out *out, object value) except -1:
        cdef int64_t n = 0
        if whole(value, &n):
            return put_varint(out, <uint64_t>n)
        return self.slowly(out, value)


cdef class UInt32WriterNode(ScalarWriterNode):
    cdef int write(self, Out *out, object value) except -1:
        cdef int64_t n = 0
        if whole(value, &n) and n == <uint32_t>n:
            return put_varint(out, <uint64_t>n)
        return self.slowly(out, value)


cdef class UInt64WriterNode(ScalarWriterNode):
    cdef int write(self, Out *out, object value) except -1:
        cdef int64_t n = 0
        if whole(value, &n) and n >= 0:
            return put_varint(out, <uint64_t>n)
        return self.slowly(out, value)  # also what is larger than an int64


cdef class SInt32WriterNode(ScalarWriterNode):
    cdef int write(self, Out *out, object value) except -1:
        cdef int64_t n = 0
        if whole(value, &n) and n == <int32_t>n:
            return put_varint(out, kgen_zigzag(n))
        return self.slowly(out, value)


cdef class SInt64WriterNode(ScalarWriterNode):
    cdef int write(self, Out *out, object value) except -1:
        cdef int64_t n = 0
        if whole(value, &n):
            return put_varint(out, kgen_zigzag(n))
        return self.slowly(out, value)


cdef class BoolWriterNode(ScalarWriterNode):
    cdef int write(self, Out *out, object value) except -1:
        if value is True or value is False:
            return put_varint(out, value is True)
        return self.slowly(out, value)


cdef class Fixed32WriterNode(ScalarWriterNode):
    cdef int write(self, Out *out, object value) except -1:
        cdef int64_t n = 0
        if whole(value, &n) and n == <uint32_t>n:
            return put32(out, <uint32_t>n)
        return self.slowly(out, value)


cdef class SFixed32WriterNode(ScalarWriterNode):
    cdef int write(self, Out *out, object value) except -1:
        cdef int64_t n = 0
        if whole(value, &n) and n == <int32_t>n:
            return put32(out, <uint32_t>n)
        return self.slowly(out, value)


cdef class Fixed64WriterNode(ScalarWriterNode):
    cdef int write(self, Out *out, object value) except -1:
        cdef int64_t n = 0
        if whole(value, &n) and n >= 0:
            return put64(out, <uint64_t>n)
        return self.slowly(out, value)


cdef class SFixed64WriterNode(ScalarWriterNode):
    cdef int write(self, Out *out, object value) except -1:
        cdef int64_t n = 0
        if whole(value, &n):
            return put64(out, <uint64_t>n)
        return self.slowly(out, value)


cdef class DoubleWriterNode(ScalarWriterNode):
    cdef int write(self, Out *out, object value) except -1:
        if PyFloat_CheckExact(value):
            return put64(out, kgen_bits_of_double(PyFloat_AS_DOUBLE(value)))
        return self.slowly(out, value)


cdef class FloatWriterNode(ScalarWriterNode):
    cdef int write(self, Out *out, object value) except -1:
        cdef double number
        if PyFloat_CheckExact(value):
            number = PyFloat_AS_DOUBLE(value)
            if -KGEN_FLT_LIMIT < number < KGEN_FLT_LIMIT:
                return put32(out, kgen_bits_of_float(number))
        return self.slowly(out, value)


cdef class BytesWriterNode(ScalarWriterNode):
    cdef int write(self, Out *out, object value) except -1:
        if PyBytes_CheckExact(value):
            put_varint(out, PyBytes_GET_SIZE(value))
            return put_data(out, value)
        return self.slowly(out, value)


cdef class StringWriterNode(ScalarWriterNode):
    cdef int write(self, Out *out, object value) except -1:
        if PyUnicode_CheckExact(value) and put_text(out, value):
            return 0
        return self.slowly(out, value)


cdef int put_text(Out *out, object text) except -1:
    """A str with its length before it: 1; 0 if it has a lone surrogate."""
    cdef const uint8_t *data
    cdef Py_ssize_t size = 0
    if PyUnicode_IS_COMPACT_ASCII(text):
        size = PyUnicode_GET_LENGTH(text)
        data = PyUnicode_1BYTE_DATA(text)
    else:
        try:
            data = <const uint8_t *>PyUnicode_AsUTF8AndSize(text, &size)
        except UnicodeEncodeError:
            return 0
    put_varint(out, size)
    put(out, data, size)
    return 1


cdef class ProtoEnumWriterNode(ProtoWriterNode):
    """See `proto_build`."""

    cdef object cls
    cdef object plain
    cdef frozenset known

    def __init__(self, str name, cls, numbers, frozenset known):
        self.wire = VARINT
        self.cls = cls
        self.known = known
        self.plain = EnumPacker(name, cls, numbers, known)

    cdef int write(self, Out *out, object value) except -1:
        cdef int64_t n = 0
        cdef int overflow = 0
        if self.cls is not None and kgen_type(value) == <PyObject *>self.cls:
            n = PyLong_AsLongLongAndOverflow(value, &overflow)
            if not overflow and n == <int32_t>n and (self.known is None or n in self.known):
                return put_varint(out, <uint64_t>n)
        packed = PlainOut(b"")
        self.plain.write(packed, value)
        return put_data(out, bytes(packed.data))

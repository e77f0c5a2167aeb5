"""Nodes that read scalars: numbers, booleans, strings, bytes and enums."""

cdef const uint8_t *ZEROS = b"\0\0\0\0\0\0\0\0"


cdef class ProtoNode:
    """Reads one value of a field, whose tag was read: how it stands on the wire is one of `wires` (bits).

    `old`: what the field, or the oneof that it is in, was before, or NULL: what merges or is repeated goes on with it, and may
    give it back. A node gives a new reference, NULL, or `UNKNOWN` with the cursor past the value, if that counts as an unknown field.
    """

    cdef int wires

    cdef PyObject *read(self, Cursor *c, PyObject *old) noexcept:
        return bad(c, BAD_TAG)

    cdef PyObject *empty(self, Cursor *c) noexcept:
        """The value of a map's entry that has none: what zeros, or no bytes at all, are read as."""
        cdef const uint8_t *at = c.at
        cdef const uint8_t *end = c.end
        cdef PyObject *value
        c.at = ZEROS
        c.end = ZEROS + 8
        c.tag = SIZED
        value = self.read(c, NULL)
        c.at = at
        c.end = end
        return value


cdef class ScalarNode(ProtoNode):
    """A value that may stand packed: `wire` is how one does."""

    cdef int wire

    cdef int use(self, int wire) except -1:
        self.wire = wire
        self.wires = 1 << wire
        return 0


cdef class VarintNode(ScalarNode):
    def __init__(self):
        self.use(VARINT)


cdef class Int64Node(VarintNode):
    cdef PyObject *read(self, Cursor *c, PyObject *old) noexcept:
        cdef uint64_t n = 0
        if take_varint(c, &n) < 0:
            return NULL
        return PyLong_FromLongLong(<int64_t>n)


cdef class Int32Node(VarintNode):
    cdef PyObject *read(self, Cursor *c, PyObject *old) noexcept:
        cdef uint64_t n = 0
        if take_varint(c, &n) < 0:
            return NULL
        return PyLong_FromLongLong(<int32_t>n)


cdef class UInt64Node(VarintNode):
    cdef PyObject *read(self, Cursor *c, PyObject *old) noexcept:
        cdef uint64_t n = 0
        if take_varint(c, &n) < 0:
            return NULL
        return PyLong_FromUnsignedLongLong(n)


cdef class UInt32Node(VarintNode):
    cdef PyObject *read(self, Cursor *c, PyObject *old) noexcept:
        cdef uint64_t n = 0
        if take_varint(c, &n) < 0:
            return NULL
        return PyLong_FromLongLong(<uint32_t>n)


cdef class SInt64Node(VarintNode):
    cdef PyObject *read(self, Cursor *c, PyObject *old) noexcept:
        cdef uint64_t n = 0
        if take_varint(c, &n) < 0:
            return NULL
        return PyLong_FromLongLong(kgen_unzigzag(n))


cdef class SInt32Node(VarintNode):
    cdef PyObject *read(self, Cursor *c, PyObject *old) noexcept:
        cdef uint64_t n = 0
        if take_varint(c, &n) < 0:
            return NULL
        return PyLong_FromLongLong(kgen_unzigzag(<uint32_t>n))


cdef class BoolNode(VarintNode):
    cdef PyObject *read(self, Cursor *c, PyObject *old) noexcept:
        cdef uint64_t n = 0
        cdef PyObject *value
        if take_varint(c, &n) < 0:
            return NULL
        value = True_ if n else False_
        Py_INCREF(<object>value)
        return value


cdef class WideNode(ScalarNode):
    """fixed64, sfixed64 and double."""

    def __init__(self):
        self.use(WIDE)

    cdef PyObject *read(self, Cursor *c, PyObject *old) noexcept:
        if c.end - c.at < 8:
            return bad(c, ENDS)
        c.at += 8
        return self.make(kgen_get64(c.at - 8))

    cdef PyObject *make(self, uint64_t bits) noexcept:
        return PyLong_FromUnsignedLongLong(bits)


cdef class SFixed64Node(WideNode):
    cdef PyObject *make(self, uint64_t bits) noexcept:
        return PyLong_FromLongLong(<int64_t>bits)


cdef class DoubleNode(WideNode):
    cdef PyObject *read(self, Cursor *c, PyObject *old) noexcept:
        if c.end - c.at < 8:
            return bad(c, ENDS)
        c.at += 8
        return PyFloat_FromDouble(kgen_double_of(kgen_get64(c.at - 8)))


cdef class NarrowNode(ScalarNode):
    """fixed32, sfixed32 and float."""

    def __init__(self):
        self.use(NARROW)

    cdef PyObject *read(self, Cursor *c, PyObject *old) noexcept:
        if c.end - c.at < 4:
            return bad(c, ENDS)
        c.at += 4
        return self.make(kgen_get32(c.at - 4))

    cdef PyObject *make(self, uint32_t bits) noexcept:
        return PyLong_FromLongLong(bits)


cdef class SFixed32Node(NarrowNode):
    cdef PyObject *make(self, uint32_t bits) noexcept:
        return PyLong_FromLongLong(<int32_t>bits)


cdef class FloatNode(NarrowNode):
    cdef PyObject *make(self, uint32_t bits) noexcept:
        return PyFloat_FromDouble(kgen_float_of(bits))


cdef class SizedNode(ScalarNode):
    def __init__(self):
        self.use(SIZED)


cdef class BytesNode(SizedNode):
    cdef PyObject *read(self, Cursor *c, PyObject *old) noexcept:
        cdef Py_ssize_t size = 0
        if take_size(c, &size) < 0:
            return NULL
        c.at += size
        return PyBytes_New(<const char *>c.at - size, size)


cdef PyObject *take_text(Cursor *c, kgen_kept *kept) noexcept:
    """Read a string, which has to be UTF-8. `kept`: those of its place in the schema, or NULL."""
    cdef const uint8_t *start = c.at
    cdef Py_ssize_t size = 0
    cdef PyObject *value
    if take_size(c, &size) < 0:
        return NULL
    value = kgen_text(c.at, size) if kept == NULL else kgen_kept_text(kept, c.at, size)
    if value != NULL:
        c.at += size
        return value
    c.at = start
    if PyErr_ExceptionMatches(PyExc_UnicodeDecodeError):
        PyErr_Clear()
        return bad(c, NOT_UTF8)
    return NULL


cdef class StringNode(SizedNode):
    cdef kgen_kept kept

    def __dealloc__(self):
        kgen_release_kept(&self.kept)

    cdef PyObject *read(self, Cursor *c, PyObject *old) noexcept:
        return take_text(c, &self.kept)


cdef class UncheckedStringNode(SizedNode):
    """A string of proto2: bytes that are not UTF-8 become lone surrogates."""

    cdef PyObject *read(self, Cursor *c, PyObject *old) noexcept:
        cdef const uint8_t *start = c.at
        cdef Py_ssize_t size = 0
        cdef PyObject *value
        if take_size(c, &size) < 0:
            return NULL
        value = PyUnicode_DecodeUTF8(<const char *>c.at, size, b"surrogateescape")
        c.at = start if value == NULL else c.at + size
        return value


cdef class ProtoEnumNode(VarintNode):
    """See `proto_build`. `low` has the values of the smallest numbers."""

    cdef readonly object zero
    cdef dict members
    cdef object make
    cdef tuple low

    def __init__(self, dict members not None, make, zero):
        self.use(VARINT)
        self.members = members
        self.make = make
        self.zero = zero
        low = []
        while len(low) in members:
            low.append(members[len(low)])
        self.low = tuple(low)

    cdef PyObject *read(self, Cursor *c, PyObject *old) noexcept:
        cdef uint64_t n = 0
        cdef const uint8_t *start = c.at
        cdef PyObject *value
        if take_varint(c, &n) < 0:
            return NULL
        if <uint32_t>n < <size_t>PyTuple_GET_SIZE(<PyObject *>self.low):
            value = PyTuple_GET_ITEM(<PyObject *>self.low, <uint32_t>n)
            Py_INCREF(<object>value)
            return value
        value = self.rare(<int32_t>n)
        if value == NULL:
            c.at = start
        return value

    cdef PyObject *rare(self, int32_t number) noexcept:
        try:
            value = self.members.get(number, UNKNOWN_VALUE)
            if value is UNKNOWN_VALUE:
                if self.make is None:
                    return UNKNOWN
                value = self.make(number)
            Py_INCREF(value)
            return <PyObject *>value
        except BaseException as error:
            return raised(error)

    cdef PyObject *empty(self, Cursor *c) noexcept:
        Py_INCREF(self.zero)
        return <PyObject *>self.zero

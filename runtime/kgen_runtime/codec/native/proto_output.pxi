"""C declarations, and the growing buffer that nodes write Protobuf to."""

cdef extern from "_proto.h":
    int kgen_put_varint(uint8_t *out, uint64_t n) noexcept
    int kgen_varint_size(uint64_t n) noexcept
    uint64_t kgen_zigzag(int64_t n) noexcept
    void kgen_set32(uint8_t *at, uint32_t number) noexcept
    void kgen_set64(uint8_t *at, uint64_t number) noexcept
    uint64_t kgen_bits_of_double(double value) noexcept
    uint32_t kgen_bits_of_float(double value) noexcept
    double KGEN_FLT_LIMIT
    int kgen_datetime_import() except -1
    Py_ssize_t kgen_slot_offset(PyObject *cls, PyObject *descriptor) noexcept
    PyObject **KGEN_SLOT(PyObject *instance, Py_ssize_t offset) noexcept
    bint kgen_is_utc(object moment) noexcept
    long long kgen_days(object date) noexcept
    long long kgen_datetime_micros(object moment) noexcept
    bint PyDate_CheckExact(object value) noexcept
    bint PyDateTime_CheckExact(object value) noexcept
    bint PyDelta_CheckExact(object value) noexcept
    int PyDateTime_DELTA_GET_DAYS(object value) noexcept
    int PyDateTime_DELTA_GET_SECONDS(object value) noexcept
    int PyDateTime_DELTA_GET_MICROSECONDS(object value) noexcept
    bint PyLong_CheckExact(object value) noexcept
    bint PyFloat_CheckExact(object value) noexcept
    bint PyUnicode_Check(object value) noexcept
    bint PyUnicode_CheckExact(object value) noexcept
    bint PyBytes_CheckExact(object value) noexcept
    bint PyList_Check(object value) noexcept
    bint PyList_CheckExact(object value) noexcept
    bint PyTuple_Check(object value) noexcept
    bint PyDict_Check(object value) noexcept
    bint PyDict_CheckExact(object value) noexcept
    double PyFloat_AS_DOUBLE(object value) noexcept
    long long PyLong_AsLongLongAndOverflow(object value, int *overflow) except? -1
    unsigned long long PyLong_AsUnsignedLongLong(object value) except? 0xFFFFFFFFFFFFFFFF
    bint PyUnicode_IS_COMPACT_ASCII(object value) noexcept
    const uint8_t *PyUnicode_1BYTE_DATA(object value) noexcept
    Py_ssize_t PyUnicode_GET_LENGTH(object value) noexcept
    const char *PyUnicode_AsUTF8AndSize(object value, Py_ssize_t *size) except NULL
    PyObject *PyDict_GetItemWithError(object items, object key) except? NULL
    Py_ssize_t PyDict_Size(object items) except -1
    int PyDict_Next(object items, Py_ssize_t *at, PyObject **key, PyObject **value) noexcept
    PyObject *kgen_type(object value) noexcept
    PyObject *PyTuple_GET_ITEM(object items, Py_ssize_t index) noexcept
    PyObject *PyList_GET_ITEM(object items, Py_ssize_t index) noexcept
    Py_ssize_t PyList_GET_SIZE(object items) noexcept
    Py_ssize_t PyTuple_GET_SIZE(object items) noexcept

kgen_datetime_import()

cdef int DEPTH = MAX_DEPTH

cdef enum:
    LONGEST = 10  # no varint is longer

cdef enum:
    VARINT = 0
    WIDE = 1  # eight bytes
    SIZED = 2
    GROUP = 3
    GROUP_END = 4
    NARROW = 5  # four bytes

ctypedef struct Out:
    uint8_t *data
    Py_ssize_t size
    Py_ssize_t room
    PyObject *held
    int depth


include "growing_output.pxi"


cdef inline int reserve(Out *out, Py_ssize_t more) except -1:
    if out.room - out.size < more:
        grow(out, more)
    return 0


cdef inline int put(Out *out, const void *data, Py_ssize_t size) except -1:
    reserve(out, size)
    memcpy(out.data + out.size, data, size)
    out.size += size
    return 0


cdef inline int put_data(Out *out, object data) except -1:
    """All of a bytes object."""
    return put(out, PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))


cdef inline int put_varint(Out *out, uint64_t n) except -1:
    reserve(out, LONGEST)
    if n < 0x80:
        out.data[out.size] = <uint8_t>n
        out.size += 1
    else:
        out.size += kgen_put_varint(out.data + out.size, n)
    return 0


cdef inline int put32(Out *out, uint32_t n) except -1:
    reserve(out, 4)
    kgen_set32(out.data + out.size, n)
    out.size += 4
    return 0


cdef inline int put64(Out *out, uint64_t n) except -1:
    reserve(out, 8)
    kgen_set64(out.data + out.size, n)
    out.size += 8
    return 0


cdef inline Py_ssize_t open_sized(Out *out) except -1:
    """Leave room for the length, one byte, of what is written next: where that begins."""
    reserve(out, LONGEST)
    out.size += 1
    return out.size


cdef inline int close_sized(Out *out, Py_ssize_t start) except -1:
    """Put the length of what was written from `start` on before it."""
    cdef Py_ssize_t size = out.size - start
    if size < 0x80:
        out.data[start - 1] = <uint8_t>size
        return 0
    return close_long(out, start, size)


cdef int close_long(Out *out, Py_ssize_t start, Py_ssize_t size) except -1:
    cdef int more = kgen_varint_size(size) - 1
    reserve(out, more)
    memmove(out.data + start + more, out.data + start, size)
    kgen_put_varint(out.data + start - 1, size)
    out.size += more
    return 0


cdef inline int enter(Out *out) except -1:
    """Go one message deeper."""
    if out.depth <= 0:
        raise RefusedValueError(TOO_DEEP)
    out.depth -= 1
    return 0

"""C declarations, limits, and the growing buffer that nodes write to."""

cdef extern from "_native.h":
    int kgen_datetime_import() except -1
    Py_ssize_t kgen_slot_offset(PyObject *cls, PyObject *descriptor) noexcept
    PyObject **KGEN_SLOT(PyObject *instance, Py_ssize_t offset) noexcept
    bint KGEN_IS_A(object value, PyObject *cls) noexcept
    long long kgen_days(object date) noexcept
    long long kgen_time_micros(object time) noexcept
    long long kgen_datetime_micros(object moment) noexcept
    bint kgen_naive(object moment) noexcept
    bint kgen_naive_time(object time) noexcept
    bint kgen_is_utc(object moment) noexcept
    bint kgen_fold(object moment) noexcept
    bint kgen_time_fold(object time) noexcept
    Py_ssize_t kgen_references(PyObject *value) noexcept
    bint PyDate_Check(object value) noexcept
    bint PyDateTime_Check(object value) noexcept
    bint PyTime_Check(object value) noexcept
    bint PyLong_Check(object value) noexcept
    bint PyBool_Check(object value) noexcept
    bint PyFloat_Check(object value) noexcept
    bint PyUnicode_Check(object value) noexcept
    bint PyBytes_Check(object value) noexcept
    bint PyList_Check(object value) noexcept
    bint PyTuple_Check(object value) noexcept
    bint PyDict_Check(object value) noexcept
    double PyFloat_AS_DOUBLE(object value) noexcept
    double PyLong_AsDouble(object value) except? -1.0
    long long PyLong_AsLongLongAndOverflow(object value, int *overflow) except? -1
    const char *PyUnicode_AsUTF8AndSize(object value, Py_ssize_t *size) except NULL
    PyObject *PyDict_GetItemWithError(object items, object key) except? NULL
    Py_ssize_t PyDict_Size(object items) except -1
    int PyDict_Next(object items, Py_ssize_t *at, PyObject **key, PyObject **value) noexcept
    PyObject *kgen_type(object value) noexcept
    int kgen_uuid_bytes(object number, uint8_t *data) except -1
    PyObject *PyTuple_GET_ITEM(object items, Py_ssize_t index) noexcept
    PyObject *PyList_GET_ITEM(object items, Py_ssize_t index) noexcept
    Py_ssize_t PyList_GET_SIZE(object items) noexcept
    Py_ssize_t PyTuple_GET_SIZE(object items) noexcept
    double KGEN_FLT_LIMIT

cdef extern from "_decimals.h":
    enum:
        KGEN_DECIMAL_BYTES
        KGEN_DECIMAL_TEXT
        KGEN_MOST_SCALE
    int kgen_decimal_bytes(object text, Py_ssize_t precision, int scale, uint8_t *raw) noexcept
    Py_ssize_t kgen_repeated_sign(const uint8_t *data, Py_ssize_t size) noexcept

kgen_datetime_import()

cdef enum:
    NOT = 0
    ROUNDED = 1
    ACCEPTED = 2
    EXACT = 3

cdef int DEPTH = MAX_DEPTH
cdef object MICROSECOND = dt.timedelta(microseconds=1)
cdef object UUID = uuid.UUID
cdef object DECIMAL = Decimal
cdef object DATE = dt.date
cdef object TIME = dt.time
cdef object DATETIME = dt.datetime
cdef PyObject *OF_BRANCH = <PyObject *>OfBranch  # which its module holds
cdef const char *HEX = b"0123456789abcdef"
cdef double INFINITE = float("inf")
cdef int64_t NANO_LIMIT = 9223372036854775
# Microseconds of 0001-01-01 and of the first moment after 9999-12-31.
cdef int64_t FIRST_MICRO = -62135596800000000
cdef int64_t END_MICRO = 253402300800000000

ctypedef struct Out:
    uint8_t *data
    Py_ssize_t size
    Py_ssize_t room
    PyObject *held
    int depth


ctypedef struct Exact:
    int depth  # how many levels are left
    int64_t items  # as a reader counts them


include "growing_output.pxi"


cdef inline int put(Out *out, const void *data, Py_ssize_t size) except -1:
    if out.room - out.size < size:
        grow(out, size)
    memcpy(out.data + out.size, data, size)
    out.size += size
    return 0


cdef inline int put_long(Out *out, int64_t value) except -1:
    cdef uint64_t n = (<uint64_t>value << 1) ^ <uint64_t>(value >> 63)
    if out.room - out.size < 10:
        grow(out, 10)
    while n > 0x7F:
        out.data[out.size] = <uint8_t>(n | 0x80)
        out.size += 1
        n >>= 7
    out.data[out.size] = <uint8_t>n
    out.size += 1
    return 0


cdef inline int put_run(Out *out, const void *data, Py_ssize_t size) except -1:
    """A length, and that many bytes."""
    put_long(out, size)
    return put(out, data, size)


class Refused(Exception):
    """Why a value was not written, and the parts of its field path, innermost first. `cause`: an error of its own code."""

    def __init__(self, why, cause=None):
        self.why = why
        self.parts = []
        self.cause = cause


cdef unwanted(str wanted, object value):
    return Refused(f"expected {wanted}, not {type_title(value)}")


cdef refused(error, part):
    """The error of a value with one more part of its field path; whatever its own code raised is a refusal too."""
    if isinstance(error, MemoryError):
        return error
    if not isinstance(error, Refused):
        error = Refused(refusal_text(error), error)
    if part is not None:
        error.parts.append(part)
    return error

# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The native reader: a tree of nodes, each of which reads its value at the cursor and moves the cursor on.

Nodes work below Python's exceptions: `read` gives a new reference or NULL, `skip` gives 0 or -1, and the reason stands in
`Cursor.what` with the cursor where it failed; or a Python exception is set (memory, a constructor of the user's). Containers
add their part of the field path on the way out, so a message that decodes pays nothing for the path. The cursor's bounds are
checked before every access. Memory: nothing is allocated from a count in the data beyond `PREALLOCATE` items, and what is
made of no bytes at all (an array of nulls) is counted against a budget per message.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.exc cimport PyErr_Clear, PyErr_Occurred
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.ref cimport Py_INCREF, Py_XDECREF, PyObject
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t, uint8_t
from libc.string cimport memcmp, memcpy

import decimal
import uuid

from ..errors import DecodeError
from . import reasons
from .decimals import EXACT as EXACT_CONTEXT
from .limits import DECIMAL_BYTES, EMPTY_ITEMS, MAX_DEPTH
from .paths import field_path
from .values import Duration, LocalTimestampNanos, TimestampNanos

cdef extern from *:
    """
    #include <datetime.h>
    #include <structmember.h>

    #define KGEN_SLOT(object, offset) ((PyObject **)((char *)(object) + (offset)))
    #define KGEN_ALLOC(type) (((PyTypeObject *)(type))->tp_alloc((PyTypeObject *)(type), 0))

    static int kgen_datetime_import(void) { PyDateTime_IMPORT; return PyDateTimeAPI ? 0 : -1; }

    /* The offset of a __slots__ member in its objects, or -1 where the descriptor is something else. */
    static Py_ssize_t kgen_slot_offset(PyObject *descriptor) {
        if (Py_TYPE(descriptor) != &PyMemberDescr_Type) return -1;
        PyMemberDef *member = ((PyMemberDescrObject *)descriptor)->d_member;
        return member->type == T_OBJECT_EX ? member->offset : -1;
    }

    /* Days since 1970-01-01 to year, month, day (Howard Hinnant's days_to_civil). */
    static void kgen_civil(long long days, int *year, int *month, int *day) {
        long long z = days + 719468;
        long long era = (z >= 0 ? z : z - 146096) / 146097;
        unsigned doe = (unsigned)(z - era * 146097);
        unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
        unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
        unsigned mp = (5 * doy + 2) / 153;
        *day = (int)(doy - (153 * mp + 2) / 5 + 1);
        *month = (int)(mp < 10 ? mp + 3 : mp - 9);
        *year = (int)((long long)yoe + era * 400 + (*month <= 2));
    }

    static PyObject *kgen_date(long long days) {
        int year, month, day;
        kgen_civil(days, &year, &month, &day);
        return PyDateTimeAPI->Date_FromDate(year, month, day, PyDateTimeAPI->DateType);
    }

    static PyObject *kgen_time(long long micros) {
        int seconds = (int)(micros / 1000000);
        return PyDateTimeAPI->Time_FromTime(
            seconds / 3600, seconds / 60 % 60, seconds % 60, (int)(micros % 1000000), Py_None, PyDateTimeAPI->TimeType);
    }

    static PyObject *kgen_datetime(long long micros, int utc) {
        long long days = micros / 86400000000LL, rest = micros % 86400000000LL;
        int year, month, day, seconds;
        if (rest < 0) { rest += 86400000000LL; days -= 1; }
        kgen_civil(days, &year, &month, &day);
        seconds = (int)(rest / 1000000);
        return PyDateTimeAPI->DateTime_FromDateAndTime(
            year, month, day, seconds / 3600, seconds / 60 % 60, seconds % 60, (int)(rest % 1000000),
            utc ? PyDateTimeAPI->TimeZone_UTC : Py_None, PyDateTimeAPI->DateTimeType);
    }

    /* Whether `text` is the ASCII string of these bytes. */
    static int kgen_is_text(PyObject *text, const unsigned char *bytes, Py_ssize_t size) {
        return PyUnicode_GET_LENGTH(text) == size && memcmp(PyUnicode_1BYTE_DATA(text), bytes, (size_t)size) == 0;
    }
    """
    int kgen_datetime_import() except -1
    Py_ssize_t kgen_slot_offset(PyObject *descriptor) noexcept
    PyObject **KGEN_SLOT(PyObject *instance, Py_ssize_t offset) noexcept
    PyObject *KGEN_ALLOC(PyObject *cls) noexcept
    PyObject *kgen_date(long long days) noexcept
    PyObject *kgen_time(long long micros) noexcept
    PyObject *kgen_datetime(long long micros, int utc) noexcept
    bint kgen_is_text(PyObject *text, const uint8_t *data, Py_ssize_t size) noexcept
    bint PyUnicode_IS_COMPACT_ASCII(PyObject *text) noexcept
    PyObject *PyUnicode_DecodeUTF8(const char *data, Py_ssize_t size, const char *errors) noexcept
    PyObject *PyLong_FromLongLong(long long value) noexcept
    PyObject *PyFloat_FromDouble(double value) noexcept
    PyObject *PyBytes_New "PyBytes_FromStringAndSize"(const char *data, Py_ssize_t size) noexcept
    PyObject *PyList_New(Py_ssize_t size) noexcept
    void PyList_SET_ITEM(PyObject *items, Py_ssize_t index, PyObject *item) noexcept
    int PyList_Append(PyObject *items, PyObject *item) noexcept
    PyObject *PyDict_New() noexcept
    int PyDict_SetItem(PyObject *items, PyObject *key, PyObject *value) noexcept
    PyObject *PyTuple_GET_ITEM(PyObject *items, Py_ssize_t index) noexcept
    PyObject *PyObject_Vectorcall(PyObject *call, PyObject **args, size_t count, PyObject *names) noexcept
    PyObject *_PyLong_FromByteArray(const uint8_t *data, size_t size, int little, int signed_) noexcept
    void Py_DECREF(PyObject *value) noexcept
    PyObject *PyErr_NoMemory() noexcept
    Py_ssize_t PyTuple_GET_SIZE(PyObject *items) noexcept
    PyObject *None_ "Py_None"
    PyObject *True_ "Py_True"
    PyObject *False_ "Py_False"

kgen_datetime_import()

cdef enum:
    PREALLOCATE = 256
    KEY_CACHE = 64
    KEY_SIZE = 48

cdef Py_ssize_t MAX_DECIMAL = DECIMAL_BYTES
cdef Py_ssize_t MAX_EMPTY = EMPTY_ITEMS
cdef int DEPTH = MAX_DEPTH
# Microseconds and days of 0001-01-01 and of the first moment after 9999-12-31.
cdef long long FIRST_MICRO = -62135596800000000LL
cdef long long END_MICRO = 253402300800000000LL
cdef long long FIRST_DAY = -719162
cdef long long END_DAY = 2932897

cdef object ENDS = reasons.ENDS
cdef object OVERLONG = reasons.OVERLONG
cdef object NOT_INT = reasons.NOT_INT
cdef object NEGATIVE = reasons.NEGATIVE
cdef object NOT_BOOLEAN = reasons.NOT_BOOLEAN
cdef object NOT_UTF8 = reasons.NOT_UTF8
cdef object BAD_BLOCK = reasons.BAD_BLOCK
cdef object TOO_DEEP = reasons.TOO_DEEP
cdef object TOO_EMPTY = reasons.TOO_EMPTY
cdef object NO_BRANCH = reasons.NO_BRANCH
cdef object NO_SYMBOL = reasons.NO_SYMBOL
cdef object BAD_DATE = reasons.BAD_DATE
cdef object BAD_DECIMAL = reasons.BAD_DECIMAL
cdef object BAD_UUID = reasons.BAD_UUID

cdef object Decimal = decimal.Decimal
cdef object UUID = uuid.UUID
cdef object EXACT = EXACT_CONTEXT

ctypedef struct Cursor:
    const uint8_t *at
    const uint8_t *end
    int depth
    Py_ssize_t empty
    PyObject *what
    PyObject *path


# The cursor ---------------------------------------------------------------------------------------------------------------------

cdef inline PyObject *bad(Cursor *c, object what) noexcept:
    c.what = <PyObject *>what  # all reasons live as long as the module or the node
    return NULL


cdef inline int worse(Cursor *c, object what) noexcept:
    c.what = <PyObject *>what
    return -1


cdef inline int take_long(Cursor *c, int64_t *out) noexcept:
    """Read a zigzag varint of up to 64 bits."""
    cdef const uint8_t *at = c.at
    cdef uint64_t n
    cdef int shift = 7
    if at < c.end and at[0] < 0x80:
        n = at[0]
        c.at = at + 1
        out[0] = <int64_t>(n >> 1) ^ -<int64_t>(n & 1)
        return 0
    return take_long_slowly(c, out)


cdef int take_long_slowly(Cursor *c, int64_t *out) noexcept:
    cdef const uint8_t *at = c.at
    cdef uint64_t n = 0
    cdef int shift = 0
    cdef uint8_t byte
    while True:
        if at >= c.end:
            return worse(c, ENDS)
        byte = at[0]
        if shift == 63 and byte > 1:
            return worse(c, OVERLONG)
        at += 1
        n |= <uint64_t>(byte & 0x7F) << shift
        if byte < 0x80:
            break
        shift += 7
    c.at = at
    out[0] = <int64_t>(n >> 1) ^ -<int64_t>(n & 1)
    return 0


cdef inline int take_int(Cursor *c, int64_t *out) noexcept:
    cdef const uint8_t *start = c.at
    if take_long(c, out) < 0:
        return -1
    if out[0] != <int32_t>out[0]:
        c.at = start
        return worse(c, NOT_INT)
    return 0


cdef inline int take_integer(Cursor *c, bint narrow, int64_t *out) noexcept:
    return take_int(c, out) if narrow else take_long(c, out)


cdef inline int take_size(Cursor *c, Py_ssize_t *size) noexcept:
    """Read a length that what is left can hold."""
    cdef const uint8_t *start = c.at
    cdef int64_t n = 0
    if take_long(c, &n) < 0:
        return -1
    if n < 0 or n > c.end - c.at:
        c.at = start
        return worse(c, NEGATIVE if n < 0 else ENDS)
    size[0] = <Py_ssize_t>n
    return 0


cdef inline int take_block(Cursor *c, int64_t *count, Py_ssize_t *size) noexcept:
    """Read the head of a block of an array or map: its count, and its size in bytes or -1 where it has none."""
    cdef const uint8_t *start = c.at
    size[0] = -1
    if take_long(c, count) < 0:
        return -1
    if count[0] >= 0:
        return 0
    if count[0] == (<int64_t>1 << 63):
        c.at = start
        return worse(c, BAD_BLOCK)
    count[0] = -count[0]
    return take_size(c, size)


cdef inline int enter(Cursor *c) noexcept:
    if c.depth <= 0:
        return worse(c, TOO_DEEP)
    c.depth -= 1
    return 0


cdef inline int spend(Cursor *c, const uint8_t *start) noexcept:
    """Count a value that took no bytes."""
    if c.at == start:
        if c.empty <= 0:
            return worse(c, TOO_EMPTY)
        c.empty -= 1
    return 0


cdef int trace(Cursor *c, object part) noexcept:
    """Add a part to the field path of an error; never fails, at worst the path is short."""
    cdef PyObject *list_
    if c.path == NULL:
        list_ = PyList_New(0)
        if list_ == NULL:
            PyErr_Clear()
            return -1
        c.path = list_
    if PyList_Append(c.path, <PyObject *>part) < 0:
        PyErr_Clear()
    return -1


# Nodes --------------------------------------------------------------------------------------------------------------------------

cdef class Node:
    """Reads one kind of value. `skip` moves past it and makes nothing of it."""

    cdef PyObject *read(self, Cursor *c) noexcept:
        return bad(c, NO_BRANCH)

    cdef int skip(self, Cursor *c) noexcept:
        return worse(c, NO_BRANCH)


cdef class NeverNode(Node):
    """A branch that the reader's schema cannot read."""

    cdef object why

    def __init__(self, str why):
        self.why = why

    cdef PyObject *read(self, Cursor *c) noexcept:
        return bad(c, self.why)

    cdef int skip(self, Cursor *c) noexcept:
        return worse(c, self.why)


cdef class NullNode(Node):
    cdef PyObject *read(self, Cursor *c) noexcept:
        Py_INCREF(None)
        return None_

    cdef int skip(self, Cursor *c) noexcept:
        return 0


cdef class BooleanNode(Node):
    cdef PyObject *read(self, Cursor *c) noexcept:
        cdef PyObject *value
        if c.at >= c.end:
            return bad(c, ENDS)
        if c.at[0] > 1:
            return bad(c, NOT_BOOLEAN)
        value = True_ if c.at[0] else False_
        c.at += 1
        Py_INCREF(<object>value)
        return value

    cdef int skip(self, Cursor *c) noexcept:
        if c.at >= c.end:
            return worse(c, ENDS)
        c.at += 1
        return 0


cdef class NumberNode(Node):
    """What stands as a varint; `narrow` where it was written as an int."""

    cdef bint narrow

    def __init__(self, bint narrow):
        self.narrow = narrow

    cdef PyObject *read(self, Cursor *c) noexcept:
        cdef int64_t n = 0
        cdef const uint8_t *start = c.at
        cdef PyObject *value
        if take_integer(c, self.narrow, &n) < 0:
            return NULL
        value = self.make(c, n)
        if value == NULL:
            c.at = start
        return value

    cdef PyObject *make(self, Cursor *c, int64_t n) noexcept:
        return PyLong_FromLongLong(n)

    cdef int skip(self, Cursor *c) noexcept:
        cdef int64_t n = 0
        return take_integer(c, self.narrow, &n)


cdef class LongNode(NumberNode):
    cdef PyObject *read(self, Cursor *c) noexcept:
        cdef int64_t n = 0
        if take_integer(c, self.narrow, &n) < 0:
            return NULL
        return PyLong_FromLongLong(n)


cdef class AsDoubleNode(NumberNode):
    cdef PyObject *make(self, Cursor *c, int64_t n) noexcept:
        return PyFloat_FromDouble(<double>n)


cdef class AsFloatNode(NumberNode):
    cdef PyObject *make(self, Cursor *c, int64_t n) noexcept:
        return PyFloat_FromDouble(<double>(<float>n))


cdef class DateNode(NumberNode):
    cdef PyObject *make(self, Cursor *c, int64_t n) noexcept:
        if n < FIRST_DAY or n >= END_DAY:
            return bad(c, BAD_DATE)
        return kgen_date(n)


cdef class TimeNode(NumberNode):
    """A time of day; `micros` is how many microseconds one unit is."""

    cdef int64_t micros

    def __init__(self, bint narrow, int64_t micros):
        self.narrow = narrow
        self.micros = micros

    cdef PyObject *make(self, Cursor *c, int64_t n) noexcept:
        if n < 0 or n >= 86400000000LL // self.micros:
            return bad(c, BAD_DATE)
        return kgen_time(n * self.micros)


cdef class TimestampNode(TimeNode):
    """An instant (`utc`) or a wall-clock time."""

    cdef bint utc

    def __init__(self, bint narrow, int64_t micros, bint utc):
        self.narrow = narrow
        self.micros = micros
        self.utc = utc

    cdef PyObject *make(self, Cursor *c, int64_t n) noexcept:
        if n < FIRST_MICRO // self.micros or n >= END_MICRO // self.micros:
            return bad(c, BAD_DATE)
        return kgen_datetime(n * self.micros, self.utc)


cdef class NanosNode(NumberNode):
    cdef object cls

    def __init__(self, bint narrow, cls):
        self.narrow = narrow
        self.cls = cls

    cdef PyObject *make(self, Cursor *c, int64_t n) noexcept:
        cdef PyObject *number = PyLong_FromLongLong(n)
        cdef PyObject *value
        if number == NULL:
            return NULL
        value = PyObject_Vectorcall(<PyObject *>self.cls, &number, 1, NULL)
        Py_DECREF(number)
        return value


cdef class FloatNode(Node):
    cdef PyObject *read(self, Cursor *c) noexcept:
        cdef float value
        if c.end - c.at < 4:
            return bad(c, ENDS)
        memcpy(&value, c.at, 4)
        c.at += 4
        return PyFloat_FromDouble(value)

    cdef int skip(self, Cursor *c) noexcept:
        return skip_bytes(c, 4)


cdef class DoubleNode(Node):
    cdef PyObject *read(self, Cursor *c) noexcept:
        cdef double value
        if c.end - c.at < 8:
            return bad(c, ENDS)
        memcpy(&value, c.at, 8)
        c.at += 8
        return PyFloat_FromDouble(value)

    cdef int skip(self, Cursor *c) noexcept:
        return skip_bytes(c, 8)


cdef inline int skip_bytes(Cursor *c, Py_ssize_t size) noexcept:
    if c.end - c.at < size:
        return worse(c, ENDS)
    c.at += size
    return 0


cdef class BlobNode(Node):
    """A run of bytes: `size` of them, or with the length before them where that is -1."""

    cdef Py_ssize_t size

    def __init__(self, Py_ssize_t size):
        self.size = size

    cdef PyObject *read(self, Cursor *c) noexcept:
        cdef const uint8_t *start = c.at
        cdef Py_ssize_t size = self.size
        cdef PyObject *value
        if size < 0:
            if take_size(c, &size) < 0:
                return NULL
        elif c.end - c.at < size:
            return bad(c, ENDS)
        value = self.make(c, c.at, size)
        c.at = start if value == NULL else c.at + size
        return value

    cdef PyObject *make(self, Cursor *c, const uint8_t *data, Py_ssize_t size) noexcept:
        return PyBytes_New(<const char *>data, size)

    cdef int skip(self, Cursor *c) noexcept:
        cdef Py_ssize_t size = self.size
        if size < 0 and take_size(c, &size) < 0:
            return -1
        return skip_bytes(c, size)


cdef inline PyObject *text_of(Cursor *c, const uint8_t *data, Py_ssize_t size) noexcept:
    cdef PyObject *value = PyUnicode_DecodeUTF8(<const char *>data, size, NULL)
    if value == NULL:
        PyErr_Clear()
        return bad(c, NOT_UTF8)
    return value


cdef class StringNode(BlobNode):
    cdef PyObject *read(self, Cursor *c) noexcept:
        cdef const uint8_t *start = c.at
        cdef Py_ssize_t size = 0
        cdef PyObject *value
        if take_size(c, &size) < 0:
            return NULL
        value = text_of(c, c.at, size)
        c.at = start if value == NULL else c.at + size
        return value


cdef class SlowNode(BlobNode):
    """A run of bytes made into a value by Python code. `build` raises ValueError where it cannot."""

    cdef PyObject *make(self, Cursor *c, const uint8_t *data, Py_ssize_t size) noexcept:
        try:
            value = self.build(data, size)
            Py_INCREF(value)
            return <PyObject *>value
        except MemoryError:
            return PyErr_NoMemory()
        except Exception:
            return bad(c, self.reason())

    cdef object build(self, const uint8_t *data, Py_ssize_t size):
        raise ValueError

    cdef object reason(self):
        return BAD_DECIMAL


cdef object whole_number(const uint8_t *data, Py_ssize_t size):
    """A big-endian two's complement number of bounded size: Python makes decimals of long ones in quadratic time."""
    cdef PyObject *number
    cdef object value
    if size <= 0 or size > MAX_DECIMAL:
        raise ValueError
    number = _PyLong_FromByteArray(data, size, 0, 1)
    if number == NULL:
        raise MemoryError
    value = <object>number
    Py_DECREF(number)
    return value


cdef class DecimalNode(SlowNode):
    cdef object shift

    def __init__(self, Py_ssize_t size, scale):
        self.size = size
        self.shift = Decimal(-scale)

    cdef object build(self, const uint8_t *data, Py_ssize_t size):
        return Decimal(whole_number(data, size)).scaleb(self.shift, EXACT)


cdef class BigDecimalNode(SlowNode):
    """Bytes that hold a number's bytes (with their length) and its scale."""

    cdef object build(self, const uint8_t *data, Py_ssize_t size):
        cdef Cursor inner
        cdef Py_ssize_t length = 0
        cdef int64_t scale = 0
        inner.at = data
        inner.end = data + size
        if take_size(&inner, &length) < 0:
            raise ValueError
        number = whole_number(inner.at, length)
        inner.at += length
        if take_int(&inner, &scale) < 0 or inner.at != inner.end:
            raise ValueError
        return Decimal(number).scaleb(-scale, EXACT)


cdef inline int hex_digit(uint8_t c) noexcept:
    if c'0' <= c <= c'9':
        return c - c'0'
    c |= 0x20
    if c'a' <= c <= c'f':
        return c - c'a' + 10
    return -1


cdef class UuidNode(SlowNode):
    """A UUID as text, or as 16 bytes."""

    cdef Py_ssize_t number_slot
    cdef Py_ssize_t safe_slot
    cdef object safe

    def __init__(self, Py_ssize_t size):
        self.size = size
        self.safe = uuid.SafeUUID.unknown
        self.number_slot = slot_of(UUID, "int")
        self.safe_slot = slot_of(UUID, "is_safe")

    cdef object build(self, const uint8_t *data, Py_ssize_t size):
        cdef uint8_t raw[16]
        if self.size == 16:
            return self.of_bytes(data)
        if size == 36 and self.parse(data, raw):
            return self.of_bytes(raw)
        return UUID(PyBytes_FromStringAndSize(<const char *>data, size).decode())

    cdef bint parse(self, const uint8_t *text, uint8_t *raw) noexcept:
        cdef int i, at = 0, high, low
        for i in range(16):
            if i == 4 or i == 6 or i == 8 or i == 10:
                if text[at] != c'-':
                    return False
                at += 1
            high, low = hex_digit(text[at]), hex_digit(text[at + 1])
            if high < 0 or low < 0:
                return False
            raw[i] = <uint8_t>(high << 4 | low)
            at += 2
        return True

    cdef object of_bytes(self, const uint8_t *raw):
        cdef PyObject *made
        cdef object value
        if self.number_slot < 0 or self.safe_slot < 0:
            return UUID(bytes=PyBytes_FromStringAndSize(<const char *>raw, 16))
        made = KGEN_ALLOC(<PyObject *>UUID)
        if made == NULL:
            raise MemoryError
        value = <object>made
        Py_DECREF(made)
        KGEN_SLOT(made, self.number_slot)[0] = _PyLong_FromByteArray(raw, 16, 0, 0)
        Py_INCREF(self.safe)
        KGEN_SLOT(made, self.safe_slot)[0] = <PyObject *>self.safe
        return value

    cdef object reason(self):
        return BAD_UUID


cdef class DurationNode(SlowNode):
    cdef object build(self, const uint8_t *data, Py_ssize_t size):
        cdef uint32_t parts[3]
        memcpy(parts, data, 12)
        return Duration(parts[0], parts[1], parts[2])


cdef class EnumNode(Node):
    """`values` by the writer's index; `reasons` says for those that are None why the reader has none."""

    cdef tuple values
    cdef tuple reasons

    def __init__(self, tuple values, tuple reasons):
        self.values = values
        self.reasons = reasons

    cdef PyObject *read(self, Cursor *c) noexcept:
        cdef const uint8_t *start = c.at
        cdef int64_t n = 0
        cdef PyObject *value
        if take_int(c, &n) < 0:
            return NULL
        if n < 0 or n >= PyTuple_GET_SIZE(<PyObject *>self.values):
            c.at = start
            return bad(c, NO_SYMBOL)
        value = PyTuple_GET_ITEM(<PyObject *>self.values, n)
        if value == None_:
            c.at = start
            c.what = PyTuple_GET_ITEM(<PyObject *>self.reasons, n)
            return NULL
        Py_INCREF(<object>value)
        return value

    cdef int skip(self, Cursor *c) noexcept:
        cdef int64_t n = 0
        return take_int(c, &n)


cdef class ChoiceNode(Node):
    """A writer's union."""

    cdef tuple branches

    def __init__(self, tuple branches):
        self.branches = branches

    cdef inline PyObject *pick(self, Cursor *c) noexcept:
        """The branch (a borrowed reference), or NULL."""
        cdef const uint8_t *start = c.at
        cdef int64_t n = 0
        if take_int(c, &n) < 0:
            return NULL
        if n < 0 or n >= PyTuple_GET_SIZE(<PyObject *>self.branches):
            c.at = start
            return bad(c, NO_BRANCH)
        return PyTuple_GET_ITEM(<PyObject *>self.branches, n)

    cdef PyObject *read(self, Cursor *c) noexcept:
        cdef PyObject *branch = self.pick(c)
        return NULL if branch == NULL else (<Node>branch).read(c)

    cdef int skip(self, Cursor *c) noexcept:
        cdef PyObject *branch = self.pick(c)
        return -1 if branch == NULL else (<Node>branch).skip(c)


cdef int skip_blocks(Cursor *c, Node key, Node item) noexcept:
    """Move past the blocks of an array or map, by their size in bytes where that is written."""
    cdef int64_t count = 0
    cdef Py_ssize_t size = 0
    cdef const uint8_t *start
    while True:
        if take_block(c, &count, &size) < 0:
            return -1
        if count == 0:
            return 0
        if size >= 0:
            c.at += size
            continue
        while count:
            start = c.at
            if key is not None and key.skip(c) < 0:
                return -1
            if item.skip(c) < 0 or spend(c, start) < 0:
                return -1
            count -= 1


cdef class ListNode(Node):
    cdef Node items

    def __init__(self, Node items):
        self.items = items

    cdef PyObject *read(self, Cursor *c) noexcept:
        cdef PyObject *out
        if enter(c) < 0:
            return NULL
        out = self.blocks(c)
        c.depth += 1
        return out

    cdef PyObject *blocks(self, Cursor *c) noexcept:
        cdef PyObject *out = NULL
        cdef int64_t count = 0
        cdef Py_ssize_t size = 0
        cdef Py_ssize_t done = 0
        cdef Py_ssize_t made = 0
        while True:
            if take_block(c, &count, &size) < 0:
                Py_XDECREF(out)
                return NULL
            if out == NULL:
                made = count if count <= PREALLOCATE and count <= c.end - c.at else 0
                out = PyList_New(made)
                if out == NULL:
                    return NULL
            if count == 0:
                return out
            while count:
                if self.add(c, out, done, made) < 0:
                    Py_DECREF(out)
                    return NULL
                done += 1
                count -= 1

    cdef int add(self, Cursor *c, PyObject *out, Py_ssize_t index, Py_ssize_t made) noexcept:
        cdef const uint8_t *start = c.at
        cdef PyObject *item = self.items.read(c)
        cdef int status
        if item == NULL:
            return trace(c, index)
        if index < made:
            PyList_SET_ITEM(out, index, item)
            return spend(c, start)
        status = PyList_Append(out, item)
        Py_DECREF(item)
        return spend(c, start) if status == 0 else -1

    cdef int skip(self, Cursor *c) noexcept:
        cdef int status
        if enter(c) < 0:
            return -1
        status = skip_blocks(c, None, self.items)
        c.depth += 1
        return status


cdef class MapNode(Node):
    """A map. The last few short ASCII keys are kept, since messages repeat them: no new string, no new hash."""

    cdef Node values
    cdef StringNode key
    cdef list kept

    def __init__(self, Node values):
        self.values = values
        self.key = StringNode(-1)
        self.kept = [None] * KEY_CACHE

    cdef PyObject *read(self, Cursor *c) noexcept:
        cdef PyObject *out
        if enter(c) < 0:
            return NULL
        out = PyDict_New()
        if out != NULL and self.blocks(c, out) < 0:
            Py_DECREF(out)
            out = NULL
        c.depth += 1
        return out

    cdef int blocks(self, Cursor *c, PyObject *out) noexcept:
        cdef int64_t count = 0
        cdef Py_ssize_t size = 0
        while True:
            if take_block(c, &count, &size) < 0:
                return -1
            if count == 0:
                return 0
            while count:
                if self.add(c, out) < 0:
                    return -1
                count -= 1

    cdef int add(self, Cursor *c, PyObject *out) noexcept:
        cdef int status
        cdef PyObject *value
        cdef PyObject *key = self.take_key(c)
        if key == NULL:
            return -1
        value = self.values.read(c)
        if value == NULL:
            trace(c, (<object>key,))
            Py_DECREF(key)
            return -1
        status = PyDict_SetItem(out, key, value)
        Py_DECREF(key)
        Py_DECREF(value)
        return status

    cdef PyObject *take_key(self, Cursor *c) noexcept:
        cdef const uint8_t *start = c.at
        cdef Py_ssize_t size = 0
        cdef Py_ssize_t slot
        cdef PyObject *key
        if take_size(c, &size) < 0:
            return NULL
        if size == 0 or size > KEY_SIZE:
            c.at = start
            return self.key.read(c)
        slot = (size * 31 + c.at[0] * 7 + c.at[size - 1] * 13 + c.at[size >> 1]) & (KEY_CACHE - 1)
        key = <PyObject *>self.kept[slot]
        if key != None_ and kgen_is_text(key, c.at, size):
            Py_INCREF(<object>key)
            c.at += size
            return key
        key = text_of(c, c.at, size)
        if key == NULL:
            c.at = start
            return NULL
        c.at += size
        if PyUnicode_IS_COMPACT_ASCII(key):
            self.kept[slot] = <object>key
        return key

    cdef int skip(self, Cursor *c) noexcept:
        cdef int status
        if enter(c) < 0:
            return -1
        status = skip_blocks(c, self.key, self.values)
        c.depth += 1
        return status


cdef class DefaultNode:
    """The value of a field that the writer lacks: read by `node` from `data` each time, or held where it cannot change."""

    cdef object value
    cdef bytes data
    cdef Node node
    cdef bint held

    def __init__(self, bytes data not None, Node node not None):
        self.data = data
        self.node = node
        self.held = False

    def probe(self):
        """Read the value once. Raises `DecodeError`."""
        return Reader(self.node, DEPTH).decode(self.data)

    def hold(self, value):
        """Give this value from now on."""
        self.value = value
        self.held = True

    cdef PyObject *make(self, Cursor *c) noexcept:
        cdef Cursor inner = c[0]
        cdef PyObject *value
        if self.held:
            Py_INCREF(self.value)
            return <PyObject *>self.value
        inner.at = <const uint8_t *>PyBytes_AS_STRING(self.data)
        inner.end = inner.at + PyBytes_GET_SIZE(self.data)
        inner.empty = MAX_EMPTY
        value = self.node.read(&inner)
        c.what = inner.what
        c.path = inner.path
        return value


cdef class RecordNode(Node):
    """The fields of a record in the order they were written. `targets` are their places in the reader's record; -1 is skipped.

    Where the values go is up to the subclasses: `slot` numbers are theirs.
    """

    cdef readonly object cls
    cdef tuple names
    cdef tuple nodes
    cdef tuple defaults
    cdef Py_ssize_t *slots
    cdef Py_ssize_t *default_slots
    cdef Py_ssize_t width

    def __cinit__(self, *args):
        self.slots = NULL
        self.default_slots = NULL

    def __init__(self, cls, Py_ssize_t width):
        self.cls = cls
        self.width = width

    def __dealloc__(self):
        PyMem_Free(self.slots)
        PyMem_Free(self.default_slots)

    def fill(self, tuple steps, tuple defaults):
        """`steps`: (name, node, target or -1) as written; `defaults`: (name, DefaultNode, target)."""
        self.names = tuple([step[0] for step in steps])
        self.nodes = tuple([step[1] for step in steps])
        self.defaults = tuple([default[1] for default in defaults])
        for node in self.nodes:
            if not isinstance(node, Node):
                raise TypeError("a field needs a node")
        for default in self.defaults:
            if not isinstance(default, DefaultNode):
                raise TypeError("a default needs a DefaultNode")
        self.slots = self.places(steps)
        self.default_slots = self.places(defaults)

    cdef Py_ssize_t *places(self, tuple steps) except NULL:
        cdef Py_ssize_t *out = <Py_ssize_t *>PyMem_Malloc((len(steps) + 1) * sizeof(Py_ssize_t))
        cdef Py_ssize_t i
        if out == NULL:
            raise MemoryError
        for i in range(len(steps)):
            target = steps[i][2]
            if not -1 <= target < self.width:
                PyMem_Free(out)
                raise ValueError("a field is out of the record")
            out[i] = -1 if target < 0 else self.place(target)
        return out

    cdef Py_ssize_t place(self, Py_ssize_t target) except -1:
        return target

    cdef PyObject *read(self, Cursor *c) noexcept:
        cdef const uint8_t *start = c.at
        cdef PyObject *out
        if self.slots == NULL:
            return bad(c, TOO_DEEP)
        if enter(c) < 0:
            return NULL
        out = self.make(c)
        c.depth += 1
        if out != NULL and spend(c, start) < 0:
            Py_DECREF(out)
            return NULL
        return out

    cdef PyObject *make(self, Cursor *c) noexcept:
        return NULL

    cdef int values(self, Cursor *c, char *base, Py_ssize_t unit) noexcept:
        """Read all fields, each to `base + slot * unit`, which holds NULLs."""
        cdef Py_ssize_t i, slot
        cdef PyObject *value
        for i in range(PyTuple_GET_SIZE(<PyObject *>self.nodes)):
            slot = self.slots[i]
            if slot < 0:
                if (<Node>PyTuple_GET_ITEM(<PyObject *>self.nodes, i)).skip(c) < 0:
                    return trace(c, <object>PyTuple_GET_ITEM(<PyObject *>self.names, i))
                continue
            value = (<Node>PyTuple_GET_ITEM(<PyObject *>self.nodes, i)).read(c)
            if value == NULL:
                return trace(c, <object>PyTuple_GET_ITEM(<PyObject *>self.names, i))
            (<PyObject **>(base + slot * unit))[0] = value
        for i in range(PyTuple_GET_SIZE(<PyObject *>self.defaults)):
            value = (<DefaultNode>PyTuple_GET_ITEM(<PyObject *>self.defaults, i)).make(c)
            if value == NULL:
                return -1
            (<PyObject **>(base + self.default_slots[i] * unit))[0] = value
        return 0

    cdef int skip(self, Cursor *c) noexcept:
        cdef const uint8_t *start = c.at
        cdef Py_ssize_t i
        if self.slots == NULL or enter(c) < 0:
            return worse(c, TOO_DEEP)
        for i in range(PyTuple_GET_SIZE(<PyObject *>self.nodes)):
            if (<Node>PyTuple_GET_ITEM(<PyObject *>self.nodes, i)).skip(c) < 0:
                return trace(c, <object>PyTuple_GET_ITEM(<PyObject *>self.names, i))
        c.depth += 1
        return spend(c, start)


cdef class SlotRecordNode(RecordNode):
    """Objects of a plain slotted dataclass: allocated, and their slots filled, without calling the class."""

    cdef tuple attributes

    def __init__(self, cls, tuple attributes):
        self.cls = cls
        self.width = len(attributes)
        self.attributes = attributes

    cdef Py_ssize_t place(self, Py_ssize_t target) except -1:
        cdef Py_ssize_t offset = slot_of(self.cls, self.attributes[target])
        if offset < 0:
            raise TypeError(f"{self.cls.__qualname__}.{self.attributes[target]} is not a slot")
        return offset

    cdef PyObject *make(self, Cursor *c) noexcept:
        cdef PyObject *out = KGEN_ALLOC(<PyObject *>self.cls)
        if out != NULL and self.values(c, <char *>out, 1) < 0:
            Py_DECREF(out)
            return NULL
        return out


cdef class ArrayRecordNode(RecordNode):
    """Reads the values to an array, for what is made of them at the end."""

    cdef tuple keys

    def __init__(self, cls, tuple keys):
        self.cls = cls
        self.width = len(keys)
        self.keys = keys

    cdef PyObject *make(self, Cursor *c) noexcept:
        cdef PyObject *few[16]
        cdef PyObject **items = few
        cdef PyObject *out = NULL
        cdef Py_ssize_t i
        if self.width > 15:
            items = <PyObject **>PyMem_Malloc((self.width + 1) * sizeof(PyObject *))
            if items == NULL:
                return PyErr_NoMemory()
        for i in range(self.width + 1):
            items[i] = NULL
        if self.values(c, <char *>(items + 1), sizeof(PyObject *)) == 0:
            out = self.build(items + 1)
        for i in range(1, self.width + 1):
            Py_XDECREF(items[i])
        if items != few:
            PyMem_Free(items)
        return out

    cdef PyObject *build(self, PyObject **items) noexcept:
        return NULL


cdef class CallRecordNode(ArrayRecordNode):
    """Objects of any class that takes its fields by keyword."""

    cdef PyObject *build(self, PyObject **items) noexcept:
        return PyObject_Vectorcall(<PyObject *>self.cls, items, 0, <PyObject *>self.keys)


cdef class DictRecordNode(ArrayRecordNode):
    """Records without a class."""

    cdef PyObject *build(self, PyObject **items) noexcept:
        cdef PyObject *out = PyDict_New()
        cdef Py_ssize_t i
        if out == NULL:
            return NULL
        for i in range(self.width):
            if PyDict_SetItem(out, PyTuple_GET_ITEM(<PyObject *>self.keys, i), items[i]) < 0:
                Py_DECREF(out)
                return NULL
        return out


cdef Py_ssize_t slot_of(cls, str name):
    descriptor = getattr(cls, name, None)
    return kgen_slot_offset(<PyObject *>descriptor)


# What Python sees ---------------------------------------------------------------------------------------------------------------

def scalar(str kind, bint narrow, Py_ssize_t size, scale):
    """The node for a primitive or logical type; `narrow` where it was written as an int, `size` of a fixed or -1."""
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
    return logical(kind, narrow, size, scale)


cdef dict TIMES = {"time-millis": 1000, "time-micros": 1}
cdef dict STAMPS = {
    "timestamp-millis": (1000, True),
    "timestamp-micros": (1, True),
    "local-timestamp-millis": (1000, False),
    "local-timestamp-micros": (1, False),
}
cdef dict NANOS = {"timestamp-nanos": TimestampNanos, "local-timestamp-nanos": LocalTimestampNanos}


cdef Node logical(str kind, bint narrow, Py_ssize_t size, scale):
    if kind == "integer-as-float":
        return AsFloatNode(narrow)
    if kind == "integer-as-double":
        return AsDoubleNode(narrow)
    if kind == "date":
        return DateNode(narrow)
    if kind in TIMES:
        return TimeNode(narrow, TIMES[kind])
    if kind in STAMPS:
        return TimestampNode(narrow, *STAMPS[kind])
    if kind in NANOS:
        return NanosNode(narrow, NANOS[kind])
    if kind == "decimal":
        return DecimalNode(size, scale)
    return {"big-decimal": BigDecimalNode, "uuid": UuidNode, "duration": DurationNode}[kind](size)


cdef class Reader:
    """Decodes with a tree of nodes. Its methods are those of `codec.Reader`."""

    cdef Node root
    cdef int max_depth

    def __init__(self, Node root not None, int max_depth):
        self.root = root
        self.max_depth = max_depth

    def decode(self, bytes data not None, Py_ssize_t offset=0):
        """One value from `data[offset:]`, all of it. Raises `DecodeError`."""
        value = self.attempt(data, offset)
        if type(value) is DecodeError:
            raise value
        return value

    def decode_many(self, batch, Py_ssize_t offset=0):
        """One value for each payload, in order; where one does not decode, its `DecodeError` stands in its place."""
        cdef list out = []
        for data in batch:
            out.append(self.attempt(data, offset))
        return out

    cdef object attempt(self, bytes data, Py_ssize_t offset):
        """A value, or a `DecodeError`."""
        cdef Cursor c
        cdef PyObject *made
        cdef const uint8_t *start
        cdef object value
        if data is None:
            raise TypeError("a payload must be bytes, not None")
        start = <const uint8_t *>PyBytes_AS_STRING(data)
        c.end = start + PyBytes_GET_SIZE(data)
        if offset < 0 or offset > PyBytes_GET_SIZE(data):
            return DecodeError(ENDS, position=PyBytes_GET_SIZE(data))
        c.at = start + offset
        c.depth = self.max_depth
        c.empty = MAX_EMPTY
        c.what = NULL
        c.path = NULL
        made = self.root.read(&c)
        if made == NULL:
            return failure(&c, c.at - start)
        value = <object>made
        Py_DECREF(made)
        if c.at != c.end:
            return DecodeError(f"{c.end - c.at} bytes are left over after the value", position=c.at - start)
        return value


cdef object failure(Cursor *c, Py_ssize_t position):
    """The `DecodeError` for what stands in the cursor or is set as a Python exception. Out of memory and such pass through."""
    cdef list parts = []
    cdef object cause = None
    try:
        if PyErr_Occurred() != NULL:
            reraise()
    except MemoryError:
        raise
    except Exception as error:  # of a constructor of the user's
        cause = error
    finally:
        if c.path != NULL:
            parts = <list>c.path
            Py_DECREF(c.path)
    what = f"the value was refused: {type(cause).__name__}: {cause}" if cause is not None else reason(c)
    refused = DecodeError(what, position=position, path=field_path(parts))
    refused.__cause__ = cause
    return refused


cdef object reason(Cursor *c):
    return "out of memory" if c.what == NULL else <object>c.what


cdef int reraise() except -1:
    """Let the exception that is set take its course."""
    return -1

# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The native writer: a tree of nodes, each of which writes its value to a growing buffer.

A value that does not fit raises `Refused`, to which containers add their part of the field path on its way out. `fit` says how
well a value suits a branch of a union: EXACT, ACCEPTED or NOT.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Malloc, PyMem_Realloc
from cpython.ref cimport PyObject
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

import datetime as dt
import uuid
from decimal import Decimal

from ..errors import EncodeError
from .decimals import number_bytes, unscaled, unscaled_big
from .defaults import zigzag
from .limits import MAX_DEPTH
from .paths import field_path
from .values import Duration, LocalTimestampNanos, TimestampNanos

cdef extern from *:
    """
    #include <datetime.h>
    #include <float.h>
    #include <structmember.h>

    #define KGEN_SLOT(object, offset) ((PyObject **)((char *)(object) + (offset)))

    static int kgen_datetime_import(void) { PyDateTime_IMPORT; return PyDateTimeAPI ? 0 : -1; }

    static Py_ssize_t kgen_slot_offset(PyObject *descriptor) {
        if (Py_TYPE(descriptor) != &PyMemberDescr_Type) return -1;
        PyMemberDef *member = ((PyMemberDescrObject *)descriptor)->d_member;
        return member->type == T_OBJECT_EX ? member->offset : -1;
    }

    /* Year, month, day to days since 1970-01-01 (Howard Hinnant's days_from_civil). */
    static long long kgen_days(PyObject *date) {
        long long y = PyDateTime_GET_YEAR(date);
        unsigned m = PyDateTime_GET_MONTH(date), d = PyDateTime_GET_DAY(date);
        y -= m <= 2;
        long long era = (y >= 0 ? y : y - 399) / 400;
        unsigned yoe = (unsigned)(y - era * 400);
        unsigned doy = (153 * (m > 2 ? m - 3 : m + 9) + 2) / 5 + d - 1;
        return era * 146097 + (long long)(yoe * 365 + yoe / 4 - yoe / 100 + doy) - 719468;
    }

    static long long kgen_time_micros(PyObject *t) {
        return ((PyDateTime_TIME_GET_HOUR(t) * 60LL + PyDateTime_TIME_GET_MINUTE(t)) * 60 + PyDateTime_TIME_GET_SECOND(t)) * 1000000
            + PyDateTime_TIME_GET_MICROSECOND(t);
    }

    static long long kgen_datetime_micros(PyObject *t) {
        return ((kgen_days(t) * 24 + PyDateTime_DATE_GET_HOUR(t)) * 60 + PyDateTime_DATE_GET_MINUTE(t)) * 60000000LL
            + PyDateTime_DATE_GET_SECOND(t) * 1000000LL + PyDateTime_DATE_GET_MICROSECOND(t);
    }

    static int kgen_naive(PyObject *t) { return PyDateTime_DATE_GET_TZINFO(t) == Py_None; }
    static int kgen_naive_time(PyObject *t) { return PyDateTime_TIME_GET_TZINFO(t) == Py_None; }
    static PyObject *kgen_type(PyObject *value) { return (PyObject *)Py_TYPE(value); }

    static int kgen_uuid_bytes(PyObject *number, unsigned char *data) {
        if (!PyLong_Check(number)) { PyErr_SetString(PyExc_TypeError, "a UUID holds an int"); return -1; }
        return _PyLong_AsByteArray((PyLongObject *)number, data, 16, 0, 0);
    }

    static int kgen_is_utc(PyObject *t) { return PyDateTime_DATE_GET_TZINFO(t) == PyDateTimeAPI->TimeZone_UTC; }
    """
    int kgen_datetime_import() except -1
    Py_ssize_t kgen_slot_offset(PyObject *descriptor) noexcept
    PyObject **KGEN_SLOT(PyObject *instance, Py_ssize_t offset) noexcept
    long long kgen_days(object date) noexcept
    long long kgen_time_micros(object time) noexcept
    long long kgen_datetime_micros(object moment) noexcept
    bint kgen_naive(object moment) noexcept
    bint kgen_naive_time(object time) noexcept
    bint kgen_is_utc(object moment) noexcept
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
    int PyDict_Next(object items, Py_ssize_t *at, PyObject **key, PyObject **value) noexcept
    PyObject *kgen_type(object value) noexcept
    int kgen_uuid_bytes(object number, uint8_t *data) except -1
    PyObject *PyTuple_GET_ITEM(object items, Py_ssize_t index) noexcept
    PyObject *PyList_GET_ITEM(object items, Py_ssize_t index) noexcept
    Py_ssize_t PyList_GET_SIZE(object items) noexcept
    Py_ssize_t PyTuple_GET_SIZE(object items) noexcept
    double FLT_MAX

kgen_datetime_import()

cdef enum:
    SMALL = 1024  # most messages fit a buffer on the stack
    NOT = 0
    ACCEPTED = 1
    EXACT = 2

cdef int DEPTH = MAX_DEPTH
cdef object MICROSECOND = dt.timedelta(microseconds=1)
cdef object UUID = uuid.UUID
cdef const char *HEX = b"0123456789abcdef"
# Half a unit in the last place above the largest float of 32 bits: what rounds to infinity.
cdef double FLT_LIMIT = FLT_MAX * (1 + 2.0 ** -25)
cdef double INFINITE = float("inf")
cdef int64_t NANO_LIMIT = 9223372036854775

ctypedef struct Out:
    uint8_t *data
    Py_ssize_t size
    Py_ssize_t room
    bint heap
    int depth


cdef int grow(Out *out, Py_ssize_t more) except -1:
    cdef Py_ssize_t room = out.room
    cdef uint8_t *data
    if more > (<Py_ssize_t>1 << 62) - out.size:
        raise MemoryError
    while room < out.size + more:
        room *= 2
    data = <uint8_t *>(PyMem_Realloc(out.data, room) if out.heap else PyMem_Malloc(room))
    if data == NULL:
        raise MemoryError
    if not out.heap:
        memcpy(data, out.data, out.size)
    out.data = data
    out.room = room
    out.heap = True
    return 0


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
    """Why a value was not written, and the parts of its field path, innermost first."""

    def __init__(self, why, *parts):
        self.why = why
        self.parts = list(parts)


cdef unwanted(str wanted, object value):
    return Refused(f"expected {wanted}, not {type(value).__name__}")


# Nodes --------------------------------------------------------------------------------------------------------------------------

cdef class Memo:
    """How well values suit nodes, as found while one union looks for a branch: each pair is asked once, else unions inside
    unions would ask exponentially often, and values that hold themselves for ever.
    """

    cdef dict seen
    cdef int depth

    def __init__(self):
        self.seen = {}
        self.depth = DEPTH


cdef class Node:
    """Writes one kind of value."""

    cdef int write(self, Out *out, object value) except -1:
        raise NotImplementedError

    cdef int fit(self, object value, Memo memo) except -1:
        return NOT

    def types(self):
        """The Python types whose values this node may write."""
        return ()


cdef class NullNode(Node):
    cdef int write(self, Out *out, object value) except -1:
        if value is not None:
            raise unwanted("None", value)
        return 0

    cdef int fit(self, object value, Memo memo) except -1:
        return EXACT if value is None else NOT

    def types(self):
        return (type(None),)


cdef class BooleanNode(Node):
    cdef int write(self, Out *out, object value) except -1:
        cdef uint8_t byte = value is True
        if not PyBool_Check(value):
            raise unwanted("bool", value)
        return put(out, &byte, 1)

    cdef int fit(self, object value, Memo memo) except -1:
        return EXACT if PyBool_Check(value) else NOT

    def types(self):
        return (bool,)


cdef class IntegerNode(Node):
    """An int or a long: `bits` is 32 or 64."""

    cdef int bits

    def __init__(self, int bits):
        self.bits = bits

    cdef bint holds(self, object value, int64_t *number) except -1:
        cdef int overflow = 0
        number[0] = PyLong_AsLongLongAndOverflow(value, &overflow)
        return overflow == 0 and (self.bits == 64 or number[0] == <int32_t>number[0])

    cdef int write(self, Out *out, object value) except -1:
        cdef int64_t number = 0
        if not PyLong_Check(value) or PyBool_Check(value):
            raise unwanted("int", value)
        if not self.holds(value, &number):
            raise Refused(f"the number does not fit {self.bits} bits")
        return put_long(out, number)

    cdef int fit(self, object value, Memo memo) except -1:
        cdef int64_t number = 0
        if not PyLong_Check(value) or PyBool_Check(value) or not self.holds(value, &number):
            return NOT
        return EXACT if type(value) is int else ACCEPTED

    def types(self):
        return (int,)


cdef bint real(object value, double *number) except -1:
    """Whether `value` is a float, or an int that a double can hold."""
    if PyFloat_Check(value):
        number[0] = PyFloat_AS_DOUBLE(value)
        return True
    if not PyLong_Check(value) or PyBool_Check(value):
        return False
    try:
        number[0] = PyLong_AsDouble(value)
    except OverflowError:
        return False
    return True


cdef class DoubleNode(Node):
    cdef int write(self, Out *out, object value) except -1:
        cdef double number = 0
        if not real(value, &number):
            raise unwanted("a float or an int that a double holds", value)
        return put(out, &number, 8)

    cdef int fit(self, object value, Memo memo) except -1:
        cdef double number = 0
        return NOT if not real(value, &number) else EXACT if PyFloat_Check(value) else ACCEPTED

    def types(self):
        return (float, int)


cdef class FloatNode(Node):
    cdef bint holds(self, object value, double *number) except -1:
        if not real(value, number):
            return False
        return not FLT_LIMIT <= abs(number[0]) < INFINITE

    cdef int write(self, Out *out, object value) except -1:
        cdef double number = 0
        cdef float single
        if not self.holds(value, &number):
            raise unwanted("a number that a float of 32 bits holds", value)
        single = <float>number
        return put(out, &single, 4)

    cdef int fit(self, object value, Memo memo) except -1:
        cdef double number = 0
        if not self.holds(value, &number):
            return NOT
        exact = PyFloat_Check(value) and (number != number or <double><float>number == number)
        return EXACT if exact else ACCEPTED

    def types(self):
        return (float, int)


cdef class BytesNode(Node):
    """Bytes, or a fixed where `size` is not -1."""

    cdef Py_ssize_t size

    def __init__(self, Py_ssize_t size):
        self.size = size

    cdef int write(self, Out *out, object value) except -1:
        cdef Py_ssize_t size
        if not PyBytes_Check(value):
            if not isinstance(value, (bytearray, memoryview)):
                raise unwanted("bytes", value)
            value = bytes(value)
        size = PyBytes_GET_SIZE(value)
        if self.size < 0:
            return put_run(out, PyBytes_AS_STRING(value), size)
        if size != self.size:
            raise Refused(f"expected {self.size} bytes, not {size}")
        return put(out, PyBytes_AS_STRING(value), size)

    cdef int fit(self, object value, Memo memo) except -1:
        if not isinstance(value, (bytes, bytearray, memoryview)):
            return NOT
        if self.size >= 0 and len(bytes(value)) != self.size:
            return NOT
        return EXACT if PyBytes_Check(value) else ACCEPTED

    def types(self):
        return (bytes, bytearray, memoryview)


cdef class StringNode(Node):
    cdef int write(self, Out *out, object value) except -1:
        cdef Py_ssize_t size = 0
        cdef const char *data
        if not PyUnicode_Check(value):
            raise unwanted("str", value)
        try:
            data = PyUnicode_AsUTF8AndSize(value, &size)
        except UnicodeEncodeError:
            raise Refused("the string holds a lone surrogate") from None
        return put_run(out, data, size)

    cdef int fit(self, object value, Memo memo) except -1:
        return EXACT if type(value) is str else ACCEPTED if PyUnicode_Check(value) else NOT

    def types(self):
        return (str,)


# Logical types ------------------------------------------------------------------------------------------------------------------

cdef class DateNode(Node):
    cdef int write(self, Out *out, object value) except -1:
        if not PyDate_Check(value) or PyDateTime_Check(value):
            raise unwanted("date", value)
        return put_long(out, kgen_days(value))

    cdef int fit(self, object value, Memo memo) except -1:
        return EXACT if PyDate_Check(value) and not PyDateTime_Check(value) else NOT

    def types(self):
        return (dt.date,)


cdef class TimeNode(Node):
    """A time of day; `unit` is in microseconds."""

    cdef int64_t unit

    def __init__(self, int64_t unit):
        self.unit = unit

    cdef int write(self, Out *out, object value) except -1:
        if not PyTime_Check(value) or not kgen_naive_time(value):
            raise unwanted("a time without a time zone", value)
        return put_long(out, kgen_time_micros(value) // self.unit)

    cdef int fit(self, object value, Memo memo) except -1:
        if not PyTime_Check(value) or not kgen_naive_time(value):
            return NOT
        return ACCEPTED if kgen_time_micros(value) % self.unit else EXACT

    def types(self):
        return (dt.time,)


cdef inline int64_t floor_div(int64_t number, int64_t unit) noexcept:
    cdef int64_t whole = number // unit
    return whole - 1 if number % unit < 0 else whole


cdef class TimestampNode(Node):
    """An instant (`utc`) or a wall-clock time; `unit` is in microseconds. What is finer is cut off, towards the past."""

    cdef int64_t unit
    cdef bint utc

    def __init__(self, int64_t unit, bint utc):
        self.unit = unit
        self.utc = utc

    cdef bint micros(self, object value, int64_t *out) except -1:
        """Microseconds since the epoch, where `value` is a datetime of the right kind."""
        if not PyDateTime_Check(value):
            return False
        if kgen_naive(value):
            out[0] = kgen_datetime_micros(value)
            return not self.utc
        if not self.utc:
            return False
        if kgen_is_utc(value):
            out[0] = kgen_datetime_micros(value)
            return True
        offset = value.utcoffset()
        if offset is None:
            return False
        out[0] = kgen_datetime_micros(value) - offset // MICROSECOND
        return True

    cdef str wanted(self):
        return "a datetime with a time zone" if self.utc else "a datetime without a time zone"

    cdef int write(self, Out *out, object value) except -1:
        cdef int64_t micros = 0
        if not self.micros(value, &micros):
            raise unwanted(self.wanted(), value)
        return put_long(out, floor_div(micros, self.unit))

    cdef int fit(self, object value, Memo memo) except -1:
        cdef int64_t micros = 0
        if not self.micros(value, &micros):
            return NOT
        return ACCEPTED if micros % self.unit else EXACT

    def types(self):
        return (dt.datetime,)


cdef class NanosNode(TimestampNode):
    """Nanoseconds since the epoch: a number of its own class, or a plain int, or a datetime."""

    cdef object cls

    def __init__(self, cls, bint utc):
        self.cls = cls
        self.unit = 1
        self.utc = utc

    cdef bint nanos(self, object value, int64_t *out) except -1:
        cdef int overflow = 0
        if PyLong_Check(value) and not PyBool_Check(value):
            out[0] = PyLong_AsLongLongAndOverflow(value, &overflow)
            return overflow == 0
        if not self.micros(value, out) or not -NANO_LIMIT < out[0] < NANO_LIMIT:
            return False
        out[0] *= 1000
        return True

    cdef int write(self, Out *out, object value) except -1:
        cdef int64_t nanos = 0
        if not self.nanos(value, &nanos):
            raise unwanted(f"{self.cls.__name__}, or {self.wanted()} that 64 bits of nanoseconds hold", value)
        return put_long(out, nanos)

    cdef int fit(self, object value, Memo memo) except -1:
        cdef int64_t nanos = 0
        if not self.nanos(value, &nanos):
            return NOT
        return EXACT if type(value) is self.cls else ACCEPTED

    def types(self):
        return (self.cls, int, dt.datetime)


cdef class UuidNode(Node):
    """A UUID as text, or as 16 bytes."""

    cdef bint text

    def __init__(self, bint text):
        self.text = text

    cdef int write(self, Out *out, object value) except -1:
        cdef uint8_t raw[16]
        cdef uint8_t text[37]
        cdef int i, at = 1
        if not isinstance(value, UUID):
            raise unwanted("UUID", value)
        number = value.int
        kgen_uuid_bytes(number, raw)
        if not self.text:
            return put(out, raw, 16)
        text[0] = 72  # the length 36, as a zigzag varint
        for i in range(16):
            if i == 4 or i == 6 or i == 8 or i == 10:
                text[at] = c'-'
                at += 1
            text[at] = HEX[raw[i] >> 4]
            text[at + 1] = HEX[raw[i] & 15]
            at += 2
        return put(out, text, 37)

    cdef int fit(self, object value, Memo memo) except -1:
        return EXACT if type(value) is UUID else ACCEPTED if isinstance(value, UUID) else NOT

    def types(self):
        return (UUID,)


cdef class DecimalNode(Node):
    """A decimal on bytes (`size` -1) or fixed."""

    cdef Py_ssize_t size
    cdef object precision
    cdef object scale

    def __init__(self, Py_ssize_t size, precision, scale):
        self.size = size
        self.precision = precision
        self.scale = scale

    cdef object raw(self, object value):
        """The bytes of the unscaled number. Raises ValueError."""
        number = unscaled(value, self.precision, self.scale)
        return number_bytes(number) if self.size < 0 else number.to_bytes(self.size, "big", signed=True)

    cdef int write(self, Out *out, object value) except -1:
        if not isinstance(value, (Decimal, int)) or PyBool_Check(value):
            raise unwanted("Decimal", value)
        try:
            data = self.raw(value)
        except (ValueError, OverflowError) as error:
            raise Refused(f"the decimal {error}") from None
        return put_run(out, PyBytes_AS_STRING(data), len(data)) if self.size < 0 else put(out, PyBytes_AS_STRING(data), len(data))

    cdef int fit(self, object value, Memo memo) except -1:
        if not isinstance(value, (Decimal, int)) or PyBool_Check(value):
            return NOT
        try:
            self.raw(value)
        except (ValueError, OverflowError):
            return NOT
        return EXACT if isinstance(value, Decimal) else ACCEPTED

    def types(self):
        return (Decimal, int)


cdef class BigDecimalNode(DecimalNode):
    cdef object raw(self, object value):
        number, scale = unscaled_big(value)
        data = number_bytes(number)
        return zigzag(len(data)) + data + zigzag(scale)


cdef class DurationNode(Node):
    cdef int write(self, Out *out, object value) except -1:
        cdef uint32_t parts[3]
        if self.fit(value, None) == NOT:
            raise unwanted("a Duration whose parts fit 32 bits each", value)
        parts[0], parts[1], parts[2] = value.months, value.days, value.millis
        return put(out, parts, 12)

    cdef int fit(self, object value, Memo memo) except -1:
        if not isinstance(value, Duration):
            return NOT
        for part in (value.months, value.days, value.millis):
            if not isinstance(part, int) or not 0 <= part < 1 << 32:
                return NOT
        return EXACT

    def types(self):
        return (Duration,)


# Composite types ----------------------------------------------------------------------------------------------------------------

cdef class EnumNode(Node):
    """`members` are the class's in the order of the symbols, or None where there is no class; the symbols are accepted too."""

    cdef str name
    cdef object cls
    cdef tuple members
    cdef dict symbols
    cdef dict places

    def __init__(self, str name, tuple symbols, cls, tuple members):
        self.name = name
        self.cls = cls
        self.members = members
        self.symbols = {symbol: number for number, symbol in enumerate(symbols)}
        self.places = {id(member): number for number, member in enumerate(members)}

    cdef int place(self, object value) except -2:
        """The number of the symbol, or -1."""
        cdef Py_ssize_t i
        if type(value) is self.cls:
            for i in range(PyTuple_GET_SIZE(self.members)):
                if i == 16:
                    break
                if PyTuple_GET_ITEM(self.members, i) == <PyObject *>value:
                    return i
            return self.places.get(id(value), -1)
        return self.symbols.get(value, -1) if PyUnicode_Check(value) else -1

    cdef int write(self, Out *out, object value) except -1:
        cdef int place = self.place(value)
        if place < 0:
            raise Refused(f"expected a symbol of {self.name}, not {str(repr(value))[:200]}")
        return put_long(out, place)

    cdef int fit(self, object value, Memo memo) except -1:
        if self.place(value) < 0:
            return NOT
        return EXACT if self.cls is None or type(value) is self.cls else ACCEPTED

    def types(self):
        return (str,) if self.cls is None else (self.cls, str)


cdef class ContainerNode(Node):
    """What holds other values: `weigh` is its `fit`, asked once for a value."""

    cdef int fit(self, object value, Memo memo) except -1:
        cdef int found
        key = (id(self), id(value))
        known = memo.seen.get(key)
        if known is not None:
            return known
        if memo.depth <= 0:
            return NOT
        memo.seen[key] = NOT
        memo.depth -= 1
        found = self.weigh(value, memo)
        memo.depth += 1
        memo.seen[key] = found
        return found

    cdef int weigh(self, object value, Memo memo) except -1:
        return NOT


cdef class ListNode(ContainerNode):
    cdef Node items

    def __init__(self, Node items not None):
        self.items = items

    cdef int write(self, Out *out, object value) except -1:
        cdef Py_ssize_t i = -1
        cdef Py_ssize_t count
        if PyTuple_Check(value):
            value = list(value)
        if not PyList_Check(value):
            raise unwanted("list", value)
        count = PyList_GET_SIZE(value)
        if count == 0:
            return put_long(out, 0)
        enter(out)
        put_long(out, count)
        try:
            for i in range(count):
                if i >= PyList_GET_SIZE(value):
                    raise Refused("the list changed while it was written")
                item = <object>PyList_GET_ITEM(value, i)
                self.items.write(out, item)
        except Refused as refused:
            refused.parts.append(i)
            raise
        out.depth += 1
        return put_long(out, 0)

    cdef int weigh(self, object value, Memo memo) except -1:
        cdef int best = EXACT if type(value) is list else ACCEPTED
        if not isinstance(value, (list, tuple)):
            return NOT
        for item in value:
            best = min(best, self.items.fit(item, memo))
            if best == NOT:
                break
        return best

    def types(self):
        return (list, tuple)


cdef class MapNode(ContainerNode):
    cdef Node values
    cdef StringNode keys

    def __init__(self, Node values not None):
        self.values = values
        self.keys = StringNode()

    cdef int write(self, Out *out, object value) except -1:
        cdef PyObject *key_at
        cdef PyObject *item_at
        cdef Py_ssize_t at = 0
        cdef Py_ssize_t count = 0
        cdef Py_ssize_t size
        key = None
        if not PyDict_Check(value):
            raise unwanted("dict", value)
        size = len(<dict>value)
        if size == 0:
            return put_long(out, 0)
        enter(out)
        put_long(out, size)
        try:
            while PyDict_Next(value, &at, &key_at, &item_at):
                key, item = <object>key_at, <object>item_at
                self.keys.write(out, key)
                self.values.write(out, item)
                count += 1
        except Refused as refused:
            refused.parts.append((str(key),))
            raise
        if count != size:
            raise Refused("the dict changed while it was written")
        out.depth += 1
        return put_long(out, 0)

    cdef int weigh(self, object value, Memo memo) except -1:
        cdef int best = EXACT if type(value) is dict else ACCEPTED
        if not PyDict_Check(value):
            return NOT
        for key, item in value.items():
            best = min(best, self.keys.fit(key, memo), self.values.fit(item, memo))
            if best == NOT:
                break
        return best

    def types(self):
        return (dict,)


cdef inline int enter(Out *out) except -1:
    if out.depth <= 0:
        raise Refused(f"the value is nested more than {DEPTH} deep, or holds itself")
    out.depth -= 1
    return 0


cdef class RecordNode(ContainerNode):
    """A record: an object of `cls` by its attributes, or a dict by the names of the fields.

    Objects of a `plain` slotted dataclass are read slot by slot.
    """

    cdef str name
    cdef object cls
    cdef tuple names
    cdef frozenset known_names
    cdef tuple attributes
    cdef tuple nodes
    cdef tuple defaults
    cdef Py_ssize_t *offsets

    def __cinit__(self, *args):
        self.offsets = NULL

    def __init__(self, str name, cls, tuple attributes, bint plain):
        self.name = name
        self.cls = cls
        self.attributes = attributes
        self.names = self.nodes = self.defaults = ()
        if plain:
            self.offsets = <Py_ssize_t *>PyMem_Malloc((len(attributes) + 1) * sizeof(Py_ssize_t))
            if self.offsets == NULL:
                raise MemoryError
            self.find_slots()

    def __dealloc__(self):
        PyMem_Free(self.offsets)

    def find_slots(self):
        for i in range(len(self.attributes)):
            descriptor = getattr(self.cls, self.attributes[i])
            self.offsets[i] = kgen_slot_offset(<PyObject *>descriptor)
            if self.offsets[i] < 0:
                raise TypeError(f"{self.cls.__qualname__}.{self.attributes[i]} is not a slot")

    def fill(self, tuple names, tuple nodes, tuple defaults):
        """`defaults`: the Avro binary of each field's default, or None."""
        for node in nodes:
            if not isinstance(node, Node):
                raise TypeError("a field needs a node")
        if not len(names) == len(nodes) == len(defaults) or (self.cls is not None and len(self.attributes) != len(names)):
            raise ValueError("the fields of a record do not agree")
        self.names, self.nodes, self.defaults = names, nodes, defaults
        self.known_names = frozenset(names)

    cdef int write(self, Out *out, object value) except -1:
        cdef Py_ssize_t i = 0
        enter(out)
        try:
            if self.offsets != NULL and kgen_type(value) == <PyObject *>self.cls:
                for i in range(PyTuple_GET_SIZE(self.nodes)):
                    self.slot(out, value, i)
            elif self.cls is not None and isinstance(value, self.cls):
                for i in range(PyTuple_GET_SIZE(self.nodes)):
                    self.attribute(out, value, i)
            elif PyDict_Check(value):
                i = -1
                self.known(value)
                for i in range(PyTuple_GET_SIZE(self.nodes)):
                    self.entry(out, value, i)
            else:
                i = -1
                raise unwanted("dict" if self.cls is None else self.cls.__qualname__, value)
        except Refused as refused:
            if i >= 0:
                refused.parts.append(self.names[i])
            raise
        out.depth += 1
        return 0

    cdef inline int slot(self, Out *out, object value, Py_ssize_t i) except -1:
        cdef PyObject *item = KGEN_SLOT(<PyObject *>value, self.offsets[i])[0]
        if item == NULL:
            raise Refused("the field is not set")
        held = <object>item
        return (<Node>PyTuple_GET_ITEM(self.nodes, i)).write(out, held)

    cdef int attribute(self, Out *out, object value, Py_ssize_t i) except -1:
        try:
            item = getattr(value, self.attributes[i])
        except AttributeError:
            raise Refused("the field is not set") from None
        return (<Node>PyTuple_GET_ITEM(self.nodes, i)).write(out, item)

    cdef int entry(self, Out *out, object value, Py_ssize_t i) except -1:
        cdef PyObject *found = PyDict_GetItemWithError(value, self.names[i])
        if found != NULL:
            item = <object>found
            return (<Node>PyTuple_GET_ITEM(self.nodes, i)).write(out, item)
        default = self.defaults[i]
        if default is None:
            raise Refused("the field is missing")
        return put(out, PyBytes_AS_STRING(default), PyBytes_GET_SIZE(default))

    cdef int known(self, dict value) except -1:
        for key in value:
            if key not in self.known_names:
                raise Refused(f"{self.name} has no field {str(key)[:200]}")
        return 0

    cdef int fit(self, object value, Memo memo) except -1:
        if self.cls is not None and isinstance(value, self.cls):
            return EXACT if type(value) is self.cls else ACCEPTED
        return ContainerNode.fit(self, value, memo)

    cdef int weigh(self, object value, Memo memo) except -1:
        if not PyDict_Check(value):
            return NOT
        return self.fit_items(value, memo)

    cdef int fit_items(self, dict value, Memo memo) except -1:
        cdef int best = EXACT if self.cls is None and type(value) is dict else ACCEPTED
        for key in value:
            if key not in self.known_names:
                return NOT
        for name, node, default in zip(self.names, self.nodes, self.defaults):
            if name in value:
                best = min(best, (<Node>node).fit(value[name], memo))
            elif default is not None:
                best = min(best, ACCEPTED)
            else:
                return NOT
        return best

    def types(self):
        return (dict,) if self.cls is None else (self.cls, dict)


cdef class UnionNode(Node):
    """A union. A type that only one branch takes leads straight to it; else the branches are asked."""

    cdef tuple branches
    cdef dict by_type
    cdef str title

    def __init__(self, tuple branches, str title):
        for branch in branches:
            if not isinstance(branch, Node):
                raise TypeError("a branch needs a node")
        self.branches = branches
        self.title = title
        takers = {}
        for number, branch in enumerate(branches):
            for taken in branch.types():
                takers.setdefault(taken, []).append(number)
        self.by_type = {taken: numbers[0] for taken, numbers in takers.items() if len(numbers) == 1}

    cdef int write(self, Out *out, object value) except -1:
        cdef PyObject *known = PyDict_GetItemWithError(self.by_type, <object>kgen_type(value))
        cdef Py_ssize_t number
        if known != NULL:
            number = <object>known
        else:
            number = self.best(value, Memo())
        if number < 0:
            raise unwanted(f"one of {self.title}", value)
        put_long(out, number)
        return (<Node>PyTuple_GET_ITEM(self.branches, number)).write(out, value)

    cdef Py_ssize_t best(self, object value, Memo memo) except -2:
        """The first branch that holds the value exactly, else the first that accepts it, else -1."""
        cdef Py_ssize_t i, accepting = -1
        cdef int fit
        for i in range(PyTuple_GET_SIZE(self.branches)):
            fit = (<Node>PyTuple_GET_ITEM(self.branches, i)).fit(value, memo)
            if fit == EXACT:
                return i
            if fit == ACCEPTED and accepting < 0:
                accepting = i
        return accepting

    cdef int fit(self, object value, Memo memo) except -1:
        cdef Py_ssize_t number = self.best(value, memo)
        return NOT if number < 0 else (<Node>PyTuple_GET_ITEM(self.branches, number)).fit(value, memo)


# What Python sees ---------------------------------------------------------------------------------------------------------------

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
        return TimeNode(TIMES[kind])
    if kind in STAMPS:
        return TimestampNode(*STAMPS[kind])
    if kind in NANOS:
        return NanosNode(*NANOS[kind])
    if kind == "uuid":
        return UuidNode(size < 0)
    return (BigDecimalNode if kind == "big-decimal" else DecimalNode)(size, precision, scale)


cdef class Writer:
    """Encodes with a tree of nodes. Its methods are those of `codec.Writer`."""

    cdef Node root

    def __init__(self, Node root not None):
        self.root = root

    def encode(self, value, bytes prefix not None=b""):
        """`prefix` and then the value in Avro binary. Raises `EncodeError`."""
        cdef uint8_t small[SMALL]
        cdef Out out
        out.data = small
        out.size = 0
        out.room = SMALL
        out.heap = False
        out.depth = DEPTH
        try:
            put(&out, PyBytes_AS_STRING(prefix), PyBytes_GET_SIZE(prefix))
            self.root.write(&out, value)
            return PyBytes_FromStringAndSize(<const char *>out.data, out.size)
        except Refused as refused:
            raise EncodeError(refused.why, path=field_path(refused.parts)) from None
        finally:
            if out.heap:
                PyMem_Free(out.data)

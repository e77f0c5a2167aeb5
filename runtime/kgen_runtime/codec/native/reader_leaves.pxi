"""Nodes that read what holds no other values: primitives and logical types."""

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


cdef class BranchNode(Node):
    """A value that remembers the branch of the reader's union."""

    cdef Node node
    cdef str branch

    def __init__(self, Node node not None, str branch not None):
        self.node = node
        self.branch = branch

    cdef PyObject *read(self, Cursor *c) noexcept:
        cdef PyObject *made = self.node.read(c)
        if made == NULL:
            return NULL
        value = <object>made
        Py_DECREF(made)
        try:
            value = of_branch(value, self.branch)
            Py_INCREF(value)
            return <PyObject *>value
        except BaseException as error:
            return raised(error)

    cdef int skip(self, Cursor *c) noexcept:
        return self.node.skip(c)


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


cdef class RangedNode(NumberNode):
    """A number that Python may have no value for: that one is up to `outside`."""

    cdef object outside

    cdef PyObject *beyond(self, int64_t n) noexcept:
        try:
            value = self.outside(n)
            Py_INCREF(value)
            return <PyObject *>value
        except BaseException as error:
            return raised(error)


cdef class DateNode(RangedNode):
    def __init__(self, bint narrow, outside):
        self.narrow = narrow
        self.outside = outside

    cdef PyObject *make(self, Cursor *c, int64_t n) noexcept:
        if n < FIRST_DAY or n >= END_DAY:
            return self.beyond(n)
        return kgen_date(n)


cdef class TimeNode(RangedNode):
    """A time of day; `micros` is how many microseconds one unit is."""

    cdef int64_t micros

    def __init__(self, bint narrow, outside, int64_t micros):
        self.narrow = narrow
        self.outside = outside
        self.micros = micros

    cdef PyObject *make(self, Cursor *c, int64_t n) noexcept:
        if n < 0 or n >= 86400000000LL // self.micros:
            return self.beyond(n)
        return kgen_time(n * self.micros)


cdef class TimestampNode(TimeNode):
    """An instant (`utc`) or a wall-clock time."""

    cdef bint utc

    def __init__(self, bint narrow, outside, int64_t micros, bint utc):
        self.narrow = narrow
        self.outside = outside
        self.micros = micros
        self.utc = utc

    cdef PyObject *make(self, Cursor *c, int64_t n) noexcept:
        if n < FIRST_MICRO // self.micros or n >= END_MICRO // self.micros:
            return self.beyond(n)
        return kgen_datetime(n * self.micros, self.utc)


cdef class FromNanosNode(NumberNode):
    """Nanoseconds as a datetime: what is finer is cut off, towards the past. All that 64 bits hold fits."""

    cdef bint utc

    def __init__(self, bint narrow, bint utc):
        self.narrow = narrow
        self.utc = utc

    cdef PyObject *make(self, Cursor *c, int64_t n) noexcept:
        return kgen_datetime(n // 1000 - (n % 1000 < 0), self.utc)


cdef class NanosNode(RangedNode):
    """Nanoseconds as a number of their own class; `unit` is how many nanoseconds one unit of the data is."""

    cdef object cls
    cdef int64_t unit

    def __init__(self, bint narrow, outside, cls, int64_t unit):
        self.narrow = narrow
        self.outside = outside
        self.cls = cls
        self.unit = unit

    cdef PyObject *make(self, Cursor *c, int64_t n) noexcept:
        cdef PyObject *number
        cdef PyObject *value
        if not LEAST_LONG // self.unit <= n <= MOST_LONG // self.unit:
            return self.beyond(n)
        number = PyLong_FromLongLong(n * self.unit)
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


cdef inline PyObject *text_made(Cursor *c, PyObject *value) noexcept:
    """`value`, or why there is none."""
    if value == NULL and PyErr_ExceptionMatches(PyExc_UnicodeDecodeError):
        PyErr_Clear()
        return bad(c, NOT_UTF8)
    return value


cdef class StringNode(BlobNode):
    cdef kgen_kept kept

    def __dealloc__(self):
        kgen_release_kept(&self.kept)

    cdef PyObject *read(self, Cursor *c) noexcept:
        cdef const uint8_t *start = c.at
        cdef Py_ssize_t size = 0
        cdef PyObject *value
        if take_size(c, &size) < 0:
            return NULL
        value = kgen_kept_text(&self.kept, c.at, size)
        if value == NULL:
            c.at = start
            return text_made(c, NULL)
        c.at += size
        return value


cdef class SlowNode(BlobNode):
    """A run of bytes made into a value by Python code. `build` raises ValueError or ArithmeticError where it cannot.

    Everything else, such as what a signal's handler raises in that code, goes through.
    """

    cdef PyObject *make(self, Cursor *c, const uint8_t *data, Py_ssize_t size) noexcept:
        try:
            value = self.build(data, size)
            Py_INCREF(value)
            return <PyObject *>value
        except TooLongError as error:
            return bad(c, error.why)
        except (ValueError, ArithmeticError):
            return bad(c, self.reason(size))
        except BaseException as error:
            return raised(error)

    cdef object build(self, const uint8_t *data, Py_ssize_t size):
        raise ValueError

    cdef object reason(self, Py_ssize_t size):
        return BAD_DECIMAL if size else EMPTY_DECIMAL


cdef object whole_number(const uint8_t *data, Py_ssize_t size, Py_ssize_t most, object why):
    """A big-endian two's complement number of at most so many bytes, besides those that only repeat its sign.

    `why` it may not be longer.
    """
    cdef PyObject *number
    cdef object value
    if size <= 0:
        raise ValueError
    while size > most and (data[0] == 0 or data[0] == 0xFF) and (data[0] ^ data[1]) < 0x80:
        data += 1
        size -= 1
    if size > most:
        raise TooLongError(why)
    number = _PyLong_FromByteArray(data, size, 0, 1)
    if number == NULL:
        raise MemoryError
    value = <object>number
    Py_DECREF(number)
    return value


cdef class DecimalNode(SlowNode):
    """`limit` is the first number with too many digits, `most` how many bytes the others need; `outside` is given the bytes of one
    that has too many.
    """

    cdef object shift
    cdef object limit
    cdef object outside
    cdef Py_ssize_t most
    cdef Py_ssize_t precision
    cdef int scale

    def __init__(self, Py_ssize_t size, precision, scale, outside):
        self.size = size
        self.precision = precision
        self.scale = scale if scale <= KGEN_MOST_SCALE else -1
        self.shift = Decimal(-scale)
        self.limit = bound(precision)
        self.most = number_size(self.limit)
        self.outside = outside

    cdef PyObject *make(self, Cursor *c, const uint8_t *data, Py_ssize_t size) noexcept:
        """Of its text if it is short: much faster than of a whole number that is scaled."""
        cdef char letters[KGEN_DECIMAL_TEXT]
        cdef PyObject *text
        cdef PyObject *value
        cdef int length = 0 if self.scale < 0 else kgen_decimal_text(data, size, self.precision, self.scale, letters)
        if length == 0:
            return SlowNode.make(self, c, data, size)
        text = PyUnicode_DecodeUTF8(letters, length, NULL)
        if text == NULL:
            return NULL
        value = PyObject_Vectorcall(<PyObject *>Decimal, &text, 1, NULL)
        Py_DECREF(text)
        return value

    cdef object build(self, const uint8_t *data, Py_ssize_t size):
        try:
            number = whole_number(data, size, self.most, None)
        except TooLongError:
            number = self.limit
        if not -self.limit < number < self.limit:
            return self.outside(PyBytes_FromStringAndSize(<const char *>data, size))
        return Decimal(number).scaleb(self.shift, EXACT)


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
        number = whole_number(inner.at, length, MAX_DECIMAL, LONG_DECIMAL)
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
        return uuid_of_text(PyBytes_FromStringAndSize(<const char *>data, min(size, MOST_UUID)))

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
        KGEN_UNTRACK(made)
        return value

    cdef object reason(self, Py_ssize_t size):
        return BAD_UUID


cdef class DurationNode(SlowNode):
    cdef object build(self, const uint8_t *data, Py_ssize_t size):
        cdef uint32_t parts[3]
        memcpy(parts, data, 12)
        return Duration(parts[0], parts[1], parts[2])

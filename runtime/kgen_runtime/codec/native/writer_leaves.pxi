"""Nodes that write what holds no other values: primitives and logical types."""

cdef class Memo:
    """How well values suit nodes, as found while one union looks for a branch: each pair is asked once, else unions inside
    unions would ask exponentially often, and values that hold themselves for ever.
    """

    cdef dict seen
    cdef int depth

    def __init__(self):
        self.seen = {}
        self.depth = DEPTH


cdef class WriterNode:
    """Writes one kind of value."""

    cdef int write(self, Out *out, object value) except -1:
        raise NotImplementedError

    cdef bint exact(self, PyObject *value, Exact *held) except -1:
        """Whether reading what this node writes gives the very same value: its type, each digit, and nothing else that holds it."""
        return False

    cdef int fit(self, object value, Memo memo) except -1:
        return NOT

    def types(self):
        """The Python types whose values this node may write."""
        return ()


cdef class NullNode(WriterNode):
    cdef int write(self, Out *out, object value) except -1:
        if value is not None:
            raise unwanted("None", value)
        return 0

    cdef int fit(self, object value, Memo memo) except -1:
        return EXACT if value is None else NOT

    cdef bint exact(self, PyObject *value, Exact *held) except -1:
        return value == <PyObject *>None

    def types(self):
        return (type(None),)


cdef class BooleanNode(WriterNode):
    cdef int write(self, Out *out, object value) except -1:
        cdef uint8_t byte = value is True
        if not PyBool_Check(value):
            byte = self.foreign(value)
        return put(out, &byte, 1)

    cdef uint8_t foreign(self, object value) except 2:
        own = own_bool(value)
        if not PyBool_Check(own):
            raise unwanted("bool", value)
        return own is True

    cdef int fit(self, object value, Memo memo) except -1:
        return EXACT if PyBool_Check(value) or PyBool_Check(own_bool(value)) else NOT

    cdef bint exact(self, PyObject *value, Exact *held) except -1:
        return PyBool_Check(<object>value)

    def types(self):
        return (bool,)


cdef class IntegerNode(WriterNode):
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
            return self.foreign(out, value)
        if not self.holds(value, &number):
            raise Refused(f"the number does not fit {self.bits} bits")
        return put_long(out, number)

    cdef int foreign(self, Out *out, object value) except -1:
        """Write the int that a value stands for."""
        own = own_number(value)
        if not PyLong_Check(own) or PyBool_Check(own):
            raise unwanted("int", value)
        return self.write(out, own)

    cdef int fit(self, object value, Memo memo) except -1:
        cdef int64_t number = 0
        if not PyLong_Check(value):
            value = own_number(value)
        if not PyLong_Check(value) or PyBool_Check(value) or not self.holds(value, &number):
            return NOT
        # Nanoseconds are numbers too, but suit their own type better.
        return ACCEPTED if isinstance(value, (TimestampNanos, LocalTimestampNanos)) else EXACT

    cdef bint exact(self, PyObject *value, Exact *held) except -1:
        cdef int64_t number = 0
        it = <object>value
        return kgen_type(it) == <PyObject *>int and self.holds(it, &number)

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


cdef int real_fit(object value, double number, bint same) except -1:
    """How well a float or an int suits, for which `number` stands; `same`: it is written as it is, not as one near it."""
    if PyFloat_Check(value):
        return EXACT if same or number != number else ACCEPTED
    return ACCEPTED if same and int(number) == int.__int__(value) else ROUNDED


cdef class DoubleNode(WriterNode):
    cdef int write(self, Out *out, object value) except -1:
        cdef double number = 0
        if not real(value, &number) and not real(own_number(value), &number):
            raise unwanted("a float or an int that a double holds", value)
        return put(out, &number, 8)

    cdef int fit(self, object value, Memo memo) except -1:
        cdef double number = 0
        if not PyFloat_Check(value):
            value = own_number(value)
        return real_fit(value, number, True) if real(value, &number) else NOT

    cdef bint exact(self, PyObject *value, Exact *held) except -1:
        return kgen_type(<object>value) == <PyObject *>float

    def types(self):
        return (float, int)


cdef class FloatNode(WriterNode):
    cdef bint holds(self, object value, double *number) except -1:
        if not real(value, number):
            return False
        return not KGEN_FLT_LIMIT <= abs(number[0]) < INFINITE

    cdef int write(self, Out *out, object value) except -1:
        cdef double number = 0
        cdef float single
        if not self.holds(value, &number) and not self.holds(own_number(value), &number):
            raise unwanted("a number that a float of 32 bits holds", value)
        single = <float>number
        return put(out, &single, 4)

    cdef int fit(self, object value, Memo memo) except -1:
        cdef double number = 0
        if not PyFloat_Check(value):
            value = own_number(value)
        if not self.holds(value, &number):
            return NOT
        return real_fit(value, number, <double><float>number == number)

    cdef bint exact(self, PyObject *value, Exact *held) except -1:
        cdef double number = 0
        it = <object>value
        if kgen_type(it) != <PyObject *>float or not self.holds(it, &number):
            return False
        return number != number or <double><float>number == number

    def types(self):
        return (float, int)


cdef class BytesNode(WriterNode):
    """Bytes, or a fixed where `size` is not -1."""

    cdef Py_ssize_t size

    def __init__(self, Py_ssize_t size):
        self.size = size

    cdef int write(self, Out *out, object value) except -1:
        cdef Py_ssize_t size
        if not PyBytes_Check(value):
            if not isinstance(value, (bytearray, memoryview)):
                raise unwanted("bytes", value)
            value = memoryview(value).tobytes()
        size = PyBytes_GET_SIZE(value)
        if self.size < 0:
            return put_run(out, PyBytes_AS_STRING(value), size)
        if size != self.size:
            raise Refused(f"expected {self.size} bytes, not {size}")
        return put(out, PyBytes_AS_STRING(value), size)

    cdef int fit(self, object value, Memo memo) except -1:
        if not isinstance(value, (bytes, bytearray, memoryview)):
            return NOT
        if self.size >= 0 and memoryview(value).nbytes != self.size:
            return NOT
        return EXACT if PyBytes_Check(value) else ACCEPTED

    cdef bint exact(self, PyObject *value, Exact *held) except -1:
        it = <object>value
        if kgen_type(it) != <PyObject *>bytes:
            return False
        return self.size < 0 or PyBytes_GET_SIZE(it) == self.size

    def types(self):
        return (bytes, bytearray, memoryview)


cdef class StringNode(WriterNode):
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

    cdef bint exact(self, PyObject *value, Exact *held) except -1:
        return kgen_type(<object>value) == <PyObject *>str

    def types(self):
        return (str,)


cdef bint plain_raw(object it) except -1:
    """Whether a value is an `OutOfRange` and nothing more."""
    return kgen_type(it) == <PyObject *>OutOfRange and type(it.logical_type) is str and type(it.scale) is int


cdef class RangedNode(WriterNode):
    """A logical type with numbers that Python has no value for: these are written as they came, out of an `OutOfRange`."""

    cdef str logical_type
    cdef int bits

    cdef int write_raw(self, Out *out, object value, str wanted) except -1:
        number = raw_number(value, self.logical_type, self.bits)
        if number is None:
            raise unwanted(wanted, value)
        return put_long(out, number)

    cdef int fit_raw(self, object value) except -1:
        return NOT if raw_number(value, self.logical_type, self.bits) is None else EXACT

    cdef bint exact_raw(self, object it) except -1:
        if not plain_raw(it) or it.scale != 0 or type(it.raw) is not int:
            return False
        return self.fit_raw(it) == EXACT and is_beyond(self.logical_type, it.raw)


cdef class DateNode(RangedNode):
    def __init__(self):
        self.logical_type = "date"
        self.bits = 32

    cdef int write(self, Out *out, object value) except -1:
        if not PyDate_Check(value) or PyDateTime_Check(value):
            return self.write_raw(out, value, "date")
        return put_long(out, kgen_days(value))

    cdef int fit(self, object value, Memo memo) except -1:
        return EXACT if PyDate_Check(value) and not PyDateTime_Check(value) else self.fit_raw(value)

    cdef bint exact(self, PyObject *value, Exact *held) except -1:
        return kgen_type(<object>value) == <PyObject *>DATE or self.exact_raw(<object>value)

    def types(self):
        return (dt.date, OutOfRange)


cdef class TimeNode(RangedNode):
    """A time of day; `unit` is in microseconds."""

    cdef int64_t unit

    def __init__(self, str logical_type, int64_t unit):
        self.logical_type = logical_type
        self.bits = 32 if logical_type == "time-millis" else 64
        self.unit = unit

    cdef int write(self, Out *out, object value) except -1:
        if not PyTime_Check(value) or not kgen_naive_time(value):
            return self.write_raw(out, value, "a time without a time zone")
        return put_long(out, kgen_time_micros(value) // self.unit)

    cdef int fit(self, object value, Memo memo) except -1:
        if not PyTime_Check(value) or not kgen_naive_time(value):
            return self.fit_raw(value)
        return ACCEPTED if kgen_time_micros(value) % self.unit else EXACT

    cdef bint exact(self, PyObject *value, Exact *held) except -1:
        it = <object>value
        if kgen_type(it) != <PyObject *>TIME:
            return self.exact_raw(it)
        return kgen_naive_time(it) and not kgen_time_fold(it) and kgen_time_micros(it) % self.unit == 0

    def types(self):
        return (dt.time, OutOfRange)


cdef inline int64_t floor_div(int64_t number, int64_t unit) noexcept:
    cdef int64_t whole = number // unit
    return whole - 1 if number % unit < 0 else whole


cdef class TimestampNode(RangedNode):
    """An instant (`utc`) or a wall-clock time; `unit` is in microseconds. What is finer is cut off, towards the past."""

    cdef int64_t unit
    cdef bint utc

    def __init__(self, str logical_type, int64_t unit, bint utc):
        self.logical_type = logical_type
        self.bits = 64
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
        offset = dt.datetime.utcoffset(value)
        if offset is None:
            return False
        out[0] = kgen_datetime_micros(value) - offset // MICROSECOND
        return True

    cdef str wanted(self):
        return "a datetime with a time zone" if self.utc else "a datetime without a time zone"

    cdef int write(self, Out *out, object value) except -1:
        cdef int64_t micros = 0
        if not self.micros(value, &micros):
            return self.write_raw(out, value, self.wanted())
        if not FIRST_MICRO <= micros < END_MICRO:
            raise Refused("the moment is outside the years 1 to 9999 in UTC")
        return put_long(out, floor_div(micros, self.unit))

    cdef int fit(self, object value, Memo memo) except -1:
        cdef int64_t micros = 0
        if not self.micros(value, &micros):
            return self.fit_raw(value)
        if not FIRST_MICRO <= micros < END_MICRO:
            return NOT
        return ACCEPTED if micros % self.unit else EXACT

    cdef bint exact(self, PyObject *value, Exact *held) except -1:
        cdef int64_t micros
        it = <object>value
        if kgen_type(it) != <PyObject *>DATETIME:
            return self.exact_raw(it)
        if kgen_fold(it):
            return False
        if not (kgen_is_utc(it) if self.utc else kgen_naive(it)):
            return False
        micros = kgen_datetime_micros(it)
        return micros % self.unit == 0

    def types(self):
        return (dt.datetime, OutOfRange)


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
        if not self.micros(value, out) or not -NANO_LIMIT <= out[0] <= NANO_LIMIT:
            return False
        out[0] *= 1000
        return True

    cdef int write(self, Out *out, object value) except -1:
        cdef int64_t nanos = 0
        if not self.nanos(value, &nanos) and not self.nanos(own_number(value), &nanos):
            raise unwanted(f"{self.cls.__name__}, or {self.wanted()} that 64 bits of nanoseconds hold", value)
        return put_long(out, nanos)

    cdef int fit(self, object value, Memo memo) except -1:
        cdef int64_t nanos = 0
        if not self.nanos(value, &nanos) and not self.nanos(own_number(value), &nanos):
            return NOT
        return EXACT if type(value) is self.cls else ACCEPTED

    cdef bint exact(self, PyObject *value, Exact *held) except -1:
        cdef int64_t nanos = 0
        it = <object>value
        return kgen_type(it) == <PyObject *>self.cls and self.nanos(it, &nanos)

    def types(self):
        return (self.cls, int, dt.datetime)


cdef class UuidNode(WriterNode):
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

    cdef bint exact(self, PyObject *value, Exact *held) except -1:
        return kgen_type(<object>value) == <PyObject *>UUID

    def types(self):
        return (UUID,)


cdef class DecimalNode(WriterNode):
    """A decimal on bytes (`size` -1) or fixed."""

    cdef Py_ssize_t size
    cdef object precision
    cdef object scale
    cdef object quantum  # a number of this scale
    cdef bint short  # numbers may have as many digits as `put_short` takes
    cdef Py_ssize_t most_digits
    cdef int digits_below

    def __init__(self, Py_ssize_t size, precision, scale):
        self.size = size
        self.short = bool(precision) and scale <= KGEN_MOST_SCALE
        if self.short:
            self.most_digits, self.digits_below = precision, scale
        self.precision = precision
        self.scale = scale
        self.quantum = DECIMAL((0, (1,), -scale))

    cdef object raw(self, object value):
        """The bytes of the unscaled number. Raises ValueError."""
        number = unscaled(value, self.precision, self.scale)
        return number_bytes(number) if self.size < 0 else number.to_bytes(self.size, "big", signed=True)

    cdef object kept(self, object value):
        """The bytes in an `OutOfRange` that is written as this decimal; None for any other value."""
        return raw_decimal(value, self.size, self.scale)

    cdef bint put_short(self, Out *out, object value) except -1:
        """Write a Decimal of few digits by its text: much faster than scaling it. False if it is left to `raw`."""
        cdef uint8_t raw[KGEN_DECIMAL_BYTES]
        cdef uint8_t sign
        cdef Py_ssize_t start, size
        if not kgen_decimal_bytes(str(value), self.most_digits, self.digits_below, raw):
            return False
        start = kgen_repeated_sign(raw, KGEN_DECIMAL_BYTES)
        size = KGEN_DECIMAL_BYTES - start
        if self.size < 0:
            put_run(out, raw + start, size)
            return True
        if size > self.size:
            return False
        sign = 0xFF if raw[0] >= 0x80 else 0
        for _ in range(self.size - size):
            put(out, &sign, 1)
        put(out, raw + start, size)
        return True

    cdef int write(self, Out *out, object value) except -1:
        if self.short and kgen_type(value) == <PyObject *>DECIMAL and self.put_short(out, value):
            return 0
        own = value if isinstance(value, Decimal) else own_number(value)
        if not isinstance(own, (Decimal, int)) or PyBool_Check(own):
            data = self.kept(value)
            if data is None:
                raise unwanted("Decimal", value)
        else:
            try:
                data = self.raw(own)
            except (ValueError, OverflowError) as error:
                raise Refused(f"the decimal {error}") from None
        return put_run(out, PyBytes_AS_STRING(data), len(data)) if self.size < 0 else put(out, PyBytes_AS_STRING(data), len(data))

    cdef int fit(self, object value, Memo memo) except -1:
        value = value if isinstance(value, Decimal) else own_number(value)
        if not isinstance(value, (Decimal, int)) or PyBool_Check(value):
            return NOT if self.kept(value) is None else EXACT
        try:
            self.raw(value)
        except (ValueError, OverflowError):
            return NOT
        return EXACT if isinstance(value, Decimal) else ACCEPTED

    cdef bint exact(self, PyObject *value, Exact *held) except -1:
        it = <object>value
        if kgen_type(it) != <PyObject *>DECIMAL:
            return self.exact_raw(it)
        if not DECIMAL.same_quantum(it, self.quantum):
            return False
        return bool(it) or not DECIMAL.is_signed(it)

    cdef bint exact_raw(self, object it) except -1:
        if not plain_raw(it) or type(it.raw) is not bytes or self.kept(it) != it.raw:
            return False
        return is_beyond_decimal(it.raw, self.precision)

    def types(self):
        return (Decimal, int, OutOfRange)


cdef class BigDecimalNode(DecimalNode):
    cdef object raw(self, object value):
        number, scale = unscaled_big(value)
        data = number_bytes(number)
        return zigzag(len(data)) + data + zigzag(scale)

    cdef object kept(self, object value):
        return None

    def types(self):
        return (Decimal, int)

    cdef bint exact(self, PyObject *value, Exact *held) except -1:
        it = <object>value
        if kgen_type(it) != <PyObject *>DECIMAL:
            return False
        return bool(it) or not DECIMAL.is_signed(it)


cdef class DurationNode(WriterNode):
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

    cdef bint exact(self, PyObject *value, Exact *held) except -1:
        it = <object>value
        if kgen_type(it) != <PyObject *>Duration:
            return False
        for part in (it.months, it.days, it.millis):
            if type(part) is not int:
                return False
        return self.fit(it, None) == EXACT

    def types(self):
        return (Duration,)

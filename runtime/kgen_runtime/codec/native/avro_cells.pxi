"""Nodes of the cells of CSV and of tables: values as people read them, times as ISO 8601, bytes as `0x` and hexadecimal digits.
With `quoted` they are strings of JSON, in a cell with parts.
"""

cdef extern from "_native.h":
    void kgen_civil(long long days, int *year, int *month, int *day) noexcept

cdef extern from "_json_times.h":
    void kgen_put_two(uint8_t *out, int number) noexcept
    int kgen_put_clock_of(uint8_t *out, int hour, int minute, int second, int micro) noexcept
    int kgen_read_uuid(const uint8_t *text, uint8_t *raw) noexcept
    void kgen_put_uuid(uint8_t *out, const uint8_t *raw) noexcept


cdef int put_quote(Text *out, bint quoted) noexcept:
    return put(out, b'"', 1) if quoted else 0


cdef int put_clock(Text *out, int64_t micros) noexcept:
    """The time of a day, where there is room for it."""
    cdef int64_t second = micros // 1000000
    out.size += kgen_put_clock_of(
        out.data + out.size, <int>(second // 3600), <int>(second // 60 % 60), <int>(second % 60), <int>(micros % 1000000)
    )
    return 0


cdef int put_day(Text *out, int64_t days) noexcept:
    """A date, where there is room for it."""
    cdef int year = 0
    cdef int month = 0
    cdef int day = 0
    cdef uint8_t *to = out.data + out.size
    kgen_civil(days, &year, &month, &day)
    kgen_put_two(to, year // 100)
    kgen_put_two(to + 2, year % 100)
    to[4] = to[7] = c"-"
    kgen_put_two(to + 5, month)
    kgen_put_two(to + 8, day)
    out.size += 10
    return 0


cdef class PlainText(Node):
    """A string as it stands, whose bytes may not be UTF-8."""

    cdef int write(self, Cursor *c, Text *out) noexcept:
        cdef Py_ssize_t size = 0
        if take_size(c, &size) < 0:
            return -1
        c.at += size
        return put(out, c.at - size, size)


cdef class AsciiText(Node):
    """A string of JSON, of ASCII alone: what else there is, is left to plain Python."""

    cdef int write(self, Cursor *c, Text *out) noexcept:
        cdef Py_ssize_t size = 0
        if take_size(c, &size) < 0:
            return -1
        for i in range(size):
            if c.at[i] > ASCII:
                return -1
        c.at += size
        return put_string(out, c.at - size, c.at, False)


cdef class HexText(Node):
    """Bytes; of `size`, or as many as the payload says (-1)."""

    cdef Py_ssize_t size
    cdef bint quoted

    def __init__(self, Py_ssize_t size, bint quoted):
        self.size = size
        self.quoted = quoted

    cdef int write(self, Cursor *c, Text *out) noexcept:
        cdef Py_ssize_t size = self.size
        cdef uint8_t *to
        if size < 0 and take_size(c, &size) < 0:
            return -1
        if c.end - c.at < size or reserve(out, 2 * size + 4) < 0:
            return -1
        put_quote(out, self.quoted)
        put(out, b"0x", 2)
        to = out.data + out.size
        for i in range(size):
            to[2 * i] = HEX[c.at[i] >> 4]
            to[2 * i + 1] = HEX[c.at[i] & 15]
        c.at += size
        out.size += 2 * size
        return put_quote(out, self.quoted)


cdef class DateText(Node):
    """A date."""

    cdef bint quoted

    def __init__(self, bint quoted):
        self.quoted = quoted

    cdef int write(self, Cursor *c, Text *out) noexcept:
        cdef int64_t days = 0
        if take_int(c, &days) < 0 or days < FIRST_DAY or days >= END_DAY or reserve(out, LONGEST) < 0:
            return -1
        put_quote(out, self.quoted)
        put_day(out, days)
        return put_quote(out, self.quoted)


cdef class TimeText(Node):
    """A time of day, in milliseconds or (`micros`) microseconds."""

    cdef bint micros
    cdef bint quoted

    def __init__(self, bint micros, bint quoted):
        self.micros = micros
        self.quoted = quoted

    cdef int write(self, Cursor *c, Text *out) noexcept:
        cdef int64_t value = 0
        cdef int64_t unit = 1 if self.micros else 1000
        if take_integer(c, not self.micros, &value) < 0 or value < 0 or value >= <int64_t>DAY_MILLIS * 1000 // unit:
            return -1
        if reserve(out, LONGEST) < 0:
            return -1
        put_quote(out, self.quoted)
        put_clock(out, value * unit)
        return put_quote(out, self.quoted)


cdef class TimestampText(Node):
    """A timestamp, in milliseconds or (`micros`) microseconds; with `utc` an instant."""

    cdef bint micros
    cdef bint utc
    cdef bint quoted

    def __init__(self, bint micros, bint utc, bint quoted):
        self.micros = micros
        self.utc = utc
        self.quoted = quoted

    cdef int write(self, Cursor *c, Text *out) noexcept:
        cdef int64_t value = 0
        cdef int64_t days
        cdef int64_t rest
        cdef int64_t unit = 1 if self.micros else 1000
        cdef int64_t day = <int64_t>DAY_MILLIS * 1000
        if take_long(c, &value) < 0 or value < FIRST_MICRO // unit or value >= END_MICRO // unit:
            return -1
        if reserve(out, LONGEST) < 0:
            return -1
        value *= unit
        days = value // day
        rest = value % day
        if rest < 0:  # the division is C's
            days -= 1
            rest += day
        put_quote(out, self.quoted)
        put_day(out, days)
        put(out, b"T", 1)
        put_clock(out, rest)
        if self.utc:
            put(out, b"Z", 1)
        return put_quote(out, self.quoted)


cdef class UuidText(Node):
    """A UUID, of 16 bytes or (`text`) in the usual form of its text."""

    cdef bint text
    cdef bint quoted

    def __init__(self, bint text, bint quoted):
        self.text = text
        self.quoted = quoted

    cdef int write(self, Cursor *c, Text *out) noexcept:
        cdef Py_ssize_t size = 16
        cdef uint8_t raw[16]
        if self.text and (take_size(c, &size) < 0 or size != 36 or not kgen_read_uuid(c.at, raw)):
            return -1
        if c.end - c.at < size or reserve(out, LONGEST) < 0:
            return -1
        if not self.text:
            memcpy(raw, c.at, 16)
        c.at += size
        put_quote(out, self.quoted)
        kgen_put_uuid(out.data + out.size, raw)
        out.size += 36
        return put_quote(out, self.quoted)


cdef class DurationText(Node):
    """A duration, an object of JSON."""

    cdef int write(self, Cursor *c, Text *out) noexcept:
        cdef uint32_t part
        if c.end - c.at < 12:
            return -1
        for i in range(3):
            part = <uint32_t>c.at[0] | <uint32_t>c.at[1] << 8 | <uint32_t>c.at[2] << 16 | <uint32_t>c.at[3] << 24
            c.at += 4
            if i == 0 and put(out, b'{"months": ', 11) < 0:
                return -1
            if i == 1 and put(out, b', "days": ', 10) < 0:
                return -1
            if i == 2 and put(out, b', "millis": ', 12) < 0:
                return -1
            if put_integer(out, part) < 0:
                return -1
        return put(out, b"}", 1)


cdef class CsvCell(Node):
    """What `inner` writes, in quotes if it needs them; if it is a string (`text`) that a spreadsheet would take for a formula,
    with an apostrophe before it.
    """

    cdef Node inner
    cdef bint text

    def __init__(self, Node inner not None, bint text):
        self.inner = inner
        self.text = text

    cdef int write(self, Cursor *c, Text *out) noexcept:
        cdef Py_ssize_t start = out.size
        cdef Py_ssize_t quotes = 0
        cdef bint special = False
        cdef uint8_t byte
        cdef uint8_t *source
        cdef uint8_t *target
        if self.inner.write(c, out) < 0:
            return -1
        if self.text and out.size > start and is_formula(out.data[start]):
            if reserve(out, 1) < 0:
                return -1
            memmove(out.data + start + 1, out.data + start, out.size - start)
            out.data[start] = c"'"
            out.size += 1
        for i in range(start, out.size):
            byte = out.data[i]
            if byte == c'"':
                quotes += 1
            elif byte == c"," or byte == c"\n" or byte == c"\r":
                special = True
        if not quotes and not special:
            return 0
        if reserve(out, quotes + 2) < 0:
            return -1
        source = out.data + out.size
        out.size += quotes + 2
        target = out.data + out.size - 1
        target[0] = c'"'
        while source > out.data + start:  # from the end on: it moves to the right
            source -= 1
            target -= 1
            target[0] = source[0]
            if source[0] == c'"':
                target -= 1
                target[0] = c'"'
        out.data[start] = c'"'
        return 0


cdef inline bint is_formula(uint8_t byte) noexcept:
    return byte == c"=" or byte == c"+" or byte == c"-" or byte == c"@" or byte == c"\t" or byte == c"\r"


cdef class TableCell(Node):
    """What `inner` writes, cut or filled to `width` characters; only printable ASCII."""

    cdef Node inner
    cdef Py_ssize_t width

    def __init__(self, Node inner not None, Py_ssize_t width):
        self.inner = inner
        self.width = width

    cdef int write(self, Cursor *c, Text *out) noexcept:
        cdef Py_ssize_t start = out.size
        cdef Py_ssize_t size
        if self.inner.write(c, out) < 0:
            return -1
        for i in range(start, out.size):
            if not 0x20 <= out.data[i] < ASCII:
                return -1
        size = out.size - start
        if size > self.width:
            out.size = start + self.width - 1
            return put(out, b"\xe2\x80\xa6", 3)
        if reserve(out, self.width - size) < 0:
            return -1
        memset(out.data + out.size, c" ", self.width - size)
        out.size = start + self.width
        return 0

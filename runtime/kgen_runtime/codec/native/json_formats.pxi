"""Nodes that read what has a format: dates, UUIDs, bytes, decimals. The common forms by themselves, others by `json_texts`."""

cdef extern from "_json_times.h":
    ctypedef struct kgen_moment:
        int offset
        bint zoned
    int kgen_read_date(const uint8_t *text, kgen_moment *moment) noexcept
    int kgen_read_time(const uint8_t *text, const uint8_t *end, kgen_moment *moment) noexcept
    long long kgen_moment_micros(const kgen_moment *moment) noexcept
    PyObject *kgen_make_date(const kgen_moment *moment) noexcept
    PyObject *kgen_make_time(const kgen_moment *moment) noexcept
    PyObject *kgen_make_utc(const kgen_moment *moment) noexcept
    bint kgen_read_uuid(const uint8_t *text, uint8_t *raw) noexcept
    int kgen_read_base64(const uint8_t *text, Py_ssize_t size, uint8_t *out) noexcept


cdef class TextFormatNode(JsonNode):
    """A string of a format. `make` gives the value, or NULL for what `others` is to look at."""

    cdef object others

    def __init__(self, others):
        self.others = others

    cdef PyObject *read(self, Cursor *c) noexcept:
        cdef const uint8_t *start = c.at
        cdef PyObject *value = NULL
        cdef Text t
        if c.at[0] != c'"':
            return unexpected(c, WANT_STRING)
        if take_text(c, &t) < 0:
            return NULL
        if t.flags == 0:
            value = self.make(t.start, t.size)
        if value == NULL:
            value = self.slowly(c, &t, start)
        return value

    cdef PyObject *make(self, const uint8_t *text, Py_ssize_t size) noexcept:
        """The value of a common form; NULL for any other, or where an exception is set."""
        return NULL

    cdef PyObject *slowly(self, Cursor *c, const Text *t, const uint8_t *start) noexcept:
        cdef PyObject *made
        if PyErr_Occurred() != NULL:
            return NULL
        made = text_of(c, t)
        if made == NULL:
            return NULL
        text = <object>made
        Py_DECREF(made)
        try:
            value = self.others(text)
            Py_INCREF(value)
            return <PyObject *>value
        except UnfitTextError as error:
            c.at = start
            return unfit(c, error)
        except BaseException as error:
            return raised(error)


cdef class DateNode(TextFormatNode):
    cdef PyObject *make(self, const uint8_t *text, Py_ssize_t size) noexcept:
        cdef kgen_moment m
        if size != 10 or kgen_read_date(text, &m) < 0:
            return NULL
        return kgen_make_date(&m)


cdef class TimeNode(TextFormatNode):
    cdef PyObject *make(self, const uint8_t *text, Py_ssize_t size) noexcept:
        cdef kgen_moment m
        if kgen_read_time(text, text + size, &m) < 0:
            return NULL
        return kgen_make_time(&m)


cdef class DateTimeNode(TextFormatNode):
    cdef PyObject *make(self, const uint8_t *text, Py_ssize_t size) noexcept:
        cdef kgen_moment m
        cdef long long micros
        if size < 20 or (text[10] != c'T' and text[10] != c't' and text[10] != c' '):
            return NULL
        if kgen_read_date(text, &m) < 0 or kgen_read_time(text + 11, text + size, &m) < 0 or not m.zoned:
            return NULL
        if m.offset == 0:
            return kgen_make_utc(&m)
        micros = kgen_moment_micros(&m) - m.offset * 60000000LL
        if micros < FIRST_MICRO or micros >= END_MICRO:
            return NULL
        return kgen_datetime(micros, 1)


cdef class UuidNode(TextFormatNode):
    cdef Py_ssize_t number_slot
    cdef Py_ssize_t safe_slot
    cdef object safe

    def __init__(self, others):
        self.others = others
        self.safe = uuid.SafeUUID.unknown
        self.number_slot = kgen_slot_offset(<PyObject *>UUID, <PyObject *>UUID.int)
        self.safe_slot = kgen_slot_offset(<PyObject *>UUID, <PyObject *>UUID.is_safe)

    cdef PyObject *make(self, const uint8_t *text, Py_ssize_t size) noexcept:
        cdef uint8_t raw[16]
        cdef PyObject *made
        cdef PyObject *number
        if size != 36 or self.number_slot < 0 or self.safe_slot < 0 or not kgen_read_uuid(text, raw):
            return NULL
        number = _PyLong_FromByteArray(raw, 16, 0, 0)
        made = NULL if number == NULL else KGEN_ALLOC(<PyObject *>UUID)
        if made == NULL:
            Py_XDECREF(number)
            return NULL
        KGEN_SLOT(made, self.number_slot)[0] = number
        Py_INCREF(self.safe)
        KGEN_SLOT(made, self.safe_slot)[0] = <PyObject *>self.safe
        KGEN_UNTRACK(made)
        return made


cdef class Base64Node(TextFormatNode):
    cdef PyObject *make(self, const uint8_t *text, Py_ssize_t size) noexcept:
        cdef Py_ssize_t length
        cdef PyObject *made
        if size % 4:
            return NULL
        length = size // 4 * 3
        if size:
            length -= (text[size - 1] == c'=') + (text[size - 2] == c'=')
        made = PyBytes_New(NULL, length)
        if made != NULL and kgen_read_base64(text, size, <uint8_t *>PyBytes_AS_STRING(<object>made)) < 0:
            Py_DECREF(made)
            return NULL
        return made


cdef class DecimalNode(JsonNode):
    """A number as an exact decimal."""

    cdef PyObject *read(self, Cursor *c) noexcept:
        cdef kgen_number n
        cdef PyObject *value
        if not is_number(c.at[0]):
            return unexpected(c, WANT_NUMBER)
        if take_number(c, &n) < 0:
            return NULL
        value = made_of_number(c, &n, decimal_of_number)
        if value != NULL:
            c.at = n.end
        return value


cdef class CountNode(JsonNode):
    """A whole number of days or milliseconds, of which `make` makes a date or time."""

    cdef object make

    def __init__(self, make):
        self.make = make

    cdef PyObject *read(self, Cursor *c) noexcept:
        cdef kgen_number n
        cdef PyObject *made
        if not is_number(c.at[0]):
            return unexpected(c, WANT_INTEGER)
        if take_number(c, &n) < 0:
            return NULL
        made = integer_of(c, &n)
        if made == NULL:
            return NULL
        number = <object>made
        Py_DECREF(made)
        try:
            value = self.make(number)
            Py_INCREF(value)
        except UnfitTextError as error:
            return unfit(c, error)
        except BaseException as error:
            return raised(error)
        c.at = n.end
        return <PyObject *>value

"""Nodes that read what holds no other values and has no format: null, booleans, numbers, strings, constants."""

cdef class JsonNode:
    """Reads one kind of value, whose first byte is at the cursor: `read` leaves that behind the value."""

    cdef PyObject *read(self, Cursor *c) noexcept:
        return NULL


cdef class JsonNothingNode(JsonNode):
    """No value."""

    cdef PyObject *read(self, Cursor *c) noexcept:
        if kind_at(c) == NO_KIND:
            not_a_value(c)
            return NULL
        return bad(c, NO_VALUE)


cdef inline bint word_at(Cursor *c, const char *word, Py_ssize_t size) noexcept:
    """Whether the text goes on with this word; moves past it."""
    if c.end - c.at < size or memcmp(c.at, word, size) != 0:
        return False
    c.at += size
    return True


cdef PyObject *take_literal(Cursor *c) noexcept:
    """null, true or false, of which the first byte was seen."""
    cdef PyObject *value
    if word_at(c, b"null", 4):
        value = None_
    elif word_at(c, b"true", 4):
        value = True_
    elif word_at(c, b"false", 5):
        value = False_
    else:
        fault(c, EXPECTED_VALUE)
        return NULL
    Py_INCREF(<object>value)
    return value


cdef class NullNode(JsonNode):
    cdef PyObject *read(self, Cursor *c) noexcept:
        return take_literal(c) if c.at[0] == c'n' else unexpected(c, WANT_NULL)


cdef class BooleanNode(JsonNode):
    cdef PyObject *read(self, Cursor *c) noexcept:
        if c.at[0] != c't' and c.at[0] != c'f':
            return unexpected(c, WANT_BOOLEAN)
        return take_literal(c)


cdef inline int take_number(Cursor *c, kgen_number *n) noexcept:
    """The number at the cursor, which stays there. Its first byte was seen."""
    if kgen_number_at(c.at, n) < 0:
        return number_fault(c, n)
    if n.written > MOST_DIGITS:
        return fault(c, LONG_NUMBER)
    return 0


cdef int number_fault(Cursor *c, const kgen_number *n) noexcept:
    cdef bint infinite = c.at[0] == c'-' and n.end == c.at + 1 and n.end[0] == c'I'
    c.at = n.end
    return fault(c, ENDS if c.at >= c.end else NOT_FINITE if infinite else EXPECTED_DIGIT)


cdef inline bint is_number(uint8_t byte) noexcept:
    return c'0' <= byte <= c'9' or byte == c'-'


cdef class IntegerNode(JsonNode):
    """A whole number of any size, also where it is written as `1.0` or `1e3`."""

    cdef PyObject *read(self, Cursor *c) noexcept:
        cdef kgen_number n
        cdef PyObject *value
        if not is_number(c.at[0]):
            return unexpected(c, WANT_INTEGER)
        if take_number(c, &n) < 0:
            return NULL
        value = integer_of(c, &n)
        if value != NULL:
            c.at = n.end
        return value


cdef inline PyObject *integer_of(Cursor *c, const kgen_number *n) noexcept:
    if n.digits <= 18 and not n.real:
        return PyLong_FromLongLong(-<long long>n.mantissa if n.negative else <long long>n.mantissa)
    return made_of_number(c, n, integer_of_number)


cdef PyObject *made_of_number(Cursor *c, const kgen_number *n, object make) noexcept:
    """What a function of `json_texts` makes of the number at the cursor."""
    try:
        value = make(PyUnicode_DecodeASCII(<const char *>c.at, n.end - c.at, NULL))
        Py_INCREF(value)
        return <PyObject *>value
    except UnfitTextError as error:
        return bad(c, error.why)
    except BaseException as error:
        return raised(error)


cdef class NumberNode(JsonNode):
    """A number as a float."""

    cdef PyObject *read(self, Cursor *c) noexcept:
        cdef kgen_number n
        cdef PyObject *value
        if not is_number(c.at[0]):
            return unexpected(c, WANT_NUMBER)
        if take_number(c, &n) < 0:
            return NULL
        value = float_of(c, &n)
        if value != NULL:
            c.at = n.end
        return value


cdef inline PyObject *float_of(Cursor *c, const kgen_number *n) noexcept:
    cdef double value = 0
    if kgen_double(c.at, n, &value) < 0:
        return NULL
    if value - value != 0:
        return bad(c, BIG_FLOAT)
    return PyFloat_FromDouble(value)


cdef class StringNode(JsonNode):
    cdef kgen_kept kept

    def __dealloc__(self):
        kgen_release_kept(&self.kept)

    cdef PyObject *read(self, Cursor *c) noexcept:
        cdef Text t
        if c.at[0] != c'"':
            return unexpected(c, WANT_STRING)
        if take_text(c, &t) < 0:
            return NULL
        return kgen_kept_text(&self.kept, t.start, t.size) if KGEN_LIKELY(t.flags == 0) else text_slowly(c, &t)


cdef tuple kinds_for(str wanted):
    """The reasons why a value is not of a kind, by the kind it is of."""
    return tuple([reasons.wrong_kind(wanted, kind) for kind in range(len(reasons.KINDS))])


cdef tuple WANT_NULL = kinds_for(reasons.KINDS[reasons.NULL])
cdef tuple WANT_BOOLEAN = kinds_for(reasons.KINDS[reasons.BOOLEAN])
cdef tuple WANT_INTEGER = kinds_for(reasons.INTEGER)
cdef tuple WANT_NUMBER = kinds_for(reasons.KINDS[reasons.NUMBER])
cdef tuple WANT_STRING = kinds_for(reasons.KINDS[reasons.STRING])
cdef tuple WANT_ARRAY = kinds_for(reasons.KINDS[reasons.ARRAY])
cdef tuple WANT_OBJECT = kinds_for(reasons.KINDS[reasons.OBJECT])

# What a value is by its first byte: an index into `reasons.KINDS`.
cdef enum:
    NULL_KIND
    BOOLEAN_KIND
    NUMBER_KIND
    STRING_KIND
    ARRAY_KIND
    OBJECT_KIND
    NO_KIND


cdef inline int kind_at(const Cursor *c) noexcept:
    cdef uint8_t byte = c.at[0]
    if byte == c'"':
        return STRING_KIND
    if is_number(byte):
        return NUMBER_KIND
    if byte == c'{':
        return OBJECT_KIND
    if byte == c'[':
        return ARRAY_KIND
    if byte == c't' or byte == c'f':
        return BOOLEAN_KIND
    return NULL_KIND if byte == c'n' else NO_KIND


cdef PyObject *unexpected(Cursor *c, tuple wanted) noexcept:
    """Why what is at the cursor is not wanted: it is of another kind, or not a JSON value."""
    cdef int kind = kind_at(c)
    if kind == NO_KIND:
        not_a_value(c)
        return NULL
    return bad(c, <object>PyTuple_GET_ITEM(<PyObject *>wanted, kind))


cdef int not_a_value(Cursor *c) noexcept:
    """Why what is at the cursor is not JSON."""
    if c.at[0] == c'N' or c.at[0] == c'I':
        return fault(c, NOT_FINITE)
    return fault(c, EXPECTED_VALUE if c.at < c.end else ENDS)


cdef int fill_powers() except -1:
    """The table for `kgen_fast_double`: the upper 128 bits of each power of five, or of its inverse (the first 27 rounded up)."""
    cdef object power, five, size, bits
    for power in range(KGEN_LEAST_POWER, KGEN_MOST_POWER + 1):
        five = pow(<object>5, abs(power))
        size = five.bit_length()
        if power < 0:
            bits = ((<object>1) << (size + 127)) // five + (power >= -27)
        else:
            bits = (five << 128) >> size
        kgen_set_power(power, bits >> 64, bits & 0xFFFFFFFFFFFFFFFF)
    return 0


fill_powers()

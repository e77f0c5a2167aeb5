"""Nodes that write scalars: the common types by themselves, others by `json_scalar_forms`."""

cdef class JsonWriterNode:
    """Writes one type of value."""

    cdef bint takes(self, object value) except -1:
        """Whether the value is of a Python type that this writes; what it holds is not looked at."""
        return False

    cdef int write(self, Out *out, object value) except -1:
        raise NotImplementedError


cdef class JsonNothingWriterNode(JsonWriterNode):
    """No value."""

    cdef int write(self, Out *out, object value) except -1:
        raise JsonRefusedError(NO_VALUE)


cdef frozenset OWN_TYPES = frozenset([
    type(None), bool, int, float, str, bytes, list, tuple, dict, dt.date, dt.datetime, dt.time, Decimal, UUID, Duration
])


cdef class ScalarNode(JsonWriterNode):
    """A scalar, by its `JsonScalarForm`. `known`: whether values of Python's own types fit, which their type alone decides."""

    cdef object form
    cdef dict known

    def __init__(self, form):
        self.form = form
        self.known = {}

    cdef bint takes(self, object value) except -1:
        cdef PyObject *known = PyDict_GetItemWithError(self.known, <object>kgen_type(value))
        if known != NULL:
            return <object>known
        fits = bool(self.form.fits(self.form.own(value))) or self.form.raw(value) is not None
        if type(value) in OWN_TYPES:
            self.known[type(value)] = fits
        return fits

    cdef int write(self, Out *out, object value) except -1:
        form = self.form
        own = form.own(value)
        try:
            text = form.make(own) if form.fits(own) else form.raw(value)
        except UnfitTextError as error:
            raise JsonRefusedError(error.why) from None
        if text is None:
            raise unwanted(form.wanted, value)
        if not form.quoted:
            return put_bytes(out, text)
        put_byte(out, c'"')
        put_bytes(out, text)
        return put_byte(out, c'"')


cdef class NullNode(ScalarNode):
    cdef int write(self, Out *out, object value) except -1:
        if value is not None:
            return ScalarNode.write(self, out, value)
        return put(out, b"null", 4)


cdef class BooleanNode(ScalarNode):
    cdef int write(self, Out *out, object value) except -1:
        if value is True:
            return put(out, b"true", 4)
        if value is False:
            return put(out, b"false", 5)
        return ScalarNode.write(self, out, value)


cdef inline bint short_integer(object value, int64_t *number) except -1:
    """Whether a value is an int that 64 bits hold."""
    cdef int overflow = 0
    if not PyLong_CheckExact(value):
        return False
    number[0] = PyLong_AsLongLongAndOverflow(value, &overflow)
    return overflow == 0


cdef int put_integer(Out *out, int64_t number) except -1:
    reserve(out, LONGEST)
    out.size += kgen_put_integer(out.data + out.size, number)
    return 0


cdef class IntegerNode(ScalarNode):
    cdef bint takes(self, object value) except -1:
        return PyLong_CheckExact(value) or ScalarNode.takes(self, value)

    cdef int write(self, Out *out, object value) except -1:
        cdef int64_t number = 0
        if short_integer(value, &number):
            return put_integer(out, number)
        return ScalarNode.write(self, out, value)


cdef inline bint finite(object value, double *number) noexcept:
    """Whether a value is a float that JSON has."""
    if not PyFloat_CheckExact(value):
        return False
    number[0] = PyFloat_AS_DOUBLE(value)
    return number[0] - number[0] == 0


cdef int put_float(Out *out, double number) except -1:
    cdef int size
    reserve(out, LONGEST)
    size = kgen_put_float(out.data + out.size, number)
    if size < 0:
        raise MemoryError
    out.size += size
    return 0


cdef class NumberNode(IntegerNode):
    cdef bint takes(self, object value) except -1:
        return PyFloat_CheckExact(value) or IntegerNode.takes(self, value)

    cdef int write(self, Out *out, object value) except -1:
        cdef double number = 0
        if finite(value, &number):
            return put_float(out, number)
        return IntegerNode.write(self, out, value)


cdef class StringNode(ScalarNode):
    cdef bint takes(self, object value) except -1:
        return PyUnicode_Check(value)

    cdef int write(self, Out *out, object value) except -1:
        if not PyUnicode_Check(value):
            return ScalarNode.write(self, out, value)
        return put_text(out, value)


cdef class DateNode(ScalarNode):
    cdef int write(self, Out *out, object value) except -1:
        if not PyDate_CheckExact(value):
            return ScalarNode.write(self, out, value)
        reserve(out, LONGEST)
        out.data[out.size] = c'"'
        out.size += 1 + kgen_put_date(out.data + out.size + 1, value)
        return put_byte(out, c'"')


cdef class TimeNode(ScalarNode):
    cdef int write(self, Out *out, object value) except -1:
        if not PyTime_CheckExact(value) or not kgen_naive_time(value):
            return ScalarNode.write(self, out, value)
        reserve(out, LONGEST)
        out.data[out.size] = c'"'
        out.size += 1 + kgen_put_clock(out.data + out.size + 1, value)
        return put_byte(out, c'"')


cdef class DateTimeNode(ScalarNode):
    cdef bint takes(self, object value) except -1:
        return PyDateTime_CheckExact(value) or ScalarNode.takes(self, value)

    cdef int write(self, Out *out, object value) except -1:
        if not PyDateTime_CheckExact(value) or not kgen_is_utc(value):
            return ScalarNode.write(self, out, value)
        reserve(out, LONGEST)
        out.data[out.size] = c'"'
        out.size += 1 + kgen_put_datetime(out.data + out.size + 1, value)
        return put_byte(out, c'"')


cdef class UuidNode(ScalarNode):
    cdef int write(self, Out *out, object value) except -1:
        cdef uint8_t raw[16]
        if type(value) is not UUID:
            return ScalarNode.write(self, out, value)
        number = value.int
        kgen_uuid_bytes(number, raw)
        reserve(out, LONGEST)
        out.data[out.size] = out.data[out.size + 37] = c'"'
        kgen_put_uuid(out.data + out.size + 1, raw)
        out.size += 38
        return 0


cdef class Base64Node(ScalarNode):
    cdef int write(self, Out *out, object value) except -1:
        cdef Py_ssize_t size
        if not PyBytes_CheckExact(value):
            return ScalarNode.write(self, out, value)
        size = (PyBytes_GET_SIZE(value) + 2) // 3 * 4
        reserve(out, size + 2)
        out.data[out.size] = out.data[out.size + 1 + size] = c'"'
        kgen_put_base64(out.data + out.size + 1, <const uint8_t *>PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value))
        out.size += size + 2
        return 0


cdef class DaysNode(ScalarNode):
    cdef int write(self, Out *out, object value) except -1:
        return put_integer(out, kgen_days(value)) if PyDate_CheckExact(value) else ScalarNode.write(self, out, value)


cdef class TimeMillisNode(ScalarNode):
    cdef int write(self, Out *out, object value) except -1:
        if not PyTime_CheckExact(value) or not kgen_naive_time(value):
            return ScalarNode.write(self, out, value)
        return put_integer(out, kgen_time_micros(value) // 1000)


cdef class TimestampMillisNode(ScalarNode):
    cdef int write(self, Out *out, object value) except -1:
        cdef int64_t micros
        if not PyDateTime_CheckExact(value) or not kgen_is_utc(value):
            return ScalarNode.write(self, out, value)
        micros = kgen_datetime_micros(value)
        return put_integer(out, micros // 1000 - (micros % 1000 < 0))


cdef class JsonEnumWriterNode(JsonWriterNode):
    """One of several strings: `members` are the class's in the order of the symbols; the symbols are accepted too."""

    cdef readonly object cls
    cdef str title
    cdef tuple members
    cdef tuple texts
    cdef dict by_symbol
    cdef dict by_member

    def __init__(self, str name, tuple symbols, cls, tuple members):
        self.cls = cls
        self.title = name if cls is None else cls.__qualname__
        self.by_symbol = {symbol: text_of_string(symbol) for symbol in symbols}
        self.by_member = {id(member): self.by_symbol[symbol] for member, symbol in zip(members, symbols)}
        self.members = members
        self.texts = tuple([self.by_member[id(member)] for member in members])

    cdef PyObject *text(self, object value) except? NULL:
        """The text of the symbol (borrowed), or NULL."""
        cdef Py_ssize_t i
        if self.cls is not None and kgen_type(value) == <PyObject *>self.cls:
            for i in range(PyTuple_GET_SIZE(self.members)):
                if i == 16:
                    break
                if PyTuple_GET_ITEM(self.members, i) == <PyObject *>value:
                    return PyTuple_GET_ITEM(self.texts, i)
            return PyDict_GetItemWithError(self.by_member, <object>id(value))
        if not PyUnicode_Check(value) or (self.cls is not None and isinstance(value, enum.Enum)):
            return NULL  # not even where another class has the same symbols
        return PyDict_GetItemWithError(self.by_symbol, value)

    cdef bint takes(self, object value) except -1:
        return self.text(value) != NULL

    cdef int write(self, Out *out, object value) except -1:
        cdef PyObject *text = self.text(value)
        if text == NULL:
            raise no_symbol(self.title, value)
        return put(out, PyBytes_AS_STRING(<object>text), PyBytes_GET_SIZE(<object>text))


cdef class JsonConstantWriterNode(JsonWriterNode):
    """One of several scalars, which is written as the schema has it."""

    cdef dict texts
    cdef dict by_string

    def __init__(self, tuple values):
        self.texts = {}
        for value in values:
            self.texts.setdefault(constant_key(value), text_of_constant(value))
        self.by_string = {value: self.texts[constant_key(value)] for value in values if isinstance(value, str)}

    cdef PyObject *text(self, object value) except? NULL:
        """The text of the constant (borrowed), or NULL."""
        if PyUnicode_CheckExact(value):
            return PyDict_GetItemWithError(self.by_string, value)
        own = own_bool(own_number(value))
        if own is not None and not isinstance(own, (bool, int, float, str)):
            return NULL
        return PyDict_GetItemWithError(self.texts, constant_key(own))

    cdef bint takes(self, object value) except -1:
        return self.text(value) != NULL

    cdef int write(self, Out *out, object value) except -1:
        cdef PyObject *text = self.text(value)
        if text == NULL:
            raise no_constant(value)
        return put(out, PyBytes_AS_STRING(<object>text), PyBytes_GET_SIZE(<object>text))

"""Nodes that read the messages with a Python type of their own: timestamps, wrappers, structs and the like."""

ctypedef struct Parts:
    int64_t number[4]  # by number of the field
    const uint8_t *data[4]
    Py_ssize_t size[4]


cdef int64_t FIRST_SECOND = SECONDS_BEGIN
cdef int64_t END_SECOND = SECONDS_END
cdef int64_t MOST_SECONDS = SPAN_SECONDS


cdef class KnownNode(BodyNode):
    """A message that is read as one value. If it comes again, the binary of what there is with what comes is read."""

    cdef str name
    cdef bint keeps
    cdef object writer

    def __init__(self, str name not None, bint keeps):
        self.name = name
        self.keeps = keeps
        self.writer = ProtoNodeWriter(proto_well_known_writer(name))

    cdef PyObject *body(self, Cursor *c, PyObject *old, uint32_t group) noexcept:
        cdef Kept *kept = c.kept
        cdef PyObject *out
        c.kept = NULL
        if old != NULL:
            out = self.merged(c, old, group)
        elif enter(c) < 0:
            out = NULL
        else:
            out = self.value(c, group)
            c.depth += 1
        c.kept = kept
        return out

    cdef PyObject *empty(self, Cursor *c) noexcept:
        return empty_message(self, c)

    cdef PyObject *value(self, Cursor *c, uint32_t group) noexcept:
        """Read all up to the end of the message or group."""
        return bad(c, BAD_TAG)

    cdef PyObject *merged(self, Cursor *c, PyObject *old, uint32_t group) noexcept:
        cdef Cursor both
        cdef const uint8_t *start = c.at
        cdef PyObject *out
        cdef uint32_t tag = 0
        cdef int more = next_field(c, group, &tag)
        while more > 0:
            if skip(c, tag) < 0:
                return NULL
            more = next_field(c, group, &tag)
        if more < 0:
            return NULL
        try:
            try:
                before = self.writer.encode(<object>old)
            except EncodeError:  # a class made something else of it
                before = b""
            data = before + PyBytes_FromStringAndSize(<const char *>start, c.stop - start)
        except BaseException as error:
            return raised(error)
        if charge(c, PyBytes_GET_SIZE(before)) < 0:
            return NULL
        both = c[0]
        both.at = <const uint8_t *>PyBytes_AS_STRING(data)
        both.end = both.at + PyBytes_GET_SIZE(data)
        out = self.body(&both, NULL, 0)
        c.items = both.items
        c.what = both.what
        c.path = both.path
        if out == NULL:
            c.at = start
        return out

    cdef PyObject *outside(self, Cursor *c, const uint8_t *start, object error) noexcept:
        """What Python has no value for, as a `BeyondError` has it."""
        if not self.keeps:
            c.at = start
            return raised(error)
        try:
            made = OutOfRange(PyBytes_FromStringAndSize(<const char *>start, c.stop - start), self.name)
            Py_INCREF(made)
            return <PyObject *>made
        except BaseException as other:
            return raised(other)


cdef PyObject *empty_message(BodyNode node, Cursor *c) noexcept:
    """What no bytes are read as: always one level, and nothing that counts."""
    cdef Cursor none = c[0]
    cdef PyObject *value
    none.at = none.end = ZEROS
    none.depth = 1
    none.items = FREE_ITEMS
    value = node.body(&none, NULL, 0)
    c.what = none.what
    c.path = none.path
    return value


cdef int take_parts(Cursor *c, uint32_t group, const int *wires, tuple names, Parts *parts) noexcept:
    """Read the fields up to 3, of which `wires` has how they stand on the wire."""
    cdef const uint8_t *start
    cdef uint32_t tag = 0
    cdef uint32_t number
    cdef uint64_t n = 0
    cdef int more = next_field(c, group, &tag)
    memset(parts, 0, sizeof(Parts))
    while more > 0:
        number = tag >> 3
        if number > 3 or wires[number] != <int>(tag & 7):
            if skip(c, tag) < 0:
                return -1
        elif tag & 7 == VARINT:
            if take_varint(c, &n) < 0:
                return trace(c, PyTuple_GET_ITEM(<PyObject *>names, number))
            parts.number[number] = <int64_t>n
        else:
            start = c.at
            if take_size(c, &parts.size[number]) < 0:
                return trace(c, PyTuple_GET_ITEM(<PyObject *>names, number))
            parts.data[number] = c.at
            if wires[0] == <int>number and not kgen_is_utf8(c.at, parts.size[number]):
                worse_at(c, start, NOT_UTF8)
                return trace(c, PyTuple_GET_ITEM(<PyObject *>names, number))
            c.at += parts.size[number]
        more = next_field(c, group, &tag)
    return more


# How the fields by number stand on the wire; first the number of the one that is a string, or -1.
cdef int[4] TWO_NUMBERS = [-1, VARINT, VARINT, -1]
cdef int[4] THREE_NUMBERS = [-1, VARINT, VARINT, VARINT]
cdef int[4] A_TEXT = [1, SIZED, SIZED, -1]
cdef int[4] A_BLOB = [-1, SIZED, VARINT, VARINT]
cdef tuple SPAN_NAMES = ("", "seconds", "nanos")
cdef tuple DATE_NAMES = ("", "year", "month", "day")
cdef tuple ANY_NAMES = ("", "type_url", "value")
cdef tuple DECIMAL_NAMES = ("", "value", "precision", "scale")


cdef class TimestampNode(KnownNode):
    cdef PyObject *value(self, Cursor *c, uint32_t group) noexcept:
        cdef Parts parts
        cdef const uint8_t *start = c.at
        cdef int64_t seconds
        cdef int32_t nanos
        if take_parts(c, group, TWO_NUMBERS, SPAN_NAMES, &parts) < 0:
            return NULL
        seconds = parts.number[1]
        nanos = <int32_t>parts.number[2]
        if FIRST_SECOND <= seconds < END_SECOND and 0 <= nanos < 1000000000 and nanos % 1000 == 0:
            return kgen_datetime(seconds * 1000000 + nanos // 1000, 1)
        try:
            made = timestamp_value(seconds, nanos)
            Py_INCREF(made)
            return <PyObject *>made
        except BeyondError as error:
            return self.outside(c, start, error)
        except BaseException as error:
            return raised(error)


cdef class DurationNode(KnownNode):
    cdef PyObject *value(self, Cursor *c, uint32_t group) noexcept:
        cdef Parts parts
        cdef const uint8_t *start = c.at
        cdef int64_t seconds
        cdef int32_t nanos
        if take_parts(c, group, TWO_NUMBERS, SPAN_NAMES, &parts) < 0:
            return NULL
        seconds = parts.number[1]
        nanos = <int32_t>parts.number[2]
        if 0 <= seconds <= MOST_SECONDS and 0 <= nanos < 1000000000 and nanos % 1000 == 0:
            return kgen_timedelta(seconds, nanos // 1000)
        try:
            made = duration_value(seconds, nanos)
            Py_INCREF(made)
            return <PyObject *>made
        except BeyondError as error:
            return self.outside(c, start, error)
        except BaseException as error:
            return raised(error)


cdef class CivilDateNode(KnownNode):
    """A `google.type.Date`."""

    cdef PyObject *value(self, Cursor *c, uint32_t group) noexcept:
        cdef Parts parts
        cdef const uint8_t *start = c.at
        if take_parts(c, group, THREE_NUMBERS, DATE_NAMES, &parts) < 0:
            return NULL
        try:
            made = date_value(<int32_t>parts.number[1], <int32_t>parts.number[2], <int32_t>parts.number[3])
            Py_INCREF(made)
            return <PyObject *>made
        except BeyondError as error:
            return self.outside(c, start, error)
        except BaseException as error:
            return raised(error)


cdef class ProtoDecimalNode(KnownNode):
    """A `confluent.type.Decimal`."""

    cdef PyObject *value(self, Cursor *c, uint32_t group) noexcept:
        cdef Parts parts
        cdef const uint8_t *start = c.at
        if take_parts(c, group, A_BLOB, DECIMAL_NAMES, &parts) < 0:
            return NULL
        try:
            made = decimal_value(blob(&parts, 1), <uint32_t>parts.number[2], <int32_t>parts.number[3])
            Py_INCREF(made)
            return <PyObject *>made
        except BeyondError as error:
            return self.outside(c, start, error)
        except BaseException as error:
            return raised(error)


cdef object blob(const Parts *parts, int number):
    return PyBytes_FromStringAndSize(<const char *>parts.data[number], parts.size[number])


cdef class AnyMessageNode(KnownNode):
    """A `google.protobuf.Any`."""

    cdef PyObject *value(self, Cursor *c, uint32_t group) noexcept:
        cdef Parts parts
        if take_parts(c, group, A_TEXT, ANY_NAMES, &parts) < 0:
            return NULL
        try:
            made = AnyMessage(blob(&parts, 1).decode(), blob(&parts, 2))
            Py_INCREF(made)
            return <PyObject *>made
        except BaseException as error:
            return raised(error)


cdef class WrapperNode(KnownNode):
    """A message of one field `value`, which is read as that."""

    cdef ScalarNode node

    def __init__(self, str name not None, bint keeps):
        KnownNode.__init__(self, name, keeps)
        self.node = SCALARS[WRAPPERS[name]]()

    cdef PyObject *value(self, Cursor *c, uint32_t group) noexcept:
        cdef PyObject *out = NULL
        cdef PyObject *made
        cdef uint32_t tag = 0
        cdef int more = next_field(c, group, &tag)
        while more > 0:
            if tag == (1 << 3 | <uint32_t>self.node.wire):
                made = self.node.read(c, NULL)
                if made == NULL:
                    more = trace(c, <PyObject *>VALUE_NAME)
                    break
                Py_XDECREF(out)
                out = made
            elif skip(c, tag) < 0:
                more = -1
                break
            more = next_field(c, group, &tag)
        if more == 0:
            return self.node.empty(c) if out == NULL else out
        Py_XDECREF(out)
        return NULL


cdef object VALUE_NAME = "value"

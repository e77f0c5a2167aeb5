"""Nodes that write the messages with a Python type of their own: timestamps, wrappers, structs and the like."""

cdef int put_number(Out *out, uint8_t tag, int64_t number) except -1:
    """A field that is a varint, if it is not 0."""
    if number == 0:
        return 0
    put_varint(out, tag)
    return put_varint(out, <uint64_t>number)


cdef class LeafMessageWriterNode(BodyWriterNode):
    """A message of scalars, of which `parts` gives those. An `OutOfRange` of it is written as it came."""

    cdef str name
    cdef object parts
    cdef tuple nodes

    def __init__(self, str name not None):
        self.name = name
        self.parts = leaf_message_writer(name).parts
        self.nodes = tuple([proto_scalar_writer(kind, True) for _, kind in FIELDS[name].values()])

    cdef int body(self, Out *out, object value) except -1:
        enter(out)
        if not self.plainly(out, value):
            self.slowly(out, value)
        out.depth += 1
        return 0

    cdef bint plainly(self, Out *out, object value) except -1:
        """Write a value of the plain Python type; False for any other."""
        return False

    cdef int slowly(self, Out *out, object value) except -1:
        cdef Py_ssize_t start
        cdef Py_ssize_t behind
        if isinstance(value, OutOfRange) and value.logical_type == self.name and isinstance(value.raw, bytes):
            return put_data(out, value.raw)
        for number, (node, part) in enumerate(zip(self.nodes, self.parts(value)), 1):
            start = out.size
            put_varint(out, <uint64_t>number << 3 | <uint64_t>(<ProtoWriterNode>node).wire)
            behind = out.size
            (<ProtoWriterNode>node).write(out, part)
            if all_zeros(out, behind):
                out.size = start
        return 0


cdef class TimestampWriterNode(LeafMessageWriterNode):
    cdef bint plainly(self, Out *out, object value) except -1:
        cdef int64_t micros
        cdef int64_t rest
        if not PyDateTime_CheckExact(value) or not kgen_is_utc(value):
            return False
        micros = kgen_datetime_micros(value)
        rest = micros % 1000000
        if rest < 0:
            rest += 1000000
        put_number(out, 1 << 3, (micros - rest) // 1000000)
        put_number(out, 2 << 3, rest * 1000)
        return True


cdef class DurationWriterNode(LeafMessageWriterNode):
    cdef bint plainly(self, Out *out, object value) except -1:
        cdef int64_t micros
        if not PyDelta_CheckExact(value) or not -SPAN_DAYS < PyDateTime_DELTA_GET_DAYS(value) < SPAN_DAYS:
            return False
        micros = PyDateTime_DELTA_GET_DAYS(value) * <int64_t>86400 + PyDateTime_DELTA_GET_SECONDS(value)
        micros = micros * 1000000 + PyDateTime_DELTA_GET_MICROSECONDS(value)
        put_number(out, 1 << 3, micros // 1000000)  # in C these have the sign of the number
        put_number(out, 2 << 3, micros % 1000000 * 1000)
        return True


cdef class WrapperWriterNode(LeafMessageWriterNode):
    """A message of one field `value`."""

    cdef bint plainly(self, Out *out, object value) except -1:
        cdef ProtoWriterNode node = self.nodes[0]
        cdef Py_ssize_t start = out.size
        if kgen_type(value) == OUT_OF_RANGE:
            return False
        put_varint(out, 1 << 3 | node.wire)
        node.write(out, value)
        if all_zeros(out, start + 1):
            out.size = start
        return True


cdef int put_struct(Out *out, object value) except -1:
    """The entries of a dict, in order of key."""
    cdef Py_ssize_t i
    cdef Py_ssize_t start
    cdef list order
    if not PyDict_Check(value):
        raise unwanted_value("dict", value)
    enter(out)
    order = sorted(packed_keys(TEXT_PACKER, value).items())
    for packed, (key, item) in order:
        put_varint(out, 1 << 3 | SIZED)
        start = open_sized(out)
        put_varint(out, 1 << 3 | SIZED)
        put_varint(out, PyBytes_GET_SIZE(packed))
        put_data(out, packed)
        put_varint(out, 2 << 3 | SIZED)
        try:
            put_sized_value(out, item)
        except Exception as error:
            place_refused(error, (shown(key),))
            raise
        close_sized(out, start)
    out.depth += 1
    return 0


cdef int put_list(Out *out, object value) except -1:
    cdef Py_ssize_t i = 0
    if not PyList_Check(value) and not PyTuple_Check(value):
        raise unwanted_value("list", value)
    enter(out)
    items = tuple(value)
    for i in range(PyTuple_GET_SIZE(items)):
        put_varint(out, 1 << 3 | SIZED)
        try:
            put_sized_value(out, items[i])
        except Exception as error:
            place_refused(error, i)
            raise
    out.depth += 1
    return 0


cdef int put_sized_value(Out *out, object value) except -1:
    cdef Py_ssize_t start = open_sized(out)
    put_value(out, value)
    return close_sized(out, start)


cdef int put_value(Out *out, object value) except -1:
    """A value that JSON has."""
    cdef Py_ssize_t start
    if PyUnicode_CheckExact(value):
        put_varint(out, 3 << 3 | SIZED)
        if put_text(out, value):
            return 0
    elif PyFloat_CheckExact(value):
        put_varint(out, 2 << 3 | WIDE)
        return put64(out, kgen_bits_of_double(PyFloat_AS_DOUBLE(value)))
    elif value is None:
        put_varint(out, 1 << 3 | VARINT)
        return put_varint(out, 0)
    elif value is True or value is False:
        put_varint(out, 4 << 3 | VARINT)
        return put_varint(out, value is True)
    elif PyDict_CheckExact(value) or PyList_CheckExact(value):
        put_varint(out, (5 if PyDict_CheckExact(value) else 6) << 3 | SIZED)
        start = open_sized(out)
        if PyDict_CheckExact(value):
            put_struct(out, value)
        else:
            put_list(out, value)
        return close_sized(out, start)
    plain = PlainOut(b"")
    plain.depth = out.depth
    VALUE_PACKER.body(plain, value)
    return put_data(out, bytes(plain.data))


cdef class StructWriterNode(BodyWriterNode):
    cdef int body(self, Out *out, object value) except -1:
        return put_struct(out, value)


cdef class ListValueWriterNode(BodyWriterNode):
    cdef int body(self, Out *out, object value) except -1:
        return put_list(out, value)


cdef class ValueWriterNode(BodyWriterNode):
    cdef int body(self, Out *out, object value) except -1:
        return put_value(out, value)

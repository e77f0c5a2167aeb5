"""Nodes that read repeated fields and maps."""

cdef inline PyObject *real(PyObject *old) noexcept:
    """What a field was before, NULL if that is what it is when absent: None, or `ABSENT`."""
    return NULL if old == None_ or old == THE_ABSENT else old


cdef inline bint again(Cursor *c, uint32_t tag) noexcept:
    """Move past the tag at the cursor if it is this one."""
    if tag < 0x80:
        if c.at < c.end and c.at[0] == tag:
            c.at += 1
            return True
    elif tag < 0x4000:
        if c.end - c.at >= 2 and c.at[0] == (tag & 0x7F | 0x80) and c.at[1] == tag >> 7:
            c.at += 2
            return True
    return False


cdef class RepeatedNode(ProtoNode):
    """A list; packed or not, whatever the schema says."""

    cdef ProtoNode item
    cdef bint packs

    def __init__(self, ProtoNode item not None, int wires):
        self.item = item
        self.wires = wires
        self.packs = isinstance(item, ScalarNode) and (<ScalarNode>item).wire != SIZED
        if self.packs:
            self.wires |= 1 << SIZED

    cdef PyObject *read(self, Cursor *c, PyObject *old) noexcept:
        cdef PyObject *out = real(old)
        cdef int status
        if out == NULL or not PyList_CheckExact(<object>out):  # a class may make something else of its list
            out = PyList_New(0)
            if out == NULL:
                return NULL
        else:
            Py_INCREF(<object>out)
        if self.packs and c.tag & 7 == SIZED:
            status = self.unpack(c, out)
        else:
            status = self.run(c, out)
        if status < 0:
            Py_DECREF(out)
            return NULL
        return out

    cdef int run(self, Cursor *c, PyObject *out) noexcept:
        """The values that stand behind each other."""
        cdef uint32_t tag = c.tag
        cdef const uint8_t *start = c.tag_at
        cdef PyObject *value
        while True:
            value = self.item.read(c, NULL)
            if value == NULL:
                return trace_made(c, PyLong_FromSsize_t(PyList_GET_SIZE(out)))
            if KGEN_RARELY(value == UNKNOWN):
                if keep(c, start, c.at - start) < 0:
                    return -1
            elif kgen_append(out, value) < 0:
                return -1
            start = c.at
            if not again(c, tag):
                return 0
            c.tag = tag  # which a message that was read has changed
            c.tag_at = start

    cdef int unpack(self, Cursor *c, PyObject *out) noexcept:
        cdef const uint8_t *outer = c.end
        cdef const uint8_t *start
        cdef uint32_t number = c.tag >> 3
        cdef Py_ssize_t size = 0
        cdef PyObject *value
        if take_size(c, &size) < 0:
            return -1
        c.end = c.at + size
        while c.at < c.end:
            start = c.at
            value = self.item.read(c, NULL)
            if value == NULL:
                return trace_made(c, PyLong_FromSsize_t(PyList_GET_SIZE(out)))
            if KGEN_RARELY(value == UNKNOWN):
                if keep_number(c, number, start) < 0:
                    return -1
            elif kgen_append(out, value) < 0:
                return -1
        c.end = outer
        return 0


cdef int keep_number(Cursor *c, uint32_t number, const uint8_t *start) noexcept:
    """Add a packed varint, which began at `start`, to the unknown fields, as one that is not packed."""
    cdef uint8_t tag[10]
    if keep(c, tag, kgen_put_varint(tag, <uint64_t>number << 3)) < 0:
        return -1
    return keep(c, start, c.at - start)


cdef object zero_value(ProtoNode node):
    """What a scalar is that is not there."""
    cdef Cursor c
    cdef PyObject *made
    c.at = c.end = ZEROS
    c.kept = NULL
    c.what = c.path = c.error = NULL
    made = node.empty(&c)
    if made == NULL:
        raise TypeError("a key has to be a scalar")
    value = <object>made
    Py_DECREF(made)
    return value


cdef class ProtoMapNode(ProtoNode):
    """See `proto_build`."""

    cdef ProtoNode keys
    cdef ProtoNode values
    cdef object no_key

    def __init__(self, ProtoNode keys not None, ProtoNode values not None):
        self.keys = keys
        self.values = values
        self.wires = 1 << SIZED
        self.no_key = zero_value(keys)

    cdef PyObject *read(self, Cursor *c, PyObject *old) noexcept:
        cdef const uint8_t *outer = c.end
        cdef Py_ssize_t size = 0
        cdef PyObject *out = NULL
        cdef PyObject *key = NULL
        cdef PyObject *value = NULL
        if take_size(c, &size) < 0:
            return NULL
        c.end = c.at + size
        if self.entry(c, &key, &value) < 0:
            self.name_entry(c, key)
        elif self.complete(c, &key, &value) == 0:
            c.end = outer
            out = UNKNOWN if value == UNKNOWN else set_entry(real(old), key, value)
        Py_XDECREF(key)
        if value != UNKNOWN:
            Py_XDECREF(value)
        return out

    cdef int entry(self, Cursor *c, PyObject **key, PyObject **value) noexcept:
        """Read what there is of the two; the value may be `UNKNOWN`."""
        cdef Kept *kept = c.kept
        cdef uint32_t tag = 0
        cdef PyObject *made
        cdef int more = next_field(c, 0, &tag)
        c.kept = NULL  # what else is in an entry goes
        while more > 0:
            if tag >> 3 == 1 and self.keys.wires >> (tag & 7) & 1:
                made = self.keys.read(c, NULL)
                if made == NULL:
                    return -1
                Py_XDECREF(key[0])
                key[0] = made
            elif tag >> 3 == 2 and self.values.wires >> (tag & 7) & 1:
                made = self.values.read(c, NULL if value[0] == UNKNOWN else value[0])
                if made == NULL:
                    return -1
                if value[0] != UNKNOWN:
                    Py_XDECREF(value[0])
                value[0] = made
            elif skip(c, tag) < 0:
                return -1
            more = next_field(c, 0, &tag)
        c.kept = kept
        return more

    cdef int complete(self, Cursor *c, PyObject **key, PyObject **value) noexcept:
        """Fill in what is absent from an entry."""
        if charge(c, 1) < 0:
            return -1
        if key[0] == NULL:
            key[0] = <PyObject *>self.no_key
            Py_INCREF(self.no_key)
        if value[0] == NULL:
            value[0] = self.values.empty(c)
            if value[0] == NULL:
                return -1
        return 0

    cdef int name_entry(self, Cursor *c, PyObject *key) noexcept:
        """Add the entry to the path of an error: of one without a key, as yet, what that is then."""
        if key != NULL:
            return trace_key(c, key)
        return trace_key(c, <PyObject *>self.no_key)


cdef PyObject *set_entry(PyObject *old, PyObject *key, PyObject *value) noexcept:
    """The dict with an entry, a new one if there is none yet."""
    cdef PyObject *out = old
    if out == NULL or not PyDict_CheckExact(<object>out):
        out = PyDict_New()
        if out == NULL:
            return NULL
    else:
        Py_INCREF(<object>out)
    if PyDict_SetItem(out, key, value) < 0:
        Py_DECREF(out)
        return NULL
    return out


cdef int trace_key(Cursor *c, PyObject *key) noexcept:
    """Add a map's entry to the path of an error."""
    cdef PyObject *kind
    cdef PyObject *error
    cdef PyObject *traceback
    if key == NULL:
        return -1
    PyErr_Fetch(&kind, &error, &traceback)
    try:
        part = (<object>key if isinstance(<object>key, str) else str(<object>key),)
        trace(c, <PyObject *>part)
    except BaseException:
        pass  # at worst the path is short
    PyErr_Restore(kind, error, traceback)
    return -1


cdef class HolderNode(ProtoNode):
    """A member of a oneof, in an object of the class that holds it."""

    cdef object cls
    cdef ProtoNode node
    cdef Py_ssize_t slot  # or -1 if the class has to be called
    cdef bint alone  # see `slotted_classes.is_alone`

    def __init__(self, cls, ProtoNode node not None, int wires):
        self.cls = cls
        self.node = node
        self.wires = wires
        descriptor = getattr(cls, "value", None)
        self.slot = kgen_slot_offset(<PyObject *>cls, <PyObject *>descriptor) if is_plain(cls) else -1
        self.alone = is_alone(cls)

    cdef PyObject *read(self, Cursor *c, PyObject *old) noexcept:
        cdef PyObject *value
        cdef PyObject *out
        cdef bint again = old != NULL and KGEN_TYPE(old) == <PyObject *>self.cls
        if self.slot < 0:
            return self.call(c, <object>old if again else None)
        value = self.node.read(c, KGEN_SLOT(old, self.slot)[0] if again else NULL)
        if value == NULL or value == UNKNOWN:
            return value
        out = KGEN_ALLOC(<PyObject *>self.cls)
        if out == NULL:
            Py_DECREF(value)
            return NULL
        KGEN_SLOT(out, self.slot)[0] = value
        if self.alone:
            KGEN_UNTRACK(out)
        return out

    cdef PyObject *call(self, Cursor *c, object old) noexcept:
        """`read` for a class that has to be called."""
        cdef PyObject *value
        try:
            before = None if old is None else old.value
            value = self.node.read(c, NULL if old is None else <PyObject *>before)
            if value == NULL or value == UNKNOWN:
                return value
            held = <object>value
            Py_DECREF(value)
            made = self.cls(value=held)
            Py_INCREF(made)
            return <PyObject *>made
        except BaseException as error:
            return raised(error)

"""Nodes that read `google.protobuf.Struct`, `Value` and `ListValue`: what JSON has, as plain Python values."""

cdef inline int inner(Cursor *c, const uint8_t **outer) noexcept:
    """Go into the message at the cursor, whose length comes first."""
    cdef Py_ssize_t size = 0
    if take_size(c, &size) < 0:
        return -1
    outer[0] = c.end
    c.end = c.at + size
    return 0


cdef PyObject *take_struct(Cursor *c, PyObject *old, uint32_t group) noexcept:
    """Read the entries up to the end to a dict: `old`, if that is one."""
    cdef const uint8_t *outer
    cdef uint32_t tag = 0
    cdef PyObject *out = old
    cdef int more
    if enter(c) < 0 or charge(c, 1) < 0:
        return NULL
    if old == NULL or not PyDict_CheckExact(<object>old):
        out = PyDict_New()
        if out == NULL:
            return NULL
    else:
        Py_INCREF(<object>out)
    more = next_field(c, group, &tag)
    while more > 0:
        if tag == (1 << 3 | SIZED):
            if inner(c, &outer) < 0 or take_struct_entry(c, out) < 0:
                more = -1
                break
            c.end = outer
        elif skip(c, tag) < 0:
            more = -1
            break
        more = next_field(c, group, &tag)
    c.depth += 1
    if more == 0:
        return out
    Py_DECREF(out)
    return NULL


cdef int take_struct_entry(Cursor *c, PyObject *out) noexcept:
    """Read an entry to a dict."""
    cdef const uint8_t *outer
    cdef uint32_t tag = 0
    cdef PyObject *key = <PyObject *>EMPTY
    cdef PyObject *value = None_
    cdef PyObject *made
    cdef int more = next_field(c, 0, &tag)
    Py_INCREF(EMPTY)
    Py_INCREF(None)
    while more > 0:
        if tag == (1 << 3 | SIZED):
            made = take_text(c, NULL)
            if made == NULL:
                more = -1
                break
            Py_DECREF(key)
            key = made
        elif tag == (2 << 3 | SIZED):
            made = take_sized_value(c, value)
            if made == NULL:
                more = -1
                break
            Py_DECREF(value)
            value = made
        elif skip(c, tag) < 0:
            more = -1
            break
        more = next_field(c, 0, &tag)
    if more < 0:
        trace_key(c, key)
    elif charge(c, 1) < 0 or PyDict_SetItem(out, key, value) < 0:
        more = -1
    Py_DECREF(key)
    Py_DECREF(value)
    return more


cdef PyObject *take_list(Cursor *c, PyObject *old, uint32_t group) noexcept:
    """Read the items up to the end to a list: `old`, if that is one."""
    cdef uint32_t tag = 0
    cdef PyObject *value
    cdef PyObject *out = old
    cdef int more
    if enter(c) < 0 or charge(c, 1) < 0:
        return NULL
    if old == NULL or not PyList_CheckExact(<object>old):
        out = PyList_New(0)
        if out == NULL:
            return NULL
    else:
        Py_INCREF(<object>out)
    more = next_field(c, group, &tag)
    while more > 0:
        if tag == (1 << 3 | SIZED):
            value = take_sized_value(c, None_)
            if value == NULL:
                more = trace_made(c, PyLong_FromSsize_t(PyList_GET_SIZE(out)))
                break
            if kgen_append(out, value) < 0:
                more = -1
                break
        elif skip(c, tag) < 0:
            more = -1
            break
        more = next_field(c, group, &tag)
    c.depth += 1
    if more == 0:
        return out
    Py_DECREF(out)
    return NULL


cdef inline PyObject *take_sized_value(Cursor *c, PyObject *old) noexcept:
    cdef const uint8_t *outer
    cdef PyObject *out
    if inner(c, &outer) < 0:
        return NULL
    out = take_value(c, old, 0)
    c.end = outer
    return out


cdef PyObject *take_value(Cursor *c, PyObject *old, uint32_t group) noexcept:
    """Read what kind of value it is last, up to the end; without any it stays `old`."""
    cdef const uint8_t *outer
    cdef uint32_t tag = 0
    cdef uint64_t n = 0
    cdef PyObject *made
    cdef PyObject *out = old
    cdef int more
    Py_INCREF(<object>out)
    more = next_field(c, group, &tag)
    while more > 0:
        made = NULL
        if tag == (1 << 3 | VARINT):
            if take_varint(c, &n) == 0:
                made = None_
                Py_INCREF(None)
        elif tag == (2 << 3 | WIDE):
            if c.end - c.at < 8:
                bad(c, ENDS)
            else:
                c.at += 8
                made = PyFloat_FromDouble(kgen_double_of(kgen_get64(c.at - 8)))
        elif tag == (3 << 3 | SIZED):
            made = take_text(c, NULL)
        elif tag == (4 << 3 | VARINT):
            if take_varint(c, &n) == 0:
                made = True_ if n else False_
                Py_INCREF(<object>made)
        elif tag == (5 << 3 | SIZED) or tag == (6 << 3 | SIZED):
            if inner(c, &outer) == 0:
                made = take_struct(c, out, 0) if tag >> 3 == 5 else take_list(c, out, 0)
                c.end = outer
        elif skip(c, tag) == 0:
            more = next_field(c, group, &tag)
            continue
        if made == NULL:
            more = -1
            break
        Py_DECREF(out)
        out = made
        more = next_field(c, group, &tag)
    if more == 0:
        return out
    Py_DECREF(out)
    return NULL


cdef object EMPTY = ""


cdef class PlainNode(BodyNode):
    """A Struct, Value or ListValue. What comes again goes on with what there is."""

    cdef PyObject *body(self, Cursor *c, PyObject *old, uint32_t group) noexcept:
        cdef Kept *kept = c.kept
        cdef PyObject *out
        c.kept = NULL
        out = self.plain(c, old, group)
        c.kept = kept
        return out

    cdef PyObject *empty(self, Cursor *c) noexcept:
        return empty_message(self, c)

    cdef PyObject *plain(self, Cursor *c, PyObject *old, uint32_t group) noexcept:
        return take_value(c, None_ if old == NULL else old, group)


cdef class StructNode(PlainNode):
    cdef PyObject *plain(self, Cursor *c, PyObject *old, uint32_t group) noexcept:
        return take_struct(c, old, group)


cdef class ListValueNode(PlainNode):
    cdef PyObject *plain(self, Cursor *c, PyObject *old, uint32_t group) noexcept:
        return take_list(c, old, group)

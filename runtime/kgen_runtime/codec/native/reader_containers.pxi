"""Nodes that read enums, unions, arrays and maps."""

cdef class EnumNode(Node):
    """`values` by the writer's index; `reasons` says for those that are None why the reader has none."""

    cdef tuple values
    cdef tuple reasons

    def __init__(self, tuple values, tuple reasons):
        self.values = values
        self.reasons = reasons

    cdef PyObject *read(self, Cursor *c) noexcept:
        cdef const uint8_t *start = c.at
        cdef int64_t n = 0
        cdef PyObject *value
        if take_int(c, &n) < 0:
            return NULL
        if n < 0 or n >= PyTuple_GET_SIZE(<PyObject *>self.values):
            c.at = start
            return bad(c, NO_SYMBOL)
        value = PyTuple_GET_ITEM(<PyObject *>self.values, n)
        if value == None_:
            c.at = start
            c.what = PyTuple_GET_ITEM(<PyObject *>self.reasons, n)
            return NULL
        Py_INCREF(<object>value)
        return value

    cdef int skip(self, Cursor *c) noexcept:
        cdef int64_t n = 0
        return take_int(c, &n)


cdef class ChoiceNode(Node):
    """A writer's union."""

    cdef tuple branches

    def __init__(self, tuple branches):
        self.branches = branches

    cdef inline PyObject *pick(self, Cursor *c) noexcept:
        """The branch (a borrowed reference), or NULL."""
        cdef const uint8_t *start = c.at
        cdef int64_t n = 0
        if take_int(c, &n) < 0:
            return NULL
        if n < 0 or n >= PyTuple_GET_SIZE(<PyObject *>self.branches):
            c.at = start
            return bad(c, NO_BRANCH)
        return PyTuple_GET_ITEM(<PyObject *>self.branches, n)

    cdef PyObject *read(self, Cursor *c) noexcept:
        cdef PyObject *branch = self.pick(c)
        return NULL if branch == NULL else (<Node>branch).read(c)

    cdef int skip(self, Cursor *c) noexcept:
        cdef PyObject *branch = self.pick(c)
        return -1 if branch == NULL else (<Node>branch).skip(c)


cdef int skip_blocks(Cursor *c, Node key, Node item) noexcept:
    """Move past the blocks of an array or map, by their size in bytes where that is written."""
    cdef int64_t count = 0
    cdef Py_ssize_t size = 0
    cdef const uint8_t *start
    while True:
        if take_block(c, &count, &size) < 0:
            return -1
        if count == 0:
            return 0
        if size >= 0:
            c.at += size
            continue
        while count:
            start = c.at
            if key is not None and key.skip(c) < 0:
                return -1
            if item.skip(c) < 0 or spend(c, start) < 0:
                return -1
            count -= 1


cdef class ListNode(Node):
    cdef Node items

    def __init__(self, Node items):
        self.items = items

    cdef PyObject *read(self, Cursor *c) noexcept:
        cdef PyObject *out
        if enter(c) < 0:
            return NULL
        out = self.blocks(c)
        c.depth += 1
        return out

    cdef PyObject *blocks(self, Cursor *c) noexcept:
        cdef PyObject *out = NULL
        cdef int64_t count = 0
        cdef Py_ssize_t size = 0
        cdef Py_ssize_t done = 0
        cdef Py_ssize_t made = 0
        while True:
            if take_block(c, &count, &size) < 0:
                Py_XDECREF(out)
                return NULL
            if out == NULL:
                made = count if count <= PREALLOCATE and count <= c.end - c.at else 0
                out = PyList_New(made)
                if out == NULL:
                    return NULL
                if made:
                    PyObject_GC_UnTrack(out)  # no code that an item runs may find it while it has empty places
            if count == 0:
                if made:
                    PyObject_GC_Track(out)
                return out
            while count:
                if self.add(c, out, done, made) < 0:
                    Py_DECREF(out)
                    return NULL
                done += 1
                count -= 1

    cdef int add(self, Cursor *c, PyObject *out, Py_ssize_t index, Py_ssize_t made) noexcept:
        cdef const uint8_t *start = c.at
        cdef PyObject *item = self.items.read(c)
        cdef int status
        if item == NULL:
            return trace_made(c, PyLong_FromSsize_t(index))
        if index < made:
            PyList_SET_ITEM(out, index, item)
            return spend(c, start)
        status = PyList_Append(out, item)
        Py_DECREF(item)
        return spend(c, start) if status == 0 else -1

    cdef int skip(self, Cursor *c) noexcept:
        cdef int status
        if enter(c) < 0:
            return -1
        status = skip_blocks(c, None, self.items)
        c.depth += 1
        return status


cdef class MapNode(Node):
    """A map. The last few ASCII keys are kept if they are not long, since messages repeat them: no new string, no new hash."""

    cdef Node values
    cdef StringNode key
    cdef list kept

    def __init__(self, Node values):
        self.values = values
        self.key = StringNode(-1)
        self.kept = [None] * KEY_CACHE

    cdef PyObject *read(self, Cursor *c) noexcept:
        cdef PyObject *out
        if enter(c) < 0:
            return NULL
        out = PyDict_New()
        if out != NULL and self.blocks(c, out) < 0:
            Py_DECREF(out)
            out = NULL
        c.depth += 1
        return out

    cdef int blocks(self, Cursor *c, PyObject *out) noexcept:
        cdef int64_t count = 0
        cdef Py_ssize_t size = 0
        while True:
            if take_block(c, &count, &size) < 0:
                return -1
            if count == 0:
                return 0
            while count:
                if self.add(c, out) < 0:
                    return -1
                count -= 1

    cdef int add(self, Cursor *c, PyObject *out) noexcept:
        cdef int status
        cdef PyObject *value
        cdef PyObject *key = self.take_key(c)
        if key == NULL:
            return -1
        value = self.values.read(c)
        if value == NULL:
            trace_made(c, PyTuple_Pack(1, key))
            Py_DECREF(key)
            return -1
        status = PyDict_SetItem(out, key, value)
        Py_DECREF(key)
        Py_DECREF(value)
        return status

    cdef PyObject *take_key(self, Cursor *c) noexcept:
        cdef const uint8_t *start = c.at
        cdef Py_ssize_t size = 0
        cdef Py_ssize_t slot
        cdef PyObject *key
        if take_size(c, &size) < 0:
            return NULL
        if size <= KGEN_KEPT_SIZE or size > KEY_SIZE:
            c.at = start
            return self.key.read(c)  # which keeps short ones
        slot = (size * 31 + c.at[0] * 7 + c.at[size - 1] * 13 + c.at[size >> 1]) & (KEY_CACHE - 1)
        key = <PyObject *>self.kept[slot]
        if key != None_ and kgen_is_text(key, c.at, size):
            Py_INCREF(<object>key)
            c.at += size
            return key
        key = text_made(c, kgen_text(c.at, size))
        if key == NULL:
            c.at = start
            return NULL
        c.at += size
        if PyUnicode_IS_COMPACT_ASCII(key):
            self.kept[slot] = <object>key
        return key

    cdef int skip(self, Cursor *c) noexcept:
        cdef int status
        if enter(c) < 0:
            return -1
        status = skip_blocks(c, self.key, self.values)
        c.depth += 1
        return status

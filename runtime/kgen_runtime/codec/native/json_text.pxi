"""Strings: their span in the text, and the str that they stand for."""

ctypedef struct Text:
    const uint8_t *start  # after the quote
    Py_ssize_t size
    int flags  # KGEN_ESCAPED, KGEN_WIDE


cdef inline int take_text(Cursor *c, Text *t) noexcept:
    """Move past the string at the cursor, the quote of which was seen. Its escapes are not checked."""
    cdef const uint8_t *p = c.at + 1
    t.start = p
    t.flags = 0
    while True:
        p = kgen_plain(p, c.end, &t.flags)
        if KGEN_LIKELY(p[0] == c'"'):
            t.size = p - t.start
            c.at = p + 1
            return 0
        if p[0] != c'\\':
            return fault_at(c, p, ENDS if p >= c.end else CONTROL)
        t.flags |= KGEN_ESCAPED
        while p[0] == c'\\':  # where text is not ASCII, escapes follow each other
            p = kgen_behind_escape(p, c.end)
            if p > c.end:
                return fault_at(c, c.end, ENDS)


cdef inline PyObject *text_of(Cursor *c, const Text *t) noexcept:
    """The str of a string that was taken."""
    if KGEN_LIKELY(t.flags == 0):
        return kgen_ascii(t.start, t.size)
    return text_slowly(c, t)


cdef PyObject *text_slowly(Cursor *c, const Text *t) noexcept:
    cdef uint8_t few[SCRATCH]
    cdef uint8_t *out = few
    cdef Py_ssize_t size
    cdef PyObject *value = NULL
    if not t.flags & KGEN_ESCAPED:
        return kgen_checked_text(t.start, t.size)
    if t.size > SCRATCH:
        out = <uint8_t *>PyMem_Malloc(t.size)
        if out == NULL:
            return PyErr_NoMemory()
    size = unescape(c, t, out)
    if size >= 0:
        value = kgen_checked_text(out, size)
    if out != few:
        PyMem_Free(out)
    return value


cdef Py_ssize_t unescape(Cursor *c, const Text *t, uint8_t *out) noexcept:
    """Put the string to `out` without its escapes, none of which is shorter than the UTF-8 of its character: the size, or -1."""
    cdef const uint8_t *p = t.start
    cdef const uint8_t *end = p + t.size
    cdef const uint8_t *run
    cdef Py_ssize_t size = 0
    cdef int flags = 0
    cdef int character
    while True:
        run = p
        p = kgen_plain(p, end, &flags)
        memcpy(out + size, run, p - run)
        size += p - run
        if p == end:
            return size
        while p < end and p[0] == c'\\':
            run = p
            character = kgen_escape(&p, end)
            if character < 0:
                return fault_at(c, run, LONE_SURROGATE if character == KGEN_LONE else BAD_ESCAPE)
            size += kgen_put_utf8(out + size, character)


cdef int check_text(Cursor *c, const Text *t) noexcept:
    """Check the escapes of a string that nothing is made of."""
    cdef const uint8_t *p = t.start
    cdef const uint8_t *end = p + t.size
    cdef const uint8_t *run
    cdef int character
    while t.flags & KGEN_ESCAPED:
        p = <const uint8_t *>memchr(p, c'\\', end - p)
        if p == NULL:
            break
        run = p
        character = kgen_escape(&p, end)
        if character < 0:
            return fault_at(c, run, LONE_SURROGATE if character == KGEN_LONE else BAD_ESCAPE)
    return 0


cdef class KeyCache:
    """The last few short ASCII keys, since messages repeat them: no new string, no new hash."""

    cdef list kept
    cdef Py_ssize_t mask

    def __init__(self, Py_ssize_t size=KEY_CACHE):
        """`size`: how many, a power of two."""
        self.kept = [None] * size
        self.mask = size - 1

    cdef PyObject *key(self, Cursor *c, const Text *t) noexcept:
        """The str of a string that was taken."""
        cdef Py_ssize_t size = t.size
        cdef Py_ssize_t slot
        cdef PyObject *key
        if t.flags or size == 0 or size > KEY_SIZE:
            return text_of(c, t)
        slot = <Py_ssize_t>(kgen_hash(t.start, size) & <uint64_t>self.mask)
        key = <PyObject *>self.kept[slot]
        if key != None_ and kgen_is_text(key, t.start, size):
            Py_INCREF(<object>key)
            return key
        key = kgen_ascii(t.start, size)
        if key != NULL:
            self.kept[slot] = <object>key
        return key


cdef inline int take_colon(Cursor *c) noexcept:
    """Move past the colon after a key, and the white space around it."""
    space(c)
    if c.at[0] != c':':
        return fault(c, EXPECTED_COLON if c.at < c.end else ENDS)
    c.at += 1
    space(c)
    return 0


cdef int trace_text(Cursor *c, const Text *t) noexcept:
    """`trace` for the name of a property, which nothing was made of yet."""
    cdef const uint8_t *at = c.at
    cdef PyObject *key = text_of(c, t)
    c.at = at
    if key == NULL:
        PyErr_Clear()
        return -1
    trace(c, key)
    Py_DECREF(key)
    return -1

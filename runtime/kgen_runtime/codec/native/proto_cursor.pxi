"""C declarations, limits and reasons, the cursor that nodes of Protobuf read from, and what moves past unknown fields."""

cdef extern from "_utf8.h":
    bint kgen_is_utf8(const uint8_t *data, Py_ssize_t size) noexcept

cdef extern from "_texts.h":
    ctypedef struct kgen_kept:
        pass
    PyObject *kgen_text(const uint8_t *data, Py_ssize_t size) noexcept
    PyObject *kgen_kept_text(kgen_kept *kept, const uint8_t *data, Py_ssize_t size) noexcept
    void kgen_release_kept(kgen_kept *kept) noexcept

cdef extern from "_proto.h":
    bint KGEN_RARELY(bint condition) noexcept
    uint32_t kgen_get32(const uint8_t *at) noexcept
    uint64_t kgen_get64(const uint8_t *at) noexcept
    double kgen_double_of(uint64_t bits) noexcept
    double kgen_float_of(uint32_t bits) noexcept
    int64_t kgen_unzigzag(uint64_t n) noexcept
    int kgen_put_varint(uint8_t *out, uint64_t n) noexcept
    PyObject *kgen_timedelta(int64_t seconds, int micros) noexcept
    int kgen_datetime_import() except -1
    Py_ssize_t kgen_slot_offset(PyObject *cls, PyObject *descriptor) noexcept
    PyObject **KGEN_SLOT(PyObject *instance, Py_ssize_t offset) noexcept
    PyObject *KGEN_TYPE(PyObject *instance) noexcept
    PyObject *KGEN_ALLOC(PyObject *cls) noexcept
    void KGEN_UNTRACK(PyObject *instance) noexcept
    PyObject *kgen_datetime(long long micros, int utc) noexcept
    PyObject *PyUnicode_DecodeUTF8(const char *data, Py_ssize_t size, const char *errors) noexcept
    PyObject *PyLong_FromLongLong(long long value) noexcept
    PyObject *PyLong_FromUnsignedLongLong(unsigned long long value) noexcept
    PyObject *PyFloat_FromDouble(double value) noexcept
    PyObject *PyBytes_New "PyBytes_FromStringAndSize"(const char *data, Py_ssize_t size) noexcept
    PyObject *PyList_New(Py_ssize_t size) noexcept
    int PyList_Append(PyObject *items, PyObject *item) noexcept
    bint PyList_CheckExact(object value) noexcept
    bint PyDict_CheckExact(object value) noexcept
    PyObject *PyDict_New() noexcept
    int PyDict_SetItem(PyObject *items, PyObject *key, PyObject *value) noexcept
    PyObject *PyDict_GetItemWithError(PyObject *items, PyObject *key) noexcept
    PyObject *PyLong_FromSsize_t(Py_ssize_t value) noexcept
    Py_ssize_t PyTuple_GET_SIZE(PyObject *items) noexcept
    PyObject *PyTuple_GET_ITEM(PyObject *items, Py_ssize_t index) noexcept
    Py_ssize_t PyList_GET_SIZE(PyObject *items) noexcept
    PyObject *PyObject_CallNoArgs(PyObject *call) noexcept
    PyObject *PyObject_Vectorcall(PyObject *call, PyObject **args, size_t count, PyObject *names) noexcept
    PyObject *PyObject_CallOneArg(PyObject *call, PyObject *argument) noexcept
    void Py_DECREF(PyObject *value) noexcept
    Py_ssize_t PyNumber_AsSsize_t(object number, PyObject *overflow) except? -1
    void PyErr_Fetch(PyObject **kind, PyObject **value, PyObject **traceback) noexcept
    void PyErr_Restore(PyObject *kind, PyObject *value, PyObject *traceback) noexcept
    void PyErr_SetObject(PyObject *cls, PyObject *value) noexcept
    int PyErr_ExceptionMatches(PyObject *cls) noexcept
    PyObject *PyExc_UnicodeDecodeError
    PyObject *None_ "Py_None"
    PyObject *True_ "Py_True"
    PyObject *False_ "Py_False"

cdef extern from "_json.h":
    int kgen_append(PyObject *items, PyObject *item) noexcept

kgen_datetime_import()

cdef enum:
    VARINT = 0
    WIDE = 1  # eight bytes
    SIZED = 2
    GROUP = 3
    GROUP_END = 4
    NARROW = 5  # four bytes
    NEAR = 256

cdef Py_ssize_t FREE_ITEMS = ITEMS
cdef Py_ssize_t BYTE_ITEMS = ITEMS_PER_BYTE

ctypedef struct Kept:
    uint8_t *data
    Py_ssize_t size
    Py_ssize_t room

ctypedef struct Cursor:
    const uint8_t *at
    const uint8_t *end  # of the message that is read, which may stand in another
    int depth
    uint32_t tag  # of the value that is read: the number of its field, and in the lowest three bits how it stands on the wire
    const uint8_t *tag_at  # where that began
    const uint8_t *stop  # where the last message or group ended, without the tag at a group's end
    Py_ssize_t items
    Kept *kept  # the unknown fields of the message that is read, or NULL where they are dropped
    PyObject *what
    PyObject *path
    PyObject *error  # the `DecodeError` of the payload, or NULL


cdef object ENDS = reasons.ENDS
cdef object OVERLONG = reasons.OVERLONG
cdef object NOT_UTF8 = reasons.NOT_UTF8
cdef object TOO_DEEP = reasons.TOO_DEEP
cdef object TOO_EMPTY = reasons.TOO_EMPTY
cdef object BAD_TAG = proto_reasons.BAD_TAG
cdef object LONG_SIZE = proto_reasons.LONG_SIZE
cdef object NO_GROUP_END = proto_reasons.NO_GROUP_END
cdef object STRAY_GROUP_END = proto_reasons.STRAY_GROUP_END
cdef object MISSING = proto_reasons.MISSING

# Stands for a value that counts as an unknown field. Nothing refers to it but these comparisons.
cdef object UNKNOWN_VALUE = object()
cdef PyObject *UNKNOWN = <PyObject *>UNKNOWN_VALUE
cdef PyObject *THE_ABSENT = <PyObject *>ABSENT  # which their modules hold
cdef PyObject *UNSET_VALUE = <PyObject *>UNSET


cdef inline PyObject *bad(Cursor *c, object what) noexcept:
    c.what = <PyObject *>what  # all reasons live as long as the module or the node
    return NULL


cdef inline int worse(Cursor *c, object what) noexcept:
    c.what = <PyObject *>what
    return -1


cdef inline int worse_at(Cursor *c, const uint8_t *at, object what) noexcept:
    c.at = at
    return worse(c, what)


cdef inline int take_varint(Cursor *c, uint64_t *out) noexcept:
    cdef const uint8_t *at = c.at
    if at < c.end and at[0] < 0x80:
        out[0] = at[0]
        c.at = at + 1
        return 0
    return take_varint_slowly(c, out)


cdef int take_varint_slowly(Cursor *c, uint64_t *out) noexcept:
    cdef const uint8_t *at = c.at
    cdef uint64_t n = 0
    cdef int shift = 0
    cdef uint8_t byte
    while True:
        if at >= c.end:
            return worse(c, ENDS)
        if shift == 63 and at[0] > 0x7F:
            return worse(c, OVERLONG)
        byte = at[0]
        n |= <uint64_t>(byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            break
        shift += 7
    c.at = at
    out[0] = n
    return 0


cdef int take_tag(Cursor *c, uint32_t *tag) noexcept:
    """Read the number of a field and how its value stands on the wire."""
    cdef const uint8_t *start = c.at
    cdef uint64_t n = 0
    if take_varint(c, &n) < 0:
        return -1
    if n > 0xFFFFFFFFU or c.at - start > 5 or n < 8 or n & 7 > NARROW:
        return worse_at(c, start, BAD_TAG)
    tag[0] = <uint32_t>n
    return 0


cdef inline int next_field(Cursor *c, uint32_t group, uint32_t *tag) noexcept:
    """Read the tag of the next field: 1; or 0 at the end of the message, or after that of the group of this number."""
    cdef const uint8_t *start = c.at
    if start >= c.end:
        c.stop = start
        return worse(c, NO_GROUP_END) if group else 0
    if take_tag(c, tag) < 0:
        return -1
    c.tag = tag[0]
    c.tag_at = start
    if tag[0] & 7 != GROUP_END:
        return 1
    if tag[0] >> 3 != group:
        return worse_at(c, start, STRAY_GROUP_END)
    c.stop = start
    return 0


cdef inline int take_size(Cursor *c, Py_ssize_t *size) noexcept:
    """Read a length that what is left can hold."""
    cdef const uint8_t *start = c.at
    cdef uint64_t n = 0
    if take_varint(c, &n) < 0:
        return -1
    if KGEN_RARELY(c.at - start > 5):
        return worse_at(c, start, LONG_SIZE)
    if n > <uint64_t>(c.end - c.at):
        return worse_at(c, start, ENDS)
    size[0] = <Py_ssize_t>n
    return 0


cdef int skip(Cursor *c, uint32_t tag) noexcept:
    """Move past the value of a field whose tag was read."""
    cdef Py_ssize_t size = 0
    cdef uint64_t n = 0
    cdef int wire = tag & 7
    if wire == VARINT:
        return take_varint(c, &n)
    if wire == GROUP:
        return -1 if enter(c) < 0 else skip_group(c, tag >> 3)
    if wire == SIZED:
        if take_size(c, &size) < 0:
            return -1
    else:
        size = 8 if wire == WIDE else 4
        if c.end - c.at < size:
            return worse(c, ENDS)
    c.at += size
    return 0


cdef int skip_group(Cursor *c, uint32_t number) noexcept:
    """Move past the rest of a group that was entered, and the tag at its end."""
    cdef uint32_t tag = 0
    cdef int more = next_field(c, number, &tag)
    while more > 0:
        if skip(c, tag) < 0:
            return -1
        more = next_field(c, number, &tag)
    c.depth += 1
    return more


cdef inline int enter(Cursor *c) noexcept:
    if c.depth <= 0:
        return worse(c, TOO_DEEP)
    c.depth -= 1
    return 0


cdef inline int charge(Cursor *c, Py_ssize_t cost) noexcept:
    """Take `cost` from the items that the message may still make."""
    if c.items < cost:
        return worse(c, TOO_EMPTY)
    c.items -= cost
    return 0


cdef int keep(Cursor *c, const uint8_t *data, Py_ssize_t size) noexcept:
    """Add bytes to the unknown fields of the message, if these are kept."""
    cdef Kept *kept = c.kept
    cdef Py_ssize_t room
    cdef uint8_t *grown
    if kept == NULL:
        return 0
    if kept.room - kept.size < size:
        room = 2 * (kept.size + size)
        grown = <uint8_t *>PyMem_Realloc(kept.data, room)
        if grown == NULL:
            PyErr_SetObject(<PyObject *>MemoryError, NULL)
            return -1
        kept.data = grown
        kept.room = room
    memcpy(kept.data + kept.size, data, size)
    kept.size += size
    return 0


cdef int trace(Cursor *c, PyObject *part) noexcept:
    """Add a part to the field path of an error; never fails, at worst the path is short."""
    if c.path == NULL:
        c.path = PyList_New(0)
        if c.path == NULL:
            PyErr_Clear()
            return -1
    if PyList_Append(c.path, part) < 0:
        PyErr_Clear()
    return -1


cdef int trace_made(Cursor *c, PyObject *part) noexcept:
    """`trace` for a part that was made for it (and is NULL where memory ran out); takes its reference."""
    if part == NULL:
        PyErr_Clear()
        return -1
    trace(c, part)
    Py_DECREF(part)
    return -1


cdef PyObject *raised(object error) noexcept:
    """Raise what was caught, and report it as nodes do."""
    cls = type(error)
    PyErr_SetObject(<PyObject *>cls, <PyObject *>error)
    return NULL

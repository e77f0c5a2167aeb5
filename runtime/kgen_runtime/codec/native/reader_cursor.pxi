"""C declarations, limits and reasons, and the cursor that nodes read from."""

cdef extern from "_native.h":
    int kgen_datetime_import() except -1
    Py_ssize_t kgen_slot_offset(PyObject *cls, PyObject *descriptor) noexcept
    PyObject **KGEN_SLOT(PyObject *instance, Py_ssize_t offset) noexcept
    PyObject *KGEN_ALLOC(PyObject *cls) noexcept
    void KGEN_UNTRACK(PyObject *instance) noexcept
    PyObject *kgen_date(long long days) noexcept
    PyObject *kgen_time(long long micros) noexcept
    PyObject *kgen_datetime(long long micros, int utc) noexcept
    bint kgen_is_text(PyObject *text, const uint8_t *data, Py_ssize_t size) noexcept
    bint PyUnicode_IS_COMPACT_ASCII(PyObject *text) noexcept
    PyObject *PyUnicode_DecodeUTF8(const char *data, Py_ssize_t size, const char *errors) noexcept
    PyObject *PyLong_FromLongLong(long long value) noexcept
    PyObject *PyFloat_FromDouble(double value) noexcept
    PyObject *PyBytes_New "PyBytes_FromStringAndSize"(const char *data, Py_ssize_t size) noexcept
    PyObject *PyList_New(Py_ssize_t size) noexcept
    PyObject *PyList_GET_ITEM(PyObject *items, Py_ssize_t index) noexcept
    void PyErr_Fetch(PyObject **kind, PyObject **value, PyObject **traceback) noexcept
    void PyErr_Restore(PyObject *kind, PyObject *value, PyObject *traceback) noexcept
    void PyList_SET_ITEM(PyObject *items, Py_ssize_t index, PyObject *item) noexcept
    void PyObject_GC_UnTrack(PyObject *items) noexcept
    void PyObject_GC_Track(PyObject *items) noexcept
    int PyList_Append(PyObject *items, PyObject *item) noexcept
    PyObject *PyDict_New() noexcept
    int PyDict_SetItem(PyObject *items, PyObject *key, PyObject *value) noexcept
    PyObject *PyTuple_Pack(Py_ssize_t count, ...) noexcept
    PyObject *PyLong_FromSsize_t(Py_ssize_t value) noexcept
    PyObject *PyTuple_GET_ITEM(PyObject *items, Py_ssize_t index) noexcept
    PyObject *PyObject_Vectorcall(PyObject *call, PyObject **args, size_t count, PyObject *names) noexcept
    PyObject *_PyLong_FromByteArray(const uint8_t *data, size_t size, int little, int signed_) noexcept
    void Py_DECREF(PyObject *value) noexcept
    PyObject *PyErr_NoMemory() noexcept
    Py_ssize_t PyNumber_AsSsize_t(object number, PyObject *overflow) except? -1
    void PyErr_SetObject(PyObject *cls, PyObject *value) noexcept
    int PyErr_ExceptionMatches(PyObject *cls) noexcept
    PyObject *PyExc_UnicodeDecodeError
    Py_ssize_t PyTuple_GET_SIZE(PyObject *items) noexcept
    PyObject *None_ "Py_None"
    PyObject *True_ "Py_True"
    PyObject *False_ "Py_False"

cdef extern from "_texts.h":
    enum:
        KGEN_KEPT_SIZE
    ctypedef struct kgen_kept:
        pass
    PyObject *kgen_text(const uint8_t *data, Py_ssize_t size) noexcept
    PyObject *kgen_kept_text(kgen_kept *kept, const uint8_t *data, Py_ssize_t size) noexcept
    void kgen_release_kept(kgen_kept *kept) noexcept

cdef extern from "_decimals.h":
    enum:
        KGEN_DECIMAL_BYTES
        KGEN_DECIMAL_TEXT
        KGEN_MOST_SCALE
    int kgen_decimal_text(const uint8_t *data, Py_ssize_t size, Py_ssize_t precision, int scale, char *out) noexcept

kgen_datetime_import()

cdef enum:
    PREALLOCATE = 256
    KEY_CACHE = 64
    KEY_SIZE = 48
    MOST_UUID = 64  # no UUID's text is longer

cdef Py_ssize_t MAX_DECIMAL = DECIMAL_BYTES
cdef Py_ssize_t FREE_ITEMS = ITEMS
cdef Py_ssize_t BYTE_ITEMS = ITEMS_PER_BYTE
cdef int DEPTH = MAX_DEPTH
# Microseconds and days of 0001-01-01 and of the first moment after 9999-12-31.
cdef long long FIRST_MICRO = -62135596800000000LL
cdef long long END_MICRO = 253402300800000000LL
cdef int64_t MOST_LONG = 0x7FFFFFFFFFFFFFFF
cdef int64_t LEAST_LONG = -MOST_LONG - 1
cdef long long FIRST_DAY = -719162
cdef long long END_DAY = 2932897

cdef object ENDS = reasons.ENDS
cdef object OVERLONG = reasons.OVERLONG
cdef object NOT_INT = reasons.NOT_INT
cdef object NEGATIVE = reasons.NEGATIVE
cdef object NOT_BOOLEAN = reasons.NOT_BOOLEAN
cdef object NOT_UTF8 = reasons.NOT_UTF8
cdef object BAD_BLOCK = reasons.BAD_BLOCK
cdef object TOO_DEEP = reasons.TOO_DEEP
cdef object TOO_EMPTY = reasons.TOO_EMPTY
cdef object NO_BRANCH = reasons.NO_BRANCH
cdef object NO_SYMBOL = reasons.NO_SYMBOL
cdef object BAD_DECIMAL = reasons.BAD_DECIMAL
cdef object EMPTY_DECIMAL = reasons.EMPTY_DECIMAL
cdef object LONG_DECIMAL = reasons.LONG_DECIMAL
cdef object BAD_UUID = reasons.BAD_UUID

cdef object Decimal = decimal.Decimal
cdef object UUID = uuid.UUID
cdef object EXACT = EXACT_CONTEXT

ctypedef struct Cursor:
    const uint8_t *at
    const uint8_t *end
    int depth
    Py_ssize_t items
    PyObject *what
    PyObject *path
    PyObject *error  # the one of the payload, or NULL
    const uint8_t *start  # these are for columns alone
    Py_ssize_t cells


cdef inline PyObject *bad(Cursor *c, object what) noexcept:
    c.what = <PyObject *>what  # all reasons live as long as the module or the node
    return NULL


cdef inline int worse(Cursor *c, object what) noexcept:
    c.what = <PyObject *>what
    return -1


cdef inline int take_long(Cursor *c, int64_t *out) noexcept:
    """Read a zigzag varint of up to 64 bits."""
    cdef const uint8_t *at = c.at
    cdef uint64_t n
    cdef int shift = 7
    if at < c.end and at[0] < 0x80:
        n = at[0]
        c.at = at + 1
        out[0] = <int64_t>(n >> 1) ^ -<int64_t>(n & 1)
        return 0
    return take_long_slowly(c, out)


cdef int take_long_slowly(Cursor *c, int64_t *out) noexcept:
    cdef const uint8_t *at = c.at
    cdef uint64_t n = 0
    cdef int shift = 0
    cdef uint8_t byte
    while True:
        if at >= c.end:
            return worse(c, ENDS)
        byte = at[0]
        if shift == 63 and byte > 1:
            return worse(c, OVERLONG)
        at += 1
        n |= <uint64_t>(byte & 0x7F) << shift
        if byte < 0x80:
            break
        shift += 7
    c.at = at
    out[0] = <int64_t>(n >> 1) ^ -<int64_t>(n & 1)
    return 0


cdef inline int take_int(Cursor *c, int64_t *out) noexcept:
    cdef const uint8_t *start = c.at
    if take_long(c, out) < 0:
        return -1
    if out[0] != <int32_t>out[0]:
        c.at = start
        return worse(c, NOT_INT)
    return 0


cdef inline int take_integer(Cursor *c, bint narrow, int64_t *out) noexcept:
    return take_int(c, out) if narrow else take_long(c, out)


cdef inline int take_size(Cursor *c, Py_ssize_t *size) noexcept:
    """Read a length that what is left can hold."""
    cdef const uint8_t *start = c.at
    cdef int64_t n = 0
    if take_long(c, &n) < 0:
        return -1
    if n < 0 or n > c.end - c.at:
        c.at = start
        return worse(c, NEGATIVE if n < 0 else ENDS)
    size[0] = <Py_ssize_t>n
    return 0


cdef inline int take_block(Cursor *c, int64_t *count, Py_ssize_t *size) noexcept:
    """Read the head of a block of an array or map: its count, and its size in bytes or -1 where it has none."""
    cdef const uint8_t *start = c.at
    size[0] = -1
    if take_long(c, count) < 0:
        return -1
    if count[0] >= 0:
        return 0
    if count[0] == (<int64_t>1 << 63):
        c.at = start
        return worse(c, BAD_BLOCK)
    count[0] = -count[0]
    return take_size(c, size)


cdef inline int enter(Cursor *c) noexcept:
    if c.depth <= 0:
        return worse(c, TOO_DEEP)
    c.depth -= 1
    return 0


cdef inline int spend(Cursor *c, const uint8_t *start) noexcept:
    """Count a value that took no bytes."""
    return charge(c, 1) if c.at == start else 0


cdef inline int charge(Cursor *c, Py_ssize_t cost) noexcept:
    """Take `cost` from the items that the message may still make."""
    if c.items < cost:
        return worse(c, TOO_EMPTY)
    c.items -= cost
    return 0


cdef int trace(Cursor *c, object part) noexcept:
    """Add a part to the field path of an error; never fails, at worst the path is short."""
    cdef PyObject *list_
    if c.path == NULL:
        list_ = PyList_New(0)
        if list_ == NULL:
            PyErr_Clear()
            return -1
        c.path = list_
    if PyList_Append(c.path, <PyObject *>part) < 0:
        PyErr_Clear()
    return -1


cdef int trace_made(Cursor *c, PyObject *part) noexcept:
    """`trace` for a part that was made for it (and is NULL where memory ran out); takes its reference."""
    if part == NULL:
        PyErr_Clear()
        return -1
    trace(c, <object>part)
    Py_DECREF(part)
    return -1


cdef PyObject *raised(object error) noexcept:
    """Raise what was caught, and say so as nodes do."""
    cls = type(error)
    PyErr_SetObject(<PyObject *>cls, <PyObject *>error)
    return NULL

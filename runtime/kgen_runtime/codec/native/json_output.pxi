"""C declarations, and the growing buffer that nodes write JSON to."""

include "float_texts.pxi"

cdef extern from "_json.h":
    const uint8_t *kgen_plain(const uint8_t *at, const uint8_t *end, int *flags) noexcept
    int kgen_put_integer(uint8_t *out, long long value) noexcept
    Py_ssize_t kgen_slot_offset(PyObject *cls, PyObject *descriptor) noexcept
    PyObject **KGEN_SLOT(PyObject *instance, Py_ssize_t offset) noexcept
    int kgen_datetime_import() except -1
    bint kgen_naive_time(object time) noexcept
    bint kgen_is_utc(object moment) noexcept
    long long kgen_days(object date) noexcept
    long long kgen_time_micros(object time) noexcept
    long long kgen_datetime_micros(object moment) noexcept
    int kgen_uuid_bytes(object number, uint8_t *data) except -1
    bint PyDate_CheckExact(object value) noexcept
    bint PyDateTime_CheckExact(object value) noexcept
    bint PyTime_CheckExact(object value) noexcept
    bint PyLong_CheckExact(object value) noexcept
    bint PyFloat_CheckExact(object value) noexcept
    bint PyUnicode_Check(object value) noexcept
    bint PyUnicode_CheckExact(object value) noexcept
    bint PyBytes_CheckExact(object value) noexcept
    bint PyList_Check(object value) noexcept
    bint PyTuple_Check(object value) noexcept
    bint PyDict_Check(object value) noexcept
    bint PyDict_CheckExact(object value) noexcept
    double PyFloat_AS_DOUBLE(object value) noexcept
    long long PyLong_AsLongLongAndOverflow(object value, int *overflow) except? -1
    bint PyUnicode_IS_COMPACT_ASCII(object value) noexcept
    const uint8_t *PyUnicode_1BYTE_DATA(object value) noexcept
    Py_ssize_t PyUnicode_GET_LENGTH(object value) noexcept
    const char *PyUnicode_AsUTF8AndSize(object value, Py_ssize_t *size) except NULL
    PyObject *PyDict_GetItemWithError(object items, object key) except? NULL
    Py_ssize_t PyDict_Size(object items) except -1
    int PyDict_Next(object items, Py_ssize_t *at, PyObject **key, PyObject **value) noexcept
    PyObject *kgen_type(object value) noexcept
    PyObject *PyTuple_GET_ITEM(object items, Py_ssize_t index) noexcept
    PyObject *PyList_GET_ITEM(object items, Py_ssize_t index) noexcept
    Py_ssize_t PyList_GET_SIZE(object items) noexcept
    Py_ssize_t PyTuple_GET_SIZE(object items) noexcept

cdef extern from "_json_times.h":
    int kgen_put_date(uint8_t *out, object date) noexcept
    int kgen_put_clock(uint8_t *out, object time) noexcept
    int kgen_put_datetime(uint8_t *out, object moment) noexcept
    void kgen_put_uuid(uint8_t *out, const uint8_t *raw) noexcept
    void kgen_put_base64(uint8_t *out, const uint8_t *data, Py_ssize_t size) noexcept

kgen_datetime_import()

cdef enum:
    LONGEST = 40  # no number, date or time is longer

cdef int DEPTH = MAX_DEPTH
cdef Py_ssize_t FREE_ITEMS = ITEMS
cdef Py_ssize_t BYTE_ITEMS = ITEMS_PER_BYTE
cdef object UUID = uuid.UUID
cdef PyObject *THE_ABSENT = <PyObject *>ABSENT  # which its module holds
cdef const char *HEX = b"0123456789abcdef"

ctypedef struct Out:
    uint8_t *data
    Py_ssize_t size
    Py_ssize_t room
    PyObject *held
    int depth
    Py_ssize_t longest  # how long the text was, before branches of unions were taken back
    Py_ssize_t taken_back


include "growing_output.pxi"


cdef inline int reserve(Out *out, Py_ssize_t more) except -1:
    if out.room - out.size < more:
        grow(out, more)
    return 0


cdef inline int put(Out *out, const void *data, Py_ssize_t size) except -1:
    reserve(out, size)
    memcpy(out.data + out.size, data, size)
    out.size += size
    return 0


cdef inline int put_byte(Out *out, uint8_t byte) except -1:
    reserve(out, 1)
    out.data[out.size] = byte
    out.size += 1
    return 0


cdef inline int put_bytes(Out *out, bytes data) except -1:
    return put(out, PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))


cdef inline int open_with(Out *out, uint8_t bracket) except -1:
    """Go one object or array deeper."""
    if out.depth <= 0:
        raise JsonRefusedError(TOO_DEEP, misfit=False)
    out.depth -= 1
    return put_byte(out, bracket)


cdef inline int close_with(Out *out, uint8_t bracket) except -1:
    out.depth += 1
    return put_byte(out, bracket)


cdef int put_text(Out *out, object text) except -1:
    """A str in quotes, escaped where it has to be."""
    cdef const uint8_t *at
    cdef const uint8_t *end
    cdef const uint8_t *run
    cdef Py_ssize_t size = 0
    cdef int flags = 0
    if PyUnicode_IS_COMPACT_ASCII(text):
        at = PyUnicode_1BYTE_DATA(text)
        size = PyUnicode_GET_LENGTH(text)
    else:
        try:
            at = <const uint8_t *>PyUnicode_AsUTF8AndSize(text, &size)
        except UnicodeEncodeError:
            raise JsonRefusedError(LONE_SURROGATE) from None
    end = at + size
    reserve(out, size + 2)
    out.data[out.size] = c'"'
    out.size += 1
    while True:
        run = at
        at = kgen_plain(at, end, &flags)
        put(out, run, at - run)
        if at == end:
            return put_byte(out, c'"')
        put_escape(out, at[0])
        at += 1


cdef int put_escape(Out *out, uint8_t character) except -1:
    """The escape of a quote, a backslash or a control character, the short one if there is one."""
    cdef uint8_t *to
    cdef uint8_t letter = 0
    reserve(out, 6)
    to = out.data + out.size
    if character == c'"' or character == c'\\':
        letter = character
    elif character == c'\n':
        letter = c'n'
    elif character == c'\r':
        letter = c'r'
    elif character == c'\t':
        letter = c't'
    elif character == 8:
        letter = c'b'
    elif character == 12:
        letter = c'f'
    to[0] = c'\\'
    if letter:
        to[1] = letter
        out.size += 2
        return 0
    to[1] = c'u'
    to[2] = to[3] = c'0'
    to[4] = HEX[character >> 4]
    to[5] = HEX[character & 15]
    out.size += 6
    return 0

"""C declarations, limits and reasons, and the cursor that nodes of JSON read from."""

cdef extern from "_utf8.h":
    const uint8_t *kgen_utf8(const uint8_t *at, const uint8_t *end) noexcept
    PyObject *kgen_checked_text(const uint8_t *text, Py_ssize_t size) noexcept

cdef extern from "_texts.h":
    ctypedef struct kgen_kept:
        pass
    PyObject *kgen_kept_text(kgen_kept *kept, const uint8_t *data, Py_ssize_t size) noexcept
    void kgen_release_kept(kgen_kept *kept) noexcept

cdef extern from "_json.h":
    enum:
        KGEN_ESCAPED
        KGEN_WIDE
        KGEN_BAD_ESCAPE
        KGEN_LONE
        KGEN_LEAST_POWER
        KGEN_MOST_POWER
    ctypedef struct kgen_number:
        const uint8_t *end
        uint64_t mantissa
        Py_ssize_t digits
        Py_ssize_t written
        int64_t exponent
        bint negative
        bint real
    bint KGEN_LIKELY(bint condition) noexcept
    bint KGEN_UNLIKELY(bint condition) noexcept
    const uint8_t *kgen_plain(const uint8_t *at, const uint8_t *end, int *flags) noexcept
    PyObject *kgen_ascii(const uint8_t *text, Py_ssize_t size) noexcept
    uint64_t kgen_hash(const uint8_t *text, Py_ssize_t size) noexcept
    const uint8_t *kgen_behind_escape(const uint8_t *at, const uint8_t *end) noexcept
    int kgen_escape(const uint8_t **at, const uint8_t *end) noexcept
    int kgen_put_utf8(uint8_t *out, int character) noexcept
    int kgen_number_at(const uint8_t *text, kgen_number *number) noexcept
    void kgen_set_power(int power, uint64_t high, uint64_t low) noexcept
    int kgen_double(const uint8_t *text, const kgen_number *number, double *out) noexcept
    int kgen_append(PyObject *items, PyObject *item) noexcept
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
    PyObject *PyLong_FromLongLong(long long value) noexcept
    PyObject *PyLong_FromUnsignedLongLong(unsigned long long value) noexcept
    PyObject *PyFloat_FromDouble(double value) noexcept
    PyObject *PyBytes_New "PyBytes_FromStringAndSize"(const char *data, Py_ssize_t size) noexcept
    PyObject *PyList_New(Py_ssize_t size) noexcept
    int PyList_Append(PyObject *items, PyObject *item) noexcept
    PyObject *PyDict_New() noexcept
    int PyDict_SetItem(PyObject *items, PyObject *key, PyObject *value) noexcept
    PyObject *PyDict_GetItemWithError(PyObject *items, PyObject *key) noexcept
    int PyDict_Contains(PyObject *items, PyObject *key) noexcept
    PyObject *PyLong_FromSsize_t(Py_ssize_t value) noexcept
    PyObject *PyTuple_GET_ITEM(PyObject *items, Py_ssize_t index) noexcept
    Py_ssize_t PyTuple_GET_SIZE(PyObject *items) noexcept
    PyObject *PyObject_Call(PyObject *call, PyObject *positional, PyObject *named) noexcept
    PyObject *PyObject_CallNoArgs(PyObject *call) noexcept
    PyObject *_PyLong_FromByteArray(const uint8_t *data, size_t size, int little, int signed_) noexcept
    void Py_DECREF(PyObject *value) noexcept
    PyObject *PyErr_NoMemory() noexcept
    Py_ssize_t PyNumber_AsSsize_t(object number, PyObject *overflow) except? -1
    void PyErr_SetObject(PyObject *cls, PyObject *value) noexcept
    int PyErr_ExceptionMatches(PyObject *cls) noexcept
    PyObject *PyExc_ValueError
    PyObject *None_ "Py_None"
    PyObject *True_ "Py_True"
    PyObject *False_ "Py_False"

kgen_datetime_import()

cdef enum:
    KEY_CACHE = 64
    VALUE_KEYS = 1024  # of all objects of a message together
    KEY_SIZE = 48
    SCRATCH = 512  # most strings with escapes fit a buffer on the stack
    ENDS_KEPT = 1024  # a power of two
    LONG_VALUE = 1024

cdef Py_ssize_t MOST_DIGITS = NUMBER_DIGITS
cdef Py_ssize_t FREE_ITEMS = ITEMS
cdef Py_ssize_t BYTE_ITEMS = ITEMS_PER_BYTE
# Microseconds of 0001-01-01 and of the first moment after 9999-12-31.
cdef long long FIRST_MICRO = -62135596800000000LL
cdef long long END_MICRO = 253402300800000000LL

cdef object ENDS = DATA_ENDS
cdef object TOO_DEEP = NESTED_TOO_DEEP
cdef object TOO_EMPTY = TOO_MANY_ITEMS
cdef object NOT_UTF8 = reasons.NOT_UTF8
cdef object EXPECTED_VALUE = reasons.EXPECTED_VALUE
cdef object EXPECTED_NAME = reasons.EXPECTED_NAME
cdef object EXPECTED_COLON = reasons.EXPECTED_COLON
cdef object EXPECTED_NEXT_PROPERTY = reasons.EXPECTED_NEXT_PROPERTY
cdef object EXPECTED_NEXT_ITEM = reasons.EXPECTED_NEXT_ITEM
cdef object EXPECTED_DIGIT = reasons.EXPECTED_DIGIT
cdef object NOT_FINITE = reasons.NOT_FINITE
cdef object CONTROL = reasons.CONTROL
cdef object BAD_ESCAPE = reasons.BAD_ESCAPE
cdef object LONE_SURROGATE = reasons.LONE_SURROGATE
cdef object LONG_NUMBER = reasons.LONG_NUMBER
cdef object BIG_FLOAT = reasons.BIG_FLOAT
cdef object NO_SYMBOL = reasons.NO_SYMBOL
cdef object NO_CONSTANT = reasons.NO_CONSTANT
cdef object NO_FIT = reasons.NO_FIT
cdef object NO_VALUE = reasons.NO_VALUE
cdef object NO_MORE_ITEMS = reasons.NO_MORE_ITEMS

cdef object UUID = uuid.UUID
cdef tuple NO_ARGUMENTS = ()

# Where long values end that were skipped: unions inside of unions skip what they hold again and again.
ctypedef struct LongValues:
    const uint8_t *starts[ENDS_KEPT]
    const uint8_t *ends[ENDS_KEPT]


ctypedef struct Cursor:
    const uint8_t *at
    const uint8_t *end  # where the text's zero byte is
    int depth
    Py_ssize_t items
    PyObject *what
    PyObject *path
    PyObject *held  # what `what` is, if it was made for this message
    PyObject *cause  # the exception of a class's own code
    PyObject *hint  # of the error, or NULL; held as `held` is
    PyObject *error  # the `DecodeError` of the payload, or NULL
    LongValues *skipped  # NULL while there are none
    bint misfit  # the value is not what its node wants: another branch of a union may take it


cdef inline PyObject *bad(Cursor *c, object what) noexcept:
    """A value at the cursor is not what its node wants."""
    c.what = <PyObject *>what  # all reasons live as long as the module or the node
    c.misfit = True
    return NULL


cdef inline int fault(Cursor *c, object what) noexcept:
    """The message is wrong at the cursor, whatever its schema."""
    c.what = <PyObject *>what
    c.misfit = False
    return -1


cdef inline int fault_at(Cursor *c, const uint8_t *at, object what) noexcept:
    c.at = at
    return fault(c, what)


cdef int name_fault(Cursor *c, const uint8_t *at, object why, PyObject *name) noexcept:
    """A fault at the name of a property: `why(name)`."""
    c.at = at
    try:
        hold(c, why(<object>name))
    except BaseException as error:
        raised(error)
    return -1


cdef int hold(Cursor *c, str what) except -1:
    """A fault whose words are made for this message."""
    forget(c)
    Py_INCREF(what)
    c.held = <PyObject *>what
    fault(c, what)
    return 0


cdef PyObject *unfit(Cursor *c, object error) noexcept:
    """The text at the cursor is not of its format, as an `UnfitTextError` has it."""
    try:
        hold(c, error.why)
        hint = error.hint
        if hint is not None:
            Py_INCREF(hint)
            c.hint = <PyObject *>hint
    except BaseException as other:
        return raised(other)
    c.misfit = True
    return NULL


cdef PyObject *refused(Cursor *c, const uint8_t *at) noexcept:
    """Take what the code of a class raised for the value that begins at `at`. Out of memory and such stay raised."""
    c.at = at
    try:
        reraise()
    except MemoryError as error:
        return raised(error)
    except Exception as error:
        try:
            hold(c, refusal_text(error))
        except BaseException as other:
            return raised(other)
        Py_INCREF(error)
        c.cause = <PyObject *>error
        c.misfit = True
        return NULL
    except BaseException as error:
        return raised(error)
    return NULL


cdef int reraise() except -1:
    """Let the exception that is set take its course."""
    return -1


cdef void forget(Cursor *c) noexcept:
    """Release what an error holds."""
    cdef PyObject *path = c.path
    cdef PyObject *held = c.held
    cdef PyObject *cause = c.cause
    cdef PyObject *hint = c.hint
    c.path = c.held = c.cause = c.hint = NULL
    Py_XDECREF(path)
    Py_XDECREF(held)
    Py_XDECREF(cause)
    Py_XDECREF(hint)


cdef inline Py_ssize_t place_of(const uint8_t *start) noexcept:
    return <Py_ssize_t>((<uint64_t><size_t>start * 0x9E3779B97F4A7C15ULL) >> 32) & (ENDS_KEPT - 1)


cdef inline bint skip_known(Cursor *c) noexcept:
    """Move past a value that was skipped before, if its end is remembered."""
    cdef Py_ssize_t place = place_of(c.at)
    if c.skipped.starts[place] != c.at:
        return False
    c.at = c.skipped.ends[place]
    return True


cdef void remember(Cursor *c, const uint8_t *start) noexcept:
    """Keep where the long value at `start` ends: at the cursor."""
    cdef Py_ssize_t place = place_of(start)
    if c.skipped == NULL:
        c.skipped = <LongValues *>PyMem_Malloc(sizeof(LongValues))
        if c.skipped == NULL:
            return  # then it is skipped again
        memset(c.skipped, 0, sizeof(LongValues))
    c.skipped.starts[place] = start
    c.skipped.ends[place] = c.at


cdef inline void space(Cursor *c) noexcept:
    """Move past white space."""
    while c.at[0] <= c' ' and (c.at[0] == c' ' or c.at[0] == c'\n' or c.at[0] == c'\r' or c.at[0] == c'\t'):
        c.at += 1


cdef inline int enter(Cursor *c) noexcept:
    if c.depth <= 0:
        return fault(c, TOO_DEEP)
    c.depth -= 1
    return 0


cdef inline int charge(Cursor *c, Py_ssize_t cost) noexcept:
    """Take `cost` from the items that the message may still make."""
    if c.items < cost:
        return fault(c, TOO_EMPTY)
    c.items -= cost
    return 0


cdef int trace(Cursor *c, PyObject *part) noexcept:
    """Add a part to the pointer of an error; never fails, at worst the pointer is short."""
    if c.path == NULL:
        c.path = PyList_New(0)
        if c.path == NULL:
            PyErr_Clear()
            return -1
    if PyList_Append(c.path, part) < 0:
        PyErr_Clear()
    return -1


cdef int trace_index(Cursor *c, Py_ssize_t index) noexcept:
    """`trace` for the place in an array."""
    cdef PyObject *part = PyLong_FromSsize_t(index)
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

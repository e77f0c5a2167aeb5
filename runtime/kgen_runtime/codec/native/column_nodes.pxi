"""Nodes that read values into columns: each has the column that it fills, so that nothing is looked up for a value.

`put` gives 0 or -1, and leaves the reason where `Node.read` does. A node that fails may leave its column with a part of a value: the
appender cuts the whole row off.
"""

cdef extern from "_utf8.h":
    bint kgen_is_utf8(const uint8_t *data, Py_ssize_t size) noexcept


cdef class ColumnNode:
    """Reads one kind of value into a column."""

    cdef int put(self, Cursor *c) noexcept:
        return worse(c, NO_BRANCH)


cdef class NeverPut(ColumnNode):
    """What the reader's schema cannot read."""

    cdef object why

    def __init__(self, str why not None):
        self.why = why

    cdef int put(self, Cursor *c) noexcept:
        return worse(c, self.why)


cdef class NullPut(ColumnNode):
    """A null in a column of any kind."""

    cdef Column column

    def __init__(self, Column column not None):
        self.column = column

    cdef int put(self, Cursor *c) noexcept:
        if charge_cells(c, self.column.cells) < 0:
            return -1
        return self.column.null()


cdef class BooleanPut(ColumnNode):
    cdef BooleanColumn column

    def __init__(self, BooleanColumn column not None):
        self.column = column

    cdef int put(self, Cursor *c) noexcept:
        if c.at >= c.end:
            return worse(c, ENDS)
        if c.at[0] > 1:
            return worse(c, NOT_BOOLEAN)
        c.at += 1
        return self.column.add((c.at - 1)[0])


cdef class IntegerPut(ColumnNode):
    """A varint as a whole number of four or eight bytes, `times` it and divided by `over` (towards the past). What is not from `low`
    to `high` is up to `outside`, which raises.
    """

    cdef WidthColumn column
    cdef bint narrow
    cdef bint wide
    cdef int64_t low
    cdef int64_t high
    cdef int64_t times
    cdef int64_t over
    cdef object outside

    def __init__(self, WidthColumn column not None, bint narrow, int64_t low, int64_t high, int64_t times, int64_t over, outside):
        if column.width not in (4, 8) or times < 1 or over < 1:
            raise ValueError("a number needs a column of four or eight bytes")
        self.column = column
        self.narrow = narrow
        self.wide = column.width == 8
        self.low = low
        self.high = high
        self.times = times
        self.over = over
        self.outside = outside

    cdef int put(self, Cursor *c) noexcept:
        cdef int64_t n = 0
        cdef int32_t small
        cdef const uint8_t *start = c.at
        cdef char *place
        if take_integer(c, self.narrow, &n) < 0:
            return -1
        if n < self.low or n > self.high:
            c.at = start
            return self.beyond(n)
        if self.times != 1:
            n *= self.times
        if self.over != 1:
            n = n // self.over - (n % self.over < 0)
        place = self.column.place()
        if place == NULL:
            return -1
        if self.wide:
            memcpy(place, &n, 8)
        else:
            small = <int32_t>n
            memcpy(place, &small, 4)
        return self.column.filled()

    cdef int beyond(self, int64_t n) noexcept:
        try:
            self.outside(n)
            raise ValueError("a number is out of range")
        except BaseException as error:
            raised(error)
            return -1


cdef class RealPut(ColumnNode):
    """A float or double from a varint (`size` 0), a float (4) or a double (8)."""

    cdef WidthColumn column
    cdef bint narrow
    cdef int size

    def __init__(self, WidthColumn column not None, bint narrow, int size):
        if column.width not in (4, 8) or size not in (0, 4, 8) or size > column.width:
            raise ValueError("a real number needs a column of its size or a larger one")
        self.column = column
        self.narrow = narrow
        self.size = size

    cdef int put(self, Cursor *c) noexcept:
        cdef int64_t n = 0
        cdef float single = 0
        cdef double value = 0
        cdef char *place
        if self.size == 0:
            if take_integer(c, self.narrow, &n) < 0:
                return -1
            single = <float>n
            value = <double>n
        else:
            if c.end - c.at < self.size:
                return worse(c, ENDS)
            if self.size == 4:
                memcpy(&single, c.at, 4)
                value = single
            else:
                memcpy(&value, c.at, 8)
            c.at += self.size
        place = self.column.place()
        if place == NULL:
            return -1
        if self.column.width == 4:
            memcpy(place, &single, 4)
        else:
            memcpy(place, &value, 8)
        return self.column.filled()


cdef class FixedPut(ColumnNode):
    """A run of as many bytes as the column is wide."""

    cdef WidthColumn column

    def __init__(self, WidthColumn column not None):
        self.column = column

    cdef int put(self, Cursor *c) noexcept:
        cdef char *place
        if c.end - c.at < self.column.width:
            return worse(c, ENDS)
        place = self.column.place()
        if place == NULL:
            return -1
        memcpy(place, c.at, self.column.width)
        c.at += self.column.width
        return self.column.filled()


cdef class TextPut(ColumnNode):
    """Bytes or text: of `size` bytes, or with the length before them where that is -1."""

    cdef TextColumn column
    cdef Py_ssize_t size
    cdef bint is_text

    def __init__(self, TextColumn column not None, Py_ssize_t size, bint is_text):
        self.column = column
        self.size = size
        self.is_text = is_text

    cdef int put(self, Cursor *c) noexcept:
        cdef const uint8_t *start = c.at
        cdef Py_ssize_t size = self.size
        if size < 0:
            if take_size(c, &size) < 0:
                return -1
        elif c.end - c.at < size:
            return worse(c, ENDS)
        if self.is_text and not kgen_is_utf8(c.at, size):
            c.at = start
            return worse(c, NOT_UTF8)
        if self.column.add(c, <const char *>c.at, size) < 0:
            c.at = start
            return -1
        c.at += size
        return 0


cdef class UuidPut(ColumnNode):
    """The 16 bytes of a UUID that stands as text."""

    cdef WidthColumn column
    cdef UuidNode node

    def __init__(self, WidthColumn column not None):
        if column.width != 16:
            raise ValueError("a UUID has 16 bytes")
        self.column = column
        self.node = UuidNode(-1)

    cdef int put(self, Cursor *c) noexcept:
        cdef const uint8_t *start = c.at
        cdef Py_ssize_t size = 0
        cdef uint8_t raw[16]
        cdef char *place
        if take_size(c, &size) < 0:
            return -1
        if not (size == 36 and self.node.parse(c.at, raw)):
            try:
                other = uuid_of_text(PyBytes_FromStringAndSize(<const char *>c.at, min(size, MOST_UUID))).bytes
                memcpy(raw, PyBytes_AS_STRING(other), 16)
            except ValueError:
                c.at = start
                return worse(c, BAD_UUID)
            except BaseException as error:
                raised(error)
                return -1
        place = self.column.place()
        if place == NULL:
            return -1
        memcpy(place, raw, 16)
        c.at += size
        return self.column.filled()


cdef class DecimalPut(ColumnNode):
    """The digits of a decimal as a little-endian whole number of 16 or 32 bytes. `outside` is given the bytes of one that has more
    digits than `precision`, and raises.
    """

    cdef WidthColumn column
    cdef Py_ssize_t size
    cdef Py_ssize_t words
    cdef uint64_t limit[4]
    cdef object outside

    def __init__(self, WidthColumn column not None, Py_ssize_t size, precision, outside):
        cdef int i
        number = bound(precision)
        if column.width not in (16, 32) or number.bit_length() >= 8 * column.width:
            raise ValueError("a decimal does not fit its column")
        self.column = column
        self.size = size
        self.words = column.width // 8
        self.outside = outside
        for i in range(4):
            self.limit[i] = (number >> (64 * i)) & 0xFFFFFFFFFFFFFFFF

    cdef int put(self, Cursor *c) noexcept:
        cdef const uint8_t *start = c.at
        cdef Py_ssize_t size = self.size
        cdef uint64_t number[4]
        cdef char *place
        cdef int status
        if size < 0:
            if take_size(c, &size) < 0:
                return -1
        elif c.end - c.at < size:
            return worse(c, ENDS)
        if size == 0:
            c.at = start
            return worse(c, EMPTY_DECIMAL)
        if not self.fits(c.at, size, number):
            status = self.beyond(c.at, size)
            c.at = start
            return status
        place = self.column.place()
        if place == NULL:
            return -1
        memcpy(place, number, self.column.width)
        c.at += size
        return self.column.filled()

    cdef bint fits(self, const uint8_t *data, Py_ssize_t size, uint64_t *number) noexcept:
        """Put the number there; whether it has no more digits than there may be."""
        cdef uint64_t fill = <uint64_t>-1 if data[0] & 0x80 else 0
        cdef uint64_t carry = 1
        cdef uint64_t each
        cdef uint64_t absolute[4]
        cdef Py_ssize_t i
        while size > self.column.width and (data[0] == 0 or data[0] == 0xFF) and (data[0] ^ data[1]) < 0x80:
            data += 1
            size -= 1
        if size > self.column.width:
            return False
        for i in range(self.words):
            number[i] = fill
        for i in range(size):
            each = data[size - 1 - i]
            number[i >> 3] = (number[i >> 3] & ~(<uint64_t>0xFF << (8 * (i & 7)))) | (each << (8 * (i & 7)))
        for i in range(self.words):
            absolute[i] = number[i]
            if fill:
                absolute[i] = ~number[i] + carry
                carry = carry and absolute[i] == 0
        for i in range(self.words - 1, -1, -1):
            if absolute[i] != self.limit[i]:
                return absolute[i] < self.limit[i]
        return False

    cdef int beyond(self, const uint8_t *data, Py_ssize_t size) noexcept:
        try:
            self.outside(PyBytes_FromStringAndSize(<const char *>data, size))
            raise ValueError("a decimal is out of range")
        except BaseException as error:
            raised(error)
            return -1


cdef class DurationPut(ColumnNode):
    """Months, days and milliseconds, a column each."""

    cdef StructColumn column
    cdef WidthColumn months
    cdef WidthColumn days
    cdef WidthColumn millis

    def __init__(self, StructColumn column not None):
        self.months, self.days, self.millis = column.children
        if {self.months.width, self.days.width, self.millis.width} != {4}:
            raise ValueError("the parts of a duration have four bytes each")
        self.column = column

    cdef int put(self, Cursor *c) noexcept:
        if c.end - c.at < 12:
            return worse(c, ENDS)
        if self.part(c, self.months) < 0 or self.part(c, self.days) < 0 or self.part(c, self.millis) < 0:
            return -1
        return self.column.filled()

    cdef inline int part(self, Cursor *c, WidthColumn column) noexcept:
        cdef char *place = column.place()
        if place == NULL:
            return -1
        memcpy(place, c.at, 4)
        c.at += 4
        return column.filled()


cdef class SlowPut(ColumnNode):
    """What is made into text by Python code: `skip` finds its end, `make` is given its bytes, and raises ValueError with a
    reason (`DecodeError`: with a path, too) where it cannot.
    """

    cdef TextColumn column
    cdef Node skip
    cdef object make
    cdef object kept  # the reason, which lives as long as the node

    def __init__(self, TextColumn column not None, Node skip not None, make):
        self.column = column
        self.skip = skip
        self.make = make

    cdef int put(self, Cursor *c) noexcept:
        cdef const uint8_t *start = c.at
        cdef Py_ssize_t position
        if self.skip.skip(c) < 0:
            return -1
        try:
            text = self.make(PyBytes_FromStringAndSize(<const char *>start, c.at - start))
            if not PyBytes_Check(text):
                raise TypeError("a text must be bytes")
            if self.column.add(c, PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text)) < 0:
                c.at = start
                return -1
            return 0
        except DecodeError as error:
            position = max(error.position, 0)
            c.at = start + position
            self.kept = f"{error.what} (in {error.path})" if error.path else error.what
            return worse(c, self.kept)
        except BaseException as error:
            c.at = start
            raised(error)
            return -1


cdef class EnumPut(ColumnNode):
    """The place of a symbol in the reader's enum, by the writer's; -1 where the reader has none, and why."""

    cdef WidthColumn column
    cdef tuple places
    cdef tuple reasons
    cdef int32_t *known
    cdef Py_ssize_t count

    def __cinit__(self, *args):
        self.known = NULL

    def __init__(self, WidthColumn column not None, tuple places not None, tuple reasons not None):
        cdef Py_ssize_t i
        if column.width != 4 or (reasons and len(reasons) != len(places)):
            raise ValueError("an enum needs a column of four bytes, and a reason for each place")
        self.column = column
        self.places = places
        self.reasons = reasons
        self.count = len(places)
        self.known = <int32_t *>PyMem_Malloc((self.count + 1) * sizeof(int32_t))
        if self.known == NULL:
            raise MemoryError
        for i in range(self.count):
            self.known[i] = places[i]
            if self.known[i] < 0 and not reasons:
                raise ValueError("a symbol without a place needs a reason")

    def __dealloc__(self):
        PyMem_Free(self.known)

    cdef int put(self, Cursor *c) noexcept:
        cdef const uint8_t *start = c.at
        cdef int64_t n = 0
        cdef char *place
        if take_int(c, &n) < 0:
            return -1
        if n < 0 or n >= self.count:
            c.at = start
            return worse(c, NO_SYMBOL)
        if self.known[n] < 0:
            c.at = start
            c.what = PyTuple_GET_ITEM(<PyObject *>self.reasons, n)
            return -1
        place = self.column.place()
        if place == NULL:
            return -1
        memcpy(place, &self.known[n], 4)
        return self.column.filled()


cdef tuple checked_nodes(tuple nodes):
    for node in nodes:
        if not isinstance(node, ColumnNode):
            raise TypeError("a node that fills a column is needed")
    return nodes


cdef class ChoicePut(ColumnNode):
    """A writer's union."""

    cdef tuple branches

    def __init__(self, tuple branches not None):
        self.branches = checked_nodes(branches)

    cdef int put(self, Cursor *c) noexcept:
        cdef const uint8_t *start = c.at
        cdef int64_t n = 0
        if take_int(c, &n) < 0:
            return -1
        if n < 0 or n >= PyTuple_GET_SIZE(<PyObject *>self.branches):
            c.at = start
            return worse(c, NO_BRANCH)
        return (<ColumnNode>PyTuple_GET_ITEM(<PyObject *>self.branches, n)).put(c)


cdef class BranchPut(ColumnNode):
    """One branch of a reader's union that is a struct with a child for each: the others are null."""

    cdef ColumnNode node
    cdef StructColumn column
    cdef Py_ssize_t branch
    cdef Py_ssize_t cost

    def __init__(self, ColumnNode node not None, StructColumn column not None, Py_ssize_t branch):
        if not 0 <= branch < len(column.children):
            raise ValueError("the union has no such branch")
        self.node = node
        self.column = column
        self.branch = branch
        self.cost = column.cells - column.children[branch].cells

    cdef int put(self, Cursor *c) noexcept:
        cdef Py_ssize_t i
        if self.node.put(c) < 0 or charge_cells(c, self.cost) < 0:
            return -1
        for i in range(PyTuple_GET_SIZE(<PyObject *>self.column.children)):
            if i != self.branch and (<Column>PyTuple_GET_ITEM(<PyObject *>self.column.children, i)).null() < 0:
                return -1
        return self.column.filled()


cdef class ListPut(ColumnNode):
    cdef ListColumn column
    cdef ColumnNode items

    def __init__(self, ListColumn column not None, ColumnNode items not None):
        self.column = column
        self.items = items

    cdef int put(self, Cursor *c) noexcept:
        cdef int64_t count = 0
        cdef Py_ssize_t size = 0
        cdef Py_ssize_t done = 0
        cdef const uint8_t *start
        if enter(c) < 0:
            return -1
        while True:
            if take_block(c, &count, &size) < 0:
                return -1
            if count == 0:
                break
            while count:
                start = c.at
                if self.items.put(c) < 0:
                    return trace_made(c, PyLong_FromSsize_t(done))
                if spend(c, start) < 0:
                    return -1
                done += 1
                count -= 1
        c.depth += 1
        return self.column.close(c)


cdef class MapPut(ColumnNode):
    cdef ListColumn column
    cdef TextPut key
    cdef ColumnNode values

    def __init__(self, ListColumn column not None, TextPut key not None, ColumnNode values not None):
        self.column = column
        self.key = key
        self.values = values

    cdef int put(self, Cursor *c) noexcept:
        cdef int64_t count = 0
        cdef Py_ssize_t size = 0
        cdef const uint8_t *start
        if enter(c) < 0:
            return -1
        while True:
            if take_block(c, &count, &size) < 0:
                return -1
            if count == 0:
                break
            while count:
                start = c.at
                if self.key.put(c) < 0:
                    return -1
                if self.values.put(c) < 0:
                    return self.trace_key(c, start)
                count -= 1
        c.depth += 1
        return self.column.close(c)

    cdef int trace_key(self, Cursor *c, const uint8_t *start) noexcept:
        cdef Cursor again
        cdef Py_ssize_t size = 0
        cdef PyObject *key
        cdef PyObject *part
        cdef PyObject *kind = NULL
        cdef PyObject *value = NULL
        cdef PyObject *traceback = NULL
        again.at = start
        again.end = c.end
        take_size(&again, &size)
        PyErr_Fetch(&kind, &value, &traceback)  # what the value's node raised stays raised
        key = PyUnicode_DecodeUTF8(<const char *>again.at, size, NULL)
        part = NULL if key == NULL else PyTuple_Pack(1, key)
        Py_XDECREF(key)
        trace_made(c, part)
        PyErr_Restore(kind, value, traceback)
        return -1


cdef class DefaultPut:
    """What a field has that the writer lacks: read by `node` from `data`."""

    cdef bytes data
    cdef ColumnNode node

    def __init__(self, bytes data not None, ColumnNode node not None):
        self.data = data
        self.node = node

    cdef int put(self, Cursor *c) noexcept:
        cdef Cursor inner
        cdef int status
        if charge_cells(c, 1 + (PyBytes_GET_SIZE(self.data) >> 3)) < 0:
            return -1
        inner = c[0]
        inner.at = <const uint8_t *>PyBytes_AS_STRING(self.data)
        inner.end = inner.at + PyBytes_GET_SIZE(self.data)
        status = self.node.put(&inner)
        c.items = inner.items
        c.cells = inner.cells
        c.what = inner.what
        c.path = inner.path
        return status


cdef class RecordPut(ColumnNode):
    """The fields of a record as they were written: (name, node that fills a column or one that skips); then the defaults of those that
    the writer lacks: (name, DefaultPut).
    """

    cdef StructColumn column
    cdef tuple names
    cdef tuple nodes
    cdef tuple skips
    cdef tuple defaults
    cdef tuple default_names
    cdef Py_ssize_t cost

    def __init__(self, StructColumn column not None, tuple steps not None, tuple defaults not None):
        self.column = column
        self.names = tuple([step[0] for step in steps])
        self.nodes = tuple([step[1] if isinstance(step[1], ColumnNode) else None for step in steps])
        self.skips = tuple([step[1] if isinstance(step[1], Node) else None for step in steps])
        self.defaults = tuple([default[1] for default in defaults])
        self.default_names = tuple([default[0] for default in defaults])
        for node, skip in zip(self.nodes, self.skips):
            if node is None and skip is None:
                raise TypeError("a field needs a node")
        for default in self.defaults:
            if not isinstance(default, DefaultPut):
                raise TypeError("a default needs a DefaultPut")
        if len(self.nodes) - self.nodes.count(None) + len(self.defaults) != len(column.children):
            raise ValueError("each child of a record needs a field or a default")
        self.cost = 1 + len(steps) + len(defaults)

    cdef int put(self, Cursor *c) noexcept:
        cdef Py_ssize_t i
        cdef PyObject *node
        if enter(c) < 0 or charge(c, self.cost) < 0:
            return -1
        for i in range(PyTuple_GET_SIZE(<PyObject *>self.nodes)):
            node = PyTuple_GET_ITEM(<PyObject *>self.nodes, i)
            if node != None_:
                if (<ColumnNode>node).put(c) < 0:
                    return trace(c, <object>PyTuple_GET_ITEM(<PyObject *>self.names, i))
            elif (<Node>PyTuple_GET_ITEM(<PyObject *>self.skips, i)).skip(c) < 0:
                return trace(c, <object>PyTuple_GET_ITEM(<PyObject *>self.names, i))
        for i in range(PyTuple_GET_SIZE(<PyObject *>self.defaults)):
            if (<DefaultPut>PyTuple_GET_ITEM(<PyObject *>self.defaults, i)).put(c) < 0:
                return trace(c, <object>PyTuple_GET_ITEM(<PyObject *>self.default_names, i))
        c.depth += 1
        return self.column.filled()


cdef class RowAppender:
    """Its methods are those of `codec.Appender`."""

    cdef ColumnNode root
    cdef Column column
    cdef int max_depth
    cdef bint whole
    cdef object null_error

    def __init__(self, ColumnNode root not None, Column column not None, int max_depth, bint whole, null_error):
        self.root = root
        self.column = column
        self.max_depth = max_depth
        self.whole = whole
        self.null_error = null_error

    def append(self, list payloads not None, Py_ssize_t begin, Py_ssize_t end, Py_ssize_t offset, Py_ssize_t room):
        """See `codec.Appender.append`."""
        cdef Cursor c
        cdef dict errors = {}
        cdef Py_ssize_t used = 0
        cdef Py_ssize_t length
        cdef object error
        cdef PyObject *item
        if begin < 0 or end > len(payloads) or offset < 0:
            raise ValueError("there are not so many payloads")
        while begin < end and used < room:
            item = PyList_GET_ITEM(<PyObject *>payloads, begin)
            length = self.column.length
            try:
                if item == None_:
                    error = None
                    used += 8 * self.column.cells
                    if self.column.null() < 0:
                        raise MemoryError
                else:
                    error = self.row(&c, <object>item, offset)
                    used += PyBytes_GET_SIZE(<object>item) + 8 * (FREE_CELLS + BYTE_CELLS * (c.end - c.start) - c.cells) + 8
            except BaseException:
                self.column.cut(length)
                raise
            if error is not None:
                self.column.cut(length)
                errors[begin] = error
            begin += 1
        return begin, used, errors

    cdef object row(self, Cursor *c, object data, Py_ssize_t offset):
        """None, or the `DecodeError` of one that does not decode. The cursor is made here."""
        cdef const uint8_t *start
        cdef Py_ssize_t nulls = self.column.nulls
        if not PyBytes_Check(data):
            raise TypeError(f"a payload must be bytes, not {type(data).__name__}")
        start = <const uint8_t *>PyBytes_AS_STRING(data)
        c.end = start + PyBytes_GET_SIZE(data)
        c.start = c.end if offset > PyBytes_GET_SIZE(data) else start + offset
        c.cells = FREE_CELLS + BYTE_CELLS * (c.end - c.start)
        if offset > PyBytes_GET_SIZE(data):
            return DecodeError(ENDS, position=PyBytes_GET_SIZE(data))
        c.at = c.start
        c.depth = self.max_depth
        c.items = FREE_ITEMS + BYTE_ITEMS * (c.end - c.at)
        c.what = NULL
        c.path = NULL
        if self.root.put(c) < 0:
            return failure(c, c.at - start)
        if c.at != c.end and self.whole:
            return DecodeError(f"{c.end - c.at} bytes are left over after the value", position=c.at - start)
        if self.null_error is not None and self.column.nulls > nulls:
            return self.null_error()
        return None

"""Columns as Arrow lays them out: validity bits, offsets, data. They grow by a value at a time, and no Python object is made of one.

`null` and what puts a value give 0, or -1 with the reason in the cursor or a Python exception set (memory). `cut` takes back what
came after the first so many values: a row of which a part was bad leaves nothing behind. The children of a null have a null each, as
Arrow wants it; `cells` is how many places that fills, which `charge_cells` counts for a message.
"""

from cpython.buffer cimport PyBuffer_FillInfo
from cpython.mem cimport PyMem_Realloc
from libc.string cimport memset

cdef object FULL = reasons.FULL
cdef Py_ssize_t FREE_CELLS = CELLS
cdef Py_ssize_t BYTE_CELLS = CELLS_PER_BYTE
cdef Py_ssize_t MOST_OFFSET = 0x7FFFFFFF
cdef char NO_BYTES = 0


cdef inline int charge_cells(Cursor *c, Py_ssize_t cost) noexcept:
    """Take `cost` from the places that the message may fill without a byte of its own for each."""
    if c.cells < cost:
        return worse(c, TOO_EMPTY)
    c.cells -= cost
    return 0


cdef class GrowingBuffer:
    """Bytes that grow until they are taken, and are then read through the buffer protocol."""

    cdef char *at
    cdef Py_ssize_t size
    cdef Py_ssize_t room

    def __cinit__(self):
        self.at = NULL
        self.size = 0
        self.room = 0

    def __dealloc__(self):
        PyMem_Free(self.at)

    def __len__(self):
        return self.size

    def __getbuffer__(self, Py_buffer *view, int flags):
        PyBuffer_FillInfo(view, self, &NO_BYTES if self.at == NULL else self.at, self.size, 1, flags)

    cdef inline char *more(self, Py_ssize_t count) noexcept:
        """Where `count` more bytes go; NULL with a MemoryError where there is no room."""
        cdef char *place
        if (count > self.room - self.size or self.at == NULL) and self.grow(count) < 0:
            return NULL
        place = self.at + self.size
        self.size += count
        return place

    cdef int grow(self, Py_ssize_t count) noexcept:
        cdef Py_ssize_t room = self.size + self.size // 2 + 64
        cdef char *made = NULL
        if count > MOST_LONG // 2 - self.size:
            PyErr_NoMemory()
            return -1
        room = max(room, self.size + count)
        made = <char *>PyMem_Realloc(self.at, room)
        if made == NULL:
            PyErr_NoMemory()
            return -1
        self.at = made
        self.room = room
        return 0

    cdef void fit(self) noexcept:
        """Give back the room that is not used."""
        cdef char *made
        if self.size and self.size < self.room:
            made = <char *>PyMem_Realloc(self.at, self.size)
            if made != NULL:
                self.at = made
                self.room = self.size


cdef inline bint bit_of(const char *bits, Py_ssize_t at) noexcept:
    return (bits[at >> 3] >> (at & 7)) & 1


cdef inline int add_bit(GrowingBuffer bits, Py_ssize_t at, bint on) noexcept:
    """Set the bit at `at`, the one after the last."""
    cdef char *byte
    if (at >> 3) >= bits.size:
        byte = bits.more(1)
        if byte == NULL:
            return -1
        byte[0] = 0
    byte = bits.at + (at >> 3)
    if on:
        byte[0] = <char>(byte[0] | (1 << (at & 7)))
    else:
        byte[0] = <char>(byte[0] & ~(1 << (at & 7)))
    return 0


cdef class Column:
    """What all columns have: their length, and the bits that say which values are there, once one is null."""

    cdef readonly Py_ssize_t length
    cdef readonly Py_ssize_t nulls
    cdef readonly Py_ssize_t cells
    cdef GrowingBuffer valid
    cdef bint marked

    def __cinit__(self, *args):
        self.valid = GrowingBuffer()
        self.cells = 1

    def __len__(self):
        return self.length

    cdef inline int filled(self) noexcept:
        """There is one more value."""
        if self.marked and add_bit(self.valid, self.length, True) < 0:
            return -1
        self.length += 1
        return 0

    cdef int missing(self) noexcept:
        """There is one more null."""
        cdef Py_ssize_t before = (self.length + 7) >> 3
        cdef char *bits
        if not self.marked:
            bits = self.valid.more(before)
            if bits == NULL:
                return -1
            memset(bits, 0xFF, before)
            self.marked = True
        if add_bit(self.valid, self.length, False) < 0:
            return -1
        self.length += 1
        self.nulls += 1
        return 0

    cdef int null(self) noexcept:
        return self.missing()

    cdef void cut(self, Py_ssize_t length) noexcept:
        cdef Py_ssize_t i
        if self.marked:
            for i in range(length, self.length):
                if not bit_of(self.valid.at, i):
                    self.nulls -= 1
            self.valid.size = (length + 7) >> 3
        self.length = length

    cdef list buffers(self):
        """The buffers after the validity bits, which a new one replaces."""
        return []

    cdef list parts(self):
        """What is taken of the children."""
        return []

    def take(self):
        """See `codec.ColumnBuffers.take`."""
        cdef GrowingBuffer valid = self.valid if self.nulls else None
        cdef tuple taken
        if valid is not None:
            valid.fit()
        taken = (self.length, self.nulls, [valid, *self.buffers()], self.parts())
        self.valid = GrowingBuffer()
        self.marked = False
        self.length = self.nulls = 0
        return taken


cdef GrowingBuffer fitted(GrowingBuffer buffer):
    buffer.fit()
    return buffer


cdef class NullColumn(Column):
    """Nothing but nulls."""

    cdef int null(self) noexcept:
        self.length += 1
        self.nulls += 1
        return 0

    cdef void cut(self, Py_ssize_t length) noexcept:
        self.length = self.nulls = length

    def take(self):
        """See the base."""
        taken = self.length, self.nulls, [None], []
        self.length = self.nulls = 0
        return taken


cdef class BooleanColumn(Column):
    """A bit each."""

    cdef GrowingBuffer data

    def __init__(self):
        self.data = GrowingBuffer()

    cdef inline int add(self, bint on) noexcept:
        if add_bit(self.data, self.length, on) < 0:
            return -1
        return self.filled()

    cdef int null(self) noexcept:
        if add_bit(self.data, self.length, False) < 0:
            return -1
        return self.missing()

    cdef void cut(self, Py_ssize_t length) noexcept:
        Column.cut(self, length)
        self.data.size = (length + 7) >> 3

    cdef list buffers(self):
        data, self.data = self.data, GrowingBuffer()
        return [fitted(data)]


cdef class WidthColumn(Column):
    """`width` bytes each."""

    cdef GrowingBuffer data
    cdef readonly Py_ssize_t width

    def __init__(self, Py_ssize_t width):
        self.data = GrowingBuffer()
        self.width = width
        self.cells = (width + 7) >> 3

    cdef inline char *place(self) noexcept:
        """Where the next value goes; `filled` says that it is there."""
        return self.data.more(self.width)

    cdef int null(self) noexcept:
        cdef char *place = self.place()
        if place == NULL:
            return -1
        memset(place, 0, self.width)
        return self.missing()

    cdef void cut(self, Py_ssize_t length) noexcept:
        Column.cut(self, length)
        self.data.size = length * self.width

    cdef list buffers(self):
        data, self.data = self.data, GrowingBuffer()
        return [fitted(data)]


cdef class OffsetColumn(Column):
    """What has a begin and an end each in something else."""

    cdef GrowingBuffer offsets

    def __init__(self):
        self.offsets = GrowingBuffer()
        self.begin()

    cdef int begin(self) except -1:
        cdef char *first = self.offsets.more(4)
        if first == NULL:
            raise MemoryError
        memset(first, 0, 4)
        return 0

    cdef inline int add_end(self, Py_ssize_t end) noexcept:
        cdef char *place = self.offsets.more(4)
        cdef int32_t value = <int32_t>end
        if place == NULL:
            return -1
        memcpy(place, &value, 4)
        return 0

    cdef inline Py_ssize_t end_of(self, Py_ssize_t length) noexcept:
        cdef int32_t value
        memcpy(&value, self.offsets.at + 4 * length, 4)
        return value

    cdef int null(self) noexcept:
        if self.add_end(self.end_of(self.length)) < 0:
            return -1
        return self.missing()

    cdef void cut(self, Py_ssize_t length) noexcept:
        Column.cut(self, length)
        self.offsets.size = 4 * (length + 1)

    cdef GrowingBuffer take_offsets(self):
        offsets, self.offsets = self.offsets, GrowingBuffer()
        self.begin()
        return fitted(offsets)


cdef class TextColumn(OffsetColumn):
    """Runs of bytes."""

    cdef GrowingBuffer data

    def __init__(self):
        OffsetColumn.__init__(self)
        self.data = GrowingBuffer()

    cdef inline int add(self, Cursor *c, const char *text, Py_ssize_t size) noexcept:
        cdef char *place
        if size > MOST_OFFSET - self.data.size:
            return worse(c, FULL)
        place = self.data.more(size)
        if place == NULL:
            return -1
        memcpy(place, text, size)
        if self.add_end(self.data.size) < 0:
            return -1
        return self.filled()

    cdef void cut(self, Py_ssize_t length) noexcept:
        OffsetColumn.cut(self, length)
        self.data.size = self.end_of(length)

    cdef list buffers(self):
        data, self.data = self.data, GrowingBuffer()
        return [self.take_offsets(), fitted(data)]


cdef class ListColumn(OffsetColumn):
    """Lists, or the entries of maps: runs of the children's values, which are all of one length."""

    cdef readonly tuple children
    cdef Column first

    def __init__(self, *children):
        OffsetColumn.__init__(self)
        self.children = checked_columns(children)
        self.first = children[0]

    cdef inline int close(self, Cursor *c) noexcept:
        """All since the last one are the items of one more."""
        if self.first.length > MOST_OFFSET:
            return worse(c, FULL)
        if self.add_end(self.first.length) < 0:
            return -1
        return self.filled()

    cdef void cut(self, Py_ssize_t length) noexcept:
        cdef Py_ssize_t end
        OffsetColumn.cut(self, length)
        end = self.end_of(length)
        for child in self.children:
            (<Column>child).cut(end)

    cdef list buffers(self):
        return [self.take_offsets()]

    cdef list parts(self):
        return [child.take() for child in self.children]


cdef class StructColumn(Column):
    """A value of each child."""

    cdef readonly tuple children

    def __init__(self, *children):
        self.children = checked_columns(children)
        self.cells = 1 + sum([child.cells for child in children])

    cdef int null(self) noexcept:
        cdef Py_ssize_t i
        for i in range(PyTuple_GET_SIZE(<PyObject *>self.children)):
            if (<Column>PyTuple_GET_ITEM(<PyObject *>self.children, i)).null() < 0:
                return -1
        return self.missing()

    cdef void cut(self, Py_ssize_t length) noexcept:
        Column.cut(self, length)
        for child in self.children:
            (<Column>child).cut(length)

    cdef list parts(self):
        return [child.take() for child in self.children]


cdef tuple checked_columns(tuple children):
    for child in children:
        if not isinstance(child, Column):
            raise TypeError("a child must be a column")
    return children

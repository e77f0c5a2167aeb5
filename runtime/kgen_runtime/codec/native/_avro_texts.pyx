# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""From Avro binary to text without objects in between: a tree of nodes, each of which reads its value at the cursor and
appends its text to a buffer. Here are those of JSON, in `avro_cells.pxi` those of the cells of CSV and of tables.

What they do not write is left to plain Python (`codec.avro.json_encoding`; of cells, to who asks for them), which also says
what is wrong with a payload: then `write` gives -1, and no reason. They write what most messages hold; not numbers of more
than 8 bytes, and no big-decimals. JSON is ASCII, byte for byte that of `json.dumps`. The cursor's bounds are checked before
every access, and what takes no bytes is counted against the budget of items, as in the reader.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_Check, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.exc cimport PyErr_Clear
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from cpython.ref cimport PyObject
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t, uint8_t
from libc.string cimport memcpy, memmove, memset

import decimal
import uuid

from .. import reasons
from ..decimals import EXACT as EXACT_CONTEXT
from ..limits import DECIMAL_BYTES, ITEMS, ITEMS_PER_BYTE, MAX_DEPTH

include "reader_cursor.pxi"

cdef extern from "_json.h":
    int kgen_put_integer(uint8_t *out, long long value) noexcept

include "float_texts.pxi"

cdef enum:
    ASCII = 127
    LONGEST = 40  # no number is longer
    PADDED = 64  # nor a decimal without its leading zeros

cdef const char *HEX = b"0123456789abcdef"

cdef enum:
    DAY_MILLIS = 86400000

ctypedef struct Text:
    uint8_t *data
    Py_ssize_t size
    Py_ssize_t room


cdef int reserve(Text *out, Py_ssize_t more) noexcept:
    cdef Py_ssize_t room = out.room
    cdef uint8_t *data
    if room - out.size >= more:
        return 0
    if more > (<Py_ssize_t>1 << 60) - out.size:
        return -1
    while room < out.size + more:
        room *= 2
    data = <uint8_t *>PyMem_Realloc(out.data, room)
    if data == NULL:
        return -1
    out.data = data
    out.room = room
    return 0


cdef int put(Text *out, const void *data, Py_ssize_t size) noexcept:
    if reserve(out, size) < 0:
        return -1
    memcpy(out.data + out.size, data, size)
    out.size += size
    return 0


cdef inline int put_bytes(Text *out, bytes data) noexcept:
    return put(out, PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))


cdef int put_integer(Text *out, int64_t value) noexcept:
    if reserve(out, LONGEST) < 0:
        return -1
    if value == LEAST_LONG:
        return put(out, b"-9223372036854775808", 20)
    out.size += kgen_put_integer(out.data + out.size, value)
    return 0


cdef int put_float(Text *out, double value) noexcept:
    """As `repr`; what JSON has no number for as a string, as Apache Avro's own encoder writes it."""
    cdef int size
    if value != value:
        return put(out, b'"NaN"', 5)
    if value - value != 0:
        return put(out, b'"Infinity"', 10) if value > 0 else put(out, b'"-Infinity"', 11)
    if reserve(out, LONGEST) < 0:
        return -1
    size = kgen_put_float(out.data + out.size, value)
    if size < 0:
        PyErr_Clear()
        return -1
    out.size += size
    return 0


cdef void put_unit(Text *out, uint32_t unit) noexcept:
    """A code unit of UTF-16 as an escape, where there is room for it."""
    cdef uint8_t *to = out.data + out.size
    to[0] = c"\\"
    to[1] = c"u"
    to[2] = HEX[unit >> 12 & 15]
    to[3] = HEX[unit >> 8 & 15]
    to[4] = HEX[unit >> 4 & 15]
    to[5] = HEX[unit & 15]
    out.size += 6


cdef void put_escape(Text *out, uint8_t character) noexcept:
    cdef uint8_t letter = 0
    if character == c'"' or character == c"\\":
        letter = character
    elif character == c"\n":
        letter = c"n"
    elif character == c"\r":
        letter = c"r"
    elif character == c"\t":
        letter = c"t"
    elif character == 8:
        letter = c"b"
    elif character == 12:
        letter = c"f"
    if not letter:
        put_unit(out, character)
        return
    out.data[out.size] = c"\\"
    out.data[out.size + 1] = letter
    out.size += 2


cdef int put_string(Text *out, const uint8_t *at, const uint8_t *end, bint latin) noexcept:
    """UTF-8, or with `latin` bytes as the characters of their numbers, in quotes and as ASCII; -1 if it is not UTF-8."""
    cdef const uint8_t *run
    cdef uint32_t code
    cdef int follow
    if put(out, b'"', 1) < 0:
        return -1
    while at < end:
        run = at
        while at < end and 0x20 <= at[0] < ASCII and at[0] != c'"' and at[0] != c"\\":
            at += 1
        if put(out, run, at - run) < 0:
            return -1
        if at == end:
            break
        if reserve(out, 12) < 0:
            return -1
        if at[0] < 0x80 or latin:
            put_escape(out, at[0])
            at += 1
            continue
        if at[0] >= 0xF0:
            code = at[0] & 0x07
            follow = 3
            if at[0] > 0xF4:
                return -1
        elif at[0] >= 0xE0:
            code = at[0] & 0x0F
            follow = 2
        else:
            code = at[0] & 0x1F
            follow = 1
            if at[0] < 0xC2:
                return -1
        at += 1
        if end - at < follow:
            return -1
        for _ in range(follow):
            if at[0] & 0xC0 != 0x80:
                return -1
            code = code << 6 | (at[0] & 0x3F)
            at += 1
        if (follow == 2 and code < 0x800) or (follow == 3 and code < 0x10000) or code > 0x10FFFF or 0xD800 <= code < 0xE000:
            return -1
        if code < 0x10000:
            put_unit(out, code)
        else:
            code -= 0x10000
            put_unit(out, 0xD800 + (code >> 10))
            put_unit(out, 0xDC00 + (code & 0x3FF))
    return put(out, b'"', 1)


cdef class Node:
    """Reads one value and appends its text."""

    cdef int write(self, Cursor *c, Text *out) noexcept:
        return -1


cdef class NullText(Node):
    """A null, as `text`."""

    cdef bytes text

    def __init__(self, bytes text not None):
        self.text = text

    cdef int write(self, Cursor *c, Text *out) noexcept:
        return put_bytes(out, self.text)


cdef class BooleanText(Node):
    """true or false."""

    cdef int write(self, Cursor *c, Text *out) noexcept:
        if c.at >= c.end or c.at[0] > 1:
            return -1
        if c.at[0]:
            c.at += 1
            return put(out, b"true", 4)
        c.at += 1
        return put(out, b"false", 5)


cdef class LongText(Node):
    """An int or long."""

    cdef bint narrow

    def __init__(self, bint narrow):
        self.narrow = narrow

    cdef int write(self, Cursor *c, Text *out) noexcept:
        cdef int64_t value = 0
        if take_integer(c, self.narrow, &value) < 0:
            return -1
        return put_integer(out, value)


cdef class FloatText(Node):
    """A float."""

    cdef int write(self, Cursor *c, Text *out) noexcept:
        cdef float value
        if c.end - c.at < 4:
            return -1
        memcpy(&value, c.at, 4)
        c.at += 4
        return put_float(out, value)


cdef class DoubleText(Node):
    """A double."""

    cdef int write(self, Cursor *c, Text *out) noexcept:
        cdef double value
        if c.end - c.at < 8:
            return -1
        memcpy(&value, c.at, 8)
        c.at += 8
        return put_float(out, value)


cdef class StringText(Node):
    """A string; with `latin` bytes; of `size` bytes, or as many as the payload says (-1)."""

    cdef bint latin
    cdef Py_ssize_t size

    def __init__(self, bint latin, Py_ssize_t size):
        self.latin = latin
        self.size = size

    cdef int write(self, Cursor *c, Text *out) noexcept:
        cdef Py_ssize_t size = self.size
        if size < 0 and take_size(c, &size) < 0:
            return -1
        if c.end - c.at < size:
            return -1
        c.at += size
        return put_string(out, c.at - size, c.at, self.latin)


cdef class DecimalText(Node):
    """A decimal with `scale` digits after the point, and at most `precision` in all; of `size` bytes, or as many as the payload
    says (-1).
    """

    cdef Py_ssize_t size
    cdef int scale
    cdef Py_ssize_t precision

    def __init__(self, Py_ssize_t size, int scale, Py_ssize_t precision):
        self.size = size
        self.scale = scale
        self.precision = precision

    cdef int write(self, Cursor *c, Text *out) noexcept:
        cdef Py_ssize_t size = self.size
        cdef const uint8_t *at
        cdef uint64_t bits
        cdef uint8_t digits[LONGEST]
        cdef int count
        cdef int zeros
        if size < 0 and take_size(c, &size) < 0:
            return -1
        if size == 0 or c.end - c.at < size or self.scale > PADDED:
            return -1
        at = c.at
        c.at += size
        while size > 8 and (at[0] == 0 or at[0] == 0xFF) and (at[0] ^ at[1]) < 0x80:
            at += 1
            size -= 1
        if size > 8:
            return -1
        bits = <uint64_t>-1 if at[0] >= 0x80 else 0
        for i in range(size):
            bits = bits << 8 | at[i]
        if <int64_t>bits < 0:
            if <int64_t>bits == LEAST_LONG or put(out, b"-", 1) < 0:
                return -1
            bits = -bits
        count = kgen_put_integer(digits, <int64_t>bits)
        if count > self.precision or reserve(out, LONGEST + PADDED) < 0:
            return -1
        if not self.scale:
            return put(out, digits, count)
        if count > self.scale:
            put(out, digits, count - self.scale)
            put(out, b".", 1)
            return put(out, digits + count - self.scale, self.scale)
        put(out, b"0.", 2)
        for zeros in range(self.scale - count):
            put(out, b"0", 1)
        return put(out, digits, count)


cdef class EnumText(Node):
    """A symbol, of which `texts` are the texts."""

    cdef tuple texts

    def __init__(self, tuple texts not None):
        self.texts = tuple([bytes(text) for text in texts])

    cdef int write(self, Cursor *c, Text *out) noexcept:
        cdef int64_t value = 0
        if take_int(c, &value) < 0 or value < 0 or value >= len(self.texts):
            return -1
        return put_bytes(out, <bytes>PyTuple_GET_ITEM(<PyObject *>self.texts, <Py_ssize_t>value))


cdef class ListText(Node):
    """An array; with `keys`, which write them, a map."""

    cdef Node items
    cdef Node keys

    def __init__(self, Node items not None, Node keys):
        self.items = items
        self.keys = keys

    cdef int write(self, Cursor *c, Text *out) noexcept:
        cdef int64_t count = 0
        cdef Py_ssize_t size = 0
        cdef bint first = True
        cdef const uint8_t *start
        if enter(c) < 0 or put(out, b"[" if self.keys is None else b"{", 1) < 0:
            return -1
        while True:
            if take_block(c, &count, &size) < 0:
                return -1
            if count == 0:
                break
            while count > 0:
                count -= 1
                if not first and put(out, b", ", 2) < 0:
                    return -1
                first = False
                start = c.at
                if self.keys is not None and (self.keys.write(c, out) < 0 or put(out, b": ", 2) < 0):
                    return -1
                if self.items.write(c, out) < 0 or spend(c, start) < 0:
                    return -1
        c.depth += 1
        return put(out, b"]" if self.keys is None else b"}", 1)


cdef class UnionText(Node):
    """A union: `heads` are what comes before the values of its branches, nothing before null."""

    cdef tuple heads
    cdef tuple branches

    def __init__(self, tuple heads not None, tuple branches not None):
        self.heads = tuple([bytes(head) for head in heads])
        for branch in branches:
            if not isinstance(branch, Node):
                raise TypeError("a branch needs a node")
        self.branches = branches
        if len(heads) != len(branches):
            raise ValueError("a head for each branch")

    cdef int write(self, Cursor *c, Text *out) noexcept:
        cdef int64_t value = 0
        cdef bytes head
        if take_int(c, &value) < 0 or value < 0 or value >= len(self.branches):
            return -1
        head = <bytes>PyTuple_GET_ITEM(<PyObject *>self.heads, <Py_ssize_t>value)
        if PyBytes_GET_SIZE(head) == 0:
            return (<Node>PyTuple_GET_ITEM(<PyObject *>self.branches, <Py_ssize_t>value)).write(c, out)
        if put_bytes(out, head) < 0:
            return -1
        if (<Node>PyTuple_GET_ITEM(<PyObject *>self.branches, <Py_ssize_t>value)).write(c, out) < 0:
            return -1
        return put(out, b"}", 1)


cdef class RecordText(Node):
    """A record: `heads` are what comes before the values of its fields, the opening brace of the first among it, `tail` what
    comes after them.
    """

    cdef tuple heads
    cdef tuple fields
    cdef bytes tail

    def __init__(self):
        self.heads = ()
        self.fields = ()
        self.tail = b""

    def fill(self, tuple heads not None, tuple fields not None, bytes tail not None):
        """Set the fields, once their nodes are there: a record may hold itself."""
        for field in fields:
            if not isinstance(field, Node):
                raise TypeError("a field needs a node")
        if len(heads) != len(fields):
            raise ValueError("a head for each field")
        self.heads = tuple([bytes(head) for head in heads])
        self.fields = fields
        self.tail = tail

    cdef int write(self, Cursor *c, Text *out) noexcept:
        cdef Py_ssize_t i
        if enter(c) < 0 or charge(c, 1 + len(self.fields)) < 0:
            return -1
        for i in range(len(self.fields)):
            if put_bytes(out, <bytes>PyTuple_GET_ITEM(<PyObject *>self.heads, i)) < 0:
                return -1
            if (<Node>PyTuple_GET_ITEM(<PyObject *>self.fields, i)).write(c, out) < 0:
                return -1
        c.depth += 1
        return put_bytes(out, self.tail)


include "avro_cells.pxi"


cdef class TextWriter:
    """Writes texts with a tree of nodes."""

    cdef Node root
    cdef int max_depth

    def __init__(self, Node root not None, int max_depth):
        self.root = root
        self.max_depth = max_depth

    def texts(self, payloads, Py_ssize_t offset):
        """The text of the value in each payload from `offset` on; None for each that is left to plain Python, or not bytes."""
        cdef Text out
        cdef list found = []
        cdef PyObject *text
        out.room = 1024
        out.size = 0
        out.data = <uint8_t *>PyMem_Realloc(NULL, out.room)
        if out.data == NULL:
            raise MemoryError
        try:
            for payload in payloads:
                out.size = 0
                if not PyBytes_Check(payload) or self.attempt(payload, offset, &out) < 0:
                    found.append(None)
                    continue
                text = PyUnicode_DecodeUTF8(<const char *>out.data, out.size, NULL)
                if text == NULL:
                    if not PyErr_ExceptionMatches(PyExc_UnicodeDecodeError):
                        raise MemoryError
                    PyErr_Clear()
                    found.append(None)
                    continue
                found.append(<object>text)
                Py_DECREF(text)
        finally:
            PyMem_Free(out.data)
        return found

    cdef int attempt(self, bytes payload, Py_ssize_t offset, Text *out) noexcept:
        cdef Cursor c
        cdef const uint8_t *start = <const uint8_t *>PyBytes_AS_STRING(payload)
        c.error = NULL
        c.what = NULL
        c.path = NULL
        c.end = start + PyBytes_GET_SIZE(payload)
        if offset < 0 or offset > PyBytes_GET_SIZE(payload):
            return -1
        c.at = start + offset
        c.depth = self.max_depth
        c.items = FREE_ITEMS + BYTE_ITEMS * (c.end - c.at)
        if self.root.write(&c, out) < 0:
            return -1
        return 0 if c.at == c.end else -1

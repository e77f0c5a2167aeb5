# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The native reader of JSON: a tree of nodes, each of which reads its value at the cursor and moves the cursor on.

Nodes work below Python's exceptions: `read` gives a new reference or NULL, and the reason stands in `Cursor.what` with the cursor
where it failed; or a Python exception is set (memory, a constructor of the user's). Containers add their part of the JSON pointer
on the way out, so a message that decodes pays nothing for it. The text is that of a bytes object, so one zero byte stands behind
it: the cursor never passes that, and every scan of more than a byte is bounded by `end`. A message is checked to be UTF-8 before
it is read. Memory: records and defaults, which take memory but few bytes, are counted against a budget per message
(`limits.ITEMS`).
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_Check, PyBytes_GET_SIZE
from cpython.exc cimport PyErr_Clear, PyErr_Occurred
from cpython.long cimport PyLong_AsSsize_t
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.ref cimport Py_INCREF, Py_XDECREF, PyObject
from cpython.unicode cimport PyUnicode_DecodeASCII
from libc.math cimport floor
from libc.stdint cimport int64_t, uint64_t, uint8_t
from libc.string cimport memchr, memcmp, memcpy, memset

import functools
import json
import uuid

from ...errors import DecodeError
from ..decoded import Decoded
from ..error_texts import refusal_text
from ..json import json_reasons as reasons
from ..json import json_texts
from ..json.json_build import branches_that_fit, by_rarest_name, constant_key
from ..json.json_pointers import json_pointer
from ..json.json_reasons import repeated_property, unknown_property
from ..json.json_texts import UnfitTextError, decimal_of_base64, decimal_of_number, integer_of_number
from ..json.number_forms import FLOAT_DIGITS as SHORT_DIGITS, NumberForm, exact_number
from ..limits import ITEMS, ITEMS_PER_BYTE, MAX_DEPTH, NUMBER_DIGITS
from ..reasons import ENDS as DATA_ENDS, TOO_DEEP as NESTED_TOO_DEEP, TOO_EMPTY as TOO_MANY_ITEMS
from ..slotted_classes import is_alone

include "json_cursor.pxi"
include "json_text.pxi"
include "json_scalars.pxi"
include "json_formats.pxi"
include "json_containers.pxi"
include "json_objects.pxi"
include "json_choices.pxi"


def json_scalar(str kind, scale, bint keeps):
    """The node for a scalar: see `json_build.scalar_kind`. `keeps`: what Python has no value for is read as an `OutOfRange`."""
    if kind in SIMPLE:
        return SIMPLE[kind]()
    if kind in COUNTS:
        return CountNode(json_texts.keeping(kind, COUNTS[kind], keeps))
    if kind == "decimal-base64":
        return TextFormatNode(functools.partial(decimal_of_base64, scale=scale))
    node, others = TEXTS[kind]
    return node(json_texts.keeping(kind, others, keeps))


cdef dict SIMPLE = {
    "null": NullNode,
    "boolean": BooleanNode,
    "integer": IntegerNode,
    "number": NumberNode,
    "string": StringNode,
    "decimal-number": DecimalNode,
}
cdef dict COUNTS = {
    "date-days": json_texts.date_of_days,
    "time-millis": json_texts.time_of_millis,
    "timestamp-millis": json_texts.datetime_of_millis,
}
cdef dict TEXTS = {
    "date": (DateNode, json_texts.date_of_text),
    "time": (TimeNode, json_texts.time_of_text),
    "date-time": (DateTimeNode, json_texts.datetime_of_text),
    "duration": (TextFormatNode, json_texts.duration_of_text),
    "uuid": (UuidNode, json_texts.uuid_of_string),
    "base64": (Base64Node, json_texts.bytes_of_text),
    "decimal-string": (TextFormatNode, decimal_of_number),
}

cdef object ZERO = 0
cdef int EXACT_FORM = NumberForm.EXACT
cdef int SHORT_FORM = NumberForm.SHORT
cdef Py_ssize_t FLOAT_DIGITS = SHORT_DIGITS


cdef class JsonNodeReader:
    """Decodes with a tree of nodes. Its methods are those of `codec.Reader`."""

    cdef JsonNode root
    cdef int max_depth

    def __init__(self, JsonNode root not None, int max_depth):
        self.root = root
        self.max_depth = max_depth

    def decode(self, data, offset=0):
        """One value from `data[offset:]`. Raises `DecodeError`."""
        cdef Cursor c
        # What is too large is clipped. The default takes no call: this runs for each message.
        value = self.attempt(&c, data, 0 if offset is ZERO else PyNumber_AsSsize_t(offset, NULL))
        if c.error != NULL:
            raise take_error(&c)
        return value

    def decode_many(self, batch, offset=0):
        """See `codec.Reader.decode_many`."""
        cdef Cursor c
        cdef list values = []
        cdef dict errors = None
        cdef Py_ssize_t start = PyNumber_AsSsize_t(offset, NULL)
        for data in batch:
            values.append(self.attempt(&c, data, start))
            if c.error != NULL:
                if errors is None:
                    errors = {}
                errors[len(values) - 1] = take_error(&c)
        return Decoded(values) if errors is None else Decoded(values, errors)

    cdef object attempt(self, Cursor *c, object data, Py_ssize_t offset):
        """A value; None with a `DecodeError` in `Cursor.error` if it does not decode. The cursor is made here."""
        cdef const uint8_t *start
        cdef PyObject *made
        if not PyBytes_Check(data):
            raise TypeError(f"a payload must be bytes, not {type(data).__name__}")
        c.what = c.path = c.held = c.cause = c.hint = c.error = NULL
        c.skipped = NULL
        start = <const uint8_t *>PyBytes_AS_STRING(data)
        c.end = start + PyBytes_GET_SIZE(data)
        if offset < 0 or offset > PyBytes_GET_SIZE(data):
            return refuse(c, ENDS, PyBytes_GET_SIZE(data))
        c.at = start + offset
        c.depth = self.max_depth
        c.items = FREE_ITEMS + BYTE_ITEMS * (c.end - c.at)
        made = self.whole(c)
        PyMem_Free(c.skipped)
        if made == NULL:
            if PyErr_Occurred() != NULL:
                forget(c)
                reraise()
            return refuse(c, <object>c.what, c.at - start)
        value = <object>made
        Py_DECREF(made)
        return value

    cdef PyObject *whole(self, Cursor *c) noexcept:
        """The value that is all of the text."""
        cdef PyObject *made
        cdef const uint8_t *wrong = kgen_utf8(c.at, c.end)
        if wrong != c.end:
            fault_at(c, wrong, NOT_UTF8)
            return NULL
        if c.end - c.at >= 3 and memcmp(c.at, b"\xef\xbb\xbf", 3) == 0:
            c.at += 3
        space(c)
        made = self.root.read(c)
        if made == NULL:
            return NULL
        space(c)
        if c.at == c.end:
            return made
        Py_DECREF(made)
        try:
            hold(c, f"{c.end - c.at} bytes are left over after the value")
        except BaseException as error:
            raised(error)
        return NULL


cdef object refuse(Cursor *c, str what, Py_ssize_t position):
    """None, with the `DecodeError` in the cursor, not among the values: a value may be an exception, too."""
    cdef object error
    cdef list parts = [] if c.path == NULL else <list>c.path
    try:
        hint = None if c.hint == NULL else <object>c.hint
        error = DecodeError(what, position=position, path=json_pointer(parts), hint=hint)
        if c.cause != NULL:
            error.__cause__ = <object>c.cause
    finally:
        forget(c)
    Py_INCREF(error)
    c.error = <PyObject *>error
    return None


cdef object take_error(Cursor *c):
    """The error that is in the cursor, which holds it no more."""
    cdef object error = <object>c.error
    Py_DECREF(c.error)
    c.error = NULL
    return error

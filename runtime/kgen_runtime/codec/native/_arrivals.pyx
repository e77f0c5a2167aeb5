# cython: language_level=3, boundscheck=False, wraparound=False
"""The native `ArrivalFunctions`: calls the C functions behind the methods of a client's messages, without the interpreter.

Messages of classes that are not written in C go the way in plain Python.
"""

from cpython.exc cimport PyErr_Occurred
from cpython.ref cimport PyObject

from ..python import arrivals as plain

cdef extern from "_native.h":
    ctypedef PyObject *(*NoArguments "PyCFunction")(PyObject *, PyObject *) noexcept
    NoArguments kgen_no_arguments(PyObject *cls, PyObject *descriptor) noexcept
    bint PyObject_GC_IsTracked(PyObject *value) noexcept
    void PyObject_GC_UnTrack(PyObject *value) noexcept
    PyObject *PyList_GET_ITEM(PyObject *items, Py_ssize_t index) noexcept
    void PyList_SET_ITEM(PyObject *items, Py_ssize_t index, PyObject *item) noexcept
    bint PyTuple_CheckExact(PyObject *value) noexcept
    Py_ssize_t PyTuple_GET_SIZE(PyObject *items) noexcept
    PyObject *PyTuple_GET_ITEM(PyObject *items, Py_ssize_t index) noexcept
    long PyLong_AsLong(PyObject *number) except? -1
    void Py_INCREF(PyObject *value) noexcept
    void Py_DECREF(PyObject *value) noexcept
    PyObject *None_ "Py_None"
    PyObject *KGEN_TYPE(PyObject *value) noexcept


cdef NoArguments function(list messages, str name) except? NULL:
    """What a method of all messages calls, or NULL where they are not of one class in C."""
    cdef Py_ssize_t i
    kind = type(messages[0])
    for i in range(len(messages)):
        if KGEN_TYPE(PyList_GET_ITEM(<PyObject *>messages, i)) != <PyObject *>kind:
            return NULL
    descriptor = getattr(kind, name)
    return kgen_no_arguments(<PyObject *>kind, <PyObject *>descriptor)


def runs(list messages not None):
    """See `codec.ArrivalFunctions.runs`."""
    cdef list found = []
    cdef Py_ssize_t begin = 0, i
    cdef long last = 0, at
    cdef NoArguments error, partition
    if not messages:
        return found
    error, partition = function(messages, "error"), function(messages, "partition")
    if error == NULL or partition == NULL:
        return plain.runs(messages)
    for i in range(len(messages)):
        at = run_of(PyList_GET_ITEM(<PyObject *>messages, i), error, partition)
        if i and at != last:
            found.append((last, messages[begin:i]))
            begin = i
        last = at
    found.append((last, messages[begin:] if begin else messages))
    return found


cdef long run_of(PyObject *message, NoArguments error, NoArguments partition) except? -2:
    cdef PyObject *found
    cdef long number
    if PyObject_GC_IsTracked(message):
        # It refers to bytes and text, so to nothing that could refer to it. Many may wait, and garbage
        # collection would visit each.
        PyObject_GC_UnTrack(message)
    found = got(error(message, NULL))
    Py_DECREF(found)
    if found != None_:
        return -1
    found = got(partition(message, NULL))
    number = 0 if found == None_ else PyLong_AsLong(found)
    Py_DECREF(found)
    return number


cdef PyObject *got(PyObject *found) except NULL:
    """A result, or the exception that is set."""
    return found


def columns(list messages not None):
    """See `codec.ArrivalFunctions.columns`."""
    cdef list headers = [], bad = []
    cdef NoArguments key, value, timestamp, offset, header
    if not messages:
        return plain.columns(messages)
    key, value = function(messages, "key"), function(messages, "value")
    timestamp, offset = function(messages, "timestamp"), function(messages, "offset")
    header = function(messages, "headers")
    if key == NULL or value == NULL or timestamp == NULL or offset == NULL or header == NULL:
        return plain.columns(messages)
    add_headers(messages, header, headers, bad)
    return (
        column(messages, key),
        column(messages, value),
        headers,
        times(messages, timestamp),
        column(messages, offset),
        bad,
    )


cdef list column(list messages, NoArguments part):
    cdef list out = [None] * len(messages)
    cdef Py_ssize_t i
    for i in range(len(messages)):
        put(out, i, got(part(PyList_GET_ITEM(<PyObject *>messages, i), NULL)))
    return out


cdef inline void put(list out, Py_ssize_t i, PyObject *value) noexcept:
    """In place of a None."""
    PyList_SET_ITEM(<PyObject *>out, i, value)
    Py_DECREF(None_)


cdef list times(list messages, NoArguments timestamp):
    cdef list out = [None] * len(messages)
    cdef Py_ssize_t i
    cdef PyObject *pair
    cdef PyObject *time
    for i in range(len(messages)):
        pair = got(timestamp(PyList_GET_ITEM(<PyObject *>messages, i), NULL))
        try:
            if not PyTuple_CheckExact(pair) or PyTuple_GET_SIZE(pair) != 2:
                raise TypeError("timestamp() must give a kind and a time")
            if PyLong_AsLong(PyTuple_GET_ITEM(pair, 0)) != 0:  # 0: it has none
                time = PyTuple_GET_ITEM(pair, 1)
                Py_INCREF(time)
                put(out, i, time)
        finally:
            Py_DECREF(pair)
    return out


cdef int add_headers(list messages, NoArguments part, list headers, list bad) except -1:
    """Those of each message, each asked once."""
    while len(headers) < len(messages):
        try:
            while len(headers) < len(messages):
                headers.append(headers_of(PyList_GET_ITEM(<PyObject *>messages, len(headers)), part))
        except UnicodeDecodeError:
            bad.append(len(headers))
            headers.append(())
    return 0


cdef object headers_of(PyObject *message, NoArguments part):
    cdef PyObject *made = got(part(message, NULL))
    cdef object found
    if made == None_:
        Py_DECREF(made)
        return ()
    found = <object>made
    Py_DECREF(made)
    if PyErr_Occurred() != NULL:  # confluent-kafka gives a result along with it
        reraise()
    return tuple(found)


cdef int reraise() except -1:
    """Let the exception that is set take its course."""
    return -1

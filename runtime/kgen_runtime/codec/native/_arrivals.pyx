# cython: language_level=3, boundscheck=False, wraparound=False
"""The native `ArrivalFunctions`: calls the C functions behind the methods of a client's messages, without the interpreter.

Messages of classes that are not written in C go the way in plain Python.
"""

from cpython.exc cimport PyErr_Occurred
from cpython.ref cimport PyObject
from libc.stdint cimport int32_t, int64_t

from ..python import arrivals as plain

cdef extern from "_native.h":
    ctypedef PyObject *(*NoArguments "PyCFunction")(PyObject *, PyObject *) noexcept
    NoArguments kgen_no_arguments(PyObject *cls, PyObject *descriptor) noexcept
    bint PyObject_GC_IsTracked(PyObject *value) noexcept
    PyObject *PyList_GET_ITEM(PyObject *items, Py_ssize_t index) noexcept
    bint PyTuple_CheckExact(PyObject *value) noexcept
    bint PyBytes_Check(PyObject *value) noexcept
    Py_ssize_t PyBytes_GET_SIZE(PyObject *value) noexcept
    Py_ssize_t PyTuple_GET_SIZE(PyObject *items) noexcept
    PyObject *PyTuple_GET_ITEM(PyObject *items, Py_ssize_t index) noexcept
    PyObject *PyLong_FromLongLong(long long number) except NULL
    long PyLong_AsLong(PyObject *number) except? -1
    PyObject *KGEN_TYPE(PyObject *value) noexcept

include "arrival_columns.pxi"

cdef enum:
    EMPTY = 16  # bytes of an object before those of its class: the count of references, and the type

cdef tuple TIMES = (0x1122334455667788, 0x0123456776543210)  # of messages that show where the class keeps its time


cdef class Parts:
    """What the methods of a class of messages call, and where it keeps the time: asked for that, confluent-kafka makes three
    objects.
    """

    cdef object kind
    cdef NoArguments key, value, timestamp, offset, headers, error, partition
    cdef Py_ssize_t time_at, type_at  # negative where that is not known

    cdef bint find(self, kind) except -1:
        """Whether all of them are written in C."""
        self.kind = kind
        self.key, self.value = self.function("key"), self.function("value")
        self.timestamp, self.offset = self.function("timestamp"), self.function("offset")
        self.headers, self.error = self.function("headers"), self.function("error")
        self.partition = self.function("partition")
        if self.key == NULL or self.value == NULL or self.timestamp == NULL or self.offset == NULL:
            return False
        if self.headers == NULL or self.error == NULL or self.partition == NULL:
            return False
        self.find_time()
        return True

    cdef NoArguments function(self, str name):
        descriptor = getattr(self.kind, name, None)
        return kgen_no_arguments(<PyObject *>self.kind, <PyObject *>descriptor)

    cdef int find_time(self) except -1:
        """By messages that are made with times and types of times: each has them at one and the same place."""
        self.time_at = self.type_at = -1
        try:
            made = [self.kind(topic="", timestamp=(of, time)) for time in TIMES for of in (0, 1, 2)]
            given = [each.timestamp() for each in made]
        except Exception:
            return 0  # not a class whose messages are made so
        if given != [(of, time) for time in TIMES for of in (0, 1, 2)]:
            return 0
        size = self.kind.__basicsize__
        times = [at for at in range(EMPTY, size - 7, 8) if all(read64(m, at) == t for m, (_, t) in zip(made, given))]
        types = [at for at in range(EMPTY, size - 3, 4) if all(read32(m, at) == k for m, (k, _) in zip(made, given))]
        if len(times) == len(types) == 1:
            self.time_at, self.type_at = times[0], types[0]
        return 0


cdef int64_t read64(message, Py_ssize_t at):
    return (<int64_t *>(<char *><PyObject *>message + at))[0]


cdef int32_t read32(message, Py_ssize_t at):
    return (<int32_t *>(<char *><PyObject *>message + at))[0]


cdef Parts known = None  # of the class that was asked for last


cdef Parts parts(list messages):
    """Of the class of all messages; None where they are not of one class in C."""
    global known
    cdef Py_ssize_t i
    cdef Parts found = known
    kind = type(messages[0])
    for i in range(len(messages)):
        if KGEN_TYPE(PyList_GET_ITEM(<PyObject *>messages, i)) != <PyObject *>kind:
            return None
    if found is None or found.kind is not kind:
        found = Parts.__new__(Parts)
        if not found.find(kind):
            return None
        known = found
    return found


def runs(list messages not None):
    """See `codec.ArrivalFunctions.runs`."""
    cdef list found = []
    cdef Py_ssize_t begin = 0, i
    cdef long last = 0, at
    cdef Parts of
    if not messages:
        return found
    of = parts(messages)
    if of is None:
        return plain.runs(messages)
    for i in range(len(messages)):
        at = run_of(PyList_GET_ITEM(<PyObject *>messages, i), of)
        if i and at != last:
            found.append((last, messages[begin:i]))
            begin = i
        last = at
    found.append((last, messages[begin:] if begin else messages))
    return found


cdef long run_of(PyObject *message, Parts of) except? -2:
    cdef PyObject *found
    cdef long number
    if PyObject_GC_IsTracked(message):
        # It refers to bytes and text, so to nothing that could refer to it. Many may wait, and garbage
        # collection would visit each.
        PyObject_GC_UnTrack(message)
    found = got(of.error(message, NULL))
    Py_DECREF(found)
    if found != None_:
        return -1
    found = got(of.partition(message, NULL))
    number = 0 if found == None_ else PyLong_AsLong(found)
    Py_DECREF(found)
    return number


cdef PyObject *got(PyObject *found) except NULL:
    """A result, or the exception that is set."""
    return found


def columns(list messages not None):
    """See `codec.ArrivalFunctions.columns`."""
    cdef Py_ssize_t i, size = 0, count = len(messages)
    cdef list keys, values, headers, times, offsets, origins, bad = []
    cdef PyObject *message
    cdef PyObject *key
    cdef PyObject *value
    cdef PyObject *time
    cdef Parts of = parts(messages) if messages else None
    if of is None:
        return plain.columns(messages)
    keys, values, headers = [None] * count, [None] * count, [None] * count
    times, offsets, origins = [None] * count, [None] * count, [None] * count
    for i in range(count):
        message = PyList_GET_ITEM(<PyObject *>messages, i)
        key = put(keys, i, got(of.key(message, NULL)))
        value = put(values, i, got(of.value(message, NULL)))
        size += size_of(key) + size_of(value)
        put(offsets, i, got(of.offset(message, NULL)))
        time = put(times, i, time_of(message, of))
        try:
            found = headers_of(message, of)
        except UnicodeDecodeError:
            bad.append(i)
            found = ()
        Py_INCREF(<PyObject *>found)
        put(headers, i, <PyObject *>found)
        put(origins, i, origin(key, value, <PyObject *>found, time))
        # Let go of it while the processor has it at hand.
        Py_INCREF(None_)
        PyList_SET_ITEM(<PyObject *>messages, i, None_)
        Py_DECREF(message)
    messages.clear()
    return keys, values, headers, times, offsets, origins, size, bad


cdef inline Py_ssize_t size_of(PyObject *payload) noexcept:
    return PyBytes_GET_SIZE(payload) if PyBytes_Check(payload) else 0


cdef PyObject *time_of(PyObject *message, Parts of) except NULL:
    cdef PyObject *pair
    cdef PyObject *time = None_
    if of.time_at >= 0:
        if (<int32_t *>(<char *>message + of.type_at))[0] != 0:  # 0: it has none
            return PyLong_FromLongLong((<int64_t *>(<char *>message + of.time_at))[0])
        Py_INCREF(None_)
        return None_
    pair = got(of.timestamp(message, NULL))
    try:
        if not PyTuple_CheckExact(pair) or PyTuple_GET_SIZE(pair) != 2:
            raise TypeError("timestamp() must give a kind and a time")
        if PyLong_AsLong(PyTuple_GET_ITEM(pair, 0)) != 0:
            time = PyTuple_GET_ITEM(pair, 1)
        Py_INCREF(time)
    finally:
        Py_DECREF(pair)
    return time


cdef object headers_of(PyObject *message, Parts of):
    """Asked once: confluent-kafka makes them then."""
    cdef PyObject *made = got(of.headers(message, NULL))
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

"""The text of a message while it is written: on the stack while it is short, then in the bytes that the message becomes.

So a long message is not copied once it is whole. `Out` has `data`, `size`, `room` and `held`, the bytes or NULL.
"""

cdef extern from "Python.h":
    PyObject *PyBytes_New "PyBytes_FromStringAndSize"(const char *data, Py_ssize_t size) except NULL
    int _PyBytes_Resize(PyObject **data, Py_ssize_t size) except -1

cdef enum:
    SMALL = 1024  # most messages fit a buffer on the stack


cdef inline void begin(Out *out, uint8_t *small) noexcept:
    """Write to `small`, which has room for SMALL bytes."""
    out.data = small
    out.size = 0
    out.room = SMALL
    out.held = NULL


cdef int grow(Out *out, Py_ssize_t more) except -1:
    cdef Py_ssize_t room
    if more > (<Py_ssize_t>1 << 62) - out.size:
        raise MemoryError
    room = out.size + more + SMALL
    if room < out.room * 2:
        room = out.room * 2
    if out.held != NULL:
        _PyBytes_Resize(&out.held, room)  # which leaves NULL where it fails
    else:
        out.held = PyBytes_New(NULL, room)
        memcpy(PyBytes_AS_STRING(<object>out.held), out.data, out.size)
    out.data = <uint8_t *>PyBytes_AS_STRING(<object>out.held)
    out.room = room
    return 0


cdef inline bytes finished(Out *out):
    """What was written, once and last of all."""
    if out.held == NULL:
        return PyBytes_FromStringAndSize(<const char *>out.data, out.size)
    _PyBytes_Resize(&out.held, out.size)
    return <bytes>out.held


cdef inline void put_away(Out *out) noexcept:
    Py_XDECREF(out.held)

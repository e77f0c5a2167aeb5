# The columns of messages: objects go into lists of Nones, and what a message was is kept as a tuple.

cdef extern from "_native.h":
    void PyObject_GC_UnTrack(PyObject *value) noexcept
    void PyList_SET_ITEM(PyObject *items, Py_ssize_t index, PyObject *item) noexcept
    PyObject *PyTuple_New(Py_ssize_t size) except NULL
    void PyTuple_SET_ITEM(PyObject *items, Py_ssize_t index, PyObject *item) noexcept
    void Py_INCREF(PyObject *value) noexcept
    void Py_DECREF(PyObject *value) noexcept
    PyObject *None_ "Py_None"


cdef inline PyObject *put(list out, Py_ssize_t i, PyObject *value) noexcept:
    """In place of a None."""
    PyList_SET_ITEM(<PyObject *>out, i, value)
    Py_DECREF(None_)
    return value


cdef inline PyObject *origin(PyObject *key, PyObject *value, PyObject *headers, PyObject *time) except NULL:
    """A tuple of bytes, text and numbers: garbage collection need not look at it."""
    cdef PyObject *made = PyTuple_New(4)
    Py_INCREF(key)
    PyTuple_SET_ITEM(made, 0, key)
    Py_INCREF(value)
    PyTuple_SET_ITEM(made, 1, value)
    Py_INCREF(headers)
    PyTuple_SET_ITEM(made, 2, headers)
    Py_INCREF(time)
    PyTuple_SET_ITEM(made, 3, time)
    PyObject_GC_UnTrack(made)
    return made

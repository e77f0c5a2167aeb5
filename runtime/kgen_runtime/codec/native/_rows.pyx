# cython: language_level=3, boundscheck=False, wraparound=False
"""The native `Rows`: allocates the objects and fills their slots, without calling the class."""

import dataclasses

from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.ref cimport PyObject

cdef extern from "_native.h":
    bint PyObject_IS_GC(PyObject *value) noexcept
    bint PyObject_GC_IsTracked(PyObject *value) noexcept
    bint PyDict_Check(PyObject *value) noexcept
    void KGEN_UNTRACK(PyObject *value) noexcept
    Py_ssize_t kgen_slot_offset(PyObject *cls, PyObject *descriptor) noexcept
    PyObject **KGEN_SLOT(PyObject *instance, Py_ssize_t offset) noexcept
    object KGEN_ALLOC(PyObject *cls)
    PyObject *PyList_GET_ITEM(PyObject *items, Py_ssize_t index) noexcept
    void Py_INCREF(PyObject *value) noexcept


cdef class RowMaker:
    """Its methods are those of `codec.Rows`."""

    cdef object cls
    cdef Py_ssize_t width
    cdef Py_ssize_t *slots  # where each field's value is in an object
    cdef Py_ssize_t *listed  # those of them whose values are not the same in all

    def __cinit__(self, cls):
        names = [field.name for field in dataclasses.fields(cls)]
        self.slots = <Py_ssize_t *>PyMem_Malloc((len(names) + 1) * sizeof(Py_ssize_t))
        self.listed = <Py_ssize_t *>PyMem_Malloc((len(names) + 1) * sizeof(Py_ssize_t))
        if self.slots == NULL or self.listed == NULL:
            raise MemoryError
        for i, name in enumerate(names):
            self.slots[i] = slot_of(cls, name)
        self.cls = cls
        self.width = len(names)

    def __dealloc__(self):
        PyMem_Free(self.slots)
        PyMem_Free(self.listed)

    def make(self, Py_ssize_t count, tuple columns not None):
        """See `codec.Rows.make`."""
        cdef list made = []
        cdef Py_ssize_t i, listed = 0
        cdef bint alone = True
        if len(columns) != self.width:
            raise ValueError(f"{self.width} columns are needed, not {len(columns)}")
        for i in range(count):
            made.append(KGEN_ALLOC(<PyObject *>self.cls))
        for i in range(self.width):
            if type(columns[i]) is list:
                fill_each(made, self.slots[i], columns[i])
                self.listed[listed] = self.slots[i]
                listed += 1
            else:
                fill_all(made, self.slots[i], columns[i])
                alone = alone and not refers(<PyObject *>columns[i])
        if alone:
            self.untrack(made, listed)
        return made

    cdef void untrack(self, list made, Py_ssize_t listed) noexcept:
        """Those that hold only what refers to nothing: garbage collection need not visit them."""
        cdef Py_ssize_t i, j
        cdef PyObject *row
        for i in range(len(made)):
            row = PyList_GET_ITEM(<PyObject *>made, i)
            for j in range(listed):
                if refers(KGEN_SLOT(row, self.listed[j])[0]):
                    break
            else:
                KGEN_UNTRACK(row)


cdef inline bint refers(PyObject *value) noexcept:
    """Whether garbage collection visits it, or may later: a dict that it does not visit yet may be filled."""
    return PyObject_IS_GC(value) and (PyObject_GC_IsTracked(value) or PyDict_Check(value))


cdef int fill_each(list made, Py_ssize_t slot, list column) except -1:
    cdef Py_ssize_t i
    cdef PyObject *value
    if len(column) != len(made):
        raise ValueError(f"a column has {len(column)} items, not {len(made)}")
    for i in range(len(made)):
        value = PyList_GET_ITEM(<PyObject *>column, i)
        Py_INCREF(value)
        KGEN_SLOT(PyList_GET_ITEM(<PyObject *>made, i), slot)[0] = value
    return 0


cdef void fill_all(list made, Py_ssize_t slot, object value) noexcept:
    cdef Py_ssize_t i
    for i in range(len(made)):
        Py_INCREF(<PyObject *>value)
        KGEN_SLOT(PyList_GET_ITEM(<PyObject *>made, i), slot)[0] = <PyObject *>value


cdef Py_ssize_t slot_of(cls, str name) except -1:
    descriptor = getattr(cls, name, None)
    cdef Py_ssize_t offset = kgen_slot_offset(<PyObject *>cls, <PyObject *>descriptor)
    if offset < 0:
        raise TypeError(f"{cls.__qualname__}.{name} is not a slot")
    return offset

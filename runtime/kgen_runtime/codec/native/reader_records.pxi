"""Nodes that read records, to objects of classes or dicts, and the defaults of their fields."""

cdef class DefaultNode:
    """The value of a field that the writer lacks: read by `node` from `data` each time, or held where it cannot change."""

    cdef object value
    cdef bytes data
    cdef Node node
    cdef bint held

    def __init__(self, bytes data not None, Node node not None):
        self.data = data
        self.node = node
        self.held = False

    def probe(self):
        """Read the value once. Raises `DecodeError`."""
        return NodeReader(self.node, DEPTH, True).decode(self.data)

    def hold(self, value):
        """Give this value from now on."""
        self.value = value
        self.held = True

    cdef PyObject *make(self, Cursor *c) noexcept:
        cdef Cursor inner
        cdef PyObject *value
        if self.held:
            Py_INCREF(self.value)
            return <PyObject *>self.value
        if charge(c, PyBytes_GET_SIZE(self.data)) < 0:
            return NULL
        inner = c[0]
        inner.at = <const uint8_t *>PyBytes_AS_STRING(self.data)
        inner.end = inner.at + PyBytes_GET_SIZE(self.data)
        value = self.node.read(&inner)
        c.items = inner.items
        c.what = inner.what
        c.path = inner.path
        return value


cdef class RecordNode(Node):
    """The fields of a record in the order they were written. `targets` are their places in the reader's record; -1 is skipped.

    Where the values go is up to the subclasses: `slot` numbers are theirs. `cost`: what one record is charged, besides the
    defaults that are made for it.
    """

    cdef readonly object cls
    cdef tuple names
    cdef tuple nodes
    cdef tuple defaults
    cdef tuple default_names
    cdef Py_ssize_t *slots
    cdef Py_ssize_t *default_slots
    cdef Py_ssize_t width
    cdef Py_ssize_t cost

    def __cinit__(self, *args):
        self.slots = NULL
        self.default_slots = NULL

    def __init__(self, cls, Py_ssize_t width):
        self.cls = cls
        self.width = width

    def __dealloc__(self):
        PyMem_Free(self.slots)
        PyMem_Free(self.default_slots)

    def fill(self, tuple steps, tuple defaults):
        """`steps`: (name, node, target or -1) as written; `defaults`: (name, DefaultNode, target)."""
        self.names = tuple([step[0] for step in steps])
        self.nodes = tuple([step[1] for step in steps])
        self.defaults = tuple([default[1] for default in defaults])
        self.default_names = tuple([default[0] for default in defaults])
        for node in self.nodes:
            if not isinstance(node, Node):
                raise TypeError("a field needs a node")
        for default in self.defaults:
            if not isinstance(default, DefaultNode):
                raise TypeError("a default needs a DefaultNode")
        self.cost = 1 + len(steps) + len(defaults)
        self.slots = self.places(steps)
        self.default_slots = self.places(defaults)

    cdef Py_ssize_t *places(self, tuple steps) except NULL:
        cdef Py_ssize_t *out = <Py_ssize_t *>PyMem_Malloc((len(steps) + 1) * sizeof(Py_ssize_t))
        cdef Py_ssize_t i
        if out == NULL:
            raise MemoryError
        for i in range(len(steps)):
            target = steps[i][2]
            if not -1 <= target < self.width:
                PyMem_Free(out)
                raise ValueError("a field is out of the record")
            out[i] = -1 if target < 0 else self.place(target)
        return out

    cdef Py_ssize_t place(self, Py_ssize_t target) except -1:
        return target

    cdef PyObject *read(self, Cursor *c) noexcept:
        cdef PyObject *out
        if self.slots == NULL:
            return bad(c, TOO_DEEP)
        if enter(c) < 0 or charge(c, self.cost) < 0:
            return NULL
        out = self.make(c)
        c.depth += 1
        return out

    cdef PyObject *make(self, Cursor *c) noexcept:
        return NULL

    cdef int values(self, Cursor *c, char *base, Py_ssize_t unit) noexcept:
        """Read all fields, each to `base + slot * unit`, which holds NULLs."""
        cdef Py_ssize_t i, slot
        cdef PyObject *value
        for i in range(PyTuple_GET_SIZE(<PyObject *>self.nodes)):
            slot = self.slots[i]
            if slot < 0:
                if (<Node>PyTuple_GET_ITEM(<PyObject *>self.nodes, i)).skip(c) < 0:
                    return trace(c, <object>PyTuple_GET_ITEM(<PyObject *>self.names, i))
                continue
            value = (<Node>PyTuple_GET_ITEM(<PyObject *>self.nodes, i)).read(c)
            if value == NULL:
                return trace(c, <object>PyTuple_GET_ITEM(<PyObject *>self.names, i))
            (<PyObject **>(base + slot * unit))[0] = value
        for i in range(PyTuple_GET_SIZE(<PyObject *>self.defaults)):
            value = (<DefaultNode>PyTuple_GET_ITEM(<PyObject *>self.defaults, i)).make(c)
            if value == NULL:
                return trace(c, <object>PyTuple_GET_ITEM(<PyObject *>self.default_names, i))
            (<PyObject **>(base + self.default_slots[i] * unit))[0] = value
        return 0

    cdef int skip(self, Cursor *c) noexcept:
        cdef Py_ssize_t i
        if self.slots == NULL or enter(c) < 0:
            return worse(c, TOO_DEEP)
        if charge(c, self.cost) < 0:
            return -1
        for i in range(PyTuple_GET_SIZE(<PyObject *>self.nodes)):
            if (<Node>PyTuple_GET_ITEM(<PyObject *>self.nodes, i)).skip(c) < 0:
                return trace(c, <object>PyTuple_GET_ITEM(<PyObject *>self.names, i))
        c.depth += 1
        return 0


cdef class SlotRecordNode(RecordNode):
    """Objects of a plain slotted dataclass: allocated, and their slots filled, without calling the class."""

    cdef tuple attributes
    cdef bint alone  # see `slotted_classes.is_alone`

    def __init__(self, cls, tuple attributes):
        self.cls = cls
        self.width = len(attributes)
        self.attributes = attributes
        self.alone = is_alone(cls)

    cdef Py_ssize_t place(self, Py_ssize_t target) except -1:
        cdef Py_ssize_t offset = slot_of(self.cls, self.attributes[target])
        if offset < 0:
            raise TypeError(f"{self.cls.__qualname__}.{self.attributes[target]} is not a slot")
        return offset

    cdef PyObject *make(self, Cursor *c) noexcept:
        cdef PyObject *out = KGEN_ALLOC(<PyObject *>self.cls)
        if out != NULL and self.values(c, <char *>out, 1) < 0:
            Py_DECREF(out)
            return NULL
        if out != NULL and self.alone:
            KGEN_UNTRACK(out)
        return out


cdef class ArrayRecordNode(RecordNode):
    """Reads the values to an array, for what is made of them at the end."""

    cdef tuple keys

    def __init__(self, cls, tuple keys):
        self.cls = cls
        self.width = len(keys)
        self.keys = keys

    cdef PyObject *make(self, Cursor *c) noexcept:
        cdef PyObject *few[16]
        cdef PyObject **items = few
        cdef PyObject *out = NULL
        cdef Py_ssize_t i
        if self.width > 15:
            items = <PyObject **>PyMem_Malloc((self.width + 1) * sizeof(PyObject *))
            if items == NULL:
                return PyErr_NoMemory()
        for i in range(self.width + 1):
            items[i] = NULL
        if self.values(c, <char *>(items + 1), sizeof(PyObject *)) == 0:
            out = self.build(items + 1)
        for i in range(1, self.width + 1):
            Py_XDECREF(items[i])
        if items != few:
            PyMem_Free(items)
        return out

    cdef PyObject *build(self, PyObject **items) noexcept:
        return NULL


cdef class CallRecordNode(ArrayRecordNode):
    """Objects of any class that takes its fields by keyword."""

    cdef PyObject *build(self, PyObject **items) noexcept:
        return PyObject_Vectorcall(<PyObject *>self.cls, items, 0, <PyObject *>self.keys)


cdef class DictRecordNode(ArrayRecordNode):
    """Records without a class."""

    cdef PyObject *build(self, PyObject **items) noexcept:
        cdef PyObject *out = PyDict_New()
        cdef Py_ssize_t i
        if out == NULL:
            return NULL
        for i in range(self.width):
            if PyDict_SetItem(out, PyTuple_GET_ITEM(<PyObject *>self.keys, i), items[i]) < 0:
                Py_DECREF(out)
                return NULL
        return out


cdef Py_ssize_t slot_of(cls, str name):
    descriptor = getattr(cls, name, None)
    return kgen_slot_offset(<PyObject *>cls, <PyObject *>descriptor)

"""Nodes that read messages, to objects of classes or dicts."""

ctypedef struct Field:
    uint32_t number
    int wires
    int oneof
    Py_ssize_t slot  # where the value goes
    PyObject *node
    PyObject *name

ctypedef struct Absent:
    PyObject *value  # what an attribute without a value is, if `factory` is NULL
    PyObject *factory
    Py_ssize_t slot


cdef class BodyNode(ProtoNode):
    """A message: what stands behind its length, or in its group. As the root it is all of the payload."""

    def __cinit__(self, *args):
        self.wires = 1 << SIZED

    cdef PyObject *read(self, Cursor *c, PyObject *old) noexcept:
        cdef const uint8_t *outer = c.end
        cdef Py_ssize_t size = 0
        cdef PyObject *out
        if c.tag & 7 == GROUP:
            return self.body(c, real(old), c.tag >> 3)
        if take_size(c, &size) < 0:
            return NULL
        c.end = c.at + size
        out = self.body(c, real(old), 0)
        c.end = outer
        return out

    cdef PyObject *body(self, Cursor *c, PyObject *old, uint32_t group) noexcept:
        """Read up to `Cursor.end`, or to the end of the group of this number. What there is before is `old`, or NULL."""
        return bad(c, BAD_TAG)


cdef class ProtoMessageNode(BodyNode):
    """The fields of a message, by their numbers. `near` has those with small numbers.

    Where the values go is up to the subclasses: `place` gives the offset for an attribute.
    """

    cdef readonly object cls
    cdef PyObject *kind  # the type of what is made
    cdef tuple attributes
    cdef tuple held  # what the fields point to
    cdef Field *fields
    cdef const Field **near
    cdef Absent *absent
    cdef uint32_t nearest
    cdef Py_ssize_t count
    cdef Py_ssize_t width
    cdef Py_ssize_t cost
    cdef Py_ssize_t unknown  # the attribute of the unknown fields, or -1
    cdef Py_ssize_t *required
    cdef Py_ssize_t required_count
    cdef tuple required_names

    def __cinit__(self, *args):
        self.fields = NULL
        self.near = NULL
        self.absent = NULL
        self.required = NULL

    def __init__(self, cls, tuple attributes not None):
        self.cls = cls
        self.kind = <PyObject *>(dict if cls is None else cls)
        self.attributes = attributes

    def __dealloc__(self):
        PyMem_Free(self.fields)
        PyMem_Free(self.near)
        PyMem_Free(self.absent)
        PyMem_Free(self.required)

    def fill(self, tuple fields not None, tuple absent not None, tuple required not None, Py_ssize_t unknown, Py_ssize_t cost):
        """See `proto_build`."""
        cdef Py_ssize_t i
        cdef uint32_t number
        if self.fields != NULL:
            raise ValueError("the node has its fields")
        nodes = tuple([reading_node(shape) for shape in fields])
        self.held = (fields, nodes, absent)
        self.cost = cost
        self.width = len(absent)
        self.unknown = unknown
        self.count = len(fields)
        self.required_names = tuple([name for _, name in required])
        self.required_count = len(required)
        self.required = <Py_ssize_t *>taken((self.required_count + 1) * sizeof(Py_ssize_t))
        self.absent = <Absent *>taken((self.width + 1) * sizeof(Absent))
        for i in range(self.required_count):
            self.required[i] = self.place(required[i][0])
        for i in range(self.width):
            value, factory = absent[i]
            self.absent[i].value = <PyObject *>value
            self.absent[i].factory = NULL if factory is None else <PyObject *>factory
            self.absent[i].slot = self.place(i)
        self.nearest = max([shape.number for shape in fields if shape.number < NEAR], default=0)
        self.near = <const Field **>taken((self.nearest + 1) * sizeof(Field *))
        self.fields = <Field *>taken((self.count + 1) * sizeof(Field))
        for number in range(self.nearest + 1):
            self.near[number] = NULL
        for i in range(self.count):
            shape = fields[i]
            if not 0 <= shape.slot < self.width:
                raise ValueError("a field is out of the message")
            self.fields[i].number = number = shape.number
            self.fields[i].wires = (<ProtoNode>nodes[i]).wires
            self.fields[i].oneof = shape.oneof
            self.fields[i].slot = self.place(shape.slot)
            self.fields[i].node = PyTuple_GET_ITEM(<PyObject *>nodes, i)
            name = shape.name
            self.fields[i].name = <PyObject *>name
            if number <= self.nearest:
                self.near[number] = &self.fields[i]

    cdef Py_ssize_t place(self, Py_ssize_t attribute) except -1:
        return attribute * sizeof(PyObject *)

    cdef PyObject *body(self, Cursor *c, PyObject *old, uint32_t group) noexcept:
        cdef Kept *outer = c.kept
        cdef Kept kept
        cdef PyObject *out
        if enter(c) < 0 or charge(c, self.cost) < 0:
            return NULL
        c.kept = NULL
        if self.unknown >= 0:
            kept.data = NULL
            kept.size = kept.room = 0
            c.kept = &kept
        if old != NULL and KGEN_TYPE(old) != self.kind:  # a class may make something else of a message in it
            old = NULL
        out = self.make(c, old, group)
        if self.unknown >= 0:
            PyMem_Free(kept.data)
        c.kept = outer
        c.depth += 1
        return out

    cdef PyObject *make(self, Cursor *c, PyObject *old, uint32_t group) noexcept:
        return bad(c, BAD_TAG)

    cdef const Field *search(self, uint32_t number) noexcept:
        cdef Py_ssize_t low = 0
        cdef Py_ssize_t high = self.count
        cdef Py_ssize_t middle
        while low < high:
            middle = (low + high) // 2
            if self.fields[middle].number < number:
                low = middle + 1
            else:
                high = middle
        return &self.fields[low] if low < self.count and self.fields[low].number == number else NULL

    cdef int values(self, Cursor *c, char *base, uint32_t group, Py_ssize_t *members) noexcept:
        """Read all fields, each to `base + slot`, where stands what it was before, or NULL.

        `members` has the field of each oneof that is set, as `slot + 1` or 0; NULL where the members of a oneof share a slot.
        """
        cdef const Field *f
        cdef const uint8_t *start
        cdef PyObject **slot
        cdef PyObject *old
        cdef PyObject *value
        cdef uint32_t tag
        while c.at < c.end:
            start = c.at
            tag = start[0]
            if 8 <= tag < 0x80 and tag & 7 <= NARROW:
                c.at += 1
            elif take_tag(c, &tag) < 0:
                return -1
            f = self.near[tag >> 3] if tag >> 3 <= self.nearest else self.search(tag >> 3)
            if f != NULL and f.wires >> (tag & 7) & 1:
                c.tag = tag
                c.tag_at = start
                slot = <PyObject **>(base + f.slot)
                old = slot[0]
                value = (<ProtoNode>f.node).read(c, old)
                if value == NULL:
                    return trace(c, f.name)
                if KGEN_RARELY(value == UNKNOWN):
                    if keep(c, start, c.at - start) < 0:
                        return -1
                    continue
                slot[0] = value
                Py_XDECREF(old)
                if members != NULL and f.oneof >= 0:
                    take_turn(base, f, &members[f.oneof])
            elif tag & 7 == GROUP_END:
                return 0 if tag >> 3 == group else worse_at(c, start, STRAY_GROUP_END)
            elif skip(c, tag) < 0 or (c.kept != NULL and keep(c, start, c.at - start) < 0):
                return -1
        return worse(c, NO_GROUP_END) if group else 0

    cdef int complete(self, Cursor *c, char *base, const uint8_t *start) noexcept:
        """Fill in what is absent from the message that began at `start`."""
        cdef Py_ssize_t i
        cdef const Absent *a
        cdef PyObject **slot
        cdef PyObject *value
        for i in range(self.required_count):
            if (<PyObject **>(base + self.required[i]))[0] == NULL:
                worse_at(c, start, MISSING)
                return trace(c, PyTuple_GET_ITEM(<PyObject *>self.required_names, i))
        for i in range(self.width):
            a = &self.absent[i]
            slot = <PyObject **>(base + a.slot)
            if slot[0] != NULL:
                continue
            if a.factory == NULL:
                Py_INCREF(<object>a.value)
                slot[0] = a.value
                continue
            if a.factory == <PyObject *>list:
                value = PyList_New(0)
            elif a.factory == <PyObject *>dict:
                value = PyDict_New()
            else:
                value = PyObject_CallNoArgs(a.factory)
            if value == NULL:
                return -1
            slot[0] = value
        return 0


cdef void take_turn(char *base, const Field *f, Py_ssize_t *member) noexcept:
    """Of a oneof only one member is set: now that one."""
    cdef PyObject **slot
    cdef PyObject *old
    if member[0] == f.slot + 1:
        return
    if member[0]:
        slot = <PyObject **>(base + member[0] - 1)
        old = slot[0]
        slot[0] = NULL
        Py_XDECREF(old)
    member[0] = f.slot + 1


cdef void *taken(size_t size) except NULL:
    cdef void *out = PyMem_Malloc(size)
    if out == NULL:
        raise MemoryError
    return out


cdef ProtoNode reading_node(shape):
    """The node that reads the values of a field."""
    cdef ProtoNode node = shape.node
    cdef int wires = 1 << GROUP if shape.group else node.wires
    if shape.shape in (REPEATED_SHAPE, PACKED_SHAPE):
        return RepeatedNode(node, wires)
    if shape.holder is not None:
        return HolderNode(shape.holder, node, wires)
    return GroupNode(node) if shape.group else node


cdef class GroupNode(ProtoNode):
    """A message that stands in a group."""

    cdef ProtoNode node

    def __init__(self, ProtoNode node not None):
        self.node = node
        self.wires = 1 << GROUP

    cdef PyObject *read(self, Cursor *c, PyObject *old) noexcept:
        return self.node.read(c, old)


cdef class ProtoSlotMessageNode(ProtoMessageNode):
    """Objects of a plain slotted dataclass: allocated, and their slots filled, without calling the class."""

    cdef bint alone  # see `slotted_classes.is_alone`

    def __init__(self, cls, tuple attributes not None):
        ProtoMessageNode.__init__(self, cls, attributes)
        self.alone = is_alone(cls)

    cdef Py_ssize_t place(self, Py_ssize_t attribute) except -1:
        name = self.attributes[attribute]
        descriptor = getattr(self.cls, name, None)
        cdef Py_ssize_t found = kgen_slot_offset(<PyObject *>self.cls, <PyObject *>descriptor)
        if found < 0:
            raise TypeError(f"{self.cls.__qualname__}.{name} is not a slot")
        return found

    def fill(self, tuple fields not None, tuple absent not None, tuple required not None, Py_ssize_t unknown, Py_ssize_t cost):
        """See `proto_build`."""
        ProtoMessageNode.fill(self, fields, absent, required, unknown, cost)
        if unknown >= 0:
            self.unknown = self.place(unknown)

    cdef PyObject *make(self, Cursor *c, PyObject *old, uint32_t group) noexcept:
        cdef const uint8_t *start = c.at
        cdef PyObject *out = old
        if out == NULL:
            out = KGEN_ALLOC(<PyObject *>self.cls)
            if out == NULL:
                return NULL
        else:
            Py_INCREF(<object>out)
        if self.values(c, <char *>out, group, NULL) < 0 or self.complete(c, <char *>out, start) < 0:
            Py_DECREF(out)
            return NULL
        if self.unknown >= 0 and add_unknown(c, KGEN_SLOT(out, self.unknown)) < 0:
            Py_DECREF(out)
            return NULL
        if self.alone:
            KGEN_UNTRACK(out)
        return out


cdef int add_unknown(Cursor *c, PyObject **slot) noexcept:
    """Append the unknown fields of the message to those that it has."""
    cdef PyObject *old = slot[0]
    cdef PyObject *made
    cdef Py_ssize_t size = 0
    if old != NULL and PyBytes_Check(<object>old):
        size = PyBytes_GET_SIZE(<object>old)
    if charge(c, size) < 0:
        return -1
    made = PyBytes_New(NULL, size + c.kept.size)
    if made == NULL:
        return -1
    if size:
        memcpy(PyBytes_AS_STRING(<object>made), PyBytes_AS_STRING(<object>old), size)
    if c.kept.size:
        memcpy(PyBytes_AS_STRING(<object>made) + size, c.kept.data, c.kept.size)
    slot[0] = made
    Py_XDECREF(old)
    return 0


cdef class ArrayMessageNode(ProtoMessageNode):
    """Reads the values to an array, for what is made of them at the end."""

    cdef Py_ssize_t oneofs  # how many there are whose members have slots of their own

    cdef PyObject *make(self, Cursor *c, PyObject *old, uint32_t group) noexcept:
        cdef const uint8_t *start = c.at
        cdef PyObject *few[8]
        cdef PyObject **items = few
        cdef PyObject *out = NULL
        cdef Py_ssize_t *members = NULL
        cdef Py_ssize_t cells = self.width + 1 + self.oneofs
        cdef Py_ssize_t i
        if cells > 8:
            items = <PyObject **>PyMem_Malloc(cells * sizeof(PyObject *))
            if items == NULL:
                PyErr_SetObject(<PyObject *>MemoryError, NULL)
                return NULL
        for i in range(cells):
            items[i] = NULL
        if self.oneofs:
            members = <Py_ssize_t *>&items[self.width + 1]
        if (
            (old == NULL or self.take_apart(old, items, members) == 0)
            and self.values(c, <char *>items, group, members) == 0
            and self.complete(c, <char *>items, start) == 0
            and (self.unknown < 0 or add_unknown(c, &items[self.width]) == 0)
        ):
            out = self.build(items)
            if out == NULL:
                c.at = start
        for i in range(self.width + 1):
            Py_XDECREF(items[i])
        if items != few:
            PyMem_Free(items)
        return out

    cdef int take_apart(self, PyObject *old, PyObject **items, Py_ssize_t *members) noexcept:
        """What an object or dict holds that was made before."""
        return 0

    cdef PyObject *build(self, PyObject **items) noexcept:
        return NULL


cdef class ProtoCallMessageNode(ArrayMessageNode):
    """Objects of any class that takes its fields by keyword."""

    cdef int take_apart(self, PyObject *old, PyObject **items, Py_ssize_t *members) noexcept:
        cdef Py_ssize_t i
        try:
            for i in range(len(self.attributes)):
                value = getattr(<object>old, self.attributes[i])
                Py_INCREF(value)
                items[i] = <PyObject *>value
            return 0
        except BaseException as error:
            raised(error)
            return -1

    cdef PyObject *build(self, PyObject **items) noexcept:
        return PyObject_Vectorcall(<PyObject *>self.cls, items, 0, <PyObject *>self.attributes)


cdef class ProtoDictMessageNode(ArrayMessageNode):
    """Messages without a class: a dict of what is there."""

    cdef tuple keys

    def fill(self, tuple fields not None, tuple absent not None, tuple required not None, Py_ssize_t unknown, Py_ssize_t cost):
        """See `proto_build`."""
        ProtoMessageNode.fill(self, fields, absent, required, unknown, cost)
        keys = [None] * len(fields)
        for shape in fields:
            keys[shape.slot] = shape.name
        self.keys = tuple(keys)
        self.oneofs = max([shape.oneof + 1 for shape in fields], default=0)

    cdef int take_apart(self, PyObject *old, PyObject **items, Py_ssize_t *members) noexcept:
        cdef const Field *f
        cdef PyObject *value
        cdef Py_ssize_t i
        for i in range(self.count):
            f = &self.fields[i]
            value = PyDict_GetItemWithError(old, f.name)
            if value != NULL:
                Py_INCREF(<object>value)
                (<PyObject **>(<char *>items + f.slot))[0] = value
                if f.oneof >= 0:
                    members[f.oneof] = f.slot + 1
        return 0

    cdef PyObject *build(self, PyObject **items) noexcept:
        cdef PyObject *out = PyDict_New()
        cdef Py_ssize_t i
        if out == NULL:
            return NULL
        for i in range(self.width):
            if items[i] != UNSET_VALUE and PyDict_SetItem(out, PyTuple_GET_ITEM(<PyObject *>self.keys, i), items[i]) < 0:
                Py_DECREF(out)
                return NULL
        return out

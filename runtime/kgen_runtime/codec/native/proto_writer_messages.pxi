"""Nodes that write messages, repeated fields and maps."""

ctypedef struct WrittenField:
    uint8_t tag[5]
    uint8_t end[5]  # the tag at the end of a group
    int tag_size
    int end_size
    int shape
    Py_ssize_t slot  # of the object
    Py_ssize_t held_slot  # of the object that holds a member of a oneof, or -1
    PyObject *node
    PyObject *holder


cdef class BodyWriterNode(ProtoWriterNode):
    """A message: behind its length, in a group, or all of a payload."""

    def __cinit__(self, *args):
        self.wire = SIZED

    cdef int write(self, Out *out, object value) except -1:
        cdef Py_ssize_t start = open_sized(out)
        self.body(out, value)
        return close_sized(out, start)

    cdef int body(self, Out *out, object value) except -1:
        """The message without a length."""
        raise unwanted_value("nothing", value)


cdef class ProtoMessageWriterNode(BodyWriterNode):
    """See `proto_build`. Objects of a `plain` slotted dataclass are read slot by slot."""

    cdef readonly object cls
    cdef str name
    cdef str title
    cdef tuple attributes
    cdef bint plain
    cdef tuple shapes
    cdef dict holders  # the attribute of each oneof, by number: the classes that hold its members
    cdef frozenset known
    cdef WrittenField *fields
    cdef Py_ssize_t count
    cdef Py_ssize_t *slots
    cdef Py_ssize_t unknown

    def __cinit__(self, *args):
        self.fields = NULL
        self.slots = NULL

    def __init__(self, str name, cls, tuple attributes not None, bint plain):
        self.cls = cls
        self.name = name
        self.title = "dict" if cls is None else cls.__qualname__
        self.attributes = attributes
        self.plain = plain

    def __dealloc__(self):
        PyMem_Free(self.fields)
        PyMem_Free(self.slots)

    def fill(self, tuple fields not None, Py_ssize_t unknown):
        """See `proto_build`."""
        cdef WrittenField *f
        cdef Py_ssize_t i
        if self.fields != NULL:
            raise ValueError("the node has its fields")
        self.shapes = fields
        self.known = frozenset([shape.name for shape in fields])
        self.unknown = unknown
        self.holders = {}
        self.slots = <Py_ssize_t *>PyMem_Malloc((len(self.attributes) + 1) * sizeof(Py_ssize_t))
        f = <WrittenField *>PyMem_Malloc((len(fields) + 1) * sizeof(WrittenField))
        self.fields = f
        if self.slots == NULL or f == NULL:
            raise MemoryError
        for i in range(len(self.attributes)):
            self.slots[i] = self.offset(self.attributes[i]) if self.plain else i
        for i in range(len(fields)):
            shape = fields[i]
            node, holder = shape.node, shape.holder
            set_tags(&f[i], shape.number, node, shape)
            f[i].shape = shape.shape
            f[i].slot = self.slots[shape.slot] if self.plain else shape.slot
            f[i].node = <PyObject *>node  # which the shapes hold, and the holder
            f[i].holder = NULL if holder is None else <PyObject *>holder
            f[i].held_slot = -1
            if holder is not None:
                self.holders[shape.slot] = self.holders.get(shape.slot, ()) + (holder,)
                if is_plain(holder):
                    descriptor = holder.value
                    f[i].held_slot = kgen_slot_offset(<PyObject *>holder, <PyObject *>descriptor)
        self.count = len(fields)

    cdef Py_ssize_t offset(self, str attribute) except -1:
        descriptor = getattr(self.cls, attribute)
        cdef Py_ssize_t found = kgen_slot_offset(<PyObject *>self.cls, <PyObject *>descriptor)
        if found < 0:
            raise TypeError(f"{self.cls.__qualname__}.{attribute} is not a slot")
        return found

    cdef int body(self, Out *out, object value) except -1:
        enter(out)
        if self.plain and kgen_type(value) == <PyObject *>self.cls:
            self.write_slots(out, value)
        elif self.cls is not None and isinstance(value, self.cls):
            self.write_attributes(out, value)
        elif PyDict_Check(value):
            self.write_dict(out, dict(<dict>value) if PyDict_CheckExact(value) else dict(dict.items(value)))
        else:
            raise unwanted_value(self.title, value)
        out.depth += 1
        return 0

    cdef int write_slots(self, Out *out, object value) except -1:
        cdef Py_ssize_t i
        for i in range(PyTuple_GET_SIZE(self.attributes)):
            if KGEN_SLOT(<PyObject *>value, self.slots[i])[0] == NULL:
                return self.write_attributes(out, value)  # which refuses it
        for number, holders in self.holders.items():
            held = <object>KGEN_SLOT(<PyObject *>value, self.slots[<Py_ssize_t>number])[0]
            check_held(self.attributes[number], holders, held)
        i = 0
        try:
            for i in range(self.count):
                write_attribute(out, &self.fields[i], KGEN_SLOT(<PyObject *>value, self.fields[i].slot)[0])
        except Exception as error:
            place_refused(error, self.shapes[i].name)
            raise
        if self.unknown < 0:
            return 0
        return self.write_unknown(out, <object>KGEN_SLOT(<PyObject *>value, self.slots[self.unknown])[0])

    cdef int write_attributes(self, Out *out, object value) except -1:
        cdef Py_ssize_t i = 0
        cdef tuple values = tuple([attribute_of(value, name) for name in self.attributes])
        for number, holders in self.holders.items():
            check_held(self.attributes[number], holders, values[number])
        try:
            for i in range(self.count):
                write_attribute(out, &self.fields[i], PyTuple_GET_ITEM(values, self.shapes[i].slot))
        except Exception as error:
            place_refused(error, self.shapes[i].name)
            raise
        return 0 if self.unknown < 0 else self.write_unknown(out, values[self.unknown])

    cdef int write_dict(self, Out *out, dict entries) except -1:
        cdef Py_ssize_t i = 0
        cdef Py_ssize_t found = 0
        cdef PyObject *item
        cdef dict chosen = None
        for name in entries:
            if name not in self.known:
                raise RefusedValueError(f"{self.name} has no field {shown(name)}")
        for i in range(self.count):
            shape = self.shapes[i]
            item = PyDict_GetItemWithError(entries, shape.name)
            if item == NULL or item == <PyObject *>ABSENT or (item == <PyObject *>None and not takes_none(self.fields[i].shape)):
                if self.fields[i].shape == REQUIRED_SHAPE:
                    refused = RefusedValueError(MISSING)
                    refused.parts.append(shape.name)
                    raise refused
                continue
            if shape.oneof >= 0:
                if chosen is None:
                    chosen = {}
                if shape.oneof in chosen:
                    raise RefusedValueError(f"{SEVERAL_MEMBERS}: {chosen[shape.oneof]} and {shape.name}")
                chosen[shape.oneof] = shape.name
            try:
                if self.fields[i].shape == MAP_SHAPE:
                    (<ProtoMapWriterNode>self.fields[i].node).write_entries(out, &self.fields[i], <object>item)
                else:
                    write_field(out, &self.fields[i], item)
            except Exception as error:
                place_refused(error, shape.name)
                raise
        return 0

    cdef int write_unknown(self, Out *out, object value) except -1:
        if not PyBytes_Check(value):
            refused = unwanted_value("bytes", value)
            refused.parts.append(self.attributes[self.unknown])
            raise refused
        return put_data(out, value)


cdef bint takes_none(int shape) noexcept:
    """Whether None in a dict is written, or refused as the value that it is."""
    return shape != EXPLICIT_SHAPE and shape != REQUIRED_SHAPE


cdef int check_held(str attribute, tuple holders, object value) except -1:
    """Refuse what holds no member of the oneof."""
    cdef Py_ssize_t i
    if value is None:
        return 0
    for i in range(PyTuple_GET_SIZE(holders)):
        if PyTuple_GET_ITEM(holders, i) == kgen_type(value):
            return 0
    refused = unwanted_value(" or ".join([holder.__qualname__ for holder in holders[:10]]), value)
    refused.parts.append(attribute)
    raise refused


cdef object attribute_of(object value, str name):
    try:
        return getattr(value, name)
    except AttributeError:
        refused = RefusedValueError(NOT_SET)
        refused.parts.append(name)
        raise refused from None
    except Exception as error:
        place_refused(error, name)
        raise


cdef inline int write_attribute(Out *out, const WrittenField *f, PyObject *item) except -1:
    """What an object's attribute has of the field."""
    if f.holder != NULL:
        return 0 if kgen_type(<object>item) != f.holder else write_held(out, f, item)
    if f.shape == MAP_SHAPE:  # here already, as messages in maps take the most of the stack
        return (<ProtoMapWriterNode>f.node).write_entries(out, f, <object>item)
    return write_field(out, f, item)


cdef int write_held(Out *out, const WrittenField *f, PyObject *item) except -1:
    """A member of a oneof."""
    cdef PyObject *inside = NULL if f.held_slot < 0 else KGEN_SLOT(item, f.held_slot)[0]
    if inside == NULL:
        value = (<object>item).value
    else:
        value = <object>inside
    return write_one(out, f, value)


cdef int write_field(Out *out, const WrittenField *f, PyObject *item) except -1:
    """What an attribute or a key of a dict has, if it is to be written."""
    cdef Py_ssize_t start
    held = <object>item
    if f.shape == IMPLICIT_SHAPE:
        start = out.size
        write_one(out, f, held)
        if out.data[start + f.tag_size] == 0 and all_zeros(out, start + f.tag_size):
            out.size = start
        return 0
    if f.shape == EXPLICIT_SHAPE:
        return 0 if held is None else write_one(out, f, held)
    if f.shape == REQUIRED_SHAPE:
        if held is None:
            raise RefusedValueError(MISSING)
        return write_one(out, f, held)
    if f.shape == NULLABLE_SHAPE:
        return 0 if held is ABSENT else write_one(out, f, held)
    return write_items(out, f, held)


cdef bint all_zeros(const Out *out, Py_ssize_t start) noexcept:
    cdef Py_ssize_t i
    for i in range(start, out.size):
        if out.data[i]:
            return False
    return True


cdef inline int put_tag(Out *out, const WrittenField *f) except -1:
    reserve(out, 5)
    out.data[out.size] = f.tag[0]
    if f.tag_size > 1:
        memcpy(out.data + out.size, f.tag, f.tag_size)
    out.size += f.tag_size
    return 0


cdef inline int write_one(Out *out, const WrittenField *f, object value) except -1:
    put_tag(out, f)
    if f.end_size == 0:
        return (<ProtoWriterNode>f.node).write(out, value)
    (<BodyWriterNode>f.node).body(out, value)
    return put(out, f.end, f.end_size)


cdef int write_items(Out *out, const WrittenField *f, object value) except -1:
    cdef Py_ssize_t i = 0
    cdef Py_ssize_t start = 0
    cdef bint packed = f.shape == PACKED_SHAPE
    if PyTuple_Check(value):
        value = list(tuple.__iter__(value))
    elif not PyList_Check(value):
        raise unwanted_value("list", value)
    if PyList_GET_SIZE(value) == 0:
        return 0
    if packed:
        put_tag(out, f)
        start = open_sized(out)
    try:
        while i < PyList_GET_SIZE(value):  # which a value's own code may change
            item = <object>PyList_GET_ITEM(value, i)
            if packed:
                (<ProtoWriterNode>f.node).write(out, item)
            else:
                write_one(out, f, item)
            i += 1
    except Exception as error:
        place_refused(error, i)
        raise
    return close_sized(out, start) if packed else 0


cdef int set_tags(WrittenField *f, uint64_t number, ProtoWriterNode node, shape) except -1:
    cdef uint64_t wire = node.wire
    f.end_size = 0
    if shape.shape == PACKED_SHAPE or shape.shape == MAP_SHAPE:
        wire = SIZED
    elif shape.group:
        if not isinstance(node, BodyWriterNode):
            raise TypeError("a group needs the node of a message")
        wire = GROUP
        f.end_size = kgen_put_varint(f.end, number << 3 | GROUP_END)
    f.tag_size = kgen_put_varint(f.tag, number << 3 | wire)
    return 0


cdef class ProtoMapWriterNode(ProtoWriterNode):
    """See `proto_build`."""

    cdef ScalarWriterNode keys
    cdef ProtoWriterNode values
    cdef uint8_t key_tag
    cdef uint8_t value_tag

    def __init__(self, ScalarWriterNode keys not None, ProtoWriterNode values not None):
        self.keys = keys
        self.values = values
        self.wire = SIZED
        self.key_tag = 1 << 3 | keys.wire
        self.value_tag = 2 << 3 | values.wire

    cdef int write_entries(self, Out *out, const WrittenField *f, object value) except -1:
        cdef Py_ssize_t i
        cdef list order
        cdef dict entries
        if not PyDict_Check(value):
            raise unwanted_value("dict", value)
        if not PyDict_CheckExact(value):
            return self.write_sorted(out, f, value)
        entries = <dict>value
        if PyDict_Size(entries) == 0:
            return 0
        order = list(entries)
        for i in range(PyList_GET_SIZE(order)):
            if not is_plain_key(self.keys, <object>PyList_GET_ITEM(order, i)):
                return self.write_sorted(out, f, value)
        if PyList_GET_SIZE(order) > 1:
            order.sort()
        key = None
        try:
            for i in range(PyList_GET_SIZE(order)):
                key = <object>PyList_GET_ITEM(order, i)
                item = <object>PyDict_GetItemWithError(entries, key)
                self.write_entry(out, f, key, None, item)
        except Exception as error:
            place_refused(error, (shown(key),))
            raise
        return 0

    cdef int write_sorted(self, Out *out, const WrittenField *f, object value) except -1:
        """The entries in the order of what the keys are on the wire."""
        cdef bint texts = self.keys.wire == SIZED
        entries = packed_keys(self.keys, value).items()
        for packed, (key, item) in sorted(entries, key=lambda entry: entry[0] if texts else int(entry[1][0])):
            try:
                self.write_entry(out, f, key, packed, item)
            except Exception as error:
                place_refused(error, (shown(key),))
                raise
        return 0

    cdef inline int write_entry(self, Out *out, const WrittenField *f, object key, object packed, object item) except -1:
        cdef Py_ssize_t start
        put_tag(out, f)
        start = open_sized(out)
        put_varint(out, self.key_tag)
        if packed is None:
            self.keys.write(out, key)
        else:
            if self.keys.wire == SIZED:
                put_varint(out, PyBytes_GET_SIZE(packed))
            put_data(out, packed)
        put_varint(out, self.value_tag)
        self.values.write(out, item)
        return close_sized(out, start)


cdef inline bint is_plain_key(ScalarWriterNode node, object key) noexcept:
    """Whether keys like it are of the node's type, and sort as what they are on the wire."""
    if node.wire == SIZED:
        return PyUnicode_CheckExact(key) and PyUnicode_IS_COMPACT_ASCII(key)
    if isinstance(node, BoolWriterNode):
        return key is True or key is False
    return PyLong_CheckExact(key)

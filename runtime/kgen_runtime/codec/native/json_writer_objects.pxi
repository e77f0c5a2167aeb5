"""The node that writes objects with named properties."""

ctypedef struct WrittenProperty:
    PyObject *key  # `,"name":`; None if the name has a lone surrogate, which is not written
    PyObject *node
    Py_ssize_t slot
    int presence


cdef class JsonObjectWriterNode(JsonWriterNode):
    """An object: of `cls` by its attributes, or a dict by the names of the properties.

    Objects of a `plain` slotted dataclass are read slot by slot.
    """

    cdef readonly object cls
    cdef str title
    cdef tuple attributes
    cdef bint plain
    cdef tuple names
    cdef frozenset known
    cdef tuple held  # what the properties point to
    cdef JsonWriterNode further
    cdef object attribute
    cdef Py_ssize_t extra_slot
    cdef WrittenProperty *properties
    cdef Py_ssize_t count

    def __cinit__(self, *args):
        self.properties = NULL

    def __init__(self, str name, cls, tuple attributes not None, bint plain):
        self.cls = cls
        self.title = name if cls is None else cls.__qualname__
        self.attributes = attributes
        self.plain = plain

    def __dealloc__(self):
        PyMem_Free(self.properties)

    def fill(self, tuple fields not None, JsonWriterNode further, attribute, bint closed):
        """See `json_build`."""
        cdef WrittenProperty *p
        cdef Py_ssize_t i
        if self.properties != NULL:
            raise ValueError("the node has its properties")
        if self.cls is not None and len(self.attributes) != len(fields):
            raise ValueError("the properties of an object do not agree")
        self.names = tuple([field[0] for field in fields])
        self.known = frozenset(self.names)
        self.further = further
        self.attribute = attribute
        self.extra_slot = self.offset(attribute) if self.plain and attribute is not None else -1
        keys = tuple([key_of(name) for name in self.names])
        self.held = (fields, keys)
        p = <WrittenProperty *>PyMem_Malloc((len(fields) + 1) * sizeof(WrittenProperty))
        if p == NULL:
            raise MemoryError
        self.properties = p
        for i in range(len(fields)):
            _, node, presence = fields[i]
            if not isinstance(node, JsonWriterNode):
                raise TypeError("a property needs a node")
            p[i].key = PyTuple_GET_ITEM(keys, i)
            p[i].node = <PyObject *>node
            p[i].slot = self.offset(self.attributes[i]) if self.plain else -1
            p[i].presence = presence
        self.count = len(fields)

    cdef Py_ssize_t offset(self, str attribute) except -1:
        descriptor = getattr(self.cls, attribute)
        cdef Py_ssize_t found = kgen_slot_offset(<PyObject *>self.cls, <PyObject *>descriptor)
        if found < 0:
            raise TypeError(f"{self.cls.__qualname__}.{attribute} is not a slot")
        return found

    cdef bint takes(self, object value) except -1:
        return PyDict_Check(value) or (self.cls is not None and isinstance(value, self.cls))

    cdef int write(self, Out *out, object value) except -1:
        open_with(out, c'{')
        if self.plain and kgen_type(value) == <PyObject *>self.cls:
            self.write_slots(out, value)
        elif self.cls is not None and isinstance(value, self.cls):
            self.write_attributes(out, value)
        elif PyDict_Check(value):
            self.write_dict(out, plain_dict(value))
        else:
            raise unwanted("dict" if self.cls is None else self.title, value)
        return close_with(out, c'}')

    cdef inline int write_property(self, Out *out, const WrittenProperty *p, PyObject *item) except -1:
        """A property of this value, if that is to be written."""
        cdef PyObject *key = p.key
        cdef Py_ssize_t comma
        if p.presence != REQUIRED_PRESENCE:
            if item == THE_ABSENT or (item == <PyObject *>None and p.presence == IF_NOT_NONE):
                return 0
        if key == <PyObject *>None:
            raise JsonRefusedError(LONE_SURROGATE)
        comma = out.data[out.size - 1] == c'{'
        put(out, PyBytes_AS_STRING(<object>key) + comma, PyBytes_GET_SIZE(<object>key) - comma)
        held = <object>item
        return (<JsonWriterNode>p.node).write(out, held)

    cdef int write_slots(self, Out *out, object value) except -1:
        cdef Py_ssize_t i = 0
        cdef PyObject *item
        try:
            for i in range(self.count):
                item = KGEN_SLOT(<PyObject *>value, self.properties[i].slot)[0]
                if item == NULL:
                    raise JsonRefusedError(NOT_SET)
                self.write_property(out, &self.properties[i], item)
        except Exception as error:
            place_refusal(error, self.names[i])
            raise
        if self.extra_slot < 0:
            return 0
        item = KGEN_SLOT(<PyObject *>value, self.extra_slot)[0]
        if item == NULL:
            raise JsonRefusedError(NOT_SET)
        extras = <object>item
        return self.write_extras(out, extras)

    cdef int write_attributes(self, Out *out, object value) except -1:
        cdef Py_ssize_t i = 0
        try:
            for i in range(self.count):
                item = attribute_of(value, self.attributes[i])
                self.write_property(out, &self.properties[i], <PyObject *>item)
        except Exception as error:
            place_refusal(error, self.names[i])
            raise
        return 0 if self.attribute is None else self.write_extras(out, attribute_of(value, self.attribute))

    cdef int write_extras(self, Out *out, object value) except -1:
        """The properties without a name in the schema, of an object of the class."""
        cdef object name = None
        if not PyDict_Check(value):
            raise no_extras(self.attribute, value)
        if PyDict_Size(value) == 0 and PyDict_CheckExact(value):
            return 0
        try:
            for name, held in dict_entries(value):
                if name in self.known:
                    raise named_twice(self.attribute)
                put_key(out, name)
                self.further.write(out, held)
        except Exception as error:
            place_refusal(error, name)
            raise
        return 0

    cdef int write_dict(self, Out *out, dict value) except -1:
        cdef Py_ssize_t i = 0
        cdef Py_ssize_t found = 0
        cdef PyObject *item
        cdef object name = None
        try:
            for i in range(self.count):
                name = self.names[i]
                item = PyDict_GetItemWithError(value, name)
                if item != NULL:
                    found += 1
                    self.write_property(out, &self.properties[i], item)
                elif self.properties[i].presence == REQUIRED_PRESENCE:
                    raise JsonRefusedError(MISSING)
            if found == PyDict_Size(value):
                return 0
            for name, held in dict_entries(value):
                if name in self.known:
                    continue
                if self.further is None and PyUnicode_Check(name):
                    raise JsonRefusedError(unknown_property(name))
                put_key(out, name)
                self.further.write(out, held)
        except Exception as error:
            place_refusal(error, name)
            raise
        return 0


cdef list dict_entries(object value):
    """The entries of a dict, which may change while they are written; methods of a subclass are not asked."""
    return list(dict.items(value))


cdef object attribute_of(object value, object name):
    try:
        return getattr(value, name)
    except AttributeError:
        raise JsonRefusedError(NOT_SET) from None


cdef object key_of(str name):
    """A name as it is written behind another property; None if it has a lone surrogate."""
    try:
        return b",%b:" % text_of_string(name)
    except UnfitTextError:
        return None

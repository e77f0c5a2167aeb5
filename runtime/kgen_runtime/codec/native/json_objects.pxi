"""Nodes that read objects with named properties, to objects of classes or dicts."""

ctypedef struct Property:
    const uint8_t *text  # the name in quotes, as most writers have it
    Py_ssize_t size
    Py_ssize_t slot  # where the value goes
    PyObject *node
    bint required
    PyObject *value  # what it is if it is absent and `factory` is NULL
    PyObject *factory
    Py_ssize_t weight


cdef class JsonObjectNode(JsonNode):
    """The properties of an object, by their names.

    `follow[n + 1]` is the property that came after property n in the last message: it is looked for first, so the properties of
    a producer that has them in an order of its own are found as fast as those in the schema's order. `cost`: what one object is
    charged, besides the defaults that are made for it.
    """

    cdef readonly object cls
    cdef tuple attributes
    cdef tuple names
    cdef tuple held  # what the properties point to
    cdef tuple missing
    cdef dict places
    cdef KeyCache keys
    cdef JsonNode further
    cdef bint closed
    cdef Property *properties
    cdef Py_ssize_t *follow
    cdef Py_ssize_t count
    cdef Py_ssize_t cost

    def __cinit__(self, *args):
        self.properties = NULL
        self.follow = NULL

    def __init__(self, cls, tuple attributes not None):
        self.cls = cls
        self.attributes = attributes
        self.keys = KeyCache()

    def __dealloc__(self):
        PyMem_Free(self.properties)
        PyMem_Free(self.follow)

    def fill(self, tuple fields, JsonNode further, attribute, bint closed):
        """See `json_build`."""
        cdef Py_ssize_t i
        cdef Property *p
        if self.properties != NULL:
            raise ValueError("the node has its properties")
        self.names = tuple([field[0] for field in fields])
        self.places = {name: number for number, name in enumerate(self.names)}
        self.missing = tuple([reasons.missing_property(name) for name in self.names])
        self.further = further
        self.closed = closed
        self.cost = 0 if self.cls is None else 1 + len(fields)
        self.count = len(fields)
        texts = tuple([key_text(name) for name in self.names])
        self.held = (fields, texts)
        self.follow = <Py_ssize_t *>PyMem_Malloc((self.count + 1) * sizeof(Py_ssize_t))
        p = <Property *>PyMem_Malloc((self.count + 1) * sizeof(Property))
        if self.follow == NULL or p == NULL:
            PyMem_Free(p)
            raise MemoryError
        self.properties = p
        for i in range(self.count):
            name, node, required, value, factory, weight = fields[i]
            if not isinstance(node, JsonNode):
                raise TypeError("a property needs a node")
            text = texts[i]
            self.follow[i] = i
            p[i].text = <const uint8_t *>PyBytes_AS_STRING(text)
            p[i].size = PyBytes_GET_SIZE(text)
            p[i].slot = self.place(i)
            p[i].node = <PyObject *>node
            p[i].required = required
            p[i].value = <PyObject *>value
            p[i].factory = NULL if factory is None else <PyObject *>factory
            p[i].weight = weight
        self.follow[self.count] = 0

    cdef Py_ssize_t place(self, Py_ssize_t number) except -1:
        return number

    cdef PyObject *read(self, Cursor *c) noexcept:
        cdef PyObject *out
        if c.at[0] != c'{':
            return unexpected(c, WANT_OBJECT)
        if enter(c) < 0 or charge(c, self.cost) < 0:
            return NULL
        out = self.make(c)
        c.depth += 1
        return out

    cdef PyObject *make(self, Cursor *c) noexcept:
        return NULL

    cdef inline Py_ssize_t take_name(self, Cursor *c, Py_ssize_t last, PyObject **key) noexcept:
        """Move past a name: the number of the property; or -1 and its name in `key`; or -2 for an error.

        `last` is the number of the property before it, or -1.
        """
        cdef Py_ssize_t number = self.follow[last + 1]
        cdef const Property *p = &self.properties[number]
        if number < self.count and c.end - c.at >= p.size and memcmp(c.at, p.text, p.size) == 0:
            c.at += p.size
            return number
        return self.take_other(c, last, key)

    cdef Py_ssize_t take_other(self, Cursor *c, Py_ssize_t last, PyObject **key) noexcept:
        """`take_name` of any property."""
        cdef Py_ssize_t number = -1
        cdef Py_ssize_t step
        cdef const Property *p
        cdef Text t
        if take_text(c, &t) < 0:
            return -2
        if not t.flags & KGEN_ESCAPED:
            for step in range(1, 9 if self.count > 8 else self.count + 1):
                number = last + step if last + step < self.count else last + step - self.count
                p = &self.properties[number]
                if p.size == t.size + 2 and memcmp(p.text + 1, t.start, t.size) == 0:
                    break
                number = -1
        if number < 0:
            number = self.look_up(c, &t, key)
        if number >= 0:
            self.follow[last + 1] = number
        return number

    cdef Py_ssize_t look_up(self, Cursor *c, const Text *t, PyObject **key) noexcept:
        """The number of the property with this name; or -1 and its name in `key`; or -2 for an error."""
        cdef PyObject *name = self.keys.key(c, t)
        cdef PyObject *found
        if name == NULL:
            return -2
        found = PyDict_GetItemWithError(<PyObject *>self.places, name)
        if found != NULL:
            Py_DECREF(name)
            return PyLong_AsSsize_t(<object>found)
        key[0] = name
        return -1

    cdef int values(self, Cursor *c, char *base, PyObject **extra) noexcept:
        """Read all properties, each to `base + slot`, which holds NULLs; those without a name to the dict `extra`."""
        cdef const uint8_t *opening = c.at
        cdef const uint8_t *start
        cdef PyObject *key = NULL
        cdef PyObject *value
        cdef PyObject **slot
        cdef Py_ssize_t number = -1
        cdef Py_ssize_t last = -1
        cdef Py_ssize_t found = 0
        cdef int more = open_object(c)
        while more > 0:
            start = c.at
            number = self.take_name(c, last, &key)
            if number >= 0:
                slot = <PyObject **>(base + self.properties[number].slot)
                if KGEN_UNLIKELY(slot[0] != NULL):
                    name_fault(c, start, repeated_property, PyTuple_GET_ITEM(<PyObject *>self.names, number))
                    return trace(c, PyTuple_GET_ITEM(<PyObject *>self.names, number))
                value = NULL if take_colon(c) < 0 else (<JsonNode>self.properties[number].node).read(c)
                if value == NULL:
                    return trace(c, PyTuple_GET_ITEM(<PyObject *>self.names, number))
                slot[0] = value
                found += 1
                last = number
            elif number == -2 or self.take_further(c, start, key, extra) < 0:
                return -1
            more = next_property(c)
        if more < 0:
            return -1
        return 0 if found == self.count else self.complete(c, base, opening)

    cdef int take_further(self, Cursor *c, const uint8_t *start, PyObject *key, PyObject **extra) noexcept:
        """The value of a property that has no name in the schema, which began at `start`. Takes the reference to `key`."""
        cdef int status
        if self.further is not None:
            if extra[0] == NULL:
                extra[0] = PyDict_New()
            status = -1 if extra[0] == NULL else take_entry(c, extra[0], key, key, start, self.further)
        elif self.closed:
            name_fault(c, start, unknown_property, key)
            c.misfit = True
            status = trace(c, key)
        elif take_colon(c) < 0 or skip(c) < 0:
            status = trace(c, key)
        else:
            status = 0
        Py_DECREF(key)
        return status

    cdef int complete(self, Cursor *c, char *base, const uint8_t *opening) noexcept:
        """Fill in what is absent from the object that began at `opening`."""
        cdef Py_ssize_t i
        cdef Property *p
        cdef PyObject **slot
        cdef const uint8_t *behind = c.at
        c.at = opening
        for i in range(self.count):
            p = &self.properties[i]
            if p.required and (<PyObject **>(base + p.slot))[0] == NULL:
                bad(c, <object>PyTuple_GET_ITEM(<PyObject *>self.missing, i))
                return -1
        for i in range(self.count):
            p = &self.properties[i]
            slot = <PyObject **>(base + p.slot)
            if slot[0] != NULL:
                continue
            if p.factory == NULL:
                Py_INCREF(<object>p.value)
                slot[0] = p.value
            elif charge(c, p.weight) < 0:
                return -1
            else:
                slot[0] = PyObject_CallNoArgs(p.factory)
                if slot[0] == NULL:
                    refused(c, opening)
                    return -1
        c.at = behind
        return 0

    cdef int entries(self, Cursor *c, PyObject *out, tuple keys, PyObject **extra) noexcept:
        """Read all properties to the dict `out`, by `keys`; those without a name to the dict `extra`."""
        cdef const uint8_t *opening = c.at
        cdef const uint8_t *start
        cdef PyObject *key = NULL
        cdef PyObject *name
        cdef Py_ssize_t number = -1
        cdef Py_ssize_t last = -1
        cdef int more = open_object(c)
        while more > 0:
            start = c.at
            number = self.take_name(c, last, &key)
            if number >= 0:
                name = PyTuple_GET_ITEM(<PyObject *>self.names, number)
                key = PyTuple_GET_ITEM(<PyObject *>keys, number)
                if take_entry(c, out, key, name, start, <JsonNode>self.properties[number].node) < 0:
                    return -1
                last = number
            elif number == -2 or self.take_further(c, start, key, extra) < 0:
                return -1
            more = next_property(c)
        return -1 if more < 0 else self.check(c, out, keys, opening)

    cdef int check(self, Cursor *c, PyObject *out, tuple keys, const uint8_t *opening) noexcept:
        """Whether all that is required is in the dict `out`; charges for what the class makes besides."""
        cdef const uint8_t *behind = c.at
        cdef PyObject *key
        cdef Py_ssize_t i
        c.at = opening
        for i in range(self.count):
            if self.properties[i].required and PyDict_Contains(out, PyTuple_GET_ITEM(<PyObject *>keys, i)) != 1:
                bad(c, <object>PyTuple_GET_ITEM(<PyObject *>self.missing, i))
                return -1
        for i in range(self.count):
            key = PyTuple_GET_ITEM(<PyObject *>keys, i)
            if self.properties[i].factory == NULL or PyDict_Contains(out, key) == 1:
                continue
            if charge(c, self.properties[i].weight) < 0:
                return -1
        c.at = behind
        return 0


cdef bytes key_text(str name):
    """A name in quotes, as most writers have it."""
    return json.dumps(name, ensure_ascii=False).encode("utf-8", "surrogatepass")


cdef class JsonSlotObjectNode(JsonObjectNode):
    """Objects of a plain slotted dataclass: allocated, and their slots filled, without calling the class."""

    cdef Py_ssize_t extra_slot
    cdef bint alone  # see `slotted_classes.is_alone`

    def __init__(self, cls, tuple attributes not None):
        JsonObjectNode.__init__(self, cls, attributes)
        self.alone = is_alone(cls)

    def fill(self, tuple fields, JsonNode further, attribute, bint closed):
        """See `json_build`."""
        JsonObjectNode.fill(self, fields, further, attribute, closed)
        self.extra_slot = -1 if attribute is None else self.offset(attribute)

    cdef Py_ssize_t place(self, Py_ssize_t number) except -1:
        return self.offset(self.attributes[number])

    cdef Py_ssize_t offset(self, str attribute) except -1:
        descriptor = getattr(self.cls, attribute, None)
        cdef Py_ssize_t found = kgen_slot_offset(<PyObject *>self.cls, <PyObject *>descriptor)
        if found < 0:
            raise TypeError(f"{self.cls.__qualname__}.{attribute} is not a slot")
        return found

    cdef PyObject *make(self, Cursor *c) noexcept:
        cdef PyObject *out = KGEN_ALLOC(<PyObject *>self.cls)
        cdef PyObject *extra = NULL
        cdef int status
        if out == NULL:
            return NULL
        status = self.values(c, <char *>out, &extra)
        if self.extra_slot >= 0:
            if extra == NULL and status == 0:
                extra = PyDict_New()
                status = -1 if extra == NULL else 0
            KGEN_SLOT(out, self.extra_slot)[0] = extra
        if status < 0:
            Py_DECREF(out)
            return NULL
        if self.alone:
            KGEN_UNTRACK(out)
        return out


cdef class JsonCallObjectNode(JsonObjectNode):
    """Objects of any class that takes its fields by keyword: of what is absent it has defaults of its own."""

    cdef str attribute

    def fill(self, tuple fields, JsonNode further, attribute, bint closed):
        """See `json_build`."""
        JsonObjectNode.fill(self, fields, further, attribute, closed)
        self.attribute = attribute

    cdef int add_extra(self, PyObject *named, PyObject **extra) noexcept:
        if extra[0] == NULL:
            extra[0] = PyDict_New()
        return -1 if extra[0] == NULL else PyDict_SetItem(named, <PyObject *>self.attribute, extra[0])

    cdef PyObject *make(self, Cursor *c) noexcept:
        cdef const uint8_t *opening = c.at
        cdef PyObject *out = NULL
        cdef PyObject *extra = NULL
        cdef PyObject *named = PyDict_New()
        if named == NULL:
            return NULL
        if self.entries(c, named, self.attributes, &extra) == 0:
            if self.attribute is None or self.add_extra(named, &extra) == 0:
                out = PyObject_Call(<PyObject *>self.cls, <PyObject *>NO_ARGUMENTS, named)
                if out == NULL:
                    refused(c, opening)
        Py_XDECREF(extra)
        Py_DECREF(named)
        return out


cdef class JsonDictObjectNode(JsonObjectNode):
    """Objects without a class: a dict of what is there."""

    cdef PyObject *make(self, Cursor *c) noexcept:
        cdef PyObject *out = PyDict_New()
        cdef PyObject *extra = out
        if out != NULL and self.entries(c, out, self.names, &extra) < 0:
            Py_DECREF(out)
            return NULL
        return out

"""Nodes that read one of several: enums, constants, what may be null, unions."""

cdef enum:
    FEW_SYMBOLS = 16  # are compared one by one
    FEW_BRANCHES = 12  # so many are held against an object's names sooner than found by one of these


cdef tuple texts_of(symbols):
    """Strings as they stand in most messages; those that never do so, since they need escapes, do not matter."""
    return tuple([symbol.encode("utf-8", "surrogatepass") for symbol in symbols])


cdef inline Py_ssize_t place_among(tuple texts, const Text *t) noexcept:
    """The place of a string among the first few, or -1."""
    cdef PyObject *text
    cdef Py_ssize_t i
    if t.flags & KGEN_ESCAPED:
        return -1
    for i in range(PyTuple_GET_SIZE(<PyObject *>texts)):
        if i == FEW_SYMBOLS:
            break
        text = PyTuple_GET_ITEM(<PyObject *>texts, i)
        if PyBytes_GET_SIZE(<object>text) == t.size and memcmp(PyBytes_AS_STRING(<object>text), t.start, t.size) == 0:
            return i
    return -1


cdef class JsonEnumNode(JsonNode):
    """One of some strings; `values` is what each is read as."""

    cdef tuple texts
    cdef tuple values
    cdef dict by_symbol

    def __init__(self, tuple symbols, tuple values):
        if len(symbols) != len(values):
            raise ValueError("each symbol needs a value")
        self.texts = texts_of(symbols)
        self.values = values
        self.by_symbol = dict(zip(symbols, values))

    cdef PyObject *read(self, Cursor *c) noexcept:
        cdef const uint8_t *start = c.at
        cdef PyObject *value
        cdef Py_ssize_t place
        cdef Text t
        if c.at[0] != c'"':
            return unexpected(c, WANT_STRING)
        if take_text(c, &t) < 0:
            return NULL
        place = place_among(self.texts, &t)
        if place < 0:
            return self.look_up(c, &t, start)
        value = PyTuple_GET_ITEM(<PyObject *>self.values, place)
        Py_INCREF(<object>value)
        return value

    cdef PyObject *look_up(self, Cursor *c, const Text *t, const uint8_t *start) noexcept:
        cdef PyObject *text = text_of(c, t)
        cdef PyObject *value
        if text == NULL:
            return NULL
        value = PyDict_GetItemWithError(<PyObject *>self.by_symbol, text)
        Py_DECREF(text)
        if value == NULL:
            c.at = start
            return bad(c, NO_SYMBOL)
        Py_INCREF(<object>value)
        return value


cdef class JsonOptionalNode(JsonNode):
    """Null, or what `inner` reads."""

    cdef JsonNode inner

    def __init__(self, JsonNode inner not None):
        self.inner = inner

    cdef PyObject *read(self, Cursor *c) noexcept:
        return take_literal(c) if c.at[0] == c'n' else self.inner.read(c)


cdef class JsonConstantNode(JsonNode):
    """One of several scalars, which is read as the schema has it."""

    cdef dict by_key
    cdef tuple strings
    cdef tuple texts  # of the strings
    cdef JsonAnythingNode scalars

    def __init__(self, tuple values):
        self.by_key = {}
        for value in values:
            self.by_key.setdefault(constant_key(value), value)
        self.strings = tuple([value for value in values if isinstance(value, str)])
        self.texts = texts_of(self.strings)
        self.scalars = JsonAnythingNode()

    cdef PyObject *read(self, Cursor *c) noexcept:
        cdef const uint8_t *start = c.at
        cdef int kind = kind_at(c)
        cdef PyObject *key = NULL
        cdef PyObject *value = NULL
        cdef Py_ssize_t place
        cdef Text t
        if kind == NO_KIND:
            not_a_value(c)
            return NULL
        if kind == STRING_KIND:
            if take_text(c, &t) < 0:
                return NULL
            place = place_among(self.texts, &t)
            if place >= 0:
                value = PyTuple_GET_ITEM(<PyObject *>self.strings, place)
                Py_INCREF(<object>value)
                return value
            c.at = start
        if kind != ARRAY_KIND and kind != OBJECT_KIND:
            if scalar_key(c, kind, self.scalars, &key) < 0:
                return NULL
            if key != NULL:
                value = PyDict_GetItemWithError(<PyObject *>self.by_key, key)
                Py_DECREF(key)
        if value == NULL:
            c.at = start
            return bad(c, NO_CONSTANT)
        Py_INCREF(<object>value)
        return value


cdef int scalar_key(Cursor *c, int kind, JsonAnythingNode scalars, PyObject **key) noexcept:
    """Move past a value: its `constant_key` in `key`, which stays NULL for arrays, objects, and numbers that do not fit."""
    cdef const uint8_t *start = c.at
    cdef PyObject *made
    if kind == ARRAY_KIND or kind == OBJECT_KIND:
        return skip(c)
    made = scalars.read(c)
    if made == NULL:
        if PyErr_Occurred() != NULL or not c.misfit:
            return -1
        c.at = start
        return skip(c)
    value = <object>made
    Py_DECREF(made)
    try:
        found = constant_key(value)
        Py_INCREF(found)
        key[0] = <PyObject *>found
        return 0
    except BaseException as error:
        raised(error)
        return -1


cdef class JsonUnionNode(JsonNode):
    """One of several branches: by its kind, the tag, the required names, else the first that fits."""

    cdef tuple by_kind
    cdef bytes tag_text
    cdef str tag
    cdef dict tags
    cdef tuple tag_texts  # of tags that are strings
    cdef tuple tag_nodes
    cdef tuple untagged
    cdef tuple objects
    cdef list required
    cdef dict by_name
    cdef KeyCache keys
    cdef JsonAnythingNode scalars

    def __init__(self, tuple branches, tuple kinds, tuple required, tag, dict tags):
        for branch in branches:
            if not isinstance(branch, JsonNode):
                raise TypeError("a branch needs a node")
        self.keys = KeyCache()
        self.scalars = JsonAnythingNode()
        self.by_kind = tuple([
            tuple([branch for branch, taken in zip(branches, kinds) if kind in taken]) for kind in range(len(reasons.KINDS))
        ])
        self.tag = tag
        self.tag_text = b"" if tag is None else tag.encode("utf-8", "surrogatepass")
        self.tags = {key: branches[number] for key, number in tags.items()}
        symbols = [key for key in self.tags if isinstance(key[1], str)]
        self.tag_texts = texts_of([symbol for _, symbol in symbols])
        self.tag_nodes = tuple([self.tags[key] for key in symbols])
        tagged = set(tags.values())
        objects = [number for number, taken in enumerate(kinds) if reasons.OBJECT in taken]
        self.untagged = tuple([branches[number] for number in objects if number not in tagged])
        objects.sort(key=lambda number: -len(set(required[number])))
        self.objects = tuple([branches[number] for number in objects])
        self.required = [frozenset(required[number]) for number in objects]
        self.by_name = by_rarest_name(self.required)

    cdef PyObject *read(self, Cursor *c) noexcept:
        cdef int kind = kind_at(c)
        cdef PyObject *fitting
        if kind == NO_KIND:
            not_a_value(c)
            return NULL
        fitting = PyTuple_GET_ITEM(<PyObject *>self.by_kind, kind)
        if kind == OBJECT_KIND and PyTuple_GET_SIZE(fitting) > 1:
            return self.read_object(c)
        return first_fitting(c, <tuple>fitting, -1)

    cdef PyObject *read_object(self, Cursor *c) noexcept:
        cdef const uint8_t *start = c.at
        cdef int depth = c.depth
        cdef Py_ssize_t size = -1
        cdef PyObject *node = NULL
        cdef int status = 0
        if self.tag is not None:
            status = self.find_tag(c, &node)
            if status < 0:
                return NULL
            size = c.at - start
            c.at = start
            c.depth = depth
        if node != NULL:
            return (<JsonNode>node).read(c)
        if status:
            return first_fitting(c, self.untagged, size)
        try:
            names = self.all_names(c)
            size = c.at - start
            c.at = start
            if len(self.required) <= FEW_BRANCHES:
                fitting = tuple([self.objects[place] for place, required in enumerate(self.required) if required <= names])
            else:
                fitting = tuple([self.objects[place] for place in branches_that_fit(names, self.required, self.by_name)])
        except StopIteration:
            return NULL
        except BaseException as error:
            return raised(error)
        return first_fitting(c, fitting, size)

    cdef int find_tag(self, Cursor *c, PyObject **node) noexcept:
        """Look for the tag in the object at the cursor: 1 if it is there, with the node of its value if that is known; else 0.

        With no node the cursor is behind the object.
        """
        cdef int found = 0
        cdef int status
        cdef int more
        cdef Text t
        if enter(c) < 0:
            return -1
        more = open_object(c)
        while more > 0:
            if take_text(c, &t) < 0:
                return -1
            status = self.is_tag(c, &t)
            if status < 0:
                return -1
            if take_colon(c) < 0:
                return trace_text(c, &t)
            if status and not found:
                found = 1
                if self.take_tag(c, node) < 0:
                    return trace_text(c, &t)
                if node[0] != NULL:
                    return 1
            elif skip(c) < 0:
                return trace_text(c, &t)
            more = next_property(c)
        c.depth += 1
        return more if more < 0 else found

    cdef int is_tag(self, Cursor *c, const Text *t) noexcept:
        """Whether a name is the tag."""
        cdef PyObject *name
        if not t.flags & KGEN_ESCAPED:
            return PyBytes_GET_SIZE(self.tag_text) == t.size and memcmp(PyBytes_AS_STRING(self.tag_text), t.start, t.size) == 0
        name = text_of(c, t)
        if name == NULL:
            return -1
        text = <object>name
        Py_DECREF(name)
        return text == self.tag

    cdef int take_tag(self, Cursor *c, PyObject **node) noexcept:
        """Read the value of the tag at the cursor: the node for it (borrowed), or NULL."""
        cdef const uint8_t *start = c.at
        cdef PyObject *key = NULL
        cdef Py_ssize_t place
        cdef Text t
        if c.at[0] == c'"':
            if take_text(c, &t) < 0:
                return -1
            place = place_among(self.tag_texts, &t)
            if place >= 0:
                node[0] = PyTuple_GET_ITEM(<PyObject *>self.tag_nodes, place)
                return 0
            c.at = start
        if kind_at(c) == NO_KIND:
            return not_a_value(c)
        if scalar_key(c, kind_at(c), self.scalars, &key) < 0:
            return -1
        if key != NULL:
            node[0] = PyDict_GetItemWithError(<PyObject *>self.tags, key)
            Py_DECREF(key)
        return 0

    cdef set all_names(self, Cursor *c):
        """The names of the object at the cursor, which moves behind it. Raises StopIteration for an error in the cursor."""
        cdef set names = set()
        cdef PyObject *key
        cdef int status
        cdef int more
        cdef Text t
        if enter(c) < 0:
            raise StopIteration
        more = open_object(c)
        while more > 0:
            if take_text(c, &t) < 0:
                raise StopIteration
            key = self.keys.key(c, &t)
            if key == NULL:
                raise StopIteration
            name = <object>key
            Py_DECREF(key)
            names.add(name)
            if take_colon(c) < 0 or skip(c) < 0:
                trace(c, <PyObject *>name)
                raise StopIteration
            more = next_property(c)
        if more < 0:
            raise StopIteration
        c.depth += 1
        return names


cdef PyObject *first_fitting(Cursor *c, tuple nodes, Py_ssize_t size) noexcept:
    """The value as the first node has it that the value at the cursor fits. `size`: how many bytes that has, or -1."""
    cdef const uint8_t *start = c.at
    cdef int depth = c.depth
    cdef PyObject *made
    cdef Py_ssize_t i
    if PyTuple_GET_SIZE(<PyObject *>nodes) == 1:
        return (<JsonNode>PyTuple_GET_ITEM(<PyObject *>nodes, 0)).read(c)
    for i in range(PyTuple_GET_SIZE(<PyObject *>nodes)):
        made = (<JsonNode>PyTuple_GET_ITEM(<PyObject *>nodes, i)).read(c)
        if made != NULL:
            return made
        if PyErr_Occurred() != NULL or not c.misfit:
            return NULL
        forget(c)
        c.at = start
        c.depth = depth
        if size < 0:
            if skip(c) < 0:
                return NULL
            size = c.at - start
            c.at = start
        if charge(c, size) < 0:
            return NULL
    return bad(c, NO_FIT)

"""Nodes that read arrays and maps, values of any type, and what moves past what is dropped."""

cdef inline int open_array(Cursor *c) noexcept:
    """Move to the first item of the array at the cursor: 1, or past an empty one: 0."""
    c.at += 1
    space(c)
    if c.at[0] != c']':
        return 1
    c.at += 1
    return 0


cdef inline int next_item(Cursor *c) noexcept:
    """Move to the next item of an array: 1; or past its end: 0."""
    space(c)
    if c.at[0] == c',':
        c.at += 1
        space(c)
        return 1
    if c.at[0] == c']':
        c.at += 1
        return 0
    return fault(c, EXPECTED_NEXT_ITEM if c.at < c.end else ENDS)


cdef inline int open_object(Cursor *c) noexcept:
    """Move to the first key of the object at the cursor: 1, or past an empty one: 0."""
    c.at += 1
    space(c)
    if c.at[0] == c'"':
        return 1
    if c.at[0] == c'}':
        c.at += 1
        return 0
    return fault(c, EXPECTED_NAME if c.at < c.end else ENDS)


cdef inline int next_property(Cursor *c) noexcept:
    """Move to the next key of an object: 1; or past its end: 0."""
    space(c)
    if c.at[0] == c',':
        c.at += 1
        space(c)
        if c.at[0] == c'"':
            return 1
        return fault(c, EXPECTED_NAME if c.at < c.end else ENDS)
    if c.at[0] == c'}':
        c.at += 1
        return 0
    return fault(c, EXPECTED_NEXT_PROPERTY if c.at < c.end else ENDS)


cdef int take_items(Cursor *c, PyObject *out, JsonNode node) noexcept:
    """Read all items of an array to a list."""
    cdef Py_ssize_t index = 0
    cdef PyObject *item
    cdef int more = open_array(c)
    while more > 0:
        item = node.read(c)
        if item == NULL:
            return trace_index(c, index)
        if kgen_append(out, item) < 0:
            return -1
        index += 1
        more = next_item(c)
    return more


cdef class JsonListNode(JsonNode):
    """An array as a list."""

    cdef JsonNode items

    def __init__(self, JsonNode items not None):
        self.items = items

    cdef PyObject *read(self, Cursor *c) noexcept:
        cdef PyObject *out
        if c.at[0] != c'[':
            return unexpected(c, WANT_ARRAY)
        if enter(c) < 0:
            return NULL
        out = PyList_New(0)
        if out != NULL and self.add_all(c, out) < 0:
            Py_DECREF(out)
            out = NULL
        c.depth += 1
        return out

    cdef int add_all(self, Cursor *c, PyObject *out) noexcept:
        return take_items(c, out, self.items)


cdef class JsonTupleNode(JsonListNode):
    """An array whose first items have nodes of their own, and further ones that of `items`."""

    cdef tuple first

    def __init__(self, tuple first, JsonNode rest):
        for node in first:
            if not isinstance(node, JsonNode):
                raise TypeError("an item needs a node")
        self.first = first
        self.items = rest  # None where no more may be

    cdef int add_all(self, Cursor *c, PyObject *out) noexcept:
        cdef Py_ssize_t index = 0
        cdef PyObject *item
        cdef int more = open_array(c)
        while more > 0:
            if index < PyTuple_GET_SIZE(<PyObject *>self.first):
                item = (<JsonNode>PyTuple_GET_ITEM(<PyObject *>self.first, index)).read(c)
            elif self.items is not None:
                item = self.items.read(c)
            elif kind_at(c) == NO_KIND:
                item = NULL
                not_a_value(c)
            else:
                item = bad(c, NO_MORE_ITEMS)
            if item == NULL:
                return trace_index(c, index)
            if kgen_append(out, item) < 0:
                return -1
            index += 1
            more = next_item(c)
        return more


cdef class JsonMapNode(JsonNode):
    """An object whose names are data, as a dict."""

    cdef JsonNode values
    cdef KeyCache keys

    def __init__(self, JsonNode values not None):
        self.values = values
        self.keys = KeyCache()

    cdef PyObject *read(self, Cursor *c) noexcept:
        cdef PyObject *out
        if c.at[0] != c'{':
            return unexpected(c, WANT_OBJECT)
        if enter(c) < 0:
            return NULL
        out = PyDict_New()
        if out != NULL and take_entries(c, out, self.keys, self.values) < 0:
            Py_DECREF(out)
            out = NULL
        c.depth += 1
        return out


cdef int take_entries(Cursor *c, PyObject *out, KeyCache keys, JsonNode node) noexcept:
    """Read all properties of an object to a dict."""
    cdef const uint8_t *start
    cdef PyObject *key
    cdef int status
    cdef Text t
    cdef int more = open_object(c)
    while more > 0:
        start = c.at
        if take_text(c, &t) < 0:
            return -1
        key = keys.key(c, &t)
        if key == NULL:
            return -1
        status = take_entry(c, out, key, key, start, node)
        Py_DECREF(key)
        if status < 0:
            return -1
        more = next_property(c)
    return more


cdef int take_entry(Cursor *c, PyObject *out, PyObject *key, PyObject *name, const uint8_t *start, JsonNode node) noexcept:
    """Read the value of a property, the name of which began at `start`, into a dict by `key`."""
    cdef PyObject *value
    cdef int status = PyDict_Contains(out, key)
    if status:
        if status > 0:
            name_fault(c, start, repeated_property, name)
        return trace(c, name)
    value = NULL if take_colon(c) < 0 else node.read(c)
    if value == NULL:
        return trace(c, name)
    status = PyDict_SetItem(out, key, value)
    Py_DECREF(value)
    return status


cdef class JsonAnythingNode(JsonNode):
    """A value of any type."""

    cdef KeyCache keys

    def __init__(self):
        self.keys = KeyCache()

    cdef PyObject *read(self, Cursor *c) noexcept:
        cdef PyObject *value
        cdef kgen_number n
        cdef Text t
        cdef int kind = kind_at(c)
        if kind == STRING_KIND:
            return NULL if take_text(c, &t) < 0 else text_of(c, &t)
        if kind == NUMBER_KIND:
            if take_number(c, &n) < 0:
                return NULL
            value = self.fraction(c, &n) if n.real else integer_of(c, &n)
            if value != NULL:
                c.at = n.end
            return value
        if kind == OBJECT_KIND or kind == ARRAY_KIND:
            return self.container(c, kind)
        if kind == NO_KIND:
            not_a_value(c)
            return NULL
        return take_literal(c)

    cdef PyObject *fraction(self, Cursor *c, const kgen_number *n) noexcept:
        """A number with a point or an exponent."""
        return float_of(c, n)

    cdef PyObject *container(self, Cursor *c, int kind) noexcept:
        cdef PyObject *out
        cdef int status
        if enter(c) < 0:
            return NULL
        out = PyDict_New() if kind == OBJECT_KIND else PyList_New(0)
        if out != NULL:
            if kind == OBJECT_KIND:
                status = take_entries(c, out, self.keys, self)
            else:
                status = take_items(c, out, self)
            if status < 0:
                Py_DECREF(out)
                out = NULL
        c.depth += 1
        return out


cdef class JsonValueNode(JsonAnythingNode):
    """A value of any type, for a validator: its numbers with a fraction or an exponent are floats or Decimals, see `NumberForm`."""

    cdef int form

    def __init__(self, int form):
        self.keys = KeyCache(VALUE_KEYS)
        self.form = form

    cdef PyObject *fraction(self, Cursor *c, const kgen_number *n) noexcept:
        cdef double value = 0
        cdef bint short = n.digits <= FLOAT_DIGITS and n.end - c.at == n.negative + n.written + 1  # no exponent
        if self.form == EXACT_FORM or (self.form == SHORT_FORM and not short):
            return made_of_number(c, n, exact_number)
        if kgen_double(c.at, n, &value) < 0:
            return NULL
        if short or (floor(value) != value and value - value == 0):
            return PyFloat_FromDouble(value)
        return made_of_number(c, n, exact_number)


def json_value_reader(int form):
    """Values of payloads, with numbers of a `NumberForm`; one in which a name stands twice is refused."""
    return JsonNodeReader(JsonValueNode(form), MAX_DEPTH).decode


cdef int skip(Cursor *c) noexcept:
    """Move past a value of any type, of which nothing is kept: it must be JSON all the same."""
    cdef const uint8_t *start = c.at
    cdef kgen_number n
    cdef Text t
    cdef PyObject *literal
    cdef int kind = kind_at(c)
    cdef int status
    if kind == STRING_KIND:
        return -1 if take_text(c, &t) < 0 else check_text(c, &t)
    if kind == NUMBER_KIND:
        if take_number(c, &n) < 0:
            return -1
        c.at = n.end
        return 0
    if kind == OBJECT_KIND or kind == ARRAY_KIND:
        if c.skipped != NULL and skip_known(c):
            return 0
        if enter(c) < 0:
            return -1
        status = skip_properties(c) if kind == OBJECT_KIND else skip_items(c)
        c.depth += 1
        if status == 0 and c.at - start >= LONG_VALUE:
            remember(c, start)
        return status
    if kind == NO_KIND:
        return not_a_value(c)
    literal = take_literal(c)
    if literal == NULL:
        return -1
    Py_DECREF(literal)
    return 0


cdef int skip_items(Cursor *c) noexcept:
    cdef Py_ssize_t index = 0
    cdef int more = open_array(c)
    while more > 0:
        if skip(c) < 0:
            return trace_index(c, index)
        index += 1
        more = next_item(c)
    return more


cdef int skip_properties(Cursor *c) noexcept:
    cdef Text t
    cdef int more = open_object(c)
    while more > 0:
        if take_text(c, &t) < 0 or check_text(c, &t) < 0:
            return -1
        if take_colon(c) < 0 or skip(c) < 0:
            return trace_text(c, &t)
        more = next_property(c)
    return more

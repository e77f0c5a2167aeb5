"""Nodes that write arrays, maps, values of any type, and what may be null."""

cdef int write_items(Out *out, object value, tuple nodes, JsonWriterNode rest) except -1:
    """An array, the first items by `nodes`."""
    cdef Py_ssize_t first = PyTuple_GET_SIZE(nodes)
    cdef Py_ssize_t i = 0
    cdef Py_ssize_t count
    if PyTuple_Check(value):
        value = list(tuple.__iter__(value))
    elif not PyList_Check(value):
        raise unwanted("list", value)
    count = PyList_GET_SIZE(value)
    open_with(out, c'[')
    try:
        for i in range(count):
            if i >= PyList_GET_SIZE(value):
                raise JsonRefusedError("the list changed while it was written")
            item = <object>PyList_GET_ITEM(value, i)
            if i < first:
                if i:
                    put_byte(out, c',')
                (<JsonWriterNode>PyTuple_GET_ITEM(nodes, i)).write(out, item)
            elif rest is None:
                raise JsonRefusedError(NO_MORE_ITEMS)
            else:
                if i:
                    put_byte(out, c',')
                rest.write(out, item)
    except Exception as error:
        place_refusal(error, i)
        raise
    return close_with(out, c']')


cdef int put_key(Out *out, object name) except -1:
    """The name of a property that is data, and what stands before and after it."""
    if not PyUnicode_Check(name):
        raise no_name(name)
    if out.data[out.size - 1] != c'{':
        put_byte(out, c',')
    put_text(out, name)
    return put_byte(out, c':')


cdef int write_entries(Out *out, object value, JsonWriterNode node) except -1:
    """An object whose names are data."""
    cdef PyObject *key
    cdef PyObject *item
    cdef Py_ssize_t at = 0
    cdef Py_ssize_t count = 0
    cdef Py_ssize_t size
    cdef object name = None
    if not PyDict_Check(value):
        raise unwanted("dict", value)
    entries = plain_dict(value)
    size = PyDict_Size(entries)
    open_with(out, c'{')
    try:
        while PyDict_Next(entries, &at, &key, &item):
            name, held = <object>key, <object>item
            put_key(out, name)
            node.write(out, held)
            count += 1
    except Exception as error:
        place_refusal(error, name)
        raise
    if count != size:
        raise JsonRefusedError("the dict changed while it was written")
    return close_with(out, c'}')


cdef inline dict plain_dict(object value):
    """A dict of its own, where it is of a subclass: its methods are not asked."""
    return <dict>value if PyDict_CheckExact(value) else dict(dict.items(value))


cdef class JsonAnythingWriterNode(JsonWriterNode):
    """Any value that JSON has: None, a bool, int, float or str, or a list or dict of such."""

    cdef bint takes(self, object value) except -1:
        own = own_bool(own_number(value))
        return own is None or isinstance(own, (bool, int, float, str, list, tuple, dict))

    cdef int write(self, Out *out, object value) except -1:
        cdef int64_t whole = 0
        cdef double number = 0
        if PyUnicode_Check(value):
            return put_text(out, value)
        if short_integer(value, &whole):
            return put_integer(out, whole)
        if finite(value, &number):
            return put_float(out, number)
        if PyDict_Check(value):
            return write_entries(out, value, self)
        if PyList_Check(value) or PyTuple_Check(value):
            return write_items(out, value, (), self)
        try:
            text = text_of_any(value)
        except UnfitTextError as error:
            raise JsonRefusedError(error.why) from None
        if text is None:
            raise unwanted("what JSON has a type for", value)
        return put_bytes(out, text)


cdef class JsonListWriterNode(JsonWriterNode):
    """An array."""

    cdef JsonWriterNode items

    def __init__(self, JsonWriterNode items not None):
        self.items = items

    cdef bint takes(self, object value) except -1:
        return PyList_Check(value) or PyTuple_Check(value)

    cdef int write(self, Out *out, object value) except -1:
        return write_items(out, value, (), self.items)


cdef class JsonTupleWriterNode(JsonWriterNode):
    """An array whose first items have nodes of their own; `rest` is that of more, or None."""

    cdef tuple items
    cdef JsonWriterNode rest

    def __init__(self, tuple items not None, JsonWriterNode rest):
        for node in items:
            if not isinstance(node, JsonWriterNode):
                raise TypeError("an item needs a node")
        self.items = items
        self.rest = rest

    cdef bint takes(self, object value) except -1:
        return PyList_Check(value) or PyTuple_Check(value)

    cdef int write(self, Out *out, object value) except -1:
        return write_items(out, value, self.items, self.rest)


cdef class JsonMapWriterNode(JsonWriterNode):
    """An object whose names are data."""

    cdef JsonWriterNode values

    def __init__(self, JsonWriterNode values not None):
        self.values = values

    cdef bint takes(self, object value) except -1:
        return PyDict_Check(value)

    cdef int write(self, Out *out, object value) except -1:
        return write_entries(out, value, self.values)


cdef class JsonOptionalWriterNode(JsonWriterNode):
    """null, or `inner`."""

    cdef JsonWriterNode inner

    def __init__(self, JsonWriterNode inner not None):
        self.inner = inner

    cdef bint takes(self, object value) except -1:
        return value is None or self.inner.takes(value)

    cdef int write(self, Out *out, object value) except -1:
        return put(out, b"null", 4) if value is None else self.inner.write(out, value)

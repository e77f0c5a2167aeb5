"""The node that writes one of several branches."""

cdef class JsonUnionWriterNode(JsonWriterNode):
    """One of several branches: by its class, or else the first that takes the value and all that it holds."""

    cdef tuple branches
    cdef str title
    cdef str tag
    cdef dict tags
    cdef dict by_class
    cdef tuple untagged
    cdef list by_names

    def __init__(self, tuple branches not None, tuple required not None, tag, dict tags not None, str title):
        for branch in branches:
            if not isinstance(branch, JsonWriterNode):
                raise TypeError("a branch needs a node")
        self.branches = branches
        self.title = title
        self.tag = tag
        self.tags = {key: branches[number] for key, number in tags.items()}
        self.by_class = {}
        for node in branches:
            cls = getattr(node, "cls", None)
            if cls is not None:
                self.by_class.setdefault(cls, node)
        tagged = set(tags.values())
        self.untagged = tuple([node for number, node in enumerate(branches) if number not in tagged])
        order = sorted(range(len(branches)), key=lambda number: -len(set(required[number])))
        self.by_names = [(branches[number], frozenset(required[number])) for number in order]

    cdef bint takes(self, object value) except -1:
        if self.of_class(value) != NULL:
            return True
        for branch in self.branches:
            if (<JsonWriterNode>branch).takes(value):
                return True
        return False

    cdef int write(self, Out *out, object value) except -1:
        cdef PyObject *node = self.of_class(value)
        cdef PyObject *first = NULL
        cdef Py_ssize_t takers = 0
        cdef Py_ssize_t i
        if node != NULL:
            return (<JsonWriterNode>node).write(out, value)
        nodes = self.branches_for(value) if PyDict_Check(value) else self.branches
        for i in range(PyTuple_GET_SIZE(nodes)):
            node = PyTuple_GET_ITEM(nodes, i)
            if (<JsonWriterNode>node).takes(value):
                takers += 1
                if first == NULL:
                    first = node
        if first == NULL:
            raise unwanted(f"one of {self.title}", value)
        if takers == 1:
            return (<JsonWriterNode>first).write(out, value)
        for i in range(PyTuple_GET_SIZE(nodes)):
            node = PyTuple_GET_ITEM(nodes, i)
            if (<JsonWriterNode>node).takes(value) and fits(out, <JsonWriterNode>node, value):
                return 0
        raise no_branch(self.title)

    cdef PyObject *of_class(self, object value) except? NULL:
        """The branch of the value's class, or of its nearest base class (borrowed); or NULL."""
        cdef PyObject *found
        if not self.by_class:
            return NULL
        found = PyDict_GetItemWithError(self.by_class, <object>kgen_type(value))
        if found != NULL:
            return found
        for cls in type(value).__mro__:
            found = PyDict_GetItemWithError(self.by_class, cls)
            if found != NULL:
                return found
        return NULL

    cdef tuple branches_for(self, object value):
        """The branches to look at for a dict, by its tag or its names."""
        cdef dict entries = plain_dict(value)
        if self.tag is None or self.tag not in entries:
            return tuple([node for node, required in self.by_names if required <= entries.keys()])
        held = entries[self.tag]
        if isinstance(held, enum.Enum):
            held = held.value
        if held is None or isinstance(held, (bool, int, float, str)):
            node = self.tags.get(constant_key(held))
            if node is not None:
                return (node,)
        return self.untagged


cdef bint fits(Out *out, JsonWriterNode node, object value) except -1:
    """Write the value as this branch, or take back what was written of it."""
    cdef Py_ssize_t start = out.size
    cdef int depth = out.depth
    try:
        node.write(out, value)
        return True
    except Exception as error:
        if isinstance(error, MemoryError) or not getattr(error, "misfit", True):
            raise
    out.longest = max(out.longest, out.size)
    out.taken_back += out.size - start + 1
    out.size = start
    out.depth = depth
    if out.taken_back > FREE_ITEMS + BYTE_ITEMS * out.longest:
        raise JsonRefusedError(TOO_LONG, misfit=False)
    return False

"""Nodes that write enums, arrays, maps, records and unions."""

cdef class EnumWriterNode(WriterNode):
    """`members` are the class's in the order of the symbols, or None where there is no class; the symbols are accepted too."""

    cdef str name
    cdef object cls
    cdef tuple members
    cdef dict symbols
    cdef dict places

    def __init__(self, str name, tuple symbols, cls, tuple members):
        self.name = name
        self.cls = cls
        self.members = members
        self.symbols = {symbol: number for number, symbol in enumerate(symbols)}
        self.places = {id(member): number for number, member in enumerate(members)}

    cdef int place(self, object value) except -2:
        """The number of the symbol, or -1."""
        cdef Py_ssize_t i
        if type(value) is self.cls:
            for i in range(PyTuple_GET_SIZE(self.members)):
                if i == 16:
                    break
                if PyTuple_GET_ITEM(self.members, i) == <PyObject *>value:
                    return i
            return self.places.get(id(value), -1)
        if not PyUnicode_Check(value) or (self.cls is not None and isinstance(value, enum.Enum)):
            return -1  # not even where another class has the same symbols
        return self.symbols.get(value, -1)

    cdef int write(self, Out *out, object value) except -1:
        cdef int place = self.place(value)
        if place < 0:
            raise Refused(f"expected a symbol of {self.name}, not {repr(value)[:200]}")
        return put_long(out, place)

    cdef int fit(self, object value, Memo memo) except -1:
        if self.place(value) < 0:
            return NOT
        return EXACT if self.cls is None or type(value) is self.cls else ACCEPTED

    cdef bint exact(self, PyObject *value, Exact *held) except -1:
        it = <object>value
        return type(it) is (str if self.cls is None else self.cls) and self.place(it) >= 0

    def types(self):
        return (str,) if self.cls is None else (self.cls, str)


cdef class ContainerNode(WriterNode):
    """What holds other values: `weigh` is its `fit`, asked once for a value."""

    cdef int fit(self, object value, Memo memo) except -1:
        cdef int found
        key = (id(self), id(value))
        known = memo.seen.get(key)
        if known is not None:
            return known
        if memo.depth <= 0:
            return NOT
        memo.seen[key] = NOT
        memo.depth -= 1
        found = self.weigh(value, memo)
        memo.depth += 1
        memo.seen[key] = found
        return found

    cdef int weigh(self, object value, Memo memo) except -1:
        return NOT


cdef inline bint owned(PyObject *value, Exact *held) noexcept:
    """Whether nothing but its place refers to a value: else it may be in two places, and be one object after reading as well.
    And goes one level down, if the value is not nested too deeply.
    """
    held.depth -= 1
    return kgen_references(value) == 1 and held.depth >= 0


cdef class ListWriterNode(ContainerNode):
    cdef WriterNode items

    def __init__(self, WriterNode items not None):
        self.items = items

    cdef int write(self, Out *out, object value) except -1:
        cdef Py_ssize_t i = -1
        cdef Py_ssize_t count
        if PyTuple_Check(value):
            value = list(tuple.__iter__(value))
        if not PyList_Check(value):
            raise unwanted("list", value)
        count = PyList_GET_SIZE(value)
        enter(out)
        if count == 0:
            out.depth += 1
            return put_long(out, 0)
        put_long(out, count)
        try:
            for i in range(count):
                if i >= PyList_GET_SIZE(value):
                    raise Refused("the list changed while it was written")
                item = <object>PyList_GET_ITEM(value, i)
                self.items.write(out, item)
        except Exception as error:
            raise refused(error, i)
        out.depth += 1
        return put_long(out, 0)

    cdef int weigh(self, object value, Memo memo) except -1:
        cdef int best = EXACT if type(value) is list else ACCEPTED
        if not PyList_Check(value) and not PyTuple_Check(value):
            return NOT
        for item in (list if PyList_Check(value) else tuple).__iter__(value):
            best = min(best, self.items.fit(item, memo))
            if best == NOT:
                break
        return best

    cdef bint exact(self, PyObject *value, Exact *held) except -1:
        cdef Py_ssize_t i = 0
        if not owned(value, held):
            return False
        it = <object>value
        if type(it) is not list:
            return False
        held.items += PyList_GET_SIZE(it)
        while i < PyList_GET_SIZE(it):  # it may change: values have code of their own
            if not self.items.exact(PyList_GET_ITEM(it, i), held):
                return False
            i += 1
        held.depth += 1
        return True

    def types(self):
        return (list, tuple)


cdef class MapWriterNode(ContainerNode):
    cdef WriterNode values
    cdef StringNode keys

    def __init__(self, WriterNode values not None):
        self.values = values
        self.keys = StringNode()

    cdef int write(self, Out *out, object value) except -1:
        cdef PyObject *key_at
        cdef PyObject *item_at
        cdef Py_ssize_t at = 0
        cdef Py_ssize_t count = 0
        cdef Py_ssize_t size
        key = None
        if not PyDict_Check(value):
            raise unwanted("dict", value)
        size = PyDict_Size(value)
        enter(out)
        if size == 0:
            out.depth += 1
            return put_long(out, 0)
        put_long(out, size)
        try:
            while PyDict_Next(value, &at, &key_at, &item_at):
                key, item = <object>key_at, <object>item_at
                self.keys.write(out, key)
                self.values.write(out, item)
                count += 1
        except Exception as error:
            raise refused(error, (shown(key),))
        if count != size:
            raise Refused("the dict changed while it was written")
        out.depth += 1
        return put_long(out, 0)

    cdef int weigh(self, object value, Memo memo) except -1:
        cdef int best = EXACT if type(value) is dict else ACCEPTED
        if not PyDict_Check(value):
            return NOT
        for key, item in plain_dict(value).items():
            best = min(best, self.keys.fit(key, memo), self.values.fit(item, memo))
            if best == NOT:
                break
        return best

    cdef bint exact(self, PyObject *value, Exact *held) except -1:
        cdef PyObject *key
        cdef PyObject *item
        cdef Py_ssize_t at = 0
        if not owned(value, held):
            return False
        it = <object>value
        if type(it) is not dict:
            return False
        held.items += PyDict_Size(it)
        while PyDict_Next(it, &at, &key, &item):
            if not self.keys.exact(key, held) or not self.values.exact(item, held):
                return False
        held.depth += 1
        return True

    def types(self):
        return (dict,)


cdef inline dict plain_dict(object value):
    """A dict of its own, where it is of a subclass: its methods are not asked."""
    return <dict>value if type(value) is dict else dict(dict.items(value))


cdef inline int enter(Out *out) except -1:
    if out.depth <= 0:
        raise Refused(f"the value is nested more than {DEPTH} deep, or holds itself")
    out.depth -= 1
    return 0


cdef class RecordWriterNode(ContainerNode):
    """A record: an object of `cls` by its attributes, or a dict by the names of the fields.

    Objects of a `plain` slotted dataclass are read slot by slot.
    """

    cdef str name
    cdef object cls
    cdef tuple names
    cdef frozenset known_names
    cdef tuple attributes
    cdef tuple nodes
    cdef tuple defaults
    cdef Py_ssize_t *offsets

    def __cinit__(self, *args):
        self.offsets = NULL

    def __init__(self, str name, cls, tuple attributes, bint plain):
        self.name = name
        self.cls = cls
        self.attributes = attributes
        self.names = self.nodes = self.defaults = ()
        if plain:
            self.offsets = <Py_ssize_t *>PyMem_Malloc((len(attributes) + 1) * sizeof(Py_ssize_t))
            if self.offsets == NULL:
                raise MemoryError
            self.find_slots()

    def __dealloc__(self):
        PyMem_Free(self.offsets)

    def find_slots(self):
        for i in range(len(self.attributes)):
            descriptor = getattr(self.cls, self.attributes[i])
            self.offsets[i] = kgen_slot_offset(<PyObject *>self.cls, <PyObject *>descriptor)
            if self.offsets[i] < 0:
                raise TypeError(f"{self.cls.__qualname__}.{self.attributes[i]} is not a slot")

    def fill(self, tuple names, tuple nodes, tuple defaults):
        """`defaults`: the Avro binary of each field's default, or None."""
        for node in nodes:
            if not isinstance(node, WriterNode):
                raise TypeError("a field needs a node")
        if not len(names) == len(nodes) == len(defaults) or (self.cls is not None and len(self.attributes) != len(names)):
            raise ValueError("the fields of a record do not agree")
        self.names, self.nodes, self.defaults = names, nodes, defaults
        self.known_names = frozenset(names)

    cdef int write(self, Out *out, object value) except -1:
        cdef Py_ssize_t i = 0
        enter(out)
        try:
            if self.offsets != NULL and kgen_type(value) == <PyObject *>self.cls:
                for i in range(PyTuple_GET_SIZE(self.nodes)):
                    self.slot(out, value, i)
            elif self.cls is not None and isinstance(value, self.cls):
                for i in range(PyTuple_GET_SIZE(self.nodes)):
                    self.attribute(out, value, i)
            elif PyDict_Check(value):
                i = -1
                value = plain_dict(value)
                self.known(value)
                for i in range(PyTuple_GET_SIZE(self.nodes)):
                    self.entry(out, value, i)
            else:
                i = -1
                raise unwanted("dict" if self.cls is None else self.cls.__qualname__, value)
        except Exception as error:
            raise refused(error, self.names[i] if i >= 0 else None)
        out.depth += 1
        return 0

    cdef inline int slot(self, Out *out, object value, Py_ssize_t i) except -1:
        cdef PyObject *item = KGEN_SLOT(<PyObject *>value, self.offsets[i])[0]
        if item == NULL:
            raise Refused("the field is not set")
        held = <object>item
        return (<WriterNode>PyTuple_GET_ITEM(self.nodes, i)).write(out, held)

    cdef int attribute(self, Out *out, object value, Py_ssize_t i) except -1:
        try:
            item = getattr(value, self.attributes[i])
        except AttributeError:
            raise Refused("the field is not set") from None
        return (<WriterNode>PyTuple_GET_ITEM(self.nodes, i)).write(out, item)

    cdef int entry(self, Out *out, object value, Py_ssize_t i) except -1:
        cdef PyObject *found = PyDict_GetItemWithError(value, self.names[i])
        if found != NULL:
            item = <object>found
            return (<WriterNode>PyTuple_GET_ITEM(self.nodes, i)).write(out, item)
        default = self.defaults[i]
        if default is None:
            raise Refused("the field is missing")
        return put(out, PyBytes_AS_STRING(default), PyBytes_GET_SIZE(default))

    cdef int known(self, dict value) except -1:
        for key in value:
            if key not in self.known_names:
                raise Refused(f"{self.name} has no field {shown(key)}")
        return 0

    cdef int fit(self, object value, Memo memo) except -1:
        if self.cls is not None and isinstance(value, self.cls):
            return EXACT if type(value) is self.cls else ACCEPTED
        return ContainerNode.fit(self, value, memo)

    cdef bint named(self, object value) except -1:
        """Whether a dict has this record's fields, whatever they hold."""
        cdef dict items
        if not PyDict_Check(value):
            return False
        items = plain_dict(value)
        for key in items:
            if key not in self.known_names:
                return False
        for name, default in zip(self.names, self.defaults):
            if default is None and name not in items:
                return False
        return True

    cdef int weigh(self, object value, Memo memo) except -1:
        if not PyDict_Check(value):
            return NOT
        return self.fit_items(plain_dict(value), memo, EXACT if self.cls is None and type(value) is dict else ACCEPTED)

    cdef int fit_items(self, dict value, Memo memo, int best) except -1:
        """How well the fields suit, but no better than `best`."""
        for key in value:
            if key not in self.known_names:
                return NOT
        for name, node, default in zip(self.names, self.nodes, self.defaults):
            if name in value:
                best = min(best, (<WriterNode>node).fit(value[name], memo))
            elif default is not None:
                best = min(best, ACCEPTED)
            else:
                return NOT
        return best

    cdef bint exact(self, PyObject *value, Exact *held) except -1:
        return owned(value, held) and self.fields_exact(<object>value, held)

    cdef bint fields_exact(self, object value, Exact *held) except -1:
        """`exact`, without a look at what else holds the object."""
        cdef Py_ssize_t i
        cdef PyObject *item
        if self.offsets == NULL or kgen_type(value) != <PyObject *>self.cls:
            return False
        held.items += 1 + PyTuple_GET_SIZE(self.nodes)
        for i in range(PyTuple_GET_SIZE(self.nodes)):
            item = KGEN_SLOT(<PyObject *>value, self.offsets[i])[0]
            if item == NULL or not (<WriterNode>PyTuple_GET_ITEM(self.nodes, i)).exact(item, held):
                return False
        held.depth += 1
        return True

    def types(self):
        return (dict,) if self.cls is None else (self.cls, dict)


cdef class UnionNode(WriterNode):
    """A union. A type that only one branch takes leads straight to it; else the branches are asked.

    `names` are the names of the branches; values of those in `ambiguous` remember theirs when they are read.
    """

    cdef tuple branches
    cdef dict by_type
    cdef dict places
    cdef frozenset ambiguous
    cdef str title

    def __init__(self, tuple branches, str title, tuple names, frozenset ambiguous):
        for branch in branches:
            if not isinstance(branch, WriterNode):
                raise TypeError("a branch needs a node")
        self.branches = branches
        self.title = title
        self.places = {name: number for number, name in enumerate(names)}
        self.ambiguous = frozenset(self.places[name] for name in ambiguous)
        takers = {}
        for number, branch in enumerate(branches):
            for taken in branch.types():
                takers.setdefault(taken, []).append(number)
        self.by_type = {taken: numbers[0] for taken, numbers in takers.items() if len(numbers) == 1}

    cdef int write(self, Out *out, object value) except -1:
        cdef Py_ssize_t number = self.chosen(value)
        if number < 0:
            number = self.nearest(value)
        if number < 0:
            raise unwanted(f"one of {self.title}", value)
        put_long(out, number)
        return (<WriterNode>PyTuple_GET_ITEM(self.branches, number)).write(out, value)

    cdef Py_ssize_t chosen(self, object value) except -2:
        """The branch for a value, or -1."""
        cdef PyObject *known = PyDict_GetItemWithError(self.by_type, <object>kgen_type(value))
        cdef Py_ssize_t number = -1
        if known != NULL:
            return <object>known
        if KGEN_IS_A(value, OF_BRANCH):
            number = self.came_from(value)
        return number if number >= 0 else self.best(value, Memo())

    cdef Py_ssize_t came_from(self, object value) except -2:
        """The branch that the value was read from, if that takes it, or -1."""
        cdef Py_ssize_t place = self.places.get(value.branch, -1)
        if place < 0 or (<WriterNode>PyTuple_GET_ITEM(self.branches, place)).fit(value, Memo()) == NOT:
            return -1
        return place

    cdef Py_ssize_t best(self, object value, Memo memo) except -2:
        """The first branch that suits the value best, or -1.

        Of classes that accept it, that of its nearest base class.
        """
        cdef Py_ssize_t i, place = -1
        cdef int fit, best = NOT
        for i in range(PyTuple_GET_SIZE(self.branches)):
            fit = (<WriterNode>PyTuple_GET_ITEM(self.branches, i)).fit(value, memo)
            if fit == EXACT:
                return i
            if fit > best or (fit == best == ACCEPTED and self.nearer(value, i, place)):
                best, place = fit, i
        return place

    cdef bint nearer(self, object value, Py_ssize_t one, Py_ssize_t other) except -1:
        """Whether the value's class has the class of branch `one` above it, and that of `other` above that."""
        upper, lower = self.branches[other], self.branches[one]
        if not isinstance(upper, RecordWriterNode) or not isinstance(lower, RecordWriterNode):
            return False
        lower_class, upper_class = (<RecordWriterNode>lower).cls, (<RecordWriterNode>upper).cls
        if lower_class is None or upper_class is None or not isinstance(value, lower_class):
            return False
        return lower_class is not upper_class and issubclass(lower_class, upper_class)

    cdef Py_ssize_t nearest(self, object value) except -2:
        """The record that has the fields of a dict which no branch accepts: writing it reports what is wrong, and where."""
        cdef Py_ssize_t i
        for i in range(PyTuple_GET_SIZE(self.branches)):
            branch = <object>PyTuple_GET_ITEM(self.branches, i)
            if isinstance(branch, RecordWriterNode) and (<RecordWriterNode>branch).named(value):
                return i
        return -1

    cdef int fit(self, object value, Memo memo) except -1:
        cdef Py_ssize_t number = self.best(value, memo)
        return NOT if number < 0 else (<WriterNode>PyTuple_GET_ITEM(self.branches, number)).fit(value, memo)

    cdef bint exact(self, PyObject *value, Exact *held) except -1:
        cdef Py_ssize_t number = self.chosen(<object>value)
        if self.ambiguous and number in self.ambiguous:
            return False
        return number >= 0 and (<WriterNode>PyTuple_GET_ITEM(self.branches, number)).exact(value, held)

"""What known functions give, and what they call their callbacks with: builtins, the standard library, steps of
the runtime and of Bytewax.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from .arguments import Arguments, expanded
from .kinds import (
    ABSENT,
    DERIVED,
    SCALAR,
    Class,
    Context,
    External,
    Function,
    Getter,
    Instance,
    Keyed,
    Kind,
    Many,
    Message,
    Module,
    Partial,
    Split,
    Stream,
    Text,
    Topic,
    Tuple,
    either,
    members,
    texts,
)
from .outside import is_opaque
from .report import ANY
from .scopes import Scope

if TYPE_CHECKING:
    from .engine import Engine


@dataclass
class Call:
    """A call of something from outside."""

    engine: Engine
    scope: Scope
    node: ast.AST
    name: str  # dotted
    given: Arguments

    def arg(self, number: int, name: str = "") -> Kind:
        """An argument; unknown where it is not given."""
        found = self.given.get(number, name)
        return None if found == ABSENT else found

    def has(self, number: int, name: str = "") -> bool:
        """Whether an argument is given."""
        return self.given.get(number, name) != ABSENT

    def item(self, kind: Kind) -> Kind:
        """What iterating gives."""
        return self.engine.objects.item(self.scope, self.node, kind)

    def back(self, function: Kind, *args: Kind) -> Kind:
        """What a callback gives for such arguments."""
        if function in (None, ABSENT):
            return None
        return self.engine.calls.call(self.scope, self.node, function, Arguments(args))

    @property
    def places(self) -> list[ast.expr]:
        """The positional arguments as they are written."""
        return self.node.args if isinstance(self.node, ast.Call) else []


Handler: TypeAlias = Callable[[Call], Kind]


def result(engine: Engine, scope: Scope, node: ast.AST, name: str, given: Arguments) -> Kind:
    """What an external function gives. Its callbacks are called with what it calls them with."""
    call = Call(engine, scope, node, name, given)
    package, _, function = name.rpartition(".")
    if handler := _HANDLERS.get(name) or _HANDLERS.get(f"{_PACKAGES.get(package, package)}.{function}"):
        return handler(call)
    if package == "kgen_runtime":
        return _runtime(call, function)
    if package.startswith("bytewax.operators"):
        return _operator(call, function)
    return engine.calls.outside(scope, node, name, given)


_PACKAGES = {"typing_extensions": "typing", "collections.abc": "typing", "unittest.mock": "mock"}

# ---------------------------------------------------------------------- builtins


def _same_items(call: Call) -> Kind:
    first = call.given.get(0)
    call.back(call.given.get(99, "key"), call.item(first))
    return Many(ABSENT) if first == ABSENT else Many(call.item(first))


def _extreme(call: Call) -> Kind:
    options = list(call.given.args) if len(call.given.args) > 1 else [call.item(call.arg(0))]
    call.back(call.given.get(99, "key"), either(*options))
    return either(*options, call.given.get(99, "default"))


def _next(call: Call) -> Kind:
    owner = call.arg(0)
    found = []
    for member in members(owner):
        own = isinstance(member, Instance) and call.engine.objects.has(member, "__next__")
        found.append(
            call.engine.objects.invoke(call.scope, call.node, member, "__next__")  # type: ignore[arg-type]
            if own
            else call.item(member)
        )
    return either(*found, call.given.get(1))


def _iter(call: Call) -> Kind:
    return Many(call.back(call.arg(0))) if call.has(1) else _same_items(call)


def _map(call: Call) -> Kind:
    return Many(call.back(call.arg(0), *(call.item(arg) for arg in call.given.args[1:])))


def _filter(call: Call) -> Kind:
    item = call.item(call.arg(1))
    call.back(call.arg(0), item)
    return Many(item)


def _zip(call: Call) -> Kind:
    if call.given.rest != ABSENT:
        return Many(Many(call.item(call.given.rest)))
    return Many(Tuple(tuple(map(call.item, call.given.args))))


def _sum(call: Call) -> Kind:
    item = call.item(call.arg(0))
    return either(item, call.given.get(1)) if isinstance(item, Many) else SCALAR if item == SCALAR else item


def _dict(call: Call) -> Kind:
    first = call.given.get(0)
    found: Kind = Keyed(()) if first == ABSENT else first
    if isinstance(found, (Many, Tuple)) and not (isinstance(found, Many) and found.mapping):
        pair = call.item(found)
        key, value = call.engine.objects.parts(call.scope, call.node, pair, 2)
        found = Many(value, key, mapping=True)
    elif found == SCALAR or isinstance(found, External):
        found = Many(SCALAR, SCALAR, mapping=True)
    more = expanded(call.given.more).named if call.given.more != ABSENT else ()
    named = {**dict(call.given.named), **dict(more)}
    if isinstance(found, Keyed):
        return found.with_items(named, is_open=call.given.more != ABSENT)
    return found if not named else either(found, Keyed(tuple(named.items()), True))


def _type(call: Call) -> Kind:
    if call.has(1):
        return None
    return either(
        *(m.of if isinstance(m, Instance) else None if m is None else SCALAR for m in members(call.arg(0)))
    )


def _super(call: Call) -> Kind:
    first = call.arg(0)
    home = first if isinstance(first, Class) else call.scope.home
    bases = call.engine.shapes.bases(home) if home else []
    return either(*(Instance(b) if isinstance(b, Class) else SCALAR for b in bases)) if bases else None


def _getattr(call: Call) -> Kind:
    owner, name, how = call.arg(0), call.arg(1), "store" if "setattr" in call.name else "load"
    found: list[Kind] = []
    for member in members(name):
        if isinstance(member, Text):
            found.append(call.engine.objects.attribute(call.scope, call.node, owner, member.value, how))  # type: ignore[arg-type]
            if how == "store" and call.places:
                for each in members(owner):
                    call.engine.statements.put(call.places[0], each, member.value, call.arg(2), call.scope)
        else:
            found.append(_by_any_name(call, owner))
    return either(*found, *([call.arg(2)] if how == "load" and call.has(2) else []))


def _by_any_name(call: Call, owner: Kind) -> Kind:
    """An attribute whose name is not known."""
    found: list[Kind] = []
    for member in members(owner):
        if isinstance(member, (Instance, Class)):
            class_ = member.of if isinstance(member, Instance) else member
            if not call.has(2) and not _from_fields(call):
                for home in call.engine.shapes.line(class_):
                    call.engine.report.touch(call.scope.text, call.node, "load", home, ANY, certain=False)
            found.append(DERIVED if call.engine.shapes.holds_model(member) else None)
        else:
            found.append(SCALAR if isinstance(member, External) else member if member == DERIVED else None)
    return either(*found)


def _from_fields(call: Call) -> bool:
    """Whether the name comes from the class itself, as `f.name for f in fields(x)` does."""
    return call.arg(1) == DERIVED


def _hasattr(call: Call) -> Kind:
    for member in members(call.arg(0)):
        is_own = isinstance(member, (Instance, Class)) and not call.engine.shapes.holds_model(member)
        for name in texts(call.arg(1)) if not is_own else ():
            call.engine.objects.attribute(call.scope, call.node, member, name)
    return SCALAR


def _vars(call: Call) -> Kind:
    first = call.arg(0)
    return DERIVED if first is None or call.engine.shapes.holds_model(first) else None


def _eval(call: Call) -> Kind:
    for text in texts(call.arg(0)):
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        names = [n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)]
        call.engine.report.suspect(call.scope.text, call.node, "load", names)
    return None


def _property(call: Call) -> Kind:
    for member in members(call.given.get(0, "fget")):
        if isinstance(member, Function):
            return Function(member.module, member.node, call.scope.home, True, is_property=True)
    return None


def _nothing_known(call: Call) -> Kind:
    call.engine.calls.outside(call.scope, call.node, call.name, call.given)
    return None


def _mapping_of(call: Call) -> Kind:
    """`defaultdict(list)`."""
    made = call.back(call.arg(0)) if call.has(0) else ABSENT
    rest = expanded(call.given.get(1)).all if call.has(1) else []
    del rest
    return Many(made, SCALAR, mapping=True)


# ---------------------------------------------------------------------- the standard library


def _cast(call: Call) -> Kind:
    places = call.places
    return call.engine.expressions.annotation(places[0], call.scope) if places else None


def _second(call: Call) -> Kind:
    return call.arg(1)


def _first(call: Call) -> Kind:
    return call.arg(0)


def _replace(call: Call) -> Kind:
    first = call.arg(0)
    for member in members(first):
        if isinstance(member, Instance):
            given = Arguments((ABSENT,), call.given.named, ABSENT, call.given.more)
            call.engine.calls.store(call.scope, call.node, member.of, given)
        elif member is None:
            call.engine.report.suspect(call.scope.text, call.node, "store", call.given.given())
    if isinstance(first, Message):
        named = dict(call.given.named)
        return Message(
            named.get("key", first.key),
            named.get("value", first.value),
            "" if "key" in named else first.key_of,
            "" if "value" in named else first.value_of,
        )
    return first


def _asdict(call: Call) -> Kind:
    call.back(call.given.get(99, "dict_factory"), DERIVED)
    is_known = not any(m is None or call.engine.shapes.holds_model(m) for m in members(call.arg(0)))
    return Many(SCALAR, SCALAR, mapping=True) if is_known else DERIVED


def _astuple(call: Call) -> Kind:
    for member in members(call.arg(0)):
        if isinstance(member, Instance):
            call.engine.report.touch(call.scope.text, call.node, "load", member.of, ANY, certain=False)
    return _asdict(call)


def _reduce(call: Call) -> Kind:
    function, item = call.arg(0), call.item(call.arg(1))
    if isinstance(function, External) and function.name == "builtins.getattr":
        owner = call.given.get(2)
        for name in texts(item):
            owner = call.engine.objects.attribute(call.scope, call.node, owner, name)
        if not texts(item):
            return _nothing_known(call)
        return owner
    start = call.arg(2) if call.has(2) else item
    once = call.back(function, start, item)
    twice = call.back(function, either(start, once), item)
    return either(start, once, twice)


def _partial(call: Call) -> Kind:
    function = call.arg(0)
    for member in members(function):
        if isinstance(member, Class):
            named = Arguments((ABSENT,), call.given.named, ABSENT, call.given.more)
            call.engine.calls.store(call.scope, call.node, member, named)
    return Partial(function, call.given.args[1:], call.given.named)


def _starmap(call: Call) -> Kind:
    item = call.item(call.arg(1))
    if isinstance(item, Tuple):
        return Many(call.back(call.arg(0), *item.items))
    whole = call.item(item)
    return Many(call.engine.calls.call(call.scope, call.node, call.arg(0), Arguments(rest=whole)))


def _accumulate(call: Call) -> Kind:
    item = call.item(call.arg(0))
    start = call.given.get(99, "initial")
    found = call.back(call.given.get(1, "func"), item if start == ABSENT else start, item)
    return Many(either(item, start, found))


def _groupby(call: Call) -> Kind:
    item = call.item(call.arg(0))
    return Many(Tuple((call.back(call.given.get(1, "key"), item), Many(item))))


def _by_predicate(call: Call) -> Kind:
    item = call.item(call.arg(1))
    call.back(call.arg(0), item)
    return Many(item)


def _nsmallest(call: Call) -> Kind:
    item = call.item(call.arg(1))
    call.back(call.given.get(2, "key"), item)
    return Many(item)


def _push(call: Call) -> Kind:
    """`heappush(heap, x)`, `insort(list, x)`."""
    if call.places:
        old = call.arg(0)
        item = old.item if isinstance(old, Many) else ABSENT
        call.engine.expressions.widen(call.places[0], Many(either(item, call.arg(1))), call.scope)
    return call.item(call.arg(0))


def _setitem(call: Call) -> Kind:
    if len(call.places) == 3:
        target = ast.copy_location(ast.Subscript(call.places[0], call.places[1], ast.Store()), call.node)
        call.engine.expressions.widen(target, call.arg(2), call.scope)
    return ABSENT


def _getter(call: Call) -> Kind:
    how = {"attrgetter": "attribute", "itemgetter": "item", "methodcaller": "method"}[
        call.name.rpartition(".")[2]
    ]
    places = call.places[:1] if how == "method" else call.places
    names: list[str | int] = [*texts(call.given.rest)]
    for kind in call.given.args[:1] if how == "method" else call.given.args:
        names += texts(kind)
    names += [p.value for p in places if isinstance(p, ast.Constant) and isinstance(p.value, int)]
    return Getter(how, tuple(names)) if names else None


def _import_module(call: Call) -> Kind:
    found = [name for name in texts(call.arg(0)) if name in call.engine.world.texts]
    for name in found:
        call.engine.module(name)
    return either(*map(Module, found)) if found else None


def _gather(call: Call) -> Kind:
    return Tuple(call.given.args) if call.given.rest == ABSENT else Many(call.given.rest)


def _to_thread(call: Call) -> Kind:
    return call.engine.calls.call(
        call.scope, call.node, call.arg(0), Arguments(call.given.args[1:], call.given.named)
    )


def _context(call: Call) -> Kind:
    return Context(call.arg(0))


def _many_of(number: int) -> Handler:
    return lambda call: Many(call.item(call.arg(number)))


def _product(call: Call) -> Kind:
    return Many(Tuple(tuple(map(call.item, call.given.args))))


def _chain(call: Call) -> Kind:
    return (
        Many(either(*map(call.item, call.given.all))) if call.given.args else Many(call.item(call.given.rest))
    )


def _never(call: Call) -> Kind:
    for member in members(call.arg(0)):
        if isinstance(member, Instance):
            call.engine.report.touch(call.scope.text, call.node, "never", member.of, "")
    return ABSENT


def _message(call: Call) -> Kind:
    return Message(call.arg(0, "key"), call.arg(1, "value"))


_HANDLERS: Mapping[str, Handler] = {
    **{
        f"builtins.{name}": _same_items
        for name in ("list", "sorted", "reversed", "set", "frozenset", "tuple", "aiter")
    },
    "collections.deque": _same_items,
    "builtins.max": _extreme,
    "builtins.min": _extreme,
    "builtins.next": _next,
    "builtins.anext": _next,
    "builtins.iter": _iter,
    "builtins.map": _map,
    "builtins.filter": _filter,
    "builtins.enumerate": lambda call: Many(Tuple((SCALAR, call.item(call.arg(0))))),
    "builtins.zip": _zip,
    "itertools.zip_longest": _zip,
    "itertools.product": _product,
    "builtins.sum": _sum,
    "builtins.dict": _dict,
    "collections.OrderedDict": _dict,
    "collections.defaultdict": _mapping_of,
    "collections.ChainMap": lambda call: either(*call.given.args) if call.given.args else Keyed((), True),
    "builtins.type": _type,
    "builtins.super": _super,
    "builtins.getattr": _getattr,
    "builtins.setattr": _getattr,
    "builtins.delattr": _hasattr,
    "builtins.hasattr": _hasattr,
    "builtins.object.__setattr__": _getattr,
    "builtins.object.__getattribute__": _getattr,
    "inspect.getattr_static": _getattr,
    "builtins.vars": _vars,
    "builtins.eval": _eval,
    "builtins.exec": _eval,
    "builtins.property": _property,
    "builtins.locals": _nothing_known,
    "builtins.globals": _nothing_known,
    "pickle.loads": _nothing_known,
    "pickle.load": _nothing_known,
    "marshal.loads": _nothing_known,
    "shelve.open": _nothing_known,
    "typing.cast": _cast,
    "typing.assert_type": _first,
    "typing.assert_never": _never,
    "typing.NewType": _second,
    "copy.copy": _first,
    "copy.deepcopy": _first,
    "copy.replace": _replace,
    "dataclasses.replace": _replace,
    "dataclasses.asdict": _asdict,
    "dataclasses.astuple": _astuple,
    "dataclasses.fields": lambda call: Many(_asdict(call)),
    "functools.reduce": _reduce,
    "functools.partial": _partial,
    "functools.partialmethod": _partial,
    "functools.cmp_to_key": lambda call: call.back(call.arg(0), None, None) and call.arg(0),
    "itertools.chain": _chain,
    "itertools.chain.from_iterable": lambda call: Many(call.item(call.item(call.arg(0)))),
    "itertools.groupby": _groupby,
    "itertools.islice": _many_of(0),
    "itertools.cycle": _many_of(0),
    "itertools.repeat": lambda call: Many(call.arg(0)),
    "itertools.tee": lambda call: Many(Many(call.item(call.arg(0)))),
    "itertools.pairwise": lambda call: Many(Many(call.item(call.arg(0)))),
    "itertools.batched": lambda call: Many(Many(call.item(call.arg(0)))),
    "itertools.combinations": lambda call: Many(Many(call.item(call.arg(0)))),
    "itertools.permutations": lambda call: Many(Many(call.item(call.arg(0)))),
    "itertools.compress": _many_of(0),
    "itertools.takewhile": _by_predicate,
    "itertools.dropwhile": _by_predicate,
    "itertools.filterfalse": _by_predicate,
    "itertools.starmap": _starmap,
    "itertools.accumulate": _accumulate,
    "heapq.nsmallest": _nsmallest,
    "heapq.nlargest": _nsmallest,
    "heapq.heappush": _push,
    "heapq.heappushpop": _push,
    "heapq.heapreplace": _push,
    "bisect.insort": _push,
    "heapq.heappop": lambda call: call.item(call.arg(0)),
    "random.choice": lambda call: call.item(call.arg(0)),
    "random.sample": _many_of(0),
    "random.choices": _many_of(0),
    "operator.attrgetter": _getter,
    "operator.itemgetter": _getter,
    "operator.methodcaller": _getter,
    "operator.setitem": _setitem,
    "importlib.import_module": _import_module,
    "string.Template": _first,
    "asyncio.gather": _gather,
    "asyncio.create_task": _first,
    "asyncio.ensure_future": _first,
    "asyncio.shield": _first,
    "asyncio.wait_for": _first,
    "asyncio.run": _first,
    "asyncio.to_thread": _to_thread,
    "contextlib.closing": _context,
    "contextlib.aclosing": _context,
    "contextlib.nullcontext": _context,
    "kgen_runtime.Message": _message,
}

# ---------------------------------------------------------------------- methods


def method(engine: Engine, scope: Scope, node: ast.AST, owner: Kind, name: str, given: Arguments) -> Kind:
    """What a method of a container, a string or a message gives."""
    call = Call(engine, scope, node, name, given)
    if isinstance(owner, Message):
        return Message(owner.key, call.arg(0, "value"), owner.key_of) if name == "with_value" else SCALAR
    if isinstance(owner, Text):
        return (
            Many(Text(owner.value))
            if name in ("split", "splitlines") and not call.has(0) and " " not in owner.value
            else _of_text(owner, name, call)
        )
    if name == "sort":
        call.back(given.get(99, "key"), call.item(owner))
    return _of_mapping(owner, name, call) if isinstance(owner, Keyed) else _of_container(owner, name, call)


def _of_text(owner: Text, name: str, call: Call) -> Kind:
    if name not in ("split", "rsplit", "partition", "rpartition"):
        return SCALAR
    separators = texts(call.given.get(0))
    parts = owner.value.split(separators[0]) if separators and separators[0] else owner.value.split()
    return Many(either(*map(Text, parts)))


def _of_mapping(owner: Keyed, name: str, call: Call) -> Kind:
    key = call.given.get(0)
    if name in ("get", "pop", "setdefault"):
        found = call.engine.objects.subscript(call.scope, call.node, owner, key)
        return either(found, call.given.get(1)) if call.has(1) else found
    keys: list[Kind] = [Text(key) for key, _ in owner.items]
    unknown: list[Kind] = [None] if owner.is_open else []
    values = [value for _, value in owner.items]
    if name == "items":
        pairs = [Tuple((k, v)) for k, v in zip(keys, values)]
        return Many(either(*pairs, *unknown))
    if name in ("keys", "values"):
        return Many(either(*(keys if name == "keys" else values), *unknown))
    return owner if name == "copy" else None


def _of_container(owner: Kind, name: str, call: Call) -> Kind:
    if not isinstance(owner, Many):
        return None
    if name in ("copy", "union", "difference", "intersection", "symmetric_difference"):
        return Many(either(owner.item, *map(call.item, call.given.args)), owner.key, owner.mapping)
    if name == "values":
        return Many(owner.item)
    if name == "items":
        return Many(Tuple((owner.key, owner.item)))
    if name == "keys":
        return Many(owner.key)
    if name == "popitem":
        return Tuple((owner.key, owner.item))
    if name in ("get", "pop", "setdefault"):
        return either(owner.item, call.given.get(1))
    if name in ("popleft", "__getitem__", "__next__"):
        return owner.item
    return SCALAR if name in ("count", "index") else None


def of_class(
    engine: Engine, scope: Scope, node: ast.AST, owner: Instance | Class, name: str, given: Arguments
) -> Kind:
    """What a method that reading its class does not show gives."""
    call = Call(engine, scope, node, name, given)
    if isinstance(owner, Instance) and name in ("_replace", "_asdict"):
        if name == "_replace":
            return owner
        fields = engine.shapes.fields(owner.of)
        return Keyed(tuple((f, engine.shapes.attribute(owner.of, f)) for f in fields))
    if name in ("__new__", "_make") and isinstance(owner, Class):
        return Instance(owner)
    return engine.calls.outside(call.scope, node, f"{owner}.{name}", given) if _is_given(given) else None


def _is_given(given: Arguments) -> bool:
    return any(kind not in (None, ABSENT) for kind in given.all)


# ---------------------------------------------------------------------- the runtime and Bytewax


def _runtime(call: Call, function: str) -> Kind:
    topic = next((a for a in call.given.all if isinstance(a, Topic)), None)
    if topic:
        _written(call, function, topic)
        read = Message(topic.key, topic.value, topic.module, topic.module)
        if function in ("source", "deserialize"):
            return Split(read)
        if function == "read":
            return Many(read)
    if function == "map_value":
        message = _message_in(_stream(call))
        given = call.back(_callback(call), message.value)
        return Split(Message(message.key, given, message.key_of))
    if function == "sink":
        return Stream(External("kgen_runtime.Failure()"))
    return call.engine.calls.outside(call.scope, call.node, call.name, call.given)


def _written(call: Call, function: str, topic: Topic) -> None:
    """For a step that writes to a topic, the halves of topics that have to fit together there are used. What
    a message took over from the same topic fits.
    """
    if topic.module and function in ("sink", "serialize", "Writer"):
        message = _message_in(_stream(call))
        for half, source in (("key", message.key_of), ("value", message.value_of)):
            for module in (topic.module, source) if source != topic.module else ():
                call.engine.report.touch_name(call.scope.text, call.node, module, half)


def _message_in(item: Kind) -> Message:
    return next((m for m in members(item) if isinstance(m, Message)), Message(None, None))


def _stream(call: Call) -> Kind:
    """What flows in the streams that are a step's input."""
    found = [m for a in call.given.all for m in members(a)]
    items = [m.item for m in found if isinstance(m, Stream)]
    return either(*items) if items else DERIVED if DERIVED in found else None


def _value(item: Kind) -> Kind:
    """What a keyed stream has beside the key; unknown where it is not one of pairs."""
    pairs = [m.items[1] for m in members(item) if isinstance(m, Tuple) and len(m.items) == 2]
    return either(*pairs) if pairs else item if item == DERIVED else None


def _callbacks(call: Call) -> list[Kind]:
    given = [*call.given.args[2:], *(k for name, k in call.given.named if name not in ("up", "step_id"))]
    return [a for a in given if a not in (None, ABSENT) and not isinstance(a, (Stream, Topic))]


def _callback(call: Call) -> Kind:
    return next(iter(_callbacks(call)), None)


_SAME_ITEMS = {"filter", "inspect", "inspect_debug", "redistribute", "filter_value", "raises", "merge"}
_WITH_STATE = ("stateful", "enrich", "fold", "reduce", "inspect")


def _operator(call: Call, function: str) -> Kind:
    item = _stream(call)
    value = _value(item)
    has_keys = any(isinstance(m, Tuple) for m in members(item))
    if function == "input":
        return Stream(DERIVED if any(map(call.engine.shapes.holds_model, call.given.all)) else None)
    if function.startswith(_WITH_STATE):
        return _with_state(call, function, item, value, has_keys)
    if function.endswith("_window") or function in ("join", "window"):
        return _window(call, function, value)
    is_keyed = function.endswith(("_value", "_final"))
    given = call.back(_callback(call), value if is_keyed else item)
    return _streams(call, function, item, value, given)


def _with_state(call: Call, function: str, item: Kind, value: Kind, is_keyed: bool) -> Kind:
    reduces = function.startswith("reduce")
    results: list[Kind] = []
    for other in _callbacks(call):
        for member in members(other):
            count = _count(member)
            given = [
                SCALAR if function.startswith("inspect") else value if reduces else None,
                value if is_keyed else item,
            ]
            results.append(call.back(member, *given[2 - count :] if count < 2 else given))
    if function.startswith("inspect"):
        return Stream(item)
    kept = Tuple((SCALAR, value if reduces else _given(call, function, either(*results))))
    return Split(kept) if function.endswith("_window") else Stream(kept)


def _given(call: Call, function: str, result: Kind) -> Kind:
    """What a step with state gives, by what its callbacks give."""
    if function.startswith("stateful_"):
        emitted = call.engine.objects.parts(call.scope, call.node, result, 2)[1]
        return call.item(emitted) if function == "stateful_flat_map" else emitted
    return result if function.startswith("fold_") else None


def _count(kind: Kind) -> int:
    """How many parameters a callback has."""
    if isinstance(kind, Function):
        args = kind.node.args
        return min(2, len(args.posonlyargs) + len(args.args) - kind.bound)
    return 2


def _window(call: Call, function: str, value: Kind) -> Kind:
    for other in _callbacks(call):
        call.back(other, value) if isinstance(other, (Function, Getter, Partial)) else None
    if function == "join":
        streams = [m for a in call.given.args for m in members(a) if isinstance(m, Stream)]
        return Stream(Tuple((SCALAR, Tuple(tuple(_value(s.item) for s in streams)))))
    made = {"collect_window": Many(value), "max_window": value, "min_window": value}.get(function)
    return Split(Tuple((SCALAR, Tuple((SCALAR, made)))))


def _streams(call: Call, function: str, item: Kind, value: Kind, given: Kind) -> Kind:
    made: dict[str, Callable[[], Kind]] = {
        "map": lambda: Stream(given),
        "filter_map": lambda: Stream(given),
        "flat_map": lambda: Stream(call.item(given)),
        "map_value": lambda: Stream(Tuple((SCALAR, given))),
        "filter_map_value": lambda: Stream(Tuple((SCALAR, given))),
        "flat_map_value": lambda: Stream(Tuple((SCALAR, call.item(given)))),
        "key_on": lambda: Stream(Tuple((SCALAR, item))),
        "key_rm": lambda: Stream(value),
        "branch": lambda: Split(item),
        "flatten": lambda: Stream(call.item(item)),
        "collect": lambda: Stream(Tuple((SCALAR, Many(value)))),
        "max_final": lambda: Stream(Tuple((SCALAR, value))),
        "min_final": lambda: Stream(Tuple((SCALAR, value))),
    }
    if function in _SAME_ITEMS:
        return Stream(item)
    return made[function]() if function in made else None


__all__ = ["is_opaque", "method", "of_class", "result"]

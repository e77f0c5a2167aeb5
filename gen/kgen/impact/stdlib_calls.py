"""What functions of the standard library give, and what they call their callbacks with."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from .builtin_calls import by_name, dict_, mapping_of, nothing_known, same_items, zip_
from .call_arguments import Arguments
from .kinds import (
    DERIVED,
    NO_OBJECT,
    SCALAR,
    Class,
    Context,
    External,
    Getter,
    Instance,
    Keyed,
    Kind,
    Many,
    MessageKind,
    ModuleKind,
    Partial,
    Tuple,
    either,
    members,
    texts,
)
from .outer_call import Call, Handler
from .uses import ANY


def _cast(call: Call) -> Kind:
    places = call.places
    return call.analysis.expressions.annotation(places[0], call.scope) if places else None


def _second(call: Call) -> Kind:
    return call.arg(1)


def _first(call: Call) -> Kind:
    return call.arg(0)


def _replace(call: Call) -> Kind:
    first = call.arg(0)
    for member in members(first):
        if isinstance(member, Instance):
            given = Arguments((NO_OBJECT,), call.given.named, NO_OBJECT, call.given.more)
            call.analysis.constructors.store(call.scope, call.node, member.of, given)
        elif member is None:
            call.analysis.report.suspect(call.scope.text, call.node, "store", call.given.given())
    if isinstance(first, MessageKind):
        named = dict(call.given.named)
        return MessageKind(
            named.get("key", first.key),
            named.get("value", first.value),
            "" if "key" in named else first.key_of,
            "" if "value" in named else first.value_of,
        )
    return first


def _asdict(call: Call) -> Kind:
    call.back(call.given.get(99, "dict_factory"), DERIVED)
    is_known = not any(m is None or call.analysis.shapes.holds_model(m) for m in members(call.arg(0)))
    return Many(SCALAR, SCALAR, mapping=True) if is_known else DERIVED


def _astuple(call: Call) -> Kind:
    for member in members(call.arg(0)):
        if isinstance(member, Instance):
            call.analysis.report.on_use(call.scope.text, call.node, "load", member.of, ANY, certain=False)
    return _asdict(call)


def _reduce(call: Call) -> Kind:
    function, item = call.arg(0), call.item(call.arg(1))
    if isinstance(function, External) and function.name == "builtins.getattr":
        owner = call.given.get(2)
        for name in texts(item):
            owner = call.analysis.objects.attribute(call.scope, call.node, owner, name)
        if not texts(item):
            return nothing_known(call)
        return owner
    start = call.arg(2) if call.has(2) else item
    once = call.back(function, start, item)
    twice = call.back(function, either(start, once), item)
    return either(start, once, twice)


def _partial(call: Call) -> Kind:
    function = call.arg(0)
    for member in members(function):
        if isinstance(member, Class):
            named = Arguments((NO_OBJECT,), call.given.named, NO_OBJECT, call.given.more)
            call.analysis.constructors.store(call.scope, call.node, member, named)
    return Partial(function, call.given.args[1:], call.given.named)


def _starmap(call: Call) -> Kind:
    item = call.item(call.arg(1))
    if isinstance(item, Tuple):
        return Many(call.back(call.arg(0), *item.items))
    whole = call.item(item)
    return Many(call.analysis.calls.call(call.scope, call.node, call.arg(0), Arguments(rest=whole)))


def _accumulate(call: Call) -> Kind:
    item = call.item(call.arg(0))
    start = call.given.get(99, "initial")
    found = call.back(call.given.get(1, "func"), item if start == NO_OBJECT else start, item)
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
        item = old.item if isinstance(old, Many) else NO_OBJECT
        call.analysis.contents.widen(call.places[0], Many(either(item, call.arg(1))), call.scope)
    return call.item(call.arg(0))


def _setitem(call: Call) -> Kind:
    if len(call.places) == 3:
        target = ast.copy_location(ast.Subscript(call.places[0], call.places[1], ast.Store()), call.node)
        call.analysis.contents.widen(target, call.arg(2), call.scope)
    return NO_OBJECT


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
    found = [name for name in texts(call.arg(0)) if name in call.analysis.index.texts]
    for name in found:
        call.analysis.module(name)
    return either(*map(ModuleKind, found)) if found else None


def _gather(call: Call) -> Kind:
    return Tuple(call.given.args) if call.given.rest == NO_OBJECT else Many(call.given.rest)


def _to_thread(call: Call) -> Kind:
    return call.analysis.calls.call(
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
            call.analysis.report.on_use(call.scope.text, call.node, "never", member.of, "")
    return NO_OBJECT


HANDLERS: Mapping[str, Handler] = {
    "collections.deque": same_items,
    "itertools.zip_longest": zip_,
    "itertools.product": _product,
    "collections.OrderedDict": dict_,
    "collections.defaultdict": mapping_of,
    "collections.ChainMap": lambda call: either(*call.given.args) if call.given.args else Keyed((), True),
    "inspect.getattr_static": by_name,
    "pickle.loads": nothing_known,
    "pickle.load": nothing_known,
    "marshal.loads": nothing_known,
    "shelve.open": nothing_known,
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
}

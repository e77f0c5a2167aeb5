"""What Python's builtins give, and what they call their callbacks with."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from .kinds import (
    DERIVED,
    NO_OBJECT,
    SCALAR,
    Class,
    External,
    Function,
    Instance,
    Keyed,
    Kind,
    Many,
    Text,
    Tuple,
    either,
    members,
    texts,
)
from .module_source import parsed
from .outer_call import Call, Handler
from .uses import ANY, UsageKind


def same_items(call: Call) -> Kind:
    """The same items in another container."""
    first = call.given.get(0)
    call.back(call.given.get(99, "key"), call.item(first))
    return Many(NO_OBJECT) if first == NO_OBJECT else Many(call.item(first))


def _extreme(call: Call) -> Kind:
    options = list(call.given.args) if len(call.given.args) > 1 else [call.item(call.arg(0))]
    call.back(call.given.get(99, "key"), either(*options))
    return either(*options, call.given.get(99, "default"))


def _next(call: Call) -> Kind:
    owner = call.arg(0)
    found = []
    for member in members(owner):
        if isinstance(member, Instance) and call.analysis.objects.has(member, "__next__"):
            found.append(call.analysis.objects.invoke(call.scope, call.node, member, "__next__"))
        else:
            found.append(call.item(member))
    return either(*found, call.given.get(1))


def _iter(call: Call) -> Kind:
    return Many(call.back(call.arg(0))) if call.has(1) else same_items(call)


def _map(call: Call) -> Kind:
    return Many(call.back(call.arg(0), *(call.item(arg) for arg in call.given.args[1:])))


def _filter(call: Call) -> Kind:
    item = call.item(call.arg(1))
    call.back(call.arg(0), item)
    return Many(item)


def zip_(call: Call) -> Kind:
    """`zip(a, b)`."""
    if call.given.rest != NO_OBJECT:
        return Many(Many(call.item(call.given.rest)))
    return Many(Tuple(tuple(map(call.item, call.given.args))))


def _sum(call: Call) -> Kind:
    item = call.item(call.arg(0))
    return either(item, call.given.get(1)) if isinstance(item, Many) else SCALAR if item == SCALAR else item


def dict_(call: Call) -> Kind:
    """`dict(…)`."""
    first = call.given.get(0)
    found: Kind = Keyed(()) if first == NO_OBJECT else first
    if isinstance(found, (Many, Tuple)) and not (isinstance(found, Many) and found.mapping):
        pair = call.item(found)
        key, value = call.analysis.objects.parts(call.scope, call.node, pair, 2)
        found = Many(value, key, mapping=True)
    elif found == SCALAR or isinstance(found, External):
        found = Many(SCALAR, SCALAR, mapping=True)
    named = dict(call.given.named)
    if isinstance(found, Keyed):
        return found.with_items(named, is_open=call.given.more != NO_OBJECT)
    return found if not named else either(found, Keyed(tuple(named.items()), True))


def _type(call: Call) -> Kind:
    if call.has(1):
        return None
    return either(
        *(m.of if isinstance(m, Instance) else None if m is None else SCALAR for m in members(call.arg(0)))
    )


def _super(call: Call) -> Kind:
    first = call.arg(0)
    definer = first if isinstance(first, Class) else call.scope.class_
    bases = call.analysis.shapes.bases(definer) if definer else []
    return either(*(Instance(b) if isinstance(b, Class) else SCALAR for b in bases)) if bases else None


def by_name(call: Call) -> Kind:
    """`getattr(x, name)`, `setattr(x, name, value)`."""
    owner, name = call.arg(0), call.arg(1)
    how: UsageKind = "store" if "setattr" in call.name else "load"
    found: list[Kind] = []
    for member in members(name):
        if isinstance(member, Text):
            found.append(call.analysis.objects.attribute(call.scope, call.node, owner, member.value, how))
            if how == "store" and call.places:
                for each in members(owner):
                    call.analysis.bindings.put(call.places[0], each, member.value, call.arg(2), call.scope)
        else:
            found.append(_by_any_name(call, owner))
    return either(*found, *([call.arg(2)] if how == "load" and call.has(2) else []))


def _by_any_name(call: Call, owner: Kind) -> Kind:
    """An attribute whose name is not known."""
    found: list[Kind] = []
    for member in members(owner):
        if isinstance(member, (Instance, Class)):
            class_ = member.of if isinstance(member, Instance) else member
            if not call.has(2) and call.arg(1) != DERIVED:  # not `f.name for f in fields(x)`
                for definer in call.analysis.shapes.line(class_):
                    call.analysis.report.on_use(
                        call.scope.text, call.node, "load", definer, ANY, certain=False
                    )
            found.append(DERIVED if call.analysis.shapes.holds_model(member) else None)
        else:
            found.append(SCALAR if isinstance(member, External) else member if member == DERIVED else None)
    return either(*found)


def _hasattr(call: Call) -> Kind:
    for member in members(call.arg(0)):
        is_own = isinstance(member, (Instance, Class)) and not call.analysis.shapes.holds_model(member)
        for name in texts(call.arg(1)) if not is_own else ():
            call.analysis.objects.attribute(call.scope, call.node, member, name)
    return SCALAR


def _vars(call: Call) -> Kind:
    first = call.arg(0)
    return DERIVED if first is None or call.analysis.shapes.holds_model(first) else None


def _eval(call: Call) -> Kind:
    for text in texts(call.arg(0)):
        try:
            tree = parsed(text)
        except SyntaxError:
            continue
        names = [n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)]
        call.analysis.report.suspect(call.scope.text, call.node, "load", names)
    return None


def _property(call: Call) -> Kind:
    for member in members(call.given.get(0, "fget")):
        if isinstance(member, Function):
            return Function(member.module, member.node, call.scope.class_, True, is_property=True)
    return None


def nothing_known(call: Call) -> Kind:
    """It may give anything."""
    call.analysis.calls.outside(call.scope, call.node, call.name, call.given)
    return None


def mapping_of(call: Call) -> Kind:
    """`defaultdict(list)`."""
    return Many(call.back(call.arg(0)) if call.has(0) else NO_OBJECT, SCALAR, mapping=True)


HANDLERS: Mapping[str, Handler] = {
    **{
        f"builtins.{name}": same_items
        for name in ("list", "sorted", "reversed", "set", "frozenset", "tuple", "aiter")
    },
    "builtins.max": _extreme,
    "builtins.min": _extreme,
    "builtins.next": _next,
    "builtins.anext": _next,
    "builtins.iter": _iter,
    "builtins.map": _map,
    "builtins.filter": _filter,
    "builtins.enumerate": lambda call: Many(Tuple((SCALAR, call.item(call.arg(0))))),
    "builtins.zip": zip_,
    "builtins.sum": _sum,
    "builtins.dict": dict_,
    "builtins.type": _type,
    "builtins.super": _super,
    "builtins.getattr": by_name,
    "builtins.setattr": by_name,
    "builtins.delattr": _hasattr,
    "builtins.hasattr": _hasattr,
    "builtins.object.__setattr__": by_name,
    "builtins.object.__getattribute__": by_name,
    "builtins.vars": _vars,
    "builtins.eval": _eval,
    "builtins.exec": _eval,
    "builtins.property": _property,
    "builtins.locals": nothing_known,
    "builtins.globals": nothing_known,
}

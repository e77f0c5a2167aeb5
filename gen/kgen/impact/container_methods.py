"""What methods of containers, strings and messages give."""

from __future__ import annotations

import ast

from .analysis import Analysis
from .call_arguments import Arguments
from .kinds import (
    NO_OBJECT,
    SCALAR,
    Class,
    Instance,
    Keyed,
    Kind,
    Many,
    MessageKind,
    Text,
    Tuple,
    either,
    texts,
)
from .outer_call import Call
from .scopes import Scope


def method(analysis: Analysis, scope: Scope, node: ast.AST, owner: Kind, name: str, given: Arguments) -> Kind:
    """What a method of a container, a string or a message gives."""
    call = Call(analysis, scope, node, name, given)
    if isinstance(owner, MessageKind):
        if name == "with_key":
            return MessageKind(call.arg(0, "key"), owner.value, value_of=owner.value_of)
        if name in ("key_or_reject", "value_or_reject"):
            return owner.key if name == "key_or_reject" else owner.value
        return MessageKind(owner.key, call.arg(0, "value"), owner.key_of) if name == "with_value" else SCALAR
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
        found = call.analysis.objects.subscript(call.scope, call.node, owner, key)
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
    analysis: Analysis, scope: Scope, node: ast.AST, owner: Instance | Class, name: str, given: Arguments
) -> Kind:
    """What a method that reading its class does not show gives."""
    call = Call(analysis, scope, node, name, given)
    if isinstance(owner, Instance) and name in ("_replace", "_asdict"):
        if name == "_replace":
            return owner
        fields = analysis.shapes.fields(owner.of)
        return Keyed(tuple((f, analysis.shapes.attribute(owner.of, f)) for f in fields))
    if name in ("__new__", "_make") and isinstance(owner, Class):
        return Instance(owner)
    return analysis.calls.outside(call.scope, node, f"{owner}.{name}", given) if _is_given(given) else None


def _is_given(given: Arguments) -> bool:
    return any(kind not in (None, NO_OBJECT) for kind in given.all)

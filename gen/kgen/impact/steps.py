"""What known functions give, and what they call their callbacks with: steps of the runtime and of Bytewax,
builtins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias

from .kinds import Either, Kind, Many, Message, Split, Stream, Topic, Tuple, either, item_of, members

Call: TypeAlias = Callable[[Kind, Sequence[Kind]], Kind]
"""Calls a callback with arguments, and tells what it gives."""

_SAME_ITEMS = {"filter", "inspect", "inspect_debug", "redistribute", "filter_value", "raises"}
_LISTS = {"list", "sorted", "reversed", "set", "frozenset", "iter", "tuple", "deque"}
_SAME = {"copy", "deepcopy", "replace", "min", "max", "next"}


def result(name: str, args: Sequence[Kind], named: Mapping[str, Kind], call: Call) -> Kind:
    """What an external function gives. Its callbacks are called with what it calls them with."""
    package, _, function = name.rpartition(".")
    if package == "kgen_runtime":
        return _runtime(function, args, named, call)
    if package.startswith("bytewax"):
        return _operator(function, args, named, call)
    return _builtin(function, args, named, call)


def _runtime(function: str, args: Sequence[Kind], named: Mapping[str, Kind], call: Call) -> Kind:
    topic = next((a for a in [*args, *named.values()] if isinstance(a, Topic)), None)
    if function in ("source", "deserialize") and topic:
        return Split(Message(topic.key, topic.value, topic.module, topic.module))
    if function == "read" and topic:
        return Many(Message(topic.key, topic.value, topic.module, topic.module))
    if function == "map_value":
        message = _message(_item(args))
        value = call(_callback(args, named), [message.value])
        return Split(Message(message.key, value, message.key_of))
    return None


def _message(item: Kind) -> Message:
    return next((m for m in members(item) if isinstance(m, Message)), Message(None, None))


def written(name: str, args: Sequence[Kind]) -> Iterator[tuple[str, str]]:
    """For a step that writes to a topic, the halves of topics that have to fit together there: module, and
    `key` or `value`. What a message took over from the same topic fits.
    """
    topic = next((a for a in args if isinstance(a, Topic) and a.module), None)
    if topic and name in ("kgen_runtime.sink", "kgen_runtime.serialize", "kgen_runtime.Writer"):
        message = _message(_item(args))
        for half, source in (("key", message.key_of), ("value", message.value_of)):
            if source != topic.module:
                yield from ((module, half) for module in (topic.module, source) if module)


def _item(args: Sequence[Kind]) -> Kind:
    """What flows in the stream that is a step's input."""
    return either(*(a.item for a in args if isinstance(a, Stream)))


def _value(item: Kind) -> Kind:
    """What a keyed stream has beside the key."""
    return either(*(m.items[1] for m in members(item) if isinstance(m, Tuple) and len(m.items) == 2))


def _callback(args: Sequence[Kind], named: Mapping[str, Kind]) -> Kind:
    given = [*args[2:], *(named[k] for k in named if k not in ("up", "step_id"))]
    return next((a for a in given if a is not None and not isinstance(a, (Stream, Topic))), None)


def _operator(function: str, args: Sequence[Kind], named: Mapping[str, Kind], call: Call) -> Kind:
    item, callback = _item([*args, *named.values()]), _callback(args, named)
    value = _value(item)
    keyed = function.endswith("_value") or value is not None
    if function.startswith(("inspect", "stateful_", "enrich_", "fold_", "reduce_")):
        for other in [*args[2:], *named.values()]:
            call(other, [value if function.startswith("reduce_") else None, value if keyed else item])
        same = function.startswith("inspect")
        return Stream(item if same else Tuple((None, value if function.startswith("reduce_") else None)))
    given = call(callback, [value if function.endswith("_value") else item])
    return _streams(function, item, value, given)


def _streams(function: str, item: Kind, value: Kind, given: Kind) -> Kind:
    made: dict[str, Kind] = {
        "map": Stream(given),
        "filter_map": Stream(given),
        "flat_map": Stream(item_of(given)),
        "map_value": Stream(Tuple((None, given))),
        "filter_map_value": Stream(Tuple((None, given))),
        "flat_map_value": Stream(Tuple((None, item_of(given)))),
        "key_on": Stream(Tuple((None, item))),
        "key_rm": Stream(value),
        "branch": Split(item),
        "flatten": Stream(item_of(item)),
        "collect": Stream(Tuple((None, Many(value)))),
        "max_final": Stream(Tuple((None, value))),
        "min_final": Stream(Tuple((None, value))),
        "merge": Stream(item),
    }
    return made.get(function, Stream(item) if function in _SAME_ITEMS else None)


def _builtin(function: str, args: Sequence[Kind], named: Mapping[str, Kind], call: Call) -> Kind:
    first = args[0] if args else None
    if function in ("map", "filter"):
        item = item_of(args[1]) if len(args) > 1 else None
        given = call(first, [item])
        return Many(item if function == "filter" else given)
    if function == "reduce" and len(args) > 1:
        return call(first, [None, item_of(args[1])])
    item = item_of(first)
    call(named.get("key"), [item if not args[1:] else either(*args)])
    made: dict[str, Kind] = {
        "enumerate": Many(Tuple((None, item))),
        "zip": Many(Tuple(tuple(map(item_of, args)))),
        "groupby": Many(Tuple((None, Many(item)))),
        "chain": Many(either(*map(item_of, args))),
    }
    if function in _LISTS:
        return Many(item)
    if function in _SAME:
        return either(*args) if function in ("copy", "deepcopy", "replace") or args[1:] else item
    return made.get(function)


def method(owner: Kind, name: str) -> Kind:
    """What a method of a container gives."""
    found = [_container(member, name) for member in members(owner) if isinstance(member, Many)]
    return either(*found)


def _container(owner: Many, name: str) -> Kind:
    if name in ("values", "copy", "union", "difference"):
        return owner if name != "values" else Many(owner.item)
    if name == "items":
        return Many(Tuple((owner.key, owner.item)))
    if name == "keys":
        return Many(owner.key)
    return owner.item if name in ("get", "pop", "popleft", "setdefault") else None


def subscript(owner: Kind, index: int | None) -> Kind:
    """What `owner[…]` is."""
    found: list[Kind] = []
    for member in owner.kinds if isinstance(owner, Either) else [owner]:
        if isinstance(member, Many):
            found.append(member.item)
        elif (
            isinstance(member, Tuple)
            and index is not None
            and -len(member.items) <= index < len(member.items)
        ):
            found.append(member.items[index])
    return either(*found)

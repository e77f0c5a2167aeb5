"""How objects of classes made from Protobuf messages are pickled, and read again when the schema has changed.

By the numbers of their fields, as on the wire: a field that came since is absent, one that is gone is left
out, a renamed one is the same. So no schema has to be known but today's. Pickles name the function here by
`kgen_runtime.state`: that is a contract.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from ..errors import RecoveryError, SchemaError
from .class_homes import PROTO_HOMES
from .loading import current_load
from .marks import Mark
from .proto_homes import ProtoBinding, ProtoMember
from .record_values import blank, put, set_method

_HINT: Final = (
    "Run it with the code that wrote it, or let the schema change so that it reads old messages, or begin "
    "with an empty recovery folder."
)


def proto_object(mark: str) -> Any:
    """An object whose values come with its `__setstate__`. Raises `RecoveryError`."""
    found = PROTO_HOMES.find(Mark.parse(mark))
    load = current_load()
    if found is not None:
        if load is not None and found.mark != mark:
            load.outdated = True
        return blank(found.cls)
    error = _unreadable(Mark.parse(mark).name, "no generated class stands for it any more")
    if load is None:
        raise error
    return load.stand_in(None, lambda found, binding: None, error)


proto_object.__module__ = "kgen_runtime.state"


def install_proto(binding: ProtoBinding) -> None:
    """Make the class of the binding take part, if it is not known yet.

    Enums pickle as Python has them, by their number, and so does what holds members of oneofs, which is
    frozen.
    """
    if issubclass(binding.cls, enum.Enum) or binding.cls.__dataclass_params__.frozen:
        return
    if not PROTO_HOMES.add(binding):
        return
    set_method(binding.cls, "__reduce_ex__", _reduce_object(binding))
    set_method(binding.cls, "__setstate__", _set_state(binding))


def _unreadable(name: str, why: str) -> RecoveryError:
    return RecoveryError(f"a kept {name} cannot be read: {why}", hint=_HINT)


def _reduce_object(binding: ProtoBinding) -> Callable[..., Any]:
    def reduce(self: Any, protocol: int) -> Any:
        if type(self) is not binding.cls:
            return object.__reduce_ex__(self, protocol)
        try:
            values = {
                member.number: value
                for member in binding.members
                for value in _values(member, getattr(self, member.attribute, ...))
            }
            unknown = binding.unknown_attribute
            strange = any(
                type(getattr(self, name, None)) not in {*holders, type(None)}
                for name, holders in binding.holders.items()
            )
        except SchemaError:  # the class does not stand for its message
            strange = True
        if strange:
            return object.__reduce_ex__(self, protocol)
        more = b"" if unknown is None else getattr(self, unknown, b"")
        return proto_object, (binding.mark,), (binding.mark, values, more)

    return reduce


def _values(member: ProtoMember, value: Any) -> list[Any]:
    """The value of a field, if it has one: numbers for the members of enums."""
    if value is ...:
        return []
    if member.holder is not None:
        if type(value) is not member.holder:
            return []
        value = value.value
    return [
        value if member.enum is None else _each(value, lambda one: int(one) if isinstance(one, int) else one)
    ]


def _each(value: Any, made: Callable[[Any], Any]) -> Any:
    """The same of a value, of the items of a list, of the values of a dict."""
    if type(value) is list:
        return [made(each) for each in value]
    if type(value) is dict:
        return {key: made(each) for key, each in value.items()}
    return made(value)


def _set_state(binding: ProtoBinding) -> Callable[..., None]:
    def set_state(self: Any, state: Any) -> None:
        if type(state) is tuple and len(state) == 3 and type(state[0]) is str:
            _fill(binding, self, *state)
        else:  # of a class that a user derived: by attribute
            put(self, state if isinstance(state, tuple) else (state, None))
            for name in binding.absent:
                if not hasattr(self, name):
                    setattr(self, name, _default(binding, name))

    return set_state


def _fill(binding: ProtoBinding, record: Any, mark: str, values: dict[int, Any], more: bytes) -> None:
    """Give a new object the values that were kept of it. Raises `RecoveryError`."""
    given: dict[str, Any] = {}
    for member in binding.members:
        if member.number in values:
            value = values[member.number]
            if member.enum is not None:
                value = _each(value, partial(_member_of, member.enum))
            given[member.attribute] = value if member.holder is None else member.holder(value=value)
    if binding.unknown_attribute is not None:
        given[binding.unknown_attribute] = more
    for name in binding.absent:
        setattr(record, name, given[name] if name in given else _default(binding, name))


def _member_of(cls: type[Any], number: Any) -> Any:
    """A number that a closed enum has not any more stays a number."""
    try:
        return number if number is None else cls(number)
    except ValueError:
        return number


def _default(binding: ProtoBinding, name: str) -> Any:
    of = binding.absent[name]
    if of.default_factory is not dataclasses.MISSING:
        return of.default_factory()
    if of.default is dataclasses.MISSING:
        raise _unreadable(binding.cls.__name__, f"it has no {name!r}, which is required now")
    return of.default

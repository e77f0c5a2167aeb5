"""How objects of classes made from JSON Schemas are pickled, and read again when the schema has changed.

By the names of their properties: a property that came since has its default, one that is gone is left out. So
no schema has to be known but today's. Pickles name the functions here by `kgen_runtime.state`: that is a
contract.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any, Final

from ..codec.values import ABSENT
from ..errors import RecoveryError, SchemaError
from .class_homes import JSON_HOMES
from .json_homes import JsonBinding, JsonMember
from .loading import current_load
from .marks import Mark
from .record_values import blank, put, set_method

_HINT: Final = (
    "Run it with the code that wrote it, or let the schema change so that it reads old messages (new "
    "properties are optional or have a default), or begin with an empty recovery folder."
)


def json_object(mark: str) -> Any:
    """An object whose values come with its `__setstate__`. Raises `RecoveryError`."""
    found = _found(mark)
    if isinstance(found, JsonBinding):
        return blank(found.cls)
    return _stand_in(mark, found)


def json_member(mark: str, symbol: str) -> Any:
    """The member of an enum. Raises `RecoveryError`."""
    found = _found(mark)
    if not isinstance(found, JsonBinding):
        return _stand_in(mark, found)
    try:
        return found.cls(symbol)
    except ValueError:
        name = f"{found.cls.__name__}.{symbol}"
        return _stand_in(mark, _unreadable(name, "the symbol is gone"))


for _called in (json_object, json_member):
    _called.__module__ = "kgen_runtime.state"


def install_json(binding: JsonBinding) -> None:
    """Make the class of the binding take part, if it is not known yet."""
    if not JSON_HOMES.add(binding):
        return
    if issubclass(binding.cls, enum.Enum):
        set_method(binding.cls, "__reduce_ex__", _reduce_member(binding))
        return
    set_method(binding.cls, "__reduce_ex__", _reduce_object(binding))
    set_method(binding.cls, "__setstate__", _set_state(binding))


def _found(mark: str) -> JsonBinding | RecoveryError:
    found = JSON_HOMES.find(Mark.parse(mark))
    load = current_load()
    if found is None:
        name = Mark.parse(mark).name
        return _unreadable(name, "no generated class stands for it any more")
    if load is not None and found.mark != mark:
        load.outdated = True
    return found


def _stand_in(mark: str, error: RecoveryError) -> Any:
    """What holds a value that cannot be read may have no place for it any more."""
    load = current_load()
    if load is None:
        raise error
    return load.stand_in(None, lambda found, binding: None, error)


def _unreadable(name: str, why: str) -> RecoveryError:
    return RecoveryError(f"a kept {name} cannot be read: {why}", hint=_HINT)


def _reduce_member(binding: JsonBinding) -> Callable[..., Any]:
    def reduce(self: Any, protocol: int) -> Any:
        return json_member, (binding.mark, self.value)

    return reduce


def _reduce_object(binding: JsonBinding) -> Callable[..., Any]:
    def reduce(self: Any, protocol: int) -> Any:
        if type(self) is not binding.cls:
            return object.__reduce_ex__(self, protocol)
        try:
            state = (binding.mark, _values(binding, self), _extra(binding, self))
        except SchemaError:  # the class does not stand for its type
            return object.__reduce_ex__(self, protocol)
        return json_object, (binding.mark,), state

    return reduce


def _values(binding: JsonBinding, record: Any) -> dict[str, Any]:
    """The values of the properties by name; `ABSENT` of those that are absent, none of an attribute that was
    never set.
    """
    values: dict[str, Any] = {}
    for member in binding.members:
        value = getattr(record, member.attribute, ...)
        if value is None and not member.is_required and not member.takes_null:
            value = ABSENT
        if value is not ...:
            values[member.name] = value
    return values


def _extra(binding: JsonBinding, record: Any) -> Any:
    return None if binding.extra_attribute is None else getattr(record, binding.extra_attribute, None)


def _set_state(binding: JsonBinding) -> Callable[..., None]:
    def set_state(self: Any, state: Any) -> None:
        if type(state) is tuple and len(state) == 3 and type(state[0]) is str:
            _fill(binding, self, *state)
        else:  # of a class that a user derived: by attribute
            put(self, state if isinstance(state, tuple) else (state, None))
            for member in binding.members:
                if not hasattr(self, member.attribute):
                    setattr(self, member.attribute, _default(binding, member))

    return set_state


def _fill(binding: JsonBinding, record: Any, mark: str, values: dict[str, Any], more: Any) -> None:
    """Give a new object the values that were kept of it. Raises `RecoveryError`."""
    is_current = mark == binding.mark
    others = dict(more) if type(more) is dict and not is_current else more
    for member in binding.members:
        if member.name in values:
            value = values[member.name]
        elif type(others) is dict and member.name in others and not is_current:
            value = others.pop(member.name)  # it has a name in the schema now
        elif is_current:
            continue  # it was never set
        else:
            value = _default(binding, member)
        setattr(record, member.attribute, _today(binding, member, value, is_current=is_current))
    if binding.extra_attribute is not None:
        setattr(record, binding.extra_attribute, {} if others is None else others)


def _today(binding: JsonBinding, member: JsonMember, value: Any, *, is_current: bool) -> Any:
    """A value as today's class has it."""
    if value is ABSENT:
        if member.is_required and not is_current:
            raise _unreadable(binding.cls.__name__, f"{member.name!r} is required now")
        return None if not member.takes_null and not member.is_required else ABSENT
    if is_current:
        return value
    if type(value) is str:
        return next((found for each in member.enums for found in _member_of(each, value)), value)
    if isinstance(value, enum.Enum) and isinstance(value.value, str) and not isinstance(value, member.enums):
        return value.value
    return value


def _member_of(cls: type[enum.Enum], symbol: str) -> list[Any]:
    try:
        return [cls(symbol)]
    except ValueError:
        return []


def _default(binding: JsonBinding, member: JsonMember) -> Any:
    if member.absent is None:
        raise _unreadable(binding.cls.__name__, f"it has no {member.name!r}, which is required now")
    return member.absent.value if member.absent.factory is None else member.absent.factory()

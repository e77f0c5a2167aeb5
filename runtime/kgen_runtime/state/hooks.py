"""What makes pickle and copy treat objects of a class as `kgen_runtime.state` says."""

from __future__ import annotations

import copyreg
import enum
from collections.abc import Callable
from operator import attrgetter
from typing import Any

from ..codec import make_writer
from ..errors import SchemaError
from .homes import Binding
from .record_values import UNSET, put, set_method
from .restoring import fill, member, new, new_of, restore

packers: dict[type[Any], tuple[str, Callable[[Any], bytes | None]]] = {}
"""Of each class of which a record was pickled: the mark, and what makes the Avro binary of a record, None of
one that has to be kept by its values.
"""


def install(binding: Binding) -> None:
    """Make the class of the binding take part."""
    if issubclass(binding.cls, enum.Enum):
        set_method(binding.cls, "__reduce_ex__", _reduce_member(binding))
        return
    set_method(binding.cls, "__reduce_ex__", _reduce_record(binding))
    set_method(binding.cls, "__setstate__", _set_state(binding))
    set_method(binding.cls, "__copy__", _copy)


def _reduce_member(binding: Binding) -> Callable[..., Any]:
    def reduce(self: Any, protocol: int) -> Any:
        return member, (binding.mark, self.value)

    return reduce


def _reduce_record(binding: Binding) -> Callable[..., Any]:
    cls = binding.cls
    mark = ""
    pack: Callable[[Any], bytes | None]

    def prepare() -> bool:
        """Parse the schema, when the first object is pickled. Whether the class stands for its type."""
        nonlocal mark, pack
        try:
            binding.attributes  # noqa: B018 - refused here where they do not fit
            pack = make_writer(binding.home.alone(binding.name), binding.home.classes).pack
            mark = binding.mark
            packers[cls] = mark, pack
        except SchemaError:
            return False
        return True

    def reduce(self: Any, protocol: int) -> Any:
        if not mark and not prepare():
            return object.__reduce_ex__(self, protocol)
        if type(self) is not cls:
            return _reduce_derived(binding, self)
        data = pack(self)
        if data is not None:
            return restore, (mark, data)
        return new, (mark,), (mark, None, *values(binding, self))

    return reduce


def values(binding: Binding, record: Any) -> tuple[Any, ...]:
    """The values of a record in the order of its schema."""
    try:
        found = attrgetter(*binding.attributes)(record) if binding.attributes else ()
    except AttributeError:
        return tuple(getattr(record, name, UNSET) for name in binding.attributes)
    return found if len(binding.attributes) != 1 else (found,)


def _reduce_derived(binding: Binding, record: Any) -> Any:
    """For a class that a user derived: what it adds goes along by name."""
    made = _default_form(record)
    state = made[2] if len(made) > 2 else None
    if made[0] is not copyreg.__newobj__ or len(made[1]) > 1 or any(made[3:]) or _own_state(binding, record):  # type: ignore[attr-defined]
        return made  # it has a way of its own
    held, slots = state if isinstance(state, tuple) else (state, None)
    slots = dict(slots or {})
    known = tuple(slots.pop(name, UNSET) for name in binding.attributes)
    more = (held, slots) if held or slots else None
    return new_of, (type(record), binding.mark), (binding.mark, more, *known)


def _default_form(record: Any) -> Any:
    """What pickle would make of it, by names."""
    return object.__reduce_ex__(record, 4)


def _own_state(binding: Binding, record: Any) -> bool:
    cls = type(record)
    if cls.__setstate__ is not binding.cls.__setstate__:
        return True
    return getattr(cls, "__getstate__", None) is not getattr(object, "__getstate__", None)


def _set_state(binding: Binding) -> Callable[..., None]:
    def set_state(self: Any, state: Any) -> None:
        if type(state) is not tuple or state[:2] != (binding.mark, None):
            fill(binding, self, state)
            return
        for attribute, value in zip(binding.attributes, state[2:]):
            if value is not UNSET:
                setattr(self, attribute, value)

    return set_state


def _copy(self: Any) -> Any:
    """A shallow copy: the values are the same objects."""
    function, args, *rest = _default_form(self)
    made = function(*args)
    state = rest[0] if rest else None
    own: Any = getattr(type(self), "__setstate__", None)
    if getattr(own, "__module__", None) != __name__:
        made.__setstate__(state)
    elif state is not None:
        put(made, state if isinstance(state, tuple) else (state, None))
    return made

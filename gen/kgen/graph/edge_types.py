"""Which type the items of a stream have, as far as annotations say."""

from __future__ import annotations

import collections.abc
import sys
import types
import typing
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import bytewax.operators as op
from bytewax.operators import windowing as bytewax_windowing

import kgen_runtime as rt
from kgen_runtime._bytewax import input_ports, operator_class, output_ports
from kgen_runtime.serde import DoubleSerde, IntSerde, LongSerde, NoneSerde, StringSerde
from kgen_runtime.serde.primitive import BytesSerde

if TYPE_CHECKING:
    from bytewax.dataflow import Operator

UNKNOWN: Final[Any] = object()
"""The type of items of which no annotation speaks."""

_PLAIN: Final[dict[type[Any], Any]] = {
    StringSerde: str,
    BytesSerde: bytes,
    IntSerde: int,
    LongSerde: int,
    DoubleSerde: float,
    NoneSerde: None,
}
_UNIONS: Final = (typing.Union, types.UnionType)


class KeyedType(typing.NamedTuple):
    """Of a keyed stream: the type of its values."""

    value: Any


class StreamTypes:
    """The types of the streams of a flow, by their ids: filled step by step, in the order of the flow."""

    def __init__(self) -> None:
        self._types: dict[str, Any] = {}

    def text(self, stream: str) -> str:
        """Of the items of a stream, as an annotation has it; empty if it is not known."""
        return type_text(self._types.get(stream, UNKNOWN))

    def add(self, step: Operator) -> None:
        """Note the types of what comes out of a step; those of what goes into it are known by now."""
        found = _RULES.get(type(step))
        if found is not None:
            for port, streams in output_ports(step).items():
                if port in found:
                    self._types.update(dict.fromkeys(streams, found[port](self, step)))

    def of(self, step: Operator, port: str = "up") -> Any:
        """The type of the items that go into a port of a step; of several streams, what all of them have."""
        several = self.each(step, port)
        return several[0] if several and all(each == several[0] for each in several) else UNKNOWN

    def each(self, step: Operator, port: str) -> list[Any]:
        """The types of the streams that go into a port."""
        return [self._types.get(stream, UNKNOWN) for stream in input_ports(step).get(port, ())]


def type_text(of: Any) -> str:
    """As it would be written; a class with the module it is from, where that is not a built-in one."""
    if of is UNKNOWN:
        return ""
    if isinstance(of, KeyedType):
        return f"KeyedStream[{type_text(of.value) or '…'}]"
    if of is None or of is type(None):
        return "None"
    if of is ...:
        return "..."
    if isinstance(of, list):
        return f"[{', '.join(type_text(each) or '…' for each in of)}]"
    origin, arguments = typing.get_origin(of), typing.get_args(of)
    if origin in _UNIONS:
        return " | ".join(type_text(each) or "…" for each in arguments)
    if origin is typing.Literal:
        return f"Literal[{', '.join(map(repr, arguments))}]"
    if origin is not None:
        return f"{_name(origin)}[{', '.join(type_text(each) or '…' for each in arguments)}]"
    return _name(of)


def _name(of: Any) -> str:
    name = getattr(of, "__qualname__", None) or getattr(of, "__name__", None)
    if not isinstance(name, str):
        return str(of).removeprefix("typing.").removeprefix("~")
    module = str(getattr(of, "__module__", ""))
    plain = ("builtins", "typing", "collections.abc", "datetime", "decimal", "uuid", "__main__")
    if module in plain or module.startswith("kgen_runtime"):
        return name
    return f"{module.rpartition('.')[2]}.{name}"


def serde_type(serde: object) -> Any:
    """The type of what a serde reads: of one in a generated module, what is written beside it."""
    plain = _PLAIN.get(type(serde), UNKNOWN)
    if plain is not UNKNOWN:
        return plain
    for module in list(sys.modules.values()):
        names = vars(module) if isinstance(module, types.ModuleType) else {}
        for name in names.get("__annotations__", ()):
            if names.get(name) is serde:
                arguments = typing.get_args(_hints(module).get(name))
                return arguments[0] if arguments else UNKNOWN
    return UNKNOWN


def _hints(of: Any) -> dict[str, Any]:
    try:
        return typing.get_type_hints(of)
    except Exception:  # noqa: BLE001 - annotations are code of the user's, and may name what is not there
        return {}


def returned(function: object) -> Any:
    """What a function says that it returns."""
    if isinstance(function, type):
        return function
    called = function if hasattr(function, "__annotations__") else getattr(function, "__call__", None)  # noqa: B004
    hints = _hints(called)
    return hints.get("return", UNKNOWN)


def _without_none(of: Any) -> Any:
    if typing.get_origin(of) not in _UNIONS:
        return of
    left = tuple(each for each in typing.get_args(of) if each is not type(None))
    return typing.Union[left] if left else UNKNOWN  # noqa: UP007 - of a tuple


def _item(of: Any) -> Any:
    """Of something to iterate over, the type of what it gives."""
    found = _without_none(of)
    origin, arguments = typing.get_origin(found), typing.get_args(found)
    if not isinstance(origin, type) or not issubclass(origin, collections.abc.Iterable) or not arguments:
        return UNKNOWN
    if origin is tuple and arguments[1:] != (...,):
        return UNKNOWN
    return arguments[0]


def _second(of: Any) -> Any:
    """Of a pair of state and what goes on, the type of that."""
    arguments = typing.get_args(of)
    return arguments[1] if typing.get_origin(of) is tuple and len(arguments) == 2 else UNKNOWN


_Rule = Callable[[StreamTypes, Any], Any]


def _same(types: StreamTypes, step: Any) -> Any:
    return types.of(step)


def _failure(types: StreamTypes, step: Any) -> Any:
    return rt.Failure


def _of_topic(types: StreamTypes, step: Any) -> Any:
    key, value = serde_type(step.topic.key), serde_type(step.topic.value)
    return rt.Message[_known(key), _known(value)]  # type: ignore[misc]


def _known(of: Any) -> Any:
    return Any if of is UNKNOWN else of


def _with_value(types: StreamTypes, step: Any) -> Any:
    """Of `rt.map_value`: the message that came in, with another value."""
    key = typing.get_args(types.of(step))
    value = _without_none(returned(step.f))
    return rt.Message[key[0] if key else Any, _known(value)]  # type: ignore[misc]


def _mapped(name: str, of: Callable[[Any], Any] = _without_none) -> _Rule:
    """What a function of the user's, an argument of that name, says that it returns."""

    def rule(types: StreamTypes, step: Any) -> Any:
        return of(returned(getattr(step, name, None)))

    return rule


def _keyed(name: str, of: Callable[[Any], Any]) -> _Rule:
    mapped = _mapped(name, of)
    return lambda types, step: KeyedType(mapped(types, step))


def _key_on(types: StreamTypes, step: Any) -> Any:
    return KeyedType(types.of(step))


def _key_rm(types: StreamTypes, step: Any) -> Any:
    of = types.of(step)
    return of.value if isinstance(of, KeyedType) else UNKNOWN


def _merged(types: StreamTypes, step: Any) -> Any:
    return types.of(step, "ups")


def _identity(of: Any) -> Any:
    return of


def _windowed(value: Callable[[Any, Any], Any]) -> _Rule:
    """Of steps of windows: the number of the window, and what became of its values."""

    def rule(types: StreamTypes, step: Any) -> Any:
        of = types.of(step)
        return KeyedType(tuple[int, _known(value(of.value if isinstance(of, KeyedType) else UNKNOWN, step))])  # type: ignore[misc]

    return rule


def _joined(types: StreamTypes, step: Any) -> Any:
    """Of joins: a value of each side."""
    sides = types.each(step, "sides")
    row = tuple(_known(each.value) if isinstance(each, KeyedType) else Any for each in sides)
    return KeyedType(tuple[int, tuple[row]])  # type: ignore[valid-type]


def _collected(of: Any, step: Any) -> Any:
    into = getattr(step, "into", list)
    return into[_known(of)] if into in (list, set) else into


_WINDOWS: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "collect_window": _collected,
    "count_window": lambda of, step: int,
    "fold_window": lambda of, step: returned(step.folder),
    "max_window": lambda of, step: of,
    "min_window": lambda of, step: of,
    "reduce_window": lambda of, step: of,
}

_BY_FUNCTION: Final[list[tuple[Any, dict[str, _Rule]]]] = [
    (rt.source, {"oks": _of_topic, "errs": _failure}),
    (rt.deserialize, {"oks": _of_topic, "errs": _failure}),
    (rt.serialize, {"errs": _failure}),
    (rt.sink, {"down": _failure}),
    (rt.late, {"down": _failure}),
    (rt.map_value, {"oks": _with_value, "errs": _failure}),
    (rt.map, {"oks": _mapped("mapper"), "errs": _failure}),
    (rt.filter_map, {"oks": _mapped("mapper"), "errs": _failure}),
    (rt.flat_map, {"oks": _mapped("mapper", _item), "errs": _failure}),
    (rt.filter, {"oks": _same, "errs": _failure}),
    (rt.branch, {"trues": _same, "falses": _same, "errs": _failure}),
    (rt.key_on, {"oks": _key_on, "errs": _failure}),
    (rt.stateful_map, {"oks": _keyed("mapper", _second), "errs": _failure}),
    (rt.stateful_flat_map, {"oks": _keyed("mapper", lambda of: _item(_second(of))), "errs": _failure}),
    (op.map, {"down": _mapped("mapper", _identity)}),
    (op.filter_map, {"down": _mapped("mapper")}),
    (op.flat_map, {"down": _mapped("mapper", _item)}),
    (op.filter, {"down": _same}),
    (op.filter_value, {"down": _same}),
    (op.map_value, {"down": _keyed("mapper", _identity)}),
    (op.filter_map_value, {"down": _keyed("mapper", _without_none)}),
    (op.flat_map_value, {"down": _keyed("mapper", _item)}),
    (op.inspect, {"down": _same}),
    (op.redistribute, {"down": _same}),
    (op.branch, {"trues": _same, "falses": _same}),
    (op.merge, {"down": _merged}),
    (op.key_on, {"down": _key_on}),
    (op.key_rm, {"down": _key_rm}),
    (op.stateful_map, {"down": _keyed("mapper", _second)}),
    (op.stateful_flat_map, {"down": _keyed("mapper", lambda of: _item(_second(of)))}),
    *(
        (getattr(windows, name), {"down": _windowed(value), "errs": _failure})
        for name, value in _WINDOWS.items()
        for windows in (rt.windowing, bytewax_windowing)
    ),
    (rt.windowing.join_window, {"down": _joined, "errs": _failure}),
    (bytewax_windowing.join_window, {"down": _joined}),
]
_RULES: Final = {operator_class(function): rules for function, rules in _BY_FUNCTION}

"""What steps of the runtime and of Bytewax give, and what they call their callbacks with."""

from __future__ import annotations

from collections.abc import Callable

from .kinds import (
    DERIVED,
    NO_OBJECT,
    SCALAR,
    External,
    Function,
    Getter,
    Kind,
    Many,
    MessageKind,
    Partial,
    SplitKind,
    Stream,
    TopicKind,
    Tuple,
    either,
    members,
)
from .outer_call import Call

_SAME_ITEMS = {"filter", "inspect", "inspect_debug", "redistribute", "filter_value", "raises", "merge"}
_AS_BYTEWAXS = {
    *("map", "flat_map", "filter", "filter_map", "key_on", "branch", "stateful_map", "stateful_flat_map")
}
"""Steps of the runtime that call their callbacks as Bytewax's do, and give `errs` besides."""
_WITH_STATE = ("stateful", "enrich", "fold", "reduce", "inspect")


def runtime(call: Call, function: str) -> Kind:
    """What a function of the runtime gives."""
    topic = next((a for a in call.given.all if isinstance(a, TopicKind)), None)
    if topic:
        _written(call, function, topic)
        read = MessageKind(topic.key, topic.value, topic.module, topic.module)
        if function in ("source", "deserialize"):
            return SplitKind(read)
        if function == "read":
            return Many(read)
    if function == "map_value":
        message = _message_in(_stream(call))
        given = call.back(_callback(call), message.value)
        return SplitKind(MessageKind(message.key, given, message.key_of))
    if function in _AS_BYTEWAXS:
        made = operator(call, function)
        return SplitKind(made.item) if isinstance(made, Stream) else made
    if function == "Message":
        return MessageKind(call.arg(0, "key"), call.arg(1, "value"))
    if function == "sink":
        return Stream(External("kgen_runtime.Failure()"))
    return call.analysis.calls.outside(call.scope, call.node, call.name, call.given)


def _written(call: Call, function: str, topic: TopicKind) -> None:
    """For a step that writes to a topic, the halves of topics that have to fit together there are used. What
    a message took over from the same topic fits.
    """
    if topic.module and function in ("sink", "serialize", "Writer"):
        message = _message_in(_stream(call))
        for half, source in (("key", message.key_of), ("value", message.value_of)):
            for module in (topic.module, source) if source != topic.module else ():
                call.analysis.report.on_name_use(call.scope.text, call.node, module, half)


def _message_in(item: Kind) -> MessageKind:
    return next((m for m in members(item) if isinstance(m, MessageKind)), MessageKind(None, None))


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
    return [a for a in given if a not in (None, NO_OBJECT) and not isinstance(a, (Stream, TopicKind))]


def _callback(call: Call) -> Kind:
    return next(iter(_callbacks(call)), None)


def operator(call: Call, function: str) -> Kind:
    """What a step of Bytewax gives."""
    item = _stream(call)
    value = _value(item)
    has_keys = any(isinstance(m, Tuple) for m in members(item))
    if function == "input":
        return Stream(DERIVED if any(map(call.analysis.shapes.holds_model, call.given.all)) else None)
    if function.startswith(_WITH_STATE):
        return _with_state(call, function, item, value, has_keys)
    if function.endswith("_window") or function in ("join", "window"):
        return _window(call, function, item if function == "count_window" else value)
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
    return SplitKind(kept) if function.endswith("_window") else Stream(kept)


def _given(call: Call, function: str, result: Kind) -> Kind:
    """What a step with state gives, by what its callbacks give."""
    if function.startswith("stateful_"):
        emitted = call.analysis.objects.parts(call.scope, call.node, result, 2)[1]
        return call.item(emitted) if function == "stateful_flat_map" else emitted
    return result if function.startswith("fold_") else None


def _count(kind: Kind) -> int:
    """UsageKind many parameters a callback has."""
    if isinstance(kind, Function):
        args = kind.node.args
        return min(2, len(args.posonlyargs) + len(args.args) - kind.bound)
    return 2


def _window(call: Call, function: str, value: Kind) -> Kind:
    for other in _callbacks(call):
        if isinstance(other, (Function, Getter, Partial)):
            call.back(other, value)
    if function == "join":
        streams = [m for a in call.given.args for m in members(a) if isinstance(m, Stream)]
        return Stream(Tuple((SCALAR, Tuple(tuple(_value(s.item) for s in streams)))))
    made = {"collect_window": Many(value), "max_window": value, "min_window": value}.get(function)
    return SplitKind(Tuple((SCALAR, Tuple((SCALAR, made)))))


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
        "branch": lambda: SplitKind(item),
        "flatten": lambda: Stream(call.item(item)),
        "collect": lambda: Stream(Tuple((SCALAR, Many(value)))),
        "max_final": lambda: Stream(Tuple((SCALAR, value))),
        "min_final": lambda: Stream(Tuple((SCALAR, value))),
    }
    if function in _SAME_ITEMS:
        return Stream(item)
    return made[function]() if function in made else None

"""Wrong arguments of kgen's functions, reported at the user's line while the flow is built."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar, cast

from bytewax.dataflow import Dataflow, Stream

from .._bytewax import is_about_step_name
from ..errors import ConfigError, FlowError
from ..kafka.connection import Kafka
from ..messages import Failure, Message, RawMessage
from ..reporting.call_site import step_line, users_line
from ..reporting.shown_argument import last_name, shown
from .split import Split
from .topic import Topic

X = TypeVar("X")
Y = TypeVar("Y")
F = TypeVar("F", bound=Callable[..., Any])

POLICIES: Final = "rt.Crash(), rt.Log(), rt.Drop() or rt.DeadLetter(topic, kafka)"
_MADE_A_MESSAGE: Final = (
    "rt.Message(key, value) creates one; message.with_value(value) keeps key and provenance."
)
_WINDOWING: Final = {
    "clock": ("Clock", "Pass an EventClock or SystemClock of bytewax.operators.windowing."),
    "windower": (
        "Windower",
        "Pass a TumblingWindower, SlidingWindower or SessionWindower of bytewax.operators.windowing.",
    ),
}
"""Names in a module that only flows with windows load."""
_KEYED: Final = "rt.key_on(...).oks gives such pairs."
_CONSUMED: Final = "kop.input(...).oks gives such messages; rt.source reads and decodes by itself."
_STEP_IDS: Final = "Give each step of a flow a name of its own, without periods."
_KINDS: Final[dict[str, tuple[type[Any], str]]] = {
    "flow": (Dataflow, 'Pass the Dataflow("name") that the steps are added to.'),
    "sides": (Stream, "Pass keyed streams: rt.key_on(...).oks."),
    "up": (Stream, "Pass a stream: what another step returned, or one of its outputs (step.oks, step.errs)."),
    "errs": (Stream, "Pass streams of failures: <step>.errs, or what rt.sink returned."),
    "topic": (Topic, "Pass a generated topic (orders.topic), or rt.Topic(name, key=..., value=...)."),
    "kafka": (Kafka, 'Pass rt.Kafka.from_env() or rt.Kafka("host:9092").'),
}


def checked(function: F) -> F:
    """A function of kgen's whose wrong arguments, and `FlowError`s, say which line of the user's it was
    called from.
    """
    signature = inspect.signature(function)
    inside = "windowing." if function.__module__.endswith(".windowing") else ""
    name = f"rt.{inside}{function.__qualname__.removesuffix('.__init__')}"

    @functools.wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        try:
            _check_arguments(name, signature, args, kwargs)
            return function(*args, **kwargs)
        except (FlowError, ConfigError) as error:
            line = users_line()
            if line is not None and line not in (error.where or ""):
                error.where = f"{line}, {error.where}" if error.where else line
            raise
        except ValueError as error:
            if not is_about_step_name(error):
                raise
            raise FlowError(f"{name}: {error}", where=users_line(), hint=_STEP_IDS) from None

    return cast(F, called)


def check_function(step: str, name: str, function: object) -> None:
    """Raises `FlowError` if a step was given what it cannot call, or what nothing would await."""
    if not callable(function):
        raise FlowError(
            f"{step}: {name} is {shown(function)}, not a function", hint=f"Pass a function as {name}."
        )
    if any(map(is_async, (function, getattr(function, "__call__", None)))):  # noqa: B004 - of an instance
        raise FlowError(
            f"{step}: {name} is async, and nothing in a step awaits it", hint="Pass a function without async."
        )


def is_async(function: object) -> bool:
    """Whether a call of it only gives something to await, or to iterate with `async for`."""
    while isinstance(function, functools.partial):
        function = function.func
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)


def check_policies(policy: object, given_as: str) -> list[Any]:
    """The policies that an argument has, one or more. Raises `FlowError` for what is none."""
    policies = list(policy) if isinstance(policy, Sequence) and not isinstance(policy, str) else [policy]
    if not policies:
        raise FlowError(f"{given_as}[] names no policy", hint=f"Pass {POLICIES}.")
    for each in policies:
        if not callable(getattr(each, "build", None)) or isinstance(each, type):
            made = f"An instance is wanted: rt.{each.__name__}(...)." if isinstance(each, type) else None
            raise FlowError(f"{given_as}{shown(each)} is not a policy", hint=made or f"Pass {POLICIES}.")
    return policies


def explaining(
    step_id: str, act: Callable[[list[X]], Y], check: Callable[[object, str], None]
) -> Callable[[list[X]], Y]:
    """`act` on batches; if it fails for what an item is, with the error that `check` raises of that."""

    def acted(items: list[X]) -> Y:
        try:
            return act(items)
        except AttributeError:
            for item in items:
                check(item, step_id)
            raise

    return acted


def check_message(message: object, step_id: str) -> None:
    """Raises `FlowError` if a step was given something else than an `rt.Message`."""
    if not isinstance(message, Message):
        raise _wrong_item(message, step_id, "an rt.Message", _MADE_A_MESSAGE)


def check_keyed(item: object, step_id: str) -> None:
    """Raises `FlowError` if a step that keeps state of keys was given what is not a key and a value."""
    if not (isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], str)):
        raise _wrong_item(item, step_id, "a tuple (key, value) with a key of type str", _KEYED)


def check_consumed(message: object, step_id: str) -> None:
    """Raises `FlowError` if `rt.deserialize` was given what no consumer gives."""
    from bytewax.connectors.kafka import KafkaSourceMessage  # it loads much that no other step needs

    if not isinstance(message, (KafkaSourceMessage, RawMessage)):
        raise _wrong_item(message, step_id, "an rt.RawMessage or KafkaSourceMessage", _CONSUMED)


def check_failure(failure: object, step_id: str) -> None:
    """Raises `FlowError` if `rt.route` was given something else than an `rt.Failure`."""
    if not isinstance(failure, Failure):
        raise _wrong_item(failure, step_id, "an rt.Failure", str(_KINDS["errs"][1]))


def _check_arguments(name: str, signature: inspect.Signature, args: Any, kwargs: Any) -> None:
    try:
        given = signature.bind(*args, **kwargs).arguments
    except TypeError as error:
        raise FlowError(f"{name}: {error}", hint=f"It is {name}{_form(signature)}.") from None
    if "errs" in signature.parameters and not given.get("errs"):
        raise FlowError(f"{name} needs an errs stream", hint=_KINDS["errs"][1])
    for argument, value in given.items():
        parameter = signature.parameters[argument]
        if argument == "step_id":
            _check_step_id(name, value)
        known = argument in _KINDS or argument in _WINDOWING
        if known and not (value is None and parameter.default is None):
            for each in value if parameter.kind is parameter.VAR_POSITIONAL else (value,):
                _check_kind(name, argument, each)


def _check_step_id(name: str, value: object) -> None:
    """It names state, transactional ids and groups, which end at a NUL, and it is shown in lines."""
    if not isinstance(value, str):
        raise FlowError(
            f"{name}: the step id is {shown(value)}, not a str", hint="The first argument names the step."
        )
    if not value.strip():
        raise FlowError(f"{name}: the step id is empty", hint=_STEP_IDS)
    if not value.isprintable():
        raise FlowError(
            f"{name}: the step id {value[:60]!a} has characters that are not printable", hint=_STEP_IDS
        )


def _check_kind(name: str, argument: str, value: object) -> None:
    kind, hint = _kind(argument)
    if isinstance(value, kind) or (
        name == "rt.DeadLetter" and argument == "topic" and isinstance(value, str)
    ):
        return
    if kind is Stream and isinstance(value, Split):
        hint = f"It has two streams: pass .{'errs' if argument == 'errs' else 'oks'} of it."
    elif kind is Stream and isinstance(getattr(value, "trues", None), Stream):
        hint = f"It has several streams: pass .{'errs' if argument == 'errs' else 'trues or .falses'} of it."
    elif kind is Stream and isinstance(getattr(value, "down", None), Stream):
        hint = f"It has several streams: pass .{'errs' if argument == 'errs' else 'down'} of it."
    elif argument == "topic" and isinstance(getattr(value, "topic", None), Topic):
        hint = f"Pass its topic: {last_name(value)}.topic."
    raise FlowError(f"{name}: {argument} is {shown(value)}, not a {kind.__name__}", hint=hint)


def _kind(argument: str) -> tuple[type[Any], str]:
    if argument not in _WINDOWING:
        return _KINDS[argument]
    from bytewax.operators import windowing

    name, hint = _WINDOWING[argument]
    return getattr(windowing, name), hint


def _wrong_item(item: object, step_id: str, wanted: str, hint: str) -> FlowError:
    line = step_line(step_id)
    return FlowError(
        f"the step was given {shown(item)}, not {wanted}",
        where=f"{line}, step {step_id}" if line else f"step {step_id}",
        hint=hint,
    )


def _form(signature: inspect.Signature) -> str:
    parameters = [
        each.replace(annotation=each.empty) for each in signature.parameters.values() if each.name != "self"
    ]
    return str(signature.replace(parameters=parameters, return_annotation=signature.empty))

"""The time of a value, found before it goes into a window, so that a value without one is a failure.

Bytewax asks an `EventClock` for it inside of the step that keeps the windows, where what the user's function
raises stops the flow. So it is asked for in a step before, which passes on the value and its time.
"""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta, timezone
from operator import itemgetter
from typing import Any, Callable, Final  # noqa: UP035 - on Python 3.10 Bytewax takes the other for a class

import bytewax.operators as op
from bytewax.dataflow import Stream, operator
from bytewax.operators import KeyedStream
from bytewax.operators.windowing import Clock, EventClock, Windower

from ..flow.argument_checks import check_keyed
from ..flow.guards import Guard, ItemWork, WrongReturn
from ..flow.split import Split, split

Stamp = Callable[[Any], Any]

_FIRST: Final = datetime.min.replace(tzinfo=timezone.utc)
_LAST: Final = datetime.max.replace(tzinfo=timezone.utc) - timedelta(days=36_525)
"""Bytewax adds the time that has passed to the latest time it has seen: 100 years are left for that."""


def is_stamped(clock: Clock[Any, Any]) -> bool:
    """Whether values have to be stamped for a clock: no other kind asks a function of the user's."""
    return isinstance(clock, EventClock)


def clock_of_stamped(clock: Clock[Any, Any]) -> Clock[Any, Any]:
    """The same clock, of values with their times."""
    return dataclasses.replace(clock, ts_getter=itemgetter(1)) if isinstance(clock, EventClock) else clock


def value_of(clock: Clock[Any, Any]) -> Callable[[Any], Any]:
    """What takes the value out of what `stamped` has made of it."""
    return itemgetter(0) if is_stamped(clock) else lambda value: value


def stamp(clock: Clock[Any, Any], windower: Windower[Any]) -> Stamp:
    """What gives a value with its time. Raises what the user's function raises, and `WrongReturn` for a time
    that is none, or too early or late for these windows.
    """
    if not isinstance(clock, EventClock):
        return lambda value: value
    getter = clock.ts_getter
    reach = sum(
        (each for each in vars(windower).values() if isinstance(each, timedelta)), timedelta()
    )  # length, offset, gap
    first, last = _FIRST + reach, _LAST - reach

    def stamped(value: Any) -> tuple[Any, datetime]:
        at = getter(value)
        if not isinstance(at, datetime):
            raise WrongReturn(getter, "a datetime", at)
        if at.tzinfo is None or at.utcoffset() is None:
            raise WrongReturn(getter, "one with a time zone", at, "a datetime without a time zone")
        if not first <= at <= last:
            raise WrongReturn(getter, f"between {first.date()} and {last.date()}", at, f"{at}")
        return value, at

    return stamped


@operator
def stamped(step_id: str, up: KeyedStream[Any], act: Stamp, function: Any, guard: Guard) -> Split[Any]:
    """Keyed values with their times, by what `stamp` gives."""

    def one(item: tuple[str, Any]) -> tuple[str, Any]:
        key, value = item
        return key, act(value)

    return _acted(up, one, function, guard, check_keyed)


@operator
def keyed(
    step_id: str, up: Stream[Any], key: Callable[[Any], str], act: Stamp, function: Any, guard: Guard
) -> Split[Any]:
    """Values with the keys that `key` gives them, and their times."""

    def one(item: Any) -> tuple[str, Any]:
        made = key(item)
        if isinstance(made, str):
            return made, act(item)
        raise WrongReturn(key, "a str", made)

    return _acted(up, one, function, guard, None)


def _acted(
    up: Stream[Any],
    one: Callable[[Any], Any],
    function: object,
    guard: Guard,
    check: Callable[[object, str], None] | None,
) -> Split[Any]:
    guard.work = ItemWork(one, function, check=check)
    batches = op.flat_map_batch("items", up, lambda items: [guard.batch(items)])
    return split("split", batches, counted=False)

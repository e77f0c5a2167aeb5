"""Bytewax's windowing steps, with `errs` for what the user's functions raise: `rt.windowing.fold_window`.

Names and arguments are those of `bytewax.operators.windowing`, whose clocks and windowers they take. Beside
its `down`, `late` and `meta` each gives `errs`:

- A value for which a function raises goes to `errs`, and what its window keeps is what it was before, also
  where the function had changed it in place (`steps.kept_state` says how). This holds for `folder`,
  `reducer`, `by`, `key`, `builder` and for the `ts_getter` of an `EventClock`.
- A time that is not a datetime, has no time zone, or is too far away for the windows, goes to `errs`.
- Where `merger` raises, two sessions could not become one: what the second had kept goes to `errs`.

A value that was not folded in still belongs to its window: it opens the window, keeps a session open, and
its time moves the clock. A window in which none was folded in gives nothing in `down`. What a clock or
windower of the user's own raises stops the flow. Order and delivery are Bytewax's: by key, at least once.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import gt, lt
from typing import (  # noqa: UP035 - on Python 3.10 Bytewax takes the other for a class
    Any,
    Callable,
    Final,
    Generic,
    Literal,
    TypeVar,
    overload,
)

import bytewax.operators as op
from bytewax.dataflow import Stream, operator
from bytewax.operators import JoinEmitMode, JoinInsertMode, KeyedStream, windowing
from bytewax.operators.windowing import Clock, Windower, WindowMetadata

from .errors import FlowError
from .flow.argument_checks import check_function, checked
from .flow.failure_ports import carry_failures
from .flow.guards import Guard
from .messages import Failure
from .reporting.call_site import note_step
from .reporting.shown_argument import shown
from .steps.failed_values import parted_by_window
from .steps.stamping import Stamp, clock_of_stamped, is_stamped, keyed, stamp, stamped, value_of
from .steps.window_logic import UNSET, GuardedWindowLogic, WindowFold

X = TypeVar("X")
U = TypeVar("U")
V = TypeVar("V")
W = TypeVar("W")
S = TypeVar("S")
DK = TypeVar("DK")
DV = TypeVar("DV")


@dataclass(frozen=True)
class WindowSplit(Generic[V, W]):
    """The streams of a windowing step. `down`, `late` and `meta` are those of Bytewax's `WindowOut`: what
    windows give, what came too late for them, and when they were, each with the key and the number of the
    window. `errs` has what failed and why. Something has to read `errs`, and of an `EventClock` `late`: see
    `rt.route`, `rt.late` and `rt.check`.
    """

    down: KeyedStream[tuple[int, W]]
    late: KeyedStream[tuple[int, V]]
    meta: KeyedStream[tuple[int, WindowMetadata]]
    errs: Stream[Failure]


@checked
@operator
def fold_window(
    step_id: str,
    up: KeyedStream[V],
    clock: Clock[V, Any],
    windower: Windower[Any],
    builder: Callable[[], S],
    folder: Callable[[S, V], S],
    merger: Callable[[S, S], S],
    ordered: bool = True,
) -> WindowSplit[V, S]:
    """`windowing.fold_window` with `errs`: `folder` combines what `builder` made with each value of a window.

    With `ordered` in the order of their times, otherwise as they come.
    """
    note_step(step_id)
    for name, function in (("builder", builder), ("folder", folder), ("merger", merger)):
        check_function("rt.windowing.fold_window", name, function)

    def fold(state: Any, value: Any) -> Any:
        return folder(builder() if state is UNSET else state, value)

    how = WindowFold(fold, merger, folder, merger)
    return _windowed(step_id, up, clock, windower, how, ordered)


@checked
@operator
def reduce_window(
    step_id: str,
    up: KeyedStream[V],
    clock: Clock[V, Any],
    windower: Windower[Any],
    reducer: Callable[[V, V], V],
) -> WindowSplit[V, V]:
    """`windowing.reduce_window` with `errs`: `reducer` combines the values of a window, two at a time."""
    note_step(step_id)
    check_function("rt.windowing.reduce_window", "reducer", reducer)

    def fold(state: Any, value: Any) -> Any:
        return value if state is UNSET or state is None else reducer(state, value)

    how = WindowFold(fold, reducer, reducer, reducer)
    return _windowed(step_id, up, clock, windower, how, ordered=False)


@overload
def collect_window(
    step_id: str,
    up: KeyedStream[V],
    clock: Clock[V, Any],
    windower: Windower[Any],
    into: type[list[Any]] = ...,
    ordered: bool = ...,
) -> WindowSplit[V, list[V]]: ...


@overload
def collect_window(
    step_id: str,
    up: KeyedStream[V],
    clock: Clock[V, Any],
    windower: Windower[Any],
    into: type[set[Any]],
    ordered: bool = ...,
) -> WindowSplit[V, set[V]]: ...


@overload
def collect_window(
    step_id: str,
    up: KeyedStream[tuple[DK, DV]],
    clock: Clock[tuple[DK, DV], Any],
    windower: Windower[Any],
    into: type[dict[Any, Any]],
    ordered: bool = ...,
) -> WindowSplit[tuple[DK, DV], dict[DK, DV]]: ...


@checked
@operator
def collect_window(
    step_id: str,
    up: KeyedStream[Any],
    clock: Clock[Any, Any],
    windower: Windower[Any],
    into: Any = list,
    ordered: bool = True,
) -> WindowSplit[Any, Any]:
    """`windowing.collect_window` with `errs`: the values of a window in a list, set or dict.

    A value that a set or dict cannot take (it has no hash; it is not a pair of key and value) goes to `errs`.
    """
    note_step(step_id)
    kind = next((k for k in _CONTAINERS if isinstance(into, type) and issubclass(into, k)), None)
    if kind is None:
        raise FlowError(
            f"rt.windowing.collect_window: into is {shown(into)}, not list, set or dict",
            hint="rt.windowing.fold_window collects into anything else.",
        )
    return _windowed(step_id, up, clock, windower, _CONTAINERS[kind], ordered)


@checked
@operator
def count_window(
    step_id: str,
    up: Stream[X],
    clock: Clock[X, Any],
    windower: Windower[Any],
    key: Callable[[X], str],
) -> WindowSplit[X, int]:
    """`windowing.count_window` with `errs`: how many items of each key, which `key` gives, a window has."""
    note_step(step_id)
    check_function("rt.windowing.count_window", "key", key)
    how = WindowFold(
        lambda state, _: 1 if state is UNSET else state + 1, int.__add__, key, key, replaces=True
    )
    return _windowed(step_id, up, clock, windower, how, ordered=False, key=key)


@checked
@operator
def max_window(
    step_id: str,
    up: KeyedStream[V],
    clock: Clock[V, Any],
    windower: Windower[Any],
    by: Callable[[V], Any] | None = None,
) -> WindowSplit[V, V]:
    """`windowing.max_window` with `errs`: the largest value of a window, by what `by` gives of each."""
    note_step(step_id)
    return _windowed(
        step_id, up, clock, windower, _furthest("rt.windowing.max_window", by, gt), ordered=False
    )


@checked
@operator
def min_window(
    step_id: str,
    up: KeyedStream[V],
    clock: Clock[V, Any],
    windower: Windower[Any],
    by: Callable[[V], Any] | None = None,
) -> WindowSplit[V, V]:
    """`windowing.min_window` with `errs`: the smallest value of a window, by what `by` gives of each."""
    note_step(step_id)
    return _windowed(
        step_id, up, clock, windower, _furthest("rt.windowing.min_window", by, lt), ordered=False
    )


def _windowed(
    step_id: str,
    up: Stream[Any],
    clock: Clock[Any, Any],
    windower: Windower[Any],
    how: WindowFold,
    ordered: bool,
    key: Callable[[Any], str] | None = None,
) -> WindowSplit[Any, Any]:
    """The steps inside each of these: `stamp` finds keys and times, `window` is Bytewax's, `split` takes out
    what failed.
    """
    guard = Guard(step_id)
    act: Stamp = stamp(clock, windower)
    value = value_of(clock)
    failed: list[Stream[Failure]] = []
    if key is not None:
        given = keyed("stamp", up, key, act, key, guard)
        up, failed = given.oks, [given.errs]
    elif is_stamped(clock):
        given = stamped("stamp", up, act, getattr(clock, "ts_getter"), guard)  # noqa: B009 - of an EventClock
        up, failed = given.oks, [given.errs]
    else:
        up = op.flat_map_batch("items", up, _counting(guard))

    def builder(state: Any) -> GuardedWindowLogic:
        return GuardedWindowLogic(guard, how, state, value)

    out = windowing.window("window", up, clock_of_stamped(clock), windower, builder, ordered)
    parts = parted_by_window("split", out.down, guard)
    errs = op.merge("errs", parts.errs, *failed) if failed else parts.errs
    guard.feeds(errs)
    return WindowSplit(parts.oks, _late(out.late, clock), out.meta, errs)


def _counting(guard: Guard) -> Callable[[list[X]], list[X]]:
    def counted(items: list[X]) -> list[X]:
        guard.counts.get().taken.value += len(items)
        return items

    return counted


def _late(late: KeyedStream[Any], clock: Clock[Any, Any]) -> KeyedStream[Any]:
    """As it came in, without its time."""
    if not is_stamped(clock):
        return late
    return op.flat_map_batch(
        "late", late, lambda items: [(key, (window, value[0])) for key, (window, value) in items]
    )


def _pair(made: dict[Any, Any], value: Any) -> dict[Any, Any]:
    try:
        key, item = value
    except (TypeError, ValueError):
        raise TypeError(f"a dict is collected of pairs (key, value), not of {type(value).__name__}") from None
    made[key] = item
    return made


def _collecting(kind: type[Any], add: Callable[[Any, Any], Any]) -> WindowFold:
    """`add` fails before it changes anything: nothing has to be copied."""

    def fold(state: Any, value: Any) -> Any:
        made = kind() if state is UNSET else state
        add(made, value)
        return made

    def merge(one: Any, other: Any) -> Any:
        return one + other if kind is list else one | other

    return WindowFold(fold, merge, kind, kind, replaces=True)


_CONTAINERS: Final[dict[type[Any], WindowFold]] = {
    list: _collecting(list, list.append),
    set: _collecting(set, set.add),
    dict: _collecting(dict, _pair),
}


def _furthest(
    step: str, by: Callable[[Any], Any] | None, is_further: Callable[[Any, Any], Any]
) -> WindowFold:
    """The state is a value and what `by` gave of it, so that `by` is called once for each value, and a value
    for which it fails is never kept.
    """
    if by is not None:
        check_function(step, "by", by)

    def fold(state: Any, value: Any) -> Any:
        other = (value if by is None else by(value), value)
        return other if state is UNSET else merge(state, other)

    def merge(state: Any, other: Any) -> Any:
        return other if is_further(other[0], state[0]) else state

    given = max if by is None else by
    return WindowFold(fold, merge, given, given, replaces=True, result=lambda state: state[1])


@overload
def join_window(
    step_id: str,
    clock: Clock[Any, Any],
    windower: Windower[Any],
    side1: KeyedStream[U],
    side2: KeyedStream[V],
    /,
    *,
    insert_mode: JoinInsertMode = ...,
    emit_mode: Literal["complete"],
    ordered: bool = ...,
) -> WindowSplit[U | V, tuple[U, V]]: ...


@overload
def join_window(
    step_id: str,
    clock: Clock[Any, Any],
    windower: Windower[Any],
    side1: KeyedStream[U],
    side2: KeyedStream[V],
    side3: KeyedStream[W],
    /,
    *,
    insert_mode: JoinInsertMode = ...,
    emit_mode: Literal["complete"],
    ordered: bool = ...,
) -> WindowSplit[U | V | W, tuple[U, V, W]]: ...


@overload
def join_window(
    step_id: str,
    clock: Clock[Any, Any],
    windower: Windower[Any],
    side1: KeyedStream[U],
    side2: KeyedStream[V],
    /,
    *,
    insert_mode: JoinInsertMode = ...,
    emit_mode: JoinEmitMode = ...,
    ordered: bool = ...,
) -> WindowSplit[U | V, tuple[U | None, V | None]]: ...


@overload
def join_window(
    step_id: str,
    clock: Clock[Any, Any],
    windower: Windower[Any],
    side1: KeyedStream[U],
    side2: KeyedStream[V],
    side3: KeyedStream[W],
    /,
    *,
    insert_mode: JoinInsertMode = ...,
    emit_mode: JoinEmitMode = ...,
    ordered: bool = ...,
) -> WindowSplit[U | V | W, tuple[U | None, V | None, W | None]]: ...


@overload
def join_window(
    step_id: str,
    clock: Clock[Any, Any],
    windower: Windower[Any],
    *sides: KeyedStream[Any],
    insert_mode: JoinInsertMode = ...,
    emit_mode: JoinEmitMode = ...,
    ordered: bool = ...,
) -> WindowSplit[Any, tuple[Any, ...]]: ...


@checked
@operator
def join_window(
    step_id: str,
    clock: Clock[Any, Any],
    windower: Windower[Any],
    *sides: KeyedStream[Any],
    insert_mode: JoinInsertMode = "last",
    emit_mode: JoinEmitMode = "final",
    ordered: bool = True,
) -> WindowSplit[Any, tuple[Any, ...]]:
    """`windowing.join_window` with `errs`, for what the `ts_getter` of its clock raises."""
    note_step(step_id)
    guard = Guard(step_id)
    act, failed, inputs = stamp(clock, windower), [], list(sides)
    if is_stamped(clock):
        getter = getattr(clock, "ts_getter")  # noqa: B009 - of an EventClock
        given = [stamped(f"stamp_{n}", side, act, getter, guard) for n, side in enumerate(sides)]
        inputs, failed = [each.oks for each in given], [each.errs for each in given]
    else:
        # There is no function of the user's that could raise: `errs` is a stream in which nothing is.
        failed = [op.flat_map_batch("none", side, _nothing) for side in sides[:1]]
    modes: dict[str, Any] = {"insert_mode": insert_mode, "emit_mode": emit_mode, "ordered": ordered}
    out = windowing.join_window("join", clock_of_stamped(clock), windower, *inputs, **modes)
    errs = op.merge("errs", *failed)
    guard.feeds(errs)
    down, late = out.down, out.late
    if is_stamped(clock):
        down = op.flat_map_batch("down", down, lambda items: _rows(items, guard))
        late = op.flat_map_batch("late", late, _late_sides)
    return WindowSplit(down, late, out.meta, errs)


def _nothing(items: list[Any]) -> list[Failure]:
    return []


def _rows(items: list[Any], guard: Guard) -> list[Any]:
    guard.counts.get().given.value += len(items)
    return [
        (key, (window, tuple(None if side is None else side[0] for side in row)))
        for key, (window, row) in items
    ]


def _late_sides(items: list[Any]) -> list[Any]:
    return [(key, (window, (side, value[0]))) for key, (window, (side, value)) in items]


carry_failures(
    fold_window,
    reduce_window,
    collect_window,
    count_window,
    max_window,
    min_window,
    join_window,
)

"""Bytewax's steps that keep state of each key, with `errs` for what the user's function raises."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Callable, TypeVar  # noqa: UP035 - on Python 3.10 Bytewax takes the other for a class

import bytewax.operators as op
from bytewax.dataflow import operator
from bytewax.operators import KeyedStream, StatefulBatchLogic

from ..flow.argument_checks import check_function, checked
from ..flow.failure_ports import carry_failures
from ..flow.guards import Guard, WrongReturn
from ..flow.split import Split
from ..metrics import filtered
from ..reporting.call_site import note_step
from .failed_values import PASSES, FailedValue, KeyBatch, failed_or_later, parted
from .kept_state import KeptState

V = TypeVar("V")
W = TypeVar("W")
S = TypeVar("S")


@checked
@operator
def stateful_map(
    step_id: str, up: KeyedStream[V], mapper: Callable[[S | None, V], tuple[S | None, W | None]]
) -> Split[tuple[str, W]]:
    """`op.stateful_map` with `errs`: `mapper` is given the state of the key and a value, and returns the next
    state and what goes on.

    The state is None for a new key, and a key whose state becomes None is forgotten. If what goes on is None,
    nothing does (`op.stateful_map` passes the None on).

    What `mapper` raises goes to `errs`, and the state is what it was before that value, also where it was
    changed in place: see `kept_state` for how, and what it asks of `mapper`. Order is kept by key. Delivery
    behind it is at least once.
    """
    note_step(step_id)
    check_function("rt.stateful_map", "mapper", mapper)

    def change(state: S | None, value: V) -> tuple[S | None, list[W] | None]:
        made = mapper(state, value)
        try:
            kept, given = made
        except (TypeError, ValueError):
            raise WrongReturn(mapper, "a pair of state and value", made) from None
        return kept, None if given is None else [given]

    return _stateful(step_id, up, change, mapper)


@checked
@operator
def stateful_flat_map(
    step_id: str,
    up: KeyedStream[V],
    mapper: Callable[[S | None, V], tuple[S | None, Iterable[W] | None]],
) -> Split[tuple[str, W]]:
    """`op.stateful_flat_map` with `errs`: as `rt.stateful_map`, but `mapper` returns several values beside
    the state, and all of them go on.
    """
    note_step(step_id)
    check_function("rt.stateful_flat_map", "mapper", mapper)

    def change(state: S | None, value: V) -> tuple[S | None, list[W] | None]:
        made = mapper(state, value)
        try:
            kept, given = made
            each = None if given is None else iter(given)
        except (TypeError, ValueError):
            raise WrongReturn(mapper, "a pair of state and values", made) from None
        return kept, None if each is None else list(each)

    return _stateful(step_id, up, change, mapper)


carry_failures(stateful_map, stateful_flat_map)


class StatefulMapLogic(StatefulBatchLogic[V, KeyBatch, S]):
    """The state of one key."""

    def __init__(
        self,
        guard: Guard,
        state: S | None,
        change: Callable[[S | None, V], tuple[S | None, list[Any] | None]],
        mapper: object,
    ) -> None:
        self._guard = guard
        self._state = KeptState(state, change)
        self._mapper = mapper
        self._taken = guard.counts.get().taken
        self._entries = guard.entries.get()
        self._entries.value += 1

    def __del__(self) -> None:
        """The key is forgotten, or the run has ended."""
        self._entries.value -= 1

    def on_batch(self, values: list[V]) -> tuple[list[KeyBatch], bool]:
        """By value, in order. Without state in the end the key is forgotten."""
        self._taken.value += len(values)
        batch = KeyBatch([], [])
        act, left, gone = self._guard.run(self._state.apply), iter(values), 0
        while True:
            try:
                for value in left:
                    made = act(value)
                    if made:
                        batch.oks += made
                    else:
                        gone += 1
                break
            except PASSES:
                raise
            except Exception as error:  # noqa: BLE001 - whatever the user's code raises
                made = failed_or_later(self._guard, act, value, error, self._mapper)
                if isinstance(made, FailedValue):
                    batch.failed.append(made)
                elif made:
                    batch.oks += made
                else:
                    gone += 1
        filtered(self._guard.step_id, gone)
        return [batch], self._state.value is None

    def snapshot(self) -> S:
        """A copy of the state."""
        state: Any = self._state.copy()
        return state  # type: ignore[no-any-return]


def _stateful(
    step_id: str,
    up: KeyedStream[V],
    change: Callable[[S | None, V], tuple[S | None, list[Any] | None]],
    mapper: object,
) -> Split[Any]:
    """The steps inside each of these: `state` keeps it, `split` takes out what failed."""
    guard = Guard(step_id)

    def builder(state: S | None) -> StatefulMapLogic[V, S]:
        return StatefulMapLogic(guard, state, change, mapper)

    made: Split[Any] = parted("split", op.stateful_batch("state", up, builder), guard)
    guard.feeds(made.errs)
    return made

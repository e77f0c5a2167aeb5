"""Bytewax's steps on single items, with `errs` for what the user's function raises.

All are stateless, keep the order of items, and stay on their worker. What the function raises, or returns
wrongly, goes to `errs` with the message that the item is or holds; nothing of that item goes on. As the
function is called again for the messages of an epoch that is repeated, it should depend on its item alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import (  # noqa: UP035 - on Python 3.10 Bytewax takes the other Callable for a class
    Any,
    Callable,
    Generic,
    TypeGuard,
    TypeVar,
    overload,
)

import bytewax.operators as op
from bytewax.dataflow import Stream, operator

from ..flow.argument_checks import check_function, checked
from ..flow.batch import Batch
from ..flow.failure_ports import carry_failures
from ..flow.guards import LEFT_OUT, Guard, ItemWork, WrongReturn
from ..flow.split import Split, split
from ..messages import Failure
from ..reporting.call_site import note_step

X = TypeVar("X")
Y = TypeVar("Y")


@checked
@operator
def map(step_id: str, up: Stream[X], mapper: Callable[[X], Y | None]) -> Split[Y]:  # noqa: A001 - as Bytewax's
    """`op.map` with `errs`: what `mapper` returns of each item goes on.

    An item for which it returns None is left out (`op.map` passes the None on); a tombstone is made by name,
    `message.tombstone()`. What it raises goes to `errs`.
    """
    note_step(step_id)
    check_function("rt.map", "mapper", mapper)
    return _step(step_id, up, mapper, mapper)


@checked
@operator
def flat_map(step_id: str, up: Stream[X], mapper: Callable[[X], Iterable[Y] | None]) -> Split[Y]:
    """`op.flat_map` with `errs`: all that is in what `mapper` returns of each item goes on.

    An item for which it returns None, or nothing in it, is left out. It may be a generator; what it raises
    then, also after the first of its items, goes to `errs`, and none of its items go on.
    """
    note_step(step_id)
    check_function("rt.flat_map", "mapper", mapper)

    def act(item: X) -> list[Y] | None:
        made = mapper(item)
        if made is None:
            return None
        try:
            each = iter(made)
        except TypeError:
            raise WrongReturn(mapper, "something to iterate over", made) from None
        return list(each) or None

    return _step(step_id, up, act, mapper, many=True)


@checked
@operator
def filter(step_id: str, up: Stream[X], predicate: Callable[[X], bool]) -> Split[X]:  # noqa: A001
    """`op.filter` with `errs`: the items for which `predicate` returns True go on; False leaves one out.

    What it raises, and an item for which it returns something else, goes to `errs`.
    """
    note_step(step_id)
    check_function("rt.filter", "predicate", predicate)

    def act(item: X) -> X:
        keep = predicate(item)
        if keep is True:
            return item
        if keep is False:
            return LEFT_OUT  # type: ignore[no-any-return]
        raise WrongReturn(predicate, "a bool", keep)

    return _step(step_id, up, act, predicate, left_out=LEFT_OUT)


@checked
@operator
def filter_map(step_id: str, up: Stream[X], mapper: Callable[[X], Y | None]) -> Split[Y]:
    """`op.filter_map` with `errs`: what `mapper` returns of each item goes on; None leaves an item out.

    It is `rt.map` by its other name, for flows that use Bytewax's.
    """
    note_step(step_id)
    check_function("rt.filter_map", "mapper", mapper)
    return _step(step_id, up, mapper, mapper)


@checked
@operator
def key_on(step_id: str, up: Stream[X], key: Callable[[X], str]) -> Split[tuple[str, X]]:
    """`op.key_on` with `errs`: a keyed stream, for the steps that keep state of each key.

    What `key` raises, and an item for which it returns something else than a `str`, or one that is not
    Unicode (a lone surrogate, as JSON's "\\ud800" gives), goes to `errs`: Bytewax would stop at it.
    """
    note_step(step_id)
    check_function("rt.key_on", "key", key)

    def act(item: X) -> tuple[str, X]:
        made = key(item)
        if not isinstance(made, str):
            raise WrongReturn(key, "a str", made)
        if not made.isascii():
            made.encode()  # raises
        return made, item

    return _step(step_id, up, act, key)


@dataclass(frozen=True)
class Branch(Generic[X, Y]):
    """Three streams: `trues` and `falses`, as of `op.branch`, and `errs` with what failed and why. Something
    has to read `errs`: see `rt.route` and `rt.check`.
    """

    trues: Stream[X]
    falses: Stream[Y]
    errs: Stream[Failure]


@overload
def branch(step_id: str, up: Stream[X], predicate: Callable[[X], TypeGuard[Y]]) -> Branch[Y, X]: ...


@overload
def branch(step_id: str, up: Stream[X], predicate: Callable[[X], bool]) -> Branch[X, X]: ...


@checked
@operator
def branch(step_id: str, up: Stream[X], predicate: Callable[[X], Any]) -> Branch[Any, Any]:
    """`op.branch` with `errs`: the items for which `predicate` returns True are in `trues`, those for which
    it returns False in `falses`. A `TypeGuard` gives `trues` its type.

    What it raises, and an item for which it returns something else, goes to `errs`.
    """
    note_step(step_id)
    check_function("rt.branch", "predicate", predicate)

    def act(item: X) -> tuple[bool, X]:
        side = predicate(item)
        if side is not True and side is not False:
            raise WrongReturn(predicate, "a bool", side)
        return side, item

    guard = Guard(step_id, ItemWork(act, predicate))
    batches = op.flat_map_batch("items", up, lambda items: [guard.batch(items)])
    made: Branch[X, X] = Branch(
        op.flat_map_batch("trues", batches, lambda batches: _side(batches, wanted=True)),
        op.flat_map_batch("falses", batches, lambda batches: _side(batches, wanted=False)),
        op.flat_map_batch(
            "errs", batches, lambda batches: [each for batch in batches for each in batch.errs]
        ),
    )
    guard.feeds(made.errs, batches)
    return made


def _side(batches: list[Batch[tuple[bool, X]]], *, wanted: bool) -> list[X]:
    return [item for batch in batches for side, item in batch.oks if side is wanted]


carry_failures(map, flat_map, filter, filter_map, key_on, branch)


def _step(
    step_id: str,
    up: Stream[X],
    act: Callable[[X], Any],
    function: object,
    *,
    many: bool = False,
    left_out: object = None,
) -> Split[Any]:
    """The steps inside each of these: `items` runs the function, `split` takes its batches apart."""
    guard = Guard(step_id, ItemWork(act, function, many=many, left_out=left_out))
    batches = op.flat_map_batch("items", up, lambda items: [guard.batch(items)])
    made: Split[Any] = split("split", batches)
    guard.feeds(made.errs, batches)
    return made

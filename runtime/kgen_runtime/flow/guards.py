"""Running what users give to steps: what it raises becomes a `Failure`, and policies can take part.

A step has one `Guard`, made when the step is built. All code of the user's runs through it, so that what a
policy adds (another attempt, keys whose messages are parked) has one place. Without such a policy a batch
costs no more than a loop: whether there is one is looked at once a batch, not once a message.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol, TypeVar
from weakref import WeakValueDictionary

from bytewax.dataflow import Stream
from bytewax.inputs import AbortExecution

from ..messages import Failure, Stage
from ..metrics import StepCounts, filtered, state_entries
from .batch import Batch
from .failures import failure, is_transient
from .per_thread import PerThread
from .provenance import headers_of, origin_of
from .raised_at import raised_at
from .retry import retry_until_available
from .spans import spans

X = TypeVar("X")
Y = TypeVar("Y")

LEFT_OUT: Final[Any] = object()
"""What the work on an item returns for an item of which nothing goes on, where None can be an
item.
"""

_OURS: Final = f"{Path(__file__).parents[1]}{os.sep}"

_guards: WeakValueDictionary[str, Guard] = WeakValueDictionary()


@dataclass(frozen=True)
class ItemWork:
    """What a step does with each of its items.

    `act` gives what goes on, or with `many` a list of it, or `left_out`: then the item is done with.
    `function` is what the user gave to the step. `check` raises of an item that the step cannot work on: this
    stops the flow.
    """

    act: Callable[[Any], Any]
    function: object
    many: bool = False
    left_out: object = None
    part: str | None = None
    check: Callable[[object, str], None] | None = None


class Keeper(Protocol):
    """What policies add to a step, where they do."""

    def batch(self, items: list[Any]) -> Batch[Any]:
        """As `Guard.batch`; some items may be kept for later."""

    def call(self, act: Callable[[X], Y], item: X) -> Y:
        """`act` on an item. Raises what becomes the failure."""

    def failed(self, item: object, error: Exception, failed: Failure) -> Failure:
        """What goes to `errs` for an item that failed with this error."""


class Guard:
    """Runs the user's code of one step. One per step and process; workers share it.

    `work` and `batches`, the stream in which its batches go to the step that takes them apart, are there for
    a step whose items are worked on one by one, which may be done later.
    """

    def __init__(self, step_id: str, work: ItemWork | None = None) -> None:
        self.step_id = step_id
        self.work = work
        self.batches: Stream[Batch[Any]] | None = None
        self.keeper: Keeper | None = None
        self._spans = spans("process", step_id)
        self.counts = PerThread(lambda: StepCounts(step_id))
        self.entries = PerThread(lambda: state_entries(step_id))

    def feeds(self, errs: Stream[Failure], batches: Stream[Batch[Any]] | None = None) -> None:
        """This is the guard of the step whose failures are in `errs`. A flow built again under the same name
        replaces the one before.
        """
        self.batches = batches
        _guards[errs.stream_id] = self

    def failed(self, item: object, error: Exception, failed: Failure) -> Failure:
        """What goes to `errs` for an item that failed with this error."""
        return failed if self.keeper is None else self.keeper.failed(item, error, failed)

    def run(self, act: Callable[[X], Y]) -> Callable[[X], Y]:
        """`act` as it has to be called by a step that keeps state. What it raises is for `later`."""
        return act if self.keeper is None else partial(self.keeper.call, act)

    def later(
        self,
        act: Callable[[Any], Any],
        item: Any,
        error: Exception,
        passes: type[BaseException] | tuple[type[BaseException], ...] = AbortExecution,
    ) -> tuple[Any, Exception | None]:
        """What comes of an item for which `act` raised: the error that makes it a failure, or if the registry
        or the broker was unavailable, what `act` gives once they answer; that holds up the worker
        (`retry_until_available`). Raises `passes`, and the error if the flow is asked to stop.
        """
        if not is_transient(error):
            return None, error
        try:
            return retry_until_available(self.step_id, partial(act, item)), None
        except passes:
            raise
        except Exception as other:
            if is_transient(other):
                raise  # the flow is asked to stop
            return None, other

    def failure(
        self,
        item: object,
        error: Exception,
        function: object,
        *,
        part: str | None = None,
        attributes: dict[str, Any] | None = None,
    ) -> Failure:
        """The failure of an item for which `function`, which the user gave, raised `error`."""
        origin = origin_of(item)
        traceback = _from_last_of_ours(error.__traceback__)
        if isinstance(error, WrongReturn) or traceback is None or traceback.tb_next is None:
            place, line = _whole(function), ""  # no line of the user's code is at fault
            error.__traceback__ = None
        else:
            place, line, _ = raised_at(traceback, function)
            error.__traceback__ = traceback
        return self.failed(
            item,
            error,
            failure(
                error,
                origin.original,
                step=self.step_id,
                stage=Stage.PROCESS,
                part=part,
                schema_id=origin.value_schema_id,
                key_schema_id=origin.key_schema_id,
                value_schema_id=origin.value_schema_id,
                place=place,
                line=line,
                attributes=attributes,
            ),
        )

    def batch(self, items: list[Any]) -> Batch[Any]:
        """The step's work on each item, in order: what goes on, and the failures of those for which it
        raised.

        An item that fails because the registry or the broker is unavailable holds up the worker until it
        passes: see `retry_until_available`.
        """
        self.counts.get().taken.value += len(items)
        if self._spans is None:
            return self._batch(items)
        with self._spans.batch(len(items), map(headers_of, items)):
            return self._batch(items)

    def _batch(self, items: list[Any]) -> Batch[Any]:
        if self.keeper is not None:
            return self.keeper.batch(items)
        assert self.work is not None
        batch: Batch[Any] = Batch([], [])
        left, gone = iter(items), 0
        failed: list[tuple[Any, Exception]] = []
        while True:
            more, item, error = self.until_failure(left, batch)
            gone += more
            if error is None:
                break
            if is_transient(error):
                self._take(failed, batch)
                gone += self.after(item, error, batch)
            else:
                failed.append((item, error))
        self._take(failed, batch)
        filtered(self.step_id, gone)
        return batch

    def _take(self, failed: list[tuple[Any, Exception]], batch: Batch[Any]) -> None:
        """The failures of items, one after another: each costs a third of what it does between items that go
        well, when what it needs has left the processor's caches.
        """
        for item, error in failed:
            self.after(item, error, batch)
        failed.clear()

    def until_failure(self, items: Iterator[Any], batch: Batch[Any]) -> tuple[int, Any, Exception | None]:
        """The step's work on items until it raises for one: how many were left out before, that item, and the
        error; None if it raised for none.
        """
        assert self.work is not None
        act, left_out, gone = self.work.act, self.work.left_out, 0
        emit = batch.oks.extend if self.work.many else batch.oks.append
        item = None
        try:  # around the loop: entered once, and again after a failure
            for item in items:
                made = act(item)
                if made is not left_out:
                    emit(made)
                else:
                    gone += 1
        except AbortExecution:
            raise
        except Exception as error:  # noqa: BLE001 - whatever the user's code raises
            return gone, item, error
        return gone, None, None

    def after(self, item: Any, error: Exception, batch: Batch[Any]) -> int:
        """The work on an item raised: its failure, or what comes of it once what is unavailable answers.
        Whether it was left out then.
        """
        assert self.work is not None
        if self.work.check is not None:
            self.work.check(item, self.step_id)
        made, own = self.later(self.work.act, item, error)
        if own is None:
            return self.emit(made, batch)
        batch.errs.append(self.failure(item, own, self.work.function, part=self.work.part))
        return 0

    def emit(self, made: Any, batch: Batch[Any]) -> int:
        """Add what the work on an item gave. Whether the item is left out."""
        assert self.work is not None
        if made is self.work.left_out:
            return 1
        if self.work.many:
            batch.oks.extend(made)
        else:
            batch.oks.append(made)
        return 0


def _from_last_of_ours(traceback: TracebackType | None) -> TracebackType | None:
    """Without the frames of the runtime that lead to the user's code, but the last of them."""
    while traceback and (inner := traceback.tb_next) and inner.tb_frame.f_code.co_filename.startswith(_OURS):
        traceback = inner
    return traceback


class WrongReturn(TypeError):  # noqa: N818 - it says what was returned
    """A function of the user's returned what its step cannot use. `text` says of a value what is wrong with
    it, where it is not its type.
    """

    def __init__(self, function: object, wanted: str, given: object, text: str = "") -> None:
        super().__init__(f"{_name(function)} returned {text or type(given).__name__}, not {wanted}")


def _name(function: object) -> str:
    return str(getattr(function, "__qualname__", type(function).__qualname__))


def _whole(function: object) -> str:
    return f"{getattr(function, '__module__', '')}.{_name(function)}+0"


def guard_of(errs: Stream[Failure]) -> Guard | None:
    """The guard of the step that feeds a stream of failures directly; None if another step does."""
    return _guards.get(errs.stream_id)

"""What policies add to a step that runs code of the user's: further attempts, and parked keys."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Hashable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Callable, Final, TypeVar  # noqa: UP035 - as elsewhere in flows

from bytewax.dataflow import Dataflow
from bytewax.inputs import AbortExecution

from ..errors import ParkedError
from ..flow.batch import Batch
from ..flow.failures import is_transient
from ..flow.guards import Guard
from ..flow.provenance import key_of
from ..flow.retry import pause
from ..messages import Failure
from ..metrics import filtered
from ..producer.eligibility import delivers_exactly_once
from ..reporting.progress import PROGRESS
from ..state.current_folder import recovery_folder
from ..stop import STOP
from .key_queues import Attempt, KeptItem, RetryRule
from .parked_keys import ParkedKeys, as_parked, is_replayed, parked_error, parked_failure
from .retry_gate import KeptBatch, RetryGate, RetryGates, RetryRoom, State, insert

_NONE: Final[Any] = object()
_NOTE: Final = "_kgen_attempts"
"""The attribute of an error: in which attempt it was raised, and when the first one failed (ms)."""

X = TypeVar("X")
Y = TypeVar("Y")


@dataclass(frozen=True)
class StepWishes:
    """What the policies of a route ask of the steps that feed it."""

    rule: RetryRule | None = None
    parking: ParkedKeys | None = None


class StepKeeper:
    """Of one step; workers share it."""

    def __init__(self, guard: Guard, flow: Dataflow, wishes: StepWishes) -> None:
        self._guard = guard
        self._flow = flow
        self._rule = wishes.rule
        self._parks = wishes.parking is not None
        self._parking = wishes.parking or ParkedKeys()  # in which nothing is parked
        self._parking.keepers.add(guard.step_id)
        self._rooms: dict[int, RetryRoom] = {}
        if self._rule is not None and guard.batches is not None:
            insert(guard.batches, RetryGates(self._gate))

    @functools.cached_property
    def _in_place(self) -> bool:
        """Attempts are made where the item failed, and its worker waits. Asked when the flow is complete."""
        return self._rule is None or self._guard.batches is None or delivers_exactly_once(self._flow)

    def batch(self, items: list[Any]) -> Batch[Any]:
        """See `Keeper`."""
        batch: Batch[Any] = Batch([], [])
        room = None if self._in_place else self._room()
        left, gates = iter(items), set[str]()
        if not (self._parking.any or (room is not None and (room.busy or _may_wait_from_before(room)))):
            if room is None:
                self._plain(left, batch)
            elif (item := self._all_fine(left, batch)) is not _NONE:
                room.queues.failed(key_of(item), KeptItem(item), 1)
                gates.add("")
        for item in left:
            key = key_of(item)
            if self._is_parked(item, key, batch):
                continue
            if room is None:
                filtered(self._guard.step_id, self._work_in_place(item, batch))
            elif key is not None and (holder := room.holder(key)) is not None:
                holder[0].put(key, KeptItem(item))
                gates.add(holder[1])
            elif _may_wait_from_before(room):
                room.queues.put(key, KeptItem(item))
                gates.add("")
            elif self._work(item, batch) is not None:
                room.queues.failed(key, KeptItem(item), 1)
                gates.add("")
        if room is None or not gates:
            return batch
        room.watch()
        return KeptBatch(batch, room.gates(gates - {""}))

    def _plain(self, items: Iterator[Any], batch: Batch[Any]) -> None:
        """Work on items in their place until a key is parked."""
        gone = 0
        for item in items:
            gone += self._work_in_place(item, batch)
            if self._parking.any:
                break
        filtered(self._guard.step_id, gone)

    def _all_fine(self, items: Iterator[Any], batch: Batch[Any]) -> Any:
        """Work on items until one is to be tried again: which. As fast as without a policy."""
        gone, waiting = 0, _NONE
        while waiting is _NONE:
            more, item, error = self._guard.until_failure(items, batch)
            gone += more
            if error is None:
                break
            if self._after(item, error, batch, None) is not None:
                waiting = item
            elif self._parking.any:
                break
        filtered(self._guard.step_id, gone)
        return waiting

    def call(self, act: Callable[[X], Y], item: X) -> Y:
        """`act`, tried again in its place as the rule says. Raises the last error, attempts noted."""
        if self._parking.any and self._parked_by(item, key_of(item)) is not None:
            raise parked_error()
        attempts, first = 1, 0
        while True:
            try:
                return act(item)
            except AbortExecution:
                raise
            except Exception as error:
                first = first or time.time_ns() // 1_000_000
                _note(error, attempts, first)
                if self._rule is None or not self._rule.again(error, attempts):
                    if self._parks and not is_transient(error):
                        self._parking.park(key_of(item), "")  # its failure may be made some steps later
                    raise
                self._count_retry()
                with PROGRESS.waiting(f"the next attempt (step {self._guard.step_id})"):
                    pause(self._rule.pause(attempts))
                if STOP.requested and (STOP.way == "drain" or is_transient(error)):
                    STOP.stuck()  # the next run makes all again; elsewhere those that are left come at once
                    raise
            attempts += 1

    def failed(self, item: object, error: Exception, failed: Failure) -> Failure:
        """With the attempts that were made; its key is parked from now on."""
        if isinstance(error, ParkedError):
            return as_parked(failed, self._parking.by(key_of(item)) or "")
        if not failed.transient and self._parks:
            self._parking.park(key_of(item), failed.fingerprint)
        attempts, first = getattr(error, _NOTE, (1, 0))
        return replace(failed, attempts=attempts, first_seen=first or failed.first_seen)

    def _gate(self, state: State | None) -> RetryGate:
        return RetryGate(self._room(), self._attempt, state)

    def _room(self) -> RetryRoom:
        """This thread's, in this run."""
        thread = threading.get_ident()
        room = self._rooms.get(thread)
        if room is None or room.over:
            assert self._rule is not None
            room = self._rooms[thread] = RetryRoom(self._guard.step_id, self._rule)
        return room

    def _attempt(self, batch: Batch[Any]) -> Attempt:
        def attempt(kept: KeptItem) -> Exception | None:
            if self._is_parked(kept.item, key_of(kept.item), batch):
                return None
            return self._work(kept.item, batch, kept)

        return attempt

    def _is_parked(self, item: object, key: Hashable | None, batch: Batch[Any]) -> bool:
        by = self._parked_by(item, key)
        if by is not None:
            batch.errs.append(parked_failure(item, by, self._guard.step_id))
        return by is not None

    def _parked_by(self, item: object, key: Hashable | None) -> str | None:
        by = self._parking.by(key)
        if by is None or key is None or not is_replayed(item):
            return by
        self._parking.release(key)  # should it fail, the key is parked again
        return None

    def _work(self, item: Any, batch: Batch[Any], kept: KeptItem | None = None) -> Exception | None:
        """One attempt. The error after which there is to be another one."""
        work = self._guard.work
        assert work is not None
        try:
            made = work.act(item)
        except AbortExecution:
            raise
        except Exception as error:  # noqa: BLE001 - whatever the user's code raises
            return self._after(item, error, batch, kept)
        filtered(self._guard.step_id, self._guard.emit(made, batch))
        return None

    def _after(
        self, item: Any, error: Exception, batch: Batch[Any], kept: KeptItem | None
    ) -> Exception | None:
        """An attempt failed: the error, if there is to be another one."""
        work, rule = self._guard.work, self._rule
        assert work is not None
        assert rule is not None
        attempts = 1 if kept is None else kept.attempts + 1
        if work.check is not None:
            work.check(item, self._guard.step_id)
        if rule.again(error, attempts):
            self._count_retry()
            return error
        _note(error, attempts, 0 if kept is None else kept.first_failed)
        batch.errs.append(self._guard.failure(item, error, work.function, part=work.part))
        return None

    def _work_in_place(self, item: Any, batch: Batch[Any]) -> int:
        work = self._guard.work
        assert work is not None
        try:
            made = self.call(work.act, item)
        except AbortExecution:
            raise
        except Exception as error:  # noqa: BLE001 - whatever the user's code raises
            return self._guard.after(item, error, batch)
        return self._guard.emit(made, batch)

    def _count_retry(self) -> None:
        PROGRESS.retried(f"by step {self._guard.step_id}")


def _note(error: Exception, attempts: int, first: int) -> None:
    with suppress(AttributeError):  # an exception of the user's may take no attributes
        setattr(error, _NOTE, (attempts, first))


def _may_wait_from_before(room: RetryRoom) -> bool:
    """Whether items may wait since the last run, of which this thread does not know yet: gates with state are
    loaded before they are woken.
    """
    return room.main is None and recovery_folder() is not None

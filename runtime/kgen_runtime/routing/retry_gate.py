"""Another attempt later, in a step that works on items one by one, without holding up its worker.

The step keeps what failed in a queue of its worker and key, and later items of that key behind it; all other
items go on. A small stateful step beside it, the retry gate, is woken by a token that stays on the worker (as
in `producer.delivery`), tries the items when they are due, and gives what comes of them to the step that
takes batches apart. What waits is the gate's state: durable with its epoch, so the epoch of an item can be
committed while it waits, and a crash or a stop loses nothing of it.

Exactly once that cannot be: outputs of an item would come after the marker of its partition has passed it. In
a flow that delivers exactly once the step waits in its place, and its worker with it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterator
from datetime import datetime, timezone
from typing import Any, Final
from weakref import ref

import bytewax.operators as op
from bytewax.dataflow import Stream
from bytewax.operators import StatefulBatchLogic

from .._bytewax import keep_thread_state, spliced
from ..errors import ProcessingError
from ..flow.batch import Batch
from ..flow.input_hold import INPUT
from ..flow.provenance import key_of
from ..flow.retry import pause
from ..producer.delivery import GATES
from ..producer.eligibility import IdleGate
from ..reporting.progress import PROGRESS
from ..stop import STOP
from .key_queues import Attempt, KeptItem, KeyQueues, RetryRule

MOST_KEPT: Final = 5_000
"""Items of a worker and step that wait before the sources of the process wait too."""
_MOST: Final = 20 * MOST_KEPT

State = tuple[str, list[tuple[Any, ...]]]


class KeptBatch(Batch[Any]):
    """A batch of which some items are kept, and the keys of the gates to wake for them."""

    __slots__ = ("gates",)

    def __init__(self, batch: Batch[Any], gates: list[str]) -> None:
        super().__init__(batch.oks, batch.errs)
        self.gates = gates


class RetryRoom:
    """What waits on one worker for one step, over the gates that hold it. Belongs to one worker thread."""

    def __init__(self, step_id: str, rule: RetryRule) -> None:
        self.step_id = step_id
        self.queues = KeyQueues(rule)
        self._main: ref[RetryGate] | None = None
        self._others: list[ref[RetryGate]] = []

    @property
    def main(self) -> RetryGate | None:
        """The gate that takes what fails here, once one was built on this thread."""
        return None if self._main is None else self._main()

    @property
    def over(self) -> bool:
        """Its gate is gone, and so is the run."""
        return self._main is not None and self._main() is None

    def adopt(self, gate: RetryGate) -> bool:
        """A gate was built on this thread. Whether it is the main one."""
        if self.main is None:
            self._main = ref(gate)
        return self.main is gate

    def join(self, gate: RetryGate) -> None:
        """A gate that is not the main one has items of the last run."""
        self._others = [other for other in self._others if other() is not None] + [ref(gate)]

    @property
    def busy(self) -> bool:
        """Whether any key is held."""
        return any(queues.busy for queues, _ in self._all())

    def holder(self, key: Hashable) -> tuple[KeyQueues, str] | None:
        """Who holds this key: the queues, and the key of their gate."""
        return next(((queues, gate) for queues, gate in self._all() if queues.holds(key)), None)

    def gates(self, held: set[str]) -> list[str]:
        """The gates to wake when the main one and these hold something new."""
        main = self.main
        if main is None:  # none was built here yet: wake them all, one of them is this thread's
            return [f"{number:03}" for number in range(GATES)]
        return sorted({main.key, *held})

    def watch(self) -> None:
        """Hold the input while too much waits."""
        count, main = sum(queues.count for queues, _ in self._all()), self.main
        if main is not None:  # which Bytewax drops when the run ends, however it does
            INPUT.hold(main, count >= MOST_KEPT or (INPUT.holds(main) and 2 * count >= MOST_KEPT))
        if count >= _MOST:
            raise ProcessingError(
                f"{count} messages wait for another attempt",
                where=f"step {self.step_id}",
                hint="Only an rt.source can be held while so many fail: read with one, or try less often.",
            )

    def _all(self) -> Iterator[tuple[KeyQueues, str]]:
        main = self.main
        yield self.queues, "" if main is None else main.key
        for other in self._others:
            gate = other()
            if gate is not None:
                yield gate.queues, gate.key


class RetryGate(StatefulBatchLogic[str, "Batch[Any]", State]):
    """Tries what waits when it is due, and keeps it in the recovery store until then."""

    def __init__(
        self, room: RetryRoom, attempt: Callable[[Batch[Any]], Attempt], state: State | None
    ) -> None:
        self._room = room
        self._attempt = attempt
        self.key = "" if state is None else state[0]
        self.queues = room.queues
        self._main = False
        if state is not None:
            self._restore([KeptItem(*kept) for kept in state[1]])

    def _restore(self, kept: list[KeptItem]) -> None:
        self._main = self._room.adopt(self)
        if not self._main:
            self.queues = KeyQueues(self._room.queues.rule)
            self._room.join(self)
        self.queues.put_first([(key_of(each.item), each) for each in kept])

    def on_batch(self, values: list[str]) -> tuple[list[Batch[Any]], bool]:
        """Woken: something waits."""
        self.key = values[0]
        self._main = self._room.adopt(self)
        if not self._main and self.queues is self._room.queues:
            self.queues = KeyQueues(self._room.queues.rule)
        return self._tried()

    def on_notify(self) -> tuple[list[Batch[Any]], bool]:
        """Something is due."""
        return self._tried()

    def on_eof(self) -> tuple[list[Batch[Any]], bool]:
        """Nothing else will come: wait here until all is done with. Asked to stop, try at once what may
        still be tried.
        """
        batch: Batch[Any] = Batch([], [])
        with PROGRESS.waiting(f"the next attempt (step {self._room.step_id})"):
            while (due := self.queues.due) is not None:
                pause(due - time.time())
                self.queues.run(self._attempt(batch), at_once=STOP.requested)
                if STOP.requested and self.queues.due is not None:
                    STOP.stuck()
                    break
        self._watch()
        return [batch], False

    def notify_at(self) -> datetime | None:
        """When the next one is due."""
        due = self.queues.due
        return None if due is None else datetime.fromtimestamp(due, timezone.utc)

    def snapshot(self) -> State:
        """The epoch is over: what came of its items has gone through the flow."""
        self.queues.epoch_over()
        return self.key, [tuple(kept) for kept in self.queues.kept()]

    def _tried(self) -> tuple[list[Batch[Any]], bool]:
        batch: Batch[Any] = Batch([], [])
        self.queues.run(self._attempt(batch))
        self._watch()
        return [batch] if batch.oks or batch.errs else [], not self._main and not self.queues.busy

    def _watch(self) -> None:
        if self.queues.due is None:
            PROGRESS.go_on(self)
        else:
            PROGRESS.wait(self, f"the next attempt (step {self._room.step_id})")
        self._room.watch()


class RetryGates(IdleGate):
    """Builds the gates: given to Bytewax."""

    def __init__(self, build: Callable[[State | None], RetryGate]) -> None:
        self._build = build

    def __call__(self, state: State | None) -> RetryGate:
        """Called in the worker that owns its key."""
        keep_thread_state()
        return self._build(state)


def insert(batches: Stream[Batch[Any]], gates: RetryGates) -> None:
    """Put the retry gate behind the step that gives these batches, ahead of the one that takes them apart."""

    def build(up: Stream[Batch[Any]]) -> Stream[Batch[Any]]:
        tokens = op.flat_map_batch("retry_tokens", up, _tokens)
        tried = op.stateful_batch("retry", tokens, gates)
        later = op.flat_map_batch("retried", tried, lambda keyed: [batch for _, batch in keyed])
        return op.merge("with_retried", up, later)

    spliced(batches, build)


def _tokens(batches: list[Batch[Any]]) -> list[tuple[str, str]]:
    return [(gate, gate) for batch in batches if isinstance(batch, KeptBatch) for gate in batch.gates]

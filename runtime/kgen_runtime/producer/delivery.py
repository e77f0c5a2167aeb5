"""Producing to Kafka from inside a flow, so that no epoch is committed before its messages are on the broker.

Bytewax's recovery waits for stateful steps only, and a sink has no stream for what failed. So messages are
produced, asynchronously, by a plain step on whatever worker holds them; that step sends one small ticket per
epoch to a stateful step, the gate. A ticket is keyed so that it stays on its worker: a gate knows the thread
it was built on, and the step, on that same thread, looks up its gate. When the epoch closes, the gate's
`snapshot` waits for this worker's deliveries, and raises if one failed: then the epoch is not committed and
comes again.

A message that the broker refuses for good must not stop the flow for ever, and may be found only in
`snapshot`, when nothing can be sent on any more. Such failures become the gate's state: durable with the
epoch, and sent to `errs` at once afterwards, also by the next run.
"""

from __future__ import annotations

import threading
import time
from datetime import datetime, timedelta, timezone
from typing import Final, Generic, NamedTuple, TypeVar

import bytewax.operators as op
from bytewax.dataflow import Dataflow, Stream, operator
from bytewax.operators import KeyedStream, StatefulBatchLogic

from ..messages import Failure
from ..reporting.progress import PROGRESS
from .at_least_once import AtLeastOnce
from .eligibility import check_flow, is_exactly_once
from .exactly_once import ExactlyOnce
from .sender import Counter, Mail

X = TypeVar("X")

GATES: Final = 512
"""Keys of tickets: so many that each worker owns one, whatever their number. Never less, or recovery stores
would not fit.
"""
_POLL_EVERY: Final = timedelta(milliseconds=100)


class Ticket(NamedTuple):
    """From a producing step to a gate: the gate's own key, failures for `errs`, and which batch of which
    counter it is for.
    """

    key: str
    failures: list[Failure]
    counter: str = ""
    number: int = 0


@operator
def deliver(step_id: str, up: Stream[X], mail: Mail[X]) -> Stream[Failure]:
    """Produce every item; what comes out is what failed for good. See the module's text for the guarantee."""
    office = PostOffice(step_id, mail, up.flow())
    tickets = op.flat_map_batch("produce", up, office.produce)
    failures: KeyedStream[Failure] = op.stateful_batch("gate", tickets, office.gate)
    return op.map("errs", failures, lambda keyed: keyed[1])


class PostOffice(Generic[X]):
    """The counters (one per worker thread) of one delivering step."""

    def __init__(self, step_id: str, mail: Mail[X], flow: Dataflow) -> None:
        self._step_id = step_id
        self._mail = mail
        self._flow = flow
        self._counters: dict[int, Counter[X]] = {}

    def produce(self, items: list[X]) -> list[tuple[str, Ticket]]:
        """Hand a batch to librdkafka; tickets for the gate."""
        counter = self.counter()
        counter.send(items)
        self._mail.handed_over(items)
        gate = counter.gate
        if gate is not None:
            counter.glance()
            failed = counter.take_failures()
            if counter.expected and not failed:
                return []  # the gate has heard, since its last snapshot, that there is something to wait for
            counter.expected = not counter.hears_all
            return [(gate, Ticket(gate, failed, counter.name, counter.sent))]
        # No gate was built on this thread yet: wake them all, one of them here.
        with PROGRESS.waiting(_acknowledgement(self._step_id)):
            counter.settle()
        failures = [counter.take_failures()] + [[]] * (GATES - 1)
        keys = [f"{i:03}" for i in range(GATES)]
        return [(key, Ticket(key, failed, counter.name, counter.sent)) for key, failed in zip(keys, failures)]

    def gate(self, state: tuple[str, list[Failure]] | None) -> Gate[X]:
        """Built by Bytewax on the worker that owns its key."""
        return Gate(self.counter(), state)

    def counter(self) -> Counter[X]:
        """This thread's, in this run."""
        thread = threading.get_ident()
        counter = self._counters.get(thread)
        if counter is None or counter.over:
            self._create_topic()
            kind = self._kind()
            counter = kind(self._step_id, self._mail, lambda: self._counters.pop(thread, None))
            self._counters[thread] = counter
        return counter

    def _create_topic(self) -> None:
        # kgen's runner has done it before the run: this is for others.
        if self._mail.create is not None:
            self._mail.kafka.create_topic(self._mail.topic, self._mail.create)

    def _kind(self) -> type[AtLeastOnce[X] | ExactlyOnce[X]]:
        # Asked when the run starts: only then is the flow complete.
        if not is_exactly_once(self._flow, self._mail):
            return AtLeastOnce
        check_flow(self._flow)
        return ExactlyOnce


class Gate(StatefulBatchLogic[Ticket, Failure, "tuple[str, list[Failure]]"], Generic[X]):
    """Holds the epoch until this worker's deliveries are known."""

    def __init__(self, counter: Counter[X], state: tuple[str, list[Failure]] | None) -> None:
        self._counter = counter
        self._seen = 0
        self.key = ""
        if state is not None:
            self.key = state[0]
            counter.give_back(state[1])
            counter.adopt(self)

    def on_batch(self, values: list[Ticket]) -> tuple[list[Failure], bool]:
        """Send the failures on; a gate that its thread does not need is dropped."""
        self.key = values[0].key
        self._counter.adopt(self)
        self._seen = max([self._seen, *(t.number for t in values if t.counter == self._counter.name)])
        return [failure for ticket in values for failure in ticket.failures], self._spare

    def on_notify(self) -> tuple[list[Failure], bool]:
        """Between batches: hear of deliveries."""
        self._counter.poll()
        return self._counter.take_failures(), self._spare

    def on_eof(self) -> tuple[list[Failure], bool]:
        """The last chance to send failures on."""
        self._close_epoch()
        return self._counter.take_failures(), StatefulBatchLogic.DISCARD

    def notify_at(self) -> datetime | None:
        """Soon, while something is under way; else when the counter wants an epoch to be closed, which is
        done for gates that were woken in it.
        """
        due, pause = self._counter.due, _POLL_EVERY
        if not (self._counter.waiting or self._spare):
            if due is None:
                return None
            pause = max(timedelta(seconds=due - time.monotonic()), _POLL_EVERY)
        return datetime.now(timezone.utc) + pause

    @property
    def _spare(self) -> bool:
        return self._counter.gate != self.key

    def snapshot(self) -> tuple[str, list[Failure]]:
        """Called when the epoch closes, before it can be committed: raising here makes it come again."""
        self._close_epoch()
        self._counter.expected = False
        failures = self._counter.take_failures()
        self._counter.give_back(failures)
        return self.key, failures

    def _close_epoch(self) -> None:
        began = time.monotonic()
        with PROGRESS.waiting(_acknowledgement(self._counter.step_id)):
            self._counter.close_epoch(self._seen)
        if not self._spare:
            self._counter.traffic.waited(time.monotonic() - began)


def _acknowledgement(step_id: str) -> str:
    """What the end of an epoch waits for."""
    return f"the Kafka brokers to acknowledge messages (step {step_id})"

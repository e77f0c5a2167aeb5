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
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime, timedelta, timezone
from typing import Final, Generic, NamedTuple, TypeVar

import bytewax.operators as op
from bytewax.dataflow import Dataflow, Stream, operator
from bytewax.operators import KeyedStream, StatefulBatchLogic

from .._bytewax import keep_thread_state
from ..flow.provenance import headers_of
from ..flow.spans import spans
from ..messages import Failure
from ..reporting.progress import PROGRESS
from .at_least_once import AtLeastOnce
from .eligibility import check_flow, is_exactly_once
from .exactly_once import ExactlyOnce
from .sender import DeliverySpec, EpochSender
from .topic_creation import create_if_asked

X = TypeVar("X")

GATES: Final = 512
"""Keys of receipts: so many that each worker owns one, whatever their number. Never less, or recovery stores
would not fit.
"""
_POLL_EVERY: Final = timedelta(milliseconds=100)


class BatchReceipt(NamedTuple):
    """From a producing step to a gate: the gate's own key, failures for `errs`, and which batch of which
    sender it is for.
    """

    key: str
    failures: list[Failure]
    sender: str = ""
    number: int = 0


@operator
def deliver(step_id: str, up: Stream[X], spec: DeliverySpec[X]) -> Stream[Failure]:
    """Produce every item; what comes out is what failed for good. See the module's text for the guarantee."""
    step = DeliveryStep(step_id, spec, up.flow())
    receipts = op.flat_map_batch("produce", up, step.produce)
    failures: KeyedStream[Failure] = op.stateful_batch("gate", receipts, step.gate)
    return op.map("errs", failures, lambda keyed: keyed[1])


_NONE: Final = nullcontext()


class DeliveryStep(Generic[X]):
    """The senders (one per worker thread) of one delivering step."""

    def __init__(self, step_id: str, spec: DeliverySpec[X], flow: Dataflow) -> None:
        self._step_id = step_id
        self._spec = spec
        self._flow = flow
        self._spans = spans("send", step_id.removesuffix(".deliver"), spec.topic)
        self._senders: dict[int, EpochSender[X]] = {}

    def _span(self, items: list[X]) -> AbstractContextManager[None]:
        return _NONE if self._spans is None else self._spans.batch(len(items), map(headers_of, items))

    def produce(self, items: list[X]) -> list[tuple[str, BatchReceipt]]:
        """Hand a batch to librdkafka; receipts for the gate."""
        sender = self.sender()
        with self._span(items):
            sender.send(items)
        self._spec.handed_over(items)
        gate = sender.gate
        if gate is not None:
            sender.poll_if_due()
            failed = sender.take_failures()
            if sender.expected and not failed:
                return []  # the gate knows, since its last snapshot, that there is something to wait for
            sender.expected = not sender.needs_every_batch
            return [(gate, BatchReceipt(gate, failed, sender.name, sender.sent))]
        # No gate was built on this thread yet: wake them all, one of them here.
        with PROGRESS.waiting(_acknowledgement(self._step_id)):
            sender.settle()
        failures = [sender.take_failures()] + [[]] * (GATES - 1)
        keys = [f"{i:03}" for i in range(GATES)]
        return [
            (key, BatchReceipt(key, failed, sender.name, sender.sent)) for key, failed in zip(keys, failures)
        ]

    def gate(self, state: tuple[str, list[Failure]] | None) -> EpochGate[X]:
        """Built by Bytewax on the worker that owns its key."""
        return EpochGate(self.sender(), state)

    def sender(self) -> EpochSender[X]:
        """This thread's, in this run."""
        thread = threading.get_ident()
        sender = self._senders.get(thread)
        if sender is None or sender.over:
            keep_thread_state()
            create_if_asked(self._flow, self._spec)  # for runners other than kgen's, which has done it
            kind = self._kind()
            sender = kind(self._step_id, self._spec, lambda: self._senders.pop(thread, None))
            self._senders[thread] = sender
        return sender

    def _kind(self) -> type[AtLeastOnce[X] | ExactlyOnce[X]]:
        # Asked when the run starts: only then is the flow complete.
        if not is_exactly_once(self._flow, self._spec):
            return AtLeastOnce
        check_flow(self._flow)
        return ExactlyOnce


class EpochGate(StatefulBatchLogic[BatchReceipt, Failure, "tuple[str, list[Failure]]"], Generic[X]):
    """Holds the epoch until this worker's deliveries are known."""

    def __init__(self, sender: EpochSender[X], state: tuple[str, list[Failure]] | None) -> None:
        self._sender = sender
        self._seen = 0
        self.key = ""
        if state is not None:
            self.key = state[0]
            sender.give_back(state[1])
            sender.adopt(self)

    def on_batch(self, values: list[BatchReceipt]) -> tuple[list[Failure], bool]:
        """Send the failures on; a gate that its thread does not need is dropped."""
        self.key = values[0].key
        self._sender.adopt(self)
        self._seen = max([self._seen, *(t.number for t in values if t.sender == self._sender.name)])
        return [failure for ticket in values for failure in ticket.failures], self._spare

    def on_notify(self) -> tuple[list[Failure], bool]:
        """Between batches: poll delivery reports."""
        self._sender.poll()
        return self._sender.take_failures(), self._spare

    def on_eof(self) -> tuple[list[Failure], bool]:
        """The last chance to send failures on. Not here for a gate that its thread does not need: what was
        sent belongs to the other.
        """
        if self._spare:
            return [], StatefulBatchLogic.DISCARD
        self._close_epoch()
        return self._sender.take_failures(), StatefulBatchLogic.DISCARD

    def notify_at(self) -> datetime | None:
        """Soon, while something is under way; else when the sender wants an epoch to be closed, which is
        done for gates that were woken in it.
        """
        due, pause = self._sender.due, _POLL_EVERY
        if not (self._sender.waiting or self._spare):
            if due is None:
                return None
            pause = max(timedelta(seconds=due - time.monotonic()), _POLL_EVERY)
        return datetime.now(timezone.utc) + pause

    @property
    def _spare(self) -> bool:
        return self._sender.gate != self.key

    def snapshot(self) -> tuple[str, list[Failure]]:
        """Called when the epoch closes, before it can be committed: raising here makes it come again."""
        self._close_epoch()
        self._sender.expected = False
        failures = self._sender.take_failures()
        self._sender.give_back(failures)
        return self.key, failures

    def _close_epoch(self) -> None:
        began = time.monotonic()
        with PROGRESS.waiting(_acknowledgement(self._sender.step_id)):
            self._sender.close_epoch(self._seen)
        if not self._spare:
            self._sender.traffic.waited(time.monotonic() - began)


def _acknowledgement(step_id: str) -> str:
    """What the end of an epoch waits for."""
    return f"the Kafka brokers to acknowledge messages (step {step_id})"

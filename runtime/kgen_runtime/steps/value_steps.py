"""Work on the value of messages alone."""

from __future__ import annotations

from typing import Callable, TypeVar  # noqa: UP035 - on Python 3.10 Bytewax takes the other for a class

import bytewax.operators as op
from bytewax.dataflow import Stream, operator

from ..flow.argument_checks import check_function, check_message, checked
from ..flow.failure_ports import carry_failures
from ..flow.guards import Guard, ItemWork
from ..flow.split import Split, split
from ..messages import TOMBSTONE, Message, Tombstone
from ..reporting.call_site import note_step

K = TypeVar("K")
V = TypeVar("V")
W = TypeVar("W")


@checked
@operator
def map_value(
    step_id: str, up: Stream[Message[K, V]], f: Callable[[V], W | Tombstone | None]
) -> Split[Message[K, W]]:
    """Apply `f` to the value of every message; key, headers and provenance stay.

    A message for which `f` returns None is left out: nothing of it goes on, and it is done with, as with
    `op.filter` (counted in `kgen_filtered_messages_total`). Where `f` returns `TOMBSTONE` the message becomes
    a tombstone. One that was read as a tombstone (value None) passes by: `f` does not see it.

    What `f` raises goes to `errs`, with the message as it was read.
    """

    note_step(step_id)
    check_function("rt.map_value", "f", f)

    def act(message: Message[K, V]) -> Message[K, W] | None:
        if message.value is None:
            return message.tombstone()
        value = f(message.value)
        if value is TOMBSTONE:
            return message.tombstone()
        return None if value is None else message.with_value(value)

    guard = Guard(step_id, ItemWork(act, f, part="value", check=check_message))
    batches = op.flat_map_batch("map", up, lambda messages: [guard.batch(messages)])
    made: Split[Message[K, W]] = split("split", batches)
    guard.feeds(made.errs, batches)
    return made


carry_failures(map_value)

"""What passes between the processes of a cluster, packed: the values of one key in a batch are one item.

Bytewax pickles each item that goes to a step with state, also one that stays in its process, and what it does
beside pickling costs more than that. So in a cluster each such step gets a step ahead of it which makes one
item of all values of a key in a batch, and takes them apart before its own code sees them. Which worker gets
them is Bytewax's affair as before: it goes by the key. So is what is stored: nothing that is packed is kept.
The order of the values of a key stays, and nothing waits: what comes alone goes on alone.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import bytewax.operators as op
from bytewax.dataflow import Dataflow, Stream
from bytewax.operators import StatefulBatchLogic

from .._bytewax import put_before, replace_builder, stateful_steps
from ..producer.eligibility import IdleGate
from ..state.keyed_values import KeyedValues

_NAME: Final = "pack"


def pack_exchanges(flow: Dataflow) -> None:
    """For a flow that is about to run in one of several processes: all of them must do so. A step that is
    given no messages, only woken, stays as it is: so `eligibility` knows it.
    """
    for inside, step in list(stateful_steps(flow)):
        builder = getattr(step, "builder")  # noqa: B009
        if isinstance(builder, IdleGate):
            continue

        def pack(stream_id: str, scope: Any, name: str = f"{step.step_name}_{_NAME}") -> Stream[Any]:
            return op.flat_map_batch(name, Stream(stream_id, scope), packed)

        put_before(flow, inside, step, pack)
        replace_builder(step, _unpacking(builder))


def packed(items: list[Any]) -> list[Any]:
    """Pairs of key and value, those of one key as one pair. With anything else among them they stay as
    they are: Bytewax says so.
    """
    by_key: dict[str, list[Any]] = {}
    for item in items:
        if type(item) is not tuple or len(item) != 2 or type(item[0]) is not str:
            return items
        key, value = item
        found = by_key.get(key)
        if found is None:
            by_key[key] = [value]
        else:
            found.append(value)
    if len(by_key) == len(items):
        return items
    return [(key, values[0] if len(values) == 1 else KeyedValues(values)) for key, values in by_key.items()]


def unpacked(values: list[Any]) -> list[Any]:
    """The values of a key, one by one."""
    if KeyedValues not in map(type, values):
        return values
    found: list[Any] = []
    for value in values:
        if type(value) is KeyedValues:
            found += value.values
        else:
            found.append(value)
    return found


class UnpackingLogic(StatefulBatchLogic[Any, Any, Any]):
    """The logic of a key, which is given the values one by one."""

    __slots__ = ("_logic", "notify_at", "on_eof", "on_notify", "snapshot")

    def __init__(self, logic: StatefulBatchLogic[Any, Any, Any]) -> None:
        self._logic = logic
        self.on_notify: Callable[[], Any] = logic.on_notify
        self.on_eof: Callable[[], Any] = logic.on_eof
        self.notify_at: Callable[[], datetime | None] = logic.notify_at
        self.snapshot: Callable[[], Any] = logic.snapshot

    def on_batch(self, values: list[Any]) -> Any:
        """As they came."""
        return self._logic.on_batch(unpacked(values))


def _unpacking(builder: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda state: UnpackingLogic(builder(state))

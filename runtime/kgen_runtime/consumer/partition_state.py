"""The states of a source partition.

                ┌────────────────────────────────────────┐
                ▼                                        │ reassigned
    build ─▶ ASSIGNED ──batch──▶ READING ──not there──▶ LOST ──on_gap="fail"──▶ (the flow fails)
                │               │     ▲                  ▲
                │        decoded│     │decoded           │ (also from ASSIGNED)
                │   no registry ▼     │
                ├─────────────▶ HELD ─┘
                │
                ├── end of the topic, `stop`, or the runner's "end" ──▶ ENDED
                └── the runner's "drain" ──▶ QUIET ──snapshot is durable──▶ DRAINED

From READING and HELD the last two lines lead on as well, and from each state `close` to CLOSED.

- ASSIGNED: librdkafka fetches it from the next offset on; no message was decoded since.
- READING: its batches go into the flow. Where there are none for now, it is asked later and later.
- HELD: a batch waits, not decoded, for a schema registry that is unavailable; no more is fetched.
- LOST: the next message is not on the broker.
- QUIET: it gives nothing more, and waits for a snapshot after its last message.
- DRAINED: that snapshot is durable, so the runner may leave without an end of input.
- ENDED: it was read to where it ends.
- CLOSED: librdkafka fetches it no more.

A broker that is unavailable is not a state here: librdkafka connects again by itself, at the same offset.
"""

from __future__ import annotations

from enum import Enum, auto
from types import MappingProxyType
from typing import Final

from ..states import Moves


class PartitionState(Enum):
    """Of a source partition."""

    ASSIGNED = auto()
    READING = auto()
    HELD = auto()
    LOST = auto()
    QUIET = auto()
    DRAINED = auto()
    ENDED = auto()
    CLOSED = auto()


_LEAVING: Final = frozenset({PartitionState.QUIET, PartitionState.ENDED, PartitionState.CLOSED})
_CLOSED: Final = frozenset({PartitionState.CLOSED})

PARTITION_MOVES: Final[Moves[PartitionState]] = MappingProxyType(
    {
        PartitionState.ASSIGNED: _LEAVING
        | {PartitionState.READING, PartitionState.HELD, PartitionState.LOST},
        PartitionState.READING: _LEAVING | {PartitionState.HELD, PartitionState.LOST},
        PartitionState.HELD: _LEAVING | {PartitionState.READING},
        PartitionState.LOST: _CLOSED | {PartitionState.ASSIGNED},
        PartitionState.QUIET: _CLOSED | {PartitionState.DRAINED},
        PartitionState.DRAINED: _CLOSED,
        PartitionState.ENDED: _CLOSED,
        PartitionState.CLOSED: frozenset(),
    }
)

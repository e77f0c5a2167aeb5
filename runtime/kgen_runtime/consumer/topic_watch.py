"""Whether the partitions of a topic are still the ones that are read.

    WATCHING ──now and then──▶ LOOKING ──the same ones, or no answer──▶ WATCHING
                                  ├─────another number────────────────▶ CHANGED
                                  └─────absent, or recreated──────────▶ GONE

LOOKING ends in a thread of its own, the only one that moves then. CHANGED and GONE are final: only a restart
reads other partitions.
"""

from __future__ import annotations

import logging
import threading
import time
from contextlib import closing
from enum import Enum, auto
from types import MappingProxyType
from typing import Final

from confluent_kafka import Consumer

from ..errors import SourceError
from ..kafka.connection import Kafka
from ..reporting.progress import PROGRESS
from ..states import Moves, moved
from .broker_answers import AbsentTopicError, partitions, topic_recreated_error
from .consumer_options import open_consumer

log = logging.getLogger("kgen_runtime.source")

_CONFIRM_AFTER: Final = 2.0


class WatchState(Enum):
    """Of a look at a topic's partitions."""

    WATCHING = auto()
    LOOKING = auto()
    CHANGED = auto()
    GONE = auto()


_MOVES: Final[Moves[WatchState]] = MappingProxyType(
    {
        WatchState.WATCHING: frozenset({WatchState.LOOKING}),
        WatchState.LOOKING: frozenset({WatchState.WATCHING, WatchState.CHANGED, WatchState.GONE}),
        WatchState.CHANGED: frozenset(),
        WatchState.GONE: frozenset(),
    }
)


class TopicWatch:
    """Looks now and then, in the background, whether the partitions of a topic are still the ones that are
    read.

    librdkafka says nothing of new partitions to a consumer that was assigned which to read, nor of a deleted
    topic, nor of another one of its name.
    """

    def __init__(self, kafka: Kafka, topic: str, known: int, topic_id: str | None, every: float) -> None:
        self._kafka = kafka
        self._topic = topic
        self._known = known
        self._id = topic_id
        self._every = every
        self._look_at = time.monotonic() + every
        self._state = WatchState.WATCHING
        self._count = known
        self._error: SourceError | None = None

    def check(self) -> int | None:
        """The number of partitions if it has changed. Raises `SourceError` if the topic is gone."""
        if self._state is WatchState.WATCHING:
            if time.monotonic() >= self._look_at:
                self._look_at = time.monotonic() + self._every
                self._move(WatchState.LOOKING)
                name = f"kgen-watch-{self._topic}"
                threading.Thread(target=self._look, name=name, daemon=True).start()
        elif self._state is WatchState.CHANGED:
            return self._count
        elif self._state is WatchState.GONE:
            assert self._error is not None
            raise self._error
        return None

    def _look(self) -> None:
        try:
            found = self._find()
        except Exception as error:  # noqa: BLE001 - any: nobody reads the errors of a thread
            what = f"{type(error).__name__}: {error}"
            log.error("topic %s: could not look for its partitions: %s", self._topic, what)
            found = WatchState.WATCHING
        self._move(found)

    def _find(self) -> WatchState:
        try:
            with closing(open_consumer(self._kafka, None)) as consumer:
                self._count = self._partitions(consumer)
            if self._id is not None and self._kafka.topic_id(self._topic) not in (self._id, None):
                self._error = topic_recreated_error(self._topic)
                return WatchState.GONE
        except AbsentTopicError as error:
            self._error = error
            return WatchState.GONE
        except SourceError as error:
            log.info("topic %s: could not look for its partitions: %s", self._topic, error.what)
        return WatchState.WATCHING if self._count == self._known else WatchState.CHANGED

    def _partitions(self, consumer: Consumer) -> int:
        try:
            count = len(partitions(consumer, self._topic))
        except AbsentTopicError:
            time.sleep(_CONFIRM_AFTER)  # a broker that has just started may not know of it yet
            return len(partitions(consumer, self._topic))
        PROGRESS.go_on(f"brokers of {self._topic}")
        return count

    def _move(self, to: WatchState) -> None:
        self._state = moved(_MOVES, self._state, to)

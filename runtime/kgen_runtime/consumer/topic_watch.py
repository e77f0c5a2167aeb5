"""Whether the partitions of a topic are still the ones that are read."""

from __future__ import annotations

import logging
import threading
import time
from typing import Final

from ..errors import SourceError
from ..kafka.connection import Kafka
from ..reporting.progress import PROGRESS
from .metadata import AbsentTopicError, open_consumer, partitions, topic_recreated_error

log = logging.getLogger("kgen_runtime.source")

_CONFIRM_AFTER: Final = 2.0


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
        self._looking: threading.Thread | None = None
        self._gone: SourceError | None = None
        self._count = known

    def check(self) -> int | None:
        """The number of partitions where it has changed. Raises `SourceError` if the topic is gone."""
        if self._gone is not None:
            raise self._gone
        if self._count != self._known:
            return self._count
        if time.monotonic() >= self._look_at and (self._looking is None or not self._looking.is_alive()):
            self._look_at = time.monotonic() + self._every
            self._looking = threading.Thread(target=self._look, name=f"kgen-watch-{self._topic}", daemon=True)
            self._looking.start()
        return None

    def _look(self) -> None:
        consumer = open_consumer(self._kafka, None)
        try:
            try:
                self._count = len(partitions(consumer, self._topic))
                PROGRESS.go_on(f"brokers of {self._topic}")
            except AbsentTopicError:
                time.sleep(_CONFIRM_AFTER)  # a broker that has just started may not know of it yet
                self._count = len(partitions(consumer, self._topic))
            if self._id is not None and self._kafka.topic_id(self._topic) not in (self._id, None):
                self._gone = topic_recreated_error(self._topic)
        except AbsentTopicError as error:
            self._gone = error
        except SourceError as error:
            log.info("topic %s: could not look for its partitions: %s", self._topic, error.what)
        finally:
            consumer.close()

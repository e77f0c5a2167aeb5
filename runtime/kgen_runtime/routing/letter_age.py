"""Dead letters that their topic would not keep: a letter has the timestamp of its original, by which a broker
deletes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from ..kafka.connection import BrokerTopicSettings
from ..messages import Failure
from .policy import described

log = logging.getLogger("kgen_runtime.errs")

_MS_A_DAY = 86_400_000


class LetterAge:
    """Warns once of letters that are older than their topic keeps messages. Belongs to one worker."""

    def __init__(self, topic: str, settings: Callable[[], BrokerTopicSettings]) -> None:
        self._topic = topic
        self._settings = settings
        self._warned = False

    def look_at(self, failure: Failure) -> None:
        """At one that is about to be written."""
        kept, timestamp = self._settings().kept_ms, failure.original.timestamp
        if self._warned or kept is None or timestamp is None or failure.first_seen - timestamp <= kept:
            return
        self._warned = True
        log.warning(
            "topic %s keeps messages for %.1f days by their timestamp (retention.ms), and this letter is "
            "older: the broker may delete it at any time. Set retention.ms=-1, or "
            "message.timestamp.type=LogAppendTime. %s",
            *(self._topic, kept / _MS_A_DAY, described(failure)),
        )

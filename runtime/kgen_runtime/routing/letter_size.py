"""Dead letters that fit into their topic: what was read does, but the headers of a letter come on top."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from ..kafka.connection import BrokerTopicSettings, Kafka
from ..messages import Failure
from ..producer.outgoing import Outgoing
from ..producer.producer_options import compresses
from ..producer.record_size import record_size
from ..reporting.printable import bounded
from .policy import described

log = logging.getLogger("kgen_runtime.errs")

_USUAL: Final = 1_048_588
"""Kafka's `max.message.bytes`, where the broker does not say."""
_ANY: Final = 1 << 40
_SHORTEST: Final = 200
"""Characters of a text below which it is left out: the beginning and the end of so little say nothing."""


class LetterSize:
    """Shortens the texts of letters that are larger than their topic takes. Belongs to one worker."""

    def __init__(self, kafka: Kafka, topic: str, settings: Callable[[], BrokerTopicSettings]) -> None:
        self._kafka = kafka
        self._topic = topic
        self._settings = settings
        self._limit: int | None = None

    def fitted(self, failure: Failure, make: Callable[[Failure], Outgoing]) -> Outgoing:
        """The letter. What is left out until it fits, in this order: some or all of the traceback, of the
        message, other texts, all headers that are not the original's; that is logged, with the failure. If
        the original alone is too large, nothing is left out: the sender and the broker decide.
        """
        out = make(failure)
        if _at_most(out) <= self._most or record_size(out) <= self._most:
            return out
        alone = out._replace(headers=[*failure.original.headers])
        if record_size(alone) > self._most:
            return out
        shorter = failure
        for shorten in (_without_traceback, _without_message, _bare):
            shorter = shorten(shorter, record_size(out) - self._most)
            out = make(shorter)
            if record_size(out) <= self._most:
                return out
        log.warning("topic %s takes no headers for the letter of %s", self._topic, described(failure))
        return alone

    @property
    def _most(self) -> int:
        """Bytes, as a batch of its own; asked for once. Of what is compressed the broker decides."""
        if self._limit is None:
            self._limit = _ANY if compresses(self._kafka) else self._settings().batch_limit or _USUAL
        return self._limit


def _at_most(out: Outgoing) -> int:
    """At least `record_size`, and found in a tenth of the time: nearly all letters are far smaller than
    their topic takes.
    """
    texts = sum(len(name) + len(value or b"") for name, value in out.headers or ())
    return 100 + 10 * len(out.headers or ()) + 4 * texts + len(out.key or b"") + len(out.value or b"")


def _without_traceback(failure: Failure, over: int) -> Failure:
    return replace(failure, traceback=_cut(failure.traceback, over))


def _without_message(failure: Failure, over: int) -> Failure:
    # The forms of other systems have the message in the place of a traceback that is empty.
    return replace(failure, message=_cut(failure.message, over))


def _bare(failure: Failure, over: int) -> Failure:
    """Where the original was, and what kind of failure it is."""
    return replace(failure, path="", place="", part=None, key_schema_id=None, value_schema_id=None)


def _cut(text: str, over: int) -> str:
    """At least `over` bytes shorter, or empty."""
    left = len(text) - over
    return bounded(text, left) if left >= _SHORTEST else ""

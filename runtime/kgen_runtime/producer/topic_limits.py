"""What the topics that a step writes to take, and what its producers do: so that an error says whose limit it
was.

The topic's limit (`max.message.bytes`) is asked of the broker; librdkafka's own (`message.max.bytes`), which
is lower by default, follows it up to 100 MB, unless the user has set that.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException

from ..errors import OversizeError, RefusedError
from ..kafka.connection import BrokerTopicSettings, Kafka
from .broker_refusals import TOO_LARGE
from .outgoing import Outgoing
from .producer_options import compresses, largest_message, queue_room
from .record_size import client_size, record_size

_CLIENT: Final = "message.max.bytes"
_QUEUE: Final = "queue.buffering.max.kbytes"
_SET: Final = "as configured"
_USUAL: Final = 1_048_588
"""Kafka's `max.message.bytes`, where nobody has changed it."""
_MOST: Final = 100_000_000
"""As far as a topic's limit is followed: a producer's queue has room for two messages of that size, and every
worker of every step has a producer.
"""
_NO_LIMIT: Final = 1 << 40
_COMPACTED: Final = "Give it a key, or have it sent elsewhere; cleanup.policy=delete takes messages without."


class TopicLimits:
    """Belongs to one worker of one delivering step."""

    def __init__(self, kafka: Kafka, topic: str, options: Mapping[str, Any]) -> None:
        self._kafka = kafka
        self._known: dict[str, BrokerTopicSettings] = {}
        self.compacted: set[str] = set()
        """Topics that take no message without a key, of those that were asked for."""
        limit = self.of(topic).batch_limit
        followed, why = _followed(topic, limit)
        chosen = _CLIENT in {**options, **kafka.config}
        own = {} if chosen else {_CLIENT: followed}
        self.options: Mapping[str, Any] = {**own, **options}
        """For the producer."""
        largest, room = largest_message(kafka, self.options), queue_room(kafka)
        self.client = int(min(largest, room))
        """The largest message that the producer takes: one that its queue has no room for would never go."""
        self._whose = (_QUEUE, _SET) if room < largest else (_CLIENT, _SET if chosen else why)
        usual = _NO_LIMIT if compresses(kafka) else min(limit or _USUAL, _USUAL)
        self.large = min(usual, self.client) // 2
        """Messages with longer values are to be checked."""

    def of(self, topic: str) -> BrokerTopicSettings:
        """Of a topic, asked for once."""
        known = self._known.get(topic)
        if known is None:
            known = self._known[topic] = self._kafka.topic_settings(topic)
            if known.compacted:
                self.compacted.add(topic)
        return known

    def batch(self, topic: str) -> int:
        """The largest batch that the topic takes, as far as that is known."""
        return self.of(topic).batch_limit or _NO_LIMIT

    def check(self, out: Outgoing) -> None:
        """Raises `OversizeError`, or `RefusedError` if a key is missing. Sizes are counted before
        compression.
        """
        if out.key is None and self.of(out.topic).compacted:
            raise RefusedError(
                f"topic {out.topic} is compacted (cleanup.policy), and takes no message without a key",
                hint=_COMPACTED,
            )
        size, limit = client_size(out), self.batch(out.topic)
        if 2 * size > limit and (as_batch := record_size(out)) > limit:
            raise OversizeError(
                f"the message takes {as_batch:,} bytes, as a batch of its own; topic {out.topic} takes "
                f"{limit:,} (max.message.bytes)",
                hint="Make it smaller, or raise max.message.bytes of the topic.",
            )
        if size > self.client:
            raise self._too_large_here(size)

    def refused(self, out: Outgoing, error: KafkaError) -> Exception:
        """The error of a message that the broker has refused."""
        if error.code() not in TOO_LARGE:
            return KafkaException(error)
        limit = self.of(out.topic).batch_limit
        takes = f"it takes {limit:,}" if limit else "its limit is unknown"
        return OversizeError(
            f"the broker refuses {record_size(out):,} bytes for topic {out.topic}: {error.str()}; {takes} "
            "(max.message.bytes)",
            hint="Make it smaller, or raise max.message.bytes of the topic.",
        )

    def refused_here(self, out: Outgoing, error: KafkaError) -> Exception:
        """The error of a message that librdkafka does not take."""
        return self._too_large_here(client_size(out)) if error.code() in TOO_LARGE else KafkaException(error)

    def _too_large_here(self, size: int) -> OversizeError:
        option, why = self._whose
        return OversizeError(
            f"the message has {size:,} bytes; the producer takes {self.client:,} ({option}, {why})",
            hint=f'Make it smaller, or set rt.Kafka(config={{"{option}": N}}) or '
            f"KGEN_KAFKA_{option.upper().replace('.', '_')}, and max.message.bytes of the topic.",
        )


def _followed(topic: str, limit: int | None) -> tuple[int, str]:
    """The producer's limit beside a topic's, and why it is that."""
    if limit is None:
        return _USUAL, f"the usual limit of topics: the broker does not report the limit of topic {topic}"
    if limit > _MOST:
        return _MOST, f"as far as a topic's limit is followed; topic {topic} takes {limit:,}"
    if limit < _USUAL:
        return _USUAL, f"the usual limit of topics; topic {topic} takes {limit:,}"
    return limit, f"as topic {topic} takes"

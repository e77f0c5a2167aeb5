"""What a topic and the producer take, asked before anything is sent."""

from __future__ import annotations

from kgen_runtime.errors import RefusedError
from kgen_runtime.kafka.connection import Kafka
from kgen_runtime.producer.outgoing import Outgoing
from kgen_runtime.producer.producer_options import compresses
from kgen_runtime.producer.topic_limits import TopicLimits

from ..errors import ConfigError
from .line_inputs import LineMessage


class MessageLimits:
    """Of a topic that is there: the largest batch it takes, whether messages need a key, and the largest
    message of the producer. Raises `ConfigError` for invalid options of it.
    """

    def __init__(self, kafka: Kafka, topic: str) -> None:
        self._topic = topic
        self._limits = TopicLimits(kafka, topic, {})
        # What is compressed may be smaller than it looks: then the producer's own rule of what is too large.
        self._most = self._limits.large if compresses(kafka) else 0

    def check(self, each: LineMessage, source: str) -> None:
        """Raises `ConfigError` with the line for a message that would not be taken. Sizes are counted before
        compression.
        """
        needs_key = each.key is None and self._topic in self._limits.compacted
        if len(each.value or b"") < self._most and not needs_key:
            return
        out = Outgoing(self._topic, each.value, each.key, -1, 0, list(each.headers), False)
        try:
            self._limits.check(out)
        except RefusedError as error:
            raise ConfigError(error.what, where=each.place(source), hint=error.hint) from None

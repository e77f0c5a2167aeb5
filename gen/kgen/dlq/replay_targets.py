"""The topics that letters are put back to: whether they are there and may be written, and what they take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from confluent_kafka import KafkaError, KafkaException

from kgen_runtime.errors import OversizeError, RefusedError
from kgen_runtime.kafka.connection import Kafka, NewTopic
from kgen_runtime.producer.broker_refusals import DENIED
from kgen_runtime.producer.outgoing import Outgoing
from kgen_runtime.producer.record_size import record_size

from ..errors import ConfigError

_NO_LIMIT: Final = 1 << 40
_MOST_IMPOSSIBLE: Final = 10_000
_SURELY: Final = 65_536
"""Bytes of headers that are looked at where a message is checked for its size."""
_ELSEWHERE: Final = "Send it to another one (--to TOPIC), or leave such letters out: --fingerprint '!HEX'."


class ImpossibleTargetError(ConfigError):
    """A topic that no user can send a letter to: there is none, or can be none of that name."""


@dataclass(frozen=True)
class ReplayTarget:
    """A topic to send to: its partitions, the largest batch it takes, whether messages need a key, and for
    how many milliseconds after their timestamps it keeps them (None: for ever, or not known).
    """

    topic: str
    partitions: int
    limit: int = _NO_LIMIT
    compacted: bool = False
    kept_ms: int | None = None

    def check(self, out: Outgoing) -> None:
        """Raises `RefusedError` for a message that it does not take."""
        if out.key is None and self.compacted:
            raise RefusedError(f"topic {self.topic} is compacted, and takes no message without a key")
        if (
            len(out.value or b"") + len(out.key or b"") + _SURELY < self.limit
            and len(out.headers or ()) < 100
        ):
            return
        if (size := record_size(out)) > self.limit:
            raise OversizeError(
                f"the message takes {size:,} bytes; topic {self.topic} takes {self.limit:,} "
                "(max.message.bytes)"
            )


class ReplayTargets:
    """Looks at each topic once, when the first letter is to go there."""

    def __init__(self, kafka: Kafka) -> None:
        self._kafka = kafka
        self._known: dict[str, ReplayTarget] = {}
        self._impossible: dict[str, ImpossibleTargetError] = {}

    def get(self, topic: str, letter: str) -> ReplayTarget:
        """`letter` says which letter is to go there first, for errors. Raises `ImpossibleTargetError`, and
        `ConfigError` for what the next call may find otherwise.
        """
        known = self._known.get(topic)
        if known is not None:
            return known
        if topic in self._impossible:
            raise self._impossible[topic]
        try:
            found = self._known[topic] = self._found(topic, letter)
        except ImpossibleTargetError as error:
            if len(self._impossible) < _MOST_IMPOSSIBLE:
                self._impossible[topic] = error
            raise
        return found

    def create(self, topic: str, partitions: int, letter: str) -> bool:
        """Create a topic unless it is there; whether it was created. Raises `ConfigError`."""
        if topic in self._known or self._partitions(topic, letter) is not None:
            return False
        try:
            return self._kafka.create_topic(topic, NewTopic(partitions))
        except KafkaException as error:
            raise ConfigError(
                f"the topic could not be created: {error.args[0].str()}",
                where=f"topic {topic}, for {letter}",
                hint="Create it, or name one that is there: --quarantine TOPIC.",
            ) from None

    def _found(self, topic: str, letter: str) -> ReplayTarget:
        partitions = self._partitions(topic, letter)
        if partitions is None:
            raise ImpossibleTargetError(
                "the topic to send to is not on the broker",
                where=f"topic {topic}, for {letter}",
                hint=f"Create it. {_ELSEWHERE}",
            )
        settings = self._kafka.topic_settings(topic)
        return ReplayTarget(
            topic, partitions, settings.batch_limit or _NO_LIMIT, settings.compacted, settings.kept_ms
        )

    def _partitions(self, topic: str, letter: str) -> int | None:
        where = f"topic {topic}, for {letter}"
        try:
            found = self._kafka.find_topic(topic)
        except KafkaException as error:
            reason: KafkaError = error.args[0]
            kind, hint = ConfigError, "Try again."
            if reason.code() in DENIED:
                hint = "Give the user DESCRIBE and WRITE on the topic."
            elif reason.code() == KafkaError.TOPIC_EXCEPTION:  # letters of others may name anything
                kind, hint = ImpossibleTargetError, _ELSEWHERE
            raise kind(
                f"the broker does not show the topic to send to: {reason.str()}", where=where, hint=hint
            ) from None
        if found is not None and found.allowed is not None and "WRITE" not in found.allowed:
            raise ConfigError(
                "the user may not write to the topic", where=where, hint="Give the user WRITE on the topic."
            )
        return None if found is None else found.partitions

"""The broker in memory: `Memory`, a `Kafka` whose clients read and write lists."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar, cast

from confluent_kafka import Consumer, Producer

from ..consumer.columns import from_messages
from ..consumer.decoding import BatchDecoder
from ..consumer.kafka_source import KafkaSource
from ..errors import ConfigError, KgenError
from ..flow.argument_checks import checked
from ..flow.topic import Topic
from ..kafka.connection import BrokerTopicSettings, Kafka, NewTopic, TopicFound
from ..messages import Message, RawMessage
from ..producer.exactly_once import GROUP_PREFIX
from ..reporting.call_site import step_line
from ..routing.dead_letter_headers import PREFIXES
from ..serde.schema_store import SchemaStore
from .memory_clients import MemoryConsumer, MemoryProducer, MemoryTransactions, in_partitions
from .memory_inputs import checked_inputs, encoded_inputs, one_line

K = TypeVar("K")
V = TypeVar("V")

_PREFIXES: Final = tuple(PREFIXES.values())


class Memory(Kafka):
    """Topics in memory instead of a broker; only the schemas in the generated code are known.

    Sources read `inputs` and end there: for each topic a list of values (`Click(...)`), of messages
    (`rt.Message(key, value)`, value None for a tombstone) or of bytes (`rt.RawMessage`), mixed as you like.
    What flows write is in `produced`, by topic name, byte for byte; `messages(topic)` gives it as messages
    with typed keys and values, `values(topic)` as values. Partition and offset
    of an input message are used where given, else it is the next of partition 0. Reading needs no recovery; a
    stored position works as on a broker.

    Raises `ConfigError` for inputs that are not of their topic's types.
    """

    ends = True

    @checked
    def __init__(self, inputs: Mapping[Topic[Any, Any], Sequence[Any]] | None = None) -> None:
        super().__init__("memory:0", registry=SchemaStore(None))
        self._topics = {
            topic.name: in_partitions(topic.name, encoded_inputs(topic, items, self.store))
            for topic, items in checked_inputs(inputs).items()
        }
        self.produced: dict[str, list[RawMessage]] = {}
        self.committed: dict[tuple[str, int], int] = {}
        self._markers: dict[str, dict[tuple[str, int], int]] = {}
        self._metadata: dict[str, dict[tuple[str, int], str]] = {}

    @checked
    def values(self, topic: Topic[Any, V]) -> list[V | None]:
        """The values that flows wrote to a topic, in the order of writing; None for a tombstone. Empty where
        nothing was written. Dead letters are in `dead_letters`.

        Raises `ConfigError` for what is not of the topic's type.
        """
        written = [m for m in self.produced.get(topic.name, []) if not _is_dead_letter(m)]
        decoder = topic.value.decoder(self.store, "value")
        decoded = decoder.decode_many([m.value for m in written], [m.headers for m in written])
        if decoded.errors:
            raise _wrong_type(topic.name, *min(decoded.errors.items()))
        return decoded.values

    @checked
    def messages(self, topic: Topic[K, V]) -> list[Message[K, V]]:
        """The messages that flows wrote to a topic, as `rt.read` would give them: key and value decoded, with
        partition, offset, timestamp and headers, in the order of writing. Empty where nothing was written.
        Dead letters are in `dead_letters`.

        Raises `ConfigError` for what is not of the topic's types.
        """
        written = [m for m in self.produced.get(topic.name, []) if not _is_dead_letter(m)]
        decoder = BatchDecoder("testing.Memory.messages", topic, self)
        messages, undecodable = decoder.decode_all(from_messages(written, topic.name))
        for index, why in sorted(undecodable.items())[:1]:
            raise _wrong_type(topic.name, index, why.error)
        return messages

    @property
    def dead_letters(self) -> list[RawMessage]:
        """What `rt.DeadLetter` wrote, whatever the topic."""
        written = itertools.chain.from_iterable(self.produced.values())
        return [m for m in written if _is_dead_letter(m)]

    def check_source(self, source: KafkaSource[Any, Any]) -> None:
        """Raises `ConfigError` if a source of a flow reads a topic that has no inputs."""
        name = source.topic.name
        if name not in self._topics:
            line = step_line(source.step_id)
            there = ", ".join(sorted(self._topics)) or "there are none"
            raise ConfigError(
                f"topic {name} is not among the inputs ({there})",
                where=f"{line}, step {source.step_id}" if line else f"step {source.step_id}",
                hint="testing.Memory({<its topic>: [...]}); an empty list is a topic without messages.",
            )

    def consumer(self, overrides: Mapping[str, Any]) -> Consumer:
        """Reads the inputs."""
        group = overrides.get("group.id", "")
        ours = group.startswith(GROUP_PREFIX)
        offsets = self._markers.setdefault(group, {}) if ours else self.committed
        return cast(Consumer, MemoryConsumer(self._topics, offsets, self._metadata.setdefault(group, {})))

    def producer(self, defaults: Mapping[str, Any]) -> Producer:
        """Writes to `produced`; in transactions, when they are committed."""
        kind = MemoryTransactions if "transactional.id" in defaults else MemoryProducer
        return cast(Producer, kind(self.produced))

    def topic_id(self, topic: str) -> str | None:
        """None: a topic in memory is always the same."""
        return None

    def find_topic(self, topic: str) -> TopicFound | None:
        """Topics are there as soon as they are written to."""
        return TopicFound(len(self._topics.get(topic, (0,))))

    def similar_topics(self, topic: str) -> list[str]:
        """None: see `find_topic`."""
        return []

    def broker_count(self) -> int:
        """One."""
        return 1

    def creates_topics(self) -> bool | None:
        """True."""
        return True

    def create_topic(self, topic: str, new: NewTopic) -> bool:
        """False: see `find_topic`."""
        return False

    def group_allowed(self, group: str) -> frozenset[str] | None:
        """None: there are no rights."""
        return None

    def topic_settings(self, topic: str) -> BrokerTopicSettings:
        """There are no limits."""
        return BrokerTopicSettings()


def _wrong_type(topic: str, index: int, error: KgenError) -> ConfigError:
    return ConfigError(
        f"message {index} of topic {topic} is not of the topic's type: {one_line(error)}",
        hint="Was it written with another rt.Topic of this name?",
    )


def _is_dead_letter(message: RawMessage) -> bool:
    return any(name.startswith(_PREFIXES) for name, _ in message.headers)

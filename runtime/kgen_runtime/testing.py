"""Running flows without a broker: topics in memory, and sample messages for them.

kafka = testing.Memory({orders.topic: testing.samples(orders.topic)})
testing.run(build(kafka))
assert not kafka.dead_letters

kafka = testing.Memory({clicks.topic: [Click(page="/"), rt.Message("key", Click(page="/about"))]})
testing.run(build(kafka))
assert kafka.values(visits.topic) == [Visit(page="/"), Visit(page="/about")]
"""

from __future__ import annotations

import itertools
import random
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, Final, TypeVar, cast

from bytewax.dataflow import Dataflow
from bytewax.testing import cluster_main
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition

from .codec import make_writer
from .codec.avro.resolution.resolve import check
from .codec.avro.sample_values import sample
from .consumer.kafka_source import KafkaSource
from .consumer.source import sources
from .errors import ConfigError, KgenError
from .flow.argument_checks import checked, shown
from .flow.topic import Topic
from .kafka.connection import BrokerTopicSettings, Kafka, NewTopic, TopicFound
from .messages import Headers, Message, RawMessage
from .producer.exactly_once import GROUP_PREFIX
from .recovery.folder import Recovery
from .reporting.call_site import step_line
from .routing.dead_letter_headers import PREFIXES
from .serde.avro_serde import AvroSerde
from .serde.base import Encoder, Role, Serde
from .serde.either import EitherSerde
from .serde.framing import id_prefix
from .serde.json_payloads import json_payloads
from .serde.json_serde import JsonSerde
from .serde.primitive import BytesSerde, DoubleSerde, IntSerde, LongSerde, NoneSerde, StringSerde
from .serde.schema_store import SchemaStore
from .state.current_folder import kept_in

K = TypeVar("K")
V = TypeVar("V")

_FIRST_TIMESTAMP: Final = 1_767_225_600_000  # 2026-01-01T00:00:00Z


class Memory(Kafka):
    """Topics in memory instead of a broker; only the schemas in the generated code are known.

    Sources read `inputs` and end there: for each topic a list of values (`Click(...)`), of messages
    (`rt.Message(key, value)`, value None for a tombstone) or of bytes (`rt.RawMessage`), mixed as you like.
    What flows write is in `produced`, by topic name; `values(topic)` gives it as values. Partition and offset
    of an input message are used where given, else it is the next of partition 0. Reading needs no recovery; a
    stored position works as on a broker.

    Raises `ConfigError` for inputs that are not of their topic's types.
    """

    ends = True

    @checked
    def __init__(self, inputs: Mapping[Topic[Any, Any], Sequence[Any]] | None = None) -> None:
        super().__init__("memory:0", registry=SchemaStore(None))
        self._topics = {
            topic.name: _partitions(topic.name, _encoded(topic, items, self.store))
            for topic, items in _checked(inputs).items()
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
            index, error = min(decoded.errors.items())
            raise ConfigError(
                f"message {index} of topic {topic.name} is not of the topic's type: {_what(error)}",
                hint="Was it written with another rt.Topic of this name?",
            )
        return decoded.values

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
        return cast(Consumer, _Consumer(self._topics, offsets, self._metadata.setdefault(group, {})))

    def producer(self, defaults: Mapping[str, Any]) -> Producer:
        """Writes to `produced`; in transactions, when they are committed."""
        kind = _TransactionalProducer if "transactional.id" in defaults else _Producer
        return cast(Producer, kind(self.produced))

    def topic_id(self, topic: str) -> str | None:
        """None: a topic in memory is always the same."""
        return None

    def find_topic(self, topic: str) -> TopicFound | None:
        """Topics are there as soon as they are written to."""
        return TopicFound(len(self._topics.get(topic, (0,))))

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


@checked
def run(flow: Dataflow, *, recovery: Recovery | None = None, epoch_interval: timedelta | None = None) -> None:
    """Run a flow to its end, with one worker in a thread of its own.

    Nothing is reported beyond the log. Raises Bytewax's error where a step fails, what failed among its
    causes; `RecoveryError` where the recovery folder cannot be used, or another run uses it; and
    `ConfigError` where a source reads a topic that `Memory` was not given.
    """
    for source in sources(flow):
        if isinstance(source.kafka, Memory):
            source.kafka.check_source(source)
    folder = None if recovery is None else recovery.path
    with kept_in(folder), nullcontext() if recovery is None else recovery.lock():
        config = None if recovery is None else recovery.config()
        # In a thread of its own, as the runner has it: in this one each error is a panic with a backtrace.
        cluster_main(  # type: ignore[no-untyped-call]
            flow,
            [],
            0,
            epoch_interval=epoch_interval,
            recovery_config=config,
            worker_count_per_proc=1,
        )


@checked
def samples(topic: Topic[K, V], n: int = 10, seed: int = 0) -> list[RawMessage]:
    """`n` messages as producers of every known schema version would write them; the same for the same seed.

    Versions that today's cannot read (`kgen pull --allow-incompatible`) are left out.
    Raises `ConfigError` for a serde whose messages cannot be made up, and for invalid arguments.
    """
    for name, given in (("n", n), ("seed", seed)):
        if not isinstance(given, int) or isinstance(given, bool) or (name == "n" and given < 0):
            wanted = "an integer" if name == "seed" else "a number of messages, from 0"
            hint = f"testing.samples(topic, {name}=10), for example."
            raise ConfigError(f"invalid {name}={shown(given)}: expected {wanted}", hint=hint)
    rng = random.Random(seed)  # noqa: S311 - nothing secret
    keys, values = _sampler(topic.key, "key", rng), _sampler(topic.value, "value", rng)
    return [
        RawMessage(
            key=next(keys),
            value=next(values),
            topic=topic.name,
            partition=0,
            offset=i,
            timestamp=_FIRST_TIMESTAMP + 1000 * i,
        )
        for i in range(n)
    ]


def _sampler(serde: Serde[Any], role: Role, rng: random.Random) -> Iterator[bytes | None]:
    if isinstance(serde, AvroSerde):
        return _avro_sampler(serde, rng)
    if isinstance(serde, JsonSerde):
        return json_payloads(serde, rng)
    if isinstance(serde, EitherSerde):
        both = [_sampler(half, role, rng) for half in (serde.framed, serde.plain)]
        return (next(half) for half in itertools.cycle(both))
    for kind, make in _PLAIN.items():
        if isinstance(serde, kind):
            encoder = serde.encoder(SchemaStore(None), role)
            return (encoder.encode(make(i)) for i in itertools.count())
    raise ConfigError(f"no samples can be generated for {serde!r}", hint="Pass RawMessages of your own.")


def _avro_sampler(serde: AvroSerde[Any], rng: random.Random) -> Iterator[bytes]:
    reader = serde.schemas.versions[-1].parse()
    known = [(version, version.parse()) for version in serde.schemas.versions]
    for version, schema in itertools.cycle([it for it in known if not check(it[1], reader)]):
        yield make_writer(schema).encode(sample(schema, rng), id_prefix(version.id))


_PLAIN: Final[dict[type[Serde[Any]], Callable[[int], Any]]] = {
    StringSerde: lambda i: f"key-{i}",
    LongSerde: lambda i: i,
    IntSerde: lambda i: i,
    DoubleSerde: lambda i: i + 0.5,
    BytesSerde: lambda i: f"key-{i}".encode(),
    NoneSerde: lambda i: None,
}


class _Message:
    """As `confluent_kafka.Message`."""

    def __init__(self, raw: RawMessage, partition: int, offset: int, error: KafkaError | None = None) -> None:
        self._raw = raw
        self._partition = partition
        self._offset = offset
        self._error = error

    def error(self) -> KafkaError | None:
        return self._error

    def key(self) -> bytes | None:
        return self._raw.key

    def value(self) -> bytes | None:
        return self._raw.value

    def headers(self) -> list[tuple[str, bytes | None]] | None:
        return list(self._raw.headers) or None

    def timestamp(self) -> tuple[int, int]:
        return (0, 0) if self._raw.timestamp is None else (1, self._raw.timestamp)

    def partition(self) -> int:
        return self._partition

    def offset(self) -> int:
        return self._offset


def _checked(inputs: object) -> Mapping[Topic[Any, Any], Sequence[Any]]:
    """Raises `ConfigError` for what is not a mapping of topics to lists."""
    form = "Give {topic: [value, ...]}, as testing.Memory({clicks.topic: [Click(...)]})."
    if not isinstance(inputs or {}, Mapping):
        raise ConfigError(f"testing.Memory: the inputs are {shown(inputs)}, not a dict", hint=form)
    given: Mapping[Any, Any] = cast("Mapping[Any, Any]", inputs or {})
    names: set[str] = set()
    for topic, items in given.items():
        if not isinstance(topic, Topic):
            raise ConfigError(f"testing.Memory: {shown(topic)} is not a Topic", hint=form)
        if topic.name in names:
            raise ConfigError(f"testing.Memory: two of the topics are {topic.name}", hint=form)
        names.add(topic.name)
        if isinstance(items, (str, bytes)) or not isinstance(items, Sequence):
            raise ConfigError(
                f"testing.Memory: the inputs of topic {topic.name} are {shown(items)}, not a list", hint=form
            )
    return given


def _encoded(topic: Topic[Any, Any], items: Sequence[Any], store: SchemaStore) -> list[RawMessage]:
    key, value = topic.key.encoder(store, "key"), topic.value.encoder(store, "value")

    def part(index: int, name: str, encoder: Encoder[Any], given: object) -> bytes | None:
        try:
            return encoder.encode(given)
        except Exception as error:  # whatever a serde raises for what it is not made for
            raise ConfigError(
                f"testing.Memory: the {name} of item {index} of topic {topic.name} is {shown(given)}, which "
                f"the topic does not take: {_what(error)}",
                hint="Items are values of the topic, rt.Message(key, value), or rt.RawMessage.",
            ) from error

    def encoded(index: int, item: Any) -> RawMessage:
        if isinstance(item, RawMessage):
            return _possible(topic.name, index, item)
        message = item if isinstance(item, Message) else Message(None, item)
        raw = RawMessage(
            key=part(index, "key", key, message.key),
            value=part(index, "value", value, message.value),
            topic=topic.name,
            partition=message.partition,
            offset=message.offset,
            timestamp=message.timestamp,
            headers=message.headers,
        )
        return _possible(topic.name, index, raw)

    return [encoded(index, item) for index, item in enumerate(items)]


def _possible(topic: str, index: int, raw: RawMessage) -> RawMessage:
    """Raises `ConfigError` for what no broker could have given."""
    for name, fits, expected in _POSSIBLE:
        given: object = getattr(raw, name)
        if given is not None and not fits(given):
            raise ConfigError(
                f"testing.Memory: the {name} of item {index} of topic {topic} is {shown(given)}, not "
                f"{expected}",
                hint="Items are values of the topic, rt.Message(key, value), or rt.RawMessage with bytes.",
            )
    return raw


def _is_bytes(given: object) -> bool:
    return isinstance(given, bytes)


def _is_position(given: object) -> bool:
    return isinstance(given, int) and 0 <= given < 1 << 63


def _are_headers(given: object) -> bool:
    return isinstance(given, (tuple, list)) and all(map(_is_header, given))


def _is_header(given: object) -> bool:
    if not isinstance(given, tuple) or len(given) != 2:
        return False
    return isinstance(given[0], str) and isinstance(given[1], (bytes, type(None)))


_POSSIBLE: Final[Sequence[tuple[str, Callable[[object], bool], str]]] = (
    ("key", _is_bytes, "bytes"),
    ("value", _is_bytes, "bytes"),
    ("partition", _is_position, "a non-negative integer"),
    ("offset", _is_position, "a non-negative integer"),
    ("timestamp", lambda given: isinstance(given, int), "milliseconds, an int"),
    ("headers", _are_headers, "(name, bytes) pairs"),
)


def _what(error: BaseException) -> str:
    """One line of text."""
    text = f"{error.what} (at {error.where})" if isinstance(error, KgenError) and error.where else str(error)
    return " ".join(text.split())


def _is_dead_letter(message: RawMessage) -> bool:
    return any(name.startswith(PREFIXES) for name, _ in message.headers)


def _partitions(topic: str, messages: Sequence[RawMessage]) -> dict[int, list[_Message]]:
    found: dict[int, list[_Message]] = {0: []}
    for raw in messages:
        partition = raw.partition or 0
        there = found.setdefault(partition, [])
        following = there[-1].offset() + 1 if there else 0
        offset = following if raw.offset is None else raw.offset
        if offset < following:
            raise ConfigError(
                f"offset {offset} comes after {following - 1}", where=f"topic {topic}, partition {partition}"
            )
        there.append(_Message(raw, partition, offset))
    return found


class _Consumer:
    """As much of `confluent_kafka.Consumer` as the source uses."""

    def __init__(
        self,
        topics: Mapping[str, dict[int, list[_Message]]],
        committed: dict[tuple[str, int], int],
        metadata: dict[tuple[str, int], str],
    ) -> None:
        self._topics = topics
        self._committed = committed
        self._metadata = metadata
        self._assigned: dict[tuple[str, int], int] = {}
        self._paused: set[tuple[str, int]] = set()

    def list_topics(self, topic: str, timeout: float) -> SimpleNamespace:
        partitions = self._topics.get(topic)
        error = KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART) if partitions is None else None
        return SimpleNamespace(topics={topic: SimpleNamespace(error=error, partitions=partitions)})

    def get_watermark_offsets(
        self, at: TopicPartition, timeout: float = 0, cached: bool = False
    ) -> tuple[int, int]:
        there = self._topics[at.topic][at.partition]
        return (there[0].offset(), there[-1].offset() + 1) if there else (0, 0)

    def offsets_for_times(self, at: list[TopicPartition], timeout: float) -> list[TopicPartition]:
        there = self._topics[at[0].topic][at[0].partition]
        late = (m.offset() for m in there if m.timestamp()[1] >= at[0].offset)
        return [TopicPartition(at[0].topic, at[0].partition, next(late, -1))]

    def committed(self, at: list[TopicPartition], timeout: float) -> list[TopicPartition]:
        keys = [(each.topic, each.partition) for each in at]
        return [
            TopicPartition(*key, self._committed.get(key, -1001), self._metadata.get(key, "")) for key in keys
        ]

    def consumer_group_metadata(self) -> _Consumer:
        return self

    def commit(self, offsets: list[TopicPartition], asynchronous: bool) -> None:
        self._committed.update({(at.topic, at.partition): at.offset for at in offsets})
        self._metadata.update({(at.topic, at.partition): at.metadata or "" for at in offsets})

    def incremental_assign(self, at: list[TopicPartition]) -> None:
        self._assigned.update({(tp.topic, tp.partition): tp.offset for tp in at})

    def incremental_unassign(self, at: list[TopicPartition]) -> None:
        for tp in at:
            self._assigned.pop((tp.topic, tp.partition))
            self._paused.discard((tp.topic, tp.partition))

    def consume(self, count: int, timeout: float) -> list[_Message]:
        given: list[_Message] = []
        for (topic, partition), position in self._assigned.items():
            if (topic, partition) in self._paused:
                continue
            there = self._topics[topic][partition]
            first = bisect_left(there, position, key=_Message.offset)
            messages = there[first : first + count - len(given)]
            given += messages
            if messages:
                self._assigned[topic, partition] = messages[-1].offset() + 1
            elif len(given) < count:
                nothing = RawMessage(key=None, value=None, topic=topic)
                given.append(_Message(nothing, partition, position, KafkaError(KafkaError._PARTITION_EOF)))
        return given

    def pause(self, at: list[TopicPartition]) -> None:
        """No more of these is given."""
        self._paused.update((tp.topic, tp.partition) for tp in at)

    def resume(self, at: list[TopicPartition]) -> None:
        """See `pause`."""
        self._paused.difference_update((tp.topic, tp.partition) for tp in at)

    def poll(self, timeout: float) -> None:
        """There are no events."""

    def close(self) -> None:
        """There is nothing to close."""


class _Producer:
    """As much of `confluent_kafka.Producer` as the sink uses; everything is delivered at once."""

    def __init__(self, produced: dict[str, list[RawMessage]]) -> None:
        self._produced = produced

    def produce(
        self,
        topic: str,
        value: bytes | None,
        key: bytes | None,
        partition: int,
        callback: object,
        on_delivery: object,
        timestamp: int,
        headers: list[tuple[str, bytes | None]] | None,
    ) -> None:
        there = self._produced.setdefault(topic, [])
        carried: Headers = tuple(headers or ())
        there.append(
            RawMessage(
                key=key,
                value=value,
                topic=topic,
                partition=max(partition, 0),
                offset=len(there),
                timestamp=timestamp or None,
                headers=carried,
            )
        )

    def poll(self, timeout: float) -> int:
        return 0

    def flush(self, timeout: float) -> int:
        return 0

    def purge(self) -> None:
        """Nothing waits."""

    def __len__(self) -> int:
        return 0


class _TransactionalProducer(_Producer):
    """Nothing is in the topics before the commit. There are no other producers to fence."""

    def __init__(self, produced: dict[str, list[RawMessage]]) -> None:
        super().__init__({})
        self._topics = produced
        self._offsets: list[TopicPartition] = []

    def list_topics(self, topic: str, timeout: float) -> None:
        """Waits for a connection, elsewhere."""

    def init_transactions(self, timeout: float) -> None:
        """Nothing is open."""

    def begin_transaction(self) -> None:
        self.abort_transaction(0)

    def send_offsets_to_transaction(self, at: list[TopicPartition], group: _Consumer, timeout: float) -> None:
        self._offsets, self._group = at, group

    def commit_transaction(self, timeout: float) -> None:
        for topic, messages in self._produced.items():
            there = self._topics.setdefault(topic, [])
            there += [replace(message, offset=len(there) + i) for i, message in enumerate(messages)]
        self._group.commit(self._offsets, asynchronous=False)
        self._produced.clear()

    def abort_transaction(self, timeout: float) -> None:
        self._produced.clear()

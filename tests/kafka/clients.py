"""What the tests do to a broker besides hurting it: make topics, fill them, count what arrived."""

from __future__ import annotations

import ctypes
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
    cimpl,
)
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions, NewTopic

from tests.kafka.processes import wait_for

QUIET = {"log_level": 2}  # librdkafka's lines about a broker that a test has just killed say nothing new


def admin(bootstrap: str) -> AdminClient:
    """An admin client."""
    return AdminClient({"bootstrap.servers": bootstrap, **QUIET})


def create_topic(
    bootstrap: str, name: str, partitions: int = 1, replication: int = 1, **config: str | int
) -> str:
    """Make a topic (`max_message_bytes=…` sets `max.message.bytes`); waits for its leaders."""
    settings = {key.replace("_", "."): str(value) for key, value in config.items()}
    topic = NewTopic(name, num_partitions=partitions, replication_factor=replication, config=settings)
    client = admin(bootstrap)
    client.create_topics([topic], operation_timeout=30)[name].result(60)
    wait_for(lambda: leaders(client, name) == partitions, f"leaders of {name}")
    return name


def add_partitions(bootstrap: str, name: str, total: int) -> None:
    """Raise the number of partitions to `total`."""
    client = admin(bootstrap)
    client.create_partitions([NewPartitions(name, total)], operation_timeout=30)[name].result(60)
    wait_for(lambda: leaders(client, name) == total, f"{total} partitions of {name}")


def delete_topic(bootstrap: str, name: str) -> None:
    """Delete a topic and wait until the broker has forgotten it."""
    client = admin(bootstrap)
    client.delete_topics([name], operation_timeout=30)[name].result(60)
    wait_for(lambda: name not in client.list_topics(timeout=5).topics, f"{name} to be gone")


def delete_before(bootstrap: str, name: str, offsets: dict[int, int]) -> None:
    """Drop the messages before an offset, per partition: what retention does, at once."""
    wanted = [TopicPartition(name, partition, offset) for partition, offset in offsets.items()]
    client = admin(bootstrap)  # held: its futures never end once it is collected
    for future in client.delete_records(wanted).values():
        future.result(60)


def leaders(client: AdminClient, name: str) -> int:
    """How many partitions of the topic have a leader; 0 while it is unknown."""
    topic = client.list_topics(timeout=5).topics.get(name)
    return sum(p.leader >= 0 for p in topic.partitions.values()) if topic else 0


@dataclass(slots=True)
class Record:
    """A message to send. `partition` None leaves the choice to the key's hash."""

    value: bytes | None
    key: bytes | None = None
    partition: int | None = None
    timestamp: int | None = None


def numbered(ids: Iterable[int], partitions: int) -> Iterator[Record]:
    """One message per id, the ids dealt out to the partitions in turn; key and value are the id as text."""
    for i in ids:
        yield Record(value=b"%d" % i, key=b"%d" % i, partition=i % partitions)


def send(bootstrap: str, topic: str, records: Iterable[Record], **config: str | int) -> int:
    """Produce and wait until each is delivered; how many there were. `batch_size=…` sets `batch.size`."""
    settings = {key.replace("_", "."): value for key, value in config.items()}
    usual = {"bootstrap.servers": bootstrap, "linger.ms": 5, "enable.idempotence": True, **QUIET}
    producer = Producer({**usual, **settings})
    errors: list[object] = []
    count = 0
    for record in records:
        count += 1
        _produce(producer, topic, record, lambda error, _: errors.append(error) if error else None)
    left = producer.flush(60)
    if left or errors:
        raise RuntimeError(f"{left} messages were not delivered to {topic}; errors: {errors[:3]}")
    return count


def _produce(producer: Producer, topic: str, record: Record, done: Callable[[object, Message], None]) -> None:
    extra: dict[str, Any] = {}
    if record.partition is not None:
        extra["partition"] = record.partition
    if record.timestamp is not None:
        extra["timestamp"] = record.timestamp
    while True:
        try:
            return producer.produce(topic, value=record.value, key=record.key, on_delivery=done, **extra)
        except BufferError:
            producer.poll(0.1)


def send_unnamed(bootstrap: str, topic: str, record: Record, name: bytes) -> None:
    """Produce a message with a header whose name is any bytes, which librdkafka takes and confluent-kafka
    does not.
    """
    lib, configured = ctypes.CDLL(cimpl.__file__), ctypes.create_string_buffer(512)
    for make in (lib.rd_kafka_conf_new, lib.rd_kafka_new, lib.rd_kafka_headers_new):
        make.restype = ctypes.c_void_p
    settings = ctypes.c_void_p(lib.rd_kafka_conf_new())
    lib.rd_kafka_conf_set(settings, b"bootstrap.servers", bootstrap.encode(), configured, 512)
    client = ctypes.c_void_p(lib.rd_kafka_new(0, settings, configured, 512))
    headers = ctypes.c_void_p(lib.rd_kafka_headers_new(ctypes.c_size_t(1)))
    lib.rd_kafka_header_add(headers, name, ctypes.c_ssize_t(len(name)), b"v", ctypes.c_ssize_t(1))
    parts = [_part(4, record.value), _part(5, record.key)]
    error = lib.rd_kafka_producev(
        client,
        *(ctypes.c_int(1), ctypes.c_char_p(topic.encode())),
        *(ctypes.c_int(3), ctypes.c_int32(record.partition or 0)),
        *(argument for part in parts for argument in part),
        *(ctypes.c_int(10), headers),
        ctypes.c_int(0),
    )
    left = lib.rd_kafka_flush(client, 60_000)
    lib.rd_kafka_destroy(client)
    if error or left:
        raise RuntimeError(f"the message was not delivered to {topic}: {error}")


def _part(kind: int, data: bytes | None) -> tuple[Any, ...]:
    given = data or b""
    return ctypes.c_int(kind), ctypes.c_char_p(given), ctypes.c_size_t(len(given))


def read_all(
    bootstrap: str, topic: str, *, isolation: str = "read_committed", seconds: float = 180
) -> list[Message]:
    """Every message of the topic up to the end it has now, as a reader of that isolation level sees them."""
    config = {
        "bootstrap.servers": bootstrap,
        "group.id": "tests-read-all",
        "enable.auto.commit": False,
        "isolation.level": isolation,
        "enable.partition.eof": True,
        **QUIET,
    }
    consumer = Consumer(config)
    try:
        starts = [TopicPartition(topic, p, OFFSET_BEGINNING) for p in partitions(consumer, topic)]
        consumer.assign(starts)
        return list(_until_end(consumer, {p.partition for p in starts}, seconds))
    finally:
        consumer.close()


def partitions(consumer: Consumer, topic: str) -> list[int]:
    """The partitions of a topic, as soon as the broker that happens to be asked has heard of it."""
    found: list[int] = []

    def known() -> bool:
        found[:] = sorted(consumer.list_topics(topic, timeout=10).topics[topic].partitions)
        return bool(found)

    wait_for(known, f"{topic} to be known")
    return found


def _until_end(consumer: Consumer, open_: set[int], seconds: float) -> Iterator[Message]:
    while open_:
        batch = consumer.consume(10_000, timeout=1)
        for message in batch:
            error = message.error()
            if error is None:
                yield message
            elif error.name() == "_PARTITION_EOF":
                open_.discard(message.partition())
            elif not error.retriable():
                raise KafkaException(error)


@dataclass(slots=True)
class Account:
    """Which ids are missing, and which came more than once."""

    lost: list[int]
    repeated: dict[int, int]

    def __str__(self) -> str:
        lost = f"{len(self.lost)} lost (first {self.lost[:5]})"
        return f"{lost}, {len(self.repeated)} repeated (first {sorted(self.repeated)[:5]})"


def account(sent: Iterable[int], messages: Iterable[Message]) -> Account:
    """Compare the ids that were sent with the keys that arrived."""
    seen = Counter(int(m.key() or b"-1") for m in messages)
    return Account(sorted(set(sent) - seen.keys()), {i: n for i, n in seen.items() if n > 1})

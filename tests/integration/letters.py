"""Dead letters as each system writes them, on a broker."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, TypeAlias, cast

from confluent_kafka import Producer

Headers: TypeAlias = "list[tuple[str, bytes | None]]"
Sent: TypeAlias = "tuple[bytes | None, bytes | None, Headers]"

TIME: Final = 1_767_225_600_000  # 2026-01-01T00:00:00Z
OWN: Final = ("trace", b"\x00\xff")  # of the producer of the original


def kgen(offset: int = 7, **changed: bytes | None) -> Headers:
    """As `rt.DeadLetter(...)` writes them; `changed` are others, None leaves one out."""
    found = {
        "stage": b"decode",
        "class": b"kgen_runtime.errors.DecodeError",
        "message": b"negative length",
        "fingerprint": b"0123456789abcdef",
        "flow": b"orders",
        "step": b"orders.orders",
        "part": b"value",
        "schema-id": b"12",
        "topic": b"orders",
        "partition": b"1",
        "offset": b"%d" % offset,
        "timestamp": b"%d" % TIME,
        "path": b"lines[3].price",
        "position": b"17",
        "place": b"flows/orders.py:12",
        "first-seen": b"%d" % (TIME + 1_000),
        "attempts": b"1",
        **{name.replace("_", "-"): value for name, value in changed.items()},
    }
    return [OWN, *((f"__kgen.error.{name}", value) for name, value in found.items() if value is not None)]


def connect(topic: str = "orders") -> Headers:
    """As Kafka Connect writes them."""
    return [
        OWN,
        ("__connect.errors.topic", topic.encode()),
        ("__connect.errors.partition", b"1"),
        ("__connect.errors.offset", b"7"),
        ("__connect.errors.connector.name", b"sink"),
        ("__connect.errors.task.id", b"0"),
        ("__connect.errors.stage", b"VALUE_CONVERTER"),
        ("__connect.errors.class.name", b"io.confluent.connect.avro.AvroConverter"),
        ("__connect.errors.exception.class.name", b"org.apache.kafka.connect.errors.DataException"),
        ("__connect.errors.exception.message", b"Failed to deserialize data"),
        ("__connect.errors.exception.stacktrace", b"x\n\tat a.B.c(B.java:1)"),
    ]


def streams(topic: str = "orders") -> Headers:
    """As Kafka Streams writes them."""
    return [
        OWN,
        ("__streams.errors.exception", b"java.lang.IllegalStateException"),
        ("__streams.errors.message", b"no"),
        ("__streams.errors.stacktrace", b"x\n\tat a.S.run(S.java:1)"),
        ("__streams.errors.topic", topic.encode()),
        ("__streams.errors.partition", b"1"),
        ("__streams.errors.offset", b"7"),
    ]


def spring(topic: str = "orders") -> Headers:
    """As Spring Kafka writes them."""
    return [
        OWN,
        ("kafka_dlt-original-topic", topic.encode()),
        ("kafka_dlt-original-consumer-group", b"group"),
        ("kafka_dlt-original-timestamp-type", b"CREATE_TIME"),
        ("kafka_dlt-original-partition", struct.pack(">i", 1)),
        ("kafka_dlt-original-offset", struct.pack(">q", 7)),
        ("kafka_dlt-original-timestamp", struct.pack(">q", TIME)),
        ("kafka_dlt-exception-fqcn", b"org.springframework.kafka.listener.ListenerExecutionFailedException"),
        ("kafka_dlt-exception-cause-fqcn", b"java.lang.IllegalStateException"),
        ("kafka_dlt-exception-message", b"Listener failed"),
        ("kafka_dlt-exception-stacktrace", b"x\n\tat a.B.c(B.java:1)"),
    ]


def confluent(topic: str = "orders") -> Headers:
    """As the DLQ action of data contracts writes them."""
    return [
        OWN,
        ("__rule.name", b"checkLen"),
        ("__rule.mode", b"WRITE"),
        ("__rule.subject", topic.encode() + b"-value"),
        ("__rule.topic", topic.encode()),
        ("__rule.exception", b"Rule failed"),
    ]


FOREIGN: Final[dict[str, Callable[[str], Headers]]] = {
    "connect": connect,
    "streams": streams,
    "spring": spring,
    "confluent": confluent,
}


def write(brokers: str, topic: str, letters: Iterable[Sent], partitions: int = 1, **config: Any) -> None:
    """Produce letters, dealt out to the partitions in turn; their times are `TIME` and one ms more each."""
    config = {"linger_ms": 20, **config}
    settings = {name.replace("_", "."): value for name, value in config.items()}
    producer = Producer({"bootstrap.servers": brokers, "log_level": 2, **settings})
    failed: list[object] = []
    for number, (key, value, headers) in enumerate(letters):
        while True:
            try:
                producer.produce(
                    topic,
                    key=key,
                    value=value,
                    headers=cast(Any, headers),
                    partition=number % partitions,
                    timestamp=TIME + number,
                    on_delivery=lambda error, _: failed.append(error) if error else None,
                )
                break
            except BufferError:
                producer.poll(0.1)
    assert producer.flush(60) == 0
    assert not failed


def originals(raws: Sequence[Any]) -> list[tuple[bytes | None, bytes | None]]:
    """Keys and values."""
    return [(raw.key, raw.value) for raw in raws]

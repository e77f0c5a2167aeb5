"""`python -m tests.bench.peers.loader BROKERS TOPIC RATE TOTAL BEGUN`: sends orders at a steady rate, slowly
until the file BEGUN is there; the `count` of each is when it was sent.

It waits a millisecond for more to send with a message (librdkafka's own choice is 5). Without, it makes some
ten thousand requests a second, and what is measured is a broker that is short of processor time.
"""

from __future__ import annotations

import random
import sys
import time
from pathlib import Path

from confluent_kafka import Producer

from kgen_runtime.codec import make_writer
from kgen_runtime.codec.avro.schema.parser import parse
from kgen_runtime.serde.framing import id_prefix
from tests.bench.peers.orders import CLASSES, TEXT, made_order

TICK, SLOW_TICK = 0.002, 0.05


def main(brokers: str, topic: str, rate: int, total: int, begun: Path) -> None:
    """Send them."""
    rng, write, prefix = random.Random(2), make_writer(parse(TEXT), CLASSES), id_prefix(1)
    orders = [made_order(rng, 0) for _ in range(1_000)]
    producer = Producer(
        {"bootstrap.servers": brokers, "linger.ms": 1, "queue.buffering.max.messages": 1_000_000}
    )

    def send(number: int) -> None:
        order = orders[number % len(orders)]
        order.count = time.monotonic_ns()
        producer.produce(topic, write.encode(order, prefix), order.id.encode())

    sent = 0
    while not begun.exists() and sent < total:
        send(sent)
        sent += 1
        producer.poll(0)
        time.sleep(SLOW_TICK)
    began, before = time.monotonic(), sent
    while sent < total:
        due = min(before + int((time.monotonic() - began) * rate), total)
        while sent < due:
            send(sent)
            sent += 1
        producer.poll(0)
        time.sleep(TICK)
    producer.flush(30)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), Path(sys.argv[5]))

"""`python -m tests.bench.peers.loader BROKERS TOPIC RATE TOTAL`: sends orders at a steady rate; `count` is when each was sent."""

from __future__ import annotations

import random
import sys
import time

from confluent_kafka import Producer

from kgen_runtime.codec import make_writer
from kgen_runtime.codec.avro.schema.parser import parse
from kgen_runtime.serde.framing import id_prefix
from tests.bench.peers.orders import TEXT
from tests.bench.peers.stage import CLASSES, made_order

TICK = 0.002


def main(brokers: str, topic: str, rate: int, total: int) -> None:
    """Send them."""
    rng, write, prefix = random.Random(2), make_writer(parse(TEXT), CLASSES), id_prefix(1)
    orders = [made_order(rng, 0) for _ in range(1_000)]
    producer = Producer({"bootstrap.servers": brokers, "linger.ms": 0, "queue.buffering.max.messages": 1_000_000})
    began, sent = time.monotonic(), 0
    while sent < total:
        due = min(int((time.monotonic() - began) * rate), total)
        while sent < due:
            order = orders[sent % len(orders)]
            order.count = time.monotonic_ns()
            producer.produce(topic, write.encode(order, prefix), order.id.encode())
            sent += 1
        producer.poll(0)
        time.sleep(TICK)
    producer.flush(30)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))

"""The sink against Bytewax's own, and exactly once against at least once, on a broker of this machine.

On Apache Kafka where Java is there, else on the in-memory broker, which has no real transactions: there that
contest steps aside. Bytewax's sink is asked for less: it gets no report of a failed delivery. Each runs as
its users run it: kgen's flow in a thread of its own, Bytewax's in the main thread, where it is faster.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import bytewax.operators as op
from bytewax.connectors.kafka import KafkaSink, KafkaSinkMessage
from bytewax.dataflow import Dataflow
from bytewax.testing import TestingSource, run_main

import kgen_runtime as rt
from kgen_runtime import testing
from tests.bench.flows import broker, name, of_bytes
from tests.bench.harness import Result, contest
from tests.kafka import jars
from tests.kafka.clients import Record, create_topic, send

PARTITIONS = 4
VALUE = b"x" * 100
BATCHES, SINGLES, COPIED = 150_000, 100_000, 100_000
FEWER = 5_000
"""What Bytewax's sink is given one by one, who flushes after each."""


def run() -> Iterator[Result]:
    """All contests of this bench."""
    with broker() as (bootstrap, transactions):
        yield from against_bytewax(bootstrap)
        if transactions:
            yield from deliveries(bootstrap)
        else:
            print(f"exactly once: not measured: {jars.missing()}", file=sys.stderr)


def against_bytewax(bootstrap: str) -> Iterator[Result]:
    """The time per message, from the second batch to the end of the flow, when all is delivered: connecting
    is not in it. In upstream batches of a thousand, and one by one.
    """
    for batch, count, fewer, goal in ((1000, BATCHES, BATCHES, 1.0), (1, SINGLES, FEWER, 30.0)):
        kgen, stock = create_topic(bootstrap, name(), PARTITIONS), create_topic(bootstrap, name(), PARTITIONS)
        messages = [rt.Message(b"%d" % i, VALUE) for i in range(count)]
        plain = [KafkaSinkMessage(b"%d" % i, VALUE) for i in range(fewer)]
        peer = stocks(plain, batch, bootstrap, stock)
        yield from contest(
            f"sink, upstream batches of {batch}",
            ("kgen", kgens(messages, batch, rt.Kafka(bootstrap), kgen)),
            {"bytewax KafkaSink": (peer, goal)},
            rounds=3,
        )


def deliveries(bootstrap: str) -> Iterator[Result]:
    """A topic copied to another, decoding and encoding strings."""
    source = create_topic(bootstrap, name(), PARTITIONS)
    records = (Record(VALUE, b"%d" % i, i % PARTITIONS) for i in range(COPIED))
    send(bootstrap, source, records)
    copies = {way: copying(bootstrap, source, way) for way in ("exactly-once", "at-least-once")}
    yield from contest(
        "copy a topic, exactly once",
        ("exactly-once", copies["exactly-once"]),
        {"at-least-once": (copies["at-least-once"], 0.5)},
        rounds=3,
    )


def kgens(messages: list[Any], batch: int, kafka: rt.Kafka, topic: str) -> Callable[[], float]:
    def write(given: Iterable[Any]) -> None:
        flow = Dataflow("kgen")
        up = op.input("in", flow, TestingSource(given, batch))
        rt.route("errs", rt.sink("out", up, of_bytes(topic), kafka), policy=rt.Crash())
        testing.run(flow)

    return per_message(write, messages, batch)


def stocks(messages: list[Any], batch: int, bootstrap: str, topic: str) -> Callable[[], float]:
    def write(given: Iterable[Any]) -> None:
        flow = Dataflow("stock")
        up = op.input("in", flow, TestingSource(given, batch))
        op.output("out", up, KafkaSink([bootstrap], topic))
        run_main(flow)

    return per_message(write, messages, batch)


def per_message(
    write: Callable[[Iterable[Any]], None], messages: list[Any], first: int
) -> Callable[[], float]:
    def timed() -> float:
        began = 0.0

        def given() -> Iterator[Any]:
            nonlocal began
            yield from messages[:first]
            began = time.perf_counter()
            yield from messages[first:]

        write(given())
        return (time.perf_counter() - began) / (len(messages) - first)

    return timed


def copying(bootstrap: str, source: str, delivery: Any) -> Callable[[], None]:
    kafka = rt.Kafka(bootstrap)

    def copy() -> None:
        flow = Dataflow(name())  # another one each time: it would write nothing again
        read = rt.source("in", flow, of_bytes(source), kafka, stop="end")
        refused = rt.sink("out", read.oks, of_bytes(out), kafka, delivery=delivery)
        rt.route("errs", read.errs, refused, policy=rt.Crash())
        testing.run(rt.check(flow))

    out = create_topic(bootstrap, name(), PARTITIONS)
    return copy

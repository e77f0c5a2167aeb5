"""What traces cost where nobody asks for any, and where somebody does: of decoding, the processor time.

A batch of a thousand Avro messages, each in a trace of its own, is decoded without the look at whether spans
are wanted, with it, and with the spans of OpenTelemetry's SDK, which go nowhere.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

import kgen_runtime as rt
from kgen_runtime.consumer.columns import Columns
from kgen_runtime.consumer.decoding import BatchDecoder
from kgen_runtime.serde.framing import id_prefix
from tests.bench.bench_pipeline import SCHEMA
from tests.bench.fast_avro import fast_encoder
from tests.bench.harness import Result, contest, each
from tests.bench.model_classes import ORDER, Order, Place, Status, order

BATCH, TIMES, ROUNDS = 1_000, 100, 21


def run() -> Iterator[Result]:
    """All contests of this bench."""
    batches, off = [batch()] * TIMES, decoder("")
    trace.set_tracer_provider(TracerProvider())
    on = decoder("1")
    yield from contest(
        "decode, traces off",
        ("decode", each(off.decode, batches)),
        {
            "without traces": (each(off._decode, batches), 0.95),
            "KGEN_TRACES=1": (each(on.decode, batches), None),
        },
        rounds=ROUNDS,
        clock=time.process_time,
    )


def decoder(traces: str) -> BatchDecoder[str, Order]:
    os.environ["KGEN_TRACES"] = traces
    versions = (rt.WriterSchema(1, 1, SCHEMA),)
    classes = {"Order": Order, "Status": Status, "Place": Place}
    value = rt.AvroSerde(rt.Schemas("orders-value", versions), classes)
    topic = rt.Topic("orders", key=rt.StringSerde(), value=value)
    try:
        return BatchDecoder("bench.in", topic, rt.Kafka("unused", registry=rt.SchemaStore(None)))
    finally:
        del os.environ["KGEN_TRACES"]


def batch() -> Columns:
    rng, encode, prefix = random.Random(1), fast_encoder(ORDER), id_prefix(1)
    values: list[bytes | None] = [prefix + encode(order(rng)) for _ in range(BATCH)]
    keys: list[bytes | None] = [b"key"] * BATCH
    times: list[int | None] = [1] * BATCH
    headers: list[rt.Headers] = [
        (("traceparent", b"00-%032x-%016x-01" % (n + 1, n + 1)),) for n in range(BATCH)
    ]
    return Columns(
        keys, values, headers, times, list(range(BATCH)), "orders", 0, list(zip(keys, values, headers, times))
    )

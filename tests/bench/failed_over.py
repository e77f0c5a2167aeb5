"""The flow of `bench_failover`: it notes when it is where after a start.

Run by `python -m kgen_runtime.run tests.bench.failed_over:flow`; the environment says what to read.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bytewax.dataflow import Dataflow

import kgen_runtime as rt
from kgen_runtime.consumer.kafka_source import KafkaSource
from kgen_runtime.runner import peer_watch
from kgen_runtime.runner.rendezvous import meet

SOURCE, SINK, NOTES, DELIVERY = "KGEN_BENCH_IN", "KGEN_BENCH_OUT", "KGEN_BENCH_NOTES", "KGEN_BENCH_DELIVERY"


def note(what: str) -> None:
    """That it is there now, by the clock that all processes of the machine share; the first time alone."""
    if what not in _noted:
        _noted.add(what)
        with Path(os.environ[NOTES]).open("a") as file:
            file.write(f"{what} {time.monotonic()}\n")


_noted: set[str] = set()


def _noting(before: str, call: Callable[..., Any], after: str = "") -> Callable[..., Any]:
    def noted(*args: Any, **options: Any) -> Any:
        note(before)
        found = call(*args, **options)
        if after:
            note(after)
        return found

    return noted


def handle(value: bytes) -> bytes:
    """The first message has been read again. Gives the time."""
    note("read")
    return b"%f" % time.monotonic()


def flow() -> Dataflow:
    """Read, take a step, write."""
    note("imported")
    setattr(peer_watch, "meet", _noting("ready", meet, "met"))  # noqa: B010 - no export
    setattr(KafkaSource, "list_parts", _noting("connected", KafkaSource.list_parts, "listed"))  # noqa: B010
    setattr(KafkaSource, "build_part", _noting("placed", KafkaSource.build_part, "built"))  # noqa: B010
    flow, kafka = Dataflow("failed_over"), rt.Kafka.from_env()
    split = rt.source("in", flow, _topic(os.environ[SOURCE]), kafka)
    handled = rt.map_value("handle", split.oks, handle)
    delivery: Any = os.environ[DELIVERY]
    failed = rt.sink("out", handled.oks, _topic(os.environ[SINK]), kafka, delivery=delivery)
    rt.route("errs", split.errs, handled.errs, failed, policy=rt.Crash())
    return rt.check(flow)


def _topic(name: str) -> rt.Topic[bytes, bytes]:
    return rt.Topic(name, key=rt.BytesSerde(), value=rt.BytesSerde())

"""Small flows in this process, for the tests on Apache Kafka."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.testing import TestingSink, TestingSource, run_main

import kgen_runtime as rt

Text = rt.Message[str, str]


def text(name: str) -> rt.Topic[str, str]:
    """A topic of strings."""
    return rt.Topic(name, key=rt.StringSerde(), value=rt.StringSerde())


def read(kafka: rt.Kafka, topic: str, folder: Path | None = None, **options: Any) -> list[Text]:
    """What one run of a source gives, to the end of the topic unless told otherwise."""
    flow = Dataflow("reads")
    messages: list[Text] = []
    source = rt.source("in", flow, text(topic), kafka, **{"stop": "end", **options})
    op.output("out", source.oks, TestingSink(messages))
    rt.route("errs", source.errs, policy=rt.Crash())
    run_main(rt.check(flow), epoch_interval=timedelta(0), recovery_config=_recovery(folder))
    return messages


def write(
    kafka: rt.Kafka, topic: str, messages: list[rt.Message[Any, Any]], **options: Any
) -> list[rt.Failure]:
    """Send messages through a sink; what came out of its errs."""
    flow = Dataflow("writes")
    failures: list[rt.Failure] = []
    stream = op.input("in", flow, TestingSource(messages, batch_size=100))
    errs = rt.sink("out", stream, options.pop("of", text(topic)), kafka, **options)
    op.output("errs", errs, TestingSink(failures))
    run_main(rt.check(flow))
    return failures


def ids(messages: list[Text]) -> list[int]:
    """The ids in the values, sorted: partitions come in no order."""
    return sorted(int(m.value or "") for m in messages)


def _recovery(folder: Path | None) -> Any:
    return None if folder is None else rt.Recovery(folder).config()

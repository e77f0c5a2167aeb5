"""Reading a Kafka topic: exact offsets, one consumer per worker, decoded in batches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

import bytewax.operators as op
from bytewax.dataflow import Dataflow, operator

from .._bytewax import walk
from ..flow.argument_checks import checked
from ..flow.failure_ports import carry_failures
from ..flow.split import Split, split
from ..flow.topic import Topic
from ..kafka.connection import Kafka
from ..messages import Message
from ..reporting.call_site import note_step
from .alignment import Align, check_align
from .bounds import (
    OnGap,
    OnNewPartitions,
    Start,
    Stop,
    check_batch_size,
    check_group,
    check_start,
    check_stop,
    check_word,
)
from .kafka_source import KafkaSource

K = TypeVar("K")
V = TypeVar("V")


@checked
@operator
def source(
    step_id: str,
    flow: Dataflow,
    topic: Topic[K, V],
    kafka: Kafka,
    *,
    start: Start = "earliest",
    stop: Stop = "never",
    batch_size: int = 100,
    align: Align = "messages",
    on_gap: OnGap = "fail",
    on_new_partitions: OnNewPartitions = "fail",
    group_id: str | None = None,
) -> Split[Message[K, V]]:
    """Read a topic. Every partition is read by one worker; messages of a partition keep their order.

    Delivery: at least once. With recovery, a restart begins exactly after the last message of the last
    committed epoch; `start` counts only for partitions without a stored offset. Only committed transactions
    are read.

    - `start`: see `Start`. `stop`: see `Stop`.
    - `batch_size`: how many messages go through the flow together, at most; nothing waits to fill a batch. A
    thousand take up to a seventh less of the processor than ten times a hundred, if garbage collection need
    not visit what is made of them (see `Message`). But a slow step then holds ten times as many before the
    flow can end an epoch, and the messages of a batch may be further apart in time than a window waits.
    - `align`: how partitions of which many messages wait advance together, see `Align`. With `timestamp`
    windows of event time take no message for late that is in order within its partition, if they wait for
    late ones as long as its `lead`. `messages` does that only if one worker reads all partitions, these have
    about as many messages in the same time, and a batch spans less time than the windows wait.
    - `on_gap`: what to do where the broker no longer has the next message (retention, a topic recreated):
    `fail` with the offsets, or go on at the `earliest` or `latest` one, with a warning.
    - `on_new_partitions`: when the topic gets more partitions (looked for once a minute), which only a
    restart can read: `fail`, or `stop` cleanly; the runner then exits with 75. They are read from their
    beginning.
    - `group_id`: commit offsets to this consumer group once they are durable in the recovery store, so that
    lag tools see the flow. The flow itself does not read them back, except with `start="stored"`. If the
    user may not use the group, that is logged.

    `errs` gets what can never be decoded. While the registry is unavailable and a schema is not known,
    reading waits. Raises `FlowError` for invalid arguments; running, `ConfigError` and `SourceError`.
    """
    note_step(step_id)
    check_batch_size(batch_size)
    check_align(align)
    check_group(group_id)
    check_start(start, group_id)
    check_stop(stop)
    check_word("on_gap", on_gap, OnGap)
    check_word("on_new_partitions", on_new_partitions, OnNewPartitions)
    if stop == "never" and kafka.ends:
        stop = "end"
    batches = op.input(
        "kafka",
        flow,
        KafkaSource(
            step_id, topic, kafka, start, stop, batch_size, on_gap, on_new_partitions, group_id, align
        ),
    )
    return split("split", batches)


def sources(flow: Dataflow) -> Iterator[KafkaSource[Any, Any]]:
    """Those of a flow."""
    for step in walk(flow):
        source = getattr(step, "source", None)
        if isinstance(source, KafkaSource):
            yield source


carry_failures(source)

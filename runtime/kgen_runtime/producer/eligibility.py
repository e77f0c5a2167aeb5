"""What exactly-once delivery asks of a flow, seen from how it is built."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final

import bytewax.operators as op
from bytewax.dataflow import Dataflow, Operator

from .._bytewax import core_steps, inputs, operator_class, outputs, walk
from ..consumer.kafka_source import KafkaSource
from ..errors import ConfigError, FlowError
from ..kafka.connection import Kafka
from .sender import DeliverySpec

TRANSACTION_MS: Final = 60_000
"""`transaction.timeout.ms` unless set: the broker aborts what takes longer."""

_STATELESS: Final = frozenset(
    operator_class(step) for step in (op.flat_map_batch, op.branch, op.merge, op.inspect_debug)
)
"""Steps that keep what they give on its worker and in its epoch, and remember nothing."""
_INPUT: Final[Any] = operator_class(op.input)
_INSTEAD: Final = "Use delivery='at-least-once' and let the readers of the topic bear repetitions."


class IdleGate:
    """What builds the state of a step that is never given anything in a flow that delivers exactly once."""


def is_exactly_once(flow: Dataflow, spec: DeliverySpec[Any]) -> bool:
    """As the step says; one that says nothing does as the flow's sinks."""
    if spec.delivery is not None:
        return spec.delivery == "exactly-once"
    return any(each.spec.delivery == "exactly-once" for each in deliveries(flow))


def delivers_exactly_once(flow: Dataflow) -> bool:
    """Whether anything in the flow does."""
    return any(is_exactly_once(flow, each.spec) for each in deliveries(flow))


def check_flow(flow: Dataflow) -> None:
    """Raises `FlowError` if something that is to be delivered exactly once cannot be."""
    for each in deliveries(flow):
        if is_exactly_once(flow, each.spec):
            _check(each.step_id, each.up.stream_id, each.spec.kafka, flow)


def check_sink(step_id: str, stream_id: str, flow: Dataflow, kafka: Kafka) -> None:
    """The same for a sink that is being built, as far as the flow can be seen yet. Raises `FlowError`."""
    _check(step_id, stream_id, kafka, flow)


def check_interval(flow: Dataflow, epoch: timedelta) -> None:
    """Raises `ConfigError` if the broker might abort a transaction before its epoch ends."""
    for each in deliveries(flow):
        timeout, lasts = transaction_ms(each.spec.kafka) / 1000, epoch.total_seconds()
        if is_exactly_once(flow, each.spec) and timeout < 2 * lasts:
            raise ConfigError(
                f"transaction.timeout.ms is {timeout:g} s, an epoch {lasts:g} s",
                where=f"step {each.step_id}",
                hint="A transaction lasts an epoch and its commit: make it at least twice as long, or the "
                "epochs (--epoch-interval) shorter.",
            )


def deliveries(flow: Dataflow) -> list[Any]:
    """The steps of a flow that deliver: each has its `spec`."""
    return [step for step in walk(flow) if isinstance(getattr(step, "spec", None), DeliverySpec)]


def topics_written(flow: Dataflow) -> list[str]:
    """The topics of its sinks and dead letters."""
    return sorted({each.spec.topic for each in deliveries(flow)})


def transaction_ms(kafka: Kafka) -> int:
    """How long the broker lets a transaction be open."""
    return int(kafka.config.get("transaction.timeout.ms", TRANSACTION_MS))


def _check(step_id: str, stream_id: str, kafka: Kafka, flow: Dataflow) -> None:
    topics: set[str] = set()
    gates = {f"{each.step_id}.gate": each for each in deliveries(flow)}
    for step in _upstream(stream_id, flow):
        if step.step_id in gates:
            _check_gate(step_id, gates[step.step_id], flow)
        elif isinstance(step, _INPUT):
            source = getattr(step, "source")  # noqa: B009
            _check_source(step_id, step, source, kafka)
            if source.topic.name in topics:
                raise _refused(
                    step_id,
                    f"topic {source.topic.name} is read twice, and offsets alone identify its messages",
                )
            topics.add(source.topic.name)
        elif type(step) not in _STATELESS and not isinstance(getattr(step, "builder", None), IdleGate):
            raise _refused(
                step_id,
                f"step {step.step_id} ({type(step).__name__}) comes before: outputs must depend on single "
                "inputs and stay on their worker",
            )


def _check_gate(step_id: str, delivery: Any, flow: Dataflow) -> None:
    # A gate stays on its worker, but at least once it learns of failures when their epoch has been closed.
    if not is_exactly_once(flow, delivery.spec):
        raise _refused(
            step_id,
            f"step {delivery.step_id} comes before, and delivers at least once: what failed there "
            "is reported too late for the epoch of its input",
        )


def _check_source(step_id: str, step: Operator, source: object, kafka: Kafka) -> None:
    if not isinstance(source, KafkaSource):
        raise _refused(
            step_id, f"step {step.step_id} is not an rt.source, so the input that was read is unknown"
        )
    if not source.kafka.is_same_cluster(kafka):
        raise _refused(step_id, f"step {step.step_id} reads from other brokers than this writes to")


def _refused(step_id: str, why: str) -> FlowError:
    return FlowError(f"cannot deliver exactly once: {why}", where=f"step {step_id}", hint=_INSTEAD)


def _upstream(stream_id: str, flow: Dataflow) -> Iterator[Operator]:
    """The core steps that a stream comes from, each once."""
    made_by = {port: step for step in core_steps(flow) for port in outputs(step)}
    seen: set[str] = set()
    todo = [stream_id]
    while todo:
        step = made_by.get(todo.pop())
        if step is None or step.step_id in seen:
            continue
        seen.add(step.step_id)
        todo += inputs(step)
        yield step

"""librdkafka's options as kgen sees them: whose they are, which may be shown, and which kgen sets itself."""

from __future__ import annotations

from typing import Final


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


OURS: Final = {
    "bootstrap.servers": "Give the brokers as rt.Kafka(brokers=...) or KGEN_BROKERS.",
    "metadata.broker.list": "Give the brokers as rt.Kafka(brokers=...) or KGEN_BROKERS.",
    "group.id": "Use rt.source(..., group_id=...).",
    "auto.offset.reset": "Use rt.source(..., start=..., on_gap=...).",
    "enable.auto.commit": "Use rt.source(..., group_id=...): it commits offsets once they are durable.",
    "enable.auto.offset.store": "Offsets live in the recovery store.",
    "enable.partition.eof": "Use rt.source(..., stop='end').",
    "delivery.report.only.error": "The sink needs every failed delivery, and only those.",
    "transactional.id": "The sink names its own transactions.",
    "enable.idempotence": "The sink's promises rest on it (and on acks=all, which goes with it).",
    "on_commit": "Commits are checked by the source.",
    "on_delivery": "Deliveries are checked by the sink; failed ones come out of its errs.",
}
"""Options kgen needs for its guarantees, and what to use instead."""

CONSUMER_ONLY: Final = _names("""
    allow.auto.create.topics auto.commit.interval.ms check.crcs coordinator.query.interval.ms consume_cb
    fetch.error.backoff.ms fetch.max.bytes fetch.message.max.bytes fetch.min.bytes fetch.queue.backoff.ms
    fetch.wait.max.ms group.instance.id group.protocol group.protocol.type group.remote.assignor
    heartbeat.interval.ms isolation.level max.partition.fetch.bytes max.poll.interval.ms offset.store.method
    partition.assignment.strategy queued.max.messages.kbytes queued.min.messages session.timeout.ms
""")
"""Options that a producer would only warn about."""

PRODUCER_ONLY: Final = _names("""
    acks batch.num.messages batch.size compression.codec compression.level compression.type
    delivery.timeout.ms enable.gapless.guarantee enable.idempotence linger.ms max.in.flight
    message.send.max.retries message.timeout.ms msg_order_cmp partitioner
    queue.buffering.backpressure.threshold queue.buffering.max.kbytes queue.buffering.max.messages
    queue.buffering.max.ms queuing.strategy request.required.acks request.timeout.ms retries
    sticky.partitioning.linger.ms transaction.timeout.ms
""")
"""Options that a consumer would only warn about."""

SHOWN: Final = _names("""
    acks broker.address.family client.id client.rack compression.codec compression.type debug group.protocol
    isolation.level partitioner sasl.mechanism sasl.mechanisms security.protocol ssl.ca.location
    ssl.certificate.location ssl.endpoint.identification.algorithm ssl.key.location
""")
"""Options with text that may be shown; numbers always may."""

_UNDERSCORED: Final = {"log.level": "log_level"}


def option_name(variable: str) -> str:
    """`SASL_PASSWORD` -> `sasl.password`."""
    name = variable.lower().replace("_", ".")
    return _UNDERSCORED.get(name, name)

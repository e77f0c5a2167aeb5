"""Runs the flow of the topic `order-events` on sample messages of every known schema
version. Yours to edit: `kgen pull` merges schema changes into it.
"""

from __future__ import annotations

from kgen_runtime import testing

from desk._generated import order_events
from desk.flows.order_events import build


def test_every_known_version_is_read() -> None:
    """No sample message ends among the dead letters."""
    kafka = testing.Memory(
        {order_events.topic: testing.samples(order_events.topic, n=20)},
    )
    testing.run(build(kafka))
    assert not kafka.dead_letters

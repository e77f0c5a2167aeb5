"""Runs the flow of the topic `orders` on sample messages of every known schema
version. Yours to edit: `kgen pull` merges schema changes into it.
"""

from __future__ import annotations

from kgen_runtime import testing

from streams._generated import orders
from streams.flows.orders import build


def test_every_known_version_is_read() -> None:
    """No sample message ends among the dead letters."""
    kafka = testing.Memory({orders.topic: testing.samples(orders.topic, n=20)})
    testing.run(build(kafka))
    assert not kafka.dead_letters

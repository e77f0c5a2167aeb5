"""Runs the flow of the topic `shop.public.customers` on sample messages of every
known schema version. Yours to edit: `kgen pull` merges schema changes into it.
"""

from __future__ import annotations

from kgen_runtime import testing

from crm._generated import shop_public_customers
from crm.flows.shop_public_customers import build


def test_every_known_version_is_read() -> None:
    """No sample message ends among the dead letters."""
    kafka = testing.Memory(
        {
            shop_public_customers.topic: testing.samples(
                shop_public_customers.topic,
                n=20,
            ),
        },
    )
    testing.run(build(kafka))
    assert not kafka.dead_letters

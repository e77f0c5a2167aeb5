"""Runs the flow of the topic `shipments` on sample messages of every known schema
version. Yours to edit: `kgen pull` merges schema changes into it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone

import pytest
from kgen_runtime import Message, testing

from shop._generated import shipments
from shop.flows.shipments import build, delivered, handle

SHIPMENT = shipments.Shipment(
    shipment_id="S-000001",
    order_id="O-000001",
    status=shipments.ShipmentStatus.delivered,
    at=datetime(2026, 3, 2, 8, tzinfo=timezone.utc),
    weight_kg=1.5,
    parcels=[shipments.Parcel(sku="A", pieces=2)],
    signed_by="Ada",
)


def test_every_known_version_is_read() -> None:
    """What ends among the dead letters got there by the flow's own rules."""
    kafka = testing.Memory({shipments.topic: testing.samples(shipments.topic, n=100)})
    testing.run(build(kafka))
    stages = [dict(letter.headers)["__kgen.error.stage"] for letter in kafka.dead_letters]
    assert set(stages) <= {b"process"}
    assert kafka.produced["deliveries"]


def test_only_deliveries_go_on() -> None:
    assert delivered(Message(value=SHIPMENT))
    assert not delivered(Message(value=replace(SHIPMENT, status=shipments.ShipmentStatus.packed)))
    assert not delivered(Message(value=None))


def test_a_delivery_is_signed_for() -> None:
    assert handle(SHIPMENT) == SHIPMENT
    with pytest.raises(ValueError, match="S-000001 was delivered and not signed for"):
        handle(replace(SHIPMENT, signed_by=None))

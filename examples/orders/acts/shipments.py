"""The third act: the topic whose values are JSON, through its own flow, with totals of its own."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from kgen.dev import Dev, topics
from kgen.dev.registered_schema import Registered
from kgen_runtime import RawMessage
from kgen_runtime.serde.framing import id_prefix

from backstage.project import Project
from backstage.screen import say, title

from . import replay
from .data import START

TOPICS = {"shipments": 3, "deliveries": 3, "shipments.dlq": 1}

# What makes a shipment useless, and the stage at which the flow says so.
POISON: dict[str, dict[str, Any]] = {
    "decode": {"weight_kg": "heavy"},
    "validate": {"weight_kg": -2.5},
    "process": {"status": "delivered", "signed_by": None, "weight_kg": 1.5},
}


def play(dev: Dev, project: Project, registered: list[Registered], number: int) -> bool:
    """Run `number` shipments and the poison through the flow; whether every one came out as it was sent."""
    title("the topic shipments has JSON values; they are validated by its JSON Schema")
    topics.create(dev.brokers, TOPICS)
    schema = next(r for r in registered if r.schema.subject == "shipments-value")
    good = [_shipment(each) for each in range(number)]
    bad = [{**_shipment(number + place), **change} for place, change in enumerate(POISON.values())]
    topics.write(dev.brokers, "shipments", [_message(schema, each) for each in (*good, *bad)])
    wanted = {each["shipment_id"]: _sent(each) for each in good if each["status"] == "delivered"}
    _run(dev, project, len(wanted))
    if not _balanced(dev, wanted):
        return False
    replay.play(project)
    left = bad[-1]  # at the door
    _run(dev, project, len(wanted) + 1)
    return _balanced(dev, {**wanted, left["shipment_id"]: _sent(left)})


def _run(dev: Dev, project: Project, deliveries: int) -> None:
    with project.running("shop.flows.shipments:flow") as flow:
        flow.until(lambda: _settled(dev, deliveries), "the last shipment")
        flow.stop()


def _shipment(number: int) -> dict[str, Any]:
    rng = random.Random(number)
    status = rng.choice(("packed", "shipped", "delivered", "delivered"))
    return {
        "shipment_id": f"S-{number:06}",
        "order_id": f"O-{number:06}",
        "status": status,
        "at": (START + timedelta(days=1, seconds=number)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "weight_kg": rng.randint(1, 400) / 8,
        "parcels": [{"sku": f"SKU-{rng.randrange(500):03}", "pieces": rng.randint(1, 9)}],
        "signed_by": rng.choice(("Åsa", "Łukasz", "Zoë")) if status == "delivered" else None,
    }


def _message(schema: Registered, shipment: Mapping[str, Any]) -> tuple[bytes, bytes]:
    """Key and value as on the broker. What is None is left out; letters are escaped, as others do it."""
    value = json.dumps(_sent(shipment)).encode()
    return shipment["shipment_id"].encode(), id_prefix(schema.id) + value


def _sent(shipment: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in shipment.items() if value is not None}


def _settled(dev: Dev, deliveries: int) -> bool:
    """Whether as many messages have come out as there should, at the least."""
    out, dead = topics.read(dev.brokers, "deliveries"), topics.read(dev.brokers, "shipments.dlq")
    return len(out) >= deliveries and len(dead) >= len(POISON)


def _balanced(dev: Dev, wanted: Mapping[str, dict[str, Any]]) -> bool:
    """Count what is on the broker, read by Python's `json` alone; whether it is what was `wanted`, by id."""
    inputs = [_read(message) for message in topics.read(dev.brokers, "shipments")]
    out = {each["shipment_id"]: each for each in map(_read, topics.read(dev.brokers, "deliveries"))}
    letters = topics.read(dev.brokers, "shipments.dlq")
    dead = {_read(letter)["shipment_id"]: dict(letter.headers) for letter in letters}
    for _, headers in sorted(dead.items()):
        say(f"{_text(headers, 'stage'):<15} {' '.join(_text(headers, 'message').split())}")
    alive = [each for each in inputs if each["shipment_id"] not in dead]
    filtered = sum(each["status"] != "delivered" for each in alive)
    wrong = sum(out.get(name) != shipment for name, shipment in wanted.items())
    say(f"in {len(inputs):,} = out {len(out):,} + filtered {filtered:,} + dead-lettered {len(dead)}")
    say(f"{wrong} deliveries lost or with another content than was sent")
    good = out == wanted and len(inputs) == len(out) + filtered + len(dead)
    good = good and sorted(_text(each, "stage") for each in dead.values()) == sorted(POISON)
    say("It adds up." if good else "IT DOES NOT ADD UP.")
    return good


def _text(headers: Mapping[str, bytes | None], name: str) -> str:
    return (headers[f"__kgen.error.{name}"] or b"").decode()


def _read(message: RawMessage) -> dict[str, Any]:
    """A value by the standard library: after the prefix of five bytes it is JSON."""
    value: dict[str, Any] = json.loads((message.value or b"")[5:])
    return value

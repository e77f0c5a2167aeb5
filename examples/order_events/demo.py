"""One topic with events of several types, folded to where each order stands.

Run it with `make demo EXAMPLE=order_events`, or `python examples/order_events/demo.py [--folder DIR]`.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import TypeAlias

import kgen_runtime as rt
from kgen_runtime.serde.registry.client import RegistryClient

sys.path.append(str(Path(__file__).parents[1]))  # for what the examples share

import data
from backstage.demo_run import Stage, run_demo
from backstage.screen import holds, say, title
from desk._generated import order_events, order_status

Event: TypeAlias = "rt.Message[str, order_events.OrderEventsValue]"
FLOW, LETTERS = "desk.flows.order_events:flow", "order-events.dlq"
ORDERS = 400


def play(stage: Stage) -> bool:
    """Run the flow on three types of events, then on one that it does not know."""
    sent = data.events(ORDERS)
    messages: list[Event] = [rt.Message(key, value) for key, value in sent]
    stage.produce(order_events.topic, messages)
    kinds = Counter(type(value).__name__ for _, value in sent)
    say(f"{len(sent):,} events: " + ", ".join(f"{n} {kind}" for kind, n in sorted(kinds.items())))

    title("kgen discover reads them, and says what is in the topic")
    for line in stage.project.discover("order-events"):
        say(line)

    title("the flow has a branch for each; a fourth type comes")
    archived = _archived(stage)
    with stage.project.running(FLOW) as flow:
        flow.until(lambda: stage.count(order_status.topic.name) >= len(sent), "the last event")
        flow.until(lambda: stage.count(LETTERS) >= archived, "the dead letters")
        flow.stop()
    for line in filter(str.strip, stage.project.dlq("list", LETTERS)):
        say(line)

    title("the sums")
    out = {m.key: m.value for m in stage.read(order_status.topic) if m.key and m.value}
    right = data.states(sent)
    found = Counter(each.state.value for each in out.values())
    return holds(
        f"{len(out)} orders: " + ", ".join(f"{n} {state}" for state, n in sorted(found.items())),
        {key: each.state.value for key, each in out.items()} == right,
    ) & holds(f"{archived} of an unexpected type are dead letters", stage.count(LETTERS) == archived)


def _archived(stage: Stage) -> int:
    """Messages of a type that is not among those of the topic; how many."""
    schema = {"type": "record", "name": "OrderArchived", "namespace": "desk", "fields": []}
    registry = RegistryClient(stage.dev.registry)
    body = {"schema": json.dumps(schema)}
    id_ = registry.post("/subjects/desk.OrderArchived/versions", body)["id"]
    registry.close()
    raw = rt.Topic("order-events", key=order_events.key, value=rt.BytesSerde())
    payload = b"\0" + int(id_).to_bytes(4, "big")
    stage.produce(raw, [rt.Message(f"O-{number:04}", payload) for number in range(3)])
    return 3


if __name__ == "__main__":
    partitions = {"order-events": 3, "order-status": 3, LETTERS: 3}
    sys.exit(run_demo(play, Path(__file__).parent, partitions))

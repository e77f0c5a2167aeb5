"""Quix Streams, as its documentation has it."""

from __future__ import annotations

from typing import Any

from quixstreams import Application, State
from quixstreams.models import SchemaRegistryClientConfig
from quixstreams.models.serializers.avro import AvroDeserializer, AvroSerializer

from tests.bench.peers.job import GROUP_SETTINGS, Job, Probe
from tests.bench.peers.orders import SCHEMA, Order, from_dict, raised, to_dict

JOB = Job.given()
PROBE = Probe(JOB)


def change(order: Order) -> dict[str, Any]:
    """What `produce` writes."""
    PROBE.one(order)
    return to_dict(raised(order))


def add(order: Any, state: State) -> int:
    """One more of the key."""
    count: int = state.get("count", 0) + 1
    state.set("count", count)
    return count


def main() -> None:
    """Run the task."""
    registry = SchemaRegistryClientConfig(url=JOB.registry)
    app = Application(
        broker_address=JOB.brokers,
        consumer_group=JOB.group,
        auto_offset_reset="earliest",
        consumer_extra_config=GROUP_SETTINGS,
        state_dir=JOB.folder,
        loglevel="WARNING",
    )
    orders = app.topic(
        JOB.topic,
        key_deserializer="str",
        value_deserializer=AvroDeserializer(schema_registry_client_config=registry),
    )
    sdf = app.dataframe(orders)
    if JOB.task == "count":
        sdf = sdf.apply(add, stateful=True).update(PROBE.one)
    elif JOB.task == "produce":
        writer = AvroSerializer(SCHEMA, schema_registry_client_config=registry)
        out = app.topic(JOB.out, key_serializer="str", value_serializer=writer)
        sdf = sdf.apply(from_dict).apply(change).to_topic(out)
    else:
        sdf = sdf.apply(from_dict).update(PROBE.one)
    app.run()


if __name__ == "__main__":
    main()

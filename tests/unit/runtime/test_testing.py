"""Samples and topics in memory."""

from __future__ import annotations

from dataclasses import dataclass

import bytewax.operators as op
import pytest
from bytewax.dataflow import Dataflow
from bytewax.testing import TestingSink

import kgen_runtime as rt
from kgen_runtime import testing

V1 = '{"type": "record", "name": "shop.Order", "fields": [{"name": "id", "type": "string"}]}'
V2 = V1.replace("]}", ', {"name": "n", "type": "int", "default": 7}]}')


@dataclass(slots=True, kw_only=True)
class Order:
    id: str
    n: int = 7


SCHEMAS = rt.Schemas(
    "orders-value", (rt.WriterSchema(version=1, id=3, text=V1), rt.WriterSchema(version=2, id=9, text=V2))
)
TOPIC: rt.Topic[str, Order] = rt.Topic(
    "orders", key=rt.StringSerde(), value=rt.AvroSerde(SCHEMAS, {"shop.Order": Order})
)


def test_samples_are_of_every_version_and_always_the_same() -> None:
    made = testing.samples(TOPIC, n=6)
    assert [int.from_bytes((m.value or b"")[1:5], "big") for m in made] == [3, 9, 3, 9, 3, 9]
    assert made == testing.samples(TOPIC, n=6)
    assert made != testing.samples(TOPIC, n=6, seed=1)


def test_versions_that_the_latest_cannot_read_have_no_samples() -> None:
    """They were let in on purpose, and would only end among the dead letters."""
    other = rt.WriterSchema(version=1, id=2, text=V1.replace('"string"', '"boolean"'))
    schemas = rt.Schemas("orders-value", (other, rt.WriterSchema(version=2, id=9, text=V2)))
    value: rt.Serde[Order] = rt.AvroSerde(schemas, {"shop.Order": Order})
    made = testing.samples(rt.Topic("orders", key=rt.StringSerde(), value=value), n=3)
    assert [int.from_bytes((m.value or b"")[1:5], "big") for m in made] == [9, 9, 9]


def test_samples_are_read_as_the_latest_version() -> None:
    flow = Dataflow("flow")
    read = rt.source("read", flow, TOPIC, testing.Memory({TOPIC: testing.samples(TOPIC, n=4)}))
    oks: list[rt.Message[str, Order]] = []
    op.output("out", read.oks, TestingSink(oks))
    rt.route("errs", read.errs, policy=rt.Crash())
    testing.run(flow)
    assert [message.value_schema_id for message in oks] == [3, 9, 3, 9]
    assert oks[0].value is not None
    assert oks[0].value.n == 7


@pytest.mark.parametrize(
    "serde",
    [rt.StringSerde(), rt.LongSerde(), rt.IntSerde(), rt.DoubleSerde(), rt.BytesSerde(), rt.NoneSerde()],
    ids=repr,
)
def test_unframed_keys_have_samples(serde: rt.Serde[object]) -> None:
    assert len(testing.samples(rt.Topic("t", key=serde, value=serde), n=3)) == 3


def test_a_serde_of_the_users_has_none() -> None:
    class Mine(rt.Serde[str]):
        def decoder(self, store: object, role: object) -> rt.Serde[str]:  # type: ignore[override]
            raise NotImplementedError

        def encoder(self, store: object, role: object) -> rt.Serde[str]:  # type: ignore[override]
            raise NotImplementedError

    with pytest.raises(rt.ConfigError, match="no samples"):
        testing.samples(rt.Topic("t", key=Mine(), value=Mine()))


def test_offsets_must_ascend() -> None:
    twice = [rt.RawMessage(key=None, value=b"v", topic="t", offset=3)] * 2
    with pytest.raises(rt.ConfigError, match="offset 3"):
        testing.Memory({TOPIC: twice})

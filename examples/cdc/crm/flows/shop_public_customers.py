"""Dataflow for the topic `shop.public.customers`. Yours to edit: `kgen pull` merges
schema changes into it.

Run:
    python -m kgen_runtime.run crm.flows.shop_public_customers:flow --recovery .recovery/shop_public_customers
"""

from __future__ import annotations

import os
from typing import TypeAlias

import bytewax.operators as op
import kgen_runtime as rt
from bytewax.dataflow import Dataflow

from .._generated import customers, shop_public_customers
from ..table import CustomerTable, Row

# The broker keeps the last message of each key: the topic is a table.
COMPACTED = rt.NewTopic(3, config={"cleanup.policy": "compact"})

Change: TypeAlias = rt.Message[shop_public_customers.Key, shop_public_customers.Envelope]
Upsert: TypeAlias = rt.Message[int, customers.Customer]


def upsert(message: Change) -> Upsert | None:
    """What a change leaves behind: the row as it is now, or a tombstone if it is gone."""
    change = message.value
    if change is None or message.key is None:
        return None  # Debezium's own tombstone, which follows each delete: that one has said it
    keyed = message.with_key(message.key.id)
    if change.op == "d":
        return keyed.tombstone()
    row = change.after
    if change.op not in ("c", "u", "r") or row is None:
        raise rt.Reject(f"a change of kind {change.op!r} that leaves no row")
    return keyed.with_value(
        customers.Customer(
            id=row.id, name=row.name, email=row.email, credit=row.credit, updated_at=row.updated_at
        )
    )


def row(message: Upsert) -> tuple[str, Row]:
    """The same for the table, with the key as Bytewax wants it."""
    return str(message.key), (message.key or 0, message.value)


def build(kafka: rt.Kafka, table: CustomerTable | None = None) -> Dataflow:
    """The dataflow, on the given broker; with a table, the upserts go into that too."""
    flow = Dataflow("shop_public_customers")
    read = rt.source("customers", flow, shop_public_customers.topic, kafka)
    made = rt.filter_map("upsert", read.oks, upsert)
    unsent = rt.sink("out", made.oks, customers.topic, kafka, create=COMPACTED)
    rt.route("errs", read.errs, made.errs, unsent, policy=rt.DeadLetter("shop.public.customers.dlq", kafka))
    if table is not None:
        op.output("table", op.map("row", made.oks, row), table)
    return rt.check(flow)


flow = build(rt.Kafka.from_env(), CustomerTable(os.environ.get("CRM_DATABASE", "crm.sqlite")))

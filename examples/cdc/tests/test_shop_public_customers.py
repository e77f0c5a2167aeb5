"""Runs the flow of the topic `shop.public.customers` on sample messages of every known
schema version. Yours to edit: `kgen pull` merges schema changes into it.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path

from kgen_runtime import Message, testing

from crm._generated import customers, shop_public_customers
from crm._generated.shop_public_customers import Envelope, Key, Source, Value
from crm.flows.shop_public_customers import Change, build
from crm.table import CustomerTable

AT = datetime(2026, 3, 2, 8, tzinfo=timezone.utc)


def row(id_: int, credit: str) -> Value:
    return Value(id=id_, name="Zoë", email=None, credit=Decimal(credit), updated_at=AT)


def change(op: str, id_: int, credit: str | None = None) -> Change:
    source = Source(db="shop", schema="public", table="customers", lsn=1, ts_ms=1)
    after = None if credit is None else row(id_, credit)
    return Message(Key(id=id_), Envelope(before=None, after=after, source=source, op=op))


def test_every_known_version_is_read() -> None:
    """Samples have operations that no database reports: these alone are refused."""
    kafka = testing.Memory({shop_public_customers.topic: testing.samples(shop_public_customers.topic, n=20)})
    testing.run(build(kafka))
    stages = {dict(letter.headers)["__kgen.error.stage"] for letter in kafka.dead_letters}
    assert stages <= {b"process"}


def test_changes_become_upserts_and_tombstones() -> None:
    changes = [change("r", 1, "1.00"), change("c", 2, "2.00"), change("u", 1, "3.00"), change("d", 2)]
    kafka = testing.Memory({shop_public_customers.topic: [*changes, Message(Key(id=2), None)]})
    testing.run(build(kafka))
    written = kafka.values(customers.topic)
    assert [each and (each.id, each.credit) for each in written] == [
        (1, Decimal("1.00")),
        (2, Decimal("2.00")),
        (1, Decimal("3.00")),
        None,
    ]
    assert not kafka.dead_letters


def test_what_is_neither_is_refused() -> None:
    kafka = testing.Memory({shop_public_customers.topic: [change("t", 1), change("u", 1)]})
    testing.run(build(kafka))
    assert len(kafka.dead_letters) == 2
    assert not kafka.values(customers.topic)


def test_the_table_ends_as_the_topic_does_however_often_the_changes_come(tmp_path: Path) -> None:
    path = str(tmp_path / "crm.sqlite")
    changes = [change("c", 1, "1.00"), change("c", 2, "2.00"), change("u", 1, "3.00"), change("d", 2)]
    for _ in range(2):
        kafka = testing.Memory({shop_public_customers.topic: changes})
        testing.run(build(kafka, CustomerTable(path)))
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("select id, credit from customers").fetchall() == [(1, "3.00")]

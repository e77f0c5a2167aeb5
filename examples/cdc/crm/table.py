"""The customers as a table in SQLite: a sink of Bytewax for what the flow also writes to the topic."""

from __future__ import annotations

import sqlite3
from typing import TypeAlias

from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from ._generated.customers import Customer

Row: TypeAlias = "tuple[int, Customer | None]"  # its id; None if it is gone

_TABLE = """
    create table if not exists customers
    (id integer primary key, name text not null, email text, credit text not null, updated_at text not null)
"""
_UPSERT = "insert or replace into customers values (?, ?, ?, ?, ?)"
_DELETE = "delete from customers where id = ?"


class CustomerTable(FixedPartitionedSink[Row, None]):
    """Upserts and deletes by id, committed with each epoch. After a crash the last epoch comes again in its
    order and ends at the same rows: an upsert bears repetition.
    """

    def __init__(self, path: str) -> None:
        self.path = path

    def list_parts(self) -> list[str]:
        """One, since SQLite has one writer."""
        return ["table"]

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> TableWriter:
        """Open the database; the table is created where it is absent."""
        return TableWriter(self.path)


class TableWriter(StatefulSinkPartition[Row, None]):
    """The one writer of the table."""

    def __init__(self, path: str) -> None:
        self._database = sqlite3.connect(path)
        self._database.execute(_TABLE)

    def write_batch(self, values: list[Row]) -> None:
        """Of a key, in the order in which the rows changed."""
        for id_, row in values:
            if row is None:
                self._database.execute(_DELETE, (id_,))
            else:
                new = (id_, row.name, row.email, str(row.credit), row.updated_at.isoformat())
                self._database.execute(_UPSERT, new)

    def snapshot(self) -> None:
        """The epoch ends: what it has written is durable before the flow's position is."""
        self._database.commit()

    def close(self) -> None:
        """The input has ended."""
        self._database.close()

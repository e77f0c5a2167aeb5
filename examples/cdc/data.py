"""The shop's database, and the changes in it as Debezium reports them."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import TypeAlias

import kgen_runtime as rt

from crm._generated.shop_public_customers import Envelope, Key, Source, Value

Change: TypeAlias = "rt.Message[Key, Envelope]"

START = datetime(2026, 3, 2, 8, tzinfo=timezone.utc)
NAMES = ("Åsa", "Łukasz", "Zoë", "Jürgen", "Inès")


class ShopDatabase:
    """A table of customers that changes. The same changes for the same seed."""

    def __init__(self, seed: int = 1) -> None:
        self._rng = random.Random(seed)
        self._database = sqlite3.connect(":memory:")
        self._database.execute(
            "create table customers (id integer primary key, name, email, credit, updated_at)"
        )
        self._lsn = 0
        self._newest = 0

    def rows(self) -> dict[int, Value]:
        """The customers that it has now."""
        found = self._database.execute("select * from customers").fetchall()
        return {each[0]: _value(each) for each in found}

    def changes(self, number: int) -> Iterator[Change]:
        """Change something so many times, and report each change; after a delete comes a tombstone."""
        for _ in range(number):
            ids = [id_ for (id_,) in self._database.execute("select id from customers")]
            what = self._rng.choices(("c", "u", "d"), (4, 5, 1))[0] if ids else "c"
            if what == "c":
                self._newest += 1
            yield from self._change(what, self._newest if what == "c" else self._rng.choice(ids))

    def _change(self, what: str, id_: int) -> Iterator[Change]:
        before = self._row(id_)
        self._lsn += 8
        if what == "d":
            self._database.execute("delete from customers where id = ?", (id_,))
        else:
            self._database.execute(
                "insert or replace into customers values (?, ?, ?, ?, ?)", self._made_up(id_)
            )
        at = int((START + timedelta(seconds=self._lsn)).timestamp() * 1_000)
        source = Source(db="shop", schema="public", table="customers", lsn=self._lsn, ts_ms=at)
        change = Envelope(before=before, after=self._row(id_), source=source, op=what, ts_ms=at)
        yield rt.Message(Key(id=id_), change)
        if what == "d":
            yield rt.Message(Key(id=id_), None)

    def _made_up(self, id_: int) -> tuple[int, str, str | None, str, str]:
        credit = Decimal(self._rng.randrange(100_000)).scaleb(-2)
        email = self._rng.choice((None, f"customer{id_}@example.org"))
        at = START + timedelta(seconds=self._lsn)
        return id_, self._rng.choice(NAMES), email, str(credit), at.isoformat()

    def _row(self, id_: int) -> Value | None:
        found = self._database.execute("select * from customers where id = ?", (id_,)).fetchone()
        return _value(found) if found else None


def _value(row: tuple[int, str, str | None, str, str]) -> Value:
    id_, name, email, credit, at = row
    return Value(
        id=id_, name=name, email=email, credit=Decimal(credit), updated_at=datetime.fromisoformat(at)
    )

"""Changes of a database (Debezium's envelopes) become a topic, and a table, of what is there now.

Run it with `make demo EXAMPLE=cdc`, or `python examples/cdc/demo.py [--folder DIR]`.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))  # for what the examples share

from backstage.demo_run import Stage, run_demo
from backstage.project import every_second
from backstage.screen import holds, say, title
from crm._generated import customers, shop_public_customers
from data import ShopDatabase

FLOW = "crm.flows.shop_public_customers:flow"
CHANGES = 3_000


def play(stage: Stage) -> bool:
    """Change the database while the flow is killed and started again; then compare what came out with it."""
    title("the flow follows the database; it is killed on the way")
    say(f"python -m kgen_runtime.run {FLOW} {' '.join(every_second(FLOW))}")
    shop = ShopDatabase()
    first = list(shop.changes(CHANGES // 2))
    with stage.project.running(FLOW) as flow:
        stage.produce(shop_public_customers.topic, first)
        flow.until(lambda: stage.count(customers.topic.name) > len(first) // 3, "a third of the upserts")
        flow.kill()
    say(f"killed (SIGKILL) with {stage.count(customers.topic.name):,} upserts written; started again")
    second = list(shop.changes(CHANGES - CHANGES // 2))
    with stage.project.running(FLOW) as flow:
        stage.produce(shop_public_customers.topic, second)
        flow.until(lambda: _latest(stage) == _now(shop), "the last row")
        flow.stop()

    title("the sums")
    messages = [*first, *second]
    deletes = sum(m.value is not None and m.value.op == "d" for m in messages)
    say(f"{CHANGES:,} changes, {deletes} of them deletes, came as {len(messages):,} messages")
    say(f"{stage.count(customers.topic.name):,} upserts and tombstones were written: at least once")
    rows, now = _table(stage), _now(shop)
    return all(
        [
            holds(f"{len(now):,} customers in the database, the same in the topic", _latest(stage) == now),
            holds(f"{len(rows):,} rows in the table in SQLite, the same as well", rows == now),
            holds("no dead letters", stage.count("shop.public.customers.dlq") == 0),
        ]
    )


def _now(shop: ShopDatabase) -> dict[int, tuple[object, ...]]:
    """What the database has."""
    return {id_: _columns(value) for id_, value in shop.rows().items()}


def _latest(stage: Stage) -> dict[int, tuple[object, ...]]:
    """What the topic has: of each key the last message, but for tombstones."""
    last: Mapping[int | None, customers.Customer | None] = {
        m.key: m.value for m in stage.read(customers.topic)
    }
    return {value.id: _columns(value) for value in last.values() if value is not None}


def _table(stage: Stage) -> dict[int, tuple[object, ...]]:
    """What the table has."""
    with closing(sqlite3.connect(stage.project.folder / "crm.sqlite")) as database:
        found = database.execute("select id, name, email, credit, updated_at from customers").fetchall()
    return {row[0]: tuple(row[1:]) for row in found}


def _columns(row: shop_public_customers.Value | customers.Customer) -> tuple[object, ...]:
    return row.name, row.email, str(row.credit), row.updated_at.isoformat()


if __name__ == "__main__":
    sys.exit(run_demo(play, Path(__file__).parent, {shop_public_customers.topic.name: 3}))

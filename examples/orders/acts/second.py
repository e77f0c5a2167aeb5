"""The second act: the schema of the orders moves on while the flow runs, and the project follows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path
from typing import TypeAlias

from kgen.dev import Dev, seed, topics

from backstage.project import Project, Running, Stuck
from backstage.screen import say, title

from .books import Books, keep, written
from .coupons import Coupons, compare
from .data import Writer
from .first import ORDERS, pull, show_balance
from .paths import FLOW, HERE, TEST

# What the user changes in the lines that `kgen pull` names: the field has another name in v2.
FIXES = {FLOW: ("order.coupon", "order.voucher"), TEST: ('coupon="', 'voucher="')}
NAMED = re.compile(r"! (\S+):(\d+): Order\.coupon renamed to voucher in v2")

FIRST = 20  # orders that show that the flow is at work

Uses: TypeAlias = "list[tuple[Path, int]]"


def play(dev: Dev, project: Project, v1: Writer, first: Books) -> bool:
    """Register v2, pull, fix, go on. Whether the totals balance again."""
    number, some = first.read, first.read // 4
    with project.running(ORDERS) as flow:
        _begin(dev, flow, [v1.order(number + i) for i in range(FIRST)])
        v2 = _register(dev, project, v1)
        books = _meanwhile(dev, flow, _in_turn(v1, v2, number + FIRST, some))
        say(f"{some:,} orders, in v1 and v2 by turns: the flow takes both, as v1")
        uses = _pull(project)
        flow.stop()
    before = compare(dev, (v1, v2), books.enriched)
    _fix(project, uses)
    books = _go_on(dev, project, _in_turn(v1, v2, number + FIRST + some, some))
    _show_totals(first, books)
    show_balance(books)
    coupons = _show_coupons(before, compare(dev, (v1, v2), books.enriched))
    return _verdict(coupons and books.balanced and len(books.dead) == len(first.dead))


def _in_turn(v1: Writer, v2: Writer, start: int, orders: int) -> list[topics.KeyValue]:
    return [(v2 if number % 2 else v1).order(number) for number in range(start, start + orders)]


def _begin(dev: Dev, flow: Running, messages: Sequence[topics.KeyValue]) -> None:
    """The flow is at work once something comes out."""
    before = written(dev)
    topics.write(dev.brokers, "orders", messages)
    flow.until(lambda: written(dev) > before, "the first result of the second act")


def _meanwhile(dev: Dev, flow: Running, messages: Sequence[topics.KeyValue]) -> Books:
    """Orders come in while the flow runs; the totals when all have come out."""
    topics.write(dev.brokers, "orders", messages)
    books: list[Books] = []
    flow.until(lambda: _noted(books, dev).settled, "the last result")
    return books[-1]


def _noted(books: list[Books], dev: Dev) -> Books:
    books.append(keep(dev))
    return books[-1]


def _register(dev: Dev, project: Project, v1: Writer) -> Writer:
    title("orders v2 is registered while the flow runs: kgen diff")
    v2 = v1.moved_on(seed.register(dev.registry, HERE / "registry-v2"))
    for line in takewhile(lambda line: line[0] not in "!-", project.diff("orders-value").splitlines()):
        say(line)
    return v2


def _pull(project: Project) -> Uses:
    title("kgen pull: the models follow, and the lines to look at are named")
    plan = pull(project)
    uses = [(Path(path), int(line)) for path, line in NAMED.findall(plan)]
    if [path for path, _ in uses] != list(FIXES):
        raise Stuck(f"kgen pull did not name the lines that use the renamed field:\n{plan}")
    return uses


def _fix(project: Project, uses: Uses) -> None:
    title("these lines, fixed by hand")
    for path, line in uses:
        before, after = project.fix(path, line, *FIXES[path])
        say(f"{path}:{line}")
        say(f"    - {before}")
        say(f"    + {after}")
    say(f"python -m pytest: {project.test()}")


def _go_on(dev: Dev, project: Project, messages: Sequence[topics.KeyValue]) -> Books:
    title("the flow goes on from its recovery store")
    with project.running(ORDERS) as flow:
        books = _meanwhile(dev, flow, messages)
        flow.stop()
    say(f"{len(messages):,} orders, in v1 and v2 by turns: it takes both, as v2")
    return books


def _show_totals(first: Books, books: Books) -> None:
    title("the running totals of the three customers went on")
    accounts = books.accounts
    for before in sorted(first.accounts.values(), key=lambda order: order.customer_total)[-3:]:
        now = accounts[before.customer_id]
        say(
            f"{now.customer_id} {before.customer_orders:>4} orders {before.customer_total:>12,}"
            f"   now {now.customer_orders:>4} orders {now.customer_total:>12,}"
        )


def _show_coupons(before: Coupons, now: Coupons) -> bool:
    """None may be wrong, and none may be missing from orders that the fixed flow has read."""
    say(f"out: {now.orders[1]:,} orders written in v1, {now.orders[2]:,} in v2")
    late = len(now.missing - before.missing)
    say(f"coupons and vouchers: {now.right:,} right, {len(now.wrong)} wrong, {late} missing since the fix")
    say(f"{len(before.missing):,} vouchers of v2 were read as no coupon while the flow knew v1 alone")
    return not now.wrong and not late


def _verdict(good: bool) -> bool:
    say("It adds up." if good else "IT DOES NOT ADD UP.")
    return good

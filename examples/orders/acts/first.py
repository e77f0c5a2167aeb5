"""The first act: from schemas in a registry to a typed flow that loses nothing."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields

from kgen.dev import Dev, seed, topics
from kgen.dev.registered_schema import Registered

from backstage.project import Project, Stuck, every_second
from backstage.screen import say, title

from .books import Books, keep, written
from .data import Writer
from .paths import FLOW, HERE, TEST

ORDERS = "shop.flows.orders:flow"
TOPICS = {"orders": 3, "enriched-orders": 3, "orders.dlq": 1}
PORTIONS, PAUSE = 40, 0.1  # the orders come in this many portions, so many seconds apart


def play(dev: Dev, project: Project, registered: list[Registered], orders: int) -> tuple[Writer, Books]:
    """Pull, run, kill, run; who wrote the orders, and the totals at the end."""
    topics.create(dev.brokers, TOPICS)
    writer = Writer.of(registered)
    title("kgen pull: the registry becomes a typed package")
    pull(project)
    _run(dev, project, writer, orders)
    books = keep(dev)
    _show_output(books)
    _show_dead_letters(books)
    show_balance(books)
    say("It adds up." if books.balanced else "IT DOES NOT ADD UP.")
    return writer, books


def open_shop(dev: Dev) -> list[Registered]:
    """Register the schemas of the folder `registry`."""
    title("kgen dev: a broker and a schema registry, in memory")
    registered = seed.register(dev.registry, HERE / "registry")
    say(f"broker {dev.brokers}, registry {dev.registry}")
    say(f"{len(registered)} schemas registered")
    return registered


def pull(project: Project) -> str:
    """Pull, and show that it left alone what was edited by hand; the plan that it printed."""
    before = [project.read(path) for path in (FLOW, TEST)]
    plan = project.pull()
    for line in plan.splitlines():
        say(line)
    if [project.read(path) for path in (FLOW, TEST)] != before:
        raise Stuck(f"kgen pull has changed {FLOW} or {TEST}, which were edited by hand")
    say(f"{FLOW} was edited by hand, and is as it was")
    return plan


def _run(dev: Dev, project: Project, writer: Writer, orders: int) -> None:
    """Orders keep coming, poison among them, while the flow is killed and started again."""
    title("the flow, with recovery; killed on the way")
    say(f"python -m kgen_runtime.run {ORDERS} {' '.join(every_second(ORDERS))}")
    messages = writer.messages(orders)
    step = len(messages) // PORTIONS + 1
    with ThreadPoolExecutor(1) as others:
        with project.running(ORDERS) as flow:
            topics.write(dev.brokers, "orders", messages[:step])
            flow.until(lambda: written(dev) > 0, "the first result")
            produced = others.submit(_produce, dev, messages[step:], step)
            flow.until(lambda: written(dev) > orders // 4, "a quarter of the results")
            flow.kill()
        say(f"killed (SIGKILL) with {written(dev):,} messages written; started again")
        with project.running(ORDERS) as flow:
            flow.until(lambda: produced.done() and keep(dev).settled, "the last result")
            flow.stop()
    produced.result()
    say(f"{len(messages):,} messages were produced, and every one has come out")


def _produce(dev: Dev, messages: Sequence[topics.KeyValue], step: int) -> None:
    """As other teams do: a few at a time, for some seconds."""
    for begin in range(0, len(messages), step):
        topics.write(dev.brokers, "orders", messages[begin : begin + step])
        time.sleep(PAUSE)


def _show_output(books: Books) -> None:
    title("typed output, read back from the topic enriched-orders")
    for field in fields(books.enriched[0]):
        value = getattr(books.enriched[0], field.name)
        say(f"{field.name:<15} {type(value).__name__:<9} {value}")
    title("the running totals of three customers, kept through the crash")
    best = sorted(books.accounts.values(), key=lambda order: order.customer_total)
    for order in best[-3:]:
        say(f"{order.customer_id} {order.customer_orders:>4} orders {order.customer_total:>12,}")


def _show_dead_letters(books: Books) -> None:
    title("dead letters, read back from the topic orders.dlq")
    for letter in books.dead:
        say(f"{letter.stage:<15} {letter.message.partition(':')[0]}")


def show_balance(books: Books) -> None:
    """What became of everything."""
    title("the totals, read back from the three topics")
    out, dead = len(books.enriched), len(books.dead)
    say(f"in {books.read:,} = out {out:,} + filtered {books.filtered:,} + dead-lettered {dead}")
    say(f"{len(books.lost)} lost, {len(books.wrong_totals)} customers with a wrong total")
    say(f"{books.repeated:,} written twice because of the crash: delivery is at least once")

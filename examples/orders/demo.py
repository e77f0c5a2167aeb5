"""kgen's main job from start to end, on a broker and a registry that live as long as the demo.

Run it with `make demo`, or `python examples/orders/demo.py [--orders N] [--folder DIR]`.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path

import kgen.dev
from kgen.dev import Dev, seed, topics
from kgen_runtime.errors import KgenError

from backstage.books import Books, keep, written
from backstage.data import Writer
from backstage.project import FLOW, HERE, RECOVERY, Project, Stuck

TOPICS = {"orders": 3, "enriched-orders": 3, "orders.dlq": 1}
PORTIONS, PAUSE = 40, 0.1  # the orders come in this many portions, so many seconds apart
WIDTH = 80


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; 0 where everything adds up."""
    options = _options(arguments)
    try:
        with kgen.dev.up() as dev:
            return 0 if first_act(dev, options.folder, options.orders) else 1
    except (Stuck, KgenError) as e:
        sys.stderr.write(f"\nThe demo failed: {e}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\ninterrupted\n")
        return 130


def first_act(dev: Dev, folder: Path, orders: int) -> bool:
    """From schemas in a registry to a typed flow that loses nothing; whether the books balance."""
    writer = _open_shop(dev)
    project = Project(folder, dev)
    _pull(project)
    _run(dev, project, writer, orders)
    books = keep(dev)
    _show_output(books)
    _show_dead_letters(books)
    return _show_balance(books)


def _open_shop(dev: Dev) -> Writer:
    _title("kgen dev: a broker and a schema registry, in memory")
    registered = seed.register(dev.registry, HERE / "registry")
    topics.create(dev.brokers, TOPICS)
    _say(f"broker {dev.brokers}, registry {dev.registry}")
    _say(f"{len(registered)} schemas registered")
    return Writer.of(registered)


def _pull(project: Project) -> None:
    _title("kgen pull: the registry becomes a typed package")
    before = (project.folder / FLOW).read_bytes()
    for line in project.pull().splitlines():
        _say(line)
    if (project.folder / FLOW).read_bytes() != before:
        raise Stuck(f"kgen pull has changed {FLOW}, which was edited by hand")
    _say(f"{FLOW} was edited by hand, and is as it was")


def _run(dev: Dev, project: Project, writer: Writer, orders: int) -> None:
    """Orders keep coming, poison among them, while the flow is killed and started again."""
    _title("the flow, with recovery; killed on the way")
    _say(f"python -m kgen_runtime.run shop.flows.orders:flow {' '.join(RECOVERY)}")
    messages = writer.messages(orders)
    step = len(messages) // PORTIONS + 1
    with ThreadPoolExecutor(1) as others:
        with project.running() as flow:
            topics.write(dev.brokers, "orders", messages[:step])
            flow.until(lambda: written(dev) > 0, "the first result")
            produced = others.submit(_produce, dev, messages[step:], step)
            flow.until(lambda: written(dev) > orders // 4, "a quarter of the results")
            flow.kill()
        _say(f"killed (SIGKILL) with {written(dev):,} messages written; started again")
        with project.running() as flow:
            flow.until(lambda: produced.done() and keep(dev).settled, "the last result")
            flow.stop()
    produced.result()
    _say(f"{len(messages):,} messages were produced, and every one has come out")


def _produce(dev: Dev, messages: Sequence[topics.KeyValue], step: int) -> None:
    """As other teams do: a few at a time, for some seconds."""
    for begin in range(0, len(messages), step):
        topics.write(dev.brokers, "orders", messages[begin : begin + step])
        time.sleep(PAUSE)


def _show_output(books: Books) -> None:
    _title("typed output, read back from the topic enriched-orders")
    best = {}
    for order in sorted(books.enriched, key=lambda order: order.customer_orders):
        best[order.customer_id] = order
    for field in fields(books.enriched[0]):
        value = getattr(books.enriched[0], field.name)
        _say(f"{field.name:<15} {type(value).__name__:<9} {value}")
    _title("the running totals of three customers, kept through the crash")
    for order in sorted(best.values(), key=lambda order: order.customer_total)[-3:]:
        _say(f"{order.customer_id} {order.customer_orders:>4} orders {order.customer_total:>12,}")


def _show_dead_letters(books: Books) -> None:
    _title("dead letters, read back from the topic orders.dlq")
    for letter in books.dead:
        _say(f"{letter.stage:<15} {letter.message.partition(':')[0]}")


def _show_balance(books: Books) -> bool:
    _title("the books, read back from the three topics")
    out, dead = len(books.enriched), len(books.dead)
    _say(f"in {books.read:,} = out {out:,} + filtered {books.filtered:,} + dead-lettered {dead}")
    _say(f"{len(books.lost)} lost, {len(books.wrong_totals)} customers with a wrong total")
    _say(f"{books.repeated:,} written twice because of the crash: delivery is at least once")
    _say("It adds up." if books.balanced else "IT DOES NOT ADD UP.")
    return books.balanced


def _title(text: str) -> None:
    print(f"\n{text}", flush=True)


def _say(text: str) -> None:
    line = f"    {text}"
    print(line if len(line) <= WIDTH else f"{line[: WIDTH - 1]}…", flush=True)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--orders", type=int, default=20_000, metavar="N", help="how many orders (20000)")
    folder = HERE.parents[1] / ".demo" / "orders"
    parser.add_argument("--folder", type=Path, default=folder, metavar="DIR", help="where the project goes")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())

"""Transfers are booked exactly once, though the flow is killed in the middle of transactions.

Run it with `make demo EXAMPLE=exactly_once`, or `python examples/exactly_once/demo.py [--local]
[--folder DIR]`. The broker is Apache Kafka if Java 17 and Maven are there; if not, and with `--local`, that
of `kgen dev`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import kgen_runtime as rt

sys.path.append(str(Path(__file__).parents[1]))  # for what the examples share

import data
from backstage.demo_run import Stage, run_demo
from backstage.project import Running
from backstage.screen import holds, say, title
from ledger._generated import bookings, transfers
from ledger.flows.transfers import book

FLOW, OPTIONS = (
    "ledger.flows.transfers:flow",
    ("-r", ".recovery/transfers", "-s", "2"),
)  # a transaction lasts two seconds
KILLS, PORTION = 2, 1_000


def play(stage: Stage) -> bool:
    """Write transfers while the flow is killed and started again; then count what a reader of committed
    messages sees.
    """
    title("the flow books transfers exactly once; it is killed on the way")
    if not stage.apache:
        say("kgen dev's broker shows what was aborted: the flow is stopped, not killed")
    rounds = KILLS if stage.apache else 1
    sent = data.transfers(PORTION * (2 * rounds + 1))
    portions = [sent[begin : begin + PORTION] for begin in range(0, len(sent), PORTION)]
    for first, second in zip(portions[:-1:2], portions[1::2]):
        with stage.project.running(FLOW, OPTIONS) as flow:
            _produce(stage, first)
            done = stage.count("bookings") + PORTION
            flow.until(lambda: stage.count("bookings") >= done, "the bookings of a transaction")  # noqa: B023
            _produce(stage, second)
            _end(stage, flow)
    with stage.project.running(FLOW, OPTIONS) as flow:
        _produce(stage, portions[-1])
        flow.until(lambda: stage.count("bookings") >= len(sent), "the last booking")
        flow.stop()
    return _sums(stage, sent)


def _produce(stage: Stage, portion: list[transfers.Transfer]) -> None:
    stage.produce(transfers.topic, [rt.Message(each.transfer_id, each) for each in portion])


def _end(stage: Stage, flow: Running) -> None:
    """In the middle of a transaction, as soon as some of its bookings are on the broker."""
    if not stage.apache:
        flow.stop()
        say(f"stopped with {stage.count('bookings'):,} bookings; started again")
        return
    flow.until(lambda: _open(stage) > 0, "a booking that is not committed")
    flow.kill()
    say(f"killed (SIGKILL) with {stage.count('bookings'):,} bookings committed; started again")


def _open(stage: Stage) -> int:
    """How many bookings are on the broker and not committed."""
    return stage.count("bookings", committed=False) - stage.count("bookings")


def _sums(stage: Stage, sent: list[transfers.Transfer]) -> bool:
    title("the sums, by a reader of committed messages")
    booked = [m.value for m in stage.read(bookings.topic) if m.value is not None]
    aborted = stage.count("bookings", committed=False) - len(booked)
    if stage.apache:
        say(f"{len(booked) + aborted:,} bookings were written, {aborted:,} of them aborted by the kills")
    ids = {each.transfer_id for each in booked}
    owed, paid = (sum(each.cents + each.fee_cents for each in some) for some in (map(book, sent), booked))
    return all(
        [
            holds(f"{len(sent):,} transfers, {len(booked):,} bookings", len(sent) == len(booked)),
            holds(
                f"{len(sent) - len(ids)} lost, {len(booked) - len(ids)} booked twice", len(ids) == len(sent)
            ),
            holds(f"{owed / 100:,.2f} owed, {paid / 100:,.2f} paid", owed == paid),
        ]
    )


if __name__ == "__main__":
    partitions = {"transfers": 3, "bookings": 3}
    sys.exit(run_demo(play, Path(__file__).parent, partitions, prefers_apache=True))

"""Transfers are booked exactly once, though the flow is killed in the middle of transactions.

Run it with `make demo EXAMPLE=exactly_once`, or `python examples/exactly_once/demo.py [--local]
[--folder DIR]`. The broker is Apache Kafka if Java 17 and Maven are there; if not, and with `--local`, that
of `kgen dev`.
"""

from __future__ import annotations

import sys
from itertools import islice
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
TRIES = 20


def play(stage: Stage) -> bool:
    """Write transfers while the flow is killed and started again; then count what a reader of committed
    messages sees.
    """
    title("the flow books transfers exactly once; it is killed on the way")
    if not stage.apache:
        say("kgen dev's broker shows what was aborted: the flow is stopped, not killed")
    ledger = _Ledger(stage)
    for _ in range(KILLS if stage.apache else 1):
        with stage.project.running(FLOW, OPTIONS) as flow:
            ledger.produce()
            flow.until(ledger.is_booked, "the bookings of a transaction")
            _end(ledger, flow)
    with stage.project.running(FLOW, OPTIONS) as flow:
        ledger.produce()
        flow.until(ledger.is_booked, "the last booking")
        flow.stop()
    return _sums(stage, ledger.sent)


class _Ledger:
    """The transfers that were sent, and how many of their bookings the broker has."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.sent: list[transfers.Transfer] = []
        self._unsent = iter(data.transfers(PORTION * (KILLS * (TRIES + 1) + 1)))

    def produce(self) -> None:
        portion = list(islice(self._unsent, PORTION))
        self.stage.produce(transfers.topic, [rt.Message(each.transfer_id, each) for each in portion])
        self.sent += portion

    def is_booked(self) -> bool:
        """Whether all bookings are committed."""
        return self.stage.count("bookings") >= len(self.sent)

    def uncommitted(self) -> int:
        """How many bookings are of open and aborted transactions."""
        return self.stage.count("bookings", committed=False) - self.stage.count("bookings")


def _end(ledger: _Ledger, flow: Running) -> None:
    """In the middle of a transaction, as soon as some of its bookings are on the broker."""
    count = ledger.stage.count
    if not ledger.stage.apache:
        ledger.produce()
        flow.stop()
        say(f"stopped with {count('bookings'):,} bookings; started again")
        return
    aborted = ledger.uncommitted()
    for _ in range(TRIES):  # where this looks too late, all of a portion may be committed already
        ledger.produce()
        flow.until(
            lambda: ledger.uncommitted() > aborted or ledger.is_booked(), "a booking that is not committed"
        )
        if not ledger.is_booked():
            break
    flow.kill()
    say(f"killed (SIGKILL) with {count('bookings'):,} bookings committed; started again")


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

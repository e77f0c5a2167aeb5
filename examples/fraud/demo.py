"""Payments and logins are joined by event time: one account in two countries at once is a fraud.

Run it with `make demo EXAMPLE=fraud`, or `python examples/fraud/demo.py [--folder DIR]`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import kgen_runtime as rt

sys.path.append(str(Path(__file__).parents[1]))  # for what the examples share

import data
from backstage.demo_run import Stage, run_demo
from backstage.screen import holds, say, title
from bank._generated import frauds, logins, payments
from bank.flows.payments import CLOSE

ACCOUNTS = 300


def play(stage: Stage) -> bool:
    """Write a day of both topics, run the flow to their end, and compare its frauds with the planted ones."""
    title("a day of logins and payments, of two topics")
    came, paid = data.day(ACCOUNTS)
    stage.produce(logins.topic, [rt.Message(each.account_id, each) for each in came], lambda login: login.at)
    stage.produce(
        payments.topic, [rt.Message(each.account_id, each) for each in paid], lambda payment: payment.at
    )
    say(f"{len(came):,} logins and {len(paid):,} payments of {ACCOUNTS} accounts")

    title("the flow joins them: python -m kgen_runtime.run bank.flows.payments:backfill")
    with stage.project.running("bank.flows.payments:backfill", ()) as flow:
        flow.finish()
    found = [m.value for m in stage.read(frauds.topic) if m.value is not None]
    for fraud in found[:3]:
        minutes = abs(fraud.paid_at - fraud.login_at).seconds // 60
        apart = f"login from {fraud.login_country}, {minutes} min apart"
        say(f"{fraud.account_id} paid in {fraud.country}, {apart}")

    title("the sums")
    wanted = data.frauds(came, paid, CLOSE)
    late = stage.count("payments.dlq")
    return holds(f"{late} messages came too late for the join", late == 0) & holds(
        f"{len(found)} frauds found, each one of the {len(wanted)} that are there",
        sorted((fraud.payment_id, fraud.login_at) for fraud in found) == wanted,
    )


if __name__ == "__main__":
    sys.exit(run_demo(play, Path(__file__).parent, {"logins": 3, "payments": 3, "frauds": 1}))

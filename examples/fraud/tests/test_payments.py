"""Runs the flow of the topic `payments` on sample messages of every known schema
version. Yours to edit: `kgen pull` merges schema changes into it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from kgen_runtime import Message, testing

from bank._generated import frauds, logins, payments
from bank.flows.payments import CLOSE, Login, Payment, build

NOON = datetime(2026, 3, 2, 12, tzinfo=timezone.utc)


def login(minutes: float, country: str = "SE", account: str = "A-1") -> Login:
    at = NOON + timedelta(minutes=minutes)
    return Message(account, logins.Login(account_id=account, at=at, country=country))


def payment(minutes: float, country: str = "SE", account: str = "A-1") -> Payment:
    at, name = NOON + timedelta(minutes=minutes), f"{country} {minutes}"
    paid = payments.Payment(
        payment_id=name, account_id=account, at=at, amount=Decimal("9.95"), country=country
    )
    return Message(account, paid)


def run(came: Sequence[Any], paid: Sequence[Any]) -> tuple[list[tuple[str, str]], testing.Memory]:
    kafka = testing.Memory({logins.topic: came, payments.topic: paid})
    testing.run(build(kafka))
    found = [fraud for fraud in kafka.values(frauds.topic) if fraud is not None]
    return sorted((fraud.payment_id, fraud.login_country) for fraud in found), kafka


def test_every_known_version_is_read() -> None:
    """What ends among the dead letters came too late, or at a time of which no clock knows."""
    _, kafka = run(testing.samples(logins.topic, n=20), testing.samples(payments.topic, n=20))
    stages = {dict(letter.headers)["__kgen.error.stage"] for letter in kafka.dead_letters}
    assert stages <= {b"late", b"process"}


def test_two_countries_at_once_are_a_fraud() -> None:
    found, kafka = run([login(0), login(1, "DK")], [payment(2), payment(3, "FR"), payment(4, "DK", "A-2")])
    assert found == [("FR 3", "DK"), ("FR 3", "SE"), ("SE 2", "DK")]
    assert not kafka.dead_letters


def test_what_lies_far_apart_is_not() -> None:
    close = CLOSE / timedelta(minutes=1)
    found, _ = run([login(0)], [payment(close - 1), payment(close + 1, "FR"), payment(3 * close, "DK")])
    assert found == []


def test_a_payment_before_the_login_counts_too() -> None:
    found, _ = run([login(5)], [payment(0, "FR")])
    assert found == [("FR 0", "SE")]

"""A day of made-up logins and payments, and which of these are frauds, computed without a flow."""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from decimal import Decimal

from bank._generated.logins import Login
from bank._generated.payments import Payment

DAY = datetime(2026, 3, 2, tzinfo=timezone.utc)
COUNTRIES = ("SE", "DK", "DE", "PL", "FR")


def day(accounts: int, seed: int = 1) -> tuple[list[Login], list[Payment]]:
    """Each in the order of time. Few log in often and many pay often: the topics differ in size."""
    rng = random.Random(seed)
    logins: list[Login] = []
    payments: list[Payment] = []
    for number in range(accounts):
        name, home = f"A-{number:04}", rng.choice(COUNTRIES)
        for _ in range(rng.randint(1, 3)):
            at = DAY + timedelta(seconds=rng.randrange(86_400))
            logins.append(Login(account_id=name, at=at, country=home))
            for _ in range(rng.randint(0, 8)):
                at += timedelta(seconds=rng.randint(20, 900))
                where = rng.choice(COUNTRIES) if rng.random() < 0.05 else home
                amount = Decimal(rng.randrange(100, 100_000)).scaleb(-2)
                id_ = f"P-{len(payments):05}"
                payments.append(Payment(payment_id=id_, account_id=name, at=at, amount=amount, country=where))
    return sorted(logins, key=lambda each: each.at), sorted(payments, key=lambda each: each.at)


def frauds(
    logins: Iterable[Login], payments: Iterable[Payment], close: timedelta
) -> list[tuple[str, datetime]]:
    """Which payment, and when the login was: of an account, in two countries, close in time."""
    mine: dict[str, list[Login]] = {}
    for login in logins:
        mine.setdefault(login.account_id, []).append(login)
    return sorted(
        (payment.payment_id, login.at)
        for payment in payments
        for login in mine.get(payment.account_id, [])
        if payment.country != login.country and abs(payment.at - login.at) <= close
    )

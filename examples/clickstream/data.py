"""A day of made-up clicks, and what they come to, computed without a flow."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone

from web._generated.clicks import Click

DAY = datetime(2026, 3, 2, tzinfo=timezone.utc)
PAGES = ("/", "/search", "/shoes", "/hats", "/basket")


def clicks(visitors: int, seed: int = 1) -> list[Click]:
    """In the order in which they arrive: some a minute late, and of some visitors one after hours."""
    rng = random.Random(seed)
    arrivals: list[tuple[datetime, Click]] = []
    for number in range(visitors):
        at = DAY + timedelta(minutes=rng.randrange(240))
        mine: list[Click] = []
        for _ in range(rng.randint(1, 4)):
            for _ in range(rng.randint(1, 8)):
                order = f"O-{number}-{len(mine)}" if rng.random() < 0.05 else None
                page = "/thanks" if order else rng.choice(PAGES)
                mine.append(Click(visitor_id=f"V-{number:04}", page=page, at=at, order_id=order))
                at += timedelta(seconds=rng.randint(5, 900))
            at += timedelta(minutes=rng.randint(60, 240))
        # On its way for a minute: the flow waits so long. In a tunnel for half a day: it does not.
        arrivals += [(click.at + timedelta(seconds=rng.choice((0, 0, 0, 60))), click) for click in mine]
        if number % 10 == 0 and len(mine) > 1:
            arrivals.append((mine[-1].at + timedelta(hours=12), mine[0]))
            arrivals.remove(next(each for each in arrivals if each[1] is mine[0]))
    return [click for _, click in sorted(arrivals, key=lambda each: each[0])]


def expected(arrived: Iterable[Click], pause: timedelta, wait: timedelta) -> tuple[list[list[Click]], int]:
    """The sessions, each as its clicks in order, and how many clicks come too late for theirs."""
    by_visitor: defaultdict[str, list[Click]] = defaultdict(list)
    latest: dict[str, datetime] = {}
    late = 0
    for click in arrived:
        newest = latest[click.visitor_id] = max(click.at, latest.get(click.visitor_id, click.at))
        if click.at < newest - wait:
            late += 1
        else:
            by_visitor[click.visitor_id].append(click)
    found: list[list[Click]] = []
    for mine in by_visitor.values():
        mine.sort(key=lambda click: click.at)
        for before, click in zip([None, *mine], mine):
            if before is None or click.at - before.at > pause:
                found.append([])
            found[-1].append(click)
    return found, late

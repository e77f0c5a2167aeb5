"""Runs the flow of the topic `clicks` on sample messages of every known schema
version. Yours to edit: `kgen pull` merges schema changes into it.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from kgen_runtime import Message, testing

from web._generated import clicks, sessions
from web.flows.clicks import PAUSE, WAIT, build

NOON = datetime(2026, 3, 2, 12, tzinfo=timezone.utc)


def click(minutes: float, page: str = "/", order_id: str | None = None) -> Message[str, clicks.Click]:
    at = NOON + timedelta(minutes=minutes)
    return Message("V-1", clicks.Click(visitor_id="V-1", page=page, at=at, order_id=order_id))


def run(*messages: Message[str, clicks.Click]) -> tuple[list[sessions.Session | None], testing.Memory]:
    kafka = testing.Memory({clicks.topic: messages})
    testing.run(build(kafka))
    return kafka.values(sessions.topic), kafka


def test_every_known_version_is_read() -> None:
    """What ends among the dead letters came too late, or at a time of which no clock knows."""
    kafka = testing.Memory({clicks.topic: testing.samples(clicks.topic, n=20)})
    testing.run(build(kafka))
    stages = {dict(letter.headers)["__kgen.error.stage"] for letter in kafka.dead_letters}
    assert stages <= {b"late", b"process"}
    assert kafka.produced["sessions"]


def test_a_pause_ends_a_session() -> None:
    pause = PAUSE / timedelta(minutes=1)
    found, _ = run(click(0), click(pause - 1, "/hats"), click(2 * pause, "/shoes"))
    assert [(s.clicks, s.landing_page, s.exit_page) for s in found if s] == [
        (2, "/", "/hats"),
        (1, "/shoes", "/shoes"),
    ]


def test_clicks_are_in_the_order_of_their_times() -> None:
    [session], _ = run(click(1, "/hats"), click(0, "/"), click(2, "/thanks", "O-1"))
    assert session is not None
    assert (session.landing_page, session.exit_page, session.orders) == ("/", "/thanks", 1)
    assert session.ended_at - session.began_at == timedelta(minutes=2)


def test_what_comes_too_late_is_put_aside() -> None:
    wait = WAIT / timedelta(minutes=1)
    [session], kafka = run(click(wait + 1), click(0))
    assert session is not None
    assert session.clicks == 1
    [letter] = kafka.dead_letters
    assert dict(letter.headers)["__kgen.error.stage"] == b"late"


def test_a_click_without_a_value_is_refused() -> None:
    found, kafka = run(click(0), Message("V-1", None))
    assert len(found) == len(kafka.dead_letters) == 1

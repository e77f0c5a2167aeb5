"""Clicks become sessions, by the time of the clicks; what comes too late is put aside.

Run it with `make demo EXAMPLE=clickstream`, or `python examples/clickstream/demo.py [--folder DIR]`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import kgen_runtime as rt

sys.path.append(str(Path(__file__).parents[1]))  # for what the examples share

import data
from backstage.demo_run import Stage, run_demo
from backstage.screen import holds, say, title
from web._generated import clicks, sessions
from web.flows.clicks import PAUSE, WAIT

VISITORS = 400


def play(stage: Stage) -> bool:
    """Write a day of clicks, run the flow to their end, and hold the sessions against the clicks."""
    title("a day of clicks, in the order in which they arrive")
    day = data.clicks(VISITORS)
    stage.produce(clicks.topic, [rt.Message(click.visitor_id, click) for click in day])
    say(f"{len(day):,} clicks of {VISITORS} visitors")

    title("the flow makes sessions: python -m kgen_runtime.run web.flows.clicks:backfill")
    with stage.project.running("web.flows.clicks:backfill", ()) as flow:
        flow.finish()
    made = [m.value for m in stage.read(sessions.topic) if m.value is not None]
    for session in sorted(made, key=lambda s: s.clicks)[-3:]:
        times = f"{session.began_at:%H:%M} to {session.ended_at:%H:%M}"
        say(f"{session.visitor_id} {times}, {session.clicks} clicks")

    title("the sums")
    wanted, late = data.expected(day, PAUSE, WAIT)
    inside, aside = sum(session.clicks for session in made), stage.count("clicks.dlq")
    right = {(mine[0].visitor_id, mine[0].at, mine[-1].at, len(mine)) for mine in wanted}
    return holds(f"in {len(day):,} = in sessions {inside:,} + late {aside}", len(day) == inside + aside) & (
        holds(f"{aside} late, of {late} that should be", aside == late)
        & holds(
            f"{len(made):,} sessions, each as computed from the clicks without a flow",
            sorted((s.visitor_id, s.began_at, s.ended_at, s.clicks) for s in made) == sorted(right),
        )
    )


if __name__ == "__main__":
    sys.exit(run_demo(play, Path(__file__).parent, {"clicks": 3, "sessions": 3}))

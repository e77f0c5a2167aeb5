"""Contests between kgen and its peers: in one process, rounds alternating, medians, as ratios."""

from __future__ import annotations

import gc
import json
import signal
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.bench.machine import installed, machine, now, write_json

RESULTS = Path(".bench/results.json")
LONG_ENOUGH, FEWEST = 2.0, 3
"""Seconds after which a contest has no further round, if it had so many: all are to end in minutes."""
_PACKAGES = (
    "kgen-streams",
    "bytewax",
    "confluent-kafka",
    "fastavro",
    "jsonschema-rs",
    "msgspec",
    "protobuf",
    "betterproto2",
)


@dataclass(frozen=True)
class Result:
    """`ratio` is the peer's time over the contestant's: 6 is six times as fast; `goal`: the least wanted.
    `least` and `most`: that of single rounds, where there are rounds.
    """

    task: str
    contestant: str
    peer: str
    ratio: float
    goal: float | None = None
    least: float | None = None
    most: float | None = None

    def __str__(self) -> str:
        goal = (
            ""
            if self.goal is None
            else f"  goal {self.goal:g}{'' if self.ratio >= self.goal else '  MISSED'}"
        )
        span = "" if self.least is None else f"({self.least:.2f} to {self.most:.2f})"
        return f"{self.task:34} {self.contestant:14} {self.ratio:7.2f}x {span:18} {self.peer}{goal}"


def contest(
    task: str,
    contestant: tuple[str, Callable[[], object]],
    peers: Mapping[str, tuple[Callable[[], object], float | None]],
    rounds: int = 15,
    clock: Callable[[], float] = time.perf_counter,
    enough: float = LONG_ENOUGH,
    warm: bool = True,
) -> list[Result]:
    """Time the contestant and its peers, all at the same work, in turns. `peers`: name -> (call, goal).
    `rounds`: how many, or, of a contest that takes longer than `enough` seconds, at least `FEWEST`. A round
    before them warms up, if not all that it would warm is made for each call anew, like processes (`warm`).

    `clock` may be `time.process_time` for work on one thread that waits for nothing: other programs then
    disturb it less. A call that gives a float has timed itself.
    """
    calls = {contestant[0]: contestant[1], **{name: call for name, (call, _) in peers.items()}}
    times: dict[str, list[float]] = {name: [] for name in calls}
    until = time.monotonic() + enough
    gc.collect()
    gc.freeze()  # the messages of all contests wait in memory: collecting is to see what the call makes
    for number in range(not warm, rounds + 1):
        if number > FEWEST and time.monotonic() > until:
            break
        for name, call in calls.items():
            seconds = _timed(call, clock)
            if number:  # the first round warms up
                times[name].append(seconds)
    gc.unfreeze()
    mine = times[contestant[0]]
    return [_result(task, contestant[0], name, mine, times[name], goal) for name, (_, goal) in peers.items()]


def _result(
    task: str, contestant: str, peer: str, mine: list[float], theirs: list[float], goal: float | None
) -> Result:
    """Of medians; the least and the most of rounds, in which the two had their turns next to each other."""
    rounds = [other / own for own, other in zip(mine, theirs)]
    ratio = statistics.median(theirs) / statistics.median(mine)
    return Result(task, contestant, peer, round(ratio, 2), goal, round(min(rounds), 2), round(max(rounds), 2))


def each(call: Callable[[Any], object], items: list[Any]) -> Callable[[], None]:
    """Call it with each of the items."""

    def work() -> None:
        for item in items:
            call(item)

    return work


def _timed(call: Callable[[], object], clock: Callable[[], float]) -> float:
    gc.collect()
    start = clock()
    told = call()
    return told if isinstance(told, float) else clock() - start


def report(results: Iterable[Result]) -> bool:
    """Print results as they come, and put them in `.bench/results.json`; whether all goals were met."""
    fresh: list[Result] = []
    for result in results:
        print(result, flush=True)
        fresh.append(result)
    date = now()
    redone = {(result.task, result.contestant, result.peer) for result in fresh}
    kept = [item for item in _kept() if (item["task"], item["contestant"], item["peer"]) not in redone]
    kept += [{**asdict(result), "date": date} for result in fresh]
    write_json(RESULTS, {"machine": machine(), "versions": installed(*_PACKAGES), "results": kept})
    return all(result.goal is None or result.ratio >= result.goal for result in fresh)


def _kept() -> list[dict[str, Any]]:
    """The results that the file has; those of earlier versions, which had no dates, do not count."""
    try:
        old = json.loads(RESULTS.read_text())
    except (OSError, ValueError):
        return []
    return old["results"] if isinstance(old, dict) else []


def interruptible(main: Callable[[], int]) -> int:
    """The exit code of a program that the user may end with Ctrl-C."""
    try:
        return main()
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 128 + signal.SIGINT

"""Contests between kgen and its peers: in one process, rounds alternating, medians, as ratios."""

from __future__ import annotations

import gc
import json
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

RESULTS = Path(".bench/results.json")


@dataclass(frozen=True)
class Result:
    """`ratio` is the peer's time over the contestant's: 6 is six times as fast; `goal`: the least wanted."""

    task: str
    contestant: str
    peer: str
    ratio: float
    goal: float | None = None

    def __str__(self) -> str:
        goal = (
            ""
            if self.goal is None
            else f"  goal {self.goal:g}{'' if self.ratio >= self.goal else '  MISSED'}"
        )
        return f"{self.task:34} {self.contestant:14} {self.ratio:7.2f}x  {self.peer}{goal}"


def contest(
    task: str,
    contestant: tuple[str, Callable[[], object]],
    peers: Mapping[str, tuple[Callable[[], object], float | None]],
    rounds: int = 15,
    clock: Callable[[], float] = time.perf_counter,
) -> list[Result]:
    """Time the contestant and its peers, all at the same work, in turns. `peers`: name -> (call, goal).

    `clock` may be `time.process_time` for work on one thread that waits for nothing: other programs then
    disturb it less. A call that gives a float has timed itself.
    """
    calls = {contestant[0]: contestant[1], **{name: call for name, (call, _) in peers.items()}}
    times: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(rounds + 1):
        for name, call in calls.items():
            seconds = _timed(call, clock)
            if number:  # the first round warms up
                times[name].append(seconds)
    median = {name: statistics.median(seconds) for name, seconds in times.items()}
    mine = median[contestant[0]]
    return [
        Result(task, contestant[0], name, round(median[name] / mine, 2), goal)
        for name, (_, goal) in peers.items()
    ]


def each(call: Callable[[Any], object], items: list[Any]) -> Callable[[], None]:
    """Call it with each of the items."""

    def work() -> None:
        for item in items:
            call(item)

    return work


def _timed(call: Callable[[], object], clock: Callable[[], float]) -> float:
    gc.collect()
    gc.freeze()  # the messages of all contests wait in memory: collecting is to see what the call makes
    start = clock()
    told = call()
    seconds = told if isinstance(told, float) else clock() - start
    gc.unfreeze()
    return seconds


def report(results: Iterable[Result]) -> bool:
    """Print results as they come, and put them in `.bench/results.json`; whether all goals were met."""
    fresh: list[Result] = []
    for result in results:
        print(result, flush=True)
        fresh.append(result)
    old = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    redone = {(result.task, result.contestant, result.peer) for result in fresh}
    kept = [item for item in old if (item["task"], item["contestant"], item["peer"]) not in redone]
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(kept + [asdict(result) for result in fresh], indent=1) + "\n")
    return all(result.goal is None or result.ratio >= result.goal for result in fresh)

"""`python -m tests.bench.peers [TASK…]`: run the contests, print their tables, keep them in `.bench/peers.json`.

On Apache Kafka, where Java is there, else on the broker of `kgen dev`.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.bench.peers.contestants_list import CONTESTANTS, Contestant
from tests.bench.peers.job import Task
from tests.bench.peers.results import Measured, keep, table
from tests.bench.peers.stage import Stage, staged

ROUNDS = 3
FAST, SLOW = 400_000, 40_000
LATENCY_SECONDS = 10
RATES = (1_000, 20_000)


def main() -> int:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.peers", description=__doc__)
    parser.add_argument("tasks", nargs="*", help="typed, produce, count, latency; all, if none is named")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="of each contest")
    parser.add_argument("--only", action="append", help="a contestant's name; may be repeated")
    given = parser.parse_args()
    contestants = [each for each in CONTESTANTS if not given.only or each.name in given.only]
    with tempfile.TemporaryDirectory() as folder, staged(Path(folder)) as stage:
        for task in given.tasks or ("typed", "produce", "count", "latency"):
            for title, found in contests(stage, task, contestants, given.rounds):
                print(f"\n{title}\n{table(found)}", flush=True)
                keep(title, found)
    return 0


def contests(
    stage: Stage, task: Task, contestants: list[Contestant], rounds: int
) -> Iterator[tuple[str, list[Measured]]]:
    """The contests of a task: what they are called, and what was measured of each contestant."""
    takers = [each for each in contestants if task in each.tasks]
    if task == "latency":
        for rate in RATES:
            yield f"latency at {rate:,} messages a second", latencies(stage, takers, rate, rounds)
        return
    yield {
        "typed": "topic to typed objects",
        "produce": "topic to topic: read, change, write",
        "count": "a count for each key, with recovery",
    }[task], rates(stage, task, takers, rounds)


def rates(stage: Stage, task: Task, takers: list[Contestant], rounds: int) -> list[Measured]:
    """Messages a second, in turns."""
    stage.fill(FAST)
    found = {each.name: Measured(each.name, "messages/s") for each in takers}
    for _ in range(rounds):
        for each in takers:
            total = SLOW if each.slow else FAST
            ran = stage.run(each, task, total)
            if isinstance(ran, str):
                found[each.name].failed = ran
                continue
            notes, spawned = ran
            until = stage.written(total, notes.first) if task == "produce" else notes.last
            seconds = (until - notes.first) / 1e9
            found[each.name].add((total - notes.first_count) / seconds, notes.memory, (notes.first - spawned) / 1e9)
    return list(found.values())


def latencies(stage: Stage, takers: list[Contestant], rate: int, rounds: int) -> list[Measured]:
    """Milliseconds from the moment a message is sent to when the program has it."""
    found = {each.name: Measured(each.name, "ms, p99") for each in takers}
    for _ in range(rounds):
        for each in takers:
            ran = stage.run(each, "latency", rate * LATENCY_SECONDS, rate=rate)
            if isinstance(ran, str):
                found[each.name].failed = ran
                continue
            ages = sorted(ran[0].ages[len(ran[0].ages) // 2 :])  # the first half waited for the program to start
            p99 = ages[len(ages) * 99 // 100] / 1e6
            found[each.name].add(p99, ran[0].memory, (ran[0].first - ran[1]) / 1e9)
            found[each.name].more.append(f"p50 {statistics.median(ages) / 1e6:.1f} ms")
    return list(found.values())


if __name__ == "__main__":
    sys.exit(main())

"""`python -m tests.bench.peers`: run the contests on the broker of `kgen dev`, those of ages on Apache Kafka,
print their tables, keep their results in `.bench/peers.json`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.bench.harness import interruptible
from tests.bench.peers.contestants_list import CONTESTANTS, Contestant
from tests.bench.peers.job import Task
from tests.bench.peers.results import RESULTS, Contest, Measured, keep
from tests.bench.peers.stage import Ran, RunFailed, Stage, staged

ROUNDS = 3
FAST, SLOW, QUICK = 400_000, 20_000, 6_000
RATES = {1_000: 10, 20_000: 5}
"""Messages a second, and for how many seconds they are sent for a figure."""
WARM_UP = 3
"""Seconds before the first one, for a broker that is compiled while it runs."""
PARTITION_COUNTS = (1, 16, 64)
TITLES: dict[Task, str] = {
    "typed": "topic to typed objects",
    "produce": "topic to topic: read, change, write",
    "count": "a count for each key, with recovery",
    "start": "cold start to the first typed message",
}
TASKS = ("typed", "produce", "count", "partitions", "latency", "start", "imports")


def main() -> int:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.peers", description=__doc__)
    parser.add_argument(
        "--task", action="append", choices=TASKS, help="may be repeated; all, if none is named"
    )
    parser.add_argument(
        "--only",
        action="append",
        choices=[each.name for each in CONTESTANTS],
        metavar="NAME",
        help="a contestant's name; may be repeated; results are only printed",
    )
    parser.add_argument("--rounds", type=at_least_one, default=ROUNDS, help="of each contest")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="one round of few messages: whether it runs; results are only printed",
    )
    given = parser.parse_args()
    missing = {each.name: each.missing() for each in CONTESTANTS if not given.only or each.name in given.only}
    for name, why in missing.items():
        if why:
            print(f"{name} steps aside: {why}", file=sys.stderr)
    takers = [each for each in CONTESTANTS if missing.get(each.name) == ""]
    rounds = 1 if given.quick else given.rounds
    if not takers:
        print("error: none of them can take part", file=sys.stderr)
        return 2
    only_tried = given.only or given.quick
    if not (given.task or only_tried):
        RESULTS.unlink(missing_ok=True)  # all of them are of one run
    with tempfile.TemporaryDirectory() as folder, staged(Path(folder)) as stage:
        for task in given.task or TASKS:
            for name, contest in contests(stage, task, takers, rounds, given.quick):
                print(f"\n{contest.table()}", flush=True)
                if not only_tried:
                    keep({name: contest})
    return 0


def at_least_one(text: str) -> int:
    """A number of rounds."""
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{number} is less than one")
    return number


def contests(
    stage: Stage, task: str, takers: list[Contestant], rounds: int, quick: bool
) -> Iterator[tuple[str, Contest]]:
    """The contests of a task, by the names that they are kept under."""
    if task == "imports":
        fit = [each for each in takers if "start" in each.tasks]
        yield task, Contest("importing it", "s", in_turns(fit, rounds, imported), more_is_better=False)
        return
    if task == "latency":
        fit = [each for each in takers if "latency" in each.tasks]
        with stage.on_kafka() as kafka:
            kafka.run_at(fit[0], max(RATES), max(RATES) * WARM_UP)
            for rate, seconds in RATES.items():
                yield from latencies(kafka, fit, rate, rounds, rate if quick else rate * seconds)
        return
    if task == "partitions":
        fit = [each for each in takers if "typed" in each.tasks]
        yield from by_partitions(stage, fit, rounds, quick)
        return
    (of,) = (each for each in TITLES if each == task)
    fit = [each for each in takers if of in each.tasks]
    fast, slow = (QUICK, QUICK) if quick or task == "start" else (FAST, SLOW)
    topic = stage.topic(fast)

    def run(who: Contestant) -> tuple[float, int]:
        total = 1 if task == "start" else slow if who.slow else fast
        ran = stage.run(who, of, topic, total)
        return (ran.start if task == "start" else ran.rate), ran.notes.memory

    unit = "s" if task == "start" else "messages/s"
    yield task, Contest(TITLES[of], unit, in_turns(fit, rounds, run), more_is_better=task != "start")


def by_partitions(
    stage: Stage, takers: list[Contestant], rounds: int, quick: bool
) -> Iterator[tuple[str, Contest]]:
    """Topic to typed objects, of as many messages in more and more partitions."""
    fast, slow = (QUICK, QUICK) if quick else (FAST, SLOW)
    for partitions in PARTITION_COUNTS:
        shares = {who.name: who.share(fast, slow, partitions) for who in takers}
        topic = stage.topic(max(shares.values()), partitions)

        def run(who: Contestant, topic: str = topic, shares: dict[str, int] = shares) -> tuple[float, int]:
            ran = stage.run(who, "typed", topic, shares[who.name])
            return ran.rate, ran.notes.memory

        title = f"{TITLES['typed']}, {partitions} partition{'s' * (partitions > 1)}"
        yield f"partitions-{partitions}", Contest(title, "messages/s", in_turns(takers, rounds, run))


def in_turns(
    takers: list[Contestant], rounds: int, run: Callable[[Contestant], tuple[float, int]]
) -> list[Measured]:
    """What each gave, round by round. One that fails sits out the other rounds."""
    found = {each.name: Measured(each.name) for each in takers}
    for _ in range(rounds):
        for each in takers:
            measured = found[each.name]
            if measured.failed:
                continue
            try:
                value, memory = run(each)
            except RunFailed as error:
                measured.failed = str(error)
                continue
            measured.values.append(value)
            measured.memory.append(memory)
    return list(found.values())


def latencies(
    stage: Stage, takers: list[Contestant], rate: int, rounds: int, total: int
) -> Iterator[tuple[str, Contest]]:
    """Milliseconds from when a message is sent to when the program has it."""
    halves: dict[str, Measured] = {}

    def run(who: Contestant) -> tuple[float, int]:
        ages = settled_ages(stage.run_at(who, rate, total))
        halves.setdefault(who.name, Measured(who.name)).values.append(ages[len(ages) // 2] / 1e6)
        return ages[len(ages) * 99 // 100] / 1e6, 0

    found = in_turns(takers, rounds, run)
    for each in found:
        each.memory.clear()
    at = f"latency at {rate:,} messages/s"
    for name, measured in (("p50", list(halves.values())), ("p99", found)):
        contest = Contest(f"{at}, {name}", "ms", measured, more_is_better=False, broker=stage.broker)
        yield f"latency-{rate}-{name}", contest


def settled_ages(ran: Ran) -> list[int]:
    """Those of the second half of the messages, sorted: the first half has the program's start in it."""
    return sorted(ran.notes.ages[len(ran.notes.ages) // 2 :])


def imported(who: Contestant) -> tuple[float, int]:
    """Seconds and bytes of what it imports. Raises `RunFailed`."""
    ran = who.imported(
        "took = time.perf_counter() - began; "
        "from tests.bench.peers.job import most_memory; print(took, most_memory())"
    )
    if ran.returncode:
        raise RunFailed(ran.stderr.strip().splitlines()[-1])
    took, memory = ran.stdout.split()
    return float(took), int(memory)


if __name__ == "__main__":
    sys.exit(interruptible(main))

"""What a step with state costs in several processes: messages packed by key, against one pickle for each.

Each round runs a flow in processes of its own: `rt.key_on`, `rt.stateful_map`, and a sink that takes nothing.
What counts is the processor time of all processes from the start of the flow to its end. The messages are
Avro orders with their originals, in batches of a thousand.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator

from tests.bench.harness import Result, contest
from tests.kafka.processes import free_addresses

COUNT, FEWER, ROUNDS = 100_000, 40_000, 3
"""Fewer in two processes, where a message takes twenty times as long."""


def run() -> Iterator[Result]:
    """All contests of this bench."""
    for name, processes, workers, keys, goal in (
        ("one process", 1, 1, 100, None),
        ("one process, two workers", 1, 2, 100, None),
        ("two processes, 20 keys", 2, 1, 20, 3),
        ("two processes, 100 keys", 2, 1, 100, 2),
        ("two processes, 1,000 keys", 2, 1, 1000, None),
    ):
        yield from contest(
            f"exchange, {name}",
            ("packed", cluster("packed", keys, processes, workers)),
            {"each message": (cluster("plain", keys, processes, workers), goal)},
            rounds=ROUNDS,
            warm=False,
        )


def cluster(how: str, keys: int, processes: int, workers: int) -> Callable[[], float]:
    """Gives the processor time of all processes, in seconds."""
    count = COUNT if processes == 1 else FEWER

    def timed() -> float:
        addresses = free_addresses(processes) if processes > 1 else []
        arguments = [sys.executable, "-m", "tests.bench.exchange_flow", how, str(keys), str(count)]
        started = [
            subprocess.Popen(
                [*arguments, str(index), str(workers), *addresses],
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
            for index in range(processes)
        ]
        # The last line: Timely says on stdout that it waits for the other one.
        return sum(float(process.communicate()[0].splitlines()[-1]) for process in started)

    return timed

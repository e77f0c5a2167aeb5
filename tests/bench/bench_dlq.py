"""`kgen dlq list` and `replay` on letters of kgen's own, on a broker of this machine, in letters a second.

No peer does this, so the goals are rates: the ratio is of what was reached to what was asked for. Memory is
that of a process that only lists, beyond what it had before the first letter; it must not grow with their
number.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from kgen.actions.dlq_list import listing
from kgen.actions.dlq_replay import ReplayOrder, replay
from kgen.dlq.letter_filter import LetterFilter
from kgen_runtime.kafka.connection import Kafka
from tests.bench.flows import broker, name
from tests.bench.harness import Result
from tests.bench.peers.job import most_memory
from tests.integration import letters
from tests.kafka.clients import create_topic

PARTITIONS = 4
LETTERS, REPLAYED = 500_000, 300_000
KINDS = 1_000
LIST_GOAL, REPLAY_GOAL = 100_000, 50_000
MEGABYTES = 200


def run() -> Iterator[Result]:
    """Both."""
    with broker() as (bootstrap, _):
        topic = create_topic(bootstrap, name(), PARTITIONS, retention_ms=-1)
        target = create_topic(bootstrap, name(), PARTITIONS, retention_ms=-1)
        written = ((b"%d" % n, b"\0\0\0\0\x0c" + b"x" * 100, _headers(target, n)) for n in range(LETTERS))
        letters.write(bootstrap, topic, written, PARTITIONS, batch_size=500_000)
        # Other benches have raised the peak of this process.
        with ProcessPoolExecutor(1, get_context("spawn")) as alone:
            rate, grown = alone.submit(_listed, bootstrap, topic).result()
        print(f"list: {rate:,.0f} letters/s, {grown} MB more", file=sys.stderr)
        yield Result(f"dlq list of {LETTERS:,}", "kgen", f"{LIST_GOAL:,}/s", round(rate / LIST_GOAL, 2), 1.0)
        yield Result("dlq list, memory", "kgen", f"{MEGABYTES} MB", round(MEGABYTES / max(grown, 1), 2), 1.0)
        rate = max(_replayed(Kafka(bootstrap), topic, number) for number in range(2))
        print(f"replay: {rate:,.0f} letters/s", file=sys.stderr)
        yield Result(
            f"dlq replay of {REPLAYED:,}", "kgen", f"{REPLAY_GOAL:,}/s", round(rate / REPLAY_GOAL, 2), 1.0
        )


def _listed(bootstrap: str, topic: str) -> tuple[float, int]:
    """Letters a second, the best of two times, and megabytes."""
    before, seconds = most_memory(), []
    for _ in range(2):
        start = time.perf_counter()
        found = listing(Kafka(bootstrap), topic, LetterFilter())
        seconds.append(time.perf_counter() - start)
        assert (found.fitting, len(found.groups)) == (LETTERS, KINDS)
    return LETTERS / min(seconds), (most_memory() - before) >> 20


def _replayed(kafka: Kafka, topic: str, number: int) -> float:
    order = ReplayOrder(wanted=LetterFilter(), name=f"r{number}", limit=REPLAYED, quarantine=f"{topic}.q")
    start = time.perf_counter()
    totals = replay(kafka, topic, order, lambda _: None)
    assert totals.sent.total() == REPLAYED
    return REPLAYED / (time.perf_counter() - start)


def _headers(topic: str, number: int) -> letters.Headers:
    return letters.kgen(number, topic=topic.encode(), fingerprint=b"%016x" % (number % KINDS))

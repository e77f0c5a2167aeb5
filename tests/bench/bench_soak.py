"""Ten million messages from a topic to another, with recovery: resident memory must not grow.

The ratio is the memory while the second million passes over that of the last one, medians, for what waits in
queues comes and goes. On Apache Kafka where Java is there, else on the in-memory broker, which needs some
gigabytes for it. Linux alone tells the memory.
"""

from __future__ import annotations

import os
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from kgen_runtime.serde.framing import id_prefix
from tests.bench import soaked
from tests.bench.fast_avro import fast_encoder
from tests.bench.flows import broker, name
from tests.bench.harness import Result
from tests.bench.model_classes import ORDER, order
from tests.kafka.clients import Record, create_topic, send

ROOT = Path(__file__).parents[2]
MILLION, DISTINCT = 1_000_000, 10_000
MESSAGES = 10 * MILLION
PARTITIONS = 2
MEGABYTE = 1 << 20


def run() -> Iterator[Result]:
    """The one contest."""
    if not Path("/proc/self/statm").exists():
        print("soak: not measured: this system does not tell resident memory", file=sys.stderr)
        return
    with broker() as (bootstrap, _):
        source, sink = (
            create_topic(bootstrap, name(), PARTITIONS),
            create_topic(bootstrap, name(), PARTITIONS),
        )
        fill(bootstrap, source)
        env = {"KGEN_BROKERS": bootstrap, soaked.TOPIC: source, soaked.SINK: sink}
        noted = soak(env)
    early, late = (during(noted, million) for million in (MILLION, MESSAGES - MILLION))
    most = max(memory for _, memory in noted)
    print(
        f"  resident memory: {early // MEGABYTE} MiB, in the end {late // MEGABYTE} MiB, at most "
        f"{most // MEGABYTE} MiB",
        file=sys.stderr,
    )
    ratio = round(early / late, 2)
    yield Result("soak: resident memory", "the last of 10 million", "the second", ratio, 0.9)


def during(noted: list[tuple[int, int]], begin: int) -> int:
    """The median while the million messages from `begin` on passed."""
    return int(statistics.median(memory for count, memory in noted if begin < count <= begin + MILLION))


def fill(bootstrap: str, topic: str) -> None:
    rng, encode, prefix = random.Random(topic), fast_encoder(ORDER), id_prefix(soaked.SCHEMA_ID)
    orders = [order(rng) for _ in range(DISTINCT)]
    distinct = [(each["id"].encode(), prefix + encode(each)) for each in orders]
    dealt = ((n % PARTITIONS, *distinct[n % DISTINCT]) for n in range(MESSAGES))
    send(bootstrap, topic, (Record(value, key, to) for to, key, value in dealt))


def soak(env: Mapping[str, str]) -> list[tuple[int, int]]:
    """Messages passed and bytes resident, again and again."""
    with tempfile.TemporaryDirectory() as folder:
        notes = Path(folder) / "notes"
        command = [sys.executable, "-m", "kgen_runtime.run", "tests.bench.soaked:flow"]
        here = {**os.environ, **env, soaked.NOTES: str(notes)}
        subprocess.run([*command, "--recovery", f"{folder}/recovery"], check=True, env=here, cwd=ROOT)
        found = [
            (int(count), int(memory)) for count, memory in map(str.split, notes.read_text().splitlines())
        ]
    assert found[-1][0] == MESSAGES
    return found

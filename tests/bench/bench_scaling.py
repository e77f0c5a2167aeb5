"""What workers and partitions cost: time to the first message, processor time a message, memory, threads,
descriptors, connections, and what an epoch writes into the recovery folder.

On Apache Kafka where Java is there, else on the in-memory broker; Linux alone tells most of it. The tables go
to stderr. Times to a first message are those of the clock, which other work disturbs: what they took of the
processor stands beside them.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from tests.bench import scaled
from tests.bench.flows import broker
from tests.bench.harness import Result
from tests.bench.scaled import Noted
from tests.kafka.clients import Record, create_topic, send

ROOT = Path(__file__).parents[2]
VALUE = b"x" * 100
MEGABYTE = 1 << 20
MESSAGES = 204_800
PARTITIONS = (1, 8, 64, 256, 1024)
WORKERS = (1, 2, 4, 8)
AMONG = 64
"""The partitions while the number of workers changes."""
PLACED = ((1_000, 1), (4_000, 1), (4_000, 4), (4_000, 8), (8_000, 4), (8_000, 8))
EPOCHS = 4
EPOCH_SECONDS = "0.5"
START_SECONDS = 15.0
"""The goal for the first message of the most partitions."""
RUNS = 3


def run() -> Iterator[Result]:
    """The tables, and how far the start of the most partitions is from its goal."""
    with broker() as (bootstrap, _):
        topics = {count: filled(bootstrap, count) for count in PARTITIONS}
        env = {"KGEN_BROKERS": bootstrap, scaled.STOP: "end"}
        heading("partitions, one worker")
        firsts = [measured({**env, scaled.TOPIC: topics[count]}, count, 1) for count in PARTITIONS]
        heading(f"workers (threads of a process), {AMONG} partitions")
        for workers in WORKERS:
            measured({**env, scaled.TOPIC: topics[AMONG]}, AMONG, workers)
        heading(f"processes of one worker, {AMONG} partitions")
        for processes in (2, 4):
            measured({**env, scaled.TOPIC: topics[AMONG]}, AMONG, 1, processes)
        heading("the most of both")
        measured({**env, scaled.TOPIC: topics[PARTITIONS[-1]]}, PARTITIONS[-1], WORKERS[-1])
        recoveries(bootstrap)
    placements()
    yield Result(
        f"{PARTITIONS[-1]:,} partitions, first message",
        "kgen",
        f"{START_SECONDS:g} s",
        round(START_SECONDS / firsts[-1], 2),
        1,
    )


def recoveries(bootstrap: str) -> None:
    """Print what epochs write, by partitions."""
    print("\nrecovery, one worker: of an epoch in which nothing arrives", file=sys.stderr)
    print("  partitions    rows   their bytes   written", file=sys.stderr)
    for count in PARTITIONS:
        topic = create_topic(bootstrap, f"empty-{count}", count)
        recovery({"KGEN_BROKERS": bootstrap, scaled.TOPIC: topic}, count)


def placements() -> None:
    """Print what it takes to place partitions, by partitions and workers."""
    print("\nplacement: processor time of a flow that only places partitions", file=sys.stderr)
    for count, workers in PLACED:
        print(f"  {count:6,} partitions, {workers} workers: {placing(count, workers):.2f} s", file=sys.stderr)


def filled(bootstrap: str, partitions: int) -> str:
    """A topic with messages, each partition as many."""
    topic = create_topic(bootstrap, f"of-{partitions}", partitions)
    send(bootstrap, topic, (Record(VALUE, b"%d" % n, n % partitions) for n in range(MESSAGES)))
    return topic


def heading(what: str) -> None:
    """Of the table that follows."""
    print(f"\n{what}", file=sys.stderr)
    print(
        "  partitions  processes x workers  first message  of each partition  CPU to first  CPU a message"
        "  resident  threads  descriptors  sockets",
        file=sys.stderr,
    )


def measured(
    env: Mapping[str, str], partitions: int, workers: int, processes: int = 1, runs: int = RUNS
) -> float:
    """Run the flow and print what it needed: medians of several runs, all processes together. Gives the
    seconds to the first message.
    """
    rows = [once(env, workers, processes) for _ in range(runs)]
    row = [statistics.median(column) for column in zip(*rows)]
    first, seen, cpu_first, cpu, resident, threads, descriptors, sockets = row
    cells = (
        f"{partitions:10,}  {processes:9} x {workers:<7}  {first:11.2f} s  {seen:15.2f} s",
        f"{cpu_first:10.2f} s",
        f"{cpu * 1e6:10.2f} us  {resident / MEGABYTE:4.0f} MiB  {threads:7.0f}  {descriptors:11.0f}",
        f"{sockets:7.0f}",
    )
    print("", *cells, sep="  ", file=sys.stderr, flush=True)
    return first


def once(env: Mapping[str, str], workers: int, processes: int) -> tuple[float, ...]:
    """Seconds, processor seconds, bytes and counts, of one run."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        options = ["--workers", str(workers), "--processes", str(processes)]
        subprocess.run(command(*options), check=True, env=environment(env, folder), cwd=ROOT)
        noted = [Noted(**json.loads(path.read_text())) for path in Path(folder).iterdir()]
    assert sum(each.count for each in noted) == MESSAGES
    read = [each for each in noted if each.count]
    of_processes = [[each for each in read if each.process == pid] for pid in {e.process for e in read}]
    cpu_first = sum(min(each.cpu_first for each in process) for process in of_processes)
    cpu_last = sum(max(each.cpu_last for each in process) for process in of_processes)
    return (
        min(each.first for each in read) - began,
        max(each.all_seen for each in read) - began,
        cpu_first,
        (cpu_last - cpu_first) / MESSAGES,
        *(
            sum(max(getattr(each, what) for each in process) for process in of_processes)
            for what in ("resident", "threads", "descriptors", "connections")
        ),
    )


def command(*options: str) -> list[str]:
    """What runs the flow."""
    return [sys.executable, "-m", "kgen_runtime.run", "tests.bench.scaled:flow", "--quiet", *options]


def environment(env: Mapping[str, str], folder: str) -> dict[str, str]:
    """Of the flow."""
    return {**os.environ, **env, scaled.FOLDER: folder, "PYTHONPATH": str(ROOT)}


def recovery(env: Mapping[str, str], partitions: int) -> None:
    """Print what an epoch writes while the topic is at its end."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as notes:
        options = ["--recovery", folder, "--epoch-interval", EPOCH_SECONDS]
        with running(command(*options), environment(env, notes)) as process:
            wait(lambda: epoch(folder) >= 6, process)
            first, before = epoch(folder), written(process.pid)
            wait(lambda: epoch(folder) >= first + EPOCHS, process)
            last, after = epoch(folder), written(process.pid)
            rows, size = stored(folder)
    print(
        f"  {partitions:10,}  {rows:6,}  {size:12,}  {(after - before) / (last - first):8,.0f}",
        file=sys.stderr,
        flush=True,
    )


@contextmanager
def running(arguments: list[str], env: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is ended."""
    with subprocess.Popen(arguments, env=env, cwd=ROOT, stderr=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(120)


def wait(there: Callable[[], bool], process: subprocess.Popen[bytes], seconds: float = 300) -> None:
    """Until it is there."""
    until = time.monotonic() + seconds
    while not there():
        assert process.poll() is None, f"the flow ended with {process.returncode}"
        assert time.monotonic() < until, "nothing came"
        time.sleep(0.05)


def epoch(folder: str) -> int:
    """The newest of which there is a snapshot; 0 where there is none."""
    return max((row[0] for row in query(folder, "SELECT max(snap_epoch) FROM snaps") if row[0]), default=0)


def stored(folder: str) -> tuple[int, int]:
    """Rows of the epoch that has the most, as older ones lose theirs, and the bytes of what is in them."""
    texts = "length(step_id) + length(state_key) + length(ser_change)"
    found = query(folder, f"SELECT snap_epoch, count(*), sum({texts}) FROM snaps GROUP BY snap_epoch")
    rows: Counter[int] = Counter()
    size: Counter[int] = Counter()
    for number, count, total in found:
        rows[number] += count
        size[number] += total
    newest = max(rows, key=lambda number: (rows[number], number))
    return rows[newest], size[newest]


def query(folder: str, sql: str) -> list[tuple[int, ...]]:
    """The answers of all partitions of a store; nothing from one that is not there yet."""
    found: list[tuple[int, ...]] = []
    for path in sorted(Path(folder).glob("part-*.sqlite3")):
        with suppress(sqlite3.OperationalError), closing(opened(path)) as store:
            found += store.execute(sql)
    return found


def opened(path: Path) -> sqlite3.Connection:
    """To read."""
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True)


def written(process: int) -> int:
    """Bytes that a process has written to files."""
    lines = Path(f"/proc/{process}/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("write_bytes"))


def placing(partitions: int, workers: int) -> float:
    """Seconds of the processor."""
    arguments = [sys.executable, "-m", "tests.bench.placed_flow", str(partitions), str(workers)]
    return float(subprocess.run(arguments, check=True, capture_output=True, text=True, cwd=ROOT).stdout)

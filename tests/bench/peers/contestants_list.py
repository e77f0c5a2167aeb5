"""Who takes part, in what, and how they are started."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.peers.job import Task

PEERS = Path(".bench/peers/bin/python")
"""Of the environment with the peers: `make bench-peers` makes it."""

_HERE = "tests.bench.peers.contestants"
_ALL: frozenset[Task] = frozenset({"typed", "produce", "count", "latency", "start"})


@dataclass(frozen=True)
class Contestant:
    """A program, started in the root of the clone. `{folder}` in an argument is a folder of its own."""

    name: str
    command: tuple[str, ...]
    imports: str
    """What a program of it imports: what stands after `import`."""
    tasks: frozenset[Task] = _ALL
    environment: Mapping[str, str] = field(default_factory=dict)
    slow: bool = True
    """It gets a share of the messages."""
    batch: int = 1
    """How many messages of each partition come to the end of the program together."""
    for_state: tuple[str, ...] = ()
    """Further arguments in the task `count`."""

    def share(self, fast: int, slow: int, partitions: int) -> int:
        """How many messages it gets, the others `fast` or `slow`: enough for some batches, as a rate counts
        from the first one on.
        """
        return max(slow if self.slow else fast, 3 * self.batch * partitions)

    def arguments(self, task: Task, folder: str) -> list[str]:
        """The command for a task, with the folder."""
        command = (*self.command, *(self.for_state if task == "count" else ()))
        return [part.replace("{folder}", folder) for part in command]

    def missing(self) -> str:
        """Why it cannot take part, or nothing."""
        ran = self.imported("")
        return "" if ran.returncode == 0 else (ran.stderr.strip() or "does not start").splitlines()[-1]

    def imported(self, then: str) -> subprocess.CompletedProcess[str]:
        """A process that imports what the program does, and then runs a line of code."""
        code = f"import time; began = time.perf_counter(); import {self.imports}; {then or 'pass'}"
        try:
            words = [self.command[0], "-c", code]
            return subprocess.run(
                words, env=surroundings(), capture_output=True, text=True, timeout=60, check=False
            )
        except OSError as error:
            return subprocess.CompletedProcess([], 1, "", f"{error.strerror}: {self.command[0]}")


def surroundings() -> dict[str, str]:
    """The environment of a program: with the clone on its path, and free to keep bytecode, as pip does
    for an installed package. Without, kgen alone would be compiled anew at each start.
    """
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPATH": "."}


_OWN, _PEER = sys.executable, str(PEERS)
_STATELESS = _ALL - {"count"}
_RT = "AvroSerde, Crash, Kafka, Schemas, StringSerde, Topic, WriterSchema, map_value, route, sink, source"
_FAST = {"KGEN_BENCH_CODEC": "fastavro"}
_KOP = "bytewax.run, bytewax.connectors.kafka.operators, confluent_kafka.schema_registry.avro"
_KOP_BATCH = 1_000
"""Its default."""
_BARE = "confluent_kafka.schema_registry.avro"
_FAUST = ("worker", "-l", "warn", "--without-web")

CONTESTANTS = (
    Contestant(
        "kgen",
        (_OWN, "-m", "kgen_runtime.run", f"{_HERE}.kgen_flow:flow", "--quiet"),
        f"kgen_runtime.run, bytewax.operators; from kgen_runtime import {_RT}",
        slow=False,
        for_state=("--recovery", "{folder}/recovery"),
    ),
    Contestant("kop, AvroDeserializer", (_OWN, "-m", f"{_HERE}.kop_flow"), _KOP, batch=_KOP_BATCH),
    Contestant("kop, fastavro", (_OWN, "-m", f"{_HERE}.kop_flow"), _KOP, environment=_FAST, batch=_KOP_BATCH),
    Contestant(
        "kop, fastavro, batch size 1",
        (_OWN, "-m", f"{_HERE}.kop_flow"),
        _KOP,
        frozenset({"latency"}),
        {**_FAST, "KGEN_BENCH_BATCH": "1"},
    ),
    Contestant(
        "kop.input alone",
        (_OWN, "-m", f"{_HERE}.kop_flow"),
        _KOP,
        frozenset({"typed"}),
        {"KGEN_BENCH_CODEC": "none"},
        slow=False,
        batch=_KOP_BATCH,
    ),
    Contestant("Quix Streams", (_PEER, "-m", f"{_HERE}.quix_app"), "quixstreams.models.serializers.avro"),
    Contestant(
        "FastStream", (_PEER, "-m", f"{_HERE}.faststream_app"), "faststream.confluent, fastavro", _STATELESS
    ),
    Contestant("Faust", (_PEER, "-m", f"{_HERE}.faust_app", *_FAUST), "faust, fastavro"),
    Contestant("plain loop, AvroDeserializer", (_OWN, "-m", f"{_HERE}.bare"), _BARE, _STATELESS),
    Contestant("plain loop, fastavro", (_OWN, "-m", f"{_HERE}.bare"), _BARE, _STATELESS, _FAST),
)

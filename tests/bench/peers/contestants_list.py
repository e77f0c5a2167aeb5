"""Who takes part, in what, and how they are started."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.peers.job import Task

PEERS = Path(".bench/peers/bin/python")
"""Of the environment with the peers: `make bench-peers` makes it."""

_HERE = "tests.bench.peers.contestants"
_ALL: frozenset[Task] = frozenset({"typed", "produce", "count", "latency"})


@dataclass(frozen=True)
class Contestant:
    """A program: how it is started in the root of the clone. `{folder}` in an argument is the one that it may write to."""

    name: str
    command: tuple[str, ...]
    tasks: frozenset[Task] = _ALL
    environment: Mapping[str, str] = field(default_factory=dict)
    slow: bool = True
    """It gets a tenth of the messages."""


_OWN = sys.executable
_STATELESS = _ALL - {"count"}
_FAST = {"KGEN_BENCH_CODEC": "fastavro"}

CONTESTANTS = (
    Contestant(
        "kgen",
        (_OWN, "-m", "kgen_runtime.run", f"{_HERE}.kgen_flow:flow", "--recovery", "{folder}/recovery", "--quiet"),
        slow=False,
    ),
    Contestant("kop, AvroDeserializer", (_OWN, "-m", f"{_HERE}.kop_flow")),
    Contestant("kop, fastavro", (_OWN, "-m", f"{_HERE}.kop_flow"), environment=_FAST),
    Contestant("Quix Streams", (str(PEERS), "-m", f"{_HERE}.quix_app")),
    Contestant("FastStream", (str(PEERS), "-m", f"{_HERE}.faststream_app"), _STATELESS),
    Contestant("Faust", (str(PEERS), "-m", f"{_HERE}.faust_app", "worker", "-l", "warn", "--without-web")),
    Contestant("confluent-kafka, AvroDeserializer", (_OWN, "-m", f"{_HERE}.bare"), _STATELESS),
    Contestant("confluent-kafka, fastavro", (_OWN, "-m", f"{_HERE}.bare"), _STATELESS, _FAST),
)

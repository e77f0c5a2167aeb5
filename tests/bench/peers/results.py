"""What was measured: its statistics, as a table, and as `.bench/peers.json`."""

from __future__ import annotations

import json
import statistics
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench.machine import installed, machine, now, write_json
from tests.bench.peers.contestants_list import PEERS

RESULTS = Path(".bench/peers.json")
OURS = "kgen"
_VERSIONS = ("kgen-streams", "bytewax", "confluent-kafka", "fastavro")
_OF_PEERS = ("quixstreams", "faststream", "faust-streaming", "aiokafka", "confluent-kafka", "fastavro")


@dataclass
class Measured:
    """Of a contestant, over the rounds."""

    name: str
    values: list[float] = field(default_factory=list)
    memory: list[int] = field(default_factory=list)
    """Bytes, at most, of each round."""
    failed: str = ""
    """Why it has no values."""

    @property
    def median(self) -> float:
        """Of the values; there is at least one."""
        return statistics.median(self.values)


@dataclass
class Contest:
    """Of one task. `more_is_better`: of rates, not of times."""

    title: str
    unit: str
    found: list[Measured]
    more_is_better: bool = True
    broker: str = ""
    """The one that it ran on, if that is not the one of all others."""

    @property
    def place(self) -> str:
        """The broker, to be put behind a title."""
        return f", on {self.broker}" if self.broker else ""

    def ratio(self, of: Measured) -> float | None:
        """How many times as good kgen is as another; None without values of both."""
        ours = next((each for each in self.found if each.name == OURS), None)
        if ours is None or not ours.values or not of.values:
            return None
        better, worse = (ours, of) if self.more_is_better else (of, ours)
        return better.median / worse.median if worse.median else None

    def table(self) -> str:
        """Medians, least and most, kgen's ratio to each, memory."""
        digits = 0 if self.unit == "messages/s" else 2
        lines = [f"{self.title}{self.place} ({self.unit})"]
        for each in self.found:
            if not each.values:
                lines.append(f"  {each.name:30} stepped aside: {each.failed or 'no round'}")
                continue
            span = f"{min(each.values):,.{digits}f} to {max(each.values):,.{digits}f}"
            ratio = self.ratio(each)
            beside = "" if ratio is None or each.name == OURS else f"kgen {ratio:.2f}x"
            memory = f"{statistics.median(each.memory) / (1 << 20):.0f} MiB" if each.memory else ""
            lines.append(
                f"  {each.name:30} {each.median:>12,.{digits}f}  {span:24} {beside:14} {memory}".rstrip()
            )
        return "\n".join(lines)

    def as_json(self) -> dict[str, Any]:
        """As it is kept."""
        return {
            "date": now(),
            "unit": self.unit,
            "more_is_better": self.more_is_better,
            "place": self.place,
            "contestants": [
                {
                    "name": each.name,
                    "values": each.values,
                    "memory_bytes": each.memory,
                    **({"median": each.median, "kgen_ratio": self.ratio(each)} if each.values else {}),
                    **({"failed": each.failed} if each.failed else {}),
                }
                for each in self.found
            ],
        }


def versions() -> dict[str, str]:
    """Of kgen and of what runs in its environment; those of the peers' environment as `name (peers)`."""
    return {
        **installed(*_VERSIONS),
        **{f"{name} (peers)": found for name, found in _installed_beside().items()},
    }


def _installed_beside() -> dict[str, str]:
    code = (
        "import importlib.metadata as m, json, sys\n"
        "there = {d.name.lower(): d.version for d in m.distributions()}\n"
        "print(json.dumps({n: there[n] for n in sys.argv[1:] if n in there}))"
    )
    try:
        ran = subprocess.run([str(PEERS), "-c", code, *_OF_PEERS], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return {}
    found: dict[str, str] = json.loads(ran.stdout)
    return found


def keep(contests: Mapping[str, Contest], path: Path = RESULTS) -> dict[str, Any]:
    """Put them into the file, beside the contests of other names that it has; returns all that it has now."""
    old = json.loads(path.read_text()) if path.exists() else {}
    fresh = {name: {"title": each.title, **each.as_json()} for name, each in contests.items()}
    kept = {"machine": machine(), "versions": versions(), "contests": {**old.get("contests", {}), **fresh}}
    write_json(path, kept)
    return kept

"""What was measured: as a table, and in `.bench/peers.json`."""

from __future__ import annotations

import json
import platform
import statistics
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path

RESULTS = Path(".bench/peers.json")
_VERSIONS = ("kgen-streams", "bytewax", "confluent-kafka", "fastavro")


@dataclass
class Measured:
    """Of a contestant, over the rounds."""

    name: str
    unit: str
    values: list[float] = field(default_factory=list)
    memory: list[int] = field(default_factory=list)
    start: list[float] = field(default_factory=list)
    """Seconds from the start of the process to the first message."""
    more: list[str] = field(default_factory=list)
    failed: str = ""

    def add(self, value: float, memory: int, start: float) -> None:
        """One round."""
        self.values.append(value)
        self.memory.append(memory)
        self.start.append(start)


def table(found: list[Measured]) -> str:
    """Medians, least and most, and kgen's value over each."""
    base = next((statistics.median(each.values) for each in found if each.name == "kgen" and each.values), None)
    lines = []
    for each in found:
        if not each.values:
            lines.append(f"  {each.name:34} failed: {each.failed.strip().splitlines()[-1] if each.failed else 'no round'}")
            continue
        middle = statistics.median(each.values)
        ratio = f"kgen {base / middle:5.2f}x" if base else ""
        span = f"({min(each.values):,.1f} to {max(each.values):,.1f})"
        memory = statistics.median(each.memory) / (1 << 20)
        start = statistics.median(each.start)
        more = f"  {each.more[-1]}" if each.more else ""
        lines.append(
            f"  {each.name:34} {middle:12,.1f} {each.unit} {span:26} {ratio:12} {memory:6.0f} MiB"
            f"  first after {start:.2f} s{more}"
        )
    return "\n".join(lines)


def keep(title: str, found: list[Measured]) -> None:
    """In the file, with the machine and the versions."""
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    kept[title] = {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "machine": f"{platform.machine()}, {platform.system()}, CPython {platform.python_version()}",
        "versions": {name: version(name) for name in _VERSIONS},
        "contestants": [asdict(each) for each in found],
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(kept, indent=1) + "\n")

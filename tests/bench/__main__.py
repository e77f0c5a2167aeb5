"""`python -m tests.bench [NAME…]`: run the benches (`codec`, `pipeline`…), print and keep the ratios.

Without a name all are run but those of `APART`, which take minutes each.

They go to `.bench/results.json`, with the machine's kind, versions and the date of each. Exits with 1 where a
goal was missed.
"""

from __future__ import annotations

import importlib
import sys
import time
from pathlib import Path
from typing import Final

from tests.bench.harness import interruptible, report

APART: Final = frozenset({"failover", "hosts", "scaling", "soak"})
"""Hosts that die, clusters of hosts, 1 to 8 workers and 1 to 1,024 partitions, ten million messages."""


def main(names: list[str]) -> int:
    found = sorted(path.stem.removeprefix("bench_") for path in Path(__file__).parent.glob("bench_*.py"))
    unknown = [name for name in names if name not in found]
    if unknown:
        print(f"error: no bench {unknown[0]!r}\n  hint: there are {', '.join(found)}", file=sys.stderr)
        return 2
    met = True
    for name in names or [name for name in found if name not in APART]:
        began = time.monotonic()
        met = report(importlib.import_module(f"tests.bench.bench_{name}").run()) and met
        print(f"{name}: {time.monotonic() - began:.0f} s", flush=True)
    if not names:
        print(f"not run, as each takes minutes: python -m tests.bench {' '.join(sorted(APART))}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(interruptible(lambda: main(sys.argv[1:])))

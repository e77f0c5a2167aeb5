"""`python -m tests.bench [NAME…]`: run the benches (`codec`, `pipeline`…), print and keep the ratios.

They go to `.bench/results.json`, with the machine's kind, versions and the date of each. Exits with 1 where a
goal was missed.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from tests.bench.harness import interruptible, report


def main(names: list[str]) -> int:
    found = sorted(path.stem.removeprefix("bench_") for path in Path(__file__).parent.glob("bench_*.py"))
    unknown = [name for name in names if name not in found]
    if unknown:
        print(f"error: no bench {unknown[0]!r}\n  hint: there are {', '.join(found)}", file=sys.stderr)
        return 2
    met = True
    for name in names or found:
        met = report(importlib.import_module(f"tests.bench.bench_{name}").run()) and met
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(interruptible(lambda: main(sys.argv[1:])))

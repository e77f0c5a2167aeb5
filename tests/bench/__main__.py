"""`python -m tests.bench [NAME…]`: run the benches (`codec`, `pipeline`…), print and keep the ratios.

They go to `.bench/results.json`. Exits with 1 where a goal was missed.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from tests.bench.harness import report


def main(names: list[str]) -> int:
    found = sorted(path.stem.removeprefix("bench_") for path in Path(__file__).parent.glob("bench_*.py"))
    met = True
    for name in names or found:
        if name not in found:
            print(f"no bench {name!r}: there are {', '.join(found)}", file=sys.stderr)
            return 2
        met = report(importlib.import_module(f"tests.bench.bench_{name}").run()) and met
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

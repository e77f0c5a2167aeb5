"""Which worker reads which partition: Bytewax's assignment, to be computed without running anything.

`tests/unit/runtime/test_placement.py` holds it equal to what Bytewax does. `python -m tests.bench.placement`
prints what follows from it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence


def names(topic: str, partitions: int) -> list[str]:
    """Those of a topic's partitions, as `rt.source` gives them to Bytewax."""
    return [f"{topic}/{number}" for number in range(partitions)]


def placed(parts: Iterable[str], workers: int) -> dict[str, int]:
    """The worker of each partition of one source: in the order of their names as text, each goes to the
    worker that has the fewest of this source, the lowest of several.
    """
    return {part: at % workers for at, part in enumerate(sorted(parts))}


def loads(sources: Sequence[Mapping[str, int]], workers: int) -> list[int]:
    """How many partitions each worker has, of all sources of a flow: each source is placed by itself."""
    counts = Counter(worker for source in sources for worker in source.values())
    return [counts[worker] for worker in range(workers)]


def imbalance(load: Sequence[int]) -> float:
    """The most that a worker has, over the mean: the throughput of a flow whose partitions are all as busy is
    the workers' together divided by this.
    """
    return max(load) * len(load) / sum(load)


def moved(before: Mapping[str, int], after: Mapping[str, int]) -> float:
    """The share of partitions that another worker reads after a restart."""
    return sum(after[part] != worker for part, worker in before.items()) / len(before)


def main() -> None:
    """The tables of docs/explanation/scaling.md."""
    print("partitions  workers  most  imbalance")
    for partitions, workers in ((12, 8), (64, 48), (1024, 48), (1024, 1000), (10_000, 48), (100_000, 480)):
        load = loads([placed(names("topic", partitions), workers)], workers)
        print(f"{partitions:10,}  {workers:7,}  {max(load):4,}  {imbalance(load):9.2f}")
    print("\nfive topics of 12 partitions, 8 workers:")
    load = loads([placed(names(f"topic{n}", 12), 8) for n in range(5)], 8)
    print(f"  partitions of each worker {load}, imbalance {imbalance(load):.2f}")
    print("\nfrom  to  moved of 1,024 partitions")
    for old, new in ((1, 2), (2, 3), (3, 2), (4, 8), (8, 9), (48, 49)):
        parts = names("topic", 1024)
        print(f"{old:4}  {new:2}  {moved(placed(parts, old), placed(parts, new)):5.0%}")


if __name__ == "__main__":
    main()

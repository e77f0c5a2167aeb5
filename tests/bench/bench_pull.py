"""What a subject costs `kgen pull` where there are many, beside where there are few: at the first pull, and
when nothing is new. As processes of `kgen`, by their processor time, against the registry of `kgen dev`.

More subjects than 1,000 by hand: `python -m tests.bench.bench_pull 10000`.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import requests

from kgen.dev import up
from tests.bench.harness import Result, report

FEW, MANY = 10, 1_000
GOAL = 1 / 1.5


def run(many: int = MANY) -> Iterator[Result]:
    """Both measures."""
    few, lots = _pulls(FEW), _pulls(many)
    for what, one, other in zip(("all of them new", "nothing new"), few, lots):
        ratio = round(one / FEW / (other / many), 2)
        yield Result(f"pull of {many:,}, {what}", "a subject", f"of {FEW}", ratio, GOAL)


def _pulls(subjects: int) -> list[float]:
    """Seconds of a first pull of so many subjects, and of a second one."""
    with up() as dev, tempfile.TemporaryDirectory() as folder, requests.Session() as client:
        for number in range(subjects):
            fields = [{"name": f"field_{each}", "type": "string"} for each in range(8)]
            schema = {"type": "record", "name": f"R{number}", "namespace": "bench", "fields": fields}
            url = f"{dev.registry}/subjects/topic-{number}-value/versions"
            client.post(url, json={"schema": json.dumps(schema)}, timeout=30).raise_for_status()
        return [_cpu(Path(folder), dev.registry) for _ in range(2)]


def _cpu(folder: Path, registry: str) -> float:
    """Seconds of a processor."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "kgen", "pull", "--registry", registry, "--quiet"]
    subprocess.run(command, cwd=folder, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    sys.exit(0 if report(run(int(sys.argv[1]) if sys.argv[1:] else MANY)) else 1)

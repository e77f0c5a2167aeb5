"""Apache Kafka as the tests of this repository run it, for what the broker of `kgen dev` has not."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]


class NotHere(Exception):  # noqa: N818 - it is not an error: the demo goes on without
    """Apache Kafka cannot be run on this machine; the message says why."""


@contextmanager
def apache_kafka() -> Iterator[str]:
    """A broker for as long as the block lasts; its address. Its jars are fetched the first time, by Maven.

    Raises `NotHere`.
    """
    command = [sys.executable, "-m", "tests.kafka"]
    pipe = subprocess.PIPE
    if not (ROOT / "tests" / "kafka" / "__main__.py").exists():
        raise NotHere("this is not a clone of kgen, which knows how to run Apache Kafka")
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            address = process.stdout.readline().strip() if process.stdout else ""
            if not address:
                _, errors = process.communicate()
                raise NotHere(
                    errors.strip().splitlines()[-1] if errors.strip() else "Apache Kafka did not start"
                )
            yield address
        finally:
            if process.stdin:
                process.stdin.close()  # it ends with that
            process.wait(60)

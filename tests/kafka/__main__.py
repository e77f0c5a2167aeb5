"""`python -m tests.kafka`: Apache Kafka until stdin is closed; prints where clients reach it."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.kafka import jars
from tests.kafka.broker import KafkaCluster

if __name__ == "__main__":
    if reason := jars.missing():
        sys.exit(reason)
    with tempfile.TemporaryDirectory(prefix="kafka") as root, KafkaCluster(Path(root)) as cluster:
        print(cluster.bootstrap, flush=True)
        sys.stdin.read()

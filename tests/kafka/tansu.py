"""The in-memory broker of `kgen dev` behind the same tests as Apache Kafka, as far as it can follow."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping

from kgen.dev.broker import Broker

LACKS: Mapping[str, str] = {
    "transactions": "shows aborted messages and does not fence",
    "durable log": "its messages are gone with its process",
    "retention": "no message is ever deleted, and a position that is not there is not reported",
    "deletion": "librdkafka 2.16 crashes when a topic that it reads is deleted there",
    "new partitions": "a topic keeps the number of partitions it was made with",
    "size limits": "takes messages of any size",
    "validation": "takes messages that the topic's settings forbid",
    "ends of partitions": "tells ends that are too low, so `latest` begins too early",
    "offsets by time": "answers with offset 0",
    "offset metadata": "drops the metadata of committed offsets",
    "proxy": "tells all clients one address, so none can be sent through a proxy",
}
"""What a test may need (`@pytest.mark.needs("transactions")`) and this broker has not.

Such tests run on Apache Kafka alone; `test_differences.py` sees to it that the list stays true.
"""


class Tansu(Broker):
    """As much of `KafkaBroker` as there is."""

    @property
    def bootstrap(self) -> str:
        """Where clients reach it."""
        return self.address

    def pause(self) -> None:
        """SIGSTOP: connections stay open and nothing answers."""
        os.kill(self.pid, signal.SIGSTOP)

    def cont(self) -> None:
        """SIGCONT, after `pause`."""
        os.kill(self.pid, signal.SIGCONT)

"""File descriptors: how many a process may open, and whether a flow's Kafka clients fit.

librdkafka reports no error of a connection that it may not open: its calls time out, minutes later and with
nothing about the cause. So a flow that does not fit is refused before it begins.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from bytewax.dataflow import Dataflow
from confluent_kafka import KafkaException

from .._librdkafka import BROKER_DESCRIPTORS, CLIENT_DESCRIPTORS
from ..consumer.source import sources
from ..errors import ConfigError
from ..kafka.connection import Kafka
from ..producer.claims import AT_ONCE
from ..producer.eligibility import deliveries, is_exactly_once

if sys.platform != "win32":  # where sockets do not count
    import resource

_ONCE: Final = AT_ONCE + 2
"""Clients of a process that come and go: those of claims; those that look after topics."""
_SPARE: Final = 64
"""For the recovery folder, the registry, other processes of the cluster and the user's steps."""
_CLAIMING: Final = 3
"""Clients of a worker that delivers exactly once: its producer, and those that read what is committed."""
_LARGE: Final = 100
"""Brokers: if a flow fits with so many, nobody is asked how many there are."""
_MOST: Final = 10_240
"""What macOS lets a process have at most, though it calls its limit infinite."""


def raise_limit() -> None:
    """Raise this process's soft limit of open files to its hard one, if that is allowed."""
    if sys.platform == "win32":
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for limit in (hard, _MOST):
        if soft == limit or 0 <= limit < soft:
            return
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
            return


def check_descriptors(flow: Dataflow, workers: int) -> None:
    """Raises `ConfigError` if the clients of so many workers of this process may need more files than it may
    open.
    """
    limit = _limit()
    if limit is None or _needed(flow, workers, _LARGE) <= limit:
        return
    brokers = 1
    if _needed(flow, workers, brokers) <= limit:
        brokers = max((_count_brokers(kafka) for kafka in _clients(flow, 1)), default=1)
    needed = _needed(flow, workers, brokers)
    if needed > limit:
        raise ConfigError(
            f"the flow's Kafka clients may need {needed:,} open files with {workers} worker(s) in a process; "
            f"the limit is {limit:,}",
            where="limit of open files (RLIMIT_NOFILE)",
            hint=f"Raise the hard limit to {needed:,} or more (ulimit -Hn, LimitNOFILE= of systemd, --ulimit "
            "nofile= of Docker), or run fewer workers in a process.",
        )


def _limit() -> int | None:
    """None if there is none."""
    if sys.platform == "win32":
        return None
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft


def _needed(flow: Dataflow, workers: int, brokers: int) -> int:
    clients = len(list(_clients(flow, workers))) + _ONCE
    return _open() + _SPARE + clients * (CLIENT_DESCRIPTORS + BROKER_DESCRIPTORS * brokers)


def _clients(flow: Dataflow, workers: int) -> Iterator[Kafka]:
    """The settings of each client that stays for a while."""
    for _ in range(workers):
        for source in sources(flow):
            yield source.kafka
        for step in deliveries(flow):
            for _ in range(_CLAIMING if is_exactly_once(flow, step.spec) else 1):
                yield step.spec.kafka


def _count_brokers(kafka: Kafka) -> int:
    try:
        return kafka.broker_count()
    except KafkaException:
        return len(kafka.brokers)


def _open() -> int:
    """How many this process has now."""
    try:
        return len(list(Path("/dev/fd").iterdir()))
    except OSError:
        return 0

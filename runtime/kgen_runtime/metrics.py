"""What a flow counts, for Prometheus.

Bytewax serves the metrics of a process at `http://<host>:3030/metrics` where `BYTEWAX_DATAFLOW_API_ENABLED`
is set (`BYTEWAX_DATAFLOW_API_PORT` is another port), its own ones and what prometheus_client's default
registry holds. These are there. They are always counted: without the endpoint nobody reads them.

    kgen_read_messages_total{topic, schema_id}            read and decoded
    kgen_read_bytes_total{topic, schema_id}               their keys and values
    kgen_produced_messages_total{topic}                   encoded and given to the producer, by a step's topic
    kgen_produced_bytes_total{topic}                      their keys and values
    kgen_refused_messages_total{topic}                    those that producer or broker refused for themselves
    kgen_failures_total{topic, stage, schema_id}          failures, of messages of that topic
    kgen_handled_failures_total{policy, stage}            what `rt.route` did with them
    kgen_filtered_messages_total{step}                    left out by a step
    kgen_gaps_total{topic}                                positions gone from the broker and passed over
    kgen_epochs_total{topic, partition}                   snapshots of the source: epochs closed
    kgen_lag_messages{topic, partition}                   the end of the partition, less what was read
    kgen_waiting_for_registry_messages{step}              read, and held until the registry answers
    kgen_queue_full_seconds_total{topic}                  the flow waited, the producer's queue being full
    kgen_delivery_wait_seconds{topic}                     histogram: the end of an epoch waited for deliveries

What is counted for every batch costs two additions: each worker has cells of its own, which are summed up
when somebody asks. Schema ids come from messages, which anyone may have written: past `MOST_IDS` of a topic
the label is `other`. docs/reference/metrics.md explains how to read them.
"""

from __future__ import annotations

import threading
import time
from collections import Counter as Count
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from weakref import WeakKeyDictionary

from prometheus_client import REGISTRY, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from .codec import payload_functions

MOST_IDS: Final = 50
OTHER: Final = "other"

_READ_STAGES: Final = frozenset({"framing", "unknown-schema", "unexpected-type", "decode", "validate"})
_LAG_EVERY: Final = 1.0
_PAYLOADS: Final = payload_functions()
_SIZE: Final = _PAYLOADS.total_size
_SIZES_BY_ID: Final = _PAYLOADS.sizes_by_id
_BUCKETS: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Cell:
    """A number that one thread adds to: no lock, and nothing lost."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0


class Totals(Collector):
    """A counter in many cells."""

    def __init__(self, name: str, text: str, labels: Sequence[str]) -> None:
        self._about = (name, text, labels)
        self._cells: dict[tuple[str, ...], list[Cell]] = {}
        REGISTRY.register(self)

    def cell(self, *labels: str) -> Cell:
        """A new one, for the thread that asks."""
        cell = Cell()
        self._cells.setdefault(labels, []).append(cell)
        return cell

    def total(self) -> int:
        """The sum of all."""
        return sum(cell.value for cells in list(self._cells.values()) for cell in list(cells))

    def describe(self) -> Iterable[CounterMetricFamily]:
        """Names, for the registry."""
        name, text, labels = self._about
        return [CounterMetricFamily(name, text, labels=labels)]

    def collect(self) -> Iterable[CounterMetricFamily]:
        """The sums, when the endpoint is asked."""
        (family,) = self.describe()
        for labels, cells in list(self._cells.items()):
            family.add_metric(labels, sum(cell.value for cell in list(cells)))
        return [family]


class Bounded:
    """The children of a metric by labels of which the last one cannot be trusted."""

    def __init__(self, metric: Counter) -> None:
        self.metric = metric
        self._known: dict[tuple[str, ...], Counter] = {}
        self._counts: Count[tuple[str, ...]] = Count()

    def get(self, *labels: str) -> Counter:
        """The child; beyond `MOST_IDS` with the same other labels, the one for all the rest."""
        child = self._known.get(labels)
        if child is not None:
            return child
        if self._counts[labels[:-1]] >= MOST_IDS:
            return self.metric.labels(*labels[:-1], OTHER)
        self._counts[labels[:-1]] += 1
        child = self._known[labels] = self.metric.labels(*labels)
        return child


_READ: Final = (
    Totals("kgen_read_messages", "Messages read and decoded.", ("topic", "schema_id")),
    Totals("kgen_read_bytes", "Bytes of the keys and values of those messages.", ("topic", "schema_id")),
)
_PRODUCED: Final = (
    Totals("kgen_produced_messages", "Messages encoded and given to the producer.", ("topic",)),
    Totals("kgen_produced_bytes", "Bytes of the keys and values of those messages.", ("topic",)),
)
_REFUSED: Final = Totals(
    "kgen_refused_messages", "Messages that the producer or the broker refused of those.", ("topic",)
)
_FAILURES: Final = Bounded(
    Counter("kgen_failures", "Failures of messages of this topic.", ("topic", "stage", "schema_id"))
)
_HANDLED: Final = Counter("kgen_handled_failures", "Failures given to a policy.", ("policy", "stage"))
_FILTERED: Final = Counter("kgen_filtered_messages", "Messages left out by a step.", ("step",))
_GAPS: Final = Counter("kgen_gaps", "Positions gone from the broker and passed over.", ("topic",))
_EPOCHS: Final = Counter("kgen_epochs", "Epochs closed, by source partition.", ("topic", "partition"))
_LAG: Final = Gauge(
    "kgen_lag_messages", "The end of the partition less the position read.", ("topic", "partition")
)
_WAITING: Final = Gauge(
    "kgen_waiting_for_registry_messages", "Messages held until the registry answers.", ("step",)
)
_QUEUE_FULL: Final = Counter(
    "kgen_queue_full_seconds",
    "Seconds in which the producer's queue was full and the flow waited.",
    ("topic",),
)
_DELIVERY: Final = Histogram(
    "kgen_delivery_wait_seconds",
    "Seconds from the end of an epoch until its messages were acknowledged, or its transactions committed.",
    ("topic",),
    buckets=_BUCKETS,
)


_unreadable: Final = Cell()
_unreadable_lock: Final = threading.Lock()


@dataclass(frozen=True)
class Figures:
    """What has been counted in this process so far, by topic."""

    read: Count[str]
    produced: Count[str]
    refused: Count[str]
    filtered: int
    lag: dict[str, int]

    @property
    def written(self) -> int:
        """Produced, less what the broker or its client refused."""
        return sum(self.produced.values()) - sum(self.refused.values())

    def since(self, before: Figures) -> Figures:
        """What was counted since then."""
        return Figures(
            self.read - before.read,
            self.produced - before.produced,
            self.refused - before.refused,
            self.filtered - before.filtered,
            self.lag,
        )


def figures() -> Figures:
    """As of now. What could not be decoded was read as well."""
    read = _sums(_READ[0], "topic")
    for labels, value in _samples(_FAILURES.metric):
        if labels["stage"] in _READ_STAGES:
            read[labels["topic"]] += value
    lag: Count[str] = Count()
    for labels, value in _samples(_LAG):
        lag[labels["topic"]] += value
    filtered = sum(value for _, value in _samples(_FILTERED))
    return Figures(read, _sums(_PRODUCED[0], "topic"), _sums(_REFUSED, "topic"), filtered, dict(lag))


def messages_read() -> int:
    """How many messages this process has read so far, those that could not be decoded among them."""
    return _READ[0].total() + _unreadable.value


def _sums(metric: Collector, label: str) -> Count[str]:
    sums: Count[str] = Count()
    for labels, value in _samples(metric):
        sums[labels[label]] += value
    return sums


def _samples(metric: Collector) -> Iterator[tuple[dict[str, str], int]]:
    for family in metric.collect():
        for sample in family.samples:
            if not sample.name.endswith("_created"):
                yield sample.labels, int(sample.value)


class ReadCounts:
    """Messages and bytes read of a topic. One for each worker."""

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self._cells: dict[int | None, tuple[Cell, Cell]] = {}
        self._other: tuple[Cell, Cell] | None = None

    def add(
        self,
        ids: Sequence[int | None],
        keys: Sequence[bytes | None],
        values: Sequence[bytes | None],
    ) -> None:
        """A batch: the schema ids of the values, and the bytes of both. Most batches have one id."""
        if not ids:
            return
        if ids.count(ids[0]) == len(ids):
            self._add(ids[0], len(ids), _SIZE(keys) + _SIZE(values))
            return
        for id_, count, size in _SIZES_BY_ID(ids, keys, values):
            self._add(id_, count, size)

    def _add(self, id_: int | None, count: int, size: int) -> None:
        messages, bytes_ = self._cells.get(id_) or self._open(id_)
        messages.value += count
        bytes_.value += size

    def _open(self, id_: int | None) -> tuple[Cell, Cell]:
        if len(self._cells) < MOST_IDS:
            cells = self._cells[id_] = self._make(_label(id_))
            return cells
        if self._other is None:
            self._other = self._make(OTHER)
        return self._other

    def _make(self, label: str) -> tuple[Cell, Cell]:
        messages, bytes_ = _READ
        return messages.cell(self._topic, label), bytes_.cell(self._topic, label)


class ProducedCounts:
    """What a step of one worker has produced, and how long that held it up."""

    def __init__(self, topic: str) -> None:
        messages, bytes_ = _PRODUCED
        self.messages = messages.cell(topic)
        self.bytes = bytes_.cell(topic)
        self.refused = _REFUSED.cell(topic)
        self._full = _QUEUE_FULL.labels(topic)
        self._wait = _DELIVERY.labels(topic)

    def add(self, count: int, size: int) -> None:
        """A batch, or a message, of `size` bytes."""
        self.messages.value += count
        self.bytes.value += size

    def queue_was_full(self, seconds: float) -> None:
        """The flow waited for room."""
        self._full.inc(seconds)

    def waited(self, seconds: float) -> None:
        """An epoch waited for its deliveries."""
        self._wait.observe(seconds)


class Lags:
    """The lags of those who read a partition in this process. The longest is shown, none before one is known:
    0 would look well.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # Weak: a flow that crashes closes nothing.
        self._known: dict[tuple[str, str], WeakKeyDictionary[object, int]] = {}

    def report(self, labels: tuple[str, str], reader: object, lag: int) -> None:
        """As of now."""
        with self._lock:
            known = self._known.setdefault(labels, WeakKeyDictionary())
            known[reader] = lag
            _LAG.labels(*labels).set(max(known.values()))

    def forget(self, labels: tuple[str, str], reader: object) -> None:
        """It reads no more: an old lag would be taken for the present one."""
        with self._lock:
            known = self._known.get(labels)
            if known is None or known.pop(reader, None) is None:
                return
            if len(known):
                _LAG.labels(*labels).set(max(known.values()))
            else:
                _LAG.remove(*labels)


_LAGS: Final = Lags()


class PartitionCounts:
    """How far one source partition is."""

    def __init__(self, topic: str, partition: int) -> None:
        self._labels = (topic, str(partition))
        self._epochs = _EPOCHS.labels(*self._labels)
        self._next = 0.0

    def epoch(self) -> None:
        """It was asked for its snapshot."""
        self._epochs.inc()

    def due(self) -> bool:
        """Once a second: time to report the lag."""
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + _LAG_EVERY
        return True

    def lag(self, end: int, position: int) -> None:
        """The partition ends at `end` (negative: not known yet), and has been read up to `position`."""
        if end >= 0:
            _LAGS.report(self._labels, self, max(end - position, 0))

    def close(self) -> None:
        """It is read no more."""
        _LAGS.forget(self._labels, self)


def failed(topic: str, stage: str, schema_id: int | None) -> None:
    """A message failed."""
    if stage in _READ_STAGES:
        with _unreadable_lock:
            _unreadable.value += 1
    _FAILURES.get(topic, stage, _label(schema_id)).inc()


def handled(policy: str, stages: Iterable[str]) -> None:
    """A policy has seen failures of these stages."""
    for stage, count in Count(stages).items():
        _HANDLED.labels(policy, stage).inc(count)


def filtered(step: str, messages: int) -> None:
    """A step has left out so many messages."""
    if messages:
        _FILTERED.labels(step).inc(messages)


def gap(topic: str) -> None:
    """A position was not on the broker, and reading goes on elsewhere."""
    _GAPS.labels(topic).inc()


def waiting(step: str, messages: int) -> None:
    """So many more (or fewer, if negative) wait for the registry."""
    _WAITING.labels(step).inc(messages)


def _label(schema_id: int | None) -> str:
    return "" if schema_id is None else str(schema_id)

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
    kgen_step_taken_items_total{flow, step}               items that a step was given
    kgen_step_given_items_total{flow, step}               items that went on from it
    kgen_step_failed_items_total{flow, step}              items that went to its `errs`
    kgen_late_items_total{flow, step}                     items that came too late for their window
    kgen_state_entries{flow, step}                        keys that a step has state of, or open windows
    kgen_recovery_bytes{}                                 the files of the recovery folder's partitions
    kgen_lag_seconds{topic, partition}                    how old the last message read is, if more are left
    kgen_read_timestamp_seconds{topic, partition}         the timestamp of the last message read
    kgen_epoch_seconds{flow, step}                        histogram: from one epoch's end to the next's

What is counted for every batch costs two additions: each worker has cells of its own, which are summed up
when somebody asks. Schema ids come from messages, which anyone may have written: past `MOST_IDS` of a topic
the label is `other`. docs/reference/metrics.md explains how to read them.
"""

from __future__ import annotations

import threading
import time
from collections import Counter as Count
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from weakref import WeakKeyDictionary

from prometheus_client import REGISTRY, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from .codec import payload_functions

MOST_IDS: Final = 50
OTHER: Final = "other"

_READ_STAGES: Final = frozenset({"framing", "unknown-schema", "unexpected-type", "decode", "validate"})
_LAG_EVERY: Final = 1.0
_PAYLOADS: Final = payload_functions()
_SIZE: Final = _PAYLOADS.total_size
_SIZES_BY_ID: Final = _PAYLOADS.sizes_by_id
_EPOCH_BUCKETS: Final = (0.1, 0.5, 1.0, 2.5, 5.0, 7.5, 10.0, 12.5, 15.0, 20.0, 30.0, 60.0, 120.0, 300.0)
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
        return self.add(Cell(), *labels)

    def add(self, cell: Cell, *labels: str) -> Cell:
        """Count one that is another counter's too."""
        self._cells.setdefault(labels, []).append(cell)
        return cell

    def total(self) -> int:
        """The sum of all."""
        return sum(cell.value for cells in list(self._cells.values()) for cell in list(cells))

    def describe(self) -> Iterable[CounterMetricFamily | GaugeMetricFamily]:
        """Names, for the registry."""
        return [self._family()]

    def collect(self) -> Iterable[CounterMetricFamily | GaugeMetricFamily]:
        """The sums, when the endpoint is asked."""
        family = self._family()
        for labels, cells in list(self._cells.items()):
            family.add_metric(labels, sum(cell.value for cell in list(cells)))
        return [family]

    def _family(self) -> CounterMetricFamily | GaugeMetricFamily:
        name, text, labels = self._about
        return CounterMetricFamily(name, text, labels=labels)


class Levels(Totals):
    """As `Totals`, of what may fall as well."""

    def _family(self) -> GaugeMetricFamily:
        name, text, labels = self._about
        return GaugeMetricFamily(name, text, labels=labels)


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


_OF_STEP: Final = ("flow", "step")
_TAKEN: Final = Totals("kgen_step_taken_items", "Items that a step was given.", _OF_STEP)
_GIVEN: Final = Totals("kgen_step_given_items", "Items that went on from a step.", _OF_STEP)
_FAILED: Final = Counter("kgen_step_failed_items", "Items that went to the errs of a step.", _OF_STEP)
_LATE: Final = Counter("kgen_late_items", "Items that came too late for their window.", _OF_STEP)
_ENTRIES: Final = Levels(
    "kgen_state_entries", "Keys that a step has state of, or windows that are open.", _OF_STEP
)
_EPOCH_SECONDS: Final = Histogram(
    "kgen_epoch_seconds",
    "Seconds from the end of one epoch of a worker's source to the end of the next.",
    _OF_STEP,
    buckets=_EPOCH_BUCKETS,
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
    filtered = sum(value for _, value in _samples(_FILTERED))
    return Figures(read, _sums(_PRODUCED[0], "topic"), _sums(_REFUSED, "topic"), filtered, _LAGS.by_topic())


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


class StepCounts:
    """What a step of one worker took, and gave to the steps behind it. `step` is its whole id, whose first
    part is the flow's.
    """

    __slots__ = ("given", "taken")

    def __init__(self, step: str) -> None:
        labels = _step_labels(step)
        self.taken = _TAKEN.cell(*labels)
        self.given = _GIVEN.cell(*labels)


def state_entries(step: str) -> Cell:
    """How many keys (or windows) of a step this thread has state of."""
    return _ENTRIES.cell(*_step_labels(step))


def _step_labels(step: str) -> tuple[str, str]:
    return step.partition(".")[0], step


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
        size: int | None = None,
    ) -> None:
        """A batch: the schema ids of the values, and the bytes of both, or `size` for these. Most batches
        have one id.
        """
        if not ids:
            return
        if ids.count(ids[0]) == len(ids):
            self._add(ids[0], len(ids), _SIZE(keys) + _SIZE(values) if size is None else size)
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

    def __init__(self, topic: str, step: str) -> None:
        messages, bytes_ = _PRODUCED
        labels = _step_labels(step)
        self.taken = _TAKEN.cell(*labels)
        self.messages = _GIVEN.add(messages.cell(topic), *labels)
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


@dataclass
class ReadProgress:
    """How far somebody has read a partition: how many messages are left (None where that is not known yet),
    and the timestamp of the last one read, in ms since the epoch (None before the first, and of one without).
    """

    lag: int | None = None
    read_at: int | None = None


class Lags(Collector):
    """The readings of those who read a partition in this process. Of several the one that is behind most is
    shown, none before one is known: 0 would look well.

    Ages are those of the moment when the endpoint is asked: they grow while a step hangs.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # Weak: a flow that crashes closes nothing.
        self._known: dict[tuple[str, str], WeakKeyDictionary[object, ReadProgress]] = {}
        REGISTRY.register(self)

    def join(self, labels: tuple[str, str], reader: object) -> ReadProgress:
        """Somebody reads this partition: what it may change as it reads."""
        with self._lock:
            made = self._known.setdefault(labels, WeakKeyDictionary())[reader] = ReadProgress()
        return made

    def forget(self, labels: tuple[str, str], reader: object) -> None:
        """It reads no more: an old lag would be taken for the present one."""
        with self._lock:
            self._known.get(labels, WeakKeyDictionary()).pop(reader, None)

    def by_topic(self) -> dict[str, int]:
        """Messages left."""
        lags: Count[str] = Count()
        for (topic, _), readings in self._readings():
            known = [each.lag for each in readings if each.lag is not None]
            if known:
                lags[topic] += max(known)
        return dict(lags)

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Names, for the registry."""
        of = ("topic", "partition")
        return [
            GaugeMetricFamily("kgen_lag_messages", "The end of the partition less the position.", labels=of),
            GaugeMetricFamily(
                "kgen_lag_seconds", "The age of the last message read while more are left, else 0.", labels=of
            ),
            GaugeMetricFamily(
                "kgen_read_timestamp_seconds", "The timestamp of the last message read.", labels=of
            ),
        ]

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """As of now."""
        messages, seconds, timestamps = families = list(self.describe())
        now = time.time()
        for labels, readings in self._readings():
            lags = [each.lag for each in readings if each.lag is not None]
            if lags:
                messages.add_metric(labels, max(lags))
            read = [each.read_at / 1000 for each in readings if each.read_at is not None]
            if read:
                timestamps.add_metric(labels, min(read))
            ages = [age for each in readings if (age := _age(each, now)) is not None]
            if ages:
                seconds.add_metric(labels, max(ages))
        return families

    def _readings(self) -> list[tuple[tuple[str, str], list[ReadProgress]]]:
        with self._lock:
            return [(labels, list(known.values())) for labels, known in self._known.items()]


def _age(reading: ReadProgress, now: float) -> float | None:
    """Of the last message read, while more are left; None where that is not known."""
    if reading.lag == 0:
        return 0.0
    if reading.lag is None or reading.read_at is None:
        return None
    return max(now - reading.read_at / 1000, 0.0)


_LAGS: Final = Lags()


class StoreSize(Collector):
    """How large the recovery folder of the run is, found out when somebody asks."""

    def __init__(self) -> None:
        self.measure: Callable[[], int | None] = lambda: None
        REGISTRY.register(self)

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """The name, for the registry."""
        return [GaugeMetricFamily("kgen_recovery_bytes", "Bytes of the files of the recovery partitions.")]

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """No sample without a folder."""
        (family,) = self.describe()
        size = self.measure()
        if size is not None:
            family.add_metric((), size)
        return [family]


_STORE: Final = StoreSize()


def measure_store(measure: Callable[[], int | None]) -> None:
    """`measure` gives the bytes of the recovery partitions from now on; None if there are none."""
    _STORE.measure = measure


class EpochClock:
    """How long the epochs of a source on one worker are. All of its partitions see each epoch's end: one
    of them counts.
    """

    def __init__(self, step: str) -> None:
        self._seconds = _EPOCH_SECONDS.labels(*_step_labels(step))
        self._counts: object = None
        self._ended = 0.0

    def ended(self, partition: object) -> None:
        """An epoch has ended for this partition."""
        if self._counts is None:
            self._counts, self._ended = partition, time.monotonic()
        elif self._counts is partition:
            now = time.monotonic()
            self._seconds.observe(now - self._ended)
            self._ended = now

    def leave(self, partition: object) -> None:
        """It is read no more; another one counts."""
        if self._counts is partition:
            self._counts = None


class PartitionCounts:
    """How far one source partition is."""

    def __init__(self, topic: str, partition: int, clock: EpochClock) -> None:
        self._labels = (topic, str(partition))
        self._epochs = _EPOCHS.labels(*self._labels)
        self._clock = clock
        self._reading = _LAGS.join(self._labels, self)
        self._next = 0.0

    def epoch(self) -> None:
        """It was asked for its snapshot."""
        self._epochs.inc()
        self._clock.ended(self)

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
            self._reading.lag = max(end - position, 0)

    def read(self, timestamp: int | None) -> None:
        """A batch was read, the last message of which has this timestamp."""
        self._reading.read_at = timestamp

    def close(self) -> None:
        """It is read no more."""
        _LAGS.forget(self._labels, self)
        self._clock.leave(self)


def failed(topic: str, stage: str, schema_id: int | None, step: str) -> None:
    """A message failed in a step."""
    if stage in _READ_STAGES:
        with _unreadable_lock:
            _unreadable.value += 1
    _FAILED.labels(*_step_labels(step)).inc()
    _FAILURES.get(topic, stage, _label(schema_id)).inc()


def handled(policy: str, stages: Iterable[str]) -> None:
    """A policy has seen failures of these stages."""
    for stage, count in Count(stages).items():
        _HANDLED.labels(policy, stage).inc(count)


def filtered(step: str, messages: int) -> None:
    """A step has left out so many messages."""
    if messages:
        _FILTERED.labels(step).inc(messages)


def late(step: str, items: int) -> None:
    """So many items were too late for a window of this step."""
    _LATE.labels(*_step_labels(step)).inc(items)


def gap(topic: str) -> None:
    """A position was not on the broker, and reading goes on elsewhere."""
    _GAPS.labels(topic).inc()


def waiting(step: str, messages: int) -> None:
    """So many more (or fewer, if negative) wait for the registry."""
    _WAITING.labels(step).inc(messages)


def _label(schema_id: int | None) -> str:
    return "" if schema_id is None else str(schema_id)

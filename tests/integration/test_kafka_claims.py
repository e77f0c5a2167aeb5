"""Who may write the outputs of a source partition, on Apache Kafka: one worker, however claims cross."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaException, TopicPartition
from tests.kafka.clients import QUIET
from tests.kafka.fixtures import AnyBroker, NewTopic

import kgen_runtime as rt
from kgen_runtime.producer.claims import Claims, owner_of

pytestmark = [pytest.mark.kafka, pytest.mark.needs("transactions")]

SOON = 60.0


class Worker:
    """Claims partition 0 of a topic and commits how far it has come. `before` holds what happens once, before
    a call of one of its producers.
    """

    def __init__(self, broker: AnyBroker, topic: str, name: str, group: str = "kgen.claims") -> None:
        self.kafka = rt.Kafka(broker.bootstrap, config=QUIET)
        self.group, self.topic = f"{group}.{topic}", topic
        self.owner = owner_of(self.group, name)
        self.before: dict[tuple[str, str], Callable[[], object]] = {}
        self.producer = self.open(self.owner)
        self._claims: Claims | None = None

    def open(self, transactional_id: str) -> Any:
        producer = self.kafka.producer({"transactional.id": transactional_id, "error_cb": lambda _: None})
        return Hooked(producer, transactional_id.removeprefix(self.group), self.before)

    def claim(self) -> Future[int]:
        if self._claims is None:
            self._claims = Claims(self.kafka, self.group, self.owner, self.producer, self.open)
        return self._claims.want((self.topic, 0))

    def abandon(self) -> None:
        assert self._claims is not None
        self._claims.abandon()

    def send(self, offset: int, producer: Any = None) -> None:
        producer = producer or self.producer
        consumer = self.kafka.consumer({"group.id": self.group})
        producer.begin_transaction()
        place = TopicPartition(self.topic, 0, offset, self.owner)
        producer.send_offsets_to_transaction([place], consumer.consumer_group_metadata(), SOON)
        consumer.close()

    def commit(self, offset: int) -> None:
        self.send(offset)
        self.producer.commit_transaction(SOON)

    def committed(self) -> tuple[int, str]:
        consumer = Consumer({"bootstrap.servers": self.kafka.brokers[0], "group.id": self.group, **QUIET})
        (found,) = consumer.committed([TopicPartition(self.topic, 0)], timeout=SOON)
        consumer.close()
        return found.offset, found.metadata  # type: ignore[return-value]


class Hooked:
    """A producer before whose calls something happens."""

    def __init__(self, inner: Any, name: str, before: dict[tuple[str, str], Callable[[], object]]) -> None:
        self._inner, self._name, self._before = inner, name, before

    def __getattr__(self, name: str) -> Any:
        def called(*arguments: Any, **named: Any) -> Any:
            if happens := self._before.pop((self._name, name), None):
                happens()
            return getattr(self._inner, name)(*arguments, **named)

        return called


@pytest.fixture
def new_worker(kafka: AnyBroker, new_topic: NewTopic) -> Callable[[str], Worker]:
    topic = new_topic("in")
    return lambda name: Worker(kafka, topic, name)


def may_write(worker: Worker, offset: int) -> bool:
    try:
        worker.commit(offset)
    except KafkaException:
        return False
    return True


def test_the_worker_that_claims_last_writes_and_goes_on_where_the_other_was(
    new_worker: Callable[[str], Worker],
) -> None:
    old, new = new_worker("old"), new_worker("new")
    assert old.claim().result(SOON) == 0
    old.commit(7)
    assert new.claim().result(SOON) == 7
    assert new.committed() == (7, new.owner)
    assert not may_write(old, 9)
    assert may_write(new, 8)
    assert new.committed() == (8, new.owner)


def test_what_the_owner_commits_until_it_is_fenced_counts(new_worker: Callable[[str], Worker]) -> None:
    old, new = new_worker("old"), new_worker("new")
    old.claim().result(SOON)
    new.before["/worker/old", "init_transactions"] = lambda: old.commit(5)
    assert new.claim().result(SOON) == 5


def test_an_offset_that_the_owner_was_about_to_commit_is_dropped_at_once(
    new_worker: Callable[[str], Worker],
) -> None:
    """A worker that died between the two calls: its transaction times out after a minute."""
    old, new = new_worker("old"), new_worker("new")
    old.claim().result(SOON)
    old.send(5)
    assert new.claim().result(SOON / 2) == 0
    assert new.committed() == (0, new.owner)


def test_of_claims_that_cross_the_one_that_began_first_fails(new_worker: Callable[[str], Worker]) -> None:
    first, second = new_worker("first"), new_worker("second")
    place = f"/{first.topic}/0"
    first.before[place, "commit_transaction"] = lambda: second.claim().result(SOON)
    with pytest.raises(KafkaException):
        first.claim().result(SOON)
    assert second.committed() == (0, second.owner)
    assert may_write(second, 3)


def test_a_run_that_has_failed_claims_nothing_more(new_worker: Callable[[str], Worker]) -> None:
    """Or it would fence the one that has begun instead."""
    old, new = new_worker("old"), new_worker("new")
    new.claim().result(SOON)
    old.before[f"/{old.topic}/0", "init_transactions"] = old.abandon
    with pytest.raises(CancelledError):
        old.claim().result(SOON)
    assert may_write(new, 3)


def test_a_claim_waits_for_the_workers_own_id(new_worker: Callable[[str], Worker]) -> None:
    """Or another worker might fence that id first, in vain."""
    slow, quick = new_worker("slow"), new_worker("quick")
    held = threading.Event()
    slow.before["/worker/slow", "init_transactions"] = lambda: held.wait(SOON)
    claiming = slow.claim()
    assert quick.claim().result(SOON) == 0
    held.set()
    assert claiming.result(SOON) == 0
    assert not may_write(quick, 1)
    assert may_write(slow, 2)
    assert slow.committed() == (2, slow.owner)


def test_a_run_of_an_earlier_version_that_wrote_with_the_partitions_id_is_fenced(
    new_worker: Callable[[str], Worker],
) -> None:
    worker = new_worker("new")
    old = worker.open(f"{worker.group}/{worker.topic}/0")
    old.init_transactions(SOON)
    worker.send(5, old)
    assert worker.claim().result(SOON) == 0
    with pytest.raises(KafkaException):
        old.commit_transaction(SOON)


def test_an_owner_of_another_group_is_left_alone(new_worker: Callable[[str], Worker]) -> None:
    """The right to use the group is enough to write any text there."""
    worker, other = new_worker("new"), new_worker("other")
    other.owner = "payments"
    payments = other.open("payments")
    payments.init_transactions(SOON)
    other.claim().result(SOON)
    assert worker.claim().result(SOON) == 0
    other.send(5, payments)
    payments.commit_transaction(SOON)


def test_partitions_of_one_owner_are_claimed_together_and_it_is_fenced_once(
    kafka: AnyBroker, new_topic: NewTopic
) -> None:
    topic = new_topic("in", 20)
    old, new = Worker(kafka, topic, "old"), Worker(kafka, topic, "new")
    opened: list[str] = []
    for worker in (old, new):
        claims = Claims(worker.kafka, worker.group, worker.owner, worker.producer, noting(worker, opened))
        wanted = [claims.want((topic, number)) for number in range(20)]
        assert [each.result(SOON) for each in wanted] == [0] * 20
    assert opened.count(old.owner) == 1
    assert len(opened) == 41


def noting(worker: Worker, opened: list[str]) -> Callable[[str], Any]:
    def open_noted(transactional_id: str) -> Any:
        opened.append(transactional_id)
        return worker.open(transactional_id)

    return open_noted

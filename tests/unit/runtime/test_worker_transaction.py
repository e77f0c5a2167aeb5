"""The transactions of a worker, on librdkafka's own broker in memory: their states, and what broke one."""

from __future__ import annotations

from typing import Any

import pytest
from confluent_kafka import KafkaException, Producer

from kgen_runtime import testing
from kgen_runtime._librdkafka import open_transactions_error
from kgen_runtime.producer.claims import Claims
from kgen_runtime.producer.worker_transaction import WorkerTransaction
from kgen_runtime.states import StateError

SOON = 30.0


@pytest.fixture
def producer() -> Any:
    made = Producer(
        {
            "test.mock.num.brokers": 1,
            "bootstrap.servers": "in.memory",
            "transactional.id": "group/worker/1",
            "linger.ms": 30_000,
            "log_level": 0,
        }
    )
    made.init_transactions(SOON)
    return made


@pytest.fixture
def transaction(producer: Any) -> WorkerTransaction:
    claims = Claims(
        testing.Memory(), "group", "group/worker/1", testing.Memory().producer(ID), lambda _: producer
    )
    return WorkerTransaction("group/worker/1", producer, claims)


ID = {"transactional.id": "group/worker/1"}


def break_open(producer: Any) -> None:
    """Let the open transaction fail: of a message that is purged the delivery has failed."""
    producer.produce("out", b"v")
    producer.purge()
    assert producer.flush(SOON) == 0
    with pytest.raises(KafkaException):
        producer.commit_transaction(SOON)


def test_reading_what_broke_a_transaction_begins_none(transaction: WorkerTransaction) -> None:
    assert transaction.failure() is None
    transaction.begin()  # librdkafka refuses it while one is open


def test_reading_what_broke_a_transaction_leaves_a_sound_one_open(transaction: WorkerTransaction) -> None:
    transaction.begin()
    transaction.producer.produce("out", b"v", partition=0)
    assert transaction.failure() is None
    transaction.producer.commit_transaction(SOON)


def test_what_broke_a_transaction_is_read_as_often_as_it_is_asked_for(transaction: WorkerTransaction) -> None:
    transaction.begin()
    break_open(transaction.producer)
    for _ in range(2):
        error = transaction.failure()
        assert error is not None
        assert error.str().startswith("1 message(s) failed delivery")


def test_librdkafka_reports_what_broke_an_open_transaction_to_begin_transaction(producer: Any) -> None:
    producer.begin_transaction()
    assert open_transactions_error(producer) is None
    break_open(producer)
    error = open_transactions_error(producer)
    assert error is not None
    assert error.txn_requires_abort()
    producer.abort_transaction(SOON)
    producer.begin_transaction()  # none was begun by asking


def test_a_transaction_that_was_discarded_is_aborted_and_no_other_begins(
    transaction: WorkerTransaction,
) -> None:
    transaction.begin()
    transaction.discard()
    transaction.discard()
    assert not transaction.busy
    assert transaction.failure() is None
    with pytest.raises(StateError, match="OPEN does not follow ENDED"):
        transaction.begin()
    transaction.producer.begin_transaction()  # nothing of it is open


def test_a_transaction_that_was_not_begun_is_not_committed(transaction: WorkerTransaction) -> None:
    with pytest.raises(StateError, match="COMMITTING does not follow READY"):
        transaction.commit([], SOON)

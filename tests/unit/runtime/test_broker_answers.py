"""What the broker's answers mean to a source."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

import kgen_runtime as rt
from kgen_runtime.consumer import broker_answers
from kgen_runtime.consumer.broker_answers import asked


def failing(code: int, times: int) -> tuple[Callable[[float], str], list[float]]:
    """What gives an answer after so many errors, and how often it was asked."""
    calls: list[float] = []

    def ask(seconds: float) -> str:
        calls.append(seconds)
        if len(calls) <= times:
            raise KafkaException(KafkaError(code))
        return "answer"

    return ask, calls


@pytest.mark.parametrize(
    "code",
    [
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.OFFSET_NOT_AVAILABLE,
        KafkaError._TRANSPORT,
    ],
)
def test_a_leader_that_changes_is_waited_for(code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker_answers, "_PAUSE", 0.0)
    ask, calls = failing(code, 2)
    assert asked(ask, "orders", 3) == "answer"
    assert len(calls) == 3


def test_what_does_not_pass_is_not_asked_again() -> None:
    ask, calls = failing(KafkaError.TOPIC_AUTHORIZATION_FAILED, 1)
    with pytest.raises(rt.SourceError, match="refuses"):
        asked(ask, "orders", 3)
    assert len(calls) == 1


def test_a_leader_is_not_waited_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker_answers, "TIMEOUT", 0.0)
    ask: Any = failing(KafkaError.NOT_LEADER_FOR_PARTITION, 9)[0]
    with pytest.raises(rt.SourceError, match="Not leader"):
        asked(ask, "orders", 3)

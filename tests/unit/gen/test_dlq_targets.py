"""Topics that letters of others name."""

from __future__ import annotations

from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from kgen.actions.dlq_replay import ReplayOrder, replay
from kgen.dlq.letter_filter import LetterFilter
from kgen.dlq.replay_targets import ReplayTargets
from kgen.errors import ConfigError
from kgen_runtime.consumer.broker_answers import topic_unreadable_error


class Refusing:
    """A broker that does not take the name of a topic."""

    def find_topic(self, topic: str) -> Any:
        raise KafkaException(KafkaError(KafkaError.TOPIC_EXCEPTION))


def test_a_letter_that_names_no_possible_topic_can_be_left_out() -> None:
    kafka: Any = Refusing()
    with pytest.raises(ConfigError, match="does not show") as caught:
        ReplayTargets(kafka).get("../x", "the letter at 0:1")
    assert "--to TOPIC" in str(caught.value.hint)
    assert "--fingerprint '!HEX'" in str(caught.value.hint)


def test_a_name_that_no_topic_can_have_is_said_to_be_one() -> None:
    error = topic_unreadable_error("a b", KafkaError(KafkaError.TOPIC_EXCEPTION))
    assert error.hint == "Names of topics are 1 to 249 letters, digits, '.', '_' and '-'."


@pytest.mark.parametrize(
    ("to", "quarantine", "option"), [("a.dlq", "q", "--to TOPIC"), ("b", "a.dlq", "--quarantine TOPIC")]
)
def test_letters_do_not_go_to_the_topic_they_are_read_from(to: str, quarantine: str, option: str) -> None:
    order = ReplayOrder(wanted=LetterFilter(), to=to, quarantine=quarantine)
    kafka: Any = None
    with pytest.raises(ConfigError, match="they are read from") as caught:
        replay(kafka, "a.dlq", order, lambda _: None)
    assert option in str(caught.value.hint)

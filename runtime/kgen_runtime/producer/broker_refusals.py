"""What the errors of a producer mean: whose fault, and what a user can do about them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from confluent_kafka import KafkaError

TOO_LARGE: Final = frozenset(
    {
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError.RECORD_LIST_TOO_LARGE,
        KafkaError.INVALID_MSG_SIZE,
    }
)
_PERMANENT: Final = TOO_LARGE | {
    KafkaError.INVALID_TIMESTAMP,
    KafkaError.INVALID_RECORD,
    KafkaError.POLICY_VIOLATION,
}
OF_A_BATCH: Final = _PERMANENT | {KafkaError._INVALID_DIFFERENT_RECORD}
"""The broker's verdict on a batch, though only one message of it may be at fault."""
_NO_SUCH_PLACE: Final = frozenset(
    {
        KafkaError._UNKNOWN_PARTITION,
        KafkaError._UNKNOWN_TOPIC,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError.TOPIC_EXCEPTION,
    }
)
_FENCED: Final = frozenset(
    {
        KafkaError._FENCED,
        KafkaError.INVALID_PRODUCER_EPOCH,
        KafkaError.PRODUCER_FENCED,
        KafkaError.INVALID_TXN_STATE,  # the broker has none open
    }
)
DENIED: Final = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    }
)
PURGED: Final = frozenset({KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT})
"""It went with what was given up, which failed for another reason."""

_NOT_COMMITTED: Final = (
    "Nothing of this epoch was committed; it comes again when the flow is started with recovery."
)
_HINTS: Final[Sequence[tuple[frozenset[int], str]]] = (
    (_NO_SUCH_PLACE, "Create the topic first, or fix its name."),
    (
        _FENCED,
        "Another run of this flow has taken over, or the transaction took longer than its timeout.",
    ),
    (
        frozenset({KafkaError.INVALID_PRODUCER_ID_MAPPING}),
        "The broker has forgotten the transactional id (transactional.id.expiration.ms): start the flow "
        "again.",
    ),
    (DENIED, "docs/reference/running.md lists the rights that a flow needs."),
    (
        frozenset({KafkaError.INVALID_RECORD}),
        "Is the topic compacted (cleanup.policy)? It then takes no message without a key. Allow the flow to "
        "describe the topic's configs: such messages go to the errs.",
    ),
    (
        TOO_LARGE,
        "The topic's max.message.bytes is lower than what was sent, and was not known: allow the flow to "
        "describe the topic's configs, or set batch.size at least 512 below it: "
        'rt.Kafka(config={"batch.size": N}) or KGEN_KAFKA_BATCH_SIZE.',
    ),
)


def is_permanent(error: KafkaError, chosen: bool) -> bool:
    """The message itself is at fault: the same one would fail again, another one would not. `chosen`: it
    says itself where it goes.
    """
    return error.code() in _PERMANENT or (chosen and error.code() in _NO_SUCH_PLACE)


def hint(error: KafkaError | None, otherwise: str = _NOT_COMMITTED) -> str:
    """What a user can do about a lost message; `otherwise`, if the error does not say."""
    code = None if error is None else error.code()
    return next((text for codes, text in _HINTS if code in codes), otherwise)

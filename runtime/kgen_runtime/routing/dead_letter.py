"""The policy that writes what failed to a dead-letter topic."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Final, Literal, TypeAlias

from bytewax.dataflow import Stream

from ..errors import DeliveryError, FlowError
from ..flow.argument_checks import check_failure, checked
from ..flow.failures import shown_class
from ..flow.topic import Topic
from ..kafka.connection import Kafka, NewTopic, new_topic
from ..messages import Failure
from ..producer.delivery import deliver
from ..producer.outgoing import Outgoing
from ..producer.producer_options import largest_message
from ..producer.sender import Delivery, DeliverySpec, Place, place_of
from ..producer.validation import check_headers
from ..reporting.shown_argument import shown
from .dead_letter_headers import PREFIXES, PROFILES, Profile
from .letter_age import LetterAge
from .letter_size import LetterSize
from .parked_keys import ParkedKeys
from .policy import Policy, consume, count
from .redaction import Redact
from .step_keeper import StepWishes

HeaderProfile: TypeAlias = Literal["kgen", "connect", "streams", "spring"]
_DLQ_MAX_BYTES: Final = 100_000_000


class DeadLetter(Policy):
    """Write the original message to a dead-letter topic: key, value, headers and timestamp byte for byte,
    and headers that say why.

    `headers` is the form of those: kgen's own (`__kgen.error.*`), or what tools for Kafka Connect, Kafka
    Streams or Spring read. A letter that is larger than its topic takes goes without traceback, then without
    message. `create`: a topic that is absent is created when the flow starts, with as many partitions as the
    topic that the flow reads (of several, the most) and room for the headers; a number or `rt.NewTopic` says
    otherwise, and with False it is not created. `redact`: what the headers do not show of the error's texts,
    see `rt.Redact`. docs/reference/dead-letters.md says more.

    Ordering: letters of one key are in one partition, chosen by the key as Java's clients do, in the order in
    which a worker's step gave them. Delivery: as of `rt.sink`; if `delivery` is None, exactly once in a flow
    with a sink that is, else at least once. An epoch is not committed before its dead letters are on the
    broker, and one that cannot be written stops the flow. Failures that may pass (registry or broker
    unavailable) are not the message's fault: steps wait until they have, and one that comes here all the same
    stops the flow.

    `park_key`: later messages of a key of which one is a dead letter follow it, unprocessed, so that a replay
    brings them back in order. Each has the fingerprint of the failure that parked the key, and a header
    `parked-by` (in kgen's form). Steps that run code of the user's and feed the route park at once; where the
    first failure was another step's (decoding, the sink), what was on its way passes. A message without a key
    parks nothing. Each process remembers its keys, 100,000 at most, in memory: a key is free again with the
    next run of the flow, and when a replayed message of it comes (`kgen dlq replay`), which is tried. So
    outputs depend on more than single inputs: with exactly once, a message that was parked before a crash may
    be an output after it.
    """

    name = "dead_letter"

    @checked
    def __init__(
        self,
        topic: str | Topic[Any, Any],
        kafka: Kafka,
        *,
        headers: HeaderProfile = "kgen",
        delivery: Delivery | None = None,
        create: bool | int | NewTopic | None = True,
        redact: Redact | None = None,
        park_key: bool = False,
    ) -> None:
        if headers not in PROFILES:
            raise FlowError(f"invalid headers={headers!r}", hint=f"Use one of {', '.join(PROFILES)}.")
        if redact is not None and not isinstance(redact, Redact):
            raise FlowError(
                f"rt.DeadLetter: redact is {shown(redact)}", hint='Pass redact=rt.Redact(tags=["PII"]).'
            )
        if not topic:
            raise FlowError("rt.DeadLetter: the topic's name is empty", hint="Name a topic for dead letters.")
        self.topic = topic if isinstance(topic, str) else topic.name
        self.kafka = kafka
        self.headers = headers
        self.delivery = delivery
        self.redact = redact
        self._parking = ParkedKeys() if park_key else None
        self.create_as_source = create is True
        self.create = None if isinstance(create, bool) else new_topic(create)

    def build(self, step_id: str, up: Stream[Failure]) -> None:
        """Add the steps."""
        profile, prefix = PROFILES[self.headers], PREFIXES[self.headers]
        flow = up.flow()
        route = up.stream_id.rsplit(".", 2)[0]  # without the output of the step that merges the streams

        def encode() -> Callable[[Failure], Outgoing]:
            settings = cache(lambda: self.kafka.topic_settings(self.topic))
            size = LetterSize(self.kafka, self.topic, settings)
            age = LetterAge(self.topic, settings)
            redacted = (lambda failure: failure) if self.redact is None else self.redact.of(flow)

            def make(failure: Failure) -> Outgoing:
                return _dead_letter(failure, self.topic, profile, prefix)

            def written(failure: Failure) -> Outgoing:
                failure = redacted(failure)
                age.look_at(failure)
                return size.fitted(failure, make)

            return written

        def refused(failure: Failure, error: Exception) -> None:
            check_failure(failure, f"{route}.{step_id}")

        # As large as the broker takes, if the user's limit is lower: what was over that goes there, and
        # what was read must also fit with headers added.
        most = max(_DLQ_MAX_BYTES, largest_message(self.kafka, {}))
        kafka = self.kafka.with_config({"message.max.bytes": most})
        spec = DeliverySpec(
            kafka,
            encode,
            refused,
            delivery=self.delivery,
            topic=self.topic,
            place=_place,
            handed_over=self._sent,
            create=self.create,
            create_as_source=self.create_as_source,
            dead_letters=True,
        )
        unsent = deliver(step_id, up, spec)
        consume(
            f"{step_id}_end", unsent, lambda _: None
        )  # nothing comes; Bytewax wants a flow to have an output

    def wishes(self) -> StepWishes:
        """With `park_key`, that later messages of a parked key fail."""
        return StepWishes(parking=self._parking)

    def _sent(self, failures: Sequence[Failure]) -> None:
        count(self, failures, self.topic)
        if self._parking is not None:
            self._parking.follow(failures)


def _dead_letter(failure: Failure, topic: str, profile: Profile, prefix: str) -> Outgoing:
    if failure.transient:
        raise DeliveryError(
            f"{shown_class(failure.error_class)}: {failure.message}",
            where=f"step {failure.step}",
            hint="This may pass and is not a reason for a dead letter: start the flow again.",
        )
    raw = failure.original
    # Without those of an earlier round of the same letter, which are out of date.
    kept = (header for header in raw.headers if not header[0].startswith(prefix))
    headers: list[tuple[str, str | bytes | None]] = [*kept, *profile(failure, raw)]
    check_headers(headers)
    return Outgoing(topic, raw.value, raw.key, -1, raw.timestamp or 0, headers, False)


def _place(failure: Failure) -> Place | None:
    return place_of(failure.original)

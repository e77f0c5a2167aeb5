"""What becomes of messages that failed."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from typing import Any, Callable, Final, Literal, TypeAlias, TypeVar  # noqa: UP035 - on Python 3.10 Bytewax takes the other for a class

import bytewax.operators as op
from bytewax.dataflow import Stream, operator
from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from ..errors import DeliveryError, FlowError, ProcessingError
from ..flow.argument_checks import check_failure, checked, explaining
from ..flow.failures import shown_class
from ..flow.topic import Topic
from ..kafka.connection import Kafka, NewTopic, new_topic
from ..messages import Failure, Headers, RawMessage
from ..metrics import handled
from ..producer.delivery import deliver
from ..producer.outgoing import Outgoing
from ..producer.producer_options import largest_message
from ..producer.sender import Delivery, DeliverySpec, Place, place_of
from ..producer.validation import check_headers
from ..recovery.folder import hold_for_bytewaxs_runner
from ..reporting.call_site import failed_line, step_line
from ..reporting.progress import PROGRESS
from .dead_letter_headers import PROFILES, Profile

log = logging.getLogger("kgen_runtime.errs")

X = TypeVar("X")

HeaderProfile: TypeAlias = Literal["kgen", "connect", "streams", "spring"]
_DLQ_MAX_BYTES: Final = 100_000_000


class Policy(ABC):
    """What `route` does with failures."""

    name: str
    """The id of its step inside `route`: in recovery stores, never to change."""

    @abstractmethod
    def build(self, step_id: str, up: Stream[Failure]) -> None:
        """Add the steps to the flow. Called inside the scope of the `route` step."""


class Crash(Policy):
    """Stop the flow at the first failure, with nothing of its epoch committed."""

    name = "crash"

    def build(self, step_id: str, up: Stream[Failure]) -> None:
        """Add the steps."""
        consume(step_id, up, self._crash)

    def _crash(self, failures: list[Failure]) -> None:
        _count(self, failures)
        _crash(failures)


class Log(Policy):
    """Write a line to the log for each failure, `level` high, and go on without the message."""

    name = "log"

    def __init__(self, level: int = logging.ERROR) -> None:
        self._level = level

    def build(self, step_id: str, up: Stream[Failure]) -> None:
        """Add the steps."""
        consume(step_id, up, self._log)

    def _log(self, failures: list[Failure]) -> None:
        _count(self, failures)
        for failure in failures:
            log.log(self._level, "%s", described(failure))


class Drop(Policy):
    """Go on without the message. What was dropped is counted by stage and error, and logged,
    less and less often.
    """

    name = "drop"

    def __init__(self) -> None:
        self.dropped: Counter[tuple[str, str]] = Counter()
        self._said = 0

    def build(self, step_id: str, up: Stream[Failure]) -> None:
        """Add the steps."""
        consume(step_id, up, self._drop)

    def _drop(self, failures: list[Failure]) -> None:
        _count(self, failures)
        self.dropped.update((failure.stage.value, failure.error_class) for failure in failures)
        total = sum(self.dropped.values())
        if failures and total >= 2 * self._said and not PROGRESS.wanted:  # else the runner's report says it
            self._said = total
            kinds = ", ".join(
                f"{count} {stage} {shown_class(name)}" for (stage, name), count in self.dropped.most_common(5)
            )
            log.warning("%s message(s) dropped so far: %s", total, kinds)


class DeadLetter(Policy):
    """Write the original message to a dead-letter topic: key, value, headers and timestamp byte for byte,
    and headers that say why.

    `headers` is the form of those: kgen's own (`__kgen.error.*`), or what tools for Kafka Connect, Kafka
    Streams or Spring read. `create`: as of `rt.sink`. So is `delivery`; if it is None, exactly once in a
    flow with a sink that is, else at least once. An epoch is not committed before its dead letters are on the
    broker, and one that cannot be written stops the flow. Failures that may pass (registry or broker away)
    are not the message's fault: they stop the flow too.
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
        create: int | NewTopic | None = None,
    ) -> None:
        if headers not in PROFILES:
            raise FlowError(f"invalid headers={headers!r}", hint=f"Use one of {', '.join(PROFILES)}.")
        if not topic:
            raise FlowError("rt.DeadLetter: the topic's name is empty", hint="Name a topic for dead letters.")
        self.topic = topic if isinstance(topic, str) else topic.name
        self.kafka = kafka
        self.headers = headers
        self.delivery = delivery
        self.create = new_topic(create)

    def build(self, step_id: str, up: Stream[Failure]) -> None:
        """Add the steps."""
        profile = PROFILES[self.headers]
        route = up.stream_id.rsplit(".", 2)[0]  # without the output of the step that merges the streams

        def encode() -> Callable[[Failure], Outgoing]:
            return lambda failure: _dead_letter(failure, self.topic, profile)

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
            dead_letters=True,
        )
        unsent = deliver(step_id, up, spec)
        consume(
            f"{step_id}_end", unsent, lambda _: None
        )  # nothing comes; Bytewax wants a flow to have an output

    def _sent(self, failures: Sequence[Failure]) -> None:
        _count(self, failures, self.topic)


def described(failure: Failure) -> str:
    """One line on a failure, and its traceback where there is one."""
    raw = failure.original
    at = f"{raw.topic or 'made in the flow'}" + (
        f"/{raw.partition} offset {raw.offset}" if raw.offset is not None else ""
    )
    text = f"{failure.step} {failure.stage.value} {at}: {shown_class(failure.error_class)}: {failure.message}"
    return f"{text}\n{failure.traceback}" if failure.traceback else text


def _count(policy: Policy, failures: Sequence[Failure], target: str = "") -> None:
    handled(policy.name, (failure.stage.value for failure in failures))
    PROGRESS.handled(policy.name, failures, target)


def _crash(failures: list[Failure]) -> None:
    for failure in failures:
        raw = failure.original
        line = failed_line(failure.traceback) or step_line(failure.step)
        place = f"step {failure.step}, topic {raw.topic}, partition {raw.partition}, offset {raw.offset}"
        error = ProcessingError(
            f"{shown_class(failure.error_class)}: {failure.message}",
            where=f"{line}, {place}" if line else place,
            hint="rt.DeadLetter(...) as the policy would put such messages aside.",
        )
        error.traceback = failure.traceback
        raise error


def _dead_letter(failure: Failure, topic: str, profile: Profile) -> Outgoing:
    if failure.transient:
        raise DeliveryError(
            f"{shown_class(failure.error_class)}: {failure.message}",
            where=f"step {failure.step}",
            hint="This may pass and is not a reason for a dead letter: start the flow again.",
        )
    raw = failure.original
    headers = _headers(raw, profile(failure, raw))
    check_headers(headers)
    return Outgoing(topic, raw.value, raw.key, -1, raw.timestamp or 0, headers, False)


def _place(failure: Failure) -> Place | None:
    return place_of(failure.original)


def _headers(raw: RawMessage, added: Headers) -> list[tuple[str, str | bytes | None]]:
    names = {name for name, _ in added}  # those of an earlier round of the same letter
    return [*(header for header in raw.headers if header[0] not in names), *added]


class _Nothing(StatefulSinkPartition[Any, None]):
    def write_batch(self, values: list[Any]) -> None:
        """There is nothing to write."""

    def snapshot(self) -> None:
        """There is no state."""


class _End(FixedPartitionedSink[Any, None]):
    """Gets nothing. Being stateful, it makes Bytewax's recovery wait for the steps before it: a plain
    branch may lag behind the commit of its epoch, and what it had yet to do would be lost in a crash.
    """

    def list_parts(self) -> list[str]:
        hold_for_bytewaxs_runner()  # a flow may have no source of kgen's
        return ["end"]

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> _Nothing:
        return _Nothing()


@operator
def consume(step_id: str, up: Stream[X], act: Callable[[list[X]], None]) -> None:
    """Act on every batch, before its epoch is committed."""

    def acted(items: list[X]) -> list[Any]:
        act(items)
        return []

    explained = explaining(step_id, acted, check_failure)
    nothing: Stream[tuple[str, Any]] = op.flat_map_batch("act", up, explained)
    op.output("end", nothing, _End())

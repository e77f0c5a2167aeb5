"""What a `Writer` knows of its deliveries."""

from __future__ import annotations

import logging
from typing import NamedTuple, NoReturn

from confluent_kafka import KafkaError

from ..errors import DeliveryError, KgenError, OversizeError
from ..kafka.connection import Kafka
from ..messages import RawMessage
from ..producer.at_least_once import AtLeastOnce
from ..producer.broker_refusals import PURGED, hint
from ..producer.outgoing import Outgoing
from ..producer.sender import DeliverySpec

_SHOWN = 3
"""How many messages the text of an error names."""
_KEY = 60
"""Characters of a key, at most."""
_TRY_AGAIN = (
    "Are the brokers up? Send them again: those that are not named were delivered, each at least once."
)

log = logging.getLogger("kgen_runtime.standalone")


class Undelivered(NamedTuple):
    """A message that did not arrive, and why."""

    out: Outgoing
    why: str
    hint: str | None


class WriterDeliveries(AtLeastOnce[Outgoing]):
    """Sends messages that are encoded, and keeps those that did not arrive until they are reported."""

    def __init__(self, kafka: Kafka, topic: str) -> None:
        spec = DeliverySpec[Outgoing](
            kafka, encode=lambda: lambda out: out, refused=lambda _, __: None, topic=topic
        )
        super().__init__(f"rt.Writer of topic {topic}", spec, lambda: None)
        self.undelivered: list[Undelivered] = []
        self._refused_now: Exception | None = None
        self._said: set[int] = set()

    def send_one(self, out: Outgoing) -> None:
        """Queue a message; waits where the queue is full. Raises `OversizeError` or `RefusedError` if it is
        one that the topic does not take, and `DeliveryError`.
        """
        self.send([out])
        self.poll_if_due()
        if self._refused_now is not None:
            error, self._refused_now = self._refused_now, None
            raise error

    def finish(self) -> None:
        """Wait until every message was acknowledged. Raises `DeliveryError` that names those that failed."""
        self.settle()
        self._said.clear()
        self.raise_undelivered()

    def raise_undelivered(self) -> None:
        """Raises `DeliveryError` if messages did not arrive, once for each of them."""
        if self.undelivered:
            raise self._error(f"{len(self.undelivered):,} message(s) were not delivered")

    def release(self) -> None:
        """Let go of the clients, which refer to this: they would stay until garbage collection."""
        del self._producer
        self._single = None

    @property
    def under_way(self) -> int:
        """How many messages were sent and are not acknowledged."""
        return len(self._producer) + self._singles + len(self._again)

    def _error(self, what: str, error: KafkaError | None = None, advice: str | None = None) -> DeliveryError:
        failed, self.undelivered = self.undelivered, []
        reported = [each for each in failed if each.why]
        lines = [f"{_name(each.out)}: {each.why}" for each in (reported or failed)[:_SHOWN] if each.why]
        more = f"; and {len(failed) - len(lines):,} more" if lines and len(failed) > len(lines) else ""
        made = DeliveryError(
            f"{what}: {'; '.join(lines)}{more}" if lines else what,
            where=self.step_id,
            hint=advice
            or next((each.hint for each in reported if each.hint), None)
            or (None if error is None else hint(error, _TRY_AGAIN))
            or _TRY_AGAIN,
        )
        made.undelivered = tuple(_raw(each.out) for each in failed)
        return made

    def _abort(self, what: str, error: KafkaError | None = None, advice: str | None = None) -> NoReturn:
        self._discard_in_flight()
        self._poll(self._producer)  # what was discarded is reported now
        if self._single is not None:
            self._poll(self._single)
        self._lost.clear()
        raise self._error(what, error, advice)

    def _on_error(self, error: KafkaError) -> None:
        if error.fatal():
            super()._on_error(error)
        elif error.code() not in self._said:  # librdkafka tries again for ever, and says so each time
            self._said.add(error.code())
            log.warning("%s: %s", self.step_id, error.str())

    def _route_failure(self, item: Outgoing, error: KafkaError, *, by_broker: bool = True) -> None:
        reason = self._limits.refused if by_broker else self._limits.refused_here
        found = reason(item, error)
        own = isinstance(found, KgenError)
        why = "" if error.code() in PURGED else found.what if isinstance(found, KgenError) else error.str()
        advice = found.hint if isinstance(found, KgenError) else hint(error, _TRY_AGAIN)
        if error.code() == KafkaError._UNKNOWN_PARTITION and item.partition >= 0:
            advice = "Does the topic have that partition? Without partition= the key chooses one."
        if by_broker or not own:  # librdkafka may know it at once, or learn it from the broker
            self.undelivered.append(Undelivered(item, why, advice))
        else:
            self._reject(item, found)

    def _reject(self, item: Outgoing, error: Exception) -> None:
        if isinstance(error, OversizeError):
            self.traffic.refused.value += 1
        if isinstance(error, KgenError) and error.where is None:
            error.where = f"topic {item.topic}"
        self._refused_now = error


def _name(out: Outgoing) -> str:
    key = "no key" if out.key is None else f"key {out.key[:_KEY]!r}"
    at = "" if out.partition < 0 else f", partition {out.partition}"
    return f"the message with {key}{at}, {len(out.value or b''):,} bytes"


def _raw(out: Outgoing) -> RawMessage:
    headers = tuple(
        (name, value.encode() if isinstance(value, str) else value) for name, value in out.headers or ()
    )
    return RawMessage(
        key=out.key,
        value=out.value,
        topic=out.topic,
        partition=None if out.partition < 0 else out.partition,
        timestamp=out.timestamp or None,
        headers=headers,
    )

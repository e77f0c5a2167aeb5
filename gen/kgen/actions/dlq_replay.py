"""`kgen dlq replay`: puts dead letters back, each once, also through kills."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from kgen_runtime.errors import KgenError, OversizeError, RefusedError
from kgen_runtime.kafka.connection import Kafka
from kgen_runtime.producer.outgoing import Outgoing
from kgen_runtime.reporting.printable import bounded

from ..dlq.letter_brief import BriefReader, LetterBrief
from ..dlq.letter_filter import LetterFilter
from ..dlq.letters import LetterReader, timestamp_of
from ..dlq.replay_positions import ReplayPositions, already_sent
from ..dlq.replay_targets import ImpossibleTargetError, ReplayTarget, ReplayTargets
from ..dlq.replay_transaction import CommittedPositions, ReplayTransaction, committed_positions, replay_id
from ..dlq.replayed_record import replayed_headers
from ..errors import ConfigError
from ..progress_callback import ProgressCallback, silent

_EVERY: Final = 5.0
"""Seconds, at most, of a transaction."""
_MOST: Final = 200_000
_MOST_BYTES: Final = 64 << 20
"""Letters and bytes of a transaction."""

_LONGEST: Final = 3600.0
"""Seconds between two letters."""

NO_TOPIC: Final = "no original topic"
OWN_TOPIC: Final = "the original topic is this one"
_OTHERWISE: Final = "Send it to another topic (--to TOPIC), or leave its fingerprint out: "
_TEXT: Final = 100
"""Characters of a topic's name."""
_MOST_REASONS: Final = 50

UNREADABLE: Final = "headers with names that are not UTF-8"


@dataclass(frozen=True, kw_only=True)
class ReplayOrder:
    """What is to be put back, and how: `to` None is each letter's original topic; `limit` and `rate` (letters
    a second) None are without one. A letter that was put back `rounds` times goes to `quarantine`, as does
    one that its original topic cannot take.
    """

    wanted: LetterFilter
    to: str | None = None
    name: str = ""
    limit: int | None = None
    rate: float | None = None
    rounds: int = 3
    quarantine: str
    dry_run: bool = False


@dataclass
class ReplayTotals:
    """What has become of the letters so far: `read` from where the last replay ended, of which `matched` fit;
    `sent` by topic, `quarantined` (`impossible` of these by reason: their topics do not take them), `skipped`
    by reason; `earlier` were sent by replays with other filters.
    `complete`: no letter is left that fits. Of a replay that sends, they are those of committed transactions.
    """

    read: int = 0
    matched: int = 0
    earlier: int = 0
    quarantined: int = 0
    sent: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    impossible: Counter[str] = field(default_factory=Counter)
    complete: bool = False

    def copy(self) -> ReplayTotals:
        """As they are now."""
        return ReplayTotals(
            self.read,
            self.matched,
            self.earlier,
            self.quarantined,
            Counter(self.sent),
            Counter(self.skipped),
            Counter(self.impossible),
        )


def replay(
    kafka: Kafka,
    topic: str,
    order: ReplayOrder,
    committed: Callable[[ReplayTotals], None],
    say: Callable[[str], None] = lambda _: None,
    progress: ProgressCallback = silent,
) -> ReplayTotals:
    """Put back the letters of a topic that were not yet; `committed` gets the totals after each commit.

    Raises `SourceError`, `ConfigError` and `DeliveryError`: what was not committed is then not sent.
    """
    if topic in (order.to, order.quarantine):
        raise ConfigError(
            "the letters would go to the topic they are read from",
            where=f"topic {topic}",
            hint=f"Name another one: {'--to' if topic == order.to else '--quarantine'} TOPIC.",
        )
    # The topic is looked at first: if it is absent, no other replay is to be fenced.
    with LetterReader(kafka, topic, progress) as reader:
        if order.dry_run:
            group = replay_id(topic, order.to, order.name)
            known = committed_positions(kafka, group, topic, reader.partitions, order.wanted)
            return _Replay(kafka, topic, order, known, None, committed, say).go(reader)
        with ReplayTransaction(kafka, topic, order.to, order.name) as sender:
            known = sender.take_over(reader.partitions, order.wanted)
            return _Replay(kafka, topic, order, known, sender, committed, say).go(reader)


def totals_json(topic: str, order: ReplayOrder, totals: ReplayTotals) -> dict[str, Any]:
    """The totals as `kgen dlq replay --json` prints them."""
    return {
        "version": 1,
        "topic": topic,
        "to": order.to,
        "name": order.name,
        "dry_run": order.dry_run,
        "read": totals.read,
        "matched": totals.matched,
        "sent": dict(sorted(totals.sent.items())),
        "quarantined": totals.quarantined,
        "quarantine": order.quarantine,
        "earlier": totals.earlier,
        "impossible": dict(sorted(totals.impossible.items())),
        "skipped": dict(sorted(totals.skipped.items())),
        "complete": totals.complete,
    }


class _Replay:
    def __init__(
        self,
        kafka: Kafka,
        topic: str,
        order: ReplayOrder,
        known: CommittedPositions,
        sender: ReplayTransaction | None,
        committed: Callable[[ReplayTotals], None],
        say: Callable[[str], None],
    ) -> None:
        self._topic = topic
        self._order = order
        counted = LetterFilter() if known.by_filter else order.wanted
        self._positions = ReplayPositions(topic, kafka.topic_id(topic), counted, known.positions)
        self._sender = sender
        self._committed = committed
        self._say = say
        self._targets = ReplayTargets(kafka)
        self._briefs = BriefReader()
        self._totals = ReplayTotals()
        self._others: dict[int, list[tuple[int, LetterFilter]]] = {}
        self._reached: dict[int, int] = {}
        self._partitions = 1
        self._now = 0
        self._warned: set[str] = set()
        self._began = self._started = time.monotonic()
        self._in_transaction = self._bytes = self._handled = 0

    def go(self, reader: LetterReader) -> ReplayTotals:
        """Read to the end, or as far as the limit lets it."""
        reader.begin_at(self._positions.starts())
        self._partitions = len(reader.ranges)
        self._others = {each.partition: self._positions.others(each.partition) for each in reader.ranges}
        self._positions.markers({each.partition: each.end for each in reader.ranges})  # may be too large
        complete = True
        for batch in reader.batches():
            complete = self._batch(batch)
            if not complete:
                break
            if self._sender is not None:
                self._sender.poll()
                if self._due():
                    self._commit()
        if self._sender is not None and self._reached:
            self._commit()
        self._totals.complete = complete
        return self._totals

    def _batch(self, messages: Sequence[Any]) -> bool:
        """Whether the limit has let all of them pass."""
        order, totals, limit = self._order, self._totals, self._order.limit
        self._now = time.time_ns() // 1_000_000
        every = order.wanted.empty and not any(self._others.values())
        for message in messages:
            if limit is not None and self._handled >= limit:
                return False
            partition, offset = message.partition(), message.offset()
            try:
                headers = tuple(message.headers() or ())
            except UnicodeDecodeError:
                headers = None
            key, timestamp = message.key(), timestamp_of(message)
            letter = self._briefs.read(headers or (), timestamp)
            totals.read += 1
            if every or self._is_wanted(letter, key, partition, offset):
                totals.matched += 1
                if headers is None:
                    totals.skipped[UNREADABLE] += 1
                else:
                    self._put_back(letter, message, key, headers)
            self._reached[partition] = offset + 1
            if order.rate is not None and self._sender is not None:
                self._pace()
        return True

    def _is_wanted(self, letter: LetterBrief, key: bytes | None, partition: int, offset: int) -> bool:
        def fits(wanted: LetterFilter) -> bool:
            return wanted.fits_kind(
                letter.fingerprint, letter.stage, letter.error_class
            ) and wanted.fits_message(key, letter.time)

        if not fits(self._order.wanted):
            return False
        if already_sent(self._others.get(partition, []), offset, fits):
            self._totals.earlier += 1
            return False
        return True

    def _put_back(
        self,
        letter: LetterBrief,
        message: Any,
        key: bytes | None,
        headers: tuple[tuple[str, bytes | None], ...],
    ) -> None:
        order, totals = self._order, self._totals
        again = letter.replays < order.rounds
        topic = (order.to or letter.topic) if again else order.quarantine
        if topic is None or topic == self._topic:
            totals.skipped[NO_TOPIC if topic is None else OWN_TOPIC] += 1
            return
        place = f"the letter at {message.partition()}:{message.offset()}"
        self._handled += 1
        if not again:
            self._put_aside(letter, message, key, headers, place)
            return
        try:
            target = self._targets.get(topic, place)
            sent = replayed_headers(headers, letter.fingerprint, letter.replays, self._now)
            number = letter.partition if topic == letter.topic else None
            out = self._outgoing(target, message, key, sent, number, letter.timestamp)
            target.check(out)
        except (ImpossibleTargetError, RefusedError) as error:
            if order.to is not None:
                hint = f"{_OTHERWISE}--fingerprint '!{letter.fingerprint}'."
                raise (
                    error
                    if isinstance(error, ConfigError)
                    else ConfigError(error.what, where=place, hint=hint)
                ) from None
            self._put_aside(letter, message, key, headers, place)
            totals.impossible[self._reason(error, topic)] += 1
        else:
            self._send(target, out)
            totals.sent[topic] += 1

    def _put_aside(
        self,
        letter: LetterBrief,
        message: Any,
        key: bytes | None,
        headers: tuple[tuple[str, bytes | None], ...],
        place: str,
    ) -> None:
        """Into the quarantine, as it stands."""
        self._totals.quarantined += 1
        if self._sender is None:  # the quarantine may not be there yet
            return
        self._make_quarantine(place)
        target = self._targets.get(self._order.quarantine, place)
        out = self._outgoing(target, message, key, list(headers), message.partition(), timestamp_of(message))
        try:
            target.check(out)
        except RefusedError as error:
            hint = f"{_OTHERWISE}--fingerprint '!{letter.fingerprint}'."
            raise ConfigError(error.what, where=place, hint=hint) from None
        self._send(target, out)

    def _outgoing(
        self,
        target: ReplayTarget,
        message: Any,
        key: bytes | None,
        headers: list[tuple[str, str | bytes | None]],
        number: int | None,
        timestamp: int | None,
    ) -> Outgoing:
        kept = target.kept_ms
        if kept is not None and timestamp is not None and timestamp < self._now - kept:
            self._warn(target.topic, kept)
        partition = number if number is not None and 0 <= number < target.partitions else -1
        value: Any = message.value()
        return Outgoing(target.topic, value, key, partition, max(timestamp or 0, 0), headers, False)

    def _send(self, target: ReplayTarget, out: Outgoing) -> None:
        if self._sender is not None:
            self._sender.send(out, target.limit)
            self._in_transaction += 1
            self._bytes += len(out.value or b"")

    def _reason(self, error: KgenError, topic: str) -> str:
        """Why a topic does not take letters: the same for all of them, and of many topics not each."""
        what = "larger than the topic takes" if isinstance(error, OversizeError) else error.what
        reason = f"{what}: {bounded(topic, _TEXT)}"
        return (
            reason
            if reason in self._totals.impossible or len(self._totals.impossible) < _MOST_REASONS
            else what
        )

    def _warn(self, topic: str, kept: int) -> None:
        """Once for each topic."""
        if topic not in self._warned:
            self._warned.add(topic)
            self._say(
                f"warning: topic {topic} keeps messages for {kept / 86_400_000:g} days (retention.ms) and "
                "letters are older: they may be deleted before they are read"
            )

    def _make_quarantine(self, place: str) -> None:
        name = self._order.quarantine
        if self._sender is not None and self._targets.create(name, self._partitions, place):
            self._say(f"created topic {name} with {self._partitions} partition(s)")

    def _pace(self) -> None:
        """Wait until the rate lets the next one go; what was sent is committed before a long wait."""
        ahead = self._started + self._handled / (self._order.rate or 1) - time.monotonic()
        if self._due() or (ahead > _EVERY and self._in_transaction):
            self._commit()
        if ahead > 0.01:
            time.sleep(min(ahead, _LONGEST))

    def _due(self) -> bool:
        seconds = time.monotonic() - self._began
        if self._in_transaction:
            return seconds > _EVERY or self._in_transaction >= _MOST or self._bytes >= _MOST_BYTES
        return seconds > 10 * _EVERY  # nothing that fits: only the position moves

    def _commit(self) -> None:
        assert self._sender is not None
        self._sender.commit(self._positions.markers(self._reached))
        self._began = time.monotonic()
        self._in_transaction = self._bytes = 0
        self._committed(self._totals.copy())

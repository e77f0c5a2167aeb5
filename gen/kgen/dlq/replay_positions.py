"""Which letters were put back: how far each replay of a dead-letter topic has come, by its filter.

They are committed offsets of a consumer group, one for each partition, written in the transactions that put
the letters back. The offset is that of replays without a filter: all letters before it were sent (or are in
quarantine). Its metadata has how far those with a filter are, as JSON: what such a one has sent are the
letters before its offset that fit its filter.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from confluent_kafka import TopicPartition

from ..errors import ConfigError
from .letter_filter import LetterFilter, filter_of_json

_MOST_METADATA: Final = 4_000
"""Bytes; brokers take 4,096 by default (`offset.metadata.max.bytes`)."""


@dataclass
class PartitionPositions:
    """Of one partition: the offset before which all letters are done, and the same for letters that fit a
    filter.
    """

    all_before: int = 0
    filtered: list[tuple[int, LetterFilter]] = field(default_factory=list)


class ReplayPositions:
    """The positions of replays with any filter, as seen by one with the filter `wanted`."""

    def __init__(
        self,
        topic: str,
        topic_id: str | None,
        wanted: LetterFilter,
        committed: Mapping[int, tuple[int, str]],
    ) -> None:
        """`committed` has offset and metadata by partition; of another topic of the same name they mean
        nothing.
        """
        self._topic = topic
        self._topic_id = topic_id
        self._wanted = wanted
        self._wanted_json = wanted.as_json()
        self._partitions: dict[int, PartitionPositions] = {}
        for partition, (offset, metadata) in committed.items():
            found = _positions(offset, metadata, topic_id)
            if found is not None:
                self._partitions[partition] = found

    def starts(self) -> dict[int, int]:
        """Where this replay goes on, by partition; those that are absent at their beginning."""
        return {partition: self._start(found) for partition, found in self._partitions.items()}

    def others(self, partition: int) -> list[tuple[int, LetterFilter]]:
        """Offsets before which letters that fit another filter are done, as far as this replay meets such
        letters.
        """
        found = self._partitions.get(partition, PartitionPositions())
        start = self._start(found)
        return [
            (offset, wanted)
            for offset, wanted in found.filtered
            if offset > start and wanted.as_json() != self._wanted_json
        ]

    def markers(self, reached: Mapping[int, int]) -> list[TopicPartition]:
        """What is to be committed when this replay has come to these offsets. Raises `ConfigError` if too
        many other filters are on their way.
        """
        return [self._marker(partition, offset) for partition, offset in sorted(reached.items())]

    def _start(self, found: PartitionPositions) -> int:
        own = (offset for offset, wanted in found.filtered if wanted.as_json() == self._wanted_json)
        return max(found.all_before, *own, 0)

    def _marker(self, partition: int, reached: int) -> TopicPartition:
        found = self._partitions.get(partition, PartitionPositions())
        others = [each for each in found.filtered if each[1].as_json() != self._wanted_json]
        if self._wanted.empty:
            all_before = max(reached, found.all_before)
        else:
            all_before = found.all_before
            others.append((reached, self._wanted))
        kept = [(offset, wanted) for offset, wanted in others if offset > all_before]
        text = _metadata(self._topic_id, kept)
        if len(text.encode()) > _MOST_METADATA:
            raise ConfigError(
                f"replays with {len(kept)} different filters are on their way, too many to note",
                where=f"topic {self._topic}, partition {partition}",
                hint="Replay without a filter, or with fewer fingerprints; --name NAME counts apart.",
            )
        return TopicPartition(self._topic, partition, all_before, text)


def already_sent(
    others: list[tuple[int, LetterFilter]], offset: int, fits: Callable[[LetterFilter], bool]
) -> bool:
    """Whether a replay with another filter has sent the letter at an offset."""
    return any(offset < before and fits(wanted) for before, wanted in others)


def _metadata(topic_id: str | None, filtered: list[tuple[int, LetterFilter]]) -> str:
    noted: dict[str, Any] = {"v": 1}
    if topic_id is not None:
        noted["id"] = topic_id
    if filtered:
        noted["done"] = [[offset, wanted.as_json()] for offset, wanted in filtered]
    return json.dumps(noted, separators=(",", ":"))


def _positions(offset: int, metadata: str, topic_id: str | None) -> PartitionPositions | None:
    """None where nothing was committed, or it was of another topic of that name. What is not readable counts
    as no filters.
    """
    if offset < 0:
        return None
    try:
        noted = json.loads(metadata or "{}")
        if topic_id is not None and noted.get("id") not in (None, topic_id):
            return None
        filtered = [(int(before), filter_of_json(wanted)) for before, wanted in noted.get("done", [])]
    except (ValueError, TypeError, AttributeError, RecursionError):
        filtered = []
    return PartitionPositions(offset, filtered)

"""`kgen dlq list`: the letters of a dead-letter topic by fingerprint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kgen_runtime.kafka.connection import Kafka

from ..dlq.letter_filter import LetterFilter
from ..dlq.letter_groups import LetterGroup, LetterGroups
from ..dlq.letters import LetterReader
from ..progress_callback import ProgressCallback, silent


@dataclass(frozen=True)
class Listing:
    """What a dead-letter topic holds: its partitions, the letters read, those that fit the filter, and the
    latter by fingerprint, the most frequent first; `rest` fit too, but are of more fingerprints than are
    kept.
    """

    topic: str
    partitions: int
    read: int
    fitting: int
    rest: int
    groups: list[LetterGroup]


def listing(kafka: Kafka, topic: str, wanted: LetterFilter, progress: ProgressCallback = silent) -> Listing:
    """Read the whole topic, in memory that does not grow with it. Raises `SourceError`."""
    groups = LetterGroups(wanted)
    with LetterReader(kafka, topic, progress) as reader:
        for batch in reader.batches():
            groups.add(batch)
        count = len(reader.ranges)
    return Listing(topic, count, groups.read, groups.fitting, groups.rest, groups.groups())


def group_json(group: LetterGroup) -> dict[str, Any]:
    """A group as `kgen dlq list --json` prints it."""
    partition, offset = group.sample
    return {
        "fingerprint": group.fingerprint,
        "count": group.count,
        "first": group.first,
        "last": group.last,
        "stage": group.stage,
        "schema_id": group.schema_id,
        "class": group.error_class,
        "reason": group.message,
        "topic": group.topic,
        "step": group.step,
        "place": group.place,
        "path": group.path,
        "profile": group.profile,
        "sample": {"partition": partition, "offset": offset},
    }

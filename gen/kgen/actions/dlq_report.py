"""`kgen dlq report`: what failed, when and why, as a page."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from kgen_runtime.kafka.connection import Kafka
from kgen_runtime.messages import RawMessage
from kgen_runtime.routing.letter_headers import Letter, read_letter

from .. import __version__
from ..dlq.letter_filter import LetterFilter
from ..dlq.letter_groups import LetterGroups
from ..dlq.letter_samples import letters_at
from ..dlq.letters import LetterReader
from ..dlq.report_page import MOST_KINDS, ReportData, TextBlock, TextLine, html
from ..dlq.timeline import Timeline
from ..progress_callback import ProgressCallback, silent
from . import dlq_show
from .whole_file import target_file, write_file

TOP: Final = 20
"""Fingerprints on the page, if no other number is asked for."""
_FIELDS: Final = 60
"""Fields of a letter."""


@dataclass(frozen=True)
class WrittenReport:
    """A page that was written, and what is on it."""

    path: Path
    size: int
    shown: int
    found: ReportData

    def as_json(self) -> dict[str, Any]:
        """As `kgen dlq report --json` prints it."""
        return {
            "version": 1,
            "topic": self.found.topic,
            "partitions": self.found.partitions,
            "letters": self.found.read,
            "matched": self.found.fitting,
            "fingerprints": self.found.fingerprints,
            "ungrouped": self.found.rest,
            "stages": self.found.timeline.by_stage(),
            "shown": [group.fingerprint for group in self.found.groups],
            "samples": len(self.found.samples),
            "html": str(self.path),
            "bytes": self.size,
        }


def written(
    kafka: Kafka,
    topic: str,
    wanted: LetterFilter,
    path: Path,
    root: Path,
    *,
    asked: str = "",
    top: int = TOP,
    samples: bool = True,
    progress: ProgressCallback = silent,
) -> WrittenReport:
    """Read the whole topic and write the page, all of it or nothing. `asked` is the filter in words, `top` is
    how many fingerprints are shown, `samples` whether with a letter each, decoded by the
    schemas of the project in `root` and of the registry behind `kafka`. Raises `ConfigError` if the file
    cannot be written, `SourceError` if the topic cannot be read, `LockError` for a damaged project.
    """
    target = target_file(path, "--html", "report.html")
    timeline = Timeline()
    groups = LetterGroups(wanted, on_letter=timeline.add)
    with LetterReader(kafka, topic, progress=progress) as reader:
        for batch in reader.batches():
            groups.add(batch)
        partitions = len(reader.ranges)
    every = groups.groups()
    shown = every[: min(top, MOST_KINDS)]
    letters = letters_at(kafka, topic, [group.sample for group in shown]) if samples else {}
    schemas = dlq_show.schemas_in_force(kafka, root)
    views = {
        group.fingerprint: dlq_show.shown_letter(raw, _letter(raw), schemas)
        for group in shown
        if (raw := letters.get(group.sample)) is not None
    }
    found = ReportData(
        topic=topic,
        partitions=partitions,
        read=groups.read,
        fitting=groups.fitting,
        rest=groups.rest,
        fingerprints=len(every),
        first=min((group.first for group in every if group.first is not None), default=None),
        last=max((group.last for group in every if group.last is not None), default=None),
        groups=shown,
        timeline=timeline,
        samples={fingerprint: (view.raw, view.letter) for fingerprint, view in views.items()},
        decoded={fingerprint: _decoded(view) for fingerprint, view in views.items()},
        asked=asked,
        made=time.time_ns() // 1_000_000,
        version=__version__,
    )
    page = html(found).encode()
    write_file(target, page, "--html")
    return WrittenReport(path, len(page), len(shown), found)


def _letter(raw: RawMessage) -> Letter:
    return read_letter(raw.headers, raw.timestamp)


def _decoded(view: dlq_show.ShownLetter) -> TextBlock:
    """The fields of a letter, the last ones before the byte at fault, which is marked."""
    title = f"The {view.part}, decoded"
    if view.decoded is None:
        return TextBlock(title, f"not decoded: {view.why}")
    fields, at_fault = view.decoded.fields, view.letter.path
    kept = fields[-_FIELDS:] if view.decoded.what else fields[:_FIELDS]
    lines = [
        TextLine(f"{each.path or 'value'} = {each.shown}", bool(at_fault) and each.path == at_fault)
        for each in kept
    ]
    if view.decoded.what:
        place = f"byte {view.decoded.position}" + (f", {view.decoded.path}" if view.decoded.path else "")
        lines.append(TextLine(f"{place}: {view.decoded.what}", marked=True))
    elif len(kept) < len(fields) or view.decoded.more:
        lines.append(TextLine("… and more"))
    if kept and kept[0] is not fields[0]:
        lines.insert(0, TextLine(f"… {len(fields) - len(kept):,} fields before"))
    return TextBlock(title, f"schema {view.schema}", tuple(lines))

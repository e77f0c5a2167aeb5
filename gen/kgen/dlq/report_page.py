"""The page that `kgen dlq report` writes: all its texts computed, and the template that lays them out.

The page is one file that asks nobody for anything, has no script, and forbids both to what a message may have
smuggled in. All that comes from letters is escaped for HTML, bounded, and without characters that cannot be
seen. A fingerprint takes some 4 kB, and 150 kB at the very most, whatever the topic holds.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from kgen_runtime.flow.failures import shown_class
from kgen_runtime.messages import RawMessage
from kgen_runtime.reporting.printable import escaped
from kgen_runtime.routing.letter_headers import Letter

from ..html_environment import html_environment
from ..listing import counted
from .letter_groups import LetterGroup
from .timeline import OTHER, STAGES, Histogram, Timeline, shown_instant
from .timeline_chart import HEIGHT, Chart, drawn, time_form

MOST_KINDS: Final = 200
"""Fingerprints that a page can show."""
_TEXT: Final = 300
"""Characters of a short text."""
_HEADERS: Final = 40
_LINES: Final = 80
_LINE: Final = 160
"""Lines of a block, and characters of a line."""
_SAMPLE_TEXT: Final = 4_000
"""Characters of a payload that is text."""
_SAMPLE_BYTES: Final = 512
"""Bytes of one that is not."""
_ROW: Final = 16


@dataclass(frozen=True)
class TextLine:
    """A line; `marked`: what could not be read begins there."""

    text: str
    marked: bool = False


@dataclass(frozen=True)
class TextBlock:
    """Lines under a title."""

    title: str
    note: str = ""
    lines: tuple[TextLine, ...] = ()


@dataclass(frozen=True)
class ReportData:
    """What was read of a topic: how many letters, how many fit, of how many fingerprints, and when those
    failed; `rest` fit but are of more fingerprints than are counted. `groups` are those to show, the most
    frequent first, `samples` a letter of some of them, by fingerprint, and `decoded` the fields of those as
    far as they can be read. `asked` is the filter in words; `first`, `last` and `made`, when the page was,
    are in ms since the epoch.
    """

    topic: str
    partitions: int
    read: int
    fitting: int
    rest: int
    fingerprints: int
    first: int | None
    last: int | None
    groups: Sequence[LetterGroup]
    timeline: Timeline
    samples: Mapping[str, tuple[RawMessage, Letter]]
    decoded: Mapping[str, TextBlock]
    asked: str
    made: int
    version: str


@dataclass(frozen=True)
class Fact:
    """A number and what it is of. `small`: a long text."""

    name: str
    text: str
    small: bool = False


@dataclass(frozen=True)
class NumberRow:
    """A bar as text."""

    time: str
    counts: tuple[str, ...]
    total: str


@dataclass(frozen=True)
class SampleView:
    """A letter, for people."""

    place: str
    facts: tuple[tuple[str, str], ...]
    blocks: tuple[TextBlock, ...]
    headers: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class KindRow:
    """A fingerprint, for people. `stage` is one of `STAGES`, `stage_text` what the letters say."""

    fingerprint: str
    count: str
    share: str
    stage: str
    stage_text: str
    reason: str
    times: str
    places: tuple[str, ...]
    sample: SampleView | None


@dataclass(frozen=True)
class ReportPage:
    """All texts of the page."""

    topic: str
    about: str
    facts: tuple[Fact, ...]
    chart: Chart | None
    time_notes: tuple[str, ...]
    stages: tuple[tuple[str, str], ...]
    numbers: tuple[NumberRow, ...]
    kinds_title: str
    kinds_note: str
    kinds: tuple[KindRow, ...]
    footer: str


def html(found: ReportData) -> str:
    """The page as text."""
    environment = html_environment()
    style = environment.get_template("letters_report.css.j2").render(stages=STAGES)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return environment.get_template("letters_report.html.j2").render(
        page=page_of(found),
        style=Markup(style),  # noqa: S704 - kgen's own; with escapes its hash would be another
        style_hash=Markup(digest),  # noqa: S704 - base64
        chart_height=HEIGHT,
    )


def page_of(found: ReportData) -> ReportPage:
    """The texts of the page, short and visible, not yet escaped for HTML."""
    histogram = found.timeline.histogram()
    chart = drawn(histogram) if histogram.bars else None
    return ReportPage(
        topic=short(found.topic),
        about=_about(found),
        facts=tuple(_facts(found)),
        chart=chart,
        time_notes=tuple(_time_notes(histogram)),
        stages=tuple((stage, f"{count:,}") for stage, count in found.timeline.by_stage().items()),
        numbers=tuple(_numbers(histogram, chart)) if chart else (),
        kinds_title="What failed" if found.groups else "Nothing failed",
        kinds_note=_kinds_note(found, len(found.groups)),
        kinds=tuple(_kind(found, group) for group in found.groups),
        footer=f"Written by kgen {found.version}. Times are UTC.",
    )


def short(text: str, limit: int = _TEXT) -> str:
    """One line of visible characters."""
    shown = escaped(text[: limit + 1])
    return shown if len(shown) <= limit else f"{shown[:limit]}…"


def body(value: bytes | None, title: str) -> TextBlock:
    """The beginning of a payload: text, if it is that, else a dump of its bytes."""
    if value is None:
        return TextBlock(title, "null: a tombstone")
    if not value:
        return TextBlock(title, "empty: 0 bytes")
    text = _text(value)
    if text is not None:
        every = text.expandtabs(4).replace("\r\n", "\n").split("\n")
        cut = len(every) > _LINES or any(len(line) > _LINE for line in every)
        whole = not cut and len(text.encode()) == len(value)
        lines = tuple(TextLine(short(line, _LINE)) for line in every[:_LINES])
        return TextBlock(title, "" if whole else f"the beginning of {len(value):,} bytes", lines)
    note = f"{len(value):,} bytes"
    if len(value) > _SAMPLE_BYTES:
        note += f", of which {_SAMPLE_BYTES} are shown"
    return TextBlock(title, note, tuple(map(TextLine, _dump(value[:_SAMPLE_BYTES]))))


def _text(value: bytes) -> str | None:
    try:
        text = value[:_SAMPLE_TEXT].decode()
    except UnicodeDecodeError as error:
        if len(value) <= _SAMPLE_TEXT or error.start < _SAMPLE_TEXT - 4:
            return None
        text = value[: error.start].decode()  # cut within a character
    return text if all(c.isprintable() or c in "\t\r\n" for c in text) else None


def _dump(value: bytes) -> Iterator[str]:
    for start in range(0, len(value), _ROW):
        row = value[start : start + _ROW]
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        yield f"{start:06x}  {row.hex(' '):<{3 * _ROW}} {text}"


def _about(found: ReportData) -> str:
    read = f"{found.read:,} letters in {counted(found.partitions, 'partition')}"
    asked = f", {found.fitting:,} of them with {short(found.asked, 1_000)}" if found.asked else ""
    return f"{read}{asked}, read {shown_instant(found.made)} UTC."


def _facts(found: ReportData) -> Iterator[Fact]:
    yield Fact("letters", f"{found.fitting:,}")
    more = "more than " if found.rest else ""
    yield Fact("fingerprints", f"{more}{found.fingerprints:,}")
    yield Fact("first failure", instant(found.first), small=True)
    yield Fact("last failure", instant(found.last), small=True)


def _time_notes(histogram: Histogram) -> Iterator[str]:
    if histogram.earlier:
        yield f"{histogram.earlier:,} much earlier are not shown."
    if histogram.later:
        yield f"{histogram.later:,} much later are not shown."
    if histogram.without:
        yield f"{histogram.without:,} have no time that can be."


def _numbers(histogram: Histogram, chart: Chart) -> Iterator[NumberRow]:
    form = time_form(histogram)
    for each in histogram.bars:
        if each.total:
            counts = tuple(f"{each.counts.get(stage, 0):,}" for stage in chart.stages)
            yield NumberRow(shown_instant(each.start, form=form), counts, f"{each.total:,}")


def _kinds_note(found: ReportData, shown: int) -> str:
    if not shown:
        return "The topic has no dead letters that fit." if found.read else "The topic is empty."
    if shown == found.fingerprints and not found.rest:
        return "By fingerprint: what failed in the same way at the same place."
    letters = sum(group.count for group in found.groups)
    return (
        f"The {counted(shown, 'most frequent fingerprint')}, {letters:,} letters; "
        f"{found.fitting - letters:,} are of others. `kgen dlq list` shows all."
    )


def _kind(found: ReportData, group: LetterGroup) -> KindRow:
    name = shown_class(group.error_class)
    reason = f"{name}: {group.message}" if name and group.message else name or group.message
    places = [
        f"field {group.path}" if group.path else "",
        f"step {group.step}" if group.step else "",
        f"at {group.place}" if group.place else "",
        f"topic {group.topic}" if group.topic else "",
        f"schema {group.schema_id}" if group.schema_id is not None else "",
    ]
    first, last = instant(group.first), instant(group.last)
    sample = found.samples.get(group.fingerprint)
    return KindRow(
        fingerprint=short(group.fingerprint, 40),
        count=f"{group.count:,}",
        share=f"{max(100 * group.count / max(found.fitting, 1), 0.3):.2f}%",
        stage=group.stage if group.stage in STAGES else OTHER,
        stage_text=short(group.stage) or "no error headers",
        reason=short(reason, 2 * _TEXT) or "no reason given",
        times=first if first == last else f"{first} to {last}",
        places=tuple(short(place) for place in places if place),
        sample=_sample(*sample, found.decoded.get(group.fingerprint)) if sample else None,
    )


def _sample(raw: RawMessage, letter: Letter, decoded: TextBlock | None) -> SampleView:
    at = f"{letter.topic}/{letter.partition}, offset {letter.offset}" if letter.topic else ""
    facts = [
        ("read from", at),
        ("key", _key(raw.key)),
        ("size", "" if raw.value is None else f"{len(raw.value):,} bytes"),
        (
            "written by",
            f"flow {letter.flow}" if letter.flow and letter.profile == "kgen" else letter.profile or "",
        ),
        ("half", letter.part or ""),
        ("byte", "" if letter.position is None else f"{letter.position:,}"),
        ("cause", letter.cause_class if letter.cause_class != letter.error_class else ""),
        ("attempts", str(letter.attempts) if (letter.attempts or 0) > 1 else ""),
        ("replays", str(letter.replays) if letter.replays else ""),
    ]
    blocks = [_bounded(decoded)] if decoded else []
    blocks.append(body(raw.value, "Payload"))
    if letter.traceback:
        lines = letter.traceback.rstrip("\n").split("\n")
        kept = lines if len(lines) <= _LINES else [*lines[: _LINES // 2], "…", *lines[-_LINES // 2 :]]
        blocks.append(TextBlock("Traceback", lines=tuple(TextLine(short(line, _LINE)) for line in kept)))
    return SampleView(
        f"{raw.partition}:{raw.offset}",
        tuple((name, short(text)) for name, text in facts if text),
        tuple(blocks),
        tuple(_headers(raw)),
    )


def _bounded(block: TextBlock) -> TextBlock:
    lines = (TextLine(short(line.text, _LINE), line.marked) for line in block.lines[:_LINES])
    return TextBlock(block.title, short(block.note), tuple(lines))


def _key(key: bytes | None) -> str:
    if key is None:
        return "null"
    text = _text(key[:_TEXT])
    return (f"0x{key[: _TEXT // 2].hex()}" if text is None else text) or "empty"


def _headers(raw: RawMessage) -> Iterator[tuple[str, str]]:
    for name, value in raw.headers[:_HEADERS]:
        if not name.endswith((".traceback", "stacktrace")):  # shown above
            yield (
                short(name),
                short("null" if value is None else _text(value[:1_000]) or repr(value[:_TEXT])[2:-1]),
            )
    if len(raw.headers) > _HEADERS:
        yield "…", f"{len(raw.headers) - _HEADERS:,} more"


def instant(time: int | None) -> str:
    """A time of letters, for people: headers may claim any."""
    if time is None:
        return "–"
    try:
        return shown_instant(time)
    except (ValueError, OverflowError):
        return str(time)

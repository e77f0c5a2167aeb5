"""Dead letters as text for people. Control characters are left to the console, which escapes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any, Final

from kgen_runtime.flow.failures import shown_class

from ..actions.dlq_check import CheckedGroup
from ..actions.dlq_show import ShownLetter
from ..dlq.letter_groups import LetterGroup
from ..dlq.partial_decode import PartialDecode

_REASON: Final = 100  # characters
_LINE: Final = 16  # bytes
_BYTES: Final = 512
"""Of a value that are shown: the first ones, or those around the byte at fault."""
_FIELDS: Final = 80
"""Fields that are shown, the last ones before the byte at fault."""
_GROUPS: Final = 50
_HEADER: Final = 200  # characters


def group_lines(group: LetterGroup) -> list[str]:
    """What `kgen dlq list` says of a fingerprint."""
    partition, offset = group.sample
    about = [
        f"{shown_class(group.error_class)}: {group.message}" if group.error_class else group.message,
    ]
    places = [
        f"schema {group.schema_id}" if group.schema_id is not None else "",
        f"topic {group.topic}" if group.topic else "",
        f"field {group.path}" if group.path else "",
        f"step {group.step}" if group.step else "",
        f"at {group.place}" if group.place else "",
    ]
    return [
        "",
        f"{group.fingerprint}  {group.count:>9,}  {group.stage or 'no error headers':<14}"
        f"  {shown_time(group.first)} to {shown_time(group.last)}  sample {partition}:{offset}",
        *(f"  {_cut(line)}" for line in about if line),
        *([f"  {', '.join(each for each in places if each)}"] if any(places) else []),
    ]


def checked_lines(totals: Mapping[str, Any], groups: Sequence[CheckedGroup]) -> Iterator[str]:
    """What `kgen dlq check` says."""
    if not totals["letters"]:
        yield f"no dead letters in {totals['topic']} that fit"
        return
    yield f"{'fingerprint':<16}  {'stage':<14} {'letters':>9} {'pass':>9} {'fail':>9} {'not known':>9}"
    for each in groups[:_GROUPS]:
        yield (
            f"{each.fingerprint:<16}  {each.stage:<14} {each.count:>9,} {each.passing:>9,} "
            f"{each.failing:>9,} {each.unknown:>9,}"
        )
        if each.reason:
            yield f"  {_cut(each.reason)}"
    if len(groups) > _GROUPS:
        yield f"and {len(groups) - _GROUPS:,} more"
    yield (
        f"{totals['pass']:,} of {totals['letters']:,} would pass now, {totals['fail']:,} would fail"
        + (f", {totals['unknown']:,} cannot be tried" if totals["unknown"] else "")
    )


def shown_time(milliseconds: int | None) -> str:
    """A time for people, in UTC; `-` if there is none, the number if no calendar has it."""
    if milliseconds is None:
        return "-"
    try:
        return datetime.fromtimestamp(milliseconds / 1000, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return str(milliseconds)


def _cut(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _REASON else f"{flat[: _REASON - 1]}…"


def letter_lines(topic: str, shown: ShownLetter) -> Iterator[str]:
    """What `kgen dlq show` says of a letter."""
    raw, letter = shown.raw, shown.letter
    yield f"letter {raw.partition}:{raw.offset} of {topic}, {shown_time(raw.timestamp)}"
    if letter.profile is None:
        yield "  failed       it has no error headers"
    else:
        yield f"  failed       {letter.stage}, {shown_class(letter.error_class)}: {_cut(letter.message)}"
    if letter.cause_class not in ("", letter.error_class):
        yield f"  cause        {_cut(letter.cause_class)}"
    counts = [f"first {shown_time(letter.first_seen)}"] if letter.first_seen is not None else []
    counts += [f"attempts: {letter.attempts}"] if letter.attempts is not None else []
    counts += [f"replays: {letter.replays}"] if letter.replays else []
    yield f"  fingerprint  {', '.join([letter.fingerprint, *counts])}"
    if letter.topic:
        place = "".join(
            f", {name} {value}"
            for name, value in (("partition", letter.partition), ("offset", letter.offset))
            if value is not None
        )
        yield f"  original     topic {letter.topic}{place}, {shown_time(letter.timestamp)}"
    places = (("flow", letter.flow), ("step", letter.step), ("at", letter.place))
    if any(value for _, value in places):
        yield "  where        " + ", ".join(f"{name} {_cut(value)}" for name, value in places if value)
    yield f"  key          {_bytes_text(raw.key)}"
    if raw.headers:
        yield "  headers"
        for name, value in raw.headers:
            yield f"    {_cut(name)} = {_bytes_text(value)}"
    position = shown.decoded.position if shown.decoded is not None else None
    if position is None:
        position = letter.position
    payload = raw.key if shown.part == "key" else raw.value
    yield f"  {shown.part:<11}  {'null' if payload is None else f'{len(payload):,} bytes'}"
    yield from _hex_lines(payload or b"", position)
    if shown.decoded is None:
        yield f"  not decoded  {shown.why}"
    else:
        yield f"  fields       schema {shown.schema}"
        yield from _field_lines(shown.decoded, letter.path)
    if letter.traceback:
        yield "  traceback"
        for line in letter.traceback.splitlines()[:200]:
            yield f"    {line}"
    yield ""


def _field_lines(decoded: PartialDecode, path: str) -> Iterator[str]:
    left_out = max(len(decoded.fields) - _FIELDS, 0)
    if left_out:
        yield f"    {left_out:,} fields before"
    for each in decoded.fields[left_out:]:
        mark = "!" if path and each.path == path and not decoded.what else " "
        yield f"{mark}   {each.path or 'value'} = {each.shown}"
    if decoded.what:
        place = f"byte {decoded.position}" + (f", {decoded.path}" if decoded.path else "")
        yield f"!   {place}: {decoded.what}"
    elif decoded.more:
        yield "    and more"


def _hex_lines(data: bytes, position: int | None) -> Iterator[str]:
    at = position if position is not None and 0 <= position <= len(data) else None
    begin = 0 if at is None or at < _BYTES else (at - _BYTES // 2) // _LINE * _LINE
    end = min(begin + _BYTES, len(data))
    if begin:
        yield f"    {begin:,} bytes before"
    for start in range(begin, end, _LINE):
        some = data[start : start + _LINE]
        mark = "!" if at is not None and start <= at < start + _LINE else " "
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in some)
        yield f"{mark}   {start:08x}  {some.hex(' '):<47}  {text}"
        if mark == "!" and at is not None:
            yield f"    {' ' * 8}  {'   ' * (at - start)}^^ byte {at}"
    if end < len(data):
        yield f"    {len(data) - end:,} bytes more"


def _bytes_text(data: bytes | None) -> str:
    if data is None:
        return "null"
    some = data[:_HEADER]
    try:
        text = some.decode()
    except UnicodeDecodeError:
        text = ""
    shown = f'"{text}"' if text.isprintable() and (text or not data) else "0x" + some.hex()
    return shown + (f"... ({len(data):,} bytes)" if len(data) > _HEADER else "")

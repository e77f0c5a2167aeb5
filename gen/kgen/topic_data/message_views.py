"""Messages of a topic, read batch by batch, as lines of JSON or as records; those that cannot be read are
among them, with why.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from kgen_runtime.consumer.columns import Columns
from kgen_runtime.errors import KgenError
from kgen_runtime.messages import Headers
from kgen_runtime.serde import DecodedBatch
from kgen_runtime.standalone.topic_rows import TopicRows

from .message_filter import MessageFilter
from .part_formats import PartFormat, PartTexts
from .record_fields import quoted
from .row_filter import RowFilter

MOST_BYTES: Final = 65_536
"""Of a key or a value that cannot be read, in its line."""


class Bad(NamedTuple):
    """Why a message cannot be read, and which part of it; `part` is empty for its headers."""

    part: str
    error: KgenError

    @property
    def text(self) -> str:
        """In one line."""
        error = self.error
        where = f" ({error.where})" if error.where else ""
        about = f"{self.part}: " if self.part else ""
        return f"{type(error).__name__}: {about}{error.what}{where}"


@dataclass(slots=True)
class MessageRecord:
    """A message as values of Python: `key` and `value` are dicts, strings, numbers, ...; None where `bad`
    says why.
    """

    partition: int
    offset: int
    timestamp: int | None
    headers: Headers
    key: Any
    value: Any
    bad: Bad | None
    size: tuple[int | None, int | None]
    """Bytes of key and value; None for those that are null."""


@dataclass
class ReadTotals:
    """What was read so far, shown (those that cannot be read among them), and how many of these are `bad`;
    `first_bad` is the first.
    """

    read: int = 0
    shown: int = 0
    bad: int = 0
    first_bad: tuple[int, int, Bad] | None = None

    def note(self, partition: int, offset: int, bad: Bad) -> None:
        """Count one that cannot be read."""
        self.bad += 1
        self.first_bad = self.first_bad or (partition, offset, bad)


@dataclass
class MessageViews:
    """The messages of `rows` that fit, at most `limit`."""

    rows: TopicRows
    key: PartFormat
    value: PartFormat
    fits: MessageFilter | None = None
    limit: int | None = None
    totals: ReadTotals = field(default_factory=ReadTotals)

    def lines(self) -> Iterator[str]:
        """Lines of JSON, some at a time, each with its line end. Raises `SourceError`,
        `RegistryUnavailable`.
        """
        for rows in self.chosen():
            keys = self.key.texts(rows.keys, rows.headers)
            values = self.value.texts(rows.values, rows.headers)
            bad = _bad(rows, keys.errors, values.errors)
            if not rows:
                yield ""
            elif not bad:
                yield _good_lines(rows, keys, values)
            else:
                self._note(rows, bad)
                yield "".join([_line(rows, keys, values, index, bad) for index in range(len(rows))])

    def chosen(self) -> Iterator[Columns]:
        """The messages that fit, some at a time, or none. What cannot be read is among them: nobody knows
        whether it fits. Raises as `lines`.
        """
        for rows in self.rows.batches():
            self.totals.read += len(rows)
            left = None if self.limit is None else self.limit - self.totals.shown
            if self.fits is not None:
                rows = rows.at(RowFilter(self.fits, self.key, self.value).chosen(rows, None, left))
            elif left is not None and left < len(rows):
                rows = rows.part(0, left)
            self.totals.shown += len(rows)
            yield rows
            if self.limit is not None and self.totals.shown >= self.limit:
                return

    def records_of(self, rows: Columns) -> list[MessageRecord]:
        """Some of the chosen ones as records; those that cannot be read are counted. Raises
        `RegistryUnavailable`.
        """
        found, bad = self._records(rows)
        self._note(rows, bad)
        return found

    def good_values(self, rows: Columns) -> list[Any]:
        """The values of those that can be read, as in records. Raises `RegistryUnavailable`."""
        return [each.value for each in self._records(rows)[0] if each.bad is None]

    def _records(self, rows: Columns) -> tuple[list[MessageRecord], Mapping[int, Bad]]:
        keys = self.key.records(rows.keys, rows.headers)
        values = self.value.records(rows.values, rows.headers)
        bad = _bad(rows, keys.errors, values.errors)
        return [_record(rows, keys, values, index, bad) for index in range(len(rows))], bad

    def _note(self, rows: Columns, bad: Mapping[int, Bad]) -> None:
        for index in sorted(bad):
            self.totals.note(_partition(rows), rows.offsets[index] or 0, bad[index])


def _bad(rows: Columns, keys: Mapping[int, KgenError], values: Mapping[int, KgenError]) -> dict[int, Bad]:
    if not (keys or values or rows.unreadable):
        return {}
    found = {index: Bad("value", error) for index, error in values.items()}
    found.update((index, Bad("key", error)) for index, error in keys.items())
    found.update((index, Bad("", each.error)) for index, each in rows.unreadable.items())
    return found


def _partition(rows: Columns) -> int:
    return rows.partitions if isinstance(rows.partitions, int) else 0


def _good_lines(rows: Columns, keys: PartTexts, values: PartTexts) -> str:
    head = f'{{"partition": {_partition(rows)}, "offset": '
    ids = set(values.ids)
    if len(ids) > 1 or any(rows.headers) or None in rows.timestamps:
        return "".join([_line(rows, keys, values, index, {}) for index in range(len(rows))])
    [id_] = ids
    tail = "}\n" if id_ is None else f', "schema_id": {id_}}}\n'
    return "".join(
        [
            f'{head}{offset}, "timestamp": {timestamp}, "key": {key}, "value": {value}{tail}'
            for offset, timestamp, key, value in zip(rows.offsets, rows.timestamps, keys.texts, values.texts)
        ]
    )


def _line(rows: Columns, keys: PartTexts, values: PartTexts, index: int, bad: Mapping[int, Bad]) -> str:
    timestamp = rows.timestamps[index]
    head = (
        f'{{"partition": {_partition(rows)}, "offset": {rows.offsets[index]}, '
        f'"timestamp": {"null" if timestamp is None else timestamp}'
    )
    headers = rows.headers[index]
    tail = f', "headers": {headers_text(headers)}' if headers else ""
    why = bad.get(index)
    if why is not None:
        return f"{head}{tail}, {_error_text(rows, index, why)}}}\n"
    id_ = values.ids[index]
    tail += "" if id_ is None else f', "schema_id": {id_}'
    return f'{head}, "key": {keys.texts[index]}, "value": {values.texts[index]}{tail}}}\n'


def headers_text(headers: Headers) -> str:
    """Headers as JSON, in their order: values are texts, `{"hex": "00ff"}` if they are not UTF-8, or null."""
    return (
        "["
        + ", ".join(f'{{"name": {_text(name)}, "value": {_header_value(value)}}}' for name, value in headers)
        + "]"
    )


def _text(name: str) -> str:
    return str(quoted(name.encode(errors="backslashreplace").decode()))


def _header_value(value: bytes | None) -> str:
    if value is None:
        return "null"
    try:
        return str(quoted(value.decode()))
    except UnicodeDecodeError:
        return f'{{"hex": "{value.hex()}"}}'


def _error_text(rows: Columns, index: int, bad: Bad) -> str:
    error = bad.error
    known = {
        "part": bad.part or None,
        "kind": type(error).__name__,
        "what": error.what,
        "where": error.where,
        "hint": error.hint,
    }
    key, value = _payloads(rows, index)
    return f'"error": {json.dumps(known)}, "raw_key": {_raw(key)}, "raw_value": {_raw(value)}'


def _payloads(rows: Columns, index: int) -> tuple[bytes | None, bytes | None]:
    unreadable = rows.unreadable.get(index)
    if unreadable is not None:
        return unreadable.origin[0], unreadable.origin[1]
    return rows.keys[index], rows.values[index]


def _raw(data: bytes | None) -> str:
    if data is None:
        return "null"
    return f'{{"size": {len(data)}, "hex": "{data[:MOST_BYTES].hex()}"}}'


def _record(
    rows: Columns, keys: DecodedBatch, values: DecodedBatch, index: int, bad: Mapping[int, Bad]
) -> MessageRecord:
    key, value = _payloads(rows, index)
    return MessageRecord(
        _partition(rows),
        rows.offsets[index] or 0,
        rows.timestamps[index],
        rows.headers[index],
        keys.values[index],
        values.values[index],
        bad.get(index),
        (None if key is None else len(key), None if value is None else len(value)),
    )

"""Messages as a table for a terminal; as blocks, a line for each field, where a table has no room."""

from __future__ import annotations

import itertools
import textwrap
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any, Final

from kgen_runtime.consumer.columns import Columns

from ..topic_data.cells import CellLayout
from ..topic_data.message_views import MessageRecord, MessageViews
from ..topic_data.record_fields import RecordColumns, cell_text, columns_of, flat_fields
from .console import safe
from .dlq_text import shown_time

_LEAST: Final = 20
"""Columns of a terminal that are taken for granted."""
_WIDEST: Final = 40
"""Characters of a cell of a table, if there is no room for more."""
_NARROWEST: Final = 6
_LONGEST: Final = 4_000
"""Characters of a value that are looked at: it may have 10 MB."""
_HEAD: Final = ("at", "time", "key")
_TEXT_HEADERS: Final = 5
_MOST_FIELDS: Final = 1_000


class MessageTable:
    """Lays out messages for `width` columns; the layout is that of the first ones."""

    def __init__(self, width: int, views: MessageViews) -> None:
        self._width = max(width, _LEAST)
        self._views = views
        self._columns: RecordColumns | None = None
        self._widths: list[int] | None = None
        self._layout = CellLayout(None)
        self.cut = False
        """Something was cut."""

    def lines(self, rows: Columns) -> Iterator[str]:
        """The lines of some messages; before the first ones the heads of the columns. Raises
        `RegistryUnavailable`.
        """
        if not rows:
            return
        if self._columns is None:
            messages = self._views.records_of(rows)
            names = columns_of(self._views.value.schema, [each.value for each in messages if not each.bad])
            self._columns = RecordColumns(names)
            yield from self._begin(messages)
        elif self._widths is not None and not rows.unreadable:
            yield from self._rows(rows)
            return
        else:
            messages = self._views.records_of(rows)
        for message in messages:
            yield from self._message(message)

    def _message(self, message: MessageRecord) -> Iterator[str]:
        if message.bad is not None:
            yield from self._bad_lines(message)
        elif self._widths is not None:
            yield from self._row(message)
        else:
            yield from self._block(message)

    def _rows(self, rows: Columns) -> Iterator[str]:
        """Cells are made by the format of the value, if it can; else of records."""
        assert self._widths is not None
        texts = self._views.value.cells(rows.values, rows.headers, self._layout)
        left = [index for index, text in enumerate(texts) if text is None]
        records = iter(self._views.records_of(rows.at(left)) if left else ())
        keys = self._views.key.records(rows.keys, rows.headers)
        at_width, time_width, key_width = self._widths[:3]
        for index, text in enumerate(texts):
            if text is None or index in keys.errors:
                found = next(records) if text is None else self._views.records_of(rows.at([index]))[0]
                yield from self._message(found)
                continue
            self.cut = self.cut or "…" in text
            at = self._cell(f"{rows.partitions}:{rows.offsets[index]}", at_width)
            time = self._cell(shown_time(rows.timestamps[index]), time_width)
            yield f"{at}  {time}  {self._cell(_text(keys.values[index]), key_width)}  {text}".rstrip()

    def _begin(self, messages: Sequence[MessageRecord]) -> Iterator[str]:
        assert self._columns is not None
        heads = [*_HEAD, *map(safe, self._columns.columns)]
        if len(heads) * (_NARROWEST + 2) > self._width:
            return  # no cell would have room
        rows = [heads, *(self._cells(each)[0] for each in messages if each.bad is None)]
        natural = [min(max(_size(row[n]) for row in rows), _WIDEST) for n in range(len(heads))]
        widths = _fitted(natural, [_size(head) for head in heads], self._width)
        if widths is not None:
            self._widths = widths
            self._layout = CellLayout(tuple(self._columns.columns), tuple(widths[len(_HEAD) :]))
            yield self._joined(heads).rstrip()

    def _cells(self, message: MessageRecord) -> tuple[list[str], dict[str, Any]]:
        assert self._columns is not None
        cells, rest = self._columns.cells(message.value)
        texts = [_text(cell) for cell in cells]
        if message.value is None:
            texts = ["(tombstone)", *texts[1:]]
        return [_at(message), shown_time(message.timestamp), _text(message.key), *texts], rest

    def _row(self, message: MessageRecord) -> Iterator[str]:
        cells, rest = self._cells(message)
        yield self._joined(cells).rstrip()
        if rest:
            yield self._fit(f"  and {_text(rest)}", self._width)

    def _joined(self, cells: Sequence[str]) -> str:
        assert self._widths is not None
        return "  ".join(self._cell(cell, width) for cell, width in zip(cells, self._widths))

    def _cell(self, text: str, width: int) -> str:
        return _padded(self._fit(text, width), width)

    def _block(self, message: MessageRecord) -> Iterator[str]:
        yield self._fit(f"{_at(message)}  {shown_time(message.timestamp)}", self._width)
        if message.size[0] is not None:
            yield self._fit(f"  key = {_text(message.key)}", self._width)
        if message.value is None:
            yield "  (tombstone)"
        else:
            for name, value in itertools.islice(flat_fields(message.value), _MOST_FIELDS):
                text = "null" if value is None else _text(value)
                yield self._fit(f"  {safe(name)} = {text}", self._width)
        for name, header in message.headers[:_TEXT_HEADERS]:
            text = "null" if header is None else header.decode(errors="backslashreplace")
            yield self._fit(f"  header {safe(name)} = {_text(text)}", self._width)
        if len(message.headers) > _TEXT_HEADERS:
            yield f"  and {len(message.headers) - _TEXT_HEADERS} more headers"

    def _bad_lines(self, message: MessageRecord) -> Iterator[str]:
        assert message.bad is not None
        sizes = ", ".join(
            f"{part} {'null' if size is None else f'{size:,} bytes'}"
            for part, size in zip(("key", "value"), message.size)
        )
        texts = [f"{_at(message)} {shown_time(message.timestamp)}: {message.bad.text}", f"({sizes})"]
        if message.bad.error.hint:
            texts.append(f"hint: {message.bad.error.hint}")
        for number, text in enumerate(texts):
            lines = textwrap.wrap(safe(text), self._width - 4, break_on_hyphens=False)
            for line_number, line in enumerate(lines):
                yield f"! {'' if number == line_number == 0 else '  '}{line}"

    def _fit(self, text: str, width: int) -> str:
        if len(text) <= width and _size(text) <= width:
            return text
        self.cut = True
        kept, size = [], 0
        for character in text:
            size += _size(character)
            if size > width - 1:
                break
            kept.append(character)
        return "".join(kept) + "…"


def _fitted(natural: list[int], heads: list[int], room: int) -> list[int] | None:
    """Widths that fit, the wide ones cut; None if a column would be too narrow for its cells."""
    room -= 2 * (len(natural) - 1)
    if sum(natural) <= room:
        return natural
    least = [min(size, max(_NARROWEST, min(head, 12))) for size, head in zip(natural, heads)]
    least[0], least[1] = natural[0], natural[1]  # places and times are not cut
    if sum(least) > room:
        return None
    widths, left = list(least), room - sum(least)
    while left > 0:
        open_ = [n for n, size in enumerate(natural) if widths[n] < size]
        if not open_:
            break
        narrowest = min(open_, key=lambda n: widths[n])
        widths[narrowest] += 1
        left -= 1
    return widths


def _text(value: Any) -> str:
    """In one line, without what could drive a terminal."""
    if isinstance(value, (str, bytes)):
        value = value[:_LONGEST]
    found = cell_text(value, shown=True)
    return safe(found[:_LONGEST].replace("\t", "\\t"))


def _at(message: MessageRecord) -> str:
    return f"{message.partition}:{message.offset}"


def _padded(text: str, width: int) -> str:
    return text + " " * (width - _size(text))


def _size(text: str) -> int:
    """The columns that it takes on a terminal."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )

"""Messages as CSV: RFC 4180, UTF-8, a column for each field of the value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from functools import lru_cache
from typing import Any, Final

from kgen_runtime.consumer.columns import Columns

from ..topic_data.cells import CellLayout, csv_lines, csv_value, harmless
from ..topic_data.message_views import MessageRecord, MessageViews
from ..topic_data.record_fields import RecordColumns, cell_text, columns_of

_OWN: Final = ("_key", "_partition", "_offset", "_timestamp", "_tombstone", "_error", "_rest")


class MessageCsv:
    """Writes messages as CSV. The columns are those of the schema, else those of the first messages; what has
    no column is JSON in `_rest`. Text that a spreadsheet would take for a formula has an apostrophe before
    it.
    """

    def __init__(self, views: MessageViews) -> None:
        self._views = views
        self._columns: RecordColumns | None = None
        self._layout = self._key_layout = CellLayout(None)
        self._empty = ""

    def texts(self) -> Iterator[str]:
        """The text, some lines at a time, with the names of the columns first. Raises `SourceError`,
        `RegistryUnavailable`.
        """
        for rows in self._views.chosen():
            head = self._begin(rows) if self._columns is None and rows else []
            yield "".join([*head, *self._lines(rows)])

    def _begin(self, rows: Columns) -> list[str]:
        values = self._views.good_values(rows)  # by which a schema is looked up
        names = columns_of(self._views.value.schema, values)
        self._columns = RecordColumns(names)
        self._layout = CellLayout(tuple(names))
        self._empty = "," * (len(names) - 1)
        return csv_lines([[*map(harmless, names), *_OWN]])

    def _lines(self, rows: Columns) -> list[str]:
        """Cells are made by the format of the value and of the key, if they can; else of records."""
        views = self._views
        values = views.value.cells(rows.values, rows.headers, self._layout)
        keys = views.key.cells(rows.keys, rows.headers, self._key_layout)
        partition, times = rows.partitions, map(_time, rows.timestamps)
        if None not in values and None not in keys and not rows.unreadable:
            return [
                f"{value},{key},{partition},{offset},{time},,,\r\n"
                for value, key, offset, time in zip(values, keys, rows.offsets, times)
            ]
        lines: list[str] = []
        left: list[int] = []
        for index, (value, key, offset, time) in enumerate(zip(values, keys, rows.offsets, times)):
            tombstone = rows.values[index] is None
            value = self._empty if tombstone else value
            key = "" if rows.keys[index] is None else key
            if value is None or key is None or index in rows.unreadable:
                left.append(index)
            own = f"{key},{partition},{offset},{time},{'true' if tombstone else ''},,"
            lines.append(f"{value},{own}\r\n")
        if left:
            records = views.records_of(rows.at(left))
            for index, line in zip(left, csv_lines(map(self._row, records))):
                lines[index] = line
        return lines

    def _row(self, message: MessageRecord) -> Sequence[Any]:
        assert self._columns is not None
        cells, rest = self._columns.cells(message.value)
        return (
            *map(csv_value, cells),
            csv_value(message.key),
            message.partition,
            message.offset,
            _time(message.timestamp),
            "true" if message.size[1] is None else "",
            "" if message.bad is None else harmless(message.bad.text),
            cell_text(rest) if rest else "",
        )


def _time(milliseconds: int | None) -> str:
    if milliseconds is None:
        return ""
    second, rest = divmod(milliseconds, 1_000)
    text = _second(second)
    return f"{text}.{rest:03}Z" if text else str(milliseconds)


@lru_cache(maxsize=4_096)
def _second(seconds: int) -> str:
    """A time to the second; empty if Python has no value for it. Many messages share one."""
    try:
        return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return ""

"""Messages as CSV: RFC 4180, UTF-8, a column for each field of the value."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timezone
from typing import Any, Final

from kgen_runtime.codec.avro.schema.tree import Schema

from ..topic_data.message_views import MessageRecord
from ..topic_data.record_fields import RecordColumns, cell_text, columns_of_records, columns_of_schema

_OWN: Final = ("_key", "_partition", "_offset", "_timestamp", "_tombstone", "_error", "_rest")
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula."""


class MessageCsv:
    """Writes messages as CSV. The columns are those of the schema, else those of the first messages; what has
    no column is JSON in `_rest`. Text that a spreadsheet would take for a formula has an apostrophe before
    it.
    """

    def __init__(self, schema: Callable[[], Schema | None]) -> None:
        self._schema = schema
        self._columns: RecordColumns | None = None

    def texts(self, batches: Iterator[list[MessageRecord]]) -> Iterator[str]:
        """The text, some lines at a time, with the names of the columns first."""
        for messages in batches:
            out = io.StringIO()
            writer = csv.writer(out, lineterminator="\r\n")
            if self._columns is None and messages:
                self._columns = self._found(messages)
                writer.writerow([*map(_harmless, self._columns.columns), *_OWN])
            for each in messages:
                writer.writerow(self._row(each))
            yield out.getvalue()

    def _found(self, messages: Sequence[MessageRecord]) -> RecordColumns:
        schema = self._schema()
        names = None if schema is None else columns_of_schema(schema)
        if names is None:
            names = columns_of_records([each.value for each in messages if each.bad is None])
        return RecordColumns(names)

    def _row(self, message: MessageRecord) -> list[str]:
        assert self._columns is not None
        cells, rest = self._columns.cells(message.value)
        own = [
            _cell(message.key),
            str(message.partition),
            str(message.offset),
            _time(message.timestamp),
            "true" if message.size[1] is None else "",
            "" if message.bad is None else _harmless(message.bad.text),
            cell_text(rest) if rest else "",
        ]
        return [*map(_cell, cells), *own]


def _cell(value: Any) -> str:
    return _harmless(value) if isinstance(value, str) else cell_text(value)


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


def _time(milliseconds: int | None) -> str:
    if milliseconds is None:
        return ""
    try:
        time = datetime.fromtimestamp(milliseconds / 1000, timezone.utc)
    except (ValueError, OverflowError, OSError):
        return str(milliseconds)
    return time.strftime("%Y-%m-%dT%H:%M:%S.") + f"{milliseconds % 1000:03}Z"

"""Messages as CSV: RFC 4180, UTF-8, a column for each field of the value."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timezone
from functools import lru_cache
from math import isfinite
from typing import Any, Final

from kgen_runtime.codec.avro.schema.tree import Schema

from ..topic_data.message_views import MessageRecord
from ..topic_data.record_fields import RecordColumns, cell_text, columns_of_records, columns_of_schema

_OWN: Final = ("_key", "_partition", "_offset", "_timestamp", "_tombstone", "_error", "_rest")
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula."""
_NUMBERS: Final = frozenset({int, float, type(None)})
_STRINGS: Final = frozenset({str})
_TIMES: Final = frozenset({datetime})


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
            writer.writerows(self._rows(messages))
            yield out.getvalue()

    def _found(self, messages: Sequence[MessageRecord]) -> RecordColumns:
        schema = self._schema()
        names = None if schema is None else columns_of_schema(schema)
        if names is None:
            names = columns_of_records([each.value for each in messages if each.bad is None])
        return RecordColumns(names)

    def _rows(self, messages: Sequence[MessageRecord]) -> Iterable[Sequence[Any]]:
        """The cells of some messages, made column by column: most columns have one type throughout."""
        if not messages:
            return ()
        assert self._columns is not None
        found = [self._columns.cells(each.value) for each in messages]
        own = [
            _texts([each.key for each in messages]),
            [each.partition for each in messages],
            [each.offset for each in messages],
            [_time(each.timestamp) for each in messages],
            ["true" if each.size[1] is None else "" for each in messages],
            ["" if each.bad is None else _harmless(each.bad.text) for each in messages],
            [cell_text(rest) if rest else "" for _, rest in found],
        ]
        return zip(*map(_texts, zip(*(cells for cells, _ in found))), *own)


def _texts(values: Sequence[Any]) -> Sequence[Any]:
    """The cells of a column. What the `csv` module writes as `cell_text` does stays as it is."""
    types = set(map(type, values))
    if types <= _NUMBERS and (float not in types or all(isfinite(each) for each in values if each)):
        return values
    if types == _STRINGS:
        return [_harmless(each) for each in values]
    if types == _TIMES and all(each.tzinfo is timezone.utc for each in values):
        return [each.isoformat().replace("+00:00", "Z") for each in values]
    return list(map(_cell, values))


def _cell(value: Any) -> str:
    return _harmless(value) if isinstance(value, str) else cell_text(value)


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


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

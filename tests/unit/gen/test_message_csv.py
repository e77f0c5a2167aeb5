"""Messages as CSV: what is made column by column is what `cell_text` makes of each value."""

from __future__ import annotations

import csv
import datetime as dt
import io
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgen.cli.message_csv import MessageCsv
from kgen.topic_data.message_views import MessageRecord
from kgen.topic_data.record_fields import cell_text

TEXTS = st.text(st.sampled_from("=+-@\t\r\n\"', aé\ud800\x7f"), max_size=5)
ZONE = dt.timezone(dt.timedelta(hours=2))
PLAIN: list[st.SearchStrategy[Any]] = [
    TEXTS,
    st.integers(),
    st.floats(),
    st.booleans(),
    st.none(),
    st.binary(max_size=4),
    st.datetimes(timezones=st.sampled_from([dt.timezone.utc, ZONE, None])),
    st.datetimes(timezones=st.just(dt.timezone.utc)),
    st.dates(),
    st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-9, max_value=9),
]
PARTS = [st.dictionaries(TEXTS, TEXTS, max_size=3), st.lists(st.one_of(PLAIN), max_size=3)]
COLUMN = st.one_of(*(st.lists(each, min_size=1, max_size=4) for each in (*PLAIN, *PARTS, st.one_of(PLAIN))))


def message(offset: int, value: Any, timestamp: int | None = 0) -> MessageRecord:
    return MessageRecord(0, offset, timestamp, (), value, {"a": [value]}, None, (1, 1))


def cell(value: Any) -> str:
    if not isinstance(value, str):
        return cell_text(value)
    return f"'{value}" if value.startswith(("=", "+", "-", "@", "\t", "\r")) else value


def written(*messages: MessageRecord) -> str:
    return "".join(MessageCsv(lambda: None).texts(iter([[], list(messages)])))


@given(values=COLUMN)
def test_cells_are_those_of_each_value(values: list[Any]) -> None:
    head = message(-1, 1)
    text = written(head, *(message(n, each) for n, each in enumerate(values)))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    time = "1970-01-01T00:00:00.000Z"
    writer.writerow(["a", "_key", "_partition", "_offset", "_timestamp", "_tombstone", "_error", "_rest"])
    for n, each in enumerate([1, *values], -1):
        writer.writerow([cell([each]), cell(each), "0", str(n), time, "", "", ""])
    assert text == out.getvalue()


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (1_700_000_000_123, "2023-11-14T22:13:20.123Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
        (253_402_300_800_000, "253402300800000"),
        (10**18, "1000000000000000000"),
        (None, ""),
    ],
)
def test_times_that_python_has_no_value_for_are_numbers(milliseconds: int | None, text: str) -> None:
    [found] = csv.DictReader(io.StringIO(written(message(0, Decimal("1.50"), milliseconds))))
    assert (found["_timestamp"], found["_key"]) == (text, "1.50")

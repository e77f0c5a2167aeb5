"""The cells of lines. Those of CSV are RFC 4180's, but text that a spreadsheet would take for a formula has
an apostrophe before it.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Final

from kgen_runtime.codec.avro.avro_cells import AvroCells
from kgen_runtime.codec.avro.schema.tree import Schema
from kgen_runtime.serde.framing import SchemaKey

from .record_fields import cell_text

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula."""
_STRINGS: Final = frozenset({str})
_SPECIAL: Final = re.compile(r'[",\r]|(?:\A|\n)[=+\-@\t]')
"""In texts, a line each, what does not stand in a cell as it is."""


@dataclass(frozen=True, eq=False)
class CellLayout:
    """The columns of a value, as `AvroCells` takes them; None: it is one cell. With `widths` those of a
    table, else of CSV.
    """

    columns: tuple[str, ...] | None
    widths: tuple[int, ...] | None = None


class SchemaCells:
    """The makers of cells, one for each schema and layout."""

    def __init__(self) -> None:
        self._known: dict[tuple[SchemaKey, CellLayout], AvroCells] = {}

    def of(self, key: SchemaKey, schema: Schema, layout: CellLayout) -> AvroCells:
        """Of the schema, which is that of the key."""
        found = self._known.get((key, layout))
        if found is None:
            found = AvroCells(schema, layout.columns, widths=layout.widths)
            self._known[key, layout] = found
        return found


def harmless(text: str) -> str:
    """Without what a spreadsheet would take for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def csv_value(value: Any) -> str:
    """A value as a cell, before quotes."""
    return harmless(value) if isinstance(value, str) else cell_text(value)


def csv_lines(rows: Iterable[Sequence[Any]]) -> list[str]:
    """Lines, each with its end, of cells that `csv_value` made, or of numbers and None."""
    lines: list[str] = []
    csv.writer(SimpleNamespace(write=lines.append), lineterminator="\r\n").writerows(rows)
    return lines


def csv_cells(values: Sequence[Any]) -> list[str]:
    """Values as cells, with their quotes; most texts are what they were."""
    if _STRINGS.issuperset(map(type, values)):
        joined = "\n".join(values)
        if joined.count("\n") == len(values) - 1 and not _SPECIAL.search(joined):
            return list(values)
    # With a second cell, as a line of one that is empty would have quotes.
    return [line[:-3] for line in csv_lines((csv_value(value), None) for value in values)]

"""`--where` on raw messages: which of a batch it is true of."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

from kgen_runtime.consumer.columns import Columns

from .message_filter import MessageFilter
from .part_formats import PartFormat


@dataclass(frozen=True)
class RowFilter:
    """The expression, and how keys and values are read for it: as the flows of the project get them."""

    fits: MessageFilter
    key: PartFormat
    value: PartFormat

    def chosen(self, rows: Columns, bad: Container[int] | None = None, most: int | None = None) -> list[int]:
        """The indices of at most `most` messages of one partition that it is true of. Those in `bad`, which
        cannot be read, are among them: nobody knows whether they fit; None: it is found out which these are.
        Raises `RegistryUnavailable`.
        """
        keys = self.key.values(rows.keys, rows.headers)
        values = self.value.values(rows.values, rows.headers)
        if bad is None:
            bad = set(rows.unreadable)
            if keys.errors:
                bad.update(self.key.records(rows.keys, rows.headers).errors)
            if values.errors:
                bad.update(self.value.records(rows.values, rows.headers).errors)
        partition = rows.partitions if isinstance(rows.partitions, int) else 0
        found: list[int] = []
        for index in range(len(rows)):
            if most is not None and len(found) >= most:
                break
            offset = rows.offsets[index] or 0
            error = values.errors.get(index) or keys.errors.get(index)
            if index in bad:
                found.append(index)
            elif error is not None:  # a date that Python has no value for: it can be shown, not filtered
                self.fits.note_raised(error, f"partition {partition}, offset {offset}")
            elif self.fits.fits(
                keys.values[index],
                values.values[index],
                partition,
                offset,
                rows.timestamps[index],
                rows.headers[index],
            ):
                found.append(index)
        return found

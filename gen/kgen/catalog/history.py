"""What changed from version to version of a subject, in meaning."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Final

from ..compat.change_kinds import summary
from ..compat.levels import both_ways, shown
from ..compat.schema_diff import schema_diff
from ..model.library import SUPPORTED, Library, moved_references
from ..model.subjects import SchemaVersion
from .entries import Pair, ReferenceRow, VersionRow

_MOST: Final = 300
"""Changes that are shown of a version."""
_PROBLEMS: Final = 20


def history(
    library: Library, versions: Sequence[SchemaVersion], deleted: Collection[Pair]
) -> tuple[VersionRow, ...]:
    """The versions, ascending, each with what changed since the nearest one before it that can be read."""
    found: list[VersionRow] = []
    before: SchemaVersion | None = None
    for version in versions:
        pair = version.subject, version.version
        fault = library.fault(pair) if version.type in SUPPORTED else None
        row = VersionRow(
            version.version,
            version.id,
            version.type,
            version.guid,
            pair in deleted,
            tuple(ReferenceRow(r.name, r.subject, r.version) for r in version.references),
            version.rules,
            unread=fault.reason(pair) if fault else _unsupported(version),
        )
        if not row.unread:
            found.append(_since(row, library, before, version) if before else row)
            before = version
        else:
            found.append(row)
    return tuple(found)


def _unsupported(version: SchemaVersion) -> str:
    return "" if version.type in SUPPORTED else f"{version.type} schemas are not supported yet"


def _since(row: VersionRow, library: Library, before: SchemaVersion, after: SchemaVersion) -> VersionRow:
    pair, other = (before.subject, before.version), (after.subject, after.version)
    old, new = library.unit(pair).schema, library.unit(other).schema
    changes = schema_diff(old, new)
    moved = moved_references(library, pair, library, other)
    row = replace(row, before=before.version, summary=summary(changes), changes=changes[:_MOST], moved=moved)
    if before.type != after.type:
        return row
    both = both_ways(old, new)
    return replace(
        row,
        backward=tuple(shown(it) for it in both.backward[:_PROBLEMS]),
        forward=tuple(shown(it) for it in both.forward[:_PROBLEMS]),
    )

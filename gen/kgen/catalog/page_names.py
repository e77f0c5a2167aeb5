"""Where in the site everything stands: file names that are safe on every system, and anchors in pages."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from ..model.names import digest, folder_name
from .entries import FieldRow, SubjectEntry, TopicEntry, TypeRow

ROWS: Final = 2_000
"""Fields on a page."""
_ANCHOR = re.compile(r"[A-Za-z0-9_.()\[\]{}-]{1,200}\Z")


def subject_page(name: str, page: int = 1) -> str:
    """The page of a subject, relative to the site. No two subjects have one, also where names of files ignore
    case: see `folder_name`, whose names have no `~p`.
    """
    return f"subjects/{folder_name(name)}{f'~p{page}' if page > 1 else ''}.html"


def topic_pages(topics: Iterable[TopicEntry]) -> list[str]:
    """The pages of topics, in their order; of several modules of one topic each has its own."""
    known = list(topics)
    counts = Counter(topic.name for topic in known)
    shared = (counts[it.name] > 1 and it.module for it in known)
    names = (f"{it.name} {module}" if module else it.name for it, module in zip(known, shared))
    return [f"topics/{folder_name(name)}.html" for name in names]


def pages_of(subject: SubjectEntry) -> int:
    """How many pages a subject has."""
    return max(1, -(-len(subject.rows) // ROWS))


def field_anchors(rows: Iterable[FieldRow]) -> Iterator[str]:
    """The anchor of each field on its page: its path, if that can be one and no field before has it."""
    taken: set[str] = set()
    for number, row in enumerate(rows):
        anchor = natural_field_anchor(row)
        if not _ANCHOR.match(row.path) or anchor in taken:
            anchor = f"f.{digest(f'{number} {row.path}', 16)}"
        taken.add(anchor)
        yield anchor


def natural_field_anchor(row: FieldRow) -> str:
    """What the search takes a field's anchor for, unless the index has another one."""
    return f"f.{row.path}"


def type_anchor(row: TypeRow) -> str:
    """The anchor of a type on the first page of its subject."""
    return type_anchor_of(row.name)


def type_anchor_of(name: str) -> str:
    """The anchor of a type by its full name."""
    return f"t.{name}" if _ANCHOR.match(name) else f"t.{digest(name, 16)}"

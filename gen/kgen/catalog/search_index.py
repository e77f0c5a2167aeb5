"""What the search of the site looks through, as a script: a page that was opened as a file may load scripts,
and no data.
"""

from __future__ import annotations

import json
from typing import Any

from ..html_environment import visible
from ..model.trees import LANGUAGES
from .entries import Catalog, SubjectEntry
from .page_names import (
    ROWS,
    field_anchors,
    natural_field_anchor,
    subject_page,
    topic_pages,
    type_anchor,
)

_TYPE = 60  # characters of a type


def search_index(catalog: Catalog) -> str:
    """The script. A subject's fields are lines of a text: `path TAB type TAB tags TAB anchor`, without what
    is empty at the end; a line is a row of its pages.
    """
    others: list[list[str]] = []
    for topic, page in zip(catalog.topics, topic_pages(catalog.topics)):
        others.append(["topic", visible(topic.name), page])
    for number, flow in enumerate(catalog.flows, 1):
        if flow.name:
            others.append(["flow", visible(flow.name), f"flows.html#flow{number}"])
    others += [["tag", visible(tag), "tags.html"] for tag in catalog.tags]
    index: dict[str, Any] = {
        "rows": ROWS,
        "subjects": [_subject(subject) for subject in catalog.subjects],
        "others": others,
    }
    return f"kgenSearchIndex({json.dumps(index, separators=(',', ':'))});\n"


def _subject(subject: SubjectEntry) -> list[str]:
    page = subject_page(subject.name).removeprefix("subjects/").removesuffix(".html")
    types = [
        _line(it.title, it.kind, it.extras.tags, type_anchor(it), f"t.{it.title}") for it in subject.types
    ]
    fields = [
        _line(row.path, row.type[:_TYPE], row.extras.tags, anchor, natural_field_anchor(row))
        for row, anchor in zip(subject.rows, field_anchors(subject.rows))
    ]
    return [
        visible(subject.name),
        page,
        LANGUAGES.get(subject.language, subject.language),
        visible(" ".join(subject.tags)),
        visible(" ".join(name for name, _ in subject.topics)),
        "\n".join(types),
        "\n".join(fields),
    ]


def _line(name: str, type_: str, tags: tuple[str, ...], anchor: str, natural: str) -> str:
    other = "" if anchor == natural else anchor
    if not tags and not other and name.isprintable() and type_.isprintable():  # most of them
        return f"{name}\t{type_}".rstrip("\t")
    return "\t".join((visible(name), visible(type_), visible(" ".join(tags)), other)).rstrip("\t")

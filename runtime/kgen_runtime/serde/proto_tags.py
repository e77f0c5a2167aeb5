"""Which fields of a .proto text carry tags, in Confluent's options: by a scan, as of `message_order.py`.

`[(confluent.field_meta).tags = "PII"]`, or `[(confluent.field_meta) = { tags: ["PII", "GDPR"] }]`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from .message_order import words_of

_META: Final = "confluent.field_meta"
_BETWEEN: Final = frozenset("=:[,")
_ENDS: Final = frozenset(";{}")


def proto_tags(text: str) -> Iterator[tuple[str, frozenset[str]]]:
    """The names of fields, and the tags of each. Raises `SchemaError` if a text or comment has no end."""
    before: list[str] = []
    options: list[str] = []
    depth = 0
    for word in words_of(text):
        if depth or (word == "[" and "=" in before):
            depth += (word in "[{") - (word in "]}")
            options.append(word)
        elif word in _ENDS:
            if _META in options:
                yield before[before.index("=") - 1], frozenset(_tags(options[options.index(_META) :]))
            before, options = [], []
        else:
            before.append(word)


def _tags(options: list[str]) -> Iterator[str]:
    inside = False
    for word in options:
        if word in ("tags", ".tags"):
            inside = True
        elif inside and word[0] in "\"'":
            yield word[1:-1]
        elif word not in _BETWEEN:
            inside = False

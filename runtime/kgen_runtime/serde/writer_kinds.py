"""What is made of the schema that wrote a message, in each language."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from ..codec.avro.schema.parser import parse
from ..codec.avro.schema.tree import Schema
from .schemas import SchemaLanguage, WriterSchema, messages_of

if TYPE_CHECKING:
    from .message_scopes import MessageOrder

S = TypeVar("S")


@dataclass(frozen=True)
class WriterKind(Generic[S]):
    """`of_version` makes it of a version in the generated code, `of_text` of the registry's text, and of the
    names and texts that it refers to, if it asks for them. Both may raise `SchemaError`.
    """

    language: SchemaLanguage
    shown: str
    of_version: Callable[[WriterSchema], S]
    of_text: Callable[[str, Callable[[], list[tuple[str, str]]]], S]


def title(text: str) -> str:
    """The title of a JSON Schema; empty if it has none."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return ""
    named = found.get("title") if isinstance(found, dict) else None
    return named if isinstance(named, str) else ""


AVRO: Final[WriterKind[Schema]] = WriterKind(
    "AVRO",
    "Avro",
    WriterSchema.parse,
    lambda text, references: parse(text, [each for _, each in references()]),
)
MESSAGES: Final[WriterKind[MessageOrder]] = WriterKind(
    "PROTOBUF", "Protobuf", WriterSchema.parse_messages, lambda text, references: messages_of(text)
)
TITLE: Final[WriterKind[str]] = WriterKind(
    "JSON", "JSON Schema", lambda version: title(version.text), lambda text, references: title(text)
)

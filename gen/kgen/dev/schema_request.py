"""A schema as a client posts it: what makes two of them the same, and whether it is valid."""

from __future__ import annotations

import base64
import hashlib
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

from kgen_runtime.codec.avro.schema.parser import parse
from kgen_runtime.codec.json.schema.json_parser import parse_json_schema
from kgen_runtime.errors import ConfigError, SchemaError

from ..model.subjects import Reference
from ..protobuf.declared_files import DeclaredFiles
from ..protobuf.proto_parser import parse_proto
from ..protobuf.proto_tokens import laid_out, tokens
from ..protobuf.protoc import descriptor_set
from .api_errors import invalid_schema

TYPES = ("JSON", "PROTOBUF", "AVRO")


@dataclass(frozen=True)
class Draft:
    """A posted schema. `id` and `version` are what the client asks for: -1 and 0 leave both to the registry.

    `extra` holds what goes along unread: metadata and ruleSet, as posted.
    """

    text: str
    type: str = "AVRO"
    references: tuple[Reference, ...] = ()
    id: int = -1
    version: int = 0
    extra: tuple[tuple[str, Any], ...] = ()

    @cached_property
    def identity(self) -> str:
        """Equal for drafts that get the same id: the same schema but for white space."""
        return _compact([self.type, _canonical(self.type, self.text), _plain(self.references), self.extra])

    @cached_property
    def guid(self) -> str:
        """The id of the content: the same in every registry."""
        return str(uuid.UUID(hashlib.md5(self.identity.encode(), usedforsecurity=False).hexdigest()))

    @property
    def properties(self) -> dict[str, str]:
        """The properties in its metadata, as far as they are strings."""
        metadata = dict(self.extra).get("metadata")
        found = metadata.get("properties") if isinstance(metadata, dict) else None
        found = found if isinstance(found, dict) else {}
        return {name: value for name, value in found.items() if isinstance(value, str)}

    def normalized(self) -> Draft:
        """The same schema in normal form: the order of its JSON's keys and of its references taken away, and
        the comments and the layout of Protobuf.
        """
        if self.type == "PROTOBUF":
            text = laid_out(self.text)
        else:
            text = _compact(json.loads(self.text), sort_keys=True)
        return replace(self, text=text, references=tuple(sorted(set(self.references), key=repr)))


def draft_of(body: Any) -> Draft:
    """The draft in a request's body. Raises `Problem` 42201 where it is not of the documented shape."""
    if not isinstance(body, dict) or not isinstance(body.get("schema"), str) or not body["schema"].strip():
        raise invalid_schema("Empty schema")
    kind = body.get("schemaType") or "AVRO"
    if kind not in TYPES:
        raise invalid_schema(f"Invalid schema type {kind}")
    extra = tuple((name, body[name]) for name in ("metadata", "ruleSet") if body.get(name) is not None)
    return Draft(
        body["schema"],
        kind,
        tuple(_reference(r) for r in body.get("references") or ()),
        _integer(body, "id", -1),
        max(0, _integer(body, "version", 0)),
        extra,
    )


class ReferencedText(NamedTuple):
    """A text that a schema refers to, and the name that it, or what it refers to, has for it."""

    name: str
    text: str


def check(draft: Draft, referenced: Sequence[ReferencedText]) -> None:
    """Raise `Problem` 42201 if the draft is not a valid schema.

    It is parsed with the texts that it refers to, Protobuf by protoc.
    """
    try:
        if draft.type == "AVRO":
            parse(draft.text, [each.text for each in referenced])
        elif draft.type == "JSON":
            parse_json_schema(draft.text, dict(referenced))
        else:
            declared(draft.text, referenced)
    except (ValueError, RecursionError, SchemaError, ConfigError) as e:
        raise invalid_schema(
            f"Invalid schema {draft.text[:2000]} with refs {_plain(draft.references)}"
            f" of type {draft.type}, details: {_line(e)}"
        ) from None


def declared(text: str, referenced: Sequence[ReferencedText]) -> DeclaredFiles:
    """What a .proto file declares. Raises `SchemaError`; `ConfigError` without the extra `protobuf`."""
    return _declared(text, tuple(dict(referenced).items()))


def serialized(text: str, referenced: Sequence[ReferencedText]) -> str:
    """A .proto file's descriptor in base64, as clients ask for it. Raises as `declared` does."""
    found = descriptor_set(text, dict(referenced))
    from google.protobuf.descriptor_pb2 import FileDescriptorSet  # what the extra brings

    file = FileDescriptorSet.FromString(found).file[-1]
    file.ClearField("source_code_info")
    return base64.b64encode(file.SerializeToString()).decode()


@lru_cache(maxsize=500)  # each version is held against the next ones
def _declared(text: str, references: tuple[tuple[str, str], ...]) -> DeclaredFiles:
    return parse_proto(text, dict(references)).files


def _line(error: Exception) -> str:
    return " ".join(str(error).split())


def _canonical(kind: str, text: str) -> str:
    """The text but for white space."""
    return " ".join(tokens(text, comments=True)) if kind == "PROTOBUF" else _compact(json.loads(text))


def _compact(value: Any, *, sort_keys: bool = False) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=sort_keys, ensure_ascii=False)


def _plain(references: Sequence[Reference]) -> list[list[str | int]]:
    return [[r.name, r.subject, r.version] for r in references]


def _reference(body: Any) -> Reference:
    if not isinstance(body, dict) or not all(isinstance(body.get(k), str) for k in ("name", "subject")):
        raise invalid_schema(f"Invalid reference {body}")
    return Reference(body["name"], body["subject"], _integer(body, "version", -1))


def _integer(body: dict[str, Any], name: str, absent: int) -> int:
    value = body.get(name)
    if value is None:
        return absent
    if not isinstance(value, int) or isinstance(value, bool):
        raise invalid_schema(f"Invalid {name} {value}")
    return value

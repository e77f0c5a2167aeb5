"""Why a new version may not follow earlier ones, in the words of Confluent's API."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from kgen_runtime.codec.avro.schema.parser import parse
from kgen_runtime.codec.avro.schema.tree import Schema

from ..compat import levels
from ..compat.json_levels import JsonText, json_both_ways
from ..compat.json_policies import Policy
from ..compat.proto_reading import proto_unreadable
from ..compat.proto_rules import INCOMPATIBLE, proto_incompatible
from ..protobuf.declared_files import DeclaredFiles
from .schema_request import Draft, ReferencedText, declared

_MOST: Final = 100  # violations that are listed


@dataclass(frozen=True)
class Earlier:
    """An earlier version, with the texts it refers to."""

    version: int
    draft: Draft
    referenced: Sequence[ReferencedText]


def violations(
    level: str,
    draft: Draft,
    referenced: Sequence[ReferencedText],
    earlier: Sequence[Earlier],
    policy: Policy = "STRICT",
) -> list[str]:
    """Why `draft` may not follow `earlier` (ascending) at this compatibility level; empty where it may. It
    is as `kgen.compat` decides, of the newest version that stands in the way; of JSON Schemas by `policy`.
    """
    for old in reversed(levels.held_against(level, earlier)):
        if found := _against(level, draft, referenced, old, policy):
            return [*found, f"{{oldSchemaVersion: {old.version}}}", f"{{compatibility: '{level}'}}"]
    return []


def _against(
    level: str, draft: Draft, referenced: Sequence[ReferencedText], old: Earlier, policy: Policy
) -> list[str]:
    if draft.type != old.draft.type:
        return ["{errorType:'SCHEMA_TYPE', description:'Incompatible because of different schema type'}"]
    if draft.type == "JSON":
        both = json_both_ways(level, _json(old.draft, old.referenced), _json(draft, referenced), policy)
    elif draft.type == "AVRO":
        both = levels.at(level, _avro(old.draft, old.referenced), _avro(draft, referenced))
    else:
        was, now = declared(old.draft.text, old.referenced), declared(draft.text, referenced)
        ways = [(was, now)] * levels.asks(level, "BACKWARD") + [(now, was)] * levels.asks(level, "FORWARD")
        lines = list(dict.fromkeys(line for way in ways for line in _protobuf(*way)))
        return lines if len(lines) <= _MOST else [*lines[:_MOST], f"and {len(lines) - _MOST} more"]
    return [_line("UNREADABLE", f.message, f.path) for f in (*both.backward, *both.forward)]


def _protobuf(old: DeclaredFiles, new: DeclaredFiles) -> Iterator[str]:
    """As `kgen.compat.proto_levels` has it, with the kinds of the rules."""
    for it in proto_incompatible(old, new):
        yield _line(it.kind, INCOMPATIBLE[it.kind], it.path)
    for found in proto_unreadable(old, new):
        yield _line("UNREADABLE", found.message, found.path)


def _line(kind: str, what: str, where: str) -> str:
    return f"{{errorType:'{kind}', description:'{what}', location:'{where}'}}"


def _json(draft: Draft, referenced: Sequence[ReferencedText]) -> JsonText:
    return JsonText(draft.text, {each.name: each.text for each in referenced})


def _avro(draft: Draft, referenced: Sequence[ReferencedText]) -> Schema:
    return parse(draft.text, [each.text for each in referenced])

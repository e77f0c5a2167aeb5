"""Which earlier versions a new one is held against, and how it fails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kgen_runtime.codec.avro.resolution.resolve import check
from kgen_runtime.codec.avro.schema.parser import parse
from kgen_runtime.errors import ResolutionError

from .schema_request import Draft


@dataclass(frozen=True)
class Earlier:
    """An earlier version, with the texts it refers to."""

    version: int
    draft: Draft
    referenced: Sequence[str]


def violations(level: str, draft: Draft, referenced: Sequence[str], earlier: Sequence[Earlier]) -> list[str]:
    """Why `draft` may not follow `earlier` (ascending) at this compatibility level; empty where it may.

    BACKWARD: the new schema reads what the last one wrote. FORWARD: the last one reads what the new one
    writes. FULL: both. TRANSITIVE: all earlier versions, not just the last. Only Avro is compared.
    """
    if level == "NONE":
        return []
    against = earlier if level.endswith("_TRANSITIVE") else earlier[-1:]
    for old in reversed(against):
        if found := _against(level.removesuffix("_TRANSITIVE"), draft, referenced, old):
            return [*found, f"{{oldSchemaVersion: {old.version}}}", f"{{compatibility: '{level}'}}"]
    return []


def _against(level: str, draft: Draft, referenced: Sequence[str], old: Earlier) -> list[str]:
    if draft.type != old.draft.type:
        return ["{errorType:'SCHEMA_TYPE', description:'Incompatible because of different schema type'}"]
    if draft.type != "AVRO":
        return []
    new_schema, old_schema = parse(draft.text, referenced), parse(old.draft.text, old.referenced)
    try:
        found = check(old_schema, new_schema) if level in ("BACKWARD", "FULL") else []
        found += check(new_schema, old_schema) if level in ("FORWARD", "FULL") else []
    except ResolutionError as error:  # more work than a schema may make
        return [f"{{errorType:'UNREADABLE', description:'{error.what}'}}"]
    return [f"{{errorType:'UNREADABLE', description:'{f.message}', location:'{f.path}'}}" for f in found]

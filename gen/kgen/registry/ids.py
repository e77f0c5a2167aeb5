"""Ids name schemas: if a registry gives one to two schemas, no message of that id can be read for sure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from kgen_runtime.serde.subject_names import context_of

from ..errors import RegistryError
from ..model.subjects import SchemaVersion


def refuse_shared(versions: Iterable[SchemaVersion]) -> None:
    """Raises `RegistryError` if two schemas of one context have one id."""
    first: dict[tuple[str, int], SchemaVersion] = {}
    for version in versions:
        other = first.setdefault((context_of(version.subject), version.id), version)
        if other.text != version.text and _value(other.text) != _value(version.text):
            raise RegistryError(
                f"the registry gives id {version.id} to two schemas",
                where=f"{other.subject} v{other.version}, {version.subject} v{version.version}",
                hint="messages of that id could be read with either; it has to be put right there",
            )


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text

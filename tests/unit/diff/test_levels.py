"""The gate, `kgen diff` and the registry of `kgen dev` agree on whether a version may follow another."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kgen.compat.gate import refuse_incompatible
from kgen.compat.levels import LEVELS, at_level
from kgen.compat.subject_diff import subject_diffs
from kgen.dev.registry_store import Store
from kgen.dev.schema_request import Draft
from kgen.errors import IncompatibleError
from kgen.model.library import Library
from kgen.model.subjects import SchemaVersion, Snapshot, Subject
from kgen_runtime.codec.avro.schema.parser import parse


def record(*fields: dict[str, Any]) -> str:
    return json.dumps({"type": "record", "name": "shop.Order", "fields": list(fields)})


def many(of: Any, then: Any = None) -> str:
    """A record of very many fields."""
    return record(*({"name": f"f{n}", "type": then if then and n else of(n)} for n in range(1_001)))


def fixed(number: int) -> dict[str, Any]:
    return {"type": "fixed", "name": f"F{number}", "size": 1}


def aliased(_: int) -> dict[str, Any]:
    """A type with so many aliases that to look them all up, field by field, is too much."""
    return {"type": "record", "name": "S", "fields": [], "aliases": [f"A{n}" for n in range(1_000)]}


A, B = {"name": "a", "type": "string"}, {"name": "b", "type": "long"}
PAIRS = {
    "the same": (record(A), record(A)),
    "a field more": (record(A), record(A, B)),
    "a field less": (record(A, B), record(A)),
    "a field with a default more": (record(A), record(A, {**B, "default": 0})),
    "wider": (record({**B, "type": "int"}), record(B)),
    "narrower": (record(B), record({**B, "type": "int"})),
    "another type": (record(A), '"string"'),
    "too much to compare": (many(fixed), many(aliased, "S")),
}


def subject(*texts: str, level: str) -> Snapshot:
    versions = tuple(SchemaVersion("s", n, n, "AVRO", text) for n, text in enumerate(texts, 1))
    return Snapshot("http://registry", (Subject("s", versions, level),))


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("level", LEVELS)
def test_diff_and_the_development_registry_agree(pair: str, level: str) -> None:
    old, new = PAIRS[pair]
    store = Store()
    store.register("s", Draft(old))
    store.levels.set("s", level)
    refused = store.incompatibilities("s", Draft(new))
    assert at_level(level, [(1, parse(old))], parse(new)).allowed is not bool(refused)
    before, after = (Library(subject(*texts, level=level)) for texts in ([old], [old, new]))
    found = [each.verdict for each in subject_diffs(before, after) if each.verdict]
    assert [verdict.allowed for verdict in found] in ([], [not refused])
    assert bool(found) or pair == "the same"


@pytest.mark.parametrize("pair", PAIRS)
def test_the_gate_refuses_what_is_not_allowed_backward(pair: str) -> None:
    old, new = PAIRS[pair]
    before, after = (Library(subject(*texts, level="NONE")) for texts in ([old], [old, new]))
    if at_level("BACKWARD", [(1, parse(old))], parse(new)).allowed:
        refuse_incompatible(before, after, ())
        return
    with pytest.raises(IncompatibleError, match="incompatible change of s"):
        refuse_incompatible(before, after, ())
    refuse_incompatible(before, after, {"s"})


def test_the_last_pair_takes_too_much_to_compare() -> None:
    before, after = (Library(subject(text, level="NONE")) for text in PAIRS["too much to compare"])
    with pytest.raises(IncompatibleError) as caught:
        refuse_incompatible(before, after, ())
    assert "too many types" in str(caught.value.where)

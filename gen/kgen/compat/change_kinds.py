"""Changes between two versions of a schema, of any language: their kinds, for programs and for people."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

Kind: TypeAlias = Literal[
    "type added", "type removed", "type renamed", "type moved", "type replaced",
    "field added", "field removed", "field renamed", "field retyped", "field nullable", "field not nullable",
    "fields reordered", "symbol added", "symbol removed", "symbols reordered",
    "default", "doc", "aliases", "sort order", "size", "logical type", "root",
    "field required", "field optional", "content model", "other properties", "title",
    "validation added", "validation removed",
    "field number", "symbol number", "symbol renamed", "oneof", "oneof added", "oneof removed", "packing",
    "json name", "reserved", "enum openness", "messages reordered",
]  # fmt: skip


@dataclass(frozen=True)
class Change:
    """One change. `path` is `full.name` or `full.name.field` as the new schema has it (as the old one, for
    what is gone); in JSON Schema the place: `#/$defs/Line/properties/price`. `messages reordered` has none.

    `before` and `after` are what changed, as text, number or list of names; None where there is none.
    Defaults are JSON texts. `owner` is the full name of the type that changes: `path` alone does not say
    whether its last part is a field.
    """

    kind: Kind
    path: str
    before: Any = None
    after: Any = None
    text: str = ""
    owner: str = dataclasses.field(default="", compare=False)

    def as_json(self) -> dict[str, Any]:
        """Its stable form."""
        return {
            "kind": self.kind,
            "path": self.path,
            "before": self.before,
            "after": self.after,
            "text": self.text,
        }


def summary(changes: Sequence[Change]) -> str:
    """`+2 fields, -1 symbol, 1 retyped, docs`; empty where nothing changed."""
    counts = Counter(change.kind for change in changes)
    parts = []
    for noun in ("type", "field", "symbol"):
        for sign, verb in (("+", "added"), ("-", "removed")):
            if number := counts[f"{noun} {verb}"]:  # type: ignore[index]
                parts.append(f"{sign}{number} {noun}" + ("s" if number > 1 else ""))
    parts += [f"{n} {word}" for word, kinds in _COUNTED if (n := sum(counts[k] for k in kinds))]
    parts += [word for word, kinds in _NAMED if any(counts[k] for k in kinds)]
    return ", ".join(parts)


_COUNTED: tuple[tuple[str, tuple[Kind, ...]], ...] = (
    ("renamed", ("type renamed", "field renamed", "symbol renamed")),
    ("moved", ("type moved",)),
    ("with another number", ("field number", "symbol number")),
    ("retyped", ("field retyped", "type replaced", "logical type", "size", "root")),
    ("now nullable", ("field nullable",)),
    ("no longer nullable", ("field not nullable",)),
    ("now required", ("field required",)),
    ("no longer required", ("field optional",)),
)
_NAMED: tuple[tuple[str, tuple[Kind, ...]], ...] = (
    ("defaults", ("default",)),
    ("order", ("fields reordered", "symbols reordered", "messages reordered", "sort order")),
    ("oneofs", ("oneof", "oneof added", "oneof removed")),
    ("encoding", ("packing", "enum openness")),
    ("JSON names", ("json name",)),
    ("reserved", ("reserved",)),
    ("aliases", ("aliases",)),
    ("other properties", ("content model", "other properties")),
    ("validation", ("validation added", "validation removed")),
    ("titles", ("title",)),
    ("docs", ("doc",)),
)


def described(change: Change) -> Change:
    """The change with its text."""
    return replace(change, text=_line(change))


def _line(c: Change) -> str:
    """The change for people."""
    name = f"`{c.path}`" if c.path else "the root"
    if c.kind.startswith("validation"):
        return f"{'+' if c.kind.endswith('added') else '-'} {name}: {c.after or c.before}, for validation"
    if c.kind in _OWN_WORDS:
        return f"~ {name}: {_OWN_WORDS[c.kind].format(_shown(c.before), _shown(c.after))}"
    if c.kind == "oneof":
        return f"~ {name}: {_oneof(c.before, c.after)}"
    if c.kind == "messages reordered":
        return "~ the messages of the file: reordered"
    if c.kind in ("oneof added", "oneof removed"):
        sign, members = ("+", c.after) if c.kind == "oneof added" else ("-", c.before)
        return f"{sign} {name}: oneof of {', '.join(members)}"
    if c.kind in ("field required", "field optional"):
        return f"~ {name}: {'now' if c.kind == 'field required' else 'no longer'} required"
    if c.kind.endswith(" added"):
        return f"+ {name}: {c.after}" if c.kind != "symbol added" else f"+ {name}"
    if c.kind.endswith(" removed"):
        return f"- {name}" + (f": {c.before}" if c.kind == "field removed" else "")
    if c.kind in ("doc", "fields reordered", "symbols reordered"):
        return f"~ {name}: {c.kind if c.kind != 'doc' else 'doc changed'}"
    if c.kind in ("type moved", "type renamed", "field renamed", "symbol renamed"):
        return f"~ {name}: {c.kind.split()[1]} from {c.before}"
    what = {"field nullable": "now nullable, ", "field not nullable": "no longer nullable, "}.get(
        c.kind, f"{c.kind} "
    )
    what = "" if c.kind in ("field retyped", "root", "type replaced") else what
    return f"~ {name}: {what}{_shown(c.before)} -> {_shown(c.after)}"


_OWN_WORDS: Mapping[str, str] = {
    "field number": "number {} -> {}",
    "symbol number": "number {} -> {}",
    "packing": "{} -> {}",
    "enum openness": "{} -> {}",
}


def _oneof(before: str | None, after: str | None) -> str:
    if before and after:
        return f"moved from oneof {before} to {after}"
    return f"moved into oneof {after}" if after else f"moved out of oneof {before}"


def _shown(value: Any) -> str:
    if value is None:
        return "none"
    return value if isinstance(value, str) else json.dumps(value)

"""Data contracts: what has rules that nobody here executes is not taken for plain."""

from __future__ import annotations

import json
from collections.abc import Sequence
from glob import escape

from ..errors import RulesError
from ..model.subject_filter import excluding, wanted
from ..model.subjects import Snapshot

_SHOWN = 3


def refuse_rules(snapshot: Snapshot, ignored: Sequence[str]) -> None:
    """Raises `RulesError` if a version of a subject has rules in force that are not to be ignored.

    `ignored`: patterns of subjects. Rules of a schema that others merely refer to are not theirs.
    """
    versions = (v for s in snapshot.subjects if not wanted(s.name, ignored) for v in s.versions)
    found = {f"{v.subject} v{v.version}": v for v in versions if v.rules}
    if not found:
        return
    names = list(found)
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    subject = found[names[0]].subject
    raise RulesError(
        f"data contract rules, which kgen does not execute: {', '.join(names[:_SHOWN])}{more}",
        where="; ".join(f"{name}: {', '.join(found[name].rules[:_SHOWN])}" for name in names[:_SHOWN]),
        hint=f"leave it out (--subject {excluding(subject)}), or have it read and written as if it had none: "
        f'{json.dumps(escape(subject))} = "ignore" under [rules] in kgen.toml',
    )

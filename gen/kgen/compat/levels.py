"""Whether two versions of a subject understand each other, and whether a registry at some level would take
the new one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kgen_runtime.codec.avro.resolution.incompatibilities import Incompatibility
from kgen_runtime.codec.avro.resolution.resolve import check
from kgen_runtime.codec.avro.schema.tree import Schema

_TRANSITIVE = "_TRANSITIVE"


@dataclass(frozen=True)
class CompatibilityBothWays:
    """What stands in the way each way; empty where all data can be read."""

    backward: tuple[str, ...]  # the new version reading what the old one wrote
    forward: tuple[str, ...]  # the old version reading what the new one writes

    def as_json(self) -> dict[str, Any]:
        """Its stable form."""
        return {"backward": _way(self.backward), "forward": _way(self.forward)}

    def lines(self) -> list[str]:
        """For people."""
        return [
            _line("new reads old", self.backward),
            _line("old reads new", self.forward),
        ]


@dataclass(frozen=True)
class LevelCheck:
    """Whether a version may follow at `level`. `problems` are by the version, earlier in the history, that
    fails.
    """

    level: str
    problems: Mapping[int, tuple[str, ...]]

    @property
    def allowed(self) -> bool:
        """Whether a registry at this level would take it."""
        return not self.problems

    def as_json(self) -> dict[str, Any]:
        """Its stable form."""
        problems = {str(version): list(found) for version, found in self.problems.items()}
        return {"level": self.level, "allowed": self.allowed, "problems": problems}


def both_ways(old: Schema, new: Schema) -> CompatibilityBothWays:
    """Hold two versions against each other."""
    return CompatibilityBothWays(_shown(check(old, new)), _shown(check(new, old)))


def at_level(level: str, history: Sequence[tuple[int, Schema]], new: Schema) -> LevelCheck:
    """Whether `new` may follow `history` (ascending) at BACKWARD, FORWARD, FULL, these with _TRANSITIVE, or
    NONE.
    """
    kind = level.removesuffix(_TRANSITIVE)
    against = history if level.endswith(_TRANSITIVE) else history[-1:]
    found = {version: _failing(kind, both_ways(old, new)) for version, old in against}
    return LevelCheck(level, {version: problems for version, problems in found.items() if problems})


def _failing(kind: str, both: CompatibilityBothWays) -> tuple[str, ...]:
    backward = both.backward if kind in ("BACKWARD", "FULL") else ()
    return backward + (both.forward if kind in ("FORWARD", "FULL") else ())


def _shown(found: Sequence[Incompatibility]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(f"{problem.path or 'the root'}: {problem.message}" for problem in found))


def _way(problems: Sequence[str]) -> dict[str, Any]:
    return {"compatible": not problems, "problems": list(problems)}


def _line(what: str, problems: Sequence[str]) -> str:
    return f"{what}: " + ("yes" if not problems else "no: " + "; ".join(problems))

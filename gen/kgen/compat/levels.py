"""Whether two versions of a schema understand each other, and whether one may follow others at a level.

The one place that decides it. Levels are for `kgen diff` and the registry of `kgen dev`; the gate of
`kgen pull` and the kept state of flows ask for `unreadable` alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from kgen_runtime.codec.avro.resolution.incompatibilities import Incompatibility
from kgen_runtime.codec.avro.resolution.resolve import check
from kgen_runtime.codec.avro.schema.tree import Schema
from kgen_runtime.codec.json.schema.json_tree import JsonSchema
from kgen_runtime.errors import ResolutionError

from ..model.settings import LEVELS as LEVELS
from ..model.trees import AnySchema
from ..protobuf.proto_model import ProtoModel
from .json_reading import json_unreadable
from .proto_reading import proto_unreadable

_TRANSITIVE = "_TRANSITIVE"
Version = TypeVar("Version")


@dataclass(frozen=True)
class CompatibilityBothWays:
    """What stands in the way each way; empty where all data can be read, or it is not asked for."""

    backward: tuple[Incompatibility, ...]  # the new version reading what the old one wrote
    forward: tuple[Incompatibility, ...]  # the old version reading what the new one writes

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
    problems: Mapping[int, CompatibilityBothWays]

    @property
    def allowed(self) -> bool:
        """Whether a registry at this level would take it."""
        return not self.problems

    def as_json(self) -> dict[str, Any]:
        """Its stable form."""
        problems = {
            str(version): [*_shown(found.backward), *_shown(found.forward)]
            for version, found in self.problems.items()
        }
        return {"level": self.level, "allowed": self.allowed, "problems": problems}


def unreadable(writer: AnySchema, reader: AnySchema) -> tuple[Incompatibility, ...]:
    """What data of `writer` can hold that `reader` cannot read; all of it, if the two take too much work to
    compare: then no reader can be made, either. Of two languages nothing is known.
    """
    if isinstance(writer, JsonSchema) and isinstance(reader, JsonSchema):
        return json_unreadable(writer, reader)
    if isinstance(writer, ProtoModel) and isinstance(reader, ProtoModel):
        return proto_unreadable(writer.files, reader.files)
    if not isinstance(writer, Schema) or not isinstance(reader, Schema):
        return ()
    try:
        return tuple(check(writer, reader))
    except ResolutionError as error:
        return (Incompatibility("", error.what, always=True),)


def both_ways(old: AnySchema, new: AnySchema) -> CompatibilityBothWays:
    """Hold two versions against each other."""
    return at("FULL", old, new)


def at(level: str, old: AnySchema, new: AnySchema) -> CompatibilityBothWays:
    """The same, as far as the level asks for it. BACKWARD: the new schema reads what the old one wrote.
    FORWARD: the old one reads what the new one writes. FULL: both. NONE: neither.
    """
    return CompatibilityBothWays(
        unreadable(old, new) if asks(level, "BACKWARD") else (),
        unreadable(new, old) if asks(level, "FORWARD") else (),
    )


def asks(level: str, way: Literal["BACKWARD", "FORWARD"]) -> bool:
    """Whether a level is about this way."""
    return level.removesuffix(_TRANSITIVE) in (way, "FULL")


def held_against(level: str, history: Sequence[Version]) -> Sequence[Version]:
    """Which of the earlier versions (ascending) a new one is held against: the last, with _TRANSITIVE all,
    at NONE none.
    """
    if level == "NONE":
        return ()
    return history if level.endswith(_TRANSITIVE) else history[-1:]


def at_level(level: str, history: Sequence[tuple[int, AnySchema]], new: AnySchema) -> LevelCheck:
    """Whether `new` may follow `history` (ascending) at one of `LEVELS`."""
    return level_check(level, history, lambda old: at(level, old, new))


def level_check(
    level: str,
    history: Sequence[tuple[int, Version]],
    compare: Callable[[Version], CompatibilityBothWays],
) -> LevelCheck:
    """The same, by what `compare` says of an earlier version at that level."""
    found = {number: compare(version) for number, version in held_against(level, history)}
    return LevelCheck(
        level, {version: both for version, both in found.items() if both.backward or both.forward}
    )


def shown(problem: Incompatibility) -> str:
    """Where and why, for people."""
    return f"{problem.path or 'the root'}: {problem.message}"


def _shown(found: Sequence[Incompatibility]) -> list[str]:
    return list(dict.fromkeys(map(shown, found)))


def _way(problems: Sequence[Incompatibility]) -> dict[str, Any]:
    return {"compatible": not problems, "problems": _shown(problems)}


def _line(what: str, problems: Sequence[Incompatibility]) -> str:
    return f"{what}: " + ("yes" if not problems else "no: " + "; ".join(_shown(problems)))

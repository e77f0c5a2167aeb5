"""Whether a registry would take one Protobuf file after another, at a level: by the rules of registries, and
by what the wire says.
"""

from __future__ import annotations

from kgen_runtime.codec.avro.resolution.incompatibilities import Incompatibility

from ..protobuf.declared_files import DeclaredFiles
from .levels import CompatibilityBothWays, asks
from .proto_reading import proto_unreadable
from .proto_rules import INCOMPATIBLE, proto_incompatible


def proto_both_ways(level: str, old: DeclaredFiles, new: DeclaredFiles) -> CompatibilityBothWays:
    """What stands in the way, as far as the level asks for it. See `levels.at`."""
    return CompatibilityBothWays(
        proto_problems(old, new) if asks(level, "BACKWARD") else (),
        proto_problems(new, old) if asks(level, "FORWARD") else (),
    )


def proto_problems(old: DeclaredFiles, new: DeclaredFiles) -> tuple[Incompatibility, ...]:
    """Why `new` may not follow `old`. The rules take a field with another number for one that is gone and one
    that is new; here it stands in the way, as all does that the wire reads as something else.
    """
    rules = proto_incompatible(old, new)
    found = (Incompatibility(it.path, INCOMPATIBLE[it.kind], always=False) for it in rules)
    return (*found, *proto_unreadable(old, new))

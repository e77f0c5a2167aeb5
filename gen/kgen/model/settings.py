"""What the model takes from `kgen.toml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from kgen_runtime.codec.ranges import OutOfRangeChoice

JsonModels: TypeAlias = Literal["dataclasses", "pydantic"]
"""What the models of JSON Schema subjects are."""

Extras: TypeAlias = Literal["drop", "keep"]
"""What becomes of the fields of a Protobuf message that its schema does not name."""


@dataclass(frozen=True)
class TopicSettings:
    """What `kgen.toml` says of a topic: for key and value an unframed format (`string`, `bytes`, `long`,
    `int`, `double`, `none`) or the name of a subject; None leaves it to the subjects `<topic>-key` and
    `<topic>-value`. `also` has, for a role that names a subject, the unframed format that is read beside it.
    `types` are the types that its values have, if kgen.toml lists them: full names of records, or subjects.

    `context` is the registry context whose subjects those are (`.staging`, `.` for the default one), `topic`
    the topic's name where the table is another one of it. `validate`: whether what has a JSON Schema is
    checked against it, at reading and at writing. `flow`: whether a flow and its test are generated.
    """

    key: str | None = None
    value: str | None = None
    also: Mapping[str, str] = field(default_factory=dict)
    context: str | None = None
    topic: str | None = None
    validate: bool = False
    flow: bool = True
    types: tuple[str, ...] = ()


@dataclass(frozen=True)
class FlowSettings:
    """A flow that `kgen.toml` asks for: the topic that it reads and the one that it writes, by their names in
    kgen.toml or on the broker.
    """

    source: str
    target: str


@dataclass(frozen=True)
class Settings:
    """What the model takes from the configuration."""

    package: str
    kgen_version: str
    topics: Mapping[str, TopicSettings] = field(default_factory=dict)
    ignore_rules: tuple[str, ...] = ()  # patterns of subjects whose data contract rules are ignored
    flows: Mapping[str, FlowSettings] = field(default_factory=dict)
    out_of_range: OutOfRangeChoice = "error"  # what is read of a date or decimal that Python has no value for
    extras: Extras = "drop"  # what becomes of the unknown fields of Protobuf messages


LEVELS = (
    "NONE",
    "BACKWARD",
    "BACKWARD_TRANSITIVE",
    "FORWARD",
    "FORWARD_TRANSITIVE",
    "FULL",
    "FULL_TRANSITIVE",
)
"""The levels of compatibility that registries know."""

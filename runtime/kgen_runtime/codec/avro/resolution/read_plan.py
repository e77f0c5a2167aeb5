"""The plan that resolution makes of a writer and a reader schema, and that both engines follow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from ..schema.tree import Logical, PrimitiveName, Record

# "read": writer to reader; "skip": the writer alone, for fields the reader lacks; "own": the reader alone,
# for its defaults.
Mode: TypeAlias = Literal["read", "skip", "own"]
Key: TypeAlias = tuple[Mode, str, str]


@dataclass(frozen=True, eq=False, slots=True)
class Value:
    """A primitive written as `writer`, wanted as `reader` with its logical type.

    `unit`: the writer's logical type, if it is the same kind of time in another unit. `branch`: the
    branch of the reader's union that the value is to remember.
    """

    writer: PrimitiveName
    reader: PrimitiveName
    logical: Logical | None
    unit: Logical | None = None
    branch: str = ""


@dataclass(frozen=True, eq=False, slots=True)
class FixedValue:
    """A fixed of `size` bytes, which the reader calls `name`; `branch` as in `Value`."""

    name: str
    size: int
    logical: Logical | None
    branch: str = ""


@dataclass(frozen=True, eq=False, slots=True)
class EnumValue:
    """An enum: for each symbol of the writer, the reader's symbol, or None where there is none.

    `lost`: the writer's symbols for which there is none. If the enum is skipped, no symbols are here.
    """

    name: str
    symbols: tuple[str | None, ...]
    written: tuple[str, ...]
    lost: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False, slots=True)
class ListOf:
    """An array."""

    items: Plan


@dataclass(frozen=True, eq=False, slots=True)
class MapOf:
    """A map."""

    values: Plan


@dataclass(frozen=True, eq=False, slots=True)
class Choice:
    """A writer's union, a plan for each branch."""

    branches: tuple[Plan, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Pick:
    """Branches of a reader's union that match by name or promotion: the first that can be read is meant."""

    branches: tuple[Plan, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Step:
    """A field as the writer wrote it: into field `target` of the reader, or skipped where that is None."""

    name: str
    plan: Plan
    target: int | None


@dataclass(frozen=True, eq=False, slots=True)
class Default:
    """Field `target` of the reader, which the writer lacks: `data` is Avro binary for `plan`."""

    target: int
    data: bytes
    plan: Plan


@dataclass(frozen=True, eq=False, slots=True)
class Fields:
    """A record of the reader (of the writer, if it is skipped)."""

    record: Record
    steps: tuple[Step, ...]
    defaults: tuple[Default, ...]
    missing: tuple[Never, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Link:
    """A record by its key in `Resolution.bodies`."""

    key: Key


@dataclass(frozen=True, eq=False, slots=True)
class Never:
    """What cannot be resolved, and why; `field` where it is a field that the writer lacks."""

    message: str
    field: str = ""


Plan: TypeAlias = Value | FixedValue | EnumValue | ListOf | MapOf | Choice | Pick | Link | Never

"""What user code can use of a generated module: its names, classes, fields, symbols and topic.

An outline is the same whether it is made of the generator's model or of a module's text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

Place: TypeAlias = "tuple[str, str]"
"""A module and a name in it."""


@dataclass(frozen=True)
class FieldOutline:
    """A field of a dataclass. `types` are the members of its union, sorted, with aliases opened; `shown` is
    its type as it is written, `wire` its name in the schema.
    """

    types: tuple[str, ...]
    shown: str
    required: bool
    wire: str


@dataclass(frozen=True)
class ClassOutline:
    """A dataclass or an enum. `symbols` are those of an enum: member -> wire symbol."""

    fields: Mapping[str, FieldOutline] = field(default_factory=dict)
    symbols: Mapping[str, str] = field(default_factory=dict)
    is_enum: bool = False


@dataclass(frozen=True)
class Half:
    """The key or the value of a topic: what its type may be, and how it is read."""

    types: tuple[str, ...]
    shown: str  # its type as it is written; of the topic itself its name
    serde: str  # `rt.BytesSerde`
    schemas: str = ""  # their subject, if the module says it


@dataclass(frozen=True)
class ModuleOutline:
    """A generated module. `imports` are the names that it has from modules beside it, `names` all of its
    names, `full_names` what classes are called in schemas (key and value may each have one of the same name).
    """

    sources: Mapping[str, int] = field(default_factory=dict)  # subject -> version
    classes: Mapping[str, ClassOutline] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)  # public type alias -> what it stands for
    imports: Mapping[str, Place] = field(default_factory=dict)
    names: frozenset[str] = frozenset()
    full_names: Mapping[str, str] = field(default_factory=dict)  # class -> full name
    halves: Mapping[str, Half] = field(
        default_factory=dict
    )  # of its topic: key, value, and as `topic` its name

    @property
    def value(self) -> frozenset[str]:
        """What the topic's value may be."""
        return frozenset(self.halves["value"].types) if "value" in self.halves else frozenset()

    def class_of(self, full_name: str) -> str:
        """The class of a type in a schema; empty if the module has none."""
        return next((name for name, full in self.full_names.items() if full == full_name), "")

    def lenient(self) -> ModuleOutline:
        """As if no field were required."""
        classes = {
            name: replace(it, fields={n: replace(f, required=False) for n, f in it.fields.items()})
            for name, it in self.classes.items()
        }
        return replace(self, classes=classes)


Outlines: TypeAlias = Mapping[str, ModuleOutline]
"""Generated modules by their relative paths, or by their dotted names."""

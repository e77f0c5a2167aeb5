"""Pulls one after the other, without registry and files: the lock goes from each to the next."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from kgen.model import Names, Project, Settings, build
from kgen.model.library import Library
from kgen.model.project import Module, RecordClass
from kgen.model.subjects import Reference, SchemaVersion, Snapshot, Subject

SETTINGS = Settings("streams", "0.1.0")


def record(name: str, *fields: str | tuple[str, Any], aliases: tuple[str, ...] = ()) -> dict[str, Any]:
    """A record; a field alone is an int."""
    pairs = [field if isinstance(field, tuple) else (field, "int") for field in fields]
    more = {"aliases": list(aliases)} if aliases else {}
    return {"type": "record", "name": name, "fields": [{"name": n, "type": t} for n, t in pairs], **more}


def version(subject: str, schema: Any, number: int = 1, **references: int) -> SchemaVersion:
    """A version; `references` are subjects (with `_` for `-`) and their versions."""
    needed = tuple(Reference(name, name.replace("_", "-"), at) for name, at in references.items())
    return SchemaVersion(subject, number, 100 + number, "AVRO", json.dumps(schema), needed)


def snapshot(*versions: SchemaVersion, referenced: tuple[SchemaVersion, ...] = ()) -> Snapshot:
    """What a registry holds; what is `referenced` alone is not pulled."""
    names = sorted({v.subject for v in versions})
    subjects = tuple(
        Subject(name, tuple(sorted((v for v in versions if v.subject == name), key=lambda v: v.version)))
        for name in names
    )
    return Snapshot("http://registry", subjects, (*referenced, *versions))


class Project_:
    """A user's project."""

    def __init__(
        self, names: Names | None = None, earlier: Snapshot | None = None, settings: Settings = SETTINGS
    ) -> None:
        self.settings = settings
        self.names = names or Names()
        self.snapshot = earlier
        self.model: Project | None = None

    def pull(self, new: Snapshot) -> Project:
        """The model after the pull; a second pull, and one of the lock alone, change nothing."""
        model = build(new, self.settings, self.names, Library(self.snapshot) if self.snapshot else None)
        again = build(new, self.settings, model.names, Library(new))
        assert again == model
        self.names, self.snapshot, self.model = model.names, new, model
        return model


def module(model: Project, name: str) -> Module:
    """One of its modules."""
    return next(it for it in model.modules if it.name == name)


def cls(model: Project, name: str, class_: str) -> tuple[str, RecordClass]:
    """What `name.class_` is: the module that defines it, and the class."""
    found = module(model, name)
    for item in found.imports:
        if item.local == class_:
            return cls(model, item.module, item.name)
    return name, next(it for it in found.records if it.name == class_)


def fields(model: Project, name: str, class_: str) -> dict[str, str]:
    """Attribute -> wire name."""
    return {item.name: item.wire for item in cls(model, name, class_)[1].fields}


def meanings(model: Project) -> Mapping[str, Any]:
    """Everything that user code can name -> what it stands for on the wire."""
    found: dict[str, Any] = {}
    for mod in model.modules:
        for record_ in mod.records:
            found[f"{mod.name}.{record_.name}"] = record_.fullname
            found |= {f"{record_.fullname} of {mod.name}.{f.name}": f.wire for f in record_.fields}
        for enum in mod.enums:
            found[f"{mod.name}.{enum.name}"] = enum.fullname
            found |= {f"{enum.fullname} of {mod.name}.{s.name}": s.wire for s in enum.symbols}
    return found

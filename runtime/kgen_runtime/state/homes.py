"""The subjects whose classes are loaded, and how each class stands for a type of its schema."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ..codec.avro.bind import bind
from ..codec.avro.schema.tree import Enum, Record, Ref, Schema
from ..errors import SchemaError
from .marks import Mark, fingerprint

if TYPE_CHECKING:
    from ..serde.schemas import Schemas, WriterSchema


class Home:
    """A subject with its classes, which stand for the types of its latest version, by full name."""

    def __init__(self, schemas: Schemas, classes: Mapping[str, type[Any]]) -> None:
        self.schemas = schemas
        self.classes = MappingProxyType(dict(classes))

    @cached_property
    def package(self) -> str:
        """Where the modules of the classes are."""
        return next(iter(self.classes.values())).__module__.rpartition(".")[0]

    @cached_property
    def latest(self) -> Schema:
        """The schema that the classes were made from. Raises `SchemaError`."""
        return self.schemas.latest.parse()

    @cached_property
    def mark(self) -> str:
        """The fingerprint of the latest version."""
        return _fingerprint(self.schemas.latest)

    @cached_property
    def marks(self) -> Mapping[str, WriterSchema]:
        """Every version by its fingerprint."""
        return {_fingerprint(version): version for version in self.schemas.versions}

    def alone(self, name: str) -> Schema:
        """The latest schema, with one of its types as the root."""
        return Schema(Ref(name), self.latest.names)


class Binding:
    """A class that stands for a type."""

    def __init__(self, home: Home, name: str, cls: type[Any]) -> None:
        self.home = home
        self.name = name
        self.cls = cls

    @cached_property
    def mark(self) -> str:
        """What its pickled values carry."""
        return str(Mark(self.cls.__module__, self.name, self.home.mark))

    @cached_property
    def attributes(self) -> tuple[str, ...]:
        """The attribute of each field of a record, in the schema's order. Raises `SchemaError`."""
        named = self.home.latest.names.get(self.name)
        if not isinstance(named, Record):
            raise SchemaError(f"{self.name} is not a record of {self.home.schemas.subject}")
        return bind(named, self.cls).attributes

    @cached_property
    def members(self) -> Mapping[str, Any]:
        """The members of an enum by their symbols."""
        return {member.value: member for member in self.cls}

    @cached_property
    def default(self) -> Any:
        """The member that stands for a symbol that is gone; None where there is none."""
        named = self.home.latest.names.get(self.name)
        return self.members.get(named.default or "") if isinstance(named, Enum) else None


_homes: dict[tuple[str, str, int], Home] = {}
"""By package, subject, and version: classes of an earlier one may be there as well."""

ready: dict[str, Callable[[bytes], Any]] = {}
"""By mark, what reads the records of today's schemas: every message that a worker gets comes by here."""

_walked: set[str] = set()
_version = 0


def add(schemas: Schemas, classes: Mapping[str, type[Any]]) -> Home | None:
    """The classes of a subject; None if they are known. What was found before may be found otherwise now."""
    global _version
    home = Home(schemas, classes)
    key = (home.package, schemas.subject, schemas.latest.version)
    known = _homes.get(key)
    if known is not None and known.schemas == schemas and dict(known.classes) == dict(classes):
        return None
    _homes[key] = home
    _version += 1
    ready.clear()
    return home


def version() -> int:
    """Grows with each registration: what was found before may be found otherwise."""
    return _version


def homes(package: str = "") -> Iterator[Home]:
    """Every subject, those of the package first, and newer versions before earlier ones."""
    order = sorted(_homes.items(), key=lambda item: (item[0][0] != package, *item[0][:2], -item[0][2]))
    return iter([home for _, home in order])


def groups(package: str) -> tuple[list[Home], list[Home]]:
    """As `homes`: those of the package, in which everything is looked for first, and the others. Two packages
    in one process may have the same schemas.
    """
    every = list(homes(package))
    return [home for home in every if home.package == package], [
        home for home in every if home.package != package
    ]


def load(module: str) -> None:
    """Import a module that had a class, if it is there: its classes are known then."""
    try:
        importlib.import_module(module)
    except ImportError:
        return


def load_all(package: str) -> None:
    """Import the modules of a package of generated code, and of those that are known, once."""
    for name in {package, *(known for known, *_ in _homes if known.endswith("._generated"))} - _walked:
        _walked.add(name)
        load(name)
        path = getattr(sys.modules.get(name), "__path__", None)
        for found in pkgutil.iter_modules(path) if path and name.endswith("._generated") else ():
            load(f"{name}.{found.name}")


def _fingerprint(version: WriterSchema) -> str:
    return fingerprint(version.text, version.references)

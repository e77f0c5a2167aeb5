"""What kgen 0.1.0 kept: objects by the path of their class and the names of their attributes, without a word
of the schema.

Which version wrote an object is found by its attributes: the newest that has these, and no others.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from ..codec.avro.schema.tree import Record, Schema
from ..errors import RecoveryError
from . import homes
from .homes import Binding, Home
from .marks import Mark
from .record_values import UNSET
from .restorers import Restorer, target


def written_by(binding: Binding, record: Any, state: Any) -> tuple[Restorer, list[Any], Any]:
    """What wrote the state of an object, its values in that schema's order, and what is in no schema.

    Raises `RecoveryError` if no version has such an object.
    """
    held, slots = state if isinstance(state, tuple) else (state, None)
    given = dict(slots or {})
    found = _version(binding, frozenset(given), type(record) is not binding.cls, homes.version())
    if found is None:
        raise RecoveryError(
            f"a kept {binding.name} cannot be read: no version has the fields {', '.join(given)}",
            hint="Was an earlier version deleted (`kgen pull` fetches all), or the file edited by hand?",
        )
    values = [UNSET if name is None else given.pop(name, UNSET) for name in found.attributes]
    return found.restorer, values, (held, given) if held or given else None


class _Version(NamedTuple):
    restorer: Restorer
    attributes: tuple[str | None, ...]


@lru_cache(maxsize=1024)
def _version(binding: Binding, given: frozenset[str], derived: bool, at: int) -> _Version | None:
    fallback: _Version | None = None
    for schema, name, record in _versions(binding):
        attributes = _attributes(record, binding, given)
        known = {attribute for attribute in attributes if attribute}
        if not derived and known != given:
            continue
        mark = Mark(binding.cls.__module__, name, "")
        found = _Version(Restorer(mark, schema, binding, current=False), attributes)
        if None not in attributes:
            return found
        fallback = fallback or found
    return fallback


def _versions(binding: Binding) -> Iterator[tuple[Schema, str, Record]]:
    """Records that this class may stand for, newest first, those of its own subject before the others."""
    today = binding.home.latest.names[binding.name]
    package = binding.cls.__module__.rpartition(".")[0]
    every = [binding.home, *(home for home in homes.homes(package) if home is not binding.home)]
    for home in every:
        for version in reversed(home.schemas.versions):
            schema = version.parse()
            for name, named in schema.names.items():
                if isinstance(named, Record) and (_alike(name, binding.name) or name in today.aliases):
                    yield schema, name, named


def _attributes(record: Record, binding: Binding, given: frozenset[str]) -> tuple[str | None, ...]:
    """The attribute that each field of a version had: as today, else by its name; None if it is not set."""
    today = binding.home.latest.names[binding.name]
    assert isinstance(today, Record)
    named = {field.name: attribute for field, attribute in zip(today.fields, binding.attributes)}
    squashed = {_squashed(name): name for name in given}
    left = set(given)
    found: list[str | None] = []
    for field in record.fields:
        candidates = (named.get(field.name), field.name, squashed.get(_squashed(field.name)))
        attribute = next((name for name in candidates if name in left), None)
        left.discard(attribute or "")
        found.append(attribute)
    return tuple(found)


def class_for(module: str, name: str) -> Binding | None:
    """The class that stands today for one that is gone: of this name in another module, or by the schemas."""
    package = module.rpartition(".")[0]
    homes.load_all(package)
    for group in homes.groups(package):
        every = sorted(group, key=lambda home: not _of_module(home, module))
        found = next((each for home in every for each in _today(home, name)), None) or next(
            (each for home in every for each in _earlier(home, name, every)), None
        )
        if found is not None:
            return found
    return None


def _today(home: Home, name: str) -> Iterator[Binding]:
    for wire, cls in home.classes.items():
        if cls.__name__ == name:
            yield bound(cls) or Binding(home, wire, cls)


def _earlier(home: Home, name: str, every: Sequence[Home]) -> Iterator[Binding]:
    """What reads a type of this name in an earlier version."""
    for version in reversed(home.schemas.versions):
        schema = version.parse()
        for wire in schema.names:
            if _squashed(wire.rpartition(".")[2]) == _squashed(name):
                found = target(schema, wire, home, every)
                if found is not None:
                    yield bound(found.cls) or found


def bound(cls: type[Any]) -> Binding | None:
    """What a class stands for; None where it is not of generated code."""
    for home in homes.homes(cls.__module__.rpartition(".")[0]):
        for name, known in home.classes.items():
            if known is cls:
                return Binding(home, name, cls)
    return None


def of_the_runtime(module: str, name: str) -> Any:
    """What this package has moved. Raises `RecoveryError`."""
    found = getattr(importlib.import_module("kgen_runtime"), name, None)
    if found is None:
        raise RecoveryError(
            f"{module}.{name} is gone, of which an object is kept", hint="Use the kgen that wrote it."
        )
    return found


def _of_module(home: Home, module: str) -> bool:
    return _squashed(home.schemas.subject).startswith(_squashed(module.rpartition(".")[2]))


def _alike(one: str, other: str) -> bool:
    return one.rpartition(".")[2] == other.rpartition(".")[2]


def _squashed(name: str) -> str:
    """A name as far as its spelling in Python shows."""
    return "".join(letter for letter in name.casefold() if letter.isalnum())

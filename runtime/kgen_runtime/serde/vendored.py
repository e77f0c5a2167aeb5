"""The schemas inside generated code: compressed, each text once, unpacked when they are asked for."""

from __future__ import annotations

import binascii
import zlib
from base64 import b64decode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..errors import SchemaError
from ..state.registration import register
from .rules import OnRules
from .schemas import Schemas, WriterSchema


@dataclass(frozen=True)
class VendoredVersion:
    """One version of a subject. `references` are the versions that its text itself refers to.

    `read`: messages are written with it. Other versions are there because texts refer to them.
    """

    version: int
    id: int
    guid: str | None = None
    references: tuple[tuple[str, int], ...] = ()
    read: bool = True


@dataclass(frozen=True)
class VendoredSubject:
    """A subject, its versions ascending, and their texts: one after the other with a NUL between them, as
    zlib in base64. `rules`: see `Schemas`.
    """

    subject: str
    versions: tuple[VendoredVersion, ...]
    packed: str
    rules: OnRules = "refuse"

    @cached_property
    def texts(self) -> dict[int, str]:
        """Version -> text. Raises `SchemaError` if they are damaged."""
        try:
            texts = zlib.decompress(b64decode(self.packed)).decode().split("\0")
            return {item.version: text for item, text in zip(self.versions, texts, strict=True)}
        except (zlib.error, binascii.Error, ValueError):
            raise SchemaError(
                "the generated schemas are damaged", where=self.subject, hint="run `kgen pull --frozen`"
            ) from None


class VendoredSchemas:
    """The schemas of a package, by subject."""

    def __init__(self, *subjects: VendoredSubject) -> None:
        self._subjects = {subject.subject: subject for subject in subjects}

    def subject(self, subject: str) -> Schemas:
        """The versions that messages of a subject are written with.

        Raises `KeyError` if the subject is not here, `SchemaError` where its texts are damaged.
        """
        found = self._subjects[subject]
        versions = tuple(self._written(found, item) for item in found.versions if item.read)
        return Schemas(subject, versions, found.rules)

    def register(self, subject: str, version: int, classes: Mapping[str, type[Any]]) -> None:
        """The classes of a version of a subject, by full name: `kgen_runtime.state` reads kept objects of
        them by the versions up to this one. Serdes do that for theirs. Raises as `subject`.
        """
        found = self._subjects[subject]
        versions = tuple(self._written(found, item) for item in found.versions if item.version <= version)
        register(Schemas(subject, versions, found.rules), classes)

    def _written(self, subject: VendoredSubject, item: VendoredVersion) -> WriterSchema:
        needed = self._needed(item, set())
        references = tuple(self._subjects[name].texts[version] for name, version in needed)
        return WriterSchema(item.version, item.id, subject.texts[item.version], references, item.guid)

    def _needed(self, item: VendoredVersion, done: set[tuple[str, int]]) -> Iterator[tuple[str, int]]:
        """What a version refers to, transitively, each once, what it needs before it."""
        for reference in item.references:
            if reference not in done:
                done.add(reference)
                subject, version = reference
                found = next(it for it in self._subjects[subject].versions if it.version == version)
                yield from self._needed(found, done)
                yield reference

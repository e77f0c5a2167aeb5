"""The schemas inside generated code: compressed, each text once, unpacked when they are asked for."""

from __future__ import annotations

import binascii
import zlib
from base64 import b64decode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

from ..errors import SchemaError
from ..state.registration import register
from .rules import OnRules
from .schemas import SchemaLanguage, Schemas, WriterSchema

VendoredReference: TypeAlias = "tuple[str, int] | tuple[str, int, str]"
"""A subject and a version; in JSON Schema and Protobuf also the name that the text uses for it."""


@dataclass(frozen=True)
class VendoredVersion:
    """One version of a subject. `references` are the versions that its text itself refers to.

    `read`: messages are written with it. Other versions are there because texts refer to them. `type` is the
    language of the text.
    """

    version: int
    id: int
    guid: str | None = None
    references: tuple[VendoredReference, ...] = ()
    read: bool = True
    type: SchemaLanguage = "AVRO"


@dataclass(frozen=True)
class VendoredSubject:
    """A subject, its versions ascending, and their texts: one after the other with a NUL between them, as
    zlib in base64. `rules`: see `Schemas`. `descriptor`: see there as well, packed as the texts are.
    """

    subject: str
    versions: tuple[VendoredVersion, ...]
    packed: str
    rules: OnRules = "refuse"
    descriptor: str = ""

    @cached_property
    def texts(self) -> dict[int, str]:
        """Version -> text. Raises `SchemaError` if they are damaged."""
        texts = self._unpacked(self.packed).split("\0")
        if len(texts) != len(self.versions):
            raise self._damaged()
        return {item.version: text for item, text in zip(self.versions, texts)}

    @cached_property
    def descriptor_text(self) -> str:
        """The descriptor, unpacked; empty if there is none. Raises as `texts` does."""
        return self._unpacked(self.descriptor) if self.descriptor else ""

    def _unpacked(self, packed: str) -> str:
        try:
            return zlib.decompress(b64decode(packed)).decode()
        except (zlib.error, binascii.Error, ValueError):
            raise self._damaged() from None

    def _damaged(self) -> SchemaError:
        what = "the generated schemas are damaged"
        return SchemaError(what, where=self.subject, hint="run `kgen pull --frozen`")


class VendoredSchemas:
    """The schemas of a package, by subject."""

    def __init__(self, *subjects: VendoredSubject) -> None:
        self._subjects = {subject.subject: subject for subject in subjects}

    def subject(self, subject: str, type: SchemaLanguage | None = None) -> Schemas:  # noqa: A002
        """The versions that messages of a subject are written with; of one language, if it had two.

        Raises `KeyError` if the subject is not here, `SchemaError` where its texts are damaged.
        """
        found = self._subjects[subject]
        read = (item for item in found.versions if item.read and type in (None, item.type))
        versions = tuple(self._written(found, item) for item in read)
        return Schemas(subject, versions, found.rules, found.descriptor_text)

    def register(self, subject: str, version: int, classes: Mapping[str, type[Any]]) -> None:
        """The classes of a version of a subject, by full name: `kgen_runtime.state` reads kept objects of
        them by the versions up to this one. Serdes do that for theirs. Raises as `subject`.
        """
        found = self._subjects[subject]
        versions = tuple(self._written(found, item) for item in found.versions if item.version <= version)
        register(Schemas(subject, versions, found.rules, found.descriptor_text), classes)

    def _written(self, subject: VendoredSubject, item: VendoredVersion) -> WriterSchema:
        needed = tuple(self._needed(item, set()))
        references = tuple(self._subjects[it[0]].texts[it[1]] for it in needed)
        names = tuple(it[2] for it in needed if len(it) > 2)
        text = subject.texts[item.version]
        return WriterSchema(item.version, item.id, text, references, item.guid, item.type, names)

    def _needed(self, item: VendoredVersion, done: set[VendoredReference]) -> Iterator[VendoredReference]:
        """What a version refers to, transitively, each once, what it needs before it."""
        for reference in item.references:
            if reference not in done:
                done.add(reference)
                subject, version = reference[:2]
                found = next(it for it in self._subjects[subject].versions if it.version == version)
                yield from self._needed(found, done)
                yield reference

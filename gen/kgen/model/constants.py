"""The constants of `_schemas`: the texts of the schemas that serdes need, by subject."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from . import quote
from .expr import Expr, call, tuple_of
from .library import Library, Pair
from .names import ascii_name, digest
from .project import SchemaConstant
from .subjects import SchemaVersion
from .topics import TopicPlan, Usable


class Constants:
    """Names and values of the constants: a referenced text stands once, before the subjects that use it."""

    def __init__(self, library: Library, readable: Usable, plans: Iterable[TopicPlan]) -> None:
        subjects = sorted({subject for plan in plans for subject in plan.subjects.values()})
        self._library = library
        self._versions = {subject: readable.versions[subject] for subject in subjects}
        self._references = self._referenced()
        self._names = _names(subjects, "")
        self._reference_names = _names(
            (f"{subject} v{version}" for subject, version in self._references), "_"
        )

    def _referenced(self) -> Mapping[Pair, SchemaVersion]:
        found = {
            (reference.subject, reference.version): reference
            for versions in self._versions.values()
            for version in versions
            for reference in self._library.unit((version.subject, version.version)).references
        }
        return dict(sorted(found.items()))

    def name(self, subject: str) -> str:
        """The constant of a subject."""
        return self._names[subject]

    def versions(self, subject: str) -> int:
        """How many versions of a subject there are."""
        return len(self._versions[subject])

    def all(self) -> tuple[SchemaConstant, ...]:
        """Every constant, in the order to write them."""
        texts = (
            SchemaConstant(self._reference_names[f"{subject} v{version}"], quote.string(reference.text))
            for (subject, version), reference in self._references.items()
        )
        schemas = (
            SchemaConstant(self._names[subject], self._schemas(subject, versions))
            for subject, versions in self._versions.items()
        )
        return (*texts, *schemas)

    def _schemas(self, subject: str, versions: tuple[SchemaVersion, ...]) -> Expr:
        return call("rt.Schemas", quote.string(subject), tuple_of(map(self._version, versions)))

    def _version(self, version: SchemaVersion) -> Expr:
        references = self._library.unit((version.subject, version.version)).references
        names = (
            self._reference_names[f"{reference.subject} v{reference.version}"] for reference in references
        )
        extra: dict[str, Expr] = {"references": tuple_of(names)} if references else {}
        if version.guid:
            extra["guid"] = quote.string(version.guid)
        number, id_ = str(version.version), str(version.id)
        return call("rt.WriterSchema", version=number, id=id_, text=quote.string(version.text), **extra)


def _names(wanted: Iterable[str], prefix: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in wanted:
        name = ascii_name(text, "S").upper().strip("_")
        name = prefix + (name if name[:1].isalpha() else f"S_{name}")
        found[text] = f"{name}_{digest(text, 6).upper()}" if name in found.values() else name
    return found

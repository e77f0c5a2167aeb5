"""What a registry holds, as the generator sees it: what passes from the registry (or from lock and vendored
schemas) to the model.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

SchemaType: TypeAlias = Literal["AVRO", "JSON", "PROTOBUF"]
Cause: TypeAlias = Literal["format", "unreadable", "earlier"]


@dataclass(frozen=True)
class Reference:
    """A use of another subject's schema under a name."""

    name: str
    subject: str
    version: int


@dataclass(frozen=True)
class SchemaVersion:
    """One version of a subject. `text` is as received. `references` are the direct ones.

    `rules` names the data contract rules that are in force; `rule_set` is the hash of all that the registry
    keeps as the version's rules, None where it keeps nothing.
    """

    subject: str
    version: int
    id: int
    type: SchemaType
    text: str
    references: tuple[Reference, ...] = ()
    guid: str | None = None
    rules: tuple[str, ...] = ()
    rule_set: str | None = None


@dataclass(frozen=True)
class Subject:
    """A subject and those of its versions that were pulled, ascending; the last one is what the generated
    code reads.
    """

    name: str
    versions: tuple[SchemaVersion, ...]
    compatibility: str | None = None  # None where the registry would not say
    compatibility_inherited: bool = True
    policy: str | None = None  # of compatibility in JSON Schema: STRICT, LENIENT; None where nothing is said

    @property
    def latest(self) -> SchemaVersion:
        """The version that generated code reads."""
        return self.versions[-1]

    def begun_again(self, before: Subject) -> bool:
        """Whether the subject was deleted for good and registered again since: a number means another
        schema now.
        """
        known = {v.version: v.id for v in before.versions}
        return any(known.get(v.version, v.id) != v.id for v in self.versions)


@dataclass(frozen=True, order=True)
class TopicAssociation:
    """That the keys or values (`role`) of a topic are of a subject, as the registry keeps it."""

    topic: str
    role: str
    subject: str


@dataclass(frozen=True)
class Skipped:
    """A subject that was left out, and why. `cause`: kgen does not read its format (yet); its newest version
    cannot be read; an earlier version cannot, and that alone is left out.
    """

    subject: str
    reason: str
    cause: Cause = "unreadable"


@dataclass(frozen=True)
class Snapshot:
    """Everything a rendering needs: the same whether it came from a registry or from lock and vendored
    schemas.

    `registry_url` is without userinfo and query. `referenced` holds every version that is reached by
    references (transitively), sorted by (subject, version); subjects are sorted by name, and `associations`.
    """

    registry_url: str
    subjects: tuple[Subject, ...]
    referenced: tuple[SchemaVersion, ...] = ()
    skipped: tuple[Skipped, ...] = field(default=())
    associations: tuple[TopicAssociation, ...] = ()

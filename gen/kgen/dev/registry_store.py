"""What the development registry remembers: subjects, versions, schemas. Pure: no HTTP, no files, no locks.

The rules are those of Confluent's registry: an id stands for a schema with its references in a context, a
soft-deleted version can still be read by id, and registering its schema again brings it back as a new one.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from kgen_runtime.serde.subject_names import context_of, plain, qualified, sibling

from ..compat.json_levels import policy_of
from ..compat.json_policies import POLICIES
from ..compat.levels import LEVELS
from ..model.subjects import Reference
from . import api_errors
from .api_errors import Problem
from .association_store import AssociationStore
from .compat_check import Earlier, violations
from .compat_settings import GLOBAL, MODES, Scoped
from .schema_request import Draft, ReferencedText, check, serialized

Key = TypeVar("Key")


@dataclass
class Version:
    """One version of a subject; `draft.id` and `draft.version` are the ones it got."""

    subject: str
    draft: Draft
    deleted: bool = False

    @property
    def number(self) -> int:
        """The version."""
        return self.draft.version


class Lists(Generic[Key]):
    """Lists by key, none of them empty."""

    def __init__(self) -> None:
        self._lists: dict[Key, list[Version]] = {}

    def __getitem__(self, key: Key) -> Sequence[Version]:
        return self._lists.get(key, ())

    def append(self, key: Key, version: Version) -> None:
        """One more."""
        self._lists.setdefault(key, []).append(version)

    def remove(self, key: Key, version: Version) -> None:
        """Without this very one."""
        left = [each for each in self._lists[key] if each is not version]
        if left:
            self._lists[key] = left
        else:
            del self._lists[key]


class VersionIndex:
    """The versions that a store holds, by what it is asked for; each list in the order they were added."""

    def __init__(self) -> None:
        self.by_id = Lists[tuple[str, int]]()  # context and id
        self.by_schema = Lists[tuple[str, str]]()  # context and identity of the schema
        self.by_guid = Lists[str]()
        self.referrers = Lists[tuple[str, int]]()  # subject and version that they refer to

    def add(self, version: Version) -> None:
        """A version that the store holds from now on."""
        for lists, key in self._places(version):
            lists.append(key, version)

    def remove(self, version: Version) -> None:
        """The store holds it no longer."""
        for lists, key in self._places(version):
            lists.remove(key, version)

    def _places(self, version: Version) -> Iterator[tuple[Lists[Any], Any]]:
        context, draft = context_of(version.subject), version.draft
        yield self.by_id, (context, draft.id)
        yield self.by_schema, (context, draft.identity)
        yield self.by_guid, draft.guid
        for subject, number in dict.fromkeys(
            (sibling(version.subject, each.subject), each.version) for each in draft.references
        ):
            yield self.referrers, (subject, number)


class Store:
    """Subjects and their versions."""

    def __init__(self) -> None:
        self._subjects: dict[str, dict[int, Version]] = {}
        self._index = VersionIndex()
        self._ids: dict[str, int] = {}  # the highest id each context ever gave
        self.levels = Scoped(LEVELS, "BACKWARD")
        self.policies = Scoped(POLICIES, "")  # of JSON Schemas
        self.modes = Scoped(MODES, "READWRITE")
        self.associations = AssociationStore()

    # Reading

    def subjects(
        self, prefix: str = ":*:", *, deleted: bool = False, only_deleted: bool = False
    ) -> list[str]:
        """The subjects that begin with `prefix` (`:*:` stands for every context), sorted."""
        return sorted(
            name
            for name in self._subjects
            if _has_prefix(name, prefix) and list(self._seen(name, deleted, only_deleted))
        )

    def versions(self, subject: str, *, deleted: bool = False, only_deleted: bool = False) -> list[Version]:
        """The versions of a subject, ascending. Raises 40401."""
        subject = qualified(subject)
        found = list(self._seen(subject, deleted, only_deleted))
        if not found and not (only_deleted and subject in self._subjects):
            raise api_errors.subject_not_found(subject)
        return found

    def version(self, subject: str, number: str, *, deleted: bool = False) -> Version:
        """One version: a number, `latest` or `-1`. Raises 40401, 40402, 42202."""
        wanted = _number(number)
        found = self.versions(subject, deleted=deleted)
        if wanted == -1:
            return found[-1]
        for version in found:
            if version.number == wanted:
                return version
        raise api_errors.version_not_found(wanted)

    def latest_with(
        self, subject: str, properties: Iterable[tuple[str, str]], *, deleted: bool = False
    ) -> Version:
        """The newest version whose metadata has all these properties. Raises 40401, 40403."""
        wanted = set(properties)
        for version in reversed(self.versions(subject, deleted=deleted)):
            if wanted <= version.draft.properties.items():
                return version
        raise api_errors.schema_not_found()

    def by_id(self, id_: int, subject: str = "", *, deleted: bool = True) -> list[Version]:
        """The versions with this id in the context of `subject`, by subject. Raises 40403."""
        context = context_of(qualified(subject))
        every = self._index.by_id[context, id_]
        if not every:
            raise api_errors.schema_not_found(id_)
        return [v for v in every if deleted or not v.deleted]

    def by_guid(self, guid: str) -> Version:
        """A version whose schema has this GUID. Raises 40403."""
        if found := self._index.by_guid[guid]:
            return found[0]
        raise api_errors.schema_not_found(guid)

    def serialized(self, version: Version) -> str:
        """The schema as `format=serialized` asks for it: of a .proto file its descriptor in base64, of any
        other the text.
        """
        if version.draft.type != "PROTOBUF":
            return version.draft.text
        return serialized(version.draft.text, self._texts(version.subject, version.draft))

    def max_id(self, subject: str = "") -> int:
        """The highest id given in the context of `subject`."""
        return self._ids.get(context_of(qualified(subject)), 0)

    def contexts(self) -> list[str]:
        """The contexts that hold subjects, `.` for the default one."""
        return sorted({".", *(context_of(name).strip(":") or "." for name in self._subjects)})

    def lookup(
        self, subject: str, draft: Draft, *, normalize: bool = False, deleted: bool = False
    ) -> Version:
        """The version of `subject` that is this schema; without metadata and rules, another that is the same
        but for those will do. Raises 40401, 40403, 42201.
        """
        subject = qualified(subject)
        found = self.versions(subject, deleted=deleted)
        self._texts(subject, draft)
        alike = [v for v in reversed(found) if _same(v.draft, draft, normalize)]
        if not draft.extra:
            alike += [v for v in reversed(found) if _same(replace(v.draft, extra=()), draft, normalize)]
        if not alike:
            raise api_errors.schema_not_found()
        return alike[0]

    def referenced_by(self, subject: str, number: str, *, deleted: bool = False) -> list[int]:
        """The ids of the schemas that refer to this version, ascending. Raises 40401, 40402, 42202."""
        target = self.version(subject, number, deleted=True)
        return sorted({v.draft.id for v in self._referrers(target, deleted)})

    # Writing

    def register(self, subject: str, draft: Draft, *, normalize: bool = False) -> Version:
        """The version of `subject` that is this schema, made where there is none.

        Raises 409, 42201, 42205, 42208.
        """
        subject = _valid_subject(subject)
        self._may_register(subject, draft)
        texts = self._texts(subject, draft)
        draft = draft.normalized() if normalize else draft
        if draft.version == 0 and (known := self._known(subject, draft)):
            return known
        if self.modes.in_scope(subject) == "READWRITE":
            self._must_follow(subject, draft, texts)
        return self._add(subject, draft)

    def delete_subject(self, subject: str, *, permanent: bool = False) -> list[int]:
        """Delete a subject, softly or (after that) for good; the versions it took.

        Raises 40401, 40404, 40405, 42205, 42206.
        """
        subject = qualified(subject)
        self._may_delete_subject(subject, permanent)
        taken = list(self._seen(subject, deleted=permanent))
        for version in taken:
            self._delete(version, permanent)
        return [v.number for v in taken]

    def delete_version(self, subject: str, number: str, *, permanent: bool = False) -> int:
        """Delete a version, softly or (after that) for good. Raises 4040x, 42202, 42205, 42206."""
        subject = qualified(subject)
        version = self.version(subject, number, deleted=permanent or number not in ("latest", "-1"))
        self._may_write(subject)
        if version.deleted and not permanent:
            raise api_errors.version_soft_deleted(subject, version.number)
        if any(self._referrers(version, permanent)):
            raise api_errors.reference_exists(subject, version.number)
        if permanent and not version.deleted:
            raise api_errors.version_not_soft_deleted(subject, version.number)
        self._delete(version, permanent)
        return version.number

    def incompatibilities(self, subject: str, draft: Draft, number: str | None = None) -> list[str]:
        """Why `draft` may not follow the versions of `subject` (or the one version); empty where it may.

        Raises 40402, 42201, 42202.
        """
        subject = qualified(subject)
        texts = self._texts(subject, draft)
        earlier = list(self._seen(subject))
        if number is not None and (wanted := _number(number)) != -1:
            earlier = [v for v in earlier if v.number == wanted]
            if not earlier:
                raise api_errors.version_not_found(wanted)
        return self._violations(subject, draft, texts, earlier[-1:] if number else earlier)

    def set_mode(self, subject: str, mode: str, *, force: bool = False) -> None:
        """Set the mode of a subject, a context or all. Raises 42205 where IMPORT would meet subjects."""
        subject = qualified(subject)
        importing = mode == "IMPORT" and self.modes.in_scope(subject) != "IMPORT" and not force
        if importing and any(subject in (GLOBAL, name, context_of(name)) for name in self.subjects()):
            raise api_errors.not_permitted("Cannot import since found existing subjects")
        self.modes.set(subject, mode)

    # The parts of the above

    def _seen(self, subject: str, deleted: bool = False, only_deleted: bool = False) -> Iterator[Version]:
        versions = self._subjects.get(subject, {})
        for _, version in sorted(versions.items()):
            if (version.deleted and (deleted or only_deleted)) or (not version.deleted and not only_deleted):
                yield version

    def _referrers(self, target: Version, deleted: bool) -> Iterator[Version]:
        found = self._index.referrers[target.subject, target.number]
        return (v for v in found if deleted or not v.deleted)

    def _texts(self, subject: str, draft: Draft) -> list[ReferencedText]:
        """The texts that `draft` refers to, in dependency order, the draft having been checked with them."""
        texts = list(dict.fromkeys(self._resolve(subject, draft.references, ())))
        check(draft, texts)
        return texts

    def _resolve(
        self, subject: str, references: Iterable[Reference], above: tuple[Reference, ...]
    ) -> Iterator[ReferencedText]:
        for reference in references:
            target = self._referenced(subject, reference)
            if reference not in above:
                yield from self._resolve(subject, target.draft.references, (*above, reference))
                yield ReferencedText(reference.name, target.draft.text)

    def _referenced(self, subject: str, reference: Reference) -> Version:
        try:
            return self.version(sibling(subject, reference.subject), str(reference.version), deleted=True)
        except Problem:
            raise api_errors.invalid_schema(
                f'No schema reference found for subject "{reference.subject}" and version {reference.version}'
            ) from None

    def _may_write(self, subject: str) -> None:
        if self.modes.in_scope(subject).startswith("READONLY"):
            raise api_errors.not_permitted(f"Subject {subject} is in read-only mode")

    def _may_register(self, subject: str, draft: Draft) -> None:
        self._may_write(subject)
        mode = self.modes.in_scope(subject)
        if draft.id >= 0 and mode != "IMPORT":
            raise api_errors.not_permitted(f"Subject {subject} is not in import mode")
        if draft.id < 0 and mode != "READWRITE":
            raise api_errors.not_permitted(f"Subject {subject} is not in read-write mode")

    def _known(self, subject: str, draft: Draft) -> Version | None:
        for version in reversed(list(self._seen(subject))):
            if _same(version.draft, draft) and draft.id in (-1, version.draft.id):
                return version
        return None

    def _must_follow(self, subject: str, draft: Draft, texts: list[ReferencedText]) -> None:
        if found := self._violations(subject, draft, texts, list(self._seen(subject))):
            raise api_errors.incompatible(subject, found)
        if draft.version not in (0, self._next(subject)):
            raise api_errors.invalid_schema("Version is not one more than previous version")

    def _violations(
        self, subject: str, draft: Draft, texts: list[ReferencedText], against: list[Version]
    ) -> list[str]:
        earlier = [Earlier(v.number, v.draft, self._texts(subject, v.draft)) for v in against]
        policy = policy_of(self.policies.in_scope(subject))
        return violations(self.levels.in_scope(subject), draft, texts, earlier, policy)

    def _next(self, subject: str) -> int:
        return max(self._subjects.get(subject, {}), default=0) + 1

    def _add(self, subject: str, draft: Draft) -> Version:
        new = Version(
            subject, replace(draft, id=self._id(subject, draft), version=draft.version or self._next(subject))
        )
        versions = self._subjects.setdefault(subject, {})
        for old in [v for v in versions.values() if v.deleted and v.draft.id == new.draft.id]:
            if not any(self._referrers(old, True)):
                self._index.remove(versions.pop(old.number))  # it comes back under the new number only
        versions[new.number] = new
        self._index.add(new)
        return new

    def _id(self, subject: str, draft: Draft) -> int:
        context = context_of(subject)
        if draft.id >= 0:
            self._check_id_free(context, draft)
            given = draft.id
        else:
            alike = self._index.by_schema[context, draft.identity]
            given = alike[0].draft.id if alike else self._ids.get(context, 0) + 1
        self._ids[context] = max(given, self._ids.get(context, 0))
        return given

    def _check_id_free(self, context: str, draft: Draft) -> None:
        if any(not _same(v.draft, draft) for v in self._index.by_id[context, draft.id]):
            raise api_errors.not_permitted(
                f"Overwrite new schema with id {draft.id} in context {context or '.'} is not permitted."
            )

    def _may_delete_subject(self, subject: str, permanent: bool) -> None:
        every = self.versions(subject, deleted=True)
        if not permanent and all(v.deleted for v in every):
            raise api_errors.subject_soft_deleted(subject)
        self._may_write(subject)
        for version in every:
            if any(r.subject != subject for r in self._referrers(version, permanent)):
                raise api_errors.reference_exists(subject, version.number)
        if permanent and not all(v.deleted for v in every):
            raise api_errors.subject_not_soft_deleted(subject)

    def _delete(self, version: Version, permanent: bool) -> None:
        version.deleted = True
        if permanent:
            self._index.remove(self._subjects[version.subject].pop(version.number))
            if not self._subjects[version.subject]:
                self._forget(version.subject)

    def _forget(self, subject: str) -> None:
        del self._subjects[subject]
        for setting in (self.levels, self.policies, self.modes):
            setting.reset(subject)
        self.associations.forget(subject)


def _number(version: str) -> int:
    if version in ("latest", "-1"):
        return -1
    if not (version.isascii() and version.isdigit()) or not 0 < int(version) < 2**31:
        raise api_errors.invalid_version(version)
    return int(version)


def _has_prefix(subject: str, prefix: str) -> bool:
    if prefix.startswith(":*:"):
        return plain(subject).startswith(prefix[3:])
    prefix = qualified(prefix)
    return subject.startswith(prefix) and context_of(subject) == context_of(prefix)


def _same(a: Draft, b: Draft, normalize: bool = False) -> bool:
    if a.identity == b.identity:
        return True
    return normalize and a.type == b.type and a.normalized().identity == b.normalized().identity


def _valid_subject(subject: str) -> str:
    subject = qualified(subject)
    name = plain(subject)
    if not name or name in ("__GLOBAL", "__EMPTY") or any(unicodedata.category(c) == "Cc" for c in name):
        raise api_errors.invalid_subject(subject)
    return subject

"""kgen.lock and the vendored schemas: everything a rendering needs, so that it needs no registry.

The lock is TOML, sorted, without timestamps and credentials. Schemas stand beside it as
`schemas/<folder>/v<N>.avsc`, byte for byte as
received. Each is locked by two hashes: of its text, which finds files that were tampered with, and of its
normalised JSON, which is the
same on registries that reorder keys or spaces. (Avro's own canonical form ignores defaults, docs, aliases
and logical types.)
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, get_args

from ..errors import LockError
from ..model.given import Names
from ..model.subjects import Reference, SchemaType, SchemaVersion, Snapshot, Subject, TopicAssociation
from .from_here import command_from_here

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # type: ignore[import-not-found,unused-ignore]

NAME = "kgen.lock"
SCHEMAS = "schemas"
FORMAT = 2
_READ = (1, 2)
SUFFIXES: Mapping[SchemaType, str] = {"AVRO": "avsc", "JSON": "json", "PROTOBUF": "proto"}
_RESTORE = "restore it from version control, or delete kgen.lock and run `kgen pull`"

Key = tuple[str, int]  # subject and version


@dataclass(frozen=True)
class Locked:
    """What a project holds: a snapshot, the names given so far, and what the registry has deleted since."""

    snapshot: Snapshot
    kgen_version: str
    folders: Mapping[str, str]  # subject -> folder under schemas/
    names: Names = field(default_factory=Names)
    deleted: frozenset[Key] = frozenset()  # versions kept although the registry has deleted them
    model_generator: str | None = None  # the version of datamodel-code-generator, if it made modules

    def subject(self, name: str) -> Subject | None:
        """The subject called `name`."""
        return self._subjects.get(name)

    @cached_property
    def _subjects(self) -> Mapping[str, Subject]:
        return {subject.name: subject for subject in self.snapshot.subjects}

    def versions(self) -> Iterator[SchemaVersion]:
        """Every version, each once, sorted by subject and version."""
        every = [*(v for s in self.snapshot.subjects for v in s.versions), *self.snapshot.referenced]
        return iter(dict(sorted({(v.subject, v.version): v for v in every}.items())).values())

    def path(self, version: SchemaVersion) -> str:
        """Where the text of `version` stands, relative to the project."""
        return f"{SCHEMAS}/{self.folders[version.subject]}/v{version.version}.{SUFFIXES[version.type]}"

    def vendored(self) -> dict[str, bytes]:
        """The vendored schemas: relative path -> content."""
        return {self.path(v): v.text.encode("utf-8") for v in self.versions()}


def text_hash(text: str) -> str:
    """sha256 of the text as received."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def normal_hash(text: str) -> str:
    """sha256 of the schema's JSON with sorted keys and no spaces; of the text where it is not JSON."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text_hash(text)
    return text_hash(json.dumps(value, sort_keys=True, separators=(",", ":")))


# -------------------------------------------------------------------------------------------------- writing


def dump(locked: Locked) -> str:
    """The text of kgen.lock."""
    snapshot = locked.snapshot
    lines = [
        "# Written by `kgen pull`. Commit it; do not edit it.",
        f"version = {FORMAT}",
        f"kgen = {_quote(locked.kgen_version)}",
        f"registry = {_quote(snapshot.registry_url)}",
    ]
    if locked.model_generator is not None:
        lines.append(f"datamodel_code_generator = {_quote(locked.model_generator)}")
    lines += _names_lines(locked.names)
    for topic, roles in _by_topic(snapshot.associations).items():
        lines += ["", f"[associations.{_quote(topic)}]"]
        lines += [f"{role} = [{', '.join(map(_quote, subjects))}]" for role, subjects in roles.items()]
    for subject in snapshot.subjects:
        lines += _subject_lines(subject, locked)
    for version in snapshot.referenced:
        lines += ["", "[[referenced]]", f"subject = {_quote(version.subject)}"]
        lines += [
            f"folder = {_quote(locked.folders[version.subject])}",
            *_version_lines(version, deleted=False),
        ]
    return "\n".join(lines) + "\n"


def _names_lines(names: Names) -> list[str]:
    lines = [*_table(("modules",), names.modules), *_table(("homes",), names.versions)]
    for place, subjects in sorted(names.classes.items()):
        for subject, classes in sorted(subjects.items()):
            lines += _table(("classes", place, subject), classes)
    for subject, members in sorted(names.members.items()):
        lines += _table(("members", subject), members)
    return lines


def _by_topic(associations: Sequence[TopicAssociation]) -> dict[str, dict[str, list[str]]]:
    found: dict[str, dict[str, list[str]]] = {}
    for each in sorted(associations):
        found.setdefault(each.topic, {}).setdefault(each.role, []).append(each.subject)
    return found


def _table(path: tuple[str, ...], values: Mapping[str, str] | Mapping[str, int]) -> list[str]:
    if not values:
        return []
    items = (
        f"{_quote(key)} = {_quote(value) if isinstance(value, str) else value}"
        for key, value in sorted(values.items())
    )
    return ["", f"[{'.'.join([path[0], *map(_quote, path[1:])])}]", *items]


def _subject_lines(subject: Subject, locked: Locked) -> list[str]:
    lines = [
        "",
        "[[subject]]",
        f"name = {_quote(subject.name)}",
        f"folder = {_quote(locked.folders[subject.name])}",
    ]
    if subject.compatibility is not None:
        lines += [f"compatibility = {_quote(subject.compatibility)}"]
        lines += [f"compatibility_inherited = {_bool(subject.compatibility_inherited)}"]
    if subject.policy is not None:
        lines += [f"compatibility_policy = {_quote(subject.policy)}"]
    for version in subject.versions:
        deleted = (subject.name, version.version) in locked.deleted
        lines += ["", "[[subject.versions]]", *_version_lines(version, deleted=deleted)]
    return lines


def _version_lines(version: SchemaVersion, *, deleted: bool) -> list[str]:
    lines = [f"version = {version.version}", f"id = {version.id}", f"type = {_quote(version.type)}"]
    if version.guid is not None:
        lines.append(f"guid = {_quote(version.guid)}")
    if deleted:
        lines.append("deleted = true")
    if version.rule_set is not None:
        lines.append(f"rules = [{', '.join(map(_quote, version.rules))}]")
        lines.append(f"rules_sha256 = {_quote(version.rule_set)}")
    lines += [
        f"sha256 = {_quote(text_hash(version.text))}",
        f"normalised = {_quote(normal_hash(version.text))}",
    ]
    if version.references:
        items = [
            f"    {{ name = {_quote(r.name)}, subject = {_quote(r.subject)}, version = {r.version} }},"
            for r in version.references
        ]
        lines += ["references = [", *items, "]"]
    return lines


def _quote(text: str) -> str:
    # A TOML basic string: JSON's escapes, and DEL, which JSON leaves as it is.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _bool(value: bool) -> str:
    return "true" if value else "false"


# -------------------------------------------------------------------------------------------------- reading


def load(root: Path) -> Locked | None:
    """What kgen.lock and the vendored schemas of `root` hold; None where there is no lock.

    Raises:
        LockError: the lock cannot be read, or a vendored schema is missing or not the one that was locked.
    """
    text = read_text(root)
    return None if text is None else _locked(_toml(text), root)


def read_text(root: Path) -> str | None:
    """The text of kgen.lock, or None where there is none."""
    try:
        return (root / NAME).read_bytes().decode("utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError) as e:
        raise LockError(f"kgen.lock cannot be read: {e}", where=NAME, hint=_RESTORE) from e


def snapshot(root: Path) -> Snapshot:
    """The snapshot that `root` holds, without a registry. Raises `LockError`, also where nothing is locked
    yet.
    """
    locked = load(root)
    if locked is None:
        raise absent(root)
    return locked.snapshot


def absent(root: Path) -> LockError:
    """The error for a project without a lock."""
    return LockError(
        "there is no kgen.lock here",
        where=str(root),
        hint=f"run `{command_from_here(root, 'kgen pull --registry URL')}` first",
    )


def _toml(text: str) -> dict[str, Any]:
    if re.search(r"^(<{7}|>{7}) ", text, re.MULTILINE):
        hint = "take either side whole (`git checkout --theirs kgen.lock schemas`) and run `kgen pull`"
        raise LockError("kgen.lock holds the markers of a merge conflict", where=NAME, hint=hint)
    try:
        data: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as e:
        raise LockError("kgen.lock is damaged", where=f"{NAME}: {e}", hint=_RESTORE) from e
    number = data.get("version")
    if number not in _READ or isinstance(number, bool):
        hint = "upgrade kgen" if isinstance(number, int) and number > FORMAT else _RESTORE
        raise LockError(
            f"kgen.lock has format {number!r}; this kgen reads format {FORMAT}", where=NAME, hint=hint
        )
    return data


def _locked(data: Mapping[str, Any], root: Path) -> Locked:
    try:
        subjects = tuple(_subject(table, root) for table in data.get("subject", []))
        referenced = tuple(
            _version(_string(table["subject"]), table["folder"], table, root)
            for table in data.get("referenced", [])
        )
        return Locked(
            snapshot=Snapshot(
                str(data["registry"]), subjects, referenced, associations=tuple(sorted(_associations(data)))
            ),
            kgen_version=str(data["kgen"]),
            folders=_folders(data),
            names=_names(data),
            model_generator=_generator(data),
            deleted=frozenset(_deleted(data)),
        )
    except (KeyError, TypeError, AttributeError, ValueError) as e:
        raise LockError(f"kgen.lock is damaged: {e!r}", where=NAME, hint=_RESTORE) from e


def _generator(data: Mapping[str, Any]) -> str | None:
    version = data.get("datamodel_code_generator")
    return None if version is None else _string(version)


def _names(data: Mapping[str, Any]) -> Names:
    modules = _texts(data.get("modules", {}))
    if data["version"] == 1:
        by_subject = {t["name"]: _texts(t.get("names", {})) for t in data.get("subject", [])}
        return Names(modules, by_subject=by_subject)
    classes = {
        place: {subject: _texts(named) for subject, named in subjects.items()}
        for place, subjects in data.get("classes", {}).items()
    }
    members = {subject: _texts(named) for subject, named in data.get("members", {}).items()}
    return Names(modules, {k: int(v) for k, v in data.get("homes", {}).items()}, classes, members)


def _texts(table: Mapping[str, Any]) -> dict[str, str]:
    return {key: str(value) for key, value in table.items()}


def _folders(data: Mapping[str, Any]) -> dict[str, str]:
    folders = {t["name"]: t["folder"] for t in data.get("subject", [])}
    return folders | {t["subject"]: t["folder"] for t in data.get("referenced", [])}


def _deleted(data: Mapping[str, Any]) -> Iterator[Key]:
    for table in data.get("subject", []):
        yield from ((table["name"], v["version"]) for v in table["versions"] if v.get("deleted"))


def _associations(data: Mapping[str, Any]) -> Iterator[TopicAssociation]:
    for topic, roles in data.get("associations", {}).items():
        for role in ("key", "value"):
            yield from (TopicAssociation(topic, role, _string(it)) for it in roles.get(role, []))


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a string")
    return value


def _subject(table: Mapping[str, Any], root: Path) -> Subject:
    versions = [_version(_string(table["name"]), table["folder"], v, root) for v in table["versions"]]
    if not versions:
        raise ValueError(f"{table['name']} has no versions")
    return Subject(
        name=table["name"],
        versions=tuple(sorted(versions, key=lambda v: v.version)),
        compatibility=table.get("compatibility"),
        compatibility_inherited=bool(table.get("compatibility_inherited", True)),
        policy=_string(table["compatibility_policy"]) if "compatibility_policy" in table else None,
    )


def _version(subject: str, folder: str, table: Mapping[str, Any], root: Path) -> SchemaVersion:
    kind = table["type"]
    if kind not in get_args(SchemaType):
        raise ValueError(f"type {kind!r}")
    relative = PurePosixPath(SCHEMAS, folder, f"v{int(table['version'])}.{SUFFIXES[kind]}")
    if folder in ("", ".", "..") or "/" in folder or "\\" in folder:
        raise ValueError(f"folder {folder!r}")
    return SchemaVersion(
        subject=subject,
        version=int(table["version"]),
        id=int(table["id"]),
        type=kind,
        text=_vendored(root, relative, table["sha256"], subject),
        references=tuple(_references(table.get("references", []))),
        guid=_string(table["guid"]) if "guid" in table else None,
        rules=tuple(map(str, table.get("rules", ()))),
        rule_set=table.get("rules_sha256"),
    )


def _references(tables: Sequence[Mapping[str, Any]]) -> Iterator[Reference]:
    for table in tables:
        yield Reference(_string(table["name"]), _string(table["subject"]), int(table["version"]))


def _vendored(root: Path, relative: PurePosixPath, sha256: str, subject: str) -> str:
    try:
        content = (root / relative).read_bytes()
    except OSError as e:
        what = f"the vendored schema of {subject} cannot be read: {e.strerror or e}"
        raise LockError(what, where=str(relative), hint=_RESTORE) from e
    if hashlib.sha256(content).hexdigest() != sha256:
        hint = f"{_RESTORE}; git must not change its line ends"
        raise LockError(
            f"the vendored schema of {subject} is not the one that was locked", where=str(relative), hint=hint
        )
    return content.decode("utf-8")

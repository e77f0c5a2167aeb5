"""Schemas in files: those of `schemas/own/`, and those that a command line names.

    schemas/own/<subject>.avsc              also .json and .proto, and in folders below
    schemas/own/<subject>.references.json   beside it: its references, where their names do not say them

What cannot stand in a file name is percent-encoded (`a%2Fb-value.avsc`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, unquote

from kgen_runtime.serde.subject_names import qualified, sibling

from ..errors import ConfigError, SchemaError
from ..model.subjects import Reference, SchemaType
from ..registry.answers import MAX_TEXT

FOLDER: Final = "schemas/own"
NEWEST: Final = -1
"""The version of a reference that a `.references.json` leaves out."""

_TYPES: Final[Mapping[str, SchemaType]] = {".avsc": "AVRO", ".json": "JSON", ".proto": "PROTOBUF"}
_SIDECAR: Final = ".references.json"
_NUMBERED: Final = re.compile(r"v[0-9]+")
_BOM: Final = "\ufeff"


@dataclass(frozen=True)
class SchemaFile:
    """A schema in a file. `shown` is its path for people; `references` are those of the file beside it, None
    if there is none.
    """

    path: Path
    shown: str
    subject: str
    type: SchemaType
    text: str
    references: tuple[Reference, ...] | None = None


def own_files(root: Path) -> list[SchemaFile]:
    """The files of `schemas/own/`, by subject. Raises `ConfigError` if two are of one subject, or one cannot
    be read.
    """
    folder = root / FOLDER
    found = [_read(path, path.relative_to(root).as_posix(), _named(path)) for path in _schemas_in(folder)]
    return _one_of_each(sorted(found, key=lambda file: file.subject))


def given_files(paths: Sequence[Path], subject: str | None, folders: Mapping[str, str]) -> list[SchemaFile]:
    """The files of a command line. `subject` is that of the one file, None: as its name says; `folders` are
    the folders below `schemas/` that the project's lock names, with their subjects.

    Raises `ConfigError`.
    """
    if subject is not None and len(paths) != 1:
        raise ConfigError("--subject is of one file", hint="without it, the names of the files say it")
    named = [p for path in paths for p in (_schemas_in(path) if path.is_dir() else [_schema_of(path)])]
    files = list(dict.fromkeys(named))
    if not files:
        raise ConfigError(
            "there are no schemas", where=", ".join(map(str, paths)), hint="*.avsc, *.json or *.proto"
        )
    found = [_read(path, str(path), subject or _subject_of(path, folders)) for path in files]
    return _one_of_each(found)


def file_name(subject: str) -> str:
    """The name of a subject's file, without its suffix."""
    return quote(subject, safe=" !#$&'()+,;=@[]^`{}~")


def is_in(path: Path, root: Path) -> bool:
    """Whether a file is one of `schemas/own/`."""
    return path.resolve().is_relative_to((root / FOLDER).resolve())


def _schemas_in(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.suffix in _TYPES and not path.name.endswith(_SIDECAR) and not hidden and path.is_file():
            yield path


def _schema_of(path: Path) -> Path:
    """The file itself; of the references beside a schema the schema, which they are a part of."""
    if not path.name.endswith(_SIDECAR):
        return path
    name = path.name.removesuffix(_SIDECAR)
    found = [it for it in (path.with_name(f"{name}{suffix}") for suffix in _TYPES) if it.is_file()]
    if not found:
        raise ConfigError("there is no schema beside these references", where=str(path), hint="remove them")
    return found[0]


def _named(path: Path) -> str:
    return qualified(unquote(path.name.removesuffix(path.suffix)))


def _subject_of(path: Path, folders: Mapping[str, str]) -> str:
    """The subject by the name: that of the folder, if the file is called after a version."""
    if not _NUMBERED.fullmatch(path.stem):
        return _named(path)
    folder = path.resolve().parent.name
    return folders.get(folder, qualified(unquote(folder)))


def _one_of_each(files: list[SchemaFile]) -> list[SchemaFile]:
    first: dict[str, SchemaFile] = {}
    for file in files:
        other = first.setdefault(file.subject, file)
        if other is not file:
            raise ConfigError(
                f"two files are of the subject {file.subject}",
                where=f"{other.shown}, {file.shown}",
                hint="keep one of them; a file is called after its subject, as orders-value.avsc",
            )
    return files


def _read(path: Path, shown: str, subject: str) -> SchemaFile:
    kind = _TYPES.get(path.suffix)
    if kind is None:
        what = f"{path.suffix or 'a file without a suffix'} is not a schema that kgen can hold against others"
        raise ConfigError(
            what, where=shown, hint="Avro is in .avsc, JSON Schema in .json, Protobuf in .proto files"
        )
    text = _text(path, shown).removeprefix(_BOM)
    if not subject or any(not c.isprintable() for c in subject):
        raise ConfigError("the file's name is not that of a subject", where=shown, hint="--subject NAME")
    if len(text) > MAX_TEXT:
        raise ConfigError(f"the schema is larger than {MAX_TEXT} characters", where=shown)
    sidecar = path.with_name(path.name.removesuffix(path.suffix) + _SIDECAR)
    references = _references(sidecar, shown, subject) if sidecar.exists() else None
    return SchemaFile(path, shown, subject, kind, text, references)


def _text(path: Path, shown: str) -> str:
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        raise ConfigError("there is no such file", where=shown) from None
    except OSError as error:
        raise ConfigError(f"the file cannot be read: {error.strerror or error}", where=shown) from None
    except UnicodeDecodeError as error:
        raise SchemaError(f"the file is not UTF-8, from byte {error.start} on", where=shown) from None


def _references(path: Path, of: str, subject: str) -> tuple[Reference, ...]:
    shown = f"{path.name} of {of}"
    try:
        listed = json.loads(_text(path, shown))
        return tuple(_reference(each, subject) for each in listed)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise ConfigError(
            "this is not a list of references",
            where=shown,
            hint='[{"name": "shop.Address", "subject": "address"}]; without a "version" it is the newest',
        ) from None


def _reference(each: Mapping[str, Any], subject: str) -> Reference:
    name, other, version = each["name"], each["subject"], each.get("version", NEWEST)
    if not all(isinstance(it, str) and it for it in (name, other)) or type(version) is not int:
        raise TypeError("a reference has a name, a subject and a version")
    return Reference(name, sibling(subject, other), version)

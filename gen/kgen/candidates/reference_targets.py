"""Which subjects the files refer to by the names that they use, and the order in which these come first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter

from kgen_runtime.serde.subject_names import context_of, plain

from ..errors import ConfigError
from ..model.subjects import SchemaVersion
from .schema_files import NEWEST, SchemaFile
from .used_names import NamesInSchema, Use, names_in


@dataclass(frozen=True)
class Target:
    """What a file refers to under a name. `version` is that of the file beside it, or `NEWEST`; None: which
    one it is follows from what is registered.
    """

    name: str
    subject: str
    version: int | None = None


Probe = Callable[[str], SchemaVersion | None]
"""The newest version of a subject in the registry; None if it has none."""


@dataclass(frozen=True)
class Known:
    """Where names that no file defines are looked for: the newest registered version of each file's subject,
    versions that the project holds or the registry has, and the registry itself.
    """

    newest: Mapping[str, SchemaVersion] = field(default_factory=dict)
    held: Sequence[SchemaVersion] = ()
    probe: Probe = lambda _: None


def targets(files: Sequence[SchemaFile], known: Known) -> dict[str, tuple[Target, ...]]:
    """By subject, what each file refers to; names that nothing defines are left out: the parser reports them.

    Raises `ConfigError` if several files define a name that another one uses.
    """
    names = {file.subject: names_in(file.type, file.text) for file in files}
    finder = _Finder(files, names, known)
    return {file.subject: tuple(_of(file, names[file.subject], finder)) for file in files}


def in_order(files: Sequence[SchemaFile], found: Mapping[str, Sequence[Target]]) -> list[SchemaFile]:
    """The files, each after those that it refers to. Raises `ConfigError` if they refer to each other in a
    circle.
    """
    by_subject = {file.subject: file for file in files}
    graph = {name: {t.subject for t in found[name]} & by_subject.keys() for name in by_subject}
    try:
        return [by_subject[name] for name in TopologicalSorter(graph).static_order()]
    except CycleError as error:
        circle = list(reversed(error.args[1]))  # so that each refers to the next
        raise ConfigError(
            f"the schemas refer to each other in a circle: {' -> '.join(circle)}",
            where=", ".join(by_subject[name].shown for name in dict.fromkeys(circle)),
            hint="a registry takes none of them: put what refers to itself into one file",
        ) from None


def _of(file: SchemaFile, names: NamesInSchema, finder: _Finder) -> Iterator[Target]:
    given = {r.name: r for r in file.references or ()}
    for reference in given.values():
        yield Target(reference.name, reference.subject, max(reference.version, NEWEST) or NEWEST)
    for use in names.uses:
        if not given.keys() & set(use):
            target = finder.find(file, use)
            if target:
                yield target


class _Finder:
    def __init__(self, files: Sequence[SchemaFile], names: Mapping[str, NamesInSchema], known: Known) -> None:
        self._files, self._names, self._known = files, names, known
        self._held = [(version, names_in(version.type, version.text)) for version in known.held]

    def find(self, file: SchemaFile, use: Use) -> Target | None:
        """What a use means: of the files before what is registered."""
        for name in use:
            subject = self._among_files(file, name) or self._registered(file, name)
            if subject:
                return Target(name, subject)
        return None

    def _among_files(self, user: SchemaFile, name: str) -> str | None:
        others = [file for file in self._files if file is not user and file.type == user.type]
        if user.type == "PROTOBUF":
            whole = [f for f in others if _is_imported(f, name)]
            return _one(name, user, whole or [f for f in others if name.rpartition("/")[2] == f.path.name])
        if user.type == "JSON":
            return _one(name, user, [f for f in others if self._is_called(f, name)])
        whole = [f for f in others if self._names[f.subject].root == name]
        return _one(name, user, whole or [f for f in others if name in self._names[f.subject].defined])

    def _is_called(self, file: SchemaFile, name: str) -> bool:
        """Whether a JSON Schema's file, subject or `$id` is what a `$ref` has."""
        root = self._names[file.subject].root
        relative = name.removeprefix("./")
        # `money.json` in a schema of https://shop.example/orders.json is https://shop.example/money.json.
        same_id = bool(root) and (root == name or (not _is_absolute(name) and root.endswith(f"/{relative}")))
        return same_id or relative in (file.path.name, file.subject, plain(file.subject))

    def _registered(self, user: SchemaFile, name: str) -> str | None:
        before = self._known.newest.get(user.subject)
        for reference in before.references if before else ():
            if reference.name == name:
                return reference.subject
        same = [(v, names) for v, names in self._held if v.type == user.type and v.subject != user.subject]
        near = [each for each in same if context_of(each[0].subject) == context_of(user.subject)]
        for of in (lambda n: n.root == name, lambda n: name in n.defined):
            for version, names in near:
                if of(names):
                    return version.subject
        if user.type == "PROTOBUF":  # what others import under this name
            found = (r.subject for version, _ in near for r in version.references if r.name == name)
            return next(found, None) or self._probed(user, name) or self._probed(user, _without_suffix(name))
        return self._probed(user, name)

    def _probed(self, user: SchemaFile, name: str) -> str | None:
        """The subject that is called as the name, as in registries with a subject for each type."""
        if "/" in name and _is_absolute(name):
            return None
        found = self._known.probe(context_of(user.subject) + name)
        if found is None or found.type != user.type:
            return None
        is_it = user.type != "AVRO" or name in names_in("AVRO", found.text).defined
        return found.subject if is_it else None


def _is_imported(file: SchemaFile, name: str) -> bool:
    """Whether a .proto file's path or subject is what an `import` has."""
    return (
        file.path.as_posix().endswith(f"/{name}")
        or file.path.as_posix() == name
        or not {name, _without_suffix(name)}.isdisjoint((file.subject, plain(file.subject)))
    )


def _without_suffix(name: str) -> str:
    return name.removesuffix(".proto")


def _is_absolute(uri: str) -> bool:
    return "://" in uri or uri.startswith(("urn:", "/"))


def _one(name: str, user: SchemaFile, found: Sequence[SchemaFile]) -> str | None:
    if len(found) > 1:
        raise ConfigError(
            f"{user.shown} uses {name}, which several files define",
            where=", ".join(file.shown for file in found),
            hint="leave the definition in one of them, or say which one is meant in "
            f"{user.path.name.removesuffix(user.path.suffix)}.references.json: "
            f'[{{"name": "{name}", "subject": "{found[0].subject}"}}]',
        )
    return found[0].subject if found else None


def foreign(files: Iterable[SchemaFile], found: Mapping[str, Sequence[Target]]) -> set[str]:
    """The subjects that are referred to and of which there is no file."""
    return {t.subject for every in found.values() for t in every} - {file.subject for file in files}

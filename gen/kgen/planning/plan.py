"""A fresh rendering against what is on disk: the file actions that `pull` takes, `--check` counts and
`status` lists.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from ..compat.topic_diff import TopicChange
from ..impact import Use
from ..model.project import package_folder
from ..model.subjects import Cause
from ..project import config, generated_files, paths
from ..project import lockfile as lock
from ..project.config import ConflictMode
from ..project.transaction import Write
from . import dropped_flows, user_files
from .dropped_flows import DroppedFlow

Op: TypeAlias = Literal["add", "change", "remove", "keep", "merge", "conflict", "refuse", "orphan", "release"]
Kind: TypeAlias = Literal["config", "lock", "schema", "generated", "owned", "internal"]


@dataclass(frozen=True)
class FileAction:
    """What happens to one file. `content` is the new one (None: none), `before` the sha256 of the present
    one.
    """

    path: str
    op: Op
    kind: Kind
    reason: str = ""
    content: bytes | None = None
    before: str | None = None


@dataclass(frozen=True)
class SubjectChange:
    """What happens to one subject, and through it to the files made from it."""

    subject: str
    op: Literal["add", "change", "remove", "keep", "skip"]
    before: int | None = None
    after: int | None = None
    compatibility: str | None = None
    summary: str = ""  # `+2 fields`
    effects: tuple[str, ...] = ()  # `models rewritten`, `flow merged`
    cause: Cause | None = None  # of what is kept as it is locked, or skipped: `summary` is the reason

    @property
    def unread(self) -> bool:
        """Whether its newest version was not read."""
        return self.cause not in (None, "earlier")


@dataclass(frozen=True)
class Plan:
    """Everything that a pull would do."""

    registry: str
    package: str
    files: tuple[FileAction, ...]
    subjects: tuple[SubjectChange, ...] = ()
    notes: tuple[str, ...] = ()
    topics: tuple[TopicChange, ...] = ()
    impact: tuple[Use, ...] = ()  # lines of the user's that use what changes

    def having(self, *ops: Op) -> list[FileAction]:
        """The actions of these kinds."""
        return [f for f in self.files if f.op in ops]

    @property
    def changes(self) -> bool:
        """Whether anything would be written."""
        return bool(self.writes())

    @property
    def conflicts(self) -> list[FileAction]:
        """Files whose merge needs the user."""
        return self.having("conflict")

    @property
    def refused(self) -> list[FileAction]:
        """Generated files that were edited by hand."""
        return self.having("refuse")

    def writes(self) -> list[Write]:
        """The changes, for `transaction.apply`."""
        return [Write(f.path, f.content, f.before) for f in self.files if paths.digest(f.content) != f.before]


@dataclass(frozen=True)
class Wanted:
    """What the project should hold."""

    lock: lock.Locked
    rendered: Mapping[str, str]
    kinds: Mapping[str, Literal["generated", "owned"]]
    package: str
    config_text: str | None = None  # None: kgen.toml stays as it is
    earlier: Mapping[str, str] = field(default_factory=dict)  # the render of the old lock, if it is needed
    dropped: tuple[DroppedFlow, ...] = ()  # flows that kgen.toml no longer asks for


@dataclass(frozen=True)
class Options:
    """How to treat files that users own."""

    conflict: ConflictMode = "file"
    recreate: bool = False


@dataclass
class _Files:
    root: Path
    actions: list[FileAction] = field(default_factory=list)

    def add(
        self, path: str, content: bytes | None, kind: Kind, op: Op | None = None, reason: str = ""
    ) -> None:
        present = paths.read(self.root, path)
        self.actions.append(
            FileAction(path, op or _op(present, content), kind, reason, content, paths.digest(present))
        )

    def keep(self, path: str, kind: Kind, op: Op = "keep", reason: str = "") -> None:
        present = paths.read(self.root, path)
        self.actions.append(FileAction(path, op, kind, reason, present, paths.digest(present)))


def files(root: Path, wanted: Wanted, old: lock.Locked | None, options: Options) -> tuple[FileAction, ...]:
    """The file actions, sorted by path. Reads the disk, writes nothing. Raises `OutputError`."""
    found = _Files(root)
    if wanted.config_text is not None:
        found.add(config.NAME, wanted.config_text.encode(), "config")
    _lock(found, wanted, old)
    for path, text in wanted.rendered.items():
        if wanted.kinds[path] == "generated":
            _generated(found, path, text.encode())
        else:
            _owned(found, path, text, options, wanted.earlier.get(path))
    for flow in wanted.dropped:
        _dropped(found, flow)
    _orphans(found, wanted)
    return tuple(sorted(found.actions, key=lambda f: f.path))


def _op(present: bytes | None, content: bytes | None) -> Op:
    if present == content:
        return "keep"
    if content is None:
        return "remove"
    return "add" if present is None else "change"


def _lock(found: _Files, wanted: Wanted, old: lock.Locked | None) -> None:
    _unless_same(found, lock.NAME, lock.dump(wanted.lock).encode(), "lock")
    vendored = wanted.lock.vendored()
    for path, content in vendored.items():
        found.add(path, content, "schema")
    for path in old.vendored() if old else ():
        if path not in vendored:
            found.add(path, None, "schema")


def _unless_same(found: _Files, path: str, content: bytes, kind: Kind) -> None:
    if generated_files.same(paths.read(found.root, path), content):
        found.keep(path, kind)
    else:
        found.add(path, content, kind)


def _generated(found: _Files, path: str, content: bytes) -> None:
    present = paths.read(found.root, path)
    if (
        present is None
        or generated_files.state(present) == "intact"
        or generated_files.same(present, content)
    ):
        _unless_same(found, path, content, "generated")
        return
    reason = "edited by hand" if generated_files.state(present) == "edited" else "not created by kgen"
    found.keep(path, "generated", "refuse", reason)


_OPS: Mapping[user_files.Outcome, Op] = {
    "add": "add",
    "change": "change",
    "merge": "merge",
    "keep": "keep",
    "deleted": "keep",
    "conflict": "conflict",
    "open": "conflict",
}


def _owned(found: _Files, path: str, text: str, options: Options, earlier: str | None) -> None:
    decision = user_files.decide(
        found.root, path, text, mode=options.conflict, recreate=options.recreate, earlier=earlier
    )
    op = _OPS[decision.outcome]
    if path in decision.contents:
        found.add(path, decision.contents[path], "owned", op, decision.reason)
    else:
        found.keep(path, "owned", op, decision.reason)
    for place, content in decision.contents.items():
        if place != path:
            _internal(found, place, content)


def _internal(found: _Files, path: str, content: bytes | None) -> None:
    present = paths.read(found.root, path)
    if present != content:
        found.add(path, content, "internal")


def _dropped(found: _Files, flow: DroppedFlow) -> None:
    decided = dropped_flows.decide(found.root, flow)
    for file in decided:
        if file.outcome == "remove":
            found.add(file.path, None, "owned", reason=file.reason)
        else:
            found.keep(file.path, "owned", file.outcome, file.reason)
    if not any(file.outcome == "orphan" for file in decided):
        for path in flow.paths:
            _internal(found, user_files.base_path(path), None)


def _orphans(found: _Files, wanted: Wanted) -> None:
    """Files made from what is gone: generated ones go, unless they were edited; what users own stays."""
    bases = list(_bases(found.root))
    own = package_folder(wanted.package)
    folders = {own, *(path.rpartition("/flows/")[0] for path in bases if "/flows/" in path)}
    for folder in sorted(folders):
        why = "its subject is gone" if folder == own else f"the package is {wanted.package} now"
        for path in generated_files.existing(found.root, folder):
            if path not in wanted.rendered:
                _orphan_generated(found, path, why)
    known = {*wanted.rendered, *(path for flow in wanted.dropped for path in flow.paths)}
    for path in bases:
        if path not in known:
            _orphan_base(found, path)


def _orphan_generated(found: _Files, path: str, why: str) -> None:
    state = generated_files.state(paths.read(found.root, path) or b"")
    if state == "intact":
        found.add(path, None, "generated", reason=why)
    elif state == "edited":
        found.keep(path, "generated", "orphan", f"{why}, but it was edited by hand: left as it is")


def _orphan_base(found: _Files, path: str) -> None:
    present = paths.read(found.root, path)
    if present is None:
        found.add(user_files.base_path(path), None, "internal", reason="the file that came from it is gone")
    else:
        found.keep(path, "owned", "orphan", "no longer generated; kept because you own it")


def _bases(root: Path) -> Iterator[str]:
    """Of what pulls write, which are modules alone: those of `kgen deploy` are there too, and its own."""
    folder = root / user_files.BASE
    files = (p for p in folder.rglob("*.py") if p.is_file())
    yield from sorted(p.relative_to(folder).as_posix() for p in files)


# ---------------------------------------------------------------------------------------------------- shown

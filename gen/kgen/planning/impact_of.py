"""The user's lines that a plan's changes to generated modules reach: gathers what `kgen.impact` reads."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from itertools import groupby
from pathlib import Path

from ..compat.change_kinds import Change
from ..compat.subject_diff import SchemaChange
from ..impact import Use, generated_changes, impact
from ..project import paths
from .generated_modules import GeneratedModules
from .plan import FileAction
from .state_impact import keeping

_SKIPPED = {"__pycache__", "node_modules", "build", "dist", "site-packages", "_generated"}
_MERGED = ("change", "merge")
_MOST_FILES = 5_000
_MOST_BYTES = 2 << 20  # of one file


def uses(
    root: Path,
    actions: Sequence[FileAction],
    modules: GeneratedModules,
    changes: Mapping[str, SchemaChange],
    present: Collection[str],
    *,
    merged: bool,
    pydantic: bool = False,
) -> tuple[Use, ...]:
    """The lines that use what changes, and those that keep state of it, as the plan writes the files: what a
    merge corrects is not among them. With `merged` they are numbered as in these, else as on disk.

    `changes` are those of each subject, `present` the full names of the types that have classes now;
    `pydantic`: those of JSON Schemas are pydantic models.
    """
    every = [change for found in changes.values() for change in found.changes]
    affected = generated_changes(modules.old, modules.new, _renames(every))
    if not affected and not every:
        return ()
    owned = {a.path: a.content if merged or a.op in _MERGED else None for a in actions if a.kind == "owned"}
    gone = {a.path for a in actions if a.op == "remove"}
    files = {path: text for path, text in _files(root, owned) if path not in gone}
    sources = {path: module.sources.keys() for path, module in {**modules.new, **modules.old}.items()}
    kept = keeping(files, sources, changes, present, pydantic=pydantic)
    found = {*impact(affected, modules.old_texts, files, modules.new_texts), *kept}
    return tuple(sorted(found if merged else _as_on_disk(root, found, owned)))


def _as_on_disk(root: Path, uses: Iterable[Use], planned: Mapping[str, bytes | None]) -> Iterator[Use]:
    """The uses with the lines that they have on disk."""
    for path, some in groupby(sorted(uses), key=lambda use: use.path):
        content = planned.get(path)
        number = _before(_text(paths.read(root, path)), _text(content)) if content else _same
        yield from (replace(use, line=number(use.line)) for use in some)


def _before(old: str, new: str) -> Callable[[int], int]:
    """From a line's number in a text to the one that it had before; of a line that is new, to the nearest."""
    before = old.splitlines()
    codes = SequenceMatcher(None, before, new.splitlines()).get_opcodes()
    found = {j: min(i1 + j - j1, max(i2 - 1, i1)) for _, i1, i2, j1, j2 in codes for j in range(j1, j2)}
    return lambda line: min(found.get(line - 1, line - 1) + 1, max(len(before), 1))


def _same(line: int) -> int:
    return line


def _renames(changes: Iterable[Change]) -> dict[str, str]:
    found = {}
    for change in changes:
        if change.kind in ("field renamed", "symbol renamed"):
            owner, _, name = change.path.rpartition(".")
            found[f"{owner}.{change.before}"] = name
        elif change.kind in ("type renamed", "type moved"):
            found[str(change.before)] = str(change.after)
    return found


def _files(root: Path, planned: Mapping[str, bytes | None]) -> Iterator[tuple[str, str]]:
    """The project's own Python files."""
    for path in python_files(root, frozenset(planned)):
        content = planned.get(path)
        yield path, _text(content if content is not None else paths.read(root, path))
    for path, content in planned.items():
        if content is not None and not (root / path).exists():
            yield path, _text(content)


def python_files(root: Path, owned: frozenset[str] = frozenset()) -> Iterator[str]:
    """The relative paths of the project's own Python files, but for folders of environments and builds.

    Links to files are followed where the user put one in the place of a file that kgen wrote."""
    left = _MOST_FILES
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(f for f in folders if _is_source(Path(folder, f)))
        within = Path(folder).relative_to(root)
        for name in sorted(name for name in names if name.endswith(".py")):
            relative = (within / name).as_posix()
            if _is_small_file(os.path.join(folder, name), follows=relative in owned):  # noqa: PTH118 - many
                left -= 1
                if left < 0:
                    return
                yield relative


def _is_small_file(path: str, *, follows: bool) -> bool:
    """Whether it is a file that is read, or with `follows` a link to one."""
    try:
        status = os.stat(path, follow_symlinks=follows)  # noqa: PTH116
    except OSError:
        return False
    return stat.S_ISREG(status.st_mode) and status.st_size < _MOST_BYTES


def _is_source(folder: Path) -> bool:
    hidden = folder.name.startswith(".") or folder.name in _SKIPPED
    return not hidden and not folder.is_symlink() and not (folder / "pyvenv.cfg").exists()


def _text(content: bytes | None) -> str:
    return (content or b"").decode("utf-8", "replace")

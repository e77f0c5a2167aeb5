"""What becomes of a file that the user owns: kept, merged, or a conflict. Decides; writes nothing.

`.kgen/base/<path>` is the render the user's file stems from. While a conflict is open,
`.kgen/conflicts/<path>` holds the merged text with
markers (in `inline` mode the file itself does) and `.kgen/conflicts/<path>.json` what is needed to close it.
"""

from __future__ import annotations

import ast
import json
import re
import shlex
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias

from ..errors import OutputError
from ..merge import Merged, merge
from ..project import paths
from ..project.config import ConflictMode
from ..project.from_here import command_from_here, path_from_here
from ..project.transaction import Write

BASE = ".kgen/base"
CONFLICTS = ".kgen/conflicts"
# Not `=======`: that may underline a heading in a docstring, and alone it is not valid Python elsewhere.
_MARKER = re.compile(r"^(<{7}|\|{7}|>{7})( |\r?$)", re.MULTILINE)

Outcome: TypeAlias = Literal["add", "change", "merge", "keep", "deleted", "conflict", "open"]


@dataclass(frozen=True)
class ConflictRecord:
    """An open conflict: the render that becomes the base once it is solved, and the hashes of the file and
    of the text with markers.
    """

    base: str
    ours: str
    merged: str
    mode: ConflictMode


@dataclass(frozen=True)
class Decision:
    """The new contents, by path, of the user's file and what kgen keeps about it (None: remove); and what
    happened.
    """

    outcome: Outcome
    contents: dict[str, bytes | None]
    reason: str = ""


def has_markers(text: str) -> bool:
    """Whether a marker of a conflict stands in the text."""
    return _MARKER.search(text) is not None


def base_path(path: str) -> str:
    """Where the last render of an owned file is kept."""
    return f"{BASE}/{path}"


def conflict_path(path: str) -> str:
    """Where the merged text with markers stands while a conflict is open."""
    return f"{CONFLICTS}/{path}"


def record_path(path: str) -> str:
    """Where kgen notes an open conflict."""
    return f"{CONFLICTS}/{path}.json"


def record(root: Path, path: str) -> ConflictRecord | None:
    """The open conflict of `path`, if there is one. Raises `OutputError` if the note is damaged."""
    content = paths.read(root, record_path(path))
    if content is None:
        return None
    try:
        return ConflictRecord(**json.loads(content))
    except (ValueError, TypeError) as e:
        hint = "remove it, and run `kgen pull` to merge again"
        raise OutputError(
            "the note of an open conflict is damaged", where=record_path(path), hint=hint
        ) from e


def open_conflicts(root: Path) -> list[str]:
    """The files with an open conflict, sorted."""
    folder = root / CONFLICTS
    notes = [p.relative_to(folder).as_posix() for p in folder.rglob("*.json")] if folder.is_dir() else []
    return sorted(n.removesuffix(".json") for n in notes)


def decide(
    root: Path,
    path: str,
    theirs: str,
    *,
    mode: ConflictMode = "file",
    recreate: bool = False,
    earlier: str | None = None,
) -> Decision:
    """What to do with the owned file at `path`, of which `theirs` is the fresh render, and `earlier` the one
    of the lock as it was: the base where `.kgen/base` is lost. Raises `OutputError`.
    """
    noted = record(root, path)
    ours, base = _text(root, path), _text(root, base_path(path))
    if base is None and ours is not None:
        base = earlier
    if noted is not None:
        stuck = _still_open(root, path, noted, ours)
        if stuck:
            return stuck
        if noted.mode == "inline":
            base = noted.base  # solved in place: the file stems from that render now
    closed = _closed(path) if noted is not None else {}
    if ours is None:
        decision = _absent(path, base, theirs, recreate)
    else:
        decision = _present(path, base, ours, theirs, mode, recreate)
    return replace(decision, contents={**closed, **decision.contents})


def _still_open(root: Path, path: str, noted: ConflictRecord, ours: str | None) -> Decision | None:
    if noted.mode == "inline":
        marked = ours is not None and has_markers(ours)
        return Decision("open", {}, "solve it between the markers in the file") if marked else None
    text = paths.read(root, conflict_path(path))
    if text is not None and paths.digest(text) != noted.merged:
        return Decision("open", {}, f"solved in {conflict_path(path)}? then: kgen resolve {path}")
    return None  # nobody has touched it: merge afresh


def _closed(path: str) -> dict[str, bytes | None]:
    return {conflict_path(path): None, record_path(path): None}


def _absent(path: str, base: str | None, theirs: str, recreate: bool) -> Decision:
    advance: dict[str, bytes | None] = {base_path(path): theirs.encode()}
    if base is not None and not recreate:
        reason = "" if theirs == base else "you deleted it: not recreated (--recreate restores it)"
        return Decision("deleted", advance, reason)
    return Decision("add", {**advance, path: theirs.encode()})


def _present(
    path: str, base: str | None, ours: str, theirs: str, mode: ConflictMode, recreate: bool
) -> Decision:
    advance: dict[str, bytes | None] = {base_path(path): theirs.encode()}
    if ours.replace("\r\n", "\n") == theirs or (theirs == base and not recreate):
        return Decision("keep", advance)
    if base is None:
        return Decision("keep", advance, "not created by kgen: kept; later changes are merged")
    merged = merge(base, ours, theirs, recreate=recreate, path=path)
    if merged.conflicts:
        return _conflict(path, ours, theirs, merged, mode)
    outcome: Outcome = "keep" if merged.text == ours else "change" if ours == base else "merge"
    return Decision(outcome, {**advance, path: merged.text.encode()}, "; ".join(merged.notes))


def _conflict(path: str, ours: str, theirs: str, merged: Merged, mode: ConflictMode) -> Decision:
    text = merged.text.encode()
    hashes = {"ours": paths.digest(ours.encode()) or "", "merged": paths.digest(text) or ""}
    note = json.dumps(asdict(ConflictRecord(base=theirs, mode=mode, **hashes)), indent=1, sort_keys=True)
    place = path if mode == "inline" else conflict_path(path)
    count = len(merged.conflicts)
    places = "1 place" if count == 1 else f"{count} places"
    return Decision(
        "conflict", {place: text, record_path(path): f"{note}\n".encode()}, f"{places}: solve {place}"
    )


def _text(root: Path, path: str) -> str | None:
    content = paths.read(root, path)
    if content is None:
        return None
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as e:
        hint = "save it as UTF-8"
        raise OutputError("not UTF-8 text: kgen cannot merge it", where=path, hint=hint) from e


# -------------------------------------------------------------------------------------------------- resolve


def resolve(root: Path, path: str, *, mine: bool = False) -> list[Write]:
    """Close the conflict of `path` with the solved text; with `mine`, with the user's file as it stands.

    Raises:
        OutputError: there is no conflict, it is not solved yet, or the file changed while it was being
        solved elsewhere.
    """
    noted = record(root, path)
    if noted is None:
        known = ", ".join(open_conflicts(root)) or "none"
        raise OutputError("there is no open conflict", where=path, hint=f"open conflicts: {known}")
    in_place = mine or noted.mode == "inline"
    solved = paths.read(root, path if in_place else conflict_path(path))
    _check_solved(path if in_place else conflict_path(path), solved)
    present = paths.read(root, path)
    if not in_place and paths.digest(present) != noted.ours:
        resolve = command_from_here(root, f"kgen resolve --mine {shlex.quote(path)}")
        hint = f"put the solution into {path_from_here(root, path)} itself, then: {resolve}"
        raise OutputError("changed since the conflict was written down", where=path, hint=hint)
    contents = {path: solved, base_path(path): noted.base.encode(), **_closed(path)}
    before = {place: paths.digest(paths.read(root, place)) for place in contents}
    return [Write(p, c, before[p]) for p, c in contents.items() if paths.digest(c) != before[p]]


def _check_solved(path: str, content: bytes | None) -> None:
    if content is None:
        raise OutputError("the file is not there", where=path, hint="run `kgen pull` to merge again")
    text = content.decode("utf-8", "replace")
    line = next((n for n, it in enumerate(text.splitlines(), 1) if _MARKER.match(it)), None)
    if line is not None:
        raise OutputError("a conflict's marker is still there", where=f"{path}:{line}", hint="solve it first")
    if path.endswith(".py"):
        _check_parses(path, text)


def _check_parses(path: str, text: str) -> None:
    try:
        ast.parse(text)
    except (SyntaxError, ValueError) as e:
        line = getattr(e, "lineno", None) or 1
        raise OutputError(f"not valid Python: {e}", where=f"{path}:{line}", hint="fix it first") from e

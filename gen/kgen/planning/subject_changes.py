"""Which subjects change, and what becomes of the files made from them: the lines a plan shows first."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from ..compat.change_kinds import summary
from ..compat.subject_diff import SchemaChange
from ..listing import listed, title
from ..model.project import Project
from ..model.subjects import Skipped, Subject
from ..project.lockfile import Locked, text_hash
from .dropped_flows import flow_paths
from .plan import FileAction, SubjectChange

_VERBS = {
    ("generated", "add"): "written",
    ("generated", "change"): "rewritten",
    ("generated", "remove"): "removed",
    ("generated", "refuse"): "edited by hand",
    ("owned", "add"): "written",
    ("owned", "change"): "rewritten",
    ("owned", "merge"): "merged",
    ("owned", "conflict"): "in conflict",
    ("owned", "orphan"): "left: yours",
    ("owned", "release"): "left: yours",
    ("owned", "remove"): "removed",
}


def subject_changes(
    old: Locked | None,
    new: Locked,
    projects: Sequence[Project],
    files: Sequence[FileAction],
    kept: Iterable[Skipped],
    skipped: Iterable[Skipped],
    known: Mapping[str, SchemaChange],
) -> tuple[SubjectChange, ...]:
    """A change for each subject that is new, gone, kept, skipped, of another version, or whose files change
    for another reason.

    `projects` are the models that the files stem from: the new one, and the old one where subjects are gone;
    `known` what changed in the schemas (`schema_changes`).
    """
    found = {c.subject: c for c in _compared(old, new, known)}
    for subject, effects in _effects(projects, files, found).items():
        change = found.get(subject) or _unchanged(new.subject(subject))
        if change:
            found[subject] = replace(change, effects=tuple(effects))
    numbers = {s.name: s.latest.version for s in new.snapshot.subjects}
    left_out = [SubjectChange(s.subject, "skip", summary=s.reason, cause=s.cause) for s in skipped]
    for s in kept:
        number = numbers.get(s.subject)
        left_out.append(SubjectChange(s.subject, "keep", number, number, summary=s.reason, cause=s.cause))
    return tuple(sorted([*found.values(), *left_out], key=lambda c: c.subject))


def _compared(old: Locked | None, new: Locked, known: Mapping[str, SchemaChange]) -> Iterator[SubjectChange]:
    before = {s.name: s for s in old.snapshot.subjects} if old else {}
    after = {s.name: s for s in new.snapshot.subjects}
    for name, subject in after.items():
        if name not in before:
            yield SubjectChange(name, "add", None, subject.latest.version, subject.compatibility)
        elif before[name] != subject or name in known:
            yield _changed(before[name], subject, known.get(name))
    for name in before.keys() - after.keys():
        yield SubjectChange(name, "remove", before[name].latest.version)


def _changed(before: Subject, after: Subject, known: SchemaChange | None) -> SubjectChange:
    parts = [summary(known.changes), *known.references] if known else []
    if before.latest.type != after.latest.type:
        parts = [f"{before.latest.type} -> {after.latest.type}, messages of both are read"]
    if known and after.begun_again(before):
        parts.append("registered again")
    elif before.latest.version == after.latest.version:
        parts.append(_lesser_change(before, after))
    numbers = before.latest.version, after.latest.version
    return SubjectChange(after.name, "change", *numbers, after.compatibility, ", ".join(filter(None, parts)))


def moved(changes: Mapping[str, SchemaChange]) -> Iterator[str]:
    """A line for each type that is in another namespace now."""
    for subject, found in changes.items():
        for change in found.changes:
            if change.kind == "type moved":
                yield f"{title(subject)}: {title(change.before)} is {title(change.after)} now"


def _lesser_change(before: Subject, after: Subject) -> str:
    """What changed where the version did not."""
    if text_hash(before.latest.text) != text_hash(after.latest.text):
        return "another schema under the same version"
    if before.latest.id != after.latest.id:
        return f"id {before.latest.id} -> {after.latest.id}"
    if before.compatibility != after.compatibility:
        return f"was {before.compatibility}"
    if before.latest.rule_set != after.latest.rule_set:
        return "other data contract rules"
    earlier = len(after.versions) - len(before.versions)
    if earlier:
        return f"{earlier:+d} earlier version" + ("" if abs(earlier) == 1 else "s")
    return ""


def _unchanged(subject: Subject | None) -> SubjectChange | None:
    if subject is None:
        return None
    number = subject.latest.version
    return SubjectChange(subject.name, "change", number, number, subject.compatibility)


def _effects(
    projects: Sequence[Project], files: Sequence[FileAction], found: Mapping[str, SubjectChange]
) -> dict[str, list[str]]:
    """By subject, what happens to its files; if several subjects make a file, the last one that changes
    reports it.
    """
    made_from = {path: subjects for project in reversed(projects) for path, subjects in _made_from(project)}
    paths: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for file in sorted(files, key=lambda f: (f.kind, _noun(f.path), f.path)):
        sources, verb = made_from.get(file.path), _VERBS.get((file.kind, file.op))
        if sources and verb:
            subject = next((s for s in reversed(sources) if s in found), sources[-1])
            paths[subject][verb].append(file.path)
    return {subject: list(_sentences(by)) for subject, by in paths.items()}


def _sentences(paths: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """`models rewritten`, by verb; with the module where there are several of the kind."""
    counts = Counter(_noun(path) for found in paths.values() for path in found)
    for verb, found in paths.items():
        nouns = [_noun(path) + (f" of {_module(path)}" if counts[_noun(path)] > 1 else "") for path in found]
        yield f"{listed(nouns)} {verb}"


def _made_from(project: Project) -> Iterator[tuple[str, list[str]]]:
    for module in project.modules:
        subjects = sorted({s.subject for s in module.sources})
        yield f"{project.folder}/_generated/{module.name}.py", subjects
        yield f"{project.folder}/flows/{module.name}.py", subjects
        yield f"tests/test_{module.name}.py", subjects
    for flow in project.flows:
        for path in flow_paths(project.folder, flow.name):
            yield path, sorted(flow.subjects)


def _noun(path: str) -> str:
    return "models" if "/_generated/" in path else "test" if path.startswith("tests/") else "flow"


def _module(path: str) -> str:
    return PurePosixPath(path).stem.removeprefix("test_" if _noun(path) == "test" else "")

"""The compatibility gate: a new version may not lose messages that the project could read before.

It knows no levels: a newest version that cannot read what the locked ones wrote is refused, whatever the
registry's level.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterator

from ..errors import IncompatibleError
from ..listing import listed, title
from ..model.library import Library, Pair, moved_references, same_meaning
from ..model.subjects import Subject
from .levels import shown, unreadable

_SHOWN = 3


def refuse_incompatible(before: Library, after: Library, allowed: Collection[str]) -> None:
    """Raises `IncompatibleError` if a subject's newest version cannot read what a version that is locked,
    readable so far, wrote. `before` has what is locked.

    Subjects in `allowed` pass.
    """
    problems = dict(_problems(before, after, allowed))
    if not problems:
        return
    names = list(problems)
    flags = " ".join(f"--allow-incompatible {shlex.quote(name)}" for name in names[:_SHOWN])
    more = ", and so on for each," if len(names) > _SHOWN else ""
    raise IncompatibleError(
        f"incompatible change of {listed(names)}",
        where="; ".join(problems[name] for name in names[:_SHOWN]),
        hint=f"`{flags}`{more} takes it: {_consequence(after, problems)}",
    )


def _consequence(after: Library, names: Collection[str]) -> str:
    """What becomes of messages of old versions then. Protobuf has no errors for what it reads otherwise."""
    kinds = {subject.latest.type for subject in after.snapshot.subjects if subject.name in names}
    if "PROTOBUF" not in kinds:
        return "messages of the old version will then go to `errs`"
    return "what it names is then lost or read as something else, or the message goes to `errs`"


def _problems(before: Library, after: Library, allowed: Collection[str]) -> Iterator[tuple[str, str]]:
    locked = {s.name: s for s in before.snapshot.subjects}
    for subject in after.snapshot.subjects:
        known = None if subject.name in allowed else locked.get(subject.name)
        problem = _problem(before, known, after, subject) if known else None
        if problem:
            yield subject.name, problem


def _problem(before: Library, locked: Subject, after: Library, subject: Subject) -> str | None:
    """The first locked version that could be read and can be no more, and why; references count as a part of
    a version.
    """
    newest, newest_before = _pair(subject), _pair(locked)
    reader_before = before.schema(newest_before)
    if reader_before is None or same_meaning(before, newest_before, after, newest):
        return None
    reader = after.unit(newest).schema
    for version in locked.versions:
        # One that does not parse was not readable before, either.
        writer = before.schema((subject.name, version.version))
        found = unreadable(writer, reader) if writer else ()
        if writer and found and not unreadable(writer, reader_before):
            other = "the locked " if subject.begun_again(locked) else ""
            name = _title(before, locked, after, subject)
            return f"{name} cannot read {other}v{version.version}: {'; '.join(map(shown, found[:_SHOWN]))}"
    return None


def _title(before: Library, locked: Subject, after: Library, subject: Subject) -> str:
    """`orders-value v2`, with the references that changed, and whether it begins again."""
    found = ["registered again"] if subject.begun_again(locked) else []
    found += moved_references(before, _pair(locked), after, _pair(subject))
    return f"{title(subject.name)} v{subject.latest.version}" + (f" ({', '.join(found)})" if found else "")


def _pair(subject: Subject) -> Pair:
    return subject.name, subject.latest.version

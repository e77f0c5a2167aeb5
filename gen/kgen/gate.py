"""The compatibility gate: a new version may not lose messages that the project could read before."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from kgen_runtime.codec.resolve import check
from kgen_runtime.codec.schema import Schema

from .errors import IncompatibleError, SchemaError
from .lock import Locked
from .model.library import Library
from .model.subjects import Snapshot

_SHOWN = 3


def refuse_incompatible(new: Snapshot, old: Locked | None, allowed: Collection[str]) -> None:
    """Raises `IncompatibleError` where a subject's newest version cannot read what a locked version,
    readable so far, wrote.

    Subjects in `allowed` pass. A registry whose level is NONE or FORWARD lets such versions in.
    """
    problems = dict(_problems(new, old, allowed)) if old else {}
    if not problems:
        return
    names = list(problems)
    what = f"incompatible change of {', '.join(names[:_SHOWN])}" + (
        " and others" if len(names) > _SHOWN else ""
    )
    hint = f"`--allow-incompatible {names[0]}` takes it: messages of the old version will then go to `errs`"
    raise IncompatibleError(what, where="; ".join(problems[n] for n in names[:_SHOWN]), hint=hint)


def _problems(new: Snapshot, old: Locked, allowed: Collection[str]) -> Iterator[tuple[str, str]]:
    before, after = Library(old.snapshot), Library(new)
    for subject in new.subjects:
        locked = old.subject(subject.name)
        if locked is None or subject.name in allowed or locked.latest.text == subject.latest.text:
            continue
        reader = after.unit((subject.name, subject.latest.version)).schema
        reader_before = before.unit((subject.name, locked.latest.version)).schema
        for version in locked.versions:
            writer = _schema(before, (subject.name, version.version))
            found = check(writer, reader) if writer else []
            if writer and found and not check(writer, reader_before):
                shown = "; ".join(f"{f.path or 'the root'}: {f.message}" for f in found[:_SHOWN])
                yield (
                    subject.name,
                    f"{subject.name} v{subject.latest.version} cannot read v{version.version}: {shown}",
                )
                break


def _schema(library: Library, pair: tuple[str, int]) -> Schema | None:
    """The schema, or None where an old version does not parse: nobody could read that one before either."""
    try:
        return library.unit(pair).schema
    except SchemaError:
        return None

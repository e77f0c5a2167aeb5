"""`kgen push`: registers the schemas of `schemas/own/`. Everything is checked before anything is registered;
nothing is ever deleted.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..candidates.placed import Candidate
from ..candidates.push_plan import PushItem, PushPlan
from ..candidates.schema_files import FOLDER, own_files
from ..candidates.verdicts import RegistryVerdict, ask, changes_of, verdict_of
from ..errors import (
    ConfigError,
    IncompatibleError,
    KgenError,
    LockError,
    PushInterruptedError,
    RegistryError,
)
from ..listing import listed
from ..model.subject_filter import wanted
from ..model.subjects import SchemaVersion
from ..project import config
from ..project import lockfile as lock
from ..project.config import Config
from ..project.from_here import command_from_here
from ..registry.answers import KnownSchema
from ..registry.api import Api, is_absent
from .candidate_state import CandidateState, of_registry, registry_verdicts
from .inputs import Flags, Workspace, settle
from .registry_in_force import opened

_INVALID = (400, 422)


@dataclass(frozen=True)
class PushOptions:
    """What becomes of a plan."""

    dry: bool = False  # nothing is registered or set
    normalize: bool = False  # the registry puts schemas into its normal form


Show = Callable[[PushPlan], None]
Report = Callable[[str], None]


@dataclass
class _Done:
    """What a push has done so far."""

    versions: dict[str, int] = field(default_factory=dict)
    ids: dict[str, int] = field(default_factory=dict)
    levels: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def registered(self) -> str:
        """What is to be said of it when the rest fails."""
        parts = (
            [f"registered: {listed([f'{n} v{v}' for n, v in self.versions.items()])}"]
            if self.versions
            else []
        )
        parts += [f"compatibility set: {listed(self.levels)}"] if self.levels else []
        return "; ".join(parts) or "nothing was registered"


def run(workspace: Workspace, flags: Flags, options: PushOptions, show: Show, report: Report) -> PushPlan:
    """Plan and, unless it is a dry run, register. `show` gets the plan before anything is sent, `report` a
    line for each thing that is done.

    Raises:
        IncompatibleError: a schema may not follow those that are registered; nothing was registered.
        PushInterruptedError: Ctrl-C; says what is registered.
        KgenError: says what is registered, if that is not nothing; a second push goes on from there.
    """
    files = own_files(workspace.root)
    if not files:
        hint = f"put the schema of an output topic there, as {FOLDER}/orders-value.avsc"
        raise ConfigError(f"there are no schemas in {FOLDER}", where=str(workspace.root.resolve()), hint=hint)
    settled = settle(workspace.root, flags, frozen=True)
    if not settled.url.value:
        hint = 'kgen push --registry URL, KGEN_REGISTRY_URL, or [registry] url = "URL" in kgen.toml'
        raise ConfigError("no registry is set", where=str(workspace.root.resolve()), hint=hint)
    with opened(settled.config.registry, settled.url, workspace) as api:
        old, notes = _locked(workspace)
        state = of_registry(files, settled.config, old, api, workspace, normalize=options.normalize)
        verdicts = registry_verdicts(api, state, workspace)
        items, more = _items(api, state, verdicts, settled.config, options)
        has_toml = config.read_text(workspace.root) is not None
        notes += [*state.notes, *more, *_remarks(items, settled.config, has_toml=has_toml)]
        plan = PushPlan(api.url, tuple(items), tuple(notes))
        show(plan)
        _refuse(plan, workspace.root)
        if options.dry or not plan.changes:
            return plan
        return _applied(api, plan, options, report)


def _locked(workspace: Workspace) -> tuple[lock.Locked | None, list[str]]:
    try:
        return lock.load(workspace.root), []
    except LockError as error:
        return None, [f"kgen.lock is not read: {error.what}"]


def _items(
    api: Api,
    state: CandidateState,
    verdicts: Mapping[str, RegistryVerdict],
    settings: Config,
    options: PushOptions,
) -> tuple[list[PushItem], list[str]]:
    items, notes = [], []
    for candidate in state.placed.candidates:
        name = candidate.subject
        verdict = verdict_of(state.placed, candidate, state.levels[name], verdicts[name])
        own = settings.own.get(name)
        item = PushItem(candidate, verdict, changes_of(state.placed, candidate))
        if own and own.metadata:
            item, note = _with_metadata(api, item, own.metadata, options)
            notes += [note] if note else []
        items.append(item)
    return items, notes


def _with_metadata(
    api: Api, item: PushItem, metadata: Mapping[str, str], options: PushOptions
) -> tuple[PushItem, str]:
    """With the metadata of kgen.toml, if the registry keeps any; a registry that ignores it finds the schema
    with it and shows none.
    """
    unsupported = f"{item.candidate.subject}: this registry keeps no metadata"
    if item.candidate.waits_for:
        return replace(item, metadata=metadata), ""
    try:
        found = api.lookup(item.candidate.version, metadata, normalize=options.normalize)
    except RegistryError as error:
        if error.status in _INVALID or is_absent(error):
            return item, unsupported
        raise
    if not item.candidate.registered:
        return replace(item, metadata=metadata), ""
    if found is None:
        return replace(item, metadata=metadata, adds_metadata=True), ""
    return item, "" if metadata.items() <= found.properties.items() else unsupported


def _remarks(items: Sequence[PushItem], settings: Config, *, has_toml: bool) -> Iterator[str]:
    names = [item.candidate.subject for item in items]
    for item in items:
        it = item.candidate
        if it.registered and it.newest and it.newest > it.version.version and not item.adds_metadata:
            yield f"{it.subject}: {it.file.shown} is v{it.version.version}, and v{it.newest} is newer"
    left_out = [name for name in names if not wanted(name, settings.subjects)]
    if left_out and has_toml:
        line = json.dumps([*settings.subjects, *left_out], ensure_ascii=False)
        yield (
            f"{listed(left_out)}: not among the subjects that kgen.toml pulls; to have models, put there: "
            f"subjects = {line}"
        )
    for name in settings.own.keys() - set(names):
        yield f"kgen.toml has own.{json.dumps(name)}, and {FOLDER}/ has no file of it"


def _refuse(plan: PushPlan, root: Path) -> None:
    """Raises `IncompatibleError` if a schema may not follow."""
    refused = plan.refused
    if not refused:
        return
    names = [item.candidate.subject for item in refused]
    first = refused[0]
    check = command_from_here(root, f"kgen check {shlex.quote(first.candidate.file.shown)}")
    raise IncompatibleError(
        f"not compatible with what is registered: {listed(names)}; nothing was registered",
        where="; ".join([first.candidate.file.shown, *first.verdict.reasons[:3]]),
        hint=f"{check} shows it all; the level of a subject can be set as "
        f'[own.{json.dumps(names[0])}] compatibility = "…" in kgen.toml',
    )


def _applied(api: Api, plan: PushPlan, options: PushOptions, report: Report) -> PushPlan:
    done, current = _Done(), plan.items[0]
    try:
        for current in plan.items:
            if current.sets_level:
                _set_level(api, current, done, report)
        for current in plan.items if done.levels else ():
            _ask_again(api, current)
        for current in plan.items:
            if current.op != "keep":
                _register(api, current, done, options, report)
    except KeyboardInterrupt as error:
        raise PushInterruptedError(
            done.registered(),
            hint=f"{current.candidate.subject} was under way and may be registered; `kgen push` goes on",
        ) from error
    except KgenError as error:
        raise _halted(error, plan, current, done) from None
    notes = (*plan.notes, *done.notes)
    return replace(plan, notes=notes, pushed=True, ids=done.ids, numbers=done.versions)


def _set_level(api: Api, item: PushItem, done: _Done, report: Report) -> None:
    name, level = item.candidate.subject, item.verdict.level.level
    try:
        api.set_compatibility(name, level)
    except RegistryError as error:
        if not is_absent(error):
            raise
        done.notes.append(f"{name}: this registry has no compatibility levels of subjects")
        return
    done.levels.append(name)
    report(f"set the compatibility of {name} to {level}")


def _ask_again(api: Api, item: PushItem) -> None:
    """At the level that it has now. Raises `IncompatibleError`."""
    if not item.sets_level or item.op == "keep" or item.candidate.newest is None:
        return
    level = item.verdict.level.level
    found = ask(api, item.candidate, level, [*item.verdict.versions, *item.verdict.unread])
    if found.compatible is False:
        raise IncompatibleError(f"not compatible at {level}: {item.candidate.subject}", where=_words(found))


def _words(found: RegistryVerdict) -> str:
    return "; ".join(found.messages[:3])


def _register(api: Api, item: PushItem, done: _Done, options: PushOptions, report: Report) -> None:
    candidate = item.candidate
    version = _exact(candidate, done.versions)
    found = api.register(version, item.metadata, normalize=options.normalize)
    number = found.version or _number(api, version, options)
    done.versions[candidate.subject], done.ids[candidate.subject] = number, found.id
    report(f"registered {candidate.subject} v{number} (id {found.id})")
    if item.metadata and not _has(api, version, item, options):
        done.notes.append(f"{candidate.subject}: this registry keeps no metadata")


def _exact(candidate: Candidate, numbers: Mapping[str, int]) -> SchemaVersion:
    """With references to the versions that others got, which may not be those that were expected."""
    references = tuple(
        replace(r, version=numbers[r.subject]) if f"{r.subject} v{r.version}" in candidate.waits_for else r
        for r in candidate.version.references
    )
    return replace(candidate.version, references=references)


def _number(api: Api, version: SchemaVersion, options: PushOptions) -> int:
    """The number of what was registered, of a registry that answers with the id alone."""
    found: KnownSchema | None = None
    try:
        found = api.lookup(version, normalize=options.normalize)
    except RegistryError as error:
        if not is_absent(error) and error.status != 403:
            raise
    if found and found.version:
        return found.version
    return api.schema(version.subject, -1).version


def _has(api: Api, version: SchemaVersion, item: PushItem, options: PushOptions) -> bool:
    """Whether the registry has the metadata that it was given."""
    try:
        found = api.lookup(version, item.metadata, normalize=options.normalize)
    except RegistryError:
        return True  # nobody knows
    return found is not None and item.metadata.items() <= found.properties.items()


def _halted(error: KgenError, plan: PushPlan, item: PushItem, done: _Done) -> KgenError:
    """The error with what is registered and what is not."""
    left = [
        it.candidate.subject
        for it in plan.items
        if it.op != "keep" and it.candidate.subject not in done.versions
    ]
    said = done.registered()
    rest = f"not registered: {listed(left)}" if left else "all is registered"
    hint = ". ".join([f"{said}; {rest}; `kgen push` goes on from there", *filter(None, [error.hint])])
    where = ", ".join(filter(None, [item.candidate.file.shown, error.where]))
    if isinstance(error, RegistryError) and error.status == 409:
        return IncompatibleError(error.what, where=where, hint=hint)
    error.where, error.hint = where, hint
    return error

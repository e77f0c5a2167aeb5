"""Reads what is wanted from a registry: the subjects, their versions, and everything those refer to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from typing import TypeVar

from kgen_runtime.serde.subject_names import qualified

from ..errors import RegistryError, UnknownSchema
from ..model import subject_filter as patterns
from ..model.library import SUPPORTED
from ..model.subjects import Cause, SchemaVersion, Skipped, Snapshot, Subject, TopicAssociation
from ..progress_callback import ProgressCallback
from .api import Api, concerns_all
from .ids import refuse_shared
from .references import Key, Unread, resolve

T = TypeVar("T")
WORKERS = 8
_HINT_EMPTY = (
    "see which there are: curl {url}/subjects (a registry that has just started may answer with none yet)"
)


@dataclass(frozen=True)
class Fetched:
    """What the registry has.

    `live` are the versions it lists for each subject (the snapshot ends at the pinned one, and may hold the
    latest only); `unmatched` the patterns that no subject matches. Subjects that are listed and whose newest
    version could not be read are among the snapshot's `skipped`. `associated` are the subjects whose
    associations the registry reports, `unassociated` is why it does not, if that is an error.
    """

    snapshot: Snapshot
    live: Mapping[str, tuple[int, ...]]
    unmatched: tuple[str, ...] = ()
    unread: Mapping[Key, Unread] = field(default_factory=dict)  # referenced versions
    associated: frozenset[str] = frozenset()
    unassociated: str = ""


@dataclass(frozen=True)
class _Read:
    """One subject, and what of it was skipped. `error` is why nothing of it could be read; `earlier` are
    versions still to be read.
    """

    name: str
    live: tuple[int, ...]
    subject: Subject | None = None
    skipped: tuple[Skipped, ...] = ()
    error: RegistryError | None = None
    earlier: tuple[int, ...] = ()

    def with_earlier(self, found: Iterable[SchemaVersion | Skipped]) -> _Read:
        """The same with what became of `earlier`."""
        if self.subject is None:
            return self
        every, latest = list(found), self.subject.latest
        versions = [v for v in every if isinstance(v, SchemaVersion) and v.type in SUPPORTED]
        skipped = (*self.skipped, *(v for v in every if isinstance(v, Skipped)))
        subject = replace(self.subject, versions=(*versions, latest))
        return replace(self, subject=subject, skipped=skipped, earlier=())


def fetch(
    api: Api,
    globs: Sequence[str] = ("*",),
    pins: Mapping[str, int] | None = None,
    *,
    all_versions: bool = True,
    progress: ProgressCallback | None = None,
    locked: Mapping[str, int] | None = None,
) -> Fetched:
    """Read the subjects that match `globs` (see `model.subject_filter`), up to their pinned version, and all
    they refer to. The result does not depend on timing. `locked` are the newest versions that the project
    holds: whether one of these subjects is gone is asked once more, as the list may be of a part of the
    registry.

    Raises:
        RegistryError: the registry cannot be reached, answers nonsense, gives one id to two schemas, or holds
            no subject that matches.
        UnknownSchema: a pinned version is not there, and not the locked one.
    """
    held = dict(locked or {})
    names, unlisted = _names(api, globs)
    wanted = [n for n in names if patterns.wanted(n, globs)]
    if not wanted:
        raise _none_matches(api, globs)
    absent = [n for n in sorted(held.keys() - set(names)) if patterns.wanted(n, globs)]
    default = api.default_compatibility()
    reader = _Reader(api, pins or {}, held, default, all_versions)
    read = reader.read_unlisted if unlisted else reader.read
    jobs = [partial(read, n) for n in wanted] + [partial(reader.read_unlisted, n) for n in absent]
    results = [r for r in concurrently(jobs, progress) if r is not None]
    if not results:
        raise _none_matches(api, globs)
    _refuse_nothing(results)
    unmatched = _unmatched(
        globs, {*names, *absent}, {*wanted} - {r.name for r in results} if unlisted else set()
    )
    return _fetched(reader, results, unmatched, progress)


def fetch_named(api: Api, names: Sequence[str], progress: ProgressCallback | None = None) -> Fetched:
    """Read those of the subjects that there are, with all versions, and all they refer to; the others are not
    in the result. Raises `RegistryError`.
    """
    try:
        api.subjects()  # what has no list of them is not a registry, and its 404 means nothing
    except RegistryError as error:
        if error.status not in (401, 403):
            raise
    reader = _Reader(api, {}, {}, api.default_compatibility(), all_versions=True)
    jobs = [partial(reader.read_unlisted, name) for name in sorted(set(names))]
    results = [r for r in concurrently(jobs, progress) if r is not None]
    _refuse_nothing(results)
    return _fetched(reader, results, (), progress)


def _fetched(
    reader: _Reader,
    results: Sequence[_Read],
    unmatched: tuple[str, ...],
    progress: ProgressCallback | None,
) -> Fetched:
    """The subjects with their earlier versions and all they refer to."""
    api, results = reader.api, reader.read_earlier(results, progress)
    subjects = tuple(r.subject for r in sorted(results, key=lambda r: r.name) if r.subject)
    referenced, subjects, unread = resolve(subjects, api.schema, lambda calls: concurrently(calls, None))
    refuse_shared([v for s in subjects for v in s.versions] + list(referenced))
    skipped = tuple(s for r in results for s in r.skipped)
    live = {r.name: r.live for r in results}
    known, why = _associations(api, [s.name for s in subjects])
    associations = tuple(sorted(it for found in known.values() for it in found))
    snapshot = Snapshot(api.url, subjects, referenced, skipped, associations)
    return Fetched(snapshot, live, unmatched, unread, frozenset(known), why)


def _associations(
    api: Api, subjects: Sequence[str]
) -> tuple[Mapping[str, tuple[TopicAssociation, ...]], str]:
    """The topics of each subject, as far as the registry reports them, and why it does not, if that is an
    error.

    One request for each subject, as the names of topics are not known, and a registry lists associations by
    subject as well as by topic. One that has none of them says so at the first.
    """
    found: dict[str, tuple[TopicAssociation, ...]] = {}
    try:
        first = api.associations(subjects[0]) if subjects else None
        if first is None:
            return {}, ""
        found[subjects[0]] = first
        rest = concurrently([partial(api.associations, name) for name in subjects[1:]], None)
        found.update((name, its) for name, its in zip(subjects[1:], rest) if its is not None)
    except RegistryError as error:
        if concerns_all(error):
            raise
        return found, error.what
    return found, ""


def _names(api: Api, globs: Sequence[str]) -> tuple[Sequence[str], bool]:
    """The subjects that there are; if the user may not list them, those that `globs` name, and True.

    Raises `RegistryError`.
    """
    try:
        return api.subjects(), False
    except RegistryError as error:
        named = [glob for glob in globs if not glob.startswith("!")]
        if error.status not in (401, 403):
            raise
        if not named or any(map(patterns.is_pattern, named)):
            hint = "A user who may not list subjects can name them without wildcards: --subject orders-value"
            error.hint = f"{error.hint} {hint}" if error.hint else hint
            raise
        return sorted(set(map(qualified, named))), True


def _unmatched(globs: Sequence[str], names: Set[str], gone: Set[str]) -> tuple[str, ...]:
    """The patterns without a subject; `gone` are names that turned out to be nobody's."""
    fit_none = {*gone, *patterns.unmatched(globs, sorted(names))}
    return tuple(glob for glob in globs if glob in fit_none or qualified(glob) in gone)


def _none_matches(api: Api, globs: Sequence[str]) -> RegistryError:
    shown = ", ".join(globs)
    return RegistryError(f"no subject matches {shown}", where=api.url, hint=_HINT_EMPTY.format(url=api.url))


def _refuse_nothing(results: Iterable[_Read]) -> None:
    """If no subject at all was answered as it should be, this is about the registry."""
    every = list(results)
    odd = [r.error for r in every if r.error and not isinstance(r.error, UnknownSchema)]
    if odd and all(r.error for r in every):
        raise odd[0]


@dataclass(frozen=True)
class _Reader:
    """Reads subjects, each by itself: what is wrong with one is its own affair."""

    api: Api
    pins: Mapping[str, int]
    locked: Mapping[str, int]
    default: str | None
    all_versions: bool

    def read(self, name: str) -> _Read:
        """A subject that is listed. Raises `RegistryError` if that is about the registry as a whole."""
        if name in (".", ".."):  # HTTP clients and servers shorten such paths
            return _skipped(name, (), "a URL cannot hold its name", "format")
        try:
            live = self.api.versions(name)
        except RegistryError as error:
            return self._failed(name, (), error, "its versions cannot be read")
        return self._read(name, live)

    def read_unlisted(self, name: str) -> _Read | None:
        """A subject that the project holds and the list does not; None if it is gone indeed."""
        try:
            live = self.api.versions(name)
        except RegistryError as error:
            if isinstance(error, UnknownSchema) or error.status == 404:
                return None
            return self._failed(name, (), error, "its versions cannot be read")
        return self._read(name, live)

    def _read(self, name: str, live: tuple[int, ...]) -> _Read:
        last = self._last(name, live)
        if last not in live:
            return _skipped(name, live, f"v{last}, to which kgen.toml pins it, was deleted in the registry")
        try:
            latest = self.api.schema(name, last)
        except RegistryError as error:
            return self._failed(name, live, error, f"v{last} is listed but cannot be read")
        if latest.type not in SUPPORTED:
            return _skipped(name, live, f"{latest.type} schemas are not supported yet", "format")
        earlier = tuple(n for n in live if n < last) if self.all_versions else ()
        own = self.api.compatibility(name)
        policy = self.api.policy(name) if latest.type == "JSON" else None
        subject = Subject(name, (latest,), own or self.default, own is None, policy)
        return _Read(name, live, subject, earlier=earlier)

    def _failed(self, name: str, live: tuple[int, ...], error: RegistryError, what: str) -> _Read:
        if concerns_all(error):
            raise error
        return replace(_skipped(name, live, f"{what}: {error.what}"), error=error)

    def _last(self, name: str, live: tuple[int, ...]) -> int:
        pin = self.pins.get(name, live[-1])
        if pin not in live and pin != self.locked.get(name):
            shown = ", ".join(map(str, live[-20:]))
            raise UnknownSchema(
                f"{name} has no version {pin}",
                where=f"kgen.toml, pins.{name}",
                hint=f"it has {shown}: change the pin",
            )
        return pin

    def read_earlier(self, results: Sequence[_Read], progress: ProgressCallback | None) -> list[_Read]:
        """The earlier versions of all subjects, each on its own: one subject may have hundreds."""
        jobs = [partial(self._earlier, read.name, number) for read in results for number in read.earlier]
        found = iter(concurrently(jobs, progress and partial(_versions, progress)))
        return [read.with_earlier(list(islice(found, len(read.earlier)))) for read in results]

    def _earlier(self, name: str, version: int) -> SchemaVersion | Skipped:
        """An earlier version, or why it cannot be read (any more)."""
        try:
            return self.api.schema(name, version)
        except RegistryError as error:
            if concerns_all(error):
                raise
            return Skipped(name, f"v{version} is listed but cannot be read: {error.what}", "earlier")


def _versions(progress: ProgressCallback, done: int, total: int) -> None:
    progress(done, total, "versions read")


def _skipped(name: str, live: tuple[int, ...], reason: str, cause: Cause = "unreadable") -> _Read:
    return _Read(name, live, skipped=(Skipped(name, reason, cause),))


def concurrently(jobs: Iterable[Callable[[], T]], progress: Callable[[int, int], None] | None) -> list[T]:
    """The jobs' results, in the order of the jobs. The first failure is raised and what has not begun is
    dropped.
    """
    pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="kgen-registry")
    done_with = False
    try:
        futures: list[Future[T]] = [pool.submit(job) for job in jobs]
        for done, future in enumerate(as_completed(futures), 1):
            future.result()
            if progress:
                progress(done, len(futures))
        done_with = True
        return [future.result() for future in futures]
    finally:
        # After a failure or Ctrl-C nobody waits for the others: closing the client ends what they wait for.
        pool.shutdown(wait=done_with, cancel_futures=True)

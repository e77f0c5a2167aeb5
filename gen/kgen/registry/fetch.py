"""Reads what is wanted from a registry: the subjects, their versions, and everything those refer to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import TypeVar

from .. import globs as patterns
from ..errors import RegistryError, UnknownSchema
from ..model.subjects import SchemaVersion, Skipped, Snapshot, Subject
from .api import Api
from .references import resolve

T = TypeVar("T")
Progress = Callable[[int, int], None]

SUPPORTED = ("AVRO",)
WORKERS = 8
_HINT_EMPTY = (
    "see which there are: curl {url}/subjects (a registry that has just started may answer with none yet)"
)


@dataclass(frozen=True)
class Fetched:
    """What the registry has.

    `live` are the versions it lists for each pulled subject (the snapshot ends at the pinned one, and may
    hold the latest only);
    `unmatched` the patterns that no subject matches.
    """

    snapshot: Snapshot
    live: Mapping[str, tuple[int, ...]]
    unmatched: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Read:
    subject: Subject
    live: tuple[int, ...]


def fetch(
    api: Api,
    globs: Sequence[str] = ("*",),
    pins: Mapping[str, int] | None = None,
    *,
    all_versions: bool = True,
    progress: Progress | None = None,
) -> Fetched:
    """Read the subjects that match `globs` (see `kgen.globs`), up to their pinned version, and all they refer
    to. The result does not depend on timing.

    Raises:
        RegistryError: the registry cannot be reached, answers nonsense, or holds no subject that matches.
        UnknownSchema: a pinned version or a reference is not there.
    """
    names = api.subjects()
    wanted = [n for n in names if patterns.wanted(n, globs)]
    if not wanted:
        shown = ", ".join(globs)
        raise RegistryError(
            f"no subject matches {shown}", where=api.url, hint=_HINT_EMPTY.format(url=api.url)
        )
    default = api.default_compatibility()
    jobs = [_job(api, name, (pins or {}).get(name), default, all_versions) for name in wanted]
    results = concurrently(jobs, progress)
    read = [r for r in results if isinstance(r, _Read)]
    subjects = tuple(r.subject for r in read)
    referenced, subjects = resolve(subjects, api.schema, lambda calls: concurrently(calls, None))
    skipped = tuple(r for r in results if isinstance(r, Skipped))
    return Fetched(
        Snapshot(api.url, subjects, referenced, skipped),
        {r.subject.name: r.live for r in read},
        patterns.unmatched(globs, names),
    )


def _job(
    api: Api, name: str, pin: int | None, default: str | None, all_versions: bool
) -> Callable[[], _Read | Skipped]:
    def read() -> _Read | Skipped:
        if name in (".", ".."):  # HTTP clients and servers shorten such paths
            return Skipped(name, "a URL cannot hold its name")
        try:
            live = api.versions(name)
        except UnknownSchema:
            return Skipped(name, "deleted while it was being read")
        return _read(api, name, live, pin, default, all_versions)

    return read


def _read(
    api: Api, name: str, live: tuple[int, ...], pin: int | None, default: str | None, all_versions: bool
) -> _Read | Skipped:
    last = _last(name, live, pin)
    latest = _schema(api, name, last)
    if latest is None:
        return Skipped(name, "deleted while it was being read")
    if latest.type not in SUPPORTED:
        return Skipped(name, f"{latest.type} schemas are not supported yet")
    earlier = [_schema(api, name, n) for n in live if n < last] if all_versions else []
    versions = (*(v for v in earlier if v is not None and v.type == latest.type), latest)
    own = api.compatibility(name)
    return _Read(Subject(name, versions, own or default, own is None), live)


def _last(name: str, live: tuple[int, ...], pin: int | None) -> int:
    if pin is None:
        return live[-1]
    if pin not in live:
        shown = ", ".join(map(str, live[-20:]))
        raise UnknownSchema(
            f"{name} has no version {pin}",
            where=f"kgen.toml, pins.{name}",
            hint=f"it has {shown}: change the pin",
        )
    return pin


def _schema(api: Api, name: str, version: int) -> SchemaVersion | None:
    try:
        return api.schema(name, version)
    except UnknownSchema:
        return None


def concurrently(jobs: Iterable[Callable[[], T]], progress: Progress | None) -> list[T]:
    """The jobs' results, in the order of the jobs. The first failure is raised and what has not begun is
    dropped.
    """
    pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="kgen-registry")
    try:
        futures: list[Future[T]] = [pool.submit(job) for job in jobs]
        for done, future in enumerate(as_completed(futures), 1):
            future.result()
            if progress:
                progress(done, len(futures))
        return [future.result() for future in futures]
    finally:
        pool.shutdown(wait=True, cancel_futures=True)

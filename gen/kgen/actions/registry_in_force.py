"""The registry that the settings in force name: opened, and what it holds for a command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from .. import registry
from ..errors import ConfigError
from ..model.subject_filter import wanted
from ..planning import carry_over
from ..project import config
from ..project import lockfile as lock
from ..registry import Setting
from ..registry.fetcher import Fetched
from .inputs import Flags, Settled, Workspace, access

_IMPATIENT = 10.0  # seconds


@contextmanager
def opened(
    settings: config.Registry, url: Setting, workspace: Workspace, *, patient: bool = True
) -> Iterator[registry.Api]:
    """The registry in force, closed at the end. If not `patient`, nothing is asked twice, and it has ten
    seconds for all. Raises `ConfigError`.
    """
    reach = access(settings, url, workspace.root)
    retries, seconds = (4, None) if patient else (0, _IMPATIENT)
    with registry.opened(reach, retries=retries, seconds=seconds, say=workspace.say) as api:
        yield api


def read_registry(
    settled: Settled, flags: Flags, workspace: Workspace, old: lock.Locked | None = None
) -> Fetched:
    """What the registry holds now; with `--subject` in a project that has a lock, the others as they are
    locked. Raises.
    """
    settings = settled.config
    if not settled.url.value:
        raise ConfigError(
            "no registry is set", where=config.NAME, hint='[registry] url = "http://localhost:8081"'
        )
    globs = flags.subjects or settings.subjects
    with opened(settings.registry, settled.url, workspace) as api:
        fetched = registry.fetch(
            api,
            globs,
            settings.pins,
            all_versions=settings.all_versions,
            progress=workspace.progress,
            locked={s.name: s.latest.version for s in old.snapshot.subjects} if old else None,
        )
    if flags.subjects and old:
        others = [s.name for s in old.snapshot.subjects if not wanted(s.name, globs)]
        return carry_over.with_locked(fetched, old, others)
    return fetched

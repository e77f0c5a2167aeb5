"""What a command was asked for, the configuration in force, and what the registry holds for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from .. import registry
from ..errors import ConfigError
from ..model.subject_filter import wanted
from ..planning import carry_over
from ..progress_callback import ProgressCallback, silent
from ..project import config
from ..project import lockfile as lock
from ..project.config import Config, ConflictMode
from ..registry.fetcher import Fetched


def _quiet(_: str) -> None:
    """Says nothing."""


@dataclass(frozen=True)
class Request:
    """What the user asked for. None: as kgen.toml says."""

    root: Path
    registry: str | None = None
    subjects: tuple[str, ...] = ()
    package: str | None = None
    all_versions: bool | None = None
    conflict: ConflictMode | None = None
    recreate: bool = False
    pins: Mapping[str, int | None] = field(default_factory=dict)  # None: no longer pinned
    allow: frozenset[str] = frozenset()
    frozen: bool = False  # from the lock alone
    locked: bool = False  # the lock must not change
    dry: bool = False  # write nothing
    strict: bool = False  # every subject has to be read
    lenient: bool = False  # plan incompatible versions too
    say: Callable[[str], None] = _quiet
    progress: ProgressCallback = silent


@dataclass(frozen=True)
class Settled:
    """The configuration in force and the text that kgen.toml should have (None: as it is)."""

    config: Config
    text: str | None


def settle(request: Request) -> Settled:
    """kgen.toml and the flags in one. Raises `ConfigError`."""
    text = config.read_text(request.root)
    if text is None:
        first = _first(request)
        return Settled(first, None if request.frozen else config.first_text(first))
    found = config.parse(text)
    if request.package not in (None, found.package):
        hint = f'set package = "{request.package}" there and run `kgen pull`'
        raise ConfigError(f'kgen.toml names the package "{found.package}"', where=config.NAME, hint=hint)
    found = config.with_url(found, request.registry)
    return Settled(
        _overridden(found, request), config.with_pins(text, request.pins) if request.pins else None
    )


def _first(request: Request) -> Config:
    settings = config.with_url(Config(config.Registry("")), request.registry).registry
    package = config.check_package(config.DEFAULT_PACKAGE if request.package is None else request.package)
    if not settings.url and not request.frozen:
        folder = request.root.resolve()
        hint = f"kgen pull --registry URL: it would write kgen.toml and the package {package} into {folder}"
        raise ConfigError("there is no kgen.toml here nor in a folder above", where=str(folder), hint=hint)
    return _overridden(Config(settings, package, request.subjects or ("*",)), request)


def _overridden(found: Config, request: Request) -> Config:
    return replace(
        found,
        all_versions=found.all_versions if request.all_versions is None else request.all_versions,
        conflict=request.conflict or found.conflict,
        pins=config.pinned(found.pins, request.pins),
    )


def read_registry(settings: Config, request: Request, old: lock.Locked | None) -> Fetched:
    """What the registry holds now; with `--subject` in a project that has a lock, the others as they are
    locked. Raises.
    """
    if not settings.registry.url:
        raise ConfigError(
            "no registry is set", where=config.NAME, hint='[registry] url = "http://localhost:8081"'
        )
    globs = request.subjects or settings.subjects
    with registry.opened(settings.registry, request.root, say=request.say) as api:
        fetched = registry.fetch(
            api,
            globs,
            settings.pins,
            all_versions=settings.all_versions,
            progress=request.progress,
            locked={s.name: s.latest.version for s in old.snapshot.subjects} if old else None,
        )
    if request.subjects and old:
        others = [s.name for s in old.snapshot.subjects if not wanted(s.name, globs)]
        return carry_over.with_locked(fetched, old, others)
    return fetched

"""The models of a pull: of a snapshot, and of what the project holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import PurePosixPath

from kgen import __version__

from .. import render
from ..errors import ConfigError
from ..model import build
from ..model.library import Library
from ..model.project import Project
from ..model.settings import Settings
from ..model.subjects import Snapshot
from ..planning.generated_modules import EarlierModel, changing
from ..planning.plan import FileAction
from ..project.config import Config
from ..project.lockfile import Locked
from ..pydantic_models.pydantic_project import with_pydantic


@dataclass(frozen=True)
class HeldModel:
    """What the project holds by its lock, under the settings of today: those of the last pull are not
    locked. `library` is that of the lock.
    """

    settings: Config
    lock: Locked | None
    library: Library

    @cached_property
    def project(self) -> Project | None:
        """Its model, by the name of the kgen that wrote it; None if there is no lock, or if the settings
        name a subject that it does not hold.
        """
        if self.lock is None:
            return None
        try:
            project = self.of(self.lock.snapshot)
        except ConfigError:
            return None
        return replace(project, kgen_version=self.lock.kgen_version)

    def of(self, snapshot: Snapshot) -> Project:
        """The model of any snapshot, with the names and places given so far. Raises `ConfigError`."""
        settings = self.settings
        wanted = Settings(
            settings.package,
            __version__,
            settings.topics,
            settings.ignore_rules,
            settings.flows,
            settings.out_of_range,
            settings.extras,
        )
        project = build(snapshot, wanted, self.lock.names if self.lock else None, self.library)
        if settings.json_models != "pydantic":
            return project
        return with_pydantic(project, self.library.of(snapshot))

    def earlier(self, files: Sequence[FileAction]) -> EarlierModel | None:
        """The model with the modules that a plan changes."""
        changed = {PurePosixPath(action.path).stem for action in changing(files)}
        if not changed or self.project is None:
            return None
        return EarlierModel(self.project, render.modules(self.project, changed))

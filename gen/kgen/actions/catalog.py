"""`kgen catalog`: what the project knows of its data, as a site and as an AsyncAPI document."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import __version__
from ..catalog.assembly import assembled
from ..catalog.entries import Catalog
from ..catalog.site import MANIFEST, site
from ..errors import OutputError
from ..impact.project_reading import project_reading
from ..model.library import Library
from ..planning.impact_of import python_files
from ..project import lockfile, mutex, paths, transaction
from .held_model import HeldModel
from .inputs import Flags, Workspace, settle
from .whole_folder import target_folder, write_folder


@dataclass(frozen=True)
class WrittenCatalog:
    """What was written, and what is in it."""

    catalog: Catalog
    html: Path | None = None
    files: int = 0
    size: int = 0
    asyncapi: Path | None = None

    def as_json(self) -> dict[str, Any]:
        """As `kgen catalog --json` prints it."""
        return {
            "version": 1,
            **self.catalog.as_json(),
            "html": self.html and str(self.html),
            "files": self.files,
            "bytes": self.size,
            "asyncapi": self.asyncapi and str(self.asyncapi),
            "notes": list(self.catalog.notes),
        }


def written(workspace: Workspace, html: Path | None) -> WrittenCatalog:
    """Write the site into the folder `html`: all of it or nothing. Asks no registry. Raises `ConfigError` if
    the folder holds anything but an earlier catalog, or cannot be written, `LockError` if the project has no
    lock or a damaged one.
    """
    folder = target_folder(html, MANIFEST, "--html") if html else None
    catalog = read_catalog(workspace)
    if folder is None:
        return WrittenCatalog(catalog)
    files = {name: text.encode() for name, text in site(catalog, workspace.progress).items()}
    write_folder(folder, files, "--html", workspace.progress)
    return WrittenCatalog(catalog, html, len(files), sum(map(len, files.values())))


def read_catalog(workspace: Workspace) -> Catalog:
    """The catalog of a project, by its lock, kgen.toml and Python files. Raises `KgenError`."""
    root = workspace.root
    with mutex.shared(root, workspace.say):
        if transaction.interrupted(root):
            raise OutputError(
                "a pull was interrupted here", where=str(root), hint="run `kgen pull` to finish or roll back"
            )
        locked = lockfile.load(root)
        if locked is None:
            raise lockfile.absent(root)
        settings = settle(root, Flags(), frozen=True).config
        library = Library(locked.snapshot)
        project = HeldModel(settings, locked, library).of(locked.snapshot)
        generated = {
            f"{project.folder}/_generated/{name}.py": ""
            for name in ("__init__", *(module.name for module in project.modules))
        }
        texts = {path: _text(paths.read(root, path)) for path in generated}
        own = {path: _text(paths.read(root, path)) for path in python_files(root)}
    reading = project_reading({path: text for path, text in texts.items() if text}, own)
    return assembled(
        locked,
        library,
        project,
        reading,
        brokers=settings.brokers,
        version=__version__,
        progress=workspace.progress,
    )


def _text(content: bytes | None) -> str:
    return (content or b"").decode("utf-8", "replace")

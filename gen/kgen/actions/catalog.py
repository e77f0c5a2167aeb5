"""`kgen catalog`: what the project knows of its data, as a site and as an AsyncAPI document."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import __version__
from ..catalog.assembly import assembled
from ..catalog.asyncapi import as_json, as_yaml, asyncapi
from ..catalog.entries import Catalog
from ..catalog.site import MANIFEST, site
from ..errors import ConfigError
from ..impact.project_reading import project_reading
from ..model.library import Library
from ..planning.impact_of import python_files
from ..planning.user_files import base_path
from ..project import lockfile, mutex, transaction
from ..project.file_reader import FileReader
from ..project.generated_files import state
from .held_model import HeldModel
from .inputs import Flags, Workspace, settle
from .whole_file import target_file, write_file
from .whole_folder import target_folder, write_folder

_FORMS = {".yaml": as_yaml, ".yml": as_yaml, ".json": as_json}


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


def written(workspace: Workspace, html: Path | None, document: Path | None) -> WrittenCatalog:
    """Write the site into the folder `html` and the AsyncAPI document into the file `document`, each all or
    nothing. Asks no registry. Raises `ConfigError` if the folder holds anything but an earlier catalog, or
    if either cannot be written, `LockError` if the project has no lock or a damaged one.
    """
    folder = target_folder(html, MANIFEST, "--html") if html else None
    written_as = _form(document) if document else as_json
    file = target_file(document, "--asyncapi", "asyncapi.yaml") if document else None
    catalog, library = read_catalog(workspace)
    files: dict[str, bytes] = {}
    text = written_as(asyncapi(catalog, library)) if file else ""
    if folder:
        files = {name: content.encode() for name, content in site(catalog, workspace.progress).items()}
        write_folder(folder, files, "--html", workspace.progress)
    if file:
        write_file(file, text.encode(), "--asyncapi")
    return WrittenCatalog(catalog, html, len(files), sum(map(len, files.values())), document)


def _form(document: Path) -> Callable[[Mapping[str, Any]], str]:
    """How the document is written, by the end of its file's name."""
    suffix = document.suffix.lower()
    if suffix not in _FORMS:
        what = f"{document} says neither YAML nor JSON"
        raise ConfigError(what, where="--asyncapi", hint="end its name with .yaml, .yml or .json")
    return _FORMS[suffix]


def read_catalog(workspace: Workspace) -> tuple[Catalog, Library]:
    """The catalog of a project, by its lock, kgen.toml and Python files, and the schemas of its lock. Raises
    `KgenError`.
    """
    root = workspace.root
    with mutex.shared(root, workspace.say):
        transaction.refuse_interrupted(root)
        locked = lockfile.load(root)
        if locked is None:
            raise lockfile.absent(root)
        settings = settle(root, Flags(), frozen=True).config
        library = Library(locked.snapshot)
        project = HeldModel(settings, locked, library).of(locked.snapshot)
        folder = f"{project.folder}/_generated"
        plain = {f"{folder}/{module.name}.py" for module in project.modules if module.text is None}
        generated = [f"{folder}/{name}.py" for name in ("__init__", *(it.name for it in project.modules))]
        read = FileReader(root)
        made = {path: content for path in generated if (content := read(path))}
        own = {path: read(path) or b"" for path in python_files(root)}
        untouched = [path for path, content in own.items() if content == (read(base_path(path)) or b"")]
    untouched += [path for path, content in made.items() if path in plain and state(content) == "intact"]
    reading = project_reading(_texts(made), _texts(own), untouched)
    catalog = assembled(
        locked,
        library,
        project,
        reading,
        brokers=settings.brokers,
        version=__version__,
        progress=workspace.progress,
    )
    return catalog, library


def _texts(contents: Mapping[str, bytes]) -> dict[str, str]:
    return {path: content.decode("utf-8", "replace") for path, content in contents.items()}

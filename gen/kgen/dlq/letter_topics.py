"""The topics of a project's generated package, to decode letters with today's code."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path
from typing import Any

from kgen_runtime.flow.topic import Topic

from ..errors import ConfigError
from ..project.import_path import make_importable, prints_to_stderr


def project_topics(root: Path, package: str) -> dict[str, Topic[Any, Any]]:
    """The topics of the generated modules, by name; without a package an empty mapping. Raises `ConfigError`
    if it cannot be imported.
    """
    folder = root.resolve().joinpath(*package.split("."), "_generated")
    if not folder.is_dir():
        return {}
    make_importable(root)
    name = f"{package}._generated"
    found: dict[str, Topic[Any, Any]] = {}
    for each in pkgutil.iter_modules([str(folder)]):
        try:
            with prints_to_stderr():
                module = importlib.import_module(f"{name}.{each.name}")
        except Exception as error:
            raise ConfigError(
                f"{name}.{each.name} cannot be imported: {type(error).__name__}: {error}",
                where=str(folder),
                hint="kgen pull writes the generated package again",
            ) from error
        for value in vars(module).values():
            if isinstance(value, Topic):
                found.setdefault(value.name, value)
    return found

"""Whether a project has the flow that a table names. Its module is read and not imported: manifests are also
made where neither Bytewax nor what the flow needs is installed.
"""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ..errors import ConfigError
from ..project import paths
from ..project.deploy_settings import FLOW_PATTERN

_FORM: Final = "package.module:name, as of kgen run; the module is in the project's folder"


def check_flow(root: Path, flow: str, where: str) -> None:
    """Raises `ConfigError` if the project has no module of that name, or that has no such flow."""
    module, _, name = flow.partition(":")
    if not re.fullmatch(FLOW_PATTERN, flow):
        raise ConfigError(f"{flow!r} is not the name of a flow", where=where, hint=_FORM)
    stem = module.replace(".", "/")
    found = [each for each in (f"{stem}.py", f"{stem}/__init__.py") if paths.read(root, each) is not None]
    if not found:
        raise ConfigError(f"the project has no module {module}", where=where, hint=_FORM)
    names = _names(root, found[0])
    if (name or "flow") not in names:
        near = difflib.get_close_matches(name or "flow", names, 1)
        hint = f"did you mean {module}:{near[0]}?" if near else _FORM
        raise ConfigError(f"{module} has no {name or 'flow'}", where=where, hint=hint)


def flows_of(root: Path, package: str) -> list[str]:
    """The names of the flows in a project's package, sorted."""
    folder = root / package.replace(".", "/") / "flows"
    return sorted(each.stem for each in folder.glob("*.py") if each.stem != "__init__")


def _names(root: Path, path: str) -> list[str]:
    """What the module binds, wherever that stands."""
    try:
        tree = ast.parse(paths.read(root, path) or b"")
    except (SyntaxError, ValueError, RecursionError) as error:
        line = getattr(error, "lineno", None) or 1
        hint = "correct it first"
        raise ConfigError(f"not valid Python: {error}", where=f"{path}:{line}", hint=hint) from None
    return [name for node in ast.walk(tree) for name in _bound(node)]


def _bound(node: ast.AST) -> Iterator[str]:
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        yield node.name
    elif isinstance(node, ast.alias):
        yield (node.asname or node.name).partition(".")[0]
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id

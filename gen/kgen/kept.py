"""Flows that keep state of a type that changes: found by reading the user's code, as far as that goes.

A file with a stateful step keeps, for all that can be told, whatever the topics hold that it, the modules it
imports, and those that import it have to do with.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.util import resolve_name

from .diff import Change
from .impact import Use

STATEFUL = frozenset(
    {
        *("stateful", "stateful_batch", "stateful_flat_map", "stateful_map", "collect", "join"),
        *("fold_final", "reduce_final", "max_final", "min_final"),
        *("window", "collect_window", "fold_window", "reduce_window", "max_window", "min_window"),
        *("count_window", "join_window"),
    }
)
"""Operators of Bytewax that keep what they were given until something else comes."""

_SAID = frozenset(
    {
        *("type removed", "type renamed", "type moved", "type replaced", "size", "logical type", "root"),
        *("field added", "field removed", "field renamed", "field retyped", "field nullable"),
        *("field not nullable", "symbol added", "symbol removed"),
    }
)
_SOURCE = re.compile(r"(\S+) v\d+ \(id \d+\)")
_MODULES = ("bytewax.operators", "kgen_runtime")


@dataclass
class _File:
    """A module: what it imports, and its first stateful step."""

    path: str
    name: str
    imports: set[str] = field(default_factory=set)
    step: str = ""
    line: int = 0


def keeping(
    files: Mapping[str, str], generated: Mapping[str, str], changes: Mapping[str, Iterable[Change]]
) -> tuple[Use, ...]:
    """A use for each flow and type that changes. `files` are the user's, `generated` the generated modules,
    `{relative path: text}`, `changes` those of each subject.
    """
    changed = {subject: _types(found) for subject, found in changes.items()}
    types = {_dotted(path): _held(text, changed) for path, text in generated.items()}
    types = {module: found for module, found in types.items() if found}
    if not types:
        return ()
    known = {found.name: found for found in _read(files)}
    importers = _importers(known)
    uses = set()
    for each in known.values():
        if each.line:
            near = _reached(each.name, {name: it.imports for name, it in known.items()})
            near |= _reached(each.name, importers)
            modules = set().union(*(known[name].imports for name in near if name in known))
            uses |= {_use(each, name) for module in modules & types.keys() for name in types[module]}
    return tuple(sorted(uses))


def _use(file: _File, name: str) -> Use:
    what = f"step {file.step} keeps state" if file.step else "state is kept"
    return Use(file.path, file.line, f"{what} of {name}, which changes: it is read as old messages are")


def _types(changes: Iterable[Change]) -> set[str]:
    """The types that are read otherwise now, as their classes are called in most schemas."""
    said = [change for change in changes if change.kind in _SAID]
    return {change.owner.rpartition(".")[2] or "the value" for change in said}


def _held(text: str, changed: Mapping[str, set[str]]) -> set[str]:
    """The types that change, of the subjects that a generated module was made from."""
    subjects = _SOURCE.findall(text.partition("\n")[0])
    return set().union(*(changed.get(subject, set()) for subject in subjects))


def _read(files: Mapping[str, str]) -> Iterator[_File]:
    for path, text in files.items():
        try:
            tree = ast.parse(text.removeprefix("\ufeff"))
        except (SyntaxError, ValueError, RecursionError):
            continue  # reported with the lines that use what changes
        found = _File(path, _dotted(path))
        _gather(tree, found)
        yield found


def _gather(tree: ast.Module, found: _File) -> None:
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.imports |= {alias.name for alias in node.names}
            names |= {alias.asname or alias.name: alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = _absolute(node, found)
            found.imports |= {module, *(f"{module}.{alias.name}" for alias in node.names)}
            names |= {alias.asname or alias.name: f"{module}.{alias.name}" for alias in node.names}
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    for node in sorted(calls, key=lambda node: (node.lineno, node.col_offset)):
        if _is_stateful(node.func, names):
            found.step, found.line = _step(node), node.lineno
            return


def _is_stateful(function: ast.expr, names: Mapping[str, str]) -> bool:
    """Whether a call is of a stateful operator, by the imports of the module."""
    module, _, name = ast.unparse(function).rpartition(".")
    full = f"{names.get(module, module)}.{name}" if module else names.get(name, "")
    return full.startswith(_MODULES) and full.rpartition(".")[2] in STATEFUL


def _step(node: ast.Call) -> str:
    given = [*node.args[:1], *(k.value for k in node.keywords if k.arg == "step_id")]
    return next((str(it.value) for it in given if isinstance(it, ast.Constant)), "")


def _absolute(node: ast.ImportFrom, found: _File) -> str:
    package = found.name if found.path.endswith("__init__.py") else found.name.rpartition(".")[0]
    try:
        return resolve_name("." * node.level + (node.module or ""), package or None)
    except ImportError:  # beyond the project
        return node.module or ""


def _importers(known: Mapping[str, _File]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for each in known.values():
        for name in each.imports & known.keys():
            found.setdefault(name, set()).add(each.name)
    return found


def _reached(start: str, edges: Mapping[str, set[str]]) -> set[str]:
    found, waiting = {start}, [start]
    while waiting:
        for name in edges.get(waiting.pop(), set()) - found:
            found.add(name)
            waiting.append(name)
    return found


def _dotted(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

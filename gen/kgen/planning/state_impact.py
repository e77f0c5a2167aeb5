"""Flows that keep state of a type that changes: found by reading the user's code, as far as that goes.

A file with a stateful step keeps, for all that can be known, whatever the topics hold that it, the modules it
imports, and those that import it have to do with.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import resolve_name
from typing import TypeAlias

from ..compat.subject_diff import SchemaChange
from ..impact import Use
from ..listing import listed
from .kept_types import fates, matter

STATEFUL = frozenset(
    {
        *("stateful", "stateful_batch", "stateful_flat_map", "stateful_map", "collect", "join"),
        *("fold_final", "reduce_final", "max_final", "min_final"),
        *("window", "collect_window", "fold_window", "reduce_window", "max_window", "min_window"),
        *("count_window", "join_window"),
    }
)
"""Operators of Bytewax that keep what they were given until something else comes."""

_MODULES = ("bytewax.operators", "kgen_runtime")


_SHOWN = 10
"""Steps of one file."""
_PLURAL = {"changes:": "change:", "is": "are"}

Fates: TypeAlias = Mapping[str, frozenset[tuple[str, str]]]
"""By subject, types and what becomes of what was kept of them."""


@dataclass(frozen=True)
class _StatefulStep:
    """A stateful step. `name` is empty where it is not a literal."""

    line: int
    name: str


@dataclass
class _File:
    """A module: what it imports, and its stateful steps."""

    path: str
    name: str
    imports: set[str] = field(default_factory=set)
    steps: list[_StatefulStep] = field(default_factory=list)


def keeping(
    files: Mapping[str, str],
    generated: Mapping[str, Collection[str]],
    changes: Mapping[str, SchemaChange],
    present: Collection[str],
    *,
    pydantic: bool = False,
) -> tuple[Use, ...]:
    """A use for each stateful step and what becomes of its state. `files` are the user's, `{relative path:
    text}`, `generated` has the subjects that each generated module is made from, by path, `changes` what
    changed in each subject, `present` the full names of the types that have classes now; `pydantic`: those of
    JSON Schemas are pydantic models.
    """
    changed = {subject for subject, change in changes.items() if matter(change.changes)}
    sources = {_dotted(path): changed.intersection(subjects) for path, subjects in generated.items()}
    if not any(sources.values()):
        return ()
    known = {found.name: found for found in _read(files)}
    near = {each.name: _near(each, known, sources) for each in known.values() if each.steps}
    wanted = set().union(*near.values())
    fate = {subject: frozenset(fates(changes[subject], present, pydantic=pydantic)) for subject in wanted}
    return tuple(sorted(use for name, found in near.items() for use in _uses(known[name], found, fate)))


def _near(file: _File, known: Mapping[str, _File], sources: Mapping[str, set[str]]) -> set[str]:
    """The subjects that change, of the generated modules which a file, those it imports and those that import
    it have to do with.
    """
    near = _reached(file.name, {name: it.imports for name, it in known.items()})
    near |= _reached(file.name, _importers(known))
    modules = set().union(*(known[name].imports for name in near if name in known))
    return set().union(*(sources[module] for module in modules & sources.keys()))


def _uses(file: _File, subjects: Iterable[str], fate: Fates) -> Iterator[Use]:
    types: dict[str, list[str]] = {}
    for name, what in sorted(set().union(*(fate[subject] for subject in subjects))):
        types.setdefault(what, []).append(name)
    for step in file.steps[:_SHOWN]:
        head = f"step {step.name} keeps state" if step.name else "state is kept"
        yield from (
            Use(file.path, step.line, f"{head} of {_which(names, what)}") for what, names in types.items()
        )
    if types and len(file.steps) > _SHOWN:
        more = f"{len(file.steps) - _SHOWN} more steps of this file keep state too"
        yield Use(file.path, file.steps[_SHOWN].line, more)


def _which(names: Sequence[str], what: str) -> str:
    """`Line and Order, which change: …`."""
    verb, _, rest = what.partition(" ")
    return f"{listed(names)}, which {what if len(names) == 1 else f'{_PLURAL[verb]} {rest}'}"


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
            if node.names[0].name == "*":
                names = {name: f"{module}.{name}" for name in STATEFUL} | names
    calls = {id(node.func): node for node in ast.walk(tree) if isinstance(node, ast.Call)}
    uses = [node for node in ast.walk(tree) if isinstance(node, (ast.Attribute, ast.Name))]
    for use in sorted(uses, key=lambda node: (node.lineno, node.col_offset)):
        if _is_stateful(use, names):
            call = calls.get(id(use))
            found.steps.append(_StatefulStep(use.lineno, _step_id(call) if call else ""))


def _is_stateful(function: ast.Attribute | ast.Name, names: Mapping[str, str]) -> bool:
    """Whether it is a stateful operator, by the imports of the module."""
    if isinstance(function, ast.Attribute) and function.attr not in STATEFUL:
        return False
    module, _, name = ast.unparse(function).rpartition(".")
    head, _, rest = module.partition(".")
    outer = names.get(module) or (f"{names.get(head, head)}.{rest}" if rest else head)
    full = f"{outer}.{name}" if module else names.get(name, "")
    return full.startswith(_MODULES) and full.rpartition(".")[2] in STATEFUL


def _step_id(node: ast.Call) -> str:
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

"""Which lines of the user's code use what changed in the generated classes.

By reading alone: the code is parsed, names are followed through imports and annotations, objects through
calls, containers and attributes, streams through the steps of a flow. Nothing of the user's is imported or
run. An object of which nothing is known may be one of the model: what is asked of it under the name of
something that changed is reported as "perhaps".

    what changed        outlines (outlines_of_model, outlines_of_text), changes, moves
    what names mean     module_source, project_index, scopes
    the reading         engine; analysis is what its parts share, parts what they ask of one another
    by syntax           statements, bindings, patterns, expressions, strings
    what objects are    kinds, shapes, type_members, objects, contents, constructors
    calls               calls, call_arguments; fixtures of pytest
    calls of others     outside_calls, outer_call, outside_holders; what they give, by their names, is in
                        builtin_calls, stdlib_calls, step_calls and container_methods
    what was found      uses

What the catalog shows of a project that does not change is found with the same means: project_reading has the
lines that use each field (field_uses) and the topics that flows read and write (flow_topics).
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping

from .changes import Affected, generated_changes
from .engine import Engine
from .module_source import ModuleSource, parsed
from .outlines import Half, ModuleOutline, Outlines
from .outlines_of_model import model_outlines
from .outlines_of_text import text_outlines
from .project_index import ProjectIndex
from .shapes import Shapes
from .uses import FoundUses, Use

__all__ = [
    "Affected",
    "Half",
    "ModuleOutline",
    "Outlines",
    "Use",
    "generated_changes",
    "impact",
    "model_outlines",
    "text_outlines",
]


def impact(
    affected: Iterable[Affected],
    generated: Mapping[str, str],
    files: Mapping[str, str],
    new: Mapping[str, str] | None = None,
) -> tuple[Use, ...]:
    """The uses, by file and line.

    `generated` are the generated modules as they were when the code was written, `files` the project's other
    Python files, both `{relative path: text}`; `new`, the generated modules to come, say what names mean
    that only a merged file has. A file that does not parse is reported as such.
    """
    report = FoundUses(list(affected))
    if not report.affected:
        return ()
    later = _texts(new or {}, report)
    texts = {**later, **_texts(generated, report)}
    for path in later.keys() & generated.keys():
        texts[path].join(later[path])
    own = frozenset(text.name for text in texts.values())
    texts |= _texts(files, report)
    index = ProjectIndex({text.name: text for text in texts.values()})
    reaching = _reaching({a.module for a in report.affected}, texts.values())
    wanted = [texts[path] for path in sorted(files) if path in texts and texts[path].name in reaching]
    Engine(index, Shapes(index, own), report, wanted).read()
    return report.sorted()


def _texts(files: Mapping[str, str], report: FoundUses) -> dict[str, ModuleSource]:
    texts = {}
    for path, content in files.items():
        if path.endswith(".py"):
            try:
                tree = parsed(content)
            except SyntaxError as error:
                report.broken(path, error.lineno)
                continue
            if isinstance(tree, ast.Module):
                texts[path] = ModuleSource(module_name(path), path, tree, path.endswith("__init__.py"))
    return texts


def module_name(path: str) -> str:
    """What the module of a file is called, dotted."""
    return path.removesuffix(".py").replace("/", ".").removesuffix(".__init__")


def _reaching(modules: set[str], texts: Iterable[ModuleSource]) -> set[str]:
    """The modules that import a changed one, directly or through others of the project."""
    importers: dict[str, list[str]] = {}
    for text in texts:
        for name in text.imported if text.name not in modules else ():
            importers.setdefault(name, []).append(text.name)
    found, left = set(modules), list(modules)
    while left:
        for name in importers.get(left.pop(), ()):
            if name not in found:
                found.add(name)
                left.append(name)
    return found

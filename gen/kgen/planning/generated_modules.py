"""The generated modules before and after a plan: what was in them, by the models of the lock and of the
pull.

The lock holds schemas and names, not the settings of kgen.toml nor the templates that it was rendered with.
So its model counts for a module where it gives the very file that is on disk; what is in any other file that
kgen wrote, as before an edit of kgen.toml, is read from that.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath

from ..impact import ModuleOutline, Outlines, model_outlines, text_outlines
from ..model.project import Project
from ..project import generated_files, paths
from .plan import FileAction

_FIXED = ("__init__", "_schemas")  # they have the same names in every project


@dataclass(frozen=True)
class EarlierModel:
    """The model of what is locked, and the modules that it gives, of those that change: name -> text."""

    project: Project
    rendered: Mapping[str, str]

    def outline(self, path: str, content: bytes) -> ModuleOutline | None:
        """What was in the module at `path`, if the model gives that content."""
        name = PurePosixPath(path).stem
        rendered = self.rendered.get(name, "").encode()
        known = name in _FIXED or generated_files.same(content, rendered)
        return self._outlines.get(name) if known else None

    @cached_property
    def _outlines(self) -> Mapping[str, ModuleOutline]:
        return {PurePosixPath(path).stem: it for path, it in model_outlines(self.project).items()}


@dataclass(frozen=True)
class GeneratedModules:
    """The generated modules before and after a plan, and their texts as far as they are Python, all by path;
    empty if the plan changes none that is there or was there before.
    """

    old: Outlines = field(default_factory=dict)
    new: Outlines = field(default_factory=dict)
    old_texts: Mapping[str, str] = field(default_factory=dict)
    new_texts: Mapping[str, str] = field(default_factory=dict)


def changing(actions: Sequence[FileAction]) -> Iterator[FileAction]:
    """The generated files that are there and change or go."""
    yield from (a for a in actions if a.kind == "generated" and a.op in ("change", "remove") and a.before)


def generated(
    root: Path,
    actions: Sequence[FileAction],
    project: Project,
    earlier: EarlierModel | None,
    known: Collection[str],
) -> GeneratedModules:
    """The modules before and after. `known` are the names of modules that the lock has: one that comes back,
    which another pull removed, stands among those before with all that is required made optional, for the
    lines that used it may not give that.
    """
    modules = [a for a in actions if a.kind == "generated"]
    back = {a.path for a in modules if a.op == "add" and PurePosixPath(a.path).stem in known}
    if not back and not any(changing(actions)):
        return GeneratedModules()
    made = model_outlines(project)
    contents = {a.path: paths.read(root, a.path) for a in modules}
    after = _python({a.path: a.content for a in modules})
    return GeneratedModules(
        _before(modules, contents, made, earlier) | {path: made[path].lenient() for path in back},
        {a.path: made[a.path] for a in modules if a.path in made},
        _python(contents) | {path: _lenient(after[path]) for path in back},
        after,
    )


def _before(
    modules: Sequence[FileAction],
    contents: Mapping[str, bytes | None],
    made: Outlines,
    earlier: EarlierModel | None,
) -> dict[str, ModuleOutline]:
    """Those that are there. What was edited by hand stays, and with it what is in it."""
    found: dict[str, ModuleOutline] = {}
    for action in modules:
        path, content = action.path, contents[action.path]
        if content is None:
            continue
        if action.op in ("change", "remove"):
            found[path] = (earlier and earlier.outline(path, content)) or _read(path, content)
        elif path in made:
            found[path] = made[path]
    return found


def _read(path: str, content: bytes) -> ModuleOutline:
    return text_outlines({path: _text(content)})[path]


def _lenient(text: str) -> str:
    """A generated module as if no field were required."""
    tree = ast.parse(text)
    for item in (i for node in ast.walk(tree) if isinstance(node, ast.ClassDef) for i in node.body):
        value = item.value if isinstance(item, ast.AnnAssign) else None
        if isinstance(item, ast.AnnAssign) and value is None:
            item.value = ast.Constant(None)
        elif isinstance(value, ast.Call) and {k.arg for k in value.keywords} == {"metadata"}:
            value.keywords.append(ast.keyword("default", ast.Constant(None)))
    return f"{text.partition(chr(10))[0]}\n{ast.unparse(tree)}\n"


def _python(contents: Mapping[str, bytes | None]) -> dict[str, str]:
    """Those that are Python: a generated file may have been edited into something else."""
    texts = {path: _text(content) for path, content in contents.items() if content}
    return {path: text for path, text in texts.items() if _is_python(path, text)}


def _is_python(path: str, text: str) -> bool:
    try:
        ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return False
    return path.endswith(".py")


def _text(content: bytes) -> str:
    return content.decode("utf-8", "replace")

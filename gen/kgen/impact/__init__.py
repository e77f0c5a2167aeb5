"""Which lines of the user's code use what changed in the generated classes.

By reading alone: the code is parsed, names are followed through imports and annotations, streams through the
steps of a flow. Nothing of the user's is imported or run.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .changes import Affected, Half, generated_changes, topic_halves
from .expressions import How
from .kinds import Class
from .reader import Reader
from .shapes import Shapes
from .world import Text, World

__all__ = ["Affected", "Half", "Use", "generated_changes", "impact", "topic_halves"]


@dataclass(frozen=True, order=True)
class Use:
    """A line that uses what changed. `certain` is false where the object's type could not be told."""

    path: str
    line: int
    what: str
    certain: bool = True

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.what}" + ("" if self.certain else " (perhaps)")

    def as_json(self) -> dict[str, Any]:
        """Its stable form."""
        return {"path": self.path, "line": self.line, "what": self.what, "certain": self.certain}


def impact(
    affected: Iterable[Affected],
    generated: Mapping[str, str],
    files: Mapping[str, str],
    new: Mapping[str, str] | None = None,
) -> tuple[Use, ...]:
    """The uses, by file and line.

    `generated` are the generated modules as they were when the code was written, `files` the project's other
    Python files, both `{relative path: text}`; `new`, the generated modules to come, tell what names mean
    that only a merged file has. A file that does not parse is told as such.
    """
    changed = list(affected)
    if not changed:
        return ()
    found = _Found(changed)
    later = _texts(new or {}, found)
    texts = {**later, **_texts(generated, found)}
    for path in later.keys() & generated.keys():
        texts[path].join(later[path])
    texts |= _texts(files, found)
    world = World({text.name: text for text in texts.values()})
    shapes = Shapes(world)
    modules = {a.module for a in changed}
    for path in sorted(files):
        if path in texts and _reaches(texts[path], modules, world):
            found.read(world, shapes, texts[path])
    return tuple(sorted(found.uses))


def _texts(files: Mapping[str, str], found: _Found) -> dict[str, Text]:
    texts = {}
    for path, content in files.items():
        if path.endswith(".py"):
            try:
                tree = ast.parse(content.removeprefix("\ufeff"))
            except (SyntaxError, ValueError, RecursionError) as error:
                found.broken(path, error)
                continue
            name = path.removesuffix(".py").replace("/", ".")
            texts[path] = Text(name.removesuffix(".__init__"), path, tree, name.endswith("__init__"))
    return texts


def _reaches(text: Text, modules: set[str], world: World, seen: frozenset[str] = frozenset()) -> bool:
    """Whether a module imports a changed one, directly or through others of the project."""
    for name in _imported(text):
        if name in modules:
            return True
        other = world.texts.get(name)
        if other and name not in seen and _reaches(other, modules, world, seen | {text.name, name}):
            return True
    return False


def _imported(text: Text) -> Iterable[str]:
    for node in ast.walk(text.tree):
        if isinstance(node, ast.ImportFrom):
            module = text.absolute(node)
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


@dataclass
class _Found:
    """Gathers uses."""

    affected: list[Affected]
    uses: set[Use] = field(default_factory=set)

    def read(self, world: World, shapes: Shapes, text: Text) -> None:
        """Read one file."""
        self.path = text.path
        reader = Reader(world, shapes, text, self.touch, self.touch_name)
        try:
            reader.read()
        except RecursionError as error:
            self.broken(text.path, error)

    def broken(self, path: str, error: Exception) -> None:
        """A file that cannot be read is not fatal."""
        line = getattr(error, "lineno", None) or 1
        self.uses.add(Use(path, line, "cannot be read: what it uses is not known"))

    def touch(self, node: ast.AST, how: How, owner: Class | None, name: str, given: frozenset[str]) -> None:
        """A use of a member."""
        for change in self.affected:
            if change.effect == "joined":
                if how == "missing" and owner and owner.name == change.after:
                    self._add(node, change, certain=True)
            elif change.owner and _concerns(change, how, owner, name, given):
                self._add(node, change, certain=owner is not None)

    def touch_name(self, node: ast.AST, module: str, name: str) -> None:
        """A use of a module's own name."""
        for change in self.affected:
            if not change.owner and (change.module, change.name) == (module, name):
                self._add(node, change, certain=True)

    def _add(self, node: ast.AST, change: Affected, *, certain: bool) -> None:
        line = getattr(node, "end_lineno" if isinstance(node, ast.Attribute) else "lineno", 1)
        self.uses.add(Use(self.path, line, str(change), certain))


def _concerns(change: Affected, how: How, owner: Class | None, name: str, given: frozenset[str]) -> bool:
    if owner is None:
        return (
            change.name == name and change.effect in ("removed", "renamed", "retyped") and not name.isupper()
        )
    if owner != Class(change.module, change.owner):
        return False
    if change.effect == "required":
        return how == "call" and change.name not in given
    if change.effect == "symbol added":
        return how == "never"
    if change.name != name and not (change.effect == "removed" and change.before == name):
        return False
    return how == {"nullable": "load", "not nullable": "store"}.get(change.effect, how)

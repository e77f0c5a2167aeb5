"""All of the user's lines that use a member of the generated classes, changed or not."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from .engine import Engine
from .kinds import Class
from .module_source import ModuleSource
from .project_index import ProjectIndex
from .shapes import Shapes
from .uses import ANY, FoundUses, UsageKind

Access: TypeAlias = Literal["read", "written"]
_ACCESSES: Mapping[UsageKind, Access] = {"load": "read", "store": "written"}
_NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True, order=True)
class FieldUse:
    """A line that uses a field or a symbol."""

    path: str
    line: int
    access: Access


@dataclass
class _MemberUses(FoundUses):
    """Gathers the certain uses of every member of a class."""

    found: dict[Class, dict[str, set[FieldUse]]] = field(default_factory=dict)

    def on_use(
        self,
        text: ModuleSource,
        node: ast.AST,
        how: UsageKind,
        owner: Class,
        name: str,
        given: frozenset[str] = _NOTHING,
        *,
        certain: bool = True,
    ) -> None:
        """Note it, if object and member are known."""
        access = _ACCESSES.get(how)
        if access and certain and name != ANY and not self.is_muted:
            line = getattr(node, "end_lineno" if isinstance(node, ast.Attribute) else "lineno", 1)
            self.found.setdefault(owner, {}).setdefault(name, set()).add(FieldUse(text.path, line, access))

    def suspect(self, text: ModuleSource, node: ast.AST, how: UsageKind, names: Iterable[str]) -> None:
        """Of an object that is not known any class may be meant: nothing is noted."""

    def on_name_use(self, text: ModuleSource, node: ast.AST, module: str, name: str) -> None:
        """Nothing is noted of names of modules."""


def field_uses(
    index: ProjectIndex, generated: Collection[str], files: Iterable[ModuleSource]
) -> dict[tuple[str, str], dict[str, tuple[FieldUse, ...]]]:
    """Module and class -> field or symbol, as it is called in Python -> the lines that certainly use it.

    `generated` are the dotted names of the generated modules, `files` those modules of the index that are
    read for uses.
    """
    report = _MemberUses([])
    Engine(index, Shapes(index, frozenset(generated)), report, list(files)).read()
    return {
        (owner.module, owner.name): {name: tuple(sorted(uses)) for name, uses in sorted(members.items())}
        for owner, members in report.found.items()
        if owner.module in generated
    }

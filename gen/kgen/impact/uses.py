"""What was found: the uses of what changed, by line."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from .changes import Affected
from .kinds import Class
from .module_source import ModuleSource

UsageKind: TypeAlias = Literal["load", "store", "call", "never", "missing"]
ANY = "*"
"""In place of a member's name: one that is not known."""
_NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True, order=True)
class Use:
    """A line that uses what changed. `certain` is false if it is not known whether the object is of the
    model.
    """

    path: str
    line: int
    what: str
    certain: bool = True

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.what}" + ("" if self.certain else " (perhaps)")

    def as_json(self) -> dict[str, Any]:
        """Its stable form."""
        return {"path": self.path, "line": self.line, "what": self.what, "certain": self.certain}


@dataclass
class FoundUses:
    """Gathers uses; nothing while it is muted."""

    affected: list[Affected]
    uses: set[Use] = field(default_factory=set)
    is_muted: bool = False

    def sorted(self) -> tuple[Use, ...]:
        """The uses by file and line, the certain ones in place of those that are not."""
        return tuple(sorted(u for u in self.uses if u.certain or self._certain(u) not in self.uses))

    def _certain(self, use: Use) -> Use:
        return Use(use.path, use.line, use.what)

    def broken(self, path: str, line: int | None) -> None:
        """A file, or a statement in it, that cannot be read is not fatal."""
        self.uses.add(Use(path, line or 1, "cannot be read: what it uses is unknown"))

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
        """A use of a class's member: with "call", of the class itself with the keywords that are given."""
        for change in self.affected:
            if change.effect == "joined":
                if how == "missing" and owner.name == change.after:
                    self._add(text, node, change, certain=certain)
            elif change.owner and _concerns(change, how, owner, name, given):
                self._add(text, node, change, certain=certain)

    def suspect(self, text: ModuleSource, node: ast.AST, how: UsageKind, names: Iterable[str]) -> None:
        """A use of names on something that may be of the model."""
        wanted = set(names)
        for change in self.affected:
            if change.owner and change.name in wanted and _may_concern(change, how):
                self._add(text, node, change, certain=False)

    def on_name_use(self, text: ModuleSource, node: ast.AST, module: str, name: str) -> None:
        """A use of a module's own name."""
        for change in self.affected:
            if not change.owner and (change.module, change.name) == (module, name):
                self._add(text, node, change, certain=True)

    def _add(self, text: ModuleSource, node: ast.AST, change: Affected, *, certain: bool) -> None:
        if not self.is_muted:
            line = getattr(node, "end_lineno" if isinstance(node, ast.Attribute) else "lineno", 1)
            self.uses.add(Use(text.path, line, str(change), certain))


_WANTED: dict[str, UsageKind] = {"nullable": "load", "not nullable": "store"}


def _concerns(change: Affected, how: UsageKind, owner: Class, name: str, given: frozenset[str]) -> bool:
    if owner != Class(change.module, change.owner):
        return False
    if change.effect == "required":
        return how == "call" and change.name not in given
    if change.effect == "symbol added":
        return how == "never"
    if how == "call":
        return False
    if name not in (change.name, ANY) and not (change.effect == "removed" and change.before == name):
        return False
    return how == _WANTED.get(change.effect, how)


def _may_concern(change: Affected, how: UsageKind) -> bool:
    return change.effect not in ("required", "symbol added") and how == _WANTED.get(change.effect, how)

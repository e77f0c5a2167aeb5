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

    def __post_init__(self) -> None:
        # By what is asked for: a project of a thousand subjects has tens of thousands of changes and of uses.
        self._members: dict[Class, list[Affected]] = {}
        self._joined: dict[str, list[Affected]] = {}
        self._of_modules: dict[tuple[str, str], list[Affected]] = {}
        self.named: dict[str, list[Affected]] = {}
        """The changes of members, by name."""
        for change in self.affected:
            if change.effect == "joined":
                self._joined.setdefault(change.after, []).append(change)
            elif change.owner:
                self._members.setdefault(Class(change.module, change.owner), []).append(change)
            if change.owner:
                self.named.setdefault(change.name, []).append(change)
            else:
                self._of_modules.setdefault((change.module, change.name), []).append(change)

    @property
    def owners(self) -> Iterable[Class]:
        """The classes of which something changed."""
        joined = (Class(c.module, c.owner) for found in self._joined.values() for c in found if c.owner)
        return dict.fromkeys([*self._members, *joined])

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
        if how == "missing":
            for change in self._joined.get(owner.name, ()):
                self._add(text, node, change, certain=certain)
        for change in self._members.get(owner, ()):
            if _concerns(change, how, name, given):
                self._add(text, node, change, certain=certain)

    def suspect(self, text: ModuleSource, node: ast.AST, how: UsageKind, names: Iterable[str]) -> None:
        """A use of names on something that may be of the model."""
        for change in (change for name in set(names) for change in self.named.get(name, ())):
            if _may_concern(change, how):
                self._add(text, node, change, certain=False)

    def on_name_use(self, text: ModuleSource, node: ast.AST, module: str, name: str) -> None:
        """A use of a module's own name."""
        for change in self._of_modules.get((module, name), ()):
            self._add(text, node, change, certain=True)

    def _add(self, text: ModuleSource, node: ast.AST, change: Affected, *, certain: bool) -> None:
        if not self.is_muted:
            line = getattr(node, "end_lineno" if isinstance(node, ast.Attribute) else "lineno", 1)
            self.uses.add(Use(text.path, line, str(change), certain))


_WANTED: dict[str, UsageKind] = {"nullable": "load", "not nullable": "store"}


def _concerns(change: Affected, how: UsageKind, name: str, given: frozenset[str]) -> bool:
    """Whether a use of its owner's member is one of what changed."""
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

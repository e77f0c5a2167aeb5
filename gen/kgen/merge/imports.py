"""The merge of a file's imports, name by name: what the result needs is there once, what nothing needs any
more goes.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .edits import Edits
from .name_use import alias_name, bound_anywhere, loaded_by, words_in_strings
from .parsed_source import ParsedSource
from .units import Block, Unit, module_block


@dataclass(frozen=True)
class _Import:
    """One imported name. `module` is None for `import x`."""

    key: str  # what identifies it in its file: the bound name
    module: str | None
    name: str
    asname: str | None
    unit: Unit
    alias: ast.alias

    @property
    def meaning(self) -> tuple[str | None, str, str | None]:
        """Equal for two imports of the same thing under the same name."""
        return self.module, self.name, self.asname

    @property
    def bound(self) -> str:
        """The name that code uses it by."""
        return alias_name(self.alias)

    @property
    def always(self) -> bool:
        """Whether it matters without being used: `from __future__ import …`, `from x import *`."""
        return self.module == "__future__" or self.name == "*"

    def text(self) -> str:
        """As a statement."""
        tail = f" as {self.asname}" if self.asname else ""
        return (
            f"import {self.name}{tail}"
            if self.module is None
            else f"from {self.module} import {self.name}{tail}"
        )


def merge_imports(base: ParsedSource, edits: Edits, theirs: ParsedSource, result: ast.Module) -> None:
    """Make the imports of the user's file follow the new render. `result` is the merge of everything else."""
    _Imports(base, edits, theirs, result).merge()


class _Imports:
    def __init__(self, base: ParsedSource, edits: Edits, theirs: ParsedSource, result: ast.Module) -> None:
        self.edits, self.source = edits, edits.source
        self.block, self.new_block = module_block(self.source), module_block(theirs)
        self.base, self.ours, self.theirs = map(_imports, (module_block(base), self.block, self.new_block))
        rest = [n for n in result.body if not isinstance(n, (ast.Import, ast.ImportFrom))]
        self.used, self.used_before = loaded_by(rest), loaded_by([self.source.tree])
        self.mentioned = self.used | words_in_strings(result)
        self.bound = bound_anywhere(result)
        self.drop: dict[Unit, list[_Import]] = {}
        self.add: list[_Import] = []
        self.instead: dict[_Import, Unit] = {}  # what comes for something that goes, by the latter's place

    def merge(self) -> None:
        """Find what goes and what comes, then write it."""
        for new in self.theirs.values():
            self._follow(new, self.base.get(new.key), self.ours.get(new.key))
        for old in self.base.values():
            own = self.ours.get(old.key)
            if old.key not in self.theirs and own and self._may_go(old, own):
                self.drop.setdefault(own.unit, []).append(own)
        self._write()

    def _may_go(self, old: _Import, own: _Import) -> bool:
        """Nothing uses it, and the user neither changed it nor wrote beside it."""
        same = own.meaning == old.meaning and own.unit.whole_meaning[1] == old.unit.whole_meaning[1]
        return same and old.bound not in self.mentioned

    def _follow(self, new: _Import, old: _Import | None, own: _Import | None) -> None:
        changed = old is None or old.meaning != new.meaning
        if own is None:
            missing = new.bound not in self.bound and new.bound in self.used
            missing = missing and (changed or new.bound not in self.used_before)
            if missing or (new.always and changed):
                self.add.append(new)
        elif changed and own.meaning != new.meaning:
            if old is None or own.meaning != old.meaning:
                self._clash(new, old, own)
            else:
                self.drop.setdefault(own.unit, []).append(own)
                self.add.append(new)
                self.instead[new] = own.unit

    def _clash(self, new: _Import, old: _Import | None, own: _Import) -> None:
        start, end = self.source.line_start(own.unit.start), self.source.line_start(own.unit.end)
        what = f"the import of `{new.bound}`: changed by you and by the new render"
        self.edits.clash(start, end, what, old.text() + "\n" if old else "", new.text() + "\n")

    def _write(self) -> None:
        added = list(self.add)
        for unit in (u for u in self.block.units if u.is_import):
            gone = self.drop.get(unit, [])
            new = [i for i in added if i.module is not None and i.module == _module(unit)]
            added = [i for i in added if i not in new]
            if gone or new:
                self._rewrite(unit, gone, new)
        self._new_lines(added)

    def _rewrite(self, unit: Unit, gone: list[_Import], new: list[_Import]) -> None:
        """Names leave and join a statement; comments inside it make the new ones go to a statement of their
        own.
        """
        start, end = self.source.span(unit.node)
        if self.source.comment_tokens(start, end):
            self._after(unit, new)
            return
        names = unit.node.names  # type: ignore[attr-defined]
        left = [a for a in names if all(a is not g.alias for g in gone)]
        if not left and not new:
            self.edits.replace(self.source.line_start(unit.start), self.source.line_start(unit.end), "")
            return
        own = self.source.text[start:end]
        listed = [*map(_alias_text, left), *(_alias_text(i.alias) for i in new)]
        if _sorted_names(names):
            listed.sort(key=_sort_key)
        self.edits.replace(start, end, _statement(unit, own, listed))

    def _after(self, unit: Unit, new: Sequence[_Import]) -> None:
        place = self.source.line_start(unit.end)
        self.edits.replace(place, place, "".join(i.text() + "\n" for i in new))

    def _new_lines(self, added: list[_Import]) -> None:
        for new in added:
            place, text = self._place(new)
            self.edits.replace(place, place, text, first=True)

    def _place(self, new: _Import) -> tuple[int, str]:
        """After the import that it follows in the new render, else after the docstring."""
        if new in self.instead:
            return self.source.line_start(self.instead[new].end), new.text() + "\n"
        units = self.new_block.units
        at = units.index(new.unit)
        gap = "".join(
            "\n" for line in new.unit.source.lines[new.unit.lead : new.unit.start] if not line.strip()
        )
        for unit in reversed(units[:at]):
            if own := self._counterpart(unit):
                return self.source.line_start(own.end), (
                    gap if unit is units[at - 1] else ""
                ) + new.text() + "\n"
        doc = next((u for u in self.block.units[:1] if u.keys == (("doc",),)), None)
        first = self.block.units[0].above if self.block.units else self.block.tail
        return self.source.line_start(doc.end if doc else first), ("\n" if doc else "") + new.text() + "\n"

    def _counterpart(self, unit: Unit) -> Unit | None:
        if not unit.is_import:
            return None
        keys = [i.key for i in self.theirs.values() if i.unit is unit]
        return next(
            (self.ours[k].unit for k in keys if k in self.ours and self.ours[k].unit not in self.drop), None
        )


def _imports(block: Block) -> dict[str, _Import]:
    return {i.key: i for unit in block.units if unit.is_import and len(unit.nodes) == 1 for i in _of(unit)}


def _of(unit: Unit) -> Iterator[_Import]:
    module = _module(unit)
    for alias in unit.node.names:  # type: ignore[attr-defined]
        key = alias_name(alias) if module is not None else alias.asname or alias.name
        yield _Import(f"{module}.*" if key == "*" else key, module, alias.name, alias.asname, unit, alias)


def _module(unit: Unit) -> str | None:
    node = unit.node
    return "." * node.level + (node.module or "") if isinstance(node, ast.ImportFrom) else None


def _alias_text(alias: ast.alias) -> str:
    return f"{alias.name} as {alias.asname}" if alias.asname else alias.name


def _sort_key(name: str) -> tuple[bool, bool, str]:
    """As isort and ruff order names: constants, classes, the rest."""
    word = name.split()[0]
    return not word.isupper(), not word[:1].isupper(), word.lower()


def _sorted_names(names: Sequence[ast.alias]) -> bool:
    texts = [_alias_text(a) for a in names]
    return texts == sorted(texts, key=_sort_key)


def _statement(unit: Unit, own: str, names: Sequence[str]) -> str:
    """The statement with other names, in brackets and on lines as the user has it."""
    head, _, rest = own.partition("import")
    if "\n" not in rest and "\r" not in rest:
        listed = ", ".join(names)
        return f"{head}import ({listed})" if "(" in rest else f"{head}import {listed}"
    unit_indent = unit.source.indent_unit
    return f"{head}import (\n" + "".join(f"{unit_indent}{name},\n" for name in names) + ")"

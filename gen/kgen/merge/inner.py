"""The merge inside one statement: argument by argument, item by item, down to the smallest expression that
both sides agree on.

It works on meaning, so that a statement which the user wrapped over other lines and edited still takes what
the new render changed in another argument.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from . import hints
from .edits import Edits, reindent
from .items import Item, align, bracketed, items
from .name_use import loaded_by
from .parsed_source import ParsedSource, docstring_node, indent_of
from .units import BODIES

_CLOSED = (  # what needs no brackets wherever it is put
    ast.Name, ast.Constant, ast.Call, ast.Attribute, ast.Subscript, ast.JoinedStr, ast.List, ast.Dict,
    ast.Set, ast.Tuple, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.keyword, ast.arg,
)  # fmt: skip
_LOOSE = (  # where nothing needs brackets
    ast.keyword, ast.Assign, ast.AnnAssign, ast.Return, ast.List, ast.Set, ast.Dict, ast.Tuple, ast.Call,
    ast.arguments, ast.arg, ast.FunctionDef, ast.AsyncFunctionDef,
)  # fmt: skip
_ASSIGNMENTS = (ast.Assign, ast.AnnAssign)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class UnmergeableError(Exception):
    """Both sides changed the same place, or in a way that cannot be distinguished."""


@dataclass
class Inner:
    """A merge of one statement; `edits` takes what it finds, `notes` what it left out. Raises
    `UnmergeableError`.
    """

    base: ParsedSource
    ours: ParsedSource
    theirs: ParsedSource
    edits: Edits
    notes: list[str] = field(default_factory=list)

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """What was found since is forgotten where it ends in an `UnmergeableError`."""
        marks = [(found, len(found)) for found in (self.edits.found, self.notes)]
        try:
            yield
        except UnmergeableError:
            for found, mark in marks:
                del found[mark:]
            raise

    def statement(self, b: ast.stmt, o: ast.stmt, t: ast.stmt, *, whole: bool) -> None:
        """Make the statement `o` follow what changed from `b` to `t`; its body, too, if it is `whole`."""
        if isinstance(o, _ASSIGNMENTS) and isinstance(b, _ASSIGNMENTS) and type(o) is not type(b) is type(t):
            self._value(b, o, t)
        elif isinstance(o, _FUNCTIONS) and isinstance(b, _FUNCTIONS) and type(t) in (type(b), type(o)):
            self._fields(b, o, t, BODIES)  # the user may have made it `async`
            if whole:
                bodies = _bodies(b, o, t)
                self._zipped(bodies[0], bodies[1], bodies[2], o)
        elif whole:
            self.merge(b, o, t)
        elif type(b) is type(o) is type(t):
            self._fields(b, o, t, BODIES)
        else:
            raise UnmergeableError

    def _value(self, b: ast.stmt, o: ast.stmt, t: ast.stmt) -> None:
        """The user gave an assignment an annotation, or took it away: the values are merged."""
        values = [getattr(node, "value", None) or node for node in (b, o, t)]
        same = _target(b) == _target(t) and getattr(b, "annotation", None) is getattr(t, "annotation", None)
        if not same or not all(isinstance(value, ast.expr) for value in values):
            raise UnmergeableError
        self.merge(values[0], values[1], values[2], o)

    def merge(self, b: ast.AST, o: ast.AST, t: ast.AST, parent: ast.AST | None = None) -> None:
        """Make `o` follow what changed from `b` to `t`."""
        if self.base.dump(b) == self.theirs.dump(t) or self.ours.dump(o) == self.theirs.dump(t):
            return
        if isinstance(o, ast.expr) and self._untouched(b, o):
            if not self._finer(b, o, t):
                self._take(o, t, parent)
        elif not (type(b) is type(o) is type(t)) or isinstance(o, (ast.Constant, ast.JoinedStr)):
            raise UnmergeableError
        else:
            self._fields(b, o, t)

    def optional(self, b: ast.AST | None, o: ast.AST | None, t: ast.AST | None, parent: ast.AST) -> None:
        """The same where there may be nothing, on any side."""
        if b and o and t:
            self.merge(b, o, t, parent)
        elif _plain(b) != _plain(t) and _plain(o) != _plain(t):
            raise UnmergeableError

    def _finer(self, b: ast.AST, o: ast.AST, t: ast.AST) -> bool:
        """Keep the user's layout around what changed, if the change is inside."""
        if type(o) is not type(t) or isinstance(o, (ast.Constant, ast.JoinedStr)):
            return False
        try:
            with self.attempt():
                self._fields(b, o, t)
        except UnmergeableError:
            return False
        return True

    def _untouched(self, b: ast.AST, o: ast.AST) -> bool:
        same = self.base.dump(b) == self.ours.dump(o)
        return same and self.base.comments(*self.base.span(b)) == self.ours.comments(*self.ours.span(o))

    def _take(self, o: ast.AST, t: ast.AST, parent: ast.AST | None) -> None:
        start, end = self.ours.span(o)
        text = self.text_at(*self.theirs.span(t), start)
        bare = not isinstance(t, _CLOSED) and (not isinstance(parent, _LOOSE) or "\n" in text)
        self.edits.replace(start, end, f"({text})" if bare else text)

    def text_at(self, start: int, end: int, place: int) -> str:
        """A span of the new render as it looks at a place of the user's text."""
        theirs = self.theirs
        first, last = theirs.line_at(start), theirs.line_at(max(start, end - 1)) + 1
        if first in theirs.string_lines:
            return theirs.text[start:end]
        old, new = indent_of(theirs.lines[first]), indent_of(self.ours.lines[self.ours.line_at(place)])
        moved = reindent(theirs, first, last, old, new, self.ours.indent_unit)
        head = start - theirs.line_start(first) - len(old) + len(new)
        return moved[head : len(moved) - (theirs.line_start(last) - end)]

    def _fields(self, b: ast.AST, o: ast.AST, t: ast.AST, skipped: tuple[str, ...] = ()) -> None:
        listed = bracketed(o)
        if listed:
            self._list(b, o, t)
        for name in o._fields:
            if name not in skipped and name not in listed:
                trio = getattr(b, name, None), getattr(o, name, None), getattr(t, name, None)
                (self._type if name in hints.FIELDS else self._field)(*trio, o)

    def _field(self, b: object, o: object, t: object, parent: ast.AST) -> None:
        if isinstance(b, ast.AST) and isinstance(o, ast.AST) and isinstance(t, ast.AST):
            self.merge(b, o, t, parent)
        elif isinstance(b, list) and isinstance(o, list) and isinstance(t, list):
            self._zipped(b, o, t, parent)
        elif _plain(b) != _plain(t) and _plain(o) != _plain(t):
            raise UnmergeableError

    def _type(self, b: ast.AST | None, o: ast.AST | None, t: ast.AST | None, parent: ast.AST) -> None:
        """A type that the user wrote in another way follows a renaming inside it, and else stays. One that
        the user deleted stays deleted.
        """
        if o is None:
            return
        try:
            with self.attempt():
                self.optional(b, o, t, parent)
        except UnmergeableError:
            self._own_type(b, o, t, parent)

    def _own_type(self, b: ast.AST | None, o: ast.AST, t: ast.AST | None, parent: ast.AST) -> None:
        if t is None:
            raise UnmergeableError
        found = hints.replacements(b, o, t, self.ours) if b else []
        for start, end, new in found:
            text = self.text_at(*self.theirs.span(new), start)
            bare = not isinstance(new, _CLOSED) and not self.ours.stands_alone(start, end)
            self.edits.replace(start, end, f"({text})" if bare or "\n" in text else text, follows=True)
        if not found:
            name = getattr(parent, "arg", None)
            what = f"the type of `{name}`" if name else "the type that it returns"
            self.notes.append(f"{what} is your own and stays: the new one is `{ast.unparse(t)}`")

    def _zipped(self, b: list[ast.AST], o: list[ast.AST], t: list[ast.AST], parent: ast.AST) -> None:
        if [*map(self.base.dump, b)] == [*map(self.theirs.dump, t)]:
            return
        if [*map(self.ours.dump, o)] == [*map(self.theirs.dump, t)]:
            return
        if not len(b) == len(o) == len(t):
            raise UnmergeableError
        for trio in zip(b, o, t):
            self._field(*trio, parent)

    def _list(self, b: ast.AST, o: ast.AST, t: ast.AST) -> None:
        base, ours, theirs = (items(s, n) for s, n in ((self.base, b), (self.ours, o), (self.theirs, t)))
        if base is None or ours is None or theirs is None:
            raise UnmergeableError
        if [i.meaning for i in base] == [i.meaning for i in theirs]:
            return
        _Listing(self, base, ours, theirs, isinstance(o, (ast.List, ast.Set, ast.Dict)), b, o).merge()


@dataclass
class _Listing:
    """The merge of what stands between a pair of brackets."""

    inner: Inner
    base: list[Item]
    ours: list[Item]
    theirs: list[Item]
    free: bool  # items that both sides added in one place may stand in any order
    rendered: ast.AST  # what the brackets belong to in the old render
    parent: ast.AST  # and in the user's file

    def merge(self) -> None:
        to_ours, to_theirs = align(self.base, self.ours), align(self.base, self.theirs)
        gone: set[int] = set()  # indexes in ours
        for i, item in enumerate(self.base):
            own, rendered = to_ours.get(i), to_theirs.get(i)
            if own is not None and rendered is not None:
                self._both(item, self.ours[own], self.theirs[rendered])
            elif rendered is not None:
                self._report_left_out(item, self.theirs[rendered])
            elif own is not None and not self._stays(self.ours[own]):
                self._check_unchanged(item, self.ours[own])
                gone.add(own)
        added = self._added(to_ours, to_theirs)
        left = len(self.ours) - len(gone) + sum(map(len, added.values()))
        if isinstance(self.parent, ast.Tuple) and min(len(self.ours), left) < 2:
            raise UnmergeableError  # a tuple of one is one by its comma
        for after, new in added.items():
            self._put(new, after, gone, set(to_ours.values()) - gone)
        self._drop(gone)

    def _both(self, b: Item, o: Item, t: Item) -> None:
        if t.meaning in (b.meaning, o.meaning):
            return
        if b.meaning == o.meaning and not self.inner.ours.comment_tokens(o.start, o.end):
            self._replace(o, t)
            return
        if not len(b.nodes) == len(o.nodes) == len(t.nodes):
            raise UnmergeableError
        for trio in zip(b.nodes, o.nodes, t.nodes):
            self.inner.optional(*trio, self.parent)

    def _replace(self, o: Item, t: Item) -> None:
        self.inner.edits.replace(o.start, o.end, self.inner.text_at(t.start, t.end, o.start))

    def _report_left_out(self, b: Item, t: Item) -> None:
        """The user deleted or replaced what the new render changed."""
        if t.meaning == b.meaning or any(o.meaning == t.meaning for o in self.ours):
            return
        old, new = (s.text[i.start : i.end] for s, i in ((self.inner.base, b), (self.inner.theirs, t)))
        self.inner.notes.append(
            f"`{_one_line(old)}` is not in its place in your text: what it is now, `{_one_line(new)}`, was "
            "left out"
        )

    def _stays(self, o: Item) -> bool:
        """Whether what the user wrote in a function reads a parameter that is no longer generated."""
        if not (isinstance(self.parent, _FUNCTIONS) and isinstance(self.rendered, _FUNCTIONS)):
            return False
        known = {self.inner.base.dump(node) for node in self.rendered.body}
        own = [node for node in self.parent.body if self.inner.ours.dump(node) not in known]
        used = _names_of(o, self.parent.args) & loaded_by(own)
        self.inner.notes += (
            f"the parameter `{name}` is no longer generated but stays, because your code uses it"
            for name in used
            if o.key == f"parameter {name}"
        )
        return bool(used)

    def _check_unchanged(self, b: Item, o: Item) -> None:
        """What goes and was changed by the user is a conflict."""
        if o.meaning != b.meaning or self.inner.ours.comment_tokens(o.start, o.end):
            raise UnmergeableError

    def _added(self, to_ours: dict[int, int], to_theirs: dict[int, int]) -> dict[int, list[Item]]:
        """What the new render added, by the index in ours of the item before."""
        back = {t: b for b, t in to_theirs.items()}
        after = -1
        new: dict[int, list[Item]] = {}
        for j, item in enumerate(self.theirs):
            if j in back:
                after = to_ours.get(back[j], after)
            elif not self._has(item):
                self._check_neighbours(item, after, set(to_ours.values()))
                new.setdefault(after, []).append(item)
        return new

    def _has(self, item: Item) -> bool:
        """Whether the user's list has what the new render added."""
        same = [o for o in self.ours if o.key == item.key and (item.key or o.meaning == item.meaning)]
        if item.key and any(o.meaning != item.meaning for o in same):
            raise UnmergeableError
        if self.free or item.key is not None:
            return bool(same)
        return len(same) > sum(b.meaning == item.meaning for b in self.base)

    def _check_neighbours(self, item: Item, after: int, known: set[int]) -> None:
        """If the user put something at the same place, the order must not matter."""
        contested = after + 1 < len(self.ours) and after + 1 not in known
        if contested and not self.free and (item.key is None or self.ours[after + 1].key is None):
            raise UnmergeableError

    def _put(self, new: list[Item], after: int, gone: set[int], kept: set[int]) -> None:
        """Put items after another: first in the places of those that go, so that the commas stay."""
        place = after + 1
        while new and place < len(self.ours) and place not in kept:
            if place in gone:
                self._replace(self.ours[place], new.pop(0))
                gone.remove(place)
                after = place
            place += 1
        if new:
            self._insert(new, after)

    def _drop(self, gone: set[int]) -> None:
        """Take items away, each run of neighbours with its commas."""
        for first in sorted(i for i in gone if i - 1 not in gone):
            last = next(i for i in range(first, len(self.ours)) if i + 1 not in gone)
            start, end = self._run(first, last)
            if self.inner.ours.comment_tokens(start, end):
                raise UnmergeableError
            self.inner.edits.replace(start, end, "")

    def _run(self, first: int, last: int) -> tuple[int, int]:
        if last + 1 < len(self.ours):
            return self.ours[first].start, self.ours[last + 1].start
        if first:
            return self.ours[first - 1].end, self.ours[last].end
        return self.inner.ours.between_brackets(self.ours[first].start, self.ours[last].end)

    def _insert(self, new: list[Item], after: int) -> None:
        """Put items after another, on lines of their own where that one has its own."""
        inner, edits = self.inner, self.inner.edits
        if not self.ours:
            raise UnmergeableError
        first = self.ours[max(after, 0)]
        texts = [inner.text_at(item.start, item.end, first.start) for item in new]
        blanks = inner.ours.text[inner.ours.line_start(inner.ours.line_at(first.start)) : first.start]
        alone = not blanks.strip()
        if after < 0:
            gap = f",\n{blanks}" if alone else ", "
            edits.replace(first.start, first.start, "".join(f"{text}{gap}" for text in texts))
        elif alone:
            self._insert_lines(first, [f"\n{blanks}{text}" for text in texts])
        else:
            edits.replace(first.end, first.end, "".join(f", {text}" for text in texts))

    def _insert_lines(self, before: Item, texts: list[str]) -> None:
        """New lines after the line of an item, so that a comment at its end stays with it."""
        source, edits = self.inner.ours, self.inner.edits
        rest = source.text[before.end : source.line_start(source.line_at(before.end) + 1)].rstrip("\r\n")
        place = before.end + len(rest)
        if rest.lstrip().startswith(",") and rest.lstrip(" \t,")[:1] in ("", "#"):
            edits.replace(place, place, "".join(f"{text}," for text in texts))
        elif rest.lstrip()[:1] in ("", "#"):
            edits.replace(before.end, before.end, ",")
            edits.replace(place, place, ",".join(texts))
        else:
            edits.replace(before.end, before.end, "".join(f",{text}" for text in texts))


def _names_of(parameter: Item, args: ast.arguments) -> set[str]:
    """What a parameter is called; of a `*` or a `/`, what those are called that are what they are by it."""
    some = {
        "/": args.posonlyargs,
        "*": [*filter(None, [args.vararg]), *args.kwonlyargs],
        "**": [*filter(None, [args.kwarg])],
    }
    key = parameter.key or ""
    return {arg.arg for arg in some[key]} if key in some else {key.removeprefix("parameter ")}


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _bodies(*functions: ast.AST) -> list[list[ast.AST]]:
    """The bodies of functions, without docstrings if one of them has none."""
    bodies: list[list[ast.AST]] = [f.body for f in functions]  # type: ignore[attr-defined]
    if all(docstring_node(body) for body in bodies):  # type: ignore[arg-type]
        return bodies
    return [body[1:] if docstring_node(body) else body for body in bodies]  # type: ignore[arg-type]


def _target(node: ast.stmt) -> str:
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", node)]
    return ", ".join(map(ast.unparse, targets))


def _plain(value: object) -> object:
    return ast.dump(value) if isinstance(value, ast.AST) else value

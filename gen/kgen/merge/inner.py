"""The merge inside one statement: argument by argument, item by item, down to the smallest expression that
both sides agree on.

It works on meaning, so that a statement which the user wrapped over other lines and edited still takes what
the new render changed in another argument.
"""

from __future__ import annotations

import ast
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from .edits import Edits, reindent
from .source import Source, Token, indent_of
from .units import BODIES, DEFS

_CLOSED = (  # what needs no brackets wherever it is put
    ast.Name, ast.Constant, ast.Call, ast.Attribute, ast.Subscript, ast.JoinedStr, ast.List, ast.Dict,
    ast.Set, ast.Tuple, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.keyword, ast.arg,
)  # fmt: skip
_LOOSE = (  # where nothing needs brackets
    ast.keyword, ast.Assign, ast.AnnAssign, ast.Return, ast.List, ast.Set, ast.Dict, ast.Tuple, ast.Call,
    ast.arguments,
)  # fmt: skip
_ASSIGNMENTS = (ast.Assign, ast.AnnAssign)
_OPEN, _SHUT = set("([{"), set(")]}")


class UnmergeableError(Exception):
    """Both sides changed the same place, or in a way that cannot be told apart."""


@dataclass(frozen=True)
class _Item:
    """One of several things in brackets, with its place in the text."""

    key: str | None
    nodes: tuple[ast.AST, ...]
    meaning: str
    start: int
    end: int


@dataclass
class Inner:
    """A merge of one statement; `edits` takes what it finds. Raises `UnmergeableError`."""

    base: Source
    ours: Source
    theirs: Source
    edits: Edits

    def statement(self, b: ast.stmt, o: ast.stmt, t: ast.stmt, *, whole: bool) -> None:
        """Make the statement `o` follow what changed from `b` to `t`; its body, too, where it is `whole`."""
        if isinstance(o, _ASSIGNMENTS) and isinstance(b, _ASSIGNMENTS) and type(o) is not type(b) is type(t):
            self._value(b, o, t)
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

    def _finer(self, b: ast.AST, o: ast.AST, t: ast.AST) -> bool:
        """Keep the user's layout around what changed, if the change is inside."""
        before = len(self.edits.found)
        if type(o) is not type(t) or isinstance(o, (ast.Constant, ast.JoinedStr)):
            return False
        try:
            self._fields(b, o, t)
        except UnmergeableError:
            del self.edits.found[before:]
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
        bracketed = _bracketed(o)
        if bracketed:
            self._list(b, o, t)
        for name in o._fields:
            deleted = name in ("annotation", "returns") and getattr(o, name) is None  # stays so
            if name not in skipped and name not in bracketed and not deleted:
                self._field(getattr(b, name, None), getattr(o, name, None), getattr(t, name, None), o)

    def _field(self, b: object, o: object, t: object, parent: ast.AST) -> None:
        if isinstance(b, ast.AST) and isinstance(o, ast.AST) and isinstance(t, ast.AST):
            self.merge(b, o, t, parent)
        elif isinstance(b, list) and isinstance(o, list) and isinstance(t, list):
            self._zipped(b, o, t, parent)
        elif _plain(b) != _plain(t) and _plain(o) != _plain(t):
            raise UnmergeableError

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
        base, ours, theirs = (_items(s, n) for s, n in ((self.base, b), (self.ours, o), (self.theirs, t)))
        if base is None or ours is None or theirs is None:
            raise UnmergeableError
        if [i.meaning for i in base] == [i.meaning for i in theirs]:
            return
        _Listing(self, base, ours, theirs, isinstance(o, (ast.List, ast.Set, ast.Dict)), o).merge()


@dataclass
class _Listing:
    """The merge of what stands between a pair of brackets."""

    inner: Inner
    base: list[_Item]
    ours: list[_Item]
    theirs: list[_Item]
    free: bool  # items that both sides added in one place may stand in any order
    parent: ast.AST

    def merge(self) -> None:
        to_ours, to_theirs = _align(self.base, self.ours), _align(self.base, self.theirs)
        for i, item in enumerate(self.base):
            if i in to_ours and i in to_theirs:
                self._both(item, self.ours[to_ours[i]], self.theirs[to_theirs[i]])
            elif i in to_ours:
                self._dropped(item, to_ours[i])
        self._added(to_ours, to_theirs)

    def _both(self, b: _Item, o: _Item, t: _Item) -> None:
        if t.meaning in (b.meaning, o.meaning):
            return
        if b.meaning == o.meaning and not self.inner.ours.comment_tokens(o.start, o.end):
            self.inner.edits.replace(o.start, o.end, self.inner.text_at(t.start, t.end, o.start))
            return
        if not len(b.nodes) == len(o.nodes) == len(t.nodes):
            raise UnmergeableError
        for trio in zip(b.nodes, o.nodes, t.nodes):
            self.inner.merge(*trio, self.parent)

    def _dropped(self, b: _Item, index: int) -> None:
        """Take an item and one comma away; what the user changed stays a conflict."""
        o, source = self.ours[index], self.inner.ours
        if o.meaning != b.meaning:
            raise UnmergeableError
        last = index + 1 == len(self.ours)
        start = self.ours[index - 1].end if last and index else o.start
        end = o.end if last else self.ours[index + 1].start
        if source.comment_tokens(start, end):
            raise UnmergeableError
        self.inner.edits.replace(start, end, "")

    def _added(self, to_ours: dict[int, int], to_theirs: dict[int, int]) -> None:
        back = {t: b for b, t in to_theirs.items()}
        after = -1  # the index in ours of the item before
        new: dict[int, list[_Item]] = {}
        for j, item in enumerate(self.theirs):
            if j in back:
                after = to_ours.get(back[j], after)
            elif not self._has(item):
                self._check_neighbours(item, after, set(to_ours.values()))
                new.setdefault(after, []).append(item)
        for index, items in new.items():
            self._insert(items, index)

    def _has(self, item: _Item) -> bool:
        """Whether the user's list has what the new render added."""
        same = [o for o in self.ours if o.key == item.key and (item.key or o.meaning == item.meaning)]
        if item.key and any(o.meaning != item.meaning for o in same):
            raise UnmergeableError
        if self.free or item.key is not None:
            return bool(same)
        return len(same) > sum(b.meaning == item.meaning for b in self.base)

    def _check_neighbours(self, item: _Item, after: int, known: set[int]) -> None:
        """Where the user put something at the same place, the order must not matter."""
        contested = after + 1 < len(self.ours) and after + 1 not in known
        if contested and not self.free and (item.key is None or self.ours[after + 1].key is None):
            raise UnmergeableError

    def _insert(self, items: list[_Item], after: int) -> None:
        """Put items after another, on lines of their own where that one has its own."""
        inner, edits = self.inner, self.inner.edits
        if not self.ours:
            raise UnmergeableError
        first = self.ours[max(after, 0)]
        texts = [inner.text_at(item.start, item.end, first.start) for item in items]
        if after < 0:
            edits.replace(first.start, first.start, ", ".join([*texts, ""]))
            return
        blanks = inner.ours.text[inner.ours.line_start(inner.ours.line_at(first.start)) : first.start]
        if blanks.strip():
            edits.replace(first.end, first.end, "".join(f", {text}" for text in texts))
        else:
            self._insert_lines(first, [f"\n{blanks}{text}" for text in texts])

    def _insert_lines(self, before: _Item, texts: list[str]) -> None:
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


def _target(node: ast.stmt) -> str:
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", node)]
    return ", ".join(map(ast.unparse, targets))


def _plain(value: object) -> object:
    return ast.dump(value) if isinstance(value, ast.AST) else value


def _bracketed(node: ast.AST) -> tuple[str, ...]:
    """The fields of a node that stand between one pair of brackets."""
    if isinstance(node, ast.Call):
        return ("args", "keywords")
    if isinstance(node, ast.ClassDef):
        return ("bases", "keywords")
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return ("args",)
    if isinstance(node, ast.Dict):
        return ("keys", "values")
    return ("elts",) if isinstance(node, (ast.List, ast.Set, ast.Tuple)) else ()


def _items(source: Source, node: ast.AST) -> list[_Item] | None:
    """What stands between a node's brackets; None where there are none or the text does not tell."""
    parts = list(_parts(node))
    spans = _segments(source, node)
    if spans is None or len(spans) != len(parts):
        return None
    return [
        _Item(key, nodes, "\n".join(map(source.dump, nodes)) or str(key), *span)
        for (key, nodes), span in zip(parts, spans)
    ]


def _parts(node: ast.AST) -> Iterator[tuple[str | None, tuple[ast.AST, ...]]]:
    if isinstance(node, ast.Call):
        yield from _arguments([*node.args, *node.keywords])
    elif isinstance(node, ast.ClassDef):
        yield from _arguments([*node.bases, *node.keywords])
    elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        yield from _parameters(node.args)
    elif isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values):
            yield (f"key {ast.dump(key)}", (key, value)) if key else (None, (value,))
    elif isinstance(node, (ast.List, ast.Set, ast.Tuple)):
        yield from ((None, (item,)) for item in node.elts)


def _arguments(nodes: Sequence[ast.expr | ast.keyword]) -> Iterator[tuple[str | None, tuple[ast.AST, ...]]]:
    for node in sorted(nodes, key=lambda n: (n.lineno, n.col_offset)):
        yield (f"keyword {node.arg}" if isinstance(node, ast.keyword) and node.arg else None), (node,)


def _parameters(args: ast.arguments) -> Iterator[tuple[str | None, tuple[ast.AST, ...]]]:
    plain = [*args.posonlyargs, *args.args]
    defaults: list[ast.expr | None] = [*[None] * (len(plain) - len(args.defaults)), *args.defaults]
    for i, (arg, default) in enumerate(zip(plain, defaults)):
        yield f"parameter {arg.arg}", (arg, default) if default else (arg,)
        if args.posonlyargs and i + 1 == len(args.posonlyargs):
            yield "/", ()
    if args.vararg or args.kwonlyargs:
        yield "*", (args.vararg,) if args.vararg else ()
    for arg, default in zip(args.kwonlyargs, args.kw_defaults):
        yield f"parameter {arg.arg}", (arg, default) if default else (arg,)
    if args.kwarg:
        yield "**", (args.kwarg,)


def _segments(source: Source, node: ast.AST) -> list[tuple[int, int]] | None:
    """The spans between a node's brackets and commas, without the blanks and comments around them."""
    start, end = source.span(node)
    if isinstance(node, ast.Call):
        start = source.span(node.func)[1]
    tokens = source.tokens_between(start, end)
    while isinstance(node, ast.Call) and tokens and tokens[0].string == ")":
        tokens = tokens[1:]
    if isinstance(node, DEFS):
        tokens = tokens[3 if isinstance(node, ast.AsyncFunctionDef) else 2 :]
        end = 0
    if not tokens or tokens[0].string not in _OPEN:
        return None
    return _split(tokens, end)


def _split(tokens: Sequence[Token], end: int) -> list[tuple[int, int]] | None:
    """Cut at the commas of the outermost brackets, which must close at `end` where that is known."""
    spans: list[tuple[int, int]] = []
    depth, first, last = 1, -1, -1
    for token in tokens[1:]:
        operator = token.string if token.type == tokenize.OP else ""
        depth += (operator in _OPEN) - (operator in _SHUT)
        if depth == 0 or (depth == 1 and operator == ","):
            spans += [(first, last)] if first >= 0 else []
            first = -1
            if depth == 0:
                return spans if end in (0, token.end) else None
        else:
            first, last = (token.start if first < 0 else first), token.end
    return None


def _align(old: Sequence[_Item], new: Sequence[_Item]) -> dict[int, int]:
    """Which item became which: by keyword, else by order of what stayed the same."""
    keyed = {item.key: j for j, item in enumerate(new) if item.key}
    found = {i: keyed[item.key] for i, item in enumerate(old) if item.key in keyed}
    left = [i for i, item in enumerate(old) if not item.key]
    right = [j for j, item in enumerate(new) if not item.key]
    matcher = SequenceMatcher(
        None, [old[i].meaning for i in left], [new[j].meaning for j in right], autojunk=False
    )
    for tag, a, b, c, d in matcher.get_opcodes():
        if tag == "equal" or b - a == d - c:
            found.update(zip(left[a:b], right[c:d]))
    return found

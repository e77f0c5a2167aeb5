"""The merge of a body, statement by statement: each is kept, follows the new render, is dropped, is put in,
or is a conflict.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from difflib import SequenceMatcher

from . import lines
from .edits import Edits, reindent
from .inner import Inner, UnmergeableError
from .match import REWRITTEN, Matches, likeness, match, match_named
from .match_cases import branches_of, merged_branches, stays_own
from .name_use import bound_by, loaded_by
from .parsed_source import ParsedSource, indent_of, split_lines
from .units import BODIES, DEFS, LEAVES, Block, Unit, body_block, header_end, nested_units

_PIECE = re.compile(r"\w+|[^\S\r\n]+|\r\n|.", re.DOTALL)


@dataclass
class Blocks:
    """A merge of two changed texts with their base. `edits` takes what becomes of the user's text."""

    edits: Edits
    recreate: bool = False
    keep: frozenset[str] = frozenset()  # names whose definitions stay although the new render has none
    removed: list[Unit] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    within: list[str] = field(default_factory=list)  # the functions and classes whose bodies are merged

    def merge(self, b: Block, o: Block, t: Block) -> None:
        """Make the body `o` follow what changed from `b` to `t`."""
        to_theirs = match(b.units, t.units)
        added = [u for u in t.units if u not in to_theirs.values()]
        to_ours = match(b.units, o.units, inside=True, apart=match_named(added, o.units).values())
        for unit in b.units:
            if not unit.is_import:
                self._unit(unit, to_ours.get(unit), to_theirs.get(unit))
        self._lines(b, o, t, b.tail, b.end, (o.tail, o.end), (t.tail, t.end))
        _Insertion(self, o, t, {to_theirs[u]: to_ours.get(u) for u in to_theirs}).run()

    def _unit(self, b: Unit, o: Unit | None, t: Unit | None) -> None:
        if o and t:
            self._both(b, o, t)
        elif o:
            self._dropped(b, o)
        elif t and not self.recreate and b.meaning != t.meaning:
            self.notes.append(f"{self.title(b)} is gone from your file: what changed in it was left out")

    def _both(self, b: Unit, o: Unit, t: Unit) -> None:
        if o.text == b.text and not self.recreate:
            if t.text != b.text:
                self._take(o, t)
        elif t.whole_meaning != b.whole_meaning or self.recreate:
            self._lines(b, o, t, b.lead, b.start, (o.lead, o.start), (t.lead, t.start))
            self._statement(b, o, t)

    def _statement(self, b: Unit, o: Unit, t: Unit) -> None:
        inner = body_block(b), body_block(o), body_block(t)
        if stays_own(b, o, t):
            self._own_body(b, o, t)
        elif inner[0] and inner[1] and inner[2]:
            self._head(b, o, t, [header_end(u.source, u.node) + 1 for u in (b, o, t)])
            with self._inside(o):
                self.merge(*inner)  # type: ignore[arg-type]
        elif not self._branches(b, o, t):
            self._head(b, o, t, [u.end for u in (b, o, t)], whole=True)

    def _own_body(self, b: Unit, o: Unit, t: Unit) -> None:
        """A function whose values became of several types, or of one again: what the user wrote into it
        stays, its head and its docstring follow.
        """
        self._by_meaning(*(_Region(u, header_end(u.source, u.node) + 1, whole=False) for u in (b, o, t)))
        blocks = [block and block.prose for block in map(body_block, (b, o, t))]
        if blocks[0] and blocks[1] and blocks[2]:
            with self._inside(o):
                self.merge(blocks[0], blocks[1], blocks[2])
        self.notes.append(f"{self.title(o)} is your own: the branches for its types are left to you")

    def _branches(self, b: Unit, o: Unit, t: Unit) -> bool:
        """Merge a `match` by its branches; False if it is not one on all sides, on the same value."""
        found = merged_branches(b, o, t, recreate=self.recreate) if b.keys == o.keys == t.keys else None
        if found is None:
            return False
        source = o.source
        for branch in found.dropped:
            self.edits.replace(source.line_start(branch.start), source.line_start(branch.end), "")
        for before, branch in found.clashes:
            span = source.line_start(branch.start), source.line_start(branch.end)
            name = f"the branch `{source.lines[branch.start].strip()}`"
            old = "".join(before.unit.source.lines[before.start : before.end])
            self.edits.clash(*span, f"{name}: changed by you, no longer generated", old, "")
        for three in found.merged:
            bodies = [branch.body for branch in three]
            if bodies[0] and bodies[1] and bodies[2] and three[0].meaning != three[2].meaning:
                self.merge(bodies[0], bodies[1], bodies[2])
        first = branches_of(o)[0]
        indent = indent_of(source.lines[first.start])
        for branch, after in found.added:
            theirs = branch.unit.source
            old = indent_of(theirs.lines[branch.start])
            text = reindent(theirs, branch.start, branch.end, old, indent, source.indent_unit)
            place = source.line_start(after.end if after else first.start)
            self.edits.replace(place, place, text)
        return True

    @contextmanager
    def _inside(self, unit: Unit) -> Iterator[None]:
        before = list(self.within)
        self.within += [unit.node.name] if isinstance(unit.node, DEFS) else []
        yield
        self.within = before

    def title(self, unit: Unit) -> str:
        """What a statement is called in notes and conflicts."""
        if not unit.keys:
            return f"the statement `{unit.source.lines[unit.start].strip()}`"
        kind, *names = unit.keys[0]
        owner = f"`{'.'.join(self.within)}`" if self.within else "the file"
        titles = {
            "def": "`{}`",
            "step": "the step `{}`",
            "name": "`{}`",
            "doc": f"the docstring of {owner}",
        }
        return titles.get(kind, "the statement").format(", ".join(names))

    def _take(self, o: Unit, t: Unit) -> None:
        """The new text; blank lines above it are the user's, but for ones that the new render has more of."""
        texts = ["".join(u.source.lines[u.lead : u.start]) for u in (o, t)]
        blank = not any(text.strip() for text in texts) and len(split_lines(texts[0])) >= len(
            split_lines(texts[1])
        )
        first, theirs = (o.start, t.start) if blank else (o.lead, t.lead)
        text = reindent(t.source, theirs, t.end, t.indent, o.indent, o.source.indent_unit)
        self.edits.replace(o.source.line_start(first), o.source.line_start(o.end), text)

    def _dropped(self, b: Unit, o: Unit) -> None:
        """The new render lacks a statement: it goes, unless the user changed it or the rest still uses it."""
        if self.keep & bound_by(o.nodes):
            self.notes.append(f"{self.title(o)} is no longer generated but stays, because your code uses it")
            return
        start, end = o.source.line_start(o.lead), o.source.line_start(o.end)
        if o.meaning != b.meaning or _own_comments(o) != _own_comments(b):
            self.edits.clash(
                o.source.line_start(o.start),
                end,
                f"{self.title(o)}: changed by you, no longer generated",
                b.body_text,
                "",
            )
            return
        known = b.source.comments(b.source.line_start(b.lead), b.source.line_start(b.start))
        added = [
            line
            for line in o.source.lines[o.lead : o.start]
            if line.strip() and line.strip().lstrip("#").strip() not in known
        ]
        self.removed.append(o)
        self.edits.replace(start, end, "".join(added))

    def _lines(
        self,
        b: Unit | Block,
        o: Unit | Block,
        t: Unit | Block,
        first: int,
        last: int,
        ours: tuple[int, int],
        theirs: tuple[int, int],
    ) -> None:
        """The comments above a statement or at the end of a body. Blank lines are the user's."""
        start, end = (o.source.line_start(n) for n in ours)
        old = b.source.comments(b.source.line_start(first), b.source.line_start(last))
        mine = o.source.comments(start, end)
        new = t.source.comments(*(t.source.line_start(n) for n in theirs))
        if new in (old, mine) or _has_change(Counter(old), Counter(mine), Counter(new)):
            return
        texts = [
            reindent(s.source, x, y, _indent(s), _indent(o), o.source.indent_unit)
            for s, (x, y) in ((b, (first, last)), (t, theirs))
        ]
        merged = lines.clean(
            lines.merge_lines(
                split_lines(texts[0]),
                o.source.lines[slice(*ours)],
                split_lines(texts[1]),
                touching=True,
                union=True,
            )
        )
        if mine == old or merged is not None:
            self.edits.replace(start, end, texts[1] if mine == old else "".join(merged or ()))
        else:
            self.edits.clash(start, end, "a comment that you changed, too", *texts)

    def _head(self, b: Unit, o: Unit, t: Unit, ends: Sequence[int], *, whole: bool = False) -> None:
        """A statement without a body, or the line(s) that a body hangs on."""
        regions = [_Region(u, end, whole) for u, end in zip((b, o, t), ends)]
        base, ours, theirs = regions
        if theirs.meaning in (base.meaning, ours.meaning):
            return
        text = reindent(t.source, t.start, ends[2], t.indent, o.indent, o.source.indent_unit)
        if self._by_meaning(base, ours, theirs):
            return
        if ours.meaning == base.meaning:
            self.edits.replace(*ours.span, text)
        elif not self._by_lines(base, ours, text):
            what = f"{self.title(o)}: changed by you and by the new render"
            self.edits.clash(*ours.span, what, base.as_at(o), text)

    def _by_meaning(self, b: _Region, o: _Region, t: _Region) -> bool:
        if not len(b.unit.nodes) == len(o.unit.nodes) == len(t.unit.nodes) == 1:
            return False
        inner = Inner(b.source, o.source, t.source, self.edits)
        try:
            with inner.attempt():
                inner.statement(b.unit.node, o.unit.node, t.unit.node, whole=o.whole)
                _comments(self.edits, b, o, t)
        except UnmergeableError:
            return False
        self.notes += [f"{self.title(o.unit)}: {note}" for note in inner.notes]
        return True

    def _by_lines(self, b: _Region, o: _Region, theirs: str) -> bool:
        """Docstrings are prose: there neighbouring lines, and words put in by the user, do not clash; one
        that clashes stays as the user has it.
        """
        prose = ("doc",) in o.unit.keys
        texts = b.as_at(o.unit), o.source.text[slice(*o.span)], theirs
        if prose and _only_grew(theirs, texts[1]):
            return True  # it has the change, and more
        if prose and likeness(b.unit, o.unit) < REWRITTEN:
            return self._kept(o.unit)
        merged = lines.clean(lines.merge_lines(*map(split_lines, texts), touching=prose))
        if merged is None and prose and _only_grew(texts[0], texts[1]):
            merged = lines.clean(lines.merge_lines(*map(_PIECE.findall, texts), touching=True))
        if merged is None:
            return prose and self._kept(o.unit)
        self.edits.replace(*o.span, "".join(merged))
        return True

    def _kept(self, unit: Unit) -> bool:
        self.notes.append(f"{self.title(unit)} is your own: what changed in it was left out")
        return True


@dataclass
class _Region:
    """A statement or its header, with its place."""

    unit: Unit
    end: int
    whole: bool

    @property
    def source(self) -> ParsedSource:
        return self.unit.source

    @property
    def span(self) -> tuple[int, int]:
        return self.source.line_start(self.unit.start), self.source.line_start(self.end)

    @property
    def meaning(self) -> tuple[str, tuple[str, ...]]:
        comments = self.source.comments(*self.span)
        return (self.unit.meaning if self.whole else self._header(), comments)

    def _header(self) -> str:
        node = self.unit.node
        fields = [getattr(node, name, None) for name in node._fields if name not in BODIES]
        return "\n".join([type(node).__name__, *(_dump(part) for part in fields)])

    def as_at(self, o: Unit) -> str:
        """The text as it looks with the user's indentation."""
        return reindent(
            self.source, self.unit.start, self.end, self.unit.indent, o.indent, o.source.indent_unit
        )


def _dump(part: object) -> str:
    if isinstance(part, list):
        return "[" + ",".join(map(_dump, part)) + "]"
    return ast.dump(part) if isinstance(part, ast.AST) else repr(part)


def _comments(edits: Edits, b: _Region, o: _Region, t: _Region) -> None:
    """Comments inside a statement follow the new render where the user left them alone."""
    old, mine, new = (r.source.comments(*r.span) for r in (b, o, t))
    if new in (old, mine):
        return
    if mine != old or len(new) != len(mine):
        raise UnmergeableError
    for token, other in zip(o.source.comment_tokens(*o.span), t.source.comment_tokens(*t.span)):
        edits.replace(token.start, token.end, other.string)


def _own_comments(unit: Unit) -> tuple[str, ...]:
    source = unit.source
    return source.comments(source.line_start(unit.start), source.line_start(unit.end))


def _indent(place: Unit | Block) -> str:
    if isinstance(place, Unit):
        return place.indent
    return place.units[0].indent if place.units else ""


def _has_change(old: Counter[str], mine: Counter[str], new: Counter[str]) -> bool:
    """Whether the user's comments have what the new render added and lack what it took away."""
    return not (new - old) - mine and not (old - new) & mine


def _only_grew(old: str, new: str) -> bool:
    codes = SequenceMatcher(None, _PIECE.findall(old), _PIECE.findall(new), autojunk=False).get_opcodes()
    return all(tag in ("equal", "insert") for tag, *_ in codes)


@dataclass
class _Insertion:
    """Puts in what the new render added to a body: after the statement that it follows there."""

    blocks: Blocks
    ours: Block
    theirs: Block
    matched: dict[Unit, Unit | None]  # units of the new render -> the user's; None where the user deleted it

    def run(self) -> None:
        present = {o for o in self.matched.values() if o}
        left = [u for u in self.ours.units if u not in present and not u.is_import]
        new = [u for u in self.theirs.units if not u.is_import and u not in self.matched]
        if self.blocks.recreate:
            new += [u for u, o in self.matched.items() if o is None]
        twins = match_named(new, [*left, *nested_units(left)])
        for unit, own in twins.items():
            self._twin(unit, own)
        self._insert(set(new) - set(twins), twins)

    def _twin(self, t: Unit, o: Unit) -> None:
        """Both sides added a statement of that name."""
        if o.meaning != t.meaning:
            start, end = o.source.line_start(o.start), o.source.line_start(o.end)
            text = reindent(t.source, t.start, t.end, t.indent, o.indent, o.source.indent_unit)
            self.blocks.edits.clash(
                start, end, f"{self.blocks.title(o)}: added by you and by the new render", "", text
            )

    def _insert(self, new: set[Unit], twins: Matches) -> None:
        places = {**self.matched, **twins}
        at: tuple[int, str] | None = None
        for index, unit in enumerate(self.theirs.units):
            if unit not in new:
                after = self._after_imports() if unit.is_import else self._after(places.get(unit))
                at = after or self._before_next(index + 1, new, places) or at
                continue
            place, indent = self._fit(unit, at or self._before(index, places))
            text = reindent(
                unit.source, unit.lead, unit.end, unit.indent, indent, self.ours.source.indent_unit
            )
            self.blocks.edits.replace(place, place, text)

    def _before_next(
        self, index: int, new: set[Unit], places: dict[Unit, Unit | None]
    ) -> tuple[int, str] | None:
        """What the new units follow is not there: before what they precede, if that is."""
        unit = next((u for u in self.theirs.units[index:] if u not in new), None)
        own = places.get(unit) if unit else None
        return (self.ours.source.line_start(own.above), own.indent) if own else None

    def _after(self, own: Unit | None) -> tuple[int, str] | None:
        if own is None:
            return None
        source = self.ours.source
        line = own.lead if isinstance(own.nodes[-1], LEAVES) else own.end
        return source.line_start(line), own.indent

    def _after_imports(self) -> tuple[int, str] | None:
        imports = [u for u in self.ours.units if u.is_import]
        return (self.ours.source.line_start(imports[-1].end), "") if imports else None

    def _before(self, index: int, places: dict[Unit, Unit | None]) -> tuple[int, str]:
        """Nothing that it follows is there: before what it precedes, else at the end."""
        source = self.ours.source
        for unit in self.theirs.units[index:]:
            if own := places.get(unit):
                return source.line_start(own.above), own.indent
        last = self.ours.units[-1:]
        return (self._after(last[0]) if last else None) or (source.line_start(self.ours.end), "")

    def _fit(self, unit: Unit, at: tuple[int, str]) -> tuple[int, str]:
        """Not above what it uses, nor below what uses it, if the user reordered the body."""
        place, indent = at
        source = self.ours.source
        uses, gives = loaded_by(unit.nodes), bound_by(unit.nodes)
        known = [u for u in self.ours.units if u in self.matched.values()]
        low = max(
            (
                source.line_start(u.end)
                for u in known
                if bound_by(u.nodes) & uses and not isinstance(u.node, LEAVES)
            ),
            default=place,
        )
        high = min((source.line_start(u.lead) for u in known if loaded_by(u.nodes) & gives), default=place)
        inside = any(u.indent == indent for u in known)
        if inside and place < low:
            return low, indent
        if inside and high < place and low <= high:
            return high, indent
        return at

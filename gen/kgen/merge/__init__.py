"""Three-way merge of the files that users own: the last render, the user's file and the new render.

Statement by statement, by meaning: a statement that the new render did not change keeps every byte of the
user's; one that the user did not change (but for its layout) follows the new render; what both changed is
merged argument by argument, then line by line, and is else a conflict. Statements are known by name and
dataflow steps by their id, so they may be moved, renamed or wrapped. What the user deleted stays deleted.

    parsed_source, units, name_use     a text as statements, with their comments and the names they use
    rename                             names that either side changed, first
    match, blocks                      which statement is which, and what becomes of each
    match_cases                        the merge of a `match`, branch by branch
    inner, items, hints, lines         the merge inside a statement: by expression, by item, by type, by line
    imports                            the merge of the imports, last
    edits                              the changes to the user's text
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from dataclasses import dataclass

from . import lines, rename
from .blocks import Blocks
from .edits import Conflict, Edits, TangledError
from .imports import merge_imports
from .name_use import bound_anywhere, bound_by, loaded_by
from .parsed_source import ParsedSource, newline_of, split_lines
from .units import module_block

__all__ = ["Conflict", "Merged", "merge"]

_BOM = "\ufeff"
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Merged:
    """The outcome. With conflicts, `text` has them between markers and is for the user to solve; without, it
    takes the file's place.

    `notes` say what was left out or kept on purpose, for the plan to show.
    """

    text: str
    conflicts: tuple[Conflict, ...] = ()
    notes: tuple[str, ...] = ()


def merge(base: str, ours: str, theirs: str, *, recreate: bool = False, path: str = "") -> Merged:
    """Merge the user's file `ours` with the new render `theirs`; `base` is the render that the user's file
    came from.

    `recreate` brings back what the user deleted. The texts must be decoded without newline translation; byte
    order mark, line ends and a missing last line end are kept. A `path` that does not end in `.py` is merged
    by lines.
    """
    if ours == theirs or (theirs == base and not recreate):
        return Merged(ours)
    if ours == base:
        return Merged(theirs)
    mark = _BOM if ours.startswith(_BOM) else ""
    texts = [text.removeprefix(_BOM) for text in (base, ours, theirs)]
    merged = _merge(*_same_ends(*texts), recreate, path)
    text = merged.text if texts[1].endswith(("\n", "\r")) or merged.conflicts else merged.text.rstrip("\r\n")
    return Merged(mark + text, merged.conflicts, merged.notes)


def _same_ends(base: str, ours: str, theirs: str) -> tuple[str, str, str]:
    """The three texts, each with a last line end; the renders with the line ends of the user's file."""
    newline = newline_of(ours)
    renders = [
        "".join(line.rstrip("\r\n") + newline for line in split_lines(text)) for text in (base, theirs)
    ]
    return renders[0], ours if not ours or ours.endswith(("\n", "\r")) else ours + newline, renders[1]


def _merge(base: str, ours: str, theirs: str, recreate: bool, path: str) -> Merged:
    if path and not path.endswith((".py", ".pyi")):
        return _by_lines(base, ours, theirs, path)
    try:
        sources = ParsedSource(base), ParsedSource(ours), ParsedSource(theirs)
    except SyntaxError:
        return _by_lines(base, ours, theirs, path)
    try:
        merged = _by_meaning(*sources, recreate, path)
    except (SyntaxError, TangledError, RecursionError):  # an unforeseen shape: never a broken file
        return _by_lines(base, ours, theirs, path, must_parse=True)
    return merged or _by_lines(base, ours, theirs, path, must_parse=True)


def _by_meaning(
    base: ParsedSource, ours: ParsedSource, theirs: ParsedSource, recreate: bool, path: str
) -> Merged | None:
    """None where something of the user's would be lost."""
    base, ours = rename.carry(base, ours, theirs)
    rendered = base
    base, theirs = rename.follow(rendered, ours, theirs)
    theirs = rename.keep(rendered, base, ours, theirs)
    keep: frozenset[str] = frozenset()
    while True:
        edits = Edits(ours, path)
        blocks = Blocks(edits, recreate, keep)
        blocks.merge(*map(module_block, (base, ours, theirs)))
        result = ast.parse(edits.apply(marked=False))
        missing = _missing(blocks, result) - keep
        if not missing:
            break
        keep |= missing
    merge_imports(base, edits, theirs, result)
    ast.parse(edits.apply(marked=False))
    merged = Merged(edits.apply(), edits.conflicts, tuple(blocks.notes))
    kept = merged.text + edits.followed
    return merged if merged.conflicts or not _lost(base.text, ours.text, kept) else None


def _missing(blocks: Blocks, result: ast.Module) -> set[str]:
    """Names whose definitions were dropped although the result uses them."""
    gone = {name for unit in blocks.removed for name in bound_by(unit.nodes)}
    return (gone & loaded_by([result])) - bound_anywhere(result)


def _by_lines(base: str, ours: str, theirs: str, path: str, *, must_parse: bool = False) -> Merged:
    """The whole file by lines; if that is not clean, or not Python, or loses something of the user's, it
    is a conflict.
    """
    hunks = lines.merge_lines(*map(split_lines, (base, ours, theirs)))
    merged = lines.clean(hunks)
    if merged is not None and not (
        must_parse and (not _parses("".join(merged)) or _lost(base, ours, "".join(merged)))
    ):
        return Merged("".join(merged))
    if merged is not None:
        texts = (tuple(split_lines(text)) for text in (ours, base, theirs))
        hunks = [lines.Hunk(next(texts), next(texts), next(texts), clash=True)]
    return Merged(lines.marked(hunks, newline_of(ours)), tuple(_conflicts(hunks, path)))


def _conflicts(hunks: list[lines.Hunk], path: str) -> list[Conflict]:
    """A conflict for each clash; its line is that of the text with markers before it, less the markers."""
    found, at = [], 1
    for hunk in hunks:
        if hunk.clash:
            texts = ("".join(hunk.ours), "".join(hunk.base), "".join(hunk.theirs))
            found.append(Conflict(path, at, "changed by you and by the new render", *texts))
        at += len(hunk.ours)
    return found


def _parses(text: str) -> bool:
    try:
        ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return False
    return True


def _lost(base: str, ours: str, result: str) -> bool:
    """Whether a word that the user added is missing: the last guard of the promise that nothing is."""
    return bool((_words(ours) - _words(base)) - _words(result))


def _words(text: str) -> Counter[str]:
    return Counter(_WORD.findall(text))

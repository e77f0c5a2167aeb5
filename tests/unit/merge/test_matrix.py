"""Every kind of user edit against every kind of change in a render: nothing of the user's is lost, conflicts
are real ones.
"""

from __future__ import annotations

import ast
import io
import tokenize
from collections import Counter
from itertools import pairwise

import pytest
from tests.unit.merge.edits import EDITS
from tests.unit.merge.renders import CHANGES, FLOW

from kgen.merge import merge

# Where both sides change one statement: the user changed what the new render drops, or the same argument.
CLASHES = {
    ("inserted steps", "step dropped"),
    ("ruff and edited", "step dropped"),
    ("tabs", "step dropped"),
    ("deleted", "step dropped"),
    ("deleted", "comment"),  # that edit renames a word of the comment
    ("keyword arguments", "changed argument"),
}
GONE = {"deleted", "split"}  # the user's file lacks `handle`, so what changes in it cannot follow
EVERY_EDIT = pytest.mark.parametrize("edit", EDITS)


def tokens(text: str) -> Counter[str]:
    """Names, numbers, comments, and the words of strings: what a formatter leaves alone."""
    found: Counter[str] = Counter()
    for token in tokenize.generate_tokens(
        io.StringIO(text.removeprefix("\ufeff").replace("\r\n", "\n")).readline
    ):
        if token.type in (tokenize.NAME, tokenize.NUMBER, tokenize.COMMENT):
            found[token.string] += 1
        elif token.type not in (tokenize.OP, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT):
            found.update(token.string.strip("\"'").split())
    return found


def parses(text: str) -> bool:
    return ast.parse(text.removeprefix("\ufeff")) is not None


@EVERY_EDIT
def test_every_edit_survives_every_change(edit: str) -> None:
    ours = EDITS[edit](FLOW)
    assert parses(ours)
    assert ours != FLOW
    for change in CHANGES:
        theirs = CHANGES[change](FLOW)
        merged = merge(FLOW, ours, theirs, path="flows/orders.py")
        assert bool(merged.conflicts) == ((edit, change) in CLASHES), (change, merged.conflicts)
        if not merged.conflicts:
            nothing_is_lost(edit, change, ours, merged.text)
            the_change_arrived(edit, change, theirs, merged.text)
            twice_is_once(edit, ours, theirs, merged.text)


def nothing_is_lost(edit: str, change: str, ours: str, merged: str) -> None:
    assert parses(merged), change
    added = tokens(ours) - tokens(FLOW)
    lost = added - tokens(merged)
    assert not lost or (edit.startswith("renamed") and set(added) <= set(tokens(merged))), (change, lost)
    assert merged.count("\r\n") in (0, merged.count("\n"))
    assert merged.endswith("\n") == ours.endswith("\n")


def the_change_arrived(edit: str, change: str, theirs: str, merged: str) -> None:
    if edit in GONE or edit.startswith("renamed") or (edit, change) == ("sink", "comment"):
        return  # the statement it is on is not there, or under another name
    assert not (tokens(theirs) - tokens(FLOW)) - tokens(merged), change


def twice_is_once(edit: str, ours: str, theirs: str, merged: str) -> None:
    if edit != "renamed variables":  # that edit renames a word in prose
        assert merge(FLOW, merged, theirs).text == merged


@EVERY_EDIT
@pytest.mark.parametrize(
    ("change", "line"), [("new step", '"date"'), ("comment above", "# Reads versions 1")]
)
def test_where_nothing_changed_every_byte_stays(edit: str, change: str, line: str) -> None:
    ours = EDITS[edit](FLOW)
    merged = merge(FLOW, ours, CHANGES[change](FLOW)).text
    kept = [text for text in merged.splitlines(keepends=True) if line not in text]
    assert len(kept) + 1 == len(merged.splitlines())
    assert "".join(kept) == ours


@EVERY_EDIT
def test_ten_changes_with_edits_between_are_one_pull_of_the_last(edit: str) -> None:
    """A chain: each render adds to the one before, the user edits in the middle of it."""
    steps = [
        "doc",
        "new step",
        "new import",
        "comment above",
        "new keyword",
        "function doc",
        "last statement",
    ]
    renders = [FLOW]
    for step in steps:
        renders.append(CHANGES[step](renders[-1]))
    ours = EDITS[edit](FLOW)
    at_once = merge(FLOW, ours, renders[-1])
    for before, after in pairwise(renders):
        merged = merge(before, ours, after)
        assert not merged.conflicts
        ours = merged.text
    assert tokens(ours) == tokens(at_once.text)
    assert ours == at_once.text or edit.startswith(("black", "ruff"))

"""Words that stay out of the prose, the messages and the names: the field has terms for what they say."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.parsed import nodes

ROOT = Path(__file__).parents[2]
PACKAGES = ("runtime/kgen_runtime", "gen/kgen", "templates/kgen_templates")

WORDS = {
    "anew": "recreated, again",
    "mends?|mended": "fix",
    "tells?|told": "report, return, log, notify; distinguish for 'tell apart'",
    "hears?|heard": "is notified, gets, polls",
    "whoever|whichever": "the caller, any",
    "the books": "the totals",
    "cannot be meant": "invalid",
    "(?:is|are|was|were|stays?) away": "is unavailable",
    "puts things right": "finish or roll back",
    "(?<!there )(?:is|are|was|were) no (?!longer\\b|more\\b)[a-z]+": "is not a",
    "[Rr]aises `\\w+` where": "raises … if",
}
NAMES = {
    *("Counter", "Mail", "Ticket", "Gate", "PostOffice", "Leaver", "Left", "Ear", "Sent", "Heard", "Drafts"),
    *(
        "World",
        "Homes",
        "Verdict",
        "Both",
        "hears_all",
        "glance",
        "unhidden",
        "patiently",
        "made_anew",
        "touch",
    ),
    *("around_the_run", "tell", "_tell", "_told", "_hear", "_lose", "_broken", "_abandon"),
}

_WORD = re.compile("|".join(rf"(?:(?<!\w)(?:{each})(?!\w))" for each in WORDS), re.I)


def test_no_text_has_a_word_of_the_list() -> None:
    found = {
        f"{path.relative_to(ROOT)}:{line}: {word}"
        for path in _sources()
        for line, text in _texts(path)
        for word in _WORD.findall(text)
    }
    assert found == set()


def test_no_variable_has_a_word_of_the_list() -> None:
    found = {
        f"{path.relative_to(ROOT)}:{name}"
        for path in _sources()
        if path.suffix == ".py"
        for name in _variables(nodes(path))
        if _WORD.search(name.replace("_", " "))
    }
    assert found == set()


def test_no_name_of_a_test_has_a_word_of_the_list() -> None:
    found = {
        f"{path.relative_to(ROOT)}:{name}"
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        for name in re.findall(r"def (test_\w+)", path.read_text(encoding="utf-8"))
        if _WORD.search(name.replace("_", " "))
    }
    assert found == set()


def test_options_that_the_user_may_set_otherwise_are_defaults_and_the_others_overrides() -> None:
    """One word for one thing: not `extra`, of which nobody knows which way it goes."""
    found = {
        f"{path.relative_to(ROOT)}:{node.name}({argument.arg})"
        for path in sorted((ROOT / "runtime").rglob("*.py"))
        for node in nodes(path)
        if isinstance(node, ast.FunctionDef)
        for argument in (*node.args.args, *node.args.kwonlyargs)
        if argument.arg in ("extra", "extras")
    }
    assert found == set()


def test_no_class_or_function_has_a_name_of_the_list() -> None:
    found = {
        f"{path.relative_to(ROOT)}:{node.name}"
        for path in _sources()
        if path.suffix == ".py"
        for node in nodes(path)
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name in NAMES
    }
    assert found == set()


@pytest.mark.parametrize(
    "text",
    [
        "It is made anew.",
        "a panic is no Exception",
        "Raises `X` where it is",
        "The log hears of it",
        "Told",
        "is away",
    ],
)
def test_a_word_of_the_list_is_found(text: str) -> None:
    assert _WORD.search(text)


@pytest.mark.parametrize("text", ["there is no topic", "it is no longer read", "a foretold end", "`teller`"])
def test_what_only_looks_like_one_is_not(text: str) -> None:
    assert not _WORD.search(text)


def _sources() -> Iterator[Path]:
    yield from sorted((ROOT / "docs").rglob("*.md"))
    yield from sorted((ROOT / "examples").glob("*/*.md"))
    for package in (*PACKAGES, "examples", "scripts"):
        for suffix in ("py", "pyx", "pxi", "j2"):
            yield from sorted((ROOT / package).rglob(f"*.{suffix}"))


def _variables(tree: tuple[ast.AST, ...]) -> Iterator[str]:
    for node in tree:
        if isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr


def _texts(path: Path) -> Iterator[tuple[int, str]]:
    """The comments and strings of a module; the comments of Cython; else all lines, less what is code."""
    source = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        for node in nodes(path):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.lineno, " ".join(node.value.split())
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type == tokenize.COMMENT:
                yield token.start[0], token.string
    else:
        for number, line in enumerate(source.splitlines(), 1):
            cython = path.suffix in (".pyx", ".pxi")
            yield number, line.partition("#")[2] if cython else re.sub("`[^`]*`", "``", line)

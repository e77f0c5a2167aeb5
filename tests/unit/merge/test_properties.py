"""What holds for any edits: the laws of a three-way merge."""

from __future__ import annotations

import ast
import re
from collections import Counter

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.examples import examples

from kgen import merge as merging
from kgen.merge import merge
from kgen.merge.parsed_source import ParsedSource

NAMES = ["alpha", "beta", "gamma", "delta", "omega"]
names = st.sampled_from(NAMES)
expressions = st.sampled_from(
    [
        "1",
        "alpha",
        "beta.oks",
        "f(x, y)",
        "[1, 2]",
        "{'a': b}",
        "x + y",
        "'''two\nlines'''",
        "lambda m: m.value",
    ]
)


@st.composite
def simple(draw: st.DrawFn) -> str:
    kind = draw(st.integers(0, 6))
    name, value = draw(names), draw(expressions)
    return [
        f"{name} = {value}",
        f'{name} = rt.step("{draw(names)}", {value}, {draw(names)})',
        f'op.inspect("{name}", {value})',
        f"assert {name} == {value}",
        f"{name}: int = {value}",
        f"{name} = 1; {draw(names)} = 2",
        f"{name}.call(\n    {value},  # why\n    key={draw(names)},\n)",
    ][kind]


def indented(text: str) -> str:
    inside = False
    out = []
    for line in text.split("\n"):
        out.append(line if inside or not line else f"    {line}")
        inside ^= line.count("'''") % 2 == 1
    return "\n".join(out)


@st.composite
def compound(draw: st.DrawFn) -> str:
    name = draw(names)
    head = draw(
        st.sampled_from(
            [
                f"def {name}(x, y=1):",
                f"class {name.title()}:",
                f"if {name}:",
                f"with {name} as x:",
                f"@deco\ndef {name}(x: int) -> None:  # note",
            ]
        )
    )
    body = draw(st.lists(st.one_of(simple(), comments), min_size=1, max_size=4))
    return "\n".join([head, *map(indented, [*body, "pass"])])


comments = st.sampled_from(["# one", "# two", "#: three", "\n# alone\n"])
imports = st.sampled_from(
    [
        "import json",
        "import os.path as p",
        "from a import b, c",
        "from a import (\n    b,\n    d,\n)",
        "from .x import *",
    ]
)
statements = st.one_of(simple(), simple(), compound(), comments, imports)
files = st.lists(statements, min_size=0, max_size=7)


@st.composite
def edited(draw: st.DrawFn, parts: list[str]) -> list[str]:
    """Some statements deleted, replaced, put in, moved or commented."""
    parts = list(parts)
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, max(0, len(parts) - 1)))
        action = draw(st.sampled_from(["insert", "delete", "replace", "move", "comment", "inside"]))
        if action == "insert" or not parts:
            parts.insert(at, draw(statements))
        elif action == "delete":
            del parts[at]
        elif action == "replace":
            parts[at] = draw(statements)
        elif action == "move":
            parts.insert(draw(st.integers(0, len(parts))), parts.pop(at))
        elif action == "comment":
            parts[at] = f"# said {draw(names)}\n{parts[at]}"
        else:
            parts[at] = (
                re.sub(r"\bx\b", draw(st.sampled_from(["x, z", "(x)", "y"])), parts[at])
                if "def" not in parts[at]
                else parts[at]
            )
    return parts


@st.composite
def triples(draw: st.DrawFn) -> tuple[str, str, str]:
    base = draw(files)
    three = base, draw(edited(base)), draw(edited(base))
    return tuple(text(parts) for parts in three)  # type: ignore[return-value]


def text(parts: list[str]) -> str:
    return "".join(f"{part}\n" for part in parts)


def words(text: str) -> Counter[str]:
    return Counter(re.findall(r"\w+", text))


quick = settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.too_slow])


def parses(text: str) -> bool:
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True


def by_meaning(base: str, ours: str, theirs: str) -> merging.Merged | None:
    """Without the short cuts for equal texts."""
    return merging._by_meaning(ParsedSource(base), ParsedSource(ours), ParsedSource(theirs), False, "")


@quick
@given(triples())
def test_what_is_equal_stays(three: tuple[str, str, str]) -> None:
    base, ours, theirs = three
    assert merge(base, ours, base).text == ours
    assert merge(base, base, theirs).text == theirs
    assert merge(base, ours, ours).text == ours


@quick
@given(triples())
def test_an_unchanged_render_changes_nothing(three: tuple[str, str, str]) -> None:
    base, ours, _ = three
    if parses(base) and parses(ours):
        merged = by_meaning(base, ours, base)
        assert merged is not None
        assert merged.text == ours


@quick
@given(triples())
def test_the_outcome_parses_and_has_every_word_of_the_user(three: tuple[str, str, str]) -> None:
    base, ours, theirs = three
    if not all(map(parses, three)):
        return
    merged = merge(base, ours, theirs)
    if merged.conflicts:
        assert all(
            marker in merged.text for marker in ("<<<<<<< yours", "||||||| base", "=======", ">>>>>>> kgen")
        )
        return
    assert parses(merged.text)
    assert not (words(ours) - words(base)) - words(merged.text)
    assert merge(theirs, merged.text, theirs).text == merged.text


def code(text: str) -> Counter[str]:
    """The words of a text without its comments and imports."""
    body = [n for n in ast.parse(text).body if not isinstance(n, (ast.Import, ast.ImportFrom))]
    return words(ast.unparse(ast.Module(body, [])))


@quick
@given(triples())
def test_what_the_new_render_adds_arrives_or_is_reported(three: tuple[str, str, str]) -> None:
    base, ours, theirs = three
    if all(map(parses, three)):
        merged = merge(base, ours, theirs)
        if not merged.conflicts and not merged.notes:
            assert not (code(theirs) - code(base)) - code(merged.text)


@quick
@given(triples(), st.sampled_from(["\r\n", "\r"]))
def test_line_ends_and_marks_are_the_users(three: tuple[str, str, str], end: str) -> None:
    base, ours, theirs = three
    plain = merge(base, ours, theirs)
    own = "\ufeff" + ours.replace("\n", end)
    merged = merge(base, own, theirs)
    assert merged.text.startswith("\ufeff")
    if ours not in (base, theirs) and theirs != base:
        assert merged.text[1:].replace(end, "\n") == plain.text


@quick
@given(st.text(), st.text(), st.text())
def test_any_text_is_merged_or_a_conflict(base: str, ours: str, theirs: str) -> None:
    assert merge(base, ours, theirs) is not None

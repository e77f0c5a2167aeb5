"""What is known of patterns without running them; Python's `re` is the judge."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgen_runtime.codec.json.schema.json_patterns import literal_start, matches

PARTS = [
    "x",
    "-",
    "a",
    "\\-",
    "\\.",
    ".",
    ".*",
    ".+",
    "^",
    "$",
    "\\d",
    "[ax]",
    "(a|x)",
    "|",
    "?",
    "*",
    "+",
    "{2}",
    "\\",
]


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [
        ("^x-", "x-a", True), ("^x-", "ax-", False), ("-id$", "user-id", True), ("a", "bab", True),
        ("^a$", "a", True), ("^a$", "ab", False), (".*", "", True), ("^x.*$", "xy", True),
        ("^x\\-.+$", "x-", False), ("^x\\-.+$", "x-a", True), (".+a", "a", False), (".+a.+", "bac", True),
        ("^(a+)+$", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", False),  # not run: it would take for ever
    ],
)  # fmt: skip
def test_patterns_are_not_run(pattern: str, name: str, fits: bool) -> None:
    assert matches(pattern, name) is fits


@pytest.mark.parametrize(
    ("pattern", "start"),
    [
        ("^x-", "x-"), ("^x-[\\w\\d\\.\\x2d_]+$", "x-"), ("^x\\-.*$", "x-"), ("x-", ""),
        ("^x-|^y-", ""), ("^xy?", "x"),
        ("^xy{0,2}", "x"), ("^xy+", "xy"), ("^[a-z]", ""), ("^(x-|y-)", ""), ("^\\$ref$", "$ref"), ("^", ""),
    ],
)  # fmt: skip
def test_names_begin_with_the_plain_characters(pattern: str, start: str) -> None:
    assert literal_start(pattern) == start


@given(st.lists(st.sampled_from(PARTS), max_size=6).map("".join), st.text("xa-.1$", max_size=6))
def test_what_is_said_of_a_pattern_holds(pattern: str, name: str) -> None:
    try:
        found = re.search(pattern, name) is not None
    except re.error:
        return
    if found:
        assert name.startswith(literal_start(pattern))
    if matches(pattern, name):
        assert found

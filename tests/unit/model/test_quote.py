"""Text of a schema stays text: it evaluates to itself and never leaves its literal."""

from __future__ import annotations

import ast
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from kgen.pycode import quote

NASTY = st.text("\"'\\\n\r\t \u202e\u200b\ud800\x00\x85\u2028é😀{%#}a", max_size=30) | st.text(max_size=60)


def is_plain(code: str) -> bool:
    return all(unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Zl", "Zp"} or c == "\n" for c in code)


@given(NASTY)
def test_a_string_literal_means_its_text(text: str) -> None:
    code = quote.string(text)
    assert ast.literal_eval(code) == text
    assert "\n" not in code
    assert is_plain(code)


@given(st.binary(max_size=40))
def test_a_bytes_literal_means_its_bytes(data: bytes) -> None:
    assert ast.literal_eval(quote.bytes_literal(data)) == data
    assert quote.bytes_literal(data).isascii()


@given(NASTY, st.sampled_from([0, 4]))
def test_a_docstring_is_one_literal_with_the_words_of_its_text(text: str, indent: int) -> None:
    code = quote.docstring(text, indent)
    tree = ast.parse("class A:\n    " + code if indent else code)
    body = tree.body[0].body if indent else tree.body  # type: ignore[attr-defined]
    assert len(body) == 1
    value = ast.literal_eval(body[0].value)
    assert value.split() == text.split()
    assert is_plain(code)


@given(NASTY)
def test_a_comment_stays_on_its_line(text: str) -> None:
    code = quote.comment(text)
    assert "\n" not in code
    assert is_plain(code)
    assert ast.parse(f"# {code}").body == []


def test_readable_text_stays_readable() -> None:
    assert quote.string("Größe: 日本 → 😀") == '"Größe: 日本 → 😀"'
    assert quote.string('{"type": "string"}') == """'{"type": "string"}'"""

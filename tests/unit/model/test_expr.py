"""Expressions mean the same however they are broken into lines."""

from __future__ import annotations

import ast

from hypothesis import given
from hypothesis import strategies as st

from kgen.pycode.expr import Alternatives, Expr, call, dict_of, flat, layout, list_of, tuple_of

ATOMS = st.integers(0, 10**30).map(str) | st.from_regex("[a-z]{3,20}_", fullmatch=True)


def groups(inner: st.SearchStrategy[Expr]) -> st.SearchStrategy[Expr]:
    items = st.lists(inner, max_size=4)
    return (
        items.map(list_of)
        | items.map(tuple_of)
        | items.map(lambda found: call("make", *found, last="1"))
        | items.map(lambda found: dict_of((repr(f"key {at}"), item) for at, item in enumerate(found)))
    )


@given(st.recursive(ATOMS, groups, max_leaves=12), st.sampled_from([0, 4]), st.integers(0, 40))
def test_line_breaks_change_nothing(expr: Expr, indent: int, before: int) -> None:
    code = layout(expr, indent, before)
    assert ast.dump(ast.parse(code)) == ast.dump(ast.parse(flat(expr)))


def test_what_fits_stays_on_its_line() -> None:
    assert layout(call("f", "a", b="1"), 0, 80 - len("f(a, b=1)")) == "f(a, b=1)"


def test_what_does_not_fit_gets_a_line_for_each_item() -> None:
    assert layout(call("f", "a", b=list_of(["1"])), 4, 80) == "f(\n        a,\n        b=[1],\n    )"


def test_a_long_union_stands_in_parentheses() -> None:
    union = Alternatives(("A" * 40, "B" * 40, "None"))
    assert layout(union, 0, 10) == f"(\n    {'A' * 40}\n    | {'B' * 40}\n    | None\n)"

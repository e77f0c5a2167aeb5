"""A root type that is called otherwise, against every shape of the function that takes it: no conflict where
there is none, no edit lost, every line that breaks named.
"""

from __future__ import annotations

import ast
import itertools

import pytest
from tests.unit.merge.roots import CHANGES, EDITS, FLOW, first, later, model_of, project, root
from tests.unit.merge.test_matrix import tokens

from kgen.impact import generated_changes, impact, model_outlines
from kgen.merge import merge

EVERY_CHANGE = pytest.mark.parametrize("change", CHANGES)
# The way to the class is the user's own: it stays, and breaks.
OWN_WAYS = {
    "the class imported": "from .._generated.orders import Order",
    "the class under another name": "from .._generated.orders import Order as Sold",
    "the class instead of the module": "from .._generated.orders import Order, topic",
    "in quotes, the class imported": "from .._generated.orders import Order",
    "for the type checker alone": "    from .._generated.orders import Order",
    "a name of its own": "Incoming = orders.Order",
    "absolute, under a name": "def handle(order: shop_orders.Order) -> shop_orders.Order:",
    "absolute": "def handle(order: streams._generated.orders.Order) -> streams._generated.orders.Order:",
    "uses the class": "    if not isinstance(order, orders.Order):",
}


@EVERY_CHANGE
@pytest.mark.parametrize("edit", EDITS)
def test_no_shape_of_a_function_is_a_conflict(edit: str, change: str) -> None:
    base, ours, theirs = first(), EDITS[edit](first()), CHANGES[change]()
    merged = merge(base, ours, theirs, path=FLOW)
    assert not merged.conflicts, merged.text
    ast.parse(merged.text)
    assert not lost(ours, merged.text)
    assert merge(base, merged.text, theirs, path=FLOW).text == merged.text
    assert merge(theirs, merged.text, theirs, path=FLOW).text == merged.text


def lost(ours: str, merged: str) -> list[str]:
    """The user's words that are gone, but for the name of the class: that follows."""
    words = (tokens(ours) - tokens(first())) - tokens(merged)
    return [word for word in words if word not in ("Order", "orders.Order")]


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("order", [("Purchase", "Bill"), ("Bill", "Purchase"), ("Sale", "Bill")])
def test_two_names_one_after_the_other_are_one_pull_of_the_last(edit: str, order: tuple[str, str]) -> None:
    renders = [first(), *(later(root(name)) for name in order)]
    ours = EDITS[edit](first())
    for before, after in itertools.pairwise(renders):
        merged = merge(before, ours, after, path=FLOW)
        assert not merged.conflicts
        ours = merged.text
    assert code(ours) == code(merge(first(), EDITS[edit](first()), renders[-1], path=FLOW).text)


def code(text: str) -> str:
    return ast.unparse(ast.parse(text))


@pytest.mark.parametrize("edit", OWN_WAYS)
def test_what_stays_and_breaks_is_named(edit: str) -> None:
    old, new = project(), project(root("Purchase"))
    merged = merge(old[FLOW], EDITS[edit](old[FLOW]), new[FLOW], path=FLOW).text
    generated = [{p: t for p, t in side.items() if "/_generated/" in p} for side in (old, new)]
    before, after = (model_outlines(it) for it in (model_of(), model_of(root("Purchase"))))
    affected = generated_changes(before, after, {"shop.Order": "shop.Purchase"})
    named = {use.line for use in impact(affected, generated[0], {**new, FLOW: merged}, generated[1])}
    assert merged.splitlines().index(OWN_WAYS[edit]) + 1 in named

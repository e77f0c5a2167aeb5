"""The merge of a `match`: a branch for each type, whatever the user wrote into the others."""

from __future__ import annotations

import ast
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgen.merge import Merged, merge


def flow(*types: str, parameter: str = "value") -> str:
    cases = "".join(f"        case orders.{name}():\n            return {parameter}\n" for name in types)
    return (
        "import kgen_runtime as rt\n\nfrom .._generated import orders\n\n\n"
        f"def handle({parameter}: orders.OrdersValue) -> orders.OrdersValue:\n"
        f'    """Yours."""\n    match {parameter}:\n{cases}'
        f"        case _:\n            rt.assert_never({parameter})\n\n\nkafka = 1\n"
    )


BASE, MORE = flow("Placed", "Shipped"), flow("Placed", "Returned", "Shipped")


def merged(base: str, ours: str, theirs: str) -> Merged:
    found = merge(base, ours, theirs, path="flows/orders.py")
    if not found.conflicts:
        ast.parse(found.text)
    return found


def patterns(text: str) -> list[str]:
    found = next(node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Match))
    return [ast.unparse(case.pattern) for case in found.cases]


def edited(text: str, *pairs: tuple[str, str]) -> str:
    for old, new in pairs:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


SHIPPED = "case orders.Shipped():\n            return value"
EDITS: dict[str, tuple[str, str]] = {
    "a body": (SHIPPED, "case orders.Shipped():\n            ship(value)  # mine\n            return value"),
    "a condition": ("orders.Shipped():", "orders.Shipped() if value.id:"),
    "an attribute": ("orders.Shipped():", "orders.Shipped(id=7):"),
    "a name": ("orders.Shipped():", "orders.Shipped() as shipped:"),
    "on one line": (SHIPPED, "case orders.Shipped(): return value"),
    "comments": (SHIPPED, f"# before\n        {SHIPPED}\n            # after\n        # between"),
    "no last branch": ("        case _:\n            rt.assert_never(value)\n", ""),
    "another last branch": (
        "case _:\n            rt.assert_never(value)",
        "case other:\n            raise",
    ),
    "a statement before": ("    match value", "    print(value)\n    match value"),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_a_new_type_gets_its_branch(edit: tuple[str, str]) -> None:
    ours = edited(BASE, edit)
    found = merged(BASE, ours, MORE)
    assert not found.conflicts
    branch = "        case orders.Returned():\n            return value\n"
    assert found.text.replace(branch, "", 1) == ours
    assert patterns(found.text).index("orders.Returned()") == 1


def test_inside_of_what_the_user_wrote_around_it() -> None:
    body = BASE[BASE.index("    match") : BASE.index("\n\nkafka")]
    inside = "    with lock:\n" + "".join(f"    {line}\n" for line in body.splitlines())
    found = merged(BASE, BASE.replace(body, inside), MORE)
    assert not found.conflicts
    assert "            case orders.Returned():\n                return value\n" in found.text


@pytest.mark.parametrize(
    "own", ["case orders.Returned(id=3):", "case orders.Shipped() | orders.Returned():"], ids=["one", "both"]
)
def test_a_branch_of_the_users_for_the_type_stays_the_only_one(own: str) -> None:
    ours = edited(BASE, ("case orders.Shipped():", own))
    found = merged(BASE, ours, MORE)
    assert found.text == ours


def test_a_branch_that_the_user_deleted_stays_deleted() -> None:
    ours = edited(BASE, ("        case orders.Placed():\n            return value\n", ""))
    found = merged(BASE, ours, MORE)
    assert patterns(found.text) == ["orders.Shipped()", "orders.Returned()", "_"]


def test_the_branch_of_a_type_that_is_gone_goes() -> None:
    ours = edited(MORE, (SHIPPED, "case orders.Shipped():\n            return None"))
    found = merged(MORE, ours, BASE)
    assert patterns(found.text) == ["orders.Placed()", "orders.Shipped()", "_"]
    assert "return None" in found.text


@pytest.mark.parametrize(
    "edit",
    [
        (
            "case orders.Returned():\n            return value",
            "case orders.Returned():\n            return None",
        ),
        ("case orders.Returned():", "case orders.Returned() if value.id:"),
        ("case orders.Returned():", "case orders.Returned() | orders.Lost():"),
    ],
    ids=["body", "condition", "two types"],
)
def test_a_branch_that_the_user_edited_is_a_conflict_when_its_type_goes(edit: tuple[str, str]) -> None:
    found = merged(MORE, edited(MORE, edit), BASE)
    (conflict,) = found.conflicts
    assert "changed by you, no longer generated" in conflict.what
    assert "orders.Returned()" in conflict.yours


def test_the_line_ends_and_the_indentation_are_the_users() -> None:
    ours = edited(BASE, ("kafka = 1", "kafka = 2")).replace("    ", "\t").replace("\n", "\r\n")
    found = merged(BASE, ours, MORE)
    assert "\t\tcase orders.Returned():\r\n\t\t\treturn value\r\n" in found.text


def test_a_new_branch_has_the_users_name_of_the_parameter() -> None:
    ours = flow("Placed", "Shipped", parameter="event").replace("return event", "return ship(event)", 1)
    found = merged(BASE, ours, MORE)
    assert not found.conflicts
    assert "        case orders.Returned():\n            return event\n" in found.text


NAMES = st.lists(st.sampled_from("ABCDEF"), unique=True, max_size=5)


@given(before=NAMES.filter(bool), after=NAMES.filter(bool), touched=st.sets(st.sampled_from("ABCDEF")))
def test_each_type_has_one_branch_and_no_edit_is_lost(
    before: Sequence[str], after: Sequence[str], touched: set[str]
) -> None:
    base, theirs = flow(*before), flow(*after)
    ours = base
    for name in touched & set(before):
        old = f"case orders.{name}():\n            return value"
        ours = edited(ours, (old, f"case orders.{name}():\n            return mine_{name}"))
    found = merged(base, ours, theirs)
    lost = (touched & set(before)) - set(after)
    assert len(found.conflicts) == len(lost)
    assert all(f"mine_{name}" in found.text for name in touched & set(before))
    if not lost:
        assert sorted(patterns(found.text)[:-1]) == sorted(f"orders.{name}()" for name in after)
        assert patterns(found.text)[-1] == "_"

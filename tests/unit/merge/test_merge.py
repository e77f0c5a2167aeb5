"""The merge case by case: base, yours, theirs, and what comes out."""

from __future__ import annotations

import re
from textwrap import dedent

import pytest

from kgen.merge import Merged, merge


def merged(base: str, ours: str, theirs: str, **more: bool) -> Merged:
    return merge(*(dedent(text).lstrip("\n") for text in (base, ours, theirs)), path="flows/x.py", **more)  # type: ignore[arg-type]


def text(base: str, ours: str, theirs: str, **more: bool) -> str:
    outcome = merged(base, ours, theirs, **more)
    assert not outcome.conflicts, outcome.text
    return outcome.text


def lines(*parts: str) -> str:
    return "".join(f"{part}\n" for part in parts)


# ---- arguments


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "expected"),
    [
        ("f(a, b)", "f(a, b, mine=1)", "f(a, c)", "f(a, c, mine=1)"),
        ("f(a, b)", "f(a, b, mine=1)", "f(a, b, new=2)", "f(a, b, new=2, mine=1)"),
        ("f(a, b)", "g(a, b)", "f(a, b, c)", "g(a, b, c)"),
        ("f(a, b, c)", "f(a, mine, b, c)", "f(a, b)", "f(a, mine, b)"),
        ("x = f(a, b)", "y: int = f(a,\n          b)", "x = f(a, c)", "y: int = f(a,\n          c)"),
        (
            "x = f(a, lambda m: m.a)",
            "x = f(mine, lambda m: m.a)",
            "x = f(a, lambda m: m.b)",
            "x = f(mine, lambda m: m.b)",
        ),
        ("x = a if b else c", "x = mine if b else c", "x = a if b else d", "x = mine if b else d"),
        ("f([1, 2])", "f([1, 2, 9])", "f([1, 2, 3])", "f([1, 2, 3, 9])"),
        ("f({1: a})", "f({1: a, 2: mine})", "f({1: b})", "f({1: b, 2: mine})"),
        ("f(a).g(b)", "f(a).h(b)", "f(c).g(b)", "f(c).h(b)"),
        ("f(a, b)", "f(a, b or mine)", "f(c, b)", "f(c, b or mine)"),
        ("f(a * b)", "f(mine * b)", "f(a * (b + c))", "f(mine * (b + c))"),
        ("f(a)", "f((a))", "f(b)", "f(b)"),
        ("f(a)(b)", "f(a)(mine)", "f(c)(b)", "f(c)(mine)"),
        ("f()", "f(mine=1)", "f()", "f(mine=1)"),
    ],
)
def test_both_sides_change_one_call(base: str, ours: str, theirs: str, expected: str) -> None:
    assert text(f"{base}\n", f"{ours}\n", f"{theirs}\n") == f"{expected}\n"


@pytest.mark.parametrize(
    ("base", "ours", "theirs"),
    [
        ("f(a)", "f(b)", "f(c)"),
        ("f(a, k=1)", "f(a, k=2)", "f(a, k=3)"),
        ("f(a)", "f(a, mine)", "f(a, other)"),
        ("f(a, b)", "f(a, mine)", "f(a)"),
        ("x = 'one'", "x = 'two'", "x = 'three'"),
        ("f(a)", "f(a, k=1)", "f(a, k=2)"),
    ],
)
def test_both_sides_change_one_argument(base: str, ours: str, theirs: str) -> None:
    outcome = merged(f"{base}\n", f"{ours}\n", f"{theirs}\n")
    assert len(outcome.conflicts) == 1
    assert outcome.text == lines(
        "<<<<<<< yours", ours, "||||||| base", base, "=======", theirs, ">>>>>>> kgen"
    )
    conflict = outcome.conflicts[0]
    assert (conflict.path, conflict.line) == ("flows/x.py", 1)
    assert (conflict.yours, conflict.base, conflict.theirs) == (f"{ours}\n", f"{base}\n", f"{theirs}\n")
    assert str(conflict).startswith("flows/x.py:1: ")


def test_comments_between_arguments_stay_with_them() -> None:
    ours = """
        f(
            a,  # first
            b,  # last
        )
        """
    assert text("f(a, b)\n", ours, "f(a, b, c)\n") == lines(
        "f(", "    a,  # first", "    b,  # last", "    c,", ")"
    )
    without = ours.replace("b,  #", "b  #")
    assert text("f(a, b)\n", without, "f(a, b, c)\n") == lines(
        "f(", "    a,  # first", "    b,  # last", "    c", ")"
    )
    assert text("f(a, b)\n", ours, "f(a, d, b)\n") == lines(
        "f(", "    a,  # first", "    d,", "    b,  # last", ")"
    )


def test_parameters() -> None:
    base = "def f(a, b):\n    return a\n"
    ours = "def f(a: int, b, *, mine=1) -> int:\n    return a\n"
    assert text(base, ours, base.replace("(a, b)", "(a, b, c)")) == ours.replace("b, *", "b, c, *")
    assert text(base, ours, base.replace("b)", "b: str)")) == ours.replace("b,", "b: str,")


USED_PARAMETER = "`f`: the parameter `{}` is no longer generated but stays, because your code uses it"


@pytest.mark.parametrize(
    ("base", "ours"),
    [
        ("def f(a, b):\n    return a\n", "def f(a, b):\n    return a + b\n"),
        ("def f(a, b):\n    return a\n", "def f(a, mine):\n    return a + mine\n"),
        ("def f(a, *, b):\n    return a\n", "def f(a, *, b):\n    return lambda: a + b\n"),
        ("async def f(a, b=1):\n    return a\n", "async def f(\n    a,\n    b=1,\n):\n    return a + b\n"),
    ],
)
def test_a_parameter_that_is_no_longer_generated_stays_where_you_use_it(base: str, ours: str) -> None:
    theirs = re.sub(r"\(a.*\)", "(a)", base)
    outcome = merged(base, ours, theirs)
    assert outcome.text == ours
    assert outcome.notes == (USED_PARAMETER.format("mine" if "mine" in ours else "b"),)
    assert text(base, base.replace("return", "# mine\n    return"), theirs).startswith(theirs.split(":")[0])


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "old", "new"),
    [
        ("x = f(a, b)", "x = f(a)  # mine", "x = f(a, c)", "b", "c"),
        ("x = f(a, k=b)", "x = f(a)  # mine", "x = f(a, k=c)", "k=b", "k=c"),
        ("x = [a, b, c]", "x = [a, c]", "x = [a, d, c]", "b", "d"),
        ("x = {a: 1, b: 2}", "x = {a: 1}", "x = {a: 1, b:\n  3}", "b: 2", "b: 3"),
        ("f(a, b)", "f(g(a, b))", "f(a, c)", "b", "c"),
        ("class C(A, k=b): pass", "class C(A): mine = 1", "class C(A, k=c): pass", "k=b", "k=c"),
    ],
)
def test_what_changed_in_an_item_that_you_deleted_is_reported(
    base: str, ours: str, theirs: str, old: str, new: str
) -> None:
    outcome = merged(*(f"{code}\n" for code in (base, ours, theirs)))
    assert outcome.text == f"{ours}\n"
    [note] = outcome.notes
    assert note.endswith(f": `{old}` is not in its place in your text: what it is now, `{new}`, was left out")


def test_an_item_that_you_deleted_and_that_did_not_change_is_not_reported() -> None:
    outcome = merged("x = f(a, b, c)\n", "x = f(a, c)\n", "x = f(d, b, c)\n")
    assert (outcome.text, outcome.notes) == ("x = f(d, c)\n", ())


ONLY_ITEMS = {
    "parameter": (
        "def f(a: A):|    return 1", "def f(|    a: A,|):|    return 1", "def f(b: B):|    return 1",
        "def f(|    b: B,|):|    return 1",
    ),
    "argument": ("f(a)", "f(|    a,|)", "f(b)", "f(|    b,|)"),
    "keyword": ("x = f(a=1)", "x = f(|    a=1,  # mine|)", "x = f(b=2)", "x = f(|    b=2,  # mine|)"),
    "item of a list": ("x = [a]", "x: T = [|    a,|]", "x = [b]", "x: T = [|    b,|]"),
    "item of a set": ("x = {a}", "x: T = {|    a,|}", "x = {b}", "x: T = {|    b,|}"),
    "item of a dict": ("x = {a: 1}", "x: T = {|    a: 1,|}", "x = {b: 2}", "x: T = {|    b: 2,|}"),
    "base": (
        "class C(A):|    a = 1", "class C(|    A,|):|    a = 2", "class C(B):|    a = 1",
        "class C(|    B,|):|    a = 2",
    ),
    "keyword of a class": (
        "class C(metaclass=A):|    a = 1", "class C(|    metaclass=A,|):|    a = 2",
        "class C(of=B):|    a = 1", "class C(|    of=B,|):|    a = 2",
    ),
    "import": (
        "from m import a|f(a)", "from m import (|    a,|)|f(a)|mine", "from m import b|f(b)",
        "from m import (|    b,|)|f(b)|mine",
    ),
    "two for one": ("x = f(a=1)", "x = f(|    a=1,|)", "x = f(b=2, c=3)", "x = f(|    b=2,|    c=3,|)"),
    "one for two": ("x = f(a=1, b=2)", "x = f(|    a=1,|    b=2,|)", "x = f(c=3)", "x = f(|    c=3,|)"),
    "before yours": (
        "x = f(a=1)", "x = f(|    a=1,|    mine=0,|)", "x = f(b=2)", "x = f(|    b=2,|    mine=0,|)",
    ),
    "behind yours": (
        "x = f(a=1)", "x = f(|    mine=0,|    a=1,|)", "x = f(b=2)", "x = f(|    mine=0,|    b=2,|)",
    ),
    "none left": ("x = f(a=1)(c)", "x = f(|    a=1,|)(c, mine)", "x = f()(c)", "x = f()(c, mine)"),
    "none of two left": (
        "x = f(a=1, b=2)(c)", "x = f(|    a=1,|    b=2,|)(c, mine)", "x = f()(c)", "x = f()(c, mine)",
    ),
    "yours left": (
        "x = f(a=1, b=2)", "x = f(|    a=1,|    b=2,|    mine=0,|)", "x = f()", "x = f(|    mine=0,|)",
    ),
    "two dropped at the end": (
        "x = f(a, b=1, c=2)(d)", "x = f(|    a,|    b=1,|    c=2,|)(d, mine)", "x = f(a)(d)",
        "x = f(|    a,|)(d, mine)",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", ONLY_ITEMS)
def test_an_only_item_with_a_last_comma(case: str) -> None:
    base, ours, theirs, expected = (lines(*part.split("|")) for part in ONLY_ITEMS[case])
    assert text(base, ours, theirs) == expected


def test_a_tuple_of_one_stays_a_tuple() -> None:
    ours = "f(\n    (a, b),\n    mine,\n)\n"
    assert text("f((a, b))\n", ours, "f((a,))\n") == ours.replace("(a, b)", "(a,)")
    assert text("f((a,))\n", ours.replace("(a, b)", "(a,)"), "f((a, b))\n") == ours
    assert merged("f((a, b))\n", "f((a, b, mine))\n", "f((b,))\n").text == "f((b, mine))\n"


def test_a_new_first_item_has_a_line_where_yours_have() -> None:
    assert text("f(a)\n", "g(\n    a,  # mine\n)\n", "f(b=1, *a)\n".replace("b=1, *a", "b, a")) == (
        "g(\n    b,\n    a,  # mine\n)\n"
    )


def test_an_async_function_follows() -> None:
    base, ours = "def f(a: A, b):\n    return a\n", "async def f(a: A, b, mine=1):\n    return a + mine\n"
    assert text(base, ours, base.replace("a: A", "a: B")) == ours.replace("a: A", "a: B")
    assert merged(base, ours, base.replace("def f", "async def f").replace("a: A", "a: B")).conflicts == ()


def test_a_parameter_with_a_default_of_yours_takes_its_new_type() -> None:
    base = "def f(a: A, b: int = 1):\n    return a\n"
    ours = "def f(a: A = NONE, b: int = 2):\n    return a\n"
    theirs = "def f(a: B, b: float = 1):\n    return a\n"
    assert text(base, ours, theirs) == "def f(a: B = NONE, b: float = 2):\n    return a\n"
    assert merged(base, ours, base.replace("a: A", "a: A = OTHER")).conflicts


def test_a_parameter_that_was_renamed_before_is_known_among_yours() -> None:
    base = "def f(bill: m.Bill) -> m.Bill:\n    return bill\n"
    ours = "def f(limit: int, order: m.Bill) -> m.Bill:\n    return order\n"
    theirs = base.replace("bill", "sale").replace("Bill", "Sale")
    assert text(base, ours, theirs) == ours.replace("Bill", "Sale")


# ---- types

TYPES = [  # of the base, yours, of the new render, and what comes out
    ("m.A", "m.A | None", "m.B", "m.B | None"),
    ("m.A", "dict[str, m.A]", "m.B", "dict[str, m.B]"),
    ("m.A", "list[m.A | m.C]", "m.B", "list[m.B | m.C]"),
    ("m.A", "list[m.A]", "m.A | None", "list[m.A]"),
    ("m.A", "list[m.A]", "m.B | m.C", "list[m.B | m.C]"),
    ("m.A", '"m.A"', "m.B", '"m.B"'),
    ("m.A", "list['m.A']", "m.B", "list['m.B']"),
    ("m.A", '"list[m.A] | None"', "m.B", '"list[m.B] | None"'),
    ("m.A", "A", "m.B", "A"),
    ("m.A", '"A"', "m.B", '"A"'),
    ("m.A", '"""m.A"""', "m.B", '"""m.A"""'),
    ("m.A", '"not a type"', "m.B", '"not a type"'),
    ("m.A", "o.A", "m.B", "o.A"),
    ("bytes", "str", "m.B", "str"),
    ("m.A | m.C", "m.A | m.C | None", "m.B | m.C", "m.B | m.C | None"),
]


@pytest.mark.parametrize(("base", "ours", "theirs", "expected"), TYPES)
@pytest.mark.parametrize(
    "form", ["def f(a: {}):\n    return a\n", "def f(a) -> {}:\n    return a\n", "a: {} = 1\n"]
)
def test_a_type_of_yours_follows_what_was_renamed_inside_it(
    form: str, base: str, ours: str, theirs: str, expected: str
) -> None:
    outcome = merged(*(form.format(part) for part in (base, ours, theirs)))
    assert not outcome.conflicts
    assert outcome.text == form.format(expected)
    assert bool(outcome.notes) == (expected == ours)


# ---- statements

BASE = """
    def build(kafka):
        flow = Dataflow("x")
        read = rt.source("x", flow)
        op.inspect("show", read.oks)
        return flow
    """


def test_a_new_step_goes_behind_what_it_follows_not_behind_yours() -> None:
    ours = BASE.replace("        op.", "        mine = 1\n        op.")
    theirs = BASE.replace("        op.", '        new = rt.step("new", read)\n        op.')
    assert text(BASE, ours, theirs).splitlines()[2:5] == [
        '    read = rt.source("x", flow)',
        '    new = rt.step("new", read)',
        "    mine = 1",
    ]


def test_a_new_step_goes_behind_a_step_that_moved_and_before_what_uses_it() -> None:
    ours = """
        def build(kafka):
            flow = Dataflow("x")
            op.inspect("show", early.oks)
            read = rt.source("x", flow)
            return flow
        """
    theirs = BASE.replace("        op.", '        new = rt.step("new", read)\n        op.')
    result = text(BASE, ours, theirs).splitlines()
    assert (
        result.index('    new = rt.step("new", read)') == result.index('    read = rt.source("x", flow)') + 1
    )


def test_a_new_last_step_goes_before_the_return() -> None:
    ours = BASE.replace('op.inspect("show", read.oks)', "log()")
    theirs = BASE.replace("return flow", 'op.output("o", read)\n        return flow')
    assert text(BASE, ours, theirs).splitlines()[-2:] == ['    op.output("o", read)', "    return flow"]


def test_what_you_deleted_stays_deleted_and_is_reported() -> None:
    ours = BASE.replace('        op.inspect("show", read.oks)\n', "")
    theirs = BASE.replace("read.oks", "read.oks, how")
    outcome = merged(BASE, ours, theirs)
    assert "inspect" not in outcome.text
    assert outcome.notes == ("the step `show` is gone from your file: what changed in it was left out",)


def test_recreate_brings_it_back() -> None:
    ours = BASE.replace('        op.inspect("show", read.oks)\n', "").replace("read = ", "red = ")
    result = text(BASE, ours, BASE, recreate=True)
    assert '    op.inspect("show", red.oks)\n    return flow' in result


def test_a_function_that_is_no_longer_generated_goes() -> None:
    base = "def a():\n    pass\n\n\ndef b():\n    pass\n"
    assert text(base, base + "\n\nx = 1\n", "def b():\n    pass\n") == "\n\ndef b():\n    pass\n\n\nx = 1\n"


def test_a_function_that_is_no_longer_generated_stays_where_you_use_it() -> None:
    base = "def a():\n    pass\n\n\ndef b():\n    pass\n"
    ours = base + "\n\na()\n"
    outcome = merged(base, ours, "def b():\n    pass\n")
    assert outcome.text == ours
    assert outcome.notes == ("`a` is no longer generated but stays, because your code uses it",)


def test_a_function_that_is_no_longer_generated_and_that_you_changed_is_a_conflict() -> None:
    base = "def a():\n    pass\n\n\ndef b():\n    pass\n"
    outcome = merged(base, base.replace("pass", "return 1", 1), "def b():\n    pass\n")
    assert outcome.conflicts[0].what == "`a`: changed by you, no longer generated"


def test_both_sides_add_a_function_of_one_name() -> None:
    base, ours, theirs = "a = 1\n", "a = 1\ndef f():\n    return 1\n", "a = 1\ndef f():\n    return 2\n"
    outcome = merged(base, ours, theirs)
    assert outcome.conflicts[0].what == "`f`: added by you and by the new render"
    assert text(base, ours, ours + "b = 2\n") == ours + "b = 2\n"


def test_your_comments_outlive_what_they_stood_above() -> None:
    base = "a = 1\nb = 2\nc = 3\n"
    assert text(base, "a = 1\n# mine\nb = 2\nc = 3\n", "a = 1\nc = 3\n") == "a = 1\n# mine\nc = 3\n"


def test_decorators_and_async() -> None:
    base = "def f(a):\n    return a\n"
    ours = "@mine\nasync def f(a):\n    return a\n"
    assert text(base, ours, base.replace("return a", "return a + 1")) == ours.replace(
        "return a", "return a + 1"
    )


def test_conflicts_stand_where_they_are_and_the_rest_is_merged() -> None:
    base = lines("def f():", "    a = 1", "    b = 2", "    return a", "", "", "x = 1")
    ours = base.replace("a = 1", "a = 10")
    theirs = base.replace("a = 1", "a = 100").replace("x = 1", "x = 2")
    outcome = merged(base, ours, theirs)
    assert outcome.text == lines(
        "def f():", "<<<<<<< yours", "    a = 10", "||||||| base", "    a = 1", "=======", "    a = 100",
        ">>>>>>> kgen", "    b = 2", "    return a", "", "", "x = 2",
    )  # fmt: skip
    assert outcome.conflicts[0].line == 2


def test_statements_that_share_a_line_are_one() -> None:
    base = "a = 1; b = 2\nc = 3\n"
    assert text(base, "a = 1; b = 2\nc = 4\n", "a = 1; b = 5\nc = 3\n") == "a = 1; b = 5\nc = 4\n"
    assert merged(base, "a = 9; b = 2\nc = 3\n", "a = 1; b = 5\nc = 3\n").conflicts


def test_bodies_on_one_line_and_branches() -> None:
    base = "if a: b()\ndef f(): return 1\nx = 1\n"
    assert text(base, base.replace("x = 1", "x = 2"), base.replace("return 1", "return 2")) == base.replace(
        "x = 1", "x = 2"
    ).replace("return 1", "return 2")
    branches = "if a:\n    b()\nelse:\n    c()\nx = 1\n"
    assert text(
        branches, branches.replace("b()", "b(1)"), branches.replace("c()", "c(2)")
    ) == branches.replace("b()", "b(1)").replace("c()", "c(2)")


def test_a_docstring_of_your_own_stays() -> None:
    base = 'def f():\n    """Your logic, one order at a time."""\n    return 1\n'
    outcome = merged(
        base, base.replace("Your logic, one order at a time", "Adds up"), base.replace("order", "item")
    )
    assert outcome.text == base.replace("Your logic, one order at a time", "Adds up")
    assert outcome.notes == ("the docstring of `f` is your own: what changed in it was left out",)
    grown = text(base, base.replace("time.", "time. Adds up."), base.replace("order", "item"))
    assert '"""Your logic, one item at a time. Adds up."""' in grown


def test_a_docstring_that_both_changed_stays_and_its_owner_is_named() -> None:
    base = (
        '"""One order."""\n\n\nclass A:\n    """One order."""\n\n    def f(self):\n        """One order."""\n'
    )
    ours, theirs = base.replace("One", "An"), base.replace("One", "Every")
    outcome = merged(base, ours, theirs)
    assert not outcome.conflicts
    assert outcome.text == ours
    assert outcome.notes == tuple(
        f"the docstring of {owner} is your own: what changed in it was left out"
        for owner in ("the file", "`A`", "`A.f`")
    )


def test_a_docstring_that_you_deleted_is_named_with_its_function() -> None:
    base = 'def f():\n    """One order."""\n    return 1\n'
    outcome = merged(base, "def f():\n    return 1\n", base.replace("One", "Every"))
    assert outcome.notes == ("the docstring of `f` is gone from your file: what changed in it was left out",)


def test_an_annotation_that_you_deleted_stays_deleted() -> None:
    base = "def f(a: A, b: B) -> A:\n    return a\n"
    ours, theirs = "def f(a, b: B):\n    return a\n", "def f(a: C, b: D) -> C:\n    return a\n"
    assert text(base, ours, theirs) == "def f(a, b: D):\n    return a\n"


# ---- imports


IMPORTS = {
    "joined to the statement that is there": (
        "from a import b|b", "from a import b, mine|b, mine", "from a import b, c|b|c",
        "from a import b, c, mine|b, mine|c",
    ),
    "not twice": (
        "b = 1", "from a import c|b = 1|c", "from a import c|b = 1|b = c", "from a import c|b = 1|b = c|c",
    ),
    "gone with its last use": (
        "import a|import b|a|b", "import a|import b|a|b|x", "import b|b", "import b|b|x",
    ),
    "not before": (
        "import a|import b|a|b", "import a|import b|a|b|a.x", "import b|b", "import a|import b|b|a.x",
    ),
    "from another place": (
        "from a import x|x", "from a import x, mine|x|mine", "from b import x|x",
        "from a import mine|from b import x|x|mine",
    ),
    "under another name": (
        "from a import x|x", "from a import x|x|y", "from a import x as z|z", "from a import x as z|z|y",
    ),
    "in brackets, over lines": (
        "from a import (|    b,|    d,|)|b", "from a import (|    b,|    d,|)|b|mine",
        "from a import (|    b,|    c,|    d,|)|b|c", "from a import (|    b,|    c,|    d,|)|b|c|mine",
    ),
    "what you deleted does not come back": ("import a|a|b", "b", "import a|a|b|c", "b|c"),
    "but where the new render needs it": ("import a|a|b", "b", "import a|a|b|a.c", "import a|b|a.c"),
    "what you need and deleted is yours": ("import a|a|b", "a|b", "import a|a|b|c", "a|b|c"),
    "not where you have it inside of a function": (
        "b", "def f():|    import a|b", "import a|b|a.c", "def f():|    import a|b|a.c",
    ),
    "of the future": (
        "b", '"""Doc."""|b', "from __future__ import annotations|b",
        '"""Doc."""||from __future__ import annotations|b',
    ),
    "sorted as you have them": (
        "import a|import z|a, z", "import z|import a|a, z|mine", "import a|import m|import z|a, z|m",
        "import z|import a|import m|a, z|m|mine",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", IMPORTS)
def test_imports(case: str) -> None:
    base, ours, theirs, expected = (lines(*part.split("|")) for part in IMPORTS[case])
    assert text(base, ours, theirs) == expected


def test_an_import_under_another_name() -> None:
    base = "from .._generated import orders\n\n\ndef f(o: orders.A) -> orders.A:\n    return o\n"
    ours = base.replace("import orders", "import orders as mine").replace("orders.A", "mine.A")
    theirs = base.replace("orders.A", "orders.B") + "\n\nX = orders.topic\n"
    merged = merge(base, ours, theirs)
    assert merged.text == ours.replace("mine.A", "mine.B") + "\n\nX = mine.topic\n"
    ours = ours.replace("as mine", "as mine\nfrom .. import orders")  # that name is another thing's now
    assert merge(base, ours, theirs).text == ours.replace("mine.A", "mine.B") + "\n\nX = mine.topic\n"


def test_a_name_that_the_render_takes_on_as_well() -> None:
    base = "def f(value: bytes) -> bytes:\n    return value\n"
    ours = "def f(order: bytes) -> bytes:\n    print(order)\n    return order\n"
    theirs = "def f(order: o.Order) -> o.Order:\n    return order\n"
    assert merge(base, ours, theirs).text == ours.replace("bytes", "o.Order")


def test_an_import_that_both_sides_changed() -> None:
    outcome = merged("from a import x\nx\n", "from mine import x\nx\n", "from b import x\nx\n")
    assert outcome.conflicts[0].what == "the import of `x`: changed by you and by the new render"


def test_an_import_with_a_comment_of_yours_stays() -> None:
    ours = "import a  # noqa: F401\nimport b\nb\n"
    assert text("import a\nimport b\na\nb\n", ours, "import b\nb\n") == ours


# ---- layout and encoding


def test_blanks_line_ends_and_marks_stay() -> None:
    ours = "\ufeff# -*- coding: utf-8 -*-\r\na = 1   \r\n\r\n\r\n\r\nb = 2\t\r\nc = 'é\u2028\x0c'"
    assert merge("a = 1\nb = 2\n", ours, "a = 1\nb = 3\n").text == ours.replace("b = 2", "b = 3")


def test_lone_carriage_returns() -> None:
    assert merge("a = 1\nb = 2\n", "a = 9\rb = 2\r", "a = 1\nb = 3\n").text == "a = 9\rb = 3\r"


def test_tabs_and_strings_over_lines() -> None:
    base = "def f():\n    a = 1\n    return a\n"
    ours = "def f():\n\ta = 1\n\tmine()\n\treturn a\n"
    theirs = base.replace("    return", '    if a:\n        b = """x\n    y"""\n    return')
    assert text(base, ours, theirs) == (
        'def f():\n\ta = 1\n\tif a:\n\t\tb = """x\n    y"""\n\tmine()\n\treturn a\n'
    )


def test_what_must_be_on_top_stays_there() -> None:
    ours = "#!/usr/bin/env python\n# coding: utf-8\n# mine\na = 1\n"
    assert text("a = 1\n", ours, "import b\nb.c()\na = 1\n") == ours.replace(
        "# mine", "import b\nb.c()\n# mine"
    )


def test_a_file_without_statements() -> None:
    assert text("", "# mine\n", "a = 1\n") == "# mine\na = 1\n"
    assert text("# one\n", "# one\n\n# mine\n", "# two\n") == "# two\n\n# mine\n"
    assert text('"""Doc."""\n', "", '"""Doc!"""\n') == ""


# ---- what does not parse


def test_a_file_that_does_not_parse_is_merged_by_lines() -> None:
    base = "a = 1\nb = 2\nc = 3\nd = 4\n"
    assert text(base, "a = (\nb = 2\nc = 3\nd = 4\n", base.replace("d = 4", "d = 5")) == (
        "a = (\nb = 2\nc = 3\nd = 5\n"
    )
    outcome = merged(base, "a = (\nb = 2\nc = 3\nd = 4\n", base.replace("a = 1", "a = 5"))
    assert len(outcome.conflicts) == 1
    assert outcome.text.startswith(
        "<<<<<<< yours\na = (\n||||||| base\na = 1\n=======\na = 5\n>>>>>>> kgen\n"
    )


def test_a_file_with_markers_in_it_is_a_conflict_or_kept() -> None:
    base = "a = 1\nb = 2\n"
    marked = "<<<<<<< yours\na = 2\n=======\na = 3\n>>>>>>> kgen\nb = 2\n"
    assert merged(base, marked, "a = 4\nb = 2\n").conflicts


def test_other_files_are_merged_by_lines() -> None:
    base = "one\ntwo\nthree\n"
    found = merge(base, "one\ntwo\nthree\nmine\n", "ONE\ntwo\nthree\n", path="README.md")
    assert found == Merged("ONE\ntwo\nthree\nmine\n")
    assert merge(base, "1\ntwo\nthree\n", "ONE\ntwo\nthree\n", path="README.md").conflicts


def test_null_bytes_and_deep_nesting() -> None:
    base = "a = 1\nb = 2\n"
    assert merge(base, "a = 1\nb = 2\n\x00\n", "a = 5\nb = 2\n") is not None
    deep = "x = " + "(" * 150 + "1" + ")" * 150 + "\n"
    assert text(base + deep, base.replace("a = 1", "a = 9") + deep, base.replace("b = 2", "b = 3") + deep)

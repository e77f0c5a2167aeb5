"""Tracebacks as Python's own module gives them."""

from __future__ import annotations

import builtins
import sys
import traceback
from collections.abc import Callable

import pytest

from kgen_runtime.reporting import traceback_text as module
from kgen_runtime.reporting.traceback_text import traceback_text


class Mute(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


class Nested:
    class Inner(Exception):
        """Its name has a dot."""


def plain() -> None:
    int("x") + len("three")


def empty() -> None:
    raise ValueError


def mute() -> None:
    raise Mute


def inner() -> None:
    raise Nested.Inner("several\nlines")


def advised() -> None:
    "text".uper()  # type: ignore[attr-defined]


def unknown() -> None:
    advise()  # type: ignore[name-defined]  # noqa: F821


def syntax() -> None:
    compile("a b", "<text>", "exec")


def wrapped() -> None:
    try:
        plain()
    except ValueError as error:
        raise KeyError("sku") from error


def handled() -> None:
    try:
        wrapped()
    except KeyError:
        raise TypeError("while it was handled")  # noqa: B904 - without `from`, on purpose


def hidden() -> None:
    try:
        plain()
    except ValueError:
        raise TypeError("alone") from None


def noted() -> None:
    error = ValueError("x")
    if sys.version_info >= (3, 11):
        error.add_note("and a note")
    raise error


def grouped() -> None:
    group = getattr(builtins, "ExceptionGroup", None)  # not on Python 3.10
    raise ValueError("a") if group is None else group("several", [ValueError("a"), KeyError("b")])


def never_raised() -> None:
    raise ValueError("outer") from KeyError("never raised")


@pytest.mark.parametrize(
    "function",
    [
        *(plain, empty, mute, inner, advised, unknown, syntax, wrapped, handled, hidden, noted, grouped),
        never_raised,
    ],
)
def test_it_is_what_python_prints(function: Callable[[], None]) -> None:
    for _ in range(2):  # the second is of what was kept
        with pytest.raises(Exception) as caught:
            function()
        error = caught.value
        assert traceback_text(error, error.__traceback__) == "".join(traceback.format_exception(error))


def test_two_errors_of_one_line_are_each_shown_as_they_are() -> None:
    texts = set()
    for wrong in ("1", "2"):
        try:
            raise ValueError(wrong)
        except ValueError as error:
            texts.add(traceback_text(error, error.__traceback__))
    assert len(texts) == 2


def test_a_circle_of_causes_ends() -> None:
    one, two = ValueError("one"), ValueError("two")
    one.__cause__, two.__cause__ = two, one
    assert traceback_text(one, None).count("ValueError") == 2


def test_what_is_kept_is_bounded() -> None:
    for number in range(module._MOST_PLACES + 50):
        scope: dict[str, Callable[[], None]] = {}
        exec(f"def f():\n    raise ValueError({number})", scope)
        try:
            scope["f"]()
        except ValueError as error:
            traceback_text(error, error.__traceback__)
    assert len(module._places) <= module._MOST_PLACES

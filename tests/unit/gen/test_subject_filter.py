"""Which subjects a list of patterns takes."""

from __future__ import annotations

import pytest

from kgen.model.subject_filter import unmatched, wanted

NAMES = ["orders-key", "orders-value", "clicks-value"]


@pytest.mark.parametrize(
    ("globs", "expected"),
    [
        (["*"], NAMES),
        (["orders-*"], ["orders-key", "orders-value"]),
        (["orders-*", "!*-key"], ["orders-value"]),
        (["!orders-*"], ["clicks-value"]),
        (["!orders-*", "orders-*"], []),
        ([], []),
    ],
)
def test_patterns_take_and_leave_out(globs: list[str], expected: list[str]) -> None:
    assert [name for name in NAMES if wanted(name, globs)] == expected


def test_a_pattern_that_fits_nothing_is_named() -> None:
    assert unmatched(["orders-*", "!gone-*", "typo"], NAMES) == ("!gone-*", "typo")

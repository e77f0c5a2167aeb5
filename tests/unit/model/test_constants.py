"""The names of the constants that hold schema texts."""

from __future__ import annotations

import keyword

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgen.model.constants import _names


@pytest.mark.parametrize("prefix", ["", "_"])
@given(subjects=st.lists(st.text(min_size=1), unique=True))
def test_any_subject_gives_an_identifier_of_its_own(prefix: str, subjects: list[str]) -> None:
    names = list(_names(subjects, prefix).values())
    assert all(name.isidentifier() and not keyword.iskeyword(name) for name in names)
    assert len(set(names)) == len(subjects)


@pytest.mark.parametrize(
    "subject",
    ["_5-value", "-2024-value", ".1.orders-value", ":.2024:orders-value", "$2024-x", "{{7*7}}", "___"],
)
def test_digits_do_not_come_first(subject: str) -> None:
    assert _names([subject], "")[subject].isidentifier()

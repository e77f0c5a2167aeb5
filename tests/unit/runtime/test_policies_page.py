"""docs/reference/policies.md names all policies."""

from __future__ import annotations

import re
from pathlib import Path

import kgen_runtime as rt
from kgen_runtime.messages import Stage

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "policies.md").read_text(encoding="utf-8")


def test_it_names_every_policy_and_stage() -> None:
    policies = {name for name in rt.__all__ if isinstance(getattr(rt, name), type)}
    policies = {name for name in policies if issubclass(getattr(rt, name), rt.Policy)} - {"Policy"}
    assert policies == set(re.findall(r"^\| `rt\.(\w+)\(", PAGE, re.MULTILINE))
    assert all(f"`{stage.value}`" in PAGE for stage in Stage)


def test_each_policy_states_its_order_and_its_delivery() -> None:
    for name in re.findall(r"^\| `rt\.(\w+)\(", PAGE, re.MULTILINE):
        text = getattr(rt, name).__doc__ or ""
        assert re.search(r"\b[Dd]elivery\b", text), name
        assert name == "Crash" or "Ordering" in text, name

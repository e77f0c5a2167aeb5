"""A short run of the fuzz target; `make fuzz` is the long one."""

from __future__ import annotations

from typing import Any

import pytest
from tests.faults.fuzz_codec import Target, fuzz, targets


@pytest.mark.parametrize("target", targets(), ids=lambda target: target.name)
def test_mutated_payloads_give_values_or_decode_errors(target: Target, engine: Any) -> None:
    assert fuzz(target, 500 if engine == "native" else 100, seed=7, engine=engine) > 0

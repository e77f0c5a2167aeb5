"""How many examples a property test takes."""

from __future__ import annotations

import os

_FEW = 8


def examples(count: int) -> int:
    """`count`, or an eighth of it if `KGEN_TEST_EXAMPLES=few`: on other versions of Python than the first."""
    return max(count // _FEW, 10) if os.environ.get("KGEN_TEST_EXAMPLES") == "few" else count

"""Lists for people: long ones are cut."""

from __future__ import annotations

from collections.abc import Sequence

MOST = 10


def listed(names: Sequence[str], most: int = MOST) -> str:
    """`a, b and c`; past `most`, `a, b and 7 more`."""
    shown = (
        list(names[:most]) if len(names) <= most else [*names[: most - 1], f"{len(names) - most + 1} more"]
    )
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"

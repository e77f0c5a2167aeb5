"""Lists, names and counts for people: long ones are cut."""

from __future__ import annotations

from collections.abc import Sequence

MOST = 10
_LONGEST = 100


def listed(names: Sequence[str], most: int = MOST) -> str:
    """`a, b and c`; past `most`, `a, b and 7 more`. Long names are cut."""
    shown = [title(name) for name in (names if len(names) <= most else names[: most - 1])]
    shown += [f"{len(names) - most + 1} more"] if len(names) > most else []
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def title(name: str) -> str:
    """The name; of a long one the two ends, which distinguish most names."""
    half = _LONGEST // 2
    return name if len(name) <= _LONGEST else f"{name[: half - 1]}…{name[-half:]}"


def is_long(name: str) -> bool:
    """Whether `title` cuts the name."""
    return len(name) > _LONGEST


def counted(number: int, noun: str) -> str:
    """`1 letter`, `2,000 letters`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"

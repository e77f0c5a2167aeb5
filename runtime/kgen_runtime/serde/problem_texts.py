"""The problems of a message as one text, whatever found them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ..errors import SchemaProblem

MOST_PROBLEMS: Final = 50
"""How many problems of a message are given."""
MOST_OF_PROBLEM: Final = 200
"""Characters of one."""
_TEXT: Final = 3_500  # characters of all


def problems_text(problems: Sequence[SchemaProblem], rest: int | str = 0) -> str:
    """As many as there is room for, each behind its pointer, and how many there are besides. `rest`: how many
    are not among `problems`, or what there is to say of them.
    """
    shown: list[str] = []
    room = _TEXT
    for problem in problems:
        text = f"{problem.path}: {problem.what}" if problem.path else problem.what
        room -= len(text) + 2
        if room < 0 and shown:
            break
        shown.append(text)
    left = len(problems) - len(shown)
    if isinstance(rest, int):
        more = f"and {left + rest} more" if left + rest else ""
    else:
        more = "and more" if left else rest
    return "; ".join([*shown, more] if more else shown)

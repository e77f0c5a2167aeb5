"""Field paths for messages: `lines[3].price`, `tags['a b']`."""

from __future__ import annotations

from collections.abc import Sequence

Part = str | int | tuple[str]
"""A field's name, an item's index, or a map's key in a tuple."""


def field_path(parts: Sequence[Part]) -> str:
    """The path, from its parts innermost first, as they come up while an error unwinds."""
    out: list[str] = []
    for part in reversed(parts):
        if isinstance(part, int):
            out.append(f"[{part}]")
        elif isinstance(part, tuple):
            out.append(f"[{part[0][:100]!r}]")
        else:
            out.append(f".{part}" if out else part)
    return "".join(out)

"""JSON pointers for messages: `/lines/3/price`."""

from __future__ import annotations

from collections.abc import Sequence

_MOST_SHOWN = 200


def json_pointer(parts: Sequence[str | int]) -> str:
    """The pointer, from its parts innermost first, as they come up while an error unwinds; "" for the root.

    A part is a property's name or an item's index. Long names are cut, lone surrogates shown as escapes.
    """
    return "".join(f"/{_token(part)}" for part in reversed(parts))


def _token(part: str | int) -> str:
    return str(part) if isinstance(part, int) else shown_name(part).replace("~", "~0").replace("/", "~1")


def shown_name(name: str) -> str:
    """A property's name in a message."""
    return name[:_MOST_SHOWN].encode("utf-8", "backslashreplace").decode("utf-8")

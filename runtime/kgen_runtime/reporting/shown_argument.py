"""An argument in the text of an error."""

from __future__ import annotations

from types import ModuleType


def shown(value: object) -> str:
    """What was given, short: it may be a whole message."""
    if isinstance(value, ModuleType):
        return f"the module {value.__name__}"
    if isinstance(value, type):
        return f"the class {value.__name__}"
    if isinstance(value, (str, int, float, type(None))) and len(repr(value)) <= 60:
        return repr(value)
    kind = type(value)
    return f"{'an' if kind.__name__[:1].lower() in 'aeiou' else 'a'} {kind.__name__}"


def last_name(value: object) -> str:
    """`orders` of the module `shop.orders`."""
    name = str(getattr(value, "__name__", type(value).__name__))
    return name.rpartition(".")[2]

"""The values of a record, as attributes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

UNSET = ...
"""In the place of a value: the attribute is not set. No value of a schema is an Ellipsis."""


def blank(cls: Any) -> Any:
    """An object whose attributes are not set."""
    return cls.__new__(cls)


def set_method(cls: type[Any], name: str, function: Callable[..., Any]) -> None:
    """Give a class a method."""
    function.__name__ = name
    function.__qualname__ = f"{cls.__qualname__}.{name}"
    setattr(cls, name, function)


def put(record: Any, more: Any) -> None:
    """Set what is not in the schema: `(dict or None, slots or None)`."""
    held, slots = more
    if held:
        record.__dict__.update(held)
    for name, value in (slots or {}).items():
        setattr(record, name, value)

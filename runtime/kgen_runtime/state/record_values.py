"""The values of a record, as attributes."""

from __future__ import annotations

from typing import Any

UNSET = ...
"""In the place of a value: the attribute is not set. No value of a schema is an Ellipsis."""


def blank(cls: Any) -> Any:
    """An object whose attributes are not set."""
    return cls.__new__(cls)


def put(record: Any, more: Any) -> None:
    """Set what is not in the schema: `(dict or None, slots or None)`."""
    held, slots = more
    if held:
        record.__dict__.update(held)
    for name, value in (slots or {}).items():
        setattr(record, name, value)

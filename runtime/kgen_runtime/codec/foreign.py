"""Scalars of other libraries (numpy's, say) as Python's own, by the protocols that they follow."""

from __future__ import annotations

import operator
from typing import Any


def own_number(value: Any) -> Any:
    """The int that a value stands for by `__index__`, or the float by `__float__`; else the value itself.

    Numbers of Python's own, booleans, complex numbers, fractions and containers stay what they are.
    """
    kind = type(value)
    if isinstance(value, int | float | str) or hasattr(kind, "__len__") or own_bool(value) is not value:
        return value
    try:
        if hasattr(kind, "__index__"):
            return operator.index(value)
        if hasattr(kind, "__float__") and not hasattr(kind, "__complex__"):
            return float(value)
    except TypeError:  # numpy's dates have the methods, and do not answer
        pass
    return value


def own_bool(value: Any) -> Any:
    """The bool that a numpy scalar of that kind stands for; else the value itself."""
    if not hasattr(type(value), "dtype") or getattr(value.dtype, "kind", "") != "b":
        return value
    return bool(value) if getattr(value, "shape", None) == () else value

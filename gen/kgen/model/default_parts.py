"""What stands after a field's `=`, whatever schema the default is from."""

from __future__ import annotations

import json
from datetime import date, time
from typing import Any

from ..pycode import quote
from ..pycode.expr import Expr, Group, call
from .type_writer import TypeWriter

_SHOWN = 40
_IMMUTABLE = ("Decimal(", "date(", "time(", "datetime(")


def assigned(types: TypeWriter[Any], expr: Expr | None, metadata: Expr | None) -> Expr | None:
    """The value, a `field(…)`, or nothing."""
    if expr is None:
        return call(types.name("field"), metadata=metadata) if metadata else None
    extra = {"metadata": metadata} if metadata else {}
    if _needs_factory(expr):
        return call(types.name("field"), default_factory=_factory(types, expr), **extra)
    return call(types.name("field"), default=expr, **extra) if metadata else expr


def typed(expr: Expr, type_: str) -> Expr:
    """A list or dict as one of this type, if mypy finds another in a `lambda`: that of the items at hand."""
    return call(type_, expr) if isinstance(expr, Group) and expr.items else expr


def _factory(types: TypeWriter[Any], expr: Expr) -> Expr:
    if isinstance(expr, Group) and not expr.items and expr.opening in "[{":
        return types.name("list" if expr.opening == "[" else "dict")
    assert isinstance(expr, Group)
    return Group(f"lambda: {expr.opening}", expr.items, expr.closing)


def _needs_factory(expr: Expr) -> bool:
    # Calls other than these few, whose values are known to be immutable, stand in a factory.
    if not isinstance(expr, Group):
        return False
    function = expr.opening.partition("[")[0]
    return not function.rpartition(".")[2].startswith(_IMMUTABLE)


def symbol(cls: str, member: str, wire: str) -> Expr:
    """A member of an enum; by its value if it has an underscore in front, which counts as private."""
    return call(cls, quote.string(wire)) if member.startswith("_") else f"{cls}.{member}"


def date_expr(types: TypeWriter[Any], day: date) -> Expr:
    """`date(2024, 2, 29)`."""
    return call(types.name("date"), *map(str, (day.year, day.month, day.day)))


def clock(moment: time) -> list[str]:
    """Hour, minute, and what follows as far as it is not zero."""
    parts = [moment.hour, moment.minute, moment.second, moment.microsecond]
    while len(parts) > 2 and not parts[-1]:
        parts.pop()
    return [str(part) for part in parts]


def ignored_default(value: Any, reason: str) -> str:
    """Why a field has no default although its schema gives one."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    shown = text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
    return f"the default {shown} is ignored: it {reason}"

"""Python expressions as values: what to write, not yet how it is broken into lines."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True)
class Group:
    """A call, list or dict: what opens it, its items (each with what stands before it), what closes it."""

    opening: str
    items: tuple[tuple[str, Expr], ...]
    closing: str


@dataclass(frozen=True)
class Alternatives:
    """A union of types, `A | B | None`."""

    types: tuple[str, ...]


Expr: TypeAlias = "str | Group | Alternatives"


def call(function: str, *args: Expr, **kwargs: Expr) -> Group:
    """`function(args, name=value)`."""
    named = tuple((f"{name}=", value) for name, value in kwargs.items())
    return Group(f"{function}(", tuple(("", arg) for arg in args) + named, ")")


def list_of(items: Iterable[Expr]) -> Group:
    """`[item, item]`."""
    return Group("[", tuple(("", item) for item in items), "]")


def tuple_of(items: Iterable[Expr]) -> Expr:
    """`(item, item)`; a tuple of one keeps its comma."""
    items = tuple(items)
    return Group("(", tuple(("", item) for item in items), ",)" if len(items) == 1 else ")")


def dict_of(items: Iterable[tuple[str, Expr]]) -> Group:
    """`{key: value}` with keys that are code already."""
    return Group("{", tuple((f"{key}: ", value) for key, value in items), "}")


def flat(expr: Expr) -> str:
    """The expression on one line."""
    if isinstance(expr, str):
        return expr
    if isinstance(expr, Alternatives):
        return " | ".join(expr.types)
    return expr.opening + ", ".join(before + flat(item) for before, item in expr.items) + expr.closing


def alternatives(type_: str) -> list[str]:
    """The types of a union that is written with `|`: `list[A | B]`, `None`."""
    found, depth, quoted = [""], 0, ""
    for piece in re.split(r"""(\\.|[\[\]'"]| \| )""", type_):
        if piece in ("'", '"') and quoted in ("", piece):
            quoted = "" if quoted else piece
        elif not quoted and piece in ("[", "]"):
            depth += 1 if piece == "[" else -1
        if piece == " | " and not depth and not quoted:
            found.append("")
        else:
            found[-1] += piece
    return found


def layout(expr: Expr, indent: int, before: int, after: int = 0, width: int = 88) -> str:
    """The expression broken into lines as ruff and black would: whole where it fits, else an item a line.

    `indent` is that of the line it begins on, `before` and `after` the columns taken on it at either side.
    """
    line = flat(expr)
    if isinstance(expr, str) or indent + before + len(line) + after <= width:
        return line
    pad = " " * (indent + 4)
    if isinstance(expr, Alternatives):
        return _alternatives(expr, indent, width)
    if not expr.items:
        return line
    rows = (f"{pad}{key}{layout(item, indent + 4, len(key), 1, width)},\n" for key, item in expr.items)
    return f"{expr.opening}\n{''.join(rows)}{' ' * indent}{expr.closing.lstrip(',')}"


def _alternatives(expr: Alternatives, indent: int, width: int) -> str:
    pad, line = " " * (indent + 4), flat(expr)
    if indent + 4 + len(line) > width:
        line = f"\n{pad}| ".join(expr.types)
    return f"(\n{pad}{line}\n{' ' * indent})"

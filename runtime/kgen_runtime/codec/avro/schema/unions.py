"""Branches of a union whose values alone do not distinguish them."""

from __future__ import annotations

from collections.abc import Mapping

from .tree import Fixed, Named, Node, Primitive, Ref, Union, branch_name


def ambiguous(union: Union, names: Mapping[str, Named]) -> frozenset[str]:
    """The branches whose values alone do not distinguish them from an earlier one."""
    seen: set[tuple[str, int]] = set()
    found: set[str] = set()
    for branch in union.branches:
        if (held := _held(branch, names)) is None:
            continue
        kind, size = held
        if held in seen or (kind, _ANY) in seen or (size == _ANY and any(it[0] == kind for it in seen)):
            found.add(branch_name(branch))
        seen.add(held)
    return frozenset(found)


_ANY = -1
_HELD = {"int": "int", "long": "int", "float": "float", "double": "float", "bytes": "bytes"}
_HELD_LOGICAL = {
    "uuid": "uuid",
    "decimal": "decimal",
    "big-decimal": "decimal",
    "duration": "duration",
    "time-millis": "time",
    "time-micros": "time",
}


def _held(branch: Node, names: Mapping[str, Named]) -> tuple[str, int] | None:
    """What Python type holds the values of a branch, and their size in bytes if that is fixed."""
    node = names[branch.name] if isinstance(branch, Ref) else branch
    if not isinstance(node, Primitive | Fixed):
        return None
    if node.logical:
        kind = _HELD_LOGICAL.get(node.logical.name)
        return (kind, _ANY) if kind else None
    if isinstance(node, Fixed):
        return "bytes", node.size
    return (_HELD[node.type], _ANY) if node.type in _HELD else None

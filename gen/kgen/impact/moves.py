"""Classes that are another class now, though the name is the same: their home is another module."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

Place: TypeAlias = "tuple[str, str]"
"""A module and a name in it."""


@dataclass(frozen=True)
class Move:
    """Which class a name meant and which it means, as `address.Address`."""

    before: str
    after: str


def moved(old: Mapping[str, ast.Module], new: Mapping[str, ast.Module]) -> dict[str, dict[str, Move]]:
    """Module -> name -> move, for names that part from another name of the same class.

    If all names of a class go together, `isinstance` and all else mean what they meant.
    """
    before, after = homes_of(old), homes_of(new)
    names: dict[Place, list[Place]] = {}
    for place, home in before.items():
        names.setdefault(home, []).append(place)
    found: dict[str, dict[str, Move]] = {}
    for (module, name), home in before.items():
        now = after.get((module, name))
        others = (after.get(place) for place in names[home])
        if now is not None and now != home and any(other not in (None, now) for other in others):
            found.setdefault(module, {})[name] = Move(_shown(home), _shown(now))
    return found


def homes_of(modules: Mapping[str, ast.Module]) -> dict[Place, Place]:
    """Where the class behind each name is defined."""
    homes: dict[Place, Place] = {}
    imports: dict[Place, Place] = {}
    for module, tree in modules.items():
        for node in tree.body:
            if isinstance(node, ast.ClassDef):
                homes[module, node.name] = (module, node.name)
            elif isinstance(node, ast.ImportFrom) and node.level == 1 and node.module:
                source = f"{module.rpartition('.')[0]}.{node.module}"
                imports |= {(module, a.asname or a.name): (source, a.name) for a in node.names}
    return homes | {place: homes[source] for place, source in imports.items() if source in homes}


def _shown(place: Place) -> str:
    return f"{place[0].rpartition('.')[2]}.{place[1]}"

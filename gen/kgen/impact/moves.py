"""Names that mean another class now, though they are the same: it is defined in another module."""

from __future__ import annotations

from dataclasses import dataclass

from .outlines import Outlines, Place


@dataclass(frozen=True)
class Move:
    """Which class a name meant and which it means, as `address.Address`."""

    before: str
    after: str


def moved(old: Outlines, new: Outlines) -> dict[str, dict[str, Move]]:
    """Module -> name -> move, for names that part from another name of the same class.

    If all names of a class go together, `isinstance` and all else mean what they meant.
    """
    before, after = defined_in(old), defined_in(new)
    names: dict[Place, list[Place]] = {}
    for place, definition in before.items():
        names.setdefault(definition, []).append(place)
    found: dict[str, dict[str, Move]] = {}
    for (module, name), definition in before.items():
        now = after.get((module, name))
        others = (after.get(place) for place in names[definition])
        if now is not None and now != definition and any(other not in (None, now) for other in others):
            found.setdefault(module, {})[name] = Move(_shown(definition), _shown(now))
    return found


def defined_in(modules: Outlines) -> dict[Place, Place]:
    """Where the class behind each name is defined, by dotted modules."""
    own: dict[Place, Place] = {}
    imports: dict[Place, Place] = {}
    for module, outline in modules.items():
        own |= {(module, name): (module, name) for name in outline.classes}
        package = module.rpartition(".")[0]
        imports |= {(module, n): (f"{package}.{of}", name) for n, (of, name) in outline.imports.items()}
    return own | {place: own[source] for place, source in imports.items() if source in own}


def _shown(place: Place) -> str:
    return f"{place[0].rpartition('.')[2]}.{place[1]}"

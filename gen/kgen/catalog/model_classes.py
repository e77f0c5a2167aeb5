"""Which classes of a module stand for which types of a JSON Schema, where another generator named them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from ..impact.outlines import ModuleOutline
from ..model.library import ParsedVersion
from .type_names import words


def model_classes(
    unit: ParsedVersion, outline: ModuleOutline, roots: Collection[str]
) -> Iterator[tuple[tuple[str, str], str]]:
    """Subject and place of each type, and its class. `roots` is what the root's class may be called; from
    there on the fields lead: one of a single type of the schema and a single class of the module pairs them.
    Others are left out, since names alone would guess.
    """
    [root] = [word.names for word in words(unit.schema.root, str)][:1] or [""]
    todo = [(root, name) for name in roots if name in outline.classes] if root else []
    seen = set(todo)
    while todo:
        type_, class_ = todo.pop()
        (subject, _), home = unit.ident(type_)
        yield (subject, home), class_
        fields = {field.wire: field.shown for field in outline.classes[class_].fields.values()}
        for field in getattr(unit.schema.names[type_], "fields", ()):
            types = {word.names for word in words(field.type, str) if word.names}
            shown = re.findall(r"\w+", fields.get(field.name, ""))
            classes = {word for word in shown if word in outline.classes}
            if len(types) == len(classes) == 1 and (pair := (types.pop(), classes.pop())) not in seen:
                seen.add(pair)
                todo.append(pair)

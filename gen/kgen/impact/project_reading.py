"""What the user's code does with the model as it is: the lines that use each field, the topics of flows."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from . import _reaching, _texts
from .field_uses import FieldUse, field_uses
from .flow_topics import FlowOutline, flow_outlines
from .project_index import ProjectIndex
from .uses import FoundUses

MemberUses = Mapping[str, "tuple[FieldUse, ...]"]
"""Field or symbol, as it is called in Python -> the lines that use it."""


@dataclass(frozen=True)
class ProjectReading:
    """`fields` are by dotted module and class; `unreadable` are the files, with the line, that do not parse:
    what they use is unknown.
    """

    fields: Mapping[tuple[str, str], MemberUses]
    flows: tuple[FlowOutline, ...]
    unreadable: tuple[tuple[str, int], ...]


def project_reading(
    generated: Mapping[str, str], files: Mapping[str, str], untouched: Collection[str] = ()
) -> ProjectReading:
    """Read a project. `generated` are its generated modules, `files` its other Python files, both
    `{relative path: text}`. Nothing is imported or run. Tests count among the lines that use a field, not
    among the flows. `untouched` are the files that are as kgen wrote them: they use no field.
    """
    idle = {path for path in untouched if _is_test(path)}
    files = {path: text for path, text in files.items() if path not in idle}
    broken = FoundUses([])
    made = _texts(generated, broken)
    own = _texts(files, broken)
    index = ProjectIndex({text.name: text for text in (*made.values(), *own.values())})
    names = {text.name for text in made.values()}
    reaching = _reaching(set(names), index)
    wanted = [own[path] for path in sorted(own.keys() - set(untouched)) if own[path].name in reaching]
    flows = (own[path] for path in sorted(own) if not _is_test(path))
    return ProjectReading(
        field_uses(index, names, wanted) if names else {},
        tuple(flow_outlines(index, flows)),
        tuple((use.path, use.line) for use in broken.sorted()),
    )


def _is_test(path: str) -> bool:
    *folders, name = path.split("/")
    return "tests" in folders or name.startswith("test_") or name in ("conftest.py", "setup.py")

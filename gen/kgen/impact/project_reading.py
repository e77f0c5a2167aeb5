"""What the user's code does with the model as it is: the lines that use each field, the topics of flows."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from . import _reaching, _texts, module_name
from .field_uses import FieldUse, field_uses
from .flow_topics import FlowOutline, flow_outlines
from .module_source import ModuleSource
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
    among the flows. `untouched` are the files that are as kgen wrote them: they use no field, and of the
    generated ones that nothing else imports the classes are not read.
    """
    idle = {path for path in untouched if _is_test(path)}
    files = {path: text for path, text in files.items() if path not in idle}
    broken = FoundUses([])
    own = _texts(files, broken)
    touched = own.keys() - set(untouched)
    reaching = _reaching({module_name(path) for path in generated}, own.values())
    wanted = [own[path] for path in sorted(touched) if own[path].name in reaching]
    made = _generated(generated, set(untouched), wanted, {text.name: text for text in own.values()}, broken)
    index = ProjectIndex({text.name: text for text in (*made.values(), *own.values())})
    names = {text.name for text in made.values()}
    flows = (own[path] for path in sorted(own) if not _is_test(path))
    return ProjectReading(
        field_uses(index, names, wanted) if names else {},
        tuple(flow_outlines(index, flows)),
        tuple((use.path, use.line) for use in broken.sorted()),
    )


def _generated(
    texts: Mapping[str, str],
    untouched: Collection[str],
    wanted: Iterable[ModuleSource],
    own: Mapping[str, ModuleSource],
    broken: FoundUses,
) -> dict[str, ModuleSource]:
    """The generated modules. Those that the `wanted` ones do not reach through imports, and that are as kgen
    wrote them, are without what is in their classes: there may be a thousand.
    """
    by_name = {module_name(path): path for path in texts}
    found: dict[str, ModuleSource] = {}
    left = [name for text in wanted for name in text.imported]
    seen: set[str] = set()
    while left:
        name = left.pop()
        if name in seen:
            continue
        seen.add(name)
        if name in by_name:
            found |= _texts({by_name[name]: texts[by_name[name]]}, broken)
        text = found.get(by_name.get(name, "")) or own.get(name)
        left += text.imported if text else ()
    rest = {path: texts[path] for path in texts if module_name(path) not in seen}
    short = {path: _without_bodies(it) for path, it in rest.items() if path in untouched}
    found |= _texts(short, FoundUses([]))
    found |= _texts({path: it for path, it in rest.items() if path not in found}, broken)
    return found


def _without_bodies(text: str) -> str:
    """Python text in which classes have no members; the lines stay where they are."""
    lines: list[str] = []
    is_inside = False
    for line in text.split("\n"):
        is_inside = is_inside and (not line or line[0].isspace())
        if line.startswith("class ") and line.endswith(":"):
            line, is_inside = f"{line} ...", True
        elif is_inside:
            line = ""
        lines.append(line)
    return "\n".join(lines)


def _is_test(path: str) -> bool:
    *folders, name = path.split("/")
    return "tests" in folders or name.startswith("test_") or name in ("conftest.py", "setup.py")

"""`kgen graph`: a flow as a picture."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, get_args

from ..errors import ConfigError
from .loaded_flow import loaded_flow
from .whole_file import target_file, write_file

PictureFormat: TypeAlias = Literal["svg", "mermaid", "plantuml"]

FORMATS: Final[tuple[PictureFormat, ...]] = get_args(PictureFormat)
_ENDINGS: Final[dict[str, PictureFormat]] = {
    ".svg": "svg",
    ".mmd": "mermaid",
    ".mermaid": "mermaid",
    ".puml": "plantuml",
}


def picture(root: Path, name: str, form: str | None, file: Path | None) -> tuple[str, dict[str, Any]]:
    """The text of the picture of a project's flow, and the graph as JSON. `file`, if any, is written.

    The flow's module is imported; nothing is read from brokers or registry. Raises `ConfigError`.
    """
    chosen = _form(form, file)
    target = None if file is None else target_file(file, "--output", "flow.svg")
    flow = loaded_flow(name, root)
    from ..graph.pictures import drawn  # with the flow Bytewax is there

    text, graph = drawn(flow, chosen)
    if target is not None:
        write_file(target, text.encode(), "--output")
    return text, {
        "flow": graph.name,
        "nodes": [asdict(node) for node in graph.nodes],
        "edges": [asdict(edge) for edge in graph.edges],
    }


def _form(form: str | None, file: Path | None) -> PictureFormat:
    """As the flag says, else as the file's name ends, else Mermaid."""
    ending = "" if file is None else file.suffix
    for each in FORMATS:
        if form == each:
            return each
    if form is not None:
        raise ConfigError(f"invalid --format {form}", hint=f"Use one of {', '.join(FORMATS)}.")
    if ending and ending not in _ENDINGS:
        raise ConfigError(
            f"no format is known that ends in {ending}", where="--output", hint="--format svg, for example"
        )
    return _ENDINGS.get(ending, "mermaid")

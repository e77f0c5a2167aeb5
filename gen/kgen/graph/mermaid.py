"""A graph as text for Mermaid, which GitHub, GitLab and many editors draw."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from .flow_graph import EdgeKind, FlowEdge, FlowGraph, FlowNode, NodeKind

_SHAPES: Final[dict[NodeKind, tuple[str, str]]] = {
    "topic": ("[(", ")]"),
    "letters": ("[(", ")]"),
    "step": ("[", "]"),
    "route": ("{{", "}}"),
    "outside": ("[/", "/]"),
}
_ARROWS: Final[dict[EdgeKind, str]] = {"ok": "-->", "errs": "-.->", "late": "-.->"}
_STYLES: Final[dict[NodeKind, str]] = {
    "topic": "fill:#dbeafe,stroke:#2563eb,color:#172554",
    "letters": "fill:#fee2e2,stroke:#dc2626,color:#450a0a",
    "step": "fill:#f8fafc,stroke:#64748b,color:#0f172a",
    "route": "fill:#fef3c7,stroke:#d97706,color:#451a03",
    "outside": "fill:#ede9fe,stroke:#7c3aed,color:#2e1065",
}
_UNSAFE: Final = re.compile(r"[^0-9A-Za-z _.,:/+()\[\]|*…·λ-]")
"""What Mermaid may take for its own syntax, or for HTML: written as a character's number."""


def mermaid(graph: FlowGraph) -> str:
    """The text of a flowchart."""
    return "\n".join(_lines(graph)) + "\n"


def _lines(graph: FlowGraph) -> Iterator[str]:
    ids = {node.id: f"n{number}" for number, node in enumerate(graph.nodes)}
    yield "flowchart TD"
    for node in graph.nodes:
        yield f"    {ids[node.id]}{_box(node)}:::{node.kind}"
    for edge in graph.edges:
        yield f"    {ids[edge.start]} {_ARROWS[edge.kind]}{_label(edge)} {ids[edge.end]}"
    for kind in dict.fromkeys(node.kind for node in graph.nodes):
        yield f"    classDef {kind} {_STYLES[kind]}"


def _box(node: FlowNode) -> str:
    left, right = _SHAPES[node.kind]
    about = f"<br/><small>{_safe(node.about)}</small>" if node.about else ""
    return f'{left}"{_safe(node.name)}{about}"{right}'


def _label(edge: FlowEdge) -> str:
    text = edge.type if edge.kind == "ok" else edge.kind
    return f'|"{_safe(text)}"|' if text else ""


def _safe(text: str) -> str:
    return _UNSAFE.sub(lambda found: f"#{ord(found[0])};", text)

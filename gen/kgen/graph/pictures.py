"""A flow as text of each format."""

from __future__ import annotations

from typing import Final

from bytewax.dataflow import Dataflow
from bytewax.visualize import to_plantuml

from .flow_graph import FlowGraph, graph_of
from .mermaid import mermaid
from .svg import svg

_DRAWN: Final = {"svg": svg, "mermaid": mermaid}


def drawn(flow: Dataflow, form: str) -> tuple[str, FlowGraph]:
    """The picture, and what is on it. `plantuml` is Bytewax's own, with the steps that steps consist of."""
    graph = graph_of(flow)
    if form == "plantuml":
        return to_plantuml(flow, recursive=True) + "\n", graph
    return _DRAWN[form](graph), graph

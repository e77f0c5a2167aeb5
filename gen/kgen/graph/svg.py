"""A graph as an SVG image: one file, without scripts, in light and dark."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from kgen_runtime.reporting.printable import escaped

from ..html_environment import html_environment
from .flow_graph import FlowEdge, FlowGraph, FlowNode
from .layers import BoxSize, Key, Placement, chains, place

_MARGIN: Final = 20.0
_LONGEST: Final = 48
"""Characters of a line of text; what is longer is cut, and whole in the tooltip."""
_TIP: Final = 6.0
_NAME, _ABOUT, _TYPE = 8.1, 6.7, 6.7
"""Pixels a character, of the fonts below."""


def svg(graph: FlowGraph) -> str:
    """The image's text."""
    return "".join(f"{line}\n" for line in _lines(graph))


def _lines(graph: FlowGraph) -> Iterator[str]:
    layer, ways = chains([node.id for node in graph.nodes], [(edge.start, edge.end) for edge in graph.edges])
    boxes: dict[Key, BoxSize] = {node.id: _box(node) for node in graph.nodes}
    for edge, way in zip(graph.edges, ways):
        for start, _ in way[1:]:
            boxes[start] = BoxSize(8.0, 12.0)
        boxes[way[0][1]] = BoxSize(max(_wide(_label(edge)) * _TYPE + 8, 8.0), 24.0)
    placed = place(boxes, layer, [pair for way in ways for pair in way])
    width, height = placed.width + 2 * _MARGIN, placed.height + 2 * _MARGIN
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
        f'height="{height:.0f}" role="img" aria-labelledby="title desc">'
    )
    yield f'<title id="title">The dataflow {_safe(graph.name)}</title>'
    yield f'<desc id="desc">{_safe(_description(graph))}</desc>'
    style = html_environment().get_template("graph.css.j2").render()
    yield f"<style>\n{style}\n</style>"
    yield f'<g transform="translate({_MARGIN:.0f} {_MARGIN:.0f})">'
    for edge, way in zip(graph.edges, ways):
        yield from _edge(edge, [start for start, _ in way] + [way[-1][1]], placed, boxes)
    for node in graph.nodes:
        yield from _node(node, placed.at[node.id], boxes[node.id])
    yield "</g>"
    yield "</svg>"


def _description(graph: FlowGraph) -> str:
    """For those who do not see it."""
    names = {node.id: node.name for node in graph.nodes}
    return "; ".join(
        f"{names[edge.start]} to {names[edge.end]}{f' ({edge.kind})' if edge.kind != 'ok' else ''}"
        for edge in graph.edges
    )


def _box(node: FlowNode) -> BoxSize:
    width = max(_wide(_cut(node.name)) * _NAME, _wide(_cut(node.about)) * _ABOUT) + 28
    return BoxSize(max(width, 80.0), 44.0 if node.about else 34.0)


def _node(node: FlowNode, at: tuple[float, float], box: BoxSize) -> Iterator[str]:
    x, y = at
    left, top = x - box.width / 2, y - box.height / 2
    round_ = {"step": 6.0, "route": 6.0}.get(node.kind, box.height / 2)
    yield f"<g><title>{_safe(f'{node.name} {node.about}'.strip())}</title>"
    yield (
        f'<rect class="box {node.kind}" x="{left:.1f}" y="{top:.1f}" width="{box.width:.1f}" '
        f'height="{box.height:.1f}" rx="{round_:.0f}"/>'
    )
    name_y = y - 8 if node.about else y
    yield f'<text class="name" x="{x:.1f}" y="{name_y:.1f}">{_safe(_cut(node.name))}</text>'
    if node.about:
        yield f'<text class="about" x="{x:.1f}" y="{y + 10:.1f}">{_safe(_cut(node.about))}</text>'
    yield "</g>"


def _edge(edge: FlowEdge, way: Sequence[Key], placed: Placement, boxes: dict[Key, BoxSize]) -> Iterator[str]:
    x, y = placed.at[way[0]]
    y += boxes[way[0]].height / 2
    path = f"M{x:.1f} {y:.1f}"
    for key in way[1:]:
        to_x, middle = placed.at[key]
        half_layer = placed.layer_height[key] / 2  # past the boxes of a layer it goes straight
        to_y = middle - half_layer if key != way[-1] else middle - boxes[key].height / 2 - _TIP
        bend = (to_y - y) / 2
        path += f"C{x:.1f} {y + bend:.1f} {to_x:.1f} {to_y - bend:.1f} {to_x:.1f} {to_y:.1f}"
        x, y = to_x, to_y
        if key != way[-1]:
            y = middle + half_layer
            path += f"V{y:.1f}"
    yield f'<path class="edge {edge.kind}" d="{path}"/>'
    tip = f"M{x - 4:.1f} {y:.1f}L{x + 4:.1f} {y:.1f}L{x:.1f} {y + _TIP:.1f}Z"
    yield f'<path class="tip {edge.kind}" d="{tip}"/>'
    label = _label(edge)
    if label:
        (x, y), box = placed.at[way[1]], boxes[way[1]]
        yield (
            f'<rect class="paper" x="{x - box.width / 2:.1f}" y="{y - 8:.1f}" width="{box.width:.1f}" '
            'height="16"/>'
        )
        yield (
            f'<text class="type {edge.kind}" x="{x:.1f}" y="{y:.1f}">{_safe(label)}'
            f"<title>{_safe(edge.type)}</title></text>"
        )


def _label(edge: FlowEdge) -> str:
    return _cut(edge.type) if edge.kind == "ok" else edge.kind


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _wide(text: str) -> int:
    """Columns of a text: some characters take two."""
    return sum(2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in text)


def _safe(text: str) -> str:
    return escape(escaped(text))

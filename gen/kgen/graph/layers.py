"""Where the boxes and lines of a graph without circles stand: in layers, from top to bottom.

The steps of Sugiyama's method: layers by the longest way, places for edges that pass a layer, an order with
few crossings (barycenters), then positions near the neighbours. No library does this that is kept up and is
not a program of its own (Graphviz).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

_SWEEPS: Final = 12
_GAP: Final = 28.0
"""Between boxes of one layer, in pixels."""
_ROW_GAP: Final = 18.0

Key = Hashable


@dataclass(frozen=True)
class BoxSize:
    """What needs a place: its size in pixels."""

    width: float
    height: float


@dataclass(frozen=True)
class Placement:
    """The middle of each box, by key, and the height of its layer; the whole has its left upper corner at
    0, 0.
    """

    at: Mapping[Key, tuple[float, float]]
    layer_height: Mapping[Key, float]
    width: float
    height: float


def chains(
    keys: Sequence[Key], edges: Sequence[tuple[Key, Key]]
) -> tuple[dict[Key, int], list[list[tuple[Key, Key]]]]:
    """The layer of each key, and each edge as the pairs of which it goes from layer to layer: those between
    have keys of their own, ("edge", its number, the layer), one at least.
    """
    layer = _layers(keys, edges)
    made = []
    for number, (start, end) in enumerate(edges):
        between: list[Key] = [("edge", number, at) for at in range(layer[start] + 1, layer[end])]
        layer.update({each: layer[start] + 1 + at for at, each in enumerate(between)})
        way = [start, *between, end]
        made.append(list(pairwise(way)))
    return layer, made


def _layers(keys: Sequence[Key], edges: Sequence[tuple[Key, Key]]) -> dict[Key, int]:
    """Even numbers: labels of edges stand between. Those without anything ahead of them stand right above
    what they lead to.
    """
    after: dict[Key, list[Key]] = defaultdict(list)
    waits = dict.fromkeys(keys, 0)
    for start, end in edges:
        after[start].append(end)
        waits[end] += 1
    first = [key for key in keys if not waits[key]]
    layer = dict.fromkeys(first, 0)
    ready = list(first)
    while ready:
        key = ready.pop(0)
        for each in after[key]:
            layer[each] = max(layer.get(each, 0), layer[key] + 2)
            waits[each] -= 1
            if not waits[each]:
                ready.append(each)
    for key in first:
        if after[key]:
            layer[key] = min(layer[each] for each in after[key]) - 2
    return layer


def place(
    boxes: Mapping[Key, BoxSize], layer: Mapping[Key, int], pairs: Iterable[tuple[Key, Key]]
) -> Placement:
    """Positions of boxes in their layers; `pairs` are what is linked from a layer to the next."""
    rows: dict[int, list[Key]] = defaultdict(list)
    for key in boxes:
        rows[layer[key]].append(key)
    above: dict[Key, list[Key]] = defaultdict(list)
    below: dict[Key, list[Key]] = defaultdict(list)
    for start, end in pairs:
        above[end].append(start)
        below[start].append(end)
    order = sorted(rows)
    _sort(rows, order, above, below)
    x = _columns(boxes, rows, order, above, below)
    y: dict[int, float] = {}
    heights: dict[int, float] = {}
    top = 0.0
    for number in order:
        height = heights[number] = max(boxes[key].height for key in rows[number])
        y[number] = top + height / 2
        top += height + _ROW_GAP
    left = min((x[key] - boxes[key].width / 2 for key in boxes), default=0.0)
    right = max((x[key] + boxes[key].width / 2 for key in boxes), default=0.0)
    at = {key: (x[key] - left, y[layer[key]]) for key in boxes}
    tall = {key: heights[layer[key]] for key in boxes}
    return Placement(at, tall, right - left, max(top - _ROW_GAP, 0.0))


def _sort(
    rows: Mapping[int, list[Key]],
    order: Sequence[int],
    above: Mapping[Key, Sequence[Key]],
    below: Mapping[Key, Sequence[Key]],
) -> None:
    """Each row by the mean place of what its keys are linked with."""
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        beside = above if down else below
        for number in order if down else reversed(order):
            row = rows[number]
            places = {
                key: index
                for other in (number - 1, number + 1)
                for index, key in enumerate(rows.get(other, ()))
            }
            old = {key: index for index, key in enumerate(row)}

            def mean(
                key: Key,
                beside: Mapping[Key, Sequence[Key]] = beside,
                places: Mapping[Key, int] = places,
                old: Mapping[Key, int] = old,
            ) -> float:
                near = [places[each] for each in beside.get(key, ()) if each in places]
                return sum(near) / len(near) if near else float(old[key])

            row.sort(key=mean)


def _columns(
    boxes: Mapping[Key, BoxSize],
    rows: Mapping[int, Sequence[Key]],
    order: Sequence[int],
    above: Mapping[Key, Sequence[Key]],
    below: Mapping[Key, Sequence[Key]],
) -> dict[Key, float]:
    x: dict[Key, float] = {}
    for number in order:
        right = 0.0
        for key in rows[number]:
            x[key] = right + boxes[key].width / 2
            right += boxes[key].width + _GAP
    for sweep in range(_SWEEPS):
        for number in order if sweep % 2 == 0 else reversed(order):
            _settle(boxes, rows[number], x, above if sweep % 2 == 0 else below)
    return x


def _settle(
    boxes: Mapping[Key, BoxSize], row: Sequence[Key], x: dict[Key, float], beside: Mapping[Key, Sequence[Key]]
) -> None:
    """Each near the middle of its neighbours, none over another: the mean of pushing to the right and to the
    left.
    """
    wanted = []
    for key in row:
        near = sorted(x[each] for each in beside.get(key, ()))
        middle = len(near) // 2
        wanted.append(
            x[key] if not near else near[middle] if len(near) % 2 else (near[middle - 1] + near[middle]) / 2
        )
    rightward, leftward = list(wanted), list(wanted)
    for index in range(1, len(row)):
        apart = (boxes[row[index - 1]].width + boxes[row[index]].width) / 2 + _GAP
        rightward[index] = max(rightward[index], rightward[index - 1] + apart)
    for index in range(len(row) - 2, -1, -1):
        apart = (boxes[row[index]].width + boxes[row[index + 1]].width) / 2 + _GAP
        leftward[index] = min(leftward[index], leftward[index + 1] - apart)
    for key, right, left in zip(row, rightward, leftward):
        x[key] = (right + left) / 2

"""The rates of the contests as a picture: bars, in colours for light and for dark pages."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any, Final

from tests.bench.peers.results import OURS

SHOWN: Final = ("typed", "produce", "count")
"""The contests in it."""

_WIDTH, _NAMES, _BARS, _ROW, _TITLE, _GAP = 760, 230, 400, 22, 30, 14
_STYLE: Final = """
  text { font: 13px system-ui, sans-serif; fill: #1f2328; }
  .title { font-weight: 600; }
  .bar { fill: #8c959f; }
  .ours { fill: #0969da; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .bar { fill: #6e7681; }
    .ours { fill: #4493f8; }
  }
"""


def chart(contests: Mapping[str, Any]) -> str:
    """An SVG of the contests of `SHOWN` that there are, as `results.keep` keeps them: medians, the best on
    top. The bars of a contest have one scale, which begins at zero.
    """
    parts: list[str] = []
    y = 0
    for name in SHOWN:
        if name in contests:
            y = _panel(parts, contests[name], y) + _GAP
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {y}" role="img" '
        f'aria-label="Messages a second, kgen beside other frameworks">\n'
        f"<style>{_STYLE}</style>\n{body}\n</svg>\n"
    )


def _panel(parts: list[str], contest: Mapping[str, Any], y: int) -> int:
    ran = [each for each in contest["contestants"] if "median" in each]
    ran.sort(key=lambda each: -each["median"])
    most = max((each["median"] for each in ran), default=0) or 1
    parts.append(
        f'<text class="title" x="0" y="{y + 18}">{escape(contest["title"])} (messages a second)</text>'
    )
    y += _TITLE
    for each in ran:
        width = max(round(_BARS * each["median"] / most, 1), 1)
        kind = "bar ours" if each["name"] == OURS else "bar"
        parts += [
            f'<text x="{_NAMES - 8}" y="{y + 15}" text-anchor="end">{escape(each["name"])}</text>',
            f'<rect class="{kind}" x="{_NAMES}" y="{y + 3}" width="{width}" height="{_ROW - 6}" rx="2"/>',
            f'<text x="{_NAMES + width + 8}" y="{y + 15}">{each["median"]:,.0f}</text>',
        ]
        y += _ROW
    return y

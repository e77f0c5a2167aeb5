"""`python -m tests.bench.peers.publish`: what `make bench-peers` has kept goes into the documentation, as
tables and a chart, which the README shows as well, and beside this module as a file.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tests.bench.peers.chart import chart
from tests.bench.peers.results import OURS, RESULTS

PAGE: Final = Path("docs/explanation/performance.md")
CHART: Final = Path("docs/_static/peers.svg")
README: Final = Path("README.md")
KEPT: Final = Path(__file__).with_name("published.json")
BEGIN, END = "<!-- peers: written by `make bench-peers-publish` -->", "<!-- peers: end -->"
ALT: Final = "Messages a second, kgen beside other frameworks"
UNDECODED: Final = "kop.input alone"
"""It makes no typed objects: not one of those that kgen's ratio is to."""

TABLES: Final[tuple[tuple[str, dict[str, str]], ...]] = (
    (
        "Messages a second: more is better",
        {
            "typed": "topic to typed objects",
            "produce": "read, change, write",
            "count": "count by key, with recovery",
        },
    ),
    (
        "Topic to typed objects by partitions, messages a second: more is better",
        {f"partitions-{count}": str(count) for count in (1, 16, 64)},
    ),
    (
        "Milliseconds from sent to there: less is better",
        {
            f"latency-{rate}-{part}": f"{part} at {rate:,}/s"
            for rate in (1_000, 20_000)
            for part in ("p50", "p99")
        },
    ),
    ("Seconds: less is better", {"start": "start to first typed message", "imports": "imports"}),
)


def main() -> int:
    """Write all of it."""
    if not RESULTS.exists():
        print(f"error: there is no {RESULTS}\n  hint: run `make bench-peers` first", file=sys.stderr)
        return 2
    kept = json.loads(RESULTS.read_text())
    missing = [name for _, columns in TABLES for name in columns if name not in kept["contests"]]
    if missing:
        print(
            f"error: not measured yet: {', '.join(missing)}\n  hint: run `make bench-peers`", file=sys.stderr
        )
        return 2
    pages = {PAGE: section(kept), README: f"\n![{ALT}]({CHART})\n"}
    for path, text in pages.items():
        path.write_text(placed(path.read_text(), text))
    CHART.write_text(chart(kept["contests"]))
    KEPT.write_text(json.dumps(kept, indent=1) + "\n")
    return 0


def placed(page: str, text: str) -> str:
    """The page with the text between its marks. Raises `ValueError` without them."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has not both marks {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{text}\n{END}{after}"


def section(kept: Mapping[str, Any]) -> str:
    """The tables, what they were measured with, and where another is ahead."""
    contests = kept["contests"]
    machine, versions = kept["machine"], kept["versions"]
    dates = sorted(each["date"][:10] for each in contests.values())
    lines = [
        f"Measured {dates[0]}{'' if dates[0] == dates[-1] else ' to ' + dates[-1]} on {machine['system']},",
        f"{machine['cpu']}, {machine['cores']} cores, {machine['python']}:",
        *_wrapped([f"{name} {number}" for name, number in versions.items()]),
        "",
        f"![{ALT}](../_static/{CHART.name})",
        "",
    ]
    for title, columns in TABLES:
        here = {name: column for name, column in columns.items() if name in contests}
        if here:
            kind, _, better = title.partition(":")
            place = contests[next(iter(here))].get("place", "")
            lines += [f"**{kind}{place}:{better}**", "", *_table(contests, here), ""]
    ahead = list(_ahead(contests))
    lines += ["Where another is ahead:", "", *ahead] if ahead else ["No other was ahead in any of these."]
    return "\n".join(lines)


def _table(contests: Mapping[str, Any], columns: Mapping[str, str]) -> Iterator[str]:
    names = list(dict.fromkeys(each["name"] for key in columns for each in contests[key]["contestants"]))
    yield f"| | {' | '.join(columns.values())} |"
    yield "|---" * (len(columns) + 1) + "|"
    for name in names:
        cells = [_cell(contests[key], name) for key in columns]
        yield f"| {name} | {' | '.join(cells)} |"
    cells = [_best(contests[key]) for key in columns]
    yield f"| **kgen beside the best of the others** | {' | '.join(cells)} |"


def _cell(contest: Mapping[str, Any], name: str) -> str:
    found = next((each for each in contest["contestants"] if each["name"] == name), None)
    if found is None:
        return ""
    if "median" not in found:
        return "did not finish"
    digits = 0 if contest["unit"] == "messages/s" else 2
    values = found["values"]
    return f"{found['median']:,.{digits}f} ({min(values):,.{digits}f} to {max(values):,.{digits}f})"


def _others(contest: Mapping[str, Any]) -> Sequence[Any]:
    return [
        each
        for each in contest["contestants"]
        if each["name"] not in (OURS, UNDECODED) and each.get("kgen_ratio") is not None
    ]


def _best(contest: Mapping[str, Any]) -> str:
    ratios = [each["kgen_ratio"] for each in _others(contest)]
    return f"{min(ratios):.2f}x" if ratios else ""


def _ahead(contests: Mapping[str, Any]) -> Iterator[str]:
    for contest in contests.values():
        for each in _others(contest):
            if each["kgen_ratio"] < 1:
                times = f"{1 / each['kgen_ratio']:.2f}"
                yield f"- {contest['title']}: {each['name']}, {times} times as good as kgen"


def _wrapped(words: Sequence[str]) -> Iterator[str]:
    line = ""
    for number, word in enumerate(words):
        word += "." if number == len(words) - 1 else ","
        if line and len(line) + len(word) + 1 > 118:
            yield line
            line = word
        else:
            line = f"{line} {word}".strip()
    yield line


if __name__ == "__main__":
    sys.exit(main())

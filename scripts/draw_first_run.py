"""Draws docs/_static/first-run.svg, the picture in README.md: a pull, an edit, a new schema, a pull.

Run it after a change to what `kgen pull` prints. A test holds the picture to a run.
"""

from __future__ import annotations

import html
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from kgen.dev import up
from kgen.dev.seed import register

ROOT: Final = Path(__file__).resolve().parents[1]
PICTURE: Final = ROOT / "docs" / "_static" / "first-run.svg"
_EXAMPLE: Final = ROOT / "examples" / "orders"
_SUBJECTS: Final = ("address.avsc", "orders-key.avsc", "orders-value.avsc")
_BEFORE: Final = "    return order\n"
_AFTER: Final = (
    '    if order.coupon == "STAFF":\n'
    '        raise rt.Reject("staff orders go through payroll")\n'
    "    return order if order.lines else None\n"
)
_COLORS: Final = {
    "$": "#f0f6fc",
    "+": "#7ee787",
    "-": "#ffa198",
    "~": "#d2a8ff",
    "!": "#ffa657",
    "#": "#8b949e",
}
_WIDTH, _LINE = 800, 19


def transcript() -> list[str]:
    """The lines of a run in a folder of its own, with a broker and registry of its own."""
    with tempfile.TemporaryDirectory() as folder, up() as dev:
        project = Path(folder) / "project"
        schemas = Path(folder) / "schemas"
        project.mkdir()
        schemas.mkdir()
        for name in _SUBJECTS:
            shutil.copy(_EXAMPLE / "registry" / name, schemas)
        register(dev.registry, schemas)
        lines = _pull(project, dev.registry, "--registry", dev.registry)
        flow = project / "streams" / "flows" / "orders.py"
        flow.write_text(flow.read_text(encoding="utf-8").replace(_BEFORE, _AFTER, 1), encoding="utf-8")
        lines += ["", "# streams/flows/orders.py is yours: edit it", f"-{_BEFORE.rstrip()}"]
        lines += [f"+{line}" for line in _AFTER.splitlines()]
        register(dev.registry, _EXAMPLE / "registry-v2")
        lines += ["", "# a new version of the schema: pull again, the edit stays"]
        return lines + _pull(project, dev.registry)


def _pull(project: Path, registry: str, *flags: str) -> list[str]:
    command = ["pull", *flags]
    done = subprocess.run(
        [sys.executable, "-m", "kgen", *command],
        cwd=project,
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    )
    text = f"$ kgen {' '.join(command)}\n{done.stdout}".replace(registry, "http://127.0.0.1:8081")
    kept = ("$", "+", "~", "!", " ")
    return [line for line in text.splitlines() if line.startswith(kept) or "added," in line]


def drawn(lines: list[str]) -> str:
    """A terminal with these lines, as SVG."""
    height = 58 + _LINE * len(lines)
    texts = []
    for number, line in enumerate(lines):
        color = _COLORS.get(line[:1], "#c9d1d9")
        shown = html.escape(line, quote=False)
        texts.append(
            f'<text x="20" y="{58 + _LINE * number}" fill="{color}" xml:space="preserve">{shown}</text>'
        )
    dots = "".join(
        f'<circle cx="{22 + 20 * n}" cy="22" r="6" fill="{color}"/>'
        for n, color in enumerate(("#ff5f56", "#ffbd2e", "#27c93f"))
    )
    style = 'font-family="ui-monospace, Menlo, Consolas, \'DejaVu Sans Mono\', monospace" font-size="13"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" '
        f'height="{height}" role="img" aria-label="kgen pull, an edit, and a pull of a new schema version">\n'
        f'<rect width="100%" height="100%" rx="8" fill="#0d1117"/>\n{dots}\n<g {style}>\n'
        + "\n".join(texts)
        + "\n</g>\n</svg>\n"
    )


if __name__ == "__main__":
    PICTURE.write_text(drawn(transcript()), encoding="utf-8")

"""What commands print through: data on stdout, everything else on stderr, and nothing that a registry could
smuggle to a terminal.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import typer

_COLORS = {"+": "green", "~": "yellow", "-": "red", "!": "magenta"}
_PATIENCE = 1.0  # seconds before progress is shown
_PAUSE = 0.1  # seconds between one picture of it and the next
_CLEARED = 60  # columns


def safe(text: str) -> str:
    """One line of printable text: control characters, which could drive the terminal, are written as
    escapes.
    """
    return "".join(
        c if c.isprintable() or c == "\t" else c.encode("unicode_escape", "replace").decode() for c in text
    )


@dataclass
class Console:
    """Prints for one command, as its flags say."""

    json: bool = False
    quiet: bool = False
    color: bool = True
    _due: float = field(default_factory=lambda: time.monotonic() + _PATIENCE)
    _shown: bool = False

    def line(self, text: str) -> None:
        """A line of data for people; its first character chooses the colour."""
        if self.json or self.quiet:
            return
        self._end_progress()
        text = safe(text)
        color = _COLORS.get(text[:1])
        typer.echo(typer.style(text, fg=color) if color else text, color=self._colors(sys.stdout))

    def data(self, value: Any) -> None:
        """The command's answer with `--json`: one JSON document."""
        if self.json:
            self._end_progress()
            typer.echo(json.dumps(value, indent=2, sort_keys=False))

    def stream(self, value: dict[str, Any], key: str, items: Iterable[str]) -> None:
        """The same with a last `key`, whose items (JSON texts) may be more than fit into memory."""
        if not self.json:
            return
        self._end_progress()
        head = json.dumps({**value, key: []}, indent=2).removesuffix("]\n}")
        for number, item in enumerate(items):
            typer.echo(f"{',' if number else head}\n    {item}", nl=False)
            head = ""
        typer.echo(f"{head}\n  ]\n}}")

    def say(self, text: str) -> None:
        """A remark, on stderr."""
        if not self.quiet:
            self._end_progress()
            typer.echo(safe(text), err=True)

    def progress(self, done: int, total: int, what: str = "subjects read", /) -> None:
        """How far it is, once it has taken more than a second, on a terminal; ten times a second."""
        if self.quiet or not sys.stderr.isatty() or time.monotonic() < self._due:
            return
        self._due = time.monotonic() + _PAUSE
        width = 24 * done // max(total, 1)
        text = f"[{'#' * width}{' ' * (24 - width)}] {done}/{total} {what}"
        typer.echo(f"\r{text:<{_CLEARED}}", err=True, nl=False)
        self._shown = True

    def _end_progress(self) -> None:
        if self._shown:
            typer.echo("\r" + " " * _CLEARED + "\r", err=True, nl=False)
            self._shown = False

    def has_colors(self) -> bool:
        """Whether stdout shows colours."""
        return self._colors(sys.stdout)

    def _colors(self, stream: Any) -> bool:
        return self.color and "NO_COLOR" not in os.environ and bool(stream.isatty())

"""What the demo prints: titles, and lines that fit into 80 columns."""

from __future__ import annotations

WIDTH = 80


def title(text: str) -> None:
    """Something new begins."""
    print(f"\n{text}", flush=True)


def say(text: str) -> None:
    """A line under the title."""
    line = f"    {text}"
    print(line if len(line) <= WIDTH else f"{line[: WIDTH - 1]}…", flush=True)


def holds(text: str, good: bool) -> bool:
    """A line with a sum, and whether it is right; marked if it is not."""
    say(text if good else f"WRONG: {text}")
    return good

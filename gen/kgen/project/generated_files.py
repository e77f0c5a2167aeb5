"""Files that are always overwritten carry a hash of themselves, so that an edit by hand is seen before it
is lost.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, TypeAlias

MARK = b"# kgen:sha256="
_HEAD = 5  # lines among which the mark stands

State: TypeAlias = Literal["intact", "edited", "foreign"]


def state(content: bytes) -> State:
    """Whether the file is as kgen wrote it, was edited since, or was never made by kgen. Line ends do not
    count: git may change them.
    """
    text = content.replace(b"\r\n", b"\n")
    lines = text.split(b"\n", _HEAD)
    for number, line in enumerate(lines[:_HEAD]):
        if line.startswith(MARK):
            rest = b"\n".join(lines[number + 1 :])
            intact = hashlib.sha256(rest).hexdigest().encode() == line[len(MARK) :].strip()
            return "intact" if intact else "edited"
    return "foreign"


def same(a: bytes | None, b: bytes | None) -> bool:
    """Equal but for line ends."""
    return a == b or (
        a is not None and b is not None and a.replace(b"\r\n", b"\n") == b.replace(b"\r\n", b"\n")
    )


def existing(root: Path, folder: str) -> Iterator[str]:
    """The Python files below `<folder>/_generated`, sorted."""
    below = root / folder / "_generated"
    yield from sorted(p.relative_to(root).as_posix() for p in below.rglob("*.py") if p.is_file())

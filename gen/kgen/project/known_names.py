"""Names that a shell completes: subjects and topics of kgen.lock, flows of the package. Asks no registry.

It runs at each press of the key, so it reads the lines that it needs and no more of the files. A name that a
shell would have to quote is left out: no text of a registry gets to be one of its commands.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from . import root

_PLAIN = re.compile(r"[A-Za-z0-9._/@%+,:-]+\Z")
_SUBJECT = re.compile(r'^name = ("(?:[^"\\]|\\.)*")$', re.MULTILINE)
_TOPIC = re.compile(r'^"topic:((?:[^"\\]|\\.)*)" = ', re.MULTILINE)
_PACKAGE = re.compile(r"""^package *= *["']([\w.]+)["']""", re.MULTILINE)


def write(kinds: Sequence[str]) -> int:
    """Print the names of these kinds, one a line; 0, whatever there is."""
    folder = root.find(Path.cwd())
    names = {name for kind in kinds if folder for name in _names(folder, kind)}
    sys.stdout.write("".join(f"{name}\n" for name in sorted(names) if _PLAIN.match(name)))
    return 0


def _names(folder: Path, kind: str) -> Iterator[str]:
    if kind == "subjects":
        yield from (_text(found) for found in _SUBJECT.findall(_read(folder / "kgen.lock")))
    elif kind in ("topics", "letters"):
        topics = [_text(f'"{found}"') for found in _TOPIC.findall(_read(folder / "kgen.lock"))]
        yield from topics if kind == "topics" else (f"{topic}.dlq" for topic in topics)
    elif kind == "flows":
        found = _PACKAGE.search(_read(folder / "kgen.toml"))
        package = found[1] if found else "streams"
        flows = folder.joinpath(*package.split("."), "flows").glob("*.py")
        yield from (f"{package}.flows.{path.stem}" for path in flows if path.stem != "__init__")


def _text(quoted: str) -> str:
    try:
        return str(json.loads(quoted))
    except ValueError:
        return ""


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""

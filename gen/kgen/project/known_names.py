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
_VERSION = re.compile(r"^version = (\d+)$", re.MULTILINE)
_TYPE = re.compile(r'^type = "([A-Z]+)"$', re.MULTILINE)
_TOPIC = re.compile(r'^"topic:((?:[^"\\]|\\.)*)" = ', re.MULTILINE)
_PACKAGE = re.compile(r"""^package *= *["']([\w.]+)["']""", re.MULTILINE)


def write(kinds: Sequence[str]) -> int:
    """Print the names of these kinds, one a line; after `described` with a tab and what is known of them,
    where something is. 0, whatever there is.
    """
    described = kinds[:1] == ["described"]
    folder = root.find(Path.cwd())
    found = {name: text for kind in kinds if folder for name, text in _described(folder, kind)}
    for name, text in sorted(found.items()):
        if _PLAIN.match(name):
            sys.stdout.write(f"{name}\t{text}\n" if described and text else f"{name}\n")
    return 0


def _described(folder: Path, kind: str) -> Iterator[tuple[str, str]]:
    if kind != "subjects":
        yield from ((name, "") for name in _names(folder, kind))
        return
    text = _read(folder / "kgen.lock")
    found = list(_SUBJECT.finditer(text))
    ends = [*(each.start() for each in found[1:]), len(text)]
    for name, end in zip(found, ends):
        part = text[name.end() : end]
        versions, types = _VERSION.findall(part), _TYPE.findall(part)
        yield _text(name[1]), f"v{versions[-1]}, {types[-1]}" if versions and types else ""


def _names(folder: Path, kind: str) -> Iterator[str]:
    if kind in ("topics", "letters"):
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

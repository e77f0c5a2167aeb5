"""What files may be called in imports, and which files every registry has built in."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from typing import Final

OWN_FILES: Final = Path(__file__).parent / "builtin"
"""Where the files of `confluent/` are."""

_BUILTIN: Final = ("google/protobuf/", "google/type/", "confluent/")
_PLAIN: Final = re.compile(r"[A-Za-z0-9_@+~. =,-]{1,120}(/[A-Za-z0-9_@+~. =,-]{1,120}){0,20}\Z")


def is_builtin(name: str) -> bool:
    """Whether registries take an import of this name without a reference."""
    return name.startswith(_BUILTIN)


def own_file(name: str) -> str | None:
    """The text of a file that registries have built in and parsers of .proto files have not; None if it is
    another.
    """
    path = OWN_FILES / name
    return path.read_text() if name.startswith("confluent/") and is_safe(name) and path.is_file() else None


def is_safe(name: str) -> bool:
    """Whether a file of this name stays in the folder that it is written to, on every system."""
    parts = name.split("/")
    return bool(_PLAIN.match(name)) and not any(it.endswith(".") or it != it.strip(" ") for it in parts)


def main_name(references: Collection[str]) -> str:
    """What the text that has no name of its own is called beside those that it refers to."""
    name = "schema.proto"
    while name in references:
        name = f"_{name}"
    return name

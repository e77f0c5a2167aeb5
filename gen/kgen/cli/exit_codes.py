"""The exit codes of all commands; docs/reference/command-line.md has their table."""

from __future__ import annotations

from typing import Final

from ..project.interrupts import INTERRUPTED

WOULD_CHANGE: Final = 1
FOUND: Final = 1
ERROR: Final = 2
CONFLICT: Final = 3
INCOMPATIBLE: Final = 4
BROKEN_PIPE: Final = 141

__all__ = ["BROKEN_PIPE", "CONFLICT", "ERROR", "FOUND", "INCOMPATIBLE", "INTERRUPTED", "WOULD_CHANGE"]

"""Sets the clock of a flow's processes, and of nothing else."""

from __future__ import annotations

import shutil
import struct
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

SOURCE = Path(__file__).with_name("clock.c")


def missing() -> str | None:
    """What this machine lacks, or None."""
    if sys.platform != "linux":
        return "the clock is set by LD_PRELOAD, on Linux"
    return None if shutil.which("cc") else "the clock needs a C compiler (cc)"


class Clock:
    """A wall clock; `env` puts a process on it."""

    def __init__(self, root: Path) -> None:
        self._file = root / "clock"
        self._library = root / "clock.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", self._library, SOURCE, "-ldl"], check=True)
        self.shift(0)

    @property
    def env(self) -> Mapping[str, str]:
        """For the processes that are to have this clock."""
        return {"LD_PRELOAD": str(self._library), "KGEN_CLOCK_FILE": str(self._file)}

    def shift(self, seconds: int) -> None:
        """Set the clock to so many seconds after the true time (negative: before)."""
        mode = "r+b" if self._file.exists() else "wb"  # in place: processes have it mapped
        with self._file.open(mode) as file:
            file.write(struct.pack("=q", seconds))

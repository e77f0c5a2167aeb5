"""What stands beside figures: the machine's kind, versions, the date; and the files that they are kept in."""

from __future__ import annotations

import json
import os
import platform
import sys
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any


def machine() -> dict[str, Any]:
    """The kind of it, and nothing by which to know it."""
    model = platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(
            (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), model
        )
    except OSError:
        pass
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return {"system": platform.system(), "cpu": model, "cores": os.cpu_count(), "python": python}


def installed(*names: str) -> dict[str, str]:
    """The versions of those packages that there are."""
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def now() -> str:
    """The date and time, UTC."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def write_json(path: Path, kept: Any) -> None:
    """All of the file or nothing. A line says so if it cannot be written: what was measured is printed."""
    part = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(exist_ok=True)
        part.write_text(json.dumps(kept, indent=1) + "\n")
        part.replace(path)
    except OSError as error:
        print(f"not kept in {path}: {error.strerror}", file=sys.stderr)

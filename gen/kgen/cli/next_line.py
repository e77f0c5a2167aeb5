"""The command that runs a flow which was just written, so that it works pasted where the user is."""

from __future__ import annotations

import os
import shlex
import shutil
from pathlib import Path

from ..actions import inputs
from ..project import config

_BROKERS = "localhost:9092"  # where `kgen dev` has its own, unless that is taken


def run_line(root: Path, package: str, module: str) -> str:
    """With the folder to run it in, if that is another one, and the brokers, if the environment has none:
    flows read it alone.
    """
    command = "kgen run" if shutil.which("kgen") else "python -m kgen_runtime.run"
    line = f"{command} {package}.flows.{module}:flow --recovery .recovery"
    if not inputs.brokers():
        settings = config.load(root)
        line = f"KGEN_BROKERS={shlex.quote((settings and settings.brokers) or _BROKERS)} {line}"
    if root.resolve() != Path.cwd().resolve():
        line = f"cd {shlex.quote(os.path.relpath(root))} && {line}"
    return line

"""The command that runs a flow which was just written, so that it works pasted where the user is."""

from __future__ import annotations

import os
import shlex
import shutil
from pathlib import Path

from ..actions import inputs
from ..project import config
from ..render import RUNNER, run_command

_BROKERS = "localhost:9092"  # where `kgen dev` has its own, unless that is taken


def run_line(root: Path, package: str, module: str) -> str:
    """With the folder to run it in, if that is another one, and the brokers, if the environment has none:
    flows read it alone.
    """
    line = run_command(package, module)
    if shutil.which("kgen"):
        line = line.replace(RUNNER, "kgen run", 1)
    if not inputs.brokers():
        settings = config.load(root)
        line = f"KGEN_BROKERS={shlex.quote((settings and settings.brokers) or _BROKERS)} {line}"
    if root.resolve() != Path.cwd().resolve():
        line = f"cd {shlex.quote(os.path.relpath(root))} && {line}"
    return line

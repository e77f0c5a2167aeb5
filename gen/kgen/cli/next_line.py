"""The command that runs a flow which was just written, so that it works pasted where the user is."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

from ..actions import inputs
from ..project import config
from ..project.from_here import command_from_here
from ..render import RUNNER, run_command

_BROKERS = "localhost:9092"  # where `kgen dev` has its own, unless that is taken


def run_line(root: Path, package: str, module: str) -> str:
    """With the folder to run it in, if that is another one, and the brokers, if the environment has none:
    flows read it alone.
    """
    line = run_command(package, module)
    if shutil.which("kgen"):
        line = line.replace(RUNNER, "kgen run", 1)
    brokers = _brokers_to_set(root)
    if brokers:
        line = f"KGEN_BROKERS={shlex.quote(brokers)} {line}"
    return command_from_here(root, line)


def _brokers_to_set(root: Path) -> str:
    """Empty if the environment has the right ones: those of `kgen dev`, if that runs the command."""
    present, dev = inputs.brokers(), inputs.dev_brokers()
    if dev or present:
        return dev if dev not in ("", present) else ""
    settings = config.load(root)
    return (settings and settings.brokers) or _BROKERS

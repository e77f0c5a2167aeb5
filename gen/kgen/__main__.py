"""`kgen`, and `python -m kgen`: part of the base install, so it may import nothing of the extra `gen`
before looking for it.
"""

from __future__ import annotations

# Ctrl-C before `main` leaves a traceback: nothing else is imported before.
import sys
from typing import NoReturn

from . import __version__, install

_INTERRUPTED = 130  # the exit code
_ALLOCATIONS = 100_000  # of objects, between two looks for garbage
_NEEDED = ("typer", "jinja2", "tomlkit")


def main() -> None:
    """Run the command line, or say which extra it needs."""
    end = None
    arguments = sys.argv[1:]
    if arguments[:2] == ["help", "run"]:
        arguments = ["run", "--help"]
    if arguments[:1] == ["__complete"]:  # the scripts of `kgen completion` ask, at each press of the key
        from .project import known_names

        sys.exit(known_names.write(arguments[1:]))
    if arguments[:1] == ["run"]:
        _run_flow(arguments[1:])
    try:
        from .project.interrupts import CtrlC

        ctrl_c = CtrlC()
        ctrl_c.take()
        end = ctrl_c.end
        code = _run()
    except KeyboardInterrupt:  # while it loads, which takes a second on a slow machine, or ends
        sys.stderr.write("interrupted\n")
        code = _INTERRUPTED
    if end is not None:
        end()
    sys.exit(code)


def _run() -> int:
    import gc

    from kgen_runtime.reporting import std_streams

    # Most of what a command makes stays to its end: a fifth of its time would go into looking for garbage.
    gc.set_threshold(_ALLOCATIONS, 20, 20)

    std_streams.prepare()
    if sys.argv[1:] in (["--version"], ["-V"]) and _write_version():
        return 0
    if not _is_installed():
        return 2
    _silence_loggers()
    from .cli.app import run

    return run()


def _run_flow(arguments: list[str]) -> NoReturn:
    """`kgen run`: the runner's own command line, which needs the base install alone and handles signals
    itself.
    """
    from kgen_runtime.runner import early_signals

    early_signals.begin()
    sys.argv = ["kgen run", *arguments]
    from kgen_runtime.run import main as run

    sys.exit(run())


def _write_version() -> bool:
    """Without loading what takes its time. False if stdout is full: the command line says so."""
    import os

    try:
        return os.write(1, f"kgen {__version__}\n".encode()) > 0
    except OSError:
        return False


def _is_installed() -> bool:
    import importlib.util

    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        sys.stderr.write(f"error: the generator is not installed (missing: {', '.join(missing)})\n")
        sys.stderr.write(f"  hint: {install('gen')}\n")
    return not missing


def _silence_loggers() -> None:
    """What the runtime logs is for flows: `kgen doctor` reports the same to people."""
    import logging

    for name in ("kgen_runtime", "kgen.codec"):
        logging.getLogger(name).addHandler(logging.NullHandler())


if __name__ == "__main__":
    main()

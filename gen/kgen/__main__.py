"""`kgen`, and `python -m kgen`: part of the base install, so it may import nothing of the extra `gen`
before looking for it.
"""

from __future__ import annotations

# Ctrl-C before `main` leaves a traceback: nothing else is imported before.
import sys

from . import __version__, install

_INTERRUPTED = 130  # the exit code
_NEEDED = ("typer", "jinja2", "tomlkit")


def main() -> None:
    """Run the command line, or say which extra it needs."""
    end = None
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
    from kgen_runtime.reporting import std_streams

    std_streams.prepare()
    if sys.argv[1:] == ["--version"] and _write_version():
        return 0
    if not _is_installed():
        return 2
    _silence_loggers()
    from .cli.app import run

    return run()


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

"""`kgen`, and `python -m kgen`: part of the base install, so it may import nothing of the extra `gen`
before looking for it.
"""

from __future__ import annotations

import os
import sys

from . import __version__, install

_NEEDED = ("typer", "jinja2", "tomlkit")


def main() -> None:
    """Run the command line, or say which extra it needs."""
    if sys.argv[1:] == ["--version"] and _write_version():
        return
    try:
        _check_installed()
        _silence_loggers()
        from .cli.app import run
    except KeyboardInterrupt:  # while it loads, which takes a second on a slow machine
        sys.stderr.write("interrupted\n")
        sys.exit(130)
    sys.exit(run())


def _write_version() -> bool:
    """Without loading what takes its time. False if stdout is closed or full: the command line says so."""
    try:
        return os.write(1, f"kgen {__version__}\n".encode()) > 0
    except OSError:
        return False


def _check_installed() -> None:
    import importlib.util

    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        sys.stderr.write(f"error: the generator is not installed (missing: {', '.join(missing)})\n")
        sys.stderr.write(f"  hint: {install('gen')}\n")
        sys.exit(2)


def _silence_loggers() -> None:
    """What the runtime logs is for flows: `kgen doctor` reports the same to people."""
    import logging

    for name in ("kgen_runtime", "kgen.codec"):
        logging.getLogger(name).addHandler(logging.NullHandler())


if __name__ == "__main__":
    main()

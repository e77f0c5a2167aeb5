"""`kgen`, and `python -m kgen`: part of the base install, so it may import nothing of the extra `gen`
before looking for it.
"""

from __future__ import annotations

import importlib.util
import logging
import sys

from . import install

_NEEDED = ("typer", "jinja2", "tomlkit")


def main() -> None:
    """Run the command line, or say which extra it needs."""
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        sys.stderr.write(f"error: the generator is not installed (missing: {', '.join(missing)})\n")
        sys.stderr.write(f"  hint: {install('gen')}\n")
        sys.exit(2)
    # What the runtime logs is for flows: `kgen doctor` tells the same to people.
    for name in ("kgen_runtime", "kgen.codec"):  # what users should know, commands say themselves
        logging.getLogger(name).addHandler(logging.NullHandler())
    from .cli import run

    sys.exit(run())


if __name__ == "__main__":
    main()

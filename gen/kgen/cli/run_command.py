"""`kgen run`, as far as it is a command among others: `kgen.__main__` starts the runner without loading
these.
"""

from __future__ import annotations

import sys
from typing import Annotated, Any, Final

import typer

SETTINGS: Final[dict[str, Any]] = {
    "add_help_option": False,
    "context_settings": {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []},
}


def command(
    arguments: Annotated[list[str] | None, typer.Argument(metavar="MODULE:FLOW [OPTIONS]")] = None,
) -> int:
    """Run a flow, as python -m kgen_runtime.run does: `kgen run --help` lists its options."""
    sys.argv = ["kgen run", *(arguments or ())]
    from kgen_runtime.run import main

    return main()

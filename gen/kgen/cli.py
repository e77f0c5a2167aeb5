"""The command line: wires the commands, and turns every way they can end into an exit code and at most three lines.

Exit codes: 0 done; 1 something would change; 2 error; 3 a merge conflict was left; 4 incompatible change refused; 130 interrupted.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any

import click
import typer

from . import __version__
from .commands import dev, doctor, pull, resolve, status
from .commands.console import safe
from .errors import IncompatibleError, KgenError

ERROR, INCOMPATIBLE, INTERRUPTED, BROKEN_PIPE = 2, 4, 130, 141
_REPORT = "this is a bug in kgen; KGEN_DEBUG=1 shows the traceback: please report it"

app = typer.Typer(
    name="kgen",
    help="Typed Bytewax dataflows from a Kafka schema registry.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("pull")(pull.command)
app.command("status")(status.command)
app.command("outdated")(status.outdated)
app.command("resolve")(resolve.command)
app.command("doctor")(doctor.command)
app.command("dev")(dev.command)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"kgen {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version."
    ),
) -> None:
    """Typed Bytewax dataflows from a Kafka schema registry."""


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command line (the process's own by default) and return the exit code. Never raises."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    try:
        code = typer.main.get_command(app).main(list(arguments), prog_name="kgen", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except BrokenPipeError:
        return _broken_pipe()
    except (KeyboardInterrupt, click.Abort):
        typer.echo("interrupted", err=True)
        return INTERRUPTED
    except click.ClickException as e:
        return _usage(e, arguments)
    except KgenError as e:
        _tell(e, arguments)
        return INCOMPATIBLE if isinstance(e, IncompatibleError) else ERROR
    except SystemExit as e:
        return e.code if isinstance(e.code, int) else ERROR
    except Exception as e:  # noqa: BLE001  (the last guard: users see an error, never a traceback)
        return _bug(e, arguments)


def _tell(error: KgenError, arguments: Sequence[str]) -> None:
    typer.echo(f"error: {safe(error.what)}", err=True)
    if error.where:
        typer.echo(f"  at {safe(error.where)}", err=True)
    if error.hint:
        typer.echo(f"  hint: {safe(error.hint)}", err=True)
    if os.environ.get("KGEN_DEBUG") == "1":
        traceback.print_exception(error)
    if "--json" in arguments:
        typer.echo(json.dumps({"version": 1, "error": _as_json(error)}, indent=2))


def _as_json(error: KgenError) -> dict[str, Any]:
    return {"kind": type(error).__name__, "what": error.what, "where": error.where, "hint": error.hint}


def _usage(error: click.ClickException, arguments: Sequence[str]) -> int:
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()
        return ERROR
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "kgen"
    _tell(KgenError(error.format_message(), hint=f"{command} --help"), arguments)
    return ERROR


def _bug(error: Exception, arguments: Sequence[str]) -> int:
    _tell(KgenError(f"unexpected {type(error).__name__}: {error}", hint=_REPORT), arguments)
    return ERROR


def _broken_pipe() -> int:
    # What is left in the buffer has nowhere to go: without this the interpreter complains at its end.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return BROKEN_PIPE

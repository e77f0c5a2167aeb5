"""The command line: wires the commands, and turns every way they can end into an exit code and at most
three lines (`exit_codes.py`).
"""

from __future__ import annotations

import errno
import functools
import importlib
import json
import os
import re
import sys
import traceback
from collections.abc import Sequence
from typing import Any, Final, cast

import typer
from typer.core import TyperGroup

from kgen_runtime.errors import named_text
from kgen_runtime.reporting import std_streams

from .. import __version__
from ..errors import (
    IncompatibleError,
    KgenError,
    PullInterruptedError,
    PushInterruptedError,
    RulesError,
)
from .console import safe
from .exit_codes import BROKEN_PIPE, ERROR, INCOMPATIBLE, INTERRUPTED

_CODES: dict[type[KgenError], int] = {
    IncompatibleError: INCOMPATIBLE,
    RulesError: INCOMPATIBLE,
    PullInterruptedError: INTERRUPTED,
    PushInterruptedError: INTERRUPTED,
}
# Typer brings its own copy of click or uses the one there is, as its version has it.
_Usage: Any = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException")
_WHOLE: Final = 1_000
"""Characters of a sentence that says what a command does: all."""
_REPORT = "this is a bug in kgen; KGEN_DEBUG=1 shows the traceback: please report it"

# Each is the function `command` of the module `<name>_command`, or its functions `COMMANDS` by name; the
# module is imported when it is asked for. For `kgen --help` none is: beside each stands its first sentence.
_COMMANDS: Final = {
    "pull": (
        "Read the registry and write or update the typed package: models rewritten, flows merged, all or "
        "nothing."
    ),
    "diff": (
        "What changed in meaning, whether old and new versions read each other, and the text that `kgen "
        "pull` would write."
    ),
    "status": "What differs from a fresh render of kgen.lock: drift, edits by hand, open conflicts, orphans.",
    "outdated": "List subjects with a newer version in the registry, new subjects, and ones that are gone.",
    "check": (
        "What changed schemas would break: what the registry says, whether old and new versions read each "
        "other, and which lines of the project use what goes."
    ),
    "push": (
        "Register the schemas of schemas/own/: what they refer to first, the plan before anything is done."
    ),
    "resolve": (
        "Take the solved text of merge conflicts, from .kgen/conflicts or from the files themselves, and "
        "close the conflicts: all of them or, if one is not solved yet, none."
    ),
    "sample": (
        "Print sample messages of a subject, one a line, as JSON; of Avro in its JSON encoding, with "
        "decimals as numbers."
    ),
    "cat": "Show the messages of a topic, decoded: from its beginning to its end as it is now.",
    "produce": (
        "Write lines of JSON to a topic, each checked against its schema: of a file all before any is sent."
    ),
    "topics": "List topics: what they hold, how much of it, and how far a group or flow is behind.",
    "discover": (
        "Find out what the messages of topics are: framing, schemas, types and how their subjects are "
        "named; and show the entries of kgen.toml for them."
    ),
    "catalog": (
        "Write a catalog of the project's data: subjects with fields, docs, tags and history, topics, the "
        "flows that read and write them, the lines of code that use each field."
    ),
    "graph": "Draw a flow: topics, steps, what passes between them with its types, and where failures go.",
    "metrics": "Write a Grafana dashboard and Prometheus alert rules for the metrics of flows.",
    "deploy": "Write the files with which Kubernetes, Docker Compose or systemd runs flows.",
    "doctor": "Check versions, codec, registry, brokers, and a flow's topics.",
    "dev": "Run a local broker and registry, in memory, until Ctrl-C.",
    "dlq": "Look into dead letters and put them back.",
    "new": "Write something new into the project.",
    "run": "Run a flow, as python -m kgen_runtime.run does: `kgen run --help` lists its options.",
    "completion": "Print a script that completes commands, flags, subjects, topics and flows in a shell.",
    "schema": "Print the JSON Schema of kgen.toml, for editors that complete and check TOML files by one.",
    "help": "Show the help of a command, as COMMAND --help does; without one, the list of commands.",
}


class _Group(TyperGroup):
    """Lists its commands with their first sentences whole, on as many lines as these need."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Click itself would cut them."""
        rows = [(name, self.sentence(ctx, name)) for name in self.list_commands(ctx)]
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)

    def sentence(self, ctx: Any, name: str) -> str:
        """What a command does."""
        command = self.get_command(ctx, name)
        return "" if command is None else command.get_short_help_str(_WHOLE)


class _Commands(_Group):
    """The commands by name, without importing those that do not run."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = cast(Any, dict.fromkeys(_COMMANDS))  # for `kgen --help` and "Did you mean"

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        return _load(cmd_name) if cmd_name in _COMMANDS else None

    def sentence(self, ctx: Any, name: str) -> str:
        """See the base."""
        return _COMMANDS[name]


@functools.cache
def _load(name: str) -> Any:
    module = importlib.import_module(f".{name}_command", __package__)
    inner = getattr(module, "COMMANDS", None)
    if inner is None:
        alone = typer.Typer(**_SETTINGS)
        alone.command(name, **getattr(module, "SETTINGS", {}))(module.command)
        return typer.main.get_command(alone)
    group = typer.Typer(name=name, cls=_Group, **_SETTINGS)
    group.callback(help=module.HELP, invoke_without_command=True)(_help)
    for each, function in inner.items():
        group.command(each)(function)
    return typer.main.get_command(group)


_IN_CODE: Final = re.compile(r"rt\.Kafka\(config=[^)]*\) or (?=KGEN_KAFKA_)")

_SETTINGS: Final[dict[str, Any]] = {
    "add_completion": False,
    "pretty_exceptions_enable": False,
    "rich_markup_mode": None,
    "context_settings": {"help_option_names": ["-h", "--help"]},
}

app = typer.Typer(
    name="kgen",
    cls=_Commands,
    help="Typed Bytewax dataflows from a Kafka schema registry.",
    **_SETTINGS,
)


def _help(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def _version(value: bool) -> None:
    if value:
        typer.echo(f"kgen {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _main(
    context: typer.Context,
    version: bool = typer.Option(
        False, "--version", "-V", callback=_version, is_eager=True, help="Print the version."
    ),
) -> None:
    """Typed Bytewax dataflows from a Kafka schema registry."""
    _help(context)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command line (the process's own by default) and return the exit code. Raises nothing but
    `KeyboardInterrupt`, if Ctrl-C comes when it has ended.
    """
    try:
        code = _run(sys.argv[1:] if arguments is None else list(arguments))
    except OSError as e:  # of what an error is reported with
        return _lost(e)
    lost = std_streams.lost_output()
    return _lost(lost) if lost else code


def _run(arguments: Sequence[str]) -> int:
    try:
        code = typer.main.get_command(app).main(list(arguments), prog_name="kgen", standalone_mode=False)
        return _interrupted() if code == INTERRUPTED else code if isinstance(code, int) else 0
    except (KeyboardInterrupt, typer.Abort):
        return _interrupted()
    except KgenError as e:
        _report_error(e, arguments)
        return next((code for kind, code in _CODES.items() if isinstance(e, kind)), ERROR)
    except SystemExit as e:
        if isinstance(e.__context__, OSError):  # EPIPE
            raise e.__context__ from None
        return e.code if isinstance(e.code, int) else ERROR
    except _Usage as e:
        return _usage(e, arguments)
    except Exception as e:
        if isinstance(e, (std_streams.StdoutError, BrokenPipeError)):
            raise
        return _bug(e, arguments)


def _of_command(text: str | None) -> str | None:
    """Without what the code of a flow can set and a command cannot, which has the environment alone."""
    return text and _IN_CODE.sub("", text)


def _report_error(error: KgenError, arguments: Sequence[str]) -> None:
    error.where, error.hint = _of_command(error.where), _of_command(error.hint)
    kind = "interrupted" if isinstance(error, (PullInterruptedError, PushInterruptedError)) else "error"
    typer.echo(f"{kind}: {safe(error.what)}", err=True)
    if error.where:
        typer.echo(f"  at {safe(error.where)}", err=True)
    if error.hint:
        typer.echo(f"  hint: {safe(error.hint)}", err=True)
    if os.environ.get("KGEN_DEBUG") == "1":
        traceback.print_exception(error.__cause__ or error)
    if "--json" in arguments:
        typer.echo(json.dumps({"version": 1, "error": _as_json(error)}, indent=2))


def _as_json(error: KgenError) -> dict[str, Any]:
    return {"kind": type(error).__name__, "what": error.what, "where": error.where, "hint": error.hint}


def _usage(error: Any, arguments: Sequence[str]) -> int:
    context = getattr(error, "ctx", None)
    _report_error(
        KgenError(error.format_message(), hint=f"{context.command_path if context else 'kgen'} --help"),
        arguments,
    )
    return ERROR


def _bug(error: Exception, arguments: Sequence[str]) -> int:
    found = KgenError(f"unexpected {named_text(type(error).__name__, error)}", hint=_REPORT)
    found.__cause__ = error
    _report_error(found, arguments)
    return ERROR


def _interrupted() -> int:
    typer.echo("interrupted", err=True)
    return INTERRUPTED


def _lost(error: OSError) -> int:
    """The exit code if stdout took no more."""
    std_streams.lost_output()  # what is left in the buffer has nowhere to go
    if error.errno == errno.EPIPE:
        return BROKEN_PIPE
    typer.echo(f"error: {error}", err=True)
    return ERROR

"""`kgen pull`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Literal

import typer

from kgen_runtime.serde.subject_names import qualified

from ..actions import pull
from ..actions.inputs import Flags
from ..actions.prepare import PlanOptions, PlanRequest
from ..errors import ConfigError
from ..model.project import package_folder
from ..planning import plan, report
from ..project.from_here import command_from_here
from . import shared_options
from .console import Console
from .exit_codes import CONFLICT, WOULD_CHANGE
from .next_line import run_line

_HEALED = {
    "forward": "an earlier pull was interrupted; it was finished first",
    "back": "an earlier pull was interrupted; it was rolled back first",
}
_SHOWN = 3  # paths in a line
_WITHOUT_FLOW = (
    "each topic has a flow and a test; one that needs none, as you only write it: "
    '[topics."NAME"] flow = false in kgen.toml, then '
)


def command(
    registry: shared_options.Registry = None,
    subject: Annotated[
        list[str] | None, typer.Option("--subject", metavar="GLOB", help="Which subjects; may be repeated.")
    ] = None,
    package: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The package to write (first pull).", show_default="streams"),
    ] = None,
    out: shared_options.Out = None,
    all_versions: Annotated[
        bool | None,
        typer.Option("--all-versions/--latest", help="Which versions to vendor.", show_default="all"),
    ] = None,
    at: Annotated[
        list[str] | None,
        typer.Option(metavar="SUBJECT=VERSION", help="Pin a version in kgen.toml; SUBJECT=latest unpins."),
    ] = None,
    allow_incompatible: Annotated[
        list[str] | None,
        typer.Option(metavar="SUBJECT", help="Take a version that cannot read what earlier ones wrote."),
    ] = None,
    conflict: Annotated[
        Literal["file", "inline"] | None,
        typer.Option(help="How to write a merge conflict.", show_default="file"),
    ] = None,
    recreate: Annotated[bool, typer.Option("--recreate", help="Recreate the files you deleted.")] = False,
    locked: Annotated[bool, typer.Option("--locked", help="Fail (1) if kgen.lock would change.")] = False,
    frozen: Annotated[
        bool, typer.Option("--frozen", help="From kgen.lock alone, without the registry.")
    ] = False,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit 1 if it would.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write nothing; show every file.")] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Fail (2) if a subject's newest version cannot be read.")
    ] = False,
    json: shared_options.Json = False,
    quiet: shared_options.Quiet = False,
    no_color: shared_options.NoColor = False,
) -> None:
    """Read the registry and write or update the typed package: models rewritten, flows merged, all or
    nothing.

    Exit codes: 0 done, 1 something would change (--check, --locked), 2 error, 3 a merge conflict was left,
    4 incompatible change, or data contract rules, refused.
    """
    _exclusive(locked=locked, frozen=frozen)
    _exclusive(check=check, dry_run=dry_run)
    _exclusive(frozen=frozen, at=bool(at))
    console = Console(json, quiet, not no_color)
    workspace = shared_options.workspace(out, console)
    pins = dict(map(_pin, at or ()))
    flags = Flags(registry, tuple(subject or ()), package, all_versions, conflict, pins)
    wanted = PlanOptions(frozen, recreate, frozenset(map(qualified, allow_incompatible or ())))
    options = pull.PullOptions(dry=check or dry_run, locked=locked, strict=strict)

    def show(result: pull.Result) -> None:
        if result.healed:
            console.say(_HEALED[result.healed])
        _show(console, result.plan, files=dry_run)
        console.data({**report.as_json(result.plan), "written": result.written})

    result = pull.run(PlanRequest(workspace, flags, wanted), options, show)
    _finish(console, workspace.root, options, result, check)


def _show(console: Console, made: plan.Plan, *, files: bool) -> None:
    if not made.changes and not made.conflicts and not made.refused:
        for line in report.remarks(made):
            console.line(line)
        console.line("nothing changed")
        return
    for line in report.lines(made, files=files):
        console.line(line)


def _finish(
    console: Console, root: Path, options: pull.PullOptions, result: pull.Result, check: bool
) -> None:
    made = result.plan
    if options.dry:
        pull.refuse(made, strict=options.strict)
    if options.locked and result.lock_changes:
        console.say("error: kgen.lock is not up to date, and --locked forbids to change it")
        console.say(f"  hint: run `{command_from_here(root, 'kgen pull')}`, and commit what it writes")
        raise typer.Exit(WOULD_CHANGE)
    if check and (made.changes or made.conflicts):
        raise typer.Exit(WOULD_CHANGE)
    if made.conflicts and not options.dry:
        shown = " ".join(shlex.quote(f.path) for f in made.conflicts[:_SHOWN])
        more = " …" if len(made.conflicts) > _SHOWN else ""
        resolve = command_from_here(root, f"kgen resolve {shown}{more}")
        console.say(f"conflicts in {len(made.conflicts)} file(s); once solved: {resolve}")
        raise typer.Exit(CONFLICT)
    _next(console, root, made, result.written)


def _next(console: Console, root: Path, made: plan.Plan, written: bool) -> None:
    """After a first pull, how to run what was written."""
    folder = f"{package_folder(made.package)}/flows/"
    flows = [f.path for f in made.having("add") if f.path.startswith(folder)]
    flows = [f for f in flows if not f.endswith("__init__.py")]
    if written and flows and any(f.path == "kgen.lock" and f.op == "add" for f in made.files):
        module = flows[0].rpartition("/")[2].removesuffix(".py")
        console.say(f"next: {run_line(root, made.package, module)}")
        console.say(_WITHOUT_FLOW + command_from_here(root, "kgen pull"))


def _exclusive(**flags: bool) -> None:
    if all(flags.values()):
        names = " and ".join("--" + name.replace("_", "-") for name in flags)
        raise ConfigError(f"{names} exclude each other")


def _pin(text: str) -> tuple[str, int | None]:
    subject, equals, version = text.rpartition("=")
    if version == "latest" and subject:
        return qualified(subject), None
    if not subject or not equals or not version.isascii() or not version.isdigit() or int(version) < 1:
        raise ConfigError(f"--at {text} is invalid", hint="--at orders-value=3, or --at orders-value=latest")
    return qualified(subject), int(version)

"""`kgen deploy`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias

import typer

from ..actions.deploy_files import FOLDER, DeployFiles, DeployRequest, deploy
from ..deploy.manifests import DOCKERFILE, Platform
from ..project.from_here import path_from_here
from . import shared_options
from .console import Console
from .exit_codes import CONFLICT, WOULD_CHANGE

HELP: Final = "Write the files with which Kubernetes, Docker Compose or systemd runs flows."

_Names: TypeAlias = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="NAME",
        help="Tables [deploy.NAME] of kgen.toml, flows, or MODULE:FLOW.",
        show_default="all tables",
    ),
]
_To: TypeAlias = Annotated[str, typer.Option("--to", metavar="DIR", help="Where to, in the project.")]
_Check: TypeAlias = Annotated[
    bool, typer.Option("--check", help="Write nothing; exit 1 if something would change.")
]
_DryRun: TypeAlias = Annotated[bool, typer.Option("--dry-run", help="Write nothing; show what would be.")]
_Recreate: TypeAlias = Annotated[
    bool, typer.Option("--recreate", help="Bring back what you deleted of the files.")
]
_MARKS: Final = {"add": "+", "change": "~", "merge": "~"}


def _command(platform: Platform, what: str) -> Callable[..., None]:
    """The command of a platform; `what` is its help."""

    def command(
        names: _Names = None,
        to: _To = FOLDER,
        check: _Check = False,
        dry_run: _DryRun = False,
        recreate: _Recreate = False,
        out: shared_options.Out = None,
        json: shared_options.Json = False,
        quiet: shared_options.Quiet = False,
        no_color: shared_options.NoColor = False,
    ) -> None:
        console = Console(json, quiet, not no_color)
        request = DeployRequest(platform, tuple(names or ()), to, recreate)
        _run(console, request, shared_options.workspace(out, console), check, dry_run)

    command.__doc__ = what
    return command


def _run(console: Console, request: DeployRequest, workspace: Any, check: bool, dry_run: bool) -> None:
    made = deploy(workspace, request, dry=check or dry_run)
    for file in made.files:
        reason = f"  {file.reason}" if file.reason else ""
        if file.is_open or (reason and file.outcome not in _MARKS):
            console.line(f"! {file.path}{reason}")
        elif file.outcome in _MARKS:
            console.line(f"{_MARKS[file.outcome]} {file.path}{reason}")
    for note in made.notes:
        console.say(note)
    console.data(_as_json(request.platform, made, written=not (check or dry_run)))
    if any(file.is_open for file in made.files):
        raise typer.Exit(CONFLICT)
    if check and made.changes:
        raise typer.Exit(WOULD_CHANGE)
    if not made.changes:
        console.say("nothing to change")
    elif not dry_run and not check:
        for line in _NEXT[request.platform](made, workspace.root):
            console.say(line)


def _next_k8s(made: DeployFiles, root: Path) -> list[str]:
    files = " ".join(f"-f {path_from_here(root, path)}" for path in _ending(made, "/k8s.yaml"))
    several = [each.name for each in made.deployments if each.processes > 1]
    labels = [f"kubectl delete pods -l app.kubernetes.io/name={name}" for name in several]
    again = [f"then, if it is an update: {label}" for label in labels]
    (dockerfile,) = _ending(made, DOCKERFILE)
    build = f"docker build -f {path_from_here(root, dockerfile)}"
    images = dict.fromkeys(each.image for each in made.deployments)
    built = [f"then: {build} -t {each} {path_from_here(root, '.')} && docker push {each}" for each in images]
    return [_wheel(root), *built, f"then: kubectl apply {files}", *again]


def _next_compose(made: DeployFiles, root: Path) -> list[str]:
    paths = [path_from_here(root, path) for path in _ending(made, "/compose.yaml")]
    return [_wheel(root), *(f"then: docker compose -f {path} up --build --detach" for path in paths)]


def _wheel(root: Path) -> str:
    """What the image is made of."""
    dist = path_from_here(root, "dist")
    return f"next: pip wheel --no-deps --wheel-dir {dist} {path_from_here(root, '.')}"


def _next_systemd(made: DeployFiles, root: Path) -> list[str]:
    """Units of one machine together; of those that several hosts run, what to do on each."""
    several = {each.unit: each for each in made.deployments if each.hosts}
    found = []
    paths = {path.rpartition("/")[2]: path_from_here(root, path) for path in _ending(made, ".service")}
    here = {unit: path for unit, path in paths.items() if unit not in several}
    if here:
        found.append(f"next: {_enabled(here.values(), ' '.join(here))}")
    for unit, path in paths.items():
        each = several.get(unit)
        if each is not None:
            hosts = ", ".join(f"{number} on {host}" for number, host in enumerate(each.hosts))
            steps = _enabled([path], f"{each.name}@NUMBER")
            found.append(f"next, on each host, NUMBER being {hosts}: {steps}")
    return found


def _enabled(paths: Iterable[str], units: str) -> str:
    copied = f"sudo cp {' '.join(paths)} /etc/systemd/system/"
    # A unit that runs already would go on as it is with `enable --now`.
    started = f"sudo systemctl enable {units} && sudo systemctl restart {units}"
    return f"{copied} && sudo systemctl daemon-reload && {started}"


def _ending(made: DeployFiles, end: str) -> list[str]:
    return [file.path for file in made.files if file.path.endswith(end)]


_NEXT: Final[dict[Platform, Any]] = {
    "k8s": _next_k8s,
    "compose": _next_compose,
    "systemd": _next_systemd,
}


def _as_json(platform: Platform, made: DeployFiles, *, written: bool) -> dict[str, Any]:
    return {
        "version": 1,
        "platform": platform,
        "deployments": [
            {"name": each.name, "flow": each.flow, "image": each.image, "processes": each.processes}
            for each in made.deployments
        ],
        "files": [{"path": file.path, "action": file.outcome, "reason": file.reason} for file in made.files],
        "notes": list(made.notes),
        "changes": made.changes,
        "written": written,
    }


_MERGED: Final = "Files that you edited are merged, as flows are by `kgen pull`. Asks no registry"
COMMANDS: Final = {
    "k8s": _command(
        "k8s",
        "Write a StatefulSet with its Service, volumes, probes and metrics for each flow, and a Dockerfile. "
        f"{_MERGED} and no cluster.",
    ),
    "compose": _command(
        "compose",
        f"Write a Compose file with a service for each process of a flow, and a Dockerfile. {_MERGED}.",
    ),
    "systemd": _command(
        "systemd",
        "Write a unit for each flow, which runs all of its processes, or with `hosts` in its table one on "
        f"each. {_MERGED}.",
    ),
}

"""`kgen deploy`: the files with which a platform runs flows. They are the user's: edits are merged. Asks no
registry, and imports no flow.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from ..deploy.deployment import Deployment, deployment
from ..deploy.flow_source import check_flow, flows_of
from ..deploy.manifests import Platform, manifests
from ..errors import ConfigError
from ..listing import listed
from ..planning import user_files
from ..planning.user_files import Outcome
from ..project import config, paths
from ..project.config import Config
from ..project.deploy_settings import DeploySettings, check_name
from ..project.transaction import Write
from .inputs import Workspace
from .planned_writes import write_planned

FOLDER: Final = "deploy"
_BROKERS: Final = "KGEN_BROKERS"
_KGENS: Final = user_files.BASE.partition("/")[0]
_REGISTRY: Final = "KGEN_REGISTRY_URL"


@dataclass(frozen=True)
class DeployRequest:
    """What to write: `names` are those of tables or flows, or `package.module:name` (none: all tables);
    `folder` is in the project.
    """

    platform: Platform
    names: tuple[str, ...] = ()
    folder: str = FOLDER
    recreate: bool = False  # files that the user deleted, too


@dataclass(frozen=True)
class DeployFile:
    """What became of a file, by its path in the project."""

    path: str
    outcome: Outcome
    reason: str

    @property
    def is_open(self) -> bool:
        """Whether a conflict is left in it."""
        return self.outcome in ("conflict", "open")


@dataclass(frozen=True)
class DeployFiles:
    """What was written, or with `dry` would be, and what to know of it. `changes`: whether anything was."""

    deployments: tuple[Deployment, ...]
    files: tuple[DeployFile, ...]
    notes: tuple[str, ...]
    changes: bool


def deploy(workspace: Workspace, request: DeployRequest, *, dry: bool = False) -> DeployFiles:
    """Write the files, all or none.

    Raises:
        ConfigError: kgen.toml or a flow that is named is wrong.
        OutputError: the files cannot be written; nothing was.
    """
    root = workspace.root
    if config.read_text(root) is None:
        hint = "kgen pull --registry URL writes one; --out DIR names the folder of a project"
        raise ConfigError("there is no kgen.toml", where=str(root.resolve()), hint=hint)
    return write_planned(workspace, lambda: _planned(root, request), dry=dry)


def _planned(root: Path, request: DeployRequest) -> tuple[DeployFiles, list[Write]]:
    settings = config.load(root)
    assert settings is not None
    folder = _folder(root, request.folder)
    notes: list[str] = []
    words = _words(root, settings, request)
    found = [_deployment(root, settings, word, request.platform, notes) for word in words]
    found = list({each.name: each for each in found}.values())
    if request.platform == "systemd":
        notes += [*_other_units(root, folder, found), *_shared_ports(found)]
    texts: dict[str, str] = {}
    for each in found:
        texts |= manifests(request.platform, each, folder)
    files: list[DeployFile] = []
    writes: list[Write] = []
    for name, text in texts.items():
        path = str(PurePosixPath(folder, name))
        decision = user_files.decide(root, path, text, mode=settings.conflict, recreate=request.recreate)
        files.append(DeployFile(path, decision.outcome, decision.reason))
        writes += _writes(root, decision.contents)
    return DeployFiles(tuple(found), tuple(files), tuple(dict.fromkeys(notes)), bool(writes)), writes


def _other_units(root: Path, folder: str, found: Iterable[Deployment]) -> Iterator[str]:
    """Those that are there from before a flow moved to several hosts, or back."""
    for each in found:
        for unit in {f"{each.name}.service", f"{each.name}@.service"} - {each.unit}:
            path = str(PurePosixPath(folder, each.name, unit))
            if paths.read(root, path) is not None:
                yield f"{path} is of another way to run it: disable that unit where it runs, delete the file"


def _shared_ports(found: Iterable[Deployment]) -> Iterator[str]:
    """Of one machine; on several hosts each has its own."""
    taken: dict[int, str] = {}
    for each in found:
        count = 1 if each.hosts else each.processes
        for key, first in (("health_port", each.health_port), ("metrics_port", each.metrics_port)):
            others = {taken.setdefault(port, each.name) for port in range(first, first + count)} - {each.name}
            if others:
                other = f"is a port of {min(others)} too: on one machine each needs its own"
                yield f"{each.name}: {key} {first} {other}"


def _writes(root: Path, contents: dict[str, bytes | None]) -> Iterator[Write]:
    for path, content in contents.items():
        before = paths.digest(paths.read(root, path))
        if paths.digest(content) != before:
            yield Write(path, content, before)


def _folder(root: Path, given: str) -> str:
    """In the project, with slashes. Raises `ConfigError`."""
    folder = Path(given)
    relative = os.path.relpath(folder, root.resolve()) if folder.is_absolute() else os.path.normpath(folder)
    if not given or Path(relative).is_absolute() or Path(relative).parts[:1] in ((os.pardir,), (_KGENS,)):
        hint = f"--to {FOLDER}, for example: a folder of the project, which kgen merges your edits in"
        raise ConfigError(f"{given!r} is not a folder of the project", where="--to", hint=hint)
    return Path(relative).as_posix()


def _words(root: Path, settings: Config, request: DeployRequest) -> Iterable[str]:
    """What to write: what was named, else all tables, else the only flow."""
    if request.names or settings.deploy:
        return request.names or settings.deploy
    flows = flows_of(root, settings.package)
    if len(flows) != 1:
        what = f"which flow? The project has {listed(flows)}" if flows else "the project has no flow"
        hint = (
            f"kgen deploy {request.platform} {flows[0]}, or a table [deploy.{flows[0]}] in kgen.toml"
            if flows
            else ('a table [deploy.NAME] flow = "package.module:name" in kgen.toml')
        )
        raise ConfigError(what, where=f"{config.NAME}, deploy", hint=hint)
    return flows


def _deployment(root: Path, settings: Config, word: str, platform: Platform, notes: list[str]) -> Deployment:
    name, flow, table = _named(root, settings, word)
    where = f"{config.NAME}, deploy.{name}.flow" if name in settings.deploy else word
    check_flow(root, flow, where)
    hint = f'give it another one: [deploy.NAME] flow = "{flow}" in kgen.toml'
    known = check_name(name, word, hint)
    env = {_BROKERS: settings.brokers, _REGISTRY: settings.registry.url}
    systemd = platform == "systemd"
    local = systemd and not table.hosts
    found = deployment(known, flow, table, dict(_reached(env, table, name, notes, local=local)))
    if table.image is None and not systemd:
        notes.append(f'{name}: the image is called {found.image}; [deploy.{name}] image = "…" names another')
    return found


def _named(root: Path, settings: Config, word: str) -> tuple[str, str, DeploySettings]:
    """The name, the flow and the table that a word means. Raises `ConfigError`."""
    flows = {name: _flow(settings, name, table) for name, table in settings.deploy.items()}
    if word in flows:
        return word, flows[word], settings.deploy[word]
    if "." in word or ":" in word:
        whole = word if ":" in word else f"{word}:flow"
        check_flow(root, whole, word)
        for name, flow in flows.items():
            if flow == whole:
                return name, flow, settings.deploy[name]
        name = whole.partition(":")[0].rpartition(".")[2]
        if name in flows:
            what = f"[deploy.{name}] in {config.NAME} is for another flow, {flows[name]}"
            raise ConfigError(what, where=word, hint=f'[deploy.NAME] flow = "{whole}" gives it another name')
        return name, whole, DeploySettings()
    known = flows_of(root, settings.package)
    if word not in known:
        every = list(dict.fromkeys([*flows, *known]))
        meant = difflib.get_close_matches(word, every, 1)
        there = f"it has {listed(every)}" if every else "it has none"
        hint = f"did you mean {meant[0]}?" if meant else f"{there}; name another as package.module:name"
        raise ConfigError(f"the project has no flow called {word}", where=word, hint=hint)
    return word, f"{settings.package}.flows.{word}:flow", DeploySettings()


def _flow(settings: Config, name: str, table: DeploySettings) -> str:
    flow = table.flow or f"{settings.package}.flows.{name.replace('-', '_')}"
    return flow if ":" in flow else f"{flow}:flow"


def _reached(
    env: dict[str, str], table: DeploySettings, name: str, notes: list[str], *, local: bool
) -> Iterator[tuple[str, str]]:
    """Those of this project that the flow reaches: what is on this machine only if it runs here (`local`)."""
    for variable, value in env.items():
        if variable in table.env:
            continue
        if value and (local or not _is_local(value)):
            yield variable, value
        elif not table.secret:
            why = f"{value} is this machine" if value else "kgen.toml has none"
            notes.append(f"{name}: {variable} is not set ({why}); put it into [deploy.{name}.env]")


def _is_local(addresses: str) -> bool:
    return any(_is_this_machine(each) for each in addresses.split(","))


def _is_this_machine(address: str) -> bool:
    host = address.strip().rpartition("://")[2].partition("/")[0]
    host = host.rpartition(":")[0].strip("[]") if ":" in host else host
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

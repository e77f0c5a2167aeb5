"""What `kgen new flow` does: a table in kgen.toml, and the files that it makes. Asks no registry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from .. import render
from ..errors import ConfigError, OutputError
from ..model.library import Library
from ..model.own_flows import flow_name, live_topics, near
from ..model.project import Module, Project
from ..model.settings import FlowSettings
from ..planning import user_files
from ..planning.dropped_flows import flow_paths
from ..project import config, lockfile, paths
from ..project.config import Config
from ..project.transaction import Write
from .held_model import HeldModel
from .inputs import Workspace
from .planned_writes import write_planned

_MOST_NAMES = 1_000  # of flows between the same topics


@dataclass(frozen=True)
class FlowRequest:
    """A flow to be written: the topics that it reads and writes, and its name (None: of both)."""

    source: str
    target: str
    name: str | None = None


@dataclass(frozen=True)
class NewFlow:
    """What was written, or with `dry` would be. `reader`: the module of the written topic, if that has a flow
    of its own.
    """

    name: str
    package: str
    topics: FlowSettings
    files: tuple[str, ...]
    reader: str | None


def write(workspace: Workspace, wanted: FlowRequest, *, dry: bool = False) -> NewFlow:
    """Write the flow, its test and its table in kgen.toml: all or nothing, and nothing else.

    Raises:
        ConfigError: a topic is not known, or the name is taken or invalid.
        LockError: nothing was pulled yet.
    """
    root = workspace.root
    if lockfile.read_text(root) is None:
        raise lockfile.absent(root)
    return write_planned(workspace, lambda: _planned(root, wanted), dry=dry)


def _planned(root: Path, wanted: FlowRequest) -> tuple[NewFlow, list[Write]]:
    text, lock = config.read_text(root), lockfile.load(root)
    if text is None or lock is None:
        raise lockfile.absent(root)
    settings, library = config.parse(text), Library(lock.snapshot)
    project = HeldModel(settings, lock, library).of(lock.snapshot)
    tables = _tables(project)
    source = _topic(project, tables, wanted.source, "--from")
    target = _topic(project, tables, wanted.target, "--to")
    if source.name == target.name:
        what = "a flow that writes to the topic that it reads never ends"
        raise ConfigError(what, where="--from, --to", hint="name two topics")
    name = _name(root, wanted, project, settings, (source.name, target.name))
    topics = FlowSettings(_table(tables, source), _table(tables, target))
    after = replace(settings, flows={**settings.flows, name: topics})
    made = HeldModel(after, lock, library).of(lock.snapshot)
    flow = next(each for each in made.flows if each.name == name)
    rendered = render.render(replace(made, modules=(), schemas=(), flows=(flow,)))
    contents = {config.NAME: config.with_flow(text, name, topics)}
    for path in flow_paths(made.folder, name):
        contents |= {path: rendered[path], user_files.base_path(path): rendered[path]}
    writes = [Write(p, it.encode(), paths.digest(paths.read(root, p))) for p, it in contents.items()]
    reader = target.name if target.topic and target.topic.flow else None
    shown = (config.NAME, *flow_paths(made.folder, name))
    return NewFlow(name, settings.package, topics, shown, reader), writes


def _tables(project: Project) -> dict[str, str]:
    """The modules of topics by the topics' names in kgen.toml."""
    purposes = ((it.partition(":"), module) for it, module in project.names.modules.items())
    return {name: module for (kind, _, name), module in purposes if kind == "topic"}


def _table(tables: Mapping[str, str], module: Module) -> str:
    return next(name for name, it in tables.items() if it == module.name)


def _topic(project: Project, tables: Mapping[str, str], word: str, flag: str) -> Module:
    topics = [module for module in project.modules if module.topic]
    name = tables.get(word)
    found = [it for it in topics if it.name == name] or [
        it for it in topics if it.topic and it.topic.name == word
    ]
    if found:
        return found[0]
    meant = near(word, live_topics(project.modules, tables)).lstrip(":; ")
    raise ConfigError(
        f"no topic is called {word}",
        where=f"{flag} {word}",
        hint=f"{meant or 'there are no topics'}; one that is new in the registry comes with `kgen pull`",
    )


def _name(
    root: Path, wanted: FlowRequest, project: Project, settings: Config, modules: tuple[str, str]
) -> str:
    """The name asked for, else one of both topics that is free."""
    if wanted.name is not None:
        taken = _taken(root, flow_name(wanted.name), project, settings)
        if taken:
            raise OutputError(f"a flow {wanted.name} cannot be written: {taken}", hint="choose another NAME")
        return wanted.name
    usual = "_to_".join(modules)
    every = [usual, *(f"{usual}_{number}" for number in range(2, _MOST_NAMES))]
    return flow_name(next(name for name in every if not _taken(root, name, project, settings)))


def _taken(root: Path, name: str, project: Project, settings: Config) -> str:
    """By what a flow's name is taken; empty if it is not."""
    if name in settings.flows:
        return f"kgen.toml has [flows.{name}]"
    if any(it.name == name and it.topic and it.topic.flow for it in project.modules):
        return f"the topic of {name} has a flow of that name"
    present = [path for path in flow_paths(project.folder, name) if (root / path).exists()]
    return f"{present[0]} is there" if present else ""

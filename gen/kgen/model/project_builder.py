"""A snapshot of a registry becomes a project: the whole of the model, pure."""

from __future__ import annotations

from . import module_assignment
from . import topic_plans as topics_of
from .association_notes import associated_notes
from .given import Before, History, Names
from .library import Library
from .members import Members
from .modules import ModuleBuilder
from .own_flows import own_flows, unmade_flows
from .project import Module, Project
from .settings import Settings
from .subjects import Snapshot
from .texts import Texts
from .unplaced_types import unplaced
from .unused_settings import unused


def build(
    snapshot: Snapshot,
    settings: Settings,
    given: Names | None = None,
    earlier: Library | None = None,
) -> Project:
    """What to render for the snapshot.

    The names `given` so far, for what `earlier` has, are kept whatever else arrives; texts that it has
    parsed are not parsed again. A subject whose
    newest version cannot be read is left out, with the reason in `Project.skipped`. Raises `ConfigError`
    if the settings bind a topic to what is not there.
    """
    known = earlier or Library(Snapshot("", ()))
    before, library = Before(given or Names(), known), known.of(snapshot)
    readable = topics_of.usable(snapshot, library)
    plans = topics_of.plan_topics(readable, settings)
    assignment = module_assignment.find(library, readable, plans, before, settings.flows)
    texts = Texts(library, readable, plans, assignment.of, settings.ignore_rules)
    now = History(library)
    members = Members(assignment.units, now, before)
    keeps = settings.out_of_range == "raw"
    builder = ModuleBuilder(
        library,
        assignment,
        plans,
        texts,
        members,
        now,
        before,
        keeps_raw=keeps,
        keeps_unknown=settings.extras == "keep",
    )
    modules = [builder.module(identity) for identity in assignment.order]
    kept = tuple(sorted(filter(_holds_something, modules), key=lambda it: it.name))
    topics = {plan.name: assignment.names[f"topic:{plan.name}"] for plan in plans}
    return Project(
        package=settings.package,
        kgen_version=settings.kgen_version,
        modules=kept,
        schemas=texts.all(),
        names=builder.names({it.name for it in kept}),
        skipped=(*readable.skipped, *topics_of.left_out(readable, settings)),
        notes=(
            *topics_of.contexts(readable, plans),
            *unused(readable, settings, plans),
            *unmade_flows(kept, topics, settings),
        ),
        flows=own_flows(kept, topics, settings),
        unplaced=tuple(unplaced(readable.types, plans, _referred(library))),
        associated=tuple(associated_notes(readable, plans, settings)),
    )


def _referred(library: Library) -> set[str]:
    """The subjects that schemas refer to."""
    return {it.subject for version in library.versions.values() for it in version.references}


def _holds_something(module: Module) -> bool:
    return bool(module.enums or module.records or module.aliases or module.topic)

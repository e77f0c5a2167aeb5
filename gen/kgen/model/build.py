"""A snapshot of a registry becomes a project: the whole of the model, pure."""

from __future__ import annotations

from collections.abc import Mapping

from . import homes as homes_of
from . import topics as topics_of
from .library import Library
from .modules import Drafts
from .project import Module, Project, Settings
from .subjects import Snapshot
from .texts import Texts


def build(
    snapshot: Snapshot,
    settings: Settings,
    locked_names: Mapping[str, Mapping[str, str]] | None = None,
    locked_modules: Mapping[str, str] | None = None,
) -> Project:
    """What to render for the snapshot.

    `locked_names` (subject -> Avro full name -> class) and `locked_modules` (as in `Project.module_names`)
    are kept whatever else arrives. A subject whose newest version cannot be read is left out, with the
    reason in `Project.skipped`. Raises `ConfigError` where the settings bind a topic to what is not there.
    """
    library = Library(snapshot)
    readable = topics_of.usable(snapshot, library)
    plans = topics_of.plan_topics(readable, settings)
    homes = homes_of.find(library, readable, plans, locked_modules)
    texts = Texts(library, readable, plans, settings.ignore_rules)
    drafts = Drafts(library, homes, plans, texts, locked_names or {})
    modules = [drafts.module(identity) for identity in homes.order]
    kept = tuple(sorted(filter(_holds_something, modules), key=lambda it: it.name))
    names = {it.name for it in kept}
    return Project(
        package=settings.package,
        kgen_version=settings.kgen_version,
        modules=kept,
        schemas=texts.all(),
        names=drafts.names(),
        module_names={it: name for it, name in sorted(homes.names.items()) if name in names},
        skipped=(*readable.skipped, *topics_of.left_out(readable, settings)),
    )


def _holds_something(module: Module) -> bool:
    return bool(module.enums or module.records or module.aliases or module.topic)

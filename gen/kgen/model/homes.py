"""Which module of `_generated` each version of a subject lives in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from . import names
from .library import Library, Pair, Unit
from .topics import TopicPlan, Usable, topic_of


@dataclass(frozen=True)
class Homes:
    """`order` lists the modules' identities, each after those it imports from; `of` is where a version's
    own types live; `names` are the modules' names. An identity says what the module is for:
    `topic:orders`, `subject:address`, `version:address v1`.
    """

    order: tuple[str, ...]
    of: Mapping[Pair, str]
    names: Mapping[str, str]
    primary: Mapping[str, int]


def find(
    library: Library, readable: Usable, topics: Iterable[TopicPlan], locked: Mapping[str, str] | None = None
) -> Homes:
    """Finds a home for every pulled subject and everything that it refers to. `locked` names are kept."""
    plans = {f"topic:{plan.name}": plan for plan in topics}
    units = _needed(library, [(name, versions[-1].version) for name, versions in readable.versions.items()])
    primary = dict(sorted(units))
    primary |= {name: versions[-1].version for name, versions in readable.versions.items()}
    split: set[str] = set()
    while True:
        homes = {pair: _home(pair, primary, plans, split) for pair in units}
        graph = _graph(units, homes, plans, primary)
        try:
            order = tuple(TopologicalSorter(graph).static_order())
            modules = names.module_names({it: _wanted(it) for it in order}, locked)
            return Homes(order, homes, modules, primary)
        except CycleError as error:
            # Key and value of a topic share a module, which may close a circle that the schemas do not have:
            # then each gets one of its own, and nothing imports from the topic's.
            split |= {identity for identity in error.args[1] if identity.startswith("topic:")}


def _needed(library: Library, pulled: list[Pair]) -> dict[Pair, Unit]:
    units: dict[Pair, Unit] = {}
    todo = list(pulled)
    while todo:
        pair = todo.pop()
        if pair not in units:
            unit = units[pair] = library.unit(pair)
            todo.extend(unit.origins[name] for name in unit.classes)
    return {pair: units[pair] for pair in sorted(units)}


def _home(pair: Pair, primary: Mapping[str, int], plans: Mapping[str, TopicPlan], split: set[str]) -> str:
    subject, version = pair
    if version != primary[subject]:
        return f"version:{subject} v{version}"
    topic, role = topic_of(subject) or ("", "")
    identity = f"topic:{topic}"
    plan = plans.get(identity)
    # A topic that several registry contexts know has the subjects of one of them.
    elsewhere = subject.startswith(":.") and not (plan and plan.subjects.get(role) == subject)
    return identity if topic and not elsewhere and identity not in split else f"subject:{subject}"


def _graph(
    units: Mapping[Pair, Unit],
    homes: Mapping[Pair, str],
    plans: Mapping[str, TopicPlan],
    primary: Mapping[str, int],
) -> dict[str, set[str]]:
    graph: dict[str, set[str]] = {identity: set() for identity in sorted({*homes.values(), *plans})}
    for pair, unit in units.items():
        graph[homes[pair]] |= {homes[unit.origins[name]] for name in unit.classes}
    for identity, plan in plans.items():
        for subject in plan.subjects.values():
            unit = units[subject, primary[subject]]
            graph[identity] |= {homes[unit.origins[name]] for name in unit.classes}
    return {identity: uses - {identity} for identity, uses in graph.items()}


def _wanted(identity: str) -> str:
    kind, _, name = identity.partition(":")
    if kind != "version":
        return names.module_name(name)
    subject, _, version = name.rpartition(" ")
    return f"{names.module_name(subject)}_{version}"

"""Which module of `_generated` each version of a subject lives in."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from graphlib import CycleError, TopologicalSorter

from kgen_runtime.serde.subject_names import context_of

from . import names
from .given import Before
from .library import Library, Pair, ParsedVersion, needed, referenced
from .topic_plans import TopicPlan, Usable, topic_of


@dataclass(frozen=True)
class ModuleAssignment:
    """`order` lists the modules' identities, each after those it imports from; `of` is where a version's
    own types live; `names` are the modules' names, also of those that are gone. An identity says what the
    module is for: `topic:orders`, `subject:address`, `version:address v1`. `other` has, for a subject that a
    topic reads and whose schemas changed their language, the last version in the language before.
    """

    order: tuple[str, ...]
    of: Mapping[Pair, str]
    names: Mapping[str, str]
    primary: Mapping[str, int]
    units: Mapping[Pair, ParsedVersion]
    other: Mapping[str, Pair]

    @cached_property
    def at(self) -> Mapping[str, tuple[Pair, ...]]:
        """The versions whose own types live in a module."""
        found: dict[str, tuple[Pair, ...]] = {}
        for pair, identity in self.of.items():
            found[identity] = (*found.get(identity, ()), pair)
        return found


def find(
    library: Library,
    readable: Usable,
    topics: Iterable[TopicPlan],
    before: Before,
    flows: Collection[str] = (),
) -> ModuleAssignment:
    """Finds a module for every pulled subject and everything that it refers to. What has one keeps it.
    `flows` are names that other flows have: no new topic with a flow gets such a one.
    """
    plans = {f"topic:{plan.name}": plan for plan in topics}
    latest = {name: versions[-1].version for name, versions in readable.versions.items()}
    read = {subject for plan in plans.values() for subject in plan.read}
    roles = {subject for plan in plans.values() for subject in plan.subjects.values()}
    other = dict(_in_other_language(readable, roles))
    units = needed(library, [*latest.items(), *other.values()])
    primary = _primary(library, units, {subject: latest[subject] for subject in read}, before)
    split = set(_split_before(read, plans, before))
    while True:
        module_of = {pair: _module_for(pair, primary, plans, split) for pair in units}
        graph = _graph(units, module_of, plans, primary, other)
        try:
            order = tuple(TopologicalSorter(graph).static_order())
            modules = names.module_names(
                {it: _wanted(it) for it in order},
                before.names.modules,
                lambda it, name: name in flows and it in plans and plans[it].flow,
            )
            return ModuleAssignment(order, module_of, modules, primary, units, other)
        except CycleError as error:
            # Key and value of a topic share a module, which may close a circle that the schemas do not have:
            # then each gets one of its own, and nothing imports from the topic's.
            split |= {identity for identity in error.args[1] if identity.startswith("topic:")}


def _in_other_language(readable: Usable, read: Iterable[str]) -> Iterator[tuple[str, Pair]]:
    """For each subject that was written in another language, the last version in that."""
    for subject in sorted(read):
        *earlier, latest = readable.versions[subject]
        others = [it.version for it in earlier if it.type != latest.type]
        if others:
            yield subject, (subject, others[-1])


def _split_before(read: Iterable[str], plans: Mapping[str, TopicPlan], before: Before) -> Iterable[str]:
    """Topics whose subjects have modules of their own: they stay there."""
    for subject in read:
        identity, (_, role) = _of_topic(subject, plans), topic_of(subject) or ("", "")
        plan = plans.get(identity)
        if plan and plan.subjects.get(role) == subject and f"subject:{subject}" in before.names.modules:
            yield identity


def _of_topic(subject: str, plans: Mapping[str, TopicPlan]) -> str:
    """The identity of the topic that a subject belongs to by its name and context; empty: none.

    A topic that several registry contexts know has the subjects of one of them, unless kgen.toml makes
    another one of it.
    """
    topic, role = topic_of(subject) or ("", "")
    context, usual = context_of(subject), f"topic:{topic}"
    plan = plans.get(usual)
    if plan and (plan.subjects.get(role) == subject or (plan.topic, plan.context) == (topic, context)):
        return usual
    others = (it for it, plan in plans.items() if (plan.topic, plan.context) == (topic, context))
    # Of all plans, so only where a name may be taken twice.
    return next(others, "") if context or plan else usual if topic else ""


def _primary(
    library: Library, units: Mapping[Pair, ParsedVersion], read: Mapping[str, int], before: Before
) -> dict[str, int]:
    """Subject -> the version that its module holds."""
    tiers = [set(needed(library, read.items())), referenced(units), set(units)]
    subjects = {subject for subject, _ in units}
    return {s: read[s] if s in read else _held(s, tiers, before) for s in sorted(subjects)}


def _held(subject: str, tiers: list[set[Pair]], before: Before) -> int:
    """The version in the module of a subject that no topic reads: the one that was there, as long as others
    use it. It leaves with the last of them, and follows where they went.
    """
    _, used, known = tiers
    old = before.held(subject) or 0
    kept = (subject, old) in known
    left = (subject, old) in before.referenced and any(name == subject for name, _ in used)
    if kept and ((subject, old) in used or not left):
        return old
    versions = ([version for name, version in tier if name == subject] for tier in tiers)
    return max(next(filter(None, versions)))


def _module_for(
    pair: Pair, primary: Mapping[str, int], plans: Mapping[str, TopicPlan], split: set[str]
) -> str:
    subject, version = pair
    if version != primary[subject]:
        return f"version:{subject} v{version}"
    identity = _of_topic(subject, plans)
    return identity if identity and identity not in split else f"subject:{subject}"


def _graph(
    units: Mapping[Pair, ParsedVersion],
    module_of: Mapping[Pair, str],
    plans: Mapping[str, TopicPlan],
    primary: Mapping[str, int],
    other: Mapping[str, Pair],
) -> dict[str, set[str]]:
    graph: dict[str, set[str]] = {identity: set() for identity in sorted({*module_of.values(), *plans})}
    for pair, unit in units.items():
        graph[module_of[pair]] |= {module_of[unit.origins[name]] for name in unit.classes}
    for identity, plan in plans.items():
        for subject in plan.read:
            pairs = [(subject, primary[subject]), *([other[subject]] if subject in other else [])]
            for unit in (units[pair] for pair in pairs):
                graph[identity] |= {module_of[unit.origins[name]] for name in unit.classes}
    return {identity: uses - {identity} for identity, uses in graph.items()}


def _wanted(identity: str) -> str:
    kind, _, name = identity.partition(":")
    if kind != "version":
        return names.module_name(name)
    subject, _, version = name.rpartition(" ")
    return f"{names.module_name(subject)}_{version}"

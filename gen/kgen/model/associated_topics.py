"""Topics by the associations that the registry keeps of them: they win over the names of subjects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kgen_runtime.serde.subject_names import context_of

from .subjects import TopicAssociation


def with_associations(
    found: Mapping[str, Mapping[str, Mapping[str, str]]],
    typed: Mapping[str, Mapping[str, tuple[str, ...]]],
    associations: Sequence[TopicAssociation],
    names: Mapping[str, Sequence[str]],
) -> tuple[dict[str, dict[str, dict[str, str]]], dict[str, dict[str, tuple[str, ...]]]]:
    """The subjects by topic, context and role, and those of topics of several types, with those of the
    associations in place of what names say. A topic with several subjects for its values has values of
    several types; one with several for its keys has them by name. `names` has the full names of each
    subject's types.
    """
    roles = {topic: {at: dict(its) for at, its in contexts.items()} for topic, contexts in found.items()}
    types = {topic: dict(contexts) for topic, contexts in typed.items()}
    for (topic, context, role), subjects in subjects_by_role(associations).items():
        distinct = _distinct(subjects, names) if role == "value" else subjects
        own = roles.setdefault(topic, {}).setdefault(context, {})
        if role == "value":
            own.pop(role, None)
            types.get(topic, {}).pop(context, None)
        if len(distinct) == 1:
            own[role] = distinct[0]
        elif role == "value":
            types.setdefault(topic, {})[context] = tuple(distinct)
    return roles, types


def subjects_by_role(associations: Sequence[TopicAssociation]) -> dict[tuple[str, str, str], list[str]]:
    """The subjects by topic, context and role."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for each in sorted(associations):
        found.setdefault((each.topic, context_of(each.subject), each.role), []).append(each.subject)
    return found


def _distinct(subjects: Sequence[str], types: Mapping[str, Sequence[str]]) -> list[str]:
    """Without those that have a type of the same name as one before: topics of one name, on several
    clusters, may be associated with one type in two subjects.
    """
    seen: set[str] = set()
    kept = []
    for subject in subjects:
        names = set(types.get(subject, ()))
        if not names & seen:
            kept.append(subject)
            seen |= names
    return kept

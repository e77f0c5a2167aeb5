"""Subjects that could be the values of a topic, and are those of none: what to write into kgen.toml."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence

from ..listing import listed, title
from .topic_plans import TopicPlan, topic_of
from .value_types import by_topic_and_name

_SHOWN = 8


def unplaced(
    types: Mapping[str, Sequence[str]], plans: Sequence[TopicPlan], referred: Collection[str]
) -> Iterator[str]:
    """A line for the subjects that no topic reads, with what makes them values of one. `types` has the full
    names of what the values of each subject are, `referred` the subjects that schemas refer to.
    """
    read = {subject for plan in plans for subject in plan.read}
    left = {it: names for it, names in types.items() if it not in read and it not in referred}
    left = {it: names for it, names in left.items() if topic_of(it) is None}
    tables = {(plan.topic, plan.context): plan for plan in plans}
    for topic, contexts in by_topic_and_name(left).items():
        for context, subjects in contexts.items():
            plan = tables.get((topic, context))
            if plan is not None:  # else it would be a topic of these
                own = [it.subject for it in plan.types] or filter(None, [plan.subjects.get("value")])
                yield _line(subjects, [*own, *subjects], types, f"[topics.{json.dumps(plan.name)}]")
                left = {it: names for it, names in left.items() if it not in subjects}
    if left:
        yield _line(sorted(left), sorted(left), types, "[topics.NAME]")


def _line(
    subjects: Sequence[str], every: Sequence[str], types: Mapping[str, Sequence[str]], table: str
) -> str:
    words = list(dict.fromkeys(_word(it, types) for it in every))
    shown = [title(word) for word in words[:_SHOWN]]
    rest = ["…"] if len(words) > _SHOWN else []
    return (
        f"no topic has values of {listed(list(map(title, subjects)))}: to read and write them, in kgen.toml, "
        f"{table} value = {json.dumps([*shown, *rest], ensure_ascii=False)}"
    )


def _word(subject: str, types: Mapping[str, Sequence[str]]) -> str:
    """The full name, if one subject alone has it."""
    names = types.get(subject, ())
    alone = len(names) == 1 and sum(names[0] in it for it in types.values()) == 1
    return names[0] if alone else subject

"""What the plan says of topics that the registry associates with subjects."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from ..listing import listed, title
from .associated_topics import subjects_by_role
from .settings import Settings
from .topic_plans import TopicPlan, Usable

_NOTED = 20


def associated_notes(names: Usable, plans: Sequence[TopicPlan], settings: Settings) -> Iterator[str]:
    """A line for each topic that has its subjects by association, or by kgen.toml instead."""
    by_topic = {(plan.topic, plan.context): plan for plan in plans}
    lines = []
    for (topic, context, role), subjects in subjects_by_role(names.associations).items():
        plan = by_topic.get((topic, context))
        if plan is None:
            continue
        words = settings.topics.get(plan.name)
        set_ = words is not None and bool(getattr(words, role) or (role == "value" and words.types))
        shown = listed([title(it) for it in subjects])
        if set_:
            read = {*plan.subjects.values(), *(it.subject for it in plan.types)}
            if not read.issuperset(subjects):
                lines.append(
                    f"the registry associates the {role}s of {title(topic)} with {shown}; kgen.toml says "
                    f"otherwise in [topics.{json.dumps(plan.name)}], and wins"
                )
        elif role == "key" and len(subjects) > 1:
            lines.append(f"the registry associates the keys of {title(topic)} with several subjects: {shown}")
        else:
            lines.append(f"the {role}s of {title(topic)} are of {shown}, by association in the registry")
    more = [f"and {len(lines) - _NOTED} more associations"] if len(lines) > _NOTED else []
    yield from [*lines[:_NOTED], *more]

"""What kgen.toml names that is not there: tables of topics, contexts, patterns of rules. Such lines do
nothing, most often because of a typing error.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from difflib import get_close_matches

from ..listing import listed, title
from .settings import Settings, TopicSettings
from .subject_filter import unmatched
from .topic_plans import TopicPlan, Usable, by_context, context_key, context_name, topic_of


def unused(names: Usable, settings: Settings, plans: Sequence[TopicPlan]) -> Iterator[str]:
    """A line for each table, context and pattern that fits nothing which was read. Subjects that were left
    out are known: what is said of those is not repeated.
    """
    left_out = {skip.subject for skip in names.skipped}
    found = by_context({*names.versions, *left_out})
    known = {topic: set(contexts) for topic, contexts in found.items()}
    made = {plan.name for plan in plans}
    for name, words in sorted(settings.topics.items()):
        topic = words.topic or name
        out = any((topic_of(subject) or ("",))[0] == topic for subject in left_out)
        why = _reason(words, topic, known, made=name in made, left_out=out)
        if why:
            yield f"kgen.toml, [topics.{title(name)}]: {why}"
    for pattern in unmatched(settings.ignore_rules, sorted({*names.versions, *left_out})):
        yield f"kgen.toml, [rules]: no subject matches {pattern.removeprefix('!')}"


def _reason(
    words: TopicSettings, topic: str, known: dict[str, set[str]], *, made: bool, left_out: bool
) -> str:
    contexts = known.get(topic, set())
    if words.context is not None and context_key(words.context) not in contexts:
        if contexts:
            there = listed([context_name(each) for each in sorted(contexts)])
            return f"no subject of the topic {topic} is in the context {words.context}; it is in {there}"
        return f"its context is not used: {_no_subject(topic, known)}"
    if made:
        return ""
    if contexts:
        return (
            "" if left_out else f"it makes no topic: no subject {topic}-value was read, and value is not set"
        )
    return f"it is not used: {_no_subject(topic, known)}"


def _no_subject(topic: str, known: Collection[str]) -> str:
    close = get_close_matches(topic, known, 3, 0.6)
    if close:
        return f"no subject {topic}-value or {topic}-key was read; did you mean {' or '.join(close)}?"
    there = f"; the topics are {listed(sorted(known))}" if known else ""
    return f"no subject {topic}-value or {topic}-key was read{there}"

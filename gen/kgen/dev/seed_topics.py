"""Which topics the schemas of a folder are the keys and values of: kgen.toml says so, else their names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kgen_runtime.errors import SchemaError

from ..model.settings import TopicSettings
from ..model.topic_plans import topic_of
from ..model.value_types import by_topic_and_name, named_subject
from .registered_schema import Registered


@dataclass(frozen=True)
class SeedTopic:
    """A topic, and the subjects of its keys and values. `messages` are those of .proto files that are its
    values, if not all of a file may be; `text_keys`: its keys are plain text.
    """

    name: str
    key: str = ""
    values: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()
    text_keys: bool = False

    @property
    def subjects(self) -> tuple[str, ...]:
        """Those of both."""
        return (self.key, *self.values) if self.key else self.values


def seed_topics(schemas: Sequence[Registered], tables: Mapping[str, TopicSettings]) -> dict[str, SeedTopic]:
    """The topics by name. `tables` are those of kgen.toml."""
    known = dict.fromkeys(each.schema.subject for each in schemas)
    names = {each.schema.subject: _full_names(each) for each in schemas}
    found: dict[str, SeedTopic] = {}
    for subject in known:
        if (at := topic_of(subject)) is not None:
            topic = at[0]
            before = found.get(topic, SeedTopic(topic))
            roles = {"key": before.key, "value": before.values[0] if before.values else "", at[1]: subject}
            found[topic] = SeedTopic(topic, roles["key"], tuple(filter(None, [roles["value"]])))
    typed = by_topic_and_name({it: of for it, of in names.items() if topic_of(it) is None})
    for topic, contexts in typed.items():
        subjects = tuple(it for group in contexts.values() for it in group)
        before = found.get(topic, SeedTopic(topic))
        found[topic] = SeedTopic(topic, before.key, (*before.values, *subjects))
    for table, words in tables.items():
        topic = words.topic or table
        made = _of_table(topic, words, found.get(topic, SeedTopic(topic)), names)
        if made.values:
            found[topic] = made
    return found


def _of_table(
    topic: str, words: TopicSettings, before: SeedTopic, names: Mapping[str, tuple[str, ...]]
) -> SeedTopic:
    context = f":{words.context}:" if words.context and words.context != "." else ""
    given = words.types or ((words.value,) if words.value else ())
    found = {word: named_subject(word, topic, context, names, names) for word in given}
    values = tuple(dict.fromkeys(it for it in found.values() if it is not None)) or before.values
    messages = tuple(word for word, subject in found.items() if subject is not None and word != subject)
    key = words.key if words.key in names else before.key
    return SeedTopic(topic, key or "", values, messages, text_keys=words.key == "string")


def _full_names(registered: Registered) -> tuple[str, ...]:
    try:
        return registered.full_names()
    except SchemaError:
        return ()  # which is reported when messages are made

"""Topics of several types: which subjects a topic's values are of, by the names of their types."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches

from kgen_runtime.codec.avro.schema.tree import Ref, Schema, Union
from kgen_runtime.codec.json.schema.json_tree import JsonObject, JsonRef, JsonSchema
from kgen_runtime.codec.protobuf.schema.proto_tree import WELL_KNOWN, MessageRef
from kgen_runtime.errors import ConfigError
from kgen_runtime.serde.subject_names import context_of, plain

from ..listing import listed, title
from ..protobuf.proto_model import ProtoModel
from .library import ParsedVersion


@dataclass(frozen=True)
class ValueType:
    """A type of a topic's values: the subject, and of a Protobuf file the message (empty: its first one)."""

    subject: str
    message: str = ""


def full_names(unit: ParsedVersion) -> tuple[str, ...]:
    """The full names of the types that values of a schema have: those of the record, or of the branches of
    the union, that it is. Of a JSON Schema its title, of a Protobuf file its messages outside of others.
    """
    return full_names_in(unit.schema)


def full_names_in(schema: Schema | JsonSchema | ProtoModel) -> tuple[str, ...]:
    """The same of a schema."""
    if isinstance(schema, ProtoModel):
        return tuple(name for name in schema.files.messages if name not in WELL_KNOWN)
    if isinstance(schema, JsonSchema):
        named = schema.names.get(schema.root.name) if isinstance(schema.root, JsonRef) else None
        return (named.title,) if isinstance(named, JsonObject) and named.title else ()
    branches = schema.root.branches if isinstance(schema.root, Union) else (schema.root,)
    return tuple(branch.name for branch in branches if isinstance(branch, Ref))


def of_value_type(unit: ParsedVersion, found: ValueType) -> ParsedVersion:
    """A schema with the message that a type is as its root."""
    if found.message and isinstance(unit.schema, ProtoModel):
        return replace(unit, schema=unit.schema.of(found.message))
    return unit


def type_word(unit: ParsedVersion) -> str:
    """The name under which a topic of several types has a schema's values: the full name of its type, of a
    union, whose branches are known, the subject.
    """
    found, root = full_names(unit), unit.schema.root
    if isinstance(root, MessageRef):
        return root.name
    return found[0] if len(found) == 1 else unit.version.subject


def by_topic_and_name(roots: Mapping[str, Sequence[str]]) -> dict[str, dict[str, tuple[str, ...]]]:
    """The subjects of the TopicRecordNameStrategy, `<topic>-<full name>`: topic -> context -> subjects.
    `roots` has the full names of each subject.
    """
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for subject, names in sorted(roots.items()):
        topic = plain(subject).removesuffix(f"-{names[0]}") if len(names) == 1 else ""
        if topic and topic != plain(subject) and "\0" not in topic:
            contexts = found.setdefault(topic, {})
            context = context_of(subject)
            contexts[context] = (*contexts.get(context, ()), subject)
    return found


def named_subject(
    word: str, topic: str, context: str, roots: Mapping[str, Sequence[str]], known: Iterable[str]
) -> str | None:
    """The subject that a type of a topic is of: by `<full name>` or `<topic>-<full name>` in the topic's
    context, by the subject's whole name, else the only one there whose type has that full name.
    """
    subjects = set(known)
    for name in (f"{context}{word}", f"{context}{topic}-{word}", word):
        if name in subjects:
            return name
    others = [it for it in sorted(subjects) if word in roots.get(it, ()) and context_of(it) == context]
    return others[0] if len(others) == 1 else None


def unknown_type(table: str, word: str, roots: Mapping[str, Sequence[str]]) -> ConfigError:
    """The error that a type of a topic is not the name of anything that was read."""
    several = [subject for subject, names in sorted(roots.items()) if word in names]
    known = sorted({name for names in roots.values() for name in names} | set(roots))
    close = get_close_matches(word, known, 3, 0.6)
    if several:
        hint = f"several subjects have it: use the name of one of them, {listed(list(map(title, several)))}"
    elif close:
        hint = f"did you mean {' or '.join(map(title, close))}?"
    else:
        hint = "use the full name of a record, or the name of a subject that is pulled; if it was removed "
        hint += "from the registry, take it out: its messages go to errs"
    return ConfigError(
        f"the topic {title(table)} is to have values of {title(word)}, which is not the name of a type or "
        "subject",
        where=f"kgen.toml, [topics.{title(table)}]",
        hint=hint,
    )


def refuse_same_names(table: str, found: Sequence[ValueType], types: Mapping[str, Sequence[str]]) -> None:
    """Raises `ConfigError` if two subjects of a topic have types of one full name: which of them a message is
    of does not follow from that.
    """
    seen: dict[str, str] = {}
    for each in found:
        for name in [each.message] if each.message else types.get(each.subject, ()):
            other = seen.setdefault(name, each.subject)
            if other != each.subject:
                raise ConfigError(
                    f"the topic {title(table)} has {title(name)} of two subjects: {title(other)} and "
                    f"{title(each.subject)}",
                    where=f"kgen.toml, [topics.{title(table)}]",
                    hint="list one of them: what a message is of is known by the full name of its type",
                )

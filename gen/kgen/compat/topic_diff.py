"""What changes for a topic as a whole: the type and the format of its key and of its value, and its name."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Literal, TypeAlias

from ..impact import Half, Outlines
from ..listing import title
from ..model.settings import TopicSettings
from ..model.topic_plans import FORMATS, ROLES

Part: TypeAlias = Literal["key", "value", "name"]

_BOTH = "rt.EitherSerde"
_BARE = re.compile(r"[A-Za-z0-9_-]+\Z", re.ASCII)
_KIND_OF = {"rt.JsonSerde": "dataclass", "rt.PydanticSerde": "pydantic model"}
_FORMAT_OF = {serde: name for name, (_, serde) in FORMATS.items()}


@dataclass(frozen=True)
class TopicChange:
    """A change of one part of a topic. `before` and `after` are types, or names. `text` says it all."""

    topic: str
    part: Part
    before: str
    after: str
    text: str

    def as_json(self) -> dict[str, Any]:
        """Its stable form."""
        return {
            "topic": self.topic,
            "part": self.part,
            "before": self.before,
            "after": self.after,
            "text": self.text,
        }


def topic_changes(
    old: Outlines,
    new: Outlines,
    settings: Mapping[str, TopicSettings],
    tables: Mapping[str, str],
) -> tuple[TopicChange, ...]:
    """What changed between two sets of generated modules, sorted by path.

    `settings` are those of kgen.toml, by its tables: what they set was not the registry's doing. `tables` has
    a module's table, present or not, if it is not named after the topic.
    """
    before, after = _topics(old), _topics(new)
    found: list[TopicChange] = []
    for path in sorted(before.keys() & after.keys()):
        table = tables.get(PurePosixPath(path).stem, after[path]["topic"].shown)
        found += _changes(before[path], after[path], table, settings.get(table, TopicSettings()))
    return tuple(found)


def _topics(modules: Outlines) -> dict[str, Mapping[str, Half]]:
    """Path -> `key`, `value` and `topic`, of the modules that have a topic."""
    return {path: it.halves for path, it in modules.items() if "topic" in it.halves}


def _changes(
    old: Mapping[str, Half], new: Mapping[str, Half], table: str, settings: TopicSettings
) -> Iterator[TopicChange]:
    was, topic = old["topic"].shown, new["topic"].shown
    if was != topic:
        text = f"the topic is {title(topic)} now (was {title(was)}): flows read and write that one"
        yield TopicChange(topic, "name", was, topic, text)
    for role in (r for r in ROLES if r in old and r in new):
        if _differs(old[role], new[role]):
            before, after = _shown(old[role]), _shown(new[role])
            if before == after:  # the same type by name, as another kind of class
                before, after = _with_kind(old[role], before), _with_kind(new[role], after)
            chosen = getattr(settings, role) is not None
            notes = _notes(table, role, old[role], new[role], chosen)
            text = "; ".join([f"{role} of {title(topic)}: {before} -> {after}", *notes])
            yield TopicChange(topic, "key" if role == "key" else "value", before, after, text)


def _differs(old: Half, new: Half) -> bool:
    return (old.types, old.serde) != (new.types, new.serde) or _other_subject(old, new)


def _other_subject(old: Half, new: Half) -> bool:
    return bool(old.schemas and new.schemas and old.schemas != new.schemas)


def _shown(half: Half) -> str:
    """The type, with the format where that is not one of a schema."""
    type_, format_ = " | ".join(half.types), _FORMAT_OF.get(half.serde)
    plain = {name: kind for name, (kind, _) in FORMATS.items()}
    ambiguous = format_ and list(plain.values()).count(plain[format_]) > 1
    return f"{type_} ({format_})" if ambiguous else type_


def _with_kind(half: Half, shown: str) -> str:
    kind = _KIND_OF.get(half.serde)
    return f"{shown} ({kind})" if kind else shown


def _notes(table: str, role: str, old: Half, new: Half, chosen: bool) -> Iterator[str]:
    """What becomes of messages in the old format, and how to stay with it."""
    was, now = _FORMAT_OF.get(old.serde), _FORMAT_OF.get(new.serde)
    if new.serde == _BOTH and not {"str", "int"} & {*new.types} - {*old.types}:
        yield f"{role}s in Avro and in JSON are both read"
    elif new.serde == _BOTH:
        yield f"{role}s with a schema and plain ones are both read"
    elif (was or old.serde == _BOTH) and not now:
        yield f"plain {role}s will be dead letters"
        if was and not chosen:
            yield from _ways_to_stay(table, role, was, new)
    elif now == "bytes" and not was:
        yield f"{role}s come as bytes, the schema's id at their head"
    elif now and not was:
        yield f"{role}s with a schema will be dead letters"
    elif was != now and now != "bytes":
        yield f"{role}s that are {was} will be dead letters"
    elif _other_subject(old, new):
        yield f"from the subject {new.schemas} (was {old.schemas})"


def _ways_to_stay(table: str, role: str, was: str, new: Half) -> Iterator[str]:
    yield f"to stay, put `{role} = {json.dumps(was)}` under `[topics.{_key(table)}]` in kgen.toml"
    if was == "bytes" and new.schemas and "str" not in new.types:
        both = json.dumps([new.schemas, "string"])
        yield f"if they are text, `{role} = {both}` there reads both"


def _key(table: str) -> str:
    """A key of TOML."""
    return table if _BARE.match(table) else json.dumps(table, ensure_ascii=False).replace("\x7f", "\\u007f")

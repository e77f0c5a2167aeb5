"""The registry's answers, checked: it is untrusted, so nothing of another shape or of an unreasonable size
goes on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from kgen_runtime.reporting.printable import printable
from kgen_runtime.serde.rules import in_force
from kgen_runtime.serde.subject_names import qualified, same, sibling

from ..errors import RegistryError
from ..model.subjects import Reference, SchemaType, SchemaVersion, TopicAssociation

MAX_SUBJECTS = 200_000
MAX_VERSIONS = 100_000
MAX_REFERENCES = 1_000  # of one schema
MAX_ASSOCIATIONS = 10_000  # of one subject
MAX_NAME = 4_096  # characters of a subject's or reference's name
MAX_TEXT = 4 << 20  # characters of a schema
_MESSAGES = 50  # of a verdict
_MESSAGE = 400  # characters of each


@dataclass(frozen=True)
class KnownSchema:
    """What a registry knows a schema as. Some leave out the version; `properties` are those of its
    metadata.
    """

    id: int
    version: int | None
    properties: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class CompatibilityAnswer:
    """Whether a schema may follow, and why not, in the registry's words."""

    compatible: bool
    messages: tuple[str, ...] = ()


def subject_names(answer: Any) -> list[str]:
    """The names that `GET /subjects` answered, sorted, each once."""
    names = _list(answer, MAX_SUBJECTS, "/subjects")
    for name in names:
        _name(name, "/subjects")
    return sorted(set(map(qualified, names)))


def version_numbers(answer: Any, subject: str) -> tuple[int, ...]:
    """The version numbers that `GET /subjects/{subject}/versions` answered, ascending."""
    where = f"{subject}, versions"
    return tuple(sorted({_version(n, where) for n in _list(answer, MAX_VERSIONS, where)}))


def schema_version(answer: Any, subject: str) -> SchemaVersion:
    """What `GET /subjects/{subject}/versions/{version}` answered. References to `latest` (-1) stay as they
    are; references without a context lie in that of the subject.
    """
    where = f"{subject}, schema"
    if not isinstance(answer, dict):
        raise _odd(where, "not an object")
    kind = answer.get("schemaType") or "AVRO"
    if not isinstance(kind, str) or not kind.isidentifier() or len(kind) > 40:
        raise _odd(where, f"schemaType {str(kind)[:40]!r}")
    if not same(subject, answer.get("subject")):
        raise _odd(where, f"the subject {printable(str(answer.get('subject')), 100)}")
    guid = answer.get("guid")
    references = _list(answer.get("references") or [], MAX_REFERENCES, where)
    return SchemaVersion(
        subject=subject,
        version=_version(answer.get("version"), where),
        id=_number(answer.get("id"), "id", where),
        type=cast(SchemaType, kind),  # one that nobody knows yet is skipped, as the unsupported ones are
        text=_text(answer.get("schema"), where),
        references=tuple(_reference(r, subject, where) for r in references),
        guid=_name(guid, where) if guid is not None else None,
        rules=in_force(answer),
        rule_set=_hash(answer.get("ruleSet")),
    )


def topic_associations(
    answer: Any, *, subject: str | None = None, topic: str | None = None
) -> frozenset[TopicAssociation]:
    """What `GET /associations/…` answered for a subject or a topic; those of others, and with anything but
    the keys and values of topics, are left out.
    """
    where = f"{subject or topic}, associations"
    found = set()
    for each in _list(answer, MAX_ASSOCIATIONS, where):
        if not isinstance(each, dict):
            raise _odd(where, "an association that is not an object")
        role = each.get("associationType")
        if each.get("resourceType", "topic") != "topic" or role not in ("key", "value"):
            continue
        name, of = _name(each.get("resourceName"), where), _name(each.get("subject"), where)
        if "\0" not in name and name == (topic or name) and same(subject or of, of):
            found.add(TopicAssociation(name, role, subject or qualified(of)))
    return frozenset(found)


def compatibility_policy(answer: Any) -> str | None:
    """The policy by which JSON Schemas are held against each other; None where it is not said."""
    policy = answer.get("compatibilityPolicy") if isinstance(answer, dict) else None
    return policy if policy in ("STRICT", "LENIENT") else None


def compatibility(answer: Any) -> str | None:
    """The level that `GET /config` answered, or None where it says nothing of the kind."""
    if not isinstance(answer, dict):
        return None
    level = answer.get("compatibilityLevel") or answer.get("compatibility")
    return level if isinstance(level, str) and level.replace("_", "").isalpha() and len(level) < 40 else None


def registered(answer: Any, subject: str) -> KnownSchema:
    """What a look-up or a registration of a schema answered."""
    where = f"{subject}, registered schema"
    if not isinstance(answer, dict):
        raise _odd(where, "not an object")
    if not same(subject, answer.get("subject")):
        raise _odd(where, f"the subject {printable(str(answer.get('subject')), 100)}")
    version = answer.get("version")
    metadata = answer.get("metadata")
    properties = metadata.get("properties") if isinstance(metadata, dict) else None
    texts = properties.items() if isinstance(properties, dict) else ()
    return KnownSchema(
        _number(answer.get("id"), "id", where),
        None if version is None else _version(version, where),
        {str(name): value for name, value in texts if isinstance(value, str)},
    )


def compatibility_answer(answer: Any, subject: str) -> CompatibilityAnswer:
    """What a compatibility check answered. The texts of the schemas themselves are left out of the
    messages.
    """
    verdict = answer.get("is_compatible") if isinstance(answer, dict) else None
    if not isinstance(verdict, bool):
        raise _odd(f"{subject}, compatibility", "no verdict")
    messages = answer.get("messages")
    texts = [m for m in (messages if isinstance(messages, list) else ()) if isinstance(m, str)]
    shown = [printable(m, _MESSAGE) for m in texts if not m.startswith("{oldSchema:")]
    return CompatibilityAnswer(verdict, tuple(shown[:_MESSAGES]))


def _reference(answer: Any, parent: str, where: str) -> Reference:
    if not isinstance(answer, dict):
        raise _odd(where, "a reference that is not an object")
    version = answer.get("version")
    number = -1 if version == -1 else _version(version, where)
    subject = sibling(parent, _name(answer.get("subject"), where))
    return Reference(_name(answer.get("name"), where), subject, number)


def _hash(rule_set: Any) -> str | None:
    if rule_set is None:
        return None
    text = json.dumps(rule_set, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _list(answer: Any, most: int, where: str) -> list[Any]:
    if not isinstance(answer, list):
        raise _odd(where, "not a list")
    if len(answer) > most:
        raise _odd(where, f"a list of {len(answer)}, more than {most}")
    return answer


def _name(value: Any, where: str) -> str:
    if not isinstance(value, str) or not value or len(value) > MAX_NAME or not _encodable(value):
        raise _odd(where, "a name that is empty, too long or not text")
    return value


def _number(value: Any, what: str, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**31:
        raise _odd(where, f"a {what} that is not a number")
    return value


def _version(value: Any, where: str) -> int:
    number = _number(value, "version", where)
    if number == 0:
        raise _odd(where, "version 0")
    return number


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise _odd(where, "a schema that is not text")
    if len(value) > MAX_TEXT:
        raise _odd(where, f"a schema of {len(value)} characters, more than {MAX_TEXT}")
    if not _encodable(value):
        raise _odd(where, "a schema with half of a surrogate pair, which UTF-8 cannot hold")
    return value


def _encodable(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _odd(where: str, what: str) -> RegistryError:
    return RegistryError(
        f"the registry answered with {what}",
        where=where,
        hint="is this a Confluent-compatible schema registry?",
    )

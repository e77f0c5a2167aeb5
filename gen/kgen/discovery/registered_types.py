"""What the registry has under an id or GUID: the language, the names of the types, the subjects."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias
from urllib.parse import quote

from kgen_runtime.errors import RegistryError, RegistryUnavailable, SchemaError
from kgen_runtime.reporting.printable import printable
from kgen_runtime.serde import Role
from kgen_runtime.serde.message_indexes import FIRST
from kgen_runtime.serde.message_order import message_order
from kgen_runtime.serde.message_scopes import MessageOrder
from kgen_runtime.serde.registry.client import RegistryClient
from kgen_runtime.serde.writer_kinds import title

from ..model.subjects import TopicAssociation
from ..registry.answers import topic_associations

Strategy: TypeAlias = Literal["associated", "TopicName", "RecordName", "TopicRecordName", "other"]

_LONGEST: Final = 200  # characters of a name
_MOST: Final = 1_000  # subjects of a schema
_STRATEGIES: Final[tuple[Strategy, ...]] = (
    "associated",
    "TopicName",
    "TopicRecordName",
    "RecordName",
    "other",
)


@dataclass(frozen=True)
class RegisteredType:
    """A schema that messages name. `names` are the full names of its types as far as they stand in it,
    `subjects` those that have it; `order` the messages of a .proto file, of which each payload says its own.
    `problem` says why nothing is known of it.
    """

    language: str = ""
    names: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    problem: str = ""
    unknown: bool = False  # the registry has none under this id
    order: MessageOrder | None = None

    def subject(
        self, topic: str, role: Role, names: Sequence[str], associated: Collection[str] = ()
    ) -> tuple[str, Strategy]:
        """The subject that messages of the topic are of, with types of these names; and how that is found.
        `associated` are the subjects that the registry associates with this part of the topic.
        """
        by_strategy: dict[Strategy, str] = {
            "associated" if it in associated else strategy_of(it, topic, role, names): it
            for it in reversed(self.subjects)
        }
        found = next((it for it in _STRATEGIES if it in by_strategy), None)
        return (by_strategy[found], found) if found else ("", "other")


def strategy_of(subject: str, topic: str, role: Role, names: Sequence[str]) -> Strategy:
    """How the name of a subject is made."""
    if subject == f"{topic}-{role}":
        return "TopicName"
    if subject in (f"{topic}-{name}" for name in names):
        return "TopicRecordName"
    return "RecordName" if subject in names else "other"


class RegisteredTypes:
    """Asks a registry, once for each schema. `registry` is None if none is set."""

    def __init__(self, registry: RegistryClient | None) -> None:
        self._registry = registry
        self._known: dict[int | uuid.UUID, RegisteredType] = {}
        self._associated: dict[str, frozenset[TopicAssociation]] = {}

    def find(self, key: int | uuid.UUID, topic: str, role: Role) -> RegisteredType:
        """What is known of a schema that messages of a topic name. Raises `RegistryUnavailable`."""
        if key not in self._known:
            self._known[key] = self._ask(key, topic, role)
        return self._known[key]

    def associated(self, topic: str, role: Role) -> frozenset[str]:
        """The subjects that the registry associates with the keys or values of a topic. Raises
        `RegistryUnavailable`.
        """
        if topic not in self._associated:
            self._associated[topic] = self._ask_associations(topic)
        return frozenset(it.subject for it in self._associated[topic] if it.role == role)

    def _ask_associations(self, topic: str) -> frozenset[TopicAssociation]:
        """One request; none if the registry has no associations, as most."""
        if self._registry is None:
            return frozenset()
        path = f"/associations/resources/-/{quote(topic, safe='')}"
        try:
            return topic_associations(self._registry.get(path, {"resourceType": "topic"}), topic=topic)
        except RegistryUnavailable:
            raise
        except RegistryError:
            return frozenset()

    def _ask(self, key: int | uuid.UUID, topic: str, role: Role) -> RegisteredType:
        if self._registry is None:
            return RegisteredType(problem="no registry is set")
        path = f"/schemas/ids/{key}" if isinstance(key, int) else f"/schemas/guids/{key}"
        try:
            answer = self._registry.get(path)
        except RegistryUnavailable:
            raise
        except RegistryError as error:
            return RegisteredType(problem=_problem(error), unknown=error.status == 404)
        if not isinstance(answer, dict) or not isinstance(answer.get("schema"), str):
            return RegisteredType(problem="the registry's answer is not a schema")
        language = printable(str(answer.get("schemaType") or "AVRO"), 40)
        text = answer["schema"]
        order = _order_of(text) if language == "PROTOBUF" else None
        names = tuple(full_names_of(language, text) if order is None else order.names(FIRST))
        if isinstance(key, uuid.UUID) and isinstance(answer.get("id"), int):
            key = answer["id"]
        subjects = self._subjects(key, answer, [f"{topic}-{role}", *names, *(f"{topic}-{n}" for n in names)])
        return RegisteredType(language, names, tuple(subjects), order=order)

    def _subjects(self, key: int | uuid.UUID, answer: dict[str, Any], likely: Sequence[str]) -> list[str]:
        """The subjects with a schema, by asking for them; where a registry cannot say, the likely ones."""
        ways: list[Callable[[], Any]] = []
        if isinstance(key, int):
            ways += [lambda: self._get(f"/schemas/ids/{key}/versions")]
            ways += [lambda: self._get(f"/schemas/ids/{key}/subjects")]
        for way in ways:
            found = way()
            if isinstance(found, list):
                names = [it.get("subject") if isinstance(it, dict) else it for it in found[:_MOST]]
                return sorted({name for name in names if isinstance(name, str) and name})
        return [subject for subject in likely if self._has(subject, answer)]

    def _has(self, subject: str, answer: dict[str, Any]) -> bool:
        body = {name: answer[name] for name in ("schema", "schemaType", "references") if answer.get(name)}
        try:
            found = self._client.post(f"/subjects/{quote(subject, safe='')}", body)
        except RegistryUnavailable:
            raise
        except RegistryError:
            return False
        return isinstance(found, dict) and "id" in found

    def _get(self, path: str) -> Any:
        try:
            return self._client.get(path)
        except RegistryUnavailable:
            raise
        except RegistryError:
            return None

    @property
    def _client(self) -> RegistryClient:
        assert self._registry is not None
        return self._registry


def _problem(error: RegistryError) -> str:
    return "not in the registry" if error.status == 404 else printable(error.what, _LONGEST)


def _order_of(text: str) -> MessageOrder | None:
    """The messages of a .proto file; None of a text that is none."""
    try:
        return message_order(text)
    except SchemaError:
        return None


def full_names_of(language: str, text: str) -> list[str]:
    """The full names of the types that values of a schema's text have: a record's, those of the records of a
    union, a title in JSON Schema. Empty if it has none, or is not known to have one.
    """
    if language == "JSON":
        return [named] if (named := title(text)) else []
    try:
        schema = json.loads(text) if language == "AVRO" else None
    except (ValueError, RecursionError):
        return []
    branches = schema if isinstance(schema, list) else [schema]
    return [name for branch in branches if (name := _avro_name(branch))]


def _avro_name(branch: Any) -> str:
    if isinstance(branch, str):
        return branch if "." in branch else ""  # a type of a schema that it refers to, or a primitive
    name, space = (branch.get(it) if isinstance(branch, dict) else None for it in ("name", "namespace"))
    if not isinstance(name, str):
        return ""
    return f"{space}.{name}" if isinstance(space, str) and space and "." not in name else name

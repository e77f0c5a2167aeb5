"""What the keys or the values of a topic are: a finding for each way that they are written in."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from kgen_runtime.serde import Role
from kgen_runtime.serde.message_indexes import FIRST
from kgen_runtime.serde.message_scopes import Indexes, MessageOrder

from .message_frames import Framing
from .payload_census import Look, PayloadCensus, Place
from .registered_types import RegisteredType, RegisteredTypes, Strategy

MOST_SCHEMAS: Final = 1_000
"""Schemas of one topic that the registry is asked for."""


@dataclass(frozen=True)
class PartFinding:
    """Some messages whose keys or values are alike: how many, how they are framed, which schema they name and
    what the registry has of that. `look` is what they are without one. `types` are full names, as far as they
    are known, `problem` says what is not known, and why. `is_first`: it is the first message of its .proto
    file, which values are if kgen.toml does not say more.
    """

    role: Role
    framing: Framing
    messages: int
    key: int | uuid.UUID | None = None
    language: str = ""
    types: tuple[str, ...] = ()
    subject: str = ""
    strategy: Strategy | None = None
    look: Look | None = None
    problem: str = ""
    is_first: bool = True

    def as_json(self) -> dict[str, Any]:
        """Its stable form."""
        return {
            "part": self.role,
            "framing": self.framing,
            "messages": self.messages,
            "id": self.key if isinstance(self.key, int) else None,
            "guid": str(self.key) if isinstance(self.key, uuid.UUID) else None,
            "language": self.language or None,
            "types": list(self.types),
            "subject": self.subject or None,
            "strategy": self.strategy,
            "looks_like": self.look,
            "problem": self.problem or None,
        }


def findings(census: PayloadCensus, topic: str, types: RegisteredTypes) -> list[PartFinding]:
    """The findings of the keys or values of a topic, the most frequent first.

    Raises `RegistryUnavailable`.
    """
    known: dict[Place, RegisteredType] = {}
    numbers: dict[Place, Look] = {}
    for place, _ in census.counts.most_common(MOST_SCHEMAS):
        framing, key = place
        if key is None or framing == "Glue":
            continue
        found = known[place] = types.find(key, topic, census.role)
        look = census.look(place)
        if framing == "id" and found.unknown and look in ("long", "double"):
            numbers[place] = look
    associated = types.associated(topic, census.role) if known else ()
    made = [
        each
        for place, count in census.without(numbers).items()
        for each in _of_place(census, place, count, topic, known.get(place), numbers, associated)
    ]
    return sorted(made, key=lambda it: (-it.messages, str(it.key)))


def _of_place(
    census: PayloadCensus,
    place: Place,
    count: int,
    topic: str,
    found: RegisteredType | None,
    numbers: dict[Place, Look],
    associated: Collection[str],
) -> Iterator[PartFinding]:
    framing, key = place
    if framing == "null":
        yield PartFinding(census.role, framing, count)
    elif framing == "none":
        looks = {*numbers.values(), *([census.look(place)] if place in census.counts else [])}
        look: Look = "long" if looks == {"long", "double"} else looks.pop() if len(looks) == 1 else "bytes"
        yield PartFinding(census.role, framing, count, look=look)
    elif framing == "Glue":
        problem = "schemas of AWS Glue are not read"
        yield PartFinding(census.role, framing, count, key, problem=problem)
    elif found is None:
        yield PartFinding(census.role, framing, count, key, problem="not asked for: too many schemas")
    elif found.order is not None:
        for indexes, each in sorted(census.indexes[place].items(), key=str):
            yield _of_message(census.role, place, each, topic, found, found.order, indexes, associated)
    else:
        yield _of_types(census.role, place, count, topic, found, found.names, associated)


def _of_message(
    role: Role,
    place: Place,
    count: int,
    topic: str,
    found: RegisteredType,
    order: MessageOrder,
    indexes: Indexes | None,
    associated: Collection[str],
) -> PartFinding:
    """What is one message of a .proto file; `indexes` are None where the payload does not say which."""
    names = () if indexes is None else order.names(indexes)[:1]
    made = _of_types(role, place, count, topic, found, names, associated)
    if indexes is None:
        what = "they have no message indexes"
    elif not names:
        what = f"the schema has no message at the indexes {list(indexes)}"
    elif len(indexes) > 1:
        what = f"{names[0]} is defined inside another message: no value of a topic for kgen.toml"
    else:
        return replace(made, is_first=indexes == FIRST)
    return replace(made, problem=made.problem or what)


def _of_types(
    role: Role,
    place: Place,
    count: int,
    topic: str,
    found: RegisteredType,
    names: tuple[str, ...],
    associated: Collection[str],
) -> PartFinding:
    subject, strategy = found.subject(topic, role, names, associated)
    return PartFinding(
        role,
        place[0],
        count,
        place[1],
        found.language,
        names,
        subject,
        strategy if subject else None,
        problem=found.problem or ("" if subject else "no subject has it"),
    )

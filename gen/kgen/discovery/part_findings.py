"""What the keys or the values of a topic are: a finding for each way that they are written in."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Final

from kgen_runtime.serde import Role

from .message_frames import Framing
from .payload_census import Look, PayloadCensus, Place
from .registered_types import RegisteredType, RegisteredTypes, Strategy

MOST_SCHEMAS: Final = 1_000
"""Schemas of one topic that the registry is asked for."""


@dataclass(frozen=True)
class PartFinding:
    """Some messages whose keys or values are alike: how many, how they are framed, which schema they name and
    what the registry has of that. `look` is what they are without one. `types` are full names, as far as they
    are known, `problem` says what is not known, and why.
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
    else:
        subject, strategy = found.subject(topic, census.role, found.names, associated)
        yield PartFinding(
            census.role,
            framing,
            count,
            key,
            found.language,
            found.names,
            subject,
            strategy if subject else None,
            problem=found.problem or ("" if subject else "no subject has it"),
        )

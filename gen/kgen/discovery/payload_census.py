"""The frames of many keys or values, counted, and what those without a schema look like."""

from __future__ import annotations

import struct
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from kgen_runtime.errors import FramingError
from kgen_runtime.messages import Headers
from kgen_runtime.serde import Role
from kgen_runtime.serde.framing import split_message
from kgen_runtime.serde.message_scopes import Indexes

from .message_frames import Framing, frame_of

Place: TypeAlias = "tuple[Framing, int | uuid.UUID | None]"
"""A framing, and the schema that it names."""
Look: TypeAlias = Literal["string", "JSON", "long", "int", "double", "bytes"]

_LONG, _INT = 8, 4  # bytes
_MOST_INDEXES: Final = 1_000  # kinds of them with a schema: payloads of other formats have any
_DOUBLES: Final = frozenset((0x3F, 0x40, 0x41, 0xBF, 0xC0, 0xC1))  # first bytes of 1e-5 to 1e9, about


@dataclass
class _Looks:
    """What payloads may all be, each of which rules something out."""

    left: set[Look] = field(default_factory=lambda: {"string", "JSON", "long", "int", "double"})

    def add(self, payload: bytes) -> None:
        sizes: dict[Look, int] = {"long": _LONG, "double": _LONG, "int": _INT}
        self.left -= {look for look, size in sizes.items() if len(payload) != size}
        if "string" in self.left and not _is_text(payload):
            self.left -= {"string", "JSON"}
        if "JSON" in self.left and not (payload[:1] in b"{[" and payload.rstrip()[-1:] in b"}]" and payload):
            self.left.discard("JSON")
        if "double" in self.left and not _is_double(payload):
            self.left.discard("double")

    @property
    def best(self) -> Look:
        """The likeliest: a text of eight bytes is a text."""
        order: tuple[Look, ...] = ("JSON", "string", "double", "long", "int")
        return next((look for look in order if look in self.left), "bytes")


@dataclass
class PayloadCensus:
    """The keys or the values of a topic. `counts` says how many are framed in which way, `indexes` for those
    with a schema what their message indexes are if that is one of Protobuf.
    """

    role: Role
    counts: Counter[Place] = field(default_factory=Counter)
    indexes: dict[Place, Counter[Indexes | None]] = field(default_factory=dict)
    _looks: dict[Place, _Looks] = field(default_factory=dict)

    def add(self, payloads: Iterable[bytes | None], headers: Iterable[Headers]) -> None:
        """Count some messages."""
        for payload, each in zip(payloads, headers):
            frame = frame_of(payload, each, self.role)
            place: Place = (frame.framing, frame.key)
            self.counts[place] += 1
            if payload is not None:
                self._looks.setdefault(place, _Looks()).add(payload)
                if frame.key is not None and frame.framing != "Glue":
                    self._count_indexes(place, payload, each)

    def _count_indexes(self, place: Place, payload: bytes, headers: Headers) -> None:
        counts = self.indexes.setdefault(place, Counter())
        try:
            found = split_message(payload, headers, self.role)[1]
        except FramingError:
            counts[None] += 1
        else:
            counts[found if found in counts or len(counts) < _MOST_INDEXES else None] += 1

    def look(self, place: Place) -> Look:
        """What the payloads of a place look like, frame and all."""
        found = self._looks.get(place)
        return found.best if found else "bytes"

    def without(self, places: Mapping[Place, Look]) -> Counter[Place]:
        """The counts with some that are numbers which begin as a frame does."""
        found = Counter({place: count for place, count in self.counts.items() if place not in places})
        for place in places:
            found["none", None] += self.counts[place]
        return found


def _is_text(payload: bytes) -> bool:
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        return False
    return all(c.isprintable() or c in "\t\r\n" for c in text[:1000])


def _is_double(payload: bytes) -> bool:
    value = struct.unpack(">d", payload)[0]
    return value == 0 or payload[0] in _DOUBLES

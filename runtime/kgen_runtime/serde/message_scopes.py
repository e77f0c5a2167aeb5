"""What a Protobuf file defines, as it is found: messages inside each other, by their message indexes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from ..errors import SchemaError

Indexes: TypeAlias = "tuple[int, ...]"
"""Where a message stands: its place among those of the file, then among those inside that one, and so on."""

MAX_MESSAGES: Final = 30_000
MAX_NESTED: Final = 100
"""How deeply messages, and blocks of any kind, may be nested."""
MAX_NAME: Final = 1_000


@dataclass(frozen=True)
class MessageOrder:
    """The full names of a file's messages, by their indexes, and its package.

    `written` counts the messages that are written as such, as Confluent's Java clients do. In `described`
    the entry of a map and a group take a place among the nested messages as well: so they are in descriptors,
    from which clients in other languages take their indexes.
    """

    written: Mapping[Indexes, str]
    described: Mapping[Indexes, str]
    package: str = ""

    def names(self, indexes: Indexes) -> tuple[str, ...]:
        """The full name of the message there; none if there is none.

        Two if the two ways to count differ there, as they do after a map or a group: that of Java first.
        """
        found = (self.written.get(indexes), self.described.get(indexes))
        return tuple(dict.fromkeys(name for name in found if name is not None))

    def indexes(self, name: str) -> Indexes | None:
        """Where the message of a full name is, as Java counts; None if it is not in the file."""
        return next((found for found, each in self.written.items() if each == name), None)


@dataclass
class MessageScope:
    """Where messages are defined: a file (its name is the package), or a message."""

    name: str
    written: Indexes | None = ()  # None: inside a group
    described: Indexes = ()
    next_written: int = 0
    next_described: int = 0

    def take_entry(self) -> None:
        """A map has a message of its own."""
        self.next_described += 1


@dataclass
class OrderBuilder:
    """Messages as they come."""

    written: dict[Indexes, str] = field(default_factory=dict)
    described: dict[Indexes, str] = field(default_factory=dict)

    def add(self, scope: MessageScope, name: str, *, is_written: bool = True) -> MessageScope:
        """The scope of a message that is defined in another. Raises `SchemaError` if there are too many."""
        if len(self.described) >= MAX_MESSAGES:
            raise SchemaError(f"more than {MAX_MESSAGES} messages in a Protobuf file")
        full = checked_name(f"{scope.name}.{name}" if scope.name else name)
        made = MessageScope(full, None, (*scope.described, scope.next_described))
        if is_written and scope.written is not None:
            made.written = (*scope.written, scope.next_written)
            scope.next_written += 1
            self.written[made.written] = full
        scope.next_described += 1
        self.described[made.described] = full
        return made

    def made(self, package: str) -> MessageOrder:
        """All of them."""
        return MessageOrder(self.written, self.described, package)


def checked_name(name: str) -> str:
    """Raises `SchemaError` for one that is too long."""
    if len(name) > MAX_NAME:
        raise SchemaError(f"a name of {len(name)} characters: the most is {MAX_NAME}")
    return name

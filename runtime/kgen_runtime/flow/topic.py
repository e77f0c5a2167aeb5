"""A topic: its name, and how its keys and values are read and written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from ..reporting.call_site import wrong_argument
from ..serde.base import Serde

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True)
class Topic(Generic[K, V]):
    """A Kafka topic with typed keys and values. Generated code makes one for each topic of the registry."""

    name: str
    key: Serde[K]
    value: Serde[V]

    def __post_init__(self) -> None:
        """Raises `FlowError` for a name or a serde that is none."""
        name: object = self.name
        if not isinstance(name, str) or not name or "\0" in name:
            raise wrong_argument(f"rt.Topic: name={self.name!r} is not a topic's name", "Pass a str.")
        for part, serde in self._serdes():
            if not isinstance(serde, Serde):
                given = f"the class {serde.__name__}" if isinstance(serde, type) else repr(serde)[:60]
                raise wrong_argument(
                    f"rt.Topic: {part} is {given}, not a Serde",
                    "Pass an instance, as rt.StringSerde(), or a generated one.",
                )

    def _serdes(self) -> tuple[tuple[str, object], ...]:
        return ("key", self.key), ("value", self.value)

"""A topic: its name, and how its keys and values are read and written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from .serde.base import Serde

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True)
class Topic(Generic[K, V]):
    """A Kafka topic with typed keys and values. Generated code makes one for each topic of the registry."""

    name: str
    key: Serde[K]
    value: Serde[V]

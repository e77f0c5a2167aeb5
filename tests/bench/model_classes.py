"""Classes that the messages of several benches have in them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Status(Enum):
    NEW = "NEW"
    PAID = "PAID"
    SHIPPED = "SHIPPED"


@dataclass(slots=True, kw_only=True)
class Place:
    latitude: float
    longitude: float

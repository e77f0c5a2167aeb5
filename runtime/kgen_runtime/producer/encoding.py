"""Typed messages to bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

from ..errors import RegistryError
from ..flow.retry import retry_until_available
from ..flow.topic import Topic
from ..kafka.connection import Kafka
from ..messages import Message
from ..serde.base import Encoder, Role

K = TypeVar("K")
V = TypeVar("V")

Encoded: TypeAlias = "tuple[bytes | None, bytes | None]"


class PartError(Exception):
    """The error of encoding the key or the value. Never leaves the runtime."""

    def __init__(self, part: Role, error: Exception) -> None:
        super().__init__(part, error)
        self.part = part
        self.error = error


def encoder(step_id: str, topic: Topic[K, V], kafka: Kafka) -> Callable[[Message[K, V]], Encoded]:
    """A function that gives key and value in bytes. Belongs to one worker thread.

    It waits while the registry is unavailable, and raises `RegistryError` if that is at fault in another
    way: every message would fail so. `PartError` says that this message is at fault.
    """
    key: Encoder[K] = topic.key.encoder(kafka.store, "key")
    value: Encoder[V] = topic.value.encoder(kafka.store, "value")
    encode_key, encode_value = key.encode, value.encode

    def encode(message: Message[K, V]) -> Encoded:
        try:
            return encode_key(message.key), encode_value(message.value)
        except Exception:  # noqa: BLE001 - find out which, and whether it passes
            return retry_until_available(step_id, lambda: carefully(message))

    def carefully(message: Message[K, V]) -> Encoded:
        return _encoded("key", encode_key, message.key), _encoded("value", encode_value, message.value)

    return encode


def _encoded(part: Role, encode: Callable[[Any], bytes | None], value: Any) -> bytes | None:
    try:
        return encode(value)
    except RegistryError:
        raise
    except Exception as error:
        raise PartError(part, error) from error

"""What `Memory` is given to read, checked and encoded as producers would have written it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, cast

from ..errors import ConfigError, KgenError
from ..flow.topic import Topic
from ..messages import Message, RawMessage
from ..reporting.shown_argument import shown
from ..serde.base import Encoder
from ..serde.schema_store import SchemaStore


def checked_inputs(inputs: object) -> Mapping[Topic[Any, Any], Sequence[Any]]:
    """Raises `ConfigError` for what is not a mapping of topics to lists."""
    form = "Give {topic: [value, ...]}, as testing.Memory({clicks.topic: [Click(...)]})."
    if not isinstance(inputs or {}, Mapping):
        raise ConfigError(f"testing.Memory: the inputs are {shown(inputs)}, not a dict", hint=form)
    given: Mapping[Any, Any] = cast("Mapping[Any, Any]", inputs or {})
    names: set[str] = set()
    for topic, items in given.items():
        if not isinstance(topic, Topic):
            raise ConfigError(f"testing.Memory: {shown(topic)} is not a Topic", hint=form)
        if topic.name in names:
            raise ConfigError(f"testing.Memory: two of the topics are {topic.name}", hint=form)
        names.add(topic.name)
        if isinstance(items, (str, bytes)) or not isinstance(items, Sequence):
            raise ConfigError(
                f"testing.Memory: the inputs of topic {topic.name} are {shown(items)}, not a list", hint=form
            )
    return given


def encoded_inputs(topic: Topic[Any, Any], items: Sequence[Any], store: SchemaStore) -> list[RawMessage]:
    """The messages of a topic, in order. Raises `ConfigError` for what the topic does not take."""
    key, value = topic.key.encoder(store, "key"), topic.value.encoder(store, "value")

    def part(index: int, name: str, encoder: Encoder[Any], given: object) -> bytes | None:
        try:
            return encoder.encode(given)
        except Exception as error:  # whatever a serde raises for what it is not made for
            raise ConfigError(
                f"testing.Memory: the {name} of item {index} of topic {topic.name} is {shown(given)}, which "
                f"the topic does not take: {one_line(error)}",
                hint="Items are values of the topic, rt.Message(key, value), or rt.RawMessage.",
            ) from error

    def encoded(index: int, item: Any) -> RawMessage:
        if isinstance(item, RawMessage):
            return _possible(topic.name, index, item)
        message = item if isinstance(item, Message) else Message(None, item)
        raw = RawMessage(
            key=part(index, "key", key, message.key),
            value=part(index, "value", value, message.value),
            topic=topic.name,
            partition=message.partition,
            offset=message.offset,
            timestamp=message.timestamp,
            headers=message.headers,
        )
        return _possible(topic.name, index, raw)

    return [encoded(index, item) for index, item in enumerate(items)]


def _possible(topic: str, index: int, raw: RawMessage) -> RawMessage:
    """Raises `ConfigError` for what no broker could have given."""
    for name, fits, expected in _POSSIBLE:
        given: object = getattr(raw, name)
        if given is not None and not fits(given):
            raise ConfigError(
                f"testing.Memory: the {name} of item {index} of topic {topic} is {shown(given)}, not "
                f"{expected}",
                hint="Items are values of the topic, rt.Message(key, value), or rt.RawMessage with bytes.",
            )
    return raw


def _is_bytes(given: object) -> bool:
    return isinstance(given, bytes)


def _is_position(given: object) -> bool:
    return isinstance(given, int) and 0 <= given < 1 << 63


def _are_headers(given: object) -> bool:
    return isinstance(given, (tuple, list)) and all(map(_is_header, given))


def _is_header(given: object) -> bool:
    if not isinstance(given, tuple) or len(given) != 2:
        return False
    return isinstance(given[0], str) and isinstance(given[1], (bytes, type(None)))


_POSSIBLE: Final[Sequence[tuple[str, Callable[[object], bool], str]]] = (
    ("key", _is_bytes, "bytes"),
    ("value", _is_bytes, "bytes"),
    ("partition", _is_position, "a non-negative integer"),
    ("offset", _is_position, "a non-negative integer"),
    ("timestamp", lambda given: isinstance(given, int), "milliseconds, an int"),
    ("headers", _are_headers, "(name, bytes) pairs"),
)


def one_line(error: BaseException) -> str:
    """One line of text."""
    text = f"{error.what} (at {error.where})" if isinstance(error, KgenError) and error.where else str(error)
    return " ".join(text.split())

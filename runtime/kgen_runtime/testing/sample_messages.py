"""Messages as the producers of a topic would write them."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeVar

from ..codec import make_proto_writer, make_writer
from ..codec.avro.resolution.resolve import check
from ..codec.avro.sample_values import sample
from ..codec.protobuf.proto_samples import sample_proto
from ..errors import ConfigError
from ..flow.argument_checks import checked
from ..flow.topic import Topic
from ..messages import RawMessage
from ..reporting.shown_argument import shown
from ..serde.avro_serde import AvroSerde
from ..serde.base import Role, Serde
from ..serde.either import EitherSerde
from ..serde.framing import id_prefix
from ..serde.json_payloads import json_payloads
from ..serde.json_serde import JsonSerde
from ..serde.message_indexes import written_indexes
from ..serde.primitive import BytesSerde, DoubleSerde, IntSerde, LongSerde, NoneSerde, StringSerde
from ..serde.protobuf_serde import ProtobufSerde
from ..serde.schema_store import SchemaStore
from ..serde.types_serde import TypesSerde

K = TypeVar("K")
V = TypeVar("V")

_FIRST_TIMESTAMP: Final = 1_767_225_600_000  # 2026-01-01T00:00:00Z


@checked
def samples(topic: Topic[K, V], n: int = 10, seed: int = 0) -> list[RawMessage]:
    """`n` messages as producers of every known schema version would write them; the same for the same seed.

    Versions that today's cannot read (`kgen pull --allow-incompatible`) are left out.
    Raises `ConfigError` for a serde whose messages cannot be made up, and for invalid arguments.
    """
    for name, given in (("n", n), ("seed", seed)):
        if not isinstance(given, int) or isinstance(given, bool) or (name == "n" and given < 0):
            wanted = "an integer" if name == "seed" else "a number of messages, from 0"
            hint = f"testing.samples(topic, {name}=10), for example."
            raise ConfigError(f"invalid {name}={shown(given)}: expected {wanted}", hint=hint)
    rng = random.Random(seed)  # noqa: S311 - nothing secret
    keys, values = _sampler(topic.key, "key", rng), _sampler(topic.value, "value", rng)
    return [
        RawMessage(
            key=next(keys),
            value=next(values),
            topic=topic.name,
            partition=0,
            offset=i,
            timestamp=_FIRST_TIMESTAMP + 1000 * i,
        )
        for i in range(n)
    ]


def _sampler(serde: Serde[Any], role: Role, rng: random.Random) -> Iterator[bytes | None]:
    if isinstance(serde, AvroSerde):
        return _avro_sampler(serde, rng)
    if isinstance(serde, JsonSerde):
        return json_payloads(serde, rng)
    if isinstance(serde, ProtobufSerde):
        return _proto_sampler(serde, rng)
    if isinstance(serde, TypesSerde):
        each = [_sampler(one, role, rng) for one in serde.serdes.values()]
        return (next(one) for one in itertools.cycle(each))
    if isinstance(serde, EitherSerde):
        both = [_sampler(half, role, rng) for half in (serde.framed, serde.plain)]
        return (next(half) for half in itertools.cycle(both))
    for kind, make in _PLAIN.items():
        if isinstance(serde, kind):
            encoder = serde.encoder(SchemaStore(None), role)
            return (encoder.encode(make(i)) for i in itertools.count())
    raise ConfigError(f"no samples can be generated for {serde!r}", hint="Pass RawMessages of your own.")


def _avro_sampler(serde: AvroSerde[Any], rng: random.Random) -> Iterator[bytes]:
    reader = serde.schemas.versions[-1].parse()
    known = [(version, version.parse()) for version in serde.schemas.versions]
    for version, schema in itertools.cycle([it for it in known if not check(it[1], reader)]):
        yield make_writer(schema).encode(sample(schema, rng), id_prefix(version.id))


def _proto_sampler(serde: ProtobufSerde[Any], rng: random.Random) -> Iterator[bytes]:
    """What the latest file has, with the id and the message indexes of each version that has the message."""
    schema, versions = serde.schemas.messages, serde.schemas.versions
    encode = make_proto_writer(schema, serde.message).encode
    frames = [
        id_prefix(version.id) + written_indexes(indexes)
        for version in versions
        if (indexes := version.parse_messages().indexes(serde.message)) is not None
    ]
    for frame in itertools.cycle(frames):
        yield encode(sample_proto(schema, serde.message, rng), b"" if serde.framing == "none" else frame)


_PLAIN: Final[dict[type[Serde[Any]], Callable[[int], Any]]] = {
    StringSerde: lambda i: f"key-{i}",
    LongSerde: lambda i: i,
    IntSerde: lambda i: i,
    DoubleSerde: lambda i: i + 0.5,
    BytesSerde: lambda i: f"key-{i}".encode(),
    NoneSerde: lambda i: None,
}

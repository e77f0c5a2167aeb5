"""Several types in one topic: each message is read and written by the serde of its type."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Generic, TypeVar

from ..codec import batch_functions
from ..codec.avro.schema.tree import Union, branch_name
from ..codec.decoded import NO_ERRORS
from ..codec.json.schema.json_tree import JsonRef, JsonUnion
from ..errors import ConfigError, EncodeError, KgenError
from ..messages import Headers
from .avro_serde import AvroSerde
from .base import DecodedBatch, Decoder, Encoder, PrefixDecoder, Role, Serde
from .frames import tagged
from .framing import HEADERS
from .json_serde import JsonSerde
from .protobuf_serde import ProtobufSerde
from .pydantic_serde import PydanticSerde
from .schema_store import SchemaStore
from .type_routes import TypedSerde, TypeRoutes

T = TypeVar("T")

_BATCHES: Final = batch_functions()
_PICKED: Final = _BATCHES.picked
_SPREAD: Final = _BATCHES.spread


class TypesSerde(Serde[T]):
    """Values of several types in one topic, each with the serde of its own subject.

    `serdes` has them by the full name of what they read: of a record, of a message; of JSON Schema the title.
    All of them are framed. A message is read by the serde of the name that the schema gives it that wrote it,
    never by trial; one of another type is an `UnexpectedTypeError`. A schema of a subject's own versions is
    read by the serde of the subject, also if it was renamed since. What is written goes by its class, with
    the latest schema of that one's subject. The type is the one that the declaration gives, as in
    `value: rt.Serde[OrderPlaced | OrderShipped] = rt.TypesSerde({…})`.

    Raises `ConfigError` for other serdes, and for one without framing.
    """

    def __init__(self, serdes: Mapping[str, Serde[Any]]) -> None:
        made: dict[str, TypedSerde] = {}
        for name, serde in serdes.items():
            if not isinstance(serde, AvroSerde | JsonSerde | ProtobufSerde):
                hint = "Use AvroSerde, JsonSerde, PydanticSerde or ProtobufSerde."
                raise ConfigError(f"{serde!r} cannot be one of several types in a topic", hint=hint)
            if not isinstance(serde, AvroSerde) and serde.framing == "none":
                hint = "The types are distinguished by the schema that wrote a message: leave framing out."
                raise ConfigError(f"{name}: a serde without framing", hint=hint)
            made[name] = serde
        if not made:
            raise ConfigError("a TypesSerde needs the serde of one type at least")
        self.serdes: Mapping[str, TypedSerde] = made

    def decoder(self, store: SchemaStore, role: Role) -> Decoder[T]:
        """A decoder for one worker. Raises `SchemaError` if a generated schema is not valid."""
        return _TypesDecoder(self.serdes, store, role)

    def encoder(self, store: SchemaStore, role: Role) -> Encoder[T]:
        """An encoder. Raises `SchemaError` if a latest schema is not valid."""
        return _TypesEncoder(self, store, role)

    def check_writable(self, store: SchemaStore) -> None:
        """See the base: of all types."""
        for serde in self.serdes.values():
            serde.check_writable(store)

    def serde_of(self, cls: type[Any]) -> TypedSerde | None:
        """The serde that writes objects of a class; None if there is none."""
        roots = {
            root: serde for serde in reversed(list(self.serdes.values())) for root in _root_classes(serde)
        }
        return next((roots[base] for base in cls.__mro__ if base in roots), None)

    def __repr__(self) -> str:
        return f"TypesSerde({', '.join(self.serdes)})"


def _root_classes(serde: TypedSerde) -> Iterable[type[Any]]:
    """The classes of whole values."""
    if isinstance(serde, PydanticSerde):
        return [serde.model]
    names: list[str]
    if isinstance(serde, ProtobufSerde):
        names = [serde.message]
    elif isinstance(serde, AvroSerde):
        root = serde.schemas.latest.parse().root
        names = [branch_name(it) for it in (root.branches if isinstance(root, Union) else (root,))]
    else:
        node = serde.schemas.latest.parse_json().root
        branches = node.branches if isinstance(node, JsonUnion) else (node,)
        names = [it.name for it in branches if isinstance(it, JsonRef)]
    return [serde.classes[name] for name in names if name in serde.classes]


class _TypesDecoder(Generic[T]):
    def __init__(self, serdes: Mapping[str, TypedSerde], store: SchemaStore, role: Role) -> None:
        self._routes = TypeRoutes(serdes, store, role)
        self._header = HEADERS[role]
        self._decoders: list[PrefixDecoder[Any]] = [
            serde.framed_decoder(store, role)
            if isinstance(serde, ProtobufSerde)
            else serde.decoder(store, role)
            for serde in serdes.values()
        ]

    def decode_many(
        self, payloads: Sequence[bytes | None], headers: Sequence[Headers] | None = None
    ) -> DecodedBatch:
        """See `Decoder.decode_many`."""
        self._routes.forget_old()
        carried = tagged(headers, self._header)
        values: list[Any] = [None] * len(payloads)
        ids: list[int | None] = [None] * len(payloads)
        errors: dict[int, KgenError] = {}
        for choice, prefix, at in self._routes.split(payloads, carried, ids, errors):
            decoder = self._decoders[choice]
            if prefix:
                if len(at) == len(payloads):
                    return decoder.decode_prefixed(payloads, prefix)
                decoded = decoder.decode_prefixed(_PICKED(payloads, at), prefix)
            else:
                given = _PICKED(headers, at) if carried and headers else None
                decoded = decoder.decode_many(_PICKED(payloads, at), given)
            _SPREAD(decoded.values, at, values)
            _SPREAD(decoded.schema_ids, at, ids)
            if decoded.errors:
                errors.update((at[i], error) for i, error in decoded.errors.items())
        return DecodedBatch(values, ids, errors or NO_ERRORS)


class _TypesEncoder(Generic[T]):
    def __init__(self, serde: TypesSerde[T], store: SchemaStore, role: Role) -> None:
        self._serde = serde
        self._encoders: dict[int, Encoder[Any]] = {
            id(each): each.encoder(store, role) for each in serde.serdes.values()
        }
        self._by_class: dict[type[Any], Encoder[Any]] = {}

    def encode(self, value: T | None) -> bytes | None:
        """See `Encoder.encode`."""
        if value is None:
            return None
        encoder = self._by_class.get(type(value))
        return (self._find(type(value)) if encoder is None else encoder).encode(value)

    def _find(self, cls: type[Any]) -> Encoder[Any]:
        serde = self._serde.serde_of(cls)
        if serde is None:
            names = ", ".join(self._serde.serdes)
            raise EncodeError(f"expected an object of a class of {names}, not of {cls.__qualname__}")
        found = self._by_class[cls] = self._encoders[id(serde)]
        return found

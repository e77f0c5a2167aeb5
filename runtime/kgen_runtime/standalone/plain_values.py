"""`rt.to_dict` and `rt.to_json`: objects of generated classes as the JSON form that all of kgen shows, and
`kgen produce` reads.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeAlias

from ..codec import make_json_writer, make_proto_reader, make_proto_writer, make_writer
from ..codec.avro.json_encoding import dumps
from ..codec.avro.json_encoding import to_json as avro_to_json
from ..codec.avro.schema.tree import Schema
from ..codec.json.schema.json_tree import JsonRef, JsonSchema
from ..codec.protobuf.proto_json import ProtoJson
from ..codec.protobuf.schema.proto_tree import ProtoEnum, ProtoMessage, ProtoSchema
from ..errors import EncodeError, FlowError
from ..messages import Message, RawMessage
from ..reporting.shown_argument import shown
from ..serde.base import Serde
from ..serde.protobuf_serde import ProtobufSerde
from ..serde.types_serde import TypesSerde
from ..state.homes import Binding
from ..state.json_homes import JsonBinding
from ..state.proto_homes import ProtoBinding
from ..state.registration import binding_of

_Plain: TypeAlias = Callable[[Any], Any]

_AS_THEY_ARE = (str, int, float, Decimal, type(None))
_KNOWN = 1_000
"""Classes and serdes whose writers are kept, by each thread."""


class _ThreadWriters(threading.local):
    """Writers belong to one thread."""

    def __init__(self) -> None:
        self.writers: dict[int, tuple[Any, _Plain]] = {}


_made = _ThreadWriters()


def to_dict(obj: Any, *, serde: Serde[Any] | None = None) -> dict[str, Any]:
    """An object of a generated class as a dict of JSON values, by the names of its schema.

    Of Avro it is Avro's JSON encoding: a union's value stands in a dict under the name of its branch, null
    alone; dates, times and timestamps are numbers as on the wire, bytes and fixed strings with a character
    for each byte (U+0000 to U+00FF); decimals are `Decimal`s, which `to_json` writes as numbers with all of
    their digits. Of JSON Schema it is the message itself. Of Protobuf it is the JSON mapping of Protobuf with
    the names of the .proto file: see docs/reference/protobuf.md.

    With a `serde` (`orders.value`) the object is a whole value of it: in a union of records, that one too
    stands under its branch, and in a topic of several types under the name of its type.

    Raises `EncodeError` if the object does not fit its schema, or is not of a generated class.
    """
    made = _plain(obj, serde)
    if not isinstance(made, dict):
        raise EncodeError(
            f"{shown(obj)} is not a record", hint="rt.to_json takes any value, rt.to_dict those with fields."
        )
    return made


def to_json(obj: Any, *, indent: int | None = None, serde: Serde[Any] | None = None) -> str:
    """The same as text: one line of ASCII, or with `indent` spaces for each level. It takes plain values as
    well (`str`, `int`, `bytes`, ...), and lists and dicts of all these.

    Raises as `to_dict` does.
    """
    if indent is not None and (not isinstance(indent, int) or isinstance(indent, bool) or indent < 0):
        raise FlowError(f"invalid indent={indent!r}", hint="Pass a number of spaces, or None for one line.")
    made = _plain(obj, serde)
    return dumps(made) if indent is None else "".join(_indented(made, " " * indent, "\n"))


def _plain(obj: Any, serde: Serde[Any] | None) -> Any:
    if serde is not None:
        return _writer(serde, _of_serde)(obj)
    if isinstance(obj, bool) or (isinstance(obj, _AS_THEY_ARE) and binding_of(type(obj)) is None):
        return _number(obj) if isinstance(obj, (int, float)) else obj
    if isinstance(obj, bytes):
        return obj.decode("latin-1")
    if isinstance(obj, list):
        return [_plain(each, None) for each in obj]
    if isinstance(obj, dict) and all(isinstance(name, str) for name in obj):
        return {name: _plain(each, None) for name, each in obj.items()}
    return _writer(type(obj), _of_class)(obj)


def _number(number: float) -> float:
    """Without a class of its own."""
    return bool(number) if isinstance(number, bool) else int(number) if isinstance(number, int) else number


def _writer(key: Any, make: Callable[[Any], _Plain]) -> _Plain:
    found = _made.writers.get(id(key))
    if found is None:
        if len(_made.writers) >= _KNOWN:
            _made.writers.clear()
        found = _made.writers[id(key)] = key, make(key)  # held, so that its id stays its own
    return found[1]


def _of_class(cls: type[Any]) -> _Plain:
    binding = next((found for base in cls.__mro__ if (found := binding_of(base)) is not None), None)
    if isinstance(binding, Binding):
        return _avro(binding.home.alone(binding.name), binding.home.classes)
    if isinstance(binding, ProtoBinding):
        return _of_proto(binding)
    if isinstance(binding, JsonBinding):
        return _json(JsonSchema(JsonRef(binding.place), binding.schema.names), binding.classes)
    pydantic = sys.modules.get("pydantic")
    if pydantic is not None and issubclass(cls, pydantic.BaseModel):
        return _of_model
    hint = "It takes objects of generated classes; of other values: rt.to_json(value, serde=orders.value)."
    if issubclass(cls, (Message, RawMessage)):
        hint = "Pass its value: rt.to_json(message.value)."
    raise EncodeError(f"{cls.__module__}.{cls.__qualname__} is not a generated class", hint=hint)


def _of_proto(binding: ProtoBinding) -> _Plain:
    named = binding.schemas.messages.names.get(binding.name)
    if isinstance(named, ProtoMessage):
        return _proto(binding.schemas.messages, binding.name, binding.classes)
    if isinstance(named, ProtoEnum):
        return lambda member: member.name if member.name in binding.cls.__members__ else int(member)
    raise EncodeError(f"{binding.cls.__qualname__} holds a member of a oneof: pass the message that has it")


def _of_serde(serde: Serde[Any]) -> _Plain:
    if isinstance(serde, TypesSerde):
        return lambda value: _under_its_type(serde, value)
    if isinstance(serde, ProtobufSerde):
        return _proto(serde.schemas.messages, serde.message, serde.classes)
    schemas = getattr(serde, "schemas", None)
    if schemas is None:
        raise EncodeError(f"{shown(serde)} has no schema", hint="Leave serde= out: the value is as it is.")
    make = getattr(serde, "make_writer", None)
    if make is not None:
        encode = make().encode
        return lambda value: _parsed(encode(value))
    classes: Any = serde.classes  # type: ignore[attr-defined]
    return _avro(schemas.latest.parse(), classes)


def _avro(schema: Schema, classes: Any) -> _Plain:
    encode = make_writer(schema, classes).encode
    return lambda value: avro_to_json(schema, encode(value))


def _json(schema: JsonSchema, classes: Any) -> _Plain:
    encode = make_json_writer(schema, classes).encode
    return lambda value: _parsed(encode(value))


def _proto(schema: ProtoSchema, message: str, classes: Any) -> _Plain:
    encode = make_proto_writer(schema, message, classes).encode
    decode = make_proto_reader(schema, message, out_of_range="raw").decode
    of_value = ProtoJson(schema, message).of_value
    return lambda value: of_value(decode(encode(value)))


def _under_its_type(serde: TypesSerde[Any], value: Any) -> dict[str, Any]:
    found = serde.serde_of(type(value))
    if found is None:
        raise EncodeError(f"{shown(value)} is not an object of one of the types of {serde!r}")
    name = next(name for name, each in serde.serdes.items() if each is found)
    return {name: _writer(found, _of_serde)(value)}


def _of_model(model: Any) -> Any:
    return _parsed(model.model_dump_json(by_alias=True, exclude_unset=True))


def _parsed(text: str | bytes) -> Any:
    return json.loads(text, parse_float=Decimal)


def _indented(value: Any, step: str, line: str) -> list[str]:
    """The pieces of a text; `line` begins a line of the level."""
    if not isinstance(value, (dict, list)) or not value:
        return [dumps(value)]
    inner = line + step
    parts: list[str] = []
    names = [f"{dumps(name)}: " for name in value] if isinstance(value, dict) else [""] * len(value)
    for name, item in zip(names, value.values() if isinstance(value, dict) else value):
        parts += ["," if parts else "", inner, name, *_indented(item, step, inner)]
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    return [opening, *parts, line, closing]

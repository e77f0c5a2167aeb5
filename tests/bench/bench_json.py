"""The JSON codec against `json` and a dataclass by hand, msgspec, and Confluent's serdes: five documents.

All read or write the same messages one by one; kgen, msgspec and what is written by hand to the same
dataclasses. Confluent's serdes give and take dicts, and validate, as by default; kgen's codec does
not, and its serde does in the contests that say so.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from kgen_runtime.codec import make_json_reader, make_json_writer
from kgen_runtime.codec.json.schema.json_parser import parse_json_schema
from kgen_runtime.serde import JsonSerde, Schemas, SchemaStore, WriterSchema
from tests.bench.harness import Result, contest, each
from tests.bench.json_cases import CASES, JsonCase, dumped

Peers = dict[str, tuple[Callable[[], object], float | None]]


def confluent(case: JsonCase) -> tuple[Callable[[Any], bytes], Callable[[bytes], Any]]:
    """Confluent's serializer and deserializer, with a registry in the process."""
    registry = SchemaRegistryClient.new_client({"url": f"mock://json-{len(case.name)}"})
    context = SerializationContext("bench", MessageField.VALUE)
    text = json.dumps({"$schema": "http://json-schema.org/draft-07/schema#", "title": "Bench", **case.schema})
    serializer = JSONSerializer(text, registry)
    deserializer = JSONDeserializer(text, schema_registry_client=registry)
    return lambda value: serializer(value, context), lambda data: deserializer(data, context)


def both_ways(case: JsonCase) -> Iterator[Result]:
    schema = parse_json_schema(json.dumps(case.schema))
    reader, writer = make_json_reader(schema, case.classes), make_json_writer(schema, case.classes)
    rng = random.Random(case.name)
    dicts = [case.make(rng) for _ in range(case.messages)]
    payloads = [dumped(value) for value in dicts]
    serialize, deserialize = confluent(case)
    framed = [serialize(value) for value in dicts]
    objects = [reader.decode(data) for data in payloads]
    assert objects == [case.hand(json.loads(data)) for data in payloads]
    assert objects == [reader.decode(writer.encode(value)) for value in objects]

    versions = (WriterSchema(1, 1, json.dumps(case.schema), type="JSON"),)
    serde: JsonSerde[Any] = JsonSerde(Schemas("bench", versions), case.classes, validate=True)
    validated = serde.decoder(SchemaStore(None), "value").decode_many
    assert (validated(framed).values, dict(validated(framed).errors)) == (objects, {})

    def by_hand(value: Any) -> bytes:
        return json.dumps(case.plain(value), separators=(",", ":")).encode()

    decoders: Peers = {"json + by hand": (each(lambda data: case.hand(json.loads(data)), payloads), 5)}
    encoders: Peers = {
        "json + by hand": (each(by_hand, objects), 4),
        "Confluent, validates": (each(serialize, dicts), None),
    }
    if case.msgspec is not None:
        decode = msgspec.json.Decoder(case.msgspec).decode
        assert [decode(data) for data in payloads] == objects
        decoders["msgspec"] = each(decode, payloads), 1
        encoders["msgspec"] = each(msgspec.json.Encoder().encode, objects), None
    yield from contest(
        f"decode JSON: {case.name}",
        ("kgen", each(reader.decode, payloads)),
        decoders,
        clock=time.process_time,
    )
    yield from contest(
        f"decode and validate JSON: {case.name}",
        ("kgen", lambda: validated(framed)),
        {"Confluent, validates": (each(deserialize, framed), 20)},
        clock=time.process_time,
    )
    yield from contest(
        f"encode JSON: {case.name}", ("kgen", each(writer.encode, objects)), encoders, clock=time.process_time
    )


def run() -> Iterator[Result]:
    """All contests of the JSON codec."""
    for case in CASES:
        yield from both_ways(case)

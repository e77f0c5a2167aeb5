"""The codecs on shapes that could bend the curve, against what a user would take. Avro: fastavro, from
and to dicts. JSON: `json` and a dataclass by hand. Protobuf: google.protobuf (upb) and a dataclass by hand.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from kgen.protobuf.descriptor_walk import declared_files
from kgen.protobuf.protoc import descriptor_set
from kgen_runtime.codec import (
    make_json_reader,
    make_json_writer,
    make_proto_reader,
    make_proto_writer,
    make_reader,
    make_writer,
)
from kgen_runtime.codec.avro.schema.parser import parse
from kgen_runtime.codec.json.schema.json_parser import parse_json_schema
from tests.bench.fast_avro import fast_decoder, fast_encoder
from tests.bench.harness import Result, contest, each
from tests.bench.shapes import SHAPES, Shape, dumped, titles

ENOUGH = 0.15
"""Seconds of a contest: there are more than a hundred."""
Side = tuple[Callable[[Any], object], list[Any]]


def contests(format_: str, shape: Shape, peer: str, *sides: tuple[Side, Side, float]) -> Iterator[Result]:
    """Decoding, and then encoding: kgen's call and what it is given, the peer's, the goal."""
    for way, ((ours, given), (theirs, taken), goal) in zip(("decode", "encode"), sides):
        yield from contest(
            f"{way} {format_}: {shape.name}",
            ("kgen", each(ours, given)),
            {peer: (each(theirs, taken), goal)},
            clock=time.thread_time,
            enough=ENOUGH,
        )


class Formats:
    """kgen's calls for a shape in each format, and the messages for them; all of them checked."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        schema, rng = parse(json.dumps(shape.avro)), random.Random(shape.name)
        self.reader = make_reader(schema, None, shape.classes)
        self.writer = make_writer(schema, shape.classes)
        self.fast_decode, self.fast_encode = fast_decoder(shape.avro), fast_encoder(shape.avro)
        self.dicts = [shape.make(rng) for _ in range(shape.messages)]
        self.payloads = [self.fast_encode(value) for value in self.dicts]
        self.objects = self.reader.decode_many(self.payloads).values
        assert [self.writer.encode(value) for value in self.objects] == self.payloads

    def avro(self) -> Iterator[Result]:
        decode, encode = self.shape.goals
        yield from contests(
            "Avro",
            self.shape,
            "fastavro",
            ((self.reader.decode, self.payloads), (self.fast_decode, self.payloads), decode),
            ((self.writer.encode, self.objects), (self.fast_encode, self.dicts), encode),
        )

    def json(self) -> Iterator[Result]:
        shape = self.shape
        if shape.json is None:
            return
        schema = parse_json_schema(json.dumps(shape.json))
        classes = {
            place: shape.classes[title] for place, title in titles(shape.json, list(schema.names)).items()
        }
        reader, writer = make_json_reader(schema, classes), make_json_writer(schema, classes)
        texts = [dumped(shape, value) for value in self.objects]
        assert [reader.decode(text) for text in texts] == self.objects
        assert [shape.build(json.loads(writer.encode(value))) for value in self.objects] == self.objects
        yield from contests(
            "JSON",
            shape,
            "json + by hand",
            ((reader.decode, texts), (lambda text: shape.build(json.loads(text)), texts), 1),
            ((writer.encode, self.objects), (lambda value: dumped(shape, value), self.objects), 1),
        )

    def protobuf(self) -> Iterator[Result]:
        shape = self.shape
        if shape.proto is None:
            return
        text = 'syntax = "proto3"; import "google/protobuf/timestamp.proto";\n' + shape.proto
        compiled, root = descriptor_set(text, {}), next(iter(shape.classes))
        pool = descriptor_pool.DescriptorPool()
        for file in descriptor_pb2.FileDescriptorSet.FromString(compiled).file:
            pool.Add(file)
        upb: Any = message_factory.GetMessageClass(pool.FindMessageTypeByName(root))
        schema, classes = declared_files(compiled).schema, {**shape.classes, **shape.holders}
        reader, writer = make_proto_reader(schema, root, classes), make_proto_writer(schema, root, classes)
        payloads = [upb(**shape.filled(value)).SerializeToString() for value in self.objects]
        objects = [reader.decode(payload) for payload in payloads]
        assert [shape.parsed(upb.FromString(payload)) for payload in payloads] == objects
        assert [shape.parsed(upb.FromString(writer.encode(value))) for value in objects] == objects
        yield from contests(
            "Protobuf",
            shape,
            "upb + by hand",
            ((reader.decode, payloads), (lambda payload: shape.parsed(upb.FromString(payload)), payloads), 1),
            (
                (writer.encode, objects),
                (lambda value: upb(**shape.filled(value)).SerializeToString(), objects),
                1,
            ),
        )


def run() -> Iterator[Result]:
    """All contests of the shapes."""
    for shape in SHAPES:
        formats = Formats(shape)
        yield from formats.avro()
        yield from formats.json()
        yield from formats.protobuf()

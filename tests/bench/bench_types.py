"""Topics of three types against topics of one: the decoder alone, and a flow from topic to null sink.

All messages are of one shape, so the ratio has what it costs to find each message's type and nothing else. In
the topics of three the types are mixed at random. The broker is the in-memory one of `kgen dev`.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.testing import run_main

import kgen_runtime as rt
from kgen.dev import Dev, up
from kgen_runtime.codec import make_proto_writer
from kgen_runtime.codec.protobuf.schema.proto_descriptor import parse_descriptor
from kgen_runtime.serde.framing import id_prefix
from tests.bench.fast_avro import fast_encoder
from tests.bench.flows import Clock
from tests.bench.harness import Result, contest
from tests.bench.model_classes import ORDER, Order, Place, Status, order
from tests.bench.proto_cases import CASES
from tests.kafka.clients import Record, create_topic, send

BATCH, BATCHES = 100, 50
MESSAGES = 100_000
PARTITIONS = 2
TYPES = 3
REACH = round(1 / 1.2, 3)
"""Of the rate of a topic of one type."""


@dataclass(frozen=True)
class Kind:
    """Types of one format: a serde by full name, and messages of each."""

    name: str
    serdes: Mapping[str, rt.Serde[Any]]
    payloads: Mapping[str, list[bytes]]

    @property
    def together(self) -> rt.Serde[Any]:
        """The serde of the topic of all types."""
        return rt.TypesSerde(self.serdes)

    @property
    def alone(self) -> rt.Serde[Any]:
        """The serde of the topic of the first type."""
        return next(iter(self.serdes.values()))

    def mixed(self, count: int) -> list[bytes]:
        """Messages of all types."""
        rng, lists = random.Random(self.name), list(self.payloads.values())
        return [rng.choice(rng.choice(lists)) for _ in range(count)]

    def of_one(self, count: int) -> list[bytes]:
        """Messages of the first type."""
        rng, first = random.Random(self.name), next(iter(self.payloads.values()))
        return [rng.choice(first) for _ in range(count)]


def subclass(cls: type[Any]) -> type[Any]:
    """A class of the same fields: each type has its own."""
    return type(cls.__name__, (cls,), {"__slots__": ()})


def protobuf() -> Kind:
    """Three files, each with its message `Order`, read with RecordName's subjects."""
    case = CASES[0]
    encode = make_proto_writer(parse_descriptor(case.descriptor), case.message, case.classes).encode
    serdes: dict[str, rt.Serde[Any]] = {}
    payloads: dict[str, list[bytes]] = {}
    for id_ in range(1, TYPES + 1):
        package = f"shop{id_}"
        name = f"{package}.Order"
        descriptor = case.descriptor.replace("shop.", f"{package}.")
        version = rt.WriterSchema(1, id_, case.proto.replace("package shop", f"package {package}"))
        schemas = rt.Schemas(name, (replace(version, type="PROTOBUF"),), descriptor=descriptor)
        classes = {
            key.replace("shop.", f"{package}."): subclass(cls) if cls is case.classes["shop.Order"] else cls
            for key, cls in case.classes.items()
        }
        serdes[name] = rt.ProtobufSerde(schemas, name, classes)
        rng = random.Random(package)
        payloads[name] = [id_prefix(id_) + b"\0" + encode(case.make(rng)) for _ in range(1000)]
    return Kind("Protobuf", serdes, payloads)


def avro() -> Kind:
    """Three records with RecordName's subjects."""
    serdes: dict[str, rt.Serde[Any]] = {}
    payloads: dict[str, list[bytes]] = {}
    for id_ in range(1, TYPES + 1):
        name, schema = f"Order{id_}", {**ORDER, "name": f"Order{id_}"}
        schemas = rt.Schemas(name, (rt.WriterSchema(1, id_, json.dumps(schema)),))
        serdes[name] = rt.AvroSerde(schemas, {name: subclass(Order), "Status": Status, "Place": Place})
        encode, rng = fast_encoder(schema), random.Random(name)
        payloads[name] = [id_prefix(id_) + encode(order(rng)) for _ in range(1000)]
    return Kind("Avro", serdes, payloads)


def decoder(kind: Kind) -> Iterator[Result]:
    """Batches of a hundred messages, as a source hands them over."""

    def of(serde: rt.Serde[Any], payloads: list[bytes]) -> Callable[[], None]:
        decode = serde.decoder(rt.SchemaStore(None), "value").decode_many
        batches = [payloads[at : at + BATCH] for at in range(0, len(payloads), BATCH)]

        def work() -> None:
            for batch in batches:
                decode(batch)

        return work

    count = BATCH * BATCHES
    yield from contest(
        f"decoder of three types: {kind.name}",
        ("three types", of(kind.together, kind.mixed(count))),
        {"one type": (of(kind.alone, kind.of_one(count)), REACH)},
        rounds=31,
        clock=time.process_time,
    )


def flow(kind: Kind, dev: Dev) -> Iterator[Result]:
    """`rt.source` on the in-memory broker, to a sink that counts."""

    def of(name: str, serde: rt.Serde[Any], payloads: list[bytes]) -> Callable[[], float]:
        create_topic(dev.brokers, name, PARTITIONS)
        send(dev.brokers, name, (Record(it, b"", n % PARTITIONS) for n, it in enumerate(payloads)))

        def timed() -> float:
            clock, made = Clock(len(payloads)), Dataflow("bench")
            topic = rt.Topic(name, key=rt.StringSerde(), value=serde)
            split = rt.source("in", made, topic, rt.Kafka(dev.brokers, registry=dev.registry), stop="end")
            rt.route("failed", split.errs, policy=rt.Crash())
            op.output("out", split.oks, clock)
            run_main(made)
            return clock.seconds

        return timed

    name = kind.name.lower()
    yield from contest(
        f"flow of three types: {kind.name}",
        ("three types", of(f"{name}-three", kind.together, kind.mixed(MESSAGES))),
        {"one type": (of(f"{name}-one", kind.alone, kind.of_one(MESSAGES)), REACH)},
        rounds=9,
    )


def run() -> Iterator[Result]:
    """All contests of topics of several types."""
    kinds = [protobuf(), avro()]
    for kind in kinds:
        yield from decoder(kind)
    with up() as dev:
        for kind in kinds:
            yield from flow(kind, dev)

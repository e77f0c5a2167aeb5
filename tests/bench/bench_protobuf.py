"""The Protobuf codec against google.protobuf (upb) and a dataclass by hand, and against betterproto2.

All read or write the same messages one by one; kgen and what is written by hand to the same dataclasses,
betterproto2 to its own.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

from kgen_runtime.codec import make_proto_reader, make_proto_writer
from kgen_runtime.codec.protobuf.schema.proto_descriptor import parse_descriptor
from tests.bench.harness import Result, contest, each
from tests.bench.proto_cases import CASES, ProtoCase


def both_ways(case: ProtoCase) -> Iterator[Result]:
    schema = parse_descriptor(case.descriptor)
    reader = make_proto_reader(schema, case.message, case.classes)
    writer = make_proto_writer(schema, case.message, case.classes)
    upb = case.upb()
    rng = random.Random(case.name)
    objects = [case.make(rng) for _ in range(case.messages)]
    payloads = [writer.encode(value) for value in objects]
    assert payloads == [case.plain(value, upb).SerializeToString(deterministic=True) for value in objects]
    assert objects == [reader.decode(data) for data in payloads]
    assert objects == [case.hand(upb.FromString(data)) for data in payloads]
    peers = [case.peer.parse(data) for data in payloads]
    assert [upb.FromString(bytes(peer)) for peer in peers] == [upb.FromString(data) for data in payloads]

    yield from contest(
        f"decode Protobuf: {case.name}",
        ("kgen", each(reader.decode, payloads)),
        {
            "upb + by hand": (each(lambda data: case.hand(upb.FromString(data)), payloads), 6),
            "betterproto2": (each(case.peer.parse, payloads), 40),
        },
        clock=time.process_time,
    )
    yield from contest(
        f"encode Protobuf: {case.name}",
        ("kgen", each(writer.encode, objects)),
        {
            "upb by hand": (each(lambda value: case.plain(value, upb).SerializeToString(), objects), 3),
            "betterproto2": (each(bytes, peers), None),
        },
        clock=time.process_time,
    )


def run() -> Iterator[Result]:
    """All contests of the Protobuf codec."""
    for case in CASES:
        yield from both_ways(case)

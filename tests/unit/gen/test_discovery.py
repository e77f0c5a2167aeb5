"""What the messages of a topic are, from their bytes and from what a registry has."""

from __future__ import annotations

import json
import struct
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.gen.store_registry import StoreRegistry

from kgen.discovery.message_frames import frame_of
from kgen.discovery.part_findings import PartFinding, findings
from kgen.discovery.payload_census import PayloadCensus
from kgen.discovery.registered_types import RegisteredTypes, full_names_of
from kgen.discovery.topic_entry import topic_entry
from kgen_runtime.messages import Headers
from kgen_runtime.serde import Role
from kgen_runtime.serde.registry.client import RegistryClient

GUID = uuid.UUID("12345678-1234-5678-1234-567812345678")
PLACED = {"type": "record", "name": "OrderPlaced", "namespace": "shop", "fields": []}
SHIPPED = {"type": "record", "name": "shop.OrderShipped", "fields": []}


@pytest.mark.parametrize(
    ("payload", "headers", "found"),
    [
        (None, (), ("null", None)),
        (b"", (), ("none", None)),
        (b"\0\0\0\0\7data", (), ("id", 7)),
        (b"\1" + GUID.bytes, (), ("GUID", GUID)),
        (b"data", (("__value_schema_id", b"\0\0\0\0\7"),), ("id in a header", 7)),
        (b"data", (("__value_schema_id", b"\1" + GUID.bytes + b"\2\2"),), ("GUID in a header", GUID)),
        (b"data", (("__key_schema_id", b"\0\0\0\0\7"),), ("none", None)),
        (b"data", (("__value_schema_id", b"7"),), ("none", None)),
        (b"\3\5" + GUID.bytes + b"zlib", (), ("Glue", GUID)),
        (b"\3\1" + GUID.bytes + b"else", (), ("none", None)),
        (b"\0\0\0\7", (), ("none", None)),
        (b"\0\xff\xff\xff\xff-", (), ("none", None)),
    ],
)
def test_framings(payload: bytes | None, headers: Headers, found: tuple[str, Any]) -> None:
    frame = frame_of(payload, headers, "value")
    assert (frame.framing, frame.key) == found


@given(st.none() | st.binary(max_size=40), st.none() | st.binary(max_size=24))
def test_no_bytes_are_an_error(payload: bytes | None, header: bytes | None) -> None:
    headers = () if header is None else (("__value_schema_id", header),)
    census = PayloadCensus("value")
    census.add([payload] * 3, [headers] * 3)
    made = findings(census, "orders", RegisteredTypes(None))
    assert sum(it.messages for it in made) == 3
    topic_entry("orders", made)


@pytest.fixture
def registry() -> Iterator[StoreRegistry]:
    made = StoreRegistry()
    yield made
    made.server.close()


def discovered(
    registry: StoreRegistry | None, payloads: Sequence[bytes | None], role: Role = "value"
) -> list[PartFinding]:
    census = PayloadCensus(role)
    census.add(payloads, [()] * len(payloads))
    client = RegistryClient(registry.url, retries=0) if registry else None
    return findings(census, "orders", RegisteredTypes(client))


def framed(registry: StoreRegistry, subject: str) -> bytes:
    """A message of the newest version of a subject."""
    return b"\0" + int(registry.versions(subject)[-1]["id"]).to_bytes(4, "big") + b"data"


@pytest.mark.parametrize("asked", ["versions", "subjects", "each subject"])
def test_strategies_whatever_the_registry_can_say(registry: StoreRegistry, asked: str) -> None:
    schemas = {
        "orders-value": {**PLACED, "name": "A"},
        "shop.B": {**PLACED, "name": "B"},
        "orders-shop.C": {**PLACED, "name": "C"},
    }
    for subject, schema in schemas.items():
        registry.add(subject, schema)
    payloads = [framed(registry, subject) for subject in schemas]
    if asked != "versions":
        for payload in payloads:
            path = f"/schemas/ids/{int.from_bytes(payload[1:5], 'big')}"
            registry.refuse("GET", f"{path}/versions", 404)
            if asked != "subjects":
                registry.refuse("GET", f"{path}/subjects", 404)
    found = discovered(registry, payloads)
    assert {(it.subject, it.strategy, it.types) for it in found} == {
        ("orders-value", "TopicName", ("shop.A",)),
        ("shop.B", "RecordName", ("shop.B",)),
        ("orders-shop.C", "TopicRecordName", ("shop.C",)),
    }
    assert topic_entry("orders", found).settings == {"value": ["orders-value", "shop.B", "shop.C"]}


def test_of_several_subjects_with_a_schema_the_topics_own_counts(registry: StoreRegistry) -> None:
    for subject in ("archive-value", "shop.OrderPlaced", "orders-shop.OrderPlaced"):
        registry.add(subject, PLACED)
    payload = framed(registry, "archive-value")
    assert discovered(registry, [payload])[0].subject == "orders-shop.OrderPlaced"
    registry.add("orders-value", PLACED)
    (found,) = discovered(registry, [payload])
    assert (found.subject, found.strategy) == ("orders-value", "TopicName")
    assert not topic_entry("orders", [found]).settings


def test_each_message_of_a_proto_file_has_a_finding(registry: StoreRegistry) -> None:
    pytest.importorskip("grpc_tools", reason="needs the extra `protobuf`")
    text = 'syntax = "proto3"; package shop; message Placed { message Line {} } message Shipped {}'
    registry.add("orders-value", text, kind="PROTOBUF")
    id_ = b"\0" + int(registry.versions("orders-value")[-1]["id"]).to_bytes(4, "big")
    first, second, inside = id_ + b"\0", id_ + b"\2\2", id_ + b"\4\0\0"
    found = discovered(registry, [second, second, second, first, first])
    assert [(it.types, it.messages, it.strategy, it.problem) for it in found] == [
        (("shop.Shipped",), 3, "TopicName", ""),
        (("shop.Placed",), 2, "TopicName", ""),
    ]
    assert topic_entry("orders", found).settings == {"value": ["shop.Shipped", "shop.Placed"]}
    assert not topic_entry("orders", discovered(registry, [first])).settings
    assert topic_entry("orders", discovered(registry, [second])).settings == {"value": ["shop.Shipped"]}
    odd = topic_entry("orders", discovered(registry, [first, inside, id_ + b"\2\x0c", id_ + b"\1"]))
    assert not odd.settings
    notes = "\n".join(odd.notes)
    assert "shop.Placed.Line is defined inside another message" in notes
    assert "no message at the indexes [6]" in notes
    assert "no message indexes" in notes


def test_messages_of_a_proto_file_are_named_as_their_subjects_are(registry: StoreRegistry) -> None:
    pytest.importorskip("grpc_tools", reason="needs the extra `protobuf`")
    registry.add("shop.Placed", 'syntax = "proto3"; package shop; message Placed {}', kind="PROTOBUF")
    (found,) = discovered(registry, [framed(registry, "shop.Placed")[:5] + b"\0"])
    assert (found.strategy, found.types) == ("RecordName", ("shop.Placed",))
    assert topic_entry("orders", [found]).settings == {"value": ["shop.Placed"]}


def test_an_id_that_the_registry_has_not_is_named_or_a_number(registry: StoreRegistry) -> None:
    (found,) = discovered(registry, [b"\0\0\0\0\7not eight"])
    assert (found.framing, found.problem) == ("id", "not in the registry")
    numbers = [n.to_bytes(8, "big") for n in (1, 1 << 24, 300 << 24, (7 << 24) + 3)]
    (found,) = discovered(registry, numbers, "key")
    assert (found.framing, found.look, found.messages) == ("none", "long", 4)
    registry.add("orders-key", '"long"')
    id_ = int(registry.versions("orders-key")[0]["id"])
    (found,) = discovered(registry, [b"\0" + id_.to_bytes(4, "big") + b"\2\2\2"], "key")
    assert found.subject == "orders-key"


@pytest.mark.parametrize(
    ("payloads", "look"),
    [
        ([b"one", "zwölf".encode(), b""], "string"),
        ([b'{"a": 1}', b"[]"], "JSON"),
        ([b"12345678"], "string"),
        ([(1).to_bytes(4, "big"), (-5).to_bytes(4, "big", signed=True)], "int"),
        ([(-1).to_bytes(8, "big", signed=True)], "long"),
        ([struct.pack(">d", it) for it in (3.5, -17.25, 1e5)], "double"),
        ([b"\xff\xfe", b"text"], "bytes"),
    ],
)
def test_what_bytes_without_a_schema_look_like(payloads: list[bytes], look: str) -> None:
    (found,) = discovered(None, payloads)
    assert (found.framing, found.look) == ("none", look)


def finding(role: Role = "value", **more: Any) -> PartFinding:
    return PartFinding(**{"role": role, "framing": "id", "messages": 3, **more})


def of_record(subject: str, *types: str, **more: Any) -> PartFinding:
    named = subject in types or subject in (f"orders-{it}" for it in types)
    strategy = "RecordName" if named else "TopicName" if subject.startswith("orders-") else "other"
    return finding(subject=subject, types=types, strategy=strategy, key=1, **more)


BOTH = [of_record("shop.A", "shop.A"), of_record("orders-shop.A", "shop.A")]
TEXT = {"framing": "none", "look": "string"}


@pytest.mark.parametrize(
    ("found", "settings"),
    [
        ([], {}),
        ([of_record("orders-value", "shop.A")], {}),
        ([of_record("shop.A", "shop.A")], {"value": ["shop.A"]}),
        (BOTH, {"value": ["shop.A", "orders-shop.A"]}),
        ([of_record("moves", "shop.A", "shop.B")], {"value": ["moves"]}),
        ([of_record("orders-key", role="key"), finding("key", **TEXT)], {"key": ["orders-key", "string"]}),
        ([of_record("ids", role="key")], {"key": "ids"}),
        ([finding("key", framing="null")], {"key": "none"}),
        ([finding("key", framing="none", look="bytes")], {}),
        ([finding("key", **TEXT), finding("key", framing="null")], {"key": "string"}),
        ([finding(framing="none", look="JSON")], {"value": "string"}),
        ([finding(framing="Glue", key=GUID, problem="schemas of AWS Glue are not read")], {}),
    ],
)  # fmt: skip
def test_entries(found: list[PartFinding], settings: Mapping[str, Any]) -> None:
    assert topic_entry("orders", found).settings == settings


def test_full_names() -> None:
    names = {
        json.dumps(PLACED): ["shop.OrderPlaced"],
        json.dumps(["null", SHIPPED, "shop.Other"]): ["shop.OrderShipped", "shop.Other"],
        '"string"': [],
        "not JSON": [],
        "[" * 100_000: [],
        '{"type": "record", "name": 7}': [],
    }  # fmt: skip
    assert {text: full_names_of("AVRO", text) for text in names} == names
    assert full_names_of("JSON", '{"title": "Opened"}') == ["Opened"]
    assert full_names_of("JSON", "true") == []

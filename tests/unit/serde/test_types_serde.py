"""Several types in one topic: each message goes to the serde of its type, by name."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.serde.conftest import Clock, Registry

import kgen_runtime as rt
from kgen_runtime.errors import ConfigError, EncodeError, UnexpectedTypeError
from kgen_runtime.flow.failures import stage_of
from kgen_runtime.messages import Stage
from kgen_runtime.serde import RegistryClient
from kgen_runtime.serde.base import DecodedBatch
from kgen_runtime.serde.framing import id_prefix


@dataclass(slots=True, kw_only=True)
class Placed:
    id: str


@dataclass(slots=True, kw_only=True)
class Shipped:
    id: str
    by: str = "?"


@dataclass(slots=True, kw_only=True)
class Paid:
    amount: int


GUID = "00000000-0000-0000-0000-000000000007"


def record(name: str, *fields: str, **more: Any) -> str:
    typed = [
        {"name": each, "type": "string", **({"default": "?"} if each == "by" else {})} for each in fields
    ]
    return json.dumps({"type": "record", "name": name, "namespace": "shop", "fields": typed, **more})


PAID = json.dumps(
    {
        "title": "Paid",
        "type": "object",
        "properties": {"amount": {"type": "integer"}},
        "required": ["amount"],
        "additionalProperties": False,
    }
)
PLACED_SCHEMAS = rt.Schemas("shop.Placed", (rt.WriterSchema(1, 1, record("Placed", "id"), guid=GUID),))
SHIPPED_SCHEMAS = rt.Schemas(
    "shop.Shipped",
    (
        rt.WriterSchema(1, 2, record("Sent", "id")),  # its name before
        rt.WriterSchema(2, 3, record("Shipped", "id", "by", aliases=["Sent"])),
    ),
)
PAID_SCHEMAS = rt.Schemas("Paid", (rt.WriterSchema(1, 4, PAID, type="JSON"),))
SERDE: rt.TypesSerde[Placed | Shipped | Paid] = rt.TypesSerde(
    {
        "shop.Placed": rt.AvroSerde(PLACED_SCHEMAS, {"shop.Placed": Placed}),
        "shop.Shipped": rt.AvroSerde(SHIPPED_SCHEMAS, {"shop.Shipped": Shipped}),
        "Paid": rt.JsonSerde(PAID_SCHEMAS, {"#": Paid}),
    }
)
P1 = id_prefix(1) + b"\x02a"
S2, S3 = id_prefix(2) + b"\x02b", id_prefix(3) + b"\x02c\x02d"
J4 = id_prefix(4) + b'{"amount": 5}'


def decode(*payloads: bytes | None, store: rt.SchemaStore | None = None, **headers: Any) -> DecodedBatch:
    return SERDE.decoder(store or rt.SchemaStore(None), "value").decode_many(payloads, **headers)


def test_each_message_is_of_its_type() -> None:
    values, ids, errors = decode(P1, J4, None, S3, S2, P1)
    assert values == [
        Placed(id="a"),
        Paid(amount=5),
        None,
        Shipped(id="c", by="d"),
        Shipped(id="b"),
        Placed(id="a"),
    ]
    assert ids == [1, 4, None, 3, 2, 1]
    assert not errors
    assert decode(S2, S2).values == [Shipped(id="b")] * 2
    assert decode(None, None).values == [None, None]
    assert decode() == ([], [], {})


FILE = 'syntax="proto3"; message A { string id=1; message In { string id=1; } } message B { string id=1; }'
MESSAGES = "".join(f"message {name}\n  1 id string implicit\n" for name in ("A", "A.In", "B"))
FILE_SCHEMAS = rt.Schemas(
    "file", (rt.WriterSchema(1, 5, FILE, type="PROTOBUF"),), descriptor=f"descriptor 1\n{MESSAGES}"
)
EITHER = rt.Schemas(
    "either",
    (
        rt.WriterSchema(
            1, 6, json.dumps([json.loads(record("Left", "id")), json.loads(record("Right", "id"))])
        ),
    ),
)
ALL: rt.TypesSerde[Any] = rt.TypesSerde(
    {
        **SERDE.serdes,
        "A": rt.ProtobufSerde(FILE_SCHEMAS, "A", {}),
        "B": rt.ProtobufSerde(FILE_SCHEMAS, "B", {}),
        "A.In": rt.ProtobufSerde(FILE_SCHEMAS, "A.In", {}),
        "Left": rt.AvroSerde(EITHER, {}),
    }
)
F5, U6 = id_prefix(5), id_prefix(6)
MIXED = [
    *(
        None,
        P1,
        S2,
        S3,
        J4,
        b"",
        b"\0",
        P1[:5],
        J4[:5],
        id_prefix(1) + b"\x09",
        id_prefix(99),
        b"\1" + bytes(16),
    ),
    *(F5 + b"\0\x0a\1a", F5 + b"\2\0\x0a\1a", F5 + b"\2\2\x0a\1b", F5 + b"\4\0\0\x0a\1i", F5 + b"\2\x82\0"),
    *(
        F5,
        F5 + b"\2",
        F5 + b"\2\4",
        F5 + b"\2\1",
        F5 + b"\0\x0a\5a",
        U6 + b"\0\2l",
        U6 + b"\2\2r",
        U6 + b"\4",
        U6,
    ),
    *(U6 + b"\x80\0\2l", U6 + b"\xff"),
]
IN_HEADERS = {
    P1[5:]: (("__value_schema_id", b"\x01" + uuid.UUID(GUID).bytes),),
    b"\x0a\1b": (("__value_schema_id", F5 + b"\2\2"),),
}


@given(
    st.lists(
        st.lists(st.sampled_from([*MIXED, *MIXED[:5], *IN_HEADERS]), max_size=12), min_size=1, max_size=4
    ),
    st.booleans(),
)
def test_what_was_read_before_changes_nothing(batches: list[list[bytes | None]], are_headers: bool) -> None:
    def read(decoder: Any, batch: list[bytes | None]) -> list[tuple[Any, int | None, str]]:
        headers = [IN_HEADERS.get(it or b"", ()) for it in batch] if are_headers else None
        values, ids, errors = decoder.decode_many(batch, headers)
        return [(value, ids[i], str(errors.get(i))) for i, value in enumerate(values)]

    store = rt.SchemaStore(None)
    used = ALL.decoder(store, "value")
    for batch in batches:
        alone = [it for each in batch for it in read(ALL.decoder(store, "value"), [each])]
        assert read(used, batch) == read(used, batch) == alone


def test_the_schema_may_be_in_headers() -> None:
    header = b"\x01" + uuid.UUID(GUID).bytes
    given = [(("__value_schema_id", header),), (("other", b""),)]
    values, ids, errors = decode(b"\x02a", J4, headers=given)
    assert (values, ids, errors) == ([Placed(id="a"), Paid(amount=5)], [1, 4], {})


def test_values_are_written_by_their_class_with_their_own_schema() -> None:
    encode = SERDE.encoder(rt.SchemaStore(None), "value").encode

    class Express(Placed):
        pass

    assert [encode(it) for it in (Placed(id="a"), Shipped(id="c", by="d"), None)] == [P1, S3, None]
    assert encode(Paid(amount=5)) == id_prefix(4) + b'{"amount":5}'
    assert encode(Express(id="a")) == P1
    with pytest.raises(EncodeError, match=r"a class of shop.Placed, shop.Shipped, Paid, not of dict"):
        encode({"id": "a"})  # type: ignore[arg-type]


def test_errors_are_those_of_their_messages() -> None:
    values, ids, errors = decode(P1, id_prefix(1) + b"\x09", b"text", S3, id_prefix(99))
    assert values == [Placed(id="a"), None, None, Shipped(id="c", by="d"), None]
    assert ids == [1, 1, None, 3, 99]
    assert [stage_of(errors[i]) for i in (1, 2, 4)] == [Stage.DECODE, Stage.FRAMING, Stage.UNKNOWN_SCHEMA]


def test_another_type_is_unexpected(registry: Registry, client: Callable[..., RegistryClient]) -> None:
    returned, shipped = json.loads(record("Returned", "id")), json.loads(record("Shipped", "id"))
    registry.add("shop.Placed", 1, 1, record("Placed", "id"))
    registry.add("shop.Returned", 1, 20, returned)
    registry.add("shop.Placed", 2, 21, record("Placed", "extra", "id"))
    registry.add("all", 1, 22, ["null", returned, shipped])
    registry.add("Paid", 2, 23, {"title": "Paid"}, schemaType="JSON")
    registry.add("Billed", 1, 24, {"title": "Billed"}, schemaType="JSON")
    registry.add("other", 1, 25, "message Other {}", schemaType="PROTOBUF")
    values, ids, errors = decode(
        id_prefix(20) + b"\x02a",
        P1,
        id_prefix(21) + b"\x02x\x02a",
        id_prefix(22) + b"\x04\x02s",
        id_prefix(22) + b"\x02\x02r",
        id_prefix(22) + b"\x00",
        id_prefix(23) + b'{"amount": 6}',
        id_prefix(24) + b'{"amount": 6}',
        id_prefix(25) + b"\x00",
        store=rt.SchemaStore(client(registry.server.url)),
    )
    assert values == [
        None,
        Placed(id="a"),
        Placed(id="a"),
        Shipped(id="s"),
        None,
        None,
        Paid(amount=6),
        None,
        None,
    ]
    assert ids == [20, 1, 21, 22, 22, 22, 23, 24, 25]
    read_as = "the value is read as shop.Placed, shop.Shipped, Paid"
    for at, name in ((0, "shop.Returned"), (4, "shop.Returned"), (5, "null"), (7, "Billed")):
        error = errors.pop(at)  # type: ignore[attr-defined]
        assert isinstance(error, UnexpectedTypeError)
        assert error.what == f"a message of type {name}: {read_as}"
        assert f'"{name}"' in (error.hint or "")
        assert stage_of(error) is Stage.UNEXPECTED_TYPE
    assert errors.pop(8).what == f"a message of Protobuf: {read_as}"  # type: ignore[attr-defined]
    assert not errors


def test_ids_are_those_of_the_registry_in_use(
    registry: Registry, client: Callable[..., RegistryClient], clock: Clock
) -> None:
    registry.add("shop.Placed", 1, 1, record("Shipped", "id"))  # it is another schema's there
    store = rt.SchemaStore(client(registry.server.url), clock=clock)
    decoder = SERDE.decoder(store, "value")
    assert decoder.decode_many([P1]).values == [Shipped(id="a")]
    registry.down = True
    other = SERDE.decoder(rt.SchemaStore(client(registry.server.url), clock=clock), "value")
    assert other.decode_many([P1]).values == [Placed(id="a")]  # as the generated code has it
    registry.down = False
    clock.now += 61
    assert other.decode_many([P1]).values == [Shipped(id="a")]  # asked again


def test_serdes_without_types_are_refused() -> None:
    bare: rt.JsonSerde[Any] = rt.JsonSerde(PAID_SCHEMAS, {}, framing="none")
    for serdes, what in (
        ({}, "one type at least"),
        ({"text": rt.StringSerde()}, "StringSerde.* cannot be one of several types"),
        ({"Paid": bare}, "Paid: a serde without framing"),
    ):
        with pytest.raises(ConfigError, match=what):
            rt.TypesSerde(serdes)
    assert repr(SERDE) == "TypesSerde(shop.Placed, shop.Shipped, Paid)"

"""The messages of the Protobuf bench: descriptors, classes, and how upb reads and writes them by hand."""

# ruff: noqa: RUF009 - betterproto2 makes fields by calls
from __future__ import annotations

import datetime as dt
import random
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import betterproto2
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from grpc_tools import protoc

from kgen_runtime.codec.values import OpenEnum


@dataclass(frozen=True)
class ProtoCase:
    """`message` is the full name, in `descriptor` (kgen's text) and in `proto`. `hand`: what upb parses to an
    object; `plain`: an object to upb's message, whose class it is given. `peer`: betterproto2's class.
    """

    name: str
    message: str
    descriptor: str
    proto: str
    classes: dict[str, type[Any]]
    make: Callable[[random.Random], Any]
    hand: Callable[[Any], Any]
    plain: Callable[[Any, type[Any]], Any]
    peer: Any
    messages: int = 500

    def upb(self) -> type[Any]:
        """The class that google.protobuf makes of the message."""
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "case.proto").write_text(self.proto)
            out = Path(folder) / "out"
            known = str(Path(protoc.__file__).parent / "_proto")
            arguments = [f"-I{folder}", f"-I{known}", "--include_imports", f"--descriptor_set_out={out}"]
            assert protoc.main(["protoc", *arguments, "case.proto"]) == 0
            files = descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes())
        pool = descriptor_pool.DescriptorPool()
        for file in files.file:
            pool.Add(file)
        made: type[Any] = message_factory.GetMessageClass(pool.FindMessageTypeByName(self.message))
        return made


class Status(OpenEnum):
    UNKNOWN = 0
    PLACED = 1
    SHIPPED = 2


@dataclass(slots=True, kw_only=True)
class Address:
    street: str = ""
    city: str = ""


@dataclass(slots=True, frozen=True)
class OrderPaymentCard:
    value: str


@dataclass(slots=True, frozen=True)
class OrderPaymentCash:
    value: int


@dataclass(slots=True, kw_only=True)
class Order:
    id: str = ""
    customer: int = 0
    total: float = 0.0
    status: Status = Status.UNKNOWN
    created: dt.datetime | None = None
    tags: dict[str, str] = field(default_factory=dict)
    address: Address | None = None
    payment: OrderPaymentCard | OrderPaymentCash | None = None


_ORDER = """descriptor 1
message shop.Order
  1 id string implicit
  2 customer int64 implicit
  3 total double implicit
  4 status enum shop.Status implicit
  5 created message google.protobuf.Timestamp explicit
  6 tags map string string
  7 address message shop.Address explicit
  8 card string explicit oneof=payment
  9 cash int64 explicit oneof=payment
message shop.Address
  1 street string implicit
  2 city string implicit
enum shop.Status open
  0 UNKNOWN
  1 PLACED
  2 SHIPPED
"""
_ORDER_PROTO = """syntax = "proto3";
package shop;
import "google/protobuf/timestamp.proto";
message Order {
  string id = 1;
  int64 customer = 2;
  double total = 3;
  Status status = 4;
  google.protobuf.Timestamp created = 5;
  map<string, string> tags = 6;
  Address address = 7;
  oneof payment {
    string card = 8;
    int64 cash = 9;
  }
}
message Address {
  string street = 1;
  string city = 2;
}
enum Status { UNKNOWN = 0; PLACED = 1; SHIPPED = 2; }
"""


def _order(rng: random.Random) -> Order:
    """Some 113 bytes."""
    seconds = rng.randrange(1_600_000_000, 1_800_000_000)
    created = dt.datetime.fromtimestamp(seconds, dt.timezone.utc).replace(
        microsecond=rng.randrange(1_000_000)
    )
    payments: list[OrderPaymentCard | OrderPaymentCash] = [
        OrderPaymentCard(f"4111-{rng.randrange(10**4):04}"),
        OrderPaymentCash(rng.randrange(10**5)),
    ]
    return Order(
        id=f"order-{rng.randrange(10**8):08}",
        customer=rng.randrange(1, 10**7),
        total=rng.randrange(10**5) / 100,
        status=rng.choice(list(Status)),
        created=created,
        tags={"source": rng.choice(["web", "app"]), "region": rng.choice(["eu-west", "us-east"])},
        address=Address(street=f"{rng.randrange(1, 99)} High Street", city=rng.choice(["Berlin", "Köln"])),
        payment=rng.choice(payments),
    )


def _order_by_hand(parsed: Any) -> Order:
    kind = parsed.WhichOneof("payment")
    payment: OrderPaymentCard | OrderPaymentCash | None = None
    if kind == "card":
        payment = OrderPaymentCard(parsed.card)
    elif kind == "cash":
        payment = OrderPaymentCash(parsed.cash)
    address = None
    if parsed.HasField("address"):
        address = Address(street=parsed.address.street, city=parsed.address.city)
    created = parsed.created.ToDatetime(dt.timezone.utc) if parsed.HasField("created") else None
    return Order(
        id=parsed.id,
        customer=parsed.customer,
        total=parsed.total,
        status=Status(parsed.status),
        created=created,
        tags=dict(parsed.tags),
        address=address,
        payment=payment,
    )


def _order_plain(order: Order, upb: type[Any]) -> Any:
    out = upb(id=order.id, customer=order.customer, total=order.total, status=int(order.status))
    if order.created is not None:
        out.created.FromDatetime(order.created)
    out.tags.update(order.tags)
    if order.address is not None:
        out.address.street = order.address.street
        out.address.city = order.address.city
    if isinstance(order.payment, OrderPaymentCard):
        out.card = order.payment.value
    elif order.payment is not None:
        out.cash = order.payment.value
    return out


class PeerStatus(betterproto2.Enum):  # type: ignore[misc, unused-ignore]
    UNKNOWN = 0
    PLACED = 1
    SHIPPED = 2


@dataclass(eq=False, repr=False)
class PeerTimestamp(betterproto2.Message):  # type: ignore[misc, unused-ignore]
    seconds: int = betterproto2.field(1, betterproto2.TYPE_INT64)
    nanos: int = betterproto2.field(2, betterproto2.TYPE_INT32)


@dataclass(eq=False, repr=False)
class PeerAddress(betterproto2.Message):  # type: ignore[misc, unused-ignore]
    street: str = betterproto2.field(1, betterproto2.TYPE_STRING)
    city: str = betterproto2.field(2, betterproto2.TYPE_STRING)


@dataclass(eq=False, repr=False)
class PeerOrder(betterproto2.Message):  # type: ignore[misc, unused-ignore]
    id: str = betterproto2.field(1, betterproto2.TYPE_STRING)
    customer: int = betterproto2.field(2, betterproto2.TYPE_INT64)
    total: float = betterproto2.field(3, betterproto2.TYPE_DOUBLE)
    status: PeerStatus = betterproto2.field(
        4, betterproto2.TYPE_ENUM, default_factory=lambda: PeerStatus.UNKNOWN
    )
    created: PeerTimestamp | None = betterproto2.field(5, betterproto2.TYPE_MESSAGE, optional=True)
    tags: dict[str, str] = betterproto2.field(
        6,
        betterproto2.TYPE_MAP,
        map_meta=betterproto2.map_meta(betterproto2.TYPE_STRING, betterproto2.TYPE_STRING),
    )
    address: PeerAddress | None = betterproto2.field(7, betterproto2.TYPE_MESSAGE, optional=True)
    card: str | None = betterproto2.field(8, betterproto2.TYPE_STRING, optional=True, group="payment")
    cash: int | None = betterproto2.field(9, betterproto2.TYPE_INT64, optional=True, group="payment")


@dataclass(slots=True, kw_only=True)
class Reading:
    sensor: str = ""
    values: list[float] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    ok: bool = False


@dataclass(slots=True, kw_only=True)
class Readings:
    device: str = ""
    site: str | None = None
    readings: list[Reading] = field(default_factory=list)


_READINGS = """descriptor 1
message plant.Readings
  1 device string implicit
  2 site string explicit
  3 readings message plant.Reading repeated
message plant.Reading
  1 sensor string implicit
  2 values double packed
  3 counts sint64 packed
  4 ok bool implicit
"""
_READINGS_PROTO = """syntax = "proto3";
package plant;
message Readings {
  string device = 1;
  optional string site = 2;
  repeated Reading readings = 3;
}
message Reading {
  string sensor = 1;
  repeated double values = 2;
  repeated sint64 counts = 3;
  bool ok = 4;
}
"""


def _readings(rng: random.Random) -> Readings:
    """Some 900 bytes: ten messages with packed numbers."""
    return Readings(
        device=f"device-{rng.randrange(10**6):06}",
        site=rng.choice([None, "north", "south"]),
        readings=[
            Reading(
                sensor=f"sensor-{number}",
                values=[rng.randrange(10**6) / 1000 for _ in range(6)],
                counts=[rng.randrange(-1000, 1000) for _ in range(8)],
                ok=rng.random() < 0.9,
            )
            for number in range(10)
        ],
    )


def _readings_by_hand(parsed: Any) -> Readings:
    return Readings(
        device=parsed.device,
        site=parsed.site if parsed.HasField("site") else None,
        readings=[
            Reading(sensor=each.sensor, values=list(each.values), counts=list(each.counts), ok=each.ok)
            for each in parsed.readings
        ],
    )


def _readings_plain(readings: Readings, upb: type[Any]) -> Any:
    out = upb(device=readings.device, site=readings.site)
    for each in readings.readings:
        out.readings.add(sensor=each.sensor, values=each.values, counts=each.counts, ok=each.ok)
    return out


@dataclass(eq=False, repr=False)
class PeerReading(betterproto2.Message):  # type: ignore[misc, unused-ignore]
    sensor: str = betterproto2.field(1, betterproto2.TYPE_STRING)
    values: list[float] = betterproto2.field(2, betterproto2.TYPE_DOUBLE, repeated=True)
    counts: list[int] = betterproto2.field(3, betterproto2.TYPE_SINT64, repeated=True)
    ok: bool = betterproto2.field(4, betterproto2.TYPE_BOOL)


@dataclass(eq=False, repr=False)
class PeerReadings(betterproto2.Message):  # type: ignore[misc, unused-ignore]
    device: str = betterproto2.field(1, betterproto2.TYPE_STRING)
    site: str | None = betterproto2.field(2, betterproto2.TYPE_STRING, optional=True)
    readings: list[PeerReading] = betterproto2.field(3, betterproto2.TYPE_MESSAGE, repeated=True)


CASES = [
    ProtoCase(
        "order",
        "shop.Order",
        _ORDER,
        _ORDER_PROTO,
        {
            "shop.Order": Order,
            "shop.Address": Address,
            "shop.Status": Status,
            "shop.Order.payment.card": OrderPaymentCard,
            "shop.Order.payment.cash": OrderPaymentCash,
        },
        _order,
        _order_by_hand,
        _order_plain,
        PeerOrder,
    ),
    ProtoCase(
        "readings",
        "plant.Readings",
        _READINGS,
        _READINGS_PROTO,
        {"plant.Readings": Readings, "plant.Reading": Reading},
        _readings,
        _readings_by_hand,
        _readings_plain,
        PeerReadings,
        100,
    ),
]

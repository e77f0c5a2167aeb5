"""The generated classes of Protobuf topics, on messages that google.protobuf wrote, and back."""

from __future__ import annotations

import datetime as dt
import importlib
import json
import struct
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("grpc_tools", reason="needs the extra `protobuf`")

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from tests.golden.test_golden import HERE, project_of, snapshot_of, write_tree

import kgen_runtime as rt
from kgen.model.library import Library
from kgen.protobuf.protoc import descriptor_set
from kgen.render import render
from kgen_runtime.serde.schema_store import SchemaStore


@pytest.fixture
def rendered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Imports a module of a case."""
    monkeypatch.syspath_prepend(tmp_path)

    def module(case: str, name: str) -> Any:
        project = project_of(HERE / case, f"used_{case}")
        write_tree({path: text for path, text in render(project).items() if "_generated" in path}, tmp_path)
        (tmp_path / f"used_{case}" / "__init__.py").touch()
        return importlib.import_module(f"used_{case}._generated.{name}")

    yield module
    for name in [name for name in sys.modules if name.startswith("used_")]:
        del sys.modules[name]


def judged(case: str, subject: str, message: str) -> type[Any]:
    """The class that google.protobuf makes of a message of the latest version of a subject."""
    data = json.loads((HERE / case / "case.json").read_text(encoding="utf-8"))
    library = Library(snapshot_of(data))
    latest = max(it for it in library.versions if it[0] == subject)
    unit = library.unit(latest)
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(
        descriptor_set(unit.version.text, unit.documents)
    ).file:
        pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(message))


def read(module: Any, judge: Any) -> Any:
    """A message of google.protobuf as the topic reads it: the first message of the file, under id 2."""
    latest = module.value.schemas.latest
    payload = struct.pack(">bI", 0, latest.id) + b"\0" + judge.SerializeToString()
    decoded = module.value.decoder(SchemaStore(None), "value").decode_many([payload])
    if decoded.errors:
        raise decoded.errors[0]
    return decoded.values[0]


def written(module: Any, value: Any) -> bytes:
    """What the topic writes, without its frame."""
    return bytes(module.value.make_writer().encode(value))


def test_every_kind_of_field_is_read_and_written_back(rendered: Any) -> None:
    shop = rendered("proto_orders", "orders")
    judge = judged("proto_orders", "orders-value", "shop.Order")()
    json_format.ParseDict(
        {
            "id": "o-1",
            "lines": [{"sku": "a", "amount": 2}, {"sku": "b", "kind": "GOODS"}],
            "status": "SENT",
            "bySku": {"b": {"sku": "b"}},
            "cash": {"currencyCode": "EUR", "units": "12", "nanos": 500_000_000},
            "placedAt": "2026-01-02T03:04:05.000006Z",
            "took": "1.5s",
            "note": "",
            "labels": {"a": 1, "b": [None, True]},
            "anything": None,
            "list": ["x", {"y": 2}],
            "due": {"year": 2026, "month": 2, "day": 3},
            "total": {"value": "BNI=", "scale": 2, "precision": 4},
            "changed": "id,note",
            "customer": "0",
            "history": ["PLACED", "SHIPPED"],
            "counts": ["1", "0"],
            "price": 7,
            "email": "a@b.c",
        },
        judge,
    )
    judge.history.append(99)
    order = read(shop, judge)
    assert order.lines == [
        shop.OrderLine(sku="a", amount=2),
        shop.OrderLine(sku="b", kind=shop.OrderLineKind.GOODS),
    ]
    assert order.status is shop.Status.SHIPPED is shop.Status.SENT
    assert order.payment == shop.OrderPaymentCash(
        shop.Money(currency_code="EUR", units=12, nanos=500_000_000)
    )
    assert order.placed_at == dt.datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=dt.timezone.utc)
    assert (order.took, order.due, order.total) == (
        dt.timedelta(seconds=1.5),
        dt.date(2026, 2, 3),
        Decimal("12.34"),
    )
    assert (order.note, order.customer, order.weight) == ("", 0, 0.0)
    assert (order.labels, order.list) == ({"a": 1.0, "b": [None, True]}, ["x", {"y": 2.0}])
    assert order.anything is None
    assert order.changed == shop.FieldMask(paths=["id", "note"])
    assert order.history == [1, 2, 99]
    assert (order.counts, order.unit_price, order.contact) == ([1, 0], 7, shop.OrderContactEmail("a@b.c"))
    again = type(judge).FromString(written(shop, order))
    assert again == judge


def test_a_message_without_anything(rendered: Any) -> None:
    shop = rendered("proto_orders", "orders")
    order = read(shop, judged("proto_orders", "orders-value", "shop.Order")())
    assert order == shop.Order()
    assert order.payment is None
    assert order.anything is rt.ABSENT
    assert written(shop, order) == b""


def test_types_of_another_subject_are_its_classes(rendered: Any) -> None:
    post = rendered("proto_references", "parcels")
    address = importlib.import_module("used_proto_references._generated.address")
    judge = judged("proto_references", "parcels-value", "post.Parcel")()
    json_format.ParseDict(
        {"to": {"name": "A", "address": {"street": "s", "country": "NL"}}, "from": "NL", "address": {}}, judge
    )
    parcel = read(post, judge)
    assert parcel.to.address == address.Address(street="s", country=address.Country.NL)
    assert parcel.from_ is address.Country.NL
    assert parcel.label == post.ParcelLabelAddress(address.Address())
    assert type(judge).FromString(written(post, parcel)) == judge


def test_proto2_keeps_presence_groups_and_closed_enums(rendered: Any) -> None:
    old = rendered("proto_proto2", "events")
    judge = judged("proto_proto2", "events-value", "old.Event")(id="e", kind=1, retries=0)
    judge.inner.flag = True
    judge.part.add().number = 5
    judge.packed.extend([1, 2])
    event = read(old, judge)
    assert (event.kind, event.retries, event.text, event.next) == (old.Kind.GO, 0, None, None)
    assert event.inner == old.EventInner(flag=True)
    assert event.part == [old.EventPart(number=5)]
    assert written(old, event) == judge.SerializeToString()
    with pytest.raises(TypeError):
        old.Event()


def test_odd_names_are_read_and_written(rendered: Any) -> None:
    odd = rendered("proto_odd_names", "odd")
    judge = judged("proto_odd_names", "odd-value", "odd.names.odd")()
    fields = {
        "class": "a", "None": "b", "list": ["c"], "dict": {"d": 1}, "str": "e", "Enum": "real",
        "odd": {"l": "f"}, "__init__": "g", "case": "h", "_": 3, "extra": "i",
    }  # fmt: skip
    json_format.ParseDict(fields, judge)
    value = read(odd, judge)
    assert (value.class_, value.None_, value.list, value.dict, value.str) == ("a", "b", ["c"], {"d": 1}, "e")
    assert value.Enum is odd.Enum_.real_
    assert (value.odd.l_, value.init, value.match, value.Oneof) == (
        "f",
        "g",
        odd.OddMatchCase("h"),
        odd.OddOneofT(3),
    )
    assert type(judge).FromString(written(odd, value)) == judge


def test_unknown_fields_and_what_python_has_no_value_for_are_kept(rendered: Any) -> None:
    shop = rendered("proto_extras", "orders")
    cls = judged("proto_extras", "orders-value", "shop.Order")
    judge = cls(id="o")
    judge.placed_at.seconds = 1 << 50
    unknown = b"\xa2\x06\x01x"
    order = read(shop, cls.FromString(judge.SerializeToString() + unknown))
    assert isinstance(order.placed_at, rt.OutOfRange)
    assert order.extra_ == unknown
    assert written(shop, order) == judge.SerializeToString() + unknown


def test_two_messages_of_one_file_are_the_values_of_a_topic(rendered: Any) -> None:
    module = rendered("proto_several_messages", "orders")
    classes = {name: judged("proto_several_messages", "orders-value", f"shop.{name}") for name in SEVERAL}
    placed, shipped = module.OrderPlaced, module.OrderShipped
    values = {
        "OrderPlaced": (b"\x00", placed(id="a", lines=[module.Line(sku="s", quantity=2)])),
        "OrderShipped": (b"\x02\x04", shipped(id="b", carrier="post")),
    }
    decoder = module.topic.value.decoder(SchemaStore(None), "value")
    encoder = module.topic.value.encoder(SchemaStore(None), "value")
    for name, (indexes, value) in values.items():
        frame = b"\0\0\0\0\2" + indexes
        written = encoder.encode(value)
        assert written.startswith(frame)
        judge = classes[name].FromString(written.removeprefix(frame))
        assert judge.id == value.id
        assert decoder.decode_many([frame + judge.SerializeToString()]).values == [value]
    # The first has kept its place since the first version.
    old = b"\0\0\0\0\1\0" + classes["OrderPlaced"](id="c").SerializeToString()
    assert decoder.decode_many([old]).values == [placed(id="c")]
    (error,) = decoder.decode_many([b"\0\0\0\0\2\x02\x06"]).errors.values()
    assert isinstance(error, rt.UnexpectedTypeError)
    assert "shop.OrderArchived" in error.what
    archive = rendered("proto_several_messages", "archive").topic.value
    assert archive.encoder(SchemaStore(None), "value").encode(module.OrderArchived()) == b"\0\0\0\0\2\x02\x06"


SEVERAL = ("OrderPlaced", "OrderShipped")

"""`kgen pull` and `kgen sample` of Protobuf subjects: what is written, named in the plan, left out."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("grpc_tools", reason="needs the extra `protobuf`")

from kgen.cli import app
from kgen.protobuf import protoc

ADDRESS = 'syntax = "proto3"; package shop; message Address { string street = 1; }'
ORDER = """
syntax = "proto2";
package shop;
import "shop/address.proto";
message Order {
  required string id = 1;
  optional Address to = 2;
  oneof payment { string card = 3; int64 cash = 4; }
  extensions 100 to 200;
}
message Customer {}
extend Order { optional int32 priority = 100; }
"""


@pytest.fixture
def shop(registry):
    registry.add("address", ADDRESS, kind="PROTOBUF")
    registry.add("orders-value", ORDER, references=[("shop/address.proto", "address", 1)], kind="PROTOBUF")
    return registry


def pull(shop, tmp_path, *args):
    return app.run(["pull", "--registry", shop.url, "--out", str(tmp_path), *args])


def test_files_are_vendored_beside_their_references_and_frozen_needs_no_registry(shop, tmp_path, capsys):
    assert pull(shop, tmp_path) == 0
    out = capsys.readouterr().out
    line = "values are shop.Order, its first message; to read shop.Customer as well, in kgen.toml, "
    assert line + '[topics."orders"] value = ["shop.Order", "shop.Customer"]' in out
    assert "extensions have no attributes: priority = 100 of shop.Order" in out
    assert (tmp_path / "schemas/orders-value/v1.proto").read_text(encoding="utf-8") == ORDER
    assert (tmp_path / "schemas/address/v1.proto").read_text(encoding="utf-8") == ADDRESS
    module = tmp_path / "streams/_generated/orders.py"
    before = module.read_text(encoding="utf-8")
    assert "payment: OrderPayment | None = None" in before
    module.unlink()
    assert app.run(["pull", "--frozen", "--out", str(tmp_path)]) == 0
    assert module.read_text(encoding="utf-8") == before


def test_without_protoc_new_subjects_are_left_out_and_locked_ones_are_not_lost(
    shop, tmp_path, capsys, monkeypatch
):
    shop.add("plain-value", '"string"')
    monkeypatch.setattr(protoc, "installed", lambda: False)
    assert pull(shop, tmp_path / "new") == 0
    assert "protobuf]" in capsys.readouterr().out
    assert (tmp_path / "new/streams/_generated/plain.py").exists()
    assert not (tmp_path / "new/streams/_generated/orders.py").exists()
    monkeypatch.undo()
    assert pull(shop, tmp_path / "held") == 0
    monkeypatch.setattr(protoc, "installed", lambda: False)
    capsys.readouterr()
    assert app.run(["pull", "--frozen", "--out", str(tmp_path / "held")]) == 2
    assert "kgen-streams[protobuf]" in capsys.readouterr().err
    assert (tmp_path / "held/streams/_generated/orders.py").exists()


def test_samples_are_protobufs_json(shop, tmp_path, capsys):
    assert pull(shop, tmp_path) == 0
    capsys.readouterr()
    assert app.run(["sample", "orders", "-n", "30", "--out", str(tmp_path)]) == 0
    values = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(values) == 30
    assert all(isinstance(value["id"], str) for value in values)
    assert {"card", "cash"} == {key for value in values for key in value} & {"card", "cash"}


def test_the_line_for_further_messages_of_a_file_is_the_one_to_write(shop, tmp_path, capsys):
    assert pull(shop, tmp_path) == 0
    (line,) = [it for it in capsys.readouterr().out.splitlines() if "its first message" in it]
    table, value = line.partition("in kgen.toml, ")[2].split(" ", 1)
    config = tmp_path / "kgen.toml"
    config.write_text(f"{config.read_text(encoding='utf-8')}\n{table}\n{value}\n", encoding="utf-8")
    assert pull(shop, tmp_path) == 0
    out = capsys.readouterr().out
    assert "its first message" not in out
    module = (tmp_path / "streams/_generated/orders.py").read_text(encoding="utf-8")
    assert "OrdersValue: TypeAlias = Order | Customer" in module
    flow = (tmp_path / "streams/flows/orders.py").read_text(encoding="utf-8")
    assert "case orders.Order():" in flow
    assert "case orders.Customer():" in flow


def test_messages_are_named_that_are_new_and_part_of_no_other(shop, tmp_path, capsys):
    parts = 'syntax = "proto3"; package shop; message Trip { Stop stop = 1; map<string, Leg> legs = 2; } '
    parts += "message Stop { string name = 1; } message Leg { int32 km = 1; }"
    shop.add("trips-value", parts, kind="PROTOBUF")
    shop.add("unread", parts.replace("Trip", "Ride") + " message Other {}", kind="PROTOBUF")
    assert pull(shop, tmp_path) == 0
    assert "shop.Trip, its first message" not in (out := capsys.readouterr().out)
    assert "shop.Ride, its first message" not in out
    shop.add("trips-value", parts + " message Ended {}", kind="PROTOBUF")
    assert pull(shop, tmp_path) == 0
    assert 'value = ["shop.Trip", "shop.Ended"]' in capsys.readouterr().out
    shop.add("trips-value", parts + " message Ended { string why = 1; }", kind="PROTOBUF")
    assert pull(shop, tmp_path) == 0
    assert "its first message" not in capsys.readouterr().out

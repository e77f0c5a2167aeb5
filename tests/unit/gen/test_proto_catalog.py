"""`kgen catalog` of Protobuf subjects."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.locked_project import Given, write_project

from kgen.actions.catalog import read_catalog
from kgen.actions.inputs import Workspace
from kgen.catalog.entries import Catalog
from kgen.catalog.page_names import subject_page
from kgen.catalog.site import site

MONEY = 'syntax = "proto3"; package lib;\n// An amount.\nmessage Money { int64 units = 1; }'
ORDER = """syntax = "proto3"; package shop;
import "lib/money.proto";
import "confluent/meta.proto";
import "google/protobuf/timestamp.proto";

// An order.
message Order {
  // Unique.
  string id = 1 [(confluent.field_meta) = { tags: ["PII"] }];
  repeated Line lines = 2;
  map<string, lib.Money> totals = 3 [json_name = "sums"];
  google.protobuf.Timestamp at = 4 [deprecated = true];
  // How it is paid.
  oneof payment { string card = 5; lib.Money cash = 6; }
  optional int32 discount = 7;
  Status status = 8;
  Order before = 9;
  reserved 20 to 22;
  message Line { string sku = 1; }
}
enum Status { UNKNOWN = 0; PAID = 1; }
"""
SUBJECTS = {
    "money": Given([MONEY], "PROTOBUF"),
    "orders-value": Given(
        [ORDER.replace("Status status = 8", "Status state = 8"), ORDER],
        "PROTOBUF",
        references={"lib/money.proto": ("money", 1)},
    ),
}


@pytest.fixture
def catalog(tmp_path: Path, kgen: Callable[..., tuple[int, str, str]]) -> Catalog:
    root = tmp_path / "p"
    write_project(root, SUBJECTS)
    assert kgen("pull", "--frozen", "--quiet")[0] == 0
    (root / "shop" / "use.py").write_text(
        "from shop._generated.orders import Order, Status\n\n\n"
        "def f(o: Order) -> bool:\n    return o.id == '1' and o.status is Status.PAID\n"
    )
    return read_catalog(Workspace(root))[0]


def test_fields_have_numbers_docs_and_tags(catalog: Catalog) -> None:
    entry = catalog.by_name["orders-value"]
    assert entry.doc == "An order."
    assert [(it.path, it.type) for it in entry.rows] == [
        ("id", "string"),
        ("lines", "repeated Order.Line"),
        ("lines[].sku", "string"),
        ("totals", "map<string, Money>"),
        ("totals{}.units", "int64"),
        ("at", "google.protobuf.Timestamp"),
        ("payment", "oneof: card | cash"),
        ("payment.card", "string"),
        ("payment.cash", "Money"),
        ("payment.cash.units", "int64"),
        ("discount", "int32"),
        ("status", "Status"),
        ("before", "Order"),
    ]
    rows = {it.path: it for it in entry.rows}
    assert (rows["id"].doc, rows["id"].extras.tags) == ("Unique.", ("PII",))
    assert rows["totals"].extras.properties == (("number", "3"), ("json_name", "sums"))
    assert rows["at"].extras.constraints == ("deprecated",)
    assert rows["payment"].doc == "How it is paid."
    assert [it.path for it in entry.rows if it.nullable] == ["at", "payment", "discount", "before"]
    assert (rows["before"].recursive, rows["before"].same_as) == (True, "shop.Order")


def test_types_have_their_subject_and_the_lines_that_use_them(catalog: Catalog) -> None:
    entry = catalog.by_name["orders-value"]
    types = {it.name: it for it in entry.types}
    assert [(it.title, it.kind) for it in entry.types] == [
        ("Order", "message"),
        ("Order.Line", "message"),
        ("Status", "enum"),
        ("Money", "message"),
    ]
    assert types["lib.Money"].origin == ("money", 1)
    assert types["lib.Money"].doc == "An amount."
    assert types["shop.Order"].extras.properties == (("reserved", "20 to 22"),)
    assert types["shop.Order"].python == "shop._generated.orders.Order"
    [unknown, paid] = types["shop.Status"].symbols
    assert (unknown.name, paid.name) == ("UNKNOWN = 0", "PAID = 1")
    assert [use.line for use in paid.uses] == [5]
    [use] = next(it for it in entry.rows if it.path == "id").uses
    assert (use.path, use.line) == ("shop/use.py", 5)


def test_versions_say_what_changed(catalog: Catalog) -> None:
    _, second = catalog.by_name["orders-value"].versions
    assert [it.text for it in second.changes] == ["~ `shop.Order.status`: renamed from state"]
    assert (second.backward, second.forward) == ((), ())


def test_the_site_has_pages_of_them(catalog: Catalog) -> None:
    page = site(catalog)[subject_page("orders-value")]
    assert "map&lt;string, " in page
    assert "oneof: card | cash" in page
    assert "google.protobuf.Timestamp" in page


def test_several_messages_each_have_their_rows(tmp_path: Path) -> None:
    text = (
        'syntax = "proto3"; package shop; message Placed { string id = 1; } message Paid { string id = 1; }'
    )
    write_project(tmp_path, {"events-value": Given([text], "PROTOBUF")})
    entry = read_catalog(Workspace(tmp_path))[0].by_name["events-value"]
    assert [it.path for it in entry.rows] == ["Placed: id", "Paid: id"]
    assert "".join(word.text for word in entry.root) == "Placed | Paid"

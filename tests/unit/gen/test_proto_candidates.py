"""`kgen check` and `kgen push` of .proto files."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .store_registry import StoreRegistry

Kgen = Callable[..., tuple[int, str, str]]
Write = Callable[[str, str], Path]

MONEY = 'syntax = "proto3";\npackage lib;\nmessage Money {\n  int64 units = 1;\n}\n'
ORDER = (
    'syntax = "proto3";\npackage shop;\nimport "lib/money.proto";\n'
    'import "google/protobuf/timestamp.proto";\n'
    "message Order {\n  string id = 1;\n  lib.Money total = 2;\n  google.protobuf.Timestamp at = 3;\n}\n"
)
TO_MONEY = [{"name": "lib/money.proto", "subject": "lib/money.proto", "version": 1}]


@pytest.fixture
def registry() -> Iterator[StoreRegistry]:
    found = StoreRegistry()
    yield found
    found.server.close()


@pytest.fixture
def own(tmp_path: Path, registry: StoreRegistry) -> Write:
    """Writes a file of `schemas/own/`, in a project whose registry it is."""
    folder = tmp_path / "p" / "schemas" / "own"
    folder.mkdir(parents=True)
    (tmp_path / "p" / "kgen.toml").write_text(f'subjects = ["*"]\n[registry]\nurl = "{registry.url}"\n')

    def write(name: str, text: str) -> Path:
        path = folder / name
        path.write_text(text)
        return path

    return write


def test_what_is_imported_is_pushed_first(registry: StoreRegistry, own: Write, kgen: Kgen) -> None:
    own("orders-value.proto", ORDER)
    own("lib%2Fmoney.proto.proto", MONEY)
    code, out, err = kgen("push")
    assert code == 0, err
    assert out.splitlines()[:3] == [
        "+ lib/money.proto v1 (BACKWARD)",
        "+ orders-value v1 (BACKWARD)",
        "2 new, 0 changed, 0 unchanged",
    ]
    [order] = registry.versions("orders-value")
    assert (order["schemaType"], order["references"]) == ("PROTOBUF", TO_MONEY)
    code, out, _ = kgen("push")
    assert (code, out) == (0, "nothing to register\n")


def test_another_layout_is_registered_already(registry: StoreRegistry, own: Write, kgen: Kgen) -> None:
    registry.add("money-value", MONEY, kind="PROTOBUF")
    own("money-value.proto", MONEY.replace("\n", " "))
    assert kgen("push")[1] == "nothing to register\n"


@pytest.mark.parametrize("name", ["money", "money.proto"])
def test_an_import_is_of_a_registered_subject_that_is_called_so(
    registry: StoreRegistry, own: Write, kgen: Kgen, name: str
) -> None:
    registry.add(name, MONEY, kind="PROTOBUF")
    own("orders-value.proto", ORDER.replace("lib/money.proto", "money.proto"))
    code, _, err = kgen("push")
    assert code == 0, err
    assert registry.versions("orders-value")[0]["references"] == [
        {"name": "money.proto", "subject": name, "version": 1}
    ]


def test_an_import_is_what_others_import_under_that_name(
    registry: StoreRegistry, own: Write, kgen: Kgen
) -> None:
    registry.add("shared", MONEY, kind="PROTOBUF")
    registry.add("first-value", ORDER, ("lib/money.proto", "shared", 1), kind="PROTOBUF")
    path = own("first-value.proto", ORDER.replace("string id", "bytes id"))
    code, out, err = kgen("check", str(path))
    assert code == 0, err
    assert "    ~ `shop.Order.id`: string -> bytes" in out.splitlines()


def test_one_that_nothing_defines_has_a_hint(registry: StoreRegistry, own: Write, kgen: Kgen) -> None:
    own("orders-value.proto", ORDER)
    code, _, err = kgen("push")
    assert code == 2
    assert "orders-value.proto:3:1" in err
    assert "'lib/money.proto' is not among the schema's references" in err
    assert 'orders-value.references.json: [{"name": "address.proto", "subject": "address"}]' in err
    assert registry.writes() == []


def test_a_fault_has_line_and_column(registry: StoreRegistry, own: Write, kgen: Kgen) -> None:
    code, _, err = kgen("check", str(own("money-value.proto", MONEY.replace("int64", "int46"))))
    assert code == 2
    assert "money-value.proto:4:3" in err
    assert '"int46" is not defined' in err


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("= 1", "= 2"), "units: moved from number 1 to 2"),
        (("int64", "string"), "#/Money/1: a scalar that is written another way"),
        (("package lib", "package other"), "#/: another package: all messages have other names"),
    ],
)
def test_one_that_is_not_compatible_is_not_pushed(
    registry: StoreRegistry, own: Write, kgen: Kgen, change: tuple[str, str], reason: str
) -> None:
    registry.add("money-value", MONEY, kind="PROTOBUF")
    own("money-value.proto", MONEY.replace(*change))
    code, out, err = kgen("push")
    assert code == 4
    assert reason in out + err
    assert len(registry.versions("money-value")) == 1


def test_a_report_says_what_each_reads_of_the_other(registry: StoreRegistry, own: Write, kgen: Kgen) -> None:
    registry.add("money-value", MONEY, kind="PROTOBUF")
    text = MONEY.replace("int64", "sint64").replace("Money {", "Money { reserved 9;")
    code, out, _ = kgen("check", str(own("money-value.proto", text)), "--json")
    assert code == 4
    [found] = json.loads(out)["files"]
    assert [it["text"] for it in found["changes"]] == [
        "~ `lib.Money.units`: int64 -> sint64",
        "~ `lib.Money`: reserved none -> 9",
    ]
    [both] = found["versions"]
    assert both["backward"]["problems"] == ["units: int64 cannot be read as sint64"]

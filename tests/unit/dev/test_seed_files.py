"""What a seed folder may look like, and in which order its schemas are registered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kgen.dev.seed_files import load
from kgen.model.subjects import Reference
from kgen_runtime.errors import ConfigError, KgenError


def record(name: str, *types: Any, namespace: str = "shop") -> str:
    fields = [{"name": f"f{i}", "type": t} for i, t in enumerate(types)]
    return json.dumps({"type": "record", "name": name, "namespace": namespace, "fields": fields})


def test_files_and_folders(tmp_path: Path) -> None:
    (tmp_path / "a%2Fb-value.avsc").write_text('"string"')
    (tmp_path / "orders-value").mkdir()
    for number in (10, 2, 1):
        (tmp_path / "orders-value" / f"v{number}.avsc").write_text('"string"')
    (tmp_path / "orders-value" / "notes.txt").write_text("")
    (tmp_path / "p.proto").write_text("message P {}")
    (tmp_path / "j.json").write_text("{}")
    found = [(s.subject, s.version, s.type) for s in load(tmp_path)]
    assert sorted(found) == [
        ("a/b-value", 1, "AVRO"),
        ("j", 1, "JSON"),
        ("orders-value", 1, "AVRO"),
        ("orders-value", 2, "AVRO"),
        ("orders-value", 10, "AVRO"),
        ("p", 1, "PROTOBUF"),
    ]
    assert [v for s, v, _ in found if s == "orders-value"] == [1, 2, 10]


def test_references_are_found_by_name(tmp_path: Path) -> None:
    (tmp_path / "z-address.avsc").write_text(record("Address", "string"))
    (tmp_path / "orders-value.avsc").write_text(
        record(
            "Order",
            "Address",
            {"type": "array", "items": ["null", "shop.Address"]},
            {"type": "map", "values": "long"},
        )
    )
    address, order = load(tmp_path)
    assert address.references == ()
    assert order.references == (Reference("shop.Address", "z-address", 1),)


def test_a_version_refers_to_the_same_version_where_there_is_one(tmp_path: Path) -> None:
    for subject, body, versions in (
        ("address", record("Address", "string"), (1, 2)),
        ("orders", record("Order", "Address"), (1, 2, 3)),
    ):
        (tmp_path / subject).mkdir()
        for version in versions:
            (tmp_path / subject / f"v{version}.avsc").write_text(body)
    orders = [s for s in load(tmp_path) if s.subject == "orders"]
    assert [s.references[0].version for s in orders] == [1, 2, 2]


def test_names_a_schema_defines_itself_are_not_references(tmp_path: Path) -> None:
    inner = {"type": "enum", "name": "Kind", "symbols": ["A"]}
    (tmp_path / "a.avsc").write_text(
        record("A", inner, "Kind", "A", {"type": "string", "logicalType": "uuid"})
    )
    (tmp_path / "b.avsc").write_text(record("Kind", "int"))
    assert all(s.references == () for s in load(tmp_path))


def test_a_file_beside_it_says_the_references(tmp_path: Path) -> None:
    (tmp_path / "j.json").write_text('{"$ref": "k.json"}')
    (tmp_path / "j.references.json").write_text('[{"name": "k.json", "subject": "k", "version": 1}]')
    (tmp_path / "k.json").write_text("{}")
    k, j = load(tmp_path)
    assert (k.subject, j.subject) == ("k", "j")
    assert j.references == (Reference("k.json", "k", 1),)


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no folder"):
        load(tmp_path / "none")
    with pytest.raises(ConfigError, match="no schemas"):
        load(tmp_path)
    (tmp_path / "good.avsc").write_text(record("Good"))
    (tmp_path / "a.avsc").write_text("{\n!")
    assert str(faults(tmp_path)["a"]).startswith("the schema is not JSON: ")
    assert faults(tmp_path)["a"].where == f"{tmp_path / 'a.avsc'}:2:1"
    (tmp_path / "a.avsc").write_bytes(b"\xff")
    assert "cannot be read" in faults(tmp_path)["a"].what
    (tmp_path / "a.avsc").write_text(record("A", "B"))
    (tmp_path / "b.avsc").write_text(record("B", "A"))
    found = faults(tmp_path)
    assert {"a", "b"} == found.keys()
    assert "circle" in found["a"].what
    (tmp_path / "b.references.json").write_text('[{"name": 1}]')
    found = faults(tmp_path)
    assert found.keys() == {"b"}
    assert "not a list of references" in found["b"].what


def faults(folder: Path) -> dict[str, KgenError]:
    """Why schemas cannot be registered, by subject; one is good."""
    found = load(folder)
    assert next(each for each in found if each.subject == "good").fault is None
    return {each.subject: each.fault for each in found if each.fault is not None}


@pytest.mark.parametrize("name", ["money.proto", "money", "lib/money.proto"])
def test_what_a_proto_file_imports_is_found_by_its_subject(tmp_path: Path, name: str) -> None:
    (tmp_path / "money.proto").write_text('syntax = "proto3"; package lib; message Money {}')
    (tmp_path / "a-value.proto").write_text(
        f'syntax = "proto3"; import "google/protobuf/any.proto"; import "{name}"; // import "no.proto";\n'
    )
    money, paid = load(tmp_path)
    assert money.references == ()
    assert paid.references == (Reference(name, "money", 1),)

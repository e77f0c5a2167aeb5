"""`kgen catalog --asyncapi`: what is in the document, held against AsyncAPI's own JSON Schema."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from fastavro.schema import parse_schema
from tests.locked_project import Given, write_project

from kgen.actions.catalog import read_catalog
from kgen.actions.inputs import Workspace
from kgen.catalog.asyncapi import as_json, as_yaml, asyncapi
from kgen.catalog.bundled import bundled_avro, linked_json

TESTS = Path(__file__).resolve().parents[2]
FLOW = """
import kgen_runtime as rt
from bytewax.dataflow import Dataflow
from shop._generated import orders

def build(kafka):
    flow = Dataflow("billing")
    read = rt.source("read", flow, orders.topic, kafka)
    rt.sink("bills", read.oks, rt.Topic("bills", key=rt.StringSerde(), value=orders.value), kafka)
    rt.route("errs", read.errs, policy=rt.DeadLetter("orders.dlq", kafka))
    return flow
"""
ADDRESS = {"type": "record", "name": "shop.Address", "fields": [{"name": "street", "type": "string"}]}
ORDER = {
    "type": "record",
    "name": "Order",
    "namespace": "shop",
    "doc": "An order.",
    "fields": [
        {"name": "id", "type": "string", "confluent:tags": ["PII"], "default": "1e10"},
        {"name": "to", "type": "Address"},
        {"name": "bill_to", "type": ["null", "shop.Address"], "default": None, "doc": "one\ntwo: - #x"},
    ],
}
SUBJECTS: Mapping[str, Any] = {
    "address": ADDRESS,
    "orders-value": Given([ORDER], references={"shop.Address": ("address", 1)}),
    "orders-key": {"type": "record", "name": "Key", "fields": [{"name": "id", "type": "long"}]},
}


@lru_cache(maxsize=1)
def judge() -> Any:
    schema = json.loads((TESTS / "asyncapi" / "3.0.0.json").read_text())
    return jsonschema.Draft7Validator(schema)


def document_of(root: Path) -> dict[str, Any]:
    """The document, which AsyncAPI's own schema takes and YAML and JSON have alike."""
    document = asyncapi(*read_catalog(Workspace(root)))
    problems = [
        f"{'/'.join(map(str, e.absolute_path))}: {e.message[:300]}" for e in judge().iter_errors(document)
    ]
    assert problems == []
    assert yaml.safe_load(as_yaml(document)) == json.loads(as_json(document)) == document
    return document


def test_topics_flows_and_schemas(tmp_path: Path, kgen: Callable[..., Any]) -> None:
    root = tmp_path / "p"
    write_project(root, SUBJECTS, toml='[kafka]\nbrokers = "b1:9092, b2:9093"\n')
    assert kgen("pull", "--frozen", "--quiet")[0] == 0
    for path in root.glob("shop/flows/*.py"):
        path.unlink()
    (root / "shop" / "billing.py").write_text(FLOW)
    document = document_of(root)
    assert {name: server["host"] for name, server in document["servers"].items()} == {
        "kafka": "b1:9092",
        "kafka-2": "b2:9093",
    }
    assert {name: it["address"] for name, it in document["channels"].items()} == {
        "bills": "bills",
        "orders": "orders",
        "orders.dlq": "orders.dlq",
    }
    assert {name: it["action"] for name, it in document["operations"].items()} == {
        "billing.receive.orders": "receive",
        "billing.send.bills": "send",
        "billing.send.orders.dlq": "send",
    }
    messages, schemas = document["components"]["messages"], document["components"]["schemas"]
    message = messages["orders-value"]
    assert (message["name"], message["x-subject"], message["x-version"]) == ("Order", "orders-value", 1)
    assert message["tags"] == [{"name": "PII"}]
    assert message["payload"] == {"$ref": "#/components/schemas/orders-value"}
    assert message["bindings"]["kafka"]["key"] == {"$ref": "#/components/schemas/orders-key/schema"}
    assert set(messages) == {"orders-value", "bills.orders-value"}
    parse_schema(schemas["orders-value"]["schema"])


def test_a_document_has_another_version_when_anything_in_it_is_another(tmp_path: Path) -> None:
    versions = []
    for number, subjects in enumerate((SUBJECTS, SUBJECTS, {**SUBJECTS, "x-value": '"string"'})):
        write_project(tmp_path / str(number), subjects)
        versions.append(document_of(tmp_path / str(number))["info"]["version"])
    assert versions[0] == versions[1] != versions[2]


def test_keys_of_every_form(tmp_path: Path) -> None:
    subjects: dict[str, Any] = {
        "a-key": '"string"',
        "b-key": '["null", "string"]',
        "c-key": Given([{"type": "object", "title": "C"}], "JSON"),
        "d-key": {"type": "enum", "name": "E", "symbols": ["A"]},
    }
    subjects |= {f"{name}-value": '"long"' for name in "abcde"}
    subjects |= {
        "f-value": Given(["message A {}"], "PROTOBUF"),
        "g-value": '{"type": "error", "name": "a.b.C", "fields": []}',
    }
    write_project(tmp_path / "p", subjects)
    messages = document_of(tmp_path / "p")["components"]["messages"]
    keys = {name: it["bindings"]["kafka"] for name, it in messages.items()}
    assert keys["a-value"]["key"] == {"$ref": "#/components/schemas/a-key/schema"}
    assert keys["b-value"]["x-key"] == {"$ref": "#/components/schemas/b-key"}
    assert keys["e-value"]["key"] == {"type": "string", "format": "binary"}


def test_proto_files_are_there_with_those_that_they_import(tmp_path: Path) -> None:
    geo = 'package geo; import "confluent/type/decimal.proto"; message Place { optional int32 x = 1; }'
    shop = (
        'syntax = "proto3"; package shop; import "geo/place.proto"; import public "shop/line.proto";'
        ' import "google/protobuf/timestamp.proto";'
        " message Order { geo.Place to = 1; google.protobuf.Timestamp at = 2; shop.Line line = 3; }"
    )
    line = 'edition = "2023"; package shop; import "geo/place.proto"; message Line { geo.Place from = 1; }'
    subjects: dict[str, Any] = {
        "geo/place.proto": Given([geo, geo + "\nmessage Later {}"], "PROTOBUF"),
        "line": Given([line], "PROTOBUF", references={"geo/place.proto": ("geo/place.proto", 1)}),
        "orders-value": Given(
            [shop],
            "PROTOBUF",
            references={"geo/place.proto": ("geo/place.proto", 1), "shop/line.proto": ("line", 1)},
        ),
    }
    write_project(tmp_path / "p", subjects)
    document = document_of(tmp_path / "p")
    schemas = document["components"]["schemas"]
    texts = {pointer: it["schema"] for pointer, it in schemas.items()}

    def imported(name: str) -> dict[str, Any]:
        links = schemas[name].get("x-imports", {})
        return {
            each: texts[link["$ref"].removeprefix("#/components/schemas/")] for each, link in links.items()
        }

    assert imported("orders-value") == {"geo/place.proto": geo, "shop/line.proto": line}
    assert imported("line") == {"geo/place.proto": geo}
    place = next(name for name, text in texts.items() if text == geo)
    assert "message Decimal" in imported(place)["confluent/type/decimal.proto"]
    assert {name: it["schemaFormat"][-1] for name, it in schemas.items()} == {
        **dict.fromkeys(schemas, "3"),
        place: "2",
    }
    message = document["components"]["messages"]["orders-value"]
    assert (message["name"], message["contentType"]) == ("Order", "application/x-protobuf")


def test_real_schemas(tmp_path: Path) -> None:
    subjects: dict[str, Any] = {}
    for path in sorted((TESTS / "json_schemas").glob("*.json")):
        if not path.name.endswith(".references.json"):
            subjects[f"{path.stem}-value"] = Given([path.read_text()], "JSON")
    write_project(tmp_path / "p", subjects)
    assert len(document_of(tmp_path / "p")["channels"]) > 10


def test_odd_names_get_ids_of_their_own(tmp_path: Path) -> None:
    names = ["a/b", "a_b", "a b", "x" * 300, "x" * 299 + "y", "</script>"]
    write_project(tmp_path / "p", {f"{name}-value": '"string"' for name in names})
    channels = document_of(tmp_path / "p")["channels"]
    assert sorted(channel["address"] for channel in channels.values()) == sorted(names)
    assert len(channels) == len(names)


def test_strings_that_look_like_numbers_stay_strings() -> None:
    values = [
        "1e10",
        "0o7",
        "yes",
        "null",
        "1_000",
        "12:30",
        ".5",
        "-",
        "=",
        "a: b",
        "two\nlines ",
        "\u2028",
        "é",
    ]
    text = as_yaml({"values": values})
    assert yaml.safe_load(text) == {"values": values}
    assert '"1e10"' in text
    assert '"0o7"' in text


# ------------------------------------------------------------------------------------------------ bundles


def test_avro_is_bundled_with_what_it_refers_to_once() -> None:
    inner = json.dumps({"type": "enum", "name": "E", "namespace": "b", "symbols": ["A"]})
    middle = {"type": "record", "name": "M", "namespace": "b", "fields": [{"name": "e", "type": "E"}]}
    outer = {
        "type": "record",
        "name": "a.Outer",
        "fields": [
            {"name": "m", "type": ["null", "b.M"]},
            {"name": "again", "type": {"type": "map", "values": "b.M"}},
            {"name": "self", "type": ["null", "Outer"]},
        ],
    }
    found = bundled_avro(json.dumps(outer), [inner, json.dumps(middle)])
    parse_schema(found)
    assert found["fields"][0]["type"][1]["fields"][0]["type"]["symbols"] == ["A"]
    assert found["fields"][1]["type"]["values"] == "b.M"
    assert found["fields"][2]["type"][1] == "a.Outer"


def test_references_of_json_schema_lead_into_the_document(tmp_path: Path) -> None:
    person = {
        "$id": "https://example.com/person.json",
        "type": "object",
        "properties": {"boss": {"$ref": "#/$defs/P"}, "name": {"$ref": "#name"}},
        "$defs": {"P": {"$ref": "#"}, "N": {"$anchor": "name", "type": "string"}},
    }
    holder = {
        "type": "object",
        "properties": {
            "$ref": {"$ref": "person.json#/properties/name"},
            "const": {"const": {"$ref": "kept"}},
        },
    }
    write_project(
        tmp_path / "p",
        {
            "person": Given([person], "JSON"),
            "holder-value": Given([holder], "JSON", {"person.json": ("person", 1)}),
        },
    )
    schemas = document_of(tmp_path / "p")["components"]["schemas"]
    at = "#/components/schemas/person/schema"
    assert schemas["holder-value"]["schema"]["properties"] == {
        "$ref": {"$ref": f"{at}/properties/name"},
        "const": {"const": {"$ref": "kept"}},
    }
    assert schemas["person"]["schema"]["properties"] == {
        "boss": {"$ref": f"{at}/$defs/P"},
        "name": {"$ref": f"{at}/$defs/N"},
    }
    assert "$id" not in schemas["person"]["schema"]


def test_what_draft_7_says_otherwise_is_rewritten() -> None:
    old = {"minimum": 1, "exclusiveMinimum": True, "maximum": 5, "exclusiveMaximum": False, "required": True}
    assert linked_json(json.dumps(old), lambda *_: None) == {"exclusiveMinimum": 1, "maximum": 5}


@pytest.mark.parametrize("name", ["a.txt", "a", "json"])
def test_a_file_is_yaml_or_json(tmp_path: Path, kgen: Callable[..., Any], name: str) -> None:
    write_project(tmp_path / "p", SUBJECTS)
    code, _, err = kgen("catalog", "--asyncapi", str(tmp_path / name))
    assert code == 2
    assert ".yaml, .yml or .json" in err
    assert not (tmp_path / name).exists()

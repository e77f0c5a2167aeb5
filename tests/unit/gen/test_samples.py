"""`kgen sample`."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import uuid
from decimal import Decimal

import fastavro
import pytest

from kgen.actions.sample import samples
from kgen.cli import app
from kgen.model.library import Library
from kgen.model.subjects import Reference, SchemaVersion, Snapshot, Subject
from kgen_runtime.codec.avro.json_encoding import dumps

ADDRESS = {
    "type": "record",
    "name": "Address",
    "namespace": "shop",
    "fields": [{"name": "city", "type": "string"}],
}
ORDER = {
    "type": "record",
    "name": "Order",
    "namespace": "shop",
    "fields": [
        {"name": "id", "type": {"type": "string", "logicalType": "uuid"}},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-nanos"}},
        {"name": "amount", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
        {"name": "ship_to", "type": ["null", "Address"], "default": None},
        {"name": "tags", "type": {"type": "map", "values": "int"}, "default": {}},
    ],
}


@pytest.fixture
def project(registry, tmp_path, capsys):
    registry.add("address", ADDRESS)
    registry.add("orders-value", ORDER, references=[("shop.Address", "address", 1)])
    registry.add("x-value", 'syntax = "proto3";', kind="PROTOBUF")
    assert app.run(["pull", "--registry", registry.url, "--out", str(tmp_path)]) == 0
    capsys.readouterr()
    return tmp_path


def test_samples_are_lines_of_json_and_repeatable(project, capsys):
    assert app.run(["sample", "orders-value", "-n", "25", "--out", str(project)]) == 0
    out = capsys.readouterr().out
    values = [json.loads(line) for line in out.splitlines()]
    assert len(values) == 25
    assert {type(v["at"]) for v in values} == {int}
    assert {"shop.Address"} == {k for v in values if v["ship_to"] for k in v["ship_to"]}
    assert app.run(["sample", "orders-value", "-n", "25", "--out", str(project), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"version": 1, "subject": "orders-value", "samples": values}
    app.run(["sample", "orders-value", "-n", "25", "--seed", "1", "--out", str(project)])
    assert capsys.readouterr().out != out


ODD = {
    "type": "record",
    "name": "Odd",
    "namespace": "a..b",
    "fields": [
        {"name": "beløp", "type": ["null", "Kind", "bytes", "Id"], "default": "null"},
        {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["ON"]}, "default": ""},
        {"name": "id", "type": {"type": "fixed", "name": "Id", "size": 2}},
        {
            "name": "rest",
            "type": {"type": "array", "items": ["double", {"type": "map", "values": "boolean"}]},
        },
        {"name": "none", "type": {"type": "array", "items": []}},
    ],
}


def test_samples_of_what_registries_hold_are_as_another_library_writes_them(registry, tmp_path, capsys):
    registry.add("odd-value", ODD)
    assert (
        app.run(["sample", "odd-value", "-n", "40", "--registry", registry.url, "--out", str(tmp_path)]) == 0
    )
    values = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {next(iter(v["beløp"] or [None])) for v in values} == {None, "a..b.Kind", "bytes", "a..b.Id"}
    plain = json.loads(json.dumps(ODD).replace('"default"', '"other"'))  # which fastavro refuses
    plain["fields"].insert(0, plain["fields"].pop(1))  # and takes no type before its definition
    plain["fields"].insert(0, plain["fields"].pop(2))
    schema = fastavro.parse_schema(plain)
    for value in values:
        read = next(fastavro.json_reader(io.StringIO(json.dumps(value)), schema))
        text = io.StringIO()
        fastavro.json_writer(text, schema, [read])
        again = json.loads(text.getvalue())  # where it takes a fixed for bytes
        assert list((again.pop("beløp") or {}).values()) == list((value.pop("beløp") or {}).values())
        assert again == value


def test_a_topic_is_taken_for_its_values(registry, project, tmp_path_factory, capsys):
    lines = {}
    empty = tmp_path_factory.mktemp("empty")
    for name in ("orders-value", "orders"):
        for where in (["--out", str(project)], ["--registry", registry.url, "--out", str(empty)]):
            assert app.run(["sample", name, *where]) == 0
            lines[name, where[0]] = capsys.readouterr().out
    assert len(set(lines.values())) == 1
    assert app.run(["sample", "orders", "--json", "-n", "1", "--out", str(project)]) == 0
    assert json.loads(capsys.readouterr().out)["subject"] == "orders-value"
    assert app.run(["sample", "orders", "--version", "7", "--out", str(project)]) == 2
    assert "orders-value has no version 7\n  hint: it has 1" in capsys.readouterr().err
    registry.add("orders", ADDRESS)  # a subject of that name comes first
    assert app.run(["sample", "orders", "--registry", registry.url, "--out", str(empty)]) == 0
    assert '"city"' in capsys.readouterr().out


MONEY = {
    "type": "record",
    "name": "Money",
    "fields": [
        {"name": "big", "type": {"type": "bytes", "logicalType": "decimal", "precision": 30, "scale": 12}},
        {
            "name": "fixed",
            "type": {"type": "fixed", "name": "F", "size": 5, "logicalType": "decimal", "precision": 9},
        },
        {"name": "any", "type": ["null", {"type": "bytes", "logicalType": "big-decimal"}]},
        {"name": "raw", "type": "bytes"},
    ],
}


def test_samples_of_a_topic_of_several_types_are_under_their_names(registry, tmp_path, capsys):
    pytest.importorskip("grpc_tools", reason="needs the extra `protobuf`")
    registry.add("shop.Paid", {"type": "record", "name": "Paid", "namespace": "shop", "fields": []})
    file = 'syntax = "proto3"; package shop; message Placed { string id = 1; } message Sent { int32 n = 1; }'
    registry.add("events-value", file, kind="PROTOBUF")
    config = 'package = "streams"\n[topics.events]\nvalue = ["shop.Placed", "shop.Sent", "shop.Paid"]\n'
    (tmp_path / "kgen.toml").write_text(config, encoding="utf-8")
    assert app.run(["pull", "--registry", registry.url, "--out", str(tmp_path)]) == 0
    capsys.readouterr()
    assert app.run(["sample", "events", "-n", "5", "--json", "--out", str(tmp_path)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["topic"] == "events"
    names = ["shop.Placed", "shop.Sent", "shop.Paid", "shop.Placed", "shop.Sent"]
    assert [list(each) for each in found["samples"]] == [[name] for name in names]
    assert list(found["samples"][1]["shop.Sent"]) == ["n"]
    assert app.run(["sample", "events-value", "-n", "1", "--out", str(tmp_path)]) == 0
    assert list(json.loads(capsys.readouterr().out)) == ["id"]


def test_decimals_are_numbers_with_all_their_digits(registry, tmp_path, capsys):
    registry.add("money-value", MONEY)
    assert app.run(["sample", "money", "-n", "60", "--registry", registry.url, "--out", str(tmp_path)]) == 0
    values = [json.loads(line, parse_float=Decimal) for line in capsys.readouterr().out.splitlines()]
    assert all(isinstance(v["big"], Decimal) and v["big"].as_tuple().exponent == -12 for v in values)
    assert {type(v["fixed"]) for v in values} == {int}
    assert {type(v["any"]["bytes"]) for v in values if v["any"]} <= {int, Decimal}
    assert {type(v["raw"]) for v in values} == {str}
    assert dumps({"a": [Decimal("1E+3"), Decimal("-0.10"), None]}) == '{"a": [1000, -0.10, null]}'


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_samples_end_with_their_reader(project, form):
    command = [sys.executable, "-m", "kgen", "sample", "orders", "-n", "1000000000", "--out", str(project)]
    with subprocess.Popen(
        [*command, *form], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        lines = [process.stdout.readline() for _ in range(40)]
        process.stdout.close()
        assert process.wait(60) == 141
        assert process.stderr.read() == ""
    values = [line.strip().rstrip(",") for line in lines if '"id"' in line]
    assert all(json.loads(value)["id"] for value in values)
    assert len(values) > 30


def test_samples_without_a_project(registry, project, tmp_path_factory, capsys):
    empty = tmp_path_factory.mktemp("empty")
    assert app.run(["sample", "address", "-n", "1", "--registry", registry.url, "--out", str(empty)]) == 0
    assert set(json.loads(capsys.readouterr().out)) == {"city"}
    assert list(empty.iterdir()) == []


def test_samples_of_a_json_schema_are_its_messages():
    place = json.dumps({"type": "object", "properties": {"zip": {"type": "string"}}, "required": ["zip"]})
    text = json.dumps(
        {
            "type": "object",
            "properties": {
                "id": {"type": "string", "format": "uuid"},
                "amount": {"type": "number", "format": "decimal"},
                "to": {"$ref": "place.json"},
            },
            "required": ["id", "amount", "to"],
        }
    )
    order = SchemaVersion("o-value", 1, 2, "JSON", text, (Reference("place.json", "place", 1),))
    snapshot = Snapshot(
        "http://registry", (Subject("o-value", (order,)),), (SchemaVersion("place", 1, 1, "JSON", place),)
    )
    unit = Library(snapshot).unit(("o-value", 1))
    made = list(samples(unit, 20, 0))
    assert made == list(samples(unit, 20, 0)) != list(samples(unit, 20, 1))
    assert all(uuid.UUID(each["id"]) and isinstance(each["to"]["zip"], str) for each in made)
    assert {each["amount"].as_tuple().exponent for each in made} == {-2}
    assert json.loads(dumps(made[0])).keys() == {"id", "amount", "to"}


@pytest.mark.parametrize(
    "arguments", [["nope"], ["x-value"], ["address", "--version", "9"], ["address", "-n", "0"]]
)
def test_samples_of_nothing(project, capsys, arguments):
    assert app.run(["sample", *arguments, "--out", str(project)]) == 2
    assert capsys.readouterr().err.startswith("error: ")


@pytest.mark.parametrize(
    ("pattern", "names"), [("*", "address and orders-value"), ("ord*", "orders-value"), ("x?", "address and")]
)
def test_a_pattern_is_not_a_name(project, capsys, pattern, names):
    assert app.run(["sample", pattern, "--out", str(project)]) == 2
    err = capsys.readouterr().err
    assert f"error: kgen sample takes one name, not the pattern {pattern}" in err
    assert f"hint: name one subject: {names}" in err


@pytest.mark.parametrize("command", [["pull"], ["outdated"], ["diff"], ["sample", "x"], ["doctor"]])
@pytest.mark.parametrize("url", ["", " "])
def test_an_empty_registry_flag_is_an_error_with_a_hint(project, capsys, command, url):
    """Not another registry than the one that was meant."""
    capsys.readouterr()
    assert app.run([*command, "--registry", url, "--out", str(project)]) == 2
    captured = capsys.readouterr()
    assert "the URL is empty" in captured.out + captured.err
    assert "hint: --registry http://localhost:8081" in captured.out + captured.err

"""`kgen sample`."""

from __future__ import annotations

import io
import json

import fastavro
import pytest

from kgen import cli

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
    registry.add("x-value", "{}", kind="JSON")
    assert cli.run(["pull", "--registry", registry.url, "--out", str(tmp_path)]) == 0
    capsys.readouterr()
    return tmp_path


def test_samples_are_lines_of_json_and_repeatable(project, capsys):
    assert cli.run(["sample", "orders-value", "-n", "25", "--out", str(project)]) == 0
    out = capsys.readouterr().out
    values = [json.loads(line) for line in out.splitlines()]
    assert len(values) == 25
    assert {type(v["at"]) for v in values} == {int}
    assert {"shop.Address"} == {k for v in values if v["ship_to"] for k in v["ship_to"]}
    assert cli.run(["sample", "orders-value", "-n", "25", "--out", str(project), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"version": 1, "subject": "orders-value", "samples": values}
    cli.run(["sample", "orders-value", "-n", "25", "--seed", "1", "--out", str(project)])
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
        cli.run(["sample", "odd-value", "-n", "40", "--registry", registry.url, "--out", str(tmp_path)]) == 0
    )
    values = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {next(iter(v["beløp"] or [None])) for v in values} <= {None, "a..b.Kind", "bytes", "a..b.Id"}
    plain = json.loads(json.dumps(ODD).replace('"default"', '"other"'))  # which fastavro refuses
    plain["fields"].insert(0, plain["fields"].pop(1))  # and takes no type before its definition
    plain["fields"].insert(0, plain["fields"].pop(2))
    schema = fastavro.parse_schema(plain)
    for value in values:
        read = next(fastavro.json_reader(io.StringIO(json.dumps(value)), schema))
        text = io.StringIO()
        fastavro.json_writer(text, schema, [read])
        assert json.loads(text.getvalue()) == value


def test_samples_without_a_project(registry, project, tmp_path_factory, capsys):
    empty = tmp_path_factory.mktemp("empty")
    assert cli.run(["sample", "address", "-n", "1", "--registry", registry.url, "--out", str(empty)]) == 0
    assert set(json.loads(capsys.readouterr().out)) == {"city"}
    assert list(empty.iterdir()) == []


@pytest.mark.parametrize(
    "arguments", [["nope"], ["x-value"], ["address", "--version", "9"], ["address", "-n", "0"]]
)
def test_samples_of_nothing(project, capsys, arguments):
    assert cli.run(["sample", *arguments, "--out", str(project)]) == 2
    assert capsys.readouterr().err.startswith("error: ")

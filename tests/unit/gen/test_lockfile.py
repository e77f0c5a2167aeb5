from __future__ import annotations

import re

import pytest
import tomlkit as toml

from kgen.errors import LockError
from kgen.model import Names
from kgen.model.subjects import Reference, SchemaVersion, Snapshot, Subject
from kgen.project import lockfile
from kgen.project.lockfile import Locked

ORDER = '{"type": "record", "name": "Order", "fields": []}'
ADDRESS = '{"name":"Address","type":"record","fields":[]}'


def example() -> Locked:
    orders = (
        SchemaVersion("orders-value", 1, 3, "AVRO", ORDER),
        SchemaVersion("orders-value", 2, 7, "AVRO", ORDER + " ", (Reference('A"d', "address", 1),), "9c-1f"),
    )
    odd = 'sübject \x7f"\n\\'
    address = SchemaVersion("address", 1, 5, "AVRO", ADDRESS)
    snapshot = Snapshot(
        "http://host:8081",
        (
            Subject("orders-value", orders, "BACKWARD", False),
            Subject(odd, (SchemaVersion(odd, 1, 9, "AVRO", '"ü"'),), None, True),
        ),
        (address,),
    )
    folders = {"orders-value": "orders-value", "address": "address", odd: "odd~1"}
    return Locked(
        snapshot,
        "0.1.0",
        folders,
        Names(
            {"topic:orders": "orders", "subject:address": "address"},
            {"address": 1, odd: 2},
            {"topic:orders": {"orders-value": {"shop.Order": "Order"}, odd: {odd: "Odd", ":": "Value"}}},
            {"orders-value": {"shop.Order:__op": "op"}, odd: {f"{odd}:x": "y"}},
        ),
        frozenset({("orders-value", 1)}),
    )


def write(root, locked):
    (root / "kgen.lock").write_text(lockfile.dump(locked), encoding="utf-8", newline="")
    for path, content in locked.vendored().items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)


def test_what_is_written_reads_back(tmp_path):
    write(tmp_path, example())
    assert lockfile.load(tmp_path) == example()
    assert lockfile.snapshot(tmp_path) == example().snapshot
    assert lockfile.dump(lockfile.load(tmp_path)) == lockfile.dump(example())  # type: ignore[arg-type]


def test_the_text_is_toml_and_vendored_files_are_as_received(tmp_path):
    text = lockfile.dump(example())
    assert toml.loads(text)["subject"][0]["versions"][1]["guid"] == "9c-1f"
    assert example().vendored()["schemas/orders-value/v2.avsc"] == (ORDER + " ").encode()
    assert set(example().vendored()) == {
        "schemas/orders-value/v1.avsc",
        "schemas/orders-value/v2.avsc",
        "schemas/address/v1.avsc",
        "schemas/odd~1/v1.avsc",
    }


def test_no_lock(tmp_path):
    assert lockfile.load(tmp_path) is None
    with pytest.raises(LockError, match="there is no"):
        lockfile.snapshot(tmp_path)


def test_a_tampered_schema_is_found(tmp_path):
    write(tmp_path, example())
    (tmp_path / "schemas/address/v1.avsc").write_text(ADDRESS.replace("Address", "Adress"))
    with pytest.raises(LockError, match="vendored schema of address is not the one") as e:
        lockfile.load(tmp_path)
    assert e.value.where == "schemas/address/v1.avsc"


def test_a_missing_schema_is_found(tmp_path):
    write(tmp_path, example())
    (tmp_path / "schemas/address/v1.avsc").unlink()
    with pytest.raises(LockError, match="vendored schema of address cannot be read"):
        lockfile.load(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.replace("version = 2\n", "version = 3\n", 1), "format 3"),
        (lambda t: t.replace("version = 2\n", "version = true\n", 1), "format True"),
        (lambda t: t.replace("version = 2\n", "", 1), "format None"),
        (lambda t: t.replace('"address" = 1', '"address" = "x"'), "damaged"),
        (lambda t: t.replace('[members."orders-value"]', "[members]"), "damaged"),
        (lambda t: t[: len(t) // 2], "damaged"),
        (lambda t: t.replace('folder = "address"', 'folder = "../address"'), "damaged"),
        (lambda t: t.replace('folder = "address"', 'folder = ".."'), "damaged"),
        (lambda t: t.replace('type = "AVRO"', 'type = "THRIFT"'), "damaged"),
        (lambda t: t.replace("id = 5", 'id = "x"'), "damaged"),
        (lambda t: t.replace('name = "orders-value"', "name = 5"), "damaged"),
        (lambda t: t.replace('subject = "address"', "subject = true"), "damaged"),
        (lambda t: re.sub('guid = ".*"', "guid = [[1]]", t), "damaged"),
        (lambda t: t.replace("registry = ", "registri = "), "damaged"),
        (lambda t: "<<<<<<< HEAD\n" + t + ">>>>>>> theirs\n", "merge conflict"),
    ],
)
def test_damaged_locks(tmp_path, change, message):
    write(tmp_path, example())
    (tmp_path / "kgen.lock").write_text(change(lockfile.dump(example())), encoding="utf-8", newline="")
    with pytest.raises(LockError, match=message) as e:
        lockfile.load(tmp_path)
    assert e.value.hint


def test_normalised_hashes_do_not_depend_on_spelling():
    assert lockfile.normal_hash('{"a": 1, "b": [1, 2]}') == lockfile.normal_hash('{"b":[1,2],"a":1}')
    assert lockfile.normal_hash('{"default": 1}') != lockfile.normal_hash('{"default": 2}')
    assert lockfile.normal_hash("syntax = 'proto3'") == lockfile.text_hash("syntax = 'proto3'")

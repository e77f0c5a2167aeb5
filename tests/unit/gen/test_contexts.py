"""Contexts of a registry: names without one lie in their parent's, for every part of kgen."""

from __future__ import annotations

import importlib
import json
import sys
from typing import Any
from urllib.parse import quote

import pytest

from kgen import cli, lock
from kgen.dev.server import RegistryServer
from kgen_runtime.serde import RegistryClient, SchemaStore
from kgen_runtime.serde.subjects import context_of, plain, qualified, sibling

REFERENCE = [{"name": "shop.Address", "subject": "address", "version": 1}]
ORDER = {
    "type": "record",
    "name": "shop.Order",
    "fields": [{"name": "to", "type": "shop.Address"}],
}


def address(*fields: str) -> dict[str, Any]:
    return {
        "type": "record",
        "name": "shop.Address",
        "fields": [{"name": name, "type": "string"} for name in fields],
    }


@pytest.fixture
def registry():
    """Two contexts with one topic; their addresses differ."""
    with RegistryServer() as server:
        client = RegistryClient(server.url)

        def add(subject: str, schema: Any, references: Any = ()) -> int:
            path = f"/subjects/{quote(subject, safe='')}/versions"
            return int(
                client.post(path, {"schema": json.dumps(schema), "references": list(references)})["id"]
            )

        server.add = add
        add("address", address("city"))
        add("orders-value", ORDER, REFERENCE)
        add(":.staging:spare", "string")
        add(":.staging:address", address("city", "zip"))
        server.staged = add(":.staging:orders-value", ORDER, REFERENCE)
        yield server
        client.close()


@pytest.fixture
def kgen(tmp_path, capsys):
    def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = cli.run([*arguments, "--out", str(tmp_path / "p")])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.mark.parametrize(
    ("subject", "context", "name"),
    [
        ("orders-value", "", "orders-value"),
        (":.:orders-value", "", "orders-value"),
        (":.staging:orders-value", ":.staging:", "orders-value"),
        (":.staging::.x:y", ":.staging:", ":.x:y"),
        (":.staging", "", ":.staging"),
        (":orders", "", ":orders"),
        ("a:.b:c", "", "a:.b:c"),
        ("", "", ""),
    ],
)
def test_a_name_has_one_context(subject: str, context: str, name: str) -> None:
    assert (context_of(subject), plain(subject)) == (context, name)


@pytest.mark.parametrize(
    ("parent", "name", "meant"),
    [
        ("orders-value", "address", "address"),
        ("orders-value", ":.staging:address", ":.staging:address"),
        (":.staging:orders-value", "address", ":.staging:address"),
        (":.staging:orders-value", ":.:address", "address"),
        (":.staging:orders-value", ":.live:address", ":.live:address"),
        (":.:orders-value", "address", "address"),
    ],
)
def test_a_name_without_a_context_lies_in_its_parents(parent: str, name: str, meant: str) -> None:
    assert sibling(parent, name) == meant
    assert qualified(meant) == meant


def test_references_are_followed_in_the_context_of_the_subject_that_has_them(
    registry, kgen, tmp_path
) -> None:
    code, _, err = kgen("pull", "--registry", registry.url, "--subject", ":.staging:orders-value")
    assert code == 0, err
    locked = lock.load(tmp_path / "p")
    assert locked is not None
    (referenced,) = locked.snapshot.referenced
    assert referenced.subject == ":.staging:address"
    assert "zip" in referenced.text
    (reference,) = locked.snapshot.subjects[0].latest.references
    assert reference.subject == ":.staging:address"
    assert kgen("pull", "--check")[0] == 0


def test_the_runtime_follows_them_there_too(registry, kgen, tmp_path, monkeypatch) -> None:
    assert (
        kgen(
            "pull", "--registry", registry.url, "--subject", ":.staging:orders-value", "--package", "staged"
        )[0]
        == 0
    )
    monkeypatch.syspath_prepend(str(tmp_path / "p"))
    schemas = importlib.import_module("staged._generated._schemas").SCHEMAS.subject(":.staging:orders-value")
    for name in [name for name in sys.modules if name.startswith("staged")]:
        monkeypatch.delitem(sys.modules, name)
    store = SchemaStore(RegistryClient(registry.url))
    assert store.get(schemas, registry.staged) == schemas.latest.parse()
    assert store.id_to_write(schemas) == (registry.staged, None)


def test_a_reference_into_another_context_takes_its_own_references_from_there(
    registry, kgen, tmp_path
) -> None:
    customer = {
        "type": "record",
        "name": "shop.Customer",
        "fields": [{"name": "order", "type": "shop.Order"}],
    }
    into = [{"name": "shop.Order", "subject": ":.staging:orders-value", "version": 1}]
    registry.add("customers-value", customer, into)
    assert kgen("pull", "--registry", registry.url, "--subject", "customers-value")[0] == 0
    locked = lock.load(tmp_path / "p")
    assert locked is not None
    names = [version.subject for version in locked.snapshot.referenced]
    assert names == [":.staging:address", ":.staging:orders-value"]

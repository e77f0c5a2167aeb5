"""Contexts of a registry: names without one lie in their parent's, for every part of kgen."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from kgen.dev.registry_server import RegistryServer
from kgen.errors import ConfigError
from kgen.project import config, lockfile
from kgen_runtime.serde import RegistryClient, SchemaStore
from kgen_runtime.serde.subject_names import context_of, plain, qualified, sibling

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

        server.add = add  # type: ignore[attr-defined]
        add("address", address("city"))
        add("orders-value", ORDER, REFERENCE)
        add(":.staging:spare", "string")
        add(":.staging:address", address("city", "zip"))
        server.staged = add(":.staging:orders-value", ORDER, REFERENCE)  # type: ignore[attr-defined]
        yield server
        client.close()


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
    locked = lockfile.load(tmp_path / "p")
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
    locked = lockfile.load(tmp_path / "p")
    assert locked is not None
    names = [version.subject for version in locked.snapshot.referenced]
    assert names == [":.staging:address", ":.staging:orders-value"]


def test_two_contexts_with_one_topic_are_said_and_one_is_read(registry, kgen, tmp_path) -> None:
    code, out, _ = kgen("pull", "--registry", registry.url)
    assert code == 0
    said = "the topic orders is in several contexts: . is read, .staging is not"
    assert said in out
    assert '[topics.NAME] in kgen.toml with topic = "orders" and context = ".staging"' in out
    text = (tmp_path / "p/streams/_generated/orders.py").read_text()
    assert '_schemas.SCHEMAS.subject("orders-value")' in text
    assert ":.staging:" not in text
    assert said in kgen("pull")[1]


def pulled(registry, kgen, root: Path, settings: str) -> str:
    root.mkdir(exist_ok=True)
    (root / "kgen.toml").write_text(f'[registry]\nurl = "{registry.url}"\n{settings}\n')
    code, out, err = kgen("pull")
    assert code == 0, err
    assert kgen("pull", "--check")[0] == 0
    return out


def test_a_topic_can_be_read_of_another_context(registry, kgen, tmp_path) -> None:
    out = pulled(registry, kgen, tmp_path / "p", '[topics.orders]\ncontext = ".staging"')
    assert "the topic orders is in several contexts: .staging is read, . is not" in out
    text = (tmp_path / "p/streams/_generated/orders.py").read_text()
    assert '_schemas.SCHEMAS.subject(":.staging:orders-value")' in text
    assert 'rt.Topic("orders"' in text
    assert not list((tmp_path / "p/streams/flows").glob("*staging*"))


@pytest.mark.skipif("sys.version_info >= (3, 13)", reason="Bytewax has no build for this Python")
def test_a_topic_of_two_contexts_can_be_two_modules(registry, kgen, tmp_path, monkeypatch) -> None:
    out = pulled(registry, kgen, tmp_path / "p", '[topics.staged]\ntopic = "orders"\ncontext = ".staging"\n')
    assert "several contexts" not in out
    for module, subject in (("orders", "orders-value"), ("staged", ":.staging:orders-value")):
        text = (tmp_path / f"p/streams/_generated/{module}.py").read_text()
        assert f'_schemas.SCHEMAS.subject("{subject}")' in text
        assert 'rt.Topic("orders"' in text
        assert "class Order:" in text
        assert (tmp_path / f"p/streams/flows/{module}.py").exists()
    monkeypatch.syspath_prepend(str(tmp_path / "p"))
    for module in ("orders", "staged"):
        code = f"import streams.flows.{module}, streams._generated.{module} as m"
        code += "; assert m.topic.name == 'orders'"
        subprocess.run([sys.executable, "-c", code], cwd=tmp_path / "p", check=True, timeout=60)


def test_key_and_value_are_never_of_two_contexts(registry, kgen, tmp_path) -> None:
    registry.add(":.staging:orders-key", "string")
    registry.add("spare-key", "string")
    registry.add(":.staging:spare-value", "long")
    pulled(registry, kgen, tmp_path / "p", "")
    orders = (tmp_path / "p/streams/_generated/orders.py").read_text()
    assert ":.staging:" not in orders
    spare = (tmp_path / "p/streams/_generated/spare.py").read_text()
    assert '"spare-key"' not in spare
    assert '":.staging:spare-value"' in spare


@pytest.mark.parametrize(
    "table",
    [
        'context = "staging"',
        'context = ":.staging:"',
        'context = ""',
        "context = 1",
        'topic = ""',
        "topic = []",
    ],
)
def test_settings_that_are_not_a_context_or_topic_are_refused(table: str) -> None:
    with pytest.raises(ConfigError, match=r"topics\.orders\.(context|topic)"):
        config.parse(f"[topics.orders]\n{table}")

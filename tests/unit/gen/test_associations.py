"""Topics by the associations of the registry: read, locked, placed; and made by Confluent's own client."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry._sync.serde import AssociatedNameStrategy
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.schema_registry.common.schema_registry_client import (
    AssociationCreateOrUpdateInfo,
    AssociationCreateOrUpdateRequest,
)
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.serialization import MessageField, SerializationContext, SerializationError
from tests.unit.gen.store_registry import StoreRegistry

from kgen.cli import app
from kgen.discovery.part_findings import findings
from kgen.discovery.payload_census import PayloadCensus
from kgen.discovery.registered_types import RegisteredTypes
from kgen.discovery.topic_entry import topic_entry
from kgen_runtime.serde.registry.client import RegistryClient

VALUE = SerializationContext("orders", MessageField.VALUE)


def record(name: str) -> dict[str, Any]:
    return {"type": "record", "name": name, "fields": [{"name": "id", "type": "string"}]}


@pytest.fixture
def registry() -> Iterator[StoreRegistry]:
    made = StoreRegistry()
    for subject in ("shop.Order", "shop.Refund", "shop.Id"):
        made.add(subject, record(subject))
    yield made
    made.server.close()


@pytest.fixture
def client(registry: StoreRegistry) -> SchemaRegistryClient:
    return SchemaRegistryClient({"url": registry.url})


def associate(
    client: SchemaRegistryClient, subject: str, topic: str = "orders", role: str = "value", **more: Any
) -> None:
    info = AssociationCreateOrUpdateInfo(subject=subject, association_type=role, lifecycle="WEAK", **more)
    client.create_association(
        AssociationCreateOrUpdateRequest(
            resource_name=topic,
            resource_namespace=f"lkc-{subject}",
            resource_id=f"{subject}:{topic}",
            resource_type="topic",
            associations=[info],
        )
    )


def pull(registry: StoreRegistry, root: Path, *args: str) -> int:
    return app.run(["pull", "--registry", registry.url, "--out", str(root), *args])


def module(root: Path, name: str = "orders") -> str:
    return (root / f"streams/_generated/{name}.py").read_text(encoding="utf-8")


def test_confluents_client_finds_makes_and_deletes_them(registry, client):
    strategy = AssociatedNameStrategy()
    assert strategy(VALUE, "shop.Order", client) == "orders-value"  # none: by name
    strategy.clear_cache()
    associate(client, "shop.Order")
    assert strategy(VALUE, "shop.Order", client) == "shop.Order"
    conf = {"subject.name.strategy.type": "ASSOCIATED", "auto.register.schemas": False}
    write = AvroSerializer(client, json.dumps(record("shop.Order")), conf=conf)
    assert write({"id": "7"}, VALUE)[:5] == b"\0\0\0\0\1"
    key = SerializationContext("orders", MessageField.KEY)
    assert strategy(key, "shop.Id", client) == "orders-key"
    client.delete_associations("shop.Order:orders", "topic", ["value"])
    strategy.clear_cache()
    assert strategy(VALUE, "shop.Order", client) == "orders-value"
    with pytest.raises(SchemaRegistryError) as caught:
        client.delete_associations("shop.Order:orders", "topic", ["value"])
    assert caught.value.http_status_code == 404


def test_what_confluents_registry_refuses_is_refused(client):
    associate(client, "shop.Order", frozen=True)
    associate(client, "shop.Order", frozen=True)  # the same again
    with pytest.raises(SchemaRegistryError) as caught:
        associate(client, "shop.Order", frozen=False)
    assert caught.value.error_code == 40911
    with pytest.raises(SchemaRegistryError) as caught:
        client.delete_associations("shop.Order:orders")
    assert caught.value.http_status_code == 409
    client.delete_associations("shop.Order:orders", cascade_lifecycle=True)
    for subject, role, code in [
        ("nope", "value", 40401),
        ("shop.Order", "header", 42212),
        ("", "key", 42212),
    ]:
        with pytest.raises(SchemaRegistryError) as caught:
            associate(client, subject, role=role)
        assert caught.value.error_code == code


def test_a_pull_places_what_no_name_places(registry, client, tmp_path, capsys):
    associate(client, "shop.Order")
    associate(client, "shop.Id", role="key")
    assert pull(registry, tmp_path) == 0
    out = capsys.readouterr().out
    assert "the values of orders are of shop.Order, by association in the registry" in out
    assert "the keys of orders are of shop.Id, by association in the registry" in out
    assert "no topic has values of shop.Refund" in out
    made = module(tmp_path)
    assert "value: rt.Serde[Order]" in made
    assert "key: rt.Serde[Id]" in made
    assert (tmp_path / "streams/flows/orders.py").exists()
    # The lock has them: no registry is needed, and the next pull changes nothing and says nothing.
    (tmp_path / "streams/_generated/orders.py").unlink()
    assert app.run(["pull", "--frozen", "--out", str(tmp_path)]) == 0
    assert module(tmp_path) == made
    capsys.readouterr()
    assert pull(registry, tmp_path, "--check") == 0
    assert "association" not in capsys.readouterr().out


def test_associations_win_over_names_and_kgen_toml_over_both(registry, client, tmp_path, capsys):
    registry.add("orders-value", record("Named"))
    associate(client, "shop.Order")
    assert pull(registry, tmp_path) == 0
    assert "value: rt.Serde[Order]" in module(tmp_path)
    settings = tmp_path / "kgen.toml"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(f'{text}\n[topics.orders]\nvalue = "shop.Refund"\n', encoding="utf-8")
    assert pull(registry, tmp_path) == 0
    assert "value: rt.Serde[Refund]" in module(tmp_path)
    settings.write_text(text, encoding="utf-8")
    client.delete_associations("shop.Order:orders")
    assert pull(registry, tmp_path) == 0
    assert "value: rt.Serde[Named]" in module(tmp_path)


def test_kgen_toml_is_named_as_what_wins(registry, client, tmp_path, capsys):
    (tmp_path / "kgen.toml").write_text(
        f'[registry]\nurl = "{registry.url}"\n[topics.orders]\nvalue = "shop.Refund"\n', encoding="utf-8"
    )
    associate(client, "shop.Order")
    assert app.run(["pull", "--out", str(tmp_path)]) == 0
    assert 'kgen.toml says otherwise in [topics."orders"], and wins' in capsys.readouterr().out


def test_several_subjects_of_a_topic_are_several_types(registry, client, tmp_path):
    registry.add("copy", record("shop.Order"))
    for subject in ("shop.Order", "shop.Refund", "copy"):
        associate(client, subject)
    assert pull(registry, tmp_path) == 0
    assert "OrdersValue: TypeAlias = Order | Refund" in module(tmp_path)


@pytest.mark.parametrize(
    ("status", "body"),
    [(404, {"error_code": 404, "message": "HTTP 404 Not Found"}), (404, "Not Found"), (405, "")],
)
def test_a_registry_without_the_endpoint_is_asked_once_and_nothing_is_said(
    registry, client, tmp_path, capsys, status, body
):
    associate(client, "shop.Order")
    assert pull(registry, tmp_path) == 0
    first = module(tmp_path)
    capsys.readouterr()
    asked = len(registry.server.requests)
    for subject in ("shop.Order", "shop.Refund", "shop.Id"):
        registry.refuse("GET", f"/associations/subjects/{subject}", status, body)
    assert pull(registry, tmp_path, "--check") == 0  # what is locked stays, as with a mirror
    assert "associat" not in capsys.readouterr().out
    paths = [it.path for it in registry.server.requests[asked:]]
    assert sum("/associations/" in it for it in paths) == 1
    assert pull(registry, tmp_path / "new") == 0
    assert not (tmp_path / "new/streams/_generated/orders.py").exists()
    assert first == module(tmp_path)


def test_an_error_is_a_line_and_what_is_locked_stays(registry, client, tmp_path, capsys):
    associate(client, "shop.Order")
    assert pull(registry, tmp_path) == 0
    registry.refuse("GET", "/associations/subjects/shop.Refund", 403)
    capsys.readouterr()
    assert pull(registry, tmp_path) == 0
    assert "the registry does not report which topics it associates" in capsys.readouterr().out
    assert "value: rt.Serde[Order]" in module(tmp_path)
    registry.refuse("GET", "/associations/subjects/shop.Id", 401)
    assert pull(registry, tmp_path) != 0
    assert "401" in capsys.readouterr().err


@pytest.mark.parametrize(
    "odd",
    [
        {"resourceName": ""},
        {"resourceName": 5},
        {"resourceName": "a\0b"},
        {"resourceType": "table"},
        {"associationType": "header"},
        {"subject": "another"},
        {"resourceName": "x" * 5000},
    ],
)
def test_odd_answers_place_nothing(registry, tmp_path, odd):
    good = {"subject": "shop.Order", "resourceName": "orders", "associationType": "value"}
    registry.refuse("GET", "/associations/subjects/shop.Order", 200, [{**good, **odd}])
    assert pull(registry, tmp_path) == 0
    assert not (tmp_path / "streams/_generated/orders.py").exists()


def test_two_subjects_of_one_topic_are_an_error_of_confluents_client_alone(client):
    associate(client, "shop.Order")
    associate(client, "shop.Refund")
    with pytest.raises(SerializationError, match="Multiple associated subjects"):
        AssociatedNameStrategy()(VALUE, "shop.Order", client)


def test_discover_asks_for_them_too(registry, client):
    associate(client, "shop.Order")
    associate(client, "shop.Refund", topic="refunds")
    census = PayloadCensus("value")
    census.add([b"\0\0\0\0\1x", b"\0\0\0\0\1y"], [(), ()])
    types = RegisteredTypes(RegistryClient(registry.url))
    (found,) = findings(census, "orders", types)
    assert (found.subject, found.strategy) == ("shop.Order", "associated")
    assert not topic_entry("orders", [found]).settings  # a pull finds it
    (other,) = findings(census, "others", types)
    assert other.strategy == "RecordName"
    assert topic_entry("others", [other]).settings == {"value": ["shop.Order"]}
    assert sum("/associations/resources/-/orders" in it.path for it in registry.server.requests) == 1

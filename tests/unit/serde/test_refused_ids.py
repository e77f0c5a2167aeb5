"""One schema that the registry refuses is its message's affair; a registry that refuses everything is not."""

from __future__ import annotations

from typing import Any

import pytest

from kgen_runtime.codec.avro.schema.parser import parse
from kgen_runtime.errors import RegistryError, RegistryUnavailable, UnknownSchema
from kgen_runtime.serde import AvroSerde, Schemas, SchemaStore, WriterSchema
from kgen_runtime.serde.framing import id_prefix

TEXT = '"string"'
GUID = "12345678-9abc-def0-1234-56789abcdef0"
SCHEMAS = Schemas("a-value", (WriterSchema(1, 1, TEXT),))
POISON: dict[str, dict[str, Any]] = {
    "403": {"status": 403, "body": {"error_code": 40301, "message": "not yours"}},
    "400": {"status": 400, "body": {"error_code": 400, "message": "bad"}},
    "html": {"status": 200, "body": b"<html>", "content_type": "text/html"},
    "html 403": {"status": 403, "body": b"<html>", "content_type": "text/html"},
    "odd": {"status": 200, "body": {"id": 9}},
    "not an object": {"status": 200, "body": ["a"]},
}
UNKNOWN: dict[str, dict[str, Any]] = {
    "code 404": {"status": 404, "body": {"error_code": 404, "message": "No content with id 9"}},
    "code 0": {"status": 404, "body": {"error_code": 0, "message": "gone"}},
    "empty": {"status": 404, "body": b""},
    "a string": {"status": 404, "body": "Not Found"},
    "html": {"status": 404, "body": b"<html>", "content_type": "text/html"},
    "no code": {"status": 404, "body": {"message": "gone"}},
}


@pytest.fixture
def asked(client, registry):
    return client(registry.server.url, retries=0)


@pytest.fixture
def store(asked, clock):
    return SchemaStore(asked, clock=clock)


@pytest.fixture
def refuse(registry, answer):
    """Answer so to the paths that end with `end`, else as a registry does."""

    def refuse(how: dict[str, Any], end: str) -> None:
        inner = registry.answer
        registry.server.handler = lambda r: answer(**how) if r.path.endswith(end) else inner(r)

    registry.add("a-value", 1, 1, TEXT)
    return refuse


@pytest.mark.parametrize("how", POISON)
def test_an_id_that_is_refused_is_asked_for_a_few_times_and_then_a_failure_of_its_messages(
    store, asked, registry, refuse, how
):
    refuse(POISON[how], "/9")
    decoder = AvroSerde(SCHEMAS, {}).decoder(store, "value")
    payloads = [id_prefix(1) + b"\x02x", id_prefix(9) + b"\x02x", id_prefix(1) + b"\x02y"]
    for _ in range(3):
        values, _, errors = decoder.decode_many(payloads)
        assert values == ["x", None, "y"]
        assert isinstance(errors[1], UnknownSchema)
    assert "schema id 9 is unavailable: " in errors[1].what
    assert registry.server.paths().count("GET /schemas/ids/9") == 3
    assert asked.slept == [0.5, 1.0]


@pytest.mark.parametrize("how", POISON)
def test_by_guid_too(store, registry, refuse, how):
    refuse(POISON[how], GUID)
    decoder = AvroSerde(SCHEMAS, {}).decoder(store, "value")
    headers = [(("__value_schema_id", b"\x01" + bytes.fromhex(GUID.replace("-", ""))),)]
    assert isinstance(decoder.decode_many([b"\x02x"], headers).errors[0], UnknownSchema)


@pytest.mark.parametrize("how", [how for how in POISON if how != "not an object"])
def test_a_registry_that_refuses_everything_stops_the_flow(store, registry, answer, how):
    registry.server.script(answer(**POISON[how]))
    with pytest.raises(RegistryError) as caught:
        store.get(SCHEMAS, 9)
    assert type(caught.value) is RegistryError


def test_credentials_that_are_refused_stop_the_flow_at_once(store, registry, refuse):
    refuse({"status": 401, "body": {"error_code": 40101, "message": "no"}}, "/9")
    with pytest.raises(RegistryError, match="401") as caught:
        store.get(SCHEMAS, 9)
    assert type(caught.value) is RegistryError
    assert len(registry.server.requests) == 1


def test_an_outage_holds_the_input_also_behind_a_refusal(store, registry, answer):
    """The answer for the id is odd, and the control question meets a registry that is down."""
    registry.server.handler = lambda r: answer(403, {}) if r.path.endswith("/9") else answer(503, {})
    with pytest.raises(RegistryUnavailable):
        store.get(SCHEMAS, 9)
    registry.server.script(answer(503, {}))
    with pytest.raises(RegistryUnavailable):
        store.get(SCHEMAS, 9)


def test_a_refusal_that_passes_is_none(store, registry, answer):
    registry.add("a-value", 2, 9, TEXT)
    refusals, inner = [answer(403, {}), answer(403, {})], registry.answer
    registry.server.handler = lambda r: refusals.pop() if refusals else inner(r)
    assert store.get(SCHEMAS, 9) == parse(TEXT)


@pytest.mark.parametrize("how", UNKNOWN)
def test_an_unknown_id_is_unknown_in_whatever_words(store, registry, refuse, how):
    refuse(UNKNOWN[how], "/9")
    for _ in range(3):
        with pytest.raises(UnknownSchema, match="unknown schema id 9"):
            store.get(SCHEMAS, 9)
    assert registry.server.paths() == ["GET /schemas/ids/9", "GET /schemas/ids/1"]


@pytest.mark.parametrize("how", UNKNOWN)
def test_a_vendored_id_that_is_unknown_there_is_no_outage(store, registry, refuse, caplog, how):
    refuse(UNKNOWN[how], "/schemas/ids/1")
    assert store.get(SCHEMAS, 1) == parse(TEXT)
    assert "is not known to the registry" in caplog.text
    assert "unchecked" not in caplog.text


@pytest.mark.parametrize("how", UNKNOWN)
def test_an_url_below_which_there_is_no_registry_stops_the_flow(store, registry, answer, how):
    """Every path is unknown there: that says nothing of the id."""
    registry.server.script(answer(**UNKNOWN[how]))
    with pytest.raises(RegistryError) as caught:
        store.get(SCHEMAS, 9)
    assert type(caught.value) is RegistryError


@pytest.mark.parametrize("path", ["/schemas/types", "/subjects"])
def test_a_registry_without_the_vendored_schemas_is_asked_something_else(store, registry, answer, path):
    registry.server.handler = lambda r: answer(body=[]) if r.path == path else answer(404, b"")
    with pytest.raises(UnknownSchema):
        store.get(SCHEMAS, 9)

"""The schema store: vendored first, checked once, unknown ids remembered, several threads."""

from __future__ import annotations

import json
import threading
import uuid

import pytest

from kgen_runtime.codec.avro.schema.parser import parse
from kgen_runtime.errors import RegistryError, RegistryUnavailable, ResolutionError, UnknownSchema
from kgen_runtime.serde import Schemas, SchemaStore, WriterSchema

V1 = '{"type":"record","name":"A","fields":[{"name":"x","type":"int"}]}'
V2 = '{"type":"record","name":"A","fields":[{"name":"x","type":"long"}]}'
OTHER = '{"type":"record","name":"B","fields":[]}'
ADDRESS = '{"type":"record","name":"Address","fields":[{"name":"city","type":"string"}]}'
ORDER = '{"type":"record","name":"Order","fields":[{"name":"to","type":"Address"}]}'
GUID = "12345678-9abc-def0-1234-56789abcdef0"

SCHEMAS = Schemas("a-value", (WriterSchema(1, 1, V1), WriterSchema(2, 2, V2, guid=GUID)))


@pytest.fixture
def store(registry, client, clock):
    return SchemaStore(client(registry.server.url, retries=1), clock=clock)


def test_without_a_registry_only_what_is_vendored():
    store = SchemaStore(None)
    assert store.get(SCHEMAS, 1) == parse(V1)
    assert store.id_to_write(SCHEMAS) == (2, None)
    with pytest.raises(UnknownSchema, match=r"(?s)unknown schema id 9.*ids 1, 2.*KGEN_REGISTRY_URL"):
        store.get(SCHEMAS, 9)


def test_from_env(monkeypatch):
    assert SchemaStore.from_env().registry is None
    monkeypatch.setenv("KGEN_REGISTRY_URL", "http://u:s3cret@h:1")
    assert repr(SchemaStore.from_env()) == "SchemaStore(RegistryClient('http://h:1'))"


def test_a_vendored_schema_is_checked_once(store, registry, caplog):
    registry.add("a-value", 1, 1, json.dumps(json.loads(V1), indent=2, sort_keys=True))
    for _ in range(3):
        written = store.writer(SCHEMAS, 1)
    assert (written.schema, written.id, written.until) == (parse(V1), 1, None)
    assert registry.server.paths() == ["GET /schemas/ids/1"]
    assert not caplog.records


def test_where_the_registry_has_another_schema_under_the_id_that_one_wins(store, registry, caplog):
    registry.add("else", 1, 1, OTHER)
    assert store.get(SCHEMAS, 1) == parse(OTHER)
    assert store.get(SCHEMAS, 1) == parse(OTHER)
    (record,) = caplog.records
    assert "a-value: schema id 1 is another schema" in record.getMessage()


def test_a_vendored_schema_the_registry_does_not_know_is_used(store, registry, caplog, clock):
    assert store.get(SCHEMAS, 1) == parse(V1)
    assert store.writer(SCHEMAS, 1).until == clock.now + 60
    assert len(registry.server.requests) == 1
    (record,) = caplog.records
    assert "is not known to the registry" in record.getMessage()


def test_registry_away_then_back(store, registry, caplog, clock):
    registry.add("else", 1, 1, OTHER)
    registry.down = True
    assert store.writer(SCHEMAS, 1).until == clock.now + 60
    assert len(registry.server.requests) == 2  # with its retry
    assert store.get(SCHEMAS, 2) == parse(V2)
    assert store.id_to_write(SCHEMAS) == (2, clock.now + 60)
    assert len(registry.server.requests) == 2  # nothing waits for it again
    clock.now += 61
    assert store.get(SCHEMAS, 1) == parse(V1)
    assert len(registry.server.requests) == 3  # one short try
    assert len(caplog.records) == 1
    clock.now += 61
    registry.down = False
    assert store.get(SCHEMAS, 1) == parse(OTHER)


def test_what_was_checked_stays_so_while_the_registry_is_unavailable(store, registry, clock):
    registry.add("else", 1, 1, OTHER)
    assert store.get(SCHEMAS, 1) == parse(OTHER)
    registry.down = True
    store.get(SCHEMAS, 2)
    assert store.writer(SCHEMAS, 1).schema == parse(OTHER)
    assert store.writer(SCHEMAS, 1).until is None


def test_a_refusal_leaves_vendored_schemas_in_use_and_others_raise(store, registry, answer):
    registry.server.script(answer(401, {"error_code": 40101, "message": "no"}))
    assert store.get(SCHEMAS, 1) == parse(V1)
    with pytest.raises(RegistryError, match="401"):
        store.get(SCHEMAS, 9)


def test_unknown_ids_are_remembered_for_a_while(store, registry, clock):
    for _ in range(50):
        with pytest.raises(UnknownSchema, match="unknown schema id 9"):
            store.get(SCHEMAS, 9)
    assert registry.server.paths() == ["GET /schemas/ids/9"]
    registry.add("a-value", 3, 9, V2)
    clock.now += 61
    assert store.get(SCHEMAS, 9) == parse(V2)


def test_an_unavailable_registry_is_not_remembered(store, registry):
    registry.add("a-value", 3, 9, V2)
    registry.down = True
    with pytest.raises(RegistryUnavailable):
        store.get(SCHEMAS, 9)
    registry.down = False
    assert store.get(SCHEMAS, 9) == parse(V2)


@pytest.mark.parametrize(
    ("more", "schema", "expected"),
    [
        ({"schemaType": "PROTOBUF"}, "syntax", "of type PROTOBUF, not Avro"),
        ({}, '{"type": "wrong"}', "does not parse"),
        ({"references": [{"name": "X", "subject": "gone", "version": 1}]}, V1, "leads nowhere"),
    ],
)
def test_a_schema_that_cannot_be_used(store, registry, more, schema, expected):
    registry.add("a-value", 3, 9, schema, **more)
    for _ in range(5):
        with pytest.raises(ResolutionError, match=expected):
            store.get(SCHEMAS, 9)
    assert registry.server.paths().count("GET /schemas/ids/9") == 1


@pytest.mark.parametrize(
    "body", [[], {}, {"schema": 3}, {"schema": V1, "references": 3}, {"schema": V1, "references": [{}]}]
)
def test_answers_in_another_form(store, registry, answer, body):
    registry.server.script(answer(body=body))
    with pytest.raises(RegistryError, match="not in the form of a schema registry"):
        store.get(SCHEMAS, 9)


def _reference(subject: str, version: int = 1) -> dict:  # type: ignore[type-arg]
    return {"name": subject, "subject": subject, "version": version}


def test_references_are_fetched_transitively_and_once(store, registry):
    registry.add("city", 1, 5, '{"type":"enum","name":"City","symbols":["A"]}')
    registry.add(
        "x/y",
        1,
        6,
        '{"type":"record","name":"Place","fields":[{"name":"c","type":"City"}]}',
        references=[_reference("city")],
    )
    top = '{"type":"record","name":"Trip","fields":[{"name":"a","type":"Place"},{"name":"b","type":"City"}]}'
    registry.add("trip-value", 1, 7, top, references=[_reference("x/y"), _reference("city")])
    assert set(store.get(SCHEMAS, 7).names) == {"City", "Place", "Trip"}
    assert registry.server.paths() == [
        "GET /schemas/ids/7",
        "GET /subjects/x%2Fy/versions/1",
        "GET /subjects/city/versions/1",
    ]


def test_references_in_a_circle_end(store, registry):
    registry.add("a", 1, 5, V1, references=[_reference("a")])
    assert store.get(SCHEMAS, 5) == parse(V1)


def test_references_without_end_are_cut(store, registry, answer):
    def endless(request):
        n = len(registry.server.requests)
        return answer(body={"schema": OTHER, "references": [_reference("r", n)]})

    registry.server.handler = endless
    with pytest.raises(ResolutionError, match="nested too deeply"):
        store.get(SCHEMAS, 5)


def test_contexts_are_kept_apart(store, registry):
    registry.add(":.eu:a-value", 1, 9, V1, references=[_reference("b")])
    registry.add(":.eu:b", 1, 8, OTHER)
    assert "A" in store.get(Schemas(":.eu:a-value", (WriterSchema(1, 3, V1),)), 9).names
    assert registry.server.requests[0].query == "subject=%3A.eu%3Aa-value"
    assert registry.server.paths()[1] == "GET /subjects/%3A.eu%3Ab/versions/1"
    registry.add("a-value", 3, 9, V2)
    assert store.get(SCHEMAS, 9) == parse(V2)
    assert registry.server.paths().count("GET /schemas/ids/9") == 2


def test_guids(store, registry):
    other = uuid.uuid4()
    registry.add("a-value", 3, 9, V1, guid=str(other))
    assert store.writer_by_guid(SCHEMAS, uuid.UUID(GUID)).id == 2
    assert registry.server.requests == []
    written = store.writer_by_guid(SCHEMAS, other)
    assert (written.schema, written.id) == (parse(V1), None)
    for _ in range(3):
        with pytest.raises(UnknownSchema, match="unknown schema GUID"):
            store.writer_by_guid(SCHEMAS, uuid.UUID(int=1))
    assert len(registry.server.requests) == 2


def test_a_registry_without_guids(store, registry, answer):
    registry.server.script(answer(404, "Not Found"))
    with pytest.raises(UnknownSchema, match="Not every registry has GUIDs"):
        store.writer_by_guid(SCHEMAS, uuid.UUID(int=1))
    with pytest.raises(UnknownSchema, match="KGEN_REGISTRY_URL"):
        SchemaStore(None).writer_by_guid(SCHEMAS, uuid.UUID(int=1))


def test_the_id_to_write_is_the_registry_s_own(store, registry):
    registry.add("a-value", 1, 77, V2)
    assert [store.id_to_write(SCHEMAS) for _ in range(3)] == [(77, None)] * 3
    assert registry.server.paths() == ["POST /subjects/a-value", "GET /subjects/a-value/versions/latest"]


def test_a_schema_that_is_not_registered(store, registry, clock):
    for _ in range(3):
        with pytest.raises(UnknownSchema, match=r"(?s)not registered under a-value.*hint: Register it"):
            store.id_to_write(SCHEMAS)
    assert len(registry.server.requests) == 1
    registry.add("a-value", 1, 77, V2)
    clock.now += 61
    assert store.id_to_write(SCHEMAS) == (77, None)


def test_the_id_of_a_schema_with_references(store, registry):
    schemas = Schemas("order-value", (WriterSchema(1, 3, ORDER, (ADDRESS,)),))
    registry.add("street", 4, 40, ADDRESS)
    registry.add("order-value", 1, 41, OTHER)
    registry.add("order-value", 2, 42, ORDER, references=[_reference("street", 4)])
    registry.add("order-value", 3, 43, "{", schemaType="JSON")
    assert store.id_to_write(schemas) == (42, None)
    assert store.get(schemas, 42) == parse(ORDER, [ADDRESS])
    with pytest.raises(UnknownSchema, match="not registered under order-value"):
        store.id_to_write(
            Schemas("order-value", (WriterSchema(1, 3, ORDER, (ADDRESS.replace("city", "town"),)),))
        )


def test_threads_ask_once_between_them(store, registry):
    registry.add("a-value", 3, 9, V2)
    found = []
    threads = [threading.Thread(target=lambda: found.append(store.get(SCHEMAS, 9))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [parse(V2)] * 8
    assert registry.server.paths() == ["GET /schemas/ids/9"]


def test_poison_ids_do_not_grow_without_bound(store, registry, clock):
    from kgen_runtime.serde.cache import Cache

    cache = Cache(3)
    for key in range(5):
        cache.put(key, key, until=clock.now + 1)
    assert [cache.get(key, clock.now) for key in range(5)] == [None, None, 2, 3, 4]
    assert cache.get(2, clock.now + 1) is None

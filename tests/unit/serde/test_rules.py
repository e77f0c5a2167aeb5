"""Data contract rules: what has some is neither read nor written as if it had none."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from kgen_runtime.codec.avro.schema.parser import parse
from kgen_runtime.errors import RulesError, UnknownSchema
from kgen_runtime.flow.failures import stage_of
from kgen_runtime.messages import Stage
from kgen_runtime.serde import AvroSerde, Schemas, SchemaStore, WriterSchema
from kgen_runtime.serde.framing import id_prefix
from kgen_runtime.serde.rules import in_force

TEXT = '"string"'
GUID = "12345678-9abc-def0-1234-56789abcdef0"
ENCRYPT = {"name": "card", "kind": "TRANSFORM", "type": "ENCRYPT", "mode": "WRITEREAD", "tags": ["PII"]}
SCHEMAS = Schemas("cards-value", (WriterSchema(1, 1, TEXT),))
IGNORED = replace(SCHEMAS, rules="ignore")


def rule_set(*rules: Any, group: str = "domainRules") -> dict[str, Any]:
    return {"ruleSet": {group: list(rules)}}


@pytest.fixture
def store(registry, client, clock):
    return SchemaStore(client(registry.server.url, retries=0), clock=clock)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (rule_set(ENCRYPT), ("ENCRYPT card",)),
        (
            rule_set({"name": "all", "type": "ENCRYPT_PAYLOAD"}, group="encodingRules"),
            ("ENCRYPT_PAYLOAD all",),
        ),
        (rule_set({"name": "check", "kind": "CONDITION", "type": "CEL"}), ("CEL check",)),
        (rule_set({"name": "fill", "kind": "TRANSFORM", "type": "CEL_FIELD"}), ("CEL_FIELD fill",)),
        (rule_set({"name": "up", "type": "JSONATA"}, group="migrationRules"), ("JSONATA up",)),
        (rule_set({"name": "new", "type": "OF_TOMORROW"}), ("OF_TOMORROW new",)),
        (rule_set({"kind": "TRANSFORM"}, group="rulesOfTomorrow"), ("TRANSFORM",)),
        (rule_set({}), ("domainRules",)),
        (rule_set("?"), ("domainRules of an unknown form",)),
        ({"ruleSet": {"domainRules": {"a": 1}}}, ("domainRules of an unknown form",)),
        ({"ruleSet": ["?"]}, ("of an unknown form",)),
        (rule_set({"name": "\x1b[31m" + "x" * 500, "type": "CEL"}), None),
        (rule_set({**ENCRYPT, "disabled": True}), ()),
        (rule_set(), ()),
        ({"ruleSet": {"domainRules": None, "enableAt": "2026-01-01T00:00:00Z"}}, ()),
        ({"ruleSet": None}, ()),
        ({"metadata": {"tags": {"**.card": ["PII"]}, "properties": {"owner": "shop"}}}, ()),
        ({}, ()),
        ([], ()),
    ],
)
def test_which_rules_are_in_force(answer, expected):
    found = in_force(answer)
    if expected is None:
        (label,) = found
        assert label.isprintable()
        assert len(label) < 110
    else:
        assert found == expected


def test_a_schema_with_rules_is_not_read_as_if_plain(store, registry):
    registry.add("cards-value", 2, 9, TEXT, **rule_set(ENCRYPT))
    decoder = AvroSerde(SCHEMAS, {}).decoder(store, "value")
    payload = id_prefix(9) + b"\x02x"
    for _ in range(3):
        error = decoder.decode_many([payload]).errors[0]
        assert isinstance(error, RulesError)
    assert "ENCRYPT card" in error.what
    assert error.hint is not None
    assert "[rules]" in error.hint
    assert stage_of(error) is Stage.DECODE
    assert registry.server.paths() == ["GET /schemas/ids/9"]


def test_a_vendored_schema_that_has_rules_in_the_registry_is_not_read(store, registry):
    registry.add("cards-value", 1, 1, TEXT, **rule_set(ENCRYPT))
    with pytest.raises(RulesError, match="ENCRYPT card"):
        store.get(SCHEMAS, 1)


def test_by_guid_too(store, registry):
    registry.add("cards-value", 1, 1, TEXT, guid=GUID, **rule_set(ENCRYPT))
    decoder = AvroSerde(SCHEMAS, {}).decoder(store, "value")
    headers = [(("__value_schema_id", b"\x01" + bytes.fromhex(GUID.replace("-", ""))),)]
    assert isinstance(decoder.decode_many([b"\x02x"], headers).errors[0], RulesError)


def test_a_schema_with_rules_is_not_written(store, registry):
    registry.add("cards-value", 1, 1, TEXT, **rule_set(ENCRYPT))
    encoder = AvroSerde(SCHEMAS, {}).encoder(store, "value")
    for _ in range(2):
        with pytest.raises(RulesError, match=r"cards-value has data contract rules.*ENCRYPT card"):
            encoder.encode("4111 1111 1111 1111")


def test_a_schema_with_references_and_rules_is_not_written(store, registry):
    registry.add("card", 1, 1, '{"type":"record","name":"Card","fields":[]}')
    references = [{"name": "Card", "subject": "card", "version": 1}]
    registry.add(
        "cards-value", 1, 2, '{"type":"array","items":"Card"}', references=references, **rule_set(ENCRYPT)
    )
    version = WriterSchema(
        1, 2, '{"type":"array","items":"Card"}', ('{"type":"record","name":"Card","fields":[]}',)
    )
    with pytest.raises(RulesError):
        store.id_to_write(Schemas("cards-value", (version,)))
    assert store.id_to_write(Schemas("cards-value", (version,), "ignore")) == (2, None)


def test_rules_that_came_with_a_later_version_of_the_same_schema_stop_the_writing(store, registry):
    registry.add("cards-value", 1, 1, TEXT)
    registry.add("cards-value", 2, 5, ' "string" ', **rule_set(ENCRYPT))
    with pytest.raises(RulesError, match="cards-value version 2"):
        store.id_to_write(SCHEMAS)


def test_rules_of_a_later_version_with_another_schema_stop_nobody_who_writes_the_earlier(store, registry):
    """Migration rules let producers of the earlier version go on."""
    registry.add("cards-value", 1, 1, TEXT)
    registry.add("cards-value", 2, 5, '"bytes"', **rule_set({"type": "JSONATA"}, group="migrationRules"))
    assert store.id_to_write(SCHEMAS) == (1, None)


@pytest.mark.parametrize("status", [403, 404])
def test_a_registry_that_does_not_give_the_latest_version_is_written_to(store, registry, answer, status):
    registry.add("cards-value", 1, 1, TEXT)
    inner = registry.answer
    registry.server.handler = lambda r: answer(status, {}) if r.path.endswith("/latest") else inner(r)
    assert store.id_to_write(SCHEMAS) == (1, None)


def test_tags_and_disabled_rules_stop_nothing(store, registry):
    tags = {"metadata": {"tags": {"**.card": ["PII"]}}}
    registry.add("cards-value", 1, 1, TEXT, **tags, **rule_set({**ENCRYPT, "disabled": True}))
    assert store.get(SCHEMAS, 1) == parse(TEXT)
    assert store.id_to_write(SCHEMAS) == (1, None)


def test_rules_that_the_project_ignores_stop_nothing(store, registry):
    registry.add("cards-value", 1, 1, TEXT, guid=GUID, **rule_set(ENCRYPT))
    registry.add("cards-value", 2, 9, TEXT, **rule_set(ENCRYPT))
    assert store.get(IGNORED, 1) == store.get(IGNORED, 9) == parse(TEXT)
    assert store.id_to_write(IGNORED) == (1, None)
    for id_ in (1, 9):  # what one topic ignores another one does not
        with pytest.raises(RulesError):
            store.get(SCHEMAS, id_)
    with pytest.raises(UnknownSchema):
        store.get(IGNORED, 10)


def test_an_earlier_answer_is_asked_for_again_in_time(store, registry, clock):
    registry.add("cards-value", 1, 1, TEXT, **rule_set(ENCRYPT))
    with pytest.raises(RulesError):
        store.id_to_write(SCHEMAS)
    registry.add("cards-value", 1, 1, TEXT)
    clock.now += 61
    assert store.id_to_write(SCHEMAS) == (1, None)
    assert json.loads(TEXT) == "string"

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from kgen import registry as reg
from kgen.actions import inputs
from kgen.errors import ConfigError, RegistryError, RegistryUnavailable, UnknownSchema
from kgen.project.config import Registry
from kgen.registry import answers
from kgen.registry.fetcher import WORKERS
from kgen_runtime.serde.registry.client import RegistryClient


def record(name: str, *fields: str) -> dict[str, Any]:
    return {"type": "record", "name": name, "fields": [{"name": f, "type": "string"} for f in fields]}


@pytest.fixture
def api(registry):
    client = RegistryClient(registry.url, retries=0, timeout=5)
    yield reg.Api(client)
    client.close()


def test_every_live_version_in_order_with_ids_and_level(registry, api):
    registry.add("orders-value", record("Order", "a"))
    registry.add("orders-value", record("Order", "a", "b"))
    registry.add("orders-key", '"string"')
    registry.levels["orders-value"] = "FULL"
    got = reg.fetch(api).snapshot
    assert [s.name for s in got.subjects] == ["orders-key", "orders-value"]
    assert [(v.version, v.id) for v in got.subjects[1].versions] == [(1, 1), (2, 2)]
    assert (got.subjects[1].compatibility, got.subjects[1].compatibility_inherited) == ("FULL", False)
    assert (got.subjects[0].compatibility, got.subjects[0].compatibility_inherited) == ("BACKWARD", True)
    assert got.registry_url == registry.url


def test_only_the_latest_on_request(registry, api):
    for n in range(3):
        registry.add("a-value", record("A", *"xyz"[:n]))
    got = reg.fetch(api, all_versions=False)
    assert [v.version for v in got.snapshot.subjects[0].versions] == [3]
    assert got.live["a-value"] == (1, 2, 3)


def test_globs_choose_and_unmatched_ones_are_reported(registry, api):
    for name in ("orders-value", "orders-key", "payments-value"):
        registry.add(name, '"string"')
    got = reg.fetch(api, ["orders-*", "nope-*"])
    assert [s.name for s in got.snapshot.subjects] == ["orders-key", "orders-value"]
    assert got.unmatched == ("nope-*",)


def test_no_subject_is_an_error(registry, api):
    with pytest.raises(RegistryError, match=r"no subject matches \*"):
        reg.fetch(api)


def test_a_pin_ends_the_versions(registry, api):
    for n in range(3):
        registry.add("a-value", record("A", *"xyz"[:n]))
    got = reg.fetch(api, pins={"a-value": 2}).snapshot
    assert [v.version for v in got.subjects[0].versions] == [1, 2]
    with pytest.raises(UnknownSchema, match="a-value has no version 7"):
        reg.fetch(api, pins={"a-value": 7})


def test_references_are_followed_transitively_and_once(registry, api):
    registry.add("country", record("Country", "code"))
    registry.add("address", record("Address", "city"), references=[("Country", "country", 1)])
    for name in ("a-value", "b-value"):
        registry.add(name, record("A", "x"), references=[("Address", "address", 1)])
    got = reg.fetch(api, ["*-value"]).snapshot
    assert [(v.subject, v.version) for v in got.referenced] == [("address", 1), ("country", 1)]
    assert sum(r.startswith("/subjects/country/versions/1") for r in registry.requests) == 1


def test_a_reference_to_latest_is_made_exact(registry, api):
    registry.add("address", record("Address", "city"))
    registry.add("address", record("Address", "city", "zip"))
    registry.add("a-value", record("A", "x"), references=[("Address", "address", -1)])
    got = reg.fetch(api, ["a-value"]).snapshot
    assert got.subjects[0].latest.references[0].version == 2
    assert [(v.subject, v.version) for v in got.referenced] == [("address", 2)]


def test_a_soft_deleted_reference_is_still_read(registry, api):
    registry.add("address", record("Address", "city"))
    registry.add("a-value", record("A", "x"), references=[("Address", "address", 1)])
    registry.deleted.add(("address", 1))
    assert len(reg.fetch(api).snapshot.referenced) == 1


def test_an_unknown_reference_names_who_refers_to_it_and_why_it_is_not_read(registry, api):
    registry.add("a-value", record("A", "x"), references=[("shop.Address", "address", 4)])
    got = reg.fetch(api)
    assert [s.name for s in got.snapshot.subjects] == ["a-value"]
    assert got.snapshot.referenced == ()
    unread = got.unread["address", 4]
    assert unread.user == "a-value v1"
    assert "/subjects/address/versions/4 answered 404" in unread.reason


def test_references_in_a_circle_end(registry, api):
    registry.add("a", record("A", "x"), references=[("B", "b", 1)])
    registry.add("b", record("B", "x"), references=[("A", "a", 1)])
    got = reg.fetch(api)
    assert [(v.subject, v.version) for v in got.snapshot.referenced] == [("a", 1), ("b", 1)]
    assert got.unread == {}


def test_a_subject_deleted_meanwhile_is_a_line_not_a_crash(registry, api):
    registry.add("a-value", '"string"')
    registry.add("b-value", '"string"')
    registry.override("/subjects/a-value/versions", (404, {"error_code": 40401, "message": "gone"}))
    got = reg.fetch(api).snapshot
    assert [s.name for s in got.subjects] == ["b-value"]
    assert [s.subject for s in got.skipped] == ["a-value"]
    assert got.skipped[0].reason.startswith("its versions cannot be read: GET ")


def test_a_version_deleted_meanwhile(registry, api):
    registry.add("a-value", '"string"')
    registry.add("a-value", '"bytes"')
    registry.override("/subjects/a-value/versions/1", (404, {"error_code": 40402, "message": "gone"}))
    assert [v.version for v in reg.fetch(api).snapshot.subjects[0].versions] == [2]


@pytest.mark.parametrize("kind", ["THRIFT"])
def test_unsupported_types_are_skipped_with_the_reason(registry, api, kind):
    registry.add("a-value", "{}", kind=kind)
    registry.add("b-value", '"string"')
    skipped = reg.fetch(api).snapshot.skipped
    assert [(s.subject, s.reason) for s in skipped] == [("a-value", f"{kind} schemas are not supported yet")]


@pytest.mark.parametrize("name", ["../../x", "con", "a b/c", ":.ctx:orders-value", "ü?&#%2F"])
def test_subject_names_are_quoted(registry, api, name):
    registry.add(name, '"string"')
    assert reg.fetch(api).snapshot.subjects[0].name == name


def test_a_registry_without_config_endpoints_has_no_level(registry, api):
    registry.add("a-value", '"string"')
    registry.override("/config", (404, "Not Found"))
    registry.override("/config/a-value", (403, {"error_code": 40301, "message": "no"}))
    assert reg.fetch(api).snapshot.subjects[0].compatibility is None


def test_guids_come_along(registry, api):
    registry.add("a-value", '"string"', guid="1b2c")
    assert reg.fetch(api).snapshot.subjects[0].latest.guid == "1b2c"


@pytest.mark.parametrize(
    "body",
    [
        {"a": 1},
        [1],
        [""],
        ["x" * 5000],
        ["\ud800"],
        "orders",
        None,
    ],
)
def test_subject_lists_of_another_shape(registry, api, body):
    registry.override("/subjects", (200, body))
    with pytest.raises(RegistryError):
        reg.fetch(api)


@pytest.mark.parametrize(
    "change",
    [
        {"version": "1"},
        {"version": True},
        {"version": -3},
        {"id": None},
        {"schema": {"type": "string"}},
        {"schema": '"\ud800"'},
        {"schemaType": "not a name"},
        {"schemaType": ["AVRO"]},
        {"references": {"a": 1}},
        {"references": [{"name": "x"}]},
        {"references": ["x"]},
        {"guid": 7},
        {"version": 2},
    ],
)
def test_schemas_of_another_shape(registry, api, change):
    registry.add("a-value", '"string"')
    registry.subjects["a-value"][1].update(change)
    with pytest.raises(RegistryError):
        reg.fetch(api)


def test_a_schema_too_large(registry, api, monkeypatch):
    monkeypatch.setattr(answers, "MAX_TEXT", 100)
    registry.add("a-value", json.dumps("x" * 200))
    with pytest.raises(RegistryError, match="more than 100"):
        reg.fetch(api)


def test_pages_are_followed_where_there_are_some(registry, api):
    names = [f"s{n:04}" for n in range(2500)]

    def page() -> tuple[int, Any]:
        query = dict(p.split("=") for p in registry.requests[-1].partition("?")[2].split("&") if p)
        start = int(query.get("offset", 0))
        return 200, names[start : start + 1000]

    registry.override("/subjects", page)
    assert api.subjects() == names


def test_a_registry_that_ignores_paging_is_asked_twice(registry, api):
    registry.override("/subjects", (200, [f"s{n:04}" for n in range(1500)]))
    assert len(api.subjects()) == 1500
    assert len(registry.requests) == 2


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ((401, {"error_code": 401, "message": "no"}), "401"),
        ((404, b"<html>"), "404"),
        ((200, b"<html>hello</html>"), "is this a schema registry"),
    ],
)
def test_refusals_are_clear(registry, api, answer, message):
    registry.override("*", answer)
    with pytest.raises(RegistryError, match=message):
        reg.fetch(api)


def test_an_unreachable_registry():
    client = RegistryClient("http://127.0.0.1:9", retries=0)
    with pytest.raises(RegistryUnavailable):
        reg.fetch(reg.Api(client))
    client.close()


def test_the_result_does_not_depend_on_timing(registry, api):
    for n in range(30):
        registry.add(f"s{n:02}-value", record("A", f"f{n}"))
    assert reg.fetch(api) == reg.fetch(api)


def access(settings: Registry, environ: dict[str, str]) -> reg.Access:
    return inputs.access(settings, reg.Setting(settings.url, "kgen.toml"), Path(), environ)


def test_credentials_come_from_the_variables_that_the_configuration_names(registry):
    registry.add("a-value", '"string"')
    settings = Registry(registry.url, user_env="MY_USER", password_env="MY_PASSWORD")
    with reg.opened(access(settings, {"MY_USER": "u", "MY_PASSWORD": "p"})) as api:
        reg.fetch(api)
    assert set(registry.auth) == {"Basic dTpw"}
    with pytest.raises(ConfigError, match="MY_USER is not set"):
        access(settings, {})


def test_wrong_combinations_of_credentials():
    settings = Registry("http://x")
    with pytest.raises(ConfigError, match="KGEN_REGISTRY_PASSWORD is not set"):
        access(settings, {"KGEN_REGISTRY_USER": "u"})
    with pytest.raises(ConfigError, match="both"):
        access(
            settings,
            {"KGEN_REGISTRY_USER": "u", "KGEN_REGISTRY_PASSWORD": "p", "KGEN_REGISTRY_TOKEN": "t"},
        )
    with pytest.raises(ConfigError, match="no file"):
        access(settings, {"KGEN_REGISTRY_CA": "/nowhere/ca.pem"})
    with pytest.raises(ConfigError, match="without its certificate"):
        access(Registry("http://x", key=__file__), {})


@pytest.mark.parametrize("status", [401, 403])
def test_where_subjects_may_not_be_listed_those_that_are_named_are_asked_for(registry, api, status):
    for name in ("orders-value", "orders-key", "other-value"):
        registry.add(name, '"string"')
    registry.override("/subjects", (status, {"error_code": status, "message": "no"}))
    got = reg.fetch(api, ["orders-value", "orders-key", "absent-value", "!orders-key"])
    assert [s.name for s in got.snapshot.subjects] == ["orders-value"]
    assert got.unmatched == ("absent-value",)
    assert got.snapshot.skipped == ()
    with pytest.raises(RegistryError, match="no subject matches absent-value"):
        reg.fetch(api, ["absent-value"])


@pytest.mark.parametrize("globs", [["orders-*"], ["orders-value", "a?"], ["[a]"], ["!x"], ["*"]])
def test_patterns_need_the_right_to_list_subjects(registry, api, globs):
    registry.add("orders-value", '"string"')
    registry.override("/subjects", (403, {"error_code": 40301, "message": "no"}))
    with pytest.raises(RegistryError, match="403") as e:
        reg.fetch(api, globs)
    assert "without wildcards: --subject orders-value" in e.value.hint  # type: ignore[operator]


def test_one_id_for_two_schemas_is_refused(registry, api):
    registry.add("a-value", record("A", "x"))
    registry.add("b-value", record("B", "x"))
    registry.subjects["b-value"][1]["id"] = registry.subjects["a-value"][1]["id"]
    with pytest.raises(RegistryError, match="gives id 1 to two schemas") as e:
        reg.fetch(api)
    assert e.value.where == "a-value v1, b-value v1"


def test_one_id_for_one_schema_in_two_subjects_and_for_others_in_other_contexts_is_right(registry, api):
    registry.add("a-value", record("A", "x"))
    registry.add("b-value", json.dumps(record("A", "x"), indent=1))
    registry.add(":.other:a-value", record("C", "x"))
    for subject in registry.subjects:
        registry.subjects[subject][1]["id"] = 1
    assert len(reg.fetch(api).snapshot.subjects) == 3


@pytest.mark.parametrize(
    "change", [{"version": 0}, {"subject": "b-value"}, {"subject": ":.x:a-value"}, {"subject": 1}]
)
def test_an_answer_about_something_else_is_refused(registry, api, change):
    registry.add("a-value", '"string"')
    registry.subjects["a-value"][1].update(change)
    with pytest.raises(RegistryError, match="the registry answered with"):
        reg.fetch(api)


@pytest.mark.parametrize("answered", ["orders-value", ":.staging:orders-value", None])
def test_the_context_may_be_left_out_of_an_answer(registry, api, answered):
    registry.add(":.staging:orders-value", '"string"')
    registry.subjects[":.staging:orders-value"][1]["subject"] = answered
    assert reg.fetch(api).snapshot.subjects[0].name == ":.staging:orders-value"


def test_version_0_in_a_list_or_a_reference_is_refused(registry, api):
    registry.add("address", record("Address", "city"))
    registry.add("a-value", '"string"', references=[("Address", "address", 0)])
    with pytest.raises(RegistryError, match="version 0"):
        reg.fetch(api, ["a-value"])
    registry.override("/subjects/address/versions", (200, [0, 1]))
    with pytest.raises(RegistryError, match="version 0"):
        reg.fetch(api, ["address"])


def test_the_versions_of_one_subject_are_asked_for_at_once(registry, api):
    for n in range(10):
        registry.add("a-value", record("A", *"abcdefghij"[:n]))
    together = threading.Barrier(WORKERS, timeout=30)

    def answer(version):
        def wait():
            together.wait()
            return 200, registry.subjects["a-value"][version]

        return wait

    for version in range(1, 9):  # of nine earlier ones
        registry.override(f"/subjects/a-value/versions/{version}", answer(version))
    got = reg.fetch(api).snapshot
    assert [v.version for v in got.subjects[0].versions] == list(range(1, 11))


def test_progress_counts_subjects_and_then_their_versions(registry, api):
    for n in range(3):
        registry.add("a-value", record("A", *"xyz"[:n]))
    registry.add("b-value", record("B", "x"))
    said = []
    reg.fetch(api, progress=lambda *it: said.append(it))
    assert said == [(1, 2), (2, 2), (1, 2, "versions read"), (2, 2, "versions read")]

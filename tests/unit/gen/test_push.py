"""`kgen push`: what is registered, in which order, and what is not when something refuses."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.scripted import Answer, Request

from kgen.registry.api import Api
from kgen_runtime.serde.registry.client import RegistryClient

from .store_registry import StoreRegistry

Kgen = Callable[..., tuple[int, str, str]]


def record(name: str, **fields: Any) -> dict[str, Any]:
    listed = [{"name": field, "type": kind} for field, kind in fields.items()]
    return {"type": "record", "name": name, "namespace": "shop", "fields": listed}


def with_default(schema: dict[str, Any], name: str, kind: str, default: Any) -> dict[str, Any]:
    return {**schema, "fields": [*schema["fields"], {"name": name, "type": kind, "default": default}]}


ADDRESS = record("Address", city="string")
MONEY = record("Money", cents="long", currency="shop.Currency")
CURRENCY = {"type": "enum", "name": "Currency", "namespace": "shop", "symbols": ["EUR", "SEK"]}
ORDER = record("OrderOut", id="string", to="Address", total={"type": "array", "items": "Money"})


@pytest.fixture
def registry() -> Iterator[StoreRegistry]:
    found = StoreRegistry()
    yield found
    found.server.close()


@pytest.fixture
def own(tmp_path: Path, registry: StoreRegistry) -> Callable[..., Path]:
    """Writes a file of `schemas/own/`, in a project whose registry it is."""
    folder = tmp_path / "p" / "schemas" / "own"
    folder.mkdir(parents=True)
    toml(tmp_path, registry)

    def write(subject: str, schema: Any, suffix: str = "avsc") -> Path:
        path = folder / f"{subject}.{suffix}"
        path.write_text(schema if isinstance(schema, str) else json.dumps(schema, indent=2))
        return path

    return write


def toml(tmp_path: Path, registry: StoreRegistry, more: str = "", subjects: str = '["*"]') -> None:
    text = f'subjects = {subjects}\n[registry]\nurl = "{registry.url}"\n{more}'
    (tmp_path / "p" / "kgen.toml").write_text(text)


def test_what_is_referred_to_comes_first_and_a_second_push_registers_nothing(
    registry: StoreRegistry,
    own: Callable[..., Path],
    kgen: Kgen,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    registry.add("address", ADDRESS)
    assert kgen("pull")[0] == 0
    own("a-order-value", ORDER)
    own("b-money", MONEY)
    own("c-currency", CURRENCY)
    code, out, err = kgen("push")
    assert code == 0
    assert out.splitlines()[:4] == [
        "+ c-currency v1 (BACKWARD)",
        "+ b-money v1 (BACKWARD)",
        "+ a-order-value v1 (BACKWARD)",
        "3 new, 0 changed, 0 unchanged",
    ]
    assert err.splitlines()[-1] == "next: cd p && kgen pull"
    assert registry.versions("a-order-value")[0]["references"] == [
        {"name": "shop.Address", "subject": "address", "version": 1},
        {"name": "shop.Money", "subject": "b-money", "version": 1},
    ]
    before = registry.writes()
    assert kgen("push")[:2] == (0, "nothing to register\n")
    assert kgen("push", "--check")[0] == 0
    assert registry.writes() == before
    assert kgen("pull")[0] == 0


@pytest.mark.parametrize(("flag", "expected"), [("--dry-run", 0), ("--check", 1)])
def test_a_dry_run_writes_nothing_to_the_registry(
    registry: StoreRegistry, own: Callable[..., Path], kgen: Kgen, tmp_path: Path, flag: str, expected: int
) -> None:
    own("money", record("Money", cents="long"))
    toml(tmp_path, registry, '[own.money]\ncompatibility = "FULL"\n')
    code, out, _ = kgen("push", flag)
    assert code == expected
    assert "+ money v1 (FULL)" in out
    assert registry.writes() == []


def test_one_that_is_not_compatible_stops_all(
    registry: StoreRegistry, own: Callable[..., Path], kgen: Kgen
) -> None:
    registry.add("address", ADDRESS)
    own("address", record("Address", city="string", zip="string"))
    own("a-new", record("New", id="string"))
    code, out, err = kgen("push")
    assert code == 4
    assert "! address is not compatible at BACKWARD: v1: zip: " in out
    assert "nothing was registered" in err
    assert registry.writes() == []
    assert kgen("push", "--dry-run")[0] == 4


@pytest.mark.parametrize(
    ("status", "expected"), [(409, 4), (422, 2), (403, 2), (503, 2)], ids=lambda it: str(it)
)
def test_a_push_that_fails_half_way_says_what_is_registered_and_a_second_one_goes_on(
    registry: StoreRegistry,
    own: Callable[..., Path],
    kgen: Kgen,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    expected: int,
) -> None:
    monkeypatch.setattr(RegistryClient, "_delay", lambda *_: 0.0)
    registry.add("shop.Address", ADDRESS)  # found by its name
    own("order-value", ORDER)
    own("money", record("Money", cents="long"))
    own("x-other", record("Other", id="string"))
    registry.refuse("POST", "/subjects/order-value/versions", status)
    code, _, err = kgen("push")
    assert code == expected
    assert "registered: money v1" in err
    assert "not registered: order-value" in err
    assert "Traceback" not in err
    registry.forgive()
    assert kgen("push")[0] == 0
    assert [len(registry.versions(name)) for name in ("order-value", "money", "x-other")] == [1, 1, 1]


def test_ctrl_c_says_what_is_registered(
    registry: StoreRegistry, own: Callable[..., Path], kgen: Kgen, monkeypatch: pytest.MonkeyPatch
) -> None:
    own("a", record("A", id="string"))
    own("b", record("B", id="string"))
    register = Api.register

    def interrupted(self: Api, schema: Any, *args: Any, **more: Any) -> Any:
        if schema.subject == "b":
            raise KeyboardInterrupt
        return register(self, schema, *args, **more)

    monkeypatch.setattr(Api, "register", interrupted)
    code, _, err = kgen("push")
    assert code == 130
    assert err.startswith("interrupted: registered: a v1")


def test_a_user_who_may_only_read_is_refused_with_nothing_registered(
    registry: StoreRegistry, own: Callable[..., Path], kgen: Kgen
) -> None:
    registry.change = lambda request, found: (
        found if request.method == "GET" else Answer(403, {"error_code": 40301, "message": "denied"})
    )
    own("money", record("Money", cents="long"))
    code, _, err = kgen("push")
    assert code == 2
    assert "nothing was registered" in err
    assert "403" in err


def test_a_level_is_set_where_it_differs_and_decides(
    registry: StoreRegistry, own: Callable[..., Path], kgen: Kgen, tmp_path: Path
) -> None:
    registry.add("address", ADDRESS)
    own("address", record("Address", city="string", zip="string"))
    toml(tmp_path, registry, '[own.address]\ncompatibility = "NONE"\n')
    code, out, _ = kgen("push")
    assert code == 0
    assert "~ address: compatibility BACKWARD -> NONE" in out
    assert "! address cannot read v1: `kgen pull` takes it with --allow-incompatible" in out
    assert registry.writes() == ["PUT /config/address", "POST /subjects/address/versions"]
    toml(tmp_path, registry, '[own.address]\ncompatibility = "FULL"\n')
    own("address", record("Address", city="string", zip="string", land="string"))
    assert kgen("push")[0] == 4
    assert len(registry.writes()) == 2
    toml(tmp_path, registry, '[own.address]\ncompatibility = "NONE"\n')
    assert kgen("push")[0] == 0
    assert registry.writes()[2:] == ["POST /subjects/address/versions"]


def test_metadata_is_a_part_of_a_version(
    registry: StoreRegistry, own: Callable[..., Path], kgen: Kgen, tmp_path: Path
) -> None:
    own("money", record("Money", cents="long"))
    own("price", record("Price", of="Money"))
    assert kgen("push")[0] == 0
    toml(tmp_path, registry, '[own.money]\nmetadata = { owner = "team" }\n')
    code, out, _ = kgen("push")
    assert code == 0
    assert "~ money v1 -> v2 (BACKWARD, owner = team)" in out
    assert "= price v1" in out
    assert registry.versions("money")[-1]["metadata"] == {"properties": {"owner": "team"}}
    assert kgen("push")[:2] == (0, "nothing to register\n")


def test_a_registry_without_metadata_gets_the_schema_once(
    registry: StoreRegistry, own: Callable[..., Path], kgen: Kgen, tmp_path: Path
) -> None:
    handle = registry.server.handler

    def without_metadata(request: Request) -> Answer:
        if isinstance(request.body, dict):
            request.body.pop("metadata", None)
        return handle(request)

    registry.server.handler = without_metadata
    toml(tmp_path, registry, '[own.money]\nmetadata = { owner = "team" }\n')
    own("money", record("Money", cents="long"))
    for out in ("+ money v1", "nothing to register"):
        code, printed, err = kgen("push")
        assert code == 0
        assert out in printed
        assert "money: this registry keeps no metadata" in err
    assert len(registry.versions("money")) == 1


def test_what_refers_to_a_file_that_changes_changes_too(
    registry: StoreRegistry, own: Callable[..., Path], kgen: Kgen
) -> None:
    money = record("Money", cents="long")
    own("money", money)
    own("price", record("Price", of="Money"))
    assert kgen("push")[0] == 0
    own("money", with_default(money, "note", "string", ""))
    code, out, _ = kgen("push")
    assert code == 0
    assert "~ money v1 -> v2 (BACKWARD, +1 field)" in out
    assert "~ price v1 -> v2 (BACKWARD, +1 field, refers to money v1 -> v2)" in out
    assert registry.versions("price")[-1]["references"][0]["version"] == 2


def test_a_reference_to_a_subject_of_others_stays_while_the_text_does(
    registry: StoreRegistry, own: Callable[..., Path], kgen: Kgen
) -> None:
    registry.add("address", ADDRESS)
    assert kgen("pull")[0] == 0
    own("visit", record("Visit", at="Address"))
    assert kgen("push")[0] == 0
    registry.add("address", with_default(ADDRESS, "zip", "string", ""))
    assert kgen("push")[:2] == (0, "nothing to register\n")
    own("visit", with_default(record("Visit", at="Address"), "by", "string", ""))
    assert kgen("push")[0] == 0
    assert [v["references"][0]["version"] for v in registry.versions("visit")] == [1, 2]


def test_files_in_a_circle_are_refused(registry: StoreRegistry, own: Callable[..., Path], kgen: Kgen) -> None:
    own("a", record("A", b="B"))
    own("b", record("B", c={"type": "map", "values": "C"}))
    own("c", record("C", a=["null", "A"]))
    code, _, err = kgen("push")
    assert code == 2
    assert "refer to each other in a circle: " in err
    assert "a -> b -> c -> a" in err or "b -> c -> a -> b" in err or "c -> a -> b -> c" in err


def test_a_name_that_two_files_define_is_refused_unless_one_is_that_type(
    registry: StoreRegistry, own: Callable[..., Path], kgen: Kgen
) -> None:
    own("holder-one", record("One", inner=record("Inner", id="string")))
    own("holder-two", record("Two", inner=record("Inner", id="string")))
    own("user", record("User", inner="Inner"))
    code, _, err = kgen("push")
    assert code == 2
    assert "schemas/own/holder-one.avsc, schemas/own/holder-two.avsc" in err
    own("inner", record("Inner", id="string"))
    assert kgen("push")[0] == 0
    assert registry.versions("user")[0]["references"][0]["subject"] == "inner"


def test_a_file_beside_it_names_what_a_schema_refers_to(
    registry: StoreRegistry, own: Callable[..., Path], kgen: Kgen
) -> None:
    registry.add("there", ADDRESS)
    registry.add("there", with_default(ADDRESS, "zip", "string", ""))
    path = own("visit", record("Visit", at="Address"))
    sidecar = path.with_name("visit.references.json")
    code, _, err = kgen("push")
    assert code == 2
    assert "unknown type 'Address'" in err
    assert "schemas/own/visit.avsc:8:15" in err
    sidecar.write_text('[{"name": "shop.Address", "subject": "there", "version": 1}]')
    assert kgen("push")[0] == 0
    sidecar.write_text('[{"name": "shop.Address", "subject": "there"}]')
    assert "refers to there v1 -> v2" in kgen("push")[1]
    sidecar.write_text('[{"name": "shop.Address"}]')
    assert "this is not a list of references" in kgen("push")[2]
    sidecar.write_text('[{"name": "shop.Address", "subject": "nowhere"}]')
    assert "nowhere, which is not registered" in kgen("push")[2]


def test_json_schemas_refer_to_files_by_name_and_by_id(
    registry: StoreRegistry, own: Callable[..., Path], kgen: Kgen
) -> None:
    own("money", {"$id": "https://shop.example/money.json", "type": "object", "properties": {}}, "json")
    own("line", {"type": "object", "properties": {"price": {"$ref": "money.json"}}}, "json")
    own(
        "bill-value",
        {
            "$id": "https://shop.example/bill.json",
            "type": "object",
            "properties": {
                "total": {"$ref": "https://shop.example/money.json"},
                "lines": {"type": "array", "items": {"$ref": "line.json#"}},
                "own": {"$ref": "#/properties/total"},
            },
        },
        "json",
    )
    code, _, err = kgen("push")
    assert code == 0, err
    names = {(r["name"], r["subject"]) for r in registry.versions("bill-value")[0]["references"]}
    assert names == {("https://shop.example/money.json", "money"), ("line.json", "line")}
    assert kgen("push")[:2] == (0, "nothing to register\n")
    assert kgen("pull")[0] == 0


def test_registries_that_answer_with_the_id_alone_and_sort_keys(
    registry: StoreRegistry, own: Callable[..., Path], kgen: Kgen
) -> None:
    def karapace(request: Request, found: Answer) -> Answer:
        if request.method == "POST" and request.path.endswith("/versions") and found.status == 200:
            return found if "compat" in request.path else Answer(200, {"id": found.body["id"]})
        if isinstance(found.body, dict) and "schema" in found.body:
            text = json.dumps(json.loads(found.body["schema"]), sort_keys=True)
            return Answer(200, {**found.body, "schema": text})
        no_route = request.path.startswith("/compatibility") and request.path.endswith("/versions")
        return Answer(404, "Not Found") if no_route else found

    registry.change = karapace
    registry.add("address", ADDRESS)
    own("address", with_default(ADDRESS, "zip", "string", ""))
    own("visit", record("Visit", at="Address"))
    code, out, _ = kgen("push")
    assert code == 0
    assert "registered address v2" in out
    assert registry.versions("visit")[0]["references"][0]["version"] == 2
    registry.refuse("POST", "/subjects/address", 405)
    registry.refuse("POST", "/subjects/visit", 405)
    assert kgen("push")[:2] == (0, "nothing to register\n")


def test_a_deleted_version_leaves_its_number_to_no_other(
    registry: StoreRegistry, own: Callable[..., Path], kgen: Kgen
) -> None:
    registry.add("money", record("Money", cents="long"))
    registry.add("money", with_default(record("Money", cents="long"), "note", "string", ""))
    registry.store.delete_version("money", "2")
    own("money", with_default(record("Money", cents="long"), "text", "string", ""))
    own("price", record("Price", of="Money"))
    code, out, _ = kgen("push")
    assert code == 0
    assert "registered money v3" in out
    assert registry.versions("price")[0]["references"][0]["version"] == 3


def test_an_older_version_is_named_and_registers_nothing(
    registry: StoreRegistry, own: Callable[..., Path], kgen: Kgen
) -> None:
    money = record("Money", cents="long")
    registry.add("money", money)
    registry.add("money", with_default(money, "note", "string", ""))
    own("money", money)
    code, out, err = kgen("push")
    assert (code, out) == (0, "nothing to register\n")
    assert "money: schemas/own/money.avsc is v1, and v2 is newer" in err


def test_subjects_that_a_pull_leaves_out_are_named_with_the_line_to_write(
    registry: StoreRegistry, own: Callable[..., Path], kgen: Kgen, tmp_path: Path
) -> None:
    toml(tmp_path, registry, '[own.gone]\ncompatibility = "FULL"\n', subjects='["orders-*"]')
    own("money", record("Money", cents="long"))
    _, _, err = kgen("push")
    assert 'subjects = ["orders-*", "money"]' in err
    assert 'kgen.toml has own."gone", and schemas/own/ has no file of it' in err


def test_names_that_files_cannot_have_are_encoded_and_contexts_are_kept(
    registry: StoreRegistry, own: Callable[..., Path], kgen: Kgen
) -> None:
    own("%3A.staging%3Aa%2Fb-value", record("A", money="Money"))
    own("%3A.staging%3Amoney", record("Money", cents="long"))
    assert kgen("push")[0] == 0
    found = registry.versions("%3A.staging%3Aa%2Fb-value")
    assert found[0]["references"][0]["subject"] == ":.staging:money"
    assert kgen("push")[:2] == (0, "nothing to register\n")


def test_a_reference_to_an_earlier_version_of_a_file_stays_that(
    registry: StoreRegistry, own: Callable[..., Path], kgen: Kgen
) -> None:
    money = record("Money", cents="long")
    own("money", money)
    path = own("price", record("Price", of="Money"))
    path.with_name("price.references.json").write_text(
        '[{"name": "shop.Money", "subject": "money", "version": 1}]'
    )
    assert kgen("push")[0] == 0
    own("money", with_default(money, "note", "string", ""))
    code, out, _ = kgen("push")
    assert code == 0
    assert "= price v1" in out
    assert len(registry.versions("price")) == 1


def test_without_a_project_the_next_line_has_the_registry(
    registry: StoreRegistry,
    own: Callable[..., Path],
    kgen: Kgen,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own("money", record("Money", cents="long"))
    (tmp_path / "p" / "kgen.toml").unlink()
    monkeypatch.chdir(tmp_path / "p")
    assert "kgen push --registry URL" in kgen("push")[2]
    code, _, err = kgen("push", "--registry", registry.url)
    assert (code, err) == (0, f"next: kgen pull --registry {registry.url}\n")


def test_the_json_form(registry: StoreRegistry, own: Callable[..., Path], kgen: Kgen) -> None:
    own("money", record("Money", cents="long"))
    code, out, _ = kgen("push", "--json")
    assert code == 0
    found = json.loads(out)
    assert found["subjects"] == [
        {
            "subject": "money",
            "path": "schemas/own/money.avsc",
            "action": "add",
            "from": None,
            "to": 1,
            "id": 1,
            "references": [],
            "compatibility": "BACKWARD",
            "sets_compatibility": False,
            "metadata": {},
            "summary": "BACKWARD",
            "incompatible": False,
            "problems": [],
        }
    ]
    assert (found["version"], found["changes"], found["pushed"]) == (1, True, True)


def test_two_files_of_one_subject_and_none_at_all(
    registry: StoreRegistry, own: Callable[..., Path], kgen: Kgen, tmp_path: Path
) -> None:
    assert "there are no schemas in schemas/own" in kgen("push")[2]
    own("money", record("Money", cents="long"))
    own("money", {"type": "object"}, "json")
    assert "two files are of the subject money" in kgen("push")[2]


@pytest.mark.parametrize(
    "line",
    [
        '[own.money]\ncompatibility = "full"',
        "[own.money]\nmetadata = { owner = 1 }",
        "[own.money]\nlevel = 1",
        "[own]\nmoney = 1",
    ],
)
def test_settings_of_own_schemas_are_checked(
    registry: StoreRegistry, own: Callable[..., Path], kgen: Kgen, tmp_path: Path, line: str
) -> None:
    own("money", record("Money", cents="long"))
    toml(tmp_path, registry, line)
    code, _, err = kgen("push")
    assert code == 2
    assert "kgen.toml" in err


def test_credentials_follow_no_redirect_to_another_host_and_a_post_is_not_made_a_get(
    registry: StoreRegistry, own: Callable[..., Path], kgen: Kgen, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = StoreRegistry()
    try:
        monkeypatch.setenv("KGEN_REGISTRY_USER", "u")
        monkeypatch.setenv("KGEN_REGISTRY_PASSWORD", "secret")
        own("money", record("Money", cents="long"))

        def redirected(request: Request, found: Answer) -> Answer:
            if request.method == "POST" and request.path == "/subjects/money/versions":
                return Answer(307, {}, {"Location": f"{other.url}{request.path}"})
            return found

        registry.change = redirected
        assert kgen("push")[0] == 0
        sent = [r for r in other.server.requests if r.method == "POST"]
        assert [r.body["schema"] for r in sent if r.path.endswith("/versions")]
        assert all("Authorization" not in r.headers for r in other.server.requests)
    finally:
        other.server.close()

"""`kgen check`: what a schema in a file would break, by the registry, by kgen, and in the project's code."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.scripted import Answer, Request

from kgen.candidates.schema_positions import placed
from kgen.candidates.used_names import names_in
from kgen.cli import app
from kgen_runtime.serde.registry.client import RegistryClient

from .store_registry import Change, StoreRegistry

Kgen = Callable[..., tuple[int, str, str]]


def order(*names: str, **defaults: Any) -> dict[str, Any]:
    fields: list[dict[str, Any]] = [{"name": name, "type": "string"} for name in names]
    fields += [{"name": name, "type": "string", "default": value} for name, value in defaults.items()]
    return {"type": "record", "name": "Order", "namespace": "shop", "fields": fields}


@pytest.fixture
def registry() -> Iterator[StoreRegistry]:
    found = StoreRegistry()
    yield found
    found.server.close()


@pytest.fixture
def project(tmp_path: Path, registry: StoreRegistry, kgen: Kgen) -> Path:
    registry.add("orders-value", order("id", "coupon"))
    assert kgen("pull", "--registry", registry.url)[0] == 0
    return tmp_path / "p"


def written(folder: Path, name: str, schema: Any) -> str:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(schema if isinstance(schema, str) else json.dumps(schema))
    return str(path)


def test_the_lines_that_use_what_goes_are_named_and_a_compatible_change_is_fine(
    project: Path, kgen: Kgen
) -> None:
    (project / "streams" / "use.py").write_text(
        "from streams._generated.orders import Order\n\n\ndef f(o: Order) -> str:\n    return o.coupon\n"
    )
    code, out, _ = kgen("check", written(project, "orders-value.avsc", order("id", note="")))
    assert code == 0
    lines = out.splitlines()
    assert lines[0].startswith("~ orders-value v1 -> v2 (BACKWARD)  ")
    assert "    registry: compatible at BACKWARD" in lines
    assert "    new reads v1: yes" in lines
    assert any(line.startswith("    v1 reads new: no: coupon: ") for line in lines)
    assert "! streams/use.py:5: Order.coupon removed in v2" in lines
    assert lines[-1] == "0 new, 1 changed, 0 unchanged, 0 incompatible"


def test_one_that_is_not_compatible_exits_with_4(project: Path, kgen: Kgen) -> None:
    code, out, _ = kgen("check", written(project, "orders-value.avsc", order("id", "coupon", "extra")))
    assert code == 4
    assert "registry: not compatible at BACKWARD" in out
    assert "! orders-value v2 is not compatible at BACKWARD" in out


def test_every_version_is_held_against_at_a_transitive_level(
    project: Path, registry: StoreRegistry, kgen: Kgen
) -> None:
    registry.add("orders-value", order("id", coupon="x"))
    registry.add("orders-value", order("id"))
    path = written(project, "orders-value.avsc", order("id", coupon="x"))
    assert kgen("check", path)[0] == 0
    registry.level("orders-value", "FULL_TRANSITIVE")
    path = written(project, "orders-value.avsc", order("id", more="x"))
    code, out, err = kgen("check", path)
    assert code == 4
    assert "v1 reads new: no: coupon" in out
    assert "v2 and v3 reads new: yes" in out
    assert "kgen.lock has orders-value v1, the registry v3" in err


@pytest.mark.parametrize("subject", ["", "--subject"])
def test_the_registry_alone_without_a_project(
    tmp_path: Path, registry: StoreRegistry, kgen: Kgen, subject: str
) -> None:
    registry.add("orders-value", order("id"))
    name = "whatever.avsc" if subject else "orders-value/v2.avsc"
    path = written(tmp_path / "repo", name, order("id", "coupon"))
    more = [subject, ":.:orders-value"] if subject else []
    code, out, err = kgen("check", path, *more, "--registry", registry.url)
    assert code == 4
    assert "~ orders-value v1 -> v2" in out
    assert "there is no project here" in err
    assert not (tmp_path / "p").exists()


def test_without_project_and_registry_there_is_nothing_to_compare_with(tmp_path: Path, kgen: Kgen) -> None:
    path = written(tmp_path, "orders-value.avsc", order("id"))
    code, _, err = kgen("check", path)
    assert code == 2
    assert "no registry is set" in err
    assert kgen("check", path, "--frozen")[0] == 2


@pytest.mark.parametrize("how", ["frozen", "stopped", "denied"])
def test_without_the_registry_the_lock_is_compared_with(
    project: Path, registry: StoreRegistry, kgen: Kgen, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(RegistryClient, "_delay", lambda *_: 0.0)
    path = written(project, "orders-value.avsc", order("id", "coupon", "extra"))
    flags = ["--frozen"] if how == "frozen" else []
    if how == "denied":
        registry.change = lambda request, found: Answer(403, {"error_code": 403, "message": "no"})
    if how == "stopped":
        flags = ["--registry", "http://127.0.0.1:1"]
    code, out, err = kgen("check", path, *flags)
    assert code == 4
    assert "kgen: not compatible at BACKWARD, as locked" in out
    assert "new reads v1: no: extra" in out
    assert "the registry was not asked: " in err
    if how != "denied":
        assert not [r for r in registry.server.requests if r.method == "POST"]


def without_check(answer: Answer) -> Change:
    def change(request: Request, found: Answer) -> Answer:
        return answer if request.path.startswith("/compatibility") else found

    return change


def test_a_registry_without_a_check_or_for_other_users(
    project: Path, registry: StoreRegistry, kgen: Kgen
) -> None:
    path = written(project, "orders-value.avsc", order("id", "coupon", "extra"))
    answers = [Answer(404, "Not Found"), Answer(405, {"error_code": 405}), Answer(403, {"error_code": 403})]
    for answer, reason in zip(answers, ["has no compatibility check"] * 2 + ["may not ask: 403"]):
        registry.change = without_check(answer)
        code, out, _ = kgen("check", path)
        assert code == 4
        assert reason in out


def test_a_registry_that_checks_one_version_at_a_time(
    project: Path, registry: StoreRegistry, kgen: Kgen
) -> None:
    registry.add("orders-value", order("id", coupon="x"))
    registry.level("orders-value", "FULL_TRANSITIVE")

    def redpanda(request: Request, found: Answer) -> Answer:
        is_for_all = request.path.startswith("/compatibility") and request.path.endswith("/versions")
        return Answer(405, {"error_code": 405, "message": "no"}) if is_for_all else found

    registry.change = redpanda
    code, out, _ = kgen("check", written(project, "orders-value.avsc", order("id", more="x")))
    assert code == 4
    assert "v1: {errorType:" in out


def test_the_registry_decides_where_it_answers_and_kgen_warns(
    project: Path, registry: StoreRegistry, kgen: Kgen
) -> None:
    registry.level("orders-value", "NONE")
    code, out, _ = kgen("check", written(project, "orders-value.avsc", order("id", "coupon", "extra")))
    assert code == 0
    assert "! orders-value v2 cannot read v1: `kgen pull` takes it with --allow-incompatible" in out
    registry.change = lambda request, found: (
        Answer(200, {"is_compatible": False, "messages": ["\x1b[31mbecause", "{oldSchema: 'long'}"]})
        if request.path.startswith("/compatibility")
        else found
    )
    code, out, _ = kgen("check", written(project, "orders-value.avsc", order("id", "coupon", note="")))
    assert code == 4
    assert "\\x1b[31mbecause" in out
    assert "\x1b" not in out
    assert "oldSchema" not in out


def test_what_the_registry_does_not_take_for_a_schema_is_an_error_of_the_file(
    project: Path, registry: StoreRegistry, kgen: Kgen
) -> None:
    registry.refuse("POST", "/compatibility/subjects/new-value/versions", 422)
    code, _, err = kgen("check", written(project, "new-value.avsc", order("id")))
    assert code == 2
    assert "new-value.avsc" in err


def test_several_files_that_refer_to_one_another(tmp_path: Path, project: Path, kgen: Kgen) -> None:
    folder = project / "schemas" / "own"
    first = {"type": "record", "name": "Pair", "fields": [{"name": "a", "type": "shop.Item"}]}
    item = {"type": "enum", "name": "Item", "namespace": "shop", "symbols": ["A"]}
    pair = written(folder, "pair-value.avsc", first)
    written(folder, "item.avsc", item)
    code, out, _ = kgen("check", pair)  # the other one is beside it
    assert code == 0
    assert out.splitlines()[0].startswith("+ pair-value v1 (BACKWARD, a new subject)")
    code, out, _ = kgen("check", str(folder), "--json")
    assert code == 0
    found = json.loads(out)
    assert [(it["subject"], it["state"], it["registry"]["reason"]) for it in found["files"]] == [
        ("item", "new", None),
        ("pair-value", "new", "it refers to item v1, not registered yet"),
    ]


@pytest.mark.parametrize(
    ("text", "place", "what"),
    [
        ('{"type": "record",\n  "name": "A"\n  "fields": []}', "3:3", "not JSON"),
        ("", "1:1", "empty"),
        ('{"type": "record", "name": "A", "fields": [\n  {"name": "1x", "type": "int"}]}', "2:12", "'1x'"),
        (
            '{"type": "record", "name": "A", "fields": [\n  {"name": "x", "type": "Unknown"}]}',
            "2:25",
            "Unknown",
        ),
        ("[1, 2]", "1:2", "must be a string"),
        ('{"type": "record", "name": "A"}', "1:1", "'fields' is missing"),
    ],
)
def test_a_file_that_does_not_parse_gives_line_and_column(
    project: Path, kgen: Kgen, text: str, place: str, what: str
) -> None:
    code, _, err = kgen("check", written(project, "a-value.avsc", text))
    assert code == 2
    assert f"a-value.avsc:{place}" in err
    assert what in err
    assert len(err.splitlines()) <= 3


def test_odd_files(project: Path, kgen: Kgen) -> None:
    assert "there is no such file" in kgen("check", str(project / "no.avsc"))[2]
    assert ".xsd is not a schema" in kgen("check", written(project, "a.xsd", "<schema/>"))[2]
    (project / "b.avsc").write_bytes(b'{"type": "\xff"}')
    assert "not UTF-8, from byte 10 on" in kgen("check", str(project / "b.avsc"))[2]
    deep = written(project, "deep.json", '{"items":' * 3000 + "{}" + "}" * 3000)
    assert "nested" in kgen("check", deep)[2]
    bom = written(project, "orders-value.avsc", "\ufeff" + json.dumps(order("id", "coupon")))
    code, out, _ = kgen("check", bom)
    assert (code, out.splitlines()[0].split("  ")[0]) == (0, "= orders-value v1")
    both = [bom, written(project / "x", "orders-value.json", "{}")]
    assert "two files are of the subject orders-value" in kgen("check", *both)[2]
    assert "--subject is of one file" in kgen("check", *both, "--subject", "a")[2]


def test_a_vendored_file_that_was_edited_is_of_its_subject(
    project: Path, registry: StoreRegistry, kgen: Kgen
) -> None:
    path = written(project, "schemas/orders-value/v1.avsc", order("id", "coupon", "extra"))
    code, out, err = kgen("check", path)
    assert code == 4
    assert "~ orders-value v1 -> v2" in out
    assert "without the project: " in err


def test_another_language_and_versions_that_nobody_reads(
    tmp_path: Path, registry: StoreRegistry, kgen: Kgen
) -> None:
    registry.add("a", 'syntax = "proto3"; message A {}', kind="PROTOBUF")
    registry.add("b", order("id"))
    registry.level("b", "NONE")
    registry.add("b", {"type": "object"}, kind="JSON")
    code, _, _ = kgen("check", written(tmp_path, "a.avsc", order("id")), "--registry", registry.url)
    assert code == 4  # the registry says so
    code, out, _ = kgen("check", written(tmp_path, "b.avsc", order("id")), "--registry", registry.url)
    assert code == 0
    assert "= b v1" in out
    assert "(the newest is v2)" in out


def test_a_level_of_kgen_toml_counts_before_it_is_set(
    project: Path, registry: StoreRegistry, kgen: Kgen
) -> None:
    path = written(project, "orders-value.avsc", order("id"))
    assert kgen("check", path)[0] == 0
    with (project / "kgen.toml").open("a") as file:
        file.write('\n[own."orders-value"]\ncompatibility = "FULL"\n')
    code, out, _ = kgen("check", path)
    assert code == 4
    assert "kgen.toml sets FULL: `kgen push` sets it before it registers" in out


def test_json_schemas_are_compared_both_ways(tmp_path: Path, registry: StoreRegistry, kgen: Kgen) -> None:
    old = {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False}
    registry.add("j-value", old, kind="JSON")
    new = {**old, "properties": {"a": {"type": "integer"}}}
    code, out, _ = kgen("check", written(tmp_path, "j-value.json", new), "--registry", registry.url)
    assert code == 4
    assert "new reads v1: no: #/properties/a" in out or "new reads v1: no: a" in out


def test_what_refers_to_a_file_that_changes_is_shown_too(
    project: Path, registry: StoreRegistry, kgen: Kgen
) -> None:
    item = {"type": "enum", "name": "Item", "namespace": "shop", "symbols": ["A", "B"]}
    folder = project / "schemas" / "own"
    written(folder, "item.avsc", item)
    written(folder, "pair-value.avsc", {**order("id"), "fields": [{"name": "a", "type": "shop.Item"}]})
    written(folder, "z.avsc", order("id"))
    assert kgen("push")[0] == 0
    code, out, _ = kgen("check", written(folder, "item.avsc", {**item, "symbols": ["A"]}))
    assert code == 4
    assert [line.split()[1] for line in out.splitlines() if line.startswith("~")] == ["item", "pair-value"]


def test_status_names_own_files_that_are_not_what_was_pulled(project: Path, kgen: Kgen) -> None:
    path = written(project / "schemas" / "own", "note.avsc", order("id"))
    assert "schemas/own/note.avsc is not among what was pulled" in kgen("status")[2]
    assert (kgen("push")[0], kgen("pull")[0]) == (0, 0)
    assert kgen("status")[::2] == (0, "")
    written(Path(path).parent, "note.avsc", order("id", more=""))
    code, _, err = kgen("status")
    assert code == 0
    assert err == "schemas/own/note.avsc differs from note v1: `kgen push`\n"


def test_quiet_prints_nothing_and_the_exit_code_says_it(project: Path, kgen: Kgen) -> None:
    path = written(project, "orders-value.avsc", order("id", "coupon", "extra"))
    assert kgen("check", path, "--quiet") == (4, "", "")


def test_the_folder_of_a_subject_called_own_is_not_that_of_own_schemas(
    tmp_path: Path, registry: StoreRegistry, kgen: Kgen
) -> None:
    registry.add("own", order("id"))
    assert kgen("pull", "--registry", registry.url)[0] == 0
    assert not (tmp_path / "p" / "schemas" / "own").exists()


@pytest.mark.parametrize(
    ("text", "pointer", "place"),
    [
        ('{"a": [1,\n {"b/c": true}]}', "/a/1/b~1c", "2:10"),
        ('{"a": 1, "a":\n 2}', "/a", "2:2"),
        ('{"a": 1}', "/b/c", "1:1"),
        ("  [10]", "/0", "1:4"),
        ('{"\\u0061": 5}', "/a", "1:12"),
        ("[]", "/3", "1:1"),
        ("", "/3", "1:1"),
    ],
)
def test_the_position_of_a_place(text: str, pointer: str, place: str) -> None:
    assert placed(text, pointer) == place


@pytest.mark.parametrize(
    ("text", "uses"),
    [
        ('"long"', []),
        ('["null", "a.B"]', [("a.B",)]),
        ('{"type": "record", "name": "x.R", "fields": [{"name": "f", "type": "Q"}]}', [("x.Q", "Q")]),
        ('{"type": "record", "name": "R", "fields": [{"name": "f", "type": {"type": "Q"}}]}', [("Q",)]),
        ('{"type": "record", "name": "x.R", "fields": [{"name": "f", "type": ["null", "R"]}]}', []),
        ('{"type": {"type": "array", "items": {"type": "map", "values": "q.Q"}}}', [("q.Q",)]),
        ('{"type": "record", "name": 1, "namespace": [], "fields": {"a": 1}}', []),
        ('{"type": "record"', []),
    ],
)
def test_the_names_that_an_avro_schema_uses(text: str, uses: list[tuple[str, ...]]) -> None:
    assert list(names_in("AVRO", text).uses) == uses


def test_the_names_that_a_json_schema_uses() -> None:
    text = json.dumps(
        {
            "$id": "https://x/a.json",
            "properties": {
                "a": {"$ref": "b.json#/x"},
                "c": {"$ref": "#/x"},
                "d": {"const": {"$ref": "no.json"}},
                "e": {"$ref": "https://x/a.json#/x"},
                "f": {"$id": "inner.json", "$ref": "b.json"},
            },
        }
    )
    assert names_in("JSON", text).uses == (("b.json",),)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def pointers(value: Any, above: str = "") -> Iterator[tuple[str, Any]]:
    yield above, value
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from pointers(inner, f"{above}/{str(key).replace('~', '~0').replace('/', '~1')}")


@given(values, st.sampled_from([None, 1]))
def test_a_value_begins_where_its_position_says(value: Any, indent: int | None) -> None:
    text = json.dumps(value, indent=indent)
    for pointer, inner in pointers(value):
        if pointer.endswith("/"):
            continue  # the empty name: parsers write the whole so
        line, column = map(int, placed(text, pointer).split(":"))
        rest = "\n".join(text.split("\n")[line - 1 :])[column - 1 :]
        assert json.JSONDecoder().raw_decode(rest)[0] == inner


def test_check_needs_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["check"]) == 2

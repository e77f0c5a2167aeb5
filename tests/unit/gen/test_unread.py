"""Only what the registry lists as gone is removed. A subject that cannot be read is kept as it is locked, or
left out where it is new, with the reason; the others are pulled.
"""

from __future__ import annotations

import json
import re
import shlex
from typing import Any

import pytest

ADDRESS: dict[str, Any] = {
    "type": "record",
    "name": "shop.Address",
    "fields": [{"name": "city", "type": "string"}],
}
ORDER: dict[str, Any] = {
    "type": "record",
    "name": "shop.Order",
    "fields": [{"name": "id", "type": "string"}, {"name": "ship_to", "type": "shop.Address"}],
}
NOTE = {"name": "note", "type": "string", "default": ""}
ZIP = {"name": "zip", "type": "string"}
BAD = {**ADDRESS, "fields": [{"name": "city", "type": "Nope"}]}
NO = (404, {"error_code": 40402, "message": "Version 2 not found."})


def more(schema: dict[str, Any], *fields: dict[str, Any]) -> dict[str, Any]:
    return {**schema, "fields": [*schema["fields"], *fields]}


def uses(version: int) -> list[tuple[str, str, int]]:
    return [("shop.Address", "address", version)]


@pytest.fixture
def project(tmp_path, registry, kgen):
    registry.add("address", ADDRESS)
    registry.add("orders-value", ORDER, references=uses(1))
    registry.add("other-value", {**ADDRESS, "name": "shop.Other"})
    assert kgen("pull", "--registry", registry.url)[0] == 0
    return tmp_path / "p"


# ------------------------------------------------------------------------------ what is locked stays


def listed_without_a_version(registry) -> None:
    """`/versions` lists it, and it is not there."""
    registry.add("orders-value", more(ORDER, NOTE), references=uses(1))
    registry.override("/subjects/orders-value/versions/2", NO)


def plain_404(registry) -> None:
    """As a proxy answers."""
    registry.add("orders-value", more(ORDER, NOTE), references=uses(1))
    registry.override("/subjects/orders-value/versions/2", (404, b"<html>not found</html>"))


def newest_is_of_another_format(registry) -> None:
    registry.add("orders-value", "struct A {}", kind="THRIFT")


def newest_does_not_parse(registry) -> None:
    registry.add("orders-value", more(ORDER, {"name": "x", "type": "Nope"}), references=uses(1))


def newest_is_no_json_text(registry) -> None:
    registry.add("orders-value", "{")


def newest_is_too_large(registry) -> None:
    registry.add("orders-value", json.dumps({**ADDRESS, "doc": "x" * (5 << 20)}))


def newest_is_another_answer(registry) -> None:
    registry.add("orders-value", ORDER, references=uses(1))
    registry.override("/subjects/orders-value/versions/2", (200, {"schema": 7, "id": 1, "version": 2}))


def newest_is_not_for_this_user(registry) -> None:
    registry.add("orders-value", ORDER, references=uses(1))
    registry.override("/subjects/orders-value/versions/2", (403, {"error_code": 403, "message": "no"}))


def versions_are_not_there(registry) -> None:
    """The subject is listed all the same."""
    registry.override("/subjects/orders-value/versions", (404, {"error_code": 40401, "message": "no"}))


def no_versions(registry) -> None:
    registry.override("/subjects/orders-value/versions", (200, []))


def versions_are_no_list(registry) -> None:
    registry.override("/subjects/orders-value/versions", (200, {"a": 1}))


def unknown_reference(registry) -> None:
    registry.add("orders-value", more(ORDER, NOTE), references=uses(9))


def reference_not_for_this_user(registry) -> None:
    registry.add("orders-value", more(ORDER, NOTE), references=[("shop.Address", "hidden", 2)])
    registry.override("/subjects/hidden/versions/2", (403, {"error_code": 403, "message": "no"}))


def reference_to_itself(registry) -> None:
    registry.add("orders-value", ORDER, references=[*uses(1), ("shop.Order", "orders-value", 2)])


UNREAD = [
    (listed_without_a_version, "v2 is listed but cannot be read: GET ", "(40402)"),
    (plain_404, "v2 is listed but cannot be read: GET ", "answered 404"),
    (newest_is_of_another_format, "THRIFT schemas are not supported yet", ""),
    (newest_does_not_parse, "v2 cannot be read: unknown type 'Nope' at /fields/2/type", ""),
    (newest_is_no_json_text, "v2 cannot be read: the schema is not JSON", ""),
    (newest_is_too_large, "v2 is listed but cannot be read: the registry answered with a schema of 52", ""),
    (
        newest_is_another_answer,
        "v2 is listed but cannot be read: the registry answered with a schema that",
        "",
    ),
    (newest_is_not_for_this_user, "v2 is listed but cannot be read: GET ", "answered 403"),
    (versions_are_not_there, "its versions cannot be read: GET ", "(40401)"),
    (no_versions, "its versions cannot be read: the subject has no versions", ""),
    (versions_are_no_list, "its versions cannot be read: the registry answered with not a list", ""),
    (unknown_reference, "v2 cannot be read: the referenced schema address v9 is unknown", ""),
    (reference_not_for_this_user, "v2 cannot be read: the referenced schema hidden v2 is unknown", ""),
    (reference_to_itself, "references lead round in a circle: orders-value v2 -> orders-value v2", ""),
]


@pytest.mark.parametrize(("odd", "reason", "detail"), UNREAD, ids=lambda it: getattr(it, "__name__", ""))
def test_what_cannot_be_read_is_kept_as_locked_and_the_others_are_pulled(
    project, registry, kgen, tree, odd, reason, detail
):
    before = tree(project)
    odd(registry)
    registry.add("other-value", more({**ADDRESS, "name": "shop.Other"}, NOTE))
    said = re.compile(
        rf"^! orders-value \(kept as locked: .*{re.escape(reason)}.*{re.escape(detail)}.*; "
        r"to leave it out: --subject '!orders-value'\)$",
        re.MULTILINE,
    )
    for command, expected in ((("--check",), 1), (("--dry-run",), 0), (("--locked",), 1), ((), 0)):
        code, out, err = kgen("pull", *command)
        assert code == expected, err
        assert said.search(out), out
        assert "~ other-value v1 -> v2" in out
        assert "orders-value v1 " not in out
    after = tree(project)
    kept = {p for p in before if "orders" in p}
    assert {p: after[p] for p in kept} == {p: before[p] for p in kept}
    assert "schemas/other-value/v2.avsc" in after
    code, out, _ = kgen("pull")
    assert (code, out.splitlines()[-1]) == (0, "nothing changed")
    assert said.search(out)
    assert tree(project) == after
    assert kgen("pull", "--check")[0] == 0
    assert kgen("pull", "--locked")[0] == 0
    assert kgen("pull", "--frozen", "--check")[0] == 0
    assert kgen("status")[0] == 0
    code, out, _ = kgen("outdated")
    assert (code, "gone" in out) == (1, False)
    assert re.search(rf"^~ orders-value v1( -> v2)?  .*{re.escape(reason)}", out, re.MULTILINE)
    code, out, _ = kgen("diff")
    assert code == 0
    assert said.search(out)
    made = json.loads(kgen("pull", "--json")[1])
    found = {s["subject"]: s for s in made["subjects"]}
    assert (found["orders-value"]["action"], found["orders-value"]["from"]) == ("keep", 1)
    assert reason in found["orders-value"]["summary"]
    assert json.loads(kgen("diff", "--json")[1])["left_out"][0]["subject"] == "orders-value"


@pytest.mark.parametrize(("odd", "reason", "_"), UNREAD[:4], ids=lambda it: getattr(it, "__name__", ""))
def test_strict_is_an_error_that_writes_nothing(project, registry, kgen, tree, odd, reason, _):
    odd(registry)
    registry.add("other-value", more({**ADDRESS, "name": "shop.Other"}, NOTE))
    before = tree(project)
    for command in ((), ("--check",), ("--dry-run",), ("--locked",)):
        code, _, err = kgen("pull", "--strict", *command)
        assert code == 2
        assert len(err.splitlines()) == 3
        assert reason in err
        assert "--subject '!orders-value'" in err
    assert tree(project) == before
    assert kgen("pull", "--strict", "--subject", "!orders-value")[0] == 0


def test_the_only_subject_that_is_listed_without_a_version_stays(tmp_path, registry, kgen, tree):
    registry.add("a-value", ADDRESS)
    assert kgen("pull", "--registry", registry.url)[0] == 0
    before = tree(tmp_path / "p")
    registry.add("a-value", more(ADDRESS, NOTE))
    registry.override("/subjects/a-value/versions/2", NO)
    code, out, _ = kgen("pull")
    assert code == 0
    assert "! a-value (kept as locked: v2 is listed but cannot be read" in out
    assert tree(tmp_path / "p") == before


# ------------------------------------------------------------------------------ what is new is left out


@pytest.mark.parametrize(
    ("schema", "references", "reason"),
    [
        (BAD, (), "v1 cannot be read: unknown type 'Nope' at /fields/0/type"),
        ("{", (), "v1 cannot be read: the schema is not JSON"),
        (ORDER, uses(9), "v1 cannot be read: the referenced schema address v9 is unknown"),
        (ORDER, [("x", "new-value", 1)], "round in a circle: new-value v1 -> new-value v1"),
    ],
)
def test_a_new_subject_that_cannot_be_read_is_left_out(registry, kgen, tmp_path, schema, references, reason):
    registry.add("good-value", ADDRESS)
    registry.add("new-value", schema, references=references)
    code, out, _ = kgen("pull", "--registry", registry.url)
    assert code == 0
    assert "+ good-value v1" in out
    line = next(line for line in out.splitlines() if line.startswith("! new-value"))
    assert reason in line
    assert "1 added" in out
    assert not (tmp_path / "p/schemas/new-value").exists()
    assert "new-value" not in (tmp_path / "p/kgen.lock").read_text()
    code, out, _ = kgen("pull")
    assert out.splitlines() == [
        *[it for it in out.splitlines() if it.startswith(("!", "address"))],
        "nothing changed",
    ]
    assert line in out
    code, _, err = kgen("outdated")
    assert code == 0
    assert reason in err
    assert line in kgen("diff")[1]
    assert kgen("pull", "--strict")[0] == 2
    hint = re.search(r"--subject ('.*')", line)
    assert hint
    assert kgen("pull", "--strict", "--subject", shlex.split(hint[1])[0])[0] == 0


@pytest.mark.parametrize("name", ["it's-value", "a[b]*?-value", "!x-value", "a b-value"])
def test_the_hint_leaves_out_any_name_and_no_other(registry, kgen, tmp_path, name):
    registry.add("good-value", ADDRESS)
    registry.add(name, "{")
    code, out, _ = kgen("pull", "--registry", registry.url)
    assert code == 0
    hint = re.search(r"--subject ('.*')\)$", out, re.MULTILINE)
    assert hint
    words = shlex.split(hint[1])
    assert len(words) == 1
    code, out, _ = kgen("pull", "--strict", "--subject", words[0])
    assert (code, out) == (0, "nothing changed\n")


def test_the_hint_works_on_the_first_pull_and_goes_into_kgen_toml(registry, kgen):
    registry.add("good-value", ADDRESS)
    registry.add("bad-value", "{")
    assert kgen("pull", "--registry", registry.url, "--strict", "--subject", "!bad-value")[0] == 0
    assert kgen("pull", "--strict")[1] == "nothing changed\n"


def test_where_nothing_can_be_read_nothing_is_written(registry, kgen, tmp_path):
    for name in ("a-value", "b-value"):
        registry.add(name, BAD)
    code, _, err = kgen("pull", "--registry", registry.url)
    assert code == 2
    assert "none of the subjects can be read: a-value and b-value" in err
    assert "a-value: v1 cannot be read: unknown type 'Nope'" in err
    assert not (tmp_path / "p").exists()


def test_a_subject_that_can_be_read_again_is_pulled(project, registry, kgen):
    newest_does_not_parse(registry)
    assert kgen("pull")[0] == 0
    registry.add("orders-value", more(ORDER, NOTE), references=uses(1))
    code, out, _ = kgen("pull", "--strict")
    assert code == 0
    assert "~ orders-value v1 -> v3 (BACKWARD, +1 field" in out


# ------------------------------------------------------------------------------ what refers to it


def test_what_refers_to_a_bad_schema_is_kept_and_names_it_once(project, registry, kgen, tree):
    before = tree(project)
    registry.level = "NONE"
    registry.add("address", BAD)
    registry.add("orders-value", more(ORDER, NOTE), references=uses(2))
    registry.add("bills-value", {**ORDER, "name": "shop.Bill"}, references=uses(2))
    code, out, _ = kgen("pull")
    assert code == 0
    assert "! address (kept as locked: v2 cannot be read: unknown type 'Nope' at /fields/0/type;" in out
    assert "! orders-value (kept as locked: it refers to address v2, which cannot be read;" in out
    assert "! bills-value (it refers to address v2, which cannot be read;" in out
    assert out.count("unknown type") == 1
    after = tree(project)
    assert {p: c for p, c in after.items() if p != "kgen.lock"} == {
        p: c for p, c in before.items() if p != "kgen.lock"
    }


def test_a_bad_schema_that_is_only_referred_to_is_named_once(registry, kgen, tmp_path):
    registry.add("address", BAD)
    for number in range(40):
        registry.add(f"a{number:02}-value", {**ORDER, "name": f"shop.A{number}"}, references=uses(1))
    registry.add("good-value", ADDRESS)
    code, out, _ = kgen("pull", "--registry", registry.url, "--subject", "*-value")
    assert code == 0
    left = [line for line in out.splitlines() if line.startswith("!")]
    assert left == [
        "! a00-value, a01-value, a02-value, a03-value, a04-value, a05-value, a06-value, a07-value, a08-value "
        "and 31 more (it refers to address v1, which cannot be read; to leave it out: --subject '!NAME')",
        "! address (v1 cannot be read: unknown type 'Nope' at /fields/0/type)",
    ]
    code, _, err = kgen("pull", "--strict")
    assert code == 2
    assert "a08-value and 31 more" in err
    assert "a09-value" not in err
    assert "good-value" in (tmp_path / "p/kgen.lock").read_text()


def test_a_reference_that_the_registry_lost_is_read_from_the_lock(project, registry, kgen):
    registry.add("orders-value", more(ORDER, NOTE), references=uses(1))
    for path in ("/subjects/address/versions", "/subjects/address/versions/1"):
        registry.override(path, (404, {"error_code": 40402, "message": "no"}))
    code, out, _ = kgen("pull")
    assert code == 0
    assert "~ orders-value v1 -> v2" in out
    assert "address v1, referred to by orders-value v1, cannot be read: GET " in out
    assert "its locked schema stays" in out
    assert kgen("pull", "--check")[0] == 0


def test_a_circle_of_subjects_stops_none_of_the_others(project, registry, kgen):
    registry.add("a-value", {**ADDRESS, "name": "x.A"}, references=[("x.B", "b-value", 1)])
    registry.add("b-value", {**ADDRESS, "name": "x.B"}, references=[("x.A", "a-value", 1)])
    registry.add("c-value", {**ADDRESS, "name": "x.C"}, references=[("x.A", "a-value", 1)])
    registry.add("d-value", {**ADDRESS, "name": "x.D"})
    code, out, _ = kgen("pull")
    assert code == 0
    assert "! a-value (v1 cannot be read: references lead round in a circle: a-value v1 -> b-value v1" in out
    assert "! b-value (v1 cannot be read: references lead round in a circle: b-value v1 -> a-value v1" in out
    assert "! c-value (it refers to a-value v1, which cannot be read;" in out
    assert "+ d-value v1" in out


def test_a_topic_bound_to_a_subject_that_is_kept_stays(project, registry, kgen, tree):
    registry.add("ids", ADDRESS)
    config = project / "kgen.toml"
    config.write_text(config.read_text() + '\n[topics.orders]\nkey = "ids"\n')
    assert kgen("pull")[0] == 0
    before = tree(project)
    registry.add("ids", BAD)
    code, out, _ = kgen("pull")
    assert code == 0
    assert "! ids (kept as locked" in out
    assert tree(project) == before


# ------------------------------------------------------------------------------ what is gone, and what is not


def test_a_registry_that_has_just_started_removes_nothing(project, registry, kgen, tree):
    before = tree(project)
    registry.override("/subjects", (200, []))
    code, _, err = kgen("pull")
    assert code == 2
    assert "no subject matches *" in err
    assert "just started" in err
    assert tree(project) == before


def test_a_list_with_a_part_of_the_subjects_removes_nothing(project, registry, kgen, tree):
    """What the project holds and the list does not is asked for once more."""
    before = tree(project)
    registry.override("/subjects", (200, ["other-value"]))
    assert kgen("pull")[:2] == (0, "nothing changed\n")
    assert kgen("outdated")[0] == 0
    assert tree(project) == before
    registry.override("/subjects/address/versions", (403, {"error_code": 403, "message": "no"}))
    code, out, _ = kgen("pull")
    assert code == 0
    assert "! address (kept as locked: its versions cannot be read" in out
    assert tree(project) == before


def test_a_subject_that_is_not_listed_and_not_there_is_gone(project, registry, kgen):
    del registry.subjects["other-value"]
    code, out, _ = kgen("outdated")
    assert (code, out) == (1, "- other-value v1  gone from the registry\n")
    code, out, _ = kgen("pull", "--strict")
    assert code == 0
    assert "- other-value v1" in out
    assert not (project / "schemas/other-value").exists()


@pytest.mark.parametrize("status", [403, 404, 422])
def test_a_level_that_the_registry_does_not_say_stays_as_locked(project, registry, kgen, tree, status):
    before = tree(project)
    registry.override("/config", (status, {"error_code": status, "message": "no"}))
    registry.override("/config/orders-value", (status, {"error_code": status, "message": "no"}))
    code, out, _ = kgen("pull")
    assert code == 0
    said = (
        "the registry does not report the compatibility level of address, orders-value and other-value: "
        "it stays"
    )
    assert said in out
    assert tree(project) == before


def test_an_earlier_version_that_is_listed_but_not_there_stays(project, registry, kgen):
    registry.add("other-value", more({**ADDRESS, "name": "shop.Other"}, NOTE))
    registry.override("/subjects/other-value/versions/1", NO)
    code, out, _ = kgen("pull")
    assert code == 0
    assert "~ other-value v1 -> v2" in out
    assert "! other-value (v1 is listed but cannot be read: GET " in out
    assert (project / "schemas/other-value/v1.avsc").exists()
    assert (project / "schemas/other-value/v2.avsc").exists()


@pytest.mark.parametrize("status", [401, 429])
def test_what_concerns_the_registry_as_a_whole_is_an_error(
    project, registry, kgen, tree, monkeypatch, status
):
    monkeypatch.setattr("kgen_runtime.serde.registry.client.RegistryClient._delay", lambda *_: 0.0)
    before = tree(project)
    registry.override("/subjects/orders-value/versions", (status, {"error_code": status, "message": "no"}))
    code, _, err = kgen("pull")
    assert code == 2
    assert str(status) in err
    assert tree(project) == before


def test_a_server_error_for_one_subject_keeps_that_one(project, registry, kgen, tree, monkeypatch):
    monkeypatch.setattr("kgen_runtime.serde.registry.client.RegistryClient._delay", lambda *_: 0.0)
    before = tree(project)
    for path in ("/subjects/orders-value/versions", "/config/other-value"):
        registry.override(path, (500, {"error_code": 50001, "message": "broken"}))
    code, out, _ = kgen("pull")
    assert code == 0
    assert "! orders-value (kept as locked: its versions cannot be read" in out
    assert tree(project) == before


# ------------------------------------------------------------------------------ deleted and registered again


@pytest.mark.parametrize("numbers", [1, 3])
def test_a_subject_registered_again_is_held_against_what_is_locked(project, registry, kgen, tree, numbers):
    """For good, or softly, after which the numbers go on."""
    before = tree(project)
    if numbers == 1:
        del registry.subjects["other-value"]
    else:
        registry.add("other-value", ADDRESS)
        registry.deleted |= {("other-value", 1), ("other-value", 2)}
    registry.add("other-value", more({**ADDRESS, "name": "shop.Other"}, ZIP))
    for command in ((), ("--check",)):
        code, _, err = kgen("pull", *command)
        assert code == 4
        titles = {
            1: "other-value v1 (registered again) cannot read the locked v1: ",
            3: "other-value v3 cannot read v1",
        }
        assert titles[numbers] in err
        assert "zip" in err
    assert "+ `shop.Other.zip`: string" in kgen("diff")[1]
    code, out, _ = kgen("outdated")
    assert code == 1
    assert {1: "~ other-value v1  registered again\n", 3: "~ other-value v1 -> v3\n"}[numbers] in out
    assert tree(project) == before
    (project / "streams/mine.py").write_text(
        "from ._generated import other\n\n\ndef make() -> other.Other:\n    return other.Other(city='x')\n"
    )
    code, out, _ = kgen("pull", "--allow-incompatible", "other-value")
    assert code == 0
    assert "! streams/mine.py:5: Other.zip is required" in out
    assert ("registered again" in out.splitlines()[0]) == (numbers == 1)


def test_a_subject_that_begins_again_with_fewer_versions_is_said_to(project, registry, kgen):
    registry.add("other-value", more({**ADDRESS, "name": "shop.Other"}, NOTE))
    assert kgen("pull")[0] == 0
    del registry.subjects["other-value"]
    registry.add("other-value", more({**ADDRESS, "name": "shop.Other"}, ZIP))
    assert "~ other-value v2 -> v1  registered again\n" in kgen("outdated")[1]
    err = kgen("pull")[2]
    assert "other-value v1 (registered again) cannot read the locked v1: zip: " in err
    out = kgen("pull", "--allow-incompatible", "other-value")[1]
    assert "~ other-value v2 -> v1 (BACKWARD, +1 field, -1 field, registered again)" in out
    assert "  other-value v1 was registered again with another schema, under id " in out
    assert "is the latest version again" not in out


def test_another_schema_under_one_number_and_id_is_outdated(project, registry, kgen):
    """What another registry may have."""
    body = registry.subjects["other-value"][1]
    body["schema"] = json.dumps(more({**ADDRESS, "name": "shop.Other"}, NOTE))
    assert "~ other-value v1  another schema\n" in kgen("outdated")[1]


def test_a_newest_version_that_was_deleted_is_not_said_to_begin_again(project, registry, kgen):
    registry.add("other-value", more({**ADDRESS, "name": "shop.Other"}, NOTE))
    assert kgen("pull")[0] == 0
    registry.deleted.add(("other-value", 2))
    assert "~ other-value v2 -> v1\n" in kgen("outdated")[1]
    assert "registered again" not in kgen("pull")[1]


def test_a_pinned_version_that_was_deleted_stays_as_locked(project, registry, kgen, tree):
    registry.add("other-value", more({**ADDRESS, "name": "shop.Other"}, NOTE))
    assert kgen("pull", "--at", "other-value=1")[0] == 0
    before = tree(project)
    registry.deleted.add(("other-value", 1))
    code, out, _ = kgen("pull")
    assert code == 0
    said = "! other-value (kept as locked: v1, to which kgen.toml pins it, was deleted in the registry;"
    assert said in out
    assert tree(project) == before
    assert kgen("pull", "--at", "other-value=7")[0] == 2


def test_what_is_required_of_a_subject_that_comes_back_after_a_pull_is_named(project, registry, kgen):
    (project / "streams/mine.py").write_text(
        "from ._generated import other\n\n\n"
        "def make() -> other.Other:\n    return other.Other(city='x')\n\n\n"
        "def whole() -> other.Other:\n    return other.Other(city='x', zip='y', from_='z')\n\n\n"
        "def shown(it: other.Other) -> str:\n    return it.from_ + it.zip\n"
    )
    del registry.subjects["other-value"]
    assert "! streams/mine.py:5: Other removed" in kgen("pull")[1]
    registry.add("other-value", more({**ADDRESS, "name": "shop.Other"}, ZIP, {**ZIP, "name": "from"}, NOTE))
    code, out, _ = kgen("pull")
    assert code == 0
    named = [line for line in out.splitlines() if "mine.py" in line]
    assert named == [f"! streams/mine.py:5: Other.{name} is required" for name in ("from_", "zip")]
    assert kgen("pull")[1] == "nothing changed\n"


# ------------------------------------------------------------------------------------------------ long names

LONG = f"{'a' * 300}-middle-{'b' * 300}-value"
CUT = f"{'a' * 49}…{'b' * 44}-value"


def test_a_long_subject_name_is_cut_in_every_line_and_whole_in_json(project, registry, kgen):
    schema = {**ADDRESS, "name": "shop.Long"}

    def said(*command: str) -> str:
        _, out, err = kgen(*command)
        assert "-middle-" not in out + err
        return str(out + err)

    registry.add(LONG, schema)
    assert f"+ {CUT} v1  new" in said("outdated")
    assert f"+ {CUT} v1 (BACKWARD)" in said("pull")
    registry.add(LONG, more(schema, NOTE, {"name": "count", "type": "int", "default": "0"}))
    assert f"{CUT} v2 cannot read v1: count: " in said_without_hint(kgen("pull"))
    registry.subjects[LONG][2]["schema"] = json.dumps(more({**schema, "name": "x.Long"}, NOTE))
    assert f"~ {CUT} v1 -> v2" in kgen("diff", LONG)[1].splitlines()[0]
    out = said("pull")
    assert f"~ {CUT} v1 -> v2 (BACKWARD, +1 field, 1 moved)" in out
    assert f"  {CUT}: shop.Long is x.Long now" in out
    registry.deleted.add((LONG, 1))
    assert f"  {CUT} v1 was deleted in the registry" in said("pull")
    registry.add(LONG, BAD)
    out = said("pull")
    assert f"! {CUT} (kept as locked: v3 cannot be read: " in out
    assert "--subject '!NAME')" in out
    assert json.loads(kgen("pull", "--json")[1])["subjects"][0]["subject"] == LONG
    del registry.subjects[LONG]
    assert f"- {CUT} v2  gone from the registry" in said("outdated")
    assert f"- {CUT} v2" in said("pull")


def said_without_hint(answer: tuple[int, str, str]) -> str:
    """The flag of the hint is to be copied."""
    what, where, hint = answer[2].splitlines()
    assert LONG in hint
    assert "-middle-" not in what + where
    return where

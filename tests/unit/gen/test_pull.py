"""`kgen pull` and its kin from flags to files, against a registry in memory."""

from __future__ import annotations

import compileall
import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kgen.cli import app
from kgen.project import lockfile, mutex, transaction

ADDRESS = {
    "type": "record",
    "name": "Address",
    "namespace": "shop",
    "fields": [{"name": "city", "type": "string"}],
}


def order(*extra: Any, **more: Any) -> dict[str, Any]:
    fields = [{"name": "id", "type": "string"}, {"name": "ship_to", "type": "shop.Address"}, *extra]
    return {"type": "record", "name": "Order", "namespace": "shop", "fields": fields, **more}


NOTE = {"name": "note", "type": "string", "default": ""}
REFERENCE = [("shop.Address", "address", 1)]


@pytest.fixture
def shop(registry):
    registry.add("address", ADDRESS)
    registry.add("orders-key", '"string"')
    registry.add("orders-value", order(), references=REFERENCE)
    return registry


@pytest.fixture
def kgen(tmp_path, capsys):
    """Runs kgen in the project and gives exit code, stdout and stderr."""

    def run(*arguments: str, out: Path | None = None) -> tuple[int, str, str]:
        capsys.readouterr()
        code = app.run([*arguments, "--out", str(out or tmp_path / "p")])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture
def project(tmp_path, shop, kgen):
    assert kgen("pull", "--registry", shop.url)[0] == 0
    return tmp_path / "p"


def error(result: tuple[int, str, str]) -> str:
    code, _out, err = result
    assert code == 2
    assert "Traceback" not in err
    waited = [line for line in err.splitlines() if line.startswith("waiting for the schema registry")]
    err = "\n".join(err.splitlines()[len(waited) :])
    assert err.startswith("error: ")
    assert len(err.splitlines()) <= 3
    return err


def reseal(path: Path, change: tuple[str, str]) -> None:
    """Change a generated file and its hash, as another kgen version would have written it."""
    head, _, body = path.read_text().partition("# kgen:sha256=")
    body = body.partition("\n")[2].replace(*change)
    path.write_text(f"{head}# kgen:sha256={hashlib.sha256(body.encode()).hexdigest()}\n{body}")


# --------------------------------------------------------------------------------------------- the main job


def test_the_first_pull_writes_everything_and_the_second_nothing(shop, kgen, tmp_path, tree):
    code, out, err = kgen("pull", "--registry", shop.url)
    assert code == 0
    assert "+ orders-value v1 (BACKWARD)  models, flow and test written" in out
    assert out.splitlines()[-1] == "3 added, 0 changed, 0 removed"
    assert "kgen_runtime.run streams.flows.orders:flow" in err
    first = tree(tmp_path / "p")
    for path in (
        "kgen.toml",
        "kgen.lock",
        "schemas/orders-value/v1.avsc",
        "streams/_generated/orders.py",
        "streams/flows/orders.py",
        "tests/test_orders.py",
        ".kgen/base/streams/flows/orders.py",
    ):
        assert path in first
    assert kgen("pull")[:2] == (0, "nothing changed\n")
    assert tree(tmp_path / "p") == first
    assert kgen("pull", "--check")[0] == 0
    assert kgen("status")[:2] == (0, "everything matches the lock\n")
    assert kgen("outdated")[:2] == (0, "everything is up to date\n")


def test_a_new_version(project, shop, kgen, tree):
    shop.add("orders-value", order(NOTE), references=REFERENCE)
    before = tree(project)
    code, out, _ = kgen("outdated")
    assert (code, out) == (1, "~ orders-value v1 -> v2\n")
    code, out, _ = kgen("pull", "--check")
    assert code == 1
    assert tree(project) == before
    code, out, _ = kgen("pull", "--dry-run")
    assert code == 0
    assert "~ streams/_generated/orders.py" in out
    assert tree(project) == before
    code, out, _ = kgen("pull")
    assert code == 0
    assert out.startswith("~ orders-value v1 -> v2 (BACKWARD")
    assert "models rewritten" in out
    assert "0 added, 1 changed, 0 removed" in out
    assert "note" in (project / "streams/_generated/orders.py").read_text()
    assert (project / "schemas/orders-value/v1.avsc").exists()


def test_json_is_a_plan_on_stdout(shop, kgen):
    shop.add("x-value", "{}", kind="THRIFT")
    code, out, _ = kgen("pull", "--registry", shop.url, "--json")
    got = json.loads(out)
    assert (code, got["version"], got["written"], got["changes"]) == (0, 1, True, True)
    assert got["summary"] == {"added": 3, "changed": 0, "removed": 0}
    skipped = [s for s in got["subjects"] if s["action"] == "skip"]
    assert [(s["subject"], s["summary"]) for s in skipped] == [
        ("x-value", "THRIFT schemas are not supported yet")
    ]
    assert {"path": "kgen.lock", "action": "add", "kind": "lock", "reason": ""} in got["files"]
    assert json.loads(kgen("pull", "--json")[1])["files"] == []


def test_quiet(shop, kgen):
    assert kgen("pull", "--registry", shop.url, "--quiet") == (0, "", "")


def test_the_same_bytes_from_another_registry_that_spells_otherwise(project, shop, kgen, tree):
    before = tree(project)
    for versions in shop.subjects.values():
        for body in versions.values():
            body["schema"] = json.dumps(json.loads(body["schema"]), sort_keys=True, separators=(",", ":"))
    assert kgen("pull")[1] == "nothing changed\n"
    assert tree(project) == before


def test_narrowed_to_some_subjects_the_others_stay_as_locked(project, shop, kgen):
    shop.add("orders-value", order(NOTE), references=REFERENCE)
    shop.add("payments-value", {**ADDRESS, "name": "Payment"})
    code, out, _ = kgen("pull", "--subject", "payments-*")
    assert code == 0
    assert "1 added, 0 changed, 0 removed" in out
    assert [s.latest.version for s in lockfile.snapshot(project).subjects] == [1, 1, 1, 1]


def test_a_new_pattern_goes_into_kgen_toml(shop, kgen, tmp_path):
    kgen("pull", "--registry", shop.url, "--subject", "orders-*")
    toml = tmp_path / "p/kgen.toml"
    toml.write_text("# mine\n" + toml.read_text())
    assert [s.name for s in lockfile.snapshot(tmp_path / "p").subjects] == ["orders-key", "orders-value"]
    assert kgen("pull", "--subject", "addr*")[0] == 0
    assert toml.read_text().startswith("# mine\n")
    assert 'subjects = ["orders-*", "addr*"]' in toml.read_text()
    assert kgen("pull")[1] == "nothing changed\n"


def test_only_the_latest(shop, kgen, tmp_path):
    shop.add("orders-value", order(NOTE), references=REFERENCE)
    kgen("pull", "--registry", shop.url, "--latest")
    assert not (tmp_path / "p/schemas/orders-value/v1.avsc").exists()
    assert "all_versions = false" in (tmp_path / "p/kgen.toml").read_text()
    shop.add("orders-value", order(NOTE, {**NOTE, "name": "more"}), references=REFERENCE)
    kgen("pull")
    assert [v.version for v in lockfile.snapshot(tmp_path / "p").subjects[-1].versions] == [2, 3]


# ------------------------------------------------------------------------------------------- lock and modes


def test_frozen_needs_no_registry_and_gives_the_same_bytes(project, shop, kgen, tree, monkeypatch):
    before = tree(project)
    shop.override("*", (500, {}))
    for path in (
        "streams/_generated/orders.py",
        "streams/flows/orders.py",
        ".kgen/base/streams/flows/orders.py",
    ):
        (project / path).unlink()
    requests = len(shop.requests)
    assert kgen("pull", "--frozen")[0] == 0
    assert tree(project) == before
    assert len(shop.requests) == requests


def test_locked_verifies_and_never_rewrites(project, shop, kgen, tree):
    assert kgen("pull", "--locked")[0] == 0
    shop.add("orders-value", order(NOTE), references=REFERENCE)
    before = tree(project)
    code, _, err = kgen("pull", "--locked")
    assert code == 1
    assert "--locked" in err
    assert tree(project) == before


def test_frozen_without_a_lock(kgen):
    assert "no kgen.lock" in error(kgen("pull", "--frozen"))


def test_modes_that_exclude_each_other(kgen):
    assert "exclude" in error(kgen("pull", "--frozen", "--locked"))
    assert "exclude" in error(kgen("pull", "--check", "--dry-run"))


def test_pins(project, shop, kgen):
    shop.add("orders-value", order(NOTE), references=REFERENCE)
    assert kgen("pull", "--at", "orders-value=1")[0] == 0
    assert "orders-value = 1" in (project / "kgen.toml").read_text()
    assert kgen("pull")[1] == "nothing changed\n"
    assert kgen("outdated")[:2] == (1, "~ orders-value v1 -> v2  pinned in kgen.toml\n")
    assert "has no version 9" in error(kgen("pull", "--at", "orders-value=9"))
    code, out, _ = kgen("pull", "--at", "orders-value=latest")
    assert (code, out.splitlines()[0][:26]) == (0, "~ orders-value v1 -> v2 (B")
    assert "orders-value = " not in (project / "kgen.toml").read_text()


@pytest.mark.parametrize("pin", ["x", "x=", "=3", "x=0", "x=two", "x=-1", "x=²"])
def test_pins_that_are_none(kgen, pin):
    error(kgen("pull", "--at", pin))


def test_an_incompatible_version_is_refused(project, shop, kgen, tree):
    shop.add("orders-value", {**ADDRESS, "name": "Order", "fields": [{"name": "id", "type": "int"}]})
    before = tree(project)
    code, _, err = kgen("pull")
    assert code == 4
    assert "v2 cannot read v1: id:" in err
    assert "--allow-incompatible orders-value" in err
    assert kgen("pull", "--check")[0] == 4
    assert tree(project) == before
    assert kgen("pull", "--allow-incompatible", "orders-value")[0] == 0
    assert kgen("pull")[1] == "nothing changed\n"


def test_an_allowance_for_what_is_not_there_is_noted(project, shop, kgen):
    """It did nothing and said nothing, most often because of a typing error."""
    line = "--allow-incompatible orders-valeu is not among the subjects; did you mean orders-value"
    code, out, _ = kgen("pull", "--allow-incompatible", "orders-valeu", "--allow-incompatible", "orders-key")
    assert code == 0
    assert line in out
    assert "--allow-incompatible orders-key" not in out
    assert "did you mean" not in kgen("pull", "--allow-incompatible", "unlike")[1]


# ----------------------------------------------------------------------------------------------- what moves


def test_what_a_pull_changes_for_itself_alone_is_shown(project, shop, kgen):
    del shop.subjects["orders-value"], shop.subjects["orders-key"]
    assert kgen("pull")[0] == 0
    (project / "streams/flows/orders.py").unlink()
    code, out, _ = kgen("pull", "--check")
    shown = "  - .kgen/base/streams/flows/orders.py  the file that came from it is gone\n"
    assert (code, out) == (1, f"{shown}0 added, 0 changed, 0 removed\n")
    code, out, _ = kgen("pull", "--check", "--json")
    assert [f["path"] for f in json.loads(out)["files"] if f["action"] == "remove"] == [
        ".kgen/base/streams/flows/orders.py"
    ]
    assert shown in kgen("pull")[1]
    assert kgen("pull", "--check")[:2] == (0, "nothing changed\n")


def test_a_subject_that_is_gone(project, shop, kgen, tree):
    flow = (project / "streams/flows/orders.py").read_bytes()
    del shop.subjects["orders-value"], shop.subjects["orders-key"]
    code, out, _ = kgen("pull")
    assert code == 0
    assert "- orders-value v1" in out
    assert "models removed" in out
    assert "no longer generated; kept because you own it" in out
    assert "0 added, 0 changed, 2 removed" in out
    assert not (project / "streams/_generated/orders.py").exists()
    assert not (project / "schemas/orders-value").exists()
    assert (project / "streams/flows/orders.py").read_bytes() == flow
    assert kgen("pull")[1] == "nothing changed\n"
    code, out, _ = kgen("status")
    assert code == 1
    assert "orphan    streams/flows/orders.py" in out


def test_an_edited_generated_file_of_a_subject_that_is_gone_stays(project, shop, kgen):
    path = project / "streams/_generated/orders.py"
    path.write_text(path.read_text() + "# mine\n")
    del shop.subjects["orders-value"], shop.subjects["orders-key"]
    code, out, _ = kgen("pull")
    assert code == 0
    assert "edited by hand: left as it is" in out
    assert path.read_text().endswith("# mine\n")


def test_a_version_that_was_deleted_stays_readable(project, shop, kgen):
    shop.add("orders-value", order(NOTE), references=REFERENCE)
    kgen("pull")
    shop.deleted.add(("orders-value", 1))
    code, out, _ = kgen("pull")
    assert code == 0
    assert "orders-value v1 was deleted in the registry" in out
    assert (project / "schemas/orders-value/v1.avsc").exists()
    assert kgen("pull")[1] == "nothing changed\n"


def test_a_subject_registered_again_under_another_id(project, shop, kgen):
    shop.subjects["orders-value"][1]["id"] = 77
    code, out, _ = kgen("pull")
    assert code == 0
    assert "~ orders-value v1 (BACKWARD, id 3 -> 77)" in out
    assert "registered again under id 77 (was 3)" in out
    assert kgen("pull")[1] == "nothing changed\n"


def test_a_subject_deleted_for_good_and_begun_again(project, shop, kgen):
    for extra in ([NOTE], [NOTE, {**NOTE, "name": "more"}]):
        shop.add("orders-value", order(*extra), references=REFERENCE)
    kgen("pull")
    del shop.subjects["orders-value"]
    shop.add("orders-value", order(NOTE), references=REFERENCE)
    code, _, _ = kgen("pull", "--allow-incompatible", "orders-value")
    assert code == 0
    assert [v.version for v in lockfile.snapshot(project).subjects[-1].versions] == [1]


def test_a_renamed_topic(project, shop, kgen):
    shop.rename("orders-value", "purchases-value")
    code, out, _ = kgen("pull")
    assert code == 0
    assert "orders-value is gone and purchases-value has its schema: renamed?" in out
    assert (project / "streams/flows/orders.py").exists()
    assert (project / "streams/flows/purchases.py").exists()


def test_another_compatibility_level(project, shop, kgen):
    shop.level = "FULL"
    assert "~ orders-value v1 (FULL, was BACKWARD)" in kgen("pull")[1]


def test_a_subject_deleted_while_it_is_read(shop, kgen):
    shop.override("/subjects/orders-key/versions", (404, {"error_code": 40401, "message": "gone"}))
    code, out, _ = kgen("pull", "--registry", shop.url)
    assert code == 0
    assert "! orders-key (its versions cannot be read: GET " in out


# --------------------------------------------------------------------------------------------- users' files


def test_an_edited_generated_file_is_refused(project, shop, kgen, tree):
    path = project / "streams/_generated/orders.py"
    path.write_text(path.read_text() + "# mine\n")
    before = tree(project)
    for flags in ((), ("--check",), ("--dry-run",), ("--frozen",)):
        err = error(kgen("pull", *flags))
        assert "streams/_generated/orders.py was edited by hand" in err
        assert "hint: " in err
    assert tree(project) == before
    code, out, _ = kgen("status")
    assert code == 1
    assert "edited    streams/_generated/orders.py" in out


def test_a_file_in_the_way_that_kgen_never_made(shop, kgen, tmp_path):
    path = tmp_path / "p/streams/_generated/orders.py"
    path.parent.mkdir(parents=True)
    path.write_text("mine = 1\n")
    assert "was not created by kgen" in error(kgen("pull", "--registry", shop.url))
    assert path.read_text() == "mine = 1\n"
    assert not (tmp_path / "p/kgen.toml").exists()


def test_a_file_of_another_kgen_is_rewritten(project, kgen):
    reseal(project / "streams/_generated/orders.py", ("class Order", "class Ordre"))
    code, out, _ = kgen("status")
    assert code == 1
    assert "stale     streams/_generated/orders.py" in out
    assert kgen("pull", "--check")[0] == 1
    assert "~ orders-value v1 (BACKWARD)  models rewritten" in kgen("pull")[1]
    assert kgen("status")[0] == 0


def test_line_ends_that_git_changed_are_not_a_change(project, kgen):
    for path in [*(project / "streams").rglob("*.py"), project / "kgen.lock"]:
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert kgen("pull")[1] == "nothing changed\n"


def test_a_flow_that_was_edited_stays(project, shop, kgen):
    flow = project / "streams/flows/orders.py"
    flow.write_text(flow.read_text() + "\n# mine\n")
    shop.add("orders-value", order(NOTE), references=REFERENCE)
    assert kgen("pull")[0] == 0
    assert flow.read_text().endswith("\n# mine\n")


def test_what_was_deleted_stays_so_until_recreated(project, shop, kgen):
    flow = project / "streams/flows/orders.py"
    flow.unlink()
    assert kgen("pull")[1] == "nothing changed\n"
    assert not flow.exists()
    code, out, _ = kgen("pull", "--recreate")
    assert code == 0
    assert "flow written" in out
    assert flow.exists()


def test_a_flow_that_kgen_never_made(shop, kgen, tmp_path):
    flow = tmp_path / "p/streams/flows/orders.py"
    flow.parent.mkdir(parents=True)
    flow.write_text("mine = 1\n")
    code, out, _ = kgen("pull", "--registry", shop.url)
    assert code == 0
    assert "! streams/flows/orders.py  not created by kgen: kept" in out
    assert flow.read_text() == "mine = 1\n"


def test_a_vendored_schema_that_was_tampered_with(project, kgen):
    path = project / "schemas/orders-value/v1.avsc"
    path.write_text(path.read_text().replace("id", "di"))
    for command in (("pull",), ("pull", "--frozen"), ("status",), ("outdated",)):
        assert "schemas/orders-value/v1.avsc" in error(kgen(*command))


# ------------------------------------------------------------------------------------------------ conflicts


@pytest.fixture
def clash(project, shop, kgen):
    """The flow's last render says one thing, the user another, and the new render a third."""
    flow, base = project / "streams/flows/orders.py", project / ".kgen/base/streams/flows/orders.py"
    rendered = flow.read_text()
    line = next(x for x in rendered.splitlines() if "Dataflow(" in x)
    base.write_text(rendered.replace(line, line.replace('"orders"', '"older"')))
    flow.write_text(rendered.replace(line, line.replace('"orders"', '"mine"')))
    return flow, base, rendered


def test_a_conflict_leaves_the_file_and_exits_3(clash, project, kgen, tree):
    flow, base, rendered = clash
    mine, old_base = flow.read_text(), base.read_text()
    code, out, err = kgen("pull")
    assert code == 3
    assert "! streams/flows/orders.py  1 place: solve .kgen/conflicts/streams/flows/orders.py" in out
    assert "kgen resolve streams/flows/orders.py" in err
    assert (flow.read_text(), base.read_text()) == (mine, old_base)
    marked = project / ".kgen/conflicts/streams/flows/orders.py"
    assert "<<<<<<<" in marked.read_text()
    before = tree(project)
    assert kgen("pull")[0] == 3
    assert tree(project) == before
    assert "conflict  streams/flows/orders.py" in kgen("status")[1]

    assert "marker is still there" in error(kgen("resolve", "streams/flows/orders.py"))
    marked.write_text("def broken(:\n")
    assert "not valid Python" in error(kgen("resolve", "streams/flows/orders.py"))
    marked.write_text(mine + "\n# solved\n")
    assert kgen("pull")[0] == 3  # a half-solved text is never overwritten
    assert marked.read_text().endswith("# solved\n")
    assert kgen("resolve", "streams/flows/orders.py")[0] == 0
    assert flow.read_text() == mine + "\n# solved\n"
    assert base.read_text() == rendered
    assert not (project / ".kgen/conflicts").exists()
    assert kgen("pull")[1] == "nothing changed\n"
    assert kgen("status")[0] == 0


def test_a_conflict_written_into_the_file(clash, project, kgen):
    flow, base, rendered = clash
    mine = flow.read_text()
    assert kgen("pull", "--conflict", "inline")[0] == 3
    assert "<<<<<<<" in flow.read_text()
    assert kgen("pull")[0] == 3
    assert "<<<<<<<" in flow.read_text()
    flow.write_text(mine)
    assert kgen("pull")[0] == 0
    assert (flow.read_text(), base.read_text()) == (mine, rendered)
    assert not (project / ".kgen/conflicts").exists()


def test_a_solution_in_the_file_itself(clash, project, kgen):
    flow, base, rendered = clash
    assert kgen("pull")[0] == 3
    flow.write_text(flow.read_text() + "# later\n")
    marked = project / ".kgen/conflicts/streams/flows/orders.py"
    marked.write_text("x = 1\n")
    assert "changed since" in error(kgen("resolve", "streams/flows/orders.py"))
    assert kgen("resolve", "--mine", "streams/flows/orders.py")[0] == 0
    assert flow.read_text().endswith("# later\n")
    assert base.read_text() == rendered


@pytest.fixture
def two_clashes(clash, project, kgen):
    """Conflicts in a flow and in its test; gives the paths and where each is to be solved."""
    test, base = project / "tests/test_orders.py", project / ".kgen/base/tests/test_orders.py"
    rendered = test.read_text()
    line = "    testing.run(build(kafka))\n"
    base.write_text(rendered.replace(line, "    testing.run(build(older))\n"))
    test.write_text(rendered.replace(line, "    testing.run(build(mine))\n"))
    code, _, err = kgen("pull")
    assert code == 3
    assert "kgen resolve streams/flows/orders.py tests/test_orders.py\n" in err
    return {
        path: project / ".kgen/conflicts" / path
        for path in ("streams/flows/orders.py", "tests/test_orders.py")
    }


def test_several_conflicts_are_resolved_at_once(two_clashes, project, kgen, tree):
    for solved in two_clashes.values():
        solved.write_text("x = 1\n")
    notes = sorted(str(p.relative_to(project)) for p in (project / ".kgen/conflicts").rglob("*.py*"))
    code, out, _ = kgen("resolve", *two_clashes, *notes)
    assert code == 0
    assert out == "streams/flows/orders.py is solved\ntests/test_orders.py is solved\n"
    assert [(project / path).read_text() for path in two_clashes] == ["x = 1\n", "x = 1\n"]
    assert not (project / ".kgen/conflicts").exists()


def test_one_that_is_not_solved_keeps_all_open(two_clashes, project, kgen, tree):
    first, second = two_clashes
    two_clashes[first].write_text("x = 1\n")
    before = tree(project)
    assert f".kgen/conflicts/{second}:" in error(kgen("resolve", *two_clashes))
    assert f"at {second}x" in error(kgen("resolve", first, f"{second}x"))
    assert tree(project) == before
    code, out, _ = kgen("resolve", "--json", first)
    assert code == 0
    assert json.loads(out) == {"version": 1, "resolved": first, "paths": [first], "open": [second]}
    assert "is solved\n" in kgen("resolve", "--mine", second)[1]


def test_resolve_without_a_conflict(project, kgen):
    assert "no open conflicts" in error(kgen("resolve", "streams/flows/orders.py"))


# ------------------------------------------------------------------------------------------------ bad input


def empty(path: Path) -> bool:
    return not path.exists() or list(path.iterdir()) == []


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ((401, {"error_code": 401, "message": "no"}), "401"),
        ((403, {"error_code": 403, "message": "no"}), "403"),
        ((404, b"<html>"), "404"),
        ((200, b"<html>hello</html>"), "is this a schema registry"),
        ((200, {"a": 1}), "not a list"),
        ((200, []), "no subject matches"),
    ],
)
def test_registries_that_are_none(registry, kgen, tmp_path, answer, message):
    registry.override("*", answer)
    assert message in error(kgen("pull", "--registry", registry.url))
    assert empty(tmp_path)


@pytest.mark.parametrize("url", ["localhost:8081", "ftp://x", "http://", "http://host:port"])
def test_urls_that_are_none(kgen, tmp_path, url):
    error(kgen("pull", "--registry", url))
    assert empty(tmp_path)


def test_no_registry_at_all(kgen, tmp_path):
    assert "kgen pull --registry URL" in error(kgen("pull"))
    assert empty(tmp_path)


def test_credentials_in_the_url_are_used_and_never_stored_or_shown(shop, kgen, tmp_path, tree):
    url = shop.url.replace("//", "//me:s3cret@") + "?token=s3cret"
    code, out, err = kgen("pull", "--registry", url)
    assert code == 0
    assert "s3cret" not in out + err
    assert "Basic bWU6czNjcmV0" in shop.auth
    assert not any(b"s3cret" in content for content in tree(tmp_path / "p").values())


@pytest.mark.parametrize(
    "schema",
    [
        "{",
        '{"type": "record"}',
        '{"type": "nonesuch"}',
        '"nonesuch"',
        "[" * 100_000,
        '{"type": "record", "name": "A b", "fields": []}',
    ],
)
def test_a_schema_that_does_not_parse(registry, kgen, tmp_path, schema):
    registry.add("a-value", schema)
    err = error(kgen("pull", "--registry", registry.url))
    assert "a-value" in err
    assert "v1" in err
    assert empty(tmp_path)


INVALID = {"name": "count", "type": "int", "default": "0"}
LATER_BRANCH = {"name": "count", "type": ["null", "int"], "default": 0}
FIRST_BRANCH = "it does not fit the union's first branch: it must be null"


def test_a_default_that_does_not_fit_is_reported_once_and_the_field_is_required(registry, kgen, tmp_path):
    registry.add("a-value", {"type": "record", "name": "A", "namespace": "x", "fields": [INVALID]})
    line = 'a-value v1: x.A.count: the default "0" is ignored: it must be an integer of 32 bits'
    code, out, _ = kgen("pull", "--registry", registry.url)
    assert code == 0
    assert out.count(line) == 1
    assert "    count: int\n" in (tmp_path / "p/streams/_generated/a.py").read_text()
    assert kgen("pull") == (0, "nothing changed\n", "")
    again = {"type": "record", "name": "A", "namespace": "x", "fields": [INVALID, NOTE]}
    registry.add("a-value", again)
    assert kgen("pull")[1].count(line.replace("v1", "v2")) == 1


def test_defaults_that_do_not_fit_are_reported_of_references_too_and_not_without_end(registry, kgen):
    fields = [{**INVALID, "name": f"f{number}"} for number in range(9)]
    registry.add("address", {**ADDRESS, "fields": fields})
    registry.add("orders-value", order(), references=REFERENCE)
    out = kgen("pull", "--registry", registry.url, "--subject", "orders-*")[1]
    assert out.count("address v1: shop.Address.f") == 5
    assert "address v1: 4 more fields have a default that is ignored" in out
    assert "orders-value v1: " not in out


def test_a_default_of_a_later_branch_is_reported_once_and_the_field_is_required(registry, kgen, tmp_path):
    registry.add("a-value", {"type": "record", "name": "A", "namespace": "x", "fields": [LATER_BRANCH]})
    code, out, _ = kgen("pull", "--registry", registry.url)
    assert code == 0
    assert out.count(f"a-value v1: x.A.count: the default 0 is ignored: {FIRST_BRANCH}") == 1
    assert "    count: int | None\n" in (tmp_path / "p/streams/_generated/a.py").read_text()
    assert kgen("pull") == (0, "nothing changed\n", "")


def test_a_default_of_a_later_branch_is_missing_from_diff_and_its_verdicts(project, shop, kgen):
    shop.add("orders-value", order(LATER_BRANCH), references=REFERENCE)
    out = kgen("diff", "orders-value", "1..2")[1]
    assert "+ `shop.Order.count`: null | int\n" in out
    assert "new reads old: no: count: the writer does not write this field" in out
    assert FIRST_BRANCH in out


@pytest.mark.parametrize("field", [INVALID, LATER_BRANCH], ids=["of no branch", "of a later branch"])
def test_a_new_field_whose_default_is_invalid_is_an_incompatible_change(project, shop, kgen, tree, field):
    shop.add("orders-value", order(field), references=REFERENCE)
    before = tree(project)
    code, _, err = kgen("pull")
    assert code == 4
    assert "count: the writer does not write this field and the reader's default for it is ignored" in err
    assert tree(project) == before


def test_an_unknown_reference(registry, kgen, tmp_path):
    registry.add("a-value", order(), references=[("shop.Address", "address", 3)])
    err = error(kgen("pull", "--registry", registry.url))
    assert "address v3" in err
    assert "a-value: v1 cannot be read" in err
    assert empty(tmp_path)


ODD = [
    "../../x-value",
    "con-value",
    "a b/c-value",
    "/etc/x",
    "..",
    ".",
    "nul",
    "COM1.txt-value",
    "a:b\\c",
    "🎈" * 80,
    "a\nb",
    "\x1b[31mred",
]


def test_odd_names_stay_inside(registry, kgen, tmp_path):
    for name in ODD:
        registry.add(name, {**ADDRESS, "name": "X", "doc": '"""\\ \' """\nimport os; os.abort()'})
    code, out, err = kgen("pull", "--registry", registry.url)
    assert code == 0, err
    assert "\x1b" not in out
    assert {p.name for p in tmp_path.iterdir()} == {"p"}
    assert {p.name for p in (tmp_path / "p").iterdir()} == {
        "kgen.toml",
        "kgen.lock",
        "schemas",
        "streams",
        "tests",
        ".kgen",
    }
    assert kgen("pull")[1] == "nothing changed\n"
    for path in (tmp_path / "p").rglob("*.py"):
        compile(path.read_bytes(), str(path), "exec")


def test_an_output_that_cannot_be_written(shop, kgen, tmp_path):
    (tmp_path / "file").write_text("")
    assert "not writable" in error(kgen("pull", "--registry", shop.url, out=tmp_path / "file/p"))
    assert "not writable" in error(kgen("pull", "--registry", shop.url, out=Path("/proc/kgen")))


def test_a_link_out_of_the_project(shop, kgen, tmp_path, tree):
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "p").mkdir()
    (tmp_path / "p/streams").symlink_to(outside)
    assert "leads out of the project" in error(kgen("pull", "--registry", shop.url))
    assert empty(outside)
    assert tree(tmp_path / "p") == {}


@pytest.mark.parametrize("package", ["a-b", "class", "json", "kgen", "../x", "", "a..b", "json.b"])
def test_packages_that_are_none(shop, kgen, tmp_path, package):
    error(kgen("pull", "--registry", shop.url, "--package", package))
    assert empty(tmp_path)


def test_another_package_than_kgen_toml_names(project, kgen):
    assert 'names the package "streams"' in error(kgen("pull", "--package", "other"))


def test_a_lock_with_merge_markers(project, kgen):
    path = project / "kgen.lock"
    path.write_text("<<<<<<< HEAD\n" + path.read_text() + "=======\n>>>>>>> other\n")
    assert "merge conflict" in error(kgen("pull"))


# --------------------------------------------------------------------------------- interrupted, two at once


def test_a_killed_pull_is_healed_by_the_next(project, shop, kgen, tree, monkeypatch):
    shop.add("orders-value", order(NOTE), references=REFERENCE)
    old = tree(project)

    class Kill(BaseException):
        pass

    def replace(self, source, target):
        original(self, source, target)
        if target.name == "orders.py":
            monkeypatch.setattr(transaction.Disk, "replace", dead)
            raise Kill

    def dead(self, *_):
        raise Kill

    original = transaction.Disk.replace
    monkeypatch.setattr(transaction.Disk, "replace", replace)
    with pytest.raises(Kill):
        app.run(["pull", "--out", str(project)])
    monkeypatch.undo()
    assert tree(project) != old
    assert "interrupted" in error(kgen("pull", "--check"))
    assert "interrupted" in kgen("status")[1]
    code, out, err = kgen("pull")
    assert code == 0
    assert "finished" in err
    assert out == "nothing changed\n"
    assert kgen("status")[0] == 0


def test_two_first_pulls_at_once(shop, tmp_path):
    command = [sys.executable, "-m", "kgen", "pull", "--registry", shop.url, "--out", str(tmp_path / "p")]
    running = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(3)
    ]
    ends = [(p.communicate(timeout=60), p.returncode) for p in running]
    assert [code for _, code in ends] == [0, 0, 0], ends
    outs = sorted(out for (out, _), _ in ends)
    assert sum("3 added" in out for out in outs) == 1
    assert sum(out == "nothing changed\n" for out in outs) == 2


def test_a_pull_waits_for_another(project, shop, tmp_path):
    command = [sys.executable, "-m", "kgen", "pull", "--out", str(project)]
    with mutex.exclusive(project, print):
        second = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert "another kgen" in second.stderr.readline()
    out, _ = second.communicate(timeout=60)
    assert (second.returncode, out) == (0, "nothing changed\n")


# ----------------------------------------------------------------------------------------------------- diff


def test_diff_of_registry_and_lock(project, shop, kgen, tree):
    assert kgen("diff")[:2] == (0, "no difference\n")
    shop.add("orders-value", order(NOTE), references=REFERENCE)
    shop.add("payments-value", {**ADDRESS, "name": "Payment"})
    before = tree(project)
    code, out, _ = kgen("diff")
    assert code == 0
    assert "~ orders-value v1 -> v2\n" in out
    assert "+ `shop.Order.note`: string" in out
    assert "new reads old: yes" in out
    assert "allowed at BACKWARD: yes" in out
    assert "+ payments-value v1" in out
    assert "+++ b/streams/_generated/orders.py" in out
    assert tree(project) == before
    got = json.loads(kgen("diff", "orders-value", "--json")[1])
    assert [(s["subject"], s["from"], s["to"]) for s in got["subjects"]] == [("orders-value", 1, 2)]
    assert got["subjects"][0]["changes"][0]["kind"] == "field added"
    assert got["subjects"][0]["level"] == {"level": "BACKWARD", "allowed": True, "problems": {}}


def test_diff_shows_what_pull_refuses(project, shop, kgen):
    shop.add("orders-value", {**ADDRESS, "name": "Order", "fields": [{"name": "id", "type": "int"}]})
    code, out, _ = kgen("diff")
    assert code == 0
    assert "new reads old: no" in out
    assert "allowed at BACKWARD: no" in out


def test_diff_of_any_two_versions(project, shop, kgen):
    shop.add("orders-value", order(NOTE), references=REFERENCE)
    shop.add("orders-value", order(NOTE, {**NOTE, "name": "more"}), references=REFERENCE)
    assert "+ `shop.Order.more`" in kgen("diff", "orders-value", "2..3")[1]
    assert "- `shop.Order.more`" in kgen("diff", "orders-value", "3..1")[1]
    kgen("pull")
    shop.override("*", (500, {}))
    assert "+ `shop.Order.note`" in kgen("diff", "orders-value", "1..2")[1]
    assert "not a pair of versions" in error(kgen("diff", "orders-value", "1-2"))


def test_diff_of_versions_that_are_not_there(project, kgen):
    assert "orders-value has no version" in error(kgen("diff", "orders-value", "1..9"))
    assert "no subject matches nope" in error(kgen("diff", "nope", "1..2"))


# ----------------------------------------------------------------------------------------- what a plan says


def test_a_type_in_another_namespace(project, shop, kgen):
    shop.add("orders-value", {**order(), "namespace": "store"}, references=REFERENCE)
    code, out, _ = kgen("pull")
    assert code == 0
    assert "orders-value: shop.Order is store.Order now" in out
    assert "class Order:" in (project / "streams/_generated/orders.py").read_text()


def test_a_pin_of_nothing_is_reported(project, kgen):
    with (project / "kgen.toml").open("a") as file:
        file.write("\n[pins]\nnope = 3\n")
    assert "kgen.toml pins nope, which is not among the subjects" in kgen("pull")[1]


def test_a_secret_in_kgen_toml_is_refused(project, kgen):
    toml = project / "kgen.toml"
    toml.write_text(toml.read_text().replace("http://", "http://me:s3cret@"))
    err = error(kgen("pull"))
    assert "s3cret" not in err
    assert "KGEN_REGISTRY_PASSWORD" in err


def test_a_read_only_project_can_be_checked(project, kgen, monkeypatch, tree):
    import os

    before = tree(project)
    monkeypatch.setattr(os, "access", lambda _, mode: not mode & os.W_OK)
    for command in (("pull", "--check"), ("pull", "--dry-run"), ("status",), ("outdated",), ("diff",)):
        assert kgen(*command)[0] == 0
    assert "not writable" in error(kgen("pull"))
    assert tree(project) == before


def test_the_lines_that_use_what_changed(project, shop, kgen):
    shop.add("orders-value", order(NOTE), references=REFERENCE)
    kgen("pull")
    helper = project / "helper.py"
    helper.write_text(
        "from streams._generated import orders\n\n\n"
        "def f(order: orders.Order) -> str:\n    return order.note\n"
    )
    shop.add("orders-value", order(), references=REFERENCE)
    _, out, _ = kgen("diff")
    assert "! helper.py:5: Order.note removed in v3" in out
    _code, out, _ = kgen("pull", "--json")
    assert json.loads(out)["impact"] == [
        {"path": "helper.py", "line": 5, "what": "Order.note removed in v3", "certain": True}
    ]


def test_a_flow_that_keeps_state_of_a_changed_type_is_named(project, shop, kgen):
    flow = project / "streams/flows/orders.py"
    kept = 'op.stateful_map("last", keyed, lambda last, message: (message, last))'
    flow.write_text(flow.read_text().replace("    op.inspect(", f"    {kept}\n    op.inspect("))
    line = next(at for at, text in enumerate(flow.read_text().splitlines(), 1) if kept in text)
    shop.add("orders-value", order(NOTE), references=REFERENCE)
    _code, out, _ = kgen("pull")
    said = f"! streams/flows/orders.py:{line}: step last keeps state of Order, which changes: "
    assert f"{said}it is read as old messages are" in out.splitlines()
    _code, out, _ = kgen("pull")
    assert "keeps state" not in out


def test_state_that_the_start_will_refuse_is_not_said_to_be_read(project, shop, kgen):
    flow = project / "streams/flows/orders.py"
    kept = [f'op.stateful_map("{name}", keyed, lambda last, message: (message, last))' for name in "ab"]
    steps = "".join(f"    {step}\n" for step in kept)
    flow.write_text(flow.read_text().replace("    op.inspect(", f"{steps}    op.inspect("))
    shop.add("orders-value", order({"name": "must", "type": "int"}), references=REFERENCE)
    code, out, _ = kgen("pull", "--allow-incompatible", "orders-value")
    assert code == 0
    assert "read as old messages are" not in out
    for name, step in zip("ab", kept):
        line = next(at for at, text in enumerate(flow.read_text().splitlines(), 1) if step in text)
        assert (
            f"! streams/flows/orders.py:{line}: step {name} keeps state of Order, which changes: what was "
            "kept cannot be read, and the flow will not start with it (must: the writer does not write this "
            "field and the reader has no default for it)"
        ) in out.splitlines()


def test_a_rename_by_alias_is_reported_as_such(project, shop, kgen):
    shop.add("orders-value", order(NOTE), references=REFERENCE)
    kgen("pull")
    flow = project / "streams/flows/orders.py"
    flow.write_text(flow.read_text() + "\n\ndef note(order: orders.Order) -> str:\n    return order.note\n")
    shop.add("orders-value", order({**NOTE, "name": "remark", "aliases": ["note"]}), references=REFERENCE)
    _code, out, _ = kgen("pull")
    line = len(flow.read_text().splitlines())
    assert f"! streams/flows/orders.py:{line}: Order.note renamed to remark in v3" in out
    assert "1 renamed" in out


def test_another_package_in_kgen_toml(project, kgen):
    toml = project / "kgen.toml"
    toml.write_text(toml.read_text().replace('"streams"', '"shop"'))
    flow = (project / "streams/flows/orders.py").read_bytes()
    code, out, _ = kgen("pull")
    assert code == 0
    assert "! streams/flows/orders.py  no longer generated; kept because you own it" in out
    assert not list((project / "streams/_generated").glob("*.py"))
    assert (project / "streams/flows/orders.py").read_bytes() == flow
    assert (project / "shop/flows/orders.py").exists()
    assert kgen("pull")[1] == "nothing changed\n"


def test_another_url_of_the_same_content_changes_nothing(project, shop, kgen, tree):
    before = tree(project)
    other = shop.url.replace("127.0.0.1", "localhost")
    for mode in ("--check", "--locked", "--quiet"):
        assert kgen("pull", "--registry", other, mode)[0] == 0
    code, out, _ = kgen("pull", "--registry", other)
    assert (code, out.endswith("nothing changed\n")) == (0, True)
    assert json.loads(kgen("pull", "--registry", other, "--json")[1])["registry"] == other
    assert tree(project) == before


def test_the_lock_names_the_registry_that_its_content_came_from(project, shop, kgen):
    other = shop.url.replace("127.0.0.1", "localhost")
    shop.add("orders-value", order(NOTE), references=REFERENCE)
    code, out, _ = kgen("pull", "--registry", other)
    assert (code, f"registry {shop.url} -> {other}" in out) == (0, True)
    assert f'registry = "{other}"' in (project / "kgen.lock").read_text()
    assert kgen("pull", "--check")[:2] == (0, "nothing changed\n")


def test_an_old_version_that_does_not_parse(shop, kgen):
    shop.add("a-value", '{"type": "nonesuch"}')
    shop.add("a-value", {**ADDRESS, "name": "A"})
    assert kgen("pull", "--registry", shop.url)[0] == 0
    shop.add("a-value", {**ADDRESS, "name": "A", "doc": "more"})
    assert kgen("diff")[0] == 0
    code, out, _ = kgen("pull")
    assert code == 0
    assert "~ a-value v2 -> v3 (BACKWARD, docs)" in out


def test_text_that_utf8_cannot_hold(shop, kgen):
    shop.add("a-value", json.dumps({**ADDRESS, "name": "A", "doc": "half \ud800 of a pair"}))
    code, _, err = kgen("pull", "--registry", shop.url)
    assert code in (0, 2)
    assert "unexpected" not in err
    assert "--at exclude" in error(kgen("pull", "--frozen", "--at", "a=1"))


NOWHERE = "http://127.0.0.1:9"


def test_the_flag_comes_before_the_environment_and_that_before_the_file(project, shop, kgen, monkeypatch):
    monkeypatch.setenv("KGEN_REGISTRY_URL", NOWHERE)
    for command in (["pull"], ["outdated"], ["diff"], ["sample", "nowhere-value"]):
        assert f"{NOWHERE} (from KGEN_REGISTRY_URL)" in kgen(*command)[2], command
    assert "(from KGEN_REGISTRY_URL)" in kgen("doctor")[1]
    assert kgen("pull", "--registry", shop.url)[0] == 0
    assert f"{NOWHERE} (from --registry)" in kgen("pull", "--registry", NOWHERE)[2]
    monkeypatch.delenv("KGEN_REGISTRY_URL")
    settings = project / "kgen.toml"
    settings.write_text(settings.read_text().replace(shop.url, NOWHERE))
    assert f"{NOWHERE} (from kgen.toml)" in kgen("pull")[2]


def test_a_pull_from_another_registry_leaves_the_file_and_says_how_to_change_it(project, shop, kgen):
    settings = project / "kgen.toml"
    text = settings.read_text().replace(shop.url, NOWHERE)
    settings.write_text(text)
    code, out, _ = kgen("pull", "--registry", shop.url)
    assert code == 0
    assert f"read from {shop.url} (--registry); kgen.toml keeps {NOWHERE}: to change it, set url there" in out
    assert settings.read_text() == text


@pytest.mark.parametrize("wrong", ["registry.example:8081", " ", "http://me:s3/cret@registry.example"])
def test_a_url_that_is_none_says_where_it_comes_from(project, shop, kgen, monkeypatch, wrong):
    assert kgen("pull", "--registry", shop.url)[0] == 0
    code, _, err = kgen("pull", "--registry", wrong)
    assert (code, "  at --registry\n" in err) == (2, True)
    monkeypatch.setenv("KGEN_REGISTRY_URL", wrong)
    code, _, err = kgen("pull")
    assert (code, "not a registry URL" in err, "  at KGEN_REGISTRY_URL\n" in err) == (2, True, True)
    assert "s3" not in err
    assert "KGEN_REGISTRY_URL" in kgen("doctor")[1]


def test_what_compiles_all_leaves_no_orphans(project, shop, kgen):
    assert kgen("pull", "--registry", shop.url)[0] == 0
    assert compileall.compile_dir(project, quiet=2, force=True)
    assert list((project / ".kgen").rglob("*.pyc"))
    assert kgen("status")[:2] == (0, "everything matches the lock\n")


@pytest.mark.parametrize(("name", "variable"), [("ca", "KGEN_REGISTRY_CA"), ("cert", "KGEN_REGISTRY_CERT")])
def test_a_file_without_a_certificate_says_which_setting_names_it(project, kgen, monkeypatch, name, variable):
    settings = project / "kgen.toml"
    settings.write_text(settings.read_text() + f'{name} = "kgen.toml"\n')
    assert f"\n  at kgen.toml, registry.{name}\n" in error(kgen("pull"))
    monkeypatch.setenv(variable, str(settings))
    assert f"\n  at {variable}\n" in error(kgen("pull"))
    assert f"(at {variable})" in kgen("doctor")[1]


def test_a_ca_of_the_environment_comes_before_the_one_of_the_file(project, kgen, monkeypatch):
    settings = project / "kgen.toml"
    settings.write_text(settings.read_text() + 'ca = "missing-in-toml.pem"\n')
    assert "missing-in-toml.pem" in error(kgen("pull"))
    monkeypatch.setenv("KGEN_REGISTRY_CA", "missing-in-env.pem")
    assert "missing-in-env.pem" in error(kgen("pull"))

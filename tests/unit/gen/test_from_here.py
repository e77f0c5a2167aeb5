"""The lines that a command prints to be pasted hold where the user is, not only in the project's folder."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from kgen.cli import app
from kgen.project.from_here import command_from_here, path_from_here

from .deploy_projects import make


@pytest.fixture
def above(tmp_path, monkeypatch):
    """The project's folder is `p` here."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KGEN_BROKERS", "kafka:9092")
    return tmp_path


def pasted(line: str) -> tuple[Path, list[str]]:
    """The folder that a line goes to, and the command that it runs there."""
    words = shlex.split(line)
    assert (words[0], words[2]) == ("cd", "&&"), line
    return Path(words[1]), words[3:]


def last(err: str, start: str) -> str:
    return next(line for line in reversed(err.splitlines()) if start in line).partition(start)[2]


def test_a_command_and_a_path(above, monkeypatch):
    root = above / "my shop"
    (root / "deep").mkdir(parents=True)
    assert command_from_here(root, "kgen pull") == "cd 'my shop' && kgen pull"
    assert path_from_here(root, "flows/x.py") == "'my shop/flows/x.py'"
    monkeypatch.chdir(root)
    assert command_from_here(Path(), "kgen pull") == "kgen pull"
    assert path_from_here(Path(), "flows/x.py") == "flows/x.py"
    monkeypatch.chdir(root / "deep")
    assert command_from_here(root, "kgen pull") == "cd .. && kgen pull"


def test_a_push_goes_on_with_a_pull_of_the_same_project(registry, kgen, above):
    registry.add("orders-value", '{"type": "record", "name": "Order", "fields": []}')
    registry.override("/subjects/new-value/versions", lambda: (200, {"id": 1}))
    assert kgen("pull", "--registry", registry.url)[0] == 0
    own = above / "p/schemas/own"
    own.mkdir(parents=True)
    (own / "orders-value.avsc").write_text(json.dumps({"type": "string"}))
    code, _, err = kgen("push")
    assert code == 4
    assert pasted(last(err, "hint: ").partition(" shows")[0]) == (
        Path("p"),
        ["kgen", "check", "schemas/own/orders-value.avsc"],
    )


def test_a_conflict_is_solved_in_the_project(registry, kgen, above):
    schema = {"type": "record", "name": "Order", "fields": [{"name": "id", "type": "string"}]}
    registry.add("orders-value", schema)
    assert kgen("pull", "--registry", registry.url)[0] == 0
    flow = above / "p/streams/flows/orders.py"
    base = above / "p/.kgen/base/streams/flows/orders.py"
    text = flow.read_text()
    base.write_text(text.replace("flow", "stream"))
    flow.write_text(text.replace("flow", "other"))
    code, _, err = kgen("pull")
    assert code == 3
    folder, command = pasted(last(err, "once solved: "))
    assert (folder, command[:2]) == (Path("p"), ["kgen", "resolve"])
    assert (above / "p" / command[2]).exists()


def test_without_a_lock_and_after_an_interruption(kgen, above):
    (above / "p").mkdir()
    (above / "p/kgen.toml").write_text('[registry]\nurl = "http://localhost:1"\n')
    err = kgen("pull", "--frozen")[2]
    assert "`cd p && kgen pull --registry URL`" in err


@pytest.mark.parametrize("platform", ["k8s", "compose", "systemd"])
def test_what_was_written_to_deploy_is_named_from_here(kgen, above, platform):
    make(above / "p", '[deploy.orders]\nimage = "example.com/orders:1"\n')
    code, _, err = kgen("deploy", platform)
    assert code == 0
    steps = err[err.index("next: ") :]
    files = [word for word in shlex.split(steps) if word.endswith((".yaml", ".service")) and "/" in word]
    assert files
    assert all((above / file).is_file() for file in files)


def test_a_new_flow_is_edited_where_it_is(registry, kgen, above):
    for name in ("orders", "bills"):
        registry.add(f"{name}-value", {"type": "record", "name": name.title(), "fields": []})
    assert kgen("pull", "--registry", registry.url)[0] == 0
    code, _, err = kgen("new", "flow", "x", "--from", "orders", "--to", "bills")
    assert code == 0
    edit, _, run = last(err, "next: edit ").partition(", then ")
    assert Path(edit) == Path("p/streams/flows/x.py")
    assert Path(edit).is_file()
    assert pasted(run)[0] == Path("p")
    reader = last(err, "that reads it, ").partition(";")[0]
    assert Path(reader).is_file()


def test_in_a_folder_without_a_project_check_names_the_way(above, capsys):
    (above / "q/schemas/own").mkdir(parents=True)
    (above / "q/kgen.toml").write_text("")
    (above / "q/schemas/own/a-value.avsc").write_text('"string"')
    assert app.run(["check", "--frozen", "q/schemas/own/a-value.avsc"]) == 2
    assert "`cd q && kgen pull --registry URL`" in capsys.readouterr().err

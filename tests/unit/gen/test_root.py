"""Which project a command works on, and where a new one would be."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kgen.cli import app
from kgen.project import root

ORDER = {"type": "record", "name": "shop.Order", "fields": [{"name": "id", "type": "string"}]}


@pytest.fixture
def project(registry, tmp_path, capsys):
    registry.add("orders-value", ORDER)
    assert app.run(["pull", "--registry", registry.url, "--out", str(tmp_path / "p")]) == 0
    capsys.readouterr()
    return tmp_path / "p"


def test_the_project_is_found_from_a_folder_in_it(project, monkeypatch, capsys):
    (project / ".git").mkdir()
    monkeypatch.chdir(project / "streams/flows")
    for command in (["pull"], ["pull", "--check"], ["status"], ["outdated"], ["diff"], ["sample", "orders"]):
        assert app.run(command) == 0, command
        assert capsys.readouterr().err == f"project: {project}\n", command
    assert app.run(["status", "--quiet"]) == 0
    assert capsys.readouterr().err == ""
    assert (
        list(Path.cwd().iterdir()) == [Path.cwd() / "__init__.py", Path.cwd() / "orders.py"]
        or len(list(Path.cwd().iterdir())) == 2
    )
    monkeypatch.chdir(project)
    assert app.run(["status"]) == 0
    assert capsys.readouterr().err == ""


def test_a_conflict_is_resolved_from_a_folder_in_the_project(project, monkeypatch, capsys):
    flow, base = project / "streams/flows/orders.py", project / ".kgen/base/streams/flows/orders.py"
    text = flow.read_text()
    base.write_text(text.replace('Dataflow("orders")', 'Dataflow("older")'))
    flow.write_text(text.replace('Dataflow("orders")', 'Dataflow("mine")'))
    monkeypatch.chdir(flow.parent)
    assert app.run(["pull"]) == 3
    assert app.run(["resolve", "--mine", "orders.py"]) == 0
    assert 'Dataflow("mine")' in flow.read_text()


def test_a_folder_that_is_named_is_taken_as_it_is(project, monkeypatch, capsys):
    monkeypatch.chdir(project / "streams")
    assert app.run(["pull", "--out", "."]) == 2
    assert "no kgen.toml" in capsys.readouterr().err


def test_not_above_a_repository(project):
    inner = project / "vendor/other"
    (inner / ".git").mkdir(parents=True)
    (inner / "deep").mkdir()
    assert root.find(inner / "deep") is None
    (inner / "kgen.toml").touch()
    assert root.find(inner / "deep") == inner
    assert root.find(project / "vendor") == project


def test_not_in_a_folder_of_another_owner(project, monkeypatch):
    real = Path.stat
    inner = project / "streams"

    def stat(self, **more):
        found = real(self, **more)
        return found if self == inner else type(found)((*found[:4], found.st_uid + 1, *found[5:10]))

    assert root.find(inner) == project
    monkeypatch.setattr(Path, "stat", stat)
    assert root.find(inner) is None


def test_outside_of_a_project_pull_asks_for_a_registry_and_says_where_it_would_write(
    tmp_path, monkeypatch, capsys
):
    (tmp_path / ".git").mkdir()
    (tmp_path / "a/b").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a/b")
    assert app.run(["pull", "--package", "acme.streams", "--json"]) == 2
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["what"] == "there is no kgen.toml here nor in a folder above"
    assert error["where"] == str(tmp_path / "a/b")
    assert error["hint"].startswith("kgen pull --registry URL: ")
    assert error["hint"].endswith(f"the package acme.streams into {tmp_path / 'a/b'}")
    assert list(Path.cwd().iterdir()) == []

"""Where settings come from, the same for every command: a flag, else the environment, else kgen.toml."""

from __future__ import annotations

import ast
import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.scripted import Answer, Server
from tests.unit.gen.conftest import FakeRegistry

import kgen as package
from kgen.actions import inputs, prepare, pull
from kgen.dev.seed import register
from kgen.project import config
from kgen.registry import Access, Setting

SOURCES = Path(package.__file__).parent
NOWHERE = "http://127.0.0.1:9"
COMMANDS = [
    ["pull"],
    ["diff"],
    ["outdated"],
    ["doctor"],
    ["sample", "other-value"],
    ["diff", "a-value", "1..2"],
]

Kgen = Callable[..., tuple[int, str, str]]


@pytest.fixture
def other() -> Iterator[Server]:
    """A registry that refuses everything, and notes that it was asked."""
    server = Server(lambda _: Answer(403, {"error_code": 40301, "message": "no"}))
    yield server
    server.close()


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("given", ["flag", "environment", "file"])
def test_every_command_asks_the_registry_in_force(
    registry: FakeRegistry,
    kgen: Kgen,
    other: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: list[str],
    given: str,
) -> None:
    registry.add("a-value", '"string"')
    assert kgen("pull", "--registry", registry.url)[0] == 0
    toml = tmp_path / "p" / "kgen.toml"
    order = ["flag", "environment", "file"]
    urls = {each: other.url if each == given else NOWHERE for each in order[order.index(given) :]}
    toml.write_text(toml.read_text().replace(registry.url, urls["file"]))
    if "environment" in urls:
        monkeypatch.setenv("KGEN_REGISTRY_URL", urls["environment"])
    kgen(*command, *(["--registry", urls["flag"]] if "flag" in urls else []))
    assert other.requests


def test_a_variable_that_is_empty_gives_nothing() -> None:
    file = Setting("b", "kgen.toml")
    assert inputs.in_force("V", file, environ={"V": ""}) == file
    assert inputs.in_force("V", file, Setting("", "--v"), {"V": "a"}) == Setting("a", "V")
    assert inputs.in_force("V", Setting("", "kgen.toml"), environ={}) == Setting()


def test_files_of_the_environment_go_before_those_of_kgen_toml(tmp_path: Path) -> None:
    for name in ("env.pem", "file.pem"):
        (tmp_path / name).write_text("")
    settings = config.Registry("http://x", ca="file.pem")
    env = {"KGEN_REGISTRY_CA": str(tmp_path / "env.pem")}
    found = [inputs.access(settings, Setting("http://x"), tmp_path, each).ca for each in (env, {})]
    assert found == [
        Setting(str(tmp_path / "env.pem"), "KGEN_REGISTRY_CA"),
        Setting(str(tmp_path / "file.pem"), "kgen.toml, registry.ca"),
    ]


def test_the_registry_that_is_seeded_is_the_one_just_started(
    other: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other.handler = lambda _: Answer(200, {"id": 1})
    monkeypatch.setenv("KGEN_REGISTRY_URL", NOWHERE)
    monkeypatch.setenv("KGEN_REGISTRY_TOKEN", "secret")
    (tmp_path / "a-value.avsc").write_text(json.dumps("string"))
    assert [done.id for done in register(other.url, tmp_path)] == [1]
    assert "Authorization" not in other.requests[0].headers


def test_what_holds_a_secret_does_not_show_it() -> None:
    url = Setting("http://user:secret@x", "KGEN_REGISTRY_URL")
    assert "secret" not in repr(Access(url, auth=("user", "secret")))


def test_one_module_reads_the_environment_for_settings() -> None:
    """The others: whether there are colours and tracebacks, and what other programs inherit."""
    found = {path.stem for path in SOURCES.rglob("*.py") if "environ" in _attributes_of("os", path)}
    assert found == {"inputs", "console", "app", "broker", "protoc", "pydantic_texts"}


def test_one_module_makes_clients_of_a_registry() -> None:
    found = {path.stem for path in SOURCES.rglob("*.py") if "RegistryClient" in _calls(path)}
    assert found == {"session"}


def test_what_a_command_is_asked_for_stands_with_those_who_need_it() -> None:
    each = (inputs.Workspace, inputs.Flags, prepare.PlanOptions, prepare.PlanRequest, pull.PullOptions)
    names = [{field.name for field in dataclasses.fields(kind)} for kind in each]
    assert all(len(found) <= 6 for found in names)
    assert len(set().union(*names)) == sum(map(len, names))


def _attributes_of(module: str, path: Path) -> set[str]:
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return {
        node.attr
        for node in nodes
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == module
    }


def _calls(path: Path) -> set[str]:
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return {ast.unparse(node.func) for node in nodes if isinstance(node, ast.Call)}

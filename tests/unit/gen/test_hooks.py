"""The pre-commit hooks and the action run what they say, on a project as they find it."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from kgen.cli import app

ROOT = Path(__file__).parents[3]
HOOKS = {hook["id"]: hook for hook in YAML(typ="safe").load(ROOT / ".pre-commit-hooks.yaml")}
ACTION = YAML(typ="safe").load(ROOT / "action.yml")


@pytest.fixture
def project(registry, kgen, tmp_path):
    registry.add("orders-value", '{"type": "record", "name": "Order", "fields": []}')
    assert kgen("pull", "--registry", registry.url)[0] == 0
    return tmp_path / "p"


def run(project: Path, command: list[str], **environment: str) -> int:
    """What a command ends with, kgen being on the path."""
    programs = project / "programs"
    programs.mkdir(exist_ok=True)
    program = programs / "kgen"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m kgen "$@"\n')
    program.chmod(0o755)
    path = f"{programs}:{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, **environment}
    return subprocess.run(command, cwd=project, env=env, timeout=60, check=False).returncode


def edit(project: Path) -> None:
    (project / "streams/_generated/orders.py").unlink()


def test_the_hook_of_pulls(project):
    entry = shlex.split(HOOKS["kgen-pull-check"]["entry"])
    assert run(project, entry) == 0
    edit(project)
    assert run(project, entry) == 1
    files = re.compile(HOOKS["kgen-pull-check"]["files"])
    for path in (
        "kgen.toml",
        "a/kgen.lock",
        "streams/_generated/orders.py",
        ".kgen/base/x.py",
        "schemas/x/v1.avsc",
    ):
        assert files.search(path), path


def test_the_hook_of_checks(project):
    entry = shlex.split(HOOKS["kgen-check"]["entry"])
    own = project / "schemas" / "own"
    own.mkdir(parents=True)
    good = own / "orders-value.avsc"
    good.write_text('{"type": "record", "name": "Order", "fields": []}')
    assert run(project, [*entry, "schemas/own/orders-value.avsc"]) == 0
    good.write_text('{"type": "record", "name": "Order", "fields": [{"name": "id", "type": "string"}]}')
    assert run(project, [*entry, "schemas/own/orders-value.avsc"]) == 4
    assert re.search(HOOKS["kgen-check"]["files"], "schemas/own/orders-value.avsc")


OWN = "schemas/own"
ORDER = '{"type": "record", "name": "Order", "fields": []}'


@pytest.fixture
def several(registry, kgen, tmp_path):
    """A repository of two projects, each in its folder, of the same registry."""
    registry.add("orders-value", ORDER)
    registry.add("bills-value", 'syntax = "proto3"; message Bill { string id = 1; }', kind="PROTOBUF")
    for name in ("a", "b"):
        assert app.run(["pull", "--registry", registry.url, "--out", str(tmp_path / name)]) == 0
        (tmp_path / name / OWN).mkdir(parents=True)
        (tmp_path / name / OWN / "orders-value.avsc").write_text(ORDER)
    return tmp_path


def checked(repository: Path, *files: str) -> int:
    """What the hook ends with, of those of the files that pre-commit would pass."""
    passed = [file for file in files if re.search(HOOKS["kgen-check"]["files"], file)]
    assert passed == list(files)
    return run(repository, [*shlex.split(HOOKS["kgen-check"]["entry"]), *passed])


def test_the_hook_of_checks_takes_protobuf_and_finds_the_project(several):
    own = several / "a" / OWN
    (own / "bills-value.proto").write_text('syntax = "proto3"; message Bill { string id = 1; }')
    assert checked(several, f"a/{OWN}/bills-value.proto", f"b/{OWN}/orders-value.avsc") == 0
    (own / "bills-value.proto").write_text('syntax = "proto3"; message Bill { int64 id = 1; }')
    assert checked(several, f"b/{OWN}/orders-value.avsc", f"a/{OWN}/bills-value.proto") == 4
    assert checked(several, f"a/{OWN}/bills-value.proto", f"b/{OWN}/orders-value.avsc") == 4
    assert run(several / "a", ["kgen", "check", "--frozen", f"../b/{OWN}/orders-value.avsc"]) == 0


def test_the_hook_of_checks_takes_the_references_beside_a_schema(several):
    own = several / "a" / OWN
    references = own / "orders-value.references.json"
    references.write_text("[]")
    both = [f"a/{OWN}/orders-value.references.json", f"a/{OWN}/orders-value.avsc"]
    assert checked(several, both[0]) == 0
    assert checked(several, *both) == 0
    references.write_text("{")
    assert checked(several, both[0]) == 2
    references.rename(own / "gone.references.json")
    assert checked(several, f"a/{OWN}/gone.references.json") == 2


def test_files_of_several_projects_are_not_one_document(several, monkeypatch, capsys):
    monkeypatch.chdir(several)
    files = [f"{name}/{OWN}/orders-value.avsc" for name in ("a", "b")]
    assert app.run(["check", "--frozen", "--json", *files]) == 2
    assert "one project at a time" in capsys.readouterr().err
    assert app.run(["check", "--frozen", "--json", files[0]]) == 0


def test_the_hook_of_pulls_takes_the_folder_of_the_project(several):
    entry = [*shlex.split(HOOKS["kgen-pull-check"]["entry"]), "--out"]
    edit(several / "b")
    assert [run(several, [*entry, name]) for name in ("a", "b")] == [0, 1]


def test_the_action_checks_schemas_without_a_registry(several):
    step: dict[str, Any] = ACTION["runs"]["steps"][1]
    bash = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
    files = f"a/{OWN}/orders-value.avsc\nb/{OWN}/orders-value.avsc\n"
    env = {"PYTHON": sys.executable, "SCHEMAS": files, "KGEN_REGISTRY_URL": "http://["}
    assert run(several, bash, FROZEN="true", **env) == 0
    assert run(several, bash, FROZEN="false", **env) == 2


def test_the_action(project):
    step: dict[str, Any] = ACTION["runs"]["steps"][0]
    bash = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
    assert set(step["env"]) == {"PYTHON", "FROZEN"}
    assert run(project, bash, PYTHON=sys.executable, FROZEN="true") == 0
    edit(project)
    assert run(project, bash, PYTHON=sys.executable, FROZEN="false") == 1

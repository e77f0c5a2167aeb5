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


def test_the_action(project):
    step: dict[str, Any] = ACTION["runs"]["steps"][0]
    bash = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
    assert set(step["env"]) == {"PYTHON", "FROZEN"}
    assert run(project, bash, PYTHON=sys.executable, FROZEN="true") == 0
    edit(project)
    assert run(project, bash, PYTHON=sys.executable, FROZEN="false") == 1

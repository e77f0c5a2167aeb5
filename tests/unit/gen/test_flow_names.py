"""Topics that are named as something that the generated flows and tests name themselves."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import kgen_runtime
from kgen.model import names

RUNTIME = Path(kgen_runtime.__file__).parents[1]
TOPIC = "zzz"  # nothing in the templates is called so
COMMENT = "    # "


def uncommented(flow: str) -> str:
    """The flow with its commented lines taken, as their comment says."""
    head, mark, tail = flow.partition("    # To write the results")
    assert mark
    lines = tail.split("\n")[1:]
    code = ["    " + line.removeprefix(COMMENT) if line.startswith(COMMENT) else line for line in lines]
    return head + "\n".join(code)


def identifiers(text: str) -> set[str]:
    """All that a module names: variables, arguments, functions, imports, keywords, step ids."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.arg | ast.keyword):
            found.add(str(node.arg))
        elif isinstance(node, ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.alias):
            found |= {*node.name.split("."), *filter(None, [node.asname])}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isidentifier():
            found.add(node.value)
    return found


def record(name: str) -> dict[str, Any]:
    return {"type": "record", "name": name, "fields": [{"name": "id", "type": "string"}]}


@pytest.fixture
def fixed(registry, kgen, tmp_path) -> set[str]:
    """The names that do not depend on the topic: those that flow and test of any topic have."""
    registry.add(f"{TOPIC}-value", record("Zzz"))
    assert kgen("pull", "--registry", registry.url)[0] == 0
    flow = (tmp_path / f"p/streams/flows/{TOPIC}.py").read_text()
    test = (tmp_path / f"p/tests/test_{TOPIC}.py").read_text()
    found = identifiers(uncommented(flow)) | identifiers(test)
    return {name for name in found if "zzz" not in name.lower()}


@pytest.mark.skipif("sys.version_info >= (3, 13)", reason="Bytewax has no build for this Python")
def test_topics_named_as_what_flows_name_themselves(fixed, registry, kgen, tmp_path) -> None:
    """Their flows build and run, as generated and with the lines of the comment; mypy accepts both."""
    assert {"out", "unsent", "out_errs", "show", "flow", "rt", "op", "kafka", "handle", "read"} <= fixed
    for name in sorted(fixed | {"value", "key", "run", "streams"}):
        registry.add(f"{name}-value", record(names.pascal(name) or "Blank"))
    assert kgen("pull")[0] == 0
    project = tmp_path / "p"
    for step in (lambda text: text, uncommented):
        flows = [p for p in (project / "streams/flows").glob("*.py") if p.name != "__init__.py"]
        assert len(flows) > len(fixed)
        for path in flows:
            path.write_text(step(path.read_text()))
        for command in (
            ["pytest", "-q", "-p", "no:cacheprovider", "tests"],
            ["mypy", "--strict", "--no-incremental", "streams", "tests"],
        ):
            done = subprocess.run(
                [sys.executable, "-m", *command],
                cwd=project,
                env={**os.environ, "MYPYPATH": str(RUNTIME)},
                capture_output=True,
                text=True,
                timeout=300,
            )
            assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["out", "show"])
def test_a_module_keeps_the_name_that_the_lock_gives_it(name: str) -> None:
    wanted = {f"topic:{name}": names.module_name(name)}
    assert names.module_names(wanted) == {f"topic:{name}": f"{name}_"}
    assert names.module_names(wanted, {f"topic:{name}": name}) == {f"topic:{name}": name}

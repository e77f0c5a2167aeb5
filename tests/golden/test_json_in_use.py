"""Schemas of the kinds in use: generated, imported, type-checked, and their messages read and written."""

from __future__ import annotations

import dataclasses
import importlib
import json
import random
import subprocess
import sys
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tests.golden.test_golden import REPO, needs_bytewax, run, write_tree
from tests.json_schemas import JSON_SCHEMAS

from kgen.model import Project, Settings, build
from kgen.model.subjects import Reference, SchemaVersion, Snapshot, Subject
from kgen.render import render
from kgen_runtime.codec import ENGINE, EngineName, make_json_reader, make_json_writer
from kgen_runtime.codec.json.json_samples import sample_json

PACKAGE = "in_use"


def in_use() -> Project:
    """What is generated for all of them."""
    return build(in_use_snapshot(), Settings(PACKAGE, "0.1.0"))


def in_use_snapshot() -> Snapshot:
    """All of them as one registry, the schemas that they refer to as subjects beside them."""
    subjects: list[Subject] = []
    referenced: list[SchemaVersion] = []
    for name, (text, references) in JSON_SCHEMAS.items():
        texts = {f"{name}-{it}": (it, text) for it, text in references.items()}

        def used(own: str, text: str, texts: dict[str, tuple[str, str]] = texts) -> tuple[Reference, ...]:
            names = ((subject, it) for subject, (it, _) in texts.items() if subject != own)
            return tuple(Reference(it, subject, 1) for subject, it in names if it.rpartition("/")[2] in text)

        for subject, (_, each) in texts.items():
            number = len(referenced) + 100
            referenced.append(SchemaVersion(subject, 1, number, "JSON", each, used(subject, each)))
        value = f"{name}-value"
        version = SchemaVersion(value, 1, len(subjects) + 1, "JSON", text, used(value, text))
        subjects.append(Subject(value, (version,)))
    return Snapshot("http://registry", tuple(subjects), tuple(referenced))


def imported(tree: Path) -> Iterator[dict[str, ModuleType]]:
    """The modules of all topics, while a fixture lasts."""
    sys.path.insert(0, str(tree))
    yield {name: importlib.import_module(f"{PACKAGE}._generated.{name}") for name in JSON_SCHEMAS}
    sys.path.remove(str(tree))
    for name in [it for it in sys.modules if it.partition(".")[0] == PACKAGE]:
        del sys.modules[name]


def check_pyright(tree: Path) -> None:
    pyright = Path(sys.executable).with_name("basedpyright")
    if not pyright.exists():
        pytest.skip("basedpyright is not installed: it is in the group check")
    settings = {
        "include": ["."],
        "typeCheckingMode": "strict",
        "pythonVersion": "3.10",
        "extraPaths": [str(REPO / "runtime")],
        "reportMissingTypeStubs": False,
    }
    (tree / "pyrightconfig.json").write_text(json.dumps(settings))
    command = [str(pyright), "--pythonpath", sys.executable, "--warnings"]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("in_use")
    project = in_use()
    assert project.skipped == ()
    write_tree(render(project), root)
    return root


@pytest.fixture(scope="module")
def modules(tree: Path) -> Iterator[dict[str, ModuleType]]:
    yield from imported(tree)


@needs_bytewax
@pytest.mark.slow
def test_the_code_passes_mypy_and_ruff_and_its_own_tests(tree: Path) -> None:
    flags = ("--strict", "--warn-unreachable", "--config-file=", "--python-version=3.10")
    run(tree, "mypy", *flags, "--follow-imports=silent", f"--cache-dir={tree.parent}/cache", ".")
    run(tree, "ruff", "check", "--select=E4,E7,E9,F,W,I", "--isolated", "--no-cache", ".")
    run(tree, "ruff", "format", "--check", "--diff", "--isolated", "--no-cache", ".")
    run(tree, "pytest", "-q", "-x", "-W", "error", "-p", "no:cacheprovider", "--rootdir", ".", ".")


@needs_bytewax
@pytest.mark.slow
def test_the_code_passes_pyright(tree: Path) -> None:
    check_pyright(tree)


@pytest.mark.parametrize("name", JSON_SCHEMAS)
def test_messages_come_back_as_json_reads_them(name: str, modules: dict[str, ModuleType]) -> None:
    """From a message to objects of the generated classes and back, on both engines."""
    serde = modules[name].value
    schema, classes = serde.schemas.latest.parse_json(), serde.classes
    rng = random.Random(7)
    engines: tuple[EngineName, ...] = ("native", "python") if ENGINE == "native" else ("python",)
    for engine in engines:
        reader = make_json_reader(schema, classes, engine=engine)
        writer = make_json_writer(schema, classes, engine=engine)
        for _ in range(60):
            message = make_json_writer(schema).encode(sample_json(schema, rng))
            value = reader.decode(message)
            assert holds(json.loads(writer.encode(value)), json.loads(message))
            assert reader.decode(writer.encode(value)) == value
            assert same_as_json(value, json.loads(message)), (value, message)


def holds(written: Any, plain: Any) -> bool:
    """Whether what was written has all that was read; what was absent may have its default now."""
    if isinstance(written, dict) and isinstance(plain, dict):
        return plain.keys() <= written.keys() and all(holds(written[key], plain[key]) for key in plain)
    if isinstance(written, list) and isinstance(plain, list):
        return len(written) == len(plain) and all(map(holds, written, plain))
    return bool(written == plain)


def same_as_json(value: Any, plain: Any) -> bool:
    """Whether the names and values of an object are those that `json` gives; formats are left out."""
    if isinstance(value, Enum):
        return bool(value.value == plain)
    if dataclasses.is_dataclass(value) and not isinstance(value, type) and isinstance(plain, dict):
        return all(_field_is_same(value, field, plain) for field in dataclasses.fields(value))
    if isinstance(value, list):
        return len(value) == len(plain) and all(map(same_as_json, value, plain))
    if isinstance(value, dict):
        return value.keys() <= plain.keys() and all(same_as_json(value[key], plain[key]) for key in value)
    return type(value) is not type(plain) or value == plain


def _field_is_same(value: Any, field: dataclasses.Field[Any], plain: dict[str, Any]) -> bool:
    found = getattr(value, field.name)
    if field.metadata.get("json_extra"):
        return all(same_as_json(it, plain[key]) for key, it in found.items())
    wire = field.metadata.get("json", field.name)
    return wire not in plain or same_as_json(found, plain[wire])

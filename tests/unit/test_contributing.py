"""CONTRIBUTING.md leads somewhere: what it names is there, and each folder and module has a row."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
SOURCES = ("gen/kgen", "runtime/kgen_runtime")
_SUFFIXES = (".py", ".pyx", ".md", ".txt", ".yml", ".sh")


def words(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def is_path(word: str) -> bool:
    return bool(re.fullmatch(r"[\w./<>*-]+", word)) and (
        "/" in word or (word.endswith(_SUFFIXES) and word not in _SUFFIXES)
    )


def rows() -> Iterator[tuple[Path, list[str], list[str]]]:
    """The package, the words of the first cell and those of the second, of each row of the Shape section."""
    package = ROOT
    for line in PAGE.partition("\n## Shape\n")[2].partition("\n## ")[0].splitlines():
        begin = words(line)[:1]
        if begin and begin[0] in SOURCES:
            package = ROOT / begin[0]
        elif line.startswith("| `"):
            first, _, rest = line[2:].partition(" | ")
            yield package, words(first), words(rest)


ROWS = list(rows())
BESIDE = [(package / first[-1], word) for package, first, rest in ROWS for word in rest if is_path(word)]
MADE = ("build/", ".bench/")
"""What commands make, in folders that a clone has not."""
ELSEWHERE = sorted(
    {word for word in words(PAGE) if is_path(word) and not word.startswith(MADE)}
    - {word for _, word in BESIDE}
)


def found(pattern: str, *folders: Path) -> bool:
    return any(next(folder.glob(pattern.rstrip("/")), None) for folder in folders)


def globbed(word: str) -> str:
    return re.sub(r"<\w+>", "*", word)


@pytest.mark.parametrize("source", SOURCES)
def test_every_folder_and_module_has_a_row_and_every_row_is_of_one(source: str) -> None:
    package = ROOT / source
    named = [word.rstrip("/") for of, first, _ in ROWS for word in first if of == package]
    there = [path.name for path in package.iterdir() if path.is_dir() and (path / "__init__.py").exists()]
    there += [path.name for path in package.glob("*.py") if path.name != "__init__.py"]
    assert sorted(named) == sorted(there)


@pytest.mark.parametrize(("row", "word"), BESIDE)
def test_what_a_row_names_is_in_its_folder_or_below_the_root(row: Path, word: str) -> None:
    folder = row if row.is_dir() else row.parent
    assert found(globbed(word), folder, folder.parent, ROOT)


@pytest.mark.parametrize("word", ELSEWHERE)
def test_what_the_page_names_is_there(word: str) -> None:
    assert found(globbed(word), ROOT, *(ROOT / source for source in SOURCES))


@pytest.mark.parametrize("word", [word for word in words(PAGE) if re.fullmatch(r"\w+\.[A-Z_]+", word)])
def test_a_table_that_is_named_is_in_its_module(word: str) -> None:
    module, _, name = word.partition(".")
    (path,) = (path for source in SOURCES for path in (ROOT / source).rglob(f"{module}.py"))
    assert re.search(rf"^{name}\b.* = ", path.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("package", ["gen/kgen/impact", "gen/kgen/merge"])
def test_the_map_of_a_package_has_all_its_modules(package: str) -> None:
    text = (ROOT / package / "__init__.py").read_text(encoding="utf-8").split('"""')[1]
    there = {path.stem for path in (ROOT / package).glob("*.py")} - {"__init__"}
    assert there - set(re.findall(r"\w+", text.partition("\n    ")[2])) == set()


def test_uv_builds_again_what_make_builds_again() -> None:
    """uv looked at two files alone: after a change to a `.pyx` file it kept the old codec."""
    made = re.search(r"^SOURCES = (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert made
    sources = set(re.findall(r"(?:runtime/\S+\*\.\w+)|setup\.py|pyproject\.toml", made[1]))
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    keys = project[project.index("cache-keys") : project.index("[tool.cibuildwheel]")]
    assert sources <= set(re.findall(r'file = "([^"]+)"', keys))
    assert len(sources) == 5

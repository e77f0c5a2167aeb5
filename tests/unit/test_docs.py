"""What the documentation names is there."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from prometheus_client import REGISTRY

import kgen.dev
import kgen.errors
import kgen_runtime as rt
import kgen_runtime.errors
import kgen_runtime.metrics
from kgen.cli.app import _COMMANDS, app

ROOT = Path(__file__).resolve().parents[2]
PROMISES = "".join(
    (ROOT / "docs" / name).read_text(encoding="utf-8")
    for name in ("explanation/guarantees-proofs.md", "reference/running.md", "reference/local-broker.md")
)


PAGES = sorted((ROOT / "docs").rglob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_page_has_a_line_in_the_index_of_its_folder(page: Path) -> None:
    folder, target = page.parent, page.name
    if target == "index.md":
        folder, target = folder.parent, f"{folder.name}/index.md"
    if page != ROOT / "docs" / "index.md":
        assert f"]({target}): " in (folder / "index.md").read_text(encoding="utf-8")


def _prose(text: str) -> Iterator[tuple[int, str]]:
    """The lines of a page, with their numbers, without its tables, code blocks and comments."""
    fence = comment = False
    for number, line in enumerate(text.splitlines(), 1):
        mark = line.lstrip()[:4]
        if mark.startswith("```"):
            fence = not fence
        elif not fence and (comment or mark == "<!--"):
            comment = "-->" not in line
        elif not fence and not mark.startswith("|"):
            yield number, line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_prose_is_wrapped_at_120_characters(page: Path) -> None:
    """Tables, code and comments aside."""
    lines = _prose(page.read_text(encoding="utf-8"))
    assert [f"line {number}: {len(line)} characters" for number, line in lines if len(line) > 120] == []


@pytest.mark.parametrize(("file", "test"), re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PROMISES))
def test_every_promise_names_a_test_that_exists(file: str, test: str) -> None:
    assert f"def {test}(" in (ROOT / file).read_text(encoding="utf-8")


REFERENCE = ROOT / "docs" / "reference"


def test_every_public_name_has_a_line() -> None:
    named = re.findall(r"`rt\.(\w+)`", "".join(_lists(REFERENCE / "python.md")))
    assert sorted(named) == sorted(rt.__all__)


def test_every_error_has_its_cause_and_its_cure() -> None:
    rows = "".join(line for line in _lines(REFERENCE / "errors.md") if line.startswith("| `"))
    named = re.findall(r"(?m)^\| `(?:rt\.)?(\w+)`", rows)
    classes = {
        name
        for module in (kgen_runtime.errors, kgen.errors, kgen.dev)
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, rt.KgenError)
    }
    assert sorted(named) == sorted(classes)


def test_every_variable_of_the_environment_has_a_row() -> None:
    named = "".join(line for line in _lines(REFERENCE / "environment.md") if line.startswith("| `"))
    sources = [path for folder in ("gen", "runtime") for path in (ROOT / folder).rglob("*.py")]
    code = "".join(path.read_text(encoding="utf-8") for path in sources)
    read = set(re.findall(r"[\"\x27](KGEN_(?!KAFKA_)[A-Z_]*[A-Z])[\"\x27]", code)) - {
        "KGEN_REGISTRY"
    }  # a prefix
    assert read <= set(re.findall(r"`(\w+)`", named))


def _lines(page: Path) -> list[str]:
    return page.read_text(encoding="utf-8").splitlines(keepends=True)


def _lists(page: Path) -> list[str]:
    return [line.partition(":")[0] for line in _lines(page) if line.startswith("- `rt.")]


def registered() -> set[str]:
    suffix = {"counter": "_total"}
    families = [f for f in REGISTRY.collect() if f.name.startswith("kgen_")]
    return {f.name + suffix.get(f.type, "") for f in families}


@pytest.mark.parametrize(
    "text", [(ROOT / "docs" / "reference" / "metrics.md").read_text(), kgen_runtime.metrics.__doc__]
)
def test_every_metric_is_documented(text: str) -> None:
    assert set(re.findall(r"\bkgen_[a-z_]+(?=`? \||\{)", text)) == registered()


def _flags(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """The long flags of a command and those below it, each with the words of its command."""
    context = command.context_class(command)
    for param in command.get_params(context):
        for flag in (*param.opts, *param.secondary_opts):
            if flag.startswith("--"):
                yield path, flag
    for name in command.list_commands(context) if hasattr(command, "list_commands") else ():
        yield from _flags(command.get_command(context, name), (*path, name))


FLAGS = list(_flags(typer.main.get_command(app)))
COMMAND_LINE = (ROOT / "docs" / "reference" / "command-line.md").read_text(encoding="utf-8")


def _sections() -> dict[tuple[str, ...], str]:
    """What docs/reference/command-line.md has of each command, by its words; of none: what holds for all."""
    found: dict[tuple[str, ...], str] = defaultdict(str)
    for section in re.split(r"^(?=#+ )", COMMAND_LINE, flags=re.MULTILINE):
        heading = re.match(r"#+ kgen ((?:[a-z]+ ?)+)$", section.partition("\n")[0])
        found[tuple(heading[1].split()) if heading else ()] += section
    return found


SECTIONS = _sections()


@pytest.mark.parametrize(("path", "flag"), FLAGS, ids=[" ".join((*path, flag)) for path, flag in FLAGS])
def test_every_flag_is_documented_with_its_command(path: tuple[str, ...], flag: str) -> None:
    """Or with the command that it is a part of, or with what holds for all."""
    text = "".join(SECTIONS.get(path[:end], "") for end in range(len(path) + 1))
    assert re.search(rf"`(kgen )?([^`\n]* )?{flag}(?![\w-])[^`\n]*`", text), (
        f"docs/reference/command-line.md lacks {flag}"
    )


def test_every_flag_in_the_docs_is_one() -> None:
    assert set(re.findall(r"`(?:kgen [^`]*)?(--[a-z-]+)", COMMAND_LINE)) <= {flag for _, flag in FLAGS}


def test_every_command_has_a_row() -> None:
    rows = COMMAND_LINE.partition("\n## The commands\n")[2].partition("\n## ")[0]
    named = set(re.findall(r"`kgen (\w+)[^`]*`", rows))
    assert not set(_COMMANDS) - named

"""Every way to reach a field that really fails after a change is named, and code that reaches none is not.

What fails is found by running each way, and by mypy, on the project as it was and as it is after the change.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.unit.diff import ways_project as project
from tests.unit.diff.ways_project import HEAD, Line, Way

WAYS = project.ways(
    "reads",
    "containers",
    "calls",
    "classes",
    "typing",
    "strings",
    "constructions",
    "flows",
    "modules",
    "more",
    "others",
)
INNOCENT = project.ways("innocent")
LEAST = {"removed": 700, "renamed": 700, "retyped": 600, "nullable": 580, "required": 60}
"""How many of the ways fail at least."""
MOST_FALSE = 0.05  # of the lines that only look like a use
LOOKALIKE = re.compile(rf"\b({'|'.join(project.FIELDS)})\b")


@dataclass
class Judge:
    """What fails before a change and after it."""

    root: Path
    ways: list[Way]

    def __post_init__(self) -> None:
        self.before = self._lines("none")

    def _lines(self, change: str) -> tuple[dict[str, Line | None], set[tuple[Line, str]]]:
        folder = self.root / change
        return project.run(folder, self.ways, change), project.mypy(folder, self.ways, change)

    def failing(self, change: str) -> dict[str, set[Line]]:
        """By way, the lines that fail since the change."""
        ran, checked = self._lines(change)
        new = {line for line, _ in checked - self.before[1]}
        return {way.name: set(self._of(way, ran.get(way.name), new)) for way in self.ways}

    def _of(self, way: Way, ran: Line | None, checked: set[Line]) -> Iterator[Line]:
        yield from (line for line in checked if line[0] in way.files)
        if ran:
            yield ran


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Judge:
    return Judge(tmp_path_factory.mktemp("ways"), [*WAYS, *INNOCENT])


@pytest.mark.slow
def test_before_a_change_nothing_fails(judge: Judge) -> None:
    assert not {name: line for name, line in judge.before[0].items() if line}


@pytest.mark.slow
@pytest.mark.parametrize("change", LEAST)
def test_every_line_that_fails_is_named(judge: Judge, change: str) -> None:
    failing = judge.failing(change)
    named = {(use.path, use.line) for use in project.named(WAYS, change)}
    unnamed = {way.title: left for way in WAYS if (left := failing[way.name] - named)}
    assert not unnamed
    assert sum(bool(failing[way.name]) for way in WAYS) >= LEAST[change]
    assert not {way.title: failing[way.name] for way in INNOCENT if failing[way.name]}


@pytest.mark.parametrize("change", LEAST)
def test_few_lines_are_named_that_only_look_like_a_use(change: str) -> None:
    files = project.files_of(INNOCENT)
    head = len(HEAD.splitlines())
    alike = {
        (path, number)
        for path, text in files.items()
        for number, line in enumerate(text.splitlines(), 1)
        if number > head and LOOKALIKE.search(line)
    }
    named = {(use.path, use.line) for use in project.named(INNOCENT, change)}
    assert len(alike) > 250
    assert len(named) / len(alike) < MOST_FALSE, sorted(named)


def test_each_way_has_a_title_of_its_own() -> None:
    titles = [way.title for way in [*WAYS, *INNOCENT]]
    assert not {title for title in titles if titles.count(title) > 1}

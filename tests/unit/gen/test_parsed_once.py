"""A pull parses each text of each version once, however many steps look at it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.unit.gen.conftest import FakeRegistry

from kgen.model import library
from kgen_runtime.codec.avro.schema import parser
from kgen_runtime.codec.avro.schema.tree import Schema

SUBJECTS = 12
VERSIONS = 4
SHARED = 4

Kgen = Callable[..., tuple[int, str, str]]


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often the parser is called with each text, counted around the real one."""
    counts: Counter[str] = Counter()
    parse = parser.parse

    def counting(text: str, *arguments: Any, **options: Any) -> Schema:
        counts[text] += 1
        return parse(text, *arguments, **options)

    monkeypatch.setattr(library, "parse", counting)
    return counts


def shared(number: int, *fields: str) -> dict[str, Any]:
    """A type that topics refer to; it refers to the one before it."""
    before = [{"name": "before", "type": f"shop.Shared{number - 1}"}] if number else []
    own = [{"name": name, "type": "string", "default": ""} for name in fields]
    return {"type": "record", "name": f"shop.Shared{number}", "fields": [*before, *own]}


def value(number: int, *fields: str) -> dict[str, Any]:
    """A topic's value, with a default that counts as none."""
    own = [{"name": name, "type": "string", "default": ""} for name in fields]
    odd = {"name": "odd", "type": "int", "default": "none"}
    to = {"name": "to", "type": f"shop.Shared{number % SHARED}"}
    return {"type": "record", "name": f"shop.Value{number}", "fields": [to, odd, *own]}


def references(number: int) -> list[tuple[str, str, int]]:
    """What a topic's value refers to directly."""
    return [(f"shop.Shared{number % SHARED}", f"shared{number % SHARED}", 1)]


def fill(registry: FakeRegistry) -> None:
    """Topics with a history, whose values refer to chains of shared types."""
    for number in range(SHARED):
        before = [(f"shop.Shared{number - 1}", f"shared{number - 1}", 1)] if number else []
        registry.add(f"shared{number}", shared(number), references=before)
    for number in range(SUBJECTS):
        for version in range(VERSIONS):
            fields = [f"f{at}" for at in range(version)]
            registry.add(f"topic{number}-value", value(number, *fields), references=references(number))


def broken(registry: FakeRegistry) -> None:
    """Topics that no step can read: the newest version, and an earlier one."""
    registry.add("broken-value", '{"type": "record"}')
    registry.add("again-value", '{"type": "array"}')
    registry.add("again-value", '"string"')


def newer(registry: FakeRegistry) -> None:
    """A version more of each topic, and a subject less."""
    for number in range(SUBJECTS):
        fields = [f"f{at}" for at in range(VERSIONS)]
        registry.add(f"topic{number}-value", value(number, *fields), references=references(number))
    del registry.subjects[f"topic{SUBJECTS - 1}-value"]


def test_a_pull_parses_each_version_once(
    registry: FakeRegistry, kgen: Kgen, parsed: Counter[str], tmp_path: Path
) -> None:
    fill(registry)
    broken(registry)
    assert kgen("pull", "--registry", registry.url)[0] == 0
    texts = {body["schema"] for versions in registry.subjects.values() for body in versions.values()}
    assert len(texts) == SUBJECTS * VERSIONS + SHARED + 3
    assert Counter(parsed.values()) == {1: len(texts)}
    parsed.clear()
    newer(registry)
    assert kgen("pull")[0] == 0  # against the lock: gate, impact and the state that flows keep
    assert len(parsed) > SUBJECTS * VERSIONS
    assert Counter(parsed.values()) == {1: len(parsed)}


@pytest.mark.parametrize(
    "command",
    [["pull", "--dry-run"], ["pull", "--check"], ["pull", "--frozen"], ["diff"], ["status"], ["outdated"]],
    ids=" ".join,
)
def test_commands_that_compare_parse_each_version_once(
    registry: FakeRegistry, kgen: Kgen, parsed: Counter[str], command: list[str]
) -> None:
    fill(registry)
    assert kgen("pull", "--registry", registry.url)[0] == 0
    newer(registry)
    parsed.clear()
    kgen(*command)
    assert parsed
    assert Counter(parsed.values()) == {1: len(parsed)}


def test_a_render_of_the_lock_for_files_that_lost_their_base_parses_nothing_again(
    registry: FakeRegistry, kgen: Kgen, parsed: Counter[str], tmp_path: Path
) -> None:
    fill(registry)
    assert kgen("pull", "--registry", registry.url)[0] == 0
    for path in (tmp_path / "p" / ".kgen" / "base").rglob("*.py"):
        path.unlink()
    newer(registry)
    parsed.clear()
    assert kgen("pull")[0] == 0
    assert Counter(parsed.values()) == {1: len(parsed)}

"""Every code block of the documentation is run, and prints what the page shows."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

if not os.environ.get("CI"):
    pytest.importorskip("sybil", reason="what finds the blocks of pages is not installed")
    pytest.importorskip("bytewax", reason="flows need Bytewax")
from .page import run_page
from .prepared import Prepared

pytestmark = pytest.mark.broker
ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
REASONS = {
    "installs from the package index",
    "a test of its own runs it",
    "what a run printed that took long, or failed in part",
    "what a run printed whose state is of weeks ago",
    "shows what only you have: a cluster, an address, a password",
    "a file of another program",
}
"""Why a block may be left out: `<!-- skip: next "REASON" -->`."""
MOST = 15
_not_run: Counter[str] = Counter()


@pytest.fixture(scope="module")
def pulled(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return Prepared(tmp_path_factory.mktemp("pulled"))


@pytest.fixture
def prepared(pulled: Prepared) -> Iterator[Prepared]:
    yield pulled
    pulled.close()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_blocks_of_a_page_do_what_it_says(page: Path, tmp_path: Path, prepared: Prepared) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    _not_run.update(run_page(page, folder, prepared))


def test_few_blocks_are_left_out_and_each_for_a_known_reason() -> None:
    assert set(_not_run) <= REASONS
    assert _not_run.total() <= MOST

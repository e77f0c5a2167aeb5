"""The search of the documentation's site, in a browser, opened as files."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests import browser

ROOT = Path(__file__).resolve().parents[2]
HITS = "[...document.querySelectorAll('ul.search li a')].map((each) => each.href)"


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[browser.Tab]:
    with browser.opened(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


@pytest.fixture(scope="module")
def site(tab: browser.Tab) -> Path:  # the browser first: without one nothing is built
    """As `make docs` builds it, and in its folders: what that has built is not built again."""
    command = [sys.executable, "-m", "sphinx", "-q", "-d", "build/doctrees", "docs", "build/docs"]
    subprocess.run(command, cwd=ROOT, check=True, timeout=600)
    return ROOT / "build" / "docs"


def results(tab: browser.Tab, links: str) -> Any:
    """JavaScript's value once the page has shown all hits; the browser answers when that is so."""
    watch = (
        "new Promise((done) => { const look = () => {"
        " const said = document.querySelector('#search-results').innerText;"
        f" /finished|did not match/.test(said) ? done({links}) : requestAnimationFrame(look) }}; look() }})"
    )
    found = tab.ask("Runtime.evaluate", expression=watch, awaitPromise=True, returnByValue=True)
    return found["result"].get("value")


def test_a_hit_of_the_search_opens_its_page(site: Path, tab: browser.Tab) -> None:
    tab.open(site / "how-to" / "index.html", 1200)
    form = "document.querySelector('form.bd-search')"
    assert tab.run(f"{form}.action") == (site / "search.html").as_uri()
    asked = tab.run(f"{form}.querySelector('input[type=search]').name")
    tab.open(site / "search.html", 1200, query=f"{asked}=DeadLetter")
    hits = results(tab, HITS)
    pages = [Path(hit.removeprefix("file://").partition("?")[0].partition("#")[0]) for hit in hits]
    assert site / "how-to" / "dead-letters.html" in pages
    for page in dict.fromkeys(pages[:3]):
        tab.open(page, 1200)
        assert tab.run("document.querySelector('article').innerText.includes('DeadLetter')"), page
    assert not [url for url in tab.requests if not url.startswith(("file:", "data:"))]


def test_a_word_that_no_page_has_has_no_hit(site: Path, tab: browser.Tab) -> None:
    tab.open(site / "search.html", 1200, query="q=xylophonic<img src=x onerror=document.title='taken'>")
    assert results(tab, HITS) == []
    assert tab.run("document.title") != "taken"

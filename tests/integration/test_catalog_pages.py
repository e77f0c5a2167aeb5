"""The pages of `kgen catalog` in a browser, opened as files."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests import browser
from tests.locked_project import Given, write_project

from kgen.cli import app

EVIL = "</script><script>document.title='taken'</script><img src=x onerror=alert(1)>"
EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "orders"
PAGES = (
    "index.html",
    "topics.html",
    "flows.html",
    "tags.html",
    "subjects/orders-value.html",
    "subjects/evil-value.html",
    "topics/orders.html",
)


def record(name: str, *fields: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "record", "name": name, "fields": list(fields), **more}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example's catalog, with a subject that is hostile and one that is odd."""
    folder = tmp_path_factory.mktemp("catalog")
    text = {"name": "x", "type": "string", "doc": EVIL, "confluent:tags": [EVIL, "PII"], "p": EVIL}
    long = {"name": "a" * 300, "type": "string", "doc": "b" * 3_000}
    price = {"name": "price", "type": "long", "default": 1}
    order = record(
        "Order", {"name": "order_id", "type": "string"}, {"name": "line", "type": record("Line", price)}
    )
    old = record("Order", {"name": "order_id", "type": "string"})
    write_project(
        folder / "p",
        {
            "evil-value": record("Evil", text, long, doc=EVIL),
            "orders-key": '"string"',
            "orders-value": Given([old, order]),
            **{f"more-{n}-value": record(f"M{n}", {"name": f"f{n}", "type": "int"}) for n in range(30)},
            f"{EVIL}-value": record("E", {"name": "y", "type": "int"}),
        },
    )
    assert app.run(["pull", "--frozen", "--quiet", "--out", str(folder / "p")]) == 0
    assert app.run(["catalog", "--html", str(folder / "site"), "--out", str(folder / "p"), "--quiet"]) == 0
    return folder / "site"


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[browser.Tab]:
    with browser.opened(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


def press(tab: browser.Tab, key: str, text: str = "") -> None:
    tab.ask("Input.dispatchKeyEvent", type="keyDown", key=key, text=text)
    tab.ask("Input.dispatchKeyEvent", type="keyUp", key=key)


def searched(tab: browser.Tab, text: str) -> list[str]:
    """Type into the search; what it shows, once its index is there."""
    tab.run("document.activeElement.blur()")
    press(tab, "/", "/")
    tab.ask("Input.insertText", text=text)
    shown = "document.querySelector('.hits:not([hidden])[aria-busy=false]')"
    waits = f"new Promise(done => {{const look = () => {shown} ? done(true) : setTimeout(look, 5); look()}})"
    tab.ask("Runtime.evaluate", expression=waits, awaitPromise=True)
    return tab.run("[...document.querySelectorAll('.hits a .name')].map(each => each.textContent)")


@pytest.mark.parametrize("page", PAGES)
def test_a_page_in_a_browser(site: Path, tab: browser.Tab, tmp_path: Path, page: str) -> None:
    for width, dark in ((1280, False), (1280, True), (360, False), (360, True)):
        tab.refused.clear()
        tab.requests.clear()
        tab.open(site / page, width, dark=dark)
        tab.run("document.querySelectorAll('details').forEach(each => each.open = true)")
        names = [(site / "x").as_uri().removesuffix("x")]
        assert all(url.startswith(names[0]) for url in tab.requests)
        assert tab.refused == []
        assert tab.run("document.scripts.length") == 1
        assert tab.run("document.title").endswith("· shop")
        assert tab.run("document.documentElement.scrollWidth") <= width, "wider than the screen"
        (red, *_) = map(int, re.findall(r"\d+", tab.run("getComputedStyle(document.body).backgroundColor")))
        assert (red < 60) is dark
        nameless = "button:not([aria-label]), a:not([href]), input:not([aria-label])"
        assert tab.run(f"document.querySelectorAll({nameless!r}).length") == 0
        assert tab.run("document.querySelectorAll('h1').length") == 1
        assert len(tab.picture(tmp_path / "page.png")) > 15_000, "hardly anything is on it"


def test_search_by_keyboard_leads_to_the_field(site: Path, tab: browser.Tab) -> None:
    tab.open(site / "index.html", 1000)
    assert searched(tab, "price") == ["line.price"]
    assert tab.run("document.activeElement.getAttribute('aria-expanded')") == "true"
    assert tab.run(
        "document.getElementById(document.activeElement.getAttribute('aria-activedescendant')).textContent"
    )
    tab.ask("Runtime.evaluate", expression="document.querySelector('.find input').value = ''")
    assert searched(tab, "ORDERS order_")[0] == "order_id"
    tab.run("document.querySelector('.find input').value = ''")
    found = searched(tab, "more")
    assert len(found) > 20
    options = "[...document.querySelectorAll('.hits a')]"
    chosen = f"{options}.findIndex(each => each.getAttribute('aria-selected') == 'true')"
    assert tab.run(chosen) == 0
    press(tab, "ArrowDown")
    assert tab.run(chosen) == 1
    press(tab, "ArrowUp")
    press(tab, "ArrowUp")
    assert tab.run(chosen) == len(found) - 1
    press(tab, "Escape")
    assert tab.run("document.querySelector('.hits').hidden") is True
    tab.run("document.querySelector('.find input').value = ''")
    searched(tab, "line.price")
    tab._loaded = False
    press(tab, "Enter")
    while not tab._loaded:
        tab._take()
    assert tab.run("location.href").endswith("/subjects/orders-value.html#f.line.price")
    assert tab.run("document.querySelector(':target .path').textContent") == "line.price"


def test_what_is_found_is_text(site: Path, tab: browser.Tab) -> None:
    tab.open(site / "index.html", 1000)
    assert f"{EVIL}-value" in searched(tab, "<script>")
    assert tab.run("document.querySelectorAll('.hits img, .hits script').length") == 0
    assert tab.run("document.title") != "taken"
    tab.run("document.querySelector('.find input').value = ''")
    assert searched(tab, "nowhere at all") == []
    assert "Nothing" in tab.run("document.querySelector('.hits').textContent")


def test_every_result_leads_to_a_place(site: Path, tab: browser.Tab) -> None:
    tab.open(site / "index.html", 1000)
    searched(tab, "a")
    links = tab.run("kgenSearch('a', 500).concat(kgenSearch('e', 500)).map(each => each.href)")
    assert len(links) > 20
    for link in links:
        path, _, anchor = link.partition("#")
        text = (site / path).read_text()
        assert not anchor or f'id="{anchor}"' in text, link


def test_the_switch_of_the_theme_is_kept(site: Path, tab: browser.Tab) -> None:
    background = "getComputedStyle(document.body).backgroundColor"
    tab.open(site / "index.html", 1000)
    light = tab.run(background)
    tab.run("document.querySelector('.theme').click()")
    dark = tab.run(background)
    assert dark != light
    assert tab.run("document.querySelector('.theme').getAttribute('aria-pressed')") == "true"
    tab.open(site / "topics.html", 1000)
    assert tab.run(background) == dark
    tab.run("document.querySelector('.theme').click()")
    tab.run("localStorage.clear()")


def test_without_scripts_a_page_is_whole(site: Path, tab: browser.Tab) -> None:
    tab.ask("Emulation.setScriptExecutionDisabled", value=True)
    try:
        tab.open(site / "subjects" / "orders-value.html", 1000)
        for domain in ("DOM", "CSS"):
            tab.ask(f"{domain}.enable")
        root = tab.ask("DOM.getDocument", depth=1)["root"]["nodeId"]
        html = tab.ask("DOM.getOuterHTML", nodeId=root)["outerHTML"]
        assert 'class="js"' not in html
        assert "price" in html
        for name in (".find", ".theme"):
            node = tab.ask("DOM.querySelector", nodeId=root, selector=name)["nodeId"]
            styles = tab.ask("CSS.getComputedStyleForNode", nodeId=node)["computedStyle"]
            assert {"name": "display", "value": "none"} in styles
    finally:
        tab.ask("Emulation.setScriptExecutionDisabled", value=False)


def test_a_page_that_was_tampered_with_runs_nothing(site: Path, tab: browser.Tab, tmp_path: Path) -> None:
    shutil.copytree(site, tmp_path / "site")
    page = tmp_path / "site" / "index.html"
    more = "<script>document.title='taken'</script><img src='http://127.0.0.1:9/x'></main>"
    page.write_text(page.read_text().replace("</main>", more))
    tab.refused.clear()
    tab.open(page, 800)
    assert tab.run("document.title") != "taken"
    assert len([each for each in tab.refused if "Content Security Policy" in each]) == 2

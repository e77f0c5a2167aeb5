"""`kgen dlq report`: from a topic on the local broker to a page, in a browser."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
from tests import browser
from tests.integration import letters

from kgen.cli import app
from kgen.dev.topics import create

if TYPE_CHECKING:
    from kgen.dev import Dev

pytestmark = pytest.mark.broker

SCRIPT = "</script><script>document.title='taken'</script>"
HOUR = 3_600_000


@pytest.fixture
def topic(dev: Dev, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    monkeypatch.setenv("KGEN_BROKERS", dev.brokers)
    monkeypatch.chdir(tmp_path)
    name = f"orders-{uuid.uuid4().hex[:8]}.dlq"
    create(dev.brokers, {name: 2})
    return name


def report(capsys: pytest.CaptureFixture[str], topic: str, *arguments: str, code: int = 0) -> Any:
    assert app.run(["dlq", "report", topic, "--html", "r.html", "--json", *arguments]) == code
    return json.loads(capsys.readouterr().out)


def seen(hour: int) -> bytes:
    return b"%d" % (letters.TIME + hour * HOUR)


def write(dev: Dev, topic: str) -> None:
    """Five kinds of failures over two days, one of them hostile, one without headers."""
    found: list[letters.Sent] = []
    for n in range(40):
        found.append((b"k%d" % n, b"\x00\x00\x00\x00\x0c\x02\x80\xff", letters.kgen(n, first_seen=seen(n))))
        if n % 4 == 0:
            own = letters.kgen(
                n,
                first_seen=seen(n),
                fingerprint=b"1" * 16,
                stage=b"process",
                **{"class": b"KeyError", "path": None, "position": None},
                message=b"'EUR'",
                traceback=b'Traceback\n  File "flows/orders.py", line 31, in handle\nKeyError',
            )
            found.append((None, b'{"id": 1}', own))
    hostile = letters.kgen(
        fingerprint=b"2" * 16,
        first_seen=b"9" * 18,
        message=SCRIPT.encode() + b"\x1b[31m\xff",
        stage=b"</svg>",
    )
    found += [
        (b"\xff\xfe", SCRIPT.encode(), hostile),
        (b"connect", None, letters.connect()),
        (None, b"", []),
    ]
    letters.write(dev.brokers, topic, found, 2)


@pytest.fixture
def page(dev: Dev, topic: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Path:
    write(dev, topic)
    report(capsys, topic)
    return tmp_path / "r.html"


def test_the_json_form(dev: Dev, topic: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    write(dev, topic)
    found = report(capsys, topic)
    shown = found.pop("shown")
    assert shown[:2] == ["0123456789abcdef", "1" * 16]
    assert found == {
        "version": 1,
        "topic": topic,
        "partitions": 2,
        "letters": 53,
        "matched": 53,
        "fingerprints": 5,
        "ungrouped": 0,
        "stages": {"decode": 41, "process": 10, "other": 2},
        "samples": 5,
        "html": "r.html",
        "bytes": (tmp_path / "r.html").stat().st_size,
    }


def test_a_page_of_a_part(dev: Dev, topic: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    write(dev, topic)
    found = report(capsys, topic, "--stage", "process", "--stage", "decode", "--top", "1", "--no-samples")
    assert (found["letters"], found["matched"], found["samples"], len(found["shown"])) == (53, 51, 0, 1)
    text = (tmp_path / "r.html").read_text()
    assert "with --stage process --stage decode" in text
    assert "Payload" not in text


def test_letters_of_ten_megabytes_and_many_fingerprints(
    dev: Dev, topic: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    found: list[letters.Sent] = [
        (None, b"<" * 10_000_000, letters.kgen(fingerprint=b"f" * 16)) for _ in range(2)
    ]
    found += [(None, b"x", letters.kgen(fingerprint=b"%016x" % n)) for n in range(3_000)]
    letters.write(dev.brokers, topic, found, 2, message_max_bytes=20_000_000)
    written = report(capsys, topic)
    assert (written["fingerprints"], written["shown"][0], written["samples"]) == (3_001, "f" * 16, 20)
    assert (tmp_path / "r.html").stat().st_size < 200_000


CLICK = {"type": "record", "name": "Click", "fields": [{"name": n, "type": "string"} for n in ("page", "by")]}


def test_a_letter_is_decoded_up_to_the_byte_at_fault(
    dev: Dev, topic: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    url = f"{dev.registry}/subjects/{topic}-value/versions"
    number = requests.post(url, json={"schema": json.dumps(CLICK)}, timeout=10).json()["id"]
    payload = b"\x00" + number.to_bytes(4, "big") + b"\x06</p\x7f"
    letters.write(dev.brokers, topic, [(b"k", payload, letters.kgen(path=b"by", position=b"9"))])
    report(capsys, topic, "--registry", dev.registry)
    text = (tmp_path / "r.html").read_text()
    assert f"schema {number}, of the registry" in text
    assert "page = &#34;&lt;/p&#34;" in text
    assert "<mark>byte 9, by: a length is negative</mark>" in text
    report(capsys, topic, "--registry", "http://127.0.0.1:9")
    assert "not decoded: " in (tmp_path / "r.html").read_text()


@pytest.mark.parametrize("target", [".", "absent/r.html"])
def test_a_file_that_cannot_be_written(topic: str, capsys: pytest.CaptureFixture[str], target: str) -> None:
    assert report(capsys, topic, "--html", target, code=2)["error"]["where"] == "--html"


def test_a_topic_that_is_absent_leaves_the_file_alone(
    dev: Dev, topic: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "r.html").write_text("before")
    assert "absent" in report(capsys, f"absent-{topic}", code=2)["error"]["where"]
    assert [path.name for path in tmp_path.iterdir()] == ["r.html"]
    assert (tmp_path / "r.html").read_text() == "before"


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[browser.Tab]:
    with browser.opened(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_the_page_in_a_browser(page: Path, tab: browser.Tab, tmp_path: Path, width: int, dark: bool) -> None:
    tab.refused.clear()
    tab.requests.clear()
    tab.open(page, width, dark=dark)
    tab.run("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert tab.requests == [page.as_uri()]
    assert tab.refused == []
    assert tab.run("document.scripts.length") == 0
    assert tab.run("document.title").startswith("Dead letters in orders-")
    assert tab.run("document.documentElement.scrollWidth") <= width, "wider than the screen"
    assert tab.run("document.querySelectorAll('.kind').length") == 5
    # Bars are drawn where the letters are: 40 hours, each with one at least.
    heights = "[...bar.querySelectorAll('rect:not(.area)')].map(part => part.getBoundingClientRect().height)"
    bars = tab.run(f"[...document.querySelectorAll('.bar')].map(bar => Math.max(0, ...{heights}))")
    assert sum(height > 1 for height in bars) == 40
    text = tab.run("document.body.innerText")
    assert SCRIPT in text
    assert "\\x1b[31m" in text
    assert not re.search(r"[\x00-\x08\x0e-\x1f\u202a-\u202e]", text)
    background = tab.run("getComputedStyle(document.body).backgroundColor")
    (red, *_) = map(int, re.findall(r"\d+", background))
    assert (red < 60) is dark
    picture = tab.picture(tmp_path / "page.png")
    assert picture.startswith(b"\x89PNG")
    assert len(picture) > 20_000, "hardly anything is on it"


def test_a_page_that_was_tampered_with_runs_nothing(page: Path, tab: browser.Tab) -> None:
    """The policy in the page refuses even what the escaping would have let through."""
    text = page.read_text()
    page.write_text(
        text.replace(
            "</main>", "<script>document.title='taken'</script><img src='http://127.0.0.1:9/x'></main>"
        )
    )
    tab.refused.clear()
    tab.open(page, 800)
    assert tab.run("document.title") != "taken"
    assert len([each for each in tab.refused if "Content Security Policy" in each]) == 2

"""The page of `kgen dlq report`: escaped, bounded, legible. `tests/integration/test_dlq_report.py` opens it
in a browser.
"""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.examples import examples

from kgen.dlq.letter_groups import LetterGroup
from kgen.dlq.report_page import ReportData, TextBlock, TextLine, body, html
from kgen.dlq.timeline import STAGES, Timeline
from kgen_runtime.messages import RawMessage
from kgen_runtime.routing.letter_headers import Letter

NOW = 1_795_000_000_000
VOID = {"meta", "line", "rect"}


class Parsed(HTMLParser):
    """What a browser makes of a page: its elements, and the texts in them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.texts: list[str] = []
        self.style = ""
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert self._open == [], "an element is not closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] == "style":
            self.style += data
        else:
            self.texts.append(data)

    @property
    def text(self) -> str:
        return "".join(self.texts)


def group(fingerprint: str = "0" * 16, **given: Any) -> LetterGroup:
    found = {
        "fingerprint": fingerprint,
        "stage": "decode",
        "error_class": "kgen_runtime.errors.DecodeError",
        "message": "a negative length",
        "schema_id": 12,
        "profile": "kgen",
        "topic": "orders",
        "step": "orders.orders",
        "place": "flows/orders.py:12",
        "path": "lines[].sku",
        "sample": (0, 7),
        "count": 3,
        "first": NOW,
        "last": NOW + 1_000,
        **given,
    }
    return LetterGroup(**found)


def raw(value: bytes | None = b"{}", **given: Any) -> RawMessage:
    return RawMessage(**{"key": b"k", "value": value, "topic": "dlq", "partition": 0, "offset": 7, **given})


def found(groups: list[LetterGroup], **given: Any) -> ReportData:
    timeline = Timeline()
    for each in groups:
        for _ in range(min(each.count, 10)):
            timeline.add(each.stage, each.first)
    every: dict[str, Any] = {
        "topic": "orders.dlq",
        "partitions": 2,
        "read": 10,
        "fitting": sum(each.count for each in groups),
        "rest": 0,
        "fingerprints": len(groups),
        "first": NOW,
        "last": NOW,
        "groups": groups,
        "timeline": timeline,
        "samples": {},
        "decoded": {},
        "asked": "",
        "made": NOW,
        "version": "1.2.3",
    }
    return ReportData(**{**every, **given})


HOSTILE = st.one_of(
    st.sampled_from(
        [
            "</script><script>alert(1)</script>",
            "</style><img src=x onerror=alert(1)>",
            '" onload="alert(1)',
            "\x1b[31m\x00\x07\r\n",
            "\u202egnp.exe\u2066",
            "{{ page.topic }}{% raw %}",
            "\ud800",
            "<!--",
            "]]>",
            "&lt;",
        ]
    ),
    st.text(max_size=400),
    st.text(st.characters(), max_size=50),
)


@settings(max_examples=examples(60), deadline=None)
@given(
    st.lists(HOSTILE, min_size=12, max_size=12),
    st.binary(max_size=700),
    st.sampled_from([None, 0, -1, 2**63 - 1]),
)
def test_what_letters_say_is_text_and_nothing_else(texts: list[str], value: bytes, time: int | None) -> None:
    harmless = Parsed(page("x", value=b"x" * 10, time=NOW))
    parsed = Parsed(page(*texts, value=value, time=time))
    assert set(parsed.tags) <= set(harmless.tags) | {"mark", "pre", "h3"}
    assert not [
        name for name, _ in parsed.attributes if name.startswith("on") or name in ("style", "href", "src")
    ]
    assert all(c.isprintable() or c == "\n" for c in parsed.text)
    assert parsed.style == harmless.style


def page(*texts: str, value: bytes = b"", time: int | None = None) -> str:
    it = iter((texts * 12)[:12]) if texts else iter([""] * 12)
    topic, name, message, step, place, path, key, flow, trace, header, decoded, asked = it
    known = group(
        stage=name[:20],
        error_class=name,
        message=message,
        step=step,
        place=place,
        path=path,
        first=time,
        last=time,
    )
    letter = Letter(
        topic=topic, partition=1, offset=2, flow=flow, traceback=f"{trace}\n{trace}", profile="kgen"
    )
    encoded = key.encode(errors="surrogatepass")
    sample = raw(value, key=encoded, headers=((header, encoded), (header, None), ("x", value)))
    return html(
        found(
            [known],
            topic=topic,
            asked=asked,
            first=time,
            last=time,
            samples={known.fingerprint: (sample, letter)},
            decoded={known.fingerprint: TextBlock("Decoded", decoded, (TextLine(decoded, True),))},
        )
    )


def test_the_page_may_load_nothing_and_has_the_hash_of_its_style() -> None:
    parsed = Parsed(html(found([group()])))
    (policy,) = [value for name, value in parsed.attributes if name == "content" and "default-src" in value]
    digest = base64.b64encode(hashlib.sha256(parsed.style.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert not {"script", "link", "img", "iframe", "object", "form"} & set(parsed.tags)
    assert "url(" not in parsed.style
    assert "@import" not in parsed.style


def test_it_has_a_bound_whatever_the_topic_holds() -> None:
    long = "\x00<&\u202e" * 3_000
    groups = [
        group(
            f"{n:016x}",
            message=long[:300],
            path=long[:300],
            place=long[:300],
            step=long[:300],
            topic=long[:300],
        )
        for n in range(5)
    ]
    letter = Letter(topic=long, partition=1, offset=2, flow=long, traceback=f"{long}\n" * 500, profile="kgen")
    headers = tuple((f"{long}{n}", b"\xff<" * 500_000) for n in range(200))
    for value in (b"\x00" * 10_000_000, b"<" * 10_000_000, b"\n" * 10_000_000):
        sample = raw(value, headers=headers, key=b"\xff" * 1_000_000)
        text = html(
            found(groups, samples=dict.fromkeys((each.fingerprint for each in groups), (sample, letter)))
        )
        assert len(text) < 5 * 150_000


def test_a_page_of_ordinary_letters_is_small() -> None:
    groups = [group(f"{n:016x}") for n in range(20)]
    letter = Letter(topic="orders", partition=1, offset=2, flow="orders", profile="kgen")
    samples = dict.fromkeys((each.fingerprint for each in groups), (raw(b"\x00" * 200), letter))
    assert len(html(found(groups, samples=samples))) < 100_000


def test_what_is_left_out_is_named() -> None:
    text = Parsed(html(found([group(count=90)], fitting=100, fingerprints=2))).text
    assert "The 1 most frequent fingerprint, 90 letters; 10 are of others." in text
    assert "more than 2" in Parsed(html(found([group()], fingerprints=2, rest=5))).text
    assert (
        "only these: --stage decode"
        in Parsed(html(found([group()], asked="only these: --stage decode"))).text
    )


def test_an_empty_topic_has_a_page_too() -> None:
    assert "The topic is empty." in Parsed(html(found([], read=0))).text
    assert "no dead letters that fit" in Parsed(html(found([], read=5))).text


@pytest.mark.parametrize(
    ("value", "note", "first"),
    [
        (None, "null: a tombstone", None),
        (b"", "empty: 0 bytes", None),
        (b'{"a": 1}', "", '{"a": 1}'),
        ("é\tü".encode(), "", "é   ü"),
        (b"\x00\x01", "2 bytes", f"000000  {'00 01':<48} .."),
        (b"\xff" * 513, "513 bytes, of which 512 are shown", f"000000  {'ff ' * 16} {'.' * 16}"),
        (("é" * 3_000).encode(), "the beginning of 6,000 bytes", None),
        (b"x" * 3_999 + "é".encode(), "the beginning of 4,001 bytes", None),
        (b"x" * 3_999 + b"\xff", "4,000 bytes, of which 512 are shown", None),
    ],
)
def test_payloads_are_text_or_bytes(value: bytes | None, note: str, first: str | None) -> None:
    block = body(value, "Payload")
    assert block.note == note
    if first is not None:
        assert block.lines[0].text == first


def contrast(one: str, other: str) -> float:
    """Of two colours, as WCAG 2 has it."""

    def luminance(color: str) -> float:
        parts = (int(color[at : at + 2], 16) / 255 for at in (1, 3, 5))
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_colours_can_be_distinguished_from_what_is_behind_them(scheme: int) -> None:
    style = Parsed(html(found([group()]))).style
    blocks = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    colors = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", blocks[scheme]))
    for stage in STAGES:
        assert contrast(colors[stage], colors["card"]) >= 3, stage
    for behind in ("page", "card", "code"):
        assert contrast(colors["text"], colors[behind]) >= 7
        assert contrast(colors["soft"], colors[behind]) >= 4.5
    assert contrast(colors["text"], colors["mark"]) >= 7
    assert len({colors[stage] for stage in STAGES}) == len(STAGES)

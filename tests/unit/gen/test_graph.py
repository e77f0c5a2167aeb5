"""`kgen graph`: what is in the picture of a flow, and that it can be read."""

from __future__ import annotations

import json
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("bytewax")

import bytewax.operators as op
import bytewax.operators.windowing as win
from bytewax.connectors.files import FileSink
from bytewax.dataflow import Dataflow, Stream, operator
from bytewax.testing import TestingSource
from tests import browser

import kgen_runtime as rt
from kgen.cli.app import run
from kgen.graph.edge_types import type_text
from kgen.graph.flow_graph import FlowGraph, graph_of
from kgen.graph.layers import BoxSize, chains, place
from kgen.graph.mermaid import mermaid
from kgen.graph.svg import svg

ROOT = Path(__file__).resolve().parents[3]
ORDERS = ROOT / "examples" / "orders"
KAFKA = rt.Kafka("localhost:1")
TEXT: rt.Topic[str, bytes] = rt.Topic("text", key=rt.StringSerde(), value=rt.BytesSerde())
NUMBERS: rt.Topic[int, float] = rt.Topic("numbers", key=rt.IntSerde(), value=rt.DoubleSerde())
CLOCK: win.EventClock[Any] = win.EventClock(lambda each: datetime.now(timezone.utc), timedelta())
MINUTES = win.TumblingWindower(
    length=timedelta(minutes=1), align_to=datetime(2024, 1, 1, tzinfo=timezone.utc)
)


def upper(value: bytes) -> str | rt.Tombstone | None:
    return value.decode().upper()


def words(message: rt.Message[str, str]) -> list[str]:
    return []


def key(item: Any) -> str:
    return ""


def count(state: int | None, value: Any) -> tuple[int, float]:
    return 0, 0.0


def untyped(item):
    return item


def begun() -> tuple[Dataflow, rt.Split[Any]]:
    flow = Dataflow("drawn")
    return flow, rt.source("in", flow, TEXT, KAFKA)


def end(*errs: Stream[rt.Failure]) -> None:
    rt.route("errs", *errs, policy=rt.Crash())


def edges(graph: FlowGraph) -> dict[tuple[str, str], str]:
    names = {node.id: node.name for node in graph.nodes}
    return {
        (names[edge.start], names[edge.end]): edge.type if edge.kind == "ok" else f"({edge.kind})"
        for edge in graph.edges
    }


def test_the_example() -> None:
    """Topics, steps and types of a flow as it was generated and edited."""
    code = run(["graph", "shop.flows.orders:flow", "--out", str(ORDERS), "--quiet"])
    assert code == 0


def test_what_passes_between_steps() -> None:
    flow, read = begun()
    big = rt.map_value("upper", read.oks, upper)
    parts = rt.flat_map("words", big.oks, words)
    kept = rt.filter("kept", parts.oks, lambda word: True)
    keyed = rt.key_on("key", kept.oks, key)
    counted = rt.stateful_map("count", keyed.oks, count)
    plain = op.key_rm("plain", counted.oks)
    both = op.branch("both", plain, lambda each: each > 0)
    one = op.merge("one", both.trues, both.falses)
    lost = op.map("lost", one, untyped)
    op.output("file", lost, FileSink(Path("out.txt")))
    end(read.errs, big.errs, parts.errs, kept.errs, keyed.errs, counted.errs)
    assert edges(graph_of(flow)) == {
        ("text", "in"): "",
        ("in", "upper"): "Message[str, bytes]",
        ("upper", "words"): "Message[str, str | Tombstone]",
        ("words", "kept"): "str",
        ("kept", "key"): "str",
        ("key", "count"): "KeyedStream[str]",
        ("count", "plain"): "KeyedStream[float]",
        ("plain", "both"): "float",
        ("both", "one"): "float",
        ("one", "lost"): "float",
        ("lost", "file"): "",
        ("file", "out.txt"): "",
        **{(step, "errs"): "(errs)" for step in ("in", "upper", "words", "kept", "key", "count")},
    }


def test_windows_and_what_is_late() -> None:
    flow, read = begun()
    other = rt.source("other", flow, NUMBERS, KAFKA)
    left, right = op.key_on("left", read.oks, key), op.key_on("right", other.oks, key)
    both = rt.windowing.join_window("both", CLOCK, MINUTES, left, right)
    some = rt.windowing.collect_window("some", left, CLOCK, MINUTES)
    much = rt.windowing.count_window("much", other.oks, CLOCK, MINUTES, key)
    for name, each in (("see_both", both), ("see_some", some), ("see_much", much)):
        op.inspect(name, each.down)
    late = rt.late("late", both.late)
    end(read.errs, other.errs, both.errs, some.errs, much.errs, late)
    found = edges(graph_of(flow))
    sides = "Message[str, bytes], Message[int, float]"
    assert found["both", "see_both"] == f"KeyedStream[tuple[int, tuple[{sides}]]]"
    assert found["some", "see_some"] == "KeyedStream[tuple[int, list[Message[str, bytes]]]]"
    assert found["much", "see_much"] == "KeyedStream[tuple[int, int]]"
    assert found["both", "late"] == "(late)"
    assert found["late", "errs"] == "(errs)"


def test_topics_that_are_written() -> None:
    flow, read = begun()
    kept = rt.filter("kept", read.oks, bool)
    unsent = rt.sink("out", kept.oks, rt.Topic("copy", TEXT.key, TEXT.value), KAFKA)
    later = rt.Retry(then=rt.DeadLetter("some.dlq", KAFKA))
    rt.route(
        "errs",
        read.errs,
        kept.errs,
        unsent,
        policy=rt.ByStage({"process": later, "*": [rt.Log(), rt.DeadLetter("rest.dlq", KAFKA)]}),
    )
    graph = graph_of(flow)
    kinds = {node.name: node.kind for node in graph.nodes}
    assert kinds == {
        "in": "step", "kept": "step", "out": "step", "errs": "route", "text": "topic", "copy": "topic",
        "some.dlq": "letters", "rest.dlq": "letters",
    }  # fmt: skip
    (route,) = (node for node in graph.nodes if node.kind == "route")
    assert route.about == "ByStage · Retry · DeadLetter · Log · DeadLetter"
    assert {("out", "copy"), ("errs", "some.dlq"), ("errs", "rest.dlq")} <= set(edges(graph))


@operator
def cleaned(step_id: str, up: Stream[Any]) -> Stream[Any]:
    """A user's own operator, with kgen's steps in it."""
    made = rt.map_value("upper", up, upper)
    unsent = rt.sink("copy", made.oks, rt.Topic("copies", TEXT.key, rt.StringSerde()), KAFKA)
    rt.route("errs", made.errs, unsent, policy=rt.Crash())
    return made.oks


def test_an_operator_of_the_users() -> None:
    flow, read = begun()
    op.inspect("see", cleaned("cleaned", read.oks))
    end(read.errs)
    assert edges(graph_of(flow)) == {
        ("text", "in"): "",
        ("in", "cleaned"): "Message[str, bytes]",
        ("cleaned", "copies"): "",
        ("cleaned", "see"): "Message[str, str | Tombstone]",
        ("in", "errs"): "(errs)",
    }


def test_a_topic_that_is_read_and_written() -> None:
    """No circle: pictures go from top to bottom."""
    flow, read = begun()
    end(read.errs, rt.sink("back", read.oks, TEXT, KAFKA))
    graph = graph_of(flow)
    assert [node.id for node in graph.nodes if node.kind == "topic"] == ["read text", "written text"]
    ET.fromstring(svg(graph))


def test_a_flow_of_bytewax_alone() -> None:
    flow = Dataflow("plain")
    op.output("out", op.map("map", op.input("in", flow, TestingSource([1])), untyped), FileSink(Path("o")))
    assert set(edges(graph_of(flow))) == {
        ("TestingSource", "in"), ("in", "map"), ("map", "out"), ("out", "o"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("annotation", "text"),
    [
        (str | None, "str | None"),
        (dict[str, list[datetime]], "dict[str, list[datetime]]"),
        (rt.Message[Any, FlowGraph], "Message[Any, flow_graph.FlowGraph]"),
        (tuple[int, ...], "tuple[int, ...]"),
        (Callable[[int], str], "Callable[[int], str]"),
    ],
)
def test_types_as_they_are_written(annotation: Any, text: str) -> None:
    assert type_text(annotation) == text


HOSTILE = '"]; click a "javascript:alert(1)"; <script>alert(1)</script> #quot; \x1b[31m \u202e'


@pytest.fixture
def hostile() -> FlowGraph:
    flow = Dataflow("drawn")
    read = rt.source("in", flow, rt.Topic(HOSTILE, TEXT.key, TEXT.value), KAFKA)
    end(read.errs)
    op.inspect(HOSTILE, read.oks)
    return graph_of(flow)


def test_names_are_never_markup(hostile: FlowGraph) -> None:
    image = svg(hostile)
    tree = ET.fromstring(image)
    assert not [each for each in tree.iter() if each.tag.endswith(("script", "a", "foreignObject"))]
    assert any("<script>alert(1)</script>" in (each.text or "") for each in tree.iter())
    assert "\x1b" not in image
    assert "\u202e" not in image
    text = mermaid(hostile)
    for line in text.splitlines():
        assert line.count('"') in (0, 2)
        assert "<script" not in line
    assert "\x1b" not in text


def test_a_long_flow_has_a_picture() -> None:
    flow, read = begun()
    stream: Stream[Any] = read.oks
    failed = [read.errs]
    for number in range(60):
        made = rt.map_value(f"step{number}", stream, upper)
        stream = made.oks
        failed.append(made.errs)
    op.inspect("see", stream)
    end(*failed)
    assert svg(graph_of(flow)).count('class="box step"') == 62


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[int], list[tuple[int, int]]]:
    size = draw(st.integers(1, 12))
    ways = st.tuples(st.integers(0, size - 1), st.integers(0, size - 1))
    return list(range(size)), [(a, b) for a, b in draw(st.lists(ways, max_size=25)) if a < b]


@given(graphs(), st.data())
def test_no_box_is_over_another(given_: tuple[list[int], list[tuple[int, int]]], data: st.DataObject) -> None:
    keys, links = given_
    layer, ways = chains(keys, links)
    between = {key for way in ways for pair in way for key in pair} | set(keys)
    sizes = st.builds(BoxSize, st.floats(5, 400), st.floats(5, 60))
    boxes = {key: data.draw(sizes) for key in sorted(between, key=str)}
    placed = place(boxes, layer, [pair for way in ways for pair in way])
    for (start, end_), way in zip(links, ways):
        assert (way[0][0], way[-1][1]) == (start, end_)
        for above, below in way:
            assert placed.at[above][1] < placed.at[below][1], "a line goes down"
    for one, two in combinations(boxes, 2):
        (x, y), (x2, y2) = placed.at[one], placed.at[two]
        beside = abs(x - x2) >= (boxes[one].width + boxes[two].width) / 2 - 1e-6
        apart = abs(y - y2) >= (boxes[one].height + boxes[two].height) / 2 - 1e-6
        assert beside or apart
    for key_, box in boxes.items():
        x, y = placed.at[key_]
        assert box.width / 2 - 1e-6 <= x <= placed.width - box.width / 2 + 1e-6
        assert box.height / 2 - 1e-6 <= y <= placed.height - box.height / 2 + 1e-6


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def called(*arguments: str, code: int = 0) -> tuple[str, str]:
        assert run(["graph", "shop.flows.orders:flow", "--out", str(ORDERS), *arguments]) == code
        return capsys.readouterr()

    out, _ = called()
    assert out == (ROOT / "tests" / "golden" / "orders_flow.mmd").read_text()
    file = tmp_path / "flow.svg"
    out, _ = called("-o", str(file))
    assert out == f"{file}: 11 nodes, 13 edges\n"
    assert ET.parse(file).getroot().tag.endswith("svg")
    out, _ = called("--json", "-o", str(tmp_path / "flow.mmd"))
    assert json.loads(out)["picture"] == str(tmp_path / "flow.mmd")
    out, _ = called("--format", "plantuml")
    assert out.startswith("@startuml")
    for wrong in (["-o", "x.png"], ["--format", "dot"], ["-o", str(tmp_path)]):
        _, err = called(*wrong, code=2)
        assert "hint: " in err
    assert sorted(each.name for each in tmp_path.iterdir()) == ["flow.mmd", "flow.svg"]


def test_what_a_module_prints_is_not_the_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "loud_flow.py").write_text("print('hello')\nfrom shop.flows.orders import flow\n")
    sys.path.insert(0, str(ORDERS))
    try:
        assert run(["graph", "loud_flow:flow", "--out", str(tmp_path)]) == 0
    finally:
        sys.path.remove(str(ORDERS))
    out, err = capsys.readouterr()
    assert out.startswith("flowchart")
    assert "hello" in err


def test_a_flow_that_cannot_be_imported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "broken_flow.py").write_text("\n\nraise RuntimeError('no luck')\n")
    assert run(["graph", "broken_flow:flow", "--out", str(tmp_path)]) == 2
    err = capsys.readouterr().err
    assert "RuntimeError: no luck (at " in err
    assert "broken_flow.py:3)" in err
    assert "Traceback" not in err


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[browser.Tab]:
    with browser.opened(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_picture_in_a_browser(tmp_path: Path, tab: browser.Tab, dark: bool) -> None:
    file = tmp_path / "flow.svg"
    assert run(["graph", "shop.flows.orders:flow", "--out", str(ORDERS), "-o", str(file), "-q"]) == 0
    tab.refused.clear()
    tab.open(file, 900, dark=dark)
    assert tab.refused == []
    outside = tab.run(
        """[...document.querySelectorAll('g > text')].filter(text => {
            const box = text.parentNode.querySelector('rect');
            if (text.classList.contains('type') || !box) return false;
            const [a, b] = [text.getBBox(), box.getBBox()];
            return a.x < b.x || a.x + a.width > b.x + b.width || a.y < b.y || a.y + a.height > b.y + b.height;
        }).map(text => text.textContent)"""
    )
    assert outside == []
    paper = tab.run("getComputedStyle(document.documentElement).backgroundColor")
    assert (paper == "rgb(15, 23, 42)") is dark
    assert len(tab.picture(tmp_path / "flow.png")) > 10_000

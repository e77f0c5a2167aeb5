"""`kgen dlq check`: what would pass with today's code, found without sending anything."""

from __future__ import annotations

import json
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
from tests.integration import letters

from kgen.cli import app
from kgen.dev.topics import create, read

if TYPE_CHECKING:
    from kgen.dev import Dev

pytest.importorskip("bytewax", reason="Bytewax has no build for this Python")
pytestmark = pytest.mark.broker

FLOW = """
import bytewax.operators as op
import kgen_runtime as rt
from bytewax.dataflow import Dataflow
from bytewax.outputs import DynamicSink, StatelessSinkPartition
from pathlib import Path

numbers = rt.Topic("TOPIC", key=rt.StringSerde(), value=rt.LongSerde())
out = rt.Topic("TOPIC.out", key=rt.StringSerde(), value=rt.LongSerde())


class Written(StatelessSinkPartition):
    def write_batch(self, items):
        Path("written").write_text(str(items))


class ToFile(DynamicSink):
    def build(self, step_id, worker_index, worker_count):
        return Written()


def handle(number):
    if number % 2:
        raise ValueError("odd")
    return number


def build(kafka):
    flow = Dataflow("flow")
    source = rt.source("in", flow, numbers, kafka)
    handled = rt.map_value("handle", source.oks, handle)
    op.output("file", handled.oks, ToFile())
    unsent = rt.sink("out", handled.oks, out, kafka)
    rt.route("errs", source.errs, policy=rt.Crash())
    rt.route("late", handled.errs, unsent, policy=(rt.Log(), rt.DeadLetter("TOPIC.dlq", kafka)))
    return rt.check(flow)


flow = build(rt.Kafka.from_env())
"""


class Numbers:
    """Letters of one topic, and a flow that reads it, in the folder that is current."""

    def __init__(self, dev: Dev, folder: Path) -> None:
        self.dev = dev
        self.topic = f"numbers-{uuid.uuid4().hex[:8]}"
        self.letters = f"{self.topic}.dlq"
        self.module = f"flow_{uuid.uuid4().hex}"
        create(dev.brokers, {self.topic: 1, self.letters: 2, f"{self.topic}.out": 1})
        self.code(FLOW)

    def code(self, text: str) -> None:
        Path(f"{self.module}.py").write_text(text.replace("TOPIC", self.topic))

    def write(self, *numbers: bytes, **changed: bytes | None) -> None:
        own = {"topic": self.topic.encode(), **changed}
        letters.write(
            self.dev.brokers,
            self.letters,
            [(b"k", n, letters.kgen(i, **own)) for i, n in enumerate(numbers)],
            2,
        )


def number(value: int) -> bytes:
    return value.to_bytes(8, "big")


@pytest.fixture
def numbers(dev: Dev, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Numbers]:
    monkeypatch.setenv("KGEN_BROKERS", dev.brokers)
    monkeypatch.setenv("KGEN_REGISTRY_URL", dev.registry)
    monkeypatch.chdir(tmp_path)
    before = list(sys.path)
    yield Numbers(dev, tmp_path)
    sys.path[:] = before


def checked(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    code = app.run(["dlq", "check", *arguments, "--json"])
    out, err = capsys.readouterr()
    assert code == 0, err
    return json.loads(out)


def test_with_the_flow(numbers: Numbers, capsys: pytest.CaptureFixture[str]) -> None:
    numbers.write(number(1), number(2), number(4), stage=b"process", fingerprint=b"a" * 16)
    numbers.write(b"short", number(6), fingerprint=b"b" * 16)
    numbers.write(number(8), topic=b"elsewhere", fingerprint=b"c" * 16)
    found = checked(capsys, numbers.letters, f"{numbers.module}:flow")
    groups = {each.pop("fingerprint")[0]: each for each in found.pop("groups")}
    assert found == {
        "version": 1,
        "topic": numbers.letters,
        "flow": f"{numbers.module}:flow",
        "letters": 6,
        "pass": 3,
        "fail": 2,
        "unknown": 1,
        "unplaced": 0,
    }
    assert groups["a"] == {
        "stage": "process",
        "count": 3,
        "pass": 2,
        "fail": 1,
        "unknown": 0,
        "reason": "ValueError: odd",
    }
    assert (groups["b"]["pass"], groups["b"]["fail"]) == (1, 1)
    assert groups["b"]["reason"].startswith("DecodeError: ")
    assert groups["c"]["reason"] == "the flow does not read elsewhere"
    assert not Path("written").exists()
    for topic in (numbers.topic, f"{numbers.topic}.out"):
        assert read(numbers.dev.brokers, topic) == []
    assert len(read(numbers.dev.brokers, numbers.letters)) == 6


def test_after_the_fix_all_pass_and_people_see_it(
    numbers: Numbers, capsys: pytest.CaptureFixture[str]
) -> None:
    numbers.write(*(number(n) for n in range(50)), stage=b"process")
    numbers.code(FLOW.replace('raise ValueError("odd")', "return 0"))
    assert app.run(["dlq", "check", numbers.letters, f"{numbers.module}:build"]) == 0
    out = capsys.readouterr().out
    assert "0123456789abcdef  process               50        50         0         0" in out
    assert "50 of 50 would pass now, 0 would fail\n" in out
    assert checked(capsys, numbers.letters, f"{numbers.module}:flow", "--limit", "7")["letters"] == 7


SOURCE = 'source = rt.source("in", flow, numbers, kafka)'
RAISES = 'op.output("x", op.map("y", source.oks, lambda m: 1 / 0), ToFile())'


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (
            FLOW.replace("build(kafka", "built(kafka").replace("= build(", "= built("),
            "has no function that makes the flow on a given broker",
        ),
        (FLOW.replace(SOURCE, f"{SOURCE}\n    {RAISES}"), "fails outside of kgen's steps"),
        (FLOW.replace("return rt.check(flow)", "return None"), "not a Dataflow"),
        (FLOW.replace("odd", '"'), "not valid Python"),
    ],
)
def test_flows_that_cannot_be_tried(
    numbers: Numbers, capsys: pytest.CaptureFixture[str], code: str, text: str
) -> None:
    numbers.code(code)
    numbers.write(number(2))
    assert app.run(["dlq", "check", numbers.letters, f"{numbers.module}:flow"]) == 2
    err = capsys.readouterr().err
    assert text in err
    assert "hint: " in err
    assert "Traceback" not in err


def test_a_flow_that_reads_from_elsewhere(numbers: Numbers, capsys: pytest.CaptureFixture[str]) -> None:
    more = 'op.output("t", op.input("t_in", flow, TestingSource([1])), ToFile())\n    return rt.check(flow)'
    code = FLOW.replace("return rt.check(flow)", more)
    numbers.code("from bytewax.testing import TestingSource\n" + code)
    assert app.run(["dlq", "check", numbers.letters, f"{numbers.module}:flow"]) == 2
    err = capsys.readouterr().err
    assert "the flow reads from a TestingSource" in err
    assert "at step flow.t_in" in err


def test_without_a_flow_todays_generated_code_decodes(
    dev: Dev, numbers: Numbers, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"{dev.registry}/subjects/{numbers.topic}-value/versions"
    id_ = requests.post(url, json={"schema": '"string"'}, timeout=10).json()["id"]
    package = f"package_{uuid.uuid4().hex[:8]}"
    pull = [
        "pull",
        "--registry",
        dev.registry,
        "--subject",
        f"{numbers.topic}*",
        "--package",
        package,
        "--out",
        ".",
    ]
    assert app.run(pull) == 0, capsys.readouterr().err
    Path("kgen.toml").write_text(
        f'{Path("kgen.toml").read_text()}\n[topics.{numbers.topic}]\nkey = "string"\n'
    )
    assert app.run(["pull", "--out", "."]) == 0, capsys.readouterr().err
    capsys.readouterr()
    frame = b"\x00" + id_.to_bytes(4, "big")
    numbers.write(frame + b"\x04hi", frame + b"\x08hi", b"text", fingerprint=b"a" * 16)
    numbers.write(number(1), stage=b"process", fingerprint=b"b" * 16)
    numbers.write(number(1), topic=b"elsewhere", fingerprint=b"c" * 16)
    found = checked(capsys, numbers.letters)
    assert (found["pass"], found["fail"], found["unknown"], found["flow"]) == (1, 2, 2, None)
    reasons = {each["fingerprint"][0]: each["reason"] for each in found["groups"]}
    assert reasons["b"] == "only the flow can say: kgen dlq check TOPIC MODULE:FLOW"
    assert reasons["c"] == "no generated code for the topic elsewhere"


def test_what_the_flow_prints_is_not_the_answer(numbers: Numbers, capsys: pytest.CaptureFixture[str]) -> None:
    loud = FLOW.replace("    if number % 2:", '    print("handling", number)\n    if number % 2:')
    numbers.code(f'print("imported")\n{loud}')
    numbers.write(number(2))
    assert app.run(["dlq", "check", numbers.letters, f"{numbers.module}:flow", "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["pass"] == 1
    assert "imported" in err
    assert "handling 2" in err

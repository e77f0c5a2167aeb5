"""`rt.Retry` under kgen's runner: stops while messages wait, several workers and processes."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import pytest

from kgen_runtime import run
from kgen_runtime.stop import STOP

FLOW = """
    import os
    from datetime import timedelta
    from pathlib import Path

    from bytewax.dataflow import Dataflow
    import kgen_runtime as rt
    from kgen_runtime import testing
    from kgen_runtime.stop import STOP

    ORDERS = rt.Topic("orders", key=rt.StringSerde(), value=rt.StringSerde())
    OUT = rt.Topic("out", key=rt.StringSerde(), value=rt.StringSerde())
    COUNT = 400
    WAITS = {"0", "3", "101"}

    memory = testing.Memory({
        ORDERS: [
            rt.RawMessage(key=b"k%d" % (i % 20), value=b"%d" % i, topic="orders", partition=i % 20 % 4)
            for i in range(COUNT)
        ]
    })
    memory.ends = False
    seen = 0
    out = Path("out")

    def stops(value):
        # Asked to stop when all others have passed.
        global seen
        if value in WAITS:
            raise rt.RegistryUnavailable("out")
        seen += 1
        if seen == COUNT - 3 * 20:
            STOP.request()
        return value

    def build(ask, then, stop="never", backoff=timedelta(milliseconds=1)):
        flow = Dataflow("flow")
        read = rt.source("in", flow, ORDERS, memory, batch_size=7, stop=stop)
        asked = rt.map_value("ask", read.oks, ask)
        errs = rt.sink("out", asked.oks, OUT, memory)
        rt.route("errs", read.errs, asked.errs, errs, policy=rt.Retry(3, backoff, backoff, then=then))
        return rt.check(flow)

    def stopping():
        return build(stops, rt.DeadLetter("dlq", memory))

    def ending():
        return build(str, rt.DeadLetter("dlq", memory), "end")

    asked = set()

    def each_twice(value):
        # The first attempt at each third one fails.
        if int(value) % 3 == 0 and value not in asked:
            asked.add(value)
            raise TimeoutError
        with (out / f"{os.getpid()}").open("a") as file:
            file.write(value + "\\n")
        return value

    def retrying():
        out.mkdir(exist_ok=True)
        return build(each_twice, rt.Crash(), "end")
"""
RECOVERY = ("--recovery", "recovery", "--epoch-interval", "0.02")


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    name = f"flow_of_{request.node.name.partition('[')[0]}"
    (tmp_path / f"{name}.py").write_text(textwrap.dedent(FLOW))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return name


def numbers(kafka: Any, topic: str) -> list[int]:
    return [int(message.value or b"") for message in kafka.produced.get(topic, [])]


def test_a_stop_keeps_what_waits_for_the_next_run(module: str) -> None:
    assert run.main([f"{module}:stopping", *RECOVERY]) == 0
    loaded: Any = __import__(module)
    first = numbers(loaded.memory, "out")
    assert 340 <= len(first) <= 345  # not those of three keys
    assert not {0, 3, 101} & set(first)
    assert numbers(loaded.memory, "dlq") == []
    STOP.reset()
    assert run.main([f"{module}:ending", *RECOVERY]) == 0
    found = numbers(loaded.memory, "out")
    assert sorted(found) == list(range(400))
    for key in range(20):
        of_key = [number for number in found if number % 20 == key]
        assert of_key == sorted(of_key)


@pytest.mark.parametrize(
    "cluster", [("--workers", "3"), ("--processes", "2"), ("--processes", "2", "--workers", "2")]
)
def test_several_workers_and_processes_each_try_their_own(module: str, cluster: tuple[str, ...]) -> None:
    assert run.main([f"{module}:retrying", *RECOVERY, *cluster]) == 0
    found = [[int(line) for line in file.read_text().split()] for file in Path("out").iterdir()]
    assert sorted(number for each in found for number in each) == list(range(400))
    for each in found:
        for key in range(20):
            of_key = [number for number in each if number % 20 == key]
            assert of_key == sorted(of_key)

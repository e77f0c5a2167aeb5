"""File descriptors: the limit is raised as far as it may be, and a flow that does not fit is refused."""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from bytewax.dataflow import Dataflow

import kgen_runtime as rt
from kgen_runtime import testing
from kgen_runtime.runner import descriptors
from kgen_runtime.runner.descriptors import check_descriptors
from kgen_runtime.runner.shutdown import FAILED

Topic = rt.Topic[str, str]

FLOW = """
    from bytewax.dataflow import Dataflow
    import kgen_runtime as rt

    kafka = rt.Kafka("127.0.0.1:9")
    topics = [rt.Topic(name, key=rt.StringSerde(), value=rt.StringSerde()) for name in ("in", "out")]
    flow = Dataflow("flow")
    read = rt.source("in", flow, topics[0], kafka)
    errs = rt.sink("out", read.oks, topics[1], kafka, delivery="exactly-once")
    rt.route("errs", read.errs, errs, policy=rt.Crash())
"""
LIMIT = 150


def limited(code: list[str], soft: int, hard: int, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Python, with limits of open files."""
    return subprocess.run(
        [sys.executable, *code],
        cwd=cwd,
        env={**os.environ, "RUST_BACKTRACE": "0"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard)),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("size", [(), ("--workers", "2"), ("--processes", "2")], ids=str)
def test_a_flow_that_does_not_fit_is_refused_at_the_start_with_the_numbers(
    tmp_path: Path, size: tuple[str, ...]
) -> None:
    """Though there is not even a broker to wait for."""
    (tmp_path / "wide_flow.py").write_text(textwrap.dedent(FLOW))
    done = limited(["-m", "kgen_runtime.run", "wide_flow", *size], LIMIT, LIMIT, tmp_path)
    assert done.returncode == FAILED, done.stderr
    found = re.search(r"error: .* may need (\d+) open files .*the limit is 150", done.stderr)
    assert found is not None, done.stderr
    assert int(found[1]) > LIMIT
    assert f"hint: Raise the hard limit to {found[1]} or more (ulimit -Hn" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_soft_limit_is_raised_to_the_hard_one(tmp_path: Path) -> None:
    code = "from kgen_runtime.runner.descriptors import *; raise_limit(); print(resource.getrlimit(%d))"
    assert limited(["-c", code % resource.RLIMIT_NOFILE], 300, 5000, tmp_path).stdout == "(5000, 5000)\n"


def test_a_limit_that_cannot_be_raised_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on macOS, where an infinite hard limit is none that a process may have."""
    given: list[tuple[int, int]] = []

    def refuse_the_infinite(kind: int, limits: tuple[int, int]) -> None:
        if limits[0] == resource.RLIM_INFINITY:
            raise ValueError("invalid")
        given.append(limits)

    infinite = resource.RLIM_INFINITY
    monkeypatch.setattr(resource, "setrlimit", refuse_the_infinite)
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (256, infinite))
    descriptors.raise_limit()
    assert given == [(10_240, infinite)]
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (20_000, infinite))
    descriptors.raise_limit()
    assert given == [(10_240, infinite)]


class Cluster(testing.Memory):
    """A cluster of many brokers."""

    brokers_there = 1
    asked = 0

    def broker_count(self) -> int:
        self.asked += 1
        return self.brokers_there


def copying(kafka: rt.Kafka, orders: Topic, out: Topic) -> Dataflow:
    flow = Dataflow("flow")
    read = rt.source("in", flow, orders, kafka)
    rt.route("errs", read.errs, rt.sink("out", read.oks, out, kafka), policy=rt.Crash())
    return flow


def test_every_broker_counts(orders: Topic, out: Topic, monkeypatch: pytest.MonkeyPatch) -> None:
    kafka = Cluster({orders: []})
    flow = copying(kafka, orders, out)
    monkeypatch.setattr(descriptors, "_limit", lambda: 500)
    check_descriptors(flow, 1)
    kafka.brokers_there = 60
    with pytest.raises(rt.ConfigError, match="the limit is 500"):
        check_descriptors(flow, 1)


def test_every_worker_counts(orders: Topic, out: Topic, monkeypatch: pytest.MonkeyPatch) -> None:
    flow = copying(Cluster({orders: []}), orders, out)
    monkeypatch.setattr(descriptors, "_limit", lambda: 500)
    with pytest.raises(rt.ConfigError, match=r"with 40 worker\(s\)"):
        check_descriptors(flow, 40)


@pytest.mark.parametrize("limit", [None, 1 << 20])
def test_a_flow_that_fits_anyhow_asks_no_broker(
    orders: Topic, out: Topic, monkeypatch: pytest.MonkeyPatch, limit: int | None
) -> None:
    kafka = Cluster({orders: []})
    monkeypatch.setattr(descriptors, "_limit", lambda: limit)
    check_descriptors(copying(kafka, orders, out), 16)
    assert kafka.asked == 0

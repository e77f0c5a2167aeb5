"""The health endpoint: what it answers of real runs, and how it deals with its clients."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.kafka.processes import free_port
from tests.processes import ended

import kgen_runtime as rt
from kgen_runtime.reporting.progress import PROGRESS
from kgen_runtime.runner import arguments, health
from kgen_runtime.runner.health_endpoint import served

DEADLINE = 60.0

FLOWS = """
    import os, time
    from pathlib import Path
    from bytewax.dataflow import Dataflow
    import kgen_runtime as rt
    from kgen_runtime import testing

    ORDERS = rt.Topic("orders", key=rt.StringSerde(), value=rt.StringSerde())

    def build(kafka):
        flow = Dataflow("flow")
        read = rt.source("in", flow, ORDERS, kafka)
        rt.route("errs", read.errs, rt.sink("out", read.oks, ORDERS_OUT, kafka), policy=rt.Drop())
        return rt.check(flow)

    ORDERS_OUT = rt.Topic("out", key=rt.StringSerde(), value=rt.StringSerde())

    def endless():
        while not Path("go").exists():
            time.sleep(0.01)
        raws = [rt.RawMessage(key=b"k", value=b"v", topic="orders", partition=p) for p in (0, 1)]
        kafka = testing.Memory({ORDERS: raws})
        kafka.ends = False
        return build(kafka)

    def nobody():
        return build(rt.Kafka(os.environ["NOBODY"]))
"""


def asked(port: int, path: str, method: str = "GET") -> tuple[int, dict[str, Any]]:
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
    client.request(method, path)
    answer = client.getresponse()
    body = answer.read()
    client.close()
    return answer.status, json.loads(body or b"{}")


def until(port: int, path: str, status: int, fits: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Ask again and again, until it is so."""
    end, last = time.monotonic() + DEADLINE, ""
    while time.monotonic() < end:
        time.sleep(0.02)
        try:
            found, body = asked(port, path)
        except ConnectionError:
            continue  # it is not up yet
        last = f"{found} {body}"
        if found == status and fits(body):
            return body
    raise AssertionError(last)


@contextmanager
def run(folder: Path, flow: str, port: int, *args: str, **env: str) -> Iterator[subprocess.Popen[str]]:
    (folder / "health_flows.py").write_text(textwrap.dedent(FLOWS))
    process = subprocess.Popen(
        [sys.executable, "-m", "kgen_runtime.run", f"health_flows:{flow}", *args],
        cwd=folder,
        env={**os.environ, "KGEN_HEALTH": f"127.0.0.1:{port}", **env},
        stderr=subprocess.PIPE,
        text=True,
    )
    with ended(process, DEADLINE):
        yield process


@pytest.mark.parametrize("quiet", [(), ("--quiet",)])
def test_a_flow_is_ready_once_it_reads(tmp_path: Path, quiet: tuple[str, ...]) -> None:
    port = free_port()
    with run(tmp_path, "endless", port, *quiet, "--epoch-interval", "0.1") as process:
        before = until(port, "/readyz", 503, lambda body: body["alive"])
        assert before["waits_for"] == ["the flow to be loaded"]
        assert not before["started"]
        assert before["last_epoch"] is None
        (tmp_path / "go").touch()
        body = until(port, "/readyz", 200, lambda body: body["ready"])
        assert body["started"]
        assert body["reading"]
        assert body["waits_for"] == []
        until(port, "/readyz", 200, lambda body: body["lag"] == {"orders": 0})
        until(port, "/healthz", 200, lambda body: body["last_epoch"] is not None)
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 0


def test_without_brokers_it_is_alive_but_not_ready_and_says_what_it_waits_for(tmp_path: Path) -> None:
    port, nobody = free_port(), free_port()
    with run(tmp_path, "nobody", port, NOBODY=f"127.0.0.1:{nobody}"):
        until(port, "/readyz", 503, lambda body: any("broker" in whom for whom in body["waits_for"]))
        assert asked(port, "/healthz")[0] == 200


def test_each_process_of_a_local_cluster_answers_at_a_port_of_its_own(tmp_path: Path) -> None:
    port = free_port(in_a_row=2)
    (tmp_path / "go").touch()
    with run(tmp_path, "endless", port, "--processes", "2"):
        for each in (port, port + 1):
            until(each, "/readyz", 200, lambda body: body["ready"])


def test_a_port_that_is_taken_is_an_error_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with run(tmp_path, "nobody", taken.getsockname()[1]) as process:
            assert process.stderr is not None
            stderr = process.stderr.read()
            assert process.wait() == 2
    assert "cannot listen on 127.0.0.1:" in stderr
    assert "hint: Is the port taken" in stderr
    assert "Traceback" not in stderr


@pytest.mark.parametrize("address", ["8080", "localhost", "localhost:0", ":80", "a:70000"])
def test_an_address_without_a_port_is_wrong_usage(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        arguments.parse(["m:flow", "--health", address])
    assert "is not HOST:PORT" in capsys.readouterr().err


def test_there_is_a_port_for_each_process(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        arguments.parse(["m:flow", "--health", "localhost:65535", "--processes", "2"])
    assert "for each of 2 processes" in capsys.readouterr().err
    assert arguments.next_address("[::1]:80", 2) == "[::1]:82"


@pytest.fixture
def port() -> Iterator[int]:
    found = free_port()
    with health.RunHealth() as state, served(state, f"127.0.0.1:{found}"):
        state.running(reads=False)
        yield found


def test_a_step_that_hangs_is_dead_unless_it_is_known_what_it_waits_for(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    PROGRESS.move(1)
    assert asked(port, "/healthz")[0] == 200
    monkeypatch.setattr(health, "STALLED", -1.0)
    assert asked(port, "/healthz")[0] == 503
    with PROGRESS.waiting("somebody\x1b[31m"):
        status, body = asked(port, "/healthz")
    assert status == 200
    assert body["waits_for"] == ["somebody\\x1b[31m"]
    PROGRESS.rest(1)
    assert asked(port, "/healthz")[0] == 200


def test_a_wait_makes_it_unready_only_if_it_lasts(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with PROGRESS.waiting("the brokers"):
        assert asked(port, "/readyz")[0] == 200
        monkeypatch.setattr(health, "_MOMENT", 0.0)
        assert asked(port, "/readyz")[0] == 503
    assert asked(port, "/readyz")[0] == 200


def test_what_waits_is_bounded(port: int) -> None:
    for number in range(100):
        PROGRESS.wait(number, f"{number} " + "x" * 1_000)
    waits = asked(port, "/readyz")[1]["waits_for"]
    assert len(waits) == 21
    assert waits[-1] == "and 80 more"
    assert max(map(len, waits)) <= 210


def test_other_paths_and_methods(port: int) -> None:
    assert asked(port, "/readyz?verbose=1")[0] == 200
    assert asked(port, "/readyz", "HEAD") == (200, {})
    assert asked(port, "/metrics") == (404, {"paths": ["/healthz", "/readyz"]})
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
    client.request("POST", "/readyz")
    assert client.getresponse().status == 501
    client.close()


def test_clients_that_say_nothing_neither_pile_up_nor_keep_others_out(port: int) -> None:
    silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(20)]
    try:
        assert asked(port, "/readyz")[0] == 200
        for each in silent:  # those beyond the room at once, the others for their silence
            each.settimeout(DEADLINE)
            assert each.recv(10) == b""
        assert asked(port, "/readyz")[0] == 200
    finally:
        for each in silent:
            each.close()


def test_an_address_that_cannot_be_had() -> None:
    with pytest.raises(rt.ConfigError, match="cannot listen on"), served(health.RunHealth(), "192.0.2.1:80"):
        raise AssertionError

"""What a run of several processes says of an error: as much as one process, which Bytewax does not hide."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import bytewax.operators as op
import pytest
from bytewax.dataflow import Dataflow
from bytewax.run import cli_main
from bytewax.testing import TestingSink, TestingSource
from tests.kafka.processes import wait_for

import kgen_runtime as rt
from kgen_runtime import testing
from kgen_runtime.runner.error_report import NetworkError, headline, reraise_hidden_error
from kgen_runtime.runner.shutdown import FAILED

from .conftest import texts
from .test_rendezvous import addresses

FLOWS = """
    import time
    import bytewax.operators as op
    from bytewax.dataflow import Dataflow
    from bytewax.testing import TestingSink
    import kgen_runtime as rt
    from kgen_runtime import testing

    def topic(name):
        return rt.Topic(name, key=rt.StringSerde(), value=rt.StringSerde())

    def message(i):
        return rt.RawMessage(key=b"k", value=f"v{i}".encode(), topic="orders", partition=i % 4)

    def flow(act=lambda message: message, name="orders"):
        built = Dataflow("flow")
        kafka = testing.Memory({topic("orders"): [message(i) for i in range(40)]})
        read = rt.source("read", built, topic(name), kafka)
        op.output("out", op.map("act", read.oks, act), TestingSink([]))
        rt.route("errs", read.errs, policy=rt.Crash())
        return built

    def fail(message):
        if message.value == "v5":
            raise KeyError("what the user's code raised")
        return message

    def fails():
        return flow(fail)

    def fail_beside_others(message):
        fail(message)
        if message.partition != 1:
            time.sleep(100)
        return message

    def fails_beside_others():
        return flow(fail_beside_others)

    def absent():
        return flow(name="payments")

    def crash(value):
        raise ValueError("a poison value")

    def crashes():
        built = Dataflow("flow")
        read = rt.source("read", built, topic("orders"), testing.Memory({topic("orders"): [message(5)]}))
        done = rt.map_value("act", read.oks, crash)
        op.output("out", done.oks, TestingSink([]))
        rt.route("errs", read.errs, done.errs, policy=rt.Crash())
        return built

    def hidden():
        built = Dataflow("flow")
        read = rt.source("read", built, topic("orders"), testing.Memory({topic("orders"): [message(5)]}))
        op.output("out", op.stateful_map("act", read.oks, lambda state, it: (state, it)), TestingSink([]))
        rt.route("errs", read.errs, policy=rt.Crash())
        return built
"""


def said(folder: Path, flow: str, *args: str) -> str:
    """What a run that fails writes to stderr."""
    (folder / "failing_flow.py").write_text(textwrap.dedent(FLOWS))
    command = [sys.executable, "-m", "kgen_runtime.run", f"failing_flow:{flow}", *args]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == FAILED, done.stderr
    assert "PanicException" not in done.stderr
    return done.stderr


@pytest.mark.parametrize("processes", ["1", "2"])
def test_an_error_of_the_source_is_reported(tmp_path: Path, processes: str) -> None:
    text = said(tmp_path, "absent", "-p", processes)
    assert "error: the topic is not on the broker\n  at topic payments\n  hint: Is the name right?" in text
    assert "Traceback" not in text


@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_policy_that_stops_is_reported(tmp_path: Path, processes: str) -> None:
    text = said(tmp_path, "crashes", "-p", processes)
    at = "step flow.act, topic orders, partition 1, offset 0"
    assert re.search(
        rf"error: ValueError: a poison value\n  at failing_flow\.py:\d+, {at}\n  hint: rt\.DeadLetter", text
    )
    assert text.count("Traceback") == 1
    assert 'failing_flow.py", line' in text


@pytest.mark.parametrize("processes", ["1", "2"])
def test_an_error_of_a_step_is_reported_once(tmp_path: Path, processes: str) -> None:
    text = said(tmp_path, "fails", "-p", processes)
    assert "in fail\n" in text
    assert text.count('error: KeyError: "what the user\'s code raised"\n  at step flow.act') == 1
    assert text.count("Traceback") == 1


@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_position_in_another_topic_is_reported(tmp_path: Path, processes: str) -> None:
    """Bytewax panics of it."""
    other = rt.Topic("other", key=rt.StringSerde(), value=rt.StringSerde())
    flow = Dataflow("flow")
    read = rt.source("read", flow, other, testing.Memory({other: texts(3)}))
    rt.route("errs", read.errs, policy=rt.Crash())
    testing.run(flow, recovery=rt.Recovery(tmp_path / "r"))
    text = said(tmp_path, "flow", "-p", processes, "-r", str(tmp_path / "r"))
    assert "error: the recovery folder has positions in topic other, and the step now reads orders" in text
    assert "Traceback" not in text


def test_an_error_is_reported_though_another_worker_is_busy(tmp_path: Path) -> None:
    """Bytewax waits for it."""
    text = said(tmp_path, "fails_beside_others", "-p", "2", "-w", "2")
    assert "at step flow.act" in text


def test_an_error_that_bytewax_keeps_to_itself_is_reported_as_one(tmp_path: Path) -> None:
    text = said(tmp_path, "hidden", "-p", "2")
    assert text.count("error: the cluster failed and no process reported a cause\n  hint: ") == 1
    assert "Traceback" not in text


def test_the_other_processes_get_what_is_reported_of_an_error() -> None:
    """Not the library's error below it."""
    error = RuntimeError("in a step")
    error.__cause__ = rt.SourceError("the topic is gone", hint="Where is it?")
    error.__cause__.__cause__ = OSError("KafkaError{code=_FATAL}")
    assert headline(error) == "the topic is gone"
    assert headline(RuntimeError("in a step")) == "RuntimeError: in a step"


def test_what_something_else_says_at_a_port_of_the_cluster_is_an_error_without_a_traceback() -> None:
    flow = Dataflow("flow")
    op.output("out", op.input("read", flow, TestingSource([1])), TestingSink([]))
    given = addresses(2).split(";")
    place = ("127.0.0.1", int(given[0].rpartition(":")[2]))

    def stranger() -> None:
        connection = wait_for(lambda: socket.create_connection(place, 5), "Bytewax to listen")
        connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
        connection.close()

    thread = threading.Thread(target=stranger)
    thread.start()
    with pytest.raises(NetworkError, match="received incorrect timely handshake"), reraise_hidden_error(None):
        cli_main(flow, process_id=0, addresses=given)
    thread.join()

"""In a cluster of several hosts: how a process learns that another one is gone, and what it does then."""

from __future__ import annotations

import signal
import socket
import struct
import sys
import textwrap
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest
from tests.kafka.processes import spawn, tail, wait_for

from kgen_runtime.errors import KgenError
from kgen_runtime.reporting.progress import PROGRESS
from kgen_runtime.runner import peer_connections, peer_link, peer_watch
from kgen_runtime.runner.error_report import CutOffError
from kgen_runtime.runner.peer_connections import VISIBLE, ConnectionState, find_connections
from kgen_runtime.runner.peer_link import SILENCE, PeerLink
from kgen_runtime.runner.peer_watch import PeerWatch, run_together
from kgen_runtime.runner.shutdown import FAILED, DrainedExit
from kgen_runtime.stop import STOP

from .conftest import RecordedActions
from .test_rendezvous import FIRST, LONG, addresses

ADDRESSES = "127.0.0.1:1;127.0.0.1:2;127.0.0.1:3"


class Star:
    """Process 0 with links to two others, at whose ends the test is."""

    def __init__(self, stack: ExitStack) -> None:
        self.ends: dict[int, PeerLink] = {}
        self.left: SimpleQueue[KgenError] = SimpleQueue()
        links = {}
        for process in (1, 2):
            ours, theirs = socket.socketpair()
            links[process] = PeerLink(ours, process)
            self.ends[process] = PeerLink(theirs)
            stack.callback(ours.close)
            stack.callback(theirs.close)
        identity = replace(FIRST, addresses=ADDRESSES)
        self.watch = PeerWatch(identity, links, self.left.put)
        stack.callback(self.watch.stop)
        self.watch.start()

    def loss(self) -> str:
        """The first line of what process 0 leaves with."""
        return self.left.get(timeout=LONG).what

    def relayed(self, process: int) -> dict[str, Any]:
        """What the other process got, other than beats."""
        return (
            wait_for(
                lambda: next((it for it in self.ends[process].messages() if "left" in it), None), "a message"
            )
            or {}
        )


@pytest.fixture
def star(monkeypatch: pytest.MonkeyPatch) -> Iterator[Star]:
    monkeypatch.setattr(peer_watch, "_GRACE", 0.05)
    PROGRESS.begin(None)
    with ExitStack() as stack:
        yield Star(stack)
    PROGRESS.finish()


def test_the_end_of_a_link_is_the_death_of_its_process_and_all_learn_it(star: Star) -> None:
    star.ends[1].close()
    assert star.loss() == "process 1 at 127.0.0.1:2 has died or left: its log may say why"
    assert star.relayed(2) == {"left": 1, "why": "has died or left: its log may say why"}


def test_a_process_says_why_it_leaves(star: Star) -> None:
    star.ends[2].send({"left": 2, "why": "has failed: ValueError: \x1b[31mred"})
    assert star.loss() == "process 2 at 127.0.0.1:3 has failed: ValueError: \\x1b[31mred"
    assert star.relayed(1)["left"] == 2


def test_a_process_that_was_asked_to_stop_has_not_died(star: Star) -> None:
    star.ends[1].send({"stop": "begun", "why": "was asked to stop"})
    star.ends[1].close()
    assert star.loss() == "process 1 at 127.0.0.1:2 was asked to stop"
    assert star.relayed(2)["why"] == "was asked to stop"


def drain() -> None:
    """This process is asked to stop, and all that it read gets durable."""
    STOP.list()
    STOP.join("a partition")
    STOP.request()
    STOP.leave("a partition")


def test_all_leave_together_once_all_have_drained(star: Star, runner: RecordedActions) -> None:
    star.ends[1].send({"stop": "drained"})
    drain()
    star.ends[2].send({"stop": "drained"})
    wait_for(lambda: "leave" in runner.reports, "process 0 to leave")
    for end in star.ends.values():
        said = [each["stop"] for each in end.messages() if "stop" in each]
        assert said == ["begun", "drained", "leave"]
        end.close()
    star.watch._thread.join(LONG)
    assert star.left.empty()


def test_once_all_is_durable_the_end_of_another_is_a_clean_stop(star: Star, runner: RecordedActions) -> None:
    """It did not wait any longer, or gave up."""
    drain()
    star.ends[1].close()
    wait_for(lambda: "leave" in runner.reports, "process 0 to leave")
    star.watch._thread.join(LONG)
    assert star.left.empty()


def test_nor_if_bytewax_is_the_first_to_notice(
    runner: RecordedActions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peer_watch, "_GRACE", 0.05)
    monkeypatch.setattr(peer_watch, "meet", lambda identity, folder: {})
    drain()
    with pytest.raises(DrainedExit), run_together(replace(FIRST, addresses="127.0.0.1:1"), None):
        raise CutOffError


def test_why_a_process_stops_is_said(runner: RecordedActions) -> None:
    STOP.list()
    STOP.join("a partition")
    assert STOP.fail(KgenError("too much failed"))
    assert peer_watch._why_stopping() == "has stopped: too much failed"


def test_one_whose_part_is_done_is_not_lost(star: Star) -> None:
    star.ends[1].send({"left": 1, "why": ""})
    star.ends[1].close()
    star.ends[2].send({"left": 2, "why": "has failed: it"})
    assert star.loss().startswith("process 2 at")


@pytest.mark.parametrize(
    "message", [{"left": 2, "why": "x"}, {"left": 0, "why": "x"}, {"left": 9, "why": "x"}, {"left": "1"}, {}]
)
def test_a_process_speaks_for_itself_alone(star: Star, message: dict[str, Any]) -> None:
    star.ends[1].send(message)
    star.ends[1].send({"left": 1, "why": "is the one"})
    assert star.loss() == "process 1 at 127.0.0.1:2 is the one"


@pytest.mark.skipif(not VISIBLE, reason="that a process listens is seen on Linux")
def test_processes_of_one_machine_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer_connections, "_MOMENT", LONG)
    with ExitStack() as stack:
        first = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        second = stack.enter_context(socket.socket())
        second.bind(("127.0.0.1", 0))
        ports = [each.getsockname()[1] for each in (first, second)]
        peer_connections.wait_for_local(ports[:1])
        thread = threading.Thread(target=peer_connections.wait_for_local, args=(ports,))
        thread.start()
        thread.join(0.1)
        assert thread.is_alive()
        second.listen()
        thread.join(LONG)
        assert not thread.is_alive()
    monkeypatch.setattr(peer_connections, "_MOMENT", 0.05)
    peer_connections.wait_for_local([1])


def test_what_came_with_the_last_message_of_the_rendezvous_is_read(star: Star) -> None:
    with ExitStack() as stack:
        ours, theirs = socket.socketpair()
        stack.callback(ours.close)
        stack.callback(theirs.close)
        theirs.sendall(b'{"begin": true}\n{"left": 0, "why": "has failed: it"}\n')
        link = PeerLink(ours, 0)
        assert next(link.messages()) == {"begin": True}
        watch = PeerWatch(replace(FIRST, process=1, addresses=ADDRESSES), {0: link}, star.left.put)
        stack.callback(watch.stop)
        watch.start()
        assert star.loss() == "process 0 at 127.0.0.1:1 has failed: it"


def test_whom_another_one_cannot_reach_is_said(star: Star) -> None:
    why = "has left: process 2 at 127.0.0.1:3 cannot be reached"
    star.ends[1].send({"left": 1, "why": why, "lost": 2})
    assert star.loss() == f"process 1 at 127.0.0.1:2 {why}"
    assert star.relayed(2) == {"left": 1, "why": why}


def test_one_that_nobody_can_reach_is_the_one_that_is_lost(
    star: Star, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peer_watch, "_MISSED", -1.0)
    star.ends[1].send({"left": 1, "why": "has left", "lost": 2})
    assert star.loss().startswith("process 2 at 127.0.0.1:3 cannot be reached")


@pytest.mark.skipif(not VISIBLE, reason="that a process listens is seen on Linux")
def test_a_process_begins_when_those_that_it_connects_to_listen(star: Star) -> None:
    """Of one that is not process 0 it hears through that."""
    with ExitStack() as stack:
        ours, theirs = socket.socketpair()
        end = PeerLink(theirs)
        stack.callback(ours.close)
        stack.callback(theirs.close)
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        own = f"127.0.0.1:1;127.0.0.1:2;127.0.0.1:{listener.getsockname()[1]}"
        watch = PeerWatch(replace(FIRST, process=2, addresses=own), {0: PeerLink(ours, 0)}, star.left.put)
        stack.callback(watch.stop)
        watch.start()
        end.send({"listens": "1"})
        end.send({"listens": 1})
        wait_for(lambda: {"listens": 2} in end.messages(), "it to say that it listens")
        assert not watch._turn.is_set()
        end.send({"listens": 0})
        assert watch._turn.wait(LONG)
        watch.wait_for_turn()
    star.ends[1].send({"listens": 2})
    star.ends[1].send({"listens": 1})
    said = wait_for(lambda: next((it for it in star.ends[2].messages() if "listens" in it), None), "it")
    assert said == {"listens": 1}


def test_what_is_not_understood_is_an_end(star: Star) -> None:
    star.ends[1]._connection.send(b"\xff\n")
    assert "sent what is not understood" in star.loss()


def test_the_reason_of_a_panic_is_waited_for(star: Star) -> None:
    star.ends[1].send({"left": 1, "why": "was asked to stop"})
    wait_for(lambda: str(star.watch.cause()).startswith("process 1 at 127.0.0.1:2 was asked"), "the reason")


def test_without_a_reason_there_is_the_old_error(star: Star) -> None:
    assert isinstance(star.watch.cause(), CutOffError)


def test_if_bytewax_is_the_first_to_notice_the_process_that_gives_no_sign_is_the_reason(
    star: Star, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peer_watch, "_MISSED", -1.0)
    assert str(star.watch.cause()).startswith("process 1 at 127.0.0.1:2 cannot be reached")


def test_one_that_gives_no_sign_is_reported_and_then_lost(
    star: Star, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peer_watch, "_QUIET", 0.3)
    star.ends[2].send({"beat": 2})
    said = "process 1 at 127.0.0.1:2, which gives no sign"
    wait_for(lambda: said in [wait.whom for wait in PROGRESS.waits()], "the wait to be said")
    monkeypatch.setattr(peer_watch, "_DEAD", 0.4)
    assert "has given no sign for" in star.loss()


@pytest.mark.skipif(not VISIBLE, reason="Bytewax's connections are found on Linux")
def test_connections_are_found_guarded_and_known_when_they_break() -> None:
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        place = listener.getsockname()
        theirs = [stack.enter_context(socket.create_connection(place)) for _ in range(3)]
        ours = [stack.enter_context(listener.accept()[0]) for _ in theirs]
        link = ours[2].getsockname(), ours[2].getpeername()
        mine = {each.fileno() for each in ours[:2]}
        found = [it for _, it in find_connections(place[1], {}, {link}) if mine & set(it.files)]
        assert sorted(it.place[1] for it in found) == sorted(each.getpeername() for each in ours[:2])
        for each in ours[:2]:
            timeout = each.getsockopt(socket.IPPROTO_TCP, getattr(socket, "TCP_USER_TIMEOUT"))  # noqa: B009
            assert timeout == SILENCE * 1000
            assert each.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert {it.state() for it in found} == {ConnectionState.WHOLE}
        theirs[0].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        theirs[0].close()  # breaks it off
        by_file = {file: it for it in found for file in it.files}
        first, second = by_file[ours[0].fileno()], by_file[ours[1].fileno()]
        wait_for(lambda: first.state() is ConnectionState.BROKEN, "the break to be seen")
        ours[1].close()
        assert second.state() is ConnectionState.ENDED
        targets = {place[:2]: 5}
        assert 5 in [process for process, _ in find_connections(1, targets, set())]


@pytest.mark.skipif(not VISIBLE, reason="Bytewax's connections are found on Linux")
def test_a_stranger_in_the_place_of_a_process_is_not_taken_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says nothing, and Bytewax waits for it without end."""
    monkeypatch.setattr(peer_watch, "_CONNECT_TIME", 0.3)
    monkeypatch.setattr(peer_watch, "_GRACE", 0.05)
    left: SimpleQueue[KgenError] = SimpleQueue()
    with ExitStack() as stack:
        bytewax = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        stack.enter_context(socket.create_connection(bytewax.getsockname()))
        stack.enter_context(bytewax.accept()[0])
        given = f"127.0.0.1:{bytewax.getsockname()[1]};10.213.0.1:2101"
        watch = PeerWatch(replace(FIRST, addresses=given), {}, left.put)
        stack.callback(watch.stop)
        watch.start()
        assert left.get(timeout=LONG).what == (
            "Bytewax has not connected all processes in 0.3 s; from 127.0.0.1, which is not in --addresses, "
            "somebody is connected"
        )


@pytest.mark.skipif(not VISIBLE, reason="Linux alone gives such a connection up")
def test_a_process_that_takes_nothing_is_given_up_once_more_is_sent_than_the_connection_holds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Frozen: its kernel still answers. What it has not read is megabytes."""
    monkeypatch.setattr(peer_link, "SILENCE", 3.0)
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        ours = stack.enter_context(socket.create_connection(listener.getsockname()))
        stack.enter_context(listener.accept()[0])
        peer_link.guard(ours)
        ours.setblocking(False)

        def given_up() -> bool:
            try:
                ours.send(b"x" * (1 << 16))
            except BlockingIOError:
                return False
            except TimeoutError:
                return True
            return False

        wait_for(given_up, "the kernel to give it up", seconds=LONG)


FLOW = """
    import time
    import bytewax.operators as op
    from bytewax.dataflow import Dataflow
    from bytewax.testing import TestingSink
    import kgen_runtime as rt
    from kgen_runtime import testing

    topic = rt.Topic("orders", key=rt.StringSerde(), value=rt.StringSerde())
    messages = [rt.RawMessage(key=b"k", value=b"v", topic="orders", partition=i) for i in range(4)]

    def act(message):
        print("acts", flush=True)
        time.sleep(1_000)
        return message

    flow = Dataflow("flow")
    read = rt.source("read", flow, topic, testing.Memory({topic: messages}), stop="never")
    op.output("out", op.map("act", read.oks, act), TestingSink([]))
    rt.route("errs", read.errs, policy=rt.Crash())
"""


class Pair:
    """Two processes of one cluster, on addresses of this machine."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        (folder / "pair_flow.py").write_text(textwrap.dedent(FLOW))
        self.addresses = addresses(2)
        command = [sys.executable, "-m", "kgen_runtime.run", "pair_flow", "--log-level", "DEBUG"]
        command += ["-a", self.addresses, "-i"]
        self.logs = [folder / f"{process}.log" for process in (0, 1)]
        self.runs = []
        for process, log in enumerate(self.logs):
            self.runs.append(spawn([*command, str(process)], log, cwd=folder))
            stack.callback(self.runs[-1].wait)
            stack.callback(self.runs[-1].kill)

    def tails(self) -> str:
        return "\n".join(map(tail, self.logs))

    def wait_for_log(self, process: int, text: str) -> None:
        """Until it is in the log of the process."""
        log = self.logs[process]
        wait_for(lambda: log.exists() and text in log.read_text(), text, explain=self.tails)


@pytest.mark.parametrize("victim", [0, 1])
def test_the_death_of_a_process_ends_the_other_though_a_step_hangs(tmp_path: Path, victim: int) -> None:
    with ExitStack() as stack:
        pair = Pair(tmp_path, stack)
        other = 1 - victim
        pair.wait_for_log(other, "acts")
        if VISIBLE:
            pair.wait_for_log(other, "connected to 1 other process")
        pair.runs[victim].send_signal(signal.SIGKILL)
        assert pair.runs[other].wait(LONG) == FAILED, pair.tails()
        said = pair.logs[other].read_text()
        address = pair.addresses.split(";")[victim]
        assert f"error: process {victim} at {address} has died or left" in said
        assert "Traceback" not in said

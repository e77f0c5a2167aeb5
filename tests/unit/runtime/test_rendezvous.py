"""The processes of a cluster meet before they run: who is refused, who is waited for, what strangers send."""

from __future__ import annotations

import json
import re
import socket
import sys
import textwrap
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.kafka.processes import free_addresses, spawn, tail, wait_for

from kgen_runtime.errors import ConfigError
from kgen_runtime.reporting.progress import PROGRESS
from kgen_runtime.runner import arguments, rendezvous
from kgen_runtime.runner.peer_identity import PeerIdentity, refusal
from kgen_runtime.runner.peer_link import MOST, PeerLink
from kgen_runtime.runner.rendezvous import meet
from kgen_runtime.runner.shutdown import FAILED

LONG = 120.0
FIRST = PeerIdentity(
    process=0,
    addresses="a:1;b:1;c:1",
    flow="streams.flows.orders:flow",
    workers=1,
    epoch=10.0,
    host="a",
    kernel="k1",
    versions={"kgen": "1", "Bytewax": "0.21.1", "Python": "3.12"},
    steps={"orders.in": "reads orders", "orders.join": "stateful_batch"},
    modules={"streams": "00", "streams.flows.orders": "11"},
    recovery=True,
    mark="m",
    stored=True,
    latest=[],
)
OTHER = replace(FIRST, process=1, host="b", kernel="k2", mark="", stored=False)


def addresses(count: int) -> str:
    return ";".join(free_addresses(count))


class Meeting:
    """Processes of one cluster, each a thread here."""

    def __init__(self, count: int, pool: ThreadPoolExecutor) -> None:
        self.addresses = addresses(count)
        self._pool = pool
        self.links: list[PeerLink] = []

    def come(self, process: int, patience: float = LONG, **changes: Any) -> Future[dict[int, PeerLink]]:
        known = OTHER if process else FIRST
        identity = replace(known, process=process, addresses=self.addresses, **changes)

        def joined() -> dict[int, PeerLink]:
            links = meet(identity, None, patience)
            self.links += links.values()
            return links

        return self._pool.submit(joined)

    def place(self, process: int = 0) -> tuple[str, int]:
        host, _, port = self.addresses.split(";")[process].rpartition(":")
        return host, int(port)

    def stranger(self) -> socket.socket:
        """Connected to process 0, which has to listen."""
        return wait_for(lambda: socket.create_connection(self.place(), 5), "process 0 to listen")


@pytest.fixture
def meeting() -> Any:
    with ThreadPoolExecutor(8) as pool:
        made: list[Meeting] = []

        def make(count: int) -> Meeting:
            made.append(Meeting(count, pool))
            return made[-1]

        yield make
    for each in made:
        for link in each.links:
            link.close()


Make = Callable[[int], Meeting]


def test_all_meet_in_any_order_and_the_port_is_free_again(meeting: Make) -> None:
    cluster = meeting(3)
    second, first, third = (cluster.come(process) for process in (1, 0, 2))
    assert sorted(first.result(LONG)) == [1, 2]
    assert list(second.result(LONG)) == list(third.result(LONG)) == [0]
    with socket.create_server(cluster.place()):  # as Bytewax does next, with the links still open
        assert first.result()[2].send({"beat": 0})
        link = third.result()[0]
        assert wait_for(lambda: list(link.messages()), "a message") == [{"beat": 0}]


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"versions": {**FIRST.versions, "Python": "3.11"}}, "it has Python 3.11, process 0 has 3.12"),
        ({"versions": {}}, "it has kgen none, process 0 has 1"),
        ({"addresses": "a:1;x:1;c:1"}, "it was started with --addresses 'a:1;x:1;c:1', process 0 with"),
        ({"flow": "streams.flows.payments:flow"}, "it runs streams.flows.payments:flow, process 0 runs"),
        (
            {"steps": {"orders.in": "reads orders_v2", "orders.window": "stateful_batch"}},
            "step orders.join is only in process 0; step orders.window is not in process 0; step orders.in "
            "differs",
        ),
        ({"modules": {**FIRST.modules, "streams.flows.orders": "12"}}, "module streams.flows.orders differs"),
        ({"workers": 2}, "it has --workers 2, process 0 has 1"),
        ({"recovery": False}, "process 0 has a recovery folder, process 1 has none"),
        ({"epoch": 5.0}, "it has epochs of 5 s, process 0 of 10 s"),
        (
            {"mark": "m", "stored": True},
            "its recovery folder is that of process 0, which is on another machine",
        ),
        ({"mark": "of an earlier run", "stored": True}, "its recovery folder has state, and is not that of"),
    ],
)
def test_what_differs_is_refused_by_name(changes: dict[str, Any], what: str) -> None:
    why = refusal(FIRST, replace(OTHER, **changes))
    assert why is not None
    assert what in why.what
    assert why.hint


@pytest.mark.parametrize(
    "changes", [{}, {"mark": "m", "stored": True, "kernel": "k1"}], ids=["own", "shared"]
)
def test_a_folder_of_its_own_or_one_that_is_shared_on_a_machine_is_taken(changes: dict[str, Any]) -> None:
    assert refusal(FIRST, replace(OTHER, **changes)) is None


def test_many_steps_that_differ_are_counted() -> None:
    why = refusal(FIRST, replace(OTHER, steps={**FIRST.steps, **{f"s{i}": "map" for i in range(9)}}))
    assert why is not None
    assert "step s0, s1, s2 (and 6 more) is not in process 0" in why.what


def test_the_newest_message_is_found_in_a_shared_folder_alone() -> None:
    first = replace(FIRST, latest=["orders.in"])
    why = refusal(first, OTHER)
    assert why is not None
    assert "step orders.in begins at the newest message" in why.what
    assert refusal(first, replace(OTHER, mark="m", kernel="k1")) is None
    assert refusal(replace(first, recovery=False), replace(OTHER, recovery=False)) is None


def test_one_that_is_refused_learns_why_and_the_right_one_may_still_come(meeting: Make) -> None:
    cluster = meeting(2)
    first = cluster.come(0)
    with pytest.raises(ConfigError, match=r"module streams\.flows\.orders differs") as caught:
        cluster.come(1, modules={**FIRST.modules, "streams.flows.orders": "x"}).result(LONG)
    assert "process 0 refused this process, 1" in caught.value.what
    assert caught.value.where == f"process 0 at {cluster.addresses.split(';')[0]}"
    cluster.come(1).result(LONG)
    assert list(first.result(LONG)) == [1]


def test_of_two_with_one_process_id_the_second_is_refused(meeting: Make) -> None:
    cluster = meeting(3)
    first = cluster.come(0)
    with cluster.stranger() as one:
        one.sendall(json.dumps(replace(OTHER, addresses=cluster.addresses).as_json()).encode() + b"\n")
        assert b"waits_for" in one.recv(1000)
        with pytest.raises(ConfigError, match="there is a process 1 already"):
            cluster.come(1).result(LONG)
    cluster.come(1)  # the first of them has left again
    cluster.come(2)
    assert sorted(first.result(LONG)) == [1, 2]


def test_who_does_not_come_is_named_in_time(meeting: Make) -> None:
    cluster = meeting(3)
    cluster.come(1)
    with pytest.raises(ConfigError, match=r"waited for process 2 at 127\.0\.0\.1:") as caught:
        cluster.come(0, patience=3).result(LONG)
    assert caught.value.hint is not None
    with pytest.raises(
        ConfigError, match=r"waited for process 0 at 127.0.0.1:\d+ \(nothing listens there yet"
    ):
        cluster.come(2, patience=0.5).result(LONG)
    cluster.come(0), cluster.come(2)  # for the first one to end


def test_what_is_waited_for_is_reported_by_all(meeting: Make) -> None:
    cluster = meeting(3)
    PROGRESS.begin(None)
    try:
        second = cluster.come(1)
        missing = cluster.addresses.split(";")
        wait_for(lambda: any("nothing listens there yet" in it.whom for it in PROGRESS.waits()), "the first")
        first = cluster.come(0)
        wait_for(lambda: [it.whom for it in PROGRESS.waits()] == [f"process 2 at {missing[2]}"], "the third")
        cluster.come(2).result(LONG)
        first.result(LONG), second.result(LONG)
        assert PROGRESS.waits() == []
    finally:
        PROGRESS.finish()


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x00\x01\x02\xff\n",
        b"[" * 100_000 + b"\n",
        b"1" * (MOST + 2),
        b"{}\n",
        json.dumps({**OTHER.as_json(), "process": 7}).encode() + b"\n",
        json.dumps({**OTHER.as_json(), "process": -1}).encode() + b"\n",
        json.dumps({**OTHER.as_json(), "steps": {"a": 1}}).encode() + b"\n",
        json.dumps({**OTHER.as_json(), "epoch": 10**400}).encode() + b"\n",
        json.dumps({**OTHER.as_json(), "host": "\x1b[31m" * 50}).encode() + b"\n",
        b"",
    ],
)
def test_strangers_are_not_let_in_and_stop_nobody(
    meeting: Make, sent: bytes, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(rendezvous, "_HELLO_TIME", 0.5)
    cluster = meeting(2)
    first = cluster.come(0)
    with cluster.stranger() as stranger:
        try:
            stranger.sendall(sent)
            stranger.settimeout(LONG)
            while answer := stranger.recv(1 << 16):
                assert b"begin" not in answer
        except ConnectionError:
            pass  # cut off
        assert not first.done()
    cluster.come(1).result(LONG)
    assert list(first.result(LONG)) == [1]
    assert "\x1b" not in caplog.text


def test_more_strangers_than_there_is_room_for_stop_nobody(
    meeting: Make, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One is closed for another as what it has sent arrives. The log does not grow with them."""
    monkeypatch.setattr(rendezvous, "_MOST_SAID", 1)
    cluster = meeting(2)
    first = cluster.come(0)
    cluster.stranger().close()
    monkeypatch.setattr(rendezvous, "_MOST_STRANGERS", 1)
    with ExitStack() as stack:
        for _ in range(30):
            stack.enter_context(socket.create_connection(cluster.place(), LONG)).sendall(
                b"GET / HTTP/1.1\r\n"
            )
        cluster.come(1).result(LONG)
    assert list(first.result(LONG)) == [1]
    assert len(caplog.records) <= 2


@given(st.data())
def test_only_identities_are_read_as_such(data: st.DataObject) -> None:
    given_ = OTHER.as_json()
    name = data.draw(st.sampled_from(sorted(given_)))
    value = data.draw(
        st.none()
        | st.floats()
        | st.integers()
        | st.text()
        | st.lists(st.text() | st.integers(), max_size=3)
        | st.dictionaries(st.text(), st.text() | st.none(), max_size=3)
    )
    try:
        read = PeerIdentity.from_json({**given_, name: value})
    except ValueError:
        return
    assert type(getattr(read, name)) in (type(given_[name]), int)
    refusal(FIRST, read)


def test_names_that_are_not_known_yet_are_waited_for(meeting: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = meeting(2)
    known = threading.Event()
    resolve = socket.getaddrinfo

    def late(host: str, *args: Any, **kwargs: Any) -> Any:
        if host == "flow-1.flows" and not known.is_set():
            raise socket.gaierror(-2, "Name or service not known")
        return resolve("127.0.0.1" if host == "flow-1.flows" else host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", late)
    cluster.addresses = cluster.addresses.replace(";127.0.0.1", ";flow-1.flows")
    PROGRESS.begin(None)
    try:
        first, second = cluster.come(0), cluster.come(1)
        wait_for(
            lambda: any("its name is not known yet" in it.whom for it in PROGRESS.waits()),
            "the wait to be said",
        )
        known.set()
        first.result(LONG), second.result(LONG)
    finally:
        PROGRESS.finish()


def test_an_address_that_is_given_twice_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        arguments.parse(["flow", "-i", "0", "-a", "a:1;b:1;a:1"])
    assert "--addresses has a:1 twice, for processes 0 and 2" in capsys.readouterr().err


@pytest.mark.parametrize("health", ["a:2101", "0.0.0.0:2101", "[::]:2101"])
def test_the_health_endpoint_has_another_port(health: str, capsys: pytest.CaptureFixture[str]) -> None:
    place = ["flow", "-i", "1", "-a", "b:1;a:2101"]
    with pytest.raises(SystemExit):
        arguments.parse([*place, "--health", health])
    assert f"--health {health} has the port on which the other processes reach this one, a:2101" in (
        capsys.readouterr().err
    )
    assert arguments.parse([*place, "--health", "127.0.0.1:2101"]).health == "127.0.0.1:2101"


@pytest.mark.parametrize("given", ["a:1,b:1", "a:1, b:1", "a:1;b", "http://a:1;b:1", "a :1", ""])
def test_what_is_not_addresses_is_refused_and_not_waited_for(
    given: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        arguments.parse(["flow", "-i", "0", "-a", given])
    assert "which is not HOST:PORT; separate several with ';'" in capsys.readouterr().err


def test_two_names_of_one_address_are_refused(meeting: Make) -> None:
    cluster = meeting(1)
    port = cluster.place()[1]
    cluster.addresses = f"127.0.0.1:{port};localhost:{port}"
    with pytest.raises(ConfigError, match="processes 0 and 1 have one address"):
        cluster.come(0).result(LONG)


@pytest.mark.parametrize(
    ("addresses", "process", "warned"),
    [
        ("127.0.1.1:2101;10.0.0.2:2101", 0, True),
        ("10.0.0.1:2101;127.0.1.1:2101;10.0.0.3:2101", 1, True),
        ("10.0.0.1:2101;127.0.1.1:2101", 1, False),  # to the last one nobody connects
        ("127.0.0.1:2101;[::1]:2102", 0, False),
        ("10.0.0.1:2101;10.0.0.2:2101", 0, False),
    ],
)
def test_a_name_that_leads_to_this_machine_alone_is_warned_of(
    caplog: pytest.LogCaptureFixture, addresses: str, process: int, warned: bool
) -> None:
    rendezvous._warn_of_loopback(process, addresses.split(";"))
    assert ("127.0.1.1:2101, this process's address, is 127.0.1.1 here" in caplog.text) == warned


FLOW = """
    import bytewax.operators as op
    from bytewax.dataflow import Dataflow
    from bytewax.testing import TestingSink
    import kgen_runtime as rt
    from kgen_runtime import testing

    topic = rt.Topic("orders", key=rt.StringSerde(), value=rt.StringSerde())
    flow = Dataflow("flow")
    read = rt.source("read", flow, topic, testing.Memory({{topic: []}}))
    op.output("{step}", read.oks, TestingSink([]))
    rt.route("errs", read.errs, policy=rt.Crash())
"""


def test_two_versions_of_a_flow_do_not_run_together(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "kgen_runtime.run", "two_versions", "-a", addresses(2), "-i"]
    logs = [tmp_path / "first.log", tmp_path / "second.log"]
    with ExitStack() as stack:
        runs = []
        for process, step in enumerate(("out", "out_too")):
            folder = tmp_path / step
            folder.mkdir()
            (folder / "two_versions.py").write_text(textwrap.dedent(FLOW.format(step=step)))
            runs.append(spawn([*command, str(process)], logs[process], cwd=folder))
            stack.callback(runs[-1].kill)
        assert runs[1].wait(LONG) == FAILED, tail(logs[1])
        said = logs[1].read_text()
        assert "step flow.out is only in process 0; step flow.out_too is not in process 0" in said
        assert "Traceback" not in said
        assert runs[0].poll() is None
        runs[0].terminate()
        assert runs[0].wait(LONG) == 0, tail(logs[0])
        assert re.search(
            "process 1 on .* was refused: it has another version of the flow", logs[0].read_text()
        )

"""The control channel of a local cluster: both directions, and what can go wrong with it."""

from __future__ import annotations

import itertools
import os
import socket
import struct
import subprocess
import sys
import threading
from argparse import ArgumentTypeError
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgen_runtime.runner import control_channel
from kgen_runtime.runner.control_channel import (
    MOST,
    ChannelClosedError,
    ClusterEnd,
    Command,
    ControlChannel,
    ControlChannelError,
    ProcessEnd,
    ProcessReport,
    inherited,
    open_channel,
)


class Pair:
    """Both ends of a channel, in one process."""

    def __init__(self) -> None:
        self.cluster: ClusterEnd
        self.cluster, inheritance = open_channel()
        self.process: ProcessEnd = inherited(str(os.dup(int(inheritance.argument))))
        inheritance.close()

    def close(self) -> None:
        self.cluster.close()
        self.process.close()


@pytest.fixture
def pair() -> Iterator[Pair]:
    made = Pair()
    yield made
    made.close()


class Raw:
    """A reports' channel whose other end sends any bytes."""

    def __init__(self) -> None:
        self.other, end = socket.socketpair()
        self.channel: ClusterEnd = ControlChannel(end, ProcessReport, 0.0)

    def __enter__(self) -> Raw:
        return self

    def __exit__(self, *_: object) -> None:
        self.other.close()
        self.channel.close()


@pytest.fixture
def raw() -> Iterator[Raw]:
    with Raw() as made:
        yield made


def until_closed(channel: ControlChannel[Any, Any]) -> list[Any]:
    found = []
    try:
        for message in channel.messages():
            found.append(message)
    except ChannelClosedError:
        return found
    pytest.fail(f"the channel is open, and brought {found}")


def test_commands_go_one_way_and_reports_the_other(pair: Pair) -> None:
    for command in Command:
        assert pair.cluster.send(command)
    for report in ProcessReport:
        assert pair.process.send(report, f"why: {report.name} ☂")
    assert list(pair.cluster.messages()) == [(r, f"why: {r.name} ☂") for r in ProcessReport]
    assert list(pair.cluster.messages()) == []
    pair.cluster.close()
    assert until_closed(pair.process) == [(command, "") for command in Command]


@pytest.mark.parametrize("messages", [Command, ProcessReport])
def test_a_message_is_one_byte_of_its_own(messages: type[Enum]) -> None:
    assert len({each.value for each in messages}) == len(messages)
    assert all(len(each.value) == 1 for each in messages)


def test_no_message_of_one_direction_is_one_of_the_other() -> None:
    assert not {each.value for each in Command} & {each.value for each in ProcessReport}


@given(
    st.lists(st.tuples(st.sampled_from(ProcessReport), st.text(max_size=20)), max_size=5),
    st.lists(st.integers(0, 200), max_size=8),
)
def test_messages_are_whole_however_they_are_cut(
    sent: list[tuple[ProcessReport, str]], cuts: list[int]
) -> None:
    data = b"".join(kind.value + struct.pack(">I", len(text.encode())) + text.encode() for kind, text in sent)
    bounds = sorted({0, len(data), *(min(cut, len(data)) for cut in cuts)})
    with Raw() as raw:
        found = []
        for begin, end in itertools.pairwise(bounds):
            raw.other.sendall(data[begin:end])
            found += list(raw.channel.messages())
    assert found == sent


def test_a_byte_that_is_unknown_is_an_error_after_what_came_before(raw: Raw) -> None:
    raw.other.sendall(ProcessReport.DRAINED.value + bytes(4) + b"?" + bytes(4))
    messages = raw.channel.messages()
    assert next(messages) == (ProcessReport.DRAINED, "")
    with pytest.raises(ControlChannelError, match="brought b'\\?', which is unknown"):
        next(messages)


def test_a_command_is_not_a_report(raw: Raw) -> None:
    raw.other.sendall(Command.STOP.value + bytes(4))
    with pytest.raises(ControlChannelError, match="unknown"):
        list(raw.channel.messages())


def test_a_text_without_bound_is_not_waited_for(raw: Raw) -> None:
    raw.other.sendall(ProcessReport.ERROR.value + struct.pack(">I", MOST + 1))
    with pytest.raises(ControlChannelError, match=f"announced {MOST + 1} bytes of ERROR"):
        list(raw.channel.messages())


@pytest.mark.parametrize("length", range(1, 9))
def test_a_message_that_was_not_finished_is_none(raw: Raw, length: int) -> None:
    """Of a process that was killed in it."""
    whole = ProcessReport.ERROR.value + struct.pack(">I", 4) + b"text"
    raw.other.sendall(ProcessReport.STOPPING.value + bytes(4) + whole[:length])
    assert list(raw.channel.messages()) == [(ProcessReport.STOPPING, "")]
    raw.other.close()
    assert until_closed(raw.channel) == []


def test_what_was_sent_before_an_end_was_closed_is_read(pair: Pair) -> None:
    """Though that end has left something unread itself."""
    pair.cluster.send(Command.STOP)
    pair.process.send(ProcessReport.STOPPING)
    pair.process.close()
    assert until_closed(pair.cluster) == [(ProcessReport.STOPPING, "")]
    assert until_closed(pair.cluster) == []


def test_nothing_can_be_sent_to_an_end_that_is_closed(pair: Pair) -> None:
    pair.cluster.close()
    assert not pair.process.send(ProcessReport.DRAINED)
    assert not pair.process.send(ProcessReport.DRAINED)


def test_an_end_that_does_not_read_is_not_waited_for_without_bound(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And gets nothing more: it has part of a message."""
    pair.process._end.settimeout(0.05)
    while pair.process.send(ProcessReport.ERROR, "x" * MOST):
        pass
    list(pair.cluster.messages())
    assert not pair.process.send(ProcessReport.DRAINED)


def test_a_text_that_is_too_long_is_not_sent(pair: Pair) -> None:
    assert not pair.process.send(ProcessReport.ERROR, "☂" * (MOST // 2))
    assert pair.process.send(ProcessReport.DRAINED)
    assert list(pair.cluster.messages()) == [(ProcessReport.DRAINED, "")]


def test_a_lone_surrogate_does_not_stop_an_error(pair: Pair) -> None:
    assert pair.process.send(ProcessReport.ERROR, "a\ud800b")
    assert list(pair.cluster.messages()) == [(ProcessReport.ERROR, "a\\ud800b")]


def test_threads_send_whole_messages(pair: Pair) -> None:
    texts = [str(number) * 5_000 for number in range(8)]
    threads = [threading.Thread(target=pair.process.send, args=(ProcessReport.ERROR, text)) for text in texts]
    for thread in threads:
        thread.start()
    found: list[str] = []
    while len(found) < len(texts):
        found += [text for _, text in pair.cluster.messages()]
    for thread in threads:
        thread.join()
    assert sorted(found) == texts


CHILD = """
import os, sys
from kgen_runtime.runner.control_channel import ChannelClosedError, ProcessReport, inherited
channel = inherited(sys.argv[1])
assert not os.get_inheritable(int(sys.argv[1]))
try:
    while True:
        for command, _ in channel.messages():
            channel.send(ProcessReport.ERROR, command.name)
except ChannelClosedError:
    sys.exit(7)
"""


def test_a_process_inherits_its_end_and_no_other_and_notices_that_the_first_is_closed() -> None:
    """The death of a process closes what it had open."""
    channels = [open_channel() for _ in range(2)]
    processes = []
    for _, inheritance in channels:
        command = [sys.executable, "-c", CHILD, inheritance.argument]
        processes.append(subprocess.Popen(command, **inheritance.options))
        inheritance.close()
    for (ours, _), process in zip(channels, processes):
        ours.send(Command.LEAVE)
        found: list[Any] = []
        while not found:
            assert process.poll() is None
            found += ours.messages()
        assert found == [(ProcessReport.ERROR, "LEAVE")]
    for (ours, _), process in zip(channels, processes):
        ours.close()
        assert process.wait(30) == 7


@pytest.mark.parametrize("argument", ["", "x", "-1", "99999", "file"])
def test_what_is_not_a_channel_is_refused(argument: str) -> None:
    with Path(os.devnull).open() as file, pytest.raises(ArgumentTypeError, match="is not a control channel"):
        inherited(str(file.fileno()) if argument == "file" else argument)


def test_the_protocol_is_drawn_whole() -> None:
    text = control_channel.__doc__ or ""
    for message in (*Command, *ProcessReport):
        arrow = "▶" if isinstance(message, Command) else "◀"
        assert any(arrow in line and f" {message.name} " in line for line in text.splitlines()), message

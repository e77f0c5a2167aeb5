"""`kgen dlq replay`, on the local broker, which has transactions but does not hide what was aborted."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.integration import letters

from kgen.cli import app
from kgen.dev.topics import create, read

if TYPE_CHECKING:
    from kgen.dev import Dev
    from kgen_runtime.messages import RawMessage

pytestmark = pytest.mark.broker


class Topics:
    """Of one test: the dead letters, their original topic, another one, and the quarantine."""

    def __init__(self, dev: Dev) -> None:
        self.brokers = dev.brokers
        self.orders = f"orders-{uuid.uuid4().hex[:8]}"
        self.letters = f"{self.orders}.dlq"
        self.other = f"{self.orders}.other"
        self.quarantine = f"{self.letters}.quarantine"
        create(dev.brokers, {self.orders: 2, self.letters: 2, self.other: 1})

    def write(self, sent: list[letters.Sent]) -> None:
        letters.write(self.brokers, self.letters, sent, 2)

    def kgen(self, offset: int, **changed: bytes | None) -> letters.Headers:
        return letters.kgen(offset, **{"topic": self.orders.encode(), **changed})

    def sent(self, topic: str | None = None) -> list[RawMessage]:
        return read(self.brokers, topic or self.orders)


@pytest.fixture
def topics(dev: Dev, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Topics:
    monkeypatch.setenv("KGEN_BROKERS", dev.brokers)
    monkeypatch.chdir(tmp_path)
    return Topics(dev)


def replay(capsys: pytest.CaptureFixture[str], topic: str, *arguments: str) -> Any:
    code = app.run(["dlq", "replay", topic, *arguments, "--json"])
    out, err = capsys.readouterr()
    assert code == 0, err
    return json.loads(out)


def numbers(messages: list[RawMessage]) -> Counter[bytes | None]:
    return Counter(message.value for message in messages)


def test_originals_come_back_as_they_were(topics: Topics, capsys: pytest.CaptureFixture[str]) -> None:
    topics.write([(b"\xff\x00", b"", topics.kgen(1)), (None, None, topics.kgen(2, partition=b"0"))])
    found = replay(capsys, topics.letters)
    assert found == {
        "version": 1,
        "topic": topics.letters,
        "to": None,
        "name": "",
        "dry_run": False,
        "read": 2,
        "matched": 2,
        "sent": {topics.orders: 2},
        "quarantined": 0,
        "impossible": {},
        "quarantine": topics.quarantine,
        "earlier": 0,
        "skipped": {},
        "complete": True,
    }
    sent = topics.sent()
    assert {(raw.partition, raw.key, raw.value) for raw in sent} == {(1, b"\xff\x00", b""), (0, None, None)}
    for raw in sent:
        own, count, history = raw.headers
        assert own == letters.OWN
        assert count == ("__kgen.replay.count", b"1")
        assert history[0] == "__kgen.replay.history"
        assert history[1] is not None
        assert history[1].startswith(b"0123456789abcdef@1")
        assert raw.timestamp == letters.TIME


def test_a_second_replay_sends_what_is_new(topics: Topics, capsys: pytest.CaptureFixture[str]) -> None:
    topics.write([(b"k", b"%d" % n, topics.kgen(n)) for n in range(10)])
    assert replay(capsys, topics.letters)["sent"] == {topics.orders: 10}
    assert replay(capsys, topics.letters)["sent"] == {}
    topics.write([(b"k", b"new", topics.kgen(11))])
    assert replay(capsys, topics.letters)["sent"] == {topics.orders: 1}
    assert replay(capsys, topics.letters, "--name", "again")["sent"] == {topics.orders: 11}
    assert replay(capsys, topics.letters, "--to", topics.other)["sent"] == {topics.other: 11}
    assert numbers(topics.sent()) == {b"new": 2} | {b"%d" % n: 2 for n in range(10)}
    assert numbers(topics.sent(topics.other)) == {b"new": 1} | {b"%d" % n: 1 for n in range(10)}


def test_a_dry_run_sends_nothing(topics: Topics, capsys: pytest.CaptureFixture[str]) -> None:
    topics.write([(b"k", b"%d" % n, topics.kgen(n)) for n in range(10)])
    for _ in range(2):
        found = replay(capsys, topics.letters, "--dry-run", "--limit", "7")
        assert found["sent"] == {topics.orders: 7}
        assert not found["complete"]
    assert topics.sent() == []
    assert app.run(["dlq", "replay", topics.letters, "--dry-run"]) == 0
    assert f"+ 10 would be sent to {topics.orders}" in capsys.readouterr().out


def test_a_limit_and_then_the_rest(topics: Topics, capsys: pytest.CaptureFixture[str]) -> None:
    topics.write([(b"k", b"%d" % n, topics.kgen(n)) for n in range(300)])
    found = [replay(capsys, topics.letters, "--limit", "130") for _ in range(3)]
    assert [each["sent"][topics.orders] for each in found] == [130, 130, 40]
    assert [each["complete"] for each in found] == [False, False, True]
    assert numbers(topics.sent()) == {b"%d" % n: 1 for n in range(300)}


def test_a_replay_with_a_filter_goes_on_where_it_ended(
    topics: Topics, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each by itself, on a broker that keeps no metadata; what was sent without a filter is known."""
    kinds = [b"%016x" % (n % 3) for n in range(90)]
    topics.write([(b"k", b"%d" % n, topics.kgen(n, fingerprint=kind)) for n, kind in enumerate(kinds)])
    one = ("--fingerprint", "0000000000000001")
    assert replay(capsys, topics.letters, *one, "--limit", "10")["sent"] == {topics.orders: 10}
    assert replay(capsys, topics.letters, *one, "--dry-run")["sent"] == {topics.orders: 20}
    assert replay(capsys, topics.letters, *one)["sent"] == {topics.orders: 20}
    assert replay(capsys, topics.letters, *one)["sent"] == {}
    assert numbers(topics.sent()) == {b"%d" % n: 1 for n in range(90) if n % 3 == 1}
    assert replay(capsys, topics.letters, "--name", "all")["sent"] == {topics.orders: 90}
    assert replay(capsys, topics.letters, "--name", "all", *one)["sent"] == {}


def test_after_some_rounds_letters_go_to_the_quarantine(
    topics: Topics, capsys: pytest.CaptureFixture[str]
) -> None:
    """A flow that fails for ever writes the letter again, with the headers that a replay gave it."""
    original = topics.kgen(1)
    topics.write([(b"k", b"bad", original)])
    for round_ in (1, 2, 3):
        assert replay(capsys, topics.letters, "--rounds", "3")["sent"] == {topics.orders: 1}
        back = topics.sent()[-1]
        assert dict(back.headers)["__kgen.replay.count"] == b"%d" % round_
        again = [*back.headers, *topics.kgen(round_ + 1)[1:]]
        topics.write([(back.key, back.value, again)])
    found = replay(capsys, topics.letters, "--rounds", "3")
    assert found["sent"] == {}
    assert found["quarantined"] == 1
    (kept,) = topics.sent(topics.quarantine)
    assert (kept.key, kept.value) == (b"k", b"bad")
    assert kept.headers == tuple(again)
    history = dict(kept.headers)["__kgen.replay.history"]
    assert history is not None
    assert len(history.split(b",")) == 3
    assert len(topics.sent()) == 3


@pytest.mark.parametrize("system", letters.FOREIGN)
def test_letters_of_other_systems(system: str, topics: Topics, capsys: pytest.CaptureFixture[str]) -> None:
    topics.write([(b"k", b"v", letters.FOREIGN[system](topics.orders))])
    assert replay(capsys, topics.letters)["sent"] == {topics.orders: 1}
    (back,) = topics.sent()
    assert [name for name, _ in back.headers] == ["trace", "__kgen.replay.count", "__kgen.replay.history"]
    assert (back.key, back.value) == (b"k", b"v")


def test_letters_that_say_no_topic(topics: Topics, capsys: pytest.CaptureFixture[str]) -> None:
    topics.write(
        [(b"k", b"v", []), (b"k", b"w", letters.connect(topics.letters)), (None, b"x", topics.kgen(1))]
    )
    found = replay(capsys, topics.letters)
    assert found["sent"] == {topics.orders: 1}
    assert found["skipped"] == {"no original topic": 1, "the original topic is this one": 1}
    assert replay(capsys, topics.letters, "--to", topics.other)["sent"] == {topics.other: 3}
    capsys.readouterr()
    assert app.run(["dlq", "replay", topics.letters, "--name", "text"]) == 0
    out = capsys.readouterr().out
    assert "- 1 skipped: no original topic (--to TOPIC sends them)" in out


def test_targets_that_are_not_there(topics: Topics, capsys: pytest.CaptureFixture[str]) -> None:
    topics.write(
        [(b"k", b"v", topics.kgen(1)), (b"k", b"w", letters.kgen(2, topic=b"gone", fingerprint=b"f" * 16))]
    )
    assert replay(capsys, topics.letters, "--fingerprint", f"!{'f' * 16}")["sent"] == {topics.orders: 1}
    assert app.run(["dlq", "replay", topics.letters, "--to", f"no.{topics.orders}"]) == 2
    assert f"at topic no.{topics.orders}, for the letter at" in capsys.readouterr().err
    assert app.run(["dlq", "replay", topics.letters, "--to", topics.letters]) == 2
    assert "would go to the topic they are read from" in capsys.readouterr().err
    assert app.run(["dlq", "replay", f"no.{topics.letters}"]) == 2
    assert "the topic is not on the broker" in capsys.readouterr().err


def test_a_rate_commits_as_it_goes(topics: Topics, capsys: pytest.CaptureFixture[str]) -> None:
    topics.write([(b"k", b"%d" % n, topics.kgen(n)) for n in range(20)])
    assert replay(capsys, topics.letters, "--rate", "100")["sent"] == {topics.orders: 20}
    assert len(topics.sent()) == 20


@pytest.mark.parametrize(
    "arguments", [["--rate", "0"], ["--limit", "0"], ["--rounds", "0"], ["--name", "a/b"]]
)
def test_wrong_arguments(arguments: list[str], topics: Topics, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["dlq", "replay", topics.letters, *arguments]) == 2
    assert capsys.readouterr().err.startswith("error: ")


def test_a_letter_to_an_impossible_topic_does_not_stop_the_others(
    topics: Topics, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = f"{topics.orders}.gone"
    topics.write([(b"k", b"a", topics.kgen(1)), (b"k", b"b", topics.kgen(2, topic=gone.encode()))])
    topics.write([(b"k", b"c", topics.kgen(3, topic=b"no/topic\x1b[2J")), (b"k", b"d", topics.kgen(4))])
    assert app.run(["dlq", "replay", topics.letters, "--dry-run"]) == 1
    assert f"! 1 would be put into {topics.quarantine}: " in capsys.readouterr().out
    assert app.run(["dlq", "replay", topics.letters, "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["sent"], found["quarantined"], found["complete"]) == ({topics.orders: 2}, 2, True)
    assert found["impossible"][f"the topic to send to is not on the broker: {gone}"] == 1
    assert sum(found["impossible"].values()) == 2
    assert numbers(topics.sent()) == {b"a": 1, b"d": 1}
    kept = {raw.value: dict(raw.headers) for raw in topics.sent(topics.quarantine)}
    assert set(kept) == {b"b", b"c"}
    assert kept[b"b"]["__kgen.error.topic"] == gone.encode()  # as it stood
    assert replay(capsys, topics.letters)["read"] == 0
    create(topics.brokers, {gone: 1})
    assert app.run(["dlq", "replay", topics.quarantine, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["sent"] == {gone: 1}

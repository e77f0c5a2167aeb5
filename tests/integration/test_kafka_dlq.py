"""`kgen dlq replay` on Apache Kafka: each letter once, through kills, beside another replay, and with no more
rights than it needs.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition
from tests.integration import letters
from tests.kafka.broker import KafkaBroker, KafkaCluster
from tests.kafka.clients import QUIET, account, create_topic, read_all
from tests.kafka.fixtures import AnyBroker, NewTopic
from tests.kafka.processes import spawn, tail, wait_for
from tests.kafka.proxy import Proxy
from tests.kafka.rights import ADA, GUARDED, allow

from kgen.cli import app

pytestmark = [pytest.mark.kafka, pytest.mark.needs("transactions")]

KILLS = 10
TOTAL = 12_000
RATE = 2_000


def command(brokers: str, topic: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "kgen", "dlq", "replay", topic, "--brokers", brokers, "--json", *arguments]


def replay(capsys: pytest.CaptureFixture[str], brokers: str, topic: str, *arguments: str) -> Any:
    code = app.run(["dlq", "replay", topic, "--brokers", brokers, *arguments, "--json"])
    out, err = capsys.readouterr()
    assert code == 0, err
    return json.loads(out)


def own(topic: str, number: int, **changed: bytes) -> letters.Headers:
    return letters.kgen(number, **{"topic": topic.encode(), **changed})


def topics(new_topic: NewTopic) -> tuple[str, str]:
    """An original topic and its dead letters, which keep what is old: letters have the originals' times."""
    return new_topic("orders", 3, retention_ms=-1), new_topic("dlq", 2, retention_ms=-1)


@pytest.fixture
def ends(kafka: AnyBroker) -> Iterator[Callable[[str], int]]:
    """How many records the partitions of a topic have had, those of open transactions among them."""
    consumer = Consumer(
        {
            "bootstrap.servers": kafka.bootstrap,
            "group.id": "ends",
            "isolation.level": "read_uncommitted",
            **QUIET,
        }
    )

    def total(topic: str) -> int:
        numbers = consumer.list_topics(topic, timeout=10).topics[topic].partitions
        return sum(consumer.get_watermark_offsets(TopicPartition(topic, n), timeout=10)[1] for n in numbers)

    yield total
    consumer.close()


@pytest.mark.slow
def test_a_replay_is_killed_ten_times(
    kafka: AnyBroker, new_topic: NewTopic, ends: Callable[[str], int], tmp_path: Path
) -> None:
    target, topic = topics(new_topic)
    written: list[letters.Sent] = [(b"%d" % n, b"v", own(target, n)) for n in range(TOTAL)]
    letters.write(kafka.bootstrap, topic, written, 2)
    rng = random.Random(13)
    log = tmp_path / "replay.log"
    for _ in range(KILLS):
        running = spawn(command(kafka.bootstrap, topic, "--rate", str(RATE)), log)
        more = ends(target) + rng.randrange(1, 2 * RATE)
        ended = lambda: running.poll() is not None  # noqa: B023, E731
        wait_for(lambda: ended() or ends(target) >= more, "some more letters", explain=lambda: tail(log))  # noqa: B023
        running.kill()
        running.wait()
    last = subprocess.run(command(kafka.bootstrap, topic), capture_output=True, text=True, timeout=120)
    assert last.returncode == 0, last.stderr
    found = account(range(TOTAL), read_all(kafka.bootstrap, target))
    assert (found.lost, found.repeated) == ([], {})
    again = subprocess.run(command(kafka.bootstrap, topic), capture_output=True, text=True, timeout=120)
    assert json.loads(again.stdout)["sent"] == {}


def test_two_replays_at_once(
    kafka: AnyBroker, new_topic: NewTopic, ends: Callable[[str], int], tmp_path: Path
) -> None:
    """The second takes over; the first says so, and both together send each letter once."""
    target, topic = topics(new_topic)
    written: list[letters.Sent] = [(b"%d" % n, b"v", own(target, n)) for n in range(6_000)]
    letters.write(kafka.bootstrap, topic, written, 2)
    log = tmp_path / "first.log"
    first = spawn(command(kafka.bootstrap, topic, "--rate", "500"), log)
    wait_for(
        lambda: ends(target) > 100 or first.poll() is not None, "the first replay", explain=lambda: tail(log)
    )
    second = subprocess.run(command(kafka.bootstrap, topic), capture_output=True, text=True, timeout=120)
    assert second.returncode == 0, second.stderr
    assert first.wait(120) == 2
    said = log.read_text()
    assert "error: another replay of this topic to this target has taken over" in said, said
    assert "hint: What this one has committed stays sent" in said
    found = account(range(6_000), read_all(kafka.bootstrap, target))
    assert (found.lost, found.repeated) == ([], {})


@pytest.mark.needs("offset metadata")
def test_replays_with_different_filters_send_each_letter_once(
    kafka: AnyBroker, new_topic: NewTopic, capsys: pytest.CaptureFixture[str]
) -> None:
    target, topic = topics(new_topic)
    written: list[letters.Sent] = []
    for n in range(90):
        headers = own(target, n, fingerprint=b"%016x" % (n % 3), stage=b"process" if n % 2 else b"decode")
        written.append((b"key-%d" % (n % 5), b"%d" % n, headers))
    letters.write(kafka.bootstrap, topic, written, 2)

    def sent(*arguments: str) -> tuple[int, int]:
        found = replay(capsys, kafka.bootstrap, topic, *arguments)
        return found["sent"].get(target, 0), found["earlier"]

    one = ("--fingerprint", "0000000000000001")
    assert sent(*one, "--limit", "10") == (10, 0)
    assert sent(*one, "--dry-run") == (20, 0)
    assert sent(*one) == (20, 0)
    assert sent("--stage", "process", "--limit", "20")[0] == 20
    assert sent("--key", "key-0", "--since", "2026-01-01")[1] >= 6
    everything = sent()
    assert everything[1] > 0
    assert sent("--stage", "process") == sent("--until", "2030-01-01") == sent(*one) == (0, 0)
    values = Counter(message.value() for message in read_all(kafka.bootstrap, target))
    assert values == {b"%d" % n: 1 for n in range(90)}


def test_a_topic_that_takes_less_than_a_letter_has(
    kafka: AnyBroker, new_topic: NewTopic, capsys: pytest.CaptureFixture[str]
) -> None:
    """Small ones go there in batches that it takes, a large one to the quarantine."""
    target, topic = (
        new_topic("orders", 1, max_message_bytes=5_000, retention_ms=-1),
        new_topic("dlq", retention_ms=-1),
    )
    written: list[letters.Sent] = [(b"%d" % n, b"x" * 2_000, own(target, n)) for n in range(50)]
    letters.write(kafka.bootstrap, topic, written)
    assert replay(capsys, kafka.bootstrap, topic)["sent"] == {target: 50}
    letters.write(
        kafka.bootstrap, topic, [(b"50", b"x" * 6_000, own(target, 50)), (b"51", b"", own(target, 51))]
    )
    again = ["dlq", "replay", topic, "--brokers", kafka.bootstrap]
    assert app.run([*again, "--to", target, "--key", "50"]) == 2
    err = capsys.readouterr().err
    assert "topic " + target + " takes 5,000 (max.message.bytes)" in err
    assert "at the letter at 0:50" in err
    assert "--fingerprint '!0123456789abcdef'" in err
    assert app.run([*again, "--json"]) == 1
    totals = json.loads(capsys.readouterr().out)
    assert (totals["sent"], totals["quarantined"]) == ({target: 1}, 1)
    assert totals["impossible"] == {f"larger than the topic takes: {target}": 1}
    found = account(range(50), [m for m in read_all(kafka.bootstrap, target) if m.value()])
    assert (found.lost, found.repeated) == ([], {})


def test_a_topic_that_keeps_messages_for_less_time_than_letters_are_old(
    kafka: AnyBroker, new_topic: NewTopic, capsys: pytest.CaptureFixture[str]
) -> None:
    target, topic = new_topic("orders", retention_ms=86_400_000), new_topic("dlq", retention_ms=-1)
    letters.write(kafka.bootstrap, topic, [(b"k", b"v", own(target, n, partition=b"0")) for n in range(3)])
    assert app.run(["dlq", "replay", topic, "--brokers", kafka.bootstrap]) == 0
    err = capsys.readouterr().err
    assert err.count(f"warning: topic {target} keeps messages for 1 days (retention.ms)") == 1


@pytest.fixture
def guarded(kafka_here: None, tmp_path: Path) -> Iterator[KafkaBroker]:
    with KafkaCluster(tmp_path, settings=GUARDED) as cluster:
        broker = cluster.brokers[0]
        with Proxy(broker.proxied_port, broker.behind):
            for topic in ("orders", "dlq"):
                create_topic(broker.bootstrap, topic, retention_ms=-1)
            yield broker


def test_the_least_rights(
    guarded: KafkaBroker, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each right that lacks is named; no password is."""
    letters.write(guarded.bootstrap, "dlq", [(b"k", b"v", own("orders", 1, partition=b"0"))])
    monkeypatch.setenv("KGEN_BROKERS", guarded.proxied)
    for name, value in ADA.items():
        monkeypatch.setenv(f"KGEN_KAFKA_{name.upper().replace('.', '_')}", value)

    def refused(text: str) -> None:
        def found() -> bool:
            code = app.run(["dlq", "replay", "dlq"])
            err = capsys.readouterr().err
            assert '"pw"' not in err
            assert code in (0, 2)
            seen.append(err)
            return text in err if text else code == 0

        seen: list[str] = []
        wait_for(found, text or "all rights", seconds=60, explain=lambda: seen[-1])

    refused("error: the broker refuses to let it be read")
    allow(guarded.bootstrap, "TOPIC", "dlq", "READ")
    refused("Transactional Id authorization failed")
    allow(guarded.bootstrap, "TRANSACTIONAL_ID", "kgen.replay/", "WRITE", prefix=True)
    refused("Group authorization failed")
    allow(guarded.bootstrap, "GROUP", "kgen.replay/", "READ", prefix=True)
    refused("the broker does not show the topic to send to")
    allow(guarded.bootstrap, "TOPIC", "orders", "DESCRIBE")
    refused("error: the user may not write to the topic")
    allow(guarded.bootstrap, "TOPIC", "orders", "WRITE")
    refused("")
    assert [message.value() for message in read_all(guarded.bootstrap, "orders")] == [b"v"]

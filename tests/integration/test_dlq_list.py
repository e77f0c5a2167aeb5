"""`kgen dlq list`, on the local broker."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.integration import letters

from kgen.cli import app
from kgen.dev.topics import create
from kgen.dlq import letters as reading
from kgen.dlq.letter_filter import LetterFilter
from kgen_runtime.kafka.connection import Kafka

if TYPE_CHECKING:
    from kgen.dev import Dev

pytestmark = pytest.mark.broker


@pytest.fixture
def topic(dev: Dev, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    monkeypatch.setenv("KGEN_BROKERS", dev.brokers)
    monkeypatch.chdir(tmp_path)
    name = f"orders-{uuid.uuid4().hex[:8]}.dlq"
    create(dev.brokers, {name: 2})
    return name


def listed(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    assert app.run(["dlq", "list", *arguments, "--json"]) == 0, capsys.readouterr().err
    return json.loads(capsys.readouterr().out)


def test_the_json_form(dev: Dev, topic: str, capsys: pytest.CaptureFixture[str]) -> None:
    letters.write(dev.brokers, topic, [(b"k", b"v", letters.kgen(offset=n)) for n in range(3)], 2)
    found = listed(capsys, topic)
    sample = found["groups"][0].pop("sample")
    assert sample["offset"] == 0
    assert sample["partition"] in (0, 1)
    assert found == {
        "version": 1,
        "topic": topic,
        "partitions": 2,
        "letters": 3,
        "matched": 3,
        "fingerprints": 1,
        "ungrouped": 0,
        "groups": [
            {
                "fingerprint": "0123456789abcdef",
                "count": 3,
                "first": letters.TIME + 1_000,
                "last": letters.TIME + 1_000,
                "stage": "decode",
                "schema_id": 12,
                "class": "kgen_runtime.errors.DecodeError",
                "reason": "negative length",
                "topic": "orders",
                "step": "orders.orders",
                "place": "flows/orders.py:12",
                "path": "lines[3].price",
                "profile": "kgen",
            }
        ],
    }


def test_letters_of_every_system_and_of_none(
    dev: Dev, topic: str, capsys: pytest.CaptureFixture[str]
) -> None:
    sent: list[letters.Sent] = [(b"k", b"v", make("orders")) for make in letters.FOREIGN.values()]
    sent += [(b"k", b"v", letters.kgen()), (None, None, []), (b"\xff", b"", [("mine", None)])]
    letters.write(dev.brokers, topic, sent, 2)
    found = listed(capsys, topic)
    assert found["matched"] == 7
    profiles = {group["profile"]: group["count"] for group in found["groups"]}
    assert profiles == {"connect": 1, "streams": 1, "spring": 1, "confluent": 1, "kgen": 1, None: 2}
    assert {group["topic"] for group in found["groups"] if group["profile"]} == {"orders"}


def test_filters_and_counts(dev: Dev, topic: str, capsys: pytest.CaptureFixture[str]) -> None:
    sent: list[letters.Sent] = []
    for number in range(40):
        kind = b"%016x" % (number % 4)
        seen = b"%d" % (letters.TIME + 1_000 * number)
        own = letters.kgen(
            number,
            fingerprint=kind,
            stage=b"decode" if number % 4 else b"process",
            first_seen=seen,
            **{"class": b"shop.Odd" if number % 4 == 3 else b"shop.Even"},
        )
        sent.append((b"key-%d" % (number % 2), b"v", own))
    letters.write(dev.brokers, topic, sent, 2)

    def counts(*arguments: str) -> dict[str, int]:
        groups = listed(capsys, topic, *arguments)["groups"]
        return {group["fingerprint"][-1]: group["count"] for group in groups}

    assert counts() == {"0": 10, "1": 10, "2": 10, "3": 10}
    assert counts("-n", "2") == {"0": 10, "1": 10}
    assert counts("--stage", "process") == {"0": 10}
    assert counts("--stage", "!process", "-f", f"{2:016x}") == {"2": 10}
    assert counts("--class", "Odd") == counts("--class", "!shop.Even") == {"3": 10}
    assert counts("--class", "odd") == {}
    assert counts("--key", "key-0") == {"0": 10, "2": 10}
    assert counts("--key", "0x6b65792d31") == {"1": 10, "3": 10}
    assert counts("--since", "2026-01-01T00:00:36Z") == {"0": 1, "1": 1, "2": 1, "3": 1}
    assert counts("--until", "2026-01-01T00:00:04Z", "--stage", "decode") == {"1": 1, "2": 1, "3": 1}


def test_what_people_see(dev: Dev, topic: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["dlq", "list", topic]) == 0
    assert capsys.readouterr().out == f"no dead letters in {topic}\n"
    bad = letters.kgen(
        message=b"\x1b[2Jcleared\nthe screen", topic=b"a\x07b", fingerprint=b"00aa00aa00aa00aa"
    )
    letters.write(dev.brokers, topic, [(b"k", b"v", bad)])
    assert app.run(["dlq", "list", topic]) == 0
    out = capsys.readouterr().out
    assert f"1 dead letter of 1 fingerprint in {topic}" in out
    assert "00aa00aa00aa00aa          1  decode" in out
    assert "DecodeError: \\x1b[2Jcleared the screen" in out
    assert "schema 12, topic a\\x07b, field lines[3].price" in out
    assert "\x1b" not in out
    assert app.run(["dlq", "list", topic, "--stage", "process"]) == 0
    assert capsys.readouterr().out == f"no dead letters in {topic} that fit, of 1\n"


def test_a_topic_that_is_not_there(dev: Dev, topic: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["dlq", "list", f"no.{topic}", "--json"]) == 2
    caught = json.loads(capsys.readouterr().out)["error"]
    assert caught["what"] == "the topic is not on the broker"
    assert caught["where"] == f"topic no.{topic}"
    assert caught["hint"]


def test_the_brokers_in_force(
    dev: Dev, topic: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("KGEN_BROKERS")
    assert app.run(["dlq", "list", topic]) == 2
    err = capsys.readouterr().err
    assert "error: no Kafka brokers are given" in err
    assert "hint: --brokers localhost:9092, KGEN_BROKERS, or [kafka] brokers" in err
    (tmp_path / "kgen.toml").write_text(f'[kafka]\nbrokers = "{dev.brokers}"\n')
    assert app.run(["dlq", "list", topic]) == 0
    monkeypatch.setenv("KGEN_BROKERS", "not a broker")
    assert app.run(["dlq", "list", topic]) == 2
    err = capsys.readouterr().err
    assert "not the address of a broker" in err
    assert "at KGEN_BROKERS" in err
    assert app.run(["dlq", "list", topic, "--brokers", dev.brokers]) == 0
    monkeypatch.setenv("KGEN_KAFKA_SASL_PASSWORD", "hunter2")
    monkeypatch.setenv("KGEN_KAFKA_SASL_MECHANISM", "hunter3")
    monkeypatch.setenv("KGEN_KAFKA_SECURITY_PROTOCOL", "SASL_PLAINTEXT")
    assert app.run(["dlq", "list", topic, "--brokers", dev.brokers]) == 2
    err = capsys.readouterr().err
    assert err.startswith("error: ")
    assert "hunter" not in err


def test_letters_that_arrive_later_are_not_read(dev: Dev, topic: str) -> None:
    letters.write(dev.brokers, topic, [(b"%d" % n, b"v", letters.kgen(n)) for n in range(300)], 2)
    found = []
    for raw, letter in reading.read_letters(Kafka(dev.brokers), topic):
        found.append((raw.key, letter.offset))
        if len(found) == 1:
            letters.write(dev.brokers, topic, [(b"late", b"v", letters.kgen(999))] * 10, 2)
    assert sorted(found) == sorted((b"%d" % n, n) for n in range(300))


def test_letters_one_by_one(dev: Dev, topic: str) -> None:
    """Also those of 0 bytes and of 10 MB."""
    values = [b"", None, b"x" * 900_000, b"v"]
    letters.write(dev.brokers, topic, [(b"k", value, letters.kgen(n)) for n, value in enumerate(values)])
    found = [raw.value for raw, _ in reading.read_letters(Kafka(dev.brokers), topic)]
    assert found == values
    wanted = LetterFilter(keys=(b"k",))
    some = [raw.offset for raw, _ in reading.read_letters(Kafka(dev.brokers), topic, wanted, limit=2)]
    assert some == [0, 1]

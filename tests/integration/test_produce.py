"""`kgen produce`, on the local broker, with schemas of the local registry and of a project."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
from tests.integration.topic_messages import RATED, TIME, Payments, lines, run

from kgen_runtime.kafka.connection import Kafka, NewTopic

if TYPE_CHECKING:
    from kgen.dev import Dev

pytestmark = pytest.mark.broker

PAY = {"id": 1, "amount": 12, "note": {"string": "é"}, "card": {"shop.Card": {"last": "42"}}}
LESS = {"id": 2, "amount": 3, "note": None, "card": None}
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def payments(dev: Dev, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Payments:
    monkeypatch.setenv("KGEN_BROKERS", dev.brokers)
    monkeypatch.setenv("KGEN_REGISTRY_URL", dev.registry)
    monkeypatch.chdir(tmp_path)
    return Payments(dev)


def give(monkeypatch: pytest.MonkeyPatch, *given: Any) -> None:
    text = "".join(f"{each if isinstance(each, str) else json.dumps(each)}\n" for each in given)
    monkeypatch.setattr("sys.stdin", io.StringIO(text))


def test_what_cat_prints_is_written_again(
    payments: Payments, dev: Dev, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    payments.write((b"a", payments.framed(PAY)), (b"b", None), (None, payments.framed(LESS)))
    payments.write((b"\xff", payments.framed(LESS)), headers=[("h", b"\xff"), ("h", None), ("i", b"x")])
    out, _ = run(capsys, "cat", payments.topic)
    other = Payments(dev)
    monkeypatch.setattr("sys.stdin", io.StringIO(out))
    told, _ = run(capsys, "produce", other.topic, "--json")
    assert json.loads(told) == {
        "version": 1,
        "topic": other.topic,
        "dry_run": False,
        "checked": 4,
        "delivered": 4,
    }
    again, _ = run(capsys, "cat", other.topic)
    assert lines(again) == lines(out)
    assert lines(again)[0]["timestamp"] == TIME


def test_a_file_is_checked_before_anything_is_sent(
    payments: Payments, capsys: Capture, tmp_path: Path
) -> None:
    file = tmp_path / "payments.jsonl"
    file.write_text(f"{json.dumps(LESS)}\n\n{json.dumps({**LESS, 'amount': 'x'})}\n")
    _, err = run(capsys, "produce", payments.topic, str(file), code=2)
    assert "error: the value does not fit: expected a number (decimal)" in err
    assert f"at {file}, line 3, /amount" in err
    assert "delivered" not in err
    assert run(capsys, "cat", payments.topic)[0] == ""
    file.write_text(json.dumps(LESS))
    out, _ = run(capsys, "produce", payments.topic, str(file), "--dry-run")
    assert out == f"1 message would be sent to {payments.topic}\n"
    assert run(capsys, "cat", payments.topic)[0] == ""


def test_of_a_stream_a_batch_is_checked_before_it_is_sent(
    payments: Payments, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    give(monkeypatch, *[LESS] * 1_500, {"id": 1})
    _, err = run(capsys, "produce", payments.topic, code=2)
    assert "stdin, line 1,501" in err
    assert "1,000 messages delivered before that" in err
    assert len(run(capsys, "cat", payments.topic)[0].splitlines()) == 1_000


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "not JSON"),
        ('{"id": 1} x', "not JSON: Extra data"),
        ('{"id": NaN}', "NaN is not a JSON value"),
        ('{"id": 1, "id": 2}', "twice"),
        ('{"key": 5, "value": null}', "nothing says how such a key is written"),
        ('{"value": {"id": "1"}}', "line 1, /value/id"),
        ('{"value": null, "timestamp": "now"}', "/timestamp"),
        ('{"value": null, "headers": ["x"]}', "/headers"),
        ('{"partition": 0, "error": {}, "raw_key": null, "raw_value": null}', "could not read"),
    ],
)
def test_lines_that_do_not_fit(
    payments: Payments, capsys: Capture, monkeypatch: pytest.MonkeyPatch, line: str, words: str
) -> None:
    give(monkeypatch, line)
    _, err = run(capsys, "produce", payments.topic, code=2)
    assert words in err
    assert "Traceback" not in err


def test_the_key_may_be_a_field(payments: Payments, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    give(monkeypatch, LESS)
    run(capsys, "produce", payments.topic, "--key-field", "id", "--key-format", "long")
    out, _ = run(capsys, "cat", payments.topic, "--key-format", "long")
    assert lines(out)[0]["key"] == 2
    give(monkeypatch, LESS)
    _, err = run(capsys, "produce", payments.topic, "--key-field", "number", code=2)
    assert "no field number" in err


def test_a_project_writes_its_newest_version_if_that_is_registered(
    payments: Payments, dev: Dev, capsys: Capture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    newer = payments.register(RATED)
    payments.project(tmp_path, capsys)
    give(monkeypatch, LESS, {"key": "k", "value": {**LESS, "rate": 1}})
    run(capsys, "produce", payments.topic)
    found = lines(run(capsys, "cat", payments.topic)[0])
    assert [(each["value"]["rate"], each["schema_id"]) for each in found] == [(7, newer), (1, newer)]
    for permanent in ("false", "true"):
        url = f"{dev.registry}/subjects/{payments.topic}-value?permanent={permanent}"
        requests.delete(url, timeout=10)
    give(monkeypatch, LESS)
    _, err = run(capsys, "produce", payments.topic, code=2)
    assert "kgen push" in err


def test_subjects_with_rules_and_without_schemas_are_refused(
    payments: Payments, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule = {"name": "r", "kind": "CONDITION", "mode": "WRITE", "type": "CEL", "expr": "true"}
    url = f"{payments.dev.registry}/subjects/{payments.topic}-value/versions"
    body = {"schema": json.dumps(RATED), "ruleSet": {"domainRules": [rule]}}
    requests.post(url, json=body, timeout=10)
    give(monkeypatch, LESS)
    _, err = run(capsys, "produce", payments.topic, code=4)
    assert "data contract rules" in err
    give(monkeypatch, LESS)
    _, err = run(capsys, "produce", f"{payments.topic}-x", "--create", "1", code=2)
    assert "is not registered" in err
    assert "kgen push" in err


def test_plain_formats_need_no_schema(
    payments: Payments, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    give(monkeypatch, {"key": {"hex": "ff"}, "value": "text"})
    arguments = ("--key-format", "bytes", "--value-format", "string")
    run(capsys, "produce", payments.topic, *arguments)
    [found] = lines(run(capsys, "cat", payments.topic)[0])
    assert (found["key"], found["value"]) == ({"hex": "ff"}, "text")
    give(monkeypatch, '\ufeff{"a": 1.5}')
    run(capsys, "produce", payments.topic, "--value-format", "json", "--lines", "value")
    assert '"value": {"a": 1.5}' in run(capsys, "cat", payments.topic)[0]
    for beyond in ("1e400", "1" + "0" * 400):
        give(monkeypatch, beyond)
        _, err = run(
            capsys, "produce", payments.topic, "--value-format", "double", "--lines", "value", code=2
        )
        assert "too large" in err or "cannot hold" in err, beyond


def test_json_schema_is_checked(payments: Payments, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    topic = Payments(payments.dev).topic
    subject = f"{topic}-json"
    from kgen.dev.topics import create

    create(payments.dev.brokers, {subject: 1})
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    payments.register(schema, f"{subject}-value", "JSON")
    give(monkeypatch, {"n": 1})
    run(capsys, "produce", subject)
    assert lines(run(capsys, "cat", subject)[0])[0]["value"] == {"n": 1}
    give(monkeypatch, {"n": "x"})
    _, err = run(capsys, "produce", subject, code=2)
    assert "line 1, /n" in err


def test_a_topic_that_is_absent_is_created_if_asked_for(
    payments: Payments, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh = f"{payments.topic}.fresh"
    give(monkeypatch, "1")
    _, err = run(capsys, "produce", fresh, "--value-format", "long", code=2)
    assert "hint: " in err
    assert "--create 1 creates it with one partition" in err
    assert "rt.Writer" not in err
    give(monkeypatch, "1", "2")
    run(capsys, "produce", fresh, "--value-format", "long", "--create", "2")
    assert [each["value"] for each in lines(run(capsys, "cat", fresh, "--value-format", "long")[0])] == [1, 2]
    [found] = json.loads(run(capsys, "topics", fresh, "--json")[0])["topics"]
    assert found["partitions"] == 2


def limited(dev: Dev, topic: str, **config: str) -> str:
    named = {name.replace("_", "."): value for name, value in config.items()}
    Kafka(dev.brokers).create_topic(topic, NewTopic(1, config=named))
    return topic


def test_what_the_topic_does_not_take_is_refused_before_anything_is_sent(
    payments: Payments, dev: Dev, capsys: Capture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    narrow = limited(dev, f"{payments.topic}.narrow", max_message_bytes="1000")
    file = tmp_path / "some.jsonl"
    file.write_text('"a"\n"b"\n' + json.dumps("x" * 2_000) + "\n")
    text = ("--value-format", "string")
    for more in ((), ("--dry-run",)):
        _, err = run(capsys, "produce", narrow, str(file), *text, *more, code=2)
        assert f"topic {narrow} takes 1,000 (max.message.bytes)" in err
        assert f"at {file}, line 3\n" in err
        assert "hint: Make it smaller, or raise max.message.bytes of the topic." in err
        assert "delivered" not in err
    give(monkeypatch, '"1"', f'"{"2" * 2_000}"')
    _, err = run(capsys, "produce", narrow, *text, code=2)
    assert "at stdin, line 2\n" in err
    assert run(capsys, "cat", narrow)[0] == ""
    keyed = limited(dev, f"{payments.topic}.keyed", cleanup_policy="compact")
    file.write_text('{"key": "k", "value": "a"}\n{"value": "b"}\n')
    _, err = run(capsys, "produce", keyed, str(file), *text, code=2)
    assert "takes no message without a key" in err
    assert f"at {file}, line 2\n" in err
    assert run(capsys, "cat", keyed)[0] == ""


def test_what_the_producer_does_not_take_is_refused_before_anything_is_sent(
    payments: Payments, dev: Dev, capsys: Capture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "some.jsonl"
    file.write_text('"a"\n' + json.dumps("x" * 1_500_000) + "\n")
    fresh = f"{payments.topic}.fresh"
    for more in ((), ("--create", "1")):  # the second creates it, and then knows what it takes
        topic = fresh if more else payments.topic
        _, err = run(capsys, "produce", topic, str(file), "--value-format", "string", *more, code=2)
        assert f"at {file}, line 2\n" in err
        assert "delivered" not in err
        assert "rt.Kafka" not in err
        assert "set KGEN_KAFKA_MESSAGE_MAX_BYTES, and" in err
        assert run(capsys, "cat", topic)[0] == ""
    # What is compressed may be smaller than it looks.
    monkeypatch.setenv("KGEN_KAFKA_COMPRESSION_TYPE", "gzip")
    monkeypatch.setenv("KGEN_KAFKA_MESSAGE_MAX_BYTES", "4000000")
    run(capsys, "produce", fresh, str(file), "--value-format", "string")
    assert len(lines(run(capsys, "cat", fresh)[0])) == 2


def test_a_topic_or_partition_that_is_absent_is_found_before_lines_are_read(
    payments: Payments, capsys: Capture, tmp_path: Path
) -> None:
    file = tmp_path / "some.jsonl"
    file.write_text("{")
    _, err = run(
        capsys, "produce", payments.topic[:-1], str(file), "--value-format", "long", "--dry-run", code=2
    )
    assert "the topic is not on the broker" in err
    assert f"Is {payments.topic} " in err
    _, err = run(capsys, "produce", payments.topic[:-1], str(file), code=2)
    assert f"Is {payments.topic} " in err, "before a schema is looked for"
    _, err = run(capsys, "produce", payments.topic, str(file), "--partition", "3", code=2)
    assert f"topic {payments.topic} has no partition 3" in err
    assert "It has 0 to 0." in err

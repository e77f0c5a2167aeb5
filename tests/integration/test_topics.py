"""`kgen topics`, on the local broker, with schemas of the local registry and of a project."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from tests.integration.topic_messages import Payments, lines, run

from kgen.dev.seed import register
from kgen.dev.topics import create, read

if TYPE_CHECKING:
    from kgen.dev import Dev

pytestmark = pytest.mark.broker

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def payments(dev: Dev, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Payments:
    monkeypatch.setenv("KGEN_BROKERS", dev.brokers)
    monkeypatch.setenv("KGEN_REGISTRY_URL", dev.registry)
    monkeypatch.chdir(tmp_path)
    made = Payments(dev, partitions=2)
    for number in range(3):
        made.write((b"%d" % number, b"x"))
    return made


def topics(capsys: Capture, *arguments: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(run(capsys, "topics", *arguments, "--json")[0])["topics"]
    return found


def test_the_json_form(payments: Payments, capsys: Capture) -> None:
    [found] = topics(capsys, payments.topic)
    newest = max(message.timestamp or 0 for message in read(payments.dev.brokers, payments.topic))
    assert newest > 0
    assert found == {
        "topic": payments.topic,
        "on_broker": True,
        "in_project": False,
        "partitions": 2,
        "messages": 3,
        "newest": newest,
        "key": None,
        "value": "Avro shop.Payment",
        "subjects": [f"{payments.topic}-value"],
        "lag": None,
        "offsets": [
            {"partition": 0, "first": 0, "end": 3, "position": None},
            {"partition": 1, "first": 0, "end": 0, "position": None},
        ],
        "error": None,
    }


def test_topics_without_subjects_and_subjects_without_topics(payments: Payments, capsys: Capture) -> None:
    lost = f"{payments.topic}-lost"
    payments.register("string", f"{lost}-value")
    found = {each["topic"]: each for each in topics(capsys)}
    assert (found[lost]["on_broker"], found[lost]["partitions"], found[lost]["messages"]) == (
        False,
        None,
        None,
    )
    out, _ = run(capsys, "topics", payments.topic, lost)
    assert f"topic is not on the broker:\n    {lost}-value: key no subject, value Avro string" in out


def test_a_project_knows_formats(payments: Payments, capsys: Capture, tmp_path: Path) -> None:
    payments.project(tmp_path, capsys)
    [found] = topics(capsys, payments.topic)
    assert (found["in_project"], found["key"], found["value"]) == (True, "string", "Avro shop.Payment")


def test_the_lag_of_a_group(payments: Payments, capsys: Capture) -> None:
    group = f"{payments.topic}-readers"
    consumer = Consumer({"bootstrap.servers": payments.dev.brokers, "group.id": group})
    consumer.commit(offsets=[TopicPartition(payments.topic, 0, 1)], asynchronous=False)
    consumer.close()
    [found] = topics(capsys, payments.topic, "--group", group)
    assert (found["lag"], found["offsets"][0]["position"]) == (2, 1)
    out, _ = run(capsys, "topics", payments.topic, "--group", group)
    assert out.splitlines()[0].split() == ["topic", "partitions", "messages", "lag", "newest", "message"]
    assert out.splitlines()[1].split()[:4] == [payments.topic, "2", "3", "2"]
    [found] = topics(capsys, payments.topic, "--group", f"{group}-none")
    assert found["lag"] is None


@pytest.mark.parametrize("width", [40, 80])
def test_tables_fit_the_terminal(
    payments: Payments, capsys: Capture, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    out, _ = run(capsys, "topics", payments.topic)
    assert max(map(len, out.splitlines())) <= width


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--group", "g", "--recovery", "x"], "exclude each other"),
        (["--flow", "m:flow"], "--recovery DIR"),
        (["--recovery", "absent"], "no recovery partitions"),
        (["--group", ""], "the name of the group is empty"),
    ],
)
def test_invalid_arguments_are_refused(
    payments: Payments, capsys: Capture, arguments: list[str], words: str
) -> None:
    if "--recovery" in arguments:
        pytest.importorskip("bytewax")
    _, err = run(capsys, "topics", payments.topic, *arguments, code=2)
    assert words in err


def test_names_that_nobody_knows(payments: Payments, capsys: Capture) -> None:
    _, err = run(capsys, "topics", payments.topic[:-1], code=2)
    assert "no topic and no subject is called" in err
    assert payments.topic in err


def test_the_lag_of_a_flow(payments: Payments, capsys: Capture, tmp_path: Path) -> None:
    pytest.importorskip("bytewax")
    import bytewax.operators as op
    from bytewax.dataflow import Dataflow
    from bytewax.testing import TestingSink, run_main

    import kgen_runtime as rt
    from kgen_runtime.recovery.folder import Recovery

    kafka = rt.Kafka(payments.dev.brokers)
    topic = rt.Topic(payments.topic, key=rt.BytesSerde(), value=rt.BytesSerde())
    flow = Dataflow("lagging")
    read = rt.source("payments", flow, topic, kafka, stop={0: 2, 1: 0})
    rt.route("errs", read.errs, policy=rt.Crash())
    op.output("out", read.oks, TestingSink([]))
    run_main(flow, recovery_config=Recovery(tmp_path / "recovery", partitions=1).config())
    [found] = topics(capsys, payments.topic, "--recovery", str(tmp_path / "recovery"))
    assert (found["lag"], found["offsets"][0]["position"]) == (1, 2)
    assert len(lines(run(capsys, "cat", payments.topic)[0])) == 3


def test_the_newest_message_of_a_topic(payments: Payments, capsys: Capture) -> None:
    """By its timestamp, and of all partitions: the last one that was written may be older."""
    name = f"{payments.topic}.times"
    create(payments.dev.brokers, {name: 2, f"{name}.empty": 1})
    producer = Producer({"bootstrap.servers": payments.dev.brokers})
    for partition, moment in ((0, 1_767_225_600_500), (1, 1_767_225_600_000)):
        producer.produce(name, b"v", partition=partition, timestamp=moment)
        producer.flush()
    found = {each["topic"]: each["newest"] for each in topics(capsys, name, f"{name}.empty")}
    assert found == {name: 1_767_225_600_500, f"{name}.empty": None}
    out, _ = run(capsys, "topics", name, f"{name}.empty")
    assert [row.split()[3] for row in out.splitlines() if row.startswith(name)] == [
        "2026-01-01T00:00:00Z",
        "-",
    ]


def test_topics_of_several_types_are_shown_by_their_types(dev: Dev, capsys: Capture, tmp_path: Path) -> None:
    (tmp_path / "seed").mkdir()
    for name in ("Placed", "Paid"):
        record = {"type": "record", "name": name, "namespace": "typed", "fields": []}
        (tmp_path / "seed" / f"typed.{name}.avsc").write_text(json.dumps(record))
    opened = {"title": "TypedOpened", "type": "object", "properties": {}}
    (tmp_path / "seed" / "typed.opened.json").write_text(json.dumps(opened))
    register(dev.registry, tmp_path / "seed")
    config = 'package = "streams"\nsubjects = ["typed.*"]\n[topics."typed.events"]\nkey = "string"\n'
    config += 'value = ["typed.Placed", "typed.Paid", "typed.opened"]\n'
    (tmp_path / "kgen.toml").write_text(config)
    run(capsys, "pull", "--registry", dev.registry, "--out", str(tmp_path))
    project = ("--out", str(tmp_path), "--brokers", dev.brokers, "--registry", dev.registry)
    (found,) = topics(capsys, "typed.events", *project)
    assert (found["key"], found["in_project"], found["on_broker"]) == ("string", True, False)
    assert found["value"] == "Avro typed.Placed or typed.Paid or JSON TypedOpened"
    assert found["subjects"] == ["typed.Paid", "typed.Placed", "typed.opened"]

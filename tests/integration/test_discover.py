"""`kgen discover`, on the local broker and registry."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import Producer
from tests.integration.topic_messages import run

from kgen.dev.topics import create
from kgen_runtime.serde.registry.client import RegistryClient

if TYPE_CHECKING:
    from kgen.dev import Dev

pytestmark = pytest.mark.broker

Capture = pytest.CaptureFixture[str]
Sent = "tuple[bytes | None, bytes | None]"


class Events:
    """A topic with messages of several types, named by a strategy of their own."""

    def __init__(self, dev: Dev) -> None:
        self.dev = dev
        self.space = f"s{uuid.uuid4().hex[:8]}"
        self.topic = f"{self.space}-events"
        self.client = RegistryClient(dev.registry)
        create(dev.brokers, {self.topic: 2})

    def schema(self, name: str) -> dict[str, Any]:
        fields = [{"name": "id", "type": "long"}]
        return {"type": "record", "name": name, "namespace": self.space, "fields": fields}

    def register(self, name: str, subject: str) -> bytes:
        """A message of the type, once its schema is registered."""
        body = {"schema": json.dumps(self.schema(name))}
        id_ = self.client.post(f"/subjects/{subject}/versions", body)["id"]
        return b"\0" + int(id_).to_bytes(4, "big") + b"\2"

    def write(self, *sent: tuple[bytes | None, bytes | None], headers: Any = None) -> None:
        producer = Producer({"bootstrap.servers": self.dev.brokers})
        for number, (key, value) in enumerate(sent):
            producer.produce(self.topic, key=key, value=value, partition=number % 2, headers=headers)
        assert producer.flush(30) == 0


@pytest.fixture
def events(dev: Dev, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Events:
    monkeypatch.setenv("KGEN_BROKERS", dev.brokers)
    monkeypatch.setenv("KGEN_REGISTRY_URL", dev.registry)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)
    return Events(dev)


def test_a_topic_of_several_types_becomes_an_entry(events: Events, capsys: Capture, tmp_path: Path) -> None:
    space, topic = events.space, events.topic
    placed = events.register("Placed", f"{space}.Placed")
    shipped = events.register("Shipped", f"{topic}-{space}.Shipped")
    events.write((b"a", placed), (b"b", shipped), (b"c", placed), (b"d", None))
    (tmp_path / "kgen.toml").write_text(
        f'subjects = ["{space}*"]\n\n[registry]\nurl = "{events.dev.registry}"\n'
    )

    out, err = run(capsys, "discover", topic)
    rows = [line.split() for line in out.splitlines()]
    assert rows[0][1:] == ["4", "messages", "read"]
    assert ["key", "none", "-", "string", "-", "4"] in rows
    assert [f"{space}.Placed", "RecordName", "2"] == rows[3][-3:]
    assert [f"{space}.Shipped", "TopicRecordName", "1"] in [row[-3:] for row in rows]
    assert max(map(len, out.splitlines())) <= 80
    entry = f'[topics."{topic}"]\nkey = "string"\nvalue = ["{space}.Placed", "{space}.Shipped"]\n'
    assert entry in out
    assert "nothing was written" in err
    assert "topics" not in (tmp_path / "kgen.toml").read_text()

    _, err = run(capsys, "discover", topic, "--write")
    assert "kgen.toml written; next: kgen pull" in err
    text = (tmp_path / "kgen.toml").read_text()
    assert f'value = ["{space}.Placed", "{space}.Shipped"]' in text
    run(capsys, "pull")
    module = (tmp_path / f"streams/_generated/{topic.replace('-', '_')}.py").read_text()
    assert "Value: TypeAlias = Placed | Shipped" in module
    _, err = run(capsys, "discover", topic, "--write")
    assert "kgen.toml needs no new entry" in err
    assert (tmp_path / "kgen.toml").read_text() == text


def test_what_kgen_toml_says_already_stays(events: Events, capsys: Capture, tmp_path: Path) -> None:
    value = events.register("Placed", f"{events.space}.Placed")
    events.write((b"text", value))
    text = f'# mine\nsubjects = ["other-*"]\n\n[topics."{events.topic}"]\nkey = "bytes"  # on purpose\n'
    (tmp_path / "kgen.toml").write_text(text)
    _, err = run(capsys, "discover", events.topic, "--write")
    assert f'kgen.toml: key of {events.topic} is "bytes" there, and stays' in err
    after = (tmp_path / "kgen.toml").read_text()
    assert 'key = "bytes"  # on purpose' in after
    assert "# mine" in after
    assert f'subjects = ["other-*", "{events.space}.Placed"]' in after
    assert f'value = ["{events.space}.Placed"]' in after


def test_framings_and_the_json_form(events: Events, capsys: Capture) -> None:
    value = events.register("Placed", f"{events.topic}-value")
    guid = uuid.uuid4()
    glue = b"\3\0" + guid.bytes + b"data"
    events.write((None, value[5:]), headers=[("__value_schema_id", value[:5])])
    events.write((None, glue), (None, b"\0\0\xff\xff\xffnobody's"), (None, value))
    document = json.loads(run(capsys, "discover", events.topic, "--json", "--last", "100")[0])
    (topic,) = document["topics"]
    assert (topic["messages"], document["written"]) == (4, False)
    found = {it["framing"]: it for it in topic["findings"] if it["part"] == "value" and it["subject"]}
    assert {it["strategy"] for it in found.values()} == {"TopicName"}
    assert set(found) == {"id", "id in a header"}
    others = {it["problem"] for it in topic["findings"] if it["problem"]}
    assert others == {"not in the registry", "schemas of AWS Glue are not read"}
    assert topic["entry"]["settings"] == {"key": "none"}
    assert len(topic["entry"]["notes"]) == 2


def test_without_a_registry_and_without_messages(
    events: Events, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KGEN_REGISTRY_URL")
    out, err = run(capsys, "discover", events.topic)
    assert f"{events.topic}: 0 messages read" in out
    events.write((b"\0\0\0\0\1\2", b"{}"))
    out, err = run(capsys, "discover", events.topic)
    assert "no registry is set, so what schema ids mean is not known" in err
    assert 'value = "string"' in out
    assert "no registry is set" in out


def test_only_the_last_messages_are_read(events: Events, capsys: Capture) -> None:
    events.write(*[(b"old", b"x")] * 6, *[(b"1234", b"y")] * 2)
    (topic,) = json.loads(run(capsys, "discover", events.topic, "--last", "1", "--json")[0])["topics"]
    assert topic["messages"] == 2
    _, err = run(capsys, "discover", events.topic, "--last", "0", code=2)
    assert "--last" in err


def test_nothing_is_written_where_there_is_no_kgen_toml(
    events: Events, capsys: Capture, tmp_path: Path
) -> None:
    events.write((b"text", b"text"))
    _, err = run(capsys, "discover", events.topic, "--write", code=2)
    assert "there is no kgen.toml to write to" in err
    assert not list(tmp_path.iterdir())


def test_a_topic_that_is_not_there(events: Events, capsys: Capture) -> None:
    _, err = run(capsys, "discover", f"{events.topic}x", code=2)
    assert events.topic in err

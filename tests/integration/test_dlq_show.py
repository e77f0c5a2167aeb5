"""`kgen dlq show`, on the local broker, with schemas of the local registry and of a project."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
from tests.integration import letters

from kgen.cli import app
from kgen.dev.topics import create

if TYPE_CHECKING:
    from kgen.dev import Dev

pytestmark = pytest.mark.broker

CLICK = {
    "type": "record",
    "name": "Click",
    "fields": [
        {"name": "page", "type": "string"},
        {"name": "tags", "type": {"type": "array", "items": "string"}},
    ],
}
BAD = b"\x02a\x02\x7fxx"  # page "a", then a tag of -64 bytes


class Letters:
    """The letters of one topic, whose schema is in the registry."""

    def __init__(self, dev: Dev) -> None:
        self.dev = dev
        self.topic = f"clicks-{uuid.uuid4().hex[:8]}"
        self.letters = f"{self.topic}.dlq"
        create(dev.brokers, {self.letters: 2})
        url = f"{dev.registry}/subjects/{self.topic}-value/versions"
        self.id = requests.post(url, json={"schema": json.dumps(CLICK)}, timeout=10).json()["id"]

    def framed(self, data: bytes) -> bytes:
        return b"\x00" + self.id.to_bytes(4, "big") + data

    def own(self, **changed: bytes | None) -> letters.Headers:
        return letters.kgen(
            1, **{"topic": self.topic.encode(), "path": b"tags[0]", "position": b"8", **changed}
        )

    def write(self, *sent: letters.Sent) -> None:
        letters.write(self.dev.brokers, self.letters, sent, 2)


@pytest.fixture
def clicks(dev: Dev, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Letters:
    monkeypatch.setenv("KGEN_BROKERS", dev.brokers)
    monkeypatch.setenv("KGEN_REGISTRY_URL", dev.registry)
    monkeypatch.chdir(tmp_path)
    return Letters(dev)


def show(capsys: pytest.CaptureFixture[str], topic: str, *arguments: str) -> Any:
    code = app.run(["dlq", "show", topic, *arguments, "--json"])
    out, err = capsys.readouterr()
    assert code == 0, err
    return json.loads(out)


def test_the_json_form(clicks: Letters, capsys: pytest.CaptureFixture[str]) -> None:
    payload = clicks.framed(BAD)
    clicks.write((b"\xff", payload, clicks.own()))
    found = show(capsys, clicks.letters)
    assert (found["version"], found["topic"]) == (1, clicks.letters)
    (one,) = found["letters"]
    letter, headers = one.pop("letter"), one.pop("headers")
    assert one == {
        "partition": 0,
        "offset": 0,
        "timestamp": letters.TIME,
        "key": {"size": 1, "hex": "ff", "text": None},
        "value": {"size": 11, "hex": payload.hex(), "text": payload.decode()},
        "part": "value",
        "schema": f"schema {clicks.id}, of the registry",
        "decoded": {
            "fields": [{"path": "page", "text": '"a"', "begin": 5, "end": 7}],
            "more": False,
            "error": {"what": "a length is negative", "path": "tags[0]", "position": 8},
        },
        "not_decoded": None,
    }
    assert headers[0] == {"name": "trace", "value": {"size": 2, "hex": "00ff", "text": None}}
    assert letter["profile"] == "kgen"
    assert letter["topic"] == clicks.topic
    assert letter["fingerprint"] == "0123456789abcdef"


def test_what_people_see(clicks: Letters, capsys: pytest.CaptureFixture[str]) -> None:
    clicks.write((b"k", clicks.framed(BAD), clicks.own(message=b"bad\x1b[2J\n", traceback=b"one\ntwo\x07")))
    assert app.run(["dlq", "show", clicks.letters]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\x07" not in out
    lines = out.splitlines()
    assert lines[0] == f"letter 0:0 of {clicks.letters}, 2026-01-01T00:00:00Z"
    assert "  failed       decode, DecodeError: bad\\x1b[2J" in lines
    assert f"  original     topic {clicks.topic}, partition 1, offset 1, 2026-01-01T00:00:00Z" in lines
    assert '  key          "k"' in lines
    assert "    trace = 0x00ff" in lines
    prefix = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in clicks.framed(b""))
    assert f"!   00000000  {clicks.framed(BAD).hex(' ')}                 {prefix}.a..xx" in lines
    assert '    page = "a"' in lines
    assert "!   byte 8, tags[0]: a length is negative" in lines
    assert "    two\\x07" in lines


def test_one_by_its_place_and_some_by_a_filter(clicks: Letters, capsys: pytest.CaptureFixture[str]) -> None:
    clicks.write(
        *((b"%d" % n, b"v", clicks.own(stage=b"process" if n % 2 else b"decode")) for n in range(10))
    )

    def keys(*arguments: str) -> list[str]:
        return [each["key"]["text"] for each in show(capsys, clicks.letters, *arguments)["letters"]]

    assert keys("--offset", "1:2") == ["5"]
    assert keys("--offset", "1:9") == keys("--offset", "7:0") == []
    assert keys("--key", "7") == ["7"]
    assert sorted(keys("--stage", "process", "-n", "100")) == ["1", "3", "5", "7", "9"]
    assert len(keys("-n", "3")) == 3
    assert app.run(["dlq", "show", clicks.letters, "--offset", "9:9"]) == 0
    assert capsys.readouterr().out == f"no dead letter in {clicks.letters} at 9:9\n"
    assert app.run(["dlq", "show", clicks.letters, "--offset", "x"]) == 2
    assert "hint: --offset 0:17" in capsys.readouterr().err


def test_what_cannot_be_decoded_says_why(clicks: Letters, capsys: pytest.CaptureFixture[str]) -> None:
    unknown = b"\x00\x7f\xff\xff\xff"
    payloads = [None, b"", b"text", b'{"a": 1}', unknown, b"\x00"]
    clicks.write(*((b"k", payload, clicks.own()) for payload in payloads))
    found = show(capsys, clicks.letters, "-n", "10")["letters"]
    why = {each["value"] and each["value"]["hex"]: each["not_decoded"] or each["decoded"] for each in found}
    assert why[None] == "the value is null"
    assert why[""].startswith("the value is empty (0 bytes)")
    assert "This looks like text" in why[b"text".hex()]
    assert why[b'{"a": 1}'.hex()]["fields"] == [{"path": "/a", "text": "1", "begin": -1, "end": -1}]
    assert "2147483647" in why[unknown.hex()]
    assert "the value has 1 bytes" in why["00"]


def test_the_schemas_of_the_project_need_no_registry(
    clicks: Letters, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (
        app.run(["pull", "--registry", clicks.dev.registry, "--subject", f"{clicks.topic}*", "--out", "."])
        == 0
    )
    capsys.readouterr()
    clicks.write((b"k", clicks.framed(BAD), clicks.own()))
    monkeypatch.setenv("KGEN_REGISTRY_URL", "http://127.0.0.1:9")
    (one,) = show(capsys, clicks.letters)["letters"]
    assert one["schema"] == f"{clicks.topic}-value v1, of kgen.lock"
    assert one["decoded"]["error"]["path"] == "tags[0]"


def test_ten_megabytes_and_the_byte_at_fault(clicks: Letters, capsys: pytest.CaptureFixture[str]) -> None:
    large = clicks.framed(b"x" * 900_000)
    clicks.write((b"k", large, clicks.own(position=b"500000")))
    (one,) = show(capsys, clicks.letters)["letters"]
    assert one["value"]["size"] == len(large)
    assert len(one["value"]["hex"]) == 2 * 65_536
    assert app.run(["dlq", "show", clicks.letters]) == 0
    assert len(capsys.readouterr().out) < 20_000

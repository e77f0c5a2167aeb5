"""Topics with messages for tests of `kgen cat`, `kgen produce` and `kgen topics`."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
import requests
from confluent_kafka import Producer

from kgen.cli import app
from kgen.dev.topics import create
from kgen_runtime.codec.avro.json_input import AvroJsonWriter
from kgen_runtime.codec.avro.schema.parser import parse

if TYPE_CHECKING:
    from kgen.dev import Dev

TIME: Final = 1_769_860_800_000
PAYMENT: Final[dict[str, Any]] = {
    "type": "record",
    "name": "Payment",
    "namespace": "shop",
    "fields": [
        {"name": "id", "type": "long"},
        {"name": "amount", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
        {"name": "note", "type": ["null", "string"], "default": None},
        {
            "name": "card",
            "type": [
                "null",
                {"type": "record", "name": "Card", "fields": [{"name": "last", "type": "string"}]},
            ],
            "default": None,
        },
    ],
}
RATED: Final[dict[str, Any]] = {
    **PAYMENT,
    "fields": [*PAYMENT["fields"], {"name": "rate", "type": "int", "default": 7}],
}


class Payments:
    """A topic of payments, whose schema is in the registry."""

    def __init__(self, dev: Dev, partitions: int = 1) -> None:
        self.dev = dev
        self.topic = f"payments-{uuid.uuid4().hex[:8]}"
        create(dev.brokers, {self.topic: partitions})
        self.id = self.register(PAYMENT)

    def register(self, schema: Any, subject: str | None = None, kind: str = "AVRO") -> int:
        url = f"{self.dev.registry}/subjects/{subject or f'{self.topic}-value'}/versions"
        body = {"schema": json.dumps(schema), "schemaType": kind}
        return int(requests.post(url, json=body, timeout=10).json()["id"])

    def framed(self, value: Any, schema: Any = None, id_: int | None = None) -> bytes:
        data = AvroJsonWriter(parse(json.dumps(schema or PAYMENT))).encode(value)
        return b"\x00" + (id_ or self.id).to_bytes(4, "big") + data

    def write(
        self, *sent: tuple[bytes | None, bytes | None], partition: int = 0, headers: Any = None
    ) -> None:
        producer = Producer({"bootstrap.servers": self.dev.brokers})
        failed: list[object] = []
        for number, (key, value) in enumerate(sent):
            producer.produce(
                self.topic,
                key=key,
                value=value,
                partition=partition,
                timestamp=TIME + number,
                headers=headers,
                on_delivery=lambda error, _: failed.append(error) if error else None,
            )
        assert producer.flush(30) == 0
        assert not failed

    def project(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """A project in `folder` that knows the topic, its keys as text."""
        package = self.topic.replace("-", "_")  # this process imports one of each name
        head = f'package = "{package}"\nsubjects = ["{self.topic}-*"]\n\n'
        toml = f'{head}[registry]\nurl = "{self.dev.registry}"\n'
        (folder / "kgen.toml").write_text(toml + f'\n[topics.{self.topic}]\nkey = "string"\n')
        run(capsys, "pull", "--out", str(folder))


def run(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> tuple[str, str]:
    """What a command prints, on stdout and stderr."""
    found = app.run(list(arguments))
    out, err = capsys.readouterr()
    assert found == code, err
    return out, err


def lines(text: str) -> list[Any]:
    return [json.loads(line) for line in text.splitlines()]

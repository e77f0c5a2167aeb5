"""A subject that changed its language: messages of both are read and written, by what a pull generates."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

pytest.importorskip("bytewax", reason="Bytewax has no build for this Python")
pytest.importorskip("grpc_tools", reason="needs the extra `protobuf`")

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.testing import TestingSink
from tests.unit.gen.store_registry import StoreRegistry

import kgen_runtime as rt
from kgen.cli import app
from kgen_runtime import testing

TEXTS = {
    "AVRO": '{"type": "record", "name": "shop.Order", "fields": [{"name": "id", "type": "string"}]}',
    "JSON": '{"title": "shop.Order", "type": "object", "properties": {"id": {"type": "string"}}}',
    "PROTOBUF": 'syntax = "proto3"; package shop; message Order { string id = 1; } message Note {}',
}
BODIES = {"AVRO": b"\2a", "JSON": b'{"id":"a"}', "PROTOBUF": b"\x0a\1a"}
INDEXES = {"PROTOBUF": b"\0"}


@pytest.fixture
def package(tmp_path: Path) -> Iterator[str]:
    """A name for a package in `tmp_path`, which can be imported."""
    name = "changed"
    sys.path.insert(0, str(tmp_path))
    yield name
    sys.path.remove(str(tmp_path))
    for each in [it for it in sys.modules if it.partition(".")[0] == name]:
        del sys.modules[each]


def pulled(root: Path, package: str, *languages: str) -> ModuleType:
    registry = StoreRegistry()
    try:
        registry.level("orders-value", "NONE")
        for each in languages:
            registry.add("orders-value", TEXTS[each], kind=each)
        settings = f'package = "{package}"\n[topics.orders]\nkey = "string"\n'
        (root / "kgen.toml").write_text(settings, encoding="utf-8")
        assert app.run(["pull", "--registry", registry.url, "--out", str(root)]) == 0
    finally:
        registry.server.close()
    importlib.invalidate_caches()
    return importlib.import_module(f"{package}._generated.orders")


def framed(language: str, schema_id: int) -> bytes:
    return b"\0" + schema_id.to_bytes(4, "big") + INDEXES.get(language, b"")


@pytest.mark.parametrize(
    "languages", [("AVRO", "PROTOBUF"), ("PROTOBUF", "AVRO"), ("JSON", "PROTOBUF"), ("PROTOBUF", "JSON")]
)
def test_messages_of_both_languages_are_read_and_written(
    tmp_path: Path, package: str, languages: tuple[str, str]
) -> None:
    topic = pulled(tmp_path, package, *languages).topic
    raw = []
    for number, language in enumerate(languages, 1):
        prefix = framed(language, number)
        raw.append(rt.RawMessage(topic="orders", key=b"k", value=prefix + BODIES[language]))
        headers = (("__value_schema_id", prefix),)
        raw.append(rt.RawMessage(topic="orders", key=b"k", value=BODIES[language], headers=headers))
    kafka = testing.Memory({topic: raw})
    flow = Dataflow("flow")
    read = rt.source("read", flow, topic, kafka)
    taken: list[rt.Message[str, Any]] = []
    op.output("taken", read.oks, TestingSink(taken))
    rt.route("errs", read.errs, policy=rt.Crash())
    testing.run(flow)
    values = [each.value for each in taken]
    assert [each.id for each in values] == ["a"] * 4
    kinds = list(dict.fromkeys(map(type, values)))
    assert len(kinds) == 2
    encoder = topic.value.encoder(rt.SchemaStore(None), "value")
    assert [encoder.encode(each) for each in values[::2]] == [it.value for it in raw[::2]]
    assert {(each.value or b"")[4] for each in testing.samples(topic, n=4)} == {1, 2}

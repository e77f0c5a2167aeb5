"""Generated code type-checks: serdes, topics and steps infer what they carry."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]

GENERATED = """
from __future__ import annotations

from dataclasses import dataclass
from typing import Union

from typing_extensions import TypeAlias, assert_type

from kgen_runtime import serde as rt
from kgen_runtime.flow.topic import Topic

SCHEMAS = rt.Schemas("orders-value", (rt.WriterSchema(version=1, id=3, text="", references=("",)),))


@dataclass
class Order:
    id: int


@dataclass
class Refund:
    id: int


Value: TypeAlias = Union[Order, Refund]

key: rt.Serde[str] = rt.AvroSerde(SCHEMAS, {})
value: rt.Serde[Order] = rt.AvroSerde(SCHEMAS, {"shop.Order": Order})
either: rt.Serde[Value] = rt.AvroSerde(SCHEMAS, {"shop.Order": Order, "shop.Refund": Refund})
topic = Topic("orders", key=key, value=value)
raw = Topic("raw", key=rt.BytesSerde(), value=either)
assert_type(topic, Topic[str, Order])
assert_type(raw, Topic[bytes, Value])
assert_type(topic.value.deserializer(b""), "Order | None")
assert_type(topic.value.encoder(rt.SchemaStore(None), "value").encode(Order(1)), "bytes | None")
topic.value.encoder(rt.SchemaStore(None), "value").encode("no")  # type: ignore[arg-type]
"""


STEPS = """
from __future__ import annotations

from dataclasses import dataclass

import bytewax.operators as op
import kgen_runtime as rt
from bytewax.dataflow import Stream
from typing_extensions import assert_type


@dataclass
class Order:
    id: int


Up = Stream[rt.Message[str, Order]]


def always(order: Order) -> int:
    return order.id


def wanted(order: Order) -> int | None:
    return order.id or None


def gone(order: Order) -> int | rt.Tombstone | None:
    return rt.TOMBSTONE if order.id else None


def build(up: Up) -> None:
    numbers = assert_type(rt.map_value("a", up, always), rt.Split[rt.Message[str, int]])
    assert_type(rt.map_value("w", up, wanted), rt.Split[rt.Message[str, int]])
    assert_type(rt.map_value("g", up, gone), rt.Split[rt.Message[str, int]])
    assert_type(op.map("d", numbers.oks, deleted), Stream[rt.Message[str, Order]])


def deleted(message: rt.Message[str, int]) -> rt.Message[str, Order]:
    return message.with_value(Order(message.value)) if message.value else message.tombstone()


def unnoticed(message: rt.Message[str, int]) -> rt.Message[str, int]:
    return message.with_value(wanted(Order(1)))  # type: ignore[arg-type]
"""


def test_mypy_infers_what_topics_carry(tmp_path):
    check(tmp_path, GENERATED)


def test_mypy_infers_what_steps_give(tmp_path):
    pytest.importorskip("bytewax", reason="Bytewax has no build for this Python")
    check(tmp_path, STEPS)


def check(folder, text):
    (folder / "orders.py").write_text(text)
    cache = ROOT / ".mypy_cache" / "serde-typing"
    command = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "--cache-dir", str(cache)]
    config = ["--config-file", str(ROOT / "pyproject.toml")]
    environment = {"MYPYPATH": str(ROOT / "runtime"), "PATH": "", "HOME": str(folder)}
    done = subprocess.run(
        [*command, *config, "orders.py"], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr

"""Generated code type-checks: the serdes and topics infer what they carry."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]

GENERATED = """
from __future__ import annotations

from dataclasses import dataclass
from typing import Union

from typing_extensions import TypeAlias, assert_type

from kgen_runtime import serde as rt
from kgen_runtime.topic import Topic

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


def test_mypy_infers_what_topics_carry(tmp_path):
    (tmp_path / "orders.py").write_text(GENERATED)
    cache = ROOT / ".mypy_cache" / "serde-typing"
    command = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "--cache-dir", str(cache)]
    config = ["--config-file", str(ROOT / "pyproject.toml")]
    environment = {"MYPYPATH": str(ROOT / "runtime"), "PATH": "", "HOME": str(tmp_path)}
    done = subprocess.run(
        [*command, *config, "orders.py"], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr

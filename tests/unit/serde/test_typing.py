"""Generated code type-checks: serdes, topics and steps infer what they carry."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.golden.test_json_in_use import check_pyright

ROOT = Path(__file__).resolve().parents[3]

GENERATED = """
from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Union

from typing_extensions import TypeAlias, assert_type

import kgen_runtime
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

kafka = kgen_runtime.Kafka("host:9092")
for message in kgen_runtime.read(topic, kafka, stop=None, limit=5):
    assert_type(message.key, "str | None")
    assert_type(message.value, "Order | None")
with kgen_runtime.Writer(topic, kafka) as writer:
    assert_type(writer, "kgen_runtime.Writer[str, Order]")
    writer.send(Order(1), key="k", headers={"name": b"value"}, timestamp=5)
    writer.send("no")  # type: ignore[arg-type]
    writer.send(Order(1), key=5)  # type: ignore[arg-type]
assert_type(kgen_runtime.to_dict(Order(1)), "dict[str, Any]")
assert_type(kgen_runtime.to_json(Order(1)), str)
"""


STEPS = """
from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

import bytewax.operators as op
import kgen_runtime as rt
from bytewax.dataflow import Stream
from bytewax.operators import windowing as win
from typing_extensions import TypeAlias, assert_type


@dataclass
class Order:
    id: int


@dataclass
class Total:
    amount: int = 0


MESSAGE: TypeAlias = rt.Message[str, Order]
Up = Stream[rt.Message[str, Order]]
NUMBERS: TypeAlias = Stream[rt.Message[str, int]]


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


Keyed = Stream[tuple[str, rt.Message[str, Order]]]
EPOCH = datetime(2026, 1, 1, tzinfo=timezone.utc)
CLOCK: win.EventClock[rt.Message[str, Order]] = win.EventClock(lambda m: EPOCH, timedelta(0))
WINDOWER = win.SessionWindower(gap=timedelta(1))


def add(total: Total, message: rt.Message[str, Order]) -> Total:
    return total


def merge(one: Total, other: Total) -> Total:
    return one


def items(up: Up) -> Keyed:
    assert_type(rt.map("a", up, lambda m: m.value.id if m.value else None).oks, Stream[int])
    assert_type(rt.map("b", up, lambda m: m).oks, Up)
    assert_type(rt.map("c", up, lambda m: m.with_value(1) if m.value else None).oks, NUMBERS)
    assert_type(rt.filter_map("d", up, lambda m: m.value), rt.Split[Order])
    assert_type(rt.flat_map("e", up, lambda m: [m.partition, m.offset]).oks, Stream["int | None"])
    assert_type(rt.filter("f", up, lambda m: m.value is not None), rt.Split[rt.Message[str, Order]])
    rt.filter("g", up, lambda m: m.offset)  # type: ignore[arg-type, return-value]
    rt.key_on("h", up, lambda m: m.offset)  # type: ignore[arg-type, return-value]
    keyed = rt.key_on("i", up, lambda m: m.key or "")
    return assert_type(keyed.oks, Keyed)


def count(state: Total | None, message: rt.Message[str, Order]) -> tuple[Total | None, int]:
    return state, 1


def maybe(state: int | None, message: rt.Message[str, Order]) -> tuple[int, str | None]:
    return state or 0, None


def state(keyed: Keyed) -> None:
    assert_type(rt.stateful_map("a", keyed, count).oks, Stream[tuple[str, int]])
    assert_type(rt.stateful_map("b", keyed, maybe).oks, Stream[tuple[str, str]])
    last = rt.stateful_map("c", keyed, lambda kept, m: (m, m.offset or 0))
    assert_type(last.errs, Stream[rt.Failure])  # mypy infers no more of a lambda, as of Bytewax's
    many = rt.stateful_flat_map("d", keyed, lambda kept, m: (m, [m.offset]))
    assert_type(many.errs, Stream[rt.Failure])
    folded = rt.windowing.fold_window("e", keyed, CLOCK, WINDOWER, Total, add, merge)
    assert_type(folded.down, Stream[tuple[str, tuple[int, Total]]])
    assert_type(folded.late, Stream[tuple[str, tuple[int, rt.Message[str, Order]]]])
    assert_type(rt.late("late", folded.late), Stream[rt.Failure])
    first = rt.windowing.min_window("f", keyed, CLOCK, WINDOWER, by=lambda m: m.offset or 0)
    assert_type(first.down, Stream[tuple[str, tuple[int, rt.Message[str, Order]]]])
    each = rt.windowing.collect_window("g", keyed, CLOCK, WINDOWER)
    assert_type(each.down, Stream[tuple[str, tuple[int, list[rt.Message[str, Order]]]]])
    sets = rt.windowing.collect_window("h", keyed, CLOCK, WINDOWER, into=set)
    assert_type(sets.down, Stream[tuple[str, tuple[int, set[rt.Message[str, Order]]]]])
    both = rt.windowing.join_window("i", CLOCK, WINDOWER, keyed, keyed, emit_mode="complete")
    assert_type(both.down, Stream[tuple[str, tuple[int, tuple[MESSAGE, MESSAGE]]]])
    left = rt.windowing.join_window("j", CLOCK, WINDOWER, keyed, keyed)
    assert_type(left.down, Stream[tuple[str, tuple[int, tuple[MESSAGE | None, MESSAGE | None]]]])


def unnoticed(message: rt.Message[str, int]) -> rt.Message[str, int]:
    return message.with_value(wanted(Order(1)))  # type: ignore[arg-type]
"""

UNIONS = """
from __future__ import annotations

from dataclasses import dataclass

import kgen_runtime as rt
from bytewax.dataflow import Stream
from typing_extensions import assert_type


@dataclass
class Placed:
    id: int


@dataclass
class Shipped:
    id: int


def either(value: int) -> Placed | Shipped:
    return Placed(value) if value else Shipped(value)


def same(value: Placed | Shipped) -> Placed | Shipped:
    return value


def perhaps(value: int) -> Placed | Shipped | None:
    return either(value) if value else None


def gone(value: int) -> Placed | rt.Tombstone:
    return Placed(value) if value else rt.TOMBSTONE


def optional(value: int) -> Placed | None:
    return Placed(value) if value else None


def build(
    up: Stream[rt.Message[str, int]],
    items: Stream[int],
    out: rt.Topic[str, Placed | Shipped],
    kafka: rt.Kafka,
) -> None:
    made = rt.map_value("either", up, either)
    assert_type(made, rt.Split[rt.Message[str, Placed | Shipped]])
    rt.sink("out", rt.map_value("same", made.oks, same).oks, out, kafka)
    assert_type(rt.map_value("gone", up, gone), rt.Split[rt.Message[str, Placed]])
    assert_type(rt.map_value("optional", up, optional), rt.Split[rt.Message[str, Placed]])
    assert_type(rt.map("map", items, either), rt.Split[Placed | Shipped])
    assert_type(rt.map("maybe", items, optional), rt.Split[Placed])
    assert_type(rt.filter_map("filter", items, either), rt.Split[Placed | Shipped])
    assert_type(rt.flat_map("flat", items, lambda item: [either(item)]), rt.Split[Placed | Shipped])
    perhaps_made: rt.Split[rt.Message[str, Placed | Shipped]] = rt.map_value("perhaps", up, perhaps)
    rt.sink("out_too", perhaps_made.oks, out, kafka)
    rt.sink("wrong", rt.map_value("ids", up, lambda value: value).oks, out, kafka)  # type: ignore[misc]
"""


def test_mypy_infers_what_topics_carry(tmp_path):
    check(tmp_path, GENERATED)


def test_mypy_infers_what_steps_give(tmp_path):
    pytest.importorskip("bytewax", reason="Bytewax has no build for this Python")
    check(tmp_path, STEPS)


def test_mypy_infers_unions_that_functions_return(tmp_path):
    pytest.importorskip("bytewax", reason="Bytewax has no build for this Python")
    check(tmp_path, UNIONS)


def test_pyright_infers_unions_with_none_beside_them_too(tmp_path):
    pytest.importorskip("bytewax", reason="Bytewax has no build for this Python")
    exact = UNIONS.replace("perhaps_made: rt.Split[rt.Message[str, Placed | Shipped]] =", "perhaps_made =")
    assert exact != UNIONS
    (tmp_path / "orders.py").write_text(exact)
    check_pyright(tmp_path)


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

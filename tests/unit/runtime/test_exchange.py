"""What passes between the processes of a cluster: packed by key, and taken apart again."""

from __future__ import annotations

import pickle
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, NamedTuple

import bytewax.operators as op
import pytest
from bytewax.dataflow import Dataflow
from bytewax.operators.windowing import EventClock, TumblingWindower
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.testing import TestingSink, TestingSource, run_main
from tests.unit.state.projects import module, project, record

import kgen_runtime as rt
from kgen_runtime import testing
from kgen_runtime.runner.exchange import pack_exchanges, packed, unpacked
from kgen_runtime.state.keyed_values import KeyedValues

ORDER = record("shop.Order", ("id", "string"), ("tags", {"type": "map", "values": "string"}))
NOON = datetime(2024, 1, 1, 12, tzinfo=timezone.utc)


def passed(values: list[Any]) -> list[Any]:
    """As the other process has them."""
    again: KeyedValues = pickle.loads(pickle.dumps(KeyedValues(values)))
    return again.values


def message(value: Any, offset: int = 0, **more: Any) -> Any:
    origin = (b"k", b"v%d" % offset, (), 5)
    return rt.Message("k", value, "t", 1, offset, 5, **{"origin": origin, **more})


class Read(NamedTuple):
    """An original of the user's making."""

    key: bytes | None
    value: bytes | None
    headers: Any
    timestamp: int | None


HEADERS: Any = (("a", b"1"), ("b", None))
MIXED: dict[str, list[Any]] = {
    "numbers that are equal and not the same": [1, True, 1.0],
    "numbers": [1, 2, 3],
    "nothing": [None, None],
    "empty tuples": [(), ()],
    "tuples of other lengths": [(1,), (1, 2)],
    "tuples in tuples": [(1, ((2, ("x", [])),)), (2, ((2, ("x", [])),))],
    "messages": [message("a", 1), message("b", 2)],
    "messages of equal values": [message(True, 1), message(1, 2), message(None, 3)],
    "messages and tombstones without originals": [message(None, 1, origin=None), message("x", 2)],
    "messages that say where they go": [message("a", 1, target_topic="x", headers=HEADERS), message("a", 2)],
    "headers": [message("a", n, headers=HEADERS, origin=(None, None, HEADERS, None)) for n in range(2)],
    "originals that were made elsewhere": [message("a", n, origin=Read(b"k", b"v", (), 5)) for n in range(2)],
    "messages with their times": [(message("a", 1), NOON), (message("b", 2), NOON)],
    "sides": [(0, (message("a", 1), NOON)), (1, (message("b", 2), NOON))],
    "functions": [print, len],
}


@pytest.mark.parametrize("name", MIXED)
def test_values_are_the_same_in_another_process(name: str) -> None:
    again = passed(MIXED[name])
    assert repr(again) == repr(MIXED[name])
    assert [origins(each) for each in again] == [origins(each) for each in MIXED[name]]


class Incomparable:
    """As arrays of numpy are: the result of == is not a truth value."""

    def __eq__(self, other: object) -> bool:
        raise ValueError("the truth value of an array is ambiguous")


def test_values_are_not_compared_with_each_other() -> None:
    again = passed([message(Incomparable(), 1), message(Incomparable(), 2)])
    assert [type(each.value) for each in again] == [Incomparable, Incomparable]
    assert len(passed([(Incomparable(), 1), (Incomparable(), 2)])) == 2


def origins(value: Any) -> list[Any]:
    if isinstance(value, tuple):
        return [found for each in value for found in origins(each)]
    return [value.origin, value.raw()] if isinstance(value, rt.Message) else []


def test_objects_of_generated_classes_and_of_the_users_are_the_same(tmp_path: Path) -> None:
    with project(tmp_path, {"orders-value": [ORDER]}):
        orders = module("orders")
        made = [orders.Order(id=str(n), tags={"n": "x" * n}) for n in range(3)]
        assert passed(made) == made
        assert [type(each) for each in passed(made)] == [orders.Order] * 3
        plain = [message(each, n) for n, each in enumerate(made)]
        assert passed(plain) == plain
        assert [each.origin for each in passed(plain)] == [each.origin for each in plain]
        data = [made[0].__reduce_ex__(4)[1][1], made[1].__reduce_ex__(4)[1][1]]
        read = [
            message(each, n, origin=(b"k", b"\0\0\0\0\1" + data[n], (), 5)) for n, each in enumerate(made[:2])
        ]
        again = passed(read)
        assert (again, [each.raw() for each in again]) == (read, [each.raw() for each in read])
        assert len(pickle.dumps(KeyedValues(read))) < len(pickle.dumps(KeyedValues(plain[:2]))) + 20
        changed = [read[0].with_value(made[2]), read[1]]
        again = passed(changed)
        assert (again, [each.raw() for each in again]) == (changed, [each.raw() for each in read])
        unfit = [message(orders.Order(id=5, tags={}), 1), message(made[0], 2)]
        assert passed(unfit) == unfit


def test_values_of_a_key_are_one_item_in_their_order() -> None:
    items = [("a", 1), ("b", 2), ("a", 3), ("c", 4), ("a", 5)]
    made = packed(items)
    assert [key for key, _ in made] == ["a", "b", "c"]
    assert {key: unpacked([value]) for key, value in made} == {"a": [1, 3, 5], "b": [2], "c": [4]}
    assert unpacked([0, made[0][1], 9]) == [0, 1, 3, 5, 9]


@pytest.mark.parametrize("bad", [1, (1, 2), ("a", 1, 2), ["a", 1], None])
def test_items_that_are_not_keyed_are_left_to_bytewax(bad: Any) -> None:
    items = [("a", 1), bad, ("a", 2)]
    assert packed(items) == items


def poisoned(state: int | None, message: Any) -> tuple[int, int]:
    if message.value == 7:
        raise ValueError("no sevens")
    total = (state or 0) + message.value
    return total, total


def outcome(*, pack: bool) -> dict[str, list[Any]]:
    """Of a flow with a step of state, a window, a join of Bytewax's own."""
    flow, taken = Dataflow("flow"), {name: [] for name in ("sums", "windows", "joined", "errs", "late")}
    items = [message(n, n) for n in range(30)]
    up = op.input("in", flow, TestingSource(items, 10))
    keyed = rt.key_on("key", up, lambda each: "ab"[each.value % 2])
    sums = rt.stateful_map("sums", keyed.oks, poisoned)
    clock = EventClock(lambda each: NOON + timedelta(minutes=each.offset), timedelta(0))
    windower = TumblingWindower(align_to=NOON, length=timedelta(minutes=10))
    windows = rt.windowing.collect_window("window", keyed.oks, clock, windower)
    joined = op.join("join", keyed.oks, sums.oks, emit_mode="running")
    errs = op.merge("errs", keyed.errs, sums.errs, windows.errs)
    streams = {
        "sums": sums.oks,
        "windows": windows.down,
        "joined": joined,
        "errs": errs,
        "late": windows.late,
    }
    for name, stream in streams.items():
        op.output(f"{name}_out", stream, TestingSink(taken[name]))
    if pack:
        pack_exchanges(flow)
    run_main(flow)
    return taken


def test_a_flow_gives_the_same() -> None:
    plain, made = outcome(pack=False), outcome(pack=True)
    for name in ("sums", "windows", "late"):
        for key in "ab":
            assert [each for each in made[name] if each[0] == key] == [
                each for each in plain[name] if each[0] == key
            ]
    assert len(made["joined"]) == len(plain["joined"])
    assert [each.original for each in made["errs"]] == [each.original for each in plain["errs"]]
    assert made["errs"][0].original.value == b"v7"


def resumed(folder: Path, items: list[Any], *, pack: bool) -> list[Any]:
    flow, taken = Dataflow("flow"), []
    keyed = op.input("in", flow, TestingSource(items, 10))
    done = rt.stateful_map("sums", keyed, poisoned)
    op.output("out", done.oks, TestingSink(taken))
    op.output("failed", done.errs, TestingSink([]))
    if pack:
        pack_exchanges(flow)
    run_main(flow, epoch_interval=timedelta(0), recovery_config=RecoveryConfig(str(folder)))
    return taken


def test_kept_state_does_not_know_of_it(tmp_path: Path) -> None:
    """A store goes from one process to several and back."""
    init_db_dir(tmp_path, 1)
    items: list[Any] = [("a", message(n, n)) for n in (1, 2, 3)]
    assert resumed(tmp_path, [*items, TestingSource.EOF()], pack=False)[-1] == ("a", 6)
    more = [*items, TestingSource.EOF(), *items]
    assert resumed(tmp_path, [*more, TestingSource.EOF()], pack=True)[-1] == ("a", 12)
    assert resumed(tmp_path, [*more, TestingSource.EOF(), *items], pack=False)[-1] == ("a", 18)


def test_a_flow_that_delivers_exactly_once_may_try_again() -> None:
    text = rt.StringSerde()
    orders, out = (rt.Topic(name, key=text, value=text) for name in ("orders", "out"))
    kafka, seen = testing.Memory({orders: [rt.Message("k", str(n)) for n in range(3)]}), set[str]()

    def ask(value: str) -> str:
        if value not in seen:
            seen.add(value)
            raise TimeoutError
        return value

    flow = Dataflow("flow")
    read = rt.source("in", flow, orders, kafka)
    asked = rt.map_value("ask", read.oks, ask)
    refused = rt.sink("out", asked.oks, out, kafka, delivery="exactly-once")
    rt.route("errs", read.errs, asked.errs, refused, policy=rt.Retry(2, timedelta(0), then=rt.Crash()))
    pack_exchanges(rt.check(flow))
    testing.run(flow)
    assert kafka.values(out) == ["0", "1", "2"]

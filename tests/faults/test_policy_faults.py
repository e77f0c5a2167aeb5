"""Policies among kills: what went in is out, dead letters and drops, by id."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace

import pytest

from tests.faults.harness import Flow, NewFlow, framed, kill_rounds
from tests.faults.shape import AGAIN, RAISES, WRONG, Shape
from tests.kafka.clients import Record, account, read_all, send
from tests.kafka.fixtures import AnyBroker, NewTopic

pytestmark = pytest.mark.kafka

TOTAL = 50_000
ROUNDS = int(os.environ.get("KGEN_FAULT_ROUNDS", "3"))
SEED = int(os.environ.get("KGEN_FAULT_SEED", "1"))
DAMAGED, UNFRAMED = 7, 17
"""The last two digits of numbers whose messages cannot be decoded."""
ALWAYS = frozenset({DAMAGED, UNFRAMED, RAISES, WRONG})


@pytest.mark.parametrize(
    ("policy", "fail"),
    [
        ("dead-letter", ALWAYS | {AGAIN}),
        ("drop", ALWAYS),
        ("retry", ALWAYS),
        ("composed", ALWAYS),
    ],
)
def test_the_flow_is_killed_with_poison_of_each_stage(
    kafka: AnyBroker, new_topic: NewTopic, new_flow: NewFlow, delivery: str, policy: str, fail: frozenset[int]
) -> None:
    topics = {name: new_topic(name, 4) for name in ("in", "out", "dlq")}
    shape = Shape(
        source=topics["in"],
        sink=topics["out"],
        dead_letters=topics["dlq"],
        avro=True,
        delivery=delivery,
        policy=policy,
        poison=True,
    )
    sent = kill_rounds(new_flow(kafka, shape), ROUNDS, TOTAL, SEED, feed=_feed)
    good, poison = [i for i in sent if i % 100 not in fail], [i for i in sent if i % 100 in fail]
    out, letters = read_all(kafka.bootstrap, topics["out"]), read_all(kafka.bootstrap, topics["dlq"])
    written, dead = account(good, out), account(poison, letters)
    assert (written.lost, len(out)) == ([], len(good) + sum(n - 1 for n in written.repeated.values()))
    if policy == "drop":
        assert letters == []
    else:
        assert (dead.lost, len(letters)) == ([], len(poison) + sum(n - 1 for n in dead.repeated.values()))
    assert delivery == "at-least-once" or (written.repeated, dead.repeated) == ({}, {})


def _feed(flow: Flow, ids: range) -> None:
    send(flow.bootstrap, flow.shape.source, _poisoned(framed(ids, 1)))


def _poisoned(records: Iterable[Record]) -> Iterable[Record]:
    for record in records:
        last, value = int(record.key or b"") % 100, record.value or b""
        if last == DAMAGED:
            yield replace(record, value=value[:5] + b"\x7f" + value[6:])
        else:
            yield replace(record, value=b"poison") if last == UNFRAMED else record

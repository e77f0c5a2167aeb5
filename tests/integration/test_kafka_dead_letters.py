"""Dead letters on a broker that has limits: they fit wherever what was read does."""

from __future__ import annotations

import random
from typing import Any

import bytewax.operators as op
import pytest
from bytewax.dataflow import Dataflow
from bytewax.testing import TestingSink
from tests.integration.kafka_flows import text
from tests.kafka.clients import Record, admin, read_all, send
from tests.kafka.fixtures import AnyBroker, NewTopic

import kgen_runtime as rt
from kgen_runtime import testing
from kgen_runtime.producer.outgoing import Outgoing
from kgen_runtime.producer.record_size import record_size
from kgen_runtime.routing.letter_headers import read_letter
from kgen_runtime.runner import preflight

pytestmark = [pytest.mark.kafka, pytest.mark.needs("size limits")]

LIMIT = 20_000


def put_aside(source: str, kafka: rt.Kafka, policy: rt.Policy) -> Dataflow:
    """What user code refuses, with a long text and traceback."""

    def deep(n: int, value: str) -> str:
        if n:
            return deep(n - 1, value)
        raise ValueError(f"cannot take {value[:500]!r}")

    flow = Dataflow("flow")
    read = rt.source("read", flow, text(source), kafka, stop="end")
    done = rt.map_value("handle", read.oks, lambda value: deep(30, value))
    op.output("seen", done.oks, TestingSink([]))
    rt.route("errs", read.errs, done.errs, policy=policy)
    return rt.check(flow)


def payloads() -> list[Record]:
    """Of every size up to what the topic takes by itself, to the byte."""
    fixed = record_size(Outgoing("t", b"v" * 10_000, b"k", -1, 1, None, False)) - 10_000
    sizes = [*range(LIMIT - fixed - 60, LIMIT - fixed + 1), *range(LIMIT - 12_000, LIMIT - 100, 97)]
    random.Random(1).shuffle(sizes)
    return [Record(b"v" * size, b"k", 0, 1) for size in sizes]


@pytest.mark.parametrize("profile", ["kgen", "connect", "streams", "spring"])
def test_letters_fit_where_their_originals_do(kafka: AnyBroker, new_topic: NewTopic, profile: Any) -> None:
    source, letters = (new_topic(name, max_message_bytes=LIMIT) for name in ("in", "dlq"))
    sent = payloads()
    send(kafka.bootstrap, source, sent, batch_num_messages=1)
    here = rt.Kafka(kafka.bootstrap)
    testing.run(put_aside(source, here, rt.DeadLetter(letters, here, headers=profile)))
    written = read_all(kafka.bootstrap, letters)
    assert sorted(len(m.value() or b"") for m in written) == sorted(len(r.value or b"") for r in sent)
    seen = set()
    for message in written:
        headers: Any = message.headers() or ()
        letter = read_letter(headers, None)
        seen.add((letter.profile, bool(letter.message), len(letter.traceback) > 200))
    assert (profile, True, True) in seen
    if profile == "kgen":  # the others have class and message where the traceback would be
        assert (profile, True, False) in seen
    assert (None, False, False) in seen  # to the byte: no room for any header


def test_a_topic_that_is_created_has_room_for_headers(kafka: AnyBroker, new_topic: NewTopic) -> None:
    source = new_topic("in", 3, max_message_bytes=LIMIT)
    send(kafka.bootstrap, source, payloads(), batch_num_messages=1)
    here, letters = rt.Kafka(kafka.bootstrap), f"{source}.dlq"
    flow = put_aside(source, here, rt.DeadLetter(letters, here))
    preflight.prepare(flow)
    found = here.find_topic(letters)
    assert found is not None
    assert found.partitions == 3
    assert here.topic_settings(letters).batch_limit == LIMIT + 65_536
    assert here.topic_settings(letters).kept_ms is None
    assert here.topic_settings(source).kept_ms == 604_800_000
    testing.run(flow)
    written = read_all(kafka.bootstrap, letters)
    assert len(written) == len(payloads())
    for message in written:
        headers: Any = message.headers() or ()
        assert len(read_letter(headers, None).traceback) > 1_000
    admin(kafka.bootstrap).delete_topics([letters])

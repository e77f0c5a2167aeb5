"""Dead letters of messages that are as bad as messages can be, and many of them."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import bytewax.operators as op
import pytest
from bytewax.dataflow import Dataflow, Stream
from bytewax.testing import TestingSink, TestingSource
from prometheus_client import REGISTRY

import kgen_runtime as rt
from kgen_runtime import metrics, testing
from kgen_runtime.flow.failures import failure, fingerprint
from kgen_runtime.reporting.progress import MOST_GROUPS, RunProgress
from kgen_runtime.routing.dead_letter_headers import PREFIXES, PROFILES
from kgen_runtime.routing.letter_headers import original_headers, read_letter

from .conftest import raw

LARGE = b"\xff" * 10_000_000
BAD: dict[str, rt.RawMessage] = {
    "no bytes": raw(b"", b""),
    "none at all": raw(None, None),
    "10 MB": raw(LARGE, b"k"),
    "a key that is not UTF-8": raw(b"v", b"\xff\xfe"),
    "headers without values": raw(b"v", headers=(("a", None), ("a", b""), ("", None))),
    "headers in other bytes": raw(b"v", headers=(("\N{SNOWMAN}", b"\xff\x00"), ("x" * 1_000, b"y" * 10_000))),
    "headers of another system": raw(
        b"v", headers=(("__rule.name", None), ("springDeserializerExceptionValue", b"\xac\xed"))
    ),
    "no place": rt.RawMessage(key=b"k", value=b"v", topic=""),
    "no time": raw(b"v", partition=0, offset=0, timestamp=None),
    "numbers as large as they get": raw(b"v", partition=2**31 - 1, offset=2**63 - 1, timestamp=2**62),
}


def failed(original: rt.RawMessage, **more: Any) -> rt.Failure:
    try:
        raise ValueError("no good")
    except ValueError as error:
        return failure(error, original, step="flow.handle", stage=rt.Stage.PROCESS, **more)


def letters(profile: Any, *failures: rt.Failure) -> list[rt.RawMessage]:
    kafka = testing.Memory()
    flow = Dataflow("flow")
    up: Stream[rt.Failure] = op.input("in", flow, TestingSource(list(failures), 100))
    rt.route("errs", up, policy=rt.DeadLetter("dlq", kafka, headers=profile))
    testing.run(flow)
    return kafka.produced["dlq"]


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("profile", PROFILES)
def test_the_original_is_there_byte_for_byte(profile: str, bad: str) -> None:
    original = replace(BAD[bad], timestamp=BAD[bad].timestamp or None)
    (letter,) = letters(profile, failed(original))
    assert (letter.key, letter.value) == (original.key, original.value)
    assert letter.headers[: len(original.headers)] == original.headers
    read = read_letter(letter.headers, letter.timestamp)
    assert (read.profile, read.message) == (profile, "no good")
    assert (read.topic or "", read.offset) == (original.topic, original.offset)


@pytest.mark.parametrize("profile", PROFILES)
def test_a_letter_that_fails_again_has_nothing_of_the_round_before(profile: str) -> None:
    """Also headers that the new round does not write."""
    name = f"{PREFIXES[profile]}key-exception-fqcn"
    forged = ((f"{PREFIXES[profile]}path", b"forged"), (name, b"forged"), ("mine", b"1"))
    (letter,) = letters(profile, failed(raw(b"v", headers=forged)))
    assert all(value != b"forged" for _, value in letter.headers)
    assert original_headers(letter.headers) == (("mine", b"1"),)


def test_a_source_gives_failures_for_all_of_them(orders: rt.Topic[str, str]) -> None:
    bad = [raw(LARGE), raw(b"\xff", b"\xff"), raw(b"ok", b"\xff", headers=(("a", None),))]
    kafka = testing.Memory({orders: [*bad, raw(b""), raw(None)]})
    flow = Dataflow("flow")
    read = rt.source("in", flow, orders, kafka)
    good: list[rt.Message[str, str]] = []
    op.output("out", read.oks, TestingSink(good))
    rt.route("errs", read.errs, policy=rt.DeadLetter("dlq", kafka))
    testing.run(flow)
    assert [(each.key, each.value) for each in kafka.dead_letters] == [(m.key, m.value) for m in bad]
    assert [message.value for message in good] == ["", None]


def test_a_hundred_thousand_kinds_take_no_more_than_some(orders: rt.Topic[str, str]) -> None:
    """Schema ids come from messages, and each makes a fingerprint; so do originals of 10 MB."""
    progress = RunProgress()
    progress.begin(None)
    made = failed(raw(b"v" * 1_000, b"k"))
    kinds = 100_000
    for first in range(0, kinds, 1_000):
        progress.handled(
            "drop",
            [
                replace(made, schema_id=i, fingerprint=fingerprint(made.stage, "E", i, ""))
                for i in range(first, first + 1_000)
            ],
        )
    groups = progress.counts("drop")
    assert len(groups) <= MOST_GROUPS + 1
    assert sum(group.count for group in groups) == kinds
    assert all(group.sample.original.value is None for group in groups)
    assert {group.sample.original.topic for group in groups} == {"orders"}


def test_failures_of_many_schema_ids_are_counted_under_few_labels() -> None:
    for number in range(1_000):
        failed(replace(raw(b"v"), topic="many-ids"), schema_id=number)
    labels = {
        sample.labels["schema_id"]
        for family in REGISTRY.collect()
        if family.name == "kgen_failures"
        for sample in family.samples
        if sample.labels.get("topic") == "many-ids"
    }
    assert metrics.OTHER in labels
    assert len(labels) <= metrics.MOST_IDS + 1


def test_a_failure_kept_for_later_is_small() -> None:
    kept = failed(raw(LARGE, LARGE, headers=(("h", LARGE),), partition=3, offset=42)).without_payload()
    assert (kept.original.topic, kept.original.partition, kept.original.offset) == ("orders", 3, 42)
    assert sys.getsizeof(kept.original.value) + sys.getsizeof(kept.original.headers) < 1_000

"""Policies, the headers of dead letters, and flows that would lose failures."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import bytewax.operators as op
import pytest
from bytewax.dataflow import Dataflow, Stream, operator
from bytewax.operators.windowing import EventClock, SessionWindower
from bytewax.testing import TestingSource
from confluent_kafka import KafkaError

import kgen_runtime as rt
from kgen_runtime import testing
from kgen_runtime.flow.failures import MAX_MESSAGE, MAX_TRACEBACK, failure, original_of

from .conftest import Broker, raw

ORIGINAL = raw(b"\x00v", b"\x01k", partition=3, offset=42, timestamp=99, headers=(("h", b"1"), ("n", None)))


def failed(**more: Any) -> rt.Failure:
    try:
        raise ValueError("no good")
    except ValueError as error:
        return failure(error, ORIGINAL, step="flow.handle", stage=rt.Stage.PROCESS, **more)


def routed(policy: Any, *failures: rt.Failure) -> None:
    flow = Dataflow("flow")
    up: Stream[rt.Failure] = op.input("in", flow, TestingSource(list(failures), 2))
    rt.route("errs", up, policy=policy)
    testing.run(flow)


def test_letters_of_what_has_lone_surrogates_can_be_written() -> None:
    """They come with JSON (`"\\ud800"`); a name of a header with one kills confluent-kafka."""
    kafka = testing.Memory()
    made = original_of(rt.Message("k", "v", headers=(("a\ud800", b"x"),)))
    routed(rt.DeadLetter("dlq", kafka), failure(ValueError("no \ud800"), made, step="flow.handle"))
    (letter,) = kafka.produced["dlq"]
    assert letter.headers[0] == ("a\\ud800", b"x")
    assert dict(letter.headers)["__kgen.error.message"] == b"no \\ud800"


def test_a_letter_whose_headers_cannot_be_written_stops_the_flow() -> None:
    letter = failure(ValueError(), raw(b"v", headers=(("a\ud800", b"x"),)), step="flow.handle")
    with pytest.raises(RuntimeError) as caught:
        routed(rt.DeadLetter("dlq", testing.Memory()), letter)
    assert "lone surrogate" in _causes(caught.value)


def _causes(error: BaseException | None) -> str:
    return "" if error is None else f"{error}\n{_causes(error.__cause__)}"


def test_a_dead_letter_keeps_the_original_byte_for_byte() -> None:
    kafka = testing.Memory()
    routed(rt.DeadLetter("dlq", kafka), failed(schema_id=7, part="value"))
    (letter,) = kafka.produced["dlq"]
    assert (letter.key, letter.value, letter.timestamp) == (b"\x01k", b"\x00v", 99)
    assert letter.headers[:2] == ORIGINAL.headers
    told = {name.removeprefix("__kgen.error."): value for name, value in letter.headers[2:]}
    traceback = told.pop("traceback") or b""
    assert b"no good" in traceback
    assert len(told.pop("fingerprint") or b"") == 16
    assert abs(int(told.pop("first-seen") or b"0") - time.time() * 1000) < 3_600_000
    assert (told.pop("place") or b"").partition(b":")[0].endswith(b"test_routing.py")
    assert told == {
        "attempts": b"1",
        "stage": b"process",
        "class": b"ValueError",
        "message": b"no good",
        "flow": b"flow",
        "step": b"flow.handle",
        "part": b"value",
        "schema-id": b"7",
        "topic": b"orders",
        "partition": b"3",
        "offset": b"42",
        "timestamp": b"99",
    }
    assert kafka.dead_letters == [letter]


def test_a_letter_that_fails_again_has_the_newest_reason_once() -> None:
    kafka = testing.Memory()
    routed(rt.DeadLetter("dlq", kafka), failed())
    again = failure(TypeError("worse"), kafka.dead_letters[0], step="flow.again")
    routed(rt.DeadLetter("dlq2", kafka), again)
    (letter,) = kafka.produced["dlq2"]
    names = [name for name, _ in letter.headers]
    assert len(names) == len(set(names))
    assert dict(letter.headers)["__kgen.error.class"] == b"TypeError"


def test_a_dead_letter_that_cannot_be_written_stops_the_flow() -> None:
    kafka = Broker(verdict=lambda value: KafkaError.MSG_SIZE_TOO_LARGE)
    with pytest.raises(RuntimeError):
        routed(rt.DeadLetter("dlq", kafka), failed())


def test_what_may_pass_is_not_a_dead_letter() -> None:
    kafka = testing.Memory()
    passing = failure(rt.RegistryUnavailable("away"), ORIGINAL, step="flow.handle")
    with pytest.raises(RuntimeError):
        routed(rt.DeadLetter("dlq", kafka), passing)
    assert not kafka.produced


def test_crash_names_the_message() -> None:
    with pytest.raises(RuntimeError) as caught:
        routed(rt.Crash(), failed())
    error: BaseException | None = caught.value
    while error is not None and not isinstance(error, rt.ProcessingError):
        error = error.__cause__
    assert "flow.handle" in str(error)
    assert "offset 42" in str(error)


def test_log_reports_them(caplog: pytest.LogCaptureFixture) -> None:
    routed(rt.Log(logging.WARNING), failed(), failed(), failed())
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 1
    assert "flow.handle process orders/3 offset 42: ValueError: no good" in caplog.text


def test_kgens_own_errors_are_shown_without_their_module_and_dead_letters_keep_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    late = replace(failed(), error_class="kgen_runtime.errors.LateError")
    kafka = testing.Memory()
    routed((rt.Log(), rt.DeadLetter("a", kafka), rt.Drop()), late)
    assert ": LateError: no good" in caplog.text
    assert "dropped so far: 1 process LateError" in caplog.text
    assert "kgen_runtime.errors" not in caplog.text
    assert ("__kgen.error.class", b"kgen_runtime.errors.LateError") in kafka.produced["a"][0].headers
    with pytest.raises(RuntimeError) as caught:
        routed(rt.Crash(), late)
    assert any(str(error).startswith("LateError: no good\n") for error in rt.errors.causes(caught.value))


def test_drop_counts_and_says_so_less_and_less_often(caplog: pytest.LogCaptureFixture) -> None:
    policy = rt.Drop()
    routed(policy, *[failed() for _ in range(40)])
    assert policy.dropped == {("process", "ValueError"): 40}
    assert 2 <= len(caplog.records) <= 8
    assert "1 message(s) dropped" in caplog.text or "2 message(s) dropped" in caplog.text


def test_several_policies_each_get_every_failure(caplog: pytest.LogCaptureFixture) -> None:
    one, two = testing.Memory(), testing.Memory()
    routed((rt.Log(), rt.DeadLetter("a", one), rt.DeadLetter("b", two)), failed())
    assert len(one.produced["a"]) == len(two.produced["b"]) == len(caplog.records) == 1


def test_texts_are_bounded() -> None:
    def deep(n: int) -> None:
        if n == 0:
            raise ValueError("x" * 100_000)
        deep(n - 1)

    try:
        deep(200)
    except ValueError as error:
        made = failure(error, ORIGINAL, step="flow.handle")
    assert len(made.message) <= MAX_MESSAGE
    assert len(made.traceback) <= MAX_TRACEBACK


def test_fingerprints_do_not_depend_on_the_item() -> None:
    one = failure(rt.DecodeError("too short", position=5, path="lines[3].price"), ORIGINAL, step="s")
    two = failure(rt.DecodeError("too short", position=9, path="lines[17].price"), ORIGINAL, step="s")
    other = failure(rt.DecodeError("too short", position=9, path="lines[17].name"), ORIGINAL, step="s")
    assert one.fingerprint == two.fingerprint != other.fingerprint


def test_route_wants_a_stream_and_a_policy() -> None:
    flow = Dataflow("flow")
    up: Stream[rt.Failure] = op.input("in", flow, TestingSource([]))
    with pytest.raises(rt.FlowError):
        rt.route("errs", up, policy=())
    with pytest.raises(rt.FlowError):
        rt.DeadLetter("dlq", testing.Memory(), headers="mine")  # type: ignore[arg-type]


def test_check_names_every_step_whose_failures_nobody_reads(
    orders: rt.Topic[str, str], out: rt.Topic[str, str]
) -> None:
    kafka = testing.Memory()
    flow = Dataflow("flow")
    read = rt.source("read", flow, orders, kafka)
    handled = rt.map_value("handle", read.oks, str.upper)
    errs = rt.sink("out", handled.oks, out, kafka)
    with pytest.raises(rt.FlowError, match=r"flow\.read .*, flow\.handle .*, flow\.out "):
        rt.check(flow)
    rt.route("errs", read.errs, errs, policy=rt.Log())
    with pytest.raises(rt.FlowError, match=r"of flow\.handle \(") as caught:
        rt.check(flow)
    assert "rt.route" in str(caught.value)
    op.inspect("show", handled.errs)
    assert rt.check(flow) is flow


def test_check_looks_into_operators_of_the_user(orders: rt.Topic[str, str]) -> None:
    @operator
    def mine(step_id: str, up: Stream[Any]) -> Stream[Any]:
        return rt.map_value("inner", up, str.upper).oks

    flow = Dataflow("flow")
    read = rt.source("read", flow, orders, testing.Memory())
    op.inspect("errs", read.errs)
    mine("mine", read.oks)
    with pytest.raises(rt.FlowError, match=r"flow\.mine\.inner"):
        rt.check(flow)


TEXTS = rt.Topic("texts", key=rt.StringSerde(), value=rt.StringSerde())


@operator
def _halved(step_id: str, up: Stream[rt.Message[str, str]]) -> Stream[rt.Message[str, str]]:
    """A step of the user's own, which gives no failures out."""
    return rt.map_value("half", up, lambda text: str(1 // int(text))).oks


def test_the_rest_is_all_that_nothing_reads_also_inside_steps_of_the_users() -> None:
    kafka = testing.Memory({TEXTS: [raw(b"\xff"), rt.Message("k", "x"), "0", "1"]})
    flow = Dataflow("flow")
    read = rt.source("read", flow, TEXTS, kafka)
    rt.route("framing", read.errs, policy=rt.DeadLetter("undecodable", kafka))
    keyed = rt.key_on("key", _halved("halved", read.oks), lambda message: message.key_or_reject())
    op.inspect("show", keyed.oks)
    rt.route_rest("errs", flow, policy=rt.DeadLetter("dlq", kafka))
    testing.run(rt.check(flow))
    assert [m.value for m in kafka.produced["undecodable"]] == [b"\xff"]
    steps = [dict(m.headers)["__kgen.error.step"] for m in kafka.produced["dlq"]]
    assert steps == [b"flow.halved.half", b"flow.halved.half", b"flow.key"]


def test_what_is_built_after_the_rest_is_still_asked_for() -> None:
    kafka = testing.Memory({TEXTS: []})
    flow = Dataflow("flow")
    read = rt.source("read", flow, TEXTS, kafka)
    rt.route_rest("errs", flow, policy=rt.Drop())
    rt.sink("out", read.oks, rt.Topic("out", key=TEXTS.key, value=TEXTS.value), kafka)
    with pytest.raises(rt.FlowError, match=r"nothing reads the failures of flow\.out"):
        rt.check(flow)


def test_late_messages_are_not_the_rest() -> None:
    """They are not failures until `rt.late` makes them such."""
    flow = Dataflow("flow")
    read = rt.source("read", flow, TEXTS, testing.Memory({TEXTS: []}))
    keyed = rt.key_on("key", read.oks, lambda message: message.key_or_reject())
    clock = EventClock(lambda message: datetime.now(timezone.utc), timedelta(0))
    windower = SessionWindower(gap=timedelta(minutes=1))
    made = rt.windowing.collect_window("window", keyed.oks, clock, windower)
    rt.route_rest("errs", flow, policy=rt.Drop())
    with pytest.raises(rt.FlowError, match=r"nothing reads what comes too late for flow\.window"):
        rt.check(flow)
    rt.late("too_late", made.late)
    rt.route_rest("late", flow, policy=rt.Drop())
    rt.check(flow)


def test_the_rest_of_a_flow_without_any_is_a_mistake() -> None:
    flow = Dataflow("flow")
    with pytest.raises(rt.FlowError, match="flow flow has no failures that nothing reads") as caught:
        rt.route_rest("errs", flow, policy=rt.Drop())
    assert "test_routing.py:" in (caught.value.where or "")


def test_the_rest_is_tried_again_as_streams_by_name_are() -> None:
    """A policy finds the steps that feed it."""
    tried: list[str] = []

    def flaky(text: str) -> str:
        tried.append(text)
        if tried.count(text) < 3:
            raise ConnectionError
        return text

    kafka = testing.Memory({TEXTS: ["a"]})
    flow = Dataflow("flow")
    read = rt.source("read", flow, TEXTS, kafka)
    made = rt.map_value("flaky", read.oks, flaky)
    rt.sink("out", made.oks, rt.Topic("out", key=TEXTS.key, value=TEXTS.value), kafka)
    rt.route_rest("errs", flow, policy=rt.Retry(3, timedelta(milliseconds=1), then=rt.Crash()))
    testing.run(rt.check(flow))
    assert [m.value for m in kafka.produced["out"]] == [b"a"]
